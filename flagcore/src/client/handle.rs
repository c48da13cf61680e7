//! The client itself: opening, updating, listening.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::change::{Update, Updates};
use crate::model::Format;
#[cfg(feature = "shadow")]
use crate::shadow::Launches;
use crate::snapshot::{Flag, Snapshot};
use crate::source::{Content, Signal};
use crate::store::{Guard, Store, StoreRef};
use crate::sync::{Board, Engine, SETTLE, SourceStatus, lock};

use super::{Builder, Error, Reader};

/// Flags, kept up to their sources while the program runs.
///
/// Cheap to clone, shared by all threads; evaluations never wait for updates, and updates never wait for
/// evaluations. With the last clone the watching ends: dropping it waits for a read of a source, and for a listener, that is
/// under way.
///
/// # Examples
///
/// ```
/// use flagcore::{Client, EvaluationContext};
///
/// let client = Client::from_json(r#"{"flags": {"checkout": {
///     "state": "ENABLED",
///     "variants": {"on": true, "off": false},
///     "defaultVariant": "off",
///     "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", null]}
/// }}}"#)?;
///
/// let user = EvaluationContext::new("user-1").with("plan", "pro");
/// assert!(client.is_enabled("checkout", &user));
/// assert!(!client.is_enabled("checkout", "user-2"));
/// # Ok::<(), flagcore::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

/// What all clones of a client share.
pub(super) struct Inner {
    pub(super) store: Arc<Store>,
    pub(super) engine: Arc<Mutex<Engine>>,
    pub(super) board: Arc<Board>,
    pub(super) signal: Arc<Signal>,
    #[cfg(feature = "shadow")]
    pub(super) launches: Arc<Launches>,
    #[cfg(feature = "watch")]
    pub(super) thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Client {
    /// Flags of a file or a folder: every `*.json`, `*.yaml` and `*.yml` in it, in the order of their names.
    ///
    /// Reads once, then keeps watching (feature `watch`).
    ///
    /// # Errors
    ///
    /// What keeps the first read from giving valid flags: all findings, each with its place.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::builder().path(path).build()
    }

    /// Flags of bytes that are already there.
    ///
    /// # Errors
    ///
    /// All findings, where the bytes are refused.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>, format: Format) -> Result<Self, Error> {
        Self::builder().bytes("flags", bytes, format).build()
    }

    /// Flags of a JSON text.
    ///
    /// # Errors
    ///
    /// All findings, where the text is refused.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_bytes(text, Format::Json)
    }

    /// Everything that can be chosen: sources, mode, bucketing, contexts, limits.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A handle to a flag: the fastest key, made once and kept.
    ///
    /// Valid through all reloads, also for a flag that does not exist yet. Takes a lock; each new name takes a
    /// few dozen bytes for good, so make handles of names in the code, not of names that users send.
    pub fn flag(&self, key: &str) -> Flag {
        self.inner.store.flag(key)
    }

    /// A reader for one thread: the fastest way to evaluate.
    pub fn reader(&self) -> Reader {
        Reader { cache: arc_swap::Cache::new(StoreRef(self.inner.store.clone())) }
    }

    /// The current snapshot, for many evaluations on one state, for as long as it is wanted.
    ///
    /// Counts as a holder: its memory stays until it is dropped.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.store.load_full()
    }

    /// Whether every source has delivered something valid.
    ///
    /// Never waits, no lock, no allocation; see [`status`](Self::status).
    pub fn is_ready(&self) -> bool {
        self.inner.board.is_ready()
    }

    /// Whether the thread that keeps the flags up to their sources is there; true where none was asked for.
    ///
    /// Nothing of ours ends it before the client. Never waits for a source.
    pub fn is_kept_up(&self) -> bool {
        #[cfg(feature = "watch")]
        {
            let thread = self.inner.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            thread.as_ref().is_none_or(|thread| !thread.is_finished())
        }
        #[cfg(not(feature = "watch"))]
        true
    }

    /// What each source holds, and whether it is served.
    ///
    /// Never waits, neither for a source that is being read nor for a listener: a health check may ask at any
    /// time. Of a source that is being read it tells what was so before. Copies the findings.
    pub fn status(&self) -> Vec<SourceStatus> {
        self.inner.board.status()
    }

    /// How many snapshots are alive: the current one, and old ones that somebody still holds.
    pub fn snapshots_alive(&self) -> usize {
        self.inner.store.alive()
    }

    /// Reads every source now, whether or not it told of news, and takes what is complete.
    ///
    /// For builds without the feature `watch`, and for those who want to decide when. Where a file changed it
    /// waits 50 ms and reads it again, to see that nobody is still writing it; evaluations go on meanwhile.
    pub fn refresh(&self) {
        let step = || {
            let mut engine = lock(&self.inner.engine);
            let all = vec![true; engine.len()];
            engine.step(&all, true)
        };
        // One source may settle after another; a file that is written all the time never does.
        let sources = lock(&self.inner.engine).len();
        for _ in 0..=sources {
            let settles = step().map(|until| until.saturating_duration_since(Instant::now()));
            let Some(wait) = settles.filter(|wait| *wait <= SETTLE) else { return };
            std::thread::sleep(wait);
        }
        step();
    }

    /// Takes new bytes for the source `name`, which was given as bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NoSource`] where no source that takes bytes has this name, [`Error::Refused`] where the bytes are
    /// refused: what was served before is still served.
    pub fn update(&self, name: &str, bytes: impl Into<Vec<u8>>, format: Format) -> Result<(), Error> {
        let mut engine = lock(&self.inner.engine);
        let number = engine.replaceable(name).ok_or_else(|| Error::NoSource { name: name.to_owned() })?;
        engine
            .replace(number, &Content::of(name, format, bytes.into()))
            .map_err(|findings| Error::Refused { findings })
    }

    /// Calls `listener` with every update from now on, on the thread that makes it.
    ///
    /// A slow listener delays later updates, never an evaluation; one that panics is contained. It may evaluate,
    /// make handles, readers and snapshots, and ask for the [`status`](Self::status), which tells already what it
    /// is told of. It must not call [`update`](Self::update), [`refresh`](Self::refresh),
    /// [`updates`](Self::updates) or this, which wait for it. A clone of the client that it keeps is never dropped.
    pub fn on_update(&self, mut listener: impl FnMut(&Update) + Send + 'static) {
        let listener = move |update: &Update| {
            listener(update);
            true
        };
        lock(&self.inner.engine).add_listener(Box::new(listener));
    }

    /// Updates from now on, to be taken in one's own time.
    pub fn updates(&self) -> Updates {
        let (updates, listener) = Updates::new();
        lock(&self.inner.engine).add_listener(Box::new(listener));
        updates
    }

    #[inline]
    pub(super) fn load(&self) -> Guard {
        self.inner.store.load()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("snapshot", &*self.load()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.signal.stop();
        #[cfg(feature = "watch")]
        {
            let thread = self.thread.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            // A listener may hold the last clone: its own thread cannot wait for itself.
            if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id())
            {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(all(test, feature = "watch"))]
mod tests {
    use super::Client;
    use crate::model::Format;

    #[test]
    fn a_client_knows_whether_somebody_keeps_it_up() {
        let builder = || Client::builder().bytes("a.json", r#"{"flags": {}}"#, Format::Json);
        assert!(builder().watch(false).build().unwrap().is_kept_up());
        let client = builder().build().unwrap();
        assert!(client.is_kept_up());
        let ended = std::thread::spawn(|| {});
        while !ended.is_finished() {
            std::thread::yield_now();
        }
        drop(client.inner.thread.lock().unwrap().replace(ended));
        assert!(!client.is_kept_up());
    }
}
