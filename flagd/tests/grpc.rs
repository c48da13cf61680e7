//! gRPC on the port of evaluation, with the clients that the protocol's generated code gives.

mod common;

use axum::body::Bytes;
use common::rpc::{Running, code_and_text, context, json_of, serve, settings, with_header};
use flagd::settings::Settings;
use http_body_util::{BodyExt, Full};
use prost::Message;
use prost_types::Struct;
use tonic::Code;
use tower::Service;

const FLAGS: &str = r#"{"flags": {
    "on": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on", "metadata": {"owner": "x", "n": 2}},
    "false": {"state": "ENABLED", "variants": {"off": false}, "defaultVariant": "off"},
    "name": {"state": "ENABLED", "variants": {"a": "<é>", "empty": ""}, "defaultVariant": "a"},
    "number": {"state": "ENABLED", "variants": {"a": -3.9}, "defaultVariant": "a"},
    "far": {"state": "ENABLED", "variants": {"a": 1e300}, "defaultVariant": "a"},
    "near": {"state": "ENABLED", "variants": {"a": -1e300}, "defaultVariant": "a"},
    "wide": {"state": "ENABLED", "variants": {"a": 9007199254740993}, "defaultVariant": "a"},
    "object": {"state": "ENABLED", "variants": {"a": {"b": [1, null, {"c": "d"}], "e": true}}, "defaultVariant": "a"},
    "list": {"state": "ENABLED", "variants": {"a": [1]}, "defaultVariant": "a"},
    "null": {"state": "ENABLED", "variants": {"a": null}, "defaultVariant": "a"},
    "disabled": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
    "disabled-name": {"state": "DISABLED", "variants": {"a": "b"}, "defaultVariant": "a"},
    "no-default": {"state": "ENABLED", "variants": {"on": true}},
    "no-default-null": {"state": "ENABLED", "variants": {"on": true}, "targeting": {"if": [false, "on", null]}},
    "no-default-match": {"state": "ENABLED", "variants": {"on": true}, "targeting": {"if": [true, "on"]}},
    "to-null": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"if": [false, "on", null]}},
    "unknown-variant": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"if": [true, "nope"]}},
    "broken": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"nope": 1}},
    "broken-name": {"state": "ENABLED", "variants": {"a": "b"}, "defaultVariant": "a", "targeting": {"nope": 1}},
    "mixed": {"state": "ENABLED", "variants": {"a": "b", "on": true}, "defaultVariant": "a", "targeting": {"if": [true, "on"]}},
    "plan": {"state": "ENABLED", "variants": {"pro": "p", "free": "f"}, "defaultVariant": "free",
        "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "pro", null]}}
}}"#;

/// Value, reason and variant as the client sees them, or code and text.
type Outcome = Result<(String, String, String), (Code, String)>;

macro_rules! generation {
    ($asker:ident, $package:ident) => {
        mod $asker {
            use flagd::proto::$package as package;
            use package::service_client::ServiceClient;
            use tonic::transport::Channel;

            use super::*;

            generation!(@ $asker: bool resolve_boolean ResolveBooleanRequest, string resolve_string ResolveStringRequest,
                int resolve_int ResolveIntRequest, float resolve_float ResolveFloatRequest,
                object resolve_object ResolveObjectRequest);
        }
    };
    (@ $asker:ident: $($kind:ident $method:ident $request:ident),*) => {
        pub(super) async fn ask(channel: Channel, kind: &str, key: &str, context: Option<Struct>) -> Outcome {
            let mut client = ServiceClient::new(channel);
            match kind {
                $(stringify!($kind) => {
                    let request = package::$request { flag_key: key.to_owned(), context };
                    let answer = client.$method(request).await.map_err(|status| code_and_text(&status))?;
                    let answer = answer.into_inner();
                    assert!(answer.metadata.is_some(), "{key}");
                    Ok((format!("{:?}", answer.value), answer.reason, format!("{:?}", answer.variant)))
                })*
                _ => unreachable!(),
            }
        }
    };
}

generation!(v2, evaluation_v2);
generation!(v1, evaluation_v1);
generation!(schema, schema_v1);

fn ok(value: &str, reason: &str, variant: &str) -> Outcome {
    Ok((value.into(), reason.into(), variant.into()))
}

fn not_found() -> Outcome {
    Err((Code::NotFound, "Flag not found".into()))
}

fn mismatch() -> Outcome {
    Err((Code::InvalidArgument, "Type mismatch error".into()))
}

fn general() -> Outcome {
    Err((Code::Unknown, "General error".into()))
}

fn parse_error() -> Outcome {
    Err((Code::DataLoss, "Error parsing input or configuration".into()))
}

async fn server() -> Running {
    serve(FLAGS, settings()).await
}

#[tokio::test]
async fn answers_that_all_generations_share() {
    let cases: [(&str, &str, Outcome); 22] = [
        ("bool", "on", ok("true", "STATIC", "\"on\"")),
        ("bool", "false", ok("false", "STATIC", "\"off\"")),
        ("string", "name", ok("\"<é>\"", "STATIC", "\"a\"")),
        ("float", "number", ok("-3.9", "STATIC", "\"a\"")),
        ("int", "number", ok("-3", "STATIC", "\"a\"")),
        ("int", "far", ok(&i64::MAX.to_string(), "STATIC", "\"a\"")),
        ("int", "near", ok(&i64::MIN.to_string(), "STATIC", "\"a\"")),
        ("int", "wide", ok("9007199254740992", "STATIC", "\"a\"")),
        ("bool", "to-null", ok("true", "DEFAULT", "\"on\"")),
        ("bool", "mixed", ok("true", "TARGETING_MATCH", "\"on\"")),
        ("string", "mixed", mismatch()),
        ("string", "on", mismatch()),
        ("bool", "name", mismatch()),
        ("float", "on", mismatch()),
        ("int", "name", mismatch()),
        ("object", "list", mismatch()),
        ("bool", "null", mismatch()),
        ("bool", "unknown-variant", general()),
        ("bool", "broken", parse_error()),
        ("string", "broken-name", parse_error()),
        ("bool", "nowhere", not_found()),
        ("bool", "", not_found()),
    ];
    let (server, nobody) = (server().await, None::<Struct>);
    let channel = server.evaluation_channel().await;
    for (kind, key, expected) in cases {
        // The newest generation tells values that are there from those that are not.
        let some = |text: &str| format!("Some({text})");
        let newest = expected.clone().map(|(value, reason, variant)| (some(&value), reason, some(&variant)));
        assert_eq!(v2::ask(channel.clone(), kind, key, nobody.clone()).await, newest, "{kind} {key}");
        assert_eq!(v1::ask(channel.clone(), kind, key, nobody.clone()).await, expected, "{kind} {key}");
        assert_eq!(schema::ask(channel.clone(), kind, key, nobody.clone()).await, expected, "{kind} {key}");
    }
}

#[tokio::test]
async fn answers_without_a_value_differ_by_generation() {
    let absent = |reason: &str| ok("None", reason, "None");
    let zero = |value: &str| ok(value, "DISABLED", "\"\"");
    let cases = [
        ("bool", "disabled", absent("DISABLED"), zero("false")),
        ("string", "disabled-name", absent("DISABLED"), zero("\"\"")),
        ("string", "disabled", absent("DISABLED"), zero("\"\"")),
        ("int", "disabled", absent("DISABLED"), zero("0")),
        ("float", "disabled", absent("DISABLED"), zero("0.0")),
        ("object", "disabled", absent("DISABLED"), zero(&format!("{:?}", Some(Struct::default())))),
        ("bool", "no-default", absent("DEFAULT"), not_found()),
        ("bool", "no-default-null", absent("DEFAULT"), not_found()),
        (
            "bool",
            "no-default-match",
            ok("Some(true)", "TARGETING_MATCH", "Some(\"on\")"),
            ok("true", "TARGETING_MATCH", "\"on\""),
        ),
    ];
    let server = server().await;
    let channel = server.evaluation_channel().await;
    for (kind, key, newest, older) in cases {
        assert_eq!(v2::ask(channel.clone(), kind, key, None).await, newest, "{kind} {key}");
        assert_eq!(v1::ask(channel.clone(), kind, key, None).await, older, "{kind} {key}");
        assert_eq!(schema::ask(channel.clone(), kind, key, None).await, older, "{kind} {key}");
    }
}

#[tokio::test]
async fn objects_and_metadata_come_as_structs() {
    use flagd::proto::evaluation_v2::service_client::ServiceClient;
    use flagd::proto::evaluation_v2::{ResolveBooleanRequest, ResolveObjectRequest};
    let server = server().await;
    let mut client = ServiceClient::new(server.evaluation_channel().await);
    let request = ResolveObjectRequest { flag_key: "object".into(), context: None };
    let answer = client.resolve_object(request).await.unwrap().into_inner();
    let expected = serde_json::json!({"b": [1.0, null, {"c": "d"}], "e": true});
    assert_eq!(json_of(&answer.value.unwrap()), expected);
    assert_eq!(json_of(&answer.metadata.unwrap()), serde_json::json!({}));
    let request = ResolveBooleanRequest { flag_key: "on".into(), context: None };
    let answer = client.resolve_boolean(request).await.unwrap().into_inner();
    assert_eq!(json_of(&answer.metadata.unwrap()), serde_json::json!({"owner": "x", "n": 2.0}));
}

#[tokio::test]
async fn rules_see_the_context() {
    let server = server().await;
    let channel = server.evaluation_channel().await;
    for (plan, value, reason) in [("pro", "p", "TARGETING_MATCH"), ("basic", "f", "DEFAULT")] {
        let outcome = v1::ask(channel.clone(), "string", "plan", context(&[("plan", plan)])).await;
        let (value_seen, reason_seen, _) = outcome.unwrap();
        assert_eq!((value_seen, reason_seen.as_str()), (format!("{value:?}"), reason));
    }
}

#[tokio::test]
async fn a_number_that_is_none_fails_the_rule_that_looks_at_the_context() {
    let server = server().await;
    let number = prost_types::Value { kind: Some(prost_types::value::Kind::NumberValue(f64::NAN)) };
    let context = Struct { fields: [("plan".to_owned(), number)].into() };
    let outcome = v2::ask(server.evaluation_channel().await, "string", "plan", Some(context)).await;
    assert_eq!(outcome.unwrap_err().0, Code::Unknown);
}

const NAMED: &str = r#"{"flags": {"who": {"state": "ENABLED", "variants": {"0": "0", "1": "1", "2": "2"}, "defaultVariant": "0",
    "targeting": {"var": "a"}}}}"#;

#[tokio::test]
async fn static_context_beats_the_request_and_headers_beat_both_but_in_the_oldest_generation() {
    use flagd::proto::{evaluation_v1, evaluation_v2, schema_v1};
    let settings = Settings {
        context_values: vec![("a".into(), "1".into())],
        context_from_header: vec![("x-a".into(), "a".into())],
        ..settings()
    };
    let server = serve(NAMED, settings).await;
    let channel = server.evaluation_channel().await;
    macro_rules! variant {
        ($package:ident, $header:expr) => {{
            let context = context(&[("a", "0")]);
            let request = $package::ResolveStringRequest { flag_key: "who".into(), context };
            let mut client = $package::service_client::ServiceClient::new(channel.clone());
            let request = with_header(request, "x-a", $header);
            client.resolve_string(request).await.unwrap().into_inner().variant
        }};
    }
    assert_eq!(variant!(evaluation_v2, "2").as_deref(), Some("2"));
    assert_eq!(variant!(evaluation_v1, "2"), "2");
    assert_eq!(variant!(schema_v1, "2"), "1");
    assert_eq!(variant!(evaluation_v1, ""), "1");
}

const SETS: &str = r#"{"flags": {
    "a": {"state": "ENABLED", "variants": {"x": "x"}, "defaultVariant": "x", "metadata": {"flagSetId": "one"}},
    "b": {"state": "ENABLED", "variants": {"y": "y"}, "defaultVariant": "y", "metadata": {"flagSetId": "two"}}
}}"#;

#[tokio::test]
async fn a_selector_shows_a_flag_set_or_a_source() {
    use flagd::proto::evaluation_v2::ResolveStringRequest;
    use flagd::proto::evaluation_v2::service_client::ServiceClient;
    let server = serve(SETS, settings()).await;
    let mut client = ServiceClient::new(server.evaluation_channel().await);
    let source = server.file.to_str().unwrap();
    let invalid = r#"invalid selector: invalid selector key "key", valid keys: "flagSetId", "source""#;
    let cases = [
        ("flagSetId=one", "a", Ok("x")),
        ("flagSetId=one", "b", Err((Code::NotFound, "Flag not found"))),
        ("flagSetId=none", "a", Err((Code::NotFound, "Flag not found"))),
        (source, "b", Ok("y")),
        ("", "b", Ok("y")),
        ("key=value", "a", Err((Code::InvalidArgument, invalid))),
    ];
    for (selector, key, expected) in cases {
        let request = ResolveStringRequest { flag_key: key.into(), context: None };
        let answer = client.resolve_string(with_header(request, "flagd-selector", selector)).await;
        let seen = answer.map(|answer| answer.into_inner());
        if let Ok(answer) = &seen
            && selector == source
        {
            assert_eq!(json_of(answer.metadata.as_ref().unwrap())["source"], source);
        }
        let seen = seen.map(|answer| answer.value.unwrap()).map_err(|status| code_and_text(&status));
        let expected = expected.map(str::to_owned).map_err(|(code, text)| (code, text.to_owned()));
        assert_eq!(seen, expected, "{selector} {key}");
    }
}

#[tokio::test]
async fn all_flags_come_as_the_type_of_their_default() {
    use flagd::proto::evaluation_v1::any_flag::Value;
    use flagd::proto::{evaluation_v1, schema_v1};
    let server = server().await;
    let channel = server.evaluation_channel().await;
    let mut client = evaluation_v1::service_client::ServiceClient::new(channel.clone());
    let all =
        client.resolve_all(evaluation_v1::ResolveAllRequest { context: context(&[("plan", "pro")]) }).await;
    let all = all.unwrap().into_inner();
    assert_eq!(all.metadata, Some(Struct::default()));
    let seen = |key: &str| {
        let flag = all.flags.get(key)?;
        Some((flag.reason.as_str(), flag.variant.as_str(), flag.value.clone().unwrap()))
    };
    let text = |text: &str| Value::StringValue(text.into());
    let cases = [
        ("on", Some(("STATIC", "on", Value::BoolValue(true)))),
        ("false", Some(("STATIC", "off", Value::BoolValue(false)))),
        ("number", Some(("STATIC", "a", Value::DoubleValue(-3.9)))),
        ("plan", Some(("TARGETING_MATCH", "pro", text("p")))),
        ("disabled", Some(("DISABLED", "", Value::BoolValue(false)))),
        ("disabled-name", Some(("DISABLED", "", text("")))),
        ("broken", Some(("ERROR", "", Value::BoolValue(false)))),
        ("broken-name", Some(("ERROR", "", text("")))),
        ("unknown-variant", Some(("ERROR", "", Value::BoolValue(false)))),
        // The variant that there was, though its value is of another type.
        ("mixed", Some(("ERROR", "on", text("")))),
        ("no-default", None),
        ("no-default-match", None),
        ("list", None),
        ("null", None),
    ];
    for (key, expected) in cases {
        assert_eq!(seen(key), expected, "{key}");
    }
    assert_eq!(all.flags.len(), 16);
    let mut client = schema_v1::service_client::ServiceClient::new(channel);
    let oldest = client.resolve_all(schema_v1::ResolveAllRequest::default()).await.unwrap().into_inner();
    assert_eq!(oldest.flags.len(), 16);
}

#[tokio::test]
async fn a_body_over_the_limit_is_resource_exhausted() {
    let server = serve(FLAGS, Settings { max_request_body: 1_000, ..settings() }).await;
    let channel = server.evaluation_channel().await;
    let long = "x".repeat(2_000);
    let outcome = v2::ask(channel.clone(), "bool", "on", context(&[("a", &long)])).await;
    assert_eq!(outcome.unwrap_err().0, Code::ResourceExhausted);
    assert!(v2::ask(channel, "bool", "on", context(&[("a", "x")])).await.is_ok());
}

#[tokio::test]
async fn compressed_requests_are_read() {
    use flagd::proto::evaluation_v1::ResolveStringRequest;
    use flagd::proto::evaluation_v1::service_client::ServiceClient;
    let server = server().await;
    let client = ServiceClient::new(server.evaluation_channel().await);
    let mut client = client.send_compressed(tonic::codec::CompressionEncoding::Gzip);
    let request = ResolveStringRequest { flag_key: "plan".into(), context: context(&[("plan", "pro")]) };
    assert_eq!(client.resolve_string(request).await.unwrap().into_inner().value, "p");
}

#[tokio::test]
async fn methods_and_services_that_are_not_there_are_unimplemented() {
    let server = server().await;
    let channel = server.evaluation_channel().await;
    for path in ["/flagd.evaluation.v2.Service/ResolveAll", "/flagd.evaluation.v9.Service/Resolve", "/a.b/C"]
    {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        let path = axum::http::uri::PathAndQuery::from_static(path);
        let status = grpc.unary(tonic::Request::new(()), path, codec).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    }
}

#[tokio::test]
async fn health_and_reflection_stand_on_both_grpc_ports() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let server = server().await;
    for channel in [server.evaluation_channel().await, server.sync_channel().await] {
        let mut health = HealthClient::new(channel.clone());
        let answer = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(answer.status, 1);
        let nobody = health.check(HealthCheckRequest { service: "nobody".into() }).await;
        assert_eq!(nobody.unwrap_err().code(), Code::NotFound);
        let message_request = Some(MessageRequest::ListServices(String::new()));
        let request = ServerReflectionRequest { host: String::new(), message_request };
        let mut reflection = ServerReflectionClient::new(channel);
        let answers = reflection.server_reflection_info(tokio_stream::iter([request])).await.unwrap();
        let answer = answers.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
        let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
        let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
        for name in [
            "flagd.evaluation.v2.Service",
            "flagd.evaluation.v1.Service",
            "schema.v1.Service",
            "flagd.sync.v1.FlagSyncService",
        ] {
            assert!(names.iter().any(|known| known == name), "{names:?}");
        }
    }
}

#[tokio::test]
async fn an_error_comes_behind_a_header_so_that_nobody_asks_again() {
    let server = serve(FLAGS, settings()).await;
    let mut channel = server.evaluation_channel().await;
    let message =
        flagd::proto::evaluation_v2::ResolveBooleanRequest { flag_key: "nothing".to_owned(), context: None };
    let mut body = vec![0, 0, 0, 0, u8::try_from(message.encoded_len()).unwrap()];
    body.extend(message.encode_to_vec());
    let uri = "http://localhost/flagd.evaluation.v2.Service/ResolveBoolean";
    let request = axum::http::Request::post(uri).header("content-type", "application/grpc");
    let request =
        request.header("te", "trailers").body(tonic::body::Body::new(Full::new(Bytes::from(body)))).unwrap();
    std::future::poll_fn(|task| Service::poll_ready(&mut channel, task)).await.unwrap();
    let answer = channel.call(request).await.unwrap();
    assert!(!answer.headers().contains_key("grpc-status"), "{:?}", answer.headers());
    let whole = answer.into_body().collect().await.unwrap();
    assert_eq!(whole.trailers().unwrap()["grpc-status"], "5");
}
