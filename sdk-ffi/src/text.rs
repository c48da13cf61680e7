//! Borrowed text: a pointer and a length, never a NUL at the end.

use std::ffi::{c_char, c_void};
use std::ptr;

use crate::boundary::{Failure, Outcome};
use crate::status::Status;

/// Text that the library lends. No text at all has a NULL pointer; an empty one has not.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Text {
    /// The first byte.
    pub data: *const c_char,
    /// How many bytes there are.
    pub length: usize,
}

// SAFETY: it is two numbers until somebody follows them, which is unsafe by itself.
unsafe impl Send for Text {}
// SAFETY: see above.
unsafe impl Sync for Text {}

impl Text {
    /// No text at all.
    pub const NONE: Text = Text { data: ptr::null(), length: 0 };

    /// This text.
    #[inline]
    pub fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    /// This text, or none.
    pub fn of_option(text: Option<&str>) -> Self {
        text.map_or(Self::NONE, Self::of)
    }

    #[inline]
    pub(crate) fn of_bytes(text: &[u8]) -> Self {
        // An empty slice points to nothing, which some runtimes take for a mistake of their own.
        let data = if text.is_empty() { EMPTY.as_ptr() } else { text.as_ptr() };
        Self { data: data.cast(), length: text.len() }
    }
}

/// Where empty text stands.
static EMPTY: [u8; 1] = [0];

/// Bytes that a caller lends for the call.
///
/// # Safety
///
/// If the pointer is not NULL, that many bytes stand there, and nobody writes to them during the call.
#[inline(always)]
pub(crate) unsafe fn bytes<'call>(
    data: *const c_void,
    length: usize,
    name: &'static str,
) -> Outcome<&'call [u8]> {
    if data.is_null() {
        return Err(Failure::new(Status::Null, name));
    }
    if length > isize::MAX as usize {
        return Err(Failure::told(Status::InvalidArgument, name, "the length is larger than any memory"));
    }
    // SAFETY: the caller says so, and the length is one that a slice may have.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), length) })
}

/// Text that a caller lends for the call.
///
/// # Safety
///
/// As for [`bytes`].
#[inline(always)]
pub(crate) unsafe fn read<'call>(
    data: *const c_char,
    length: usize,
    name: &'static str,
) -> Outcome<&'call str> {
    // SAFETY: the caller says so.
    let bytes = unsafe { bytes(data.cast(), length, name) }?;
    if is_ascii(bytes) {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).map_err(|_| Failure::new(Status::InvalidUtf8, name))
}

/// Whether every byte is below 128; also no for a long text, of which more is to be said than this.
// PERF: keys and attributes are short and mostly ASCII; the general check took a third of building a context.
#[inline(always)]
fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let eight = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let four = |bytes: &[u8; 4]| u64::from(u32::from_ne_bytes(*bytes));
    match bytes.len() {
        0..4 => bytes.iter().all(u8::is_ascii),
        4..8 => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => (four(first) | four(last)) & HIGH == 0,
            _ => false,
        },
        8..=64 => {
            let (chunks, _) = bytes.as_chunks::<8>();
            let last = bytes.last_chunk().map_or(HIGH, eight);
            chunks.iter().fold(last, |all, chunk| all | eight(chunk)) & HIGH == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_lengths_are_told_from_others() {
        for length in 1..100 {
            let mut bytes = vec![b'a'; length];
            let found = |bytes: &[u8]| {
                // SAFETY: the bytes are there.
                unsafe { read(bytes.as_ptr().cast(), bytes.len(), "text") }.map(str::len).ok()
            };
            assert_eq!(found(&bytes), Some(length));
            for at in 0..length {
                bytes[at] = 0xff;
                assert_eq!(found(&bytes), None, "{at} of {length}");
                bytes[at] = b'a';
            }
            if length >= 2 {
                bytes[length - 2..].copy_from_slice("é".as_bytes());
                assert_eq!(found(&bytes), Some(length));
            }
        }
    }
}
