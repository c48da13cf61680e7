//! Requests that mean harm, on every port and in every protocol: an error or a close, never an end of the daemon,
//! never a panic, and whoever asks properly is answered meanwhile.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::frames::{
    self, ACK, CONTINUATION, Conversation, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY,
    RESET, SETTINGS, WINDOW, frame,
};
use common::process::{Kept, PATIENCE, Process};
use common::tell;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const RESOLVE: &str = "/flagd.evaluation.v1.Service/ResolveInt";
const RESOLVE_ALL: &str = "/flagd.evaluation.v1.Service/ResolveAll";
const FETCH: &str = "/flagd.sync.v1.FlagSyncService/FetchAllFlags";
const SYNC: &str = "/flagd.sync.v1.FlagSyncService/SyncFlags";
const OFREP: &str = "/ofrep/v1/evaluate/flags";

/// Flags that look at their context in every way that may hurt.
fn flags(folder: &TempDir) -> PathBuf {
    let flag = |targeting: Value| {
        json!({
            "state": "ENABLED", "variants": {"v": 1, "w": 2}, "defaultVariant": "w", "targeting": targeting,
        })
    };
    let flags = json!({"flags": {
        "a": {"state": "ENABLED", "variants": {"v": 1}, "defaultVariant": "v"},
        "echo": flag(json!({"if": [{"==": [{"var": "x"}, {"var": "x"}]}, "v", {"var": "x"}]})),
        "given": flag(json!({"var": "x"})),
        "some": flag(json!({"if": [{"some": [{"var": "x"}, {"==": [{"var": ""}, 1]}]}, "v", "w"]})),
        "pairs": flag(json!({"if": [
            {"reduce": [
                {"map": [{"var": "x"}, {"filter": [{"var": "x"}, {"!!": [{"var": ""}]}]}]},
                {"+": [1, {"var": "accumulator"}]}, 0,
            ]},
            "v", "w",
        ]})),
        "text": flag(json!({"if": [
            {"reduce": [{"var": "x"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "xx"]}, "v", "w",
        ]})),
        "bucket": flag(json!({"fractional": [{"var": "x"}, ["v", 50], ["w", 50]]})),
        "version": flag(json!({"if": [{"sem_ver": [{"var": "x"}, "^", "1.0.0"]}, "v", "w"]})),
        "begins": flag(json!({"if": [{"starts_with": [{"var": "x"}, "a"]}, "v", "w"]})),
    }});
    let path = folder.path().join("flags.json");
    fs::write(&path, flags.to_string()).unwrap();
    path
}

/// What is said of a flag that a context is hard on: its value, or an error; all else is a fault of ours.
const FLAGS: [&str; 9] = ["a", "echo", "given", "some", "pairs", "text", "bucket", "version", "begins"];

/// The text of the attribute `x`, and the status with which a flag is answered that does not look at it.
fn contexts() -> Vec<(&'static str, Vec<u8>, u16)> {
    let lists = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    let members =
        |levels: usize| format!("{}1{}", r#"{"x":"#.repeat(levels), "}".repeat(levels)).into_bytes();
    let many = |item: &str, count: usize| format!("[{}{item}]", format!("{item},").repeat(count - 1));
    let named = |count: usize| {
        let members: Vec<String> = (0..count).map(|at| format!("\"m{at}\":1")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    };
    let long = "x".repeat(1_000_000);
    vec![
        ("lists 90 deep", lists(90), 200),
        ("lists 100 deep", lists(100), 400),
        ("lists 10,000 deep", lists(10_000), 400),
        ("lists 1,000,000 deep", lists(1_000_000), 400),
        ("lists 1,000,000 deep that never end", "[".repeat(1_000_000).into(), 400),
        ("objects 90 deep", members(90), 200),
        ("objects 100 deep", members(100), 400),
        ("objects 10,000 deep", members(10_000), 400),
        ("objects 1,000,000 deep", members(1_000_000), 400),
        ("a list of 1,000,000", many("0", 1_000_000).into(), 200),
        ("a list of 300,000 lists", many("[]", 300_000).into(), 200),
        ("a list of 2,000", many("1", 2_000).into(), 200),
        ("an object of 300,000", named(300_000), 200),
        ("a number of 100,000 digits", "9".repeat(100_000).into(), 400),
        ("a fraction of 100,000 digits", format!("0.{}", "9".repeat(100_000)).into(), 200),
        ("a large exponent", b"1e999999999999999999999".to_vec(), 400),
        ("a small exponent", b"1e-999999999999999999999".to_vec(), 200),
        ("a zero with a large exponent", b"0e999999999999999999999".to_vec(), 200),
        ("the largest number", b"1.7976931348623157e308".to_vec(), 200),
        ("a rule", br#"{"if":[true,"v","w"]}"#.to_vec(), 200),
        ("rules in a list", br#"[{"var":"x"},{"reduce":[{"var":"x"},{"var":"x"},0]}]"#.to_vec(), 200),
        ("a rule of unknown operator", br#"{"nonsense":[{"fractional":[]}]}"#.to_vec(), 200),
        ("a reference", br#"{"$ref":"x"}"#.to_vec(), 200),
        ("duplicate keys", br#"{"a":1,"a":{"a":2,"a":[3]},"a":null}"#.to_vec(), 200),
        ("reserved names", br#"1,"$flagd":{"timestamp":"never"},"targetingKey":{"a":[]}"#.to_vec(), 200),
        ("bytes that are no text", b"\"\xff\xfe\xc0\x80\xed\xa0\x80\xf8\"".to_vec(), 200),
        ("halves of pairs", br#""\ud800\udc00\udc00\ud800""#.to_vec(), 200),
        ("an escaped NUL", br#""a\u0000b""#.to_vec(), 200),
        ("a NUL", b"\"a\0b\"".to_vec(), 400),
        ("signs of control", b"\"\x1b[2J\x07\"".to_vec(), 400),
        ("a text of 1,000,000", format!("\"{long}\"").into(), 200),
        ("a name of 1,000,000", format!("{{\"{long}\":1}}").into(), 200),
        ("a version of 1,000,000 digits", format!("\"1.{}.0\"", "1".repeat(1_000_000)).into(), 200),
        ("a text that never ends", b"\"aaaa".to_vec(), 400),
        ("no value", b"".to_vec(), 400),
        ("a comment", b"1/*x*/".to_vec(), 400),
        ("not a number", b"NaN".to_vec(), 400),
    ]
}

async fn post(at: SocketAddr, path: &str, kind: &str, headers: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    said(at, &[head.as_bytes(), body].concat()).await
}

/// Status and body of what is answered to some bytes, after which nothing more is said; 0 for no answer.
async fn said(at: SocketAddr, bytes: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut answer = Vec::new();
    let talk = async {
        let (mut read, mut write) = stream.split();
        let write = async {
            // Who refuses a request need not read all of it.
            let _ = write.write_all(bytes).await;
        };
        let read = async {
            loop {
                match read.read_buf(&mut answer).await {
                    Ok(1..) if !is_whole(&answer) => {}
                    _ => return,
                }
            }
        };
        tokio::select! {
            () = async { tokio::join!(write, std::future::pending::<()>()); } => {}
            () = read => {}
        }
    };
    let told = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    tokio::time::timeout(PATIENCE, talk).await.unwrap_or_else(|_| panic!("nothing is said to {told}"));
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return (0, answer) };
    let status = String::from_utf8_lossy(&answer[..end]).split(' ').nth(1).map(str::to_owned);
    (status.and_then(|status| status.parse().ok()).unwrap_or(0), answer[end + 4..].to_vec())
}

/// Whether an answer of HTTP/1.1 is all there.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return answer.ends_with(b"0\r\n\r\n");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    answer.len() >= end + 4 + length.map_or(0, |length| length.parse().unwrap())
}

#[tokio::test]
async fn hostile_contexts_cost_an_error_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&[&flags(&folder)], &["--debug", "--max-request-body", "33554432"]);
    let small = Process::start(&[&flags(&folder)], &[]);
    let mut asked = 0;
    for (what, x, status) in contexts() {
        let context = [b"{\"targetingKey\":\"canary\",\"x\":", &x[..], b"}"].concat();
        let body = [b"{\"context\":", &context[..], b"}"].concat();
        let paths = FLAGS.map(|flag| format!("{OFREP}/{flag}"));
        let answers = join_all(paths.iter().map(|path| post(process.ofrep, path, JSON, "", &body))).await;
        for (flag, (got, answer)) in FLAGS.into_iter().zip(answers) {
            let answer: Value = serde_json::from_slice(&answer).unwrap_or_else(|_| panic!("{what}, {flag}"));
            match flag {
                "a" => assert_eq!(got, status, "{what}: {answer}"),
                // A rule that cannot be followed is an error of its flag alone.
                _ if status == 200 => assert!(matches!(got, 200 | 400), "{what}, {flag}: {got} {answer}"),
                _ => assert_eq!(got, status, "{what}, {flag}: {answer}"),
            }
            if (what, flag) == ("a rule", "given") {
                assert_ne!(answer["value"], 1, "a rule of the context was followed");
            }
            if got == 200 {
                assert!(answer["value"] == 1 || answer["value"] == 2, "{what}, {flag}: {answer}");
            } else {
                assert!(answer["errorCode"].is_string(), "{what}, {flag}: {answer}");
            }
            asked += 1;
        }
        let (got, answer) = post(process.ofrep, OFREP, JSON, "", &body).await;
        assert_eq!(got, status, "{what}, all flags: {}", String::from_utf8_lossy(&answer));
        let question = [b"{\"flagKey\":\"a\",\"context\":", &context[..], b"}"].concat();
        // Connect reads its JSON as protobuf does, which is stricter about text.
        let (got, answer) = post(process.evaluation, RESOLVE, JSON, "", &question).await;
        assert!(got == status || got == 400, "{what} over Connect: {got}");
        assert!(serde_json::from_slice::<Value>(&answer).is_ok(), "{what} over Connect");
        let (got, _) = post(process.evaluation, RESOLVE_ALL, JSON, "", &body).await;
        assert!(got == status || got == 400, "{what}, all flags over Connect: {got}");
        asked += 3;
        if body.len() > 1_000_000 {
            assert_eq!(post(small.ofrep, OFREP, JSON, "", &body).await.0, 413, "{what}");
            let (got, _) = post(small.evaluation, RESOLVE_ALL, JSON, "", &body).await;
            assert_eq!(got, 429, "{what} over Connect");
        }
    }
    tell(&format!("{asked} hostile questions"));
    process.answers(1).await;
    // Not in details either: who it was asked for is nobody's business.
    assert!(!process.log().contains("canary"), "{}", process.log());
    assert_eq!(process.metric("flagd_panics_total").await, 0);
    assert_eq!(process.ends(), Some(0));
    assert_eq!(small.ends(), Some(0));
}

const JSON: &str = "application/json";

/// Bytes of compressed zeros, as many as wanted of them uncompressed.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
    let mut block = Vec::with_capacity(64 * 1024);
    deflate.compress_vec(&[0; 1 << 20], &mut block, flate2::FlushCompress::Full).unwrap();
    // After a full flush a block stands for itself, and may be said again and again.
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [&head[..], &block.repeat(megabytes)].concat()
}

fn framed(flags: u8, length: usize, message: &[u8]) -> Vec<u8> {
    let [a, b, c, d] = (length as u32).to_be_bytes();
    [&[flags, a, b, c, d], message].concat()
}

#[tokio::test]
async fn envelopes_that_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&[&flags(&folder)], &[]);
    process.answers(1).await;
    let (evaluation, ofrep, sync) = (process.evaluation, process.ofrep, process.sync);
    let single = format!("{OFREP}/a");
    let request = |path: &str, headers: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}").into_bytes()
    };
    let json = "Content-Type: application/json\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let cases: Vec<(&str, SocketAddr, Vec<u8>, &[u16])> = vec![
        ("a length that is no number", ofrep, request(&single, "Content-Length: x\r\n", "{}"), &[400]),
        ("a negative length", ofrep, request(&single, "Content-Length: -1\r\n", "{}"), &[400]),
        ("a length beyond numbers", ofrep, request(&single, &format!("Content-Length: {}\r\n", "9".repeat(40)), "{}"), &[400]),
        ("the largest length", ofrep, request(&single, "Content-Length: 18446744073709551615\r\n", "{}"), &[413, 431]),
        ("two lengths", ofrep, request(&single, "Content-Length: 2\r\nContent-Length: 3\r\n", "{}x"), &[400]),
        ("a length and chunks", ofrep, request(&single, &format!("Content-Length: 2\r\n{chunked}"), "2\r\n{}\r\n0\r\n\r\n"), &[200, 400]),
        ("a chunk that is no number", ofrep, request(&single, chunked, "zz\r\n{}\r\n0\r\n\r\n"), &[0, 400]),
        ("a chunk beyond numbers", ofrep, request(&single, chunked, &format!("{}\r\n{{}}\r\n", "f".repeat(40))), &[0, 400]),
        ("a chunk that is shorter than it says", ofrep, request(&single, chunked, "2\r\n{}xx\r\n0\r\n\r\n"), &[0, 400]),
        ("a long extension of a chunk", ofrep, request(&single, chunked, &format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(100_000))), &[0, 400]),
        ("100,000 trailers", ofrep, request(&single, chunked, &format!("2\r\n{{}}\r\n0\r\n{}\r\n", "x: y\r\n".repeat(100_000))), &[0, 200, 400]),
        ("an unknown coding", ofrep, request(&single, "Transfer-Encoding: what\r\n", "{}"), &[400]),
        ("10,000 header fields", ofrep, request(&single, &"x: y\r\n".repeat(10_000), ""), &[431]),
        ("a header of 2 MB", ofrep, request(&single, &format!("x: {}\r\n", "y".repeat(2_000_000)), ""), &[0, 431]),
        ("a path of 100,000", ofrep, request(&format!("{single}{}", "a".repeat(100_000)), "", ""), &[404, 414]),
        ("a path that is broken", ofrep, request(&format!("{OFREP}/%zz%"), "", ""), &[400]),
        ("a path of NULs", ofrep, request(&format!("{OFREP}/%00%ff%c0%80"), "Content-Length: 0\r\n", ""), &[404]),
        ("a path of dots", ofrep, request("/ofrep/../../../etc/passwd", "Content-Length: 0\r\n", ""), &[301]),
        ("a selector that is no text", ofrep, [b"POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nFlagd-Selector: \xff\xfe=\xff\r\n\r\n".to_vec()].concat(), &[400]),
        ("no host", ofrep, b"POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_vec(), &[200, 400]),
        ("an unknown version", ofrep, b"GET / HTTP/9.9\r\n\r\n".to_vec(), &[0, 400, 505]),
        ("a wrong kind", evaluation, request(RESOLVE, "Content-Type: text/xml\r\nContent-Length: 2\r\n", "{}"), &[415]),
        ("a kind that is no text", evaluation, [b"POST /flagd.evaluation.v1.Service/ResolveInt HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Type: \xff\xff\r\n\r\n".to_vec()].concat(), &[415]),
        ("protobuf that is JSON", evaluation, request(RESOLVE, "Content-Type: application/proto\r\nContent-Length: 2\r\n", "{}"), &[400]),
        ("JSON that is none", evaluation, request(RESOLVE, &format!("{json}Content-Length: 2\r\n"), "\0\0"), &[400]),
        ("a coding that is unknown", evaluation, request(RESOLVE, &format!("{json}Content-Encoding: br\r\nContent-Length: 2\r\n"), "{}"), &[501]),
        ("gzip that is none", evaluation, request(RESOLVE, &format!("{json}Content-Encoding: gzip\r\nContent-Length: 2\r\n"), "{}"), &[400]),
        ("gRPC over HTTP/1.1", evaluation, request(RESOLVE, "Content-Type: application/grpc\r\nContent-Length: 0\r\n", ""), &[505]),
        ("gRPC over HTTP/1.1 to sync", sync, request(FETCH, "Content-Type: application/grpc\r\nContent-Length: 3\r\n", "\0\0\0"), &[200, 505]),
        ("another kind to sync", sync, request(FETCH, &format!("{json}Content-Length: 2\r\n"), "{}"), &[415]),
    ];
    let mut others = Vec::new();
    for (what, at, bytes, wanted) in &cases {
        let (status, _) = said(*at, bytes).await;
        if !wanted.contains(&status) {
            others.push(format!("{what}: {status} instead of {wanted:?}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
    // Frames of gRPC-Web and of the streams of Connect: what they say of themselves is not true.
    let frames: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("half a head", vec![0, 0, 0]),
        ("less than it says", framed(0, 100, b"ab")),
        ("more than it says", framed(0, 1, b"abcdef")),
        ("the largest length", framed(0, u32::MAX as usize, b"ab")),
        ("compressed without a word about it", framed(1, 2, b"ab")),
        ("unknown flags", framed(0x7e, 2, b"ab")),
        ("two messages", [framed(0, 0, b""), framed(0, 0, b"")].concat()),
        ("the end before the begin", framed(0x80, 0, b"")),
    ];
    for (what, body) in &frames {
        for kind in ["application/grpc-web", "application/grpc-web+json"] {
            let (status, answer) = post(evaluation, RESOLVE, kind, "", body).await;
            assert_eq!(status, 200, "{what}: {}", String::from_utf8_lossy(&answer));
            let told = String::from_utf8_lossy(&answer).into_owned();
            assert!(told.contains("grpc-status:") && !told.contains("grpc-status:0"), "{what}: {told}");
        }
        for path in [RESOLVE, FETCH] {
            let at = if path == FETCH { sync } else { evaluation };
            over_grpc(at, path, body).await;
        }
    }
    process.answers(1).await;
    assert_eq!(process.metric("flagd_panics_total").await, 0);
    assert_eq!(process.ends(), Some(0));
}

/// A call of gRPC with a body as it is, which is answered somehow.
async fn over_grpc(at: SocketAddr, path: &str, body: &[u8]) {
    let mut conversation = Conversation::open(at).await;
    let mut bytes = frame(HEADERS, END_HEADERS, 1, &frames::request(path));
    let pieces = body.chunks(16_000);
    let last = pieces.len().max(1) - 1;
    for (number, piece) in pieces.enumerate() {
        bytes.extend(frame(DATA, if number == last { END_STREAM } else { 0 }, 1, piece));
    }
    if body.is_empty() {
        bytes.extend(frame(DATA, END_STREAM, 1, b""));
    }
    // More than a window of it may be refused before it is all sent.
    let _ = tokio::time::timeout(Duration::from_millis(500), conversation.stream.write_all(&bytes)).await;
    while let Some(frame) = conversation.next().await {
        let ends = frame.kind == RESET || frame.kind <= HEADERS && frame.flags & END_STREAM != 0;
        if frame.kind == GOAWAY || frame.stream == 1 && ends {
            return;
        }
    }
}

#[tokio::test]
async fn a_bomb_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let process = Arc::new(Process::start(&[&flags(&folder)], &[]));
    process.answers(1).await;
    let before = process.resident();
    // 1,000,000 bytes may come in, and no more may come out of them.
    let bomb = Arc::new(bomb(512));
    assert!(bomb.len() < 900_000, "{}", bomb.len());
    let mut all = JoinSet::new();
    for _ in 0..16 {
        let (process, bomb) = (process.clone(), bomb.clone());
        all.spawn(async move {
            let (status, _) =
                post(process.evaluation, RESOLVE, JSON, "Content-Encoding: gzip\r\n", &bomb).await;
            assert_eq!(status, 429);
            let framed = framed(1, bomb.len(), &bomb);
            let headers = "Grpc-Encoding: gzip\r\n";
            let (status, answer) =
                post(process.evaluation, RESOLVE, "application/grpc-web", headers, &framed).await;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert!(status == 200 && answer.contains("grpc-status:8"), "{answer}");
            // OFREP takes bodies as they are.
            assert_eq!(post(process.ofrep, OFREP, JSON, "Content-Encoding: gzip\r\n", &bomb).await.0, 400);
        });
    }
    while let Some(outcome) = all.join_next().await {
        outcome.unwrap();
    }
    let growth = process.resident().saturating_sub(before);
    tell(&format!("48 bombs of 512 MiB: {} KiB more", growth >> 10));
    assert!(growth < 80 << 20, "{growth} bytes");
    process.answers(1).await;
    assert_eq!(Arc::into_inner(process).unwrap().ends(), Some(0));
}

/// A field that holds bytes, put before what is there, back to front.
fn enclose(number: u8, backwards: &mut Vec<u8>) {
    let mut length = backwards.len();
    let mut varint = Vec::new();
    while length >= 0x80 {
        varint.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    varint.push(length as u8);
    backwards.extend(varint.iter().rev());
    backwards.push(number << 3 | 2);
}

/// `Struct { x: … }` as the context of a question about a flag, with a value of so many levels.
fn nested(levels: usize, structs: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..levels {
        // Back to front: a value that holds a list, or a struct with a member.
        if structs {
            enclose(2, &mut bytes);
            bytes.extend([b'x', 1, 1 << 3 | 2]);
        }
        enclose(1, &mut bytes);
        enclose(if structs { 5 } else { 6 }, &mut bytes);
    }
    enclose(2, &mut bytes);
    bytes.extend([b'x', 1, 1 << 3 | 2]);
    enclose(1, &mut bytes);
    enclose(2, &mut bytes);
    bytes.extend([b'a', 1, 1 << 3 | 2]);
    bytes.reverse();
    bytes
}

#[tokio::test]
async fn hostile_protobuf_costs_an_error_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&[&flags(&folder)], &["--max-request-body", "33554432"]);
    let asked = b"\x0a\x01a";
    let with = |context: &[u8]| [asked, context].concat();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("lists 50 deep", nested(50, false), 200),
        ("lists 1,000 deep", nested(1_000, false), 400),
        ("lists 10,000 deep", nested(10_000, false), 400),
        ("lists 1,000,000 deep", nested(1_000_000, false), 400),
        ("structs 50 deep", nested(50, true), 200),
        ("structs 1,000 deep", nested(1_000, true), 400),
        ("structs 1,000,000 deep", nested(1_000_000, true), 400),
        (
            "a list of 1,000,000 values without anything",
            {
                let mut backwards = [0, 1 << 3 | 2].repeat(1_000_000);
                enclose(6, &mut backwards);
                enclose(2, &mut backwards);
                backwards.extend([b'x', 1, 1 << 3 | 2]);
                enclose(1, &mut backwards);
                enclose(2, &mut backwards);
                backwards.reverse();
                with(&backwards)
            },
            200,
        ),
        (
            "300,000 members of one name",
            with(&{
                let mut backwards = [0, 2 << 3 | 2, b'x', 1, 1 << 3 | 2, 5, 1 << 3 | 2].repeat(300_000);
                enclose(2, &mut backwards);
                backwards.reverse();
                backwards
            }),
            200,
        ),
        (
            "a number that never ends",
            with(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            400,
        ),
        ("a key that never ends", with(&[0xff; 40]), 400),
        ("a number cut short", with(&[0x12, 0x80]), 400),
        ("a length beyond the end", with(&[0x12, 100, 1]), 400),
        ("the largest length", with(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), 400),
        ("field 0", with(&[0, 0]), 400),
        ("groups", with(&[0x13, 0x14]), 400),
        ("100,000 groups", with(&[0x13; 100_000]), 400),
        ("an unknown kind", with(&[0x16]), 400),
        ("a double cut short", with(&[0x11, 1, 2]), 400),
        ("a name that is no text", with(&[0x12, 6, 0x0a, 4, 0x0a, 2, 0xff, 0xfe]), 400),
        ("unknown fields", with(&[0x98, 0x75, 1, 0x9a, 0x75, 1, 0]), 200),
        (
            "not a number",
            with(&[0x12, 16, 0x0a, 14, 0x0a, 1, b'x', 0x12, 9, 0x11, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]),
            200,
        ),
        ("a flag named 1,000,000 times", asked.repeat(1_000_000), 200),
    ];
    for (what, message, wanted) in &cases {
        let (status, answer) = post(process.evaluation, RESOLVE, "application/proto", "", message).await;
        let told = String::from_utf8_lossy(&answer).into_owned();
        assert!(status == *wanted || *what == "not a number" && status == 400, "{what}: {status} {told}");
        let framed = framed(0, message.len(), message);
        let (status, answer) =
            post(process.evaluation, RESOLVE_ALL, "application/grpc-web", "", &framed).await;
        assert!(status == 200 && String::from_utf8_lossy(&answer).contains("grpc-status:"), "{what}");
        // Sync has no context; what it does not know it passes over.
        over_grpc(process.sync, FETCH, &framed).await;
    }
    tell(&format!("{} hostile messages, each to three methods", cases.len()));
    process.answers(1).await;
    assert_eq!(process.metric("flagd_panics_total").await, 0);
    assert_eq!(process.ends(), Some(0));
}

/// A small generator with a fixed seed: the same numbers each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Requests that every port has a proper answer for, and the beginnings of others.
fn proper() -> Vec<Vec<u8>> {
    let json = |path: &str, body: &str| {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    };
    let context = r#"{"targetingKey":"k","x":[1,{"y":"z"},null,true,-1.5e3,"\u00e9\ud83d\ude00"]}"#;
    let binary = [&b"POST /flagd.evaluation.v1.Service/ResolveAll HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 17\r\n\r\n"[..],
        &[0x0a, 15, 0x0a, 13, 0x0a, 1, b'x', 0x12, 8, 0x1a, 6, b'a', b'b', b'c', b'd', b'e', b'f']].concat();
    let http2 =
        |path: &str, message: &[u8]| [frames::opening(0xffff), frames::call(1, path, message)].concat();
    vec![
        json(&format!("{OFREP}/a"), &format!("{{\"context\":{context}}}")),
        json(OFREP, &format!("{{\"context\":{context}}}")),
        json(RESOLVE, &format!("{{\"flagKey\":\"a\",\"context\":{context}}}")),
        json(RESOLVE_ALL, &format!("{{\"context\":{context}}}")),
        json("/flagd.evaluation.v1.Service/EventStream", "\0\0\0\0\x02{}"),
        binary,
        b"GET /ofrep/v1/sse HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n".to_vec(),
        b"OPTIONS /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nOrigin: y\r\nAccess-Control-Request-Method: POST\r\n\r\n".to_vec(),
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /status HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"POST /ofrep/v1/evaluate/flags/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".to_vec(),
        http2(RESOLVE, b"\x0a\x01a\x12\x08\x0a\x06\x0a\x01x\x12\x01\x08"),
        http2(RESOLVE_ALL, b""),
        http2(FETCH, b"\x12\x08source=x"),
        http2(SYNC, b""),
        http2("/grpc.health.v1.Health/Watch", b""),
        http2("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", b"\x3a\x01*"),
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        Vec::new(),
    ]
}

/// A request with some of it changed, left out, said twice or made up.
fn mutated(proper: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = proper[random.below(proper.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(24)).min(bytes.len());
        match random.below(7) {
            _ if bytes.is_empty() => {
                bytes = {
                    let count = random.below(600);
                    random.bytes(count)
                }
            }
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            4 => {
                let count = random.below(40);
                drop(bytes.splice(at..end, random.bytes(count)))
            }
            5 => bytes.truncate(at),
            _ => {
                let other = &proper[random.below(proper.len())];
                bytes.extend_from_slice(other)
            }
        }
    }
    bytes
}

/// Sends bytes and that they are all; waits until it is closed, and tells whether it was.
async fn thrown_at(at: SocketAddr, bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut rest = Vec::new();
    // A stream of events with a request behind it goes on: that nobody sends more is seen behind that request.
    let text = String::from_utf8_lossy(bytes);
    let may_go_on = text.contains("/sse") || text.contains("EventStream");
    let patience = if may_go_on { Duration::from_millis(500) } else { PATIENCE };
    let closed = tokio::time::timeout(patience, stream.read_to_end(&mut rest)).await.is_ok();
    assert!(closed || may_go_on, "still open: {text}");
    closed
}

#[tokio::test]
async fn random_and_mutated_bytes_on_every_port_end_nothing() {
    const ROUNDS: usize = 1_200;
    const AT_ONCE: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    fs::write(&certificate, pair.cert.pem()).unwrap();
    fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let pair = ["-c", certificate.to_str().unwrap(), "-k", key.to_str().unwrap()];
    let plain = Process::start(&[&flags(&folder)], &[]);
    let secure = Process::start(&[&flags(&folder)], &pair);
    plain.answers(1).await;
    let before = (plain.descriptors(), plain.resident());
    let proper = Arc::new(proper());
    let mut all = JoinSet::new();
    let ports = plain.all().into_iter().chain([secure.evaluation, secure.sync]);
    for (port, at) in ports.enumerate() {
        for lane in 0..AT_ONCE {
            let proper = proper.clone();
            let mut random = Random(0x9e37_79b9_7f4a_7c15 + (port * AT_ONCE + lane) as u64);
            all.spawn(async move {
                let mut open = 0;
                for _ in 0..ROUNDS / AT_ONCE {
                    open += usize::from(!thrown_at(at, &mutated(&proper, &mut random)).await);
                }
                open
            });
        }
    }
    let mut open = 0;
    while let Some(outcome) = all.join_next().await {
        open += outcome.unwrap();
    }
    let growth = plain.resident().saturating_sub(before.1);
    tell(&format!("{} mutated requests, {open} streams go on: {} KiB more", ROUNDS * 6, growth >> 10));
    plain.answers(1).await;
    assert_eq!(Kept::to(secure.management).await.get("/readyz").await.0, 200);
    for process in [plain, secure] {
        assert_eq!(process.metric("flagd_panics_total").await, 0);
        assert!(process.descriptors() <= before.0 + 8 + open, "descriptors are left");
        assert_eq!(process.ends(), Some(0));
    }
    assert!(growth < 32 << 20, "{growth} bytes");
}

/// What an attacker sends again and again, by how often it was sent; and whether it has to be closed for it.
#[derive(Clone, Copy)]
struct Attack {
    what: &'static str,
    begin: fn() -> Vec<u8>,
    again: fn(u32) -> Vec<u8>,
    times: u32,
    closed: bool,
}

fn nothing() -> Vec<u8> {
    Vec::new()
}

fn asks(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &frames::request(RESOLVE))
}

fn number(n: u32) -> u32 {
    n * 2 + 1
}

const ATTACKS: [Attack; 16] = [
    Attack {
        what: "rapid reset",
        begin: nothing,
        again: |n| [asks(number(n)), frame(RESET, 0, number(n), &8_u32.to_be_bytes())].concat(),
        times: 12_000,
        closed: true,
    },
    Attack {
        what: "rapid reset of whole requests",
        begin: nothing,
        again: |n| {
            [frames::call(number(n), RESOLVE, b"\x0a\x01a"), frame(RESET, 0, number(n), &8_u32.to_be_bytes())]
                .concat()
        },
        times: 12_000,
        closed: false,
    },
    Attack {
        what: "resets that the server has to make",
        begin: nothing,
        again: |n| [asks(number(n)), frame(WINDOW, 0, number(n), &[0; 4])].concat(),
        times: 12_000,
        closed: true,
    },
    Attack {
        what: "headers that go on and on",
        begin: || frame(HEADERS, 0, 1, &frames::request(RESOLVE)),
        again: |_| frame(CONTINUATION, 0, 1, &frames::fields(&[("x", &"y".repeat(100))])),
        times: 60_000,
        closed: true,
    },
    Attack {
        what: "empty headers that go on and on",
        begin: || frame(HEADERS, 0, 1, &frames::request(RESOLVE)),
        again: |_| frame(CONTINUATION, 0, 1, b""),
        times: 120_000,
        closed: true,
    },
    Attack {
        what: "settings",
        begin: nothing,
        again: |_| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]).repeat(10),
        times: 12_000,
        closed: false,
    },
    Attack {
        what: "pings",
        begin: nothing,
        again: |_| frame(PING, 0, 0, &[7; 8]).repeat(10),
        times: 12_000,
        closed: false,
    },
    Attack {
        what: "data in single bytes",
        begin: || asks(1),
        again: |_| frame(DATA, 0, 1, b"x").repeat(10),
        times: 6_000,
        closed: false,
    },
    Attack {
        what: "data without any",
        begin: || asks(1),
        again: |_| frame(DATA, 0, 1, b"").repeat(10),
        times: 12_000,
        closed: false,
    },
    Attack {
        what: "padding",
        begin: || asks(1),
        again: |_| frame(DATA, 8, 1, &[&[200_u8][..], &[0; 200]].concat()),
        times: 12_000,
        closed: false,
    },
    Attack {
        what: "priorities",
        begin: nothing,
        again: |n| frame(PRIORITY, 0, number(n % 1_000), &[0, 0, 0, 0, 7]).repeat(10),
        times: 12_000,
        closed: false,
    },
    Attack {
        what: "windows that overflow",
        begin: nothing,
        again: |_| frame(WINDOW, 0, 0, &0x7fff_ffff_u32.to_be_bytes()),
        times: 1_000,
        closed: true,
    },
    Attack {
        what: "frames of unknown kinds",
        begin: nothing,
        again: |_| frame(0x77, 0xff, 7, &[1; 100]).repeat(10),
        times: 6_000,
        closed: false,
    },
    Attack {
        what: "a frame larger than any may be",
        begin: nothing,
        again: |_| vec![0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1],
        times: 1_000,
        closed: true,
    },
    Attack {
        what: "headers of indices that are not there",
        begin: nothing,
        again: |n| {
            frame(HEADERS, END_HEADERS | END_STREAM, number(n), &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
        },
        times: 1_000,
        closed: true,
    },
    Attack {
        what: "streams that never end",
        begin: nothing,
        again: |n| asks(number(n)),
        times: 12_000,
        closed: false,
    },
];

#[tokio::test]
async fn floods_of_frames_hurt_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let process = Arc::new(Process::start(&[&flags(&folder)], &[]));
    process.answers(1).await;
    let (descriptors, resident) = (process.descriptors(), process.resident());
    let over = Arc::new(AtomicBool::new(false));
    let victim = {
        let (process, over) = (process.clone(), over.clone());
        tokio::spawn(async move {
            let mut kept = Conversation::open(process.evaluation).await;
            let (mut answered, mut most, mut longest) = (0, 0, Duration::ZERO);
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let answer = kept.answer(RESOLVE, b"\x0a\x01a").await;
                longest = longest.max(asked.elapsed());
                assert_eq!(answer.get(5..7), Some(&[8, 1][..]), "{answer:?}");
                (answered, most) = (answered + 1, most.max(process.resident()));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            (answered, most, longest)
        })
    };
    let mut attacks = JoinSet::new();
    let at_once = Arc::new(Semaphore::new(4));
    for attack in ATTACKS {
        for at in [process.evaluation, process.sync] {
            let at_once = at_once.clone();
            attacks.spawn(async move {
                let _turn = at_once.acquire().await.unwrap();
                flood(at, attack).await;
            });
        }
    }
    while let Some(outcome) = attacks.join_next().await {
        outcome.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let (answered, most, longest) = victim.await.unwrap();
    let growth = most.saturating_sub(resident);
    let kib = growth >> 10;
    tell(&format!(
        "32 floods, another asked {answered} times and waited {longest:?} at most; {kib} KiB more"
    ));
    assert!(growth < 96 << 20, "{growth} bytes");
    process.answers(1).await;
    assert_eq!(process.metric("flagd_panics_total").await, 0);
    common::process::until("all is given back", async || {
        (process.descriptors() <= descriptors + 2).then_some(())
    })
    .await;
    assert_eq!(Arc::into_inner(process).unwrap().ends(), Some(0));
}

/// Sends what an attack consists of until it is closed, or nothing is taken any more, or all of it is sent.
async fn flood(at: SocketAddr, attack: Attack) {
    let what = attack.what;
    let stream = TcpStream::connect(at).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let send = async {
        write.write_all(&frames::opening(0xffff)).await?;
        write.write_all(&(attack.begin)()).await?;
        for n in 0..attack.times {
            write.write_all(&(attack.again)(n)).await?;
        }
        std::io::Result::Ok(())
    };
    let mut some = vec![0; 64 * 1024];
    let closed = async { while matches!(read.read(&mut some).await, Ok(1..)) {} };
    // Who reads what is said finds out that it is over; who does not is held up.
    tokio::pin!(closed);
    let refused = tokio::select! {
        sent = tokio::time::timeout(Duration::from_secs(10), send) => matches!(sent, Ok(Err(_))),
        () = &mut closed => true,
    };
    if attack.closed && !refused {
        tokio::time::timeout(PATIENCE, closed).await.unwrap_or_else(|_| panic!("{what}: still open"));
    }
}

#[tokio::test]
async fn pings_however_often_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    // Also where somebody asked for the opposite, as the reference would have it.
    let options = ["--keep-alive-min-time=1h", "--keep-alive-permit-without-stream=false"];
    let process = Process::start(&[&flags(&folder)], &options);
    join_all([
        are_answered(process.evaluation, None),
        are_answered(process.sync, Some(SYNC)),
        are_answered(process.management, None),
    ])
    .await;
    assert_eq!(process.ends(), Some(0));
}

/// Pings every few milliseconds, with a stream or without one.
async fn are_answered(at: SocketAddr, stream: Option<&str>) {
    let mut conversation = Conversation::open(at).await;
    if let Some(path) = stream {
        conversation.ask(path, b"").await;
    }
    let mut beat = tokio::time::interval(Duration::from_millis(2));
    for number in 0..PINGS {
        beat.tick().await;
        let said = number.to_be_bytes();
        conversation.stream.write_all(&frame(PING, 0, 0, &said)).await.unwrap();
        loop {
            let frame = conversation.next().await.expect("it stays open");
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
            if frame.kind == PING && frame.flags == ACK {
                assert_eq!(frame.payload, said);
                break;
            }
        }
    }
}

const PINGS: u64 = 400;

#[tokio::test]
async fn names_that_are_made_up_leave_nothing_behind() {
    const NAMES: usize = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&[&flags(&folder)], &[]);
    process.answers(1).await;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut made_up = || format!("{:016x}{}", random.next(), "x".repeat(500));
    let mut ofrep = Kept::to(process.ofrep).await;
    let mut evaluation = Kept::to(process.evaluation).await;
    let mut sync = Conversation::open(process.sync).await;
    let mut before = (0, 0);
    for number in 0..NAMES {
        let name = made_up();
        let question = format!("{{\"flagKey\":\"{name}\",\"context\":{{\"{name}\":1}}}}");
        assert_eq!(ofrep.post(&format!("{OFREP}/{name}"), "{}").await.0, 404);
        assert_eq!(ofrep.get(&format!("/{name}")).await.0, 404);
        assert_eq!(ofrep.bulk(&name).await, 200);
        assert_eq!(evaluation.post(RESOLVE, &question).await.0, 404);
        assert_eq!(evaluation.get(&format!("/flagd.evaluation.v1.Service/{name}")).await.0, 404);
        let selector = format!("source={name}");
        let mut message = vec![2 << 3 | 2];
        message.extend([0x80 | (selector.len() & 0x7f) as u8, (selector.len() >> 7) as u8]);
        message.extend(selector.as_bytes());
        let answer = sync.answer(FETCH, &message).await;
        assert!(String::from_utf8_lossy(&answer).contains("{\"flags\":{}}"));
        if number % 100 == 0 {
            // Streams, too: who listens to nothing.
            let mut stream = Conversation::open(process.sync).await;
            stream.ask(SYNC, &message).await;
            while stream.next().await.is_some_and(|frame| frame.kind != DATA) {}
            let path = format!("GET /ofrep/v1/sse/flagSetId={name} HTTP/1.1\r\nHost: x\r\n\r\n");
            let mut stream = TcpStream::connect(process.ofrep).await.unwrap();
            stream.write_all(path.as_bytes()).await.unwrap();
            assert_ne!(stream.read(&mut [0; 512]).await.unwrap(), 0);
        }
        if number == NAMES / 4 {
            before = (process.resident(), series(&process).await);
        }
    }
    let after = (process.resident(), series(&process).await);
    let growth = after.0.saturating_sub(before.0);
    tell(&format!("{} made-up names: {} KiB more after a quarter of them", NAMES * 6, growth >> 10));
    assert!(growth < 4 << 20, "{growth} bytes");
    assert_eq!(after.1, before.1, "made-up names became labels");
    assert_eq!(process.ends(), Some(0));
}

/// How many lines there are to measure.
async fn series(process: &Process) -> usize {
    let (_, text) = Kept::to(process.management).await.get("/metrics").await;
    String::from_utf8_lossy(&text).lines().count()
}
