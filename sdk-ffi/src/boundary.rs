//! The one door that all calls come through.
//!
//! A panic ends here, as a status: a bug of ours costs one call, not the process. So does whatever is wrong with the
//! arguments, with a sentence that the thread can ask for. Every exported function is made by [`exported!`], and by
//! nothing else; `tests/header.rs` holds that true.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::status::Status;
use crate::text::Text;

/// Why a call does not do what it says.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// The argument that is wrong; empty where none is.
    argument: &'static str,
    /// What is wrong with it, where there is more to say than the status does.
    about: Option<Box<str>>,
}

impl Failure {
    #[cold]
    pub(crate) fn new(status: Status, argument: &'static str) -> Self {
        Self { status, argument, about: None }
    }

    #[cold]
    pub(crate) fn told(status: Status, argument: &'static str, about: impl fmt::Display) -> Self {
        Self { status, argument, about: Some(about.to_string().into()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.argument, &self.about) {
            ("", None) => f.write_str(self.status.words()),
            ("", Some(about)) => f.write_str(about),
            (argument, _) if self.status == Status::Null => write!(f, "`{argument}` is NULL"),
            (argument, None) => write!(f, "`{argument}`: {}", self.status.words()),
            (argument, Some(about)) => write!(f, "`{argument}`: {about}"),
        }
    }
}

/// What a call comes to inside of the door.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Does the work of an exported function; on failure tells the thread, and returns the status.
// PERF: without a panic `catch_unwind` costs nothing; the rest is one comparison.
#[inline(always)]
pub(crate) fn enter(function: &'static str, work: impl FnOnce() -> Outcome) -> Status {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => Status::Ok,
        Ok(Err(failure)) => tell(function, &failure),
        Err(payload) => panicked(function, payload),
    }
}

/// The same for a function that returns what it found.
#[inline(always)]
pub(crate) fn enter_for<T>(function: &'static str, otherwise: T, work: impl FnOnce() -> Outcome<T>) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(found)) => return found,
        Ok(Err(failure)) => tell(function, &failure),
        Err(payload) => panicked(function, payload),
    };
    otherwise
}

#[cold]
#[inline(never)]
fn tell(function: &'static str, failure: &Failure) -> Status {
    let mut line = Line::default();
    // The only error is the end of the room.
    let _ = write!(line, "{function}: {failure}");
    LAST.set(line);
    failure.status
}

#[cold]
#[inline(never)]
fn panicked(function: &'static str, payload: Box<dyn std::any::Any + Send>) -> Status {
    // Whatever it is, its destructor could panic as well.
    std::mem::forget(payload);
    tell(function, &Failure::new(Status::Internal, ""))
}

impl Status {
    fn words(self) -> &'static str {
        self.text().to_str().unwrap_or("")
    }
}

/// The sentence about the last call of this thread that failed; lent until the next one fails.
pub(crate) fn last_error() -> Text {
    LAST.with(|last| {
        // SAFETY: only this thread touches the cell, and none of its calls is under way while this one is; the pointer
        // is to the thread's own memory, which stands until the thread ends.
        let line = unsafe { &*last.as_ptr() };
        Text::of_bytes(line.bytes.get(..line.length).unwrap_or_default())
    })
}

thread_local! {
    // Without a destructor, so that nothing of ours runs when a thread of the host ends.
    static LAST: Cell<Line> = const { Cell::new(Line { bytes: [0; ROOM], length: 0 }) };
}

/// Bytes of a message that are kept.
const ROOM: usize = 480;

/// As much text as fits, whole characters only.
#[derive(Clone, Copy)]
struct Line {
    bytes: [u8; ROOM],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; ROOM], length: 0 }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = ROOM - self.length;
        let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        let (Some(to), Some(from)) =
            (self.bytes.get_mut(self.length..self.length + end), text.as_bytes().get(..end))
        else {
            return Err(fmt::Error);
        };
        to.copy_from_slice(from);
        self.length += end;
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Makes exported functions. The body gives an [`Outcome`]; with `-> Type, value` it gives an outcome of that type, and
/// the value is what is returned where it fails.
macro_rules! exported {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $found:ty, $otherwise:expr;)? $body:block)*) => {
        $(exported! { @one [$(#[$doc])*] $name [$($argument: $type),*] [$($found, $otherwise)?] $body })*
    };
    (@one [$($doc:tt)*] $name:ident [$($argument:ident: $type:ty),*] [] $body:block) => {
        $($doc)*
        ///
        /// # Safety
        ///
        /// What the header asks of a caller holds.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> $crate::status::Status {
            $crate::boundary::enter(stringify!($name), || $body)
        }
    };
    (@one [$($doc:tt)*] $name:ident [$($argument:ident: $type:ty),*] [$found:ty, $otherwise:expr] $body:block) => {
        $($doc)*
        ///
        /// # Safety
        ///
        /// What the header asks of a caller holds.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> $found {
            $crate::boundary::enter_for(stringify!($name), $otherwise, || $body)
        }
    };
}

/// Writes to where a caller wants an output.
///
/// # Safety
///
/// If it is neither NULL nor unaligned, it points to room for a `T` that nobody else is using.
#[inline(always)]
pub(crate) unsafe fn give<T>(out: *mut T, name: &'static str, value: T) -> Outcome {
    let out = room(out, name)?;
    // SAFETY: the caller of this function says so.
    unsafe { out.write(value) };
    Ok(())
}

/// Where a caller wants an output, checked before any work is done for it.
#[inline(always)]
pub(crate) fn room<T>(out: *mut T, name: &'static str) -> Outcome<*mut T> {
    if out.is_null() {
        return Err(Failure::new(Status::Null, name));
    }
    if !out.is_aligned() {
        return Err(Failure::told(Status::InvalidArgument, name, "the pointer is not aligned"));
    }
    Ok(out)
}

/// The same for an output that a caller may not want: NULL.
#[inline(always)]
pub(crate) fn room_if_wanted<T>(out: *mut T, name: &'static str) -> Outcome<Option<*mut T>> {
    if out.is_null() { Ok(None) } else { room(out, name).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> String {
        let text = last_error();
        // SAFETY: the text is lent by this thread.
        unsafe { crate::text::read(text.data, text.length, "text") }.unwrap().to_owned()
    }

    #[test]
    fn a_panic_is_a_status() {
        assert_eq!(enter("f", || panic!("on purpose")), Status::Internal);
        assert_eq!(said(), "f: a bug of the library, contained");
        assert_eq!(enter_for("g", 7, || panic!("on purpose")), 7);
    }

    #[test]
    fn a_failure_names_function_and_argument() {
        assert_eq!(enter("f", || Err(Failure::new(Status::Null, "key"))), Status::Null);
        assert_eq!(said(), "f: `key` is NULL");
        assert_eq!(enter("f", || Ok(())), Status::Ok);
        assert_eq!(said(), "f: `key` is NULL");
        let long = "é".repeat(1_000);
        enter("f", || Err(Failure::told(Status::Refused, "", &long)));
        assert!(said().starts_with("f: éé") && said().len() <= ROOM);
    }
}
