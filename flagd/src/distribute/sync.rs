//! `flagd.sync.v1`: flag definitions for those who evaluate for themselves.
//!
//! A stream begins with all flags of its selection and sends them again, all of them, when one of them is different.
//! What is sent is framed once and handed to every stream as it is: a generated service would copy it for each, and
//! a reader that never reads would hold a copy of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State as Extract};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use flagcore::Selector;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::time::{Instant, sleep_until};
use tonic::Code;

use super::listener::{Heard, Listener};
use super::payload::{Payload, SyncContext};
use super::topics::{Topic, Topics, selector};
use crate::state::State;
use crate::telemetry::{Progress, StreamProvider, StreamSelector};
use crate::wire::structs::{Field, Fields, Malformed, text};
use crate::wire::{Deadline, Failure, companions, frames};

/// Everything on the sync port.
pub fn router(state: State) -> Router {
    let services = &["flagd.sync.v1.FlagSyncService"];
    let companions = companions(services, state.draining.clone(), state.farewell.clone());
    let sync = Sync::new(state, Instant::now() + PATIENCE);
    let route = "/flagd.sync.v1.FlagSyncService/{method}";
    Router::new().route(route, post(call)).with_state(sync).merge(companions)
}

#[derive(Clone, Debug)]
struct Sync {
    topics: Arc<Topics<Payload>>,
    /// Kept, so that who fetches it again and again is not the one for whom it is made again and again.
    everything: Arc<Topic<Payload>>,
    /// From when on it serves what there is, also where a source has not delivered yet.
    serves_from: Instant,
    state: State,
}

/// How long it waits for sources that have not delivered.
const PATIENCE: Duration = Duration::from_secs(5);

async fn call(Extract(sync): Extract<Sync>, Path(method): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !kind.starts_with(b"application/grpc") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    match sync.answer(&method, &parts.headers, body).await {
        Ok(answer) => answer,
        Err(failure) => (failure.grpc_headers(), [(CONTENT_TYPE, GRPC)]).into_response(),
    }
}

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

fn grpc(body: Body) -> Response {
    ([(CONTENT_TYPE, GRPC)], body).into_response()
}

impl Sync {
    fn new(state: State, serves_from: Instant) -> Self {
        let context = SyncContext::new(&state.settings.context_values, state.metrics.clone());
        let topics = Arc::new(Topics::new(state.client.clone(), context));
        Self { everything: topics.topic(Selector::default()), topics, serves_from, state }
    }

    async fn answer(&self, method: &str, headers: &HeaderMap, body: Body) -> Result<Response, Failure> {
        let limit = self.state.settings.max_request_body;
        let deadline = Deadline::of_grpc(headers)
            .map_err(|text| Failure::new(Code::Internal, format!("malformed grpc-timeout: {text}")))?;
        let body = deadline.limit(frames::read_body(body, limit)).await?;
        let message = frames::only_message(&body, headers.get("grpc-encoding"), limit)?;
        match method {
            "SyncFlags" => {
                let topic = self.topic(headers, &message)?;
                let provider = StreamProvider(said(&message, PROVIDER)?.to_owned());
                deadline.limit(self.started()).await?;
                // Told to who counts streams: the request may have said it in its message.
                let selector = StreamSelector(topic.selector.to_string());
                let (progress, payloads) = self.payloads(topic, deadline);
                let mut answer = grpc(Body::new(StreamBody::new(payloads)));
                answer.extensions_mut().insert(selector);
                answer.extensions_mut().insert(provider);
                answer.extensions_mut().insert(progress);
                Ok(answer)
            }
            "FetchAllFlags" => {
                let topic = self.topic(headers, &message)?;
                deadline.limit(self.started()).await?;
                let data = self.topics.current(&topic).await.flags_only().map(Frame::data);
                let frames = data.into_iter().chain([Frame::trailers(frames::well_ended())]);
                Ok(grpc(Body::new(StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>))))))
            }
            "GetMetadata" if self.state.settings.disable_sync_metadata => {
                Err(Failure::new(Code::Unimplemented, "metadata endpoint disabled"))
            }
            "GetMetadata" => {
                let mut frame = vec![0; frames::HEAD];
                self.topics.setup().write(&mut frame);
                frames::seal(0, &mut frame);
                Ok(grpc(Body::new(frames::Whole::grpc(frame))))
            }
            _ => Err(Failure::new(Code::Unimplemented, "there is no such method")),
        }
    }

    fn topic(&self, headers: &HeaderMap, message: &[u8]) -> Result<Arc<Topic<Payload>>, Failure> {
        let selector = selector(headers, said(message, SELECTOR)?)?;
        Ok(if selector.is_empty() { self.everything.clone() } else { self.topics.topic(selector) })
    }

    /// Waits until every source has delivered, but not for ever.
    async fn started(&self) -> Result<(), Failure> {
        let mut revision = self.state.revision.clone();
        while !self.state.client.is_ready() {
            // What is delivered without a flag in it makes no revision: it is looked now and then, too.
            let again = (Instant::now() + Duration::from_millis(50)).min(self.serves_from);
            tokio::select! {
                _ = revision.changed() => {}
                () = sleep_until(again) => {}
            }
            if Instant::now() >= self.serves_from {
                break;
            }
        }
        Ok(())
    }

    /// The frames of a stream.
    fn payloads(
        &self,
        topic: Arc<Topic<Payload>>,
        client: Deadline,
    ) -> (Progress, impl stream::Stream<Item = Result<Frame<Bytes>, Infallible>> + use<>) {
        let State { revision, draining, farewell, settings, .. } = self.state.clone();
        let deadline = settings.stream_deadline;
        let listener = Listener::new(self.topics.clone(), topic, revision, draining, deadline)
            .until(client)
            .spread(farewell);
        let progress = listener.progress();
        let frames = stream::unfold(Some(listener), async |listener| {
            let mut listener = listener?;
            let failure = loop {
                match listener.hear(Duration::from_secs(3600)).await {
                    Heard::Shown { now, .. } => return Some((Ok(Frame::data(now.frame())), Some(listener))),
                    Heard::Silence | Heard::Draining => {}
                    Heard::Over => break Failure::new(Code::Unavailable, "the server is shutting down"),
                    Heard::DeadlineExceeded => break super::deadline_exceeded(),
                }
            };
            Some((Ok(Frame::trailers(failure.grpc_headers())), None))
        });
        (progress, frames)
    }
}

/// A text that the request says; a selector in a header wins over its own.
fn said(message: &[u8], number: u64) -> Result<&str, Failure> {
    let read = || {
        let (mut said, mut fields) = ("", Fields::of(message));
        while let Some(field) = fields.next_field()? {
            if let (found, Field::Bytes(bytes)) = field
                && found == number
            {
                said = text(bytes)?;
            }
        }
        Ok(said)
    };
    read().map_err(|Malformed| Failure::new(Code::InvalidArgument, "the request is malformed"))
}

const PROVIDER: u64 = 1;
const SELECTOR: u64 = 2;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::HeaderMap;
    use http_body_util::BodyExt;
    use tokio::time::Instant;

    use super::Sync;
    use crate::server::Daemon;
    use crate::settings::{Settings, SourceSettings};

    #[tokio::test]
    async fn after_its_patience_it_serves_what_there_is() {
        let sources = vec![SourceSettings { path: "/nowhere/flags.json".into() }];
        let ports =
            Settings { port: 0, management_port: 0, sync_port: 0, ofrep_port: 0, ..Settings::default() };
        let daemon = Daemon::start(Settings { sources, ..ports }).await.unwrap();
        let start = Instant::now();
        let sync = Sync::new(daemon.state().clone(), start + Duration::from_millis(60));
        let body = sync.answer("FetchAllFlags", &HeaderMap::new(), Body::from(&[0; 5][..])).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(60));
        let message = body.collect().await.unwrap().to_bytes();
        assert_eq!(&*message, b"\0\0\0\0\x0e\x0a\x0c{\"flags\":{}}");
    }
}
