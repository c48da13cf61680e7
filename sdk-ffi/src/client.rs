//! Opening, updating, asking how it is.
//!
//! A client is shared by threads: each call takes a share of it, so that one thread may free what another is using. What
//! locks asks first whether the process was forked, because a lock may have been held by a thread that is not here.

use std::ffi::{c_char, c_void};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flagcore::Client;

use crate::boundary::{Failure, Outcome, give, room};
use crate::error::{Why, explained};
use crate::fork;
use crate::handle::{self, Handle, look, objects, share};
use crate::listener::{Callback, Listener, Registered, Release, not_in_listener};
use crate::options::{Options, format_of};
use crate::status::{StateNumber, Status};
use crate::text::{bytes, read};

/// A client as its handle stands for it.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Opened>);

objects! { Shared = 1; }

#[derive(Debug)]
struct Opened {
    client: ManuallyDrop<Client>,
    known: Arc<Known>,
    /// Silenced when the handle is freed, also where another call still has a share.
    listeners: Mutex<Vec<Registered>>,
}

/// What readers need to know of their client, also when it is gone.
#[derive(Debug)]
pub(crate) struct Known {
    /// The upper half of its flags; nothing until it has made one.
    flags: AtomicU32,
    generation: u32,
}

impl Known {
    /// Whether this process is a copy of the one that opened the client.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        self.generation != fork::generation()
    }

    /// Whether a flag is one of this client's.
    #[inline(always)]
    pub(crate) fn made(&self, flag: u64) -> bool {
        // ORDERING: whoever has a flag of this client has it from the call that stored this.
        (flag >> 32) as u32 == self.flags.load(Ordering::Relaxed)
    }
}

impl Shared {
    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn known(&self) -> &Arc<Known> {
        &self.0.known
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Registered>> {
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails in the child of a fork.
    pub(crate) fn unforked(self) -> Outcome<Self> {
        if self.0.known.is_forked() { Err(Failure::new(Status::Forked, "client")) } else { Ok(self) }
    }

    fn state(&self) -> StateNumber {
        if self.0.known.is_forked() {
            return StateNumber::Forked;
        }
        if !self.client().is_ready() {
            return StateNumber::NotReady;
        }
        let is_stale = self.client().status().iter().any(|source| source.refused.is_some());
        if is_stale { StateNumber::Stale } else { StateNumber::Ready }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // In the child of a fork the thread that would be waited for does not exist, and locks may be held for ever: what
        // belongs to the parent is left alone.
        if !self.known.is_forked() {
            // SAFETY: this is the end of it.
            unsafe { ManuallyDrop::drop(&mut self.client) };
        }
    }
}

/// Opens a client with these options.
///
/// # Safety
///
/// There is room for a handle.
unsafe fn open(options: &Options, out: *mut Handle) -> Result<(), Why> {
    fork::count();
    let known = Arc::new(Known { flags: AtomicU32::new(u32::MAX), generation: fork::generation() });
    let client = ManuallyDrop::new(options.to_builder().build()?);
    let listeners = Mutex::new(options.take_listeners());
    let made = handle::give_out(Shared(Arc::new(Opened { client, known, listeners })))?;
    // SAFETY: the caller says so.
    Ok(unsafe { give(out, "out", made) }?)
}

fn client(client: Handle) -> Outcome<Shared> {
    share::<Shared>(client, "client")
}

exported! {
    /// Opens a client.
    fn flagcore_client_new(options: Handle, out: *mut Handle, error: *mut Handle) {
        // SAFETY: the header asks for room, and says that nobody changes the options meanwhile.
        unsafe { explained(error, || {
            let out = room(out, "out")?;
            // A copy is used, because a listener may change them.
            let options = look::<Options>(options, "options")?.clone();
            open(&options, out)
        }) }
    }

    /// Opens a client of one file or folder.
    fn flagcore_client_open(path: *const c_char, path_length: usize, out: *mut Handle, error: *mut Handle) {
        // SAFETY: the header asks for room, and says that the path is there.
        unsafe { explained(error, || {
            let out = room(out, "out")?;
            let mut options = Options::new();
            options.add_path(bytes(path.cast(), path_length, "path")?)?;
            open(&options, out)
        }) }
    }

    /// Frees a client.
    fn flagcore_client_free(client: Handle) {
        let freed = handle::take_back::<Shared>(client, "client")?;
        if let Some(freed) = freed.filter(|it| !it.known().is_forked()) && not_in_listener().is_ok() {
            let listeners = std::mem::take(&mut *freed.listeners());
            listeners.iter().for_each(Registered::silence);
        }
        Ok(())
    }

    /// The flag of a key.
    fn flagcore_client_flag(client: Handle, key: *const c_char, key_length: usize, out: *mut u64) {
        let out = room(out, "out")?;
        // SAFETY: the header says that the text is there, and asks for room.
        unsafe {
            let key = read(key, key_length, "key")?;
            let client = self::client(client)?.unforked()?;
            let flag = client.client().flag(key).to_bits();
            // ORDERING: see `made`.
            client.known().flags.store((flag >> 32) as u32, Ordering::Relaxed);
            give(out, "out", flag)
        }
    }

    /// The revision that is served.
    fn flagcore_client_revision(client: Handle, out: *mut u64) {
        let out = room(out, "out")?;
        let revision = self::client(client)?.client().snapshot().revision();
        // SAFETY: the header asks for room there.
        unsafe { give(out, "out", revision) }
    }

    /// How the client is.
    fn flagcore_client_state(client: Handle, out: *mut i32) {
        let out = room(out, "out")?;
        let state = self::client(client)?.state() as i32;
        // SAFETY: the header asks for room there.
        unsafe { give(out, "out", state) }
    }

    /// Reads every source now.
    fn flagcore_client_refresh(client: Handle) {
        let client = self::client(client)?.unforked()?;
        not_in_listener()?;
        client.client().refresh();
        Ok(())
    }

    /// Takes new bytes for a source that was given as bytes.
    fn flagcore_client_update(
        client: Handle, name: *const c_char, name_length: usize, data: *const c_void, data_length: usize, format: i32, error: *mut Handle,
    ) {
        // SAFETY: the header asks for room, and says that name and bytes are there.
        unsafe { explained(error, || {
            let client = self::client(client)?.unforked()?;
            not_in_listener()?;
            let name = read(name, name_length, "name")?;
            let (bytes, format) = (bytes(data, data_length, "data")?, format_of(format)?);
            Ok(client.client().update(name, bytes, format)?)
        }) }
    }

    /// Adds a callback that hears of every update from now on.
    fn flagcore_client_on_update(client: Handle, listener: Option<Callback>, data: *mut c_void, release: Option<Release>) {
        let listener = listener.ok_or_else(|| Failure::new(Status::Null, "listener"))?;
        let client = self::client(client)?.unforked()?;
        not_in_listener()?;
        let listener = Registered::new(Listener::new(listener, data, release));
        client.listeners().push(listener.clone());
        client.client().on_update(move |update| listener.hear(update));
        Ok(())
    }
}
