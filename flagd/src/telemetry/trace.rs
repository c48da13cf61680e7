//! Traces: one span for each request that is sampled, and one inside of it for what was evaluated.
//!
//! Whether a request is traced is decided when its header is there. What is not traced costs a look whether there is
//! a tracer, no more. The names and scopes are the reference's: `flagd.evaluation.v1.Service/ResolveBoolean` (for OFREP
//! `flagd.ofrep`) with `resolveBoolean` inside. Contexts and values never become attributes.
//!
//! Evaluations are counted deep inside of handlers, which know nothing of traces. While a handler of a traced request
//! runs, its [`Trace`]'s notes are laid out on the thread, where the counting finds them.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use axum::http::{HeaderMap, Method, StatusCode};
use flagcore::{ErrorCode, Reason};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Outcome;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use tokio::sync::mpsc;

use super::cells::Counter;
use super::otlp::{attribute, nanoseconds, whole};
use super::requests::RpcSystem;
use super::routes::Route;
use crate::settings::Sampler;

/// Decides what is traced, and takes what is finished.
#[derive(Debug)]
pub(super) struct Tracer {
    sampler: Sampler,
    /// Ids are a keyed hash of a count: nobody can foresee them, none comes twice.
    seed: RandomState,
    next: AtomicU64,
    finished: mpsc::Sender<Finished>,
    dropped: Arc<Counter>,
}

/// A span that is over, and the scope that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub(super) scope: &'static str,
    pub(super) span: Span,
}

impl Tracer {
    /// A tracer, and where its spans come out. What finds no room there is counted as dropped.
    pub(super) fn new(sampler: Sampler, dropped: Arc<Counter>) -> (Self, mpsc::Receiver<Finished>) {
        let (finished, spans) = mpsc::channel(WAITING);
        let tracer = Self { sampler, seed: RandomState::new(), next: AtomicU64::new(0), finished, dropped };
        (tracer, spans)
    }

    /// Traces a request, if it is to be.
    pub(super) fn begin(
        self: &Arc<Self>,
        route: Route,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<Trace> {
        let caller = headers.get("traceparent").and_then(|header| Caller::read(header.to_str().ok()?));
        let trace_id = caller.map_or_else(|| self.trace_id(), |caller| caller.trace_id);
        let is_sampled = match caller {
            Some(caller) if self.sampler.follows_caller => caller.is_sampled,
            _ => is_in_share(trace_id, self.sampler.share),
        };
        is_sampled.then(|| Trace {
            tracer: self.clone(),
            route,
            method: method.clone(),
            trace_id,
            span_id: self.id(),
            parent: caller.map(|caller| caller.span_id),
            state: if caller.is_some() { trace_state(headers) } else { String::new() },
            began: (SystemTime::now(), Instant::now()),
            handled: OnceLock::new(),
            notes: Notes::default(),
        })
    }

    fn trace_id(&self) -> u128 {
        u128::from(self.id()) << 64 | u128::from(self.id())
    }

    /// A number that is not 0.
    fn id(&self) -> u64 {
        // ORDERING: each count is taken once, that is all.
        self.seed.hash_one(self.next.fetch_add(1, Ordering::Relaxed)).max(1)
    }

    fn take(&self, scope: &'static str, span: Span) {
        if self.finished.try_send(Finished { scope, span }).is_err() {
            self.dropped.add(1);
        }
    }
}

/// How many spans wait to be sent; the memory of a thousand bytes each, at most.
const WAITING: usize = 4_096;

/// A request that is traced.
#[derive(Debug)]
pub struct Trace {
    tracer: Arc<Tracer>,
    route: Route,
    method: Method,
    trace_id: u128,
    span_id: u64,
    parent: Option<u64>,
    state: String,
    began: (SystemTime, Instant),
    /// How long it took until there was an answer.
    handled: OnceLock<Duration>,
    notes: Notes,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The status of HTTP, if there was an answer.
    pub status: Option<StatusCode>,
    /// How it was called and the code, where it was a call.
    pub rpc: Option<(RpcSystem, u8)>,
}

impl Trace {
    /// Runs a part of the handler; evaluations that it counts are noted.
    pub fn during<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let mut laid_out = LaidOut { trace: self };
        laid_out.put();
        let result = run();
        drop(laid_out);
        result
    }

    /// There is an answer.
    pub fn answered(&self) {
        let _ = self.handled.set(self.began.1.elapsed());
    }

    /// Hands its spans over.
    pub fn finish(&mut self, end: End) {
        let took = self.began.1.elapsed();
        let notes = std::mem::take(&mut self.notes);
        if let Some((scope, name)) = inner(self.route) {
            let handled = self.handled.get().copied().unwrap_or(took);
            let span = self.evaluation(name, handled, &notes, end);
            self.tracer.take(scope, span);
        }
        let (name, mut attributes) = match (self.route.call(), end.rpc) {
            (Some((service, method)), Some((system, code))) => {
                let system = match system {
                    RpcSystem::Grpc => "grpc",
                    RpcSystem::GrpcWeb => "grpc_web",
                    RpcSystem::Connect => "connect_rpc",
                };
                let attributes = vec![
                    attribute("rpc.system", system),
                    attribute("rpc.service", service),
                    attribute("rpc.method", method),
                    whole("rpc.grpc.status_code", code.into()),
                ];
                (format!("{service}/{method}"), attributes)
            }
            _ => {
                let name =
                    if self.route.name().starts_with("/ofrep/") { "flagd.ofrep" } else { "flagd.http" };
                let method = if KNOWN.contains(&self.method) { self.method.as_str() } else { "_OTHER" };
                let attributes = vec![
                    attribute("http.request.method", method),
                    attribute("http.route", self.route.name()),
                ];
                (name.to_owned(), attributes)
            }
        };
        if let Some(status) = end.status {
            attributes.push(whole("http.response.status_code", status.as_u16().into()));
        }
        let is_ours = match end.rpc {
            Some((_, code)) => matches!(code, 2 | 4 | 12 | 13 | 14 | 15),
            None => end.status.is_some_and(|status| status.is_server_error()),
        };
        let status = is_ours.then(|| Status { code: Outcome::Error.into(), message: String::new() });
        let span = Span {
            parent_span_id: self.parent.map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default(),
            attributes,
            status,
            ..self.span(self.span_id, name, took)
        };
        self.tracer.take("flagd", span);
    }

    /// What was evaluated.
    fn evaluation(&self, name: String, took: Duration, notes: &Notes, end: End) -> Span {
        let mut attributes = vec![attribute("feature_flag.provider.name", "flagd")];
        let mut status = None;
        let mut events = Vec::new();
        if name == "resolveAll" {
            attributes.push(whole("feature_flag.count", notes.answered));
        } else if let Some(noted) = &notes.first {
            attributes.push(attribute("feature_flag.key", &*noted.key));
            match noted.answer {
                Ok((ref variant, reason)) => {
                    attributes.push(attribute("feature_flag.result.variant", &**variant));
                    attributes.push(attribute("feature_flag.reason", reason.as_str()));
                }
                Err(code) => {
                    attributes.push(attribute("feature_flag.reason", Reason::Error.as_str()));
                    let message = format!("error evaluating flag with key {}", noted.key);
                    status = Some(Status { code: Outcome::Error.into(), message });
                    events.push(Event {
                        time_unix_nano: nanoseconds(self.began.0 + took),
                        name: "exception".to_owned(),
                        attributes: vec![attribute("exception.message", code.as_str())],
                        ..Event::default()
                    });
                }
            }
        }
        let failed =
            end.rpc.map_or(end.status.is_none_or(|status| status.as_u16() >= 400), |(_, code)| code != 0);
        if failed && status.is_none() {
            status = Some(Status { code: Outcome::Error.into(), message: String::new() });
        }
        let parent_span_id = self.span_id.to_be_bytes().to_vec();
        Span { parent_span_id, attributes, events, status, ..self.span(self.tracer.id(), name, took) }
    }

    fn span(&self, id: u64, name: String, took: Duration) -> Span {
        Span {
            trace_id: self.trace_id.to_be_bytes().to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            trace_state: self.state.clone(),
            // Sampled.
            flags: 1,
            name,
            kind: SpanKind::Server.into(),
            start_time_unix_nano: nanoseconds(self.began.0),
            end_time_unix_nano: nanoseconds(self.began.0 + took),
            ..Span::default()
        }
    }
}

/// The scope and the name of what a route evaluates, if it does.
fn inner(route: Route) -> Option<(&'static str, String)> {
    match route.name() {
        "/ofrep/v1/evaluate/flags/{key}" => Some(("jsonEvaluator", "resolveAnyValue".to_owned())),
        "/ofrep/v1/evaluate/flags" => Some(("jsonEvaluator", "resolveAll".to_owned())),
        _ => {
            let (service, method) = route.call()?;
            let scope = match service {
                "flagd.evaluation.v2.Service" => "flagd.evaluation.v2",
                "flagd.evaluation.v1.Service" => "flagd.evaluation.v1",
                "schema.v1.Service" => "flagEvaluationService",
                _ => return None,
            };
            Some((scope, format!("resolve{}", method.strip_prefix("Resolve")?)))
        }
    }
}

const KNOWN: [Method; 7] =
    [Method::GET, Method::POST, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// What a request evaluated.
#[derive(Debug, Default)]
struct Notes {
    answered: u64,
    first: Option<Noted>,
}

/// One evaluation: its variant and reason, or the code of its failure.
#[derive(Debug)]
struct Noted {
    key: Box<str>,
    answer: Result<(Box<str>, Reason), ErrorCode>,
}

thread_local! {
    /// The notes of the traced request whose handler runs on this thread at this moment.
    static NOTES: Cell<Option<Notes>> = const { Cell::new(None) };
}

/// Takes the notes back when it is dropped, however the handler ends.
struct LaidOut<'a> {
    trace: &'a mut Trace,
}

impl LaidOut<'_> {
    fn put(&mut self) {
        NOTES.set(Some(std::mem::take(&mut self.trace.notes)));
    }
}

impl Drop for LaidOut<'_> {
    fn drop(&mut self) {
        self.trace.notes = NOTES.take().unwrap_or_default();
    }
}

/// Notes an evaluation, if a traced request made it.
pub(super) fn note(key: &str, answer: Result<(&str, Reason), ErrorCode>) {
    let Some(mut notes) = NOTES.take() else { return };
    notes.answered += u64::from(answer.is_ok());
    if notes.first.is_none() {
        let answer = answer.map(|(variant, reason)| (shortened(variant), reason));
        notes.first = Some(Noted { key: shortened(key), answer });
    }
    NOTES.set(Some(notes));
}

/// So much of a text as a span may hold.
fn shortened(text: &str) -> Box<str> {
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= 256).last().unwrap_or_default();
    if text.len() <= 256 { text.into() } else { text.get(..end).unwrap_or_default().into() }
}

/// Whoever called, and whether they trace (W3C Trace Context, `traceparent`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Caller {
    trace_id: u128,
    span_id: u64,
    is_sampled: bool,
}

impl Caller {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let mut part = |length: usize| {
            let part = parts.next()?;
            let is_hex = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            (part.len() == length && is_hex).then_some(part)
        };
        let version = part(2).filter(|version| *version != "ff")?;
        let trace_id = u128::from_str_radix(part(32)?, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(part(16)?, 16).ok().filter(|id| *id != 0)?;
        let flags = u8::from_str_radix(part(2)?, 16).ok()?;
        // Later versions may have more parts; this one has not.
        let is_whole = version != "00" || parts.next().is_none();
        is_whole.then_some(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }
}

/// What callers hand on beside it, if it is not too much.
fn trace_state(headers: &HeaderMap) -> String {
    let all: Vec<&str> =
        headers.get_all("tracestate").iter().filter_map(|header| header.to_str().ok()).collect();
    Some(all.join(",")).filter(|state| state.len() <= 512).unwrap_or_default()
}

/// Whether a trace belongs to a share of all: the same answer everywhere for the same trace.
fn is_in_share(trace_id: u128, share: f64) -> bool {
    // The lower half, less a bit: what other implementations compare.
    let number = (trace_id as u64) >> 1;
    share >= 1.0 || number < (share * (1u64 << 63) as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn callers_are_read_as_the_specification_wants_it() {
        let good = format!("00-{TRACE}-b7ad6b7169203331-01");
        let caller = Caller {
            trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
            span_id: 0xb7ad_6b71_6920_3331,
            is_sampled: true,
        };
        assert_eq!(Caller::read(&good), Some(caller));
        let unsampled = Caller { is_sampled: false, ..caller };
        assert_eq!(Caller::read(&format!("00-{TRACE}-b7ad6b7169203331-00")), Some(unsampled));
        assert_eq!(Caller::read(&format!("cc-{TRACE}-b7ad6b7169203331-01-more")), Some(caller));
        for bad in [
            String::new(),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-b7ad6b716920333-01"),
            format!("00-{TRACE}-b7ad6b7169203331"),
            format!("00-{TRACE}-b7ad6b7169203331-+1"),
            "🦀-🦀-🦀-🦀".to_owned(),
        ] {
            assert_eq!(Caller::read(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_share_takes_its_part_of_all_traces_and_always_the_same() {
        let sampler = Sampler { follows_caller: false, share: 0.25 };
        let (tracer, _spans) = Tracer::new(sampler, Arc::default());
        let ids: Vec<u128> = (0..10_000).map(|_| tracer.trace_id()).collect();
        let taken = ids.iter().filter(|id| is_in_share(**id, 0.25)).count();
        assert!((2_000..3_000).contains(&taken), "{taken}");
        assert!(ids.iter().all(|id| is_in_share(*id, 1.0) && !is_in_share(*id, 0.0)));
        assert!(is_in_share(0x7fff, 0.000_001) && !is_in_share(u128::from(u64::MAX), 0.999_999));
        let unique: std::collections::HashSet<u128> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len());
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        assert_eq!(&*shortened("short"), "short");
        let long = "é".repeat(200);
        assert_eq!(shortened(&long).len(), 256);
    }
}
