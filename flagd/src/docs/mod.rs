//! Guides.
//!
//! 1. [`coming_from_flagd`] is what is different from flagd, row by row, each with its test.

pub mod coming_from_flagd;
