//! A flag set to compiled flags: everything decided early, so that answering is short.
//!
//! 1. `flag` is a compiled flag, and the sets of them that a source holds.
//! 2. `set` compiles a [`FlagSet`](crate::model::FlagSet), and reuses what did not change since the last time.
//! 3. `rule` compiles targeting: names are interned, constants fold, `if` becomes a list of arms.
//! 4. `list_rule` and `fractional` are its parts for list operators and shares.
//!
//! What is wrong inside of a rule never refuses a file to a daemon: the operation that cannot work fails when
//! it is reached, as in the reference, and the finding is a warning. To a check it is an error.

pub mod flag;
mod fractional;
mod list_rule;
mod rule;
pub mod set;

pub use flag::{CompiledFlag, CompiledVariant, Facts, Plan};
pub use set::{CompileOptions, CompiledEntry, CompiledSet, compile};
