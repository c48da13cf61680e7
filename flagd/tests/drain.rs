//! The end of a daemon from the outside: whatever is open, it comes, and in time.

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::frames::{Conversation, HEADERS};
use common::server::{answer, get, start_with, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

#[tokio::test]
async fn a_daemon_ends_soon_with_idle_pooled_and_half_said_connections() {
    // What is half said has until the deadline of headers, which is 300 ms here.
    let running = start_with(|settings, _| settings.drain = Duration::from_secs(30)).await;
    let addresses = running.all();
    let mut open = Vec::new();
    for address in addresses {
        open.push(TcpStream::connect(address).await.unwrap());
        let mut pooled = TcpStream::connect(address).await.unwrap();
        pooled.write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(pooled.read(&mut [0; 512]).await.unwrap() > 0);
        open.push(pooled);
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET /nothing HTTP/1.1\r\nHo").await.unwrap();
        open.push(half);
    }
    let began = Instant::now();
    running.daemon.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for mut stream in open {
        // Closed, in order or by a reset where something was not read.
        assert!(matches!(stream.read(&mut [0; 512]).await, Ok(0) | Err(_)));
    }
    for address in addresses {
        assert!(TcpStream::connect(address).await.is_err(), "{address} still listens");
    }
}

#[tokio::test]
async fn a_daemon_that_drains_is_not_ready_and_alive_until_what_is_under_way_is_finished() {
    let running = start_with(|settings, _| {
        settings.drain = Duration::from_secs(30);
        settings.body_deadline = Duration::from_secs(30);
    })
    .await;
    let (management, ofrep) = (running.management(), running.ofrep());
    let mut under_way = TcpStream::connect(ofrep).await.unwrap();
    let head = "POST /ofrep/v1/evaluate/flags/checkout HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{";
    under_way.write_all(head.as_bytes()).await.unwrap();
    until("it is under way", || async {
        let text = running.metrics().await;
        let active = text.lines().filter(|line| line.starts_with("http_server_active_requests{"));
        active.filter(|line| line.ends_with(" 1")).count() == 1
    })
    .await;
    assert_eq!(get(management, "/readyz").await.0, 200);
    let stopping = tokio::spawn(running.daemon.stop());
    until("not ready", || async { get(management, "/readyz").await.0 == 412 }).await;
    assert_eq!(get(management, "/healthz").await.0, 200);
    under_way.write_all(b"}").await.unwrap();
    assert_eq!(answer(under_way).await.0, 200);
    stopping.await.unwrap();
}

#[tokio::test]
async fn streams_end_one_after_the_other_within_the_drain_time() {
    const STREAMS: usize = 400;
    const SLICES: usize = 5;
    let drain = Duration::from_secs(2);
    let running = start_with(|settings, _| settings.drain = drain).await;
    let (opened, mut open) = mpsc::unbounded_channel();
    let (gone, mut ends) = mpsc::unbounded_channel();
    for number in 0..STREAMS {
        let mut stream = TcpStream::connect(running.ofrep()).await.unwrap();
        let (opened, gone) = (opened.clone(), gone.clone());
        tokio::spawn(async move {
            stream.write_all(b"GET /ofrep/v1/sse HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut some = [0; 1_024];
            assert!(stream.read(&mut some).await.unwrap() > 0);
            opened.send(number).unwrap();
            while stream.read(&mut some).await.unwrap() > 0 {}
            gone.send(Instant::now()).unwrap();
        });
    }
    for _ in 0..STREAMS {
        open.recv().await.unwrap();
    }
    let began = Instant::now();
    running.daemon.stop().await;
    assert!(began.elapsed() < drain + Duration::from_secs(3), "{:?}", began.elapsed());
    // 5 ms for each of them would be 2 s; a tenth of the drain time is left to close what is there.
    let slice = drain * 9 / 10 / SLICES as u32;
    let mut slices = [0; SLICES];
    for _ in 0..STREAMS {
        let end = ends.recv().await.unwrap().duration_since(began);
        slices[(end.as_millis() / slice.as_millis()).min(SLICES as u128 - 1) as usize] += 1;
    }
    assert!(slices.iter().all(|&count| count <= 3 * STREAMS / SLICES), "{slices:?}");
}

#[tokio::test]
async fn who_watches_health_or_asks_for_reflection_hears_of_the_end_and_does_not_hold_it_up() {
    let running = start_with(|settings, _| settings.drain = Duration::from_secs(30)).await;
    let mut watching = Vec::new();
    for at in [running.management(), running.evaluation(), running.sync()] {
        let mut health = HealthClient::new(channel(at).await);
        let mut statuses = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(statuses.message().await.unwrap().unwrap().status, SERVING);
        watching.push(statuses);
    }
    let mut asking = Vec::new();
    for at in [running.evaluation(), running.sync()] {
        let mut reflection = ServerReflectionClient::new(channel(at).await);
        let (ask, questions) = mpsc::unbounded_channel();
        let question = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        ask.send(question).unwrap();
        let questions = tokio_stream::wrappers::UnboundedReceiverStream::new(questions);
        let mut answers = reflection.server_reflection_info(questions).await.unwrap().into_inner();
        assert!(answers.message().await.unwrap().is_some());
        asking.push((ask, answers));
    }
    assert_eq!(get(running.management(), "/readyz").await.0, 200);
    let began = Instant::now();
    running.daemon.stop().await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for mut statuses in watching {
        assert_eq!(statuses.message().await.unwrap().unwrap().status, NOT_SERVING);
        assert_eq!(statuses.message().await.unwrap_err().code(), Code::Unavailable);
    }
    for (_ask, mut answers) in asking {
        assert_eq!(answers.message().await.unwrap_err().code(), Code::Unavailable);
    }
}

/// As `grpc.health.v1` numbers them.
const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

async fn channel(at: SocketAddr) -> Channel {
    Endpoint::new(format!("http://{at}")).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn a_stream_of_http2_whose_client_takes_nothing_does_not_hold_the_end_up() {
    let running = start_with(|_, _| {}).await;
    let stream = TcpStream::connect(running.management()).await.unwrap();
    let mut takes_nothing = Conversation::over(stream, 0).await;
    takes_nothing.ask("/grpc.health.v1.Health/Watch", b"").await;
    while takes_nothing.next().await.unwrap().kind != HEADERS {}
    let began = Instant::now();
    running.daemon.stop().await;
    // The drain time of 2 s, and a second for management.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    while takes_nothing.next().await.is_some() {}
}
