//! The log ([`log`]), and every metric with its name, unit and labels.
//!
//! 1. `cells` are counters and histograms: relaxed atomics.
//! 2. `routes` are the paths that have a name; no other path becomes a label.
//! 3. `samples` is what is told to whoever exports; `text` writes it for Prometheus.
//! 4. `evaluations` counts answers by flag, variant and reason.
//! 5. `requests` counts HTTP and RPC.
//! 6. `streams` knows who listens.
//! 7. `certificates` knows the state of every certificate.
//! 8. `limits` is how much of each limit is used.
//! 9. `otlp` puts samples and spans into the messages of OTLP.
//! 10. `trace` decides which requests are traced, and makes spans of them.
//! 11. `exports` is how sending to a collector went.
//! 12. `names` is the table of names, units and help texts.
//! 13. `metrics` is all of it.
//! 14. `export` sends samples and spans to a collector.
//! 15. `log` writes lines to the standard error.

mod cells;
mod routes;
mod samples;
mod text;
mod evaluations;
mod requests;
mod streams;
mod certificates;
mod limits;
mod otlp;
mod trace;
mod exports;
mod names;
mod metrics;
mod export;
pub mod log;

pub use certificates::CertificateStatus;
pub use export::{Exporter, Exporting};
pub use limits::{PayloadSize, STOCK_MESSAGE, Usage};
pub use metrics::Metrics;
pub use requests::{HttpKey, RpcKey, RpcSystem, Service};
pub use routes::Route;
pub use streams::{Ended, OpenStream, Progress, StreamProvider, StreamSelector, StreamStatus};
pub use trace::{End, Trace};
