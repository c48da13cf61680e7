//! The engine: one thread that wakes every millisecond and takes a turn at each launch.
//!
//! The thread sleeps by the clock. A caller that hands in a sample touches the queue and nothing else, so it never wakes
//! anybody; candidates that end may wake the engine when something waits for their place. Where nothing has happened for
//! a second, the engine sleeps five milliseconds at a time, and where every launch is off, a second.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::contain::contained;
use super::crew::Crew;
use super::desk::{Desk, Turn};
use super::launch::Launch;
use super::shared::{Follows, Shared};
use super::spawn::Spawn;
use super::thread::start;
use crate::shadow::policy::ShadowPolicy;

/// Runs dark launches: candidates beside controls, on threads of its own.
///
/// Cheap to clone; all clones are one engine. Makes one thread at the first launch, and threads for blocking candidates as
/// they are needed. Dropping the last clone ends all launches without waiting for candidates that run: those that block go on
/// until they return, which may be never.
///
/// What no process can contain: a candidate that aborts, that overflows its stack, that leaks or takes all memory, or that
/// changes what the control reads (globals, files, databases, caches). A candidate that could do so belongs in a process of
/// its own. A build with `panic = "abort"` contains no panics either, and none contains a drop that panics while another
/// panic unwinds, as when both the captured input and what is kept of the answer panic in theirs: Rust aborts.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use flagcore::shadow::{ShadowEngine, ShadowPolicy};
///
/// let engine = ShadowEngine::new();
/// let launch = engine.launch("pricing", Arc::new(ShadowPolicy { sample: 1.0, ..ShadowPolicy::default() }));
///
/// let cart = vec![3, 4];
/// let total = launch
///     .shadow("user-1")
///     .capture(|| cart.clone())
///     .run(|| cart.iter().sum::<u32>(), |cart| cart.into_iter().fold(1, |total, price| total + price));
/// assert_eq!(total, 7); // the control's answer, whatever the candidate does
///
/// assert!(launch.settle(Duration::from_secs(10)));
/// assert_eq!(launch.counts().mismatched, 1);
/// ```
#[derive(Clone)]
pub struct ShadowEngine(Arc<Owner>);

/// The engine's end: whoever drops the last one ends it.
struct Owner {
    shared: Arc<EngineShared>,
    /// Hears when the thread is gone.
    ended: Mutex<Receiver<()>>,
}

struct EngineShared {
    clock: Arc<Clock>,
    is_stopped: AtomicBool,
    arrivals: Mutex<Arrivals>,
    thread: OnceLock<Thread>,
    workers: usize,
    written_off: usize,
    nice: u8,
    spawner: Option<Arc<dyn Spawn>>,
    is_test: bool,
}

struct Arrivals {
    desks: Vec<Desk>,
    /// For the thread, until it is started: dropped when the thread ends.
    ending: Option<Sender<()>>,
}

impl ShadowEngine {
    /// An engine with the defaults of [`builder`](Self::builder).
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// An engine with settings of the embedder's.
    pub fn builder() -> ShadowEngineBuilder {
        ShadowEngineBuilder {
            workers: WORKERS,
            written_off: WRITTEN_OFF,
            nice: NICE,
            spawner: None,
            is_test: false,
        }
    }

    /// An engine for tests: every call is a sample, its candidate runs at once on the caller's thread (an asynchronous one
    /// in the caller's task), and the call panics where the candidate panics or fails, or the answers differ. Makes no
    /// thread. Limits, breakers and shares do not hold; a flag's `when` does, and rules of comparing.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// use flagcore::Client;
    /// use flagcore::model::Format;
    /// use flagcore::shadow::ShadowEngine;
    ///
    /// let file = r#"{"flags": {"sum": {"variants": {"on": true}, "shadow": {"sample": "1%"}}}}"#;
    /// let engine = ShadowEngine::testing();
    /// let client = Client::builder().bytes("flags", file, Format::Json).shadow_engine(engine).build().unwrap();
    /// // Panics: dark launch `sum`: the candidate answers differently
    /// client.shadow("sum", "user-1").capture(|| [1, 2]).run(|| 3, |[first, second]| first * second);
    /// ```
    pub fn testing() -> Self {
        ShadowEngineBuilder { is_test: true, ..Self::builder() }.build()
    }

    /// Whether it is one for tests.
    pub(in crate::shadow) fn is_testing(&self) -> bool {
        self.0.shared.is_test
    }

    /// Begins a dark launch whose policy is in code. Each call begins another one, with limits and counts of its own.
    ///
    /// Limits beyond their bounds are taken as the nearest bound, and what is no number as the default. The queue takes its memory now: some 130 bytes for each
    /// sample that fits, up to the next power of four.
    pub fn launch(&self, name: &str, policy: Arc<ShadowPolicy>) -> Launch {
        self.begin(name, None, Some(policy))
    }

    /// Begins a dark launch that does what a flag says.
    pub(in crate::shadow) fn begin(
        &self,
        name: &str,
        follows: Option<Follows>,
        policy: Option<Arc<ShadowPolicy>>,
    ) -> Launch {
        let engine = &self.0.shared;
        let shared = Arc::new(Shared::new(name, follows, engine.is_test, Arc::clone(&engine.clock)));
        shared.follow(policy);
        if !engine.is_test {
            let crew = Crew::new(engine.workers, engine.written_off, engine.nice);
            let desk = Desk::new(Arc::clone(&shared), crew, engine.spawner.clone(), Instant::now());
            engine.open(desk);
        }
        Launch(shared)
    }
}

impl Default for ShadowEngine {
    fn default() -> Self {
        Self::new()
    }
}

// What is behind it is changed by atomic steps and under locks that are taken whatever panicked; candidates are others' code,
// whose panics end where they run.
impl UnwindSafe for ShadowEngine {}
impl RefUnwindSafe for ShadowEngine {}

impl fmt::Debug for ShadowEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShadowEngine").finish_non_exhaustive()
    }
}

impl Drop for Owner {
    /// Tells the thread to end, and waits for it for a moment: only what others' code does in a drop can hold it.
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        let Some(engine) = self.shared.thread.get() else { return };
        engine.unpark();
        if engine.id() != thread::current().id() {
            let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
            let (Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)) =
                ended.recv_timeout(FAREWELL);
        }
    }
}

/// Settings of a [`ShadowEngine`].
#[must_use]
pub struct ShadowEngineBuilder {
    workers: usize,
    written_off: usize,
    nice: u8,
    spawner: Option<Arc<dyn Spawn>>,
    is_test: bool,
}

impl ShadowEngineBuilder {
    /// Threads for blocking candidates that work at a time, for each launch: 8, at least 1. The limit `in_flight` holds
    /// beside it.
    pub fn workers(mut self, threads: u32) -> Self {
        self.workers = threads.max(1) as usize;
        self
    }

    /// Threads that may hang in blocking candidates before no more are started, for each launch: 16. Those that hang are
    /// replaced until then.
    pub fn written_off(mut self, threads: u32) -> Self {
        self.written_off = threads as usize;
        self
    }

    /// How far the engine's own threads stand back behind those of callers, from 0 to 19: 10. It is what Linux calls
    /// niceness; elsewhere it means nothing. Where all cores are busy, candidates come last, and are dropped before they are
    /// in the way.
    ///
    /// Threads that a candidate starts stand back, too: a pool that both sides share is better made before. And where both
    /// sides want one lock, the control may wait for a candidate that holds it and stands back: 0 avoids that.
    pub fn nice(mut self, nice: u8) -> Self {
        self.nice = nice.min(19);
        self
    }

    /// Where asynchronous candidates run. Without one they run on a runtime of the engine's own where the crate has the
    /// feature `tokio`, and not at all where it has not: they are counted as dropped.
    pub fn spawner(mut self, spawner: impl Spawn + 'static) -> Self {
        self.spawner = Some(Arc::new(spawner));
        self
    }

    /// The engine; it has no thread until the first launch.
    pub fn build(self) -> ShadowEngine {
        let (ending, ended) = channel();
        let shared = EngineShared {
            clock: Arc::new(Clock::new()),
            is_stopped: AtomicBool::new(false),
            arrivals: Mutex::new(Arrivals { desks: Vec::new(), ending: Some(ending) }),
            thread: OnceLock::new(),
            workers: self.workers,
            written_off: self.written_off,
            nice: self.nice,
            spawner: self.spawner.or_else(|| own_runtime(self.nice)),
            is_test: self.is_test,
        };
        ShadowEngine(Arc::new(Owner { shared: Arc::new(shared), ended: Mutex::new(ended) }))
    }
}

impl fmt::Debug for ShadowEngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ShadowEngineBuilder");
        shown.field("workers", &self.workers).field("written_off", &self.written_off).finish_non_exhaustive()
    }
}

#[cfg(feature = "tokio")]
fn own_runtime(nice: u8) -> Option<Arc<dyn Spawn>> {
    Some(Arc::new(super::spawn::own::OwnRuntime::new(nice)))
}

#[cfg(not(feature = "tokio"))]
fn own_runtime(_: u8) -> Option<Arc<dyn Spawn>> {
    None
}

impl EngineShared {
    /// Takes a desk over; ends its launch at once when there is no thread to be had.
    fn open(self: &Arc<Self>, desk: Desk) {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ending) = arrivals.ending.take() {
            let engine = Arc::clone(self);
            let started = start("flag-shadows", self.nice, move || engine.run(ending));
            match started {
                Ok(started) => {
                    let _ = self.thread.set(started.thread().clone());
                }
                Err(_) => return,
            }
        }
        if let Some(thread) = self.thread.get() {
            arrivals.desks.push(desk);
            thread.unpark();
        }
    }

    /// What the thread does.
    fn run(self: Arc<Self>, _ending: Sender<()>) {
        let mut desks: Vec<Desk> = Vec::new();
        let mut busy = Instant::now();
        while !self.is_stopped.load(Ordering::Acquire) {
            let arrived =
                std::mem::take(&mut self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).desks);
            arrived.iter().for_each(Desk::open_here);
            desks.extend(arrived);
            let now = self.clock.tick();
            let mut busiest = Turn::Off;
            // Whatever goes wrong with a launch ends that one alone.
            desks.retain_mut(|desk| match contained(|| desk.turn(now)) {
                Some(turn) => {
                    busiest = busiest.max(turn);
                    true
                }
                None => false,
            });
            if busiest == Turn::Busy {
                busy = now.at;
            }
            desks.retain(|desk| !desk.is_abandoned());
            thread::park_timeout(match busiest {
                Turn::Off => OFF_TICK,
                _ if now.at.duration_since(busy) >= QUIET_AFTER => QUIET_TICK,
                _ => TICK,
            });
        }
    }
}

const TICK: Duration = Duration::from_millis(1);
const QUIET_TICK: Duration = Duration::from_millis(5);
/// Switching on ends the sleep; what is left for this is who drew before it was switched off, and came after.
const OFF_TICK: Duration = Duration::from_secs(1);
const QUIET_AFTER: Duration = Duration::from_secs(1);

/// How long the end of an engine may take.
const FAREWELL: Duration = Duration::from_millis(100);

const WORKERS: usize = 8;
const WRITTEN_OFF: usize = 16;

// PERF: at 0 one call in a hundred finds its core taken by a candidate's thread (benchmark `shadow`, rows `all`).
const NICE: u8 = 10;
