//! A daemon on free ports with one flag file, stock gRPC clients for it, and plain HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

use flagd::server::Daemon;
use flagd::settings::{Settings, SourceSettings};
use prost_types::Struct;
use prost_types::value::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// A daemon with one flag file.
pub(crate) struct Running {
    pub(crate) daemon: Daemon,
    pub(crate) file: PathBuf,
    folder: tempfile::TempDir,
}

/// Settings for free ports.
pub(crate) fn settings() -> Settings {
    Settings { port: 0, management_port: 0, sync_port: 0, ofrep_port: 0, ..Settings::default() }
}

/// A daemon that serves these flags.
pub(crate) async fn serve(flags: &str, settings: Settings) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flags.json");
    std::fs::write(&file, flags).unwrap();
    let sources = vec![SourceSettings { path: file.clone() }];
    let daemon = Daemon::start(Settings { sources, ..settings }).await.unwrap();
    Running { daemon, file, folder }
}

impl Running {
    /// Puts other flags in place of those that are served.
    pub(crate) fn replace(&self, flags: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, flags).unwrap();
        std::fs::rename(&new, &self.file).unwrap();
    }

    pub(crate) fn evaluation(&self) -> SocketAddr {
        local(self.daemon.addresses().evaluation.unwrap())
    }

    pub(crate) fn sync(&self) -> SocketAddr {
        local(self.daemon.addresses().sync.unwrap())
    }

    pub(crate) async fn evaluation_channel(&self) -> Channel {
        channel(self.evaluation()).await
    }

    pub(crate) async fn sync_channel(&self) -> Channel {
        channel(self.sync()).await
    }
}

pub(crate) fn local(address: SocketAddr) -> SocketAddr {
    ([127, 0, 0, 1], address.port()).into()
}

pub(crate) async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// A flag set of boolean flags, each by the name of its default variant.
pub(crate) fn switches(flags: &[(&str, &str)]) -> String {
    let flag = |(key, default): &(&str, &str)| {
        format!(
            r#""{key}": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "{default}"}}"#
        )
    };
    format!(r#"{{"flags": {{{}}}}}"#, flags.iter().map(flag).collect::<Vec<_>>().join(", "))
}

/// A context of texts.
pub(crate) fn context(members: &[(&str, &str)]) -> Option<Struct> {
    let value = |text: &str| prost_types::Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let fields = members.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
    Some(Struct { fields })
}

/// A struct as JSON, to compare with.
pub(crate) fn json_of(members: &Struct) -> serde_json::Value {
    members.fields.iter().map(|(name, value)| (name.clone(), json_of_value(value))).collect()
}

fn json_of_value(value: &prost_types::Value) -> serde_json::Value {
    match value.kind.as_ref().unwrap() {
        Kind::NullValue(_) => serde_json::Value::Null,
        Kind::BoolValue(value) => (*value).into(),
        Kind::NumberValue(value) => (*value).into(),
        Kind::StringValue(value) => value.clone().into(),
        Kind::ListValue(list) => list.values.iter().map(json_of_value).collect(),
        Kind::StructValue(members) => json_of(members),
    }
}

/// A request with a header.
pub(crate) fn with_header<T>(message: T, name: &'static str, value: &str) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert(name, value.parse().unwrap());
    request
}

pub(crate) fn code_and_text(status: &Status) -> (Code, String) {
    (status.code(), status.message().to_owned())
}

/// An answer of plain HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Sends a request over HTTP/1.1, and reads until the connection is closed.
pub(crate) async fn http(
    address: SocketAddr,
    verb: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!(
        "{verb} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // Who refuses a body need not read it.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_off(end + 4);
    let body = if head.contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
    Answer { status, head, body }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|bytes| bytes == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 2 + length + 2..];
    }
    whole
}

/// The frames of a body: flags and message.
pub(crate) fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((&[flags, a, b, c, d], rest)) = body.split_first_chunk() {
        let (message, rest) = rest.split_at(u32::from_be_bytes([a, b, c, d]) as usize);
        frames.push((flags, message.to_vec()));
        body = rest;
    }
    frames
}
