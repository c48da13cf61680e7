//! What became of a source's news: which flags changed, or why nothing did.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::diagnostic::Findings;
use crate::snapshot::Snapshot;

/// What a listener hears.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Update {
    /// A new snapshot is served.
    Changed(Change),
    /// What a source holds is refused; `serving` is the revision still served.
    Refused {
        /// The source's name.
        source: String,
        /// Why.
        findings: Findings,
        /// The revision that is still served.
        serving: u64,
    },
    /// What a source holds is in doubt and waits; it is taken if it stays the same.
    Held {
        /// The source's name.
        source: String,
        /// Why.
        findings: Findings,
    },
    /// What a source holds is again what is served of it: whatever it was refused or held for is over, and nothing
    /// changes. A source that is mended by something new is told as [`Changed`](Self::Changed).
    Recovered {
        /// The source's name.
        source: String,
        /// The revision that is served.
        serving: u64,
    },
}

/// The step from one snapshot to another.
#[derive(Clone, Debug)]
pub struct Change {
    before: Arc<Snapshot>,
    after: Arc<Snapshot>,
    findings: Findings,
}

/// What happened to a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlagChange {
    /// It is new.
    Added,
    /// Something about it is different: variants, targeting, state, metadata, source.
    Updated,
    /// It is gone.
    Removed,
}

impl Change {
    pub(crate) fn new(before: Arc<Snapshot>, after: Arc<Snapshot>, findings: Findings) -> Self {
        Self { before, after, findings }
    }

    /// What was served before.
    pub fn before(&self) -> &Arc<Snapshot> {
        &self.before
    }

    /// What is served now.
    pub fn after(&self) -> &Arc<Snapshot> {
        &self.after
    }

    /// What is odd in the files that were taken: warnings, because errors are refused. Worth a line in the log:
    /// flagd takes many a slip of the fingers.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// The keys whose flag is not what it was, in its rule, its variants, its metadata or its source; sorted. One
    /// comparison per flag.
    pub fn flags(&self) -> Vec<(&str, FlagChange)> {
        let (mut old, mut new) = (self.before.winning_flags(), self.after.winning_flags());
        let mut changed = Vec::new();
        let (mut left, mut right) = (old.next(), new.next());
        loop {
            match (&left, &right) {
                (None, None) => return changed,
                (Some(gone), None) => {
                    changed.push((gone.key(), FlagChange::Removed));
                    left = old.next();
                }
                (None, Some(added)) => {
                    changed.push((added.key(), FlagChange::Added));
                    right = new.next();
                }
                (Some(a), Some(b)) => match a.key().cmp(b.key()) {
                    Ordering::Less => {
                        changed.push((a.key(), FlagChange::Removed));
                        left = old.next();
                    }
                    Ordering::Greater => {
                        changed.push((b.key(), FlagChange::Added));
                        right = new.next();
                    }
                    Ordering::Equal => {
                        if !a.is_same(b) {
                            changed.push((b.key(), FlagChange::Updated));
                        }
                        (left, right) = (old.next(), new.next());
                    }
                },
            }
        }
    }
}

/// Updates for somebody who takes them in their own time.
///
/// Nothing waits for the taker: changes that were not taken become one, from the oldest snapshot to the newest,
/// and of the other updates the latest of each source is kept. They come in the order in which they happened last.
#[derive(Clone, Debug)]
pub struct Updates {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    pending: Mutex<Pending>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    /// At most one change, and one other update of each source.
    updates: VecDeque<Update>,
    closed: bool,
}

impl Updates {
    /// A queue, and the listener that fills it for as long as somebody takes from it.
    pub(crate) fn new() -> (Self, impl FnMut(&Update) -> bool + Send + 'static) {
        let updates = Self { queue: Arc::default() };
        // The queue is closed when its client, and with it the listener, is gone. The listener must not hold it:
        // what nobody can take any more would keep old snapshots alive.
        let filler = Filler { queue: Arc::downgrade(&updates.queue) };
        (updates, move |update: &Update| filler.queue.upgrade().is_some_and(|queue| queue.add(update)))
    }

    /// Takes the next update, waiting at most `timeout` for one; none when there is none, or when the client is gone.
    pub fn next_within(&self, timeout: Duration) -> Option<Update> {
        // None where the timeout is longer than time is kept: for ever.
        let deadline = Instant::now().checked_add(timeout);
        let mut pending = self.queue.pending.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(update) = pending.updates.pop_front() {
                return Some(update);
            }
            let left =
                deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
            if pending.closed || left == Duration::ZERO {
                return None;
            }
            pending =
                self.queue.arrived.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the next update if there is one.
    pub fn try_next(&self) -> Option<Update> {
        self.next_within(Duration::ZERO)
    }
}

struct Filler {
    queue: Weak<Queue>,
}

impl Drop for Filler {
    fn drop(&mut self) {
        let Some(queue) = self.queue.upgrade() else { return };
        queue.pending.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        queue.arrived.notify_all();
    }
}

impl Queue {
    /// Adds an update; tells that it wants more.
    fn add(&self, update: &Update) -> bool {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = pending.updates.iter().position(|earlier| earlier.source() == update.source());
        let earlier = earlier.and_then(|at| pending.updates.remove(at));
        let update = match (earlier, update) {
            (Some(Update::Changed(earlier)), Update::Changed(change)) => {
                Update::Changed(Change { before: earlier.before, ..change.clone() })
            }
            _ => update.clone(),
        };
        pending.updates.push_back(update);
        self.arrived.notify_all();
        true
    }
}

impl Update {
    /// The source that it is about; a change is about all of them.
    fn source(&self) -> Option<&str> {
        match self {
            Update::Changed(_) => None,
            Update::Refused { source, .. }
            | Update::Held { source, .. }
            | Update::Recovered { source, .. } => Some(source),
        }
    }
}
