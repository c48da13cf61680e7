//! Everything that can be chosen, with its defaults.
//!
//! 1. `values` is the result: what the rest of the daemon reads.

mod values;

pub use values::{Settings, SourceSettings, Tls};
