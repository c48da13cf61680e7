//! A port with handlers of the tests' own: draining, deadlines of bodies, panics, streams.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::routing::{get, post};
use hyper::body::Frame;
use hyper::client::conn::http2::SendRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use crate::settings::Settings;
use crate::state::State;
use crate::telemetry::{Metrics, Service, StreamSelector};

use super::daemon::Group;
use super::listen::Listener;
use super::port::Port;
use super::request::Handler;
use super::room::Room;
use super::unfinished::Unfinished;
use super::untaken::Untaken;

struct Served {
    at: SocketAddr,
    state: State,
    group: Group,
    drain: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    /// One word for each request that reached its handler.
    reached: mpsc::UnboundedReceiver<()>,
}

impl Served {
    async fn reached(&mut self) {
        self.reached.recv().await.unwrap();
    }

    /// How long the end took.
    async fn end(self, patience: Duration) -> Duration {
        let began = Instant::now();
        let _ = self.drain.send(true);
        self.group.end(patience).await;
        self.accepting.await.unwrap();
        began.elapsed()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        self.state.metrics.write(&mut text);
        text
    }

    async fn until(&self, line: &str) {
        for _ in 0..500 {
            if self.metrics().lines().any(|seen| seen.contains(line)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no `{line}` in\n{}", self.metrics());
    }
}

async fn serve(service: Service) -> Served {
    serve_at_most(service, Semaphore::MAX_PERMITS, None).await
}

async fn serve_at_most(service: Service, shared: usize, own: Option<usize>) -> Served {
    serve_in(Room::new(shared, own), service, Duration::from_millis(300)).await
}

async fn serve_in(room: Room, service: Service, body_deadline: Duration) -> Served {
    let (_, revision) = watch::channel(0);
    let (drain, draining) = watch::channel(false);
    let settings =
        Settings { header_deadline: Duration::from_millis(300), body_deadline, ..Settings::default() };
    let state = State {
        client: flagcore::Client::from_json(r#"{"flags": {}}"#).unwrap(),
        settings: Arc::new(settings),
        metrics: Arc::new(Metrics::default()),
        revision,
        draining: draining.clone(),
        farewell: watch::channel(Duration::ZERO).1,
    };
    let (reach, reached) = mpsc::unbounded_channel();
    let (slow, stuck, endless) = (reach.clone(), reach.clone(), reach.clone());
    let router = Router::new()
        .route("/quick", get(async || "quick"))
        .route("/panic", get(async || if true { panic!("of the test") } else { "" }))
        .route("/flagd.evaluation.v1.Service/EventStream", get(async || broken_stream()))
        .route("/body", post(async |body: Bytes| body.len().to_string()))
        .route(
            "/slow",
            get(async move || {
                slow.send(()).unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
                "slow"
            }),
        )
        .route("/large", get(async || vec![0; 20 << 20]))
        .route(
            "/stuck",
            get(async move || {
                stuck.send(()).unwrap();
                std::future::pending::<String>().await
            }),
        )
        .route(
            "/flagd.sync.v1.FlagSyncService/SyncFlags",
            get(async move |headers: HeaderMap| {
                endless.send(()).unwrap();
                stream(&headers, draining)
            }),
        );
    let listener = Listener::port(0, "--port").unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], listener.address().unwrap().port()));
    let (untaken, unfinished) = (Untaken::default(), Unfinished::default());
    let handler = Handler { service, router, state: state.clone(), tls: false, untaken, unfinished };
    let group = Group::new();
    let port = Port { listener, handler: Arc::new(handler), tls: None, room, end: group.end.clone() };
    let accepting = tokio::spawn(port.run());
    Served { at, state, group, drain, accepting, reached }
}

/// A stream of gRPC: one message, and trailers when the daemon drains.
fn stream(headers: &HeaderMap, draining: watch::Receiver<bool>) -> Response<Body> {
    let frames = futures_util::stream::unfold((0, draining), async |(step, mut draining)| match step {
        0 => Some((Frame::data(Bytes::from_static(b"\0\0\0\0\x02hi")), (1, draining))),
        1 => {
            let _ = draining.wait_for(|draining| *draining).await;
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("14"));
            Some((Frame::trailers(trailers), (2, draining)))
        }
        _ => None,
    });
    let frames = futures_util::StreamExt::map(frames, Ok::<_, std::convert::Infallible>);
    let mut answer = Response::new(Body::new(http_body_util::StreamBody::new(frames)));
    if let Some(selector) = headers.get("x-selector").and_then(|selector| selector.to_str().ok()) {
        answer.extensions_mut().insert(StreamSelector(selector.to_owned()));
    }
    answer
}

/// One message, and then a bug.
fn broken_stream() -> Response<Body> {
    let frames = futures_util::stream::unfold(true, async |is_first| {
        if !is_first {
            panic!("of the test");
        }
        let frame = Frame::data(Bytes::from_static(b"\0\0\0\0\x02hi"));
        Some((Ok::<_, std::convert::Infallible>(frame), false))
    });
    Response::new(Body::new(http_body_util::StreamBody::new(frames)))
}

async fn send(at: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await;
    let _ = read.expect("closed in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn path(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

#[tokio::test]
async fn a_request_under_way_is_answered_and_an_idle_connection_closed_at_the_end() {
    let mut served = serve(Service::Ofrep).await;
    let at = served.at;
    let idle = TcpStream::connect(at).await.unwrap();
    let mut pooled = send(at, &path("/quick")).await;
    let _ = pooled.read(&mut [0; 512]).await.unwrap();
    let slow = send(at, &path("/slow")).await;
    served.reached().await;
    let took = served.end(Duration::from_secs(5)).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    let answer = rest(slow).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("slow"), "{answer}");
    assert_eq!(rest(idle).await, "");
    assert_eq!(rest(pooled).await, "");
    assert!(TcpStream::connect(at).await.is_err());
}

#[tokio::test]
async fn what_takes_longer_than_the_drain_is_closed() {
    let mut served = serve(Service::Ofrep).await;
    let stuck = send(served.at, &path("/stuck")).await;
    served.reached().await;
    let took = served.end(Duration::from_millis(300)).await;
    assert!(Duration::from_millis(300) <= took && took < Duration::from_secs(2), "{took:?}");
    assert_eq!(rest(stuck).await, "");
}

#[tokio::test]
async fn streams_of_both_protocols_end_cleanly_when_the_daemon_drains() {
    let mut served = serve(Service::Sync).await;
    let over_http1 = send(served.at, &path("/flagd.sync.v1.FlagSyncService/SyncFlags")).await;
    served.reached().await;
    let stream = TcpStream::connect(served.at).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let connection = tokio::spawn(connection);
    let uri = format!("http://{}/flagd.sync.v1.FlagSyncService/SyncFlags", served.at);
    let answer =
        sender.send_request(axum::http::Request::get(uri).body(Body::empty()).unwrap()).await.unwrap();
    served.reached().await;
    let took = served.end(Duration::from_secs(5)).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    let whole = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap();
    assert_eq!(whole.trailers().unwrap()["grpc-status"], "14");
    connection.await.unwrap().unwrap();
    let answer = rest(over_http1).await;
    assert!(answer.ends_with("0\r\n\r\n"), "{answer:?}");
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let served = serve(Service::Ofrep).await;
    let mut stream = send(served.at, &path("/panic")).await;
    let mut bytes = [0; 512];
    let read = stream.read(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes[..read]);
    assert!(text.starts_with("HTTP/1.1 500"), "{text}");
    stream.write_all(path("/quick").as_bytes()).await.unwrap();
    let read = stream.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].ends_with(b"quick"));
    served.until("flagd_panics_total 1").await;
}

#[tokio::test]
async fn a_panic_in_a_stream_costs_one_stream() {
    let served = serve(Service::Evaluation).await;
    let io = hyper_util::rt::TokioIo::new(TcpStream::connect(served.at).await.unwrap());
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let path = "/flagd.evaluation.v1.Service/EventStream";
    let mut grpc = ask(served.at, path);
    grpc.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let answer = sender.send_request(grpc).await.unwrap();
    let whole = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap();
    assert_eq!(whole.trailers().unwrap()["grpc-status"], "13");
    assert_eq!(whole.to_bytes(), &b"\0\0\0\0\x02hi"[..]);
    // Who does not know such trailers sees that it is not complete.
    let is_whole = match sender.send_request(ask(served.at, path)).await {
        Ok(answer) => http_body_util::BodyExt::collect(answer.into_body()).await.is_ok(),
        Err(_) => false,
    };
    assert!(!is_whole);
    assert_eq!(sender.send_request(ask(served.at, "/quick")).await.unwrap().status(), 200);
    served.until("flagd_panics_total 2").await;
    served.until("rpc_grpc_status_code=\"13\"").await;
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_given_up() {
    let served = serve(Service::Ofrep).await;
    let began = Instant::now();
    let slow = send(served.at, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").await;
    let answer = rest(slow).await;
    assert!(began.elapsed() >= Duration::from_millis(250));
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let whole = send(
        served.at,
        "POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
    )
    .await;
    assert!(rest(whole).await.ends_with("\r\n\r\n3"));
}

#[tokio::test]
async fn a_connection_with_too_much_unfinished_is_refused_more_and_nobody_else_is() {
    let room = Room::new(Semaphore::MAX_PERMITS, None);
    let served = serve_in(room, Service::Ofrep, Duration::from_secs(60)).await;
    let io = hyper_util::rt::TokioIo::new(TcpStream::connect(served.at).await.unwrap());
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let post = |chunks: mpsc::Receiver<Bytes>| {
        let chunks = tokio_stream::wrappers::ReceiverStream::new(chunks);
        let frames = futures_util::StreamExt::map(chunks, |chunk| {
            Ok::<_, std::convert::Infallible>(Frame::data(chunk))
        });
        axum::http::Request::post(format!("http://{}/body", served.at))
            .body(Body::new(http_body_util::StreamBody::new(frames)))
            .unwrap()
    };
    // One MB each, and none of them ends: 32 fit into what one connection may hold.
    let mut open = Vec::new();
    let mut answers = Vec::new();
    for _ in 0..40 {
        let (chunks, body) = mpsc::channel(1);
        chunks.send(Bytes::from(vec![b' '; 1_000_000])).await.unwrap();
        answers.push(sender.send_request(post(body)));
        open.push(chunks);
    }
    let mut answers: futures_util::stream::FuturesUnordered<_> = answers.into_iter().collect();
    let first = futures_util::StreamExt::next(&mut answers).await.unwrap().unwrap();
    assert_eq!(first.status(), 503);
    let length = 1_000_000;
    let whole = format!(
        "POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{}",
        " ".repeat(length)
    );
    assert!(rest(send(served.at, &whole).await).await.ends_with("\r\n\r\n1000000"));
}

#[tokio::test]
async fn connections_over_the_limit_are_turned_away_until_there_is_room() {
    let served = serve_at_most(Service::Ofrep, 2, None).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = send(served.at, &path("/quick")).await;
        let _ = stream.read(&mut [0; 512]).await.unwrap();
        held.push(stream);
    }
    let mut bytes = [0; 512];
    // It hears so to the end, whether or not it asks something, and is not reset.
    for asked in [String::new(), path("/quick")] {
        let mut third = send(served.at, &asked).await;
        let mut answer = String::new();
        third.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        let after = answer.lines().find_map(|line| line.strip_prefix("Retry-After: ")).unwrap();
        assert!(["1", "2", "3"].contains(&after), "{answer}");
    }
    served.until("flagd_connections_refused_total 2").await;
    held.clear();
    served.until("flagd_open_connections 0").await;
    let mut again = send(served.at, &path("/quick")).await;
    let read = again.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn who_never_says_anything_goes_where_room_is_short() {
    let (short, ample) =
        tokio::join!(serve_at_most(Service::Ofrep, 4, None), serve_at_most(Service::Ofrep, 8, None));
    let mut patient = Vec::new();
    for _ in 0..4 {
        patient.push(TcpStream::connect(ample.at).await.unwrap());
    }
    let mut bytes = [0; 512];
    let mut pooled = send(short.at, &path("/quick")).await;
    let _ = pooled.read(&mut bytes).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(short.at).await.unwrap());
    }
    // The first who is closed makes room: the others may stay.
    let (first, _, _) = futures_util::future::select_all(silent.iter_mut().map(|stream| {
        Box::pin(async {
            let mut byte = [0; 1];
            tokio::time::timeout(Duration::from_secs(10), stream.read(&mut byte)).await
        })
    }))
    .await;
    assert_eq!(first.expect("closed in time").unwrap(), 0);
    short.until("flagd_open_connections 3").await;
    for stream in [&mut pooled, &mut send(short.at, "").await] {
        stream.write_all(path("/quick").as_bytes()).await.unwrap();
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
    }
    // These were there before those.
    for stream in &mut patient {
        stream.write_all(path("/quick").as_bytes()).await.unwrap();
        assert!(stream.read(&mut bytes).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn where_there_is_no_room_management_answers_over_connections_that_are_brief() {
    let served = serve_at_most(Service::Management, 1, Some(1)).await;
    let mut first = TcpStream::connect(served.at).await.unwrap();
    served.until("flagd_open_connections 1").await;
    // Says nothing, or asks and stays: either way the next one waits for its place, and gets it.
    let mut silent = TcpStream::connect(served.at).await.unwrap();
    let mut pooled = send(served.at, &path("/quick")).await;
    let mut bytes = [0; 512];
    let read = pooled.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
    assert_eq!(silent.read(&mut bytes).await.unwrap(), 0);
    let mut last = send(served.at, &path("/quick")).await;
    let read = last.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
    assert_eq!(pooled.read(&mut bytes).await.unwrap(), 0);
    // The one for which there was room is not hurried.
    first.write_all(path("/quick").as_bytes()).await.unwrap();
    let read = first.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn answers_that_nobody_takes_hold_so_much_and_no_more() {
    let served = serve(Service::Ofrep).await;
    let mut bytes = [0; 512];
    let mut held = Vec::new();
    // Twelve times 20 MiB of 256.
    for _ in 0..12 {
        let mut stream = send(served.at, &path("/large")).await;
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
        held.push(stream);
    }
    let mut refused = send(served.at, &path("/large")).await;
    let read = refused.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].starts_with(b"HTTP/1.1 503"));
    let mut small = send(served.at, &path("/quick")).await;
    let read = small.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
    // What one of them held is given back when it is taken.
    let mut stream = held.swap_remove(0);
    stream.write_all(b"GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(stream).await.contains("HTTP/1.1 200"));
    let mut again = send(served.at, &path("/large")).await;
    let read = again.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
}

/// A client of HTTP/2 that takes nothing of any answer's body.
async fn takes_nothing(at: SocketAddr) -> SendRequest<Body> {
    let io = hyper_util::rt::TokioIo::new(TcpStream::connect(at).await.unwrap());
    let mut client = hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
    let (sender, connection) = client.initial_stream_window_size(0).handshake(io).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn ask(at: SocketAddr, path: &str) -> axum::http::Request<Body> {
    axum::http::Request::get(format!("http://{at}{path}")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_connection_that_takes_no_answers_is_refused_more_and_nobody_else_is() {
    let served = serve(Service::Ofrep).await;
    let mut greedy = takes_nothing(served.at).await;
    let mut answers = Vec::new();
    // 20 MiB each: one connection may hold 32, all together 256.
    for _ in 0..20 {
        answers.push(greedy.send_request(ask(served.at, "/large")).await.unwrap());
    }
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[503; 19][..]));
    let mut victim = send(served.at, &path("/large")).await;
    let mut bytes = [0; 512];
    let read = victim.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
    // Who is owed too much still gets what is small, and has its share again once nothing is owed.
    assert_eq!(greedy.send_request(ask(served.at, "/quick")).await.unwrap().status(), 200);
    answers.clear();
    for _ in 0..500 {
        if greedy.send_request(ask(served.at, "/large")).await.unwrap().status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("what is given up is not given back");
}

#[tokio::test]
async fn a_long_answer_is_not_hurried() {
    let mut served = serve(Service::Ofrep).await;
    // The header's clock runs 300 ms, and twice that after it came somebody still waits for the answer.
    let mut stuck = send(served.at, &path("/stuck")).await;
    served.reached().await;
    let waited = tokio::time::timeout(Duration::from_millis(700), stuck.read(&mut [0; 8])).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test]
async fn streams_are_listed_and_counted_by_selectors_that_match() {
    let mut served = serve(Service::Sync).await;
    let request = |selector: &str| {
        format!(
            "GET /flagd.sync.v1.FlagSyncService/SyncFlags HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\n{selector}\r\n"
        )
    };
    // What the handler says counts, not a header that it may not read.
    let all = send(served.at, &request("Flagd-Selector: source=x\r\n")).await;
    let one = send(served.at, &request("X-Selector: source=nowhere\r\n")).await;
    let other = send(served.at, &request("X-Selector: flagSetId=none\r\n")).await;
    for _ in 0..3 {
        served.reached().await;
    }
    served.until("flagd_open_streams{service=\"sync\"} 3").await;
    served.until("selector=\"\"} 1").await;
    served.until("selector=\"_other\"} 2").await;
    let (listed, open) = served.state.metrics.streams(10);
    let mut selectors: Vec<_> = listed.iter().map(|stream| stream.selector.as_str()).collect();
    selectors.sort_unstable();
    assert_eq!((selectors, open), (vec!["", "flagSetId=none", "source=nowhere"], 3));
    assert!(listed.iter().all(|stream| stream.peer.starts_with("127.0.0.1:")), "{listed:?}");
    drop(one);
    drop(other);
    served.until("flagd_open_streams{service=\"sync\"} 1").await;
    let metrics = served.state.metrics.clone();
    let took = served.end(Duration::from_secs(5)).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop(all);
    let mut text = String::new();
    metrics.write(&mut text);
    for (reason, count) in
        [("client_disconnect", 2), ("normal_close", 1), ("deadline_exceeded", 0), ("error", 0)]
    {
        let line = text.lines().find(|line| {
            line.starts_with("feature_flag_flagd_sync_stream_duration_seconds_count") && line.contains(reason)
        });
        assert!(line.unwrap().ends_with(&format!(" {count}")), "{reason}: {line:?}");
    }
    assert!(text.contains(
        r#"rpc_grpc_status_code="14",rpc_method="SyncFlags",rpc_service="flagd.sync.v1.FlagSyncService",rpc_system="grpc"} 1"#
    ));
}
