//! Flag values, metadata and contexts in JSON and protobuf, as the reference writes them.
//!
//! 1. `context` makes the evaluation context of a request.
//! 2. `structs` turns values into `google.protobuf.Struct` and back.

mod context;
mod structs;

pub use context::surround;
pub use structs::{struct_of, value_of};
