//! Connect and gRPC-Web over plain HTTP, as browsers and `curl` speak them.

mod common;

use std::io::Write;

use common::rpc::{Answer, Running, frames, http, serve, settings, switches};
use flagd::settings::Settings;
use flagd::wire::base64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FLAGS: &str = r#"{"flags": {
    "on": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on", "metadata": {"n": 1.0}},
    "false": {"state": "ENABLED", "variants": {"off": false}, "defaultVariant": "off"},
    "int": {"state": "ENABLED", "variants": {"a": 10}, "defaultVariant": "a"},
    "big": {"state": "ENABLED", "variants": {"a": 1e21}, "defaultVariant": "a"},
    "name": {"state": "ENABLED", "variants": {"a": "\"é\"\n"}, "defaultVariant": "a"},
    "markup": {"state": "ENABLED", "variants": {"<a>": "<b>&</b>\\u003c"}, "defaultVariant": "<a>"},
    "object": {"state": "ENABLED", "variants": {"a": {"c": [1, null], "b": "x"}}, "defaultVariant": "a"},
    "disabled": {"state": "DISABLED", "variants": {"a": "b"}, "defaultVariant": "a"},
    "disabled-object": {"state": "DISABLED", "variants": {"a": {}}, "defaultVariant": "a"},
    "broken": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"nope": 1}},
    "unknown-variant": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": "nope"},
    "plan": {"state": "ENABLED", "variants": {"pro": "p", "free": "f"}, "defaultVariant": "free",
        "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "pro", null]}}
}}"#;

const JSON: (&str, &str) = ("content-type", "application/json");

async fn post(server: &Running, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    http(server.evaluation(), "POST", path, headers, body).await
}

fn failure(code: &str, message: &str) -> String {
    format!(r#"{{"code":"{code}","message":"{message}"}}"#)
}

#[tokio::test]
async fn what_is_not_known_before_every_source_was_read_says_so() {
    let server = serve("{", settings()).await;
    let path = "/flagd.evaluation.v2.Service/ResolveBoolean";
    let answer = post(&server, path, &[JSON], br#"{"flagKey":"on"}"#).await;
    let early = "Flag not found: not every source of flags holds something valid yet, see /status";
    assert_eq!((answer.status, answer.text()), (404, &*failure("not_found", early)));
}

#[tokio::test]
async fn answers_in_json() {
    let cases = [
        (
            "v2",
            "ResolveInt",
            "int",
            200,
            r#"{"value":"10","reason":"STATIC","variant":"a","metadata":{}}"#.to_owned(),
        ),
        (
            "v1",
            "ResolveBoolean",
            "false",
            200,
            r#"{"value":false,"reason":"STATIC","variant":"off","metadata":{}}"#.to_owned(),
        ),
        (
            "v1",
            "ResolveBoolean",
            "on",
            200,
            r#"{"value":true,"reason":"STATIC","variant":"on","metadata":{"n":1}}"#.to_owned(),
        ),
        (
            "v2",
            "ResolveFloat",
            "big",
            200,
            r#"{"value":1e+21,"reason":"STATIC","variant":"a","metadata":{}}"#.to_owned(),
        ),
        (
            "v2",
            "ResolveInt",
            "big",
            200,
            r#"{"value":"9223372036854775807","reason":"STATIC","variant":"a","metadata":{}}"#.to_owned(),
        ),
        (
            "v2",
            "ResolveString",
            "name",
            200,
            r#"{"value":"\"é\"\n","reason":"STATIC","variant":"a","metadata":{}}"#.to_owned(),
        ),
        (
            "v1",
            "ResolveString",
            "markup",
            200,
            r#"{"value":"<b>&</b>\\u003c","reason":"STATIC","variant":"<a>","metadata":{}}"#.to_owned(),
        ),
        (
            "v2",
            "ResolveObject",
            "object",
            200,
            r#"{"value":{"b":"x","c":[1,null]},"reason":"STATIC","variant":"a","metadata":{}}"#.to_owned(),
        ),
        ("v2", "ResolveString", "disabled", 200, r#"{"reason":"DISABLED","metadata":{}}"#.to_owned()),
        (
            "v1",
            "ResolveString",
            "disabled",
            200,
            r#"{"value":"","reason":"DISABLED","variant":"","metadata":{}}"#.to_owned(),
        ),
        (
            "v1",
            "ResolveObject",
            "disabled-object",
            200,
            r#"{"value":{},"reason":"DISABLED","variant":"","metadata":{}}"#.to_owned(),
        ),
        ("v2", "ResolveBoolean", "nowhere", 404, failure("not_found", "Flag not found")),
        ("v2", "ResolveBoolean", "name", 400, failure("invalid_argument", "Type mismatch error")),
        ("v2", "ResolveBoolean", "broken", 500, failure("data_loss", "Error parsing input or configuration")),
        ("v2", "ResolveBoolean", "unknown-variant", 500, failure("unknown", "General error")),
    ];
    let server = serve(FLAGS, settings()).await;
    for (generation, method, key, status, body) in cases {
        let path = format!("/flagd.evaluation.{generation}.Service/{method}");
        let answer =
            post(&server, &path, &[JSON], format!(r#"{{"flagKey":"{key}","context":{{}}}}"#).as_bytes())
                .await;
        assert_eq!((answer.status, answer.text()), (status, body.as_str()), "{generation} {method} {key}");
        assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
        assert!(answer.head.contains("accept-encoding: gzip"), "{}", answer.head);
    }
}

const PLAN: &str = "/flagd.evaluation.v1.Service/ResolveString";

#[tokio::test]
async fn requests_are_read_as_protobufs_json_is() {
    let pro = "p";
    let server = serve(FLAGS, settings()).await;
    let cases = [
        (r#"{"flagKey":"plan","context":{"plan":"pro"}}"#, Ok(pro)),
        (r#"{"flag_key":"plan","context":{"plan":"pro"}}"#, Ok(pro)),
        (r#"{"context":{"plan":"p\u0072o","x":[{}]},"more":{"a":[1]},"flagKey":"pl\u0061n"}"#, Ok(pro)),
        (r#"{"flagKey":"plan"}"#, Ok("f")),
        (r#"{"flagKey":"plan","context":null}"#, Ok("f")),
        ("{}", Err((404, "not_found"))),
        (r#"{"flagKey":null}"#, Err((404, "not_found"))),
        ("", Err((400, "invalid_argument"))),
        ("null", Err((400, "invalid_argument"))),
        ("[]", Err((400, "invalid_argument"))),
        ("{", Err((400, "invalid_argument"))),
        (r#"{"flagKey":"plan"} x"#, Err((400, "invalid_argument"))),
        (r#"{"flagKey":1}"#, Err((400, "invalid_argument"))),
        (r#"{"flagKey":"plan","context":[]}"#, Err((400, "invalid_argument"))),
        (r#"{"flagKey":"plan","context":"x"}"#, Err((400, "invalid_argument"))),
    ];
    for (body, expected) in cases {
        let answer = post(&server, PLAN, &[JSON], body.as_bytes()).await;
        let told: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
        let seen =
            if answer.status == 200 { Ok(&told["value"]) } else { Err((answer.status, &told["code"])) };
        match (seen, expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{body}"),
            (Err((status, code)), Err(expected)) => {
                assert_eq!((status, code.as_str().unwrap()), expected, "{body}")
            }
            (seen, _) => panic!("{body}: {seen:?}"),
        }
    }
}

/// Verb, path, headers, and the status of the answer.
type Call<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16);

#[tokio::test]
async fn what_http_says_about_a_call() {
    let body = br#"{"flagKey":"on"}"#;
    let path = "/flagd.evaluation.v2.Service/ResolveBoolean";
    let cases: [Call<'_>; 18] = [
        ("POST", path, &[("content-type", "application/json; charset=utf-8")], 200),
        ("POST", path, &[JSON, ("connect-protocol-version", "1")], 200),
        ("POST", path, &[JSON, ("connect-protocol-version", "2")], 400),
        ("POST", path, &[JSON, ("content-encoding", "identity")], 200),
        ("POST", path, &[JSON, ("content-encoding", "br")], 501),
        ("POST", path, &[JSON, ("content-encoding", "gzip")], 400),
        ("POST", path, &[JSON, ("flagd-selector", "x=y")], 400),
        ("POST", path, &[JSON, ("flagd-selector", "flagSetId=none")], 404),
        ("POST", path, &[("content-type", "text/plain")], 415),
        ("POST", path, &[("content-type", "application/connect+json")], 415),
        ("POST", path, &[], 415),
        ("POST", path, &[("content-type", "application/grpc")], 505),
        ("GET", path, &[], 405),
        ("OPTIONS", path, &[], 405),
        ("POST", "/flagd.evaluation.v2.Service/ResolveAll", &[JSON], 404),
        ("POST", "/flagd.evaluation.v2.Service/EventStream", &[JSON], 415),
        ("POST", "/flagd.evaluation.v3.Service/ResolveBoolean", &[JSON], 404),
        ("GET", "/", &[], 404),
    ];
    let server = serve(FLAGS, settings()).await;
    for (verb, path, headers, status) in cases {
        let answer = http(server.evaluation(), verb, path, headers, body).await;
        assert_eq!(answer.status, status, "{verb} {path} {headers:?}");
        let says = |header: &str| answer.head.contains(header);
        assert_eq!(says("accept-post: application/"), status == 415, "{verb} {path} {headers:?}");
        assert_eq!(says("allow: post"), status == 405, "{verb} {path} {headers:?}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_resource_exhausted() {
    let server = serve(FLAGS, Settings { max_request_body: 1_000, ..settings() }).await;
    let body = format!(r#"{{"flagKey":"on","context":{{"a":"{}"}}}}"#, "x".repeat(1_000));
    let answer = post(&server, PLAN, &[JSON], body.as_bytes()).await;
    let expected = failure("resource_exhausted", "the request is larger than 1000 bytes");
    assert_eq!((answer.status, answer.text()), (429, expected.as_str()));
    // Few bytes that become many are many.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&[b' '; 100_000]).unwrap();
    let answer = post(&server, PLAN, &[JSON, ("content-encoding", "gzip")], &packed.finish().unwrap()).await;
    assert_eq!(answer.status, 429);
}

#[tokio::test]
async fn compressed_requests_are_read() {
    let server = serve(FLAGS, settings()).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(br#"{"flagKey":"plan","context":{"plan":"pro"}}"#).unwrap();
    let answer = post(&server, PLAN, &[JSON, ("content-encoding", "gzip")], &packed.finish().unwrap()).await;
    assert!(answer.text().contains(r#""value":"p""#), "{}", answer.text());
}

/// `ResolveStringRequest` for the flag `plan`, with a plan.
const REQUEST: &[u8] = b"\x0a\x04plan\x12\x0f\x0a\x0d\x0a\x04plan\x12\x05\x1a\x03pro";

/// `ResolveStringResponse`: `p`, `TARGETING_MATCH`, `pro`, no metadata.
const RESPONSE: &[u8] = b"\x0a\x01p\x12\x0fTARGETING_MATCH\x1a\x03pro\x22\0";

#[tokio::test]
async fn connect_speaks_protobuf_too() {
    let server = serve(FLAGS, settings()).await;
    let kind = [("content-type", "application/proto")];
    let answer = post(&server, PLAN, &kind, REQUEST).await;
    assert_eq!((answer.status, &*answer.body), (200, RESPONSE));
    assert!(answer.head.contains("content-type: application/proto"), "{}", answer.head);
    let refused = post(&server, PLAN, &kind, b"\x0a\x03o").await;
    assert_eq!(refused.status, 400);
    assert!(refused.head.contains("content-type: application/json"), "{}", refused.head);
}

#[tokio::test]
async fn grpc_web_has_its_trailers_in_the_body() {
    let server = serve(FLAGS, settings()).await;
    let frame = |message: &[u8]| [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message].concat();
    for kind in ["application/grpc-web", "application/grpc-web+proto"] {
        let answer = post(&server, PLAN, &[("content-type", kind)], &frame(REQUEST)).await;
        assert_eq!(frames(&answer.body), [(0, RESPONSE.to_vec()), (0x80, b"grpc-status:0\r\n".to_vec())]);
        assert!(answer.head.contains(&format!("content-type: {kind}")), "{}", answer.head);
        let refused = post(&server, PLAN, &[("content-type", kind)], &frame(b"")).await;
        let trailers = b"grpc-status:5\r\ngrpc-message:Flag not found\r\n".to_vec();
        assert_eq!((refused.status, frames(&refused.body)), (200, vec![(0x80, trailers)]));
    }
}

#[tokio::test]
async fn all_flags_in_json() {
    let flags = r#"{"flags": {
        "b": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "metadata": {"flagSetId": "x"}},
        "a": {"state": "DISABLED", "variants": {"a": {}}, "defaultVariant": "a", "metadata": {"flagSetId": "x"}}
    }}"#;
    let server = serve(flags, settings()).await;
    let headers = [JSON, ("flagd-selector", "flagSetId=x")];
    let ask = |path: &'static str| post(&server, path, &headers, b"{}");
    let answer = ask("/flagd.evaluation.v1.Service/ResolveAll").await;
    let expected = concat!(
        r#"{"flags":{"a":{"reason":"DISABLED","variant":"","objectValue":{},"metadata":{"flagSetId":"x"}},"#,
        r#""b":{"reason":"STATIC","variant":"on","boolValue":true,"metadata":{"flagSetId":"x"}}},"#,
        r#""metadata":{"flagSetId":"x"}}"#
    );
    assert_eq!(answer.text(), expected);
    let answer = ask("/schema.v1.Service/ResolveAll").await;
    let expected = concat!(
        r#"{"flags":{"a":{"reason":"DISABLED","variant":"","objectValue":{}},"#,
        r#""b":{"reason":"STATIC","variant":"on","boolValue":true}}}"#
    );
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn connect_speaks_http_2_without_tls_too() {
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    let server = serve(FLAGS, settings()).await;
    let channel = server.evaluation_channel().await;
    let body = r#"{"flagKey":"plan","context":{"plan":"pro"}}"#;
    let request = axum::http::Request::post(PLAN).header("content-type", "application/json");
    let request = request.body(tonic::body::Body::new(body.to_owned())).unwrap();
    let answer = channel.oneshot(request).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (200.try_into().unwrap(), axum::http::Version::HTTP_2));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(br#"{"value":"p","#), "{body:?}");
}

#[tokio::test]
async fn grpc_web_is_spoken_in_text_too() {
    let server = serve(FLAGS, settings()).await;
    let decoded = |answer: &Answer| frames(&base64::decoded(&answer.body).unwrap());
    for kind in ["application/grpc-web-text", "application/grpc-web-text+proto"] {
        let headers = [("content-type", kind), ("accept", kind)];
        // The message in one piece, and cut into two that are each padded.
        for body in ["AAAAAAYKBHBsYW4=", "AAAAAAY=CgRwbGFu"] {
            let answer = post(&server, PLAN, &headers, body.as_bytes()).await;
            assert!(answer.head.contains(&format!("content-type: {kind}\r\n")), "{}", answer.head);
            let [(0, message), (0x80, end)] = &decoded(&answer)[..] else { panic!("{answer:?}") };
            assert!(message.starts_with(b"\x0a\x01f\x12\x07DEFAULT\x1a\x04free"), "{message:?}");
            assert_eq!(end, b"grpc-status:0\r\n");
        }
        for body in ["AAAAAAYKBHBsYW4", "{}", "\0\0\0\0\0", ""] {
            let answer = post(&server, PLAN, &headers, body.as_bytes()).await;
            let [(0x80, end)] = &decoded(&answer)[..] else { panic!("{answer:?}") };
            assert!(end.starts_with(b"grpc-status:3\r\n"), "{body}");
        }
        let stream = "/flagd.evaluation.v2.Service/EventStream";
        let headers = [("content-type", kind), ("grpc-timeout", "100m")];
        let answer = post(&server, stream, &headers, b"AAAAAAA=").await;
        let [(0, ready), (0x80, end)] = &decoded(&answer)[..] else { panic!("{answer:?}") };
        assert_eq!(ready, b"\x0a\x0eprovider_ready\x12\0");
        assert!(end.starts_with(b"grpc-status:4\r\n"), "{end:?}");
    }
}

#[tokio::test]
async fn who_waits_no_longer_is_told_so_and_gets_no_value() {
    let server = serve(FLAGS, settings()).await;
    let over = failure("deadline_exceeded", "context deadline exceeded");
    let invalid = |text: &str| failure("invalid_argument", text);
    for (told, status, start) in [
        ("10000", 200, r#"{"value":"f","#.to_owned()),
        ("0", 504, over.clone()),
        ("1s", 400, invalid(r#"parse timeout: \"1s\" is not a number"#)),
        ("12345678901", 400, invalid(r#"parse timeout: \"12345678901\" has \u003e10 digits"#)),
    ] {
        let answer =
            post(&server, PLAN, &[JSON, ("connect-timeout-ms", told)], br#"{"flagKey":"plan"}"#).await;
        assert_eq!(answer.status, status, "{told}");
        assert!(answer.text().starts_with(&start), "{told}: {}", answer.text());
    }
    let body = b"\0\0\0\0\x06\x0a\x04plan";
    for (told, trailers) in [
        ("10S", "grpc-status:0\r\n"),
        ("0n", "grpc-status:4\r\ngrpc-message:context deadline exceeded\r\n"),
        ("10", "grpc-status:3\r\ngrpc-message:protocol error: timeout has invalid unit '0'\r\n"),
    ] {
        let headers = [("content-type", "application/grpc-web"), ("grpc-timeout", told)];
        let frames = frames(&post(&server, PLAN, &headers, body).await.body);
        assert_eq!(frames.last(), Some(&(0x80, trailers.as_bytes().to_vec())), "{told}");
        assert_eq!(frames.len(), if told == "10S" { 2 } else { 1 }, "{told}");
    }
    // Somebody who waits for the answer but does not say the question.
    let mut stream = tokio::net::TcpStream::connect(server.evaluation()).await.unwrap();
    let head = format!(
        "POST {PLAN} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\
         content-type: application/json\r\nconnect-timeout-ms: 50\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.ends_with(&over), "{answer}");
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_harm_nobody() {
    let server = serve(FLAGS, settings()).await;
    let deep =
        format!(r#"{{"flagKey":"plan","context":{{"a":{}1{}}}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let wide = format!(
        r#"{{"flagKey":"plan","context":{{{}"plan":"pro"}}}}"#,
        (0..10_001).fold(String::new(), |text, at| format!(r#"{text}"a{at}":1,"#))
    );
    let within = |field: u8, message: Vec<u8>| {
        let mut outer = vec![field << 3 | 2];
        prost::encoding::encode_varint(message.len() as u64, &mut outer);
        [outer, message].concat()
    };
    // Lists in a list in a member of the context.
    let lists = (0..200).fold(within(3, b"x".to_vec()), |value, _| within(6, within(1, value)));
    let nested = within(2, within(1, within(2, lists)));
    let mut random: Vec<u8> = Vec::new();
    let mut state = 7_u32;
    random.resize_with(5_000, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    for kind in ["application/json", "application/proto", "application/grpc-web"] {
        for body in [
            deep.as_bytes(),
            wide.as_bytes(),
            &nested,
            &random,
            b"\xff\xff\xff\xff\xff",
            b"\0\xff\xff\xff\xff",
        ] {
            let answer = post(&server, PLAN, &[("content-type", kind)], body).await;
            assert!(answer.status == 400 || kind == "application/grpc-web", "{kind} {}", answer.status);
        }
    }
    assert_eq!(post(&server, PLAN, &[JSON], br#"{"flagKey":"plan"}"#).await.status, 200);
}

#[tokio::test]
async fn web_pages_of_the_allowed_origins_may_call() {
    let path = "/flagd.evaluation.v2.Service/ResolveBoolean";
    let body = br#"{"flagKey":"a"}"#;
    let origins = |origins: &[&str]| origins.iter().map(|origin| (*origin).to_owned()).collect();
    for (allowed, told) in
        [(&[][..], Some("*")), (&["https://a.example"], Some("https://a.example")), (&["https://b"], None)]
    {
        let settings = Settings { cors_origins: origins(allowed), ..settings() };
        let server = serve(&switches(&[("a", "on")]), settings).await;
        let told = told.map(|origin| format!("access-control-allow-origin: {origin}\r\n"));
        let says = |head: &str| match &told {
            Some(line) => head.contains(line.as_str()),
            None => !head.contains("access-control-allow"),
        };
        let asked = [("origin", "https://a.example"), ("access-control-request-method", "POST")];
        let preflight = http(server.evaluation(), "OPTIONS", path, &asked, b"").await;
        assert_eq!(preflight.status, 204);
        assert!(says(&format!("{}\r\n", preflight.head)), "{}", preflight.head);
        let headers = [("origin", "https://a.example"), ("content-type", "application/json")];
        let answer = http(server.evaluation(), "POST", path, &headers, body).await;
        assert_eq!(answer.status, 200);
        assert!(says(&format!("{}\r\n", answer.head)), "{}", answer.head);
    }
}
