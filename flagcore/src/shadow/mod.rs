//! Dark launches: the candidate runs beside the control, and never touches its answer.
//!
//! 1. `policy` is what a flag's `shadow` block asks for.

mod policy;

pub use policy::{ComparePolicy, ErrorCompare, SampleBy};
pub use policy::{ShadowBreaker, ShadowLimits, ShadowPolicy, StorePolicy};
