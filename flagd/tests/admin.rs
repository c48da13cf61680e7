//! Health, readiness, status and metrics from the outside.

mod common;

use common::server::{ask, get, start, start_with, until};
use flagcore::{ErrorCode, Reason};
use flagd::proto::evaluation_v1::EventStreamRequest;
use flagd::proto::evaluation_v1::service_client::ServiceClient;
use flagd::proto::sync_v1::SyncFlagsRequest;
use flagd::proto::sync_v1::flag_sync_service_client::FlagSyncServiceClient;
use tokio::io::AsyncWriteExt;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::test]
async fn health_and_readiness_answer_any_method_with_an_empty_body() {
    let running = start().await;
    for path in ["/healthz", "/readyz"] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            assert_eq!(ask(running.management(), &request).await, (200, String::new()), "{method} {path}");
        }
    }
    assert_eq!(get(running.management(), "/nothing").await.0, 404);
}

#[tokio::test]
async fn a_daemon_is_ready_once_every_source_was_valid() {
    let running = start_with(|settings, folder| {
        let path = folder.join("late.json");
        std::fs::write(&path, "{").unwrap();
        settings.sources.push(flagd::settings::SourceSettings { path });
    })
    .await;
    let at = running.management();
    assert_eq!(get(at, "/readyz").await, (412, String::new()));
    assert_eq!(get(at, "/healthz").await.0, 200);
    std::fs::write(running.folder.path().join("late.json"), r#"{"flags": {}}"#).unwrap();
    until("ready", || async { get(at, "/readyz").await.0 == 200 }).await;
}

#[tokio::test]
async fn grpc_health_knows_the_whole_and_no_part() {
    let running = start().await;
    let endpoint = format!("http://{}", running.management());
    let channel = tonic::transport::Endpoint::new(endpoint).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel);
    let whole = health.check(HealthCheckRequest { service: String::new() }).await.unwrap();
    assert_eq!(whole.into_inner().status, 1);
    let part = health.check(HealthCheckRequest { service: "flagd".to_owned() }).await.unwrap_err();
    assert_eq!(part.code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn status_tells_what_is_served_and_why_not_newer() {
    let running = start().await;
    let status = running.status().await;
    assert_eq!(status["ready"], true);
    assert_eq!(status["flags"], 2);
    assert_eq!(status["sources"][0]["served"]["flags"], 2);
    assert_eq!(status["sources"][0]["refused"], serde_json::Value::Null);
    assert_eq!(status["streams"]["open"], 0);
    let digest = status["sources"][0]["served"]["digest"].clone();

    std::fs::write(running.flags(), "{\n  \"flags\": 5\n}").unwrap();
    until("refused", || async { !running.status().await["sources"][0]["refused"].is_null() }).await;
    let status = running.status().await;
    let source = &status["sources"][0];
    assert_eq!(source["served"]["digest"], digest);
    assert_eq!(source["refused"]["findings"]["errors"], 1);
    assert_eq!(source["refused"]["findings"]["diagnostics"][0]["line"], 2);
    assert_eq!(source["refused"]["findings"]["diagnostics"][0]["pointer"], "/flags");
    assert!(source["refused"]["text"].as_str().unwrap().contains("error["), "{source}");
    until("counted", || async { running.metrics().await.contains("\nflagd_rejections_total 1\n") }).await;
}

#[tokio::test]
async fn evaluations_are_counted_under_the_names_of_the_reference() {
    let running = start().await;
    let metrics = running.daemon.state().metrics.clone();
    for _ in 0..3 {
        metrics.evaluated("checkout", Some("on"), Reason::Static);
    }
    metrics.evaluated("checkout", Some("off"), Reason::TargetingMatch);
    metrics.evaluated("checkout", Some("on"), Reason::TargetingMatch);
    metrics.evaluated("no\"de\\fault\n", None, Reason::Default);
    metrics.failed("nothing", ErrorCode::FlagNotFound);
    metrics.failed("else", ErrorCode::FlagNotFound);
    let text = running.metrics().await;
    let seen: Vec<String> = text
        .lines()
        .filter(|line| {
            line.starts_with("feature_flag_flagd_impression_total")
                || line.starts_with("feature_flag_flagd_result")
        })
        .map(without_scope)
        .collect();
    let expected = [
        r#"feature_flag_flagd_impression_total{feature_flag_key="checkout",feature_flag_provider_name="flagd",feature_flag_reason="STATIC",feature_flag_result_variant="on"} 3"#,
        r#"feature_flag_flagd_impression_total{feature_flag_key="checkout",feature_flag_provider_name="flagd",feature_flag_reason="TARGETING_MATCH",feature_flag_result_variant="off"} 1"#,
        r#"feature_flag_flagd_impression_total{feature_flag_key="checkout",feature_flag_provider_name="flagd",feature_flag_reason="TARGETING_MATCH",feature_flag_result_variant="on"} 1"#,
        r#"feature_flag_flagd_impression_total{feature_flag_key="no\"de\\fault\n",feature_flag_provider_name="flagd",feature_flag_reason="DEFAULT",feature_flag_result_variant=""} 1"#,
        r#"feature_flag_flagd_result_reason_total{feature_flag_key="checkout",feature_flag_provider_name="flagd",feature_flag_reason="STATIC"} 3"#,
        r#"feature_flag_flagd_result_reason_total{feature_flag_key="checkout",feature_flag_provider_name="flagd",feature_flag_reason="TARGETING_MATCH"} 2"#,
        r#"feature_flag_flagd_result_reason_total{feature_flag_key="no\"de\\fault\n",feature_flag_provider_name="flagd",feature_flag_reason="DEFAULT"} 1"#,
        r#"feature_flag_flagd_result_reason_total{ExceptionTypeKeyName="FLAG_NOT_FOUND",feature_flag_provider_name="flagd",feature_flag_reason="ERROR"} 2"#,
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn requests_are_counted_with_their_true_status() {
    let running = start().await;
    // No such path: 404, whatever else the port serves, and not a label.
    for key in ["a", "b"] {
        assert_eq!(get(running.ofrep(), &format!("/nothing/{key}")).await.0, 404);
    }
    let counted = r#"http_server_request_duration_seconds_count{http_response_status_code="404",http_request_method="GET",http_route="_other",service_name="flagd",url_scheme="http"} 2"#;
    until("counted", || async { running.metrics().await.lines().any(|line| without_scope(line) == counted) })
        .await;
    let text = running.metrics().await;
    let lines: Vec<String> = text.lines().map(without_scope).collect();
    for line in [
        r#"http_server_active_requests{http_request_method="GET",http_route="_other",service_name="flagd",url_scheme="http"} 0"#,
        r#"http_server_request_body_size_bytes_sum{http_response_status_code="404",http_request_method="GET",http_route="_other",service_name="flagd",url_scheme="http"} 0"#,
        r#"http_server_request_duration_seconds_bucket{http_response_status_code="404",http_request_method="GET",http_route="_other",service_name="flagd",url_scheme="http",le="+Inf"} 2"#,
        r#"http_server_response_body_size_bytes_bucket{http_response_status_code="404",http_request_method="GET",http_route="_other",service_name="flagd",url_scheme="http",le="1e+09"} 2"#,
    ] {
        assert!(lines.iter().any(|seen| seen == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn grpc_over_http_1_is_counted_as_a_version_that_is_not_supported() {
    let running = start().await;
    let request = "POST /flagd.evaluation.v1.Service/ResolveBoolean HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
        Content-Type: application/grpc\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0";
    assert_eq!(ask(running.evaluation(), request).await.0, 505);
    for line in [
        r#"http_server_request_duration_seconds_count{http_response_status_code="505",http_request_method="POST",http_route="/flagd.evaluation.v1.Service/ResolveBoolean",service_name="flagd",url_scheme="http"} 1"#,
        r#"rpc_server_duration_milliseconds_count{rpc_grpc_status_code="12",rpc_method="ResolveBoolean",rpc_service="flagd.evaluation.v1.Service",rpc_system="grpc"} 1"#,
    ] {
        until(line, || async { running.metrics().await.lines().any(|seen| without_scope(seen) == line) })
            .await;
    }
}

#[tokio::test]
async fn each_protocol_labels_the_outcome_of_a_call_in_its_own_way() {
    let running = start().await;
    let ask = async |kind: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "POST /flagd.evaluation.v1.Service/ResolveBoolean HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        ask(running.evaluation(), &request).await.0
    };
    assert_eq!(ask("application/json", r#"{"flagKey":"checkout"}"#).await, 200);
    assert_eq!(ask("application/json", r#"{"flagKey":"none"}"#).await, 404);
    assert_eq!(ask("application/grpc-web", "\0\0\0\0\x0a\x0a\x08checkout").await, 200);
    assert_eq!(ask("application/grpc-web-text", "AAAAAAYKBG5vbmU=").await, 200);
    let stream = "POST /flagd.evaluation.v1.Service/EventStream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
        Content-Type: application/connect+json\r\nConnect-Timeout-Ms: 50\r\nContent-Length: 7\r\n\r\n\0\0\0\0\x02{}";
    assert_eq!(common::server::ask(running.evaluation(), stream).await.0, 200);
    let line = r#"rpc_server_duration_milliseconds_count{rpc_connect_rpc_error_code="deadline_exceeded",rpc_method="EventStream",rpc_service="flagd.evaluation.v1.Service",rpc_system="connect_rpc"} 1"#;
    until(line, || async { running.metrics().await.lines().any(|seen| without_scope(seen) == line) }).await;
    for (outcome, system) in [
        ("", "connect_rpc"),
        (r#"rpc_connect_rpc_error_code="not_found","#, "connect_rpc"),
        (r#"rpc_grpc_web_status_code="0","#, "grpc_web"),
        (r#"rpc_grpc_web_status_code="5","#, "grpc_web"),
    ] {
        let line = format!(
            r#"rpc_server_duration_milliseconds_count{{{outcome}rpc_method="ResolveBoolean",rpc_service="flagd.evaluation.v1.Service",rpc_system="{system}"}} 1"#
        );
        until(&line, || async { running.metrics().await.lines().any(|seen| without_scope(seen) == line) })
            .await;
    }
    let bulk =
        "POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(common::server::ask(running.ofrep(), bulk).await.0, 200);
    let line = r#"http_server_request_duration_seconds_count{http_response_status_code="200",http_request_method="POST",http_route="/ofrep/v1/evaluate/{path:flags\\/|flags}",service_name="flagd",url_scheme="http"} 1"#;
    until(line, || async { running.metrics().await.lines().any(|seen| without_scope(seen) == line) }).await;
}

#[tokio::test]
async fn requests_cannot_make_labels() {
    let running = start().await;
    let before = running.metrics().await.lines().count();
    let metrics = running.daemon.state().metrics.clone();
    for number in 0..100_000 {
        metrics.failed(&format!("flag-{number}"), ErrorCode::FlagNotFound);
    }
    for number in 0..20 {
        get(running.ofrep(), &format!("/path-{number}")).await;
    }
    until("counted", || async {
        running.metrics().await.contains("http_server_request_duration_seconds_count")
    })
    .await;
    let after = running.metrics().await.lines().count();
    // Texts of streams, which are held for this.
    let mut open = Vec::new();
    let mut sync = FlagSyncServiceClient::connect(format!("http://{}", running.sync())).await.unwrap();
    let mut events = ServiceClient::new(common::rpc::channel(running.evaluation()).await);
    for number in 0..20 {
        let selector = format!("flagSetId=made-up-{number}");
        let said = SyncFlagsRequest { provider_id: selector.clone(), selector: selector.clone() };
        let mut by_message = sync.sync_flags(said).await.unwrap().into_inner();
        let by_header = common::rpc::with_header(SyncFlagsRequest::default(), "flagd-selector", &selector);
        let mut by_header = sync.sync_flags(by_header).await.unwrap().into_inner();
        for stream in [&mut by_message, &mut by_header] {
            stream.message().await.unwrap().unwrap();
        }
        let request = common::rpc::with_header(EventStreamRequest {}, "flagd-selector", &selector);
        let mut changes = events.event_stream(request).await.unwrap().into_inner();
        changes.message().await.unwrap().unwrap();
        let mut sse = tokio::net::TcpStream::connect(running.ofrep()).await.unwrap();
        let head = format!("GET /ofrep/v1/sse/{selector} HTTP/1.1\r\nHost: x\r\n\r\n");
        sse.write_all(head.as_bytes()).await.unwrap();
        let bulk = format!(
            "POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nFlagd-Selector: {selector}\r\n\
             Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        assert_eq!(ask(running.ofrep(), &bulk).await.0, 200);
        open.push((by_message, by_header, changes, sse));
    }
    until("all are open", || async { running.status().await["streams"]["open"] == 4 * 20 }).await;
    let text = running.metrics().await;
    assert!(!text.contains("made-up"), "{text}");
    let other = r#"feature_flag_flagd_sync_active_streams{selector="_other"} 40"#;
    assert!(text.lines().any(|line| without_scope(line) == other), "{text}");
    drop(open);
    // One failure, and four instruments of one route with one status.
    assert!(after - before <= 1 + 1 + 14 + 11 + 11, "{before} lines became {after}");
    for number in 0..5_000 {
        metrics.evaluated(&format!("flag-{number}"), Some("on"), Reason::Static);
    }
    let text = running.metrics().await;
    let impressions = text.lines().filter(|line| line.starts_with("feature_flag_flagd_impression_total{"));
    assert_eq!(impressions.count(), 2_001);
    let other =
        text.lines().find(|line| line.contains(r#"impression_total{feature_flag_key="_other""#)).unwrap();
    assert!(other.ends_with(" 3000"), "{other}");
}

#[tokio::test]
async fn every_metric_has_one_help_and_one_type_line_before_its_samples() {
    let running = start().await;
    let text = running.metrics().await;
    let mut current = String::new();
    let mut seen = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            current = rest.split(' ').next().unwrap().to_owned();
            assert!(seen.insert(current.clone()), "{current} twice");
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&current), "{line} stands under {current}");
        }
    }
    for name in [
        "feature_flag_flagd_impression_total",
        "feature_flag_flagd_result_reason_total",
        "feature_flag_flagd_sync_active_streams",
        "feature_flag_flagd_sync_stream_duration_seconds",
        "http_server_active_requests",
        "http_server_request_duration_seconds",
        "http_server_request_body_size_bytes",
        "http_server_response_body_size_bytes",
        "rpc_server_duration_milliseconds",
        "rpc_server_request_size_bytes",
        "rpc_server_response_size_bytes",
        "rpc_server_requests_per_rpc",
        "rpc_server_responses_per_rpc",
        "target_info",
    ] {
        assert!(seen.contains(name), "{name}");
    }
    for line in ["flagd_flags 2", "flagd_ready 1", "flagd_rejections_total 0", "flagd_panics_total 0"] {
        assert!(text.lines().any(|seen| seen == line), "{line}");
    }
}

#[tokio::test]
async fn a_call_of_grpc_is_counted_with_its_code() {
    let running = start().await;
    let endpoint = format!("http://{}", running.management());
    let channel = tonic::transport::Endpoint::new(endpoint).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel);
    health.check(HealthCheckRequest { service: String::new() }).await.unwrap();
    health.check(HealthCheckRequest { service: "x".to_owned() }).await.unwrap_err();
    for code in ["0", "5"] {
        let line = format!(
            r#"rpc_server_duration_milliseconds_count{{rpc_grpc_status_code="{code}",rpc_method="Check",rpc_service="grpc.health.v1.Health",rpc_system="grpc"}} 1"#
        );
        until(&line, || async { running.metrics().await.lines().any(|seen| without_scope(seen) == line) })
            .await;
    }
}

/// A sample without the labels that every metric of the reference has.
fn without_scope(line: &str) -> String {
    let scope = format!(
        r#"otel_scope_name="flagd",otel_scope_schema_url="",otel_scope_version="{}""#,
        env!("CARGO_PKG_VERSION")
    );
    line.replace(&format!(",{scope}"), "").replace(&format!("{scope},"), "").replace(&scope, "")
}

#[tokio::test]
async fn evaluations_over_ofrep_are_counted_with_their_true_status() {
    let running = start().await;
    for key in ["no-such-flag", "no-such-flag", "neither"] {
        let path = format!("/ofrep/v1/evaluate/flags/{key}");
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
        assert_eq!(ask(running.ofrep(), &request).await.0, 404);
    }
    let text = running.metrics().await;
    let counted = |name: &str, labels: &[&str]| {
        let lines = text.lines().filter(|line| line.starts_with(name));
        let fits = |line: &&str| labels.iter().all(|label| line.contains(label));
        lines.filter(fits).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    let failed = ["ExceptionTypeKeyName=\"FLAG_NOT_FOUND\""];
    assert_eq!(counted("feature_flag_flagd_result_reason_total", &failed), 3.0, "{text}");
    let status = ["http_response_status_code=\"404\""];
    assert_eq!(counted("http_server_request_duration_seconds_count", &status), 3.0, "{text}");
}

#[tokio::test]
async fn a_stream_is_told_with_the_selector_that_its_message_says() {
    let running = start().await;
    let selector = format!("source={}", running.flags().display());
    let endpoint = format!("http://{}", running.sync());
    let mut client = FlagSyncServiceClient::connect(endpoint).await.unwrap();
    let request = SyncFlagsRequest { provider_id: "test".to_owned(), selector: selector.clone() };
    let mut stream = client.sync_flags(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    assert_eq!(running.status().await["streams"]["sync"][0]["selector"], selector);
    let label = "feature_flag_flagd_sync_active_streams{";
    let text = running.metrics().await;
    assert!(text.lines().any(|line| line.starts_with(label) && line.contains(&selector)), "{text}");
}

#[tokio::test]
async fn a_stream_of_changes_is_told_with_the_selector_of_its_path() {
    let running = start().await;
    let mut open = Vec::new();
    for path in ["/flagSetId%3Dshop", "/flagSetId=shop", ""] {
        let mut stream = tokio::net::TcpStream::connect(running.ofrep()).await.unwrap();
        // A header that this protocol's streams do not read.
        let head = format!("GET /ofrep/v1/sse{path} HTTP/1.1\r\nHost: x\r\nFlagd-Selector: source=x\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        open.push(stream);
    }
    until("three streams", || async { running.status().await["streams"]["open"] == 3 }).await;
    let streams = running.status().await["streams"]["ofrep"].clone();
    let told = streams.as_array().unwrap().iter().map(|stream| stream["selector"].as_str().unwrap());
    let mut told: Vec<&str> = told.collect();
    told.sort_unstable();
    assert_eq!(told, ["", "flagSetId=shop", "flagSetId=shop"]);
}

#[tokio::test]
async fn a_stream_of_events_is_told_with_the_selector_of_its_header() {
    let running = start().await;
    let selector = format!("source={}", running.flags().display());
    let mut client = ServiceClient::new(common::rpc::channel(running.evaluation()).await);
    let request = common::rpc::with_header(EventStreamRequest {}, "flagd-selector", &selector);
    let mut stream = client.event_stream(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    assert_eq!(running.status().await["streams"]["evaluation"][0]["selector"], selector);
}

/// The flags of the tests, with other values.
fn other_flags(size: usize) -> String {
    let text = "x".repeat(size);
    format!(
        r#"{{"flags": {{"checkout": {{"state": "ENABLED", "variants": {{"a": "{text}"}}, "defaultVariant": "a"}}}}}}"#
    )
}

/// Puts other flags in place whole.
fn put(running: &common::server::Running, flags: &str) {
    let made = running.folder.path().join("made");
    std::fs::write(&made, flags).unwrap();
    std::fs::rename(made, running.flags()).unwrap();
}

#[tokio::test]
async fn every_stream_is_told_with_who_listens_and_how_far_it_is() {
    let running = start().await;
    let endpoint = format!("http://{}", running.sync());
    let mut client = FlagSyncServiceClient::connect(endpoint).await.unwrap();
    let request = SyncFlagsRequest { provider_id: "p".repeat(1_000), selector: String::new() };
    let mut sync = client.sync_flags(request).await.unwrap().into_inner();
    sync.message().await.unwrap().unwrap();
    let mut events = ServiceClient::new(common::rpc::channel(running.evaluation()).await);
    let mut events = events.event_stream(EventStreamRequest {}).await.unwrap().into_inner();
    events.message().await.unwrap().unwrap();
    let mut sse = tokio::net::TcpStream::connect(running.ofrep()).await.unwrap();
    sse.write_all(b"GET /ofrep/v1/sse HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();

    let streams = || async { running.status().await["streams"].clone() };
    until("three streams", || async { streams().await["open"] == 3 }).await;
    let revision = running.status().await["revision"].as_u64().unwrap();
    put(&running, &other_flags(1));
    sync.message().await.unwrap().unwrap();
    for service in ["sync", "evaluation", "ofrep"] {
        until(service, || async {
            let stream = streams().await[service][0].clone();
            stream["sent"]["revision"].as_u64().is_some_and(|sent| sent > revision) && stream["behind"] == 0
        })
        .await;
        let stream = streams().await[service][0].clone();
        assert!(stream["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{stream}");
        assert!(stream["since"].as_f64() <= stream["sent"]["at"].as_f64(), "{stream}");
        let provider = if service == "sync" { "p".repeat(200) } else { String::new() };
        assert_eq!(stream["provider"], provider);
    }
    // What clients call themselves is no label.
    assert!(!running.metrics().await.contains("ppp"));
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_told_to_be_behind() {
    let running = start().await;
    put(&running, &other_flags(1_000_000));
    until("served", || async { running.status().await["flags"] == 1 }).await;
    let endpoint = tonic::transport::Endpoint::new(format!("http://{}", running.sync())).unwrap();
    let channel = endpoint.initial_stream_window_size(65_535).connect().await.unwrap();
    let request = SyncFlagsRequest { provider_id: "stalled".to_owned(), selector: String::new() };
    let _stalled = FlagSyncServiceClient::new(channel).sync_flags(request).await.unwrap();
    until("open", || async { running.status().await["streams"]["open"] == 1 }).await;
    for size in [1, 2] {
        let before = running.status().await["revision"].as_u64();
        put(&running, &other_flags(size));
        until("served", || async { running.status().await["revision"].as_u64() > before }).await;
    }
    let stream = running.status().await["streams"]["sync"][0].clone();
    assert!(stream["behind"].as_u64().unwrap() >= 1, "{stream}");
    assert_eq!(stream["provider"], "stalled");
}

/// The value of a sample, by the whole of its name and labels.
async fn sample(running: &common::server::Running, name: &str) -> f64 {
    let text = running.metrics().await;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn how_much_of_each_limit_is_used_is_told() {
    let running = start().await;
    let source = running.flags().display().to_string();
    let of_source = |limit: &str| format!("flagd_limit_used_ratio{{limit=\"{limit}\",source=\"{source}\"}}");
    assert_eq!(sample(&running, &of_source("flags")).await, 2.0 / 100_000.0);
    let size = common::server::FLAGS.len() as f64;
    assert_eq!(sample(&running, &of_source("file_bytes")).await, size / f64::from(16 << 20));
    let of_process = |limit: &str| format!("flagd_limit_used_ratio{{limit=\"{limit}\"}}");
    for limit in ["connections", "descriptors"] {
        let ratio = sample(&running, &of_process(limit)).await;
        assert!(0.0 < ratio && ratio < 1.0, "{limit}: {ratio}");
    }
    assert_eq!(sample(&running, &of_process("sync_payload")).await, 0.0);
    let trouble = format!("flagd_source_watch_trouble{{source=\"{source}\"}}");
    assert_eq!(sample(&running, &trouble).await, 0.0);

    let limits = running.status().await["limits"].clone();
    let known: Vec<&str> =
        limits.as_array().unwrap().iter().map(|limit| limit["limit"].as_str().unwrap()).collect();
    assert_eq!(known, ["connections", "descriptors", "sync_payload", "flags", "file_bytes"]);
    assert_eq!(
        limits[3],
        serde_json::json!({
            "limit": "flags", "source": source, "used": 2, "most": 100_000, "ratio": 0.000_02
        })
    );

    // Connections that are open are part of it.
    let one = sample(&running, &of_process("connections")).await;
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(tokio::net::TcpStream::connect(running.ofrep()).await.unwrap());
    }
    until("more", || async { sample(&running, &of_process("connections")).await > one * 10.0 }).await;
}

#[tokio::test]
async fn definitions_that_stock_clients_refuse_are_told_with_size_and_selector() {
    let running = start().await;
    let endpoint = format!("http://{}", running.sync());
    let stock = FlagSyncServiceClient::connect(endpoint).await.unwrap();
    let source = format!("source={}", running.flags().display());
    for (size, is_refused) in [(4_100_000, false), (4_200_000, true)] {
        let before = running.status().await["revision"].as_u64();
        put(&running, &other_flags(size));
        until("served", || async { running.status().await["revision"].as_u64() > before }).await;
        // Selectors that match nothing have all one name.
        for selector in ["", &source, "source=none", "source=nowhere"] {
            let request = SyncFlagsRequest { provider_id: "test".to_owned(), selector: selector.to_owned() };
            let mut stream = stock.clone().sync_flags(request).await.unwrap().into_inner();
            let matches = !selector.contains("=no");
            let code = stream.message().await.map(drop).map_err(|status| status.code());
            let expected = if is_refused && matches { Err(tonic::Code::OutOfRange) } else { Ok(()) };
            assert_eq!(code, expected, "{selector}");
            if !matches {
                continue;
            }
            let payloads = running.status().await["sync_payloads"].clone();
            let payload = payloads.as_array().unwrap().iter().find(|it| it["selector"] == selector).unwrap();
            let bytes = payload["bytes"].as_u64().unwrap();
            assert_eq!(payload["refused_by_stock_clients"], is_refused);
            assert!((size as u64..size as u64 + 1_000).contains(&bytes), "{bytes}");
            let label = format!("flagd_sync_payload_bytes{{selector=\"{selector}\"}}");
            assert_eq!(sample(&running, &label).await, bytes as f64);
            let ratio = sample(&running, "flagd_limit_used_ratio{limit=\"sync_payload\"}").await;
            assert_eq!(ratio > 1.0, is_refused);
        }
    }
    assert!(!running.metrics().await.contains("nowhere"));
}
