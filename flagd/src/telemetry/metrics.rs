//! What is counted, and under which names.
//!
//! Names and labels that the reference has are its own, as it exports them; ours begin with `flagd_`. Labels are
//! closed sets: a request cannot make a new one, whatever it holds.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use flagcore::{Client, ErrorCode, Reason};

use super::cells::{Counter, write_label};
use super::certificates::{CertificateStatus, Certificates};
use super::evaluations::Evaluations;
use super::requests::{HttpInstrument, HttpKey, Requests, RpcInstrument, RpcKey};
use super::streams::{OpenStream, StreamStatus, Streams};

/// Every counter of the daemon; relaxed atomics, read when somebody asks.
#[derive(Debug)]
pub struct Metrics {
    started: (Instant, SystemTime),
    evaluations: Evaluations,
    requests: Requests,
    streams: Arc<Streams>,
    rejections: Counter,
    accept_errors: Counter,
    refused: Counter,
    panics: Counter,
    certificate_errors: Counter,
    certificates: Certificates,
    connections: AtomicI64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started: (Instant::now(), SystemTime::now()),
            evaluations: Evaluations::default(),
            requests: Requests::default(),
            streams: Arc::default(),
            rejections: Counter::default(),
            accept_errors: Counter::default(),
            refused: Counter::default(),
            panics: Counter::default(),
            certificate_errors: Counter::default(),
            certificates: Certificates::default(),
            connections: AtomicI64::new(0),
        }
    }
}

impl Metrics {
    /// One evaluation that gave an answer.
    pub fn evaluated(&self, flag_key: &str, variant: Option<&str>, reason: Reason) {
        self.evaluations.answered(flag_key, variant.unwrap_or_default(), reason);
    }

    /// One evaluation that failed.
    pub fn failed(&self, _flag_key: &str, code: ErrorCode) {
        self.evaluations.failed(code);
    }

    /// What a source held was refused.
    pub fn rejected(&self) {
        self.rejections.add(1);
    }

    /// A connection could not be accepted.
    pub fn accept_failed(&self) {
        self.accept_errors.add(1);
    }

    /// A connection was turned away, there being too many.
    pub fn connection_refused(&self) {
        self.refused.add(1);
    }

    /// A connection was opened.
    pub fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection was closed.
    pub fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many connections are open.
    pub fn connections(&self) -> u64 {
        u64::try_from(self.connections.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// How many connections could not be accepted.
    pub fn accept_errors(&self) -> u64 {
        self.accept_errors.get()
    }

    /// A handler panicked.
    pub fn panicked(&self) {
        self.panics.add(1);
    }

    /// A changed certificate or key was not taken.
    pub fn certificate_refused(&self) {
        self.certificate_errors.add(1);
    }

    /// What there is to say about a certificate.
    pub fn set_certificate(&self, status: CertificateStatus) {
        self.certificates.set(status);
    }

    /// What there is to say about each certificate.
    pub fn certificates(&self) -> Vec<CertificateStatus> {
        self.certificates.get()
    }

    /// A request of HTTP came.
    pub fn http_began(&self, key: HttpKey) {
        self.requests.http_began(key);
    }

    /// It is over. `answer` is its status and the bytes of both bodies; none where nobody waited for it.
    pub fn http_ended(&self, key: HttpKey, took: Duration, answer: Option<(StatusCode, u64, u64)>) {
        self.requests.http_ended(key, took, answer);
    }

    /// A call is over: its code, the bytes of the request, and number and bytes of the messages sent.
    pub fn rpc_ended(&self, key: RpcKey, code: u8, took: Duration, request: u64, messages: (u64, u64)) {
        self.requests.rpc_ended(key, code, took, request, messages);
    }

    /// A stream was opened; `label` is its selector, or what stands for those that match nothing.
    pub fn opened(&self, status: StreamStatus, label: String) -> OpenStream {
        self.streams.open(status, label)
    }

    /// The open streams, the oldest first, at most so many; and how many there are.
    pub fn streams(&self, at_most: usize) -> (Vec<StreamStatus>, usize) {
        self.streams.status(at_most)
    }

    /// How long the daemon runs.
    pub fn uptime(&self) -> Duration {
        self.started.0.elapsed()
    }

    /// Everything that needs no client, in the text format of Prometheus.
    pub fn write(&self, out: &mut String) {
        let mut reasons = String::new();
        head(out, &IMPRESSION);
        self.evaluations.write(out, &mut reasons, [IMPRESSION.name, RESULT_REASON.name], SCOPE);
        head(out, &RESULT_REASON);
        out.push_str(&reasons);
        head(out, &ACTIVE_STREAMS);
        self.streams.write_active(out, ACTIVE_STREAMS.name, SCOPE);
        head(out, &STREAM_DURATION);
        self.streams.write_durations(out, STREAM_DURATION.name, SCOPE);
        for (metric, instrument) in &HTTP {
            head(out, metric);
            self.requests.write_http(out, metric.name, *instrument, SCOPE);
        }
        for (metric, instrument) in &RPC {
            head(out, metric);
            self.requests.write_rpc(out, metric.name, *instrument, SCOPE);
        }
        head(out, &TARGET_INFO);
        let _ = writeln!(out, "target_info{{service_name=\"flagd\",service_version=\"{VERSION}\"}} 1");
        head(out, &BUILD_INFO);
        let _ = writeln!(out, "{}{{version=\"{VERSION}\"}} 1", BUILD_INFO.name);
        plain(out, &START_TIME, seconds(self.started.1));
        head(out, &OPEN_STREAMS);
        self.streams.write_open(out, OPEN_STREAMS.name);
        plain(out, &CONNECTIONS, self.connections());
        plain(out, &ACCEPT_ERRORS, self.accept_errors.get());
        plain(out, &REFUSED, self.refused.get());
        plain(out, &PANICS, self.panics.get());
        plain(out, &CERTIFICATE_ERRORS, self.certificate_errors.get());
        plain(out, &REJECTIONS, self.rejections.get());
    }

    /// What is known of the flags that are served.
    pub fn write_flags(&self, out: &mut String, client: &Client) {
        let snapshot = client.snapshot();
        plain(out, &REVISION, snapshot.revision());
        plain(out, &FLAGS, snapshot.len());
        drop(snapshot);
        // Less the one that was held a moment ago, which is the current one, and counts anyway.
        plain(out, &SNAPSHOTS, client.snapshots_alive());
        plain(out, &READY, u8::from(client.is_ready()));
        let sources = client.status();
        let mut each = |metric: &Metric, value: &dyn Fn(&flagcore::sync::SourceStatus) -> Option<f64>| {
            head(out, metric);
            for source in &sources {
                let Some(value) = value(source) else { continue };
                let _ = write!(out, "{}{{source=\"", metric.name);
                write_label(out, &source.name);
                let _ = writeln!(out, "\"}} {value}");
            }
        };
        each(&SOURCE_FLAGS, &|source| Some(source.served.as_ref()?.flags as f64));
        each(&SOURCE_READY, &|source| Some(f64::from(u8::from(source.served.is_some()))));
        each(&SOURCE_REFUSED, &|source| Some(f64::from(u8::from(source.refused.is_some()))));
        each(&SOURCE_SUCCESS, &|source| Some(seconds(source.served.as_ref()?.since)));
    }
}

/// A metric: name with unit, kind, help.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

const fn metric(name: &'static str, kind: &'static str, help: &'static str) -> Metric {
    Metric { name, kind, help }
}

fn head(out: &mut String, metric: &Metric) {
    let Metric { name, kind, help } = metric;
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn plain(out: &mut String, metric: &Metric, value: impl std::fmt::Display) {
    head(out, metric);
    let _ = writeln!(out, "{} {value}", metric.name);
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The version of the daemon.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Labels that every metric of the reference has.
const SCOPE: &str = concat!(
    "otel_scope_name=\"flagd\",otel_scope_schema_url=\"\",otel_scope_version=\"",
    env!("CARGO_PKG_VERSION"),
    "\""
);

// The table of names, units and help texts: first the reference's, then ours.

const IMPRESSION: Metric = metric(
    "feature_flag_flagd_impression_total",
    "counter",
    "Evaluations that gave an answer, by flag and variant.",
);
const RESULT_REASON: Metric = metric(
    "feature_flag_flagd_result_reason_total",
    "counter",
    "Evaluations by reason, failed ones by error code.",
);
const ACTIVE_STREAMS: Metric = metric(
    "feature_flag_flagd_sync_active_streams",
    "gauge",
    "Open streams of flag definitions, by selector.",
);
const STREAM_DURATION: Metric = metric(
    "feature_flag_flagd_sync_stream_duration_seconds",
    "histogram",
    "How long streams of flag definitions lived, by how they ended.",
);
const HTTP: [(Metric, HttpInstrument); 4] = [
    (
        metric("http_server_active_requests", "gauge", "Requests under way, streams included."),
        HttpInstrument::Active,
    ),
    (
        metric(
            "http_server_request_duration_seconds",
            "histogram",
            "From the header of a request to the end of its answer.",
        ),
        HttpInstrument::Duration,
    ),
    (
        metric("http_server_request_body_size_bytes", "histogram", "Bytes of the bodies of requests."),
        HttpInstrument::RequestSize,
    ),
    (
        metric("http_server_response_body_size_bytes", "histogram", "Bytes of the bodies of answers."),
        HttpInstrument::ResponseSize,
    ),
];
const RPC: [(Metric, RpcInstrument); 5] = [
    (
        metric("rpc_server_duration_milliseconds", "histogram", "How long calls took."),
        RpcInstrument::Duration,
    ),
    (
        metric("rpc_server_request_size_bytes", "histogram", "Bytes of the messages of requests."),
        RpcInstrument::RequestSize,
    ),
    (
        metric(
            "rpc_server_response_size_bytes",
            "histogram",
            "Bytes of the messages of the answer to a call.",
        ),
        RpcInstrument::ResponseSize,
    ),
    (
        metric("rpc_server_requests_per_rpc", "histogram", "Messages that a call got."),
        RpcInstrument::Requests,
    ),
    (
        metric("rpc_server_responses_per_rpc", "histogram", "Messages that a call gave."),
        RpcInstrument::Responses,
    ),
];
const TARGET_INFO: Metric = metric("target_info", "gauge", "What is measured here.");

const BUILD_INFO: Metric = metric("flagd_build_info", "gauge", "The version of the daemon, as a label.");
const START_TIME: Metric =
    metric("flagd_start_time_seconds", "gauge", "When the daemon started, in Unix time.");
const OPEN_STREAMS: Metric = metric("flagd_open_streams", "gauge", "Open streams, by service.");
const CONNECTIONS: Metric = metric("flagd_open_connections", "gauge", "Open connections.");
const ACCEPT_ERRORS: Metric =
    metric("flagd_accept_errors_total", "counter", "Connections that could not be accepted.");
const REFUSED: Metric =
    metric("flagd_connections_refused_total", "counter", "Connections turned away, there being too many.");
const PANICS: Metric = metric("flagd_panics_total", "counter", "Requests that failed inside of the daemon.");
const CERTIFICATE_ERRORS: Metric =
    metric("flagd_certificate_errors_total", "counter", "Changed certificates or keys that were not taken.");
const REJECTIONS: Metric =
    metric("flagd_rejections_total", "counter", "Contents of sources that were refused.");
const REVISION: Metric = metric("flagd_revision", "gauge", "The revision that is served.");
const FLAGS: Metric = metric("flagd_flags", "gauge", "Flags that are served.");
const SNAPSHOTS: Metric = metric("flagd_snapshots_alive", "gauge", "Flag sets in memory, old ones included.");
const READY: Metric = metric("flagd_ready", "gauge", "Whether every source has delivered something valid.");
const SOURCE_FLAGS: Metric = metric("flagd_source_flags", "gauge", "Flags that a source holds.");
const SOURCE_READY: Metric =
    metric("flagd_source_ready", "gauge", "Whether a source has delivered something valid.");
const SOURCE_REFUSED: Metric =
    metric("flagd_source_refused", "gauge", "Whether what a source holds now is refused.");
const SOURCE_SUCCESS: Metric = metric(
    "flagd_source_last_success_timestamp_seconds",
    "gauge",
    "When what is served of a source was published, in Unix time.",
);
