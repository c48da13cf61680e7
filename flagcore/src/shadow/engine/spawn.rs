//! Where asynchronous candidates run.

use super::contain::contained;
use super::flight::BoxFuture;

/// A runtime that the embedder hands over.
///
/// It is called on the engine's one thread, never on a caller's, and must not block it: while it does, no launch of the
/// engine starts, ends or stops anything. A candidate that takes too long is dropped at its next
/// poll, for which it is woken; the runtime needs no timer for that.
///
/// # Examples
///
/// ```
/// use flagcore::shadow::{BoxFuture, ShadowEngine, Spawn};
///
/// /// A runtime of one thread for each candidate.
/// struct Threads;
///
/// impl Spawn for Threads {
///     fn spawn(&self, candidate: BoxFuture<()>) {
/// #       fn block_on(_: BoxFuture<()>) {}
///         std::thread::spawn(move || block_on(candidate));
///     }
/// }
///
/// let engine = ShadowEngine::builder().spawner(Threads).build();
/// # drop(engine);
/// ```
pub trait Spawn: Send + Sync {
    /// Lets a candidate run. One that is dropped instead is counted as such.
    fn spawn(&self, candidate: BoxFuture<()>);
}

#[cfg(feature = "tokio")]
impl Spawn for tokio::runtime::Handle {
    fn spawn(&self, candidate: BoxFuture<()>) {
        // The task is not waited for.
        drop(tokio::runtime::Handle::spawn(self, candidate));
    }
}

/// Hands a candidate to a runtime, or drops it.
pub(super) fn spawn(spawner: Option<&dyn Spawn>, candidate: BoxFuture<()>) {
    contained(move || match spawner {
        Some(spawner) => spawner.spawn(candidate),
        None => drop(candidate),
    });
}

/// A runtime of the shadow's own, on one thread.
#[cfg(feature = "tokio")]
pub(super) mod own {
    use std::sync::OnceLock;

    use tokio::runtime::{Builder, Handle};
    use tokio::sync::oneshot;

    use super::super::thread;
    use super::{BoxFuture, Spawn};

    /// Started with the first candidate; told to end when it is dropped, and not waited for.
    #[derive(Debug)]
    pub(in super::super) struct OwnRuntime {
        nice: u8,
        running: OnceLock<Option<Running>>,
    }

    #[derive(Debug)]
    struct Running {
        handle: Handle,
        /// Dropped, it ends the runtime.
        _end: oneshot::Sender<()>,
    }

    impl OwnRuntime {
        pub(in super::super) fn new(nice: u8) -> Self {
            Self { nice, running: OnceLock::new() }
        }

        fn start(nice: u8) -> Option<Running> {
            let runtime = Builder::new_current_thread().enable_all().build().ok()?;
            let handle = runtime.handle().clone();
            let (end, ended) = oneshot::channel::<()>();
            let run = move || {
                let _ = runtime.block_on(ended);
                // A candidate may block in its own end.
                runtime.shutdown_background();
            };
            thread::start("flag-shadow-io", nice, run).ok()?;
            Some(Running { handle, _end: end })
        }
    }

    impl Spawn for OwnRuntime {
        fn spawn(&self, candidate: BoxFuture<()>) {
            if let Some(running) = self.running.get_or_init(|| Self::start(self.nice)) {
                Spawn::spawn(&running.handle, candidate);
            }
        }
    }
}
