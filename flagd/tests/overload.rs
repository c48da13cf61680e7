//! Many, slow and stalled clients, and too few descriptors: whoever asks properly is answered meanwhile, and all is
//! given back after it.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::frames::{self, Conversation, END_HEADERS, END_STREAM, HEADERS, RESET};
use common::process::{Kept, Process, most_descriptors, until};
use common::server::start_with;
use common::tell;
use futures_util::future::join_all;
use serde_json::json;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.put(1, 0);
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("flags.json")
    }

    /// Puts the flag `a` in place with a value, beside a text of so many bytes.
    fn put(&self, value: i64, ballast: usize) {
        let long = json!({"state": "ENABLED", "variants": {"w": "x".repeat(ballast)}, "defaultVariant": "w"});
        let flag = json!({"state": "ENABLED", "variants": {"v": value}, "defaultVariant": "v"});
        let new = self.0.path().join("new");
        fs::write(&new, json!({"flags": {"a": flag, "long": long}}).to_string()).unwrap();
        fs::rename(new, self.file()).unwrap();
    }
}

/// What a process had before it was put under load.
struct Before {
    descriptors: usize,
    resident: usize,
}

impl Before {
    async fn of(process: &Process) -> Self {
        // What is made once is made by now.
        process.answers(1).await;
        all_is_given_back(process, usize::MAX).await;
        Self { descriptors: process.descriptors(), resident: process.resident() }
    }

    fn growth(&self, process: &Process) -> usize {
        process.resident().saturating_sub(self.resident)
    }
}

/// Waits until no connection is left but the one that asks, and no more descriptors are open than before.
async fn all_is_given_back(process: &Process, descriptors: usize) {
    until("all connections are given back", async || {
        let left = (process.metric("flagd_open_connections").await, process.descriptors());
        // The connection that just asked may still be there.
        (left.0 <= 1 && left.1 <= descriptors.saturating_add(1)).then_some(())
    })
    .await;
}

async fn serves(process: &Process, value: i64) {
    let mut ofrep = Kept::to(process.ofrep).await;
    until("the edit is served", async || (ofrep.value("a").await == value).then_some(())).await;
}

#[tokio::test]
async fn ten_thousand_idle_connections_disturb_nobody() {
    const WANTED: usize = 10_000;
    let most = most_descriptors();
    // Both this process and the daemon need one for each; the rest is for what else they do.
    // Where more than three quarters of the room are used, who said nothing is closed before long.
    let many = WANTED.min((most / 10 * 7).saturating_sub(700));
    tell(&format!(
        "{many} idle connections of {WANTED}: this process may open {most} descriptors, and no more"
    ));
    let folder = Folder::new();
    let process = Process::start(&[&folder.file()], &[]);
    let before = Before::of(&process).await;
    let mut idle = Vec::new();
    for number in 0..many {
        let mut stream = TcpStream::connect(process.all()[number % 4]).await.unwrap();
        match number / 4 % 4 {
            // Asked something once, and kept.
            0 => {
                stream.write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
                assert_ne!(stream.read(&mut [0; 512]).await.unwrap(), 0);
            }
            1 => stream.write_all(&frames::opening(0xffff)).await.unwrap(),
            _ => {}
        }
        idle.push(stream);
    }
    let open = until("all are open", async || {
        let open = process.metric("flagd_open_connections").await;
        (open >= many as u64).then_some(open)
    })
    .await;
    let each = before.growth(&process) / many;
    tell(&format!("{open} connections, {each} bytes for each"));
    process.answers(1).await;
    folder.put(2, 0);
    serves(&process, 2).await;
    process.answers(2).await;
    assert!(each < 40_000, "{each} bytes for each idle connection");
    drop(idle);
    all_is_given_back(&process, before.descriptors).await;
    assert_eq!(process.ends(), Some(0));
}

#[tokio::test]
async fn slow_clients_are_closed_and_others_answered_meanwhile() {
    const EACH: usize = 20;
    let folder = Folder::new();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.0.path().join("tls.crt"), folder.0.path().join("tls.key"));
    fs::write(&certificate, pair.cert.pem()).unwrap();
    fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let pair = ["-c", certificate.to_str().unwrap(), "-k", key.to_str().unwrap()];
    let plain = Process::start(&[&folder.file()], &[]);
    let secure = Process::start(&[&folder.file()], &pair);
    let before = Before::of(&plain).await;
    let secure_descriptors = secure.descriptors();

    let ofrep = b"POST /ofrep/v1/evaluate/flags/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{";
    let chunked =
        b"POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1";
    let connect = b"POST /flagd.evaluation.v1.Service/ResolveInt HTTP/1.1\r\nHost: x\r\n\
        Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let header = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    let slow: [(SocketAddr, &'static [u8]); 14] = [
        (plain.evaluation, b"P"),
        (plain.management, b"G"),
        (plain.sync, b"PRI * HTTP/2.0\r\n"),
        (plain.ofrep, header),
        (plain.management, header),
        (plain.sync, header),
        (plain.evaluation, header),
        (plain.ofrep, ofrep),
        (plain.ofrep, chunked),
        (plain.evaluation, connect),
        (secure.evaluation, b"\x16"),
        (secure.evaluation, hello),
        (secure.sync, hello),
        (secure.sync, b"\x16\x03\x01"),
    ];
    let mut closed = JoinSet::new();
    for _ in 0..EACH {
        for (at, beginning) in slow {
            closed.spawn(is_closed(at, beginning));
        }
        for (at, path) in [
            (plain.evaluation, "/flagd.evaluation.v1.Service/ResolveInt"),
            (plain.sync, "/flagd.sync.v1.FlagSyncService/FetchAllFlags"),
        ] {
            closed.spawn(is_refused(at, path));
        }
    }
    let mut rounds = 0;
    while !closed.is_empty() {
        plain.answers(1).await;
        assert_eq!(Kept::to(secure.management).await.get("/readyz").await.0, 200);
        rounds += 1;
        while let Some(outcome) = closed.try_join_next() {
            outcome.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tell(&format!("{} slow clients closed, every port answered {rounds} times meanwhile", EACH * 16));
    all_is_given_back(&plain, before.descriptors).await;
    all_is_given_back(&secure, secure_descriptors).await;
    assert_eq!(plain.ends(), Some(0));
    assert_eq!(secure.ends(), Some(0));
}

/// Begins a request and goes on a byte at a time, never ending it; until it is closed.
async fn is_closed(at: SocketAddr, beginning: &[u8]) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(beginning).await.unwrap();
    let (mut read, mut write) = stream.split();
    let drip = async {
        while write.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let mut rest = Vec::new();
    tokio::select! {
        _ = read.read_to_end(&mut rest) => {}
        () = drip => {}
        () = tokio::time::sleep(Duration::from_secs(30)) => {
            panic!("{:?} is still open", String::from_utf8_lossy(beginning))
        }
    }
}

/// Begins a request of HTTP/2 and sends its body a byte at a time; until its stream is over.
async fn is_refused(at: SocketAddr, path: &str) {
    let mut conversation = Conversation::open(at).await;
    let begun = frames::frame(HEADERS, END_HEADERS, 1, &frames::request(path));
    conversation.stream.write_all(&begun).await.unwrap();
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let _ = conversation.stream.write_all(&frames::frame(frames::DATA, 0, 1, &[0])).await;
        beat.tick().await;
        while let Ok(Some(frame)) = tokio::time::timeout(Duration::from_millis(1), conversation.next()).await
        {
            let over = frame.kind == RESET || frame.flags & END_STREAM != 0 && frame.kind < 2;
            if frame.stream == 1 && over {
                return;
            }
        }
        assert!(Instant::now() < until, "{path} is still open");
    }
}

/// A connection that the system keeps little for, so that what stalls is the daemon's.
fn narrow(at: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket.connect(&at.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

const SYNC: &str = "/flagd.sync.v1.FlagSyncService/SyncFlags";
const EVENTS: &str = "/flagd.evaluation.v1.Service/EventStream";

/// Opens streams of every kind and never reads them; the connections, to be kept.
async fn stalled_readers(process: &Process, each: usize) -> Vec<TcpStream> {
    let mut stalled = Vec::new();
    for number in 0..each {
        for (at, path) in [(process.sync, SYNC), (process.evaluation, EVENTS)] {
            // Half are held up by the windows of HTTP/2, half by those of the system.
            let window = if number.is_multiple_of(2) { 0xffff } else { 0x7fff_ffff };
            let mut conversation = Conversation::over(narrow(at), window).await;
            conversation.ask(path, b"").await;
            stalled.push(conversation.stream);
        }
        let mut events = narrow(process.ofrep);
        events.write_all(b"GET /ofrep/v1/sse HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stalled.push(events);
    }
    stalled
}

#[tokio::test]
async fn six_hundred_stalled_readers_disturb_nobody_and_hold_nothing() {
    const EACH: usize = 200;
    const UPDATES: i64 = 20;
    most_descriptors();
    let folder = Folder::new();
    folder.put(1, 1_000_000);
    let process = Process::start(&[&folder.file()], &[]);
    let before = Before::of(&process).await;
    let stalled = stalled_readers(&process, EACH).await;
    let mut management = Kept::to(process.management).await;
    until("all listen", async || (management.status().await["streams"]["open"] == 3 * EACH).then_some(()))
        .await;
    let mut reader = Conversation::open(process.sync).await;
    reader.ask(SYNC, b"").await;
    for value in 2..=UPDATES {
        folder.put(value, 1_000_000);
        // One who reads hears of each; others who ask are answered.
        let wanted = format!("{{\"v\":{value}}}");
        let mut tail = Vec::new();
        while !String::from_utf8_lossy(&tail).contains(&wanted) {
            let frame = reader.next().await.expect("the stream goes on");
            // What is looked for stands at the begin of the payload, and may be cut.
            tail.extend(frame.payload.iter().take(200));
        }
        process.answers(value).await;
    }
    let growth = before.growth(&process);
    tell(&format!("{} stalled readers, {UPDATES} updates of 1 MB: {} KiB more", 3 * EACH, growth >> 10));
    // With a copy for each it would be 200 MB and more.
    assert!(growth < 3 * EACH * 100_000, "{growth} bytes");
    drop((stalled, reader));
    until("all streams are closed", async || {
        (management.status().await["streams"]["open"] == 0).then_some(())
    })
    .await;
    drop(management);
    all_is_given_back(&process, before.descriptors).await;
    assert_eq!(process.ends(), Some(0));
}

#[tokio::test]
async fn a_connection_that_takes_no_answers_is_closed() {
    // In this process: the daemon's own deadlines are half a minute.
    let running = start_with(|settings, _| settings.body_deadline = Duration::from_millis(200)).await;
    let long = "x".repeat(100_000);
    let flag = json!({"state": "ENABLED", "variants": {"w": long}, "defaultVariant": "w"});
    let few = json!({"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"});
    let flags = json!({"flags": {"a": flag, "b": few, "c": few}}).to_string();
    fs::write(running.flags(), &flags).unwrap();
    until("it is served", async || (running.status().await["flags"] == 3).then_some(())).await;
    let post = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/ofrep/v1/evaluate/flags"),
        (":authority", "x"),
    ];
    let question = |number: u32| {
        frames::frame(HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &frames::fields(&post))
    };
    // One takes nothing at all, one a byte of each: either way all of it waits.
    for window in [0, 1] {
        let stream = TcpStream::connect(running.ofrep()).await.unwrap();
        let mut takes_nothing = Conversation::over(stream, window).await;
        for number in 0..10 {
            takes_nothing.stream.write_all(&question(number)).await.unwrap();
        }
        let mut answered = 0;
        while let Some(frame) = takes_nothing.next().await {
            answered += usize::from(frame.kind == HEADERS);
        }
        assert_eq!(answered, 10);
    }
    // Who takes them is not hurried, nor who is owed few bytes: for twice as long as the others had.
    let mut takes_all = Conversation::open(running.ofrep()).await;
    let small = TcpStream::connect(running.evaluation()).await.unwrap();
    let mut takes_few = Conversation::over(small, 0).await;
    let first = takes_few.ask("/flagd.evaluation.v1.Service/ResolveBoolean", b"\x0a\x01b").await;
    for number in 0..24 {
        takes_all.stream.write_all(&question(number)).await.unwrap();
        let mut taken = 0;
        loop {
            let frame = takes_all.next().await.expect("it stays open");
            taken += if frame.kind == frames::DATA { frame.payload.len() } else { 0 };
            if frame.kind < 2 && frame.flags & END_STREAM != 0 {
                break;
            }
        }
        assert!(taken > 100_000);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let window = frames::frame(frames::WINDOW, 0, first, &0xffff_u32.to_be_bytes());
    takes_few.stream.write_all(&window).await.unwrap();
    let mut taken = 0;
    loop {
        let frame = takes_few.next().await.expect("it stays open");
        taken += if frame.kind == frames::DATA { frame.payload.len() } else { 0 };
        if frame.stream == first && frame.flags & END_STREAM != 0 {
            break;
        }
    }
    assert_ne!(taken, 0);
}

/// Which connection goes to which port.
type Pick = fn(&Process, usize) -> SocketAddr;

#[tokio::test]
async fn want_of_descriptors_leaves_room_for_files_and_readiness() {
    let services: Pick = |process, number| [process.evaluation, process.sync, process.ofrep][number % 3];
    let all: Pick = |process, number| process.all()[number % 4];
    let management: Pick = |process, _| process.management;
    let [few, more] = [(64, 120), (256, 400)].map(|(most, many)| {
        join_all([
            want_of_descriptors(most, many, services, "1s"),
            want_of_descriptors(most, many, all, "1s"),
            want_of_descriptors(most, many, management, "1s"),
            // Who has all the time in the world leaves room, too.
            want_of_descriptors(most, many, management, "0s"),
        ])
    });
    tokio::join!(few, more);
}

#[tokio::test]
async fn a_low_soft_limit_of_descriptors_locks_nobody_out() {
    const MANY: usize = 1_200;
    if most_descriptors() < MANY + 700 {
        tell("skipped: the hard limit of descriptors is too low to tell it from a soft one");
        return;
    }
    let folder = Folder::new();
    let mut shell = common::process::command(std::path::Path::new("sh"));
    shell.args(["-c", "ulimit -Sn 1024; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_flagd")]);
    let process = Process::run(shell, &[&folder.file()], &[]);
    let mut silent = Vec::new();
    for number in 0..MANY {
        silent.push(TcpStream::connect(process.all()[number % 4]).await.unwrap());
    }
    until("all are open", async || {
        (process.metric("flagd_open_connections").await >= MANY as u64).then_some(())
    })
    .await;
    process.answers(1).await;
    assert_eq!(process.metric("flagd_connections_refused_total").await, 0);
    assert_eq!(process.ends(), Some(0));
}

async fn want_of_descriptors(most: usize, many: usize, pick: Pick, header_deadline: &str) {
    let folder = Folder::new();
    let process =
        Process::start_with_descriptors(most, &[&folder.file()], &["--header-deadline", header_deadline]);
    let mut ofrep = Kept::to(process.ofrep).await;
    assert_eq!(ofrep.value("a").await, 1);
    let baseline = process.descriptors();
    let mut connections = Vec::new();
    for number in 0..many {
        connections.push(TcpStream::connect(pick(&process, number)).await.unwrap());
    }
    folder.put(2, 0);
    until("the edit is served", async || (ofrep.value("a").await == 2).then_some(())).await;
    // It is asked behind all who came before.
    assert_eq!(Kept::to(process.management).await.get("/readyz").await.0, 200);
    let errors = process.metric("flagd_accept_errors_total").await;
    assert_eq!(errors, 0, "it came to the last descriptor");
    // Nobody turns in circles over those that wait.
    let ticks = process.ticks();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let used = process.ticks() - ticks;
    assert!(used <= 20, "{used} hundredths of a second of work in a second of waiting");
    drop(connections);
    until("others are answered again", async || {
        let mut stream = TcpStream::connect(process.evaluation).await.ok()?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        text.starts_with("HTTP/1.1 404").then_some(())
    })
    .await;
    process.answers(2).await;
    until("descriptors are given back", async || (process.descriptors() <= baseline + 1).then_some(())).await;
    assert_eq!(process.ends(), Some(0));
}

/// Where even the reserve is gone: accepting fails, is tried again in peace, and succeeds in the end.
#[tokio::test]
async fn accepting_that_fails_is_tried_again_without_haste() {
    let folder = Folder::new();
    let process = Process::start(&[&folder.file()], &[]);
    let mut management = Kept::to(process.management).await;
    let mut ofrep = Kept::to(process.ofrep).await;
    assert_eq!(ofrep.value("a").await, 1);
    // A connection that waits to be accepted would be among those that cannot be.
    assert_eq!(management.get("/readyz").await.0, 200);
    process.may_open(Some(0));
    let mut waiting = Vec::new();
    for number in 0..40 {
        waiting.push(TcpStream::connect(process.all()[number % 4]).await.unwrap());
    }
    until("it is noticed", async || {
        let (_, text) = management.get("/metrics").await;
        (!String::from_utf8_lossy(&text).contains("flagd_accept_errors_total 0\n")).then_some(())
    })
    .await;
    let ticks = process.ticks();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let used = process.ticks() - ticks;
    assert!(used <= 20, "{used} hundredths of a second of work in a second of waiting");
    assert_eq!(ofrep.value("a").await, 1);
    process.may_open(None);
    process.answers(1).await;
    // One line for each port, however often it was tried.
    let told = process.log().matches("connections cannot be accepted").count();
    assert!((1..=4).contains(&told), "told {told} times");
    assert_eq!(process.ends(), Some(0));
}

#[tokio::test]
async fn two_thousand_who_come_and_go_during_updates_leave_nothing_behind() {
    const CYCLES: usize = 2_000;
    let folder = Folder::new();
    let process = Arc::new(Process::start(&[&folder.file()], &[]));
    let before = Before::of(&process).await;
    let mut warm = 0;
    let mut value = 1;
    for round in 0..20 {
        let mut cycles = JoinSet::new();
        for number in 0..CYCLES / 20 {
            let process = process.clone();
            cycles.spawn(async move { come_and_go(&process, number).await });
        }
        value += 1;
        folder.put(value, 10_000);
        while let Some(outcome) = cycles.join_next().await {
            outcome.unwrap();
        }
        if round == 3 {
            warm = process.resident();
        }
    }
    serves(&process, value).await;
    let mut management = Kept::to(process.management).await;
    until("all streams are closed", async || {
        (management.status().await["streams"]["open"] == 0).then_some(())
    })
    .await;
    drop(management);
    all_is_given_back(&process, before.descriptors).await;
    let growth = process.resident().saturating_sub(warm);
    tell(&format!("{CYCLES} subscribers came and went: {} KiB more after the first 400", growth >> 10));
    assert!(growth < 8 << 20, "{growth} bytes");
    assert_eq!(Arc::into_inner(process).unwrap().ends(), Some(0));
}

/// Listens to something and leaves: in the middle of it, or before anything came.
async fn come_and_go(process: &Process, number: usize) {
    let (at, path) = [(process.sync, SYNC), (process.evaluation, EVENTS)][number % 2];
    if number.is_multiple_of(3) {
        let mut stream = TcpStream::connect(process.ofrep).await.unwrap();
        stream.write_all(b"GET /ofrep/v1/sse HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        if number.is_multiple_of(2) {
            assert_ne!(stream.read(&mut [0; 100]).await.unwrap(), 0);
        }
        return;
    }
    let mut conversation = Conversation::open(at).await;
    let stream = conversation.ask(path, b"").await;
    match number % 4 {
        0 => {}
        1 => {
            let reset = frames::frame(RESET, 0, stream, &8_u32.to_be_bytes());
            conversation.stream.write_all(&reset).await.unwrap();
        }
        _ => while conversation.next().await.is_some_and(|frame| frame.stream != stream) {},
    }
}
