//! A daemon with flags of the test's own, and a small client that speaks HTTP/1.1 over a kept connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use flagd::server::Daemon;
use flagd::settings::{Settings, SourceSettings};
use tokio::runtime::Runtime;

/// A daemon on free ports; it ends with this.
pub(crate) struct Served {
    runtime: Runtime,
    daemon: Option<Daemon>,
    folder: tempfile::TempDir,
}

impl Served {
    /// Serves the flags of a JSON text.
    pub(crate) fn flags(flags: &str) -> Self {
        Self::with(flags, |_| {})
    }

    /// The same with settings of the test's own.
    pub(crate) fn with(flags: &str, choose: impl FnOnce(&mut Settings)) -> Self {
        Self::files(&[("flags.json", flags)], choose)
    }

    /// Serves files, each a source, later ones winning.
    pub(crate) fn files(files: &[(&str, &str)], choose: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, flags) in files {
            std::fs::write(folder.path().join(name), flags).unwrap();
        }
        let paths = files.iter().map(|(name, _)| folder.path().join(name)).collect();
        Self::paths(folder, paths, choose)
    }

    fn paths(folder: tempfile::TempDir, paths: Vec<PathBuf>, choose: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            sources: paths.into_iter().map(|path| SourceSettings { path }).collect(),
            port: 0,
            management_port: 0,
            sync_port: 0,
            ofrep_port: 0,
            fail_on_missing: true,
            ..Settings::default()
        };
        choose(&mut settings);
        let runtime = Runtime::new().unwrap();
        let daemon = runtime.block_on(Daemon::start(settings)).unwrap();
        Self { runtime, daemon: Some(daemon), folder }
    }

    /// The path of a file, which is its source's name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Renames other flags into place, and waits until they are served.
    pub(crate) fn rewrite(&self, name: &str, flags: &str) {
        let mut revision = self.daemon().state().revision.clone();
        revision.mark_unchanged();
        self.place(name, flags);
        let changed = async { tokio::time::timeout(PATIENCE, revision.changed()).await };
        self.runtime.block_on(changed).expect("the flags are served in time").unwrap();
    }

    /// Renames other flags into place.
    pub(crate) fn place(&self, name: &str, flags: &str) {
        let made = self.folder.path().join("made");
        std::fs::write(&made, flags).unwrap();
        std::fs::rename(made, self.path(name)).unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let port = self.daemon().addresses().ofrep.port();
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address())
    }

    /// One request over a connection of its own.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        self.connect().request("POST", path, headers, body.as_ref())
    }

    /// What the management port tells to Prometheus.
    pub(crate) fn metrics(&self) -> String {
        let port = self.daemon.as_ref().unwrap().addresses().management.port();
        let mut connection = Connection::open(([127, 0, 0, 1], port).into());
        connection.request("GET", "/metrics", &[], b"").text().to_owned()
    }

    /// Ends the daemon, which has to happen in time.
    pub(crate) fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            let stopped = async { tokio::time::timeout(PATIENCE, daemon.stop()).await };
            self.runtime.block_on(stopped).expect("the daemon ends in time");
        }
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("the daemon runs")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            // A test that fails may hold connections: it is its own failure that should be seen.
            let stopped = async { tokio::time::timeout(Duration::from_millis(200), daemon.stop()).await };
            let _ = self.runtime.block_on(stopped);
        }
    }
}

/// A connection that is kept from request to request.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.send(method, path, headers, body);
        let mut answer = self.head();
        answer.body = self.body(&answer, method);
        answer
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: flags\r\n").into_bytes();
        for (name, value) in headers {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !headers.iter().any(|(name, _)| *name == "transfer-encoding") {
            request.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        // A server may close before it has read everything; what it said before counts.
        let _ = self.stream.get_mut().write_all(&request);
    }

    /// Status and headers.
    pub(crate) fn head(&mut self) -> Answer {
        let status = self.line();
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.expect("a status line");
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Answer { status, headers, body: Vec::new() }
    }

    fn body(&mut self, answer: &Answer, method: &str) -> Vec<u8> {
        let mut body = Vec::new();
        if method == "HEAD" || matches!(answer.status, 204 | 304) {
        } else if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                body.extend_from_slice(&chunk);
            }
        } else if let Some(length) = answer.header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.stream.read_exact(&mut body).unwrap();
        }
        body
    }

    /// The next piece of a body that is sent in pieces; none at its end.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let length = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut chunk = vec![0; length];
        self.stream.read_exact(&mut chunk).unwrap();
        assert_eq!(self.line(), "");
        (length > 0).then_some(chunk)
    }

    /// The next piece as text.
    pub(crate) fn text(&mut self) -> Option<String> {
        self.chunk().map(|chunk| String::from_utf8(chunk).unwrap())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    /// Whatever is said until the other side closes.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.get_mut().shutdown(std::net::Shutdown::Write);
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a header, in one list.
    pub(crate) fn listed(&self, name: &str) -> String {
        let values = self.headers.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// A text as a segment of a path.
pub(crate) fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

const PATIENCE: Duration = Duration::from_secs(20);
