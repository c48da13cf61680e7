//! Flag values, metadata and contexts in JSON and protobuf, as the reference writes them.
//!
//! 1. `context` makes the evaluation context of a request.
//! 2. `json` writes values as JSON text.
//! 3. `structs` reads and writes protobuf, `google.protobuf.Struct` above all.
//! 4. `failure` is why a call has no answer.
//! 5. `deadline` is until when a client waits.
//! 6. `frames` puts messages into bodies and takes them out.
//! 7. `base64` is what clients read that can only read text.
//! 8. `selector` is what the header of a request tells.
//! 9. `companions` is health and reflection.

mod context;
mod json;
pub mod structs;
mod failure;
mod deadline;
pub mod frames;
pub mod base64;
pub mod selector;
mod companions;

pub use companions::{companions, health};
pub use context::surround;
pub use deadline::Deadline;
pub use failure::{EARLY, Failure};
pub use json::{without_spare_escapes, write_metadata, write_string, write_value};
