//! The stream of changes: one event each time the flags of a channel really change.
//!
//! An event only says that the flags are other ones now, and the listener asks for them again (ADR 0008 of the
//! protocol). Its id is the digest of the channel's flags, so it holds across restarts and replicas: a listener that
//! comes back with the id it heard last is told at once if it missed something, and nothing otherwise.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{self, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use flagcore::Selector;
use futures_util::stream::{self, Stream};

use super::channel::Digest;
use super::path;
use super::refusal::Refusal;
use super::router::Ofrep;
use crate::distribute::{Heard, Listener};

/// Answers with the stream of the channel that the path names.
pub(super) async fn listen(extract::State(ofrep): extract::State<Arc<Ofrep>>, request: Request) -> Response {
    let channel = request.uri().path().strip_prefix(PATH).unwrap_or("");
    let Some(channel) = path::decoded(channel.strip_prefix('/').unwrap_or(channel)) else {
        return path::text(StatusCode::BAD_REQUEST, "400 Bad Request");
    };
    let selector: Selector = match channel.parse() {
        Ok(selector) => selector,
        Err(error) => return Refusal::Selector(error).response(None),
    };
    let events = events(ofrep.listener(selector), last_heard(request.headers()), HEARTBEAT);
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Buffering on the way would hold events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn last_heard(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// What is said to somebody who listens, until the daemon ends.
fn events(
    listener: Listener<Digest>,
    last_heard: Option<String>,
    heartbeat: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(listener, move |mut listener| {
        let last_heard = last_heard.clone();
        async move {
            let word = loop {
                match listener.hear(heartbeat).await {
                    Heard::Shown { before: None, now } => break greeting(&now, last_heard),
                    Heard::Shown { before: Some(_), now } => break event(&now),
                    Heard::Silence => break ": keep-alive\n\n".to_owned(),
                    Heard::Draining => {}
                    Heard::Over | Heard::DeadlineExceeded => return None,
                }
            };
            Some((Ok(Bytes::from(word)), listener))
        }
    })
}

/// How long to wait before coming back, and the id of what is served now; an event if that is not what was heard.
fn greeting(digest: &Digest, last_heard: Option<String>) -> String {
    let id = digest.to_string();
    let missed = last_heard.is_some_and(|last| last != id);
    let rest = if missed { event(digest) } else { format!("id: {id}\n\n") };
    format!("retry: {RETRY_MS}\n{rest}")
}

fn event(digest: &Digest) -> String {
    format!(
        "id: {digest}\nevent: message\ndata: {{\"type\":\"refetchEvaluation\",\"etag\":\"{digest}\"}}\n\n"
    )
}

/// Where the streams are: the channel of all flags here, others below.
pub(super) const PATH: &str = "/ofrep/v1/sse";

const HEARTBEAT: Duration = Duration::from_secs(30);
const RETRY_MS: u32 = 3_000;

#[cfg(test)]
mod tests {
    use flagcore::Client;
    use flagcore::model::Format;
    use futures_util::StreamExt;
    use tokio::sync::watch;

    use super::*;
    use crate::distribute::Topics;

    #[tokio::test]
    async fn silence_is_broken_by_a_comment_and_ended_by_draining() {
        let flags = br#"{"flags":{}}"#;
        let client = Client::builder().watch(false).bytes("a.json", flags, Format::Json).build().unwrap();
        let (_revise, revision) = watch::channel(0);
        let (drain, draining) = watch::channel(false);
        let channels = Arc::new(Topics::new(client, ()));
        let channel = channels.topic(Selector::default());
        let listener = Listener::new(channels, channel, revision, draining, Duration::ZERO);
        let mut events = Box::pin(events(listener, None, Duration::from_millis(1)));
        let mut next =
            async || events.next().await.map(|word| String::from_utf8(word.unwrap().into()).unwrap());
        assert!(next().await.unwrap().starts_with("retry: 3000\nid: "));
        assert_eq!(next().await.unwrap(), ": keep-alive\n\n");
        assert_eq!(next().await.unwrap(), ": keep-alive\n\n");
        drain.send(true).unwrap();
        // What was being waited for may still be said.
        while let Some(word) = next().await {
            assert_eq!(word, ": keep-alive\n\n");
        }
    }
}
