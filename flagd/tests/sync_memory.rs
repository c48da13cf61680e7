//! What readers that never read cost; alone in its process, because it looks at the memory of all of it.

#![cfg(target_os = "linux")]

mod common;

use common::rpc::{serve, settings};
use flagd::proto::sync_v1::SyncFlagsRequest;
use flagd::proto::sync_v1::flag_sync_service_client::FlagSyncServiceClient;
use tonic::transport::Channel;

/// Resident bytes of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

#[tokio::test]
async fn readers_that_never_read_hold_no_copies_of_their_own() {
    const READERS: usize = 200;
    let megabyte = "x".repeat(1_000_000);
    let flags = |number: usize| {
        format!(
            r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"v": "{number}", "w": "{megabyte}"}}, "defaultVariant": "v"}}}}}}"#
        )
    };
    let server = serve(&flags(0), settings()).await;
    let endpoint = Channel::from_shared(format!("http://{}", server.sync())).unwrap();
    // Windows that are small beside the payload, so that what stalls is the server's.
    let small = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let mut stalled = Vec::new();
    let mut before = 0;
    for number in 0..READERS {
        let mut client = FlagSyncServiceClient::new(small.connect().await.unwrap());
        stalled.push(client.sync_flags(SyncFlagsRequest::default()).await.unwrap());
        if number == 10 {
            before = resident();
        }
    }
    let endpoint = Channel::from_shared(format!("http://{}", server.sync())).unwrap();
    let client = FlagSyncServiceClient::new(endpoint.connect().await.unwrap());
    let mut client = client.max_decoding_message_size(2_000_000);
    let mut reader = client.sync_flags(SyncFlagsRequest::default()).await.unwrap().into_inner();
    let number = |text: &str| text.contains(r#""v":"20""#);
    for version in 1..=20 {
        reader.message().await.unwrap().unwrap();
        server.replace(&flags(version));
    }
    while !number(&reader.message().await.unwrap().unwrap().flag_configuration) {}
    let each = resident().saturating_sub(before) / READERS;
    // The readers' own side, with 64 KiB of payload each, is in this process, too.
    assert!(each < 300_000, "{each} bytes for each reader of a payload of 1,000,000");
}
