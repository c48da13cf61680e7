//! Where flag files come from.
//!
//! 1. [`memory`] is bytes that the embedder holds.
//! 2. [`mod@file`] is a file or a folder; `watch` hears the system's events about it.
//!
//! Others' sources implement [`Source`]; whatever they deliver is read, checked and kept as files are.

pub mod file;
pub mod memory;
#[cfg(feature = "watch")]
mod watch;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
#[cfg(feature = "watch")]
use std::time::{Duration, Instant};

use crate::diagnostic::{Findings, Problem, Severity};
use crate::model::Format;

/// Delivers flag files.
///
/// # Examples
///
/// ```
/// use flagcore::source::{Content, Notifier, Source, SourceError};
/// use flagcore::{Client, model::Format};
///
/// /// Flags that a configuration service holds.
/// struct Service;
///
/// impl Source for Service {
///     fn name(&self) -> &str {
///         "service"
///     }
///
///     fn read(&mut self) -> Result<Content, SourceError> {
///         let bytes = br#"{"flags": {"a": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}}}"#;
///         Ok(Content::of("service", Format::Json, bytes.to_vec()))
///     }
///
///     fn watch(&mut self, changed: Notifier) {
///         // Keep it, and call `changed.notify()` whenever there is something new.
///         let _ = changed;
///     }
/// }
///
/// let client = Client::builder().source(Service).build()?;
/// assert!(client.is_enabled("a", "user-1"));
/// # Ok::<(), flagcore::Error>(())
/// ```
pub trait Source: Send {
    /// The source's name, as people and selectors know it.
    fn name(&self) -> &str;

    /// What it holds now.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from telling; the flags served stay as they are, and it is asked again.
    fn read(&mut self) -> Result<Content, SourceError>;

    /// Called once, before the first [`read`](Self::read): from now on `changed` wants to hear of news.
    fn watch(&mut self, changed: Notifier);

    /// Called every second: whether [`read`](Self::read) might now tell something new, at a low cost.
    fn poll(&mut self) -> bool {
        false
    }

    /// Whether the embedder may give it other bytes ([`Client::update`](crate::Client::update)). A source that gets
    /// its content elsewhere says no.
    fn is_replaceable(&self) -> bool {
        false
    }

    /// Called with valid content of the embedder's: what it delivers from now on.
    fn replace(&mut self, content: &Content) {
        let _ = content;
    }

    /// What is wrong with the watching itself, if anything: told in the status, changes nothing else.
    fn complaint(&self) -> Option<String> {
        None
    }
}

/// What a source holds: flag files in the order of their names.
#[derive(Debug)]
pub struct Content {
    /// The files. Metadata, evaluators and bucketing belong to their file; of flags with one key in one flag
    /// set the last file's wins, with a warning.
    pub files: Vec<ContentFile>,
    /// Whether it can be told from how it came about that it is complete.
    pub completeness: Completeness,
}

/// One flag file.
#[derive(Debug)]
pub struct ContentFile {
    /// Its name in messages.
    pub name: Arc<str>,
    /// How it is written.
    pub format: Format,
    /// What it holds. Shared, so that a source that keeps its bytes need not copy them at each read.
    pub bytes: Arc<Vec<u8>>,
}

impl Content {
    /// The content of one file, complete.
    pub fn of(name: &str, format: Format, bytes: impl Into<Arc<Vec<u8>>>) -> Self {
        let file = ContentFile { name: name.into(), format, bytes: bytes.into() };
        Self { files: vec![file], completeness: Completeness::Given }
    }
}

/// How sure it is that a content is not half of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Completeness {
    /// Somebody may be writing: it is taken when two reads 50 ms apart are equal, and if it lost more than a
    /// tenth of its flags (at least five), only when it still is the same two seconds later.
    Unsure,
    /// A writer closed it: it is taken at once if it can be read, and settles first if it cannot.
    Closed,
    /// Put in place whole: it is taken at once.
    Whole,
    /// Given by the embedder: taken at once, even without any flag.
    Given,
}

/// Why a source cannot tell what it holds.
#[derive(Clone, Debug)]
pub struct SourceError {
    findings: Findings,
}

impl SourceError {
    /// A source that cannot be read; `reason` says why, in a few words.
    pub fn new(source: &str, reason: impl fmt::Display) -> Self {
        Self::of(source.into(), Problem::Unreadable { reason: reason.to_string() })
    }

    pub(crate) fn of(source: Arc<str>, problem: Problem) -> Self {
        Self { findings: Findings::of_source(source, Severity::Error, problem) }
    }

    /// What was found.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Whether there is nothing where it looked, and nothing else is wrong.
    pub(crate) fn is_absence(&self) -> bool {
        self.findings.diagnostics.iter().all(|finding| matches!(finding.problem, Problem::Missing))
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.findings, f)
    }
}

impl std::error::Error for SourceError {}

/// Tells a client that a source may hold something new.
///
/// Cheap, never blocks, may be called from any thread and any number of times.
#[derive(Clone, Debug)]
pub struct Notifier {
    pub(crate) signal: Arc<Signal>,
    pub(crate) source: usize,
}

impl Notifier {
    /// Something may be new.
    pub fn notify(&self) {
        self.signal.raise(self.source);
    }
}

/// Which sources may hold something new: one mark each, not a queue.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<Raised>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Raised {
    sources: Vec<bool>,
    stopped: bool,
}

/// What ended a wait.
#[cfg(feature = "watch")]
#[derive(Debug)]
pub(crate) enum Woken {
    /// These sources may hold something new; none when only time has passed.
    Sources(Vec<bool>),
    /// The client is gone.
    Stopped,
}

impl Signal {
    fn raise(&self, source: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.sources.len() <= source {
            state.sources.resize(source + 1, false);
        }
        if let Some(mark) = state.sources.get_mut(source) {
            *mark = true;
        }
        self.changed.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.changed.notify_all();
    }

    /// Waits for a mark, at most until `deadline`, and takes all marks.
    #[cfg(feature = "watch")]
    pub(crate) fn wait(&self, deadline: Instant) -> Woken {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.stopped {
                return Woken::Stopped;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO || state.sources.iter().any(|mark| *mark) {
                return Woken::Sources(std::mem::take(&mut state.sources));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
