//! Metrics and traces at a collector: a small one that keeps what it gets.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::rpc::{channel, with_header};
use common::server::{Running, ask, start_with, until};
use flagd::proto::evaluation_v1::ResolveBooleanRequest;
use flagd::proto::evaluation_v1::service_client::ServiceClient;
use flagd::settings::{Headers, Otlp, Sampler, Tls, Traces};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

/// What a collector does with what it gets.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Takes,
    Refuses,
    Hangs,
}

/// A collector that keeps what it gets.
struct Collector {
    address: SocketAddr,
    got: Arc<Mutex<Got>>,
    server: JoinHandle<()>,
}

struct Got {
    mood: Mood,
    metrics: Vec<ExportMetricsServiceRequest>,
    traces: Vec<ExportTraceServiceRequest>,
    /// What stood in the header `x-key` last.
    key: Option<String>,
}

#[derive(Clone)]
struct Receiver(Arc<Mutex<Got>>);

impl Receiver {
    async fn receive<T>(&self, request: Request<T>, keep: impl FnOnce(&mut Got, T)) -> Result<(), Status> {
        let mood = {
            let mut got = self.0.lock().unwrap();
            got.key = request.metadata().get("x-key").map(|key| key.to_str().unwrap().to_owned());
            if got.mood == Mood::Takes {
                keep(&mut got, request.into_inner());
            }
            got.mood
        };
        match mood {
            Mood::Takes => Ok(()),
            Mood::Refuses => Err(Status::new(Code::PermissionDenied, "not\nfor you")),
            Mood::Hangs => std::future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.receive(request, |got, message| got.metrics.push(message)).await?;
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.receive(request, |got, message| got.traces.push(message)).await?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start(mood: Mood) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), mood, None).await
    }

    async fn start_at(at: SocketAddr, mood: Mood, tls: Option<ServerTlsConfig>) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Got { mood, metrics: Vec::new(), traces: Vec::new(), key: None };
        let got = Arc::new(Mutex::new(got));
        let receiver = Receiver(got.clone());
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).unwrap();
        }
        let routes = server
            .add_service(MetricsServiceServer::new(receiver.clone()))
            .add_service(TraceServiceServer::new(receiver));
        let server = tokio::spawn(async move {
            routes.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, got, server }
    }

    /// A metric as it came last.
    fn metric(&self, name: &str) -> Option<Metric> {
        let got = self.got.lock().unwrap();
        let scopes = &got.metrics.last()?.resource_metrics[0].scope_metrics;
        scopes[0].metrics.iter().find(|metric| metric.name == name).cloned()
    }

    /// All spans, each with its scope.
    fn spans(&self) -> Vec<(String, Span)> {
        let got = self.got.lock().unwrap();
        let resources = got.traces.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        let name = |scope: &opentelemetry_proto::tonic::trace::v1::ScopeSpans| {
            scope.scope.as_ref().unwrap().name.clone()
        };
        scopes.flat_map(|scope| scope.spans.iter().map(move |span| (name(scope), span.clone()))).collect()
    }

    /// The one span of a scope with a name.
    async fn span(&self, scope: &str, name: &str) -> Span {
        let is = |(of, span): &(String, Span)| of == scope && span.name == name;
        until(&format!("a span {name} of {scope}"), || async { self.spans().iter().any(is) }).await;
        let spans: Vec<_> = self.spans().into_iter().filter(is).collect();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.into_iter().next().unwrap().1
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Everything is sent at once, all requests are traced.
fn otlp(collector: SocketAddr) -> Otlp {
    Otlp {
        collector: format!("http://{collector}"),
        ca: None,
        certificate: None,
        reload: Duration::from_secs(3_600),
        headers: Headers::default(),
        timeout: Duration::from_secs(10),
        metrics: Some(Duration::from_millis(20)),
        traces: Some(Traces {
            sampler: Sampler { follows_caller: true, share: 1.0 },
            delay: Duration::from_millis(10),
        }),
        resource: Vec::new(),
    }
}

async fn serve(otlp: Otlp) -> Running {
    start_with(|settings, _| settings.otlp = Some(otlp)).await
}

async fn evaluate(running: &Running, path: &str, header: &str) -> u16 {
    let request = format!(
        "POST /ofrep/v1/evaluate/flags{path} HTTP/1.1\r\nHost: x\r\n{header}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    ask(running.ofrep(), &request).await.0
}

/// Attributes as text.
fn shown(attributes: &[KeyValue]) -> Vec<String> {
    let value = |attribute: &KeyValue| match attribute.value.clone().unwrap().value.unwrap() {
        any_value::Value::StringValue(text) => text,
        any_value::Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|attribute| format!("{}={}", attribute.key, value(attribute))).collect()
}

/// Samples as text: labels and the value, or the number of values.
fn samples(metric: &Metric) -> Vec<String> {
    let number = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
        let value = match point.value.unwrap() {
            number_data_point::Value::AsInt(value) => value.to_string(),
            number_data_point::Value::AsDouble(value) => value.to_string(),
        };
        format!("{} {value}", shown(&point.attributes).join(","))
    };
    match metric.data.as_ref().unwrap() {
        metric::Data::Gauge(gauge) => gauge.data_points.iter().map(number).collect(),
        metric::Data::Sum(sum) => sum.data_points.iter().map(number).collect(),
        metric::Data::Histogram(histogram) => {
            let points = histogram.data_points.iter();
            points.map(|point| format!("{} {}", shown(&point.attributes).join(","), point.count)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The value of a metric without labels, as Prometheus gets it.
async fn scraped(running: &Running, name: &str) -> u64 {
    let text = running.metrics().await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn metrics_come_with_the_names_units_labels_and_values_of_the_reference() {
    let collector = Collector::start(Mood::Takes).await;
    let running = serve(Otlp {
        headers: Headers(vec![("x-key".parse().unwrap(), "secret".parse().unwrap())]),
        resource: vec![("deployment.environment".into(), "test".into()), ("service.name".into(), "f".into())],
        ..otlp(collector.address)
    })
    .await;
    for (path, status) in [("/checkout", 200), ("/checkout", 200), ("/no-such-flag", 404)] {
        assert_eq!(evaluate(&running, path, "").await, status);
    }
    let counted =
        "feature_flag.provider.name=flagd,feature_flag.reason=STATIC,feature_flag.result.variant=on 2";
    until("counted", || async {
        let impressions = collector.metric("feature_flag.flagd.impression");
        let reasons = collector.metric("feature_flag.flagd.result.reason");
        let requests = collector.metric("http.server.request.duration");
        impressions.is_some_and(|it| samples(&it) == [format!("feature_flag.key=checkout,{counted}")])
            && reasons.is_some_and(|it| samples(&it).len() == 2)
            && requests.is_some_and(|it| samples(&it).len() == 2)
    })
    .await;
    assert_eq!(
        samples(&collector.metric("feature_flag.flagd.result.reason").unwrap()),
        [
            "feature_flag.key=checkout,feature_flag.provider.name=flagd,feature_flag.reason=STATIC 2",
            "ExceptionTypeKeyName=FLAG_NOT_FOUND,feature_flag.provider.name=flagd,feature_flag.reason=ERROR 1",
        ]
    );
    let duration = collector.metric("http.server.request.duration").unwrap();
    let route = "http.request.method=POST,http.route=/ofrep/v1/evaluate/flags/{key},service.name=flagd,url.scheme=http";
    assert_eq!(
        samples(&duration),
        [
            format!("http.response.status_code=200,{route} 2"),
            format!("http.response.status_code=404,{route} 1")
        ]
    );
    let Some(metric::Data::Histogram(histogram)) = &duration.data else { panic!("{duration:?}") };
    let point = &histogram.data_points[0];
    assert_eq!(point.explicit_bounds, [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!(point.bucket_counts.iter().sum::<u64>(), 2);
    assert!(point.sum.unwrap() > 0.0 && point.start_time_unix_nano < point.time_unix_nano);
    for (name, unit, is_monotonic) in [
        ("feature_flag.flagd.impression", "{impression}", Some(true)),
        ("feature_flag.flagd.result.reason", "{reason}", Some(true)),
        ("feature_flag.flagd.sync.stream.duration", "s", None),
        ("http.server.active_requests", "{request}", Some(false)),
        ("http.server.request.duration", "s", None),
        ("http.server.request.body.size", "By", None),
        ("http.server.response.body.size", "By", None),
        ("flagd.rejections", "{rejection}", Some(true)),
        ("flagd.flags", "{flag}", None),
    ] {
        let metric = collector.metric(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(metric.unit, unit, "{name}");
        match (metric.data.unwrap(), is_monotonic) {
            (metric::Data::Sum(sum), Some(is_monotonic)) => {
                assert_eq!((sum.is_monotonic, sum.aggregation_temporality), (is_monotonic, 2), "{name}");
            }
            (metric::Data::Gauge(_) | metric::Data::Histogram(_), None) => {}
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
    let got = collector.got.lock().unwrap();
    assert_eq!(got.key.as_deref(), Some("secret"));
    let resource = shown(&got.metrics[0].resource_metrics[0].resource.as_ref().unwrap().attributes);
    for attribute in ["service.name=f", "deployment.environment=test"] {
        assert!(resource.iter().any(|seen| seen == attribute), "{resource:?}");
    }
}

#[tokio::test]
async fn every_metric_of_prometheus_but_target_info_is_one_of_otlp() {
    let collector = Collector::start(Mood::Takes).await;
    let running = serve(otlp(collector.address)).await;
    assert_eq!(evaluate(&running, "/checkout", "").await, 200);
    until("counted", || async { collector.metric("http.server.request.duration").is_some() }).await;
    let text = running.metrics().await;
    let with_samples = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let with_samples = with_samples.filter(|name| {
        text.lines()
            .any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")))
            || text.contains(&format!("{name}_count{{"))
    });
    for name in with_samples.filter(|name| *name != "target_info") {
        let stem = name.trim_end_matches("_total").replace("_seconds", "").replace("_bytes", "");
        let got = collector.got.lock().unwrap();
        let scopes = &got.metrics.last().unwrap().resource_metrics[0].scope_metrics;
        let is_there = scopes[0].metrics.iter().any(|metric| metric.name.replace('.', "_") == stem);
        assert!(is_there, "{name}");
    }
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_request_is_a_span_with_what_it_evaluated_inside_of_it() {
    let collector = Collector::start(Mood::Takes).await;
    let running = serve(otlp(collector.address)).await;
    let header = format!("traceparent: 00-{TRACE}-{CALLER}-01\r\ntracestate: a=1\r\n");
    assert_eq!(evaluate(&running, "/checkout", &header).await, 200);

    let outer = collector.span("flagd", "flagd.ofrep").await;
    assert_eq!((hex(&outer.trace_id).as_str(), hex(&outer.parent_span_id).as_str()), (TRACE, CALLER));
    assert_eq!((outer.kind, outer.trace_state.as_str(), &outer.status), (2, "a=1", &None));
    assert_eq!(
        shown(&outer.attributes),
        [
            "http.request.method=POST",
            "http.route=/ofrep/v1/evaluate/flags/{key}",
            "http.response.status_code=200"
        ]
    );
    let inner = collector.span("jsonEvaluator", "resolveAnyValue").await;
    assert_eq!(hex(&inner.trace_id), TRACE);
    assert_eq!(inner.parent_span_id, outer.span_id);
    assert_eq!(inner.status, None);
    assert_eq!(
        shown(&inner.attributes),
        [
            "feature_flag.provider.name=flagd",
            "feature_flag.key=checkout",
            "feature_flag.result.variant=on",
            "feature_flag.reason=STATIC"
        ]
    );
    assert!(outer.start_time_unix_nano <= inner.start_time_unix_nano);
    assert!(inner.end_time_unix_nano <= outer.end_time_unix_nano);
}

#[tokio::test]
async fn a_call_is_a_span_under_the_names_of_the_reference() {
    let collector = Collector::start(Mood::Takes).await;
    let running = serve(otlp(collector.address)).await;
    let mut client = ServiceClient::new(channel(running.evaluation()).await);
    let request = ResolveBooleanRequest { flag_key: "no-such-flag".into(), context: None };
    let parent = format!("00-{TRACE}-{CALLER}-01");
    client.resolve_boolean(with_header(request, "traceparent", &parent)).await.unwrap_err();

    let outer = collector.span("flagd", "flagd.evaluation.v1.Service/ResolveBoolean").await;
    assert_eq!((hex(&outer.trace_id).as_str(), hex(&outer.parent_span_id).as_str()), (TRACE, CALLER));
    // Not to have a flag is no failure of the server.
    assert_eq!(outer.status, None);
    assert_eq!(
        shown(&outer.attributes),
        [
            "rpc.system=grpc",
            "rpc.service=flagd.evaluation.v1.Service",
            "rpc.method=ResolveBoolean",
            "rpc.grpc.status_code=5",
            "http.response.status_code=200"
        ]
    );
    let inner = collector.span("flagd.evaluation.v1", "resolveBoolean").await;
    assert_eq!(inner.parent_span_id, outer.span_id);
    let status = inner.status.unwrap();
    assert_eq!((status.code, status.message.as_str()), (2, "error evaluating flag with key no-such-flag"));
    assert_eq!(inner.events.len(), 1);
    assert_eq!(inner.events[0].name, "exception");
    assert_eq!(shown(&inner.events[0].attributes), ["exception.message=FLAG_NOT_FOUND"]);
}

#[tokio::test]
async fn all_flags_at_once_are_one_span_with_their_number() {
    let collector = Collector::start(Mood::Takes).await;
    let running = serve(otlp(collector.address)).await;
    assert_eq!(evaluate(&running, "", "").await, 200);
    let inner = collector.span("jsonEvaluator", "resolveAll").await;
    assert_eq!(shown(&inner.attributes), ["feature_flag.provider.name=flagd", "feature_flag.count=2"]);
}

#[tokio::test]
async fn contexts_never_reach_a_span() {
    let collector = Collector::start(Mood::Takes).await;
    let running = serve(otlp(collector.address)).await;
    let body = r#"{"context": {"targetingKey": "canary-key", "email": "canary-mail"}}"#;
    let request = format!(
        "POST /ofrep/v1/evaluate/flags/checkout?canary-query HTTP/1.1\r\nHost: x\r\nCookie: canary-cookie\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(ask(running.ofrep(), &request).await.0, 200);
    collector.span("flagd", "flagd.ofrep").await;
    until("metrics", || async { collector.metric("http.server.request.duration").is_some() }).await;
    let got = collector.got.lock().unwrap();
    let all = format!("{:?} {:?}", got.traces, got.metrics);
    assert!(!all.contains("canary"), "{all}");
}

#[tokio::test]
async fn the_sampler_and_the_caller_decide_what_is_traced() {
    let collector = Collector::start(Mood::Takes).await;
    let sampler = |follows_caller, share| {
        let delay = Duration::from_millis(10);
        let sampler = Sampler { follows_caller, share };
        Otlp { traces: Some(Traces { sampler, delay }), metrics: None, ..otlp(collector.address) }
    };
    let header = |trace: u32, flags| format!("traceparent: 00-{trace:032x}-{CALLER}-{flags}\r\n");
    // Share 1 and share 0, following the caller and not; a caller that traces, one that does not, none.
    let mut expected = Vec::new();
    for (number, (follows_caller, share)) in
        [(true, 1.0), (true, 0.0), (false, 1.0), (false, 0.0)].into_iter().enumerate()
    {
        let running = serve(sampler(follows_caller, share)).await;
        for (offset, flags) in [(1, "01"), (2, "00")] {
            let trace = number as u32 * 10 + offset;
            assert_eq!(evaluate(&running, "/checkout", &header(trace, flags)).await, 200);
            let is_traced = if follows_caller { flags == "01" } else { share == 1.0 };
            expected.extend(is_traced.then(|| format!("{trace:032x}")));
        }
        assert_eq!(evaluate(&running, "/checkout", "").await, 200);
        // What is to be sent is sent before it ends.
        running.daemon.stop().await;
    }
    let outer: Vec<Span> =
        collector.spans().into_iter().filter(|(scope, _)| scope == "flagd").map(|(_, span)| span).collect();
    let (with_caller, alone): (Vec<_>, Vec<_>) =
        outer.iter().partition(|span| !span.parent_span_id.is_empty());
    let mut traces: Vec<String> = with_caller.iter().map(|span| hex(&span.trace_id)).collect();
    traces.sort();
    assert_eq!(traces, expected);
    assert_eq!(alone.len(), 2);
}

#[tokio::test]
async fn who_asks_for_health_or_metrics_is_not_traced() {
    let collector = Collector::start(Mood::Takes).await;
    let running = serve(otlp(collector.address)).await;
    running.metrics().await;
    running.status().await;
    running.daemon.stop().await;
    assert_eq!(collector.spans(), []);
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_what_waited() {
    let gone = Collector::start(Mood::Takes).await;
    let address = gone.address;
    drop(gone);
    until("closed", || async { tokio::net::TcpStream::connect(address).await.is_err() }).await;
    let running = serve(otlp(address)).await;
    assert_eq!(evaluate(&running, "/checkout", "").await, 200);
    let failures = |signal: &str| format!("flagd_otlp_failures_total{{signal=\"{signal}\"}}");
    until("both failed", || async {
        let metrics = scraped(&running, &failures("metrics")).await;
        let traces = scraped(&running, &failures("traces")).await;
        metrics > 0 && traces > 0
    })
    .await;
    assert_eq!(evaluate(&running, "/plan", "").await, 200);
    let collector = Collector::start_at(address, Mood::Takes, None).await;
    until("both spans", || async { collector.spans().len() == 4 }).await;
    until("metrics", || async { collector.metric("http.server.request.duration").is_some() }).await;
    assert_eq!(scraped(&running, "flagd_otlp_dropped_spans_total").await, 0);
}

#[tokio::test]
async fn a_collector_that_hangs_stops_nothing_and_what_finds_no_room_is_counted() {
    let collector = Collector::start(Mood::Hangs).await;
    let running = serve(otlp(collector.address)).await;
    // Two spans each: more than the queue and a batch hold.
    let mut client = ServiceClient::new(channel(running.evaluation()).await);
    for _ in 0..2_500 {
        let request = ResolveBooleanRequest { flag_key: "checkout".into(), context: None };
        client.resolve_boolean(request).await.unwrap();
    }
    until("dropped", || async { scraped(&running, "flagd_otlp_dropped_spans_total").await > 0 }).await;
    assert_eq!(evaluate(&running, "/checkout", "").await, 200);
    let stopped = tokio::time::timeout(Duration::from_secs(20), running.daemon.stop()).await;
    assert!(stopped.is_ok());
}

#[tokio::test]
async fn what_a_collector_refuses_is_dropped_and_counted() {
    let collector = Collector::start(Mood::Refuses).await;
    let running = serve(otlp(collector.address)).await;
    assert_eq!(evaluate(&running, "/checkout", "").await, 200);
    until("dropped", || async { scraped(&running, "flagd_otlp_dropped_spans_total").await == 2 }).await;
    collector.got.lock().unwrap().mood = Mood::Takes;
    assert_eq!(evaluate(&running, "/plan", "").await, 200);
    until("taken", || async { collector.spans().len() == 2 }).await;
}

#[tokio::test]
async fn a_collector_that_is_none_stops_nothing() {
    // A port of the daemon's own that speaks HTTP but not OTLP, and a name that there is not.
    let other = start_with(|_, _| {}).await;
    for collector in [format!("http://{}", other.management()), "http://no-such-host.invalid:4317".to_owned()]
    {
        let running = serve(Otlp { collector, ..otlp(other.management()) }).await;
        assert_eq!(evaluate(&running, "/checkout", "").await, 200);
        until("failed", || async {
            scraped(&running, r#"flagd_otlp_failures_total{signal="traces"}"#).await > 0
        })
        .await;
        assert_eq!(evaluate(&running, "/checkout", "").await, 200);
        running.daemon.stop().await;
    }
}

#[tokio::test]
async fn an_authority_makes_the_collector_s_connection_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = write_pair(folder.path(), "collector");
    let (own_certificate, own_key) = write_pair(folder.path(), "own");
    let identity = Identity::from_pem(std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap());
    let client_ca = tonic::transport::Certificate::from_pem(std::fs::read(&own_certificate).unwrap());
    let tls = ServerTlsConfig::new().identity(identity).client_ca_root(client_ca);
    let collector = Collector::start_at(([127, 0, 0, 1], 0).into(), Mood::Takes, Some(tls)).await;
    let secure = |ca: &Path| Otlp {
        collector: format!("https://localhost:{}", collector.address.port()),
        ca: Some(ca.to_owned()),
        certificate: Some(Tls { certificate: own_certificate.clone(), key: own_key.clone() }),
        ..otlp(collector.address)
    };
    let running = serve(secure(&certificate)).await;
    assert_eq!(evaluate(&running, "/checkout", "").await, 200);
    collector.span("flagd", "flagd.ofrep").await;
    // Another authority knows nothing of it.
    let running = serve(secure(&own_certificate)).await;
    until("failed", || async {
        scraped(&running, r#"flagd_otlp_failures_total{signal="metrics"}"#).await > 0
    })
    .await;
}

#[tokio::test]
async fn a_collector_may_ask_who_sends() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = write_pair(folder.path(), "collector");
    let (known, known_key) = write_pair(folder.path(), "known");
    let (stranger, stranger_key) = write_pair(folder.path(), "stranger");
    let identity = Identity::from_pem(std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap());
    let client_ca = tonic::transport::Certificate::from_pem(std::fs::read(&known).unwrap());
    let tls = ServerTlsConfig::new().identity(identity).client_ca_root(client_ca);
    let collector = Collector::start_at(([127, 0, 0, 1], 0).into(), Mood::Takes, Some(tls)).await;
    let sends = |shows: Option<Tls>| {
        serve(Otlp {
            collector: format!("https://localhost:{}", collector.address.port()),
            ca: Some(certificate.clone()),
            certificate: shows,
            ..otlp(collector.address)
        })
    };
    let failures = r#"flagd_otlp_failures_total{signal="metrics"}"#;
    for shows in [None, Some(Tls { certificate: stranger, key: stranger_key })] {
        let running = sends(shows).await;
        until("failed", || async { scraped(&running, failures).await > 0 }).await;
        assert!(collector.metric("flagd.flags").is_none());
    }
    let running = sends(Some(Tls { certificate: known, key: known_key })).await;
    until("taken", || async { collector.metric("flagd.flags").is_some() }).await;
    assert_eq!(scraped(&running, failures).await, 0);
}

#[tokio::test]
async fn files_of_tls_are_read_again_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = write_pair(folder.path(), "collector");
    let (authority, _) = write_pair(folder.path(), "another");
    let identity = Identity::from_pem(std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap());
    let tls = ServerTlsConfig::new().identity(identity);
    let collector = Collector::start_at(([127, 0, 0, 1], 0).into(), Mood::Takes, Some(tls)).await;
    let sends = |reload| {
        serve(Otlp {
            collector: format!("https://localhost:{}", collector.address.port()),
            ca: Some(authority.clone()),
            reload,
            ..otlp(collector.address)
        })
    };
    let (soon, late) = (sends(Duration::from_millis(50)).await, sends(Duration::from_secs(3_600)).await);
    let failures = r#"flagd_otlp_failures_total{signal="metrics"}"#;
    for running in [&soon, &late] {
        until("failed", || async { scraped(running, failures).await > 0 }).await;
    }
    std::fs::copy(&certificate, &authority).unwrap();
    let exports = r#"flagd_otlp_exports_total{signal="metrics"}"#;
    until("taken", || async { scraped(&soon, exports).await > 0 }).await;
    assert_eq!(scraped(&late, exports).await, 0);
}

#[tokio::test]
async fn files_of_tls_that_cannot_be_read_end_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let settings = flagd::settings::Settings {
        otlp: Some(Otlp {
            collector: "https://localhost:1".into(),
            ca: Some("/no/such/ca.pem".into()),
            ..otlp(([127, 0, 0, 1], 1).into())
        }),
        ..common::server::settings(folder.path())
    };
    let error = flagd::server::Daemon::start(settings).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot speak to the collector: /no/such/ca.pem cannot be read: No such file or directory (os error 2)"
    );
}

/// A certificate for localhost that signs itself, and its key.
fn write_pair(folder: &Path, name: &str) -> (std::path::PathBuf, std::path::PathBuf) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

#[cfg(unix)]
#[tokio::test]
async fn the_binary_sends_what_it_has_before_it_ends() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let collector = Collector::start(Mood::Takes).await;
    let folder = tempfile::tempdir().unwrap();
    common::server::settings(folder.path());
    let source = format!("file:{}", folder.path().join("flags.json").display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagd"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("FLAGD_") || name.starts_with("OTEL_") {
            command.env_remove(&*name);
        }
    }
    let mut child = command
        .args(["start", "-f", &source, "-p", "0", "-m", "0", "-g", "0", "-r", "0", "-t", "otel", "-o"])
        .arg(collector.address.to_string())
        .env_remove("HOME")
        // Nothing is sent by itself for a long time.
        .env("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
        .env("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        .env("OTEL_SERVICE_NAME", "of-the-test")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let port = lines
        .find_map(|line| {
            let line = line.unwrap();
            let port =
                line.contains("service=\"ofrep\"").then(|| line.rsplit(':').next().unwrap().to_owned());
            port.map(|port| port.parse::<u16>().unwrap())
        })
        .unwrap();
    // Nobody reads its log for it.
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    let request = "POST /ofrep/v1/evaluate/flags/checkout HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let answer = ask(([127, 0, 0, 1], port).into(), request).await;
    assert_eq!(answer.0, 200);
    assert!(collector.spans().is_empty());
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{:?}", rest.join());
    assert_eq!(collector.spans().len(), 2);
    let impressions = collector.metric("feature_flag.flagd.impression").unwrap();
    assert_eq!(samples(&impressions).len(), 1);
    let got = collector.got.lock().unwrap();
    let resource = shown(&got.traces[0].resource_spans[0].resource.as_ref().unwrap().attributes);
    assert!(resource.iter().any(|seen| seen == "service.name=of-the-test"), "{resource:?}");
}
