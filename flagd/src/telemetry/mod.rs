//! The log ([`log`]), and every metric with its name, unit and labels.
//!
//! 1. `metrics` counts; [`Metrics::write`] is what Prometheus reads.

mod metrics;
pub mod log;

pub use metrics::Metrics;
