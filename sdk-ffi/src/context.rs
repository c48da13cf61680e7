//! The context builder: typed, reusable, with text of its own.
//!
//! Names and texts are copied into an arena that is kept from use to use, so that building the same kind of context again
//! allocates nothing; the core's context borrows from it. Values set again and again leave their old text behind until
//! that is more than what is left of use; then everything in use is copied to a second arena, and the two change places.

use std::alloc::Layout;
use std::borrow::Cow;
use std::ffi::c_char;

use bumpalo::Bump;
use flagcore::context::TARGETING_KEY;
use flagcore::{EvaluationContext, Value, limits};

use crate::boundary::{Failure, Outcome, give};
use crate::handle::{self, Handle, change, look, objects};
use crate::status::Status;
use crate::text::read;

/// A context on its way, or in use.
#[derive(Debug)]
pub(crate) struct Context {
    // INVARIANT: borrows from `arena` only, which is neither reset nor dropped while anything here stands for it. Stands
    // first, because fields are dropped in order.
    core: EvaluationContext<'static>,
    arena: Bump,
    spare: Bump,
    /// Bytes of text in the arena, those that nothing stands for any more included.
    used: usize,
    /// How many there may be before those are let go of.
    most: usize,
    /// Objects and lists that are being built, from the outermost.
    open: Vec<Open>,
    /// Why something was refused, where the core has no words for it.
    refused: Option<&'static str>,
}

objects! { Context = 3; }

// SAFETY: whoever has `&Context` never reaches the arenas, which are all that is not `Sync`.
unsafe impl Sync for Context {}

/// An object or list that is being built. Its texts are its own: it allocates anyway.
#[derive(Debug)]
struct Open {
    name: String,
    is_list: bool,
    members: Vec<(String, Value<'static>)>,
}

/// Stands for the context that a caller did not give.
static NOTHING_KNOWN: EvaluationContext<'static> = EvaluationContext::empty();

/// An arena that has grown beyond this is freed, not kept.
const KEPT_BYTES: usize = 1 << 20;
/// Bytes of text that may be left behind in any case.
const SLACK: usize = 4 << 10;

impl Context {
    fn new() -> Self {
        Self {
            core: EvaluationContext::empty(),
            arena: Bump::new(),
            spare: Bump::new(),
            used: 0,
            most: SLACK,
            open: Vec::new(),
            refused: None,
        }
    }

    fn clear(&mut self) {
        self.core.clear();
        for arena in [&mut self.arena, &mut self.spare] {
            if arena.allocated_bytes() > KEPT_BYTES { *arena = Bump::new() } else { arena.reset() }
        }
        (self.used, self.most) = (0, SLACK);
        self.open.clear();
        self.refused = None;
    }

    /// A copy of what is there, with text of its own.
    pub(crate) fn to_owned(&self) -> Outcome<EvaluationContext<'static>> {
        self.ready().map(|context| context.clone().into_owned())
    }

    #[inline(always)]
    fn ready(&self) -> Outcome<&EvaluationContext<'static>> {
        if self.open.is_empty() {
            return Ok(&self.core);
        }
        let about = "an object or a list is still open";
        Err(Failure::told(Status::InvalidContext, "context", about))
    }

    /// Why something was refused, where the core has no words for it.
    pub(crate) fn refused(&self) -> Option<&'static str> {
        self.refused
    }

    /// Copies two texts into the arena, at once.
    #[inline]
    fn keep_two(&mut self, one: &str, two: &str) -> (&'static str, &'static str) {
        // More than that cannot be in memory.
        let both = one.len() + two.len();
        self.used += both;
        let Ok(layout) = Layout::array::<u8>(both) else { return ("", "") };
        let room = self.arena.alloc_layout(layout).as_ptr();
        // SAFETY: there is room for both, one after the other, and what is copied is text; for the lifetime see `lend`.
        unsafe {
            let rest = room.add(one.len());
            copy(one.as_bytes(), room);
            copy(two.as_bytes(), rest);
            let text =
                |start, length| std::str::from_utf8_unchecked(std::slice::from_raw_parts(start, length));
            (text(room, one.len()), text(rest, two.len()))
        }
    }

    #[inline]
    fn lend(arena: &Bump, text: &str) -> &'static str {
        // SAFETY: the text stands in the arena, whose memory does not move; by the invariant of `core`, the only place
        // where it goes, it is let go of before the arena is.
        unsafe { &*std::ptr::from_ref::<str>(arena.alloc_str(text)) }
    }

    /// Remembers that something was refused: evaluations say `INVALID_CONTEXT` until the context is cleared.
    #[cold]
    fn refuse(&mut self, failure: Failure) -> Failure {
        // Nothing of it counts any more; evaluations are to tell so, and not that something is open.
        self.open.clear();
        if self.core.fault().is_none() {
            self.refused = Some(failure.status.text().to_str().unwrap_or_default());
            // What the core itself refuses, and then remembers.
            self.core.set("", f64::NAN);
        }
        failure
    }

    /// Has the core refuse something at once, though it would stand inside of what is still open.
    #[cold]
    fn refuse_as_core(&mut self, value: impl Into<Value<'static>>) -> Outcome {
        self.core.set("", value);
        self.settle()
    }

    fn set_plain(&mut self, name: &str, value: impl Into<Value<'static>>) -> Outcome {
        if let Some(open) = self.open.last_mut() {
            open.members.push((name.to_owned(), value.into()));
            return Ok(());
        }
        let (name, _) = self.keep_two(name, "");
        self.core.set(name, value);
        self.settle()
    }

    fn set_text(&mut self, name: &str, text: &str) -> Outcome {
        if let Some(open) = self.open.last_mut() {
            open.members.push((name.to_owned(), Value::from(text.to_owned())));
            return Ok(());
        }
        let (name, text) = self.keep_two(name, text);
        self.core.set(name, text);
        self.settle()
    }

    /// What is to be done after something was set.
    #[inline]
    fn settle(&mut self) -> Outcome {
        if let Some(fault) = self.core.fault() {
            return Err(Failure::told(Status::InvalidContext, "context", fault));
        }
        if self.used > self.most {
            self.compact();
        }
        Ok(())
    }

    /// Copies what is in use to the other arena.
    #[cold]
    #[inline(never)]
    fn compact(&mut self) {
        let mut core = EvaluationContext::empty();
        let mut used = 0;
        let mut keep = |text: &str| {
            used += text.len();
            Self::lend(&self.spare, text)
        };
        let key = self.core.get(TARGETING_KEY).map(|key| (TARGETING_KEY, key));
        for (name, value) in key.into_iter().chain(self.core.iter()) {
            let value = match value {
                Value::String(text) => Value::String(Cow::Borrowed(keep(text))),
                other => other.clone(),
            };
            core.set(keep(name), value);
        }
        self.core = core;
        std::mem::swap(&mut self.arena, &mut self.spare);
        // Nothing stands for the old texts any more.
        self.spare.reset();
        self.used = used;
        self.most = 2 * used + SLACK;
    }

    fn open(&mut self, name: &str, is_list: bool) -> Outcome {
        // The context itself is one level.
        if self.open.len() >= limits::VALUE_DEPTH - 1 {
            let deep = (0..limits::VALUE_DEPTH).fold(Value::Null, |inner, _| Value::list([inner]));
            return self.refuse_as_core(deep);
        }
        self.open.push(Open { name: name.to_owned(), is_list, members: Vec::new() });
        Ok(())
    }

    fn close(&mut self) -> Outcome {
        let Some(closed) = self.open.pop() else {
            return Err(Failure::told(Status::InvalidArgument, "context", "no object and no list is open"));
        };
        let value = if closed.is_list {
            Value::list(closed.members.into_iter().map(|(_, value)| value))
        } else {
            Value::structure(closed.members)
        };
        self.set_plain(&closed.name, value)
    }

    fn add_json(&mut self, json: &str) -> Outcome {
        if !self.open.is_empty() {
            return self.ready().map(|_| ());
        }
        let parsed: EvaluationContext<'_> =
            serde_json::from_str(json).map_err(|error| Failure::told(Status::InvalidJson, "json", error))?;
        let key = parsed.get(TARGETING_KEY).map(|key| (TARGETING_KEY, key));
        key.into_iter()
            .chain(parsed.iter())
            .try_for_each(|(name, value)| self.set_plain(name, value.clone().into_owned()))
    }
}

/// Copies bytes.
///
/// # Safety
///
/// There is room for them, elsewhere.
// PERF: names and attributes are short, and a call of `memcpy` takes longer than copying one.
#[inline(always)]
unsafe fn copy(from: &[u8], to: *mut u8) {
    // SAFETY: the caller says that there is room; the beginning and the end of it are written, which may overlap.
    unsafe {
        match (
            from.first_chunk::<8>(),
            from.last_chunk::<8>(),
            from.first_chunk::<4>(),
            from.last_chunk::<4>(),
        ) {
            (Some(first), Some(last), _, _) if from.len() <= 16 => {
                to.cast::<[u8; 8]>().write_unaligned(*first);
                to.add(from.len() - 8).cast::<[u8; 8]>().write_unaligned(*last);
            }
            (None, _, Some(first), Some(last)) => {
                to.cast::<[u8; 4]>().write_unaligned(*first);
                to.add(from.len() - 4).cast::<[u8; 4]>().write_unaligned(*last);
            }
            _ => std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()),
        }
    }
}

/// The context of an evaluation; an empty one for NULL.
///
/// # Safety
///
/// As for [`look`].
#[inline(always)]
pub(crate) unsafe fn known<'call>(context: Handle) -> Outcome<&'call EvaluationContext<'static>> {
    if context.is_null() {
        return Ok(&NOTHING_KNOWN);
    }
    // SAFETY: the caller says so.
    unsafe { look::<Context>(context, "context") }?.ready()
}

/// Why a context has something refused, where the core has no words for it.
///
/// # Safety
///
/// As for [`look`].
pub(crate) unsafe fn refusal(context: Handle) -> Option<&'static str> {
    // SAFETY: the caller says so.
    unsafe { look::<Context>(context, "context") }.ok()?.refused()
}

/// Changes a context; what is refused is remembered.
///
/// # Safety
///
/// As for [`change`].
#[inline(always)]
unsafe fn with(context: Handle, work: impl FnOnce(&mut Context) -> Outcome) -> Outcome {
    // SAFETY: the caller says so.
    let mut context = unsafe { change::<Context>(context, "context") }?;
    if context.core.fault().is_some() {
        let about = "something was refused before; clear the context";
        return Err(Failure::told(Status::InvalidContext, "context", about));
    }
    work(&mut context).map_err(|failure| context.refuse(failure))
}

/// The name of something to be set; an item of a list has none.
///
/// # Safety
///
/// As for [`read`].
#[inline(always)]
unsafe fn name_in<'call>(context: &Context, name: *const c_char, length: usize) -> Outcome<&'call str> {
    if context.open.last().is_some_and(|open| open.is_list) {
        return Ok("");
    }
    // SAFETY: the caller says so.
    unsafe { read(name, length, "name") }
}

exported! {
    /// A new, empty context.
    fn flagcore_context_new(out: *mut Handle) {
        let out = crate::boundary::room(out, "out")?;
        let made = handle::give_out(Context::new())?;
        // SAFETY: the header asks for room there.
        unsafe { give(out, "out", made) }
    }

    /// Frees a context.
    fn flagcore_context_free(context: Handle) {
        handle::take_back::<Context>(context, "context").map(drop)
    }

    /// Removes everything, and keeps the memory.
    fn flagcore_context_clear(context: Handle) {
        // SAFETY: the header says that one thread at a time changes a context.
        unsafe { change::<Context>(context, "context") }?.clear();
        Ok(())
    }

    /// Sets the targeting key.
    fn flagcore_context_set_targeting_key(context: Handle, key: *const c_char, key_length: usize) {
        // SAFETY: the header says that one thread at a time changes a context, and that the text is there.
        unsafe { with(context, |context| {
            let key = read(key, key_length, "key")?;
            if !context.open.is_empty() {
                return context.ready().map(|_| ());
            }
            let (key, _) = context.keep_two(key, "");
            context.core.set(TARGETING_KEY, key);
            context.settle()
        }) }
    }

    /// Sets an attribute to a text.
    fn flagcore_context_set_string(
        context: Handle, name: *const c_char, name_length: usize, text: *const c_char, text_length: usize,
    ) {
        // SAFETY: the header says that one thread at a time changes a context, and that the texts are there.
        unsafe { with(context, |context| {
            let (name, text) = (name_in(context, name, name_length)?, read(text, text_length, "text")?);
            context.set_text(name, text)
        }) }
    }

    /// Sets an attribute to true or false.
    fn flagcore_context_set_bool(context: Handle, name: *const c_char, name_length: usize, value: u8) {
        // SAFETY: as above.
        unsafe { with(context, |context| {
            let name = name_in(context, name, name_length)?;
            context.set_plain(name, value != 0)
        }) }
    }

    /// Sets an attribute to a whole number.
    fn flagcore_context_set_integer(context: Handle, name: *const c_char, name_length: usize, value: i64) {
        // SAFETY: as above.
        unsafe { with(context, |context| {
            let name = name_in(context, name, name_length)?;
            context.set_plain(name, value)
        }) }
    }

    /// Sets an attribute to a number.
    fn flagcore_context_set_float(context: Handle, name: *const c_char, name_length: usize, value: f64) {
        // SAFETY: as above.
        unsafe { with(context, |context| {
            let name = name_in(context, name, name_length)?;
            if value.is_finite() { context.set_plain(name, value) } else { context.refuse_as_core(value) }
        }) }
    }

    /// Sets an attribute to null.
    fn flagcore_context_set_null(context: Handle, name: *const c_char, name_length: usize) {
        // SAFETY: as above.
        unsafe { with(context, |context| {
            let name = name_in(context, name, name_length)?;
            context.set_plain(name, Value::Null)
        }) }
    }

    /// Begins an object: what is set from now on is set in it.
    fn flagcore_context_open_object(context: Handle, name: *const c_char, name_length: usize) {
        // SAFETY: as above.
        unsafe { with(context, |context| {
            let name = name_in(context, name, name_length)?;
            context.open(name, false)
        }) }
    }

    /// Begins a list: what is set from now on is added to it.
    fn flagcore_context_open_list(context: Handle, name: *const c_char, name_length: usize) {
        // SAFETY: as above.
        unsafe { with(context, |context| {
            let name = name_in(context, name, name_length)?;
            context.open(name, true)
        }) }
    }

    /// Ends what was begun last.
    fn flagcore_context_close(context: Handle) {
        // SAFETY: as above.
        unsafe { with(context, Context::close) }
    }

    /// Sets every member of a JSON object.
    fn flagcore_context_add_json(context: Handle, json: *const c_char, json_length: usize) {
        // SAFETY: as above.
        unsafe { with(context, |context| context.add_json(read(json, json_length, "json")?)) }
    }
}

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn bytes_of_any_length_are_copied_and_none_beside_them() {
        let from: Vec<u8> = (1..=60).collect();
        for length in 0..from.len() {
            let mut to = vec![0; 70];
            // SAFETY: there is room.
            unsafe { copy(&from[..length], to.as_mut_ptr().add(4)) };
            assert_eq!(to[4..4 + length], from[..length]);
            assert!(to[..4].iter().chain(&to[4 + length..]).all(|byte| *byte == 0), "{length}");
        }
    }
}
