//! What readers that never read cost the daemon, with a stock client.

#![cfg(target_os = "linux")]

mod common;

use common::process::Process;
use common::rpc::channel;
use flagd::proto::sync_v1::SyncFlagsRequest;
use flagd::proto::sync_v1::flag_sync_service_client::FlagSyncServiceClient;
use tonic::transport::Channel;

#[tokio::test]
async fn readers_that_never_read_hold_no_copies_of_their_own() {
    const READERS: usize = 300;
    const UPDATES: usize = 20;
    let megabyte = "x".repeat(1_000_000);
    let flags = |number: usize| {
        format!(
            r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"v": "{number}", "w": "{megabyte}"}}, "defaultVariant": "v"}}}}}}"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flags.json");
    let put = |number: usize| {
        let new = folder.path().join("new");
        std::fs::write(&new, flags(number)).unwrap();
        std::fs::rename(&new, &file).unwrap();
    };
    put(0);
    let process = Process::start(&[&file], &[]);
    let mut reader =
        FlagSyncServiceClient::new(channel(process.sync).await).max_decoding_message_size(2_000_000);
    let mut reader = reader.sync_flags(SyncFlagsRequest::default()).await.unwrap().into_inner();
    let mut heard = async |number: usize| {
        let wanted = format!(r#""v":"{number}""#);
        while !reader.message().await.unwrap().unwrap().flag_configuration.contains(&wanted) {}
    };
    heard(0).await;
    // What updates cost by themselves is there before the readers are.
    for version in 1..=UPDATES {
        put(version);
        heard(version).await;
    }
    let before = process.resident();
    let endpoint = Channel::from_shared(format!("http://{}", process.sync)).unwrap();
    // Windows that are small beside the payload, so that what stalls is the daemon's.
    let small = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let mut stalled = Vec::new();
    for _ in 0..READERS {
        let mut client = FlagSyncServiceClient::new(small.connect().await.unwrap());
        stalled.push(client.sync_flags(SyncFlagsRequest::default()).await.unwrap());
    }
    for version in UPDATES + 1..=2 * UPDATES {
        put(version);
        heard(version).await;
    }
    let each = process.resident().saturating_sub(before) / READERS;
    common::tell(&format!("{each} bytes for each of {READERS} readers of a payload of 1,000,000"));
    // 0.1 MiB (R67).
    assert!(each <= 104_857, "{each} bytes for each reader of a payload of 1,000,000");
    assert_eq!(process.ends(), Some(0));
}
