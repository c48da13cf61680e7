//! Takes one request to its handler: measured, and contained if it panics.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use flagcore::Selector;
use hyper::body::{Body as _, Incoming};
use tower::Service as _;

use crate::settings::Settings;
use crate::state::State;
use crate::telemetry::{OpenStream, Progress, Route, Service, StreamProvider, StreamSelector, StreamStatus};

use super::bodies::{CountedBody, TimedBody};
use super::pace::UnderWay;
use super::record::Record;
use super::unfinished::{Begun, FREE, Unfinished};
use super::untaken::{Held, LARGE, Untaken, Waits};

/// What all requests of a port have in common.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) service: Service,
    pub(super) router: Router,
    pub(super) state: State,
    pub(super) tls: bool,
    /// Shared by all ports.
    pub(super) untaken: Untaken,
    /// Shared by all ports.
    pub(super) unfinished: Unfinished,
}

impl Handler {
    /// Answers a request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        under_way: UnderWay,
        peer: Arc<str>,
    ) -> Result<Response<CountedBody>, Infallible> {
        let mut record = Record::new(&self.state.metrics, self.service, self.tls, &request, under_way);
        if is_too_long(request.headers(), header_limit(&self.state.settings)) {
            let refusal = refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            return Ok(counted(record, refusal, None));
        }
        let limit = Some(self.state.settings.body_deadline);
        let limit = limit.filter(|limit| !limit.is_zero() && !record.route.takes_stream());
        let bytes = record.request_bytes.clone();
        let is_small = request.body().size_hint().upper().is_some_and(|bytes| bytes <= FREE);
        let refused = (!is_small).then(Arc::<AtomicBool>::default);
        let begun = refused
            .clone()
            .map(|refused| Begun::new(self.unfinished.clone(), record.under_way.waits().clone(), refused));
        let request = request.map(|body| match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(TimedBody::new(body, limit, bytes, begun)),
        });

        let mut router = self.router.clone();
        let mut answer = pin!(router.call(request));
        let answer = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| record.during(|| answer.as_mut().poll(cx))));
            match polled {
                Ok(Poll::Ready(Ok(answer))) => Poll::Ready(Some(answer)),
                Ok(Poll::Pending) => Poll::Pending,
                Err(_) => Poll::Ready(None),
            }
        });
        let answer = answer.await.unwrap_or_else(|| {
            record.panicked();
            refusal(StatusCode::INTERNAL_SERVER_ERROR)
        });
        if refused.is_some_and(|refused| refused.load(Ordering::Relaxed)) {
            return Ok(counted(record, refusal(StatusCode::SERVICE_UNAVAILABLE), None));
        }
        if record.route.is_stream() && answer.status() == StatusCode::OK {
            record.stream = self.listens(record.route, &answer, peer);
        }
        if record.stream.is_some() {
            return Ok(counted(record, answer, None));
        }
        Ok(match self.hold(&answer, record.under_way.waits()) {
            Ok(held) => counted(record, answer, held),
            Err(TooMuch) => counted(record, refusal(StatusCode::SERVICE_UNAVAILABLE), None),
        })
    }

    /// Takes what an answer holds until it is taken, where that is much.
    fn hold(&self, answer: &Response<Body>, waits: &Arc<Waits>) -> Result<Option<Arc<Held>>, TooMuch> {
        let bytes = match answer.body().size_hint().upper() {
            Some(bytes) => bytes,
            // What is compressed is not known before it is, and was large enough for that.
            None if answer.headers().contains_key(CONTENT_ENCODING) => COMPRESSED,
            // Shared with all others who are sent it.
            None => return Ok(None),
        };
        if bytes <= LARGE {
            return Ok(None);
        }
        let patience = match self.state.settings.body_deadline {
            // Who gives clients all the time they want still wants the memory back some day.
            Duration::ZERO => Duration::from_secs(3_600),
            deadline => deadline.saturating_mul(6),
        };
        self.untaken.take(bytes, patience, waits).map(Some).ok_or(TooMuch)
    }

    /// Puts a stream among those that are open.
    fn listens(&self, route: Route, answer: &Response<Body>, peer: Arc<str>) -> Option<OpenStream> {
        // An answer that is complete, as an error in the words of gRPC is, is no stream.
        if answer.body().is_end_stream() {
            return None;
        }
        let told = answer.extensions();
        let selector = told.get::<StreamSelector>().map(|selector| selector.0.clone()).unwrap_or_default();
        let label = if self.matches(&selector) { selector.clone() } else { "_other".to_owned() };
        let status = StreamStatus {
            service: self.service,
            route: route.name(),
            selector: shortened(&selector),
            provider: told.get::<StreamProvider>().map(|it| shortened(&it.0)).unwrap_or_default(),
            peer,
            progress: told.get::<Progress>().cloned().unwrap_or_default(),
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

/// Answers that nobody takes hold too much already.
struct TooMuch;

/// What a compressed body counts as.
const COMPRESSED: u64 = 1 << 20;

fn counted(mut record: Record, answer: Response<Body>, held: Option<Arc<Held>>) -> Response<CountedBody> {
    record.answered(&answer);
    answer.map(|body| CountedBody::new(body, record, held))
}

/// So much of a client's text as is kept of it.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
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

/// The bytes that a header may have.
pub(super) fn header_limit(settings: &Settings) -> usize {
    if settings.max_request_header == 0 { 1 << 20 } else { settings.max_request_header }
}
