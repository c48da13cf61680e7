//! The sync port, with the client that the protocol's generated code gives.

mod common;

use common::rpc::{Running, code_and_text, http, json_of, local, serve, settings, switches, with_header};
use flagd::proto::sync_v1::flag_sync_service_client::FlagSyncServiceClient;
use flagd::proto::sync_v1::{FetchAllFlagsRequest, GetMetadataRequest, SyncFlagsRequest, SyncFlagsResponse};
use flagd::server::Daemon;
use flagd::settings::{Settings, SourceSettings};
use prost_types::Struct;
use serde_json::{Value, json};
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

type Client = FlagSyncServiceClient<Channel>;

async fn client(server: &Running) -> Client {
    FlagSyncServiceClient::new(server.sync_channel().await)
}

async fn subscribe(client: &mut Client, selector: &str) -> Result<Streaming<SyncFlagsResponse>, Status> {
    let request = SyncFlagsRequest { provider_id: "p".into(), selector: selector.into() };
    Ok(client.sync_flags(request).await?.into_inner())
}

async fn next(stream: &mut Streaming<SyncFlagsResponse>) -> Value {
    let message = stream.message().await.unwrap().unwrap();
    serde_json::from_str(&message.flag_configuration).unwrap()
}

fn keys(payload: &Value) -> Vec<&str> {
    payload["flags"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_payload_is_what_the_reference_sends() {
    let flags = r#"{"metadata": {"team": "x"}, "$evaluators": {"pro": {"==": [{"var": "plan"}, "<pro>"]}}, "flags": {
        "b": {"state": "ENABLED", "variants": {"on": 1.0, "off": 1e21}, "defaultVariant": "on", "targeting": {"if": [{"$ref": "pro"}, "on"]}},
        "a": {"state": "DISABLED", "variants": {"on": true}, "metadata": {"team": "y", "n": 1}}
    }}"#;
    let server = serve(flags, settings()).await;
    let message = subscribe(&mut client(&server).await, "").await.unwrap().message().await.unwrap().unwrap();
    let source = server.file.to_str().unwrap();
    let expected = format!(
        r#"{{"flags":{{"a":{{"state":"DISABLED","defaultVariant":"","variants":{{"on":true}},"source":"{source}","metadata":{{"n":1,"team":"y"}}}},"b":{{"state":"ENABLED","defaultVariant":"on","variants":{{"off":1e+21,"on":1}},"targeting":{{"if":[{{"==":[{{"var":"plan"}},"\u003cpro\u003e"]}},"on"]}},"source":"{source}","metadata":{{"team":"x"}}}}}}}}"#
    );
    assert_eq!(message.flag_configuration, expected);
    assert_eq!(message.sync_context, Some(Struct::default()));
    let fetched = client(&server).await.fetch_all_flags(FetchAllFlagsRequest::default()).await;
    assert_eq!(fetched.unwrap().into_inner().flag_configuration, expected);
}

#[tokio::test]
async fn a_change_is_sent_and_an_unchanged_rewrite_is_not() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    let mut client = client(&server).await;
    let mut stream = subscribe(&mut client, "").await.unwrap();
    assert_eq!(next(&mut stream).await["flags"]["a"]["defaultVariant"], "on");
    let unchanged = switches(&[("a", "on")]).replace(", ", ",\n");
    server.replace(&unchanged);
    // Whatever the rewrite led to comes before what this one leads to.
    server.replace(&switches(&[("a", "off"), ("b", "on")]));
    let payload = next(&mut stream).await;
    assert_eq!((&payload["flags"]["a"]["defaultVariant"], keys(&payload)), (&json!("off"), vec!["a", "b"]));
}

#[tokio::test]
async fn a_shadow_block_is_not_sent_and_its_change_is_not_told() {
    let flags = |block: &str, more: &str| {
        format!(
            r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"on": true}}, "defaultVariant": "on"{block}}}{more}}}}}"#
        )
    };
    let server = serve(&flags(r#", "shadow": {"sample": "5%"}"#, ""), settings()).await;
    let mut client = client(&server).await;
    let mut stream = subscribe(&mut client, "").await.unwrap();
    let expected = json!({"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "source": server.file.to_str()});
    assert_eq!(next(&mut stream).await["flags"]["a"], expected);
    for block in [r#", "shadow": {"sample": "50%"}"#, r#", "shadow": {"sample": "wrong"}"#, ""] {
        server.replace(&flags(block, ""));
    }
    // Whatever the rewrites led to comes before what this one leads to.
    server.replace(&flags(r#", "shadow": {"sample": "1%"}"#, r#", "b": {"variants": {"on": true}}"#));
    let payload = next(&mut stream).await;
    assert_eq!((&payload["flags"]["a"], keys(&payload)), (&expected, vec!["a", "b"]));
}

#[tokio::test]
async fn a_selection_hears_of_its_own_flags_only() {
    let set = |id: &str, default: &str| {
        format!(
            r#""{id}": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "{default}", "metadata": {{"flagSetId": "{id}"}}}}"#
        )
    };
    let both = |one: &str, two: &str| format!(r#"{{"flags": {{{}, {}}}}}"#, set("one", one), set("two", two));
    let server = serve(&both("on", "on"), settings()).await;
    let mut client = client(&server).await;
    let mut one = subscribe(&mut client, "flagSetId=one").await.unwrap();
    let mut two = subscribe(&mut client, "flagSetId=two").await.unwrap();
    assert_eq!(keys(&next(&mut one).await), ["one"]);
    assert_eq!(keys(&next(&mut two).await), ["two"]);
    server.replace(&both("on", "off"));
    assert_eq!(next(&mut two).await["flags"]["two"]["defaultVariant"], "off");
    server.replace(&both("off", "off"));
    // The first thing that the other hears of is its own change.
    let payload = next(&mut one).await;
    assert_eq!(payload["flags"]["one"]["defaultVariant"], "off");
}

#[tokio::test]
async fn selectors_are_read_as_the_reference_reads_them() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    let mut client = client(&server).await;
    let source = server.file.to_str().unwrap().to_owned();
    let cases: [(&str, &[&str]); 4] =
        [("", &["a"]), (&source, &["a"]), ("source=none", &[]), ("flagSetId=none", &[])];
    for (selector, expected) in cases {
        let payload = next(&mut subscribe(&mut client, selector).await.unwrap()).await;
        assert_eq!(keys(&payload), expected, "{selector}");
    }
    let request = SyncFlagsRequest { selector: source, ..SyncFlagsRequest::default() };
    let stream = client.sync_flags(with_header(request, "flagd-selector", "source=none")).await;
    assert_eq!(next(&mut stream.unwrap().into_inner()).await, json!({"flags": {}}));
    let invalid = r#"invalid selector: invalid selector key "x", valid keys: "flagSetId", "source""#;
    let refused = (Code::InvalidArgument, invalid.to_owned());
    assert_eq!(code_and_text(&subscribe(&mut client, "x=y").await.unwrap_err()), refused);
    let request = FetchAllFlagsRequest { selector: "x=y".into(), ..FetchAllFlagsRequest::default() };
    assert_eq!(code_and_text(&client.fetch_all_flags(request).await.unwrap_err()), refused);
}

#[tokio::test]
async fn a_key_of_several_sources_is_sent_once_and_comes_back_when_its_rival_goes() {
    let server = serve(&switches(&[("a", "on"), ("b", "on")]), settings()).await;
    let (lower, folder) = (server.file.clone(), tempfile::tempdir().unwrap());
    let higher = folder.path().join("higher.json");
    let in_set =
        |default: &str| switches(&[("a", default)]).replacen('{', r#"{"metadata": {"flagSetId": "Z"}, "#, 1);
    std::fs::write(&higher, in_set("off")).unwrap();
    let sources = [&lower, &higher].map(|path| SourceSettings { path: path.clone() }).to_vec();
    let daemon = Daemon::start(Settings { sources, ..settings() }).await.unwrap();
    let channel = common::rpc::channel(local(daemon.addresses().sync.unwrap())).await;
    let mut stream = subscribe(&mut FlagSyncServiceClient::new(channel), "").await.unwrap();
    let payload = next(&mut stream).await;
    assert_eq!(keys(&payload), ["a", "b"]);
    assert_eq!(payload["flags"]["a"]["source"], higher.to_str().unwrap());
    let new = folder.path().join("new");
    std::fs::write(&new, switches(&[("c", "on")])).unwrap();
    std::fs::rename(&new, &higher).unwrap();
    let payload = next(&mut stream).await;
    assert_eq!(
        (keys(&payload), &payload["flags"]["a"]["source"]),
        (vec!["a", "b", "c"], &json!(lower.to_str().unwrap()))
    );
}

#[tokio::test]
async fn the_static_context_comes_with_every_message_and_as_metadata() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let context_values = vec![pair("b", "1"), pair("a", "2"), pair("b", "3")];
    let server = serve(&switches(&[("a", "on")]), Settings { context_values, ..settings() }).await;
    let mut client = client(&server).await;
    let message = subscribe(&mut client, "").await.unwrap().message().await.unwrap().unwrap();
    assert_eq!(json_of(&message.sync_context.unwrap()), json!({"a": "2", "b": "3"}));
    let metadata = client.get_metadata(GetMetadataRequest {}).await.unwrap().into_inner().metadata;
    assert_eq!(json_of(&metadata.unwrap()), json!({"a": "2", "b": "3"}));
}

#[tokio::test]
async fn metadata_can_be_disabled() {
    let server =
        serve(&switches(&[("a", "on")]), Settings { disable_sync_metadata: true, ..settings() }).await;
    let refused = client(&server).await.get_metadata(GetMetadataRequest {}).await.unwrap_err();
    assert_eq!(code_and_text(&refused), (Code::Unimplemented, "metadata endpoint disabled".into()));
}

#[tokio::test]
async fn a_stream_ends_at_its_deadline() {
    let deadline = Duration::from_millis(100);
    let server = serve(&switches(&[("a", "on")]), Settings { stream_deadline: deadline, ..settings() }).await;
    let mut stream = subscribe(&mut client(&server).await, "").await.unwrap();
    next(&mut stream).await;
    let end = stream.message().await.unwrap_err();
    let expected = (Code::DeadlineExceeded, "stream closed due to server-side timeout".into());
    assert_eq!(code_and_text(&end), expected);
}

#[tokio::test]
async fn a_call_ends_when_its_client_stops_to_wait() {
    // One that waits for its sources, longer than anybody here does; over HTTP/1.1, where no client ends it first.
    let server = serve("{ not yet", settings()).await;
    for (method, told, status) in [
        ("FetchAllFlags", "0n", "grpc-status: 4\r\ngrpc-message: context deadline exceeded"),
        ("FetchAllFlags", "50m", "grpc-status: 4\r\ngrpc-message: context deadline exceeded"),
        ("SyncFlags", "50m", "grpc-status: 4\r\ngrpc-message: context deadline exceeded"),
        ("SyncFlags", "1", "grpc-status: 13\r\ngrpc-message: malformed grpc-timeout: "),
    ] {
        let path = format!("/flagd.sync.v1.FlagSyncService/{method}");
        let headers = [("content-type", "application/grpc"), ("grpc-timeout", told)];
        let answer = http(server.sync(), "POST", &path, &headers, &[0; 5]).await;
        assert!(answer.head.contains(status), "{method} {told}: {}", answer.head);
    }
}

#[tokio::test]
async fn a_stream_waits_for_sources_that_have_not_delivered() {
    let server = serve("{ not yet", settings()).await;
    let mut client = client(&server).await;
    let waiting = tokio::spawn(async move { next(&mut subscribe(&mut client, "").await.unwrap()).await });
    server.replace(&switches(&[("a", "on")]));
    assert_eq!(keys(&waiting.await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_daemon_that_ends_says_so_to_its_streams() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    let mut stream = subscribe(&mut client(&server).await, "").await.unwrap();
    next(&mut stream).await;
    let stopping = tokio::spawn(server.daemon.stop());
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
    drop(stream);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_thousand_streams_hear_of_one_change_once() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    // A connection holds some 200 streams.
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut client = client(&server).await;
        for _ in 0..100 {
            streams.push(subscribe(&mut client, "").await.unwrap());
        }
    }
    for stream in &mut streams {
        assert_eq!(next(stream).await["flags"]["a"]["defaultVariant"], "on");
    }
    server.replace(&switches(&[("a", "off")]));
    for stream in &mut streams {
        assert_eq!(next(stream).await["flags"]["a"]["defaultVariant"], "off");
    }
    server.replace(&switches(&[("a", "on"), ("b", "on")]));
    for stream in &mut streams {
        assert_eq!(keys(&next(stream).await), ["a", "b"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_are_encoded_once_for_each_version_and_selector() {
    const READERS: usize = 40;
    let set = |id: &str, value: usize| {
        format!(
            r#""{id}": {{"state": "ENABLED", "variants": {{"v": {value}}}, "defaultVariant": "v", "metadata": {{"flagSetId": "{id}"}}}}"#
        )
    };
    let both = |value: usize| format!(r#"{{"flags": {{{}, {}}}}}"#, set("one", value), set("two", value));
    let server = serve(&both(0), settings()).await;
    let encoded = async || {
        let management = local(server.daemon.addresses().management);
        let text = http(management, "GET", "/metrics", &[], b"").await.text().to_owned();
        let count = text.lines().find_map(|line| line.strip_prefix("flagd_sync_encodings_total "));
        count.unwrap().parse::<usize>().unwrap()
    };
    // The last two match nothing, which is one thing.
    let selectors = ["", "flagSetId=one", "flagSetId=two", "flagSetId=none", "flagSetId=neither"];
    let mut streams = Vec::new();
    for selector in selectors {
        let mut client = client(&server).await;
        for _ in 0..READERS {
            streams.push((selector, subscribe(&mut client, selector).await.unwrap()));
        }
    }
    for (_, stream) in &mut streams {
        next(stream).await;
    }
    assert_eq!(encoded().await, 4);
    for version in 1..=5 {
        server.replace(&both(version));
        for (selector, stream) in streams.iter_mut().filter(|(selector, _)| !selector.contains("=n")) {
            let payload = next(stream).await;
            let mut flags = payload["flags"].as_object().unwrap().values();
            assert!(flags.all(|flag| flag["variants"]["v"] == version), "{selector}: {payload}");
        }
    }
    // Everything and one of each set, at each version; and nothing, which stays the same, once.
    assert_eq!(encoded().await, 6 * 3 + 1);
}

#[tokio::test]
async fn a_reader_that_stalls_skips_to_the_newest_and_holds_nobody_back() {
    // More than the windows of 64 KiB take.
    let flags = |number: usize| {
        let long = "x".repeat(200_000);
        format!(
            r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"v": "{number}", "w": "{long}"}}, "defaultVariant": "v"}}}}}}"#
        )
    };
    let number =
        |payload: &Value| payload["flags"]["a"]["variants"]["v"].as_str().unwrap().parse::<usize>().unwrap();
    let server = serve(&flags(0), settings()).await;
    let small =
        Channel::from_shared(format!("http://{}", server.sync())).unwrap().initial_stream_window_size(65_535);
    let mut small = FlagSyncServiceClient::new(small.connect().await.unwrap());
    let mut stalled = subscribe(&mut small, "").await.unwrap();
    let mut reader = subscribe(&mut client(&server).await, "").await.unwrap();
    assert_eq!(number(&next(&mut reader).await), 0);
    for version in 1..=20 {
        server.replace(&flags(version));
        assert_eq!(number(&next(&mut reader).await), version);
    }
    // What was on its way when it stalled, then the newest.
    let (mut seen, mut last) = (0, None);
    while last != Some(20) {
        let now = number(&next(&mut stalled).await);
        assert!(last.is_none_or(|last| last < now));
        (seen, last) = (seen + 1, Some(now));
    }
    assert!(seen <= 3, "{seen} messages");
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused_and_harm_nobody() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    for body in [
        &b""[..],
        b"\0",
        b"\0\0\0\0\x09abc",
        b"\x01\0\0\0\x03abc",
        b"\0\0\0\0\x02\x12\x7f",
        b"\0\xff\xff\xff\xff",
    ] {
        let kind = [("content-type", "application/grpc")];
        let path = "/flagd.sync.v1.FlagSyncService/SyncFlags";
        let answer = common::rpc::http(server.sync(), "POST", path, &kind, body).await;
        assert!(answer.head.contains("grpc-status: "), "{answer:?}");
    }
    assert_eq!(keys(&next(&mut subscribe(&mut client(&server).await, "").await.unwrap()).await), ["a"]);
}

#[tokio::test]
async fn what_is_no_call_is_answered_in_its_own_words() {
    let server = serve(&switches(&[("a", "on")]), settings()).await;
    let method = |name: &str| format!("/flagd.sync.v1.FlagSyncService/{name}");
    let cases = [
        ("GET", "/".to_owned(), "text/plain", 404, ""),
        ("POST", "/a.b/C".to_owned(), "application/grpc", 200, "grpc-status: 12"),
        ("POST", method("Other"), "application/grpc", 200, "grpc-status: 12"),
        ("POST", method("SyncFlags"), "application/json", 415, ""),
        ("GET", method("SyncFlags"), "application/grpc", 405, ""),
    ];
    for (verb, path, kind, status, says) in cases {
        let kind = [("content-type", kind)];
        let answer = common::rpc::http(server.sync(), verb, &path, &kind, b"\0\0\0\0\0").await;
        assert_eq!(answer.status, status, "{verb} {path}");
        assert!(answer.head.contains(says), "{verb} {path} {}", answer.head);
    }
}
