//! The stream of events: ready, changed, goodbye; over gRPC and over Connect.

mod common;

use std::time::Duration;

use common::rpc::{Running, code_and_text, frames, http, json_of, serve, settings, switches, with_header};
use flagd::proto::evaluation_v1::service_client::ServiceClient as V1;
use flagd::proto::evaluation_v1::{self, EventStreamResponse};
use flagd::proto::evaluation_v2::service_client::ServiceClient as V2;
use flagd::proto::schema_v1::service_client::ServiceClient as Schema;
use flagd::proto::{evaluation_v2, schema_v1};
use flagd::settings::Settings;
use prost_types::Struct;
use serde_json::{Value, json};
use tonic::{Code, Streaming};

async fn open(server: &Running, selector: &str) -> Streaming<EventStreamResponse> {
    let mut client = V1::new(server.evaluation_channel().await);
    let request = with_header(evaluation_v1::EventStreamRequest {}, "flagd-selector", selector);
    client.event_stream(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<EventStreamResponse>) -> (String, Option<Value>) {
    let event = stream.message().await.unwrap().unwrap();
    (event.r#type, event.data.as_ref().map(json_of))
}

fn changed(flags: Value) -> (String, Option<Value>) {
    ("configuration_change".into(), Some(json!({"flags": flags})))
}

fn ready() -> (String, Option<Value>) {
    ("provider_ready".into(), Some(json!({})))
}

#[tokio::test]
async fn a_change_names_exactly_the_keys_that_changed() {
    let server = serve(&switches(&[("a", "on"), ("b", "on"), ("c", "on")]), settings()).await;
    let mut stream = open(&server, "").await;
    assert_eq!(next(&mut stream).await, ready());
    server.replace(&switches(&[("a", "off"), ("c", "on"), ("d", "on")]));
    let flags = json!({"a": {"type": "update"}, "b": {"type": "delete"}, "d": {"type": "write"}});
    assert_eq!(next(&mut stream).await, changed(flags));
    // Equal content makes no event: the next one tells of the next change.
    server.replace(&switches(&[("a", "off"), ("c", "on"), ("d", "on")]).replace(", ", " , "));
    server.replace(&switches(&[("a", "off"), ("c", "on")]));
    assert_eq!(next(&mut stream).await, changed(json!({"d": {"type": "delete"}})));
    // What all flags inherit changes all flags.
    let metadata = switches(&[("a", "off"), ("c", "on")]).replacen('{', r#"{"metadata": {"team": "x"}, "#, 1);
    server.replace(&metadata);
    let flags = json!({"a": {"type": "update"}, "c": {"type": "update"}});
    assert_eq!(next(&mut stream).await, changed(flags));
}

#[tokio::test]
async fn another_bucketing_changes_the_flags_that_split() {
    let flags = |bucketing: &str| {
        json!({"bucketing": bucketing, "flags": {
            "plain": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"},
            "split": {"state": "ENABLED", "variants": {"a": "a", "b": "b"}, "defaultVariant": "a",
                "targeting": {"fractional": [["a", 50], ["b", 50]]}},
        }})
    };
    let server = serve(&flags("v2").to_string(), settings()).await;
    let mut stream = open(&server, "").await;
    assert_eq!(next(&mut stream).await, ready());
    for bucketing in ["v3", "v1", "v2"] {
        server.replace(&flags(bucketing).to_string());
        assert_eq!(next(&mut stream).await, changed(json!({"split": {"type": "update"}})), "{bucketing}");
    }
}

#[tokio::test]
async fn a_broken_edit_is_no_event() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    let mut stream = open(&server, "").await;
    assert_eq!(next(&mut stream).await, ready());
    server.replace("{ broken");
    server.replace(&switches(&[("a", "off")]));
    assert_eq!(next(&mut stream).await, changed(json!({"a": {"type": "update"}})));
}

#[tokio::test]
async fn a_selection_hears_of_its_own_flags_only() {
    let flag = |key: &str, default: &str, id: &str| {
        format!(
            r#""{key}": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "{default}", "metadata": {{"flagSetId": "{id}"}}}}"#
        )
    };
    let both = |one: &str, two: &str| {
        format!(r#"{{"flags": {{{}, {}}}}}"#, flag("a", one, "one"), flag("b", two, "two"))
    };
    let server = serve(&both("on", "on"), settings()).await;
    let (mut one, mut all) = (open(&server, "flagSetId=one").await, open(&server, "").await);
    assert_eq!((next(&mut one).await, next(&mut all).await), (ready(), ready()));
    server.replace(&both("on", "off"));
    assert_eq!(next(&mut all).await, changed(json!({"b": {"type": "update"}})));
    server.replace(&both("off", "off"));
    assert_eq!(next(&mut all).await, changed(json!({"a": {"type": "update"}})));
    assert_eq!(next(&mut one).await, changed(json!({"a": {"type": "update"}})));
}

#[tokio::test]
async fn all_generations_have_the_stream() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    let channel = server.evaluation_channel().await;
    let v2 = V2::new(channel.clone()).event_stream(evaluation_v2::EventStreamRequest {}).await;
    let schema = Schema::new(channel).event_stream(schema_v1::EventStreamRequest {}).await;
    let (mut v2, mut schema) = (v2.unwrap().into_inner(), schema.unwrap().into_inner());
    let ready = ("provider_ready".to_owned(), Some(Struct::default()));
    let (newest, oldest) = (v2.message().await.unwrap().unwrap(), schema.message().await.unwrap().unwrap());
    assert_eq!((newest.r#type, newest.data), ready);
    assert_eq!((oldest.r#type, oldest.data), ready);
}

#[tokio::test]
async fn a_selector_that_is_none_is_refused() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    let request = with_header(evaluation_v1::EventStreamRequest {}, "flagd-selector", "x=y");
    let refused = V1::new(server.evaluation_channel().await).event_stream(request).await.unwrap_err();
    let invalid = r#"invalid selector: invalid selector key "x", valid keys: "flagSetId", "source""#;
    assert_eq!(code_and_text(&refused), (Code::InvalidArgument, invalid.into()));
}

#[tokio::test]
async fn a_deadline_ends_a_stream_but_that_of_the_oldest_generation() {
    let deadline = Duration::from_millis(100);
    let server = serve(&switches(&[("a", "on")]), Settings { stream_deadline: deadline, ..settings() }).await;
    let channel = server.evaluation_channel().await;
    let oldest = Schema::new(channel.clone()).event_stream(schema_v1::EventStreamRequest {}).await;
    let mut oldest = oldest.unwrap().into_inner();
    oldest.message().await.unwrap().unwrap();
    let newest = V2::new(channel).event_stream(evaluation_v2::EventStreamRequest {}).await;
    let mut newest = newest.unwrap().into_inner();
    newest.message().await.unwrap().unwrap();
    let end = newest.message().await.unwrap_err();
    let expected = (Code::DeadlineExceeded, "stream closed due to server-side timeout".into());
    assert_eq!(code_and_text(&end), expected);
    server.replace(&switches(&[("a", "off")]));
    assert_eq!(oldest.message().await.unwrap().unwrap().r#type, "configuration_change");
}

#[tokio::test]
async fn a_stream_ends_when_its_client_stops_to_wait() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    // Over HTTP/1.1, where no client of gRPC's own can end it.
    for (kind, header, told, end) in [
        ("application/grpc-web", "grpc-timeout", "100m", "grpc-status:4\r\n"),
        ("application/connect+json", "connect-timeout-ms", "100", r#""code":"deadline_exceeded""#),
        ("application/connect+json", "connect-timeout-ms", "x", r#""code":"invalid_argument""#),
    ] {
        let headers = [("content-type", kind), (header, told)];
        let body = if kind.ends_with("json") { &b"\0\0\0\0\x02{}"[..] } else { &[0; 5] };
        let answer = http(server.evaluation(), "POST", STREAM, &headers, body).await;
        let frames = frames(&answer.body);
        let last = String::from_utf8_lossy(&frames.last().unwrap().1);
        assert!(last.contains(end), "{last}");
        assert_eq!(frames.len(), if told == "x" { 1 } else { 2 }, "{kind}");
    }
}

#[tokio::test]
async fn a_daemon_that_ends_says_goodbye() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    let mut stream = open(&server, "").await;
    assert_eq!(next(&mut stream).await, ready());
    let stopping = tokio::spawn(server.daemon.stop());
    assert_eq!(next(&mut stream).await.0, "provider_shutdown");
    // An error: the JavaScript provider hears of nothing else, and would never open another stream.
    let end = stream.message().await.unwrap_err();
    assert_eq!(code_and_text(&end), (Code::Unavailable, "the server is shutting down".to_owned()));
    drop(stream);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_thousand_streams_hear_of_one_change_once() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut client = V1::new(server.evaluation_channel().await);
        for _ in 0..100 {
            streams
                .push(client.event_stream(evaluation_v1::EventStreamRequest {}).await.unwrap().into_inner());
        }
    }
    for stream in &mut streams {
        assert_eq!(next(stream).await, ready());
    }
    server.replace(&switches(&[("a", "off")]));
    for stream in &mut streams {
        assert_eq!(next(stream).await, changed(json!({"a": {"type": "update"}})));
    }
    server.replace(&switches(&[]));
    server.replace(&switches(&[("a", "off"), ("b", "on")]));
    for stream in &mut streams {
        assert_eq!(next(stream).await, changed(json!({"b": {"type": "write"}})));
    }
}

/// The frames of a stream over HTTP/1.1 that ends at its deadline.
async fn over_http(kind: &str, path: &str, message: &[u8], headers: &[(&str, &str)]) -> Vec<(u8, Vec<u8>)> {
    let deadline = Duration::from_millis(100);
    let server = serve(&switches(&[("a", "on")]), Settings { stream_deadline: deadline, ..settings() }).await;
    let mut body = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
    body.extend_from_slice(message);
    let headers: Vec<_> = [("content-type", kind)].into_iter().chain(headers.iter().copied()).collect();
    let answer = http(server.evaluation(), "POST", path, &headers, &body).await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains(&format!("content-type: {kind}")), "{}", answer.head);
    frames(&answer.body)
}

const STREAM: &str = "/flagd.evaluation.v1.Service/EventStream";

#[tokio::test]
async fn connect_streams_json_in_frames_and_ends_with_a_frame() {
    let frames = over_http("application/connect+json", STREAM, b"{}", &[]).await;
    let ready = br#"{"type":"provider_ready","data":{}}"#;
    let end =
        br#"{"error":{"code":"deadline_exceeded","message":"stream closed due to server-side timeout"}}"#;
    assert_eq!(frames, [(0, ready.to_vec()), (2, end.to_vec())]);
}

#[tokio::test]
async fn connect_streams_protobuf_in_frames() {
    let frames = over_http("application/connect+proto", STREAM, b"", &[]).await;
    assert_eq!(frames[0], (0, b"\x0a\x0eprovider_ready\x12\0".to_vec()));
    assert_eq!((frames[1].0, frames.len()), (2, 2));
}

#[tokio::test]
async fn a_refused_connect_stream_is_well_and_ends_with_the_error() {
    let selector = [("flagd-selector", "x=y")];
    let frames = over_http("application/connect+json", STREAM, b"{}", &selector).await;
    let [(2, end)] = &frames[..] else { panic!("{frames:?}") };
    let end: Value = serde_json::from_slice(end).unwrap();
    assert_eq!(end["error"]["code"], "invalid_argument");
}

#[tokio::test]
async fn grpc_web_streams_end_with_their_trailers_in_a_frame() {
    let frames = over_http("application/grpc-web+proto", STREAM, b"", &[]).await;
    assert_eq!(frames[0], (0, b"\x0a\x0eprovider_ready\x12\0".to_vec()));
    let trailers = b"grpc-status:4\r\ngrpc-message:stream closed due to server-side timeout\r\n";
    assert_eq!(frames[1..], [(0x80, trailers.to_vec())]);
}
