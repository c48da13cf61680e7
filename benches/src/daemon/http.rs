//! HTTP/1.1 over a kept connection: bytes out, an answer's end found, nothing else.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A kept connection.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The `etag`, if there is one.
    pub tag: Option<&'a str>,
    /// The body, without what HTTP put around it.
    pub body: &'a [u8],
}

struct Head {
    end: usize,
    status: u16,
    length: Option<usize>,
    chunked: bool,
}

impl Http {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Where nobody listens.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 64 << 10], filled: 0, body: Vec::new() })
    }

    /// Sends a request as it is written, and reads its answer to the end.
    ///
    /// # Errors
    ///
    /// Where the connection ends, or what comes is no HTTP.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request)?;
        self.filled = 0;
        let head = loop {
            self.fill()?;
            if let Some(head) = Head::read(self.buffer.get(..self.filled).unwrap_or_default())? {
                break head;
            }
        };
        if head.chunked {
            self.unchunk(head.end)?;
        } else {
            let end = head.end + head.length.unwrap_or(0);
            while self.filled < end {
                self.fill()?;
            }
        }
        let text = self.buffer.get(..head.end).unwrap_or_default();
        let body = match head.chunked {
            true => &self.body,
            false => self.buffer.get(head.end..self.filled).unwrap_or_default(),
        };
        Ok(Answer { status: head.status, tag: header(text, "etag"), body })
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match self.stream.read(self.buffer.get_mut(self.filled..).unwrap_or_default())? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.filled += read;
                Ok(())
            }
        }
    }

    fn unchunk(&mut self, mut at: usize) -> io::Result<()> {
        self.body.clear();
        loop {
            let line = loop {
                let rest = self.buffer.get(at..self.filled).unwrap_or_default();
                match find(rest, b"\r\n") {
                    Some(length) => break length,
                    None => self.fill()?,
                }
            };
            let text = std::str::from_utf8(self.buffer.get(at..at + line).unwrap_or_default());
            let size = text.ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
            let size = size.ok_or(io::ErrorKind::InvalidData)?;
            at += line + 2;
            while self.filled < at + size + 2 {
                self.fill()?;
            }
            if size == 0 {
                return Ok(());
            }
            self.body.extend_from_slice(self.buffer.get(at..at + size).unwrap_or_default());
            at += size + 2;
        }
    }
}

impl Head {
    fn read(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let end = end + 4;
        let head = bytes.get(..end).unwrap_or_default();
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let length = header(head, "content-length").and_then(|text| text.parse().ok());
        let chunked = header(head, "transfer-encoding").is_some();
        Ok(Some(Self { end, status: status.ok_or(io::ErrorKind::InvalidData)?, length, chunked }))
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let mut lines = head.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        if !found.eq_ignore_ascii_case(name.as_bytes()) {
            return None;
        }
        std::str::from_utf8(value.strip_prefix(b":")?).ok().map(str::trim)
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// How long anything may take before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(60);
