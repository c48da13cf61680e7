//! Counts HTTP requests and calls of RPC.
//!
//! Every combination of labels has a place of its own in a table, made when it is first seen: counting takes no
//! lock and no hash, and the table cannot grow, whatever is sent.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};

use super::cells::{BYTES, CALL_MILLISECONDS, CALL_NUMBERS, Histogram, SECONDS};
use super::codes::CODES;
use super::routes::{COUNT, Route};
use super::samples::{Number, Samples};

/// A port's part in the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// gRPC, gRPC-Web and Connect.
    Evaluation,
    /// OFREP.
    Ofrep,
    /// Flag definitions.
    Sync,
    /// Health, readiness, status and metrics.
    Management,
}

impl Service {
    /// Its name in logs and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Service::Evaluation => "evaluation",
            Service::Ofrep => "ofrep",
            Service::Sync => "sync",
            Service::Management => "management",
        }
    }
}

/// The labels of an HTTP request.
#[derive(Clone, Copy, Debug)]
pub struct HttpKey(usize);

impl HttpKey {
    /// The labels of a request; none where the service's requests are not counted as HTTP.
    pub fn new(service: Service, route: Route, method: &Method, tls: bool) -> Option<Self> {
        let service = match service {
            Service::Evaluation => 0,
            Service::Ofrep => 1,
            Service::Sync | Service::Management => return None,
        };
        let method = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let row = (service * COUNT + route.number()) * METHODS.len() + method;
        Some(Self(row * 2 + usize::from(tls)))
    }

    /// The labels of a place in the table.
    fn labels(number: usize) -> [(&'static str, &'static str); 4] {
        let (row, tls) = (number / 2, number % 2 == 1);
        let route = match Route::numbered(row / METHODS.len() % COUNT).name() {
            // The reference labels it by the pattern of its router, backslash and all.
            "/ofrep/v1/evaluate/flags" => r"/ofrep/v1/evaluate/{path:flags\/|flags}",
            route => route,
        };
        [
            ("http.request.method", METHODS.get(row % METHODS.len()).unwrap_or(&"_OTHER")),
            ("http.route", route),
            ("service.name", "flagd"),
            ("url.scheme", if tls { "https" } else { "http" }),
        ]
    }
}

/// How a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpcSystem {
    /// gRPC.
    Grpc,
    /// gRPC-Web.
    GrpcWeb,
    /// Connect.
    Connect,
}

/// The labels of a call, without its outcome.
#[derive(Clone, Copy, Debug)]
pub struct RpcKey {
    /// How it came.
    pub system: RpcSystem,
    /// What was called.
    pub route: Route,
}

/// HTTP requests and calls.
#[derive(Debug)]
pub(super) struct Requests {
    http: Box<[OnceLock<Box<Http>>]>,
    rpc: Box<[OnceLock<Box<Rpc>>]>,
}

#[derive(Debug, Default)]
struct Http {
    active: AtomicI64,
    answered: [OnceLock<Box<Answered>>; STATUSES.len()],
}

#[derive(Debug)]
struct Answered {
    duration: Histogram,
    request: Histogram,
    response: Histogram,
}

#[derive(Debug)]
struct Rpc {
    duration: Histogram,
    request_size: Histogram,
    response_size: Histogram,
    requests: Histogram,
    responses: Histogram,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            http: (0..2 * COUNT * METHODS.len() * 2).map(|_| OnceLock::new()).collect(),
            rpc: (0..SYSTEMS.len() * COUNT * CODES.len()).map(|_| OnceLock::new()).collect(),
        }
    }
}

impl Requests {
    pub(super) fn http_began(&self, key: HttpKey) {
        if let Some(http) = self.http.get(key.0) {
            http.get_or_init(Box::default).active.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `answer` is the status with the sizes of both bodies; none where nobody waited for one.
    pub(super) fn http_ended(&self, key: HttpKey, took: Duration, answer: Option<(StatusCode, u64, u64)>) {
        let Some(http) = self.http.get(key.0).and_then(OnceLock::get) else { return };
        http.active.fetch_sub(1, Ordering::Relaxed);
        let Some((status, request, response)) = answer else { return };
        let at = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or_default();
        let Some(answered) = http.answered.get(at) else { return };
        let answered = answered.get_or_init(|| {
            Box::new(Answered {
                duration: Histogram::new(&SECONDS),
                request: Histogram::new(&BYTES),
                response: Histogram::new(&BYTES),
            })
        });
        answered.duration.record(nanoseconds(took));
        answered.request.record(request);
        answered.response.record(response);
    }

    /// `messages` are the number and the bytes of those that were sent.
    pub(super) fn rpc_ended(
        &self,
        key: RpcKey,
        code: u8,
        took: Duration,
        request: u64,
        messages: (u64, u64),
    ) {
        let code = usize::from(code).min(CODES.len() - 1);
        let system = SYSTEMS.iter().position(|(system, _)| *system == key.system).unwrap_or_default();
        let Some(rpc) = self.rpc.get((system * COUNT + key.route.number()) * CODES.len() + code) else {
            return;
        };
        let rpc = rpc.get_or_init(|| {
            Box::new(Rpc {
                duration: Histogram::new(&CALL_MILLISECONDS),
                request_size: Histogram::new(&CALL_NUMBERS),
                response_size: Histogram::new(&CALL_NUMBERS),
                requests: Histogram::new(&CALL_NUMBERS),
                responses: Histogram::new(&CALL_NUMBERS),
            })
        });
        rpc.duration.record(nanoseconds(took));
        rpc.request_size.record(request);
        rpc.response_size.record(messages.1);
        rpc.requests.record(1);
        rpc.responses.record(messages.0);
    }

    /// Tells one of the instruments of HTTP.
    pub(super) fn tell_http(&self, samples: &mut impl Samples, instrument: HttpInstrument) {
        for (number, http) in self.http.iter().enumerate() {
            let Some(http) = http.get() else { continue };
            let [method, route, name, scheme] = HttpKey::labels(number);
            if instrument == HttpInstrument::Active {
                let active = u64::try_from(http.active.load(Ordering::Relaxed)).unwrap_or_default();
                samples.number(&[method, route, name, scheme], Number::Whole(active));
                continue;
            }
            for (answered, status) in http.answered.iter().zip(STATUSES) {
                let Some(answered) = answered.get() else { continue };
                let status = if status == 0 { "_other".to_owned() } else { status.to_string() };
                let labels = [("http.response.status_code", status.as_str()), method, route, name, scheme];
                let histogram = match instrument {
                    HttpInstrument::Active | HttpInstrument::Duration => &answered.duration,
                    HttpInstrument::RequestSize => &answered.request,
                    HttpInstrument::ResponseSize => &answered.response,
                };
                samples.histogram(&labels, histogram);
            }
        }
    }

    /// Tells one of the instruments of calls.
    pub(super) fn tell_rpc(&self, samples: &mut impl Samples, instrument: RpcInstrument) {
        for (number, rpc) in self.rpc.iter().enumerate() {
            let Some(rpc) = rpc.get() else { continue };
            let (row, code) = (number / CODES.len(), number % CODES.len());
            let Some((service, method)) = Route::numbered(row % COUNT).call() else { continue };
            let Some((system, word)) = SYSTEMS.get(row / COUNT) else { continue };
            let number = code.to_string();
            let outcome = match system {
                RpcSystem::Grpc => Some(("rpc.grpc.status_code", number.as_str())),
                RpcSystem::GrpcWeb => Some(("rpc.grpc_web.status_code", number.as_str())),
                // Connect names its errors, and has no name for success.
                RpcSystem::Connect => CODES
                    .get(code)
                    .filter(|_| code > 0)
                    .map(|(word, _)| ("rpc.connect_rpc.error_code", *word)),
            };
            let call = [("rpc.method", method), ("rpc.service", service), ("rpc.system", *word)];
            let labels: Vec<_> = outcome.into_iter().chain(call).collect();
            let histogram = match instrument {
                RpcInstrument::Duration => &rpc.duration,
                RpcInstrument::RequestSize => &rpc.request_size,
                RpcInstrument::ResponseSize => &rpc.response_size,
                RpcInstrument::Requests => &rpc.requests,
                RpcInstrument::Responses => &rpc.responses,
            };
            samples.histogram(&labels, histogram);
        }
    }
}

/// What is measured of an HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpInstrument {
    Active,
    Duration,
    RequestSize,
    ResponseSize,
}

/// What is measured of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RpcInstrument {
    Duration,
    RequestSize,
    ResponseSize,
    Requests,
    Responses,
}

fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

/// Any other method counts as the last.
const METHODS: [&str; 8] = ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "_OTHER"];

/// Any other status counts as the first, which stands for none of its own.
const STATUSES: [u16; 26] = [
    0, 200, 204, 206, 301, 304, 307, 308, 400, 401, 403, 404, 405, 408, 411, 412, 413, 415, 429, 431, 499,
    500, 501, 503, 504, 505,
];

const SYSTEMS: [(RpcSystem, &str); 3] =
    [(RpcSystem::Grpc, "grpc"), (RpcSystem::GrpcWeb, "grpc_web"), (RpcSystem::Connect, "connect_rpc")];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::text::Text;

    #[test]
    fn a_status_without_a_place_of_its_own_is_told_as_another() {
        let requests = Requests::default();
        let key = HttpKey::new(Service::Ofrep, Route::of("/"), &Method::GET, false).unwrap();
        for status in [418, 599] {
            requests.http_began(key);
            requests.http_ended(key, Duration::ZERO, Some((StatusCode::from_u16(status).unwrap(), 0, 0)));
        }
        let mut text = String::new();
        let mut samples = Text::new(&mut text);
        requests.tell_http(&mut samples, HttpInstrument::Duration);
        assert!(text.contains(r#"_count{http_response_status_code="_other""#), "{text}");
        assert!(text.contains("} 2\n") && !text.contains(r#"code="0""#), "{text}");
    }
}
