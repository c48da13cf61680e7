//! A compiled flag and a context to an answer: no lock, no I/O, no log line; memory only from a bounded scratch.
//!
//! 1. [`operand`] is a value on its way through a rule, with the reference's coercions.
//! 2. [`scratch`] is the bounded memory for what a rule produces on the way.
//! 3. [`operator`] is what each operator does to its operands.
//! 4. `text_set` and `condition` are what people write every day: one attribute and a constant.
//! 5. [`program`] is a compiled rule: a closed set of operations.
//! 6. [`quick`] answers what needs nothing but the context.
//! 7. `observer` is who watches an evaluation, for traces; `frame` is the data that variables are looked up in.
//! 8. [`machine`] runs any program; `variable`, `lazy`, [`iterate`] and [`split`] are its parts for variables, for
//!    operators that do not need all their operands, for lists and for shares.

pub mod operand;
pub mod scratch;
pub mod operator;
mod text_set;
mod condition;
pub mod program;
pub mod quick;
mod observer;
mod frame;
pub mod machine;
mod variable;
mod lazy;
pub mod iterate;
pub mod split;

pub(crate) use observer::{Observer, SplitKeySeen, SplitSeen, Unobserved};
