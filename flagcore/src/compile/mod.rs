//! A flag set to compiled flags: everything decided early, so that answering is short.
//!
//! 1. `flag` is a compiled flag.
//! 2. `shared` is what the rules of a document share: paths into contexts, and evaluators.
//! 3. `everyday` makes expressions simpler: lists of constants, and what people write every day.
//! 4. `rule` walks targeting once, and hands each operator to its part.
//! 5. `complaint` tells what is wrong inside of a rule.
//! 6. `decision`, `reference`, `operands`, `variable`, `list_rule` and `fractional` are the parts: `if` becomes a
//!    list of arms, an evaluator is compiled once, constants fold, names are interned, weights become thresholds.
//! 7. `set` compiles a [`FlagSet`](crate::model::FlagSet), the flags of one document, and reuses what did not change
//!    since the last time.
//!
//! What is wrong inside of a rule never refuses a file to a daemon: the operation that cannot work fails when
//! it is reached, as in the reference, and the finding is a warning. To a check it is an error.

pub mod flag;
mod shared;
mod everyday;
mod rule;
mod complaint;
mod decision;
mod reference;
mod operands;
mod variable;
mod list_rule;
mod fractional;
pub mod set;

pub use flag::{CompiledFlag, CompiledShadow, CompiledVariant, Facts, Plan};
pub use set::{CompileOptions, CompiledEntry, CompiledSet, compile};

pub(crate) use decision::TRUE;
