//! wip
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
pub mod span;
pub mod number;
pub mod text;
pub mod limits;
pub mod diagnostic;
pub mod value;
pub mod path;
pub mod context;
pub mod version;
pub mod bucketing;
pub mod model;
pub mod parse;
pub mod eval;
pub mod compile;
pub mod selector;
pub mod detail;
mod resolution;
pub mod snapshot;
mod store;
pub mod source;
pub mod change;
pub mod sync;
pub mod explain;
pub mod client;
pub use value::Value;
pub use context::EvaluationContext;
pub use selector::Selector;
pub use client::{Client, Reader, Error};
pub use snapshot::{Snapshot, Flag, FlagKey};
pub use detail::{Detail, Reason, ErrorCode};
