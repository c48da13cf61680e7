//! The end of a daemon from the outside: whatever is open, it comes, and in time.

mod common;

use std::time::{Duration, Instant};

use common::server::{get, start_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

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
async fn a_stream_of_http2_that_never_ends_does_not_hold_the_end_up() {
    let running = start_with(|_, _| {}).await;
    let endpoint = format!("http://{}", running.management());
    let channel = tonic::transport::Endpoint::new(endpoint).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel);
    let mut watching =
        health.watch(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner();
    assert_eq!(watching.message().await.unwrap().unwrap().status, 1);
    assert_eq!(get(running.management(), "/readyz").await.0, 200);
    let began = Instant::now();
    running.daemon.stop().await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(!matches!(watching.message().await, Ok(Some(_))));
}
