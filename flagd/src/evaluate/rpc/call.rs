//! One call: what HTTP says about it, in every protocol.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tonic::Code;

use super::events::{SILENCE, ended, web_end};
use super::protocol::{Envelope, Generation, Method, Protocol, accept_post};
use super::service::Service;
use crate::wire::{Deadline, Failure, base64, frames};

/// Answers whatever comes to the port of evaluation.
pub(super) async fn call(State(service): State<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some((generation, method)) = Method::of(parts.uri.path()) else {
        return unknown(parts.headers.get(CONTENT_TYPE));
    };
    if parts.method != Verb::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")]).into_response();
    }
    let Some(protocol) = Protocol::of(parts.headers.get(CONTENT_TYPE), method) else {
        let accepted = [(HeaderName::from_static("accept-post"), accept_post(method))];
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, accepted).into_response();
    };
    if protocol.envelope == Envelope::Grpc && parts.version < Version::HTTP_2 {
        return StatusCode::HTTP_VERSION_NOT_SUPPORTED.into_response();
    }
    let deadline = match deadline(protocol, &parts.headers) {
        Ok(deadline) => deadline,
        Err(failure) => return refused(failure, protocol, method),
    };
    let message = match deadline.limit(message(&service, protocol, method, &parts.headers, body)).await {
        Ok(message) => message,
        Err(failure) => return refused(failure, protocol, method),
    };
    if method == Method::Events {
        return match service.events(generation, protocol, &parts.headers, SILENCE, deadline) {
            Ok((body, told)) => {
                let mut response = respond(protocol, body);
                response.extensions_mut().extend(told);
                response
            }
            Err(failure) => refused(failure, protocol, method),
        };
    }
    unary(&service, (generation, method), protocol, &parts.headers, &message)
}

/// An answer to who asked for what is not there: to gRPC in its own words, else in HTTP's.
fn unknown(content_type: Option<&HeaderValue>) -> Response {
    let protocol = Protocol::of(content_type, Method::Boolean);
    match protocol.filter(|protocol| protocol.envelope != Envelope::Connect) {
        Some(protocol) => {
            let failure = Failure::new(Code::Unimplemented, "there is no such method");
            refused(failure, protocol, Method::Boolean)
        }
        None => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}

/// Until when the client waits.
fn deadline(protocol: Protocol, headers: &HeaderMap) -> Result<Deadline, Failure> {
    let deadline = match protocol.envelope {
        Envelope::Connect => Deadline::of_connect(headers),
        Envelope::Grpc | Envelope::GrpcWeb => Deadline::of_grpc(headers),
    };
    deadline.map_err(|text| Failure::new(Code::InvalidArgument, text))
}

/// The message of a request, out of its frame and its compression.
async fn message(
    service: &Service,
    protocol: Protocol,
    method: Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Failure> {
    if protocol.envelope == Envelope::Connect
        && let Some(version) = headers.get("connect-protocol-version")
        && version != "1"
    {
        let text = format!("connect-protocol-version must be \"1\": got {version:?}");
        return Err(Failure::new(Code::InvalidArgument, text));
    }
    let limit = service.state.settings.max_request_body;
    let mut body = frames::read_body(body, limit).await?;
    if protocol.is_text() {
        body = base64::decoded(&body)?.into();
    }
    if !protocol.is_framed(method) {
        return frames::plain(body, headers.get(CONTENT_ENCODING), limit);
    }
    let encoding = match protocol.envelope {
        Envelope::Connect => headers.get("connect-content-encoding"),
        Envelope::Grpc | Envelope::GrpcWeb => headers.get("grpc-encoding"),
    };
    frames::only_message(&body, encoding, limit)
}

fn unary(
    service: &Service,
    asked: (Generation, Method),
    protocol: Protocol,
    headers: &HeaderMap,
    message: &[u8],
) -> Response {
    let room = if protocol.envelope == Envelope::Connect { 0 } else { frames::HEAD };
    let mut answer = match service.answer(asked, protocol.encoding, headers, message, room) {
        Ok(answer) => answer,
        Err(failure) => return refused(failure, protocol, asked.1),
    };
    match protocol.envelope {
        Envelope::Connect => respond(protocol, answer),
        Envelope::Grpc => {
            frames::seal(0, &mut answer);
            respond(protocol, Body::new(frames::Whole::grpc(answer)))
        }
        Envelope::GrpcWeb => {
            frames::seal(0, &mut answer);
            answer.extend(web_end(Ok(())));
            respond(protocol, answer)
        }
    }
}

fn respond(protocol: Protocol, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    if protocol.is_text() {
        response = response.map(|body| Body::new(body.map_frame(|frame| frame.map_data(base64::encoded))));
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(protocol.content_type));
    if protocol.envelope == Envelope::Connect {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// An answer that says why there is none.
fn refused(failure: Failure, protocol: Protocol, method: Method) -> Response {
    let code = failure.code;
    let mut response = refusal(failure, protocol, method);
    // The metrics tell the code, wherever the protocol has it: in a body, or as a status that several codes share.
    response.extensions_mut().insert(code);
    response
}

fn refusal(failure: Failure, protocol: Protocol, method: Method) -> Response {
    match protocol.envelope {
        // A header before the trailers tells clients that try again where there was no answer that this is one.
        Envelope::Grpc if method != Method::Events => {
            let trailers = Frame::trailers(failure.grpc_headers());
            respond(protocol, Body::new(StreamBody::new(stream::iter([Ok::<_, Infallible>(trailers)]))))
        }
        Envelope::Grpc => {
            let mut response = respond(protocol, Body::empty());
            response.headers_mut().extend(failure.grpc_headers());
            response
        }
        Envelope::GrpcWeb => respond(protocol, web_end(Err(failure))),
        Envelope::Connect if method == Method::Events => {
            let end = ended(Err(failure), Envelope::Connect);
            respond(protocol, Body::new(StreamBody::new(stream::iter([Ok::<_, Infallible>(end)]))))
        }
        Envelope::Connect => {
            let mut text = String::new();
            failure.write_json(&mut text);
            let mut response = respond(protocol, text);
            *response.status_mut() = failure.http_status();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
    }
}
