//! HTTP/2 frame by frame, for what no honest client sends.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame as it lies on the wire.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Header fields, none of them compressed.
pub(crate) fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend(text.as_bytes());
        }
    }
    block
}

fn length(length: usize, block: &mut Vec<u8>) {
    let Some(mut rest) = length.checked_sub(0x7f) else {
        block.push(length as u8);
        return;
    };
    block.push(0x7f);
    while rest >= 0x80 {
        block.push(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// The fields of a request of gRPC.
pub(crate) fn request(path: &str) -> Vec<u8> {
    fields(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "x"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ])
}

/// How a client begins; `window` is what each stream may send before anything is read.
pub(crate) fn opening(window: u32) -> Vec<u8> {
    let mut opening = PREFACE.to_vec();
    let mut setting = vec![0, 4];
    setting.extend(window.to_be_bytes());
    opening.extend(frame(SETTINGS, 0, 0, &setting));
    if window > 0xffff {
        opening.extend(frame(WINDOW, 0, 0, &(window - 0xffff).to_be_bytes()));
    }
    opening
}

/// A whole request of gRPC with a message.
pub(crate) fn call(stream: u32, path: &str, message: &[u8]) -> Vec<u8> {
    let mut call = frame(HEADERS, END_HEADERS, stream, &request(path));
    let mut body = vec![0];
    body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend(message);
    call.extend(frame(DATA, END_STREAM, stream, &body));
    call
}

/// A connection of HTTP/2.
pub(crate) struct Conversation {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
    next: u32,
}

/// What came in a frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Conversation {
    pub(crate) async fn open(at: SocketAddr) -> Self {
        Self::over(TcpStream::connect(at).await.unwrap(), 0x7fff_ffff).await
    }

    pub(crate) async fn over(mut stream: TcpStream, window: u32) -> Self {
        stream.write_all(&opening(window)).await.unwrap();
        Self { stream, read: Vec::new(), next: 1 }
    }

    /// Sends a request and does not wait for its answer; the number of its stream.
    pub(crate) async fn ask(&mut self, path: &str, message: &[u8]) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.stream.write_all(&call(stream, path, message)).await.unwrap();
        stream
    }

    /// The data of an answer that ends.
    pub(crate) async fn answer(&mut self, path: &str, message: &[u8]) -> Vec<u8> {
        let stream = self.ask(path, message).await;
        let mut data = Vec::new();
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("closed instead of an answer: {path}"));
            assert!(!matches!(frame.kind, RESET | GOAWAY), "{frame:?} instead of an answer: {path}");
            if frame.stream != stream {
                continue;
            }
            if frame.kind == DATA {
                data.extend(&frame.payload);
            }
            if matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0 {
                return data;
            }
        }
    }

    /// The next frame, none at the end; what has to be acknowledged is.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        tokio::time::timeout(Duration::from_secs(40), self.next_at_any_time()).await.expect("nothing comes")
    }

    async fn next_at_any_time(&mut self) -> Option<Frame> {
        let whole = loop {
            if let [a, b, c, ..] = self.read[..] {
                let whole = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
                if self.read.len() >= whole {
                    break whole;
                }
            }
            if !matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {
                return None;
            }
        };
        let bytes: Vec<u8> = self.read.drain(..whole).collect();
        let stream = u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]);
        let frame = Frame { kind: bytes[3], flags: bytes[4], stream, payload: bytes[9..].to_vec() };
        if frame.flags & ACK == 0 && matches!(frame.kind, SETTINGS | PING) {
            let said: &[u8] = if frame.kind == PING { &frame.payload } else { &[] };
            let _ = self.stream.write_all(&self::frame(frame.kind, ACK, 0, said)).await;
        }
        Some(frame)
    }
}
