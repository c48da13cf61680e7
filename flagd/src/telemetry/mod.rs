//! The log, and every metric with its name, unit and labels.
//!
//! 1. [`log`] is what is told on the standard error: starts, updates, findings.
//! 2. `metrics` counts; [`Metrics::write`] is what Prometheus reads.

pub mod log;
mod metrics;

pub use metrics::Metrics;
