//! `Client`: the face of the crate.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex};
#[cfg(feature = "watch")]
use std::time::{Duration, Instant};

use crate::bucketing::Bucketing;
use crate::change::{Update, Updates};
use crate::compile::CompileOptions;
use crate::context::{ContextRef, EvaluationContext};
use crate::detail::{Detail, FlagType};
use crate::diagnostic::{Findings, Mode};
use crate::limits::Limits;
use crate::model::Format;
use crate::snapshot::{Flag, FlagKey, Settings, Snapshot, View};
#[cfg(feature = "watch")]
use crate::source::Woken;
use crate::source::file::FileSource;
use crate::source::memory::Memory;
use crate::source::{Content, Signal, Source};
use crate::store::{Guard, Store, StoreRef};
use crate::sync::{Engine, Listener, Options, SourceStatus, lock};
use crate::value::{Structure, Value};

/// Flags, kept up to their sources while the program runs.
///
/// Cheap to clone, shared by all threads; evaluations never wait for updates, and updates never wait for
/// evaluations. With the last clone the watching ends.
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
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<Store>,
    engine: Arc<Mutex<Engine>>,
    signal: Arc<Signal>,
    #[cfg(feature = "watch")]
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
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
    pub fn is_ready(&self) -> bool {
        lock(&self.inner.engine).status().iter().all(|source| source.served.is_some())
    }

    /// What each source holds, and whether it is served.
    pub fn status(&self) -> Vec<SourceStatus> {
        lock(&self.inner.engine).status()
    }

    /// How many snapshots are alive: the current one, and old ones that somebody still holds.
    pub fn snapshots_alive(&self) -> usize {
        self.inner.store.alive()
    }

    /// Reads every source now, whether or not it told of news, and takes what is complete.
    ///
    /// For builds without the feature `watch`, and for those who want to decide when.
    pub fn refresh(&self) {
        let mut engine = lock(&self.inner.engine);
        let all = vec![true; engine.status().len()];
        engine.step(&all, true);
    }

    /// Takes new bytes for the source `name`, which was given as bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NoSource`] where there is no source of this name, [`Error::Refused`] where the bytes are
    /// refused: what was served before is still served.
    pub fn update(&self, name: &str, bytes: impl Into<Vec<u8>>, format: Format) -> Result<(), Error> {
        let mut engine = lock(&self.inner.engine);
        let number = engine.source_number(name).ok_or_else(|| Error::NoSource { name: name.to_owned() })?;
        engine
            .replace(number, &Content::of(name, format, bytes.into()))
            .map_err(|findings| Error::Refused { findings })
    }

    /// Calls `listener` with every update from now on, on the thread that makes it.
    ///
    /// A slow listener delays later updates, never an evaluation; one that panics is contained. It must not
    /// call [`update`](Self::update), [`refresh`](Self::refresh) or [`status`](Self::status), which wait for it.
    pub fn on_update(&self, listener: impl FnMut(&Update) + Send + 'static) {
        lock(&self.inner.engine).add_listener(Box::new(listener));
    }

    /// Updates from now on, to be taken in one's own time.
    pub fn updates(&self) -> Updates {
        let (updates, listener) = Updates::new();
        lock(&self.inner.engine).add_listener(Box::new(listener));
        updates
    }

    #[inline]
    fn load(&self) -> Guard {
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

/// What can be chosen about a client.
#[must_use]
pub struct Builder {
    mode: Mode,
    limits: Limits,
    compile: CompileOptions,
    settings: Settings,
    sources: Vec<NewSource>,
    on_missing: OnMissing,
    watch: bool,
    events: bool,
    listeners: Vec<Listener>,
}

enum NewSource {
    Path(std::path::PathBuf),
    Other(Box<dyn Source>),
}

/// What to do where a source has nothing valid at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// [`Builder::build`] fails and says why.
    #[default]
    Fail,
    /// The client starts without, and takes what the source delivers as soon as it does.
    Wait,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            limits: Limits::default(),
            compile: CompileOptions::default(),
            settings: Settings::default(),
            sources: Vec::new(),
            on_missing: OnMissing::default(),
            watch: true,
            events: true,
            listeners: Vec::new(),
        }
    }
}

impl Builder {
    /// Adds a file or a folder. Of several sources the later one wins a key.
    pub fn path(mut self, path: impl AsRef<Path>) -> Self {
        self.sources.push(NewSource::Path(path.as_ref().to_owned()));
        self
    }

    /// Adds bytes under a name.
    pub fn bytes(self, name: &str, bytes: impl Into<Vec<u8>>, format: Format) -> Self {
        self.source(Memory::new(name, format, bytes))
    }

    /// Adds a source of any kind.
    pub fn source(mut self, source: impl Source + 'static) -> Self {
        self.sources.push(NewSource::Other(Box::new(source)));
        self
    }

    /// How strictly files are taken; lenient by default, as the reference is.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The generation of bucketing for files that pin none; v2 by default.
    pub fn bucketing(mut self, bucketing: Bucketing) -> Self {
        self.compile.bucketing = bucketing;
        self
    }

    /// Attributes that every evaluation has unless its own context sets them.
    pub fn global(mut self, context: EvaluationContext<'static>) -> Self {
        self.settings.global = Some(context);
        self
    }

    /// Attributes that every evaluation has whatever its own context says.
    pub fn overrides(mut self, context: EvaluationContext<'static>) -> Self {
        self.settings.overrides = Some(context);
        self
    }

    /// Bounds on what is read.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What to do where a source has nothing valid at the start; failing by default.
    pub fn on_missing(mut self, on_missing: OnMissing) -> Self {
        self.on_missing = on_missing;
        self
    }

    /// Whether to keep up to the sources; if not, [`Client::refresh`] does. Needs the feature `watch`.
    pub fn watch(mut self, watch: bool) -> Self {
        self.watch = watch;
        self
    }

    /// Whether to use the file system's events beside polling; on by default. Polling alone notices a change
    /// within a second or so, and is all there is on network file systems.
    pub fn file_events(mut self, events: bool) -> Self {
        self.events = events;
        self
    }

    /// Calls `listener` with every update, the first publication included; see [`Client::on_update`].
    pub fn on_update(mut self, listener: impl FnMut(&Update) + Send + 'static) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Reads every source once, and starts to keep up to them.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with all findings, where a source has nothing valid and [`OnMissing::Fail`] holds.
    pub fn build(self) -> Result<Client, Error> {
        let store = Arc::new(Store::new(Settings::default()));
        let limits = self.limits;
        let sources = self.sources.into_iter().map(|source| match source {
            NewSource::Path(path) => {
                Box::new(FileSource::new(&path, limits.file_bytes, self.events && self.watch))
                    as Box<dyn Source>
            }
            NewSource::Other(source) => source,
        });
        let options = Options {
            mode: self.mode,
            limits: limits.clone(),
            compile: self.compile,
            settings: Arc::new(self.settings),
        };
        let mut engine = Engine::new(store.clone(), options, sources.collect(), self.listeners);
        let signal = Arc::new(Signal::default());
        if self.watch {
            engine.watch(&signal);
        }
        engine.start();
        let missing = engine.missing();
        if missing.is_refused() && self.on_missing == OnMissing::Fail {
            return Err(Error::Refused { findings: missing });
        }
        let engine = Arc::new(Mutex::new(engine));
        #[cfg(feature = "watch")]
        let thread = self.watch.then(|| keep_up(engine.clone(), signal.clone())).transpose()?;
        Ok(Client {
            inner: Arc::new(Inner {
                store,
                engine,
                signal,
                #[cfg(feature = "watch")]
                thread: Mutex::new(thread),
            }),
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("mode", &self.mode)
            .field("bucketing", &self.compile.bucketing)
            .field("sources", &self.sources.len())
            .finish_non_exhaustive()
    }
}

/// How often sources are polled, whatever they tell by themselves.
#[cfg(feature = "watch")]
const POLL: Duration = Duration::from_secs(1);

/// Starts the thread that keeps an engine up to its sources.
#[cfg(feature = "watch")]
fn keep_up(engine: Arc<Mutex<Engine>>, signal: Arc<Signal>) -> Result<std::thread::JoinHandle<()>, Error> {
    let run = move || {
        let mut next_poll = Instant::now() + POLL;
        let mut due: Option<Instant> = None;
        loop {
            match signal.wait(due.map_or(next_poll, |due| due.min(next_poll))) {
                Woken::Stopped => return,
                Woken::Sources(marked) => {
                    let poll = Instant::now() >= next_poll;
                    if poll {
                        next_poll = Instant::now() + POLL;
                    }
                    due = lock(&engine).step(&marked, poll);
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("flagcore-watch".to_owned());
    thread.spawn(run).map_err(|error| Error::Thread { reason: error.to_string() })
}

/// A thread's own view of a client: the fastest way to evaluate.
///
/// Holds the snapshot that it saw last and looks for a newer one at each call, by one comparison. A reader
/// that is not used keeps an old snapshot's memory; drop readers of threads that rest.
pub struct Reader {
    cache: arc_swap::Cache<StoreRef, Arc<Snapshot>>,
}

impl Reader {
    /// The current snapshot.
    #[inline]
    pub fn snapshot(&mut self) -> &Snapshot {
        self.cache.load()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// A text, structure or value that a client gave: borrowed from a snapshot that it holds, or the caller's default.
pub struct Served<'d, T: FlagType + ?Sized> {
    guard: Guard,
    place: Option<(u32, u32)>,
    default: T::Ref<'d>,
}

impl<T: FlagType + ?Sized> Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    /// The value.
    pub fn get(&self) -> &T {
        let served = self.place.and_then(|(row, place)| self.guard.variant(row, place));
        served.and_then(|variant| T::of(&variant.value)).unwrap_or(self.default)
    }
}

impl<T: FlagType + ?Sized> Deref for Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    type Target = T;

    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: FlagType + ?Sized + fmt::Debug> fmt::Debug for Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.get(), f)
    }
}

impl<T: FlagType + ?Sized + fmt::Display> fmt::Display for Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.get(), f)
    }
}

impl<T: FlagType + ?Sized + PartialEq> PartialEq<T> for Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    fn eq(&self, other: &T) -> bool {
        self.get() == other
    }
}

impl PartialEq<&str> for Served<'_, str> {
    fn eq(&self, other: &&str) -> bool {
        self.get() == *other
    }
}

/// The typed getters of something that has a snapshot.
macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident, $detail:ident, $type:ty, $default:ty, $plain:ty;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name<'d, 'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>, default: $default) -> $plain {
            self.plain::<$type>(key, context.into(), default)
        }

        /// The same with variant, reason, error code and metadata. No allocation.
        #[inline]
        pub fn $detail<'d, 'c>(
            &self,
            key: impl FlagKey,
            context: impl Into<ContextRef<'c>>,
            default: $default,
        ) -> Detail<'d, $type, Guard> {
            self.detailed::<$type>(key, context.into(), default)
        }
    )*};
}

impl Client {
    /// Whether a boolean flag is on.
    ///
    /// False for a flag that is missing, disabled, not boolean or without a default; nothing is coerced. Never
    /// waits, never fails, allocates nothing.
    #[inline]
    pub fn is_enabled<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>) -> bool {
        self.bool(key, context, false)
    }

    /// Whether a boolean flag is on, with a default of the caller's own.
    #[inline]
    pub fn is_enabled_or<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        default: bool,
    ) -> bool {
        self.bool(key, context, default)
    }

    /// The boolean of a flag, or the default.
    ///
    /// Cost: one `ArcSwap` load, one look-up unless by handle, the flag's rule. No allocation.
    #[inline]
    pub fn bool<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>, default: bool) -> bool {
        self.load().quick_bool(key, context.into(), default)
    }

    /// The same with variant, reason, error code and metadata. No allocation.
    #[inline]
    pub fn bool_detail<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        default: bool,
    ) -> Detail<'static, bool, Guard> {
        self.detailed(key, context.into(), default)
    }

    /// The number of a flag as an integer, towards zero and saturating, or the default. No allocation.
    #[inline]
    pub fn integer<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>, default: i64) -> i64 {
        self.load().quick_value::<i64>(key, context.into()).unwrap_or(default)
    }

    /// The same with variant, reason, error code and metadata. No allocation.
    #[inline]
    pub fn integer_detail<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        default: i64,
    ) -> Detail<'static, i64, Guard> {
        self.detailed(key, context.into(), default)
    }

    /// The number of a flag, or the default. No allocation.
    #[inline]
    pub fn float<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>, default: f64) -> f64 {
        self.load().quick_value::<f64>(key, context.into()).unwrap_or(default)
    }

    /// The same with variant, reason, error code and metadata. No allocation.
    #[inline]
    pub fn float_detail<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        default: f64,
    ) -> Detail<'static, f64, Guard> {
        self.detailed(key, context.into(), default)
    }

    getters! {
        /// The text of a flag, or the default. Borrowed: no allocation, no copy.
        string, string_detail, str, &'d str, Served<'d, str>;
        /// The structure of a flag, or the default. Borrowed: no allocation, no copy.
        object, object_detail, Structure<'static>, &'d Structure<'static>, Served<'d, Structure<'static>>;
        /// The value of a flag, whatever its type, or the default. Borrowed: no allocation, no copy.
        any, any_detail, Value<'static>, &'d Value<'static>, Served<'d, Value<'static>>;
    }

    #[inline]
    fn plain<'d, T: FlagType + ?Sized>(
        &self,
        key: impl FlagKey,
        context: ContextRef<'_>,
        default: T::Ref<'d>,
    ) -> Served<'d, T> {
        let guard = self.load();
        let (row, resolution) = guard.resolve_as::<T>(guard.row_of(key), context);
        let place = if resolution.trouble.is_some() { None } else { row.zip(resolution.variant) };
        Served { guard, place, default }
    }

    #[inline]
    fn detailed<'d, T: FlagType + ?Sized>(
        &self,
        key: impl FlagKey,
        context: ContextRef<'_>,
        default: T::Ref<'d>,
    ) -> Detail<'d, T, Guard> {
        let snapshot = self.load();
        let (row, resolution) = snapshot.resolve_as::<T>(snapshot.row_of(key), context);
        Detail { default, resolution, row, snapshot, selector: None }
    }
}

/// The typed getters of something that lends a snapshot for as long as it is borrowed itself.
macro_rules! lending_getters {
    ($receiver:ty) => { lending_getters! { $receiver:
        /// The boolean of a flag, or the default. No allocation.
        bool, bool_detail, bool, bool;
        /// The number of a flag as an integer, towards zero and saturating, or the default. No allocation.
        integer, integer_detail, i64, i64;
        /// The number of a flag, or the default. No allocation.
        float, float_detail, f64, f64;
        /// The text of a flag, or the default. Borrowed: no allocation, no copy.
        string, string_detail, str, &'s str;
        /// The structure of a flag, or the default. Borrowed: no allocation, no copy.
        object, object_detail, Structure<'static>, &'s Structure<'static>;
        /// The value of a flag, whatever its type, or the default. Borrowed: no allocation, no copy.
        any, any_detail, Value<'static>, &'s Value<'static>;
    } };
    ($receiver:ty: $($(#[$doc:meta])* $name:ident, $detail:ident, $type:ty, $value:ty;)*) => {
        /// Whether a boolean flag is on; false for whatever is no enabled boolean flag. No allocation.
        #[inline]
        pub fn is_enabled<'s, 'c>(self: $receiver, key: impl FlagKey, context: impl Into<ContextRef<'c>>) -> bool {
            self.lend().quick_bool(key, context.into(), false)
        }

        $(
            $(#[$doc])*
            #[inline]
            pub fn $name<'s, 'c>(
                self: $receiver,
                key: impl FlagKey,
                context: impl Into<ContextRef<'c>>,
                default: $value,
            ) -> $value {
                self.lend().quick_value::<$type>(key, context.into()).unwrap_or(default)
            }

            /// The same with variant, reason, error code and metadata. No allocation.
            #[inline]
            pub fn $detail<'s, 'c>(
                self: $receiver,
                key: impl FlagKey,
                context: impl Into<ContextRef<'c>>,
                default: $value,
            ) -> Detail<'s, $type, &'s Snapshot> {
                let snapshot = self.lend();
                let (row, resolution) = snapshot.resolve_as::<$type>(snapshot.row_of(key), context.into());
                Detail { default, resolution, row, snapshot, selector: None }
            }
        )*
    };
}

impl Reader {
    lending_getters!(&'s mut Self);

    #[inline]
    fn lend(&mut self) -> &Snapshot {
        self.cache.load()
    }
}

impl Snapshot {
    lending_getters!(&'s Self);

    #[inline]
    fn lend(&self) -> &Snapshot {
        self
    }
}

impl<'s> View<'s> {
    /// The answer for a key here, asked for as a type: `bool`, `i64`, `f64`, `str`, [`Structure`] or [`Value`].
    ///
    /// # Examples
    ///
    /// ```
    /// use flagcore::{Client, Selector};
    ///
    /// let client = Client::from_json(r#"{"metadata": {"flagSetId": "shop"}, "flags": {"a": {
    ///     "state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"
    /// }}}"#)?;
    /// let (snapshot, shop) = (client.snapshot(), Selector::flag_set("shop"));
    /// assert!(snapshot.view(&shop).detail::<bool>("a", "user-1", false).value());
    /// # Ok::<(), flagcore::Error>(())
    /// ```
    pub fn detail<T: FlagType + ?Sized>(
        &self,
        key: &str,
        context: impl Into<ContextRef<'s>>,
        default: T::Ref<'s>,
    ) -> Detail<'s, T, &'s Snapshot> {
        let snapshot = self.snapshot();
        let (row, resolution) = snapshot.resolve_as::<T>(self.row_of(key), context.into());
        Detail { default, resolution, row, snapshot, selector: Some(self.selector()) }
    }
}

/// Why there is no client, or no update.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// Sources, or the bytes of an update, are not valid.
    Refused {
        /// All that was found.
        findings: Findings,
    },
    /// No source has this name.
    NoSource {
        /// The name.
        name: String,
    },
    /// The thread that watches could not be started.
    Thread {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused { findings } => {
                let problems: Cow<'_, str> = match findings.errors {
                    1 => "1 problem".into(),
                    many => format!("{many} problems").into(),
                };
                write!(f, "{findings}\n{problems}; nothing of it is served")
            }
            Error::NoSource { name } => write!(f, "there is no source `{}`", crate::text::Printable(name)),
            Error::Thread { reason } => {
                write!(f, "the thread that watches files could not be started: {reason}")
            }
        }
    }
}

impl std::error::Error for Error {}
