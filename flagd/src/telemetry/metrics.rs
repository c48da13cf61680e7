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
use flagcore::text::Printable;
use flagcore::{Client, ErrorCode, Reason};
use tokio::sync::Semaphore;
use tracing::debug;

use super::cells::Counter;
use super::certificates::{CertificateStatus, Certificates};
use super::evaluations::Evaluations;
use super::exports::{Attempts, Exports};
use super::limits::{LimitsInUse, PayloadSize, Usage};
use super::names;
use super::requests::{HttpKey, Requests, RpcKey};
use super::routes::Route;
use super::samples::{Number, Samples};
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
    encodings: Counter,
    handshake_errors: Counter,
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
            encodings: Counter::default(),
            handshake_errors: Counter::default(),
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
        debug!(flag = %Printable(flag_key), variant, reason = reason.as_str(), "evaluated");
        if self.tracer.is_some() {
            note(flag_key, Ok((variant, reason)));
        }
    }

    /// One evaluation that failed.
    pub fn failed(&self, flag_key: &str, code: ErrorCode) {
        self.evaluations.failed(code);
        debug!(flag = %Printable(flag_key), error = code.as_str(), "not evaluated");
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

    /// A client and the daemon came to no TLS; often it does not speak it, or does not trust the certificate.
    pub fn handshake_failed(&self) {
        self.handshake_errors.add(1);
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

    /// Such a message was encoded.
    pub fn payload_encoded(&self) {
        self.encodings.add(1);
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
        text.metric(&names::TARGET_INFO);
        text.whole(&[("service.name", "flagd"), ("service.version", VERSION)], 1);
    }

    /// What is known of the flags that are served, in the text format of Prometheus.
    pub fn write_flags(&self, out: &mut String, client: &Client) {
        self.tell_flags(&mut Text::new(out), client);
    }

    /// Tells everything that needs no client.
    pub(super) fn tell(&self, samples: &mut impl Samples) {
        let answers = self.evaluations.answers();
        samples.metric(&names::IMPRESSION);
        answers.tell_impressions(samples);
        samples.metric(&names::RESULT_REASON);
        answers.tell_reasons(samples);
        self.evaluations.tell_failures(samples);
        samples.metric(&names::ACTIVE_STREAMS);
        self.streams.tell_active(samples);
        samples.metric(&names::STREAM_DURATION);
        self.streams.tell_durations(samples);
        for (metric, instrument) in &names::HTTP {
            samples.metric(metric);
            self.requests.tell_http(samples, *instrument);
        }
        for (metric, instrument) in &names::RPC {
            samples.metric(metric);
            self.requests.tell_rpc(samples, *instrument);
        }
        samples.metric(&names::BUILD_INFO);
        samples.whole(&[("version", VERSION)], 1);
        samples.single(&names::START_TIME, Number::Fraction(seconds(self.started.1)));
        samples.metric(&names::OPEN_STREAMS);
        self.streams.tell_open(samples);
        samples.single(&names::CONNECTIONS, Number::Whole(self.connections()));
        for (metric, counter) in [
            (&names::ACCEPT_ERRORS, &self.accept_errors),
            (&names::REFUSED, &self.refused),
            (&names::PANICS, &self.panics),
            (&names::SYNC_ENCODINGS, &self.encodings),
            (&names::HANDSHAKE_ERRORS, &self.handshake_errors),
            (&names::CERTIFICATE_ERRORS, &self.certificate_errors),
            (&names::REJECTIONS, &self.rejections),
        ] {
            samples.single(metric, Number::Whole(counter.get()));
        }
        samples.metric(&names::CERTIFICATE_EXPIRY);
        for certificate in self.certificates() {
            if let Some(expires) = certificate.expires {
                let path = certificate.certificate.to_string_lossy();
                samples.number(&[("certificate", &path)], Number::Fraction(seconds(expires)));
            }
        }
        if let Some(exports) = &self.exports {
            let signals = [("metrics", &exports.metrics), ("traces", &exports.traces)];
            let mut each = |metric, counter: fn(&Attempts) -> &Counter| {
                samples.metric(metric);
                for (signal, attempts) in signals {
                    samples.whole(&[("signal", signal)], counter(attempts).get());
                }
            };
            each(&names::OTLP_EXPORTS, |attempts| &attempts.taken);
            each(&names::OTLP_FAILURES, |attempts| &attempts.failed);
            samples.single(&names::OTLP_DROPPED, Number::Whole(exports.dropped.get()));
        }
    }

    /// Tells what is known of the flags that are served.
    pub(super) fn tell_flags(&self, samples: &mut impl Samples, client: &Client) {
        let snapshot = client.snapshot();
        samples.single(&names::REVISION, Number::Whole(snapshot.revision()));
        samples.single(&names::FLAGS, Number::Whole(snapshot.len() as u64));
        drop(snapshot);
        // Less the one that was held a moment ago, which is the current one, and counts anyway.
        samples.single(&names::SNAPSHOTS, Number::Whole(client.snapshots_alive() as u64));
        samples.single(&names::READY, Number::Whole(u64::from(client.is_ready())));
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
        each(&names::SOURCE_FLAGS, &|source| Some(Number::Whole(source.served.as_ref()?.flags as u64)));
        each(&names::SOURCE_READY, &|source| is(source.served.is_some()));
        each(&names::SOURCE_REFUSED, &|source| is(source.refused.is_some()));
        each(&names::SOURCE_TROUBLE, &|source| is(source.complaint.is_some()));
        each(&names::SOURCE_SUCCESS, &|source| {
            Some(Number::Fraction(seconds(source.served.as_ref()?.since)))
        });
        samples.metric(&names::LIMIT_USED);
        for usage in self.usage(client) {
            let limit = ("limit", usage.limit);
            let ratio = Number::Fraction(usage.ratio());
            match &usage.source {
                Some(source) => samples.number(&[limit, ("source", source)], ratio),
                None => samples.number(&[limit], ratio),
            }
        }
        samples.metric(&names::SYNC_PAYLOAD);
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
