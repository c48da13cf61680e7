//! Ports, sockets, limits and faults from the outside.

mod common;

use std::time::{Duration, Instant};

use common::server::{answer, ask, get, here, settings, start, start_with, until};
use flagd::server::Daemon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_port_in_use_is_named_with_its_option() {
    let taken = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    for (option, number) in [("--port", 0), ("--management-port", 1), ("--sync-port", 2), ("--ofrep-port", 3)]
    {
        let mut settings = settings(folder.path());
        let ports = [
            &mut settings.port,
            &mut settings.management_port,
            &mut settings.sync_port,
            &mut settings.ofrep_port,
        ];
        for (at, setting) in ports.into_iter().enumerate() {
            *setting = if at == number { port } else { 0 };
        }
        let error = Daemon::start(settings).await.unwrap_err().to_string();
        let start = format!("cannot listen on port {port} (`{option}`): ");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[tokio::test]
async fn every_port_answers_over_both_generations_of_ip() {
    let running = start().await;
    for address in running.all() {
        assert_ne!(get(address, "/").await.0, 0);
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            assert_ne!(get(([0, 0, 0, 0, 0, 0, 0, 1], address.port()).into(), "/").await.0, 0);
        }
    }
}

#[tokio::test]
async fn a_port_can_be_taken_again_at_once() {
    let running = start().await;
    let port = running.management().port();
    get(running.management(), "/healthz").await;
    let folder = running.folder;
    running.daemon.stop().await;
    let settings = flagd::settings::Settings { management_port: port, ..settings(folder.path()) };
    let again = Daemon::start(settings).await.unwrap();
    assert_eq!(get(here(again.addresses().management), "/healthz").await.0, 200);
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_takes_the_place_of_a_port_and_is_gone_at_the_end() {
    use std::os::unix::fs::PermissionsExt;
    let running = start_with(|settings, folder| {
        settings.socket_path = Some(folder.join("evaluation.sock"));
        settings.sync_socket_path = Some(folder.join("sync.sock"));
    })
    .await;
    assert!(running.daemon.addresses().evaluation.is_none());
    assert!(running.daemon.addresses().sync.is_none());
    for name in ["evaluation.sock", "sync.sock"] {
        let path = running.folder.path().join(name);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        assert_ne!(answer(stream).await.0, 0);
    }
    let folder = running.folder;
    running.daemon.stop().await;
    assert!(!folder.path().join("evaluation.sock").exists());
    assert!(!folder.path().join("sync.sock").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evaluation.sock");
    // Left by a process that was killed: a file that nobody listens on.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let settings =
        || flagd::settings::Settings { socket_path: Some(path.clone()), ..settings(folder.path()) };
    let first = Daemon::start(settings()).await.unwrap();
    let error = Daemon::start(settings()).await.unwrap_err().to_string();
    let at = path.display();
    assert_eq!(
        error,
        format!("cannot listen on socket {at} (`--socket-path`): another process listens on it")
    );
    assert!(path.exists());
    first.stop().await;
    std::fs::write(&path, "precious").unwrap();
    let error = Daemon::start(settings()).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!("cannot listen on socket {at} (`--socket-path`): there is a file that is no socket")
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[cfg(unix)]
#[tokio::test]
async fn a_client_that_makes_an_authority_of_the_socket_path_is_answered() {
    let running = start_with(|settings, folder| settings.socket_path = Some(folder.join("e.sock"))).await;
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let message = b"\0\0\0\0\x0a\x0a\x08checkout";
    // `POST` and `http` by their places; then `:path` and `content-type` as texts.
    let path = [&[0x83, 0x86, 0x04], &*text("/flagd.evaluation.v1.Service/ResolveBoolean")].concat();
    let kind = [&[0x0f, 16], &*text("application/grpc")].concat();
    // First with a name of its own, as gRPC's C core does it; then by its place in the table.
    let named = [&[0x40], &*text(":authority"), &text("%2Ftmp%2Fe.sock")].concat();
    let request = |stream: u8, authority: &[u8]| {
        let headers = frame(1, 4, stream, &[&path, authority, &kind].concat());
        [headers, frame(0, 1, stream, message)].concat()
    };
    let mut stream = tokio::net::UnixStream::connect(running.folder.path().join("e.sock")).await.unwrap();
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &*frame(4, 0, 0, &[])].concat();
    stream.write_all(&[preface, request(1, &named), request(3, &[0xbe])].concat()).await.unwrap();
    let mut answered = Vec::new();
    while answered.len() < 2 {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).await.unwrap();
        assert!(![3, 7].contains(&head[3]), "reset or sent away: {head:?} {payload:?}");
        if head[3] == 0 {
            assert_eq!(payload[5..7], [8, 1], "{payload:?}");
            answered.push(head[8]);
        }
    }
    assert_eq!(answered, [1, 3]);
}

#[tokio::test]
async fn a_header_over_the_limit_is_431() {
    let running = start_with(|settings, _| settings.max_request_header = 20_000).await;
    let request = |size: usize| {
        format!(
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {}\r\n\r\n",
            "x".repeat(size)
        )
    };
    for address in running.all() {
        assert_ne!(ask(address, &request(10_000)).await.0, 431);
        assert_eq!(ask(address, &request(30_000)).await.0, 431);
    }
    let small = start_with(|settings, _| settings.max_request_header = 500).await;
    assert_eq!(ask(small.management(), &request(300)).await.0, 200);
    assert_eq!(ask(small.management(), &request(600)).await.0, 431);
}

#[tokio::test]
async fn slow_headers_are_closed_and_idle_connections_are_not() {
    let running = start().await;
    let at = running.management();
    let mut idle = TcpStream::connect(at).await.unwrap();
    let mut pooled = TcpStream::connect(at).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut some = [0; 512];
    pooled.write_all(request).await.unwrap();
    assert!(pooled.read(&mut some).await.unwrap() > 0);
    for beginning in ["G", "GET /healthz HTTP/1.1\r\nHost:", "PRI * HTTP/2.0\r\n"] {
        let mut slow = TcpStream::connect(at).await.unwrap();
        slow.write_all(beginning.as_bytes()).await.unwrap();
        let began = Instant::now();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(5), slow.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{beginning:?} was left open");
        assert!(began.elapsed() >= Duration::from_millis(250), "{beginning:?} was closed early");
    }
    // Three deadlines later those that had nothing to say are still there.
    for stream in [&mut idle, &mut pooled] {
        stream.write_all(request).await.unwrap();
        assert!(stream.read(&mut some).await.unwrap() > 0);
        assert!(some.starts_with(b"HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn a_dripping_header_is_closed() {
    let running = start().await;
    let mut slow = TcpStream::connect(running.ofrep()).await.unwrap();
    let (mut read, mut write) = slow.split();
    let drip = async {
        loop {
            if write.write_all(b"G").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut rest = Vec::new();
    tokio::select! {
        _ = read.read_to_end(&mut rest) => {}
        () = drip => {}
        () = tokio::time::sleep(Duration::from_secs(5)) => panic!("still open"),
    }
}

#[tokio::test]
async fn two_thousand_idle_connections_disturb_nobody() {
    let running = start().await;
    let mut idle = Vec::new();
    for number in 0..2_000 {
        idle.push(TcpStream::connect(running.all()[number % 4]).await.unwrap());
    }
    until("all open", || async { running.daemon.state().metrics.clone().connections() >= 2_000 }).await;
    for address in running.all() {
        assert_ne!(get(address, "/").await.0, 0);
    }
    assert_eq!(get(running.management(), "/readyz").await.0, 200);
    drop(idle);
    until("all closed", || async { running.daemon.state().metrics.clone().connections() < 10 }).await;
}

#[tokio::test]
async fn stalled_readers_disturb_nobody() {
    let running = start().await;
    let mut stalled = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(running.management()).await.unwrap();
        // As many answers as fit anywhere, and nobody reads one.
        for _ in 0..20 {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        }
        stalled.push(stream);
    }
    for address in running.all() {
        assert_ne!(get(address, "/").await.0, 0);
    }
    assert_eq!(get(running.management(), "/readyz").await.0, 200);
}

#[tokio::test]
async fn random_bytes_on_every_port_end_nothing() {
    let running = start().await;
    // A small generator with a fixed seed: the same bytes each time.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let beginnings: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1\r\n",
        b"POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"\x16\x03\x01\x02\0\x01",
    ];
    for address in running.all() {
        for number in 0..120 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut bytes = beginnings[number % beginnings.len()].to_vec();
            bytes.extend((0..random() % 600).map(|_| random() as u8));
            let _ = stream.write_all(&bytes).await;
        }
    }
    for address in running.all() {
        assert_ne!(get(address, "/").await.0, 0);
    }
    assert_eq!(get(running.management(), "/readyz").await.0, 200);
    assert!(running.metrics().await.contains("\nflagd_panics_total 0\n"));
}

/// Runs itself again in a shell that allows few descriptors.
#[cfg(target_os = "linux")]
#[test]
fn want_of_descriptors_is_survived() {
    let name = "want_of_descriptors_is_survived";
    if std::env::var_os("FLAGD_FEW_DESCRIPTORS").is_none() {
        let this = std::env::current_exe().unwrap();
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg("ulimit -n 200; exec \"$0\" \"$@\"")
            .arg(this)
            .args(["--exact", name, "--nocapture"])
            .env("FLAGD_FEW_DESCRIPTORS", "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let running = start().await;
        // Ours and theirs are in one process: 60 pairs leave enough, 100 do not.
        let mut many = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect(running.management()) {
            many.push(stream);
        }
        drop(many.split_off(many.len().saturating_sub(3)));
        let metrics = running.daemon.state().metrics.clone();
        until("felt", || async { metrics.accept_errors() > 0 }).await;
        drop(many);
        until("answers again", || async {
            let Ok(mut stream) = TcpStream::connect(running.management()).await else { return false };
            let _ = stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
            answer(stream).await.0 == 200
        })
        .await;
        std::fs::write(running.flags(), r#"{"flags": {}, "metadata": {"a": 1}}"#).unwrap();
        until("reloaded", || async { running.status().await["flags"] == 0 }).await;
    });
}

#[tokio::test]
async fn a_deadline_of_zero_is_for_ever() {
    let running = start_with(|settings, _| {
        settings.header_deadline = Duration::ZERO;
        settings.body_deadline = Duration::ZERO;
    })
    .await;
    let mut slow = TcpStream::connect(running.ofrep()).await.unwrap();
    for part in [
        "POST /ofrep/v1/evaluate/flags/check",
        "out HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n",
        "{",
        "}",
    ] {
        slow.write_all(part.as_bytes()).await.unwrap();
        // Whatever is answered meanwhile: a part more is waited for.
        assert_eq!(get(running.management(), "/healthz").await.0, 200);
    }
    assert_eq!(answer(slow).await.0, 200);
}

#[tokio::test]
async fn header_fields_are_counted_in_bytes_more_than_in_numbers() {
    let running = start().await;
    let request = |fields: usize| {
        let fields: String = (0..fields).map(|number| format!("X-{number}: {number}\r\n")).collect();
        format!("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n")
    };
    for (fields, status) in [(90, 404), (101, 404), (498, 404), (499, 431)] {
        assert_eq!(ask(running.ofrep(), &request(fields)).await.0, status, "{fields} more fields");
    }
}
