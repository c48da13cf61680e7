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
        Self { data: text.as_ptr().cast(), length: text.len() }
    }
}

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
    std::str::from_utf8(bytes).map_err(|_| Failure::new(Status::InvalidUtf8, name))
}
