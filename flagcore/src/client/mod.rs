//! The face of the crate: a client, and the ways to ask it.
//!
//! 1. `error` is why there is no client, or no update.
//! 2. `handle` is the client itself: opening, updating, listening.
//! 3. `builder` is everything that can be chosen about one.
//! 4. `reader` is a thread's own view of one.
//! 5. `shadows` are a client's dark launches.
//! 6. `getters` are the typed questions, the same for a client, a reader and a snapshot; one for all types for a view.

mod error;
mod handle;
mod builder;
mod reader;
#[cfg(feature = "shadow")]
mod shadows;
mod getters;

pub use builder::{Builder, OnMissing};
pub use error::Error;
pub use getters::Served;
pub use handle::Client;
pub use reader::Reader;

pub use crate::store::Guard;
