//! What is measured of a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::{Body as _, Frame, Incoming};
use tonic::Code;

use crate::telemetry::{
    End, Ended, HttpKey, Metrics, OpenStream, Progress, Route, RpcKey, RpcSystem, Service, Trace, code_for,
};
use crate::wire::Failure;

use super::pace::UnderWay;

/// What is measured of a request; it is counted when this is dropped, which is when its answer is sent or given up.
pub(super) struct Record {
    pub(super) route: Route,
    /// Where the bytes of its body are counted, unless its header tells.
    pub(super) request_bytes: Option<Arc<AtomicU64>>,
    pub(super) stream: Option<OpenStream>,
    /// Whoever asks for health or metrics is not traced.
    trace: Option<Box<Trace>>,
    metrics: Arc<Metrics>,
    pub(super) under_way: UnderWay,
    http: Option<HttpKey>,
    rpc: Option<RpcKey>,
    began: Instant,
    request_size: u64,
    status: Option<StatusCode>,
    response_bytes: u64,
    /// Whether messages are in frames that can be read here.
    is_framed: bool,
    messages: Messages,
    code: Option<u8>,
    /// Where the code of a stream comes from at its end, unless a trailer tells it.
    progress: Option<Progress>,
    end: Option<Ended>,
}

impl Record {
    pub(super) fn new(
        metrics: &Arc<Metrics>,
        service: Service,
        tls: bool,
        request: &Request<Incoming>,
        under_way: UnderWay,
    ) -> Self {
        let route = Route::of(request.uri().path());
        let http = HttpKey::new(service, route, request.method(), tls);
        if let Some(key) = http {
            metrics.http_began(key);
        }
        let is_traced = service != Service::Management;
        let trace = is_traced.then(|| metrics.trace(route, request.method(), request.headers())).flatten();
        let known = request.body().size_hint().exact();
        let rpc = route.call().map(|_| RpcKey { system: system(request.headers()), route });
        let is_text = content_type(request.headers()).starts_with(b"application/grpc-web-text");
        Self {
            route,
            request_bytes: known.is_none().then(Arc::default),
            stream: None,
            trace: trace.map(Box::new),
            metrics: metrics.clone(),
            under_way,
            http,
            rpc,
            began: Instant::now(),
            request_size: known.unwrap_or_default(),
            status: None,
            response_bytes: 0,
            is_framed: !is_text && rpc.is_some_and(|rpc| rpc.system != RpcSystem::Connect),
            messages: Messages::default(),
            code: None,
            progress: None,
            end: None,
        }
    }

    /// Runs a part of the handler.
    pub(super) fn during<T>(&mut self, run: impl FnOnce() -> T) -> T {
        match &mut self.trace {
            Some(trace) => trace.during(run),
            None => run(),
        }
    }

    /// There is an answer, though its body is still to be sent.
    pub(super) fn answered(&mut self, answer: &Response<Body>) {
        self.status = Some(answer.status());
        if let Some(trace) = &self.trace {
            trace.answered();
        }
        self.code = code_of(answer.headers());
        self.progress = answer.extensions().get().cloned();
        if self.code.is_none() {
            let told = answer.extensions().get::<Code>().map(|code| *code as i32);
            let told = told.and_then(|code| u8::try_from(code).ok());
            let by_status = (answer.status() != StatusCode::OK).then(|| code_for(answer.status().as_u16()));
            self.code = told.or(by_status);
        }
        if answer.body().is_end_stream() {
            self.end = Some(Ended::Normally);
        }
    }

    pub(super) fn sent(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.response_bytes += data.len() as u64;
            if self.is_framed {
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

    /// Something of ours panicked.
    pub(super) fn panicked(&self) {
        self.metrics.panicked();
        tracing::error!(
            route = self.route.name(),
            "a request failed inside of the daemon; this is a bug of ours"
        );
    }

    /// It panicked while the answer was under way; how that ends, where its protocol can still say so.
    pub(super) fn broke(&mut self) -> Option<HeaderMap> {
        self.panicked();
        self.failed();
        self.code = Some(13);
        let is_grpc = self.rpc.is_some_and(|rpc| rpc.system == RpcSystem::Grpc);
        is_grpc.then(|| Failure::new(Code::Internal, "internal error").grpc_headers())
    }

    pub(super) fn finished(&mut self) {
        if self.end.is_none() {
            self.code = self.code.or(self.progress.as_ref().map(Progress::code));
            self.end = Some(match self.code {
                // Unavailable: the daemon ends, which is no fault of the stream.
                None | Some(0 | 14) => Ended::Normally,
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
        let mut end = End { status: self.status, rpc: None };
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
            let (request, messages) = if self.is_framed {
                (request.saturating_sub(5), (self.messages.number, self.messages.bytes))
            } else {
                (request, (1, self.response_bytes))
            };
            self.metrics.rpc_ended(key, code, took, request, messages);
            end.rpc = Some((key.system, code));
        }
        if let Some(trace) = &mut self.trace {
            trace.finish(end);
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

fn content_type(headers: &HeaderMap) -> &[u8] {
    headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default()
}

fn system(headers: &HeaderMap) -> RpcSystem {
    let content_type = content_type(headers);
    if content_type.starts_with(b"application/grpc-web") {
        RpcSystem::GrpcWeb
    } else if content_type.starts_with(b"application/grpc") {
        RpcSystem::Grpc
    } else {
        RpcSystem::Connect
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
