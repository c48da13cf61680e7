//! Flag values, metadata and contexts in JSON and protobuf, as the reference writes them.
//!
//! 1. `context` makes the evaluation context of a request.
//! 2. `structs` turns values into `google.protobuf.Struct` and back.
//! 3. `json` writes values as JSON text.

mod context;
mod structs;
mod json;

pub use context::surround;
pub use json::{write_metadata, write_string, write_value};
pub use structs::{struct_of, value_of};
