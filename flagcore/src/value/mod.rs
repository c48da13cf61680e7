//! `Value`: what a variant holds and what an attribute carries.
//!
//! 1. `unfit` is why a value cannot be taken.
//! 2. `tree` is the value itself, with its lists and structures.
//! 3. `text` shows a value as JSON.
//! 4. `convert` makes values of what a caller has.
//! 5. `serialize` and `deserialize` are values out and in by serde.

mod unfit;
mod tree;
mod text;
mod convert;
mod serialize;
mod deserialize;

pub use tree::{List, Structure, Value};
pub use unfit::TooDeep;

pub(crate) use deserialize::{NameSeed, ValueSeed};
pub(crate) use unfit::Unfit;
