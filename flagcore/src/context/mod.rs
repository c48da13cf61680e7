//! `EvaluationContext`: what is known at the call, built once and borrowed by every evaluation.
//!
//! 1. `error` is what cannot be a context.
//! 2. `needle` is the comparison of names and other short texts.
//! 3. `evaluation_context` is the context itself.
//! 4. `layers` is what an evaluation takes, and the layers of a client around it.

mod error;
mod needle;
mod evaluation_context;
mod layers;

pub use error::ContextError;
pub use evaluation_context::{EvaluationContext, TARGETING_KEY};
pub use layers::ContextRef;
pub use needle::Needle;

pub(crate) use layers::{Found, Layers, Surroundings};
pub(crate) use needle::{head, same_rest};
