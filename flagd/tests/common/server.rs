//! A daemon on free ports with flags of its own, and the plainest of clients.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flagd::server::Daemon;
use flagd::settings::{Settings, SourceSettings};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const FLAGS: &str = r#"{"flags": {
    "checkout": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
    "plan": {"state": "ENABLED", "variants": {"a": "A", "b": "B"}, "defaultVariant": "b"}
}}"#;

/// Settings with free ports and short deadlines, on a file of flags in `folder`.
pub(crate) fn settings(folder: &Path) -> Settings {
    let path = folder.join("flags.json");
    std::fs::write(&path, FLAGS).unwrap();
    Settings {
        sources: vec![SourceSettings { path }],
        port: 0,
        management_port: 0,
        sync_port: 0,
        ofrep_port: 0,
        drain: Duration::from_secs(2),
        header_deadline: Duration::from_millis(300),
        body_deadline: Duration::from_millis(500),
        ..Settings::default()
    }
}

pub(crate) struct Running {
    pub(crate) daemon: Daemon,
    pub(crate) folder: TempDir,
}

pub(crate) async fn start() -> Running {
    start_with(|_, _| {}).await
}

pub(crate) async fn start_with(change: impl FnOnce(&mut Settings, &Path)) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    change(&mut settings, folder.path());
    let daemon = Daemon::start(settings).await.unwrap();
    Running { daemon, folder }
}

impl Running {
    pub(crate) fn management(&self) -> SocketAddr {
        here(self.daemon.addresses().management)
    }

    pub(crate) fn evaluation(&self) -> SocketAddr {
        here(self.daemon.addresses().evaluation.unwrap())
    }

    pub(crate) fn ofrep(&self) -> SocketAddr {
        here(self.daemon.addresses().ofrep)
    }

    pub(crate) fn sync(&self) -> SocketAddr {
        here(self.daemon.addresses().sync.unwrap())
    }

    pub(crate) fn all(&self) -> [SocketAddr; 4] {
        [self.evaluation(), self.management(), self.sync(), self.ofrep()]
    }

    pub(crate) fn flags(&self) -> PathBuf {
        self.folder.path().join("flags.json")
    }

    pub(crate) async fn metrics(&self) -> String {
        get(self.management(), "/metrics").await.1
    }

    pub(crate) async fn status(&self) -> serde_json::Value {
        serde_json::from_str(&get(self.management(), "/status").await.1).unwrap()
    }
}

/// The same port on the loopback address.
pub(crate) fn here(address: SocketAddr) -> SocketAddr {
    ([127, 0, 0, 1], address.port()).into()
}

/// Status and body of a GET.
pub(crate) async fn get(at: SocketAddr, path: &str) -> (u16, String) {
    ask(at, &format!("GET {path} HTTP/1.1\r\nHost: flagd\r\nConnection: close\r\n\r\n")).await
}

/// Status and body of a request as it is written.
pub(crate) async fn ask(at: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(stream).await
}

/// Status and body of what comes until the end.
pub(crate) async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> (u16, String) {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    let _ = read.expect("no answer in time");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunk(body)
    } else {
        body.to_owned()
    };
    (status, body)
}

fn unchunk(mut text: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.push_str(&rest[..size]);
        text = &rest[size + 2..];
    }
    whole
}

/// Waits until something is so; an event that no one tells of.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    for _ in 0..500 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not so in 10 s: {what}");
}
