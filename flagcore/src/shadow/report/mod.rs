//! What a dark launch found: counts, latencies, and the fields that differ, worst first, with examples.
//!
//! ```
//! use std::time::Duration;
//!
//! use flagcore::shadow::compare::{Compare, Rules};
//! use flagcore::shadow::report::{Recorder, StoreLimits, Times, prometheus};
//! use serde_json::json;
//!
//! let recorder = Recorder::new("search", "search-rs", StoreLimits::default(), 1);
//! let times = Times { control: Duration::from_millis(12), candidate: Duration::from_millis(4) };
//! for (control, candidate) in [(10, 10), (10, 11), (12, 13)] {
//!     let verdict = Rules::default().compare(&json!({ "total": control }), &json!({ "total": candidate }));
//!     recorder.compared(verdict, times, 1);
//! }
//!
//! let report = recorder.report([("queue_full", 3)]);
//! assert_eq!((report.samples, report.matched, report.mismatched), (3, 1, 2));
//! assert_eq!(&*report.fields[0].pointer, "/total");
//! println!("{report}"); // for people
//! let body = prometheus(&[report]); // for `/metrics`
//! assert!(body.contains("flagd_shadow_dropped_total{feature_flag_key=\"search\",reason=\"queue_full\"} 3"));
//! ```
//!
//! 1. `random` draws, `reservoir` keeps a uniform part of what comes.
//! 2. `histogram` counts durations.
//! 3. `fields` are the fields that differ, within a bound.
//! 4. `recorder` is written to by many threads.
//! 5. `shadow_report` is what it has to say, as data; `text` says it to people.
//! 6. `metrics` says it to a monitoring system.

mod random;
mod reservoir;
mod histogram;
mod fields;
mod shadow_report;
mod recorder;
mod text;
mod metrics;
#[cfg(test)]
mod tests;

pub use fields::StoreLimits;
pub use metrics::{Kind, Labels, METRICS, Metric, Samples, prometheus, tell};
pub use recorder::{Recorder, Times};
pub use shadow_report::{Dropped, ErrorReport, Example, FieldReport, Latency, ShadowReport};
