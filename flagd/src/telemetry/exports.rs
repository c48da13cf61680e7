//! How sending to a collector went.

use std::sync::Arc;

use super::cells::Counter;

/// How sending went; read by whoever asks for metrics.
#[derive(Debug, Default)]
pub(super) struct Exports {
    pub(super) metrics: Attempts,
    pub(super) traces: Attempts,
    /// Spans that found no room, or were refused.
    pub(super) dropped: Arc<Counter>,
}

/// Requests to the collector.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    pub(super) taken: Counter,
    pub(super) failed: Counter,
}
