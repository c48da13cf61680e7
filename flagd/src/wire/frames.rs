//! Messages in frames: one byte of flags, four of length, the message. gRPC, gRPC-Web and the streams of Connect
//! agree on this, so that one frame serves them all.

use std::convert::Infallible;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Frame, SizeHint};
use tonic::Code;

use super::Failure;

/// How many bytes stand before a message.
pub const HEAD: usize = 5;

/// Fills in the first [`HEAD`] bytes, which the writer left free.
pub fn seal(flags: u8, frame: &mut [u8]) {
    let length = u32::try_from(frame.len().saturating_sub(HEAD)).unwrap_or(u32::MAX);
    if let Some((head, _)) = frame.split_first_chunk_mut::<HEAD>() {
        let [a, b, c, d] = length.to_be_bytes();
        *head = [flags, a, b, c, d];
    }
}

/// A frame around a message.
pub fn frame(flags: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; HEAD];
    frame.extend_from_slice(message);
    seal(flags, &mut frame);
    frame
}

/// Everything that a request holds.
///
/// # Errors
///
/// Where it is more than `limit` bytes; zero is without limit.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, Failure> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Err(_) => Err(Failure::new(Code::Cancelled, "the request ended before its body did")),
    }
}

/// The message of a body that holds one frame; `encoding` is how it may be compressed.
///
/// # Errors
///
/// Where there is none, or more than one, or one that cannot be read.
pub fn only_message(body: &Bytes, encoding: Option<&HeaderValue>, limit: usize) -> Result<Bytes, Failure> {
    let Some((&[flags, a, b, c, d], rest)) = body.split_first_chunk::<HEAD>() else {
        return Err(Failure::new(Code::InvalidArgument, "the request holds no message"));
    };
    if u32::from_be_bytes([a, b, c, d]) as usize != rest.len() {
        return Err(Failure::new(Code::InvalidArgument, "the request does not hold exactly one message"));
    }
    let message = body.slice(HEAD..);
    if flags & 1 == 1 { plain(message, encoding, limit) } else { Ok(message) }
}

/// A message without its compression.
///
/// # Errors
///
/// Where the compression is not known, or the message is not compressed by it, or is too large without.
pub fn plain(message: Bytes, encoding: Option<&HeaderValue>, limit: usize) -> Result<Bytes, Failure> {
    match encoding.map(HeaderValue::as_bytes) {
        None | Some(b"identity" | b"") => return Ok(message),
        Some(b"gzip") => {}
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            let text = format!("unknown compression {other:?}: supported encodings are gzip");
            return Err(Failure::new(Code::Unimplemented, text));
        }
    }
    // Something must bound what a few bytes can become.
    let limit = if limit == 0 { UNPACKED_BYTES } else { limit };
    let mut unpacked = Vec::new();
    let most = (limit as u64).saturating_add(1);
    let unpack = flate2::read::GzDecoder::new(&*message).take(most).read_to_end(&mut unpacked);
    match unpack {
        Ok(length) if length > limit => Err(too_large(limit)),
        Ok(_) => Ok(unpacked.into()),
        Err(_) => Err(Failure::new(Code::InvalidArgument, "the message is not what gzip writes")),
    }
}

const UNPACKED_BYTES: usize = 64 << 20;

fn too_large(limit: usize) -> Failure {
    Failure::new(Code::ResourceExhausted, format!("the request is larger than {limit} bytes"))
}

/// `grpc-status: 0`.
pub fn well_ended() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers
}

/// A body that is all there: one piece, and trailers.
#[derive(Debug, Default)]
pub struct Whole {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Whole {
    /// An answer to a gRPC call.
    pub fn grpc(data: impl Into<Bytes>) -> Self {
        Self { data: Some(data.into()), trailers: Some(well_ended()) }
    }
}

impl hyper::body::Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        // Not exactly: who knows that puts it in a header, which has no place before trailers.
        hint.set_upper(self.data.as_ref().map_or(0, |data| data.len() as u64).max(1));
        hint
    }
}
