//! The stream of events: ready, changed, still there, goodbye.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Extensions, HeaderMap};
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tonic::Code;

use super::protocol::{Encoding, Envelope, Generation, Protocol};
use super::service::Service;
use crate::distribute::{Heard, Listener, deadline_exceeded, selector};
use crate::state::State;
use crate::telemetry::StreamSelector;
use crate::wire::{Deadline, Failure, frames, structs};

/// After how much silence a stream says that it is still there.
pub(super) const SILENCE: Duration = Duration::from_secs(20);

impl Service {
    /// The events of the selection that the headers name, as a body; and what is told of it to who counts streams.
    pub(super) fn events(
        &self,
        generation: Generation,
        protocol: Protocol,
        headers: &HeaderMap,
        silence: Duration,
        client: Deadline,
    ) -> Result<(Body, Extensions), Failure> {
        let selector = selector(headers, "")?;
        let mut told = Extensions::new();
        told.insert(StreamSelector(selector.to_string()));
        let topic = self.listings.topic(selector);
        let state = &self.state;
        let deadline = match generation {
            Generation::Schema => Duration::ZERO,
            Generation::V1 | Generation::V2 => state.settings.stream_deadline,
        };
        let State { revision, draining, farewell, .. } = state.clone();
        let listener = Listener::new(self.listings.clone(), topic, revision, draining, deadline)
            .until(client)
            .spread(farewell);
        told.insert(listener.progress());
        let stream = stream::unfold(Some(listener), move |listener| async move {
            let mut listener = listener?;
            let progress = listener.progress();
            let ended = |failure: Failure| {
                progress.end(failure.code as u8);
                ended(Err(failure), protocol.envelope)
            };
            let encoding = protocol.encoding;
            let frame = match listener.hear(silence).await {
                Heard::Shown { before: None, .. } => event("provider_ready", true, encoding),
                Heard::Shown { before: Some(before), now } => match encoding {
                    Encoding::Proto => now.since(&before).proto(),
                    Encoding::Json => now.since(&before).json(),
                },
                Heard::Silence => event("keep_alive", false, encoding),
                Heard::Draining => event("provider_shutdown", true, encoding),
                Heard::Over => {
                    // Not a good end: clients open a stream anew only after an error.
                    let over = Failure::new(Code::Unavailable, "the server is shutting down");
                    return Some((Ok(ended(over)), None));
                }
                Heard::DeadlineExceeded => {
                    return Some((Ok(ended(deadline_exceeded())), None));
                }
            };
            Some((Ok::<_, Infallible>(Frame::data(frame)), Some(listener)))
        });
        Ok((Body::new(StreamBody::new(stream)), told))
    }
}

/// An event without anything in its data, or without data.
fn event(kind: &str, data: bool, encoding: Encoding) -> Bytes {
    let mut frame = vec![0; frames::HEAD];
    match encoding {
        Encoding::Proto => {
            structs::write_text(1, kind, &mut frame);
            if data {
                structs::write_struct(2, [], &mut frame);
            }
        }
        Encoding::Json => {
            let data = if data { "{}" } else { "null" };
            frame.extend_from_slice(format!("{{\"type\":\"{kind}\",\"data\":{data}}}").as_bytes());
        }
    }
    frames::seal(0, &mut frame);
    frame.into()
}

/// How a stream ends.
pub(super) fn ended(result: Result<(), Failure>, envelope: Envelope) -> Frame<Bytes> {
    match envelope {
        Envelope::Grpc => Frame::trailers(match result {
            Ok(()) => frames::well_ended(),
            Err(failure) => failure.grpc_headers(),
        }),
        Envelope::GrpcWeb => Frame::data(web_end(result).into()),
        Envelope::Connect => {
            let mut text = String::from("{");
            if let Err(failure) = result {
                text.push_str("\"error\":");
                failure.write_json(&mut text);
            }
            text.push('}');
            Frame::data(frames::frame(2, text.as_bytes()).into())
        }
    }
}

/// The trailers of gRPC-Web, in a frame.
pub(super) fn web_end(result: Result<(), Failure>) -> Vec<u8> {
    let lines = match result {
        Ok(()) => "grpc-status:0\r\n".to_owned(),
        Err(failure) => failure.grpc_lines(),
    };
    frames::frame(0x80, lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Bytes;
    use axum::http::{HeaderMap, HeaderValue};
    use http_body_util::BodyExt;

    use super::{Generation, Protocol, Service};
    use crate::evaluate::rpc::protocol::Method;
    use crate::server::Daemon;
    use crate::settings::Settings;
    use crate::wire::Deadline;

    async fn first_three(content_type: &'static str) -> Vec<Bytes> {
        let ports =
            Settings { port: 0, management_port: 0, sync_port: 0, ofrep_port: 0, ..Settings::default() };
        let daemon = Daemon::start(ports).await.unwrap();
        let kind = HeaderValue::from_static(content_type);
        let protocol = Protocol::of(Some(&kind), Method::Events).unwrap();
        let silence = Duration::from_millis(1);
        let (service, headers) = (Service::new(daemon.state().clone()), HeaderMap::new());
        let body = service.events(Generation::V1, protocol, &headers, silence, Deadline::default());
        let (mut body, mut frames) = (body.unwrap().0, Vec::new());
        for _ in 0..3 {
            frames.push(body.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        frames
    }

    #[tokio::test]
    async fn a_silent_stream_says_again_and_again_that_it_is_still_there() {
        let frames = first_three("application/grpc").await;
        assert_eq!(&*frames[0], b"\0\0\0\0\x12\x0a\x0eprovider_ready\x12\0");
        assert_eq!(&*frames[1], b"\0\0\0\0\x0c\x0a\x0akeep_alive");
        assert_eq!(frames[2], frames[1]);
        let frames = first_three("application/connect+json").await;
        assert_eq!(&frames[1][5..], br#"{"type":"keep_alive","data":null}"#);
    }
}
