//! A thread's own view of a client, and what it can be asked for by type.
//!
//! The plain questions are the fastest way through the library: two handles are found in their tables, the snapshot is
//! compared with the current one, the flag is evaluated, a value is written. No lock, no allocation.

use std::ffi::c_char;
use std::sync::Arc;

use flagcore::value::Structure;
use flagcore::{EvaluationContext, Flag, FlagKey, Selector, Snapshot};

use crate::boundary::{Failure, Outcome, give, room};
use crate::client::{Known, Shared};
use crate::context::known;
use crate::handle::{self, Handle, change, objects, share};
use crate::shown::Shown;
use crate::status::Status;
use crate::text::{Text, read};

/// A view, and what is lent of it.
#[derive(Debug)]
pub(crate) struct Reader {
    follower: flagcore::Reader,
    /// The snapshot that it stays with, while it does.
    held: Option<Arc<Snapshot>>,
    pub(crate) known: Arc<Known>,
    pub(crate) shown: Shown,
    pub(crate) selected: Option<Box<Selected>>,
}

objects! { Reader = 2; }

/// What a selector shows, and what is lent of that.
#[derive(Debug)]
pub(crate) struct Selected {
    text: Box<str>,
    pub(crate) selector: Box<Selector>,
    pub(crate) shown: Shown,
}

impl Selected {
    pub(crate) fn new(text: &str) -> Outcome<Self> {
        let selector: Selector =
            text.parse().map_err(|error| Failure::told(Status::InvalidArgument, "selector", error))?;
        Ok(Self { text: text.into(), selector: Box::new(selector), shown: Shown::default() })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Reader {
    /// What is evaluated now, and where texts of it are kept.
    #[inline(always)]
    pub(crate) fn parts(&mut self) -> (&Snapshot, &mut Shown) {
        let snapshot = match &self.held {
            Some(held) => held,
            None => self.follower.snapshot(),
        };
        self.shown.fit(snapshot.revision());
        (snapshot, &mut self.shown)
    }

    #[inline(always)]
    pub(crate) fn snapshot(&mut self) -> &Snapshot {
        match &self.held {
            Some(held) => held,
            None => self.follower.snapshot(),
        }
    }

    /// The snapshot that is evaluated now, to keep.
    pub(crate) fn snapshot_to_keep(&mut self) -> Arc<Snapshot> {
        self.held.clone().unwrap_or_else(|| self.follower.held())
    }

    /// What a selector shows, and where texts of that are kept.
    pub(crate) fn selected(&mut self, text: &str) -> Outcome<(&Snapshot, &Selector, &mut Shown)> {
        if self.selected.as_ref().is_none_or(|selected| selected.text() != text) {
            self.selected = Some(Box::new(Selected::new(text)?));
        }
        let snapshot = match &self.held {
            Some(held) => held,
            None => self.follower.snapshot(),
        };
        let Some(selected) = &mut self.selected else { return Err(Failure::new(Status::Internal, "")) };
        selected.shown.fit(snapshot.revision());
        Ok((snapshot, &selected.selector, &mut selected.shown))
    }

    /// A flag of this reader's client.
    #[inline(always)]
    pub(crate) fn flag(&self, flag: u64) -> Outcome<Flag> {
        if self.known.made(flag) { Ok(Flag::from_bits(flag)) } else { Err(foreign(flag)) }
    }
}

#[cold]
fn foreign(flag: u64) -> Failure {
    let status = if flag == 0 { Status::InvalidHandle } else { Status::ForeignFlag };
    Failure::new(status, "flag")
}

/// A text that no flag serves, by its place.
static NO_TEXT: [u8; 1] = *b"-";

fn no_text() -> &'static str {
    std::str::from_utf8(&NO_TEXT).unwrap_or_default()
}

/// The boolean of a flag, or the caller's own.
// PERF: with false, which most ask with, a static flag needs no look at the flag.
#[inline(always)]
fn boolean(snapshot: &Snapshot, key: impl FlagKey, context: &EvaluationContext<'_>, fallback: u8) -> bool {
    if fallback == 0 { snapshot.is_enabled(key, context) } else { snapshot.bool(key, context, true) }
}

/// The text of a flag, or the caller's own, which nobody looks at.
#[inline]
fn string(snapshot: &Snapshot, key: impl FlagKey, context: &EvaluationContext<'_>, fallback: Text) -> Text {
    let found = snapshot.string(key, context, no_text());
    if std::ptr::eq(found.as_ptr(), NO_TEXT.as_ptr()) { fallback } else { Text::of(found) }
}

/// The JSON of a flag's object, or the caller's own text.
fn object(reader: &mut Reader, key: impl FlagKey, context: &EvaluationContext<'_>, fallback: Text) -> Text {
    let nothing = Structure::default();
    let (snapshot, shown) = reader.parts();
    let found = snapshot.object(key, context, &nothing);
    if std::ptr::eq(found, &raw const nothing) { fallback } else { shown.json(found, found) }
}

/// A plain question by flag.
macro_rules! by_flag {
    ($reader:ident, $flag:ident, $context:ident, $out:ident, |$asked:ident, $key:ident, $known:ident| $answer:expr) => {{
        let out = room($out, "out")?;
        // SAFETY: the header says that one thread at a time uses a reader, that nobody changes or frees the context
        // meanwhile, and asks for room.
        unsafe {
            let $known = known($context)?;
            let mut $asked = change::<Reader>($reader, "reader")?;
            let $key = $asked.flag($flag)?;
            out.write($answer);
        }
        Ok(())
    }};
}

/// A plain question by key.
macro_rules! by_key {
    ($reader:ident, ($text:ident, $length:ident), $context:ident, $out:ident, |$asked:ident, $key:ident, $known:ident| $answer:expr) => {{
        let out = room($out, "out")?;
        // SAFETY: as in `by_flag`, and that the key is there.
        unsafe {
            let ($key, $known) = (read($text, $length, "key")?, known($context)?);
            let mut $asked = change::<Reader>($reader, "reader")?;
            out.write($answer);
        }
        Ok(())
    }};
}

exported! {
    /// A reader of a client.
    fn flagcore_reader_new(client: Handle, out: *mut Handle) {
        let out = room(out, "out")?;
        let client = share::<Shared>(client, "client")?;
        let reader = Reader {
            follower: client.client().reader(),
            held: None,
            known: client.known().clone(),
            shown: Shown::default(),
            selected: None,
        };
        let made = handle::give_out(reader)?;
        // SAFETY: the header asks for room there.
        unsafe { give(out, "out", made) }
    }

    /// Frees a reader.
    fn flagcore_reader_free(reader: Handle) {
        handle::take_back::<Reader>(reader, "reader").map(drop)
    }

    /// Stays with the current snapshot.
    fn flagcore_reader_hold(reader: Handle) {
        // SAFETY: the header says that one thread at a time uses a reader.
        let mut reader = unsafe { change::<Reader>(reader, "reader") }?;
        if reader.held.is_none() {
            reader.held = Some(reader.follower.held());
        }
        Ok(())
    }

    /// Follows the client again.
    fn flagcore_reader_release(reader: Handle) {
        // SAFETY: as above.
        unsafe { change::<Reader>(reader, "reader") }?.held = None;
        Ok(())
    }

    /// The revision of the snapshot that the next question is answered from.
    fn flagcore_reader_revision(reader: Handle, out: *mut u64) {
        let out = room(out, "out")?;
        // SAFETY: as above, and the header asks for room.
        unsafe {
            let revision = change::<Reader>(reader, "reader")?.snapshot().revision();
            give(out, "out", revision)
        }
    }

    /// Whether a boolean flag is on.
    fn flagcore_reader_is_enabled(reader: Handle, flag: u64, context: Handle) -> bool, false; {
        // SAFETY: the header says that one thread at a time uses a reader, and that nobody changes or frees the context
        // meanwhile.
        unsafe {
            let context = known(context)?;
            let mut reader = change::<Reader>(reader, "reader")?;
            let flag = reader.flag(flag)?;
            Ok(reader.snapshot().is_enabled(flag, context))
        }
    }

    /// The boolean of a flag, or the caller's own.
    fn flagcore_reader_get_bool(reader: Handle, flag: u64, context: Handle, fallback: u8, out: *mut bool) {
        by_flag!(reader, flag, context, out, |asked, key, known| boolean(asked.snapshot(), key, known, fallback))
    }

    /// The same by key.
    fn flagcore_reader_get_bool_by_key(
        reader: Handle, key: *const c_char, key_length: usize, context: Handle, fallback: u8, out: *mut bool,
    ) {
        by_key!(reader, (key, key_length), context, out, |asked, key, known| boolean(asked.snapshot(), key, known, fallback))
    }

    /// The number of a flag towards zero, or the caller's own.
    fn flagcore_reader_get_integer(reader: Handle, flag: u64, context: Handle, fallback: i64, out: *mut i64) {
        by_flag!(reader, flag, context, out, |asked, key, known| asked.snapshot().integer(key, known, fallback))
    }

    /// The same by key.
    fn flagcore_reader_get_integer_by_key(
        reader: Handle, key: *const c_char, key_length: usize, context: Handle, fallback: i64, out: *mut i64,
    ) {
        by_key!(reader, (key, key_length), context, out, |asked, key, known| asked.snapshot().integer(key, known, fallback))
    }

    /// The number of a flag, or the caller's own.
    fn flagcore_reader_get_float(reader: Handle, flag: u64, context: Handle, fallback: f64, out: *mut f64) {
        by_flag!(reader, flag, context, out, |asked, key, known| asked.snapshot().float(key, known, fallback))
    }

    /// The same by key.
    fn flagcore_reader_get_float_by_key(
        reader: Handle, key: *const c_char, key_length: usize, context: Handle, fallback: f64, out: *mut f64,
    ) {
        by_key!(reader, (key, key_length), context, out, |asked, key, known| asked.snapshot().float(key, known, fallback))
    }

    /// The text of a flag, or the caller's own.
    fn flagcore_reader_get_string(
        reader: Handle, flag: u64, context: Handle, fallback: *const c_char, fallback_length: usize, out: *mut Text,
    ) {
        let fallback = Text { data: fallback, length: fallback_length };
        by_flag!(reader, flag, context, out, |asked, key, known| string(asked.snapshot(), key, known, fallback))
    }

    /// The same by key.
    fn flagcore_reader_get_string_by_key(
        reader: Handle, key: *const c_char, key_length: usize, context: Handle,
        fallback: *const c_char, fallback_length: usize, out: *mut Text,
    ) {
        let fallback = Text { data: fallback, length: fallback_length };
        by_key!(reader, (key, key_length), context, out, |asked, key, known| string(asked.snapshot(), key, known, fallback))
    }

    /// The JSON of a flag's object, or the caller's own text.
    fn flagcore_reader_get_object(
        reader: Handle, flag: u64, context: Handle, fallback: *const c_char, fallback_length: usize, out: *mut Text,
    ) {
        let fallback = Text { data: fallback, length: fallback_length };
        by_flag!(reader, flag, context, out, |asked, key, known| object(&mut asked, key, known, fallback))
    }

    /// The same by key.
    fn flagcore_reader_get_object_by_key(
        reader: Handle, key: *const c_char, key_length: usize, context: Handle,
        fallback: *const c_char, fallback_length: usize, out: *mut Text,
    ) {
        let fallback = Text { data: fallback, length: fallback_length };
        by_key!(reader, (key, key_length), context, out, |asked, key, known| object(&mut asked, key, known, fallback))
    }
}
