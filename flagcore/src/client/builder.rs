//! Everything that can be chosen about a client.

use std::fmt;
#[cfg(feature = "watch")]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
#[cfg(feature = "watch")]
use std::time::{Duration, Instant};

use crate::bucketing::Bucketing;
use crate::change::Update;
use crate::compile::CompileOptions;
use crate::context::{EvaluationContext, Surroundings};
use crate::diagnostic::Mode;
use crate::limits::Limits;
use crate::model::Format;
#[cfg(feature = "shadow")]
use crate::shadow::{Launches, ShadowEngine};
#[cfg(feature = "watch")]
use crate::source::Woken;
use crate::source::file::FileSource;
use crate::source::memory::Memory;
use crate::source::{Signal, Source};
use crate::store::Store;
#[cfg(feature = "watch")]
use crate::sync::lock;
use crate::sync::{Engine, Listener, Options};

use super::handle::Inner;
use super::{Client, Error};

/// What can be chosen about a client.
#[must_use]
pub struct Builder {
    mode: Mode,
    limits: Limits,
    compile: CompileOptions,
    keep_json: bool,
    surroundings: Surroundings,
    sources: Vec<NewSource>,
    on_missing: OnMissing,
    watch: bool,
    events: bool,
    listeners: Vec<Listener>,
    #[cfg(feature = "shadow")]
    shadow_engine: Option<ShadowEngine>,
    #[cfg(feature = "watch")]
    on_thread_start: Option<ThreadStart>,
}

/// What is done first on the thread that keeps a client up to its sources.
#[cfg(feature = "watch")]
type ThreadStart = Box<dyn FnOnce() + Send>;

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
            keep_json: false,
            surroundings: Surroundings::default(),
            sources: Vec::new(),
            on_missing: OnMissing::default(),
            watch: true,
            events: true,
            listeners: Vec::new(),
            #[cfg(feature = "shadow")]
            shadow_engine: None,
            #[cfg(feature = "watch")]
            on_thread_start: None,
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
        self.surroundings.global = Some(context);
        self
    }

    /// Attributes that every evaluation has whatever its own context says.
    pub fn overrides(mut self, context: EvaluationContext<'static>) -> Self {
        self.surroundings.overrides = Some(context);
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

    /// Whether snapshots keep each flag's plain JSON, for those who pass flags on; see
    /// [`View::flags`](crate::snapshot::View::flags). Off by default: it takes about as much memory as the files.
    pub fn keep_json(mut self, keep: bool) -> Self {
        self.keep_json = keep;
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

    /// Does something first on the thread that keeps the client up to its sources: gives it a lower priority than those
    /// that evaluate, binds it to a core. Reading and compiling large files are all that it does.
    #[cfg(feature = "watch")]
    pub fn on_thread_start(mut self, act: impl FnOnce() + Send + 'static) -> Self {
        self.on_thread_start = Some(Box::new(act));
        self
    }

    /// Where candidates of dark launches run: an engine with settings of the embedder's, one that several clients share, or
    /// [one for tests](ShadowEngine::testing). Without, the client has one of its own, which makes no thread before the
    /// first launch.
    #[cfg(feature = "shadow")]
    pub fn shadow_engine(mut self, engine: ShadowEngine) -> Self {
        self.shadow_engine = Some(engine);
        self
    }

    /// Calls `listener` with every update, the first publication included; see [`Client::on_update`].
    pub fn on_update(mut self, mut listener: impl FnMut(&Update) + Send + 'static) -> Self {
        self.listeners.push(Box::new(move |update| {
            listener(update);
            true
        }));
        self
    }

    /// Reads every source once, and starts to keep up to them.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with all findings, where a source has nothing valid and [`OnMissing::Fail`] holds;
    /// [`Error::Layer`] where [`global`](Self::global) or [`overrides`](Self::overrides) hold what no context can;
    /// [`Error::Thread`] where there is no thread to watch with.
    pub fn build(self) -> Result<Client, Error> {
        if let Some((layer, fault)) = self.surroundings.fault() {
            return Err(Error::Layer { layer, fault });
        }
        let store = Arc::new(Store::new(Surroundings::default()));
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
            keep_json: self.keep_json,
            surroundings: Arc::new(self.surroundings),
        };
        #[cfg(feature = "shadow")]
        let launches = Arc::new(Launches::new(store.clone(), self.shadow_engine.unwrap_or_default()));
        #[cfg(feature = "shadow")]
        let listeners = {
            // First of all listeners: whoever hears of an update finds the launches as it has them.
            let mut listeners = self.listeners;
            listeners.insert(0, follow(launches.clone()));
            listeners
        };
        #[cfg(not(feature = "shadow"))]
        let listeners = self.listeners;
        let mut engine = Engine::new(store.clone(), options, sources.collect(), listeners);
        let signal = Arc::new(Signal::default());
        if self.watch {
            engine.watch(&signal);
        }
        engine.start();
        let missing = engine.missing();
        if missing.is_refused() && self.on_missing == OnMissing::Fail {
            return Err(Error::Refused { findings: missing });
        }
        let board = engine.board();
        let engine = Arc::new(Mutex::new(engine));
        #[cfg(feature = "watch")]
        let first = self.on_thread_start;
        #[cfg(feature = "watch")]
        let thread = self.watch.then(|| keep_up(engine.clone(), signal.clone(), first)).transpose()?;
        Ok(Client {
            inner: Arc::new(Inner {
                store,
                engine,
                board,
                signal,
                #[cfg(feature = "shadow")]
                launches,
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

/// Keeps launches to what the flags say.
#[cfg(feature = "shadow")]
fn follow(launches: Arc<Launches>) -> Listener {
    Box::new(move |update| {
        if let Update::Changed(_) = update {
            launches.follow();
        }
        true
    })
}

/// How often sources are polled, whatever they tell by themselves.
#[cfg(feature = "watch")]
const POLL: Duration = Duration::from_secs(1);

/// Starts the thread that keeps an engine up to its sources.
#[cfg(feature = "watch")]
fn keep_up(
    engine: Arc<Mutex<Engine>>,
    signal: Arc<Signal>,
    first: Option<ThreadStart>,
) -> Result<std::thread::JoinHandle<()>, Error> {
    let run = move || {
        if let Some(first) = first {
            // Whatever becomes of it, somebody has to keep the client up to its sources.
            let _ = catch_unwind(AssertUnwindSafe(first));
        }
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
