//! Mends the authority that clients of unix sockets make of a path.
//!
//! A call over a unix socket has no host, so clients invent one: those on gRPC's C core say the path, percent-encoded
//! (`%2Ftmp%2Fx.sock`), others say it as it is (`/tmp/x.sock`). Neither is an authority by RFC 3986, and the HTTP/2
//! library resets such a stream before anybody here sees it. So what comes over a unix socket is looked at first: each
//! letter of the authority that may not be there is replaced by one that may.
//!
//! **Nothing changes its length.** A letter is replaced by one of the same size, in Huffman's code too, where `%`, `/`
//! and `-` all have six bits. So frames stay as they are, and so do the tables of header compression at both ends,
//! whose entries are counted by size: what the client later names by its place in the table is the mended text. No
//! table has to be kept here, and there is nothing to undo.
//!
//! What cannot be mended like that goes on as it came, and is refused as before.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::uri::Authority;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pace::PREFACE;

/// A connection whose authorities are mended, if they are to be.
pub(super) struct Mended<I> {
    io: I,
    frames: Option<Frames>,
}

impl<I> Mended<I> {
    pub(super) fn new(io: I, is_socket: bool) -> Self {
        Self { io, frames: is_socket.then(Frames::default) }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Mended<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { io, frames } = self.get_mut();
        while let Some(held) = frames {
            if held.give(buf) {
                return Poll::Ready(Ok(()));
            }
            if held.is_over {
                *frames = None;
                break;
            }
            let before = buf.filled().len();
            ready!(Pin::new(&mut *io).poll_read(cx, buf))?;
            held.take(buf.filled().get(before..).unwrap_or_default());
            buf.set_filled(before);
        }
        Pin::new(io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Mended<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// What came of a connection of HTTP/2 and has not gone on yet: at most one frame of headers.
#[derive(Debug, Default)]
struct Frames {
    held: Vec<u8>,
    /// How many of them may go on.
    open: usize,
    /// How much of the preface came.
    preface: usize,
    /// How much is still to come of a frame that need not be looked at.
    rest: usize,
    /// It is not HTTP/2, or it ended: all that comes may go on.
    is_over: bool,
}

impl Frames {
    /// Lets go on what may; whether that was something.
    fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let size = self.open.min(buf.remaining());
        buf.put_slice(self.held.get(..size).unwrap_or_default());
        self.held.drain(..size);
        self.open -= size;
        size > 0 || buf.remaining() == 0
    }

    fn take(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        self.is_over = bytes.is_empty();
        while !self.is_over && self.step() {}
        if self.is_over {
            self.open = self.held.len();
        }
    }

    /// Looks at the next piece; whether it is there.
    fn step(&mut self) -> bool {
        let fresh = self.held.get_mut(self.open..).unwrap_or_default();
        let missing = PREFACE.get(self.preface..).unwrap_or_default();
        let size = if !missing.is_empty() {
            let size = missing.len().min(fresh.len());
            self.is_over = missing.get(..size) != fresh.get(..size);
            self.preface += size;
            size
        } else if self.rest > 0 {
            let size = self.rest.min(fresh.len());
            self.rest -= size;
            size
        } else if let Some((&mut [a, b, c, kind, flags, ..], payload)) = fresh.split_first_chunk_mut::<9>() {
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            if kind == HEADERS && length <= LARGEST {
                let Some(payload) = payload.get_mut(..length) else { return false };
                mend(flags, payload);
                9 + length
            } else {
                self.rest = length;
                9
            }
        } else {
            0
        };
        self.open += size;
        size > 0
    }
}

const HEADERS: u8 = 1;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// The largest frame that peers may send where nothing else is agreed; no larger one is taken.
const LARGEST: usize = 16_384;

/// Mends the first authority in a frame of headers. What it answers means nothing: it is there for `?`.
///
/// One frame is enough: pseudo-headers come first, and a frame that goes on in another one holds far more than those.
fn mend(flags: u8, mut payload: &mut [u8]) -> Option<()> {
    if flags & PADDED != 0 {
        let (padding, rest) = payload.split_first_mut()?;
        let length = rest.len().checked_sub(usize::from(*padding))?;
        payload = rest.get_mut(..length)?;
    }
    if flags & PRIORITY != 0 {
        payload = payload.get_mut(5..)?;
    }
    let mut block = Block { bytes: payload };
    while let Some(first) = block.bytes.first().copied() {
        // RFC 7541 §6: an entry by its place; a new size of the table; a text under a new or a known name.
        let bits = match first {
            0x80.. => 7,
            0x40.. => 6,
            0x20.. => 5,
            _ => 4,
        };
        let number = block.integer(bits)?;
        if bits == 7 || bits == 5 {
            continue;
        }
        let is_authority = match number {
            0 => block.text()?.reads(b":authority"),
            number => number == AUTHORITY,
        };
        let mut text = block.text()?;
        if is_authority {
            text.mend();
            break;
        }
    }
    Some(())
}

/// Where `:authority` stands in the table that everybody has.
const AUTHORITY: usize = 1;

/// The rest of a block of compressed headers.
struct Block<'b> {
    bytes: &'b mut [u8],
}

impl<'b> Block<'b> {
    /// A number whose first byte has so many bits for it (RFC 7541 §5.1).
    fn integer(&mut self, bits: u32) -> Option<usize> {
        let full = (1 << bits) - 1;
        let mut number = usize::from(*self.split(1)?.first()?) & full;
        if number < full {
            return Some(number);
        }
        for shift in [0, 7, 14, 21] {
            let byte = usize::from(*self.split(1)?.first()?);
            number += (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A text (RFC 7541 §5.2).
    fn text(&mut self) -> Option<Text<'b>> {
        let is_huffman = self.bytes.first()? & 0x80 != 0;
        let length = self.integer(7)?;
        Some(Text { is_huffman, bytes: self.split(length)? })
    }

    fn split(&mut self, length: usize) -> Option<&'b mut [u8]> {
        let (start, rest) = std::mem::take(&mut self.bytes).split_at_mut_checked(length)?;
        self.bytes = rest;
        Some(start)
    }
}

/// A text as it is on the wire.
struct Text<'b> {
    is_huffman: bool,
    bytes: &'b mut [u8],
}

/// A letter of a text, and where its code is.
struct Letter {
    letter: u8,
    bit: usize,
    bits: usize,
}

impl Text<'_> {
    fn reads(&self, text: &[u8]) -> bool {
        self.letters().is_some_and(|letters| letters.iter().map(|letter| &letter.letter).eq(text))
    }

    fn mend(&mut self) {
        let Some(letters) = self.letters() else { return };
        let text: Vec<u8> = letters.iter().map(|letter| letter.letter).collect();
        if Authority::try_from(&*text).is_ok() {
            return;
        }
        for Letter { letter, bit, bits } in letters {
            if letter.is_ascii_alphanumeric() || b"-._~".contains(&letter) {
                continue;
            }
            let other = match (self.is_huffman, bits) {
                (false, _) => b'-',
                (true, 6) => 0b01_0110,   // `-`
                (true, 7) => 0b101_1101,  // `B`
                (true, _) => 0b1111_1100, // `X`
            };
            self.put(other, bit, bits);
        }
    }

    /// The letters, if all of them are such that an authority could have them.
    fn letters(&self) -> Option<Vec<Letter>> {
        if !self.is_huffman {
            let letters = self.bytes.iter().enumerate();
            return Some(letters.map(|(at, &letter)| Letter { letter, bit: at * 8, bits: 8 }).collect());
        }
        let (mut letters, mut bit) = (Vec::new(), 0);
        let end = self.bytes.len() * 8;
        while bit < end {
            let byte = |at: usize| u16::from(self.bytes.get(at).copied().unwrap_or(0xff));
            let window = (byte(bit / 8) << 8 | byte(bit / 8 + 1)) << (bit % 8) >> 8;
            // RFC 7541, appendix B: codes are in order, shorter ones first.
            let (bits, before) = match window {
                ..0x50 => (5, 0),
                0x50..0xb8 => (6, 0x14 - 10),
                0xb8..0xf8 => (7, 0x5c - 36),
                0xf8..=0xfd => (8, 0xf8 - 68),
                // Fewer than eight bits of ones at the end fill the last byte.
                0xff if end - bit < 8 => break,
                _ => return None,
            };
            let letter = *CODED.get(usize::from(window >> (8 - bits)) - before)?;
            letters.push(Letter { letter, bit, bits });
            bit += bits;
        }
        (bit <= end).then_some(letters)
    }

    /// Puts a code of so many bits where another one was.
    fn put(&mut self, code: u8, bit: usize, bits: usize) {
        for at in 0..bits {
            if let Some(byte) = self.bytes.get_mut((bit + at) / 8) {
                let place = 7 - (bit + at) % 8;
                *byte = *byte & !(1 << place) | (code >> (bits - 1 - at) & 1) << place;
            }
        }
    }
}

/// The letters with codes of five bits, of six, of seven and of eight, in the order of their codes.
const CODED: &[u8; 74] = b"012aceiost %-./3456789=A_bdfghlmnpru:BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz&*,;XZ";

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A frame of headers.
    fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [length[1], length[2], length[3], HEADERS, flags, 0, 0, 0, 1];
        [&head, payload].concat()
    }

    fn raw(text: &str) -> Vec<u8> {
        [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    }

    fn huffman(text: &str) -> Vec<u8> {
        let mut bits = String::new();
        for letter in text.bytes() {
            let at = CODED.iter().position(|&coded| coded == letter).unwrap();
            bits += &match at {
                ..10 => format!("{at:05b}"),
                10..36 => format!("{:06b}", at + 10),
                36..68 => format!("{:07b}", at + 56),
                _ => format!("{:08b}", at + 180),
            };
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        let bytes = (0..bits.len()).step_by(8).map(|at| u8::from_str_radix(&bits[at..at + 8], 2).unwrap());
        let length = 0x80 | u8::try_from(bits.len() / 8).unwrap();
        std::iter::once(length).chain(bytes).collect()
    }

    /// A block as clients write them, around an authority.
    fn block(name: &[u8], value: &[u8]) -> Vec<u8> {
        let (path, agent) = (raw("/flagd.evaluation.v1.Service/ResolveBoolean"), raw("tests/1.0"));
        let table_of_4000 = [0x3f, 0x81, 0x1f];
        [&table_of_4000, &[0x83, 0x86, 0x44][..], &path, name, value, &[0x0f, 43], &agent].concat()
    }

    async fn passed(bytes: &[u8], piece: usize) -> Vec<u8> {
        let pieces = Pieces(bytes.chunks(piece).map(<[u8]>::to_vec).collect());
        let mut whole = Vec::new();
        Mended::new(pieces, true).read_to_end(&mut whole).await.unwrap();
        whole
    }

    /// What comes piece by piece.
    struct Pieces(std::collections::VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let mut piece = self.0.pop_front().unwrap_or_default();
            let rest = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
            Poll::Ready(Ok(()))
        }
    }

    async fn check(name: &[u8], text: fn(&str) -> Vec<u8>, said: &str, mended: &str) {
        let whole = |authority: &str| {
            let block = block(name, &text(authority));
            let padded = [&[3], &*block, &[0; 3]].concat();
            let first = [&[0, 0, 0, 0, 16], &*block].concat();
            let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 9];
            let frames = [frame(4, &block), frame(4 | PADDED, &padded), frame(5 | PRIORITY, &first)];
            [PREFACE, &settings, &frames.concat(), &settings].concat()
        };
        let (said, expected) = (whole(said), whole(mended));
        assert_eq!(said.len(), expected.len());
        for piece in [1, 2, 3, 7, 64, said.len()] {
            assert_eq!(passed(&said, piece).await, expected, "in pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_path_becomes_an_authority_of_the_same_length() {
        let (by_place, by_place_once) = (vec![0x41], vec![0x01]);
        let by_name = [vec![0x40], raw(":authority")].concat();
        let by_packed_name = [vec![0x10], huffman(":authority")].concat();
        for name in [by_place, by_place_once, by_name, by_packed_name] {
            for text in [raw, huffman] {
                check(&name, text, "%2Ftmp%2Fx.sock", "-2Ftmp-2Fx.sock").await;
                check(&name, text, "/run/flagd/a_b.sock", "-run-flagd-a_b.sock").await;
                check(&name, text, "localhost", "localhost").await;
                check(&name, text, "flags.example:8013", "flags.example:8013").await;
            }
            check(&name, raw, "a:b:c@d e\x7f", "a-b-c-d-e-").await;
            check(&name, huffman, "/a:b:c,d", "-aBbBcXd").await;
        }
    }

    #[tokio::test]
    async fn what_is_no_authority_is_left_alone() {
        let other_headers = block(&[&[0x40], &*raw(":authorit!")].concat(), &raw("%2F"));
        let cut_short = [0x41, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, b'%'];
        let longer_than_the_frame = [0x41, 0x20, b'%', b'/'];
        for payload in [&*other_headers, &cut_short, &longer_than_the_frame, &[0x41], &[]] {
            let bytes = [PREFACE, &frame(4, payload), &frame(4 | PADDED | PRIORITY, payload)].concat();
            for piece in [1, 5, bytes.len()] {
                assert_eq!(passed(&bytes, piece).await, bytes);
            }
        }
        let data = [PREFACE, &[0, 0, 5, 0, 0, 0, 0, 0, 1, 0x41, 3, b'%', b'2', b'F'][..]].concat();
        let http1 = b"PRI / HTTP/1.1\r\nHost: %2F\r\n\r\n".to_vec();
        let too_long = [PREFACE, &[0xff, 0xff, 0xff, HEADERS, 4, 0, 0, 0, 1], &[0x41; 70]].concat();
        for bytes in [data, http1, too_long, b"PR".to_vec(), Vec::new()] {
            for piece in [1, 5, 4_096] {
                assert_eq!(passed(&bytes, piece).await, bytes);
            }
        }
    }

    #[tokio::test]
    async fn whatever_comes_keeps_its_length_and_all_that_is_no_header() {
        let mut state = 7_u64;
        let mut random = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        for _ in 0..300 {
            let (mut bytes, mut is_header) = (PREFACE.to_vec(), vec![false; PREFACE.len()]);
            for _ in 0..random(6) {
                let (kind, length) = (random(3) as u8, random(60) as usize);
                // Bytes that begin literals, names and lengths more often than chance would have it.
                let likely = [0x40, 0x41, 0x01, 0x82, 0x86, 0xff, 0x7f, 0x05, b'%', b'/'];
                let payload: Vec<u8> = (0..length)
                    .map(|_| if random(2) == 0 { likely[random(10) as usize] } else { random(256) as u8 })
                    .collect();
                bytes.extend([0, 0, length as u8, kind, random(256) as u8, 0, 0, 0, 1]);
                bytes.extend(payload);
                is_header.resize(bytes.len() - length, false);
                is_header.resize(bytes.len(), kind == HEADERS);
            }
            let cut = bytes.len() - random(9) as usize;
            bytes.truncate(cut);
            let whole = passed(&bytes, bytes.len().max(1)).await;
            assert_eq!(whole.len(), bytes.len());
            for ((before, after), &is_header) in bytes.iter().zip(&whole).zip(&is_header) {
                assert!(before == after || is_header, "{bytes:?}");
            }
            for piece in [1, 2, 13] {
                assert_eq!(passed(&bytes, piece).await, whole, "in pieces of {piece}");
            }
        }
    }
}
