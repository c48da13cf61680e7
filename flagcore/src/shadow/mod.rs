//! Dark launches: what the candidate answers beside the control, compared and reported, never served.
//!
//! Four words: the *control* is today's code, the *candidate* is the new one; a *sample* is a call whose input the
//! candidate gets too; a *copy* is one of the candidate's runs, of which an amplified sample has several.
//!
//! Begin with the guide, [dark launches](crate::docs::dark_launches), and with [`Client::shadow`](crate::Client::shadow).
//!
//! 1. `policy` is what a flag's `shadow` block asks for.
//! 2. [`compare`] says where two answers differ.
//! 3. [`report`] counts what was found, and keeps some of it, within a bound.
//! 4. `engine` runs candidates beside controls, within limits.
//! 5. `launches` are those of a client, kept to what its flags say.

mod policy;
#[cfg(feature = "shadow")]
pub mod compare;
#[cfg(feature = "shadow")]
pub mod report;
#[cfg(feature = "shadow")]
mod engine;
#[cfg(feature = "shadow")]
mod launches;

pub use policy::{ComparePolicy, ErrorCompare, SampleBy};
pub use policy::{ShadowBreaker, ShadowLimits, ShadowPolicy, StorePolicy};

#[cfg(feature = "shadow")]
pub use engine::{BoxFuture, Captured, Counts, Keep, Launch, LaunchState, Reason, Shadow, ShadowEngine};
#[cfg(feature = "shadow")]
pub use engine::{ShadowEngineBuilder, Size, Spawn, Ticket, Unmeasured, Whole, copy_number};
#[cfg(feature = "shadow")]
pub(crate) use launches::Launches;
