//! Dark launches: what the candidate answers beside the control, compared and reported, never served.
//!
//! Four words: the *control* is today's code, the *candidate* is the new one; a *sample* is a call whose input the
//! candidate gets too; a *copy* is one of the candidate's runs, of which an amplified sample has several.
//!
//! 1. `policy` is what a flag's `shadow` block asks for.
//! 2. [`compare`] says where two answers differ.
//! 3. [`report`] counts what was found, and keeps some of it, within a bound.

mod policy;
pub mod compare;
pub mod report;

pub use policy::{ComparePolicy, ErrorCompare, SampleBy};
pub use policy::{ShadowBreaker, ShadowLimits, ShadowPolicy, StorePolicy};
