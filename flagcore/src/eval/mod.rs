//! A compiled flag and a context to an answer: no lock, no I/O, no log line, no allocation.
//!
//! 1. [`operand`] is a value on its way through a rule, with the reference's coercions.
//! 2. [`scratch`] is the bounded memory for what a rule produces on the way.
//! 3. [`operator`] is what each operator does to its operands.
//! 4. [`program`] is a compiled rule: a closed set of operations.
//! 5. [`quick`] answers what needs nothing but the context.
//! 6. [`machine`] runs any program; [`iterate`] and [`split`] are its parts for lists and for shares.

pub mod iterate;
pub mod machine;
pub mod operand;
pub mod operator;
pub mod program;
pub mod quick;
pub mod scratch;
pub mod split;
