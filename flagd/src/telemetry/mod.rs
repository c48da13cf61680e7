//! The log ([`log`]), and every metric with its name, unit and labels.
//!
//! 1. `cells` are counters and histograms: relaxed atomics.
//! 2. `routes` are the paths that have a name; no other path becomes a label.
//! 3. `codes` are the codes of gRPC, with their words and statuses in HTTP.
//! 4. `samples` is what is told to whoever exports; `text` writes it for Prometheus.
//! 5. `evaluations` counts answers by flag, variant and reason.
//! 6. `requests` counts HTTP and RPC.
//! 7. `streams` knows who listens.
//! 8. `certificates` knows the state of every certificate.
//! 9. `limits` is how much of each limit is used.
//! 10. `otlp` puts samples and spans into the messages of OTLP.
//! 11. `trace` decides which requests are traced, and makes spans of them.
//! 12. `exports` is how sending to a collector went.
//! 13. `names` is the table of names, units and help texts.
//! 14. `metrics` is all of it.
//! 15. `export` sends samples and spans to a collector.
//! 16. `log` writes lines to the standard error.

mod cells;
mod routes;
mod codes;
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
pub use codes::{CODES, code_for};
pub use export::{Exporter, Exporting};
pub use limits::{PayloadSize, STOCK_MESSAGE, Usage, most_descriptors};
pub use metrics::Metrics;
pub use requests::{HttpKey, RpcKey, RpcSystem, Service};
pub use routes::Route;
pub use streams::{Ended, OpenStream, Progress, StreamProvider, StreamSelector, StreamStatus};
pub use trace::{End, Trace};
