//! The code of the protocols is checked in, so that nobody needs a protobuf compiler; this keeps it current.
//!
//! `FLAGD_REWRITE=proto cargo test -p flagd --test generated` writes it anew.

use std::path::{Path, PathBuf};

use prost::Message;

const FILES: [&str; 4] = [
    "flagd/evaluation/v1/evaluation.proto",
    "flagd/evaluation/v2/evaluation.proto",
    "flagd/sync/v1/sync.proto",
    "schema/v1/schema.proto",
];

#[test]
fn generated_code_is_that_of_the_protocol_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked_in = root.join("src/generated");
    let made = tempfile::tempdir().unwrap();
    let descriptors = protox::compile(FILES, [root.join("proto")]).unwrap();
    std::fs::write(made.path().join("descriptors.bin"), descriptors.encode_to_vec()).unwrap();
    tonic_prost_build::configure()
        .build_client(true)
        // The daemon serves without generated services: see `distribute::sync` and `evaluate::rpc`.
        .build_server(false)
        .out_dir(made.path())
        .compile_fds(descriptors)
        .unwrap();
    let rewrite = std::env::var("FLAGD_REWRITE").is_ok_and(|what| what == "proto");
    let mut stale: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(made.path()).unwrap() {
        let entry = entry.unwrap();
        let (new, kept) = (std::fs::read(entry.path()).unwrap(), checked_in.join(entry.file_name()));
        if rewrite {
            std::fs::write(&kept, &new).unwrap();
        } else if std::fs::read(&kept).ok() != Some(new) {
            stale.push(kept);
        }
    }
    assert!(stale.is_empty(), "write them anew with FLAGD_REWRITE=proto: {stale:?}");
}
