//! A callback that hears of updates.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use flagcore::change::{FlagChange, Update};

use crate::boundary::{Failure, Outcome};
use crate::status::{ChangeNumber, Status, UpdateNumber};
use crate::text::Text;

/// What a callback is given: its own data, and what happened, lent for the call.
pub type Callback = unsafe extern "C" fn(data: *mut c_void, update: *const CUpdate);

/// Told once that the data is not needed any more.
pub type Release = unsafe extern "C" fn(data: *mut c_void);

/// What happened, as C sees it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CUpdate {
    /// Its size, as this library knows it.
    pub struct_size: usize,
    /// An [`UpdateNumber`].
    pub kind: i32,
    /// Zero.
    pub reserved: u32,
    /// The revision that is served; 0 where it is not told.
    pub revision: u64,
    /// The source that it is about; none for a change, which is about all.
    pub source: Text,
    /// Findings, in lines.
    pub message: Text,
    /// The flags that changed, sorted by key.
    pub changes: *const CChange,
    /// How many there are.
    pub change_count: usize,
}

/// A flag that changed.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CChange {
    /// Its key.
    pub key: Text,
    /// A [`ChangeNumber`].
    pub kind: i32,
    /// Zero.
    pub reserved: u32,
}

/// A caller's callback, and its data.
#[derive(Debug)]
pub(crate) struct Listener {
    callback: Callback,
    data: *mut c_void,
    release: Option<Release>,
}

// SAFETY: the header says that the callback is called on another thread, one call at a time.
unsafe impl Send for Listener {}

thread_local! {
    /// How many callbacks this thread is in.
    static HEARING: Cell<u32> = const { Cell::new(0) };
}

/// Fails where a callback asks for what waits for it.
pub(crate) fn not_in_listener() -> Outcome {
    if HEARING.get() == 0 { Ok(()) } else { Err(Failure::new(Status::InListener, "")) }
}

impl Listener {
    pub(crate) fn new(callback: Callback, data: *mut c_void, release: Option<Release>) -> Self {
        Self { callback, data, release }
    }

    /// Calls the callback.
    pub(crate) fn hear(&mut self, update: &Update) {
        let mut told = CUpdate {
            struct_size: size_of::<CUpdate>(),
            kind: 0,
            reserved: 0,
            revision: 0,
            source: Text::NONE,
            message: Text::NONE,
            changes: std::ptr::null(),
            change_count: 0,
        };
        let (message, changes);
        match update {
            Update::Changed(change) => {
                let changed = change.flags().into_iter().map(|(key, kind)| {
                    let kind = match kind {
                        FlagChange::Added => ChangeNumber::Added,
                        FlagChange::Updated => ChangeNumber::Updated,
                        FlagChange::Removed => ChangeNumber::Removed,
                    };
                    CChange { key: Text::of(key), kind: kind as i32, reserved: 0 }
                });
                changes = changed.collect::<Vec<CChange>>();
                message = change.findings().to_string();
                told.kind = UpdateNumber::Changed as i32;
                told.revision = change.after().revision();
                if !changes.is_empty() {
                    (told.changes, told.change_count) = (changes.as_ptr(), changes.len());
                }
            }
            Update::Refused { source, findings, serving } => {
                message = findings.to_string();
                told.kind = UpdateNumber::Refused as i32;
                told.revision = *serving;
                told.source = Text::of(source);
            }
            Update::Held { source, findings } => {
                message = findings.to_string();
                told.kind = UpdateNumber::Held as i32;
                told.source = Text::of(source);
            }
            Update::Recovered { source, serving } => {
                message = String::new();
                told.kind = UpdateNumber::Recovered as i32;
                told.revision = *serving;
                told.source = Text::of(source);
            }
            _ => return,
        }
        told.message = Text::of(&message);
        HEARING.set(HEARING.get() + 1);
        // SAFETY: the header says what a callback may do, and that it does not throw.
        unsafe { (self.callback)(self.data, &raw const told) };
        HEARING.set(HEARING.get() - 1);
    }
}

/// A listener that can be silenced while it is registered.
#[derive(Clone, Debug)]
pub(crate) struct Registered(Arc<Mutex<Option<Listener>>>);

impl Registered {
    pub(crate) fn new(listener: Listener) -> Self {
        Self(Arc::new(Mutex::new(Some(listener))))
    }

    pub(crate) fn hear(&self, update: &Update) {
        if let Some(listener) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            listener.hear(update);
        }
    }

    /// Waits for a call that is under way, and makes no other. Not from a callback.
    pub(crate) fn silence(&self) {
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(listener);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the header says that it is called once, and may be on any thread.
            unsafe { release(self.data) };
        }
    }
}
