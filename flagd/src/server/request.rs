//! Takes one request to its handler: measured, and contained if it panics.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use flagcore::Selector;
use hyper::body::{Body as _, Frame, Incoming};
use tower::Service as _;

use crate::state::State;
use crate::telemetry::{
    Ended, HttpKey, Metrics, OpenStream, Route, RpcKey, RpcSystem, Service, StreamSelector, StreamStatus,
};

use super::bodies::{CountedBody, TimedBody};
use super::pace::{Pace, UnderWay};

/// What all requests of a port have in common.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) service: Service,
    pub(super) router: Router,
    pub(super) state: State,
    pub(super) tls: bool,
}

impl Handler {
    /// Answers a request that came over the connection of `pace`.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        pace: Arc<Pace>,
        peer: Arc<str>,
    ) -> Result<Response<CountedBody>, Infallible> {
        let mut record = self.record(&request, &pace);
        if is_too_long(request.headers(), super::port::header_limit(&self.state.settings)) {
            return Ok(record.answered(refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)));
        }
        let selector = record.route.is_stream().then(|| selector_of(request.headers()));
        let limit = (!record.route.takes_stream()).then_some(self.state.settings.body_deadline);
        let bytes = record.request_bytes.clone();
        let request = request.map(|body| Body::new(TimedBody::new(body, limit, bytes)));

        let mut router = self.router.clone();
        let mut answer = pin!(router.call(request));
        let answer = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(Poll::Ready(Ok(answer))) => Poll::Ready(Some(answer)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        });
        let answer = answer.await.unwrap_or_else(|| {
            self.state.metrics.panicked();
            tracing::error!(
                route = record.route.name(),
                "a request failed inside of the daemon; this is a bug of ours"
            );
            refusal(StatusCode::INTERNAL_SERVER_ERROR)
        });
        if let Some(selector) = selector.filter(|_| answer.status() == StatusCode::OK) {
            record.stream = self.listens(record.route, selector, &answer, peer);
        }
        Ok(record.answered(answer))
    }

    fn record(&self, request: &Request<Incoming>, pace: &Arc<Pace>) -> Record {
        let route = Route::of(request.uri().path());
        let http = HttpKey::new(self.service, route, request.method(), self.tls);
        if let Some(key) = http {
            self.state.metrics.http_began(key);
        }
        let rpc = route.call().map(|_| RpcKey { system: system(request.headers()), route });
        let known = request.body().size_hint().exact();
        Record {
            metrics: self.state.metrics.clone(),
            _under_way: pace.begin(),
            route,
            http,
            rpc,
            began: Instant::now(),
            request_size: known.unwrap_or_default(),
            request_bytes: known.is_none().then(Arc::default),
            status: None,
            response_bytes: 0,
            messages: Messages::default(),
            code: None,
            end: None,
            stream: None,
        }
    }

    /// Puts a stream among those that are open.
    fn listens(
        &self,
        route: Route,
        from_header: String,
        answer: &Response<Body>,
        peer: Arc<str>,
    ) -> Option<OpenStream> {
        // An answer that is complete, as an error in the words of gRPC is, is no stream.
        if answer.body().is_end_stream() {
            return None;
        }
        let selector =
            answer.extensions().get::<StreamSelector>().map_or(from_header, |selector| selector.0.clone());
        let label = if self.matches(&selector) { selector.clone() } else { "_other".to_owned() };
        let status = StreamStatus {
            service: self.service,
            route: route.name(),
            selector,
            peer,
            since: SystemTime::now(),
        };
        Some(self.state.metrics.opened(status, label))
    }

    /// Whether a selector picks anything, so that it may be a label.
    fn matches(&self, selector: &str) -> bool {
        if selector.is_empty() {
            return true;
        }
        let Ok(selector) = selector.parse::<Selector>() else { return false };
        self.state.client.snapshot().view(&selector).flags().next().is_some()
    }
}

fn refusal(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::from(status.canonical_reason().unwrap_or_default()));
    *answer.status_mut() = status;
    answer
}

/// Whether a header is over the limit; the protocols' own buffers only know it roughly.
fn is_too_long(headers: &HeaderMap, limit: usize) -> bool {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    size > limit
}

fn selector_of(headers: &HeaderMap) -> String {
    headers.get("flagd-selector").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn system(headers: &HeaderMap) -> RpcSystem {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    if content_type.starts_with(b"application/grpc-web") {
        RpcSystem::GrpcWeb
    } else if content_type.starts_with(b"application/grpc") {
        RpcSystem::Grpc
    } else {
        RpcSystem::Connect
    }
}

/// What is measured of a request; it is counted when this is dropped, which is when its answer is sent or given up.
pub(super) struct Record {
    metrics: Arc<Metrics>,
    _under_way: UnderWay,
    route: Route,
    http: Option<HttpKey>,
    rpc: Option<RpcKey>,
    began: Instant,
    request_size: u64,
    request_bytes: Option<Arc<AtomicU64>>,
    status: Option<StatusCode>,
    response_bytes: u64,
    messages: Messages,
    code: Option<u8>,
    end: Option<Ended>,
    stream: Option<OpenStream>,
}

impl Record {
    fn answered(mut self, answer: Response<Body>) -> Response<CountedBody> {
        self.status = Some(answer.status());
        self.code = code_of(answer.headers());
        if self.code.is_none() && answer.status() != StatusCode::OK {
            let told = answer.extensions().get::<tonic::Code>().map(|code| *code as i32);
            self.code =
                Some(told.and_then(|code| u8::try_from(code).ok()).unwrap_or(code_for(answer.status())));
        }
        if answer.body().is_end_stream() {
            self.end = Some(Ended::Normally);
        }
        answer.map(|body| CountedBody::new(body, self))
    }

    pub(super) fn sent(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.response_bytes += data.len() as u64;
            if self.rpc.is_some_and(|rpc| rpc.system != RpcSystem::Connect) {
                self.messages.read(data);
            }
        } else if let Some(trailers) = frame.trailers_ref() {
            self.code = code_of(trailers);
            self.finished();
        }
    }

    pub(super) fn failed(&mut self) {
        self.end = Some(Ended::Failed);
    }

    pub(super) fn finished(&mut self) {
        if self.end.is_none() {
            self.end = Some(match self.code {
                None | Some(0) => Ended::Normally,
                Some(4) => Ended::Deadline,
                Some(_) => Ended::Failed,
            });
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let counted = self.request_bytes.as_ref().map(|bytes| bytes.load(Ordering::Relaxed));
        let request = counted.unwrap_or(self.request_size);
        if let Some(key) = self.http {
            let answer = self.status.map(|status| (status, request, self.response_bytes));
            self.metrics.http_ended(key, took, answer);
        }
        if let Some(key) = self.rpc {
            // Nobody waited for the end: cancelled. A body of known length is dropped once it is sent, unasked.
            let whole = !self.route.is_stream();
            let code = match (self.code, self.end) {
                (Some(code), _) => code,
                (None, Some(Ended::Normally)) => 0,
                (None, None) if whole && self.status.is_some() => 0,
                (None, Some(_)) => 2,
                (None, None) => 1,
            };
            let messages = match key.system {
                RpcSystem::Connect => (1, self.response_bytes),
                RpcSystem::Grpc | RpcSystem::GrpcWeb => (self.messages.number, self.messages.bytes),
            };
            let request = match key.system {
                RpcSystem::Connect => request,
                RpcSystem::Grpc | RpcSystem::GrpcWeb => request.saturating_sub(5),
            };
            self.metrics.rpc_ended(key, code, took, request, messages);
        }
        if let Some(stream) = &mut self.stream {
            stream.ended = self.end.unwrap_or(Ended::Left);
        }
    }
}

/// Messages of gRPC in a body, counted as it passes.
#[derive(Debug, Default)]
struct Messages {
    number: u64,
    bytes: u64,
    /// How much of a message's prefix came: a mark and four bytes of length.
    prefix: u8,
    is_trailer: bool,
    length: u32,
    /// How much of the message itself is still to come.
    left: u32,
}

impl Messages {
    fn read(&mut self, mut data: &[u8]) {
        while let Some((first, rest)) = data.split_first() {
            if self.left > 0 {
                let skipped = data.len().min(self.left as usize);
                self.left -= u32::try_from(skipped).unwrap_or(u32::MAX).min(self.left);
                data = data.get(skipped..).unwrap_or_default();
                continue;
            }
            data = rest;
            if self.prefix == 0 {
                self.is_trailer = first & 0x80 != 0;
                self.length = 0;
            } else {
                self.length = self.length << 8 | u32::from(*first);
            }
            self.prefix += 1;
            if self.prefix == 5 {
                self.prefix = 0;
                self.left = self.length;
                if !self.is_trailer {
                    self.number += 1;
                    self.bytes += u64::from(self.length);
                }
            }
        }
    }
}

fn code_of(headers: &HeaderMap) -> Option<u8> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// The code of gRPC that an HTTP status most likely stands for, as Connect maps them.
fn code_for(status: StatusCode) -> u8 {
    match status.as_u16() {
        400 => 3,
        401 => 16,
        403 => 7,
        404 | 405 | 415 => 12,
        409 => 6,
        413 | 429 | 431 => 8,
        499 => 1,
        500 => 13,
        501 => 12,
        503 => 14,
        408 | 504 => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let body = b"\0\0\0\0\x03abc\0\0\0\0\0\0\0\0\0\x01x\x80\0\0\0\x04abcd";
        for size in 1..=body.len() {
            let mut messages = Messages::default();
            body.chunks(size).for_each(|chunk| messages.read(chunk));
            assert_eq!((messages.number, messages.bytes), (3, 4), "chunks of {size}");
        }
    }
}
