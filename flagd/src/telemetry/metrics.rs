//! What is counted, and under which names.
//!
//! Names and labels that the reference has are its own, as it exports them; ours begin with `flagd_`. Labels are
//! closed sets: a request cannot make a new one, whatever it holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, Method, StatusCode};
use flagcore::sync::SourceStatus;
use flagcore::{Client, ErrorCode, Reason};
use tokio::sync::Semaphore;

use super::cells::Counter;
use super::certificates::{CertificateStatus, Certificates};
use super::evaluations::Evaluations;
use super::export::{Attempts, Exports};
use super::limits::{LimitsInUse, PayloadSize, Usage};
use super::requests::{HttpInstrument, HttpKey, Requests, RpcInstrument, RpcKey};
use super::routes::Route;
use super::samples::{Kind, Metric, Number, Samples};
use super::streams::{OpenStream, StreamStatus, Streams};
use super::text::Text;
use super::trace::{Trace, Tracer, note};

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
    limits: LimitsInUse,
    exports: Option<Arc<Exports>>,
    tracer: Option<Arc<Tracer>>,
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
            limits: LimitsInUse::default(),
            exports: None,
            tracer: None,
        }
    }
}

impl Metrics {
    /// Those of a daemon that sends them to a collector.
    pub(super) fn exported(exports: Arc<Exports>, tracer: Option<Arc<Tracer>>) -> Self {
        Self { exports: Some(exports), tracer, ..Self::default() }
    }

    pub(super) fn exports(&self) -> Option<Arc<Exports>> {
        self.exports.clone()
    }

    /// Traces a request whose header is there, if it is to be.
    pub fn trace(&self, route: Route, method: &Method, headers: &HeaderMap) -> Option<Trace> {
        self.tracer.as_ref()?.begin(route, method, headers)
    }

    /// One evaluation that gave an answer.
    pub fn evaluated(&self, flag_key: &str, variant: Option<&str>, reason: Reason) {
        let variant = variant.unwrap_or_default();
        self.evaluations.answered(flag_key, variant, reason);
        if self.tracer.is_some() {
            note(flag_key, Ok((variant, reason)));
        }
    }

    /// One evaluation that failed.
    pub fn failed(&self, flag_key: &str, code: ErrorCode) {
        self.evaluations.failed(code);
        if self.tracer.is_some() {
            note(flag_key, Err(code));
        }
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

    /// What admits connections, while it still admits as many as it ever will.
    pub fn set_room(&self, room: Arc<Semaphore>) {
        self.limits.set_room(room);
    }

    /// The size of a message that sync streams get; `label` is its selector, or what stands for those that match
    /// nothing.
    pub fn payload(&self, label: &str, bytes: u64) -> PayloadSize {
        self.limits.payloads().add(label, bytes)
    }

    /// The largest of these messages by selector.
    pub fn payloads(&self) -> BTreeMap<String, u64> {
        self.limits.payloads().largest()
    }

    /// How much of each limit is used.
    pub fn usage(&self, client: &Client) -> Vec<Usage> {
        self.limits.usage(client)
    }

    /// When the daemon started.
    pub(super) fn started_at(&self) -> SystemTime {
        self.started.1
    }

    /// How long the daemon runs.
    pub fn uptime(&self) -> Duration {
        self.started.0.elapsed()
    }

    /// Everything that needs no client, in the text format of Prometheus.
    pub fn write(&self, out: &mut String) {
        let mut text = Text::new(out);
        self.tell(&mut text);
        text.metric(&TARGET_INFO);
        text.whole(&[("service.name", "flagd"), ("service.version", VERSION)], 1);
    }

    /// What is known of the flags that are served, in the text format of Prometheus.
    pub fn write_flags(&self, out: &mut String, client: &Client) {
        self.tell_flags(&mut Text::new(out), client);
    }

    /// Tells everything that needs no client.
    pub(super) fn tell(&self, samples: &mut impl Samples) {
        let answers = self.evaluations.answers();
        samples.metric(&IMPRESSION);
        answers.tell_impressions(samples);
        samples.metric(&RESULT_REASON);
        answers.tell_reasons(samples);
        self.evaluations.tell_failures(samples);
        samples.metric(&ACTIVE_STREAMS);
        self.streams.tell_active(samples);
        samples.metric(&STREAM_DURATION);
        self.streams.tell_durations(samples);
        for (metric, instrument) in &HTTP {
            samples.metric(metric);
            self.requests.tell_http(samples, *instrument);
        }
        for (metric, instrument) in &RPC {
            samples.metric(metric);
            self.requests.tell_rpc(samples, *instrument);
        }
        samples.metric(&BUILD_INFO);
        samples.whole(&[("version", VERSION)], 1);
        samples.single(&START_TIME, Number::Fraction(seconds(self.started.1)));
        samples.metric(&OPEN_STREAMS);
        self.streams.tell_open(samples);
        samples.single(&CONNECTIONS, Number::Whole(self.connections()));
        for (metric, counter) in [
            (&ACCEPT_ERRORS, &self.accept_errors),
            (&REFUSED, &self.refused),
            (&PANICS, &self.panics),
            (&CERTIFICATE_ERRORS, &self.certificate_errors),
            (&REJECTIONS, &self.rejections),
        ] {
            samples.single(metric, Number::Whole(counter.get()));
        }
        if let Some(exports) = &self.exports {
            let signals = [("metrics", &exports.metrics), ("traces", &exports.traces)];
            let mut each = |metric, counter: fn(&Attempts) -> &Counter| {
                samples.metric(metric);
                for (signal, attempts) in signals {
                    samples.whole(&[("signal", signal)], counter(attempts).get());
                }
            };
            each(&OTLP_EXPORTS, |attempts| &attempts.taken);
            each(&OTLP_FAILURES, |attempts| &attempts.failed);
            samples.single(&OTLP_DROPPED, Number::Whole(exports.dropped.get()));
        }
    }

    /// Tells what is known of the flags that are served.
    pub(super) fn tell_flags(&self, samples: &mut impl Samples, client: &Client) {
        let snapshot = client.snapshot();
        samples.single(&REVISION, Number::Whole(snapshot.revision()));
        samples.single(&FLAGS, Number::Whole(snapshot.len() as u64));
        drop(snapshot);
        // Less the one that was held a moment ago, which is the current one, and counts anyway.
        samples.single(&SNAPSHOTS, Number::Whole(client.snapshots_alive() as u64));
        samples.single(&READY, Number::Whole(u64::from(client.is_ready())));
        let sources = client.status();
        let mut each = |metric, value: &dyn Fn(&SourceStatus) -> Option<Number>| {
            samples.metric(metric);
            for source in &sources {
                if let Some(value) = value(source) {
                    samples.number(&[("source", &source.name)], value);
                }
            }
        };
        let is = |so| Some(Number::Whole(u64::from(so)));
        each(&SOURCE_FLAGS, &|source| Some(Number::Whole(source.served.as_ref()?.flags as u64)));
        each(&SOURCE_READY, &|source| is(source.served.is_some()));
        each(&SOURCE_REFUSED, &|source| is(source.refused.is_some()));
        each(&SOURCE_TROUBLE, &|source| is(source.complaint.is_some()));
        each(&SOURCE_SUCCESS, &|source| Some(Number::Fraction(seconds(source.served.as_ref()?.since))));
        samples.metric(&LIMIT_USED);
        for usage in self.usage(client) {
            let limit = ("limit", usage.limit);
            let ratio = Number::Fraction(usage.ratio());
            match &usage.source {
                Some(source) => samples.number(&[limit, ("source", source)], ratio),
                None => samples.number(&[limit], ratio),
            }
        }
        samples.metric(&SYNC_PAYLOAD);
        for (selector, bytes) in self.payloads() {
            samples.whole(&[("selector", &selector)], bytes);
        }
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The version of the daemon.
const VERSION: &str = env!("CARGO_PKG_VERSION");

// The table of names, units and help texts: first the reference's, then ours.

const fn theirs(
    kind: Kind,
    name: &'static str,
    text_name: &'static str,
    unit: &'static str,
    help: &'static str,
) -> Metric {
    Metric { name, text_name, unit, kind, shared: true, help }
}

const fn ours(
    kind: Kind,
    name: &'static str,
    text_name: &'static str,
    unit: &'static str,
    help: &'static str,
) -> Metric {
    Metric { name, text_name, unit, kind, shared: false, help }
}

const IMPRESSION: Metric = theirs(
    Kind::Counter,
    "feature_flag.flagd.impression",
    "feature_flag_flagd_impression_total",
    "{impression}",
    "Evaluations that gave an answer, by flag and variant.",
);
const RESULT_REASON: Metric = theirs(
    Kind::Counter,
    "feature_flag.flagd.result.reason",
    "feature_flag_flagd_result_reason_total",
    "{reason}",
    "Evaluations by reason, failed ones by error code.",
);
const ACTIVE_STREAMS: Metric = theirs(
    Kind::UpDown,
    "feature_flag.flagd.sync.active_streams",
    "feature_flag_flagd_sync_active_streams",
    "{stream}",
    "Open streams of flag definitions, by selector.",
);
const STREAM_DURATION: Metric = theirs(
    Kind::Histogram,
    "feature_flag.flagd.sync.stream.duration",
    "feature_flag_flagd_sync_stream_duration_seconds",
    "s",
    "How long streams of flag definitions lived, by how they ended.",
);
const HTTP: [(Metric, HttpInstrument); 4] = [
    (
        theirs(
            Kind::UpDown,
            "http.server.active_requests",
            "http_server_active_requests",
            "{request}",
            "Requests under way, streams included.",
        ),
        HttpInstrument::Active,
    ),
    (
        theirs(
            Kind::Histogram,
            "http.server.request.duration",
            "http_server_request_duration_seconds",
            "s",
            "From the header of a request to the end of its answer.",
        ),
        HttpInstrument::Duration,
    ),
    (
        theirs(
            Kind::Histogram,
            "http.server.request.body.size",
            "http_server_request_body_size_bytes",
            "By",
            "Bytes of the bodies of requests.",
        ),
        HttpInstrument::RequestSize,
    ),
    (
        theirs(
            Kind::Histogram,
            "http.server.response.body.size",
            "http_server_response_body_size_bytes",
            "By",
            "Bytes of the bodies of answers.",
        ),
        HttpInstrument::ResponseSize,
    ),
];
const RPC: [(Metric, RpcInstrument); 5] = [
    (
        theirs(
            Kind::Histogram,
            "rpc.server.duration",
            "rpc_server_duration_milliseconds",
            "ms",
            "How long calls took.",
        ),
        RpcInstrument::Duration,
    ),
    (
        theirs(
            Kind::Histogram,
            "rpc.server.request.size",
            "rpc_server_request_size_bytes",
            "By",
            "Bytes of the messages of requests.",
        ),
        RpcInstrument::RequestSize,
    ),
    (
        theirs(
            Kind::Histogram,
            "rpc.server.response.size",
            "rpc_server_response_size_bytes",
            "By",
            "Bytes of the messages of the answer to a call.",
        ),
        RpcInstrument::ResponseSize,
    ),
    (
        theirs(
            Kind::Histogram,
            "rpc.server.requests_per_rpc",
            "rpc_server_requests_per_rpc",
            "{count}",
            "Messages that a call got.",
        ),
        RpcInstrument::Requests,
    ),
    (
        theirs(
            Kind::Histogram,
            "rpc.server.responses_per_rpc",
            "rpc_server_responses_per_rpc",
            "{count}",
            "Messages that a call gave.",
        ),
        RpcInstrument::Responses,
    ),
];
const TARGET_INFO: Metric = ours(Kind::Gauge, "target_info", "target_info", "", "What is measured here.");

const BUILD_INFO: Metric =
    ours(Kind::Gauge, "flagd.build_info", "flagd_build_info", "", "The version of the daemon, as a label.");
const START_TIME: Metric = ours(
    Kind::Gauge,
    "flagd.start_time",
    "flagd_start_time_seconds",
    "s",
    "When the daemon started, in Unix time.",
);
const OPEN_STREAMS: Metric =
    ours(Kind::UpDown, "flagd.open_streams", "flagd_open_streams", "{stream}", "Open streams, by service.");
const CONNECTIONS: Metric = ours(
    Kind::UpDown,
    "flagd.open_connections",
    "flagd_open_connections",
    "{connection}",
    "Open connections.",
);
const ACCEPT_ERRORS: Metric = ours(
    Kind::Counter,
    "flagd.accept_errors",
    "flagd_accept_errors_total",
    "{error}",
    "Connections that could not be accepted.",
);
const REFUSED: Metric = ours(
    Kind::Counter,
    "flagd.connections_refused",
    "flagd_connections_refused_total",
    "{connection}",
    "Connections turned away, there being too many.",
);
const PANICS: Metric = ours(
    Kind::Counter,
    "flagd.panics",
    "flagd_panics_total",
    "{request}",
    "Requests that failed inside of the daemon.",
);
const CERTIFICATE_ERRORS: Metric = ours(
    Kind::Counter,
    "flagd.certificate_errors",
    "flagd_certificate_errors_total",
    "{error}",
    "Changed certificates or keys that were not taken.",
);
const REJECTIONS: Metric = ours(
    Kind::Counter,
    "flagd.rejections",
    "flagd_rejections_total",
    "{rejection}",
    "Contents of sources that were refused.",
);
const OTLP_EXPORTS: Metric = ours(
    Kind::Counter,
    "flagd.otlp.exports",
    "flagd_otlp_exports_total",
    "{request}",
    "Requests that the collector took.",
);
const OTLP_FAILURES: Metric = ours(
    Kind::Counter,
    "flagd.otlp.failures",
    "flagd_otlp_failures_total",
    "{request}",
    "Requests that the collector did not take.",
);
const OTLP_DROPPED: Metric = ours(
    Kind::Counter,
    "flagd.otlp.dropped_spans",
    "flagd_otlp_dropped_spans_total",
    "{span}",
    "Spans that found no room, or were refused.",
);
const REVISION: Metric =
    ours(Kind::Gauge, "flagd.revision", "flagd_revision", "", "The revision that is served.");
const FLAGS: Metric = ours(Kind::Gauge, "flagd.flags", "flagd_flags", "{flag}", "Flags that are served.");
const SNAPSHOTS: Metric = ours(
    Kind::Gauge,
    "flagd.snapshots_alive",
    "flagd_snapshots_alive",
    "{snapshot}",
    "Flag sets in memory, old ones included.",
);
const READY: Metric = ours(
    Kind::Gauge,
    "flagd.ready",
    "flagd_ready",
    "",
    "Whether every source has delivered something valid.",
);
const SOURCE_FLAGS: Metric =
    ours(Kind::Gauge, "flagd.source_flags", "flagd_source_flags", "{flag}", "Flags that a source holds.");
const SOURCE_READY: Metric = ours(
    Kind::Gauge,
    "flagd.source_ready",
    "flagd_source_ready",
    "",
    "Whether a source has delivered something valid.",
);
const SOURCE_REFUSED: Metric = ours(
    Kind::Gauge,
    "flagd.source_refused",
    "flagd_source_refused",
    "",
    "Whether what a source holds now is refused.",
);
const SOURCE_TROUBLE: Metric = ours(
    Kind::Gauge,
    "flagd.source_watch_trouble",
    "flagd_source_watch_trouble",
    "",
    "Whether something is wrong with watching a source, so that changes are seen later.",
);
const LIMIT_USED: Metric = ours(
    Kind::Gauge,
    "flagd.limit_used_ratio",
    "flagd_limit_used_ratio",
    "1",
    "How much of a limit is used: 1 is all of it.",
);
const SYNC_PAYLOAD: Metric = ours(
    Kind::Gauge,
    "flagd.sync_payload",
    "flagd_sync_payload_bytes",
    "By",
    "The message that sync streams get, by selector; stock clients refuse more than 4 MiB.",
);
const SOURCE_SUCCESS: Metric = ours(
    Kind::Gauge,
    "flagd.source_last_success_timestamp",
    "flagd_source_last_success_timestamp_seconds",
    "s",
    "When what is served of a source was published, in Unix time.",
);
