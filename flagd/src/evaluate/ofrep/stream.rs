//! The stream of changes: one event each time the flags of a channel really change.
//!
//! An event only says that the flags are other ones now, and the listener asks for them again (ADR 0008 of the
//! protocol). Its id is the digest of the channel's flags, so it holds across restarts and replicas: a listener that
//! comes back with the id it heard last is told at once if it missed something, and nothing otherwise.
//!
//! A listener that comes without an id is told at once, too. It may have asked for the flags before they changed and
//! come after that, and nobody would ever tell it; with its entity tag the question costs a 304. Most clients also
//! take an id from nothing but an event.
//!
//! Many listeners that are told the same would all ask in the same moment: each of them is told a little later by
//! chance, the more of them there are, up to a second. So is the time after which each comes back.

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
use super::shared::Ofrep;
use crate::chance::between;
use crate::distribute::{Heard, Listener};
use crate::telemetry::StreamSelector;

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
    // Told to who counts streams: it is the path that has it, and no header counts.
    let told = StreamSelector(selector.to_string());
    let listener = ofrep.listener(selector);
    let progress = listener.progress();
    let events = events(listener, last_heard(request.headers()), HEARTBEAT);
    let mut response = Response::new(Body::from_stream(events));
    response.extensions_mut().insert(told);
    response.extensions_mut().insert(progress);
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
                    Heard::Shown { before: Some(_), now } => {
                        let most =
                            STAGGER.saturating_mul(listener.audience().saturating_sub(FEW)).min(LONGEST);
                        if most.is_zero() {
                            break event(&now);
                        }
                        tokio::time::sleep(between(Duration::ZERO, most)).await;
                        // What came meanwhile is told instead.
                        break event(&listener.newest().await.unwrap_or(now));
                    }
                    Heard::Silence => break ": keep-alive\n\n".to_owned(),
                    Heard::Draining => {}
                    Heard::Over | Heard::DeadlineExceeded => return None,
                }
            };
            Some((Ok(Bytes::from(word)), listener))
        }
    })
}

/// How long to wait before coming back, and the id of what is served now; in an event unless it is known to be heard.
fn greeting(digest: &Digest, last_heard: Option<String>) -> String {
    let id = digest.to_string();
    let knows = last_heard.is_some_and(|last| last == id);
    let rest = if knows { format!("id: {id}\n\n") } else { event(digest) };
    let [soonest, latest] = RETRY;
    format!("retry: {}\n{rest}", between(soonest, latest).as_millis())
}

fn event(digest: &Digest) -> String {
    format!(
        "id: {digest}\nevent: message\ndata: {{\"type\":\"refetchEvaluation\",\"etag\":\"{digest}\"}}\n\n"
    )
}

/// Where the streams are: the channel of all flags here, others below.
pub(super) const PATH: &str = "/ofrep/v1/sse";

const HEARTBEAT: Duration = Duration::from_secs(30);
/// After how long at least and at most a listener comes back.
const RETRY: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(4)];
/// How many listeners are told at once, and how much later on average another one is told for each that is more.
const FEW: u32 = 20;
const STAGGER: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(1);

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
        let greeting = next().await.unwrap();
        let retry = greeting.strip_prefix("retry: ").and_then(|rest| rest.split('\n').next()).unwrap();
        assert!((2_000..4_000).contains(&retry.parse().unwrap()), "{greeting}");
        assert!(greeting.contains("\ndata: {\"type\":\"refetchEvaluation\""), "{greeting}");
        assert_eq!(next().await.unwrap(), ": keep-alive\n\n");
        assert_eq!(next().await.unwrap(), ": keep-alive\n\n");
        drain.send(true).unwrap();
        // What was being waited for may still be said.
        while let Some(word) = next().await {
            assert_eq!(word, ": keep-alive\n\n");
        }
    }
}
