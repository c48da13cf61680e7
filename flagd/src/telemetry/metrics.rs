//! What is counted.

/// Every counter of the daemon; relaxed atomics, read when somebody asks.
#[derive(Debug, Default)]
pub struct Metrics {}

impl Metrics {
    /// One evaluation that gave an answer.
    pub fn evaluated(&self, _flag_key: &str, _variant: Option<&str>, _reason: flagcore::Reason) {}

    /// One evaluation that failed.
    pub fn failed(&self, _flag_key: &str, _code: flagcore::ErrorCode) {}

    /// Everything in the text format of Prometheus.
    pub fn write(&self, _out: &mut String) {}
}
