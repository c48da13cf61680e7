//! One who listens to a topic: what to say next, and when it is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::topics::{Shown, Topic, Topics};
use crate::wire::Deadline;

/// One who listens to a topic.
///
/// Newest wins: whoever is slow to take what is new finds only the newest when it comes back, never something older.
pub struct Listener<S: Shown> {
    topics: Arc<Topics<S>>,
    topic: Arc<Topic<S>>,
    told: Option<Arc<S>>,
    revision: watch::Receiver<u64>,
    draining: watch::Receiver<bool>,
    deadline: Option<Instant>,
}

/// What a listener hears.
#[derive(Debug)]
pub enum Heard<S> {
    /// What there is: at first, or now that it is something else than before.
    Shown {
        /// What was there before; none at first.
        before: Option<Arc<S>>,
        /// What is there now.
        now: Arc<S>,
    },
    /// Nothing for a while.
    Silence,
    /// The daemon is about to end.
    Draining,
    /// The listener's time is over.
    DeadlineExceeded,
}

impl<S: Shown> Listener<S> {
    /// One who listens to a topic from now on; for ever, where the deadline is zero.
    pub fn new(
        topics: Arc<Topics<S>>,
        topic: Arc<Topic<S>>,
        revision: watch::Receiver<u64>,
        draining: watch::Receiver<bool>,
        deadline: Duration,
    ) -> Self {
        let deadline = if deadline.is_zero() { None } else { Instant::now().checked_add(deadline) };
        Self { topics, topic, told: None, revision, draining, deadline }
    }

    /// The same, but until this instant at most, which is when its client stops to wait.
    pub fn until(mut self, client: Deadline) -> Self {
        self.deadline = self.deadline.into_iter().chain(client.instant()).min();
        self
    }

    /// Waits for something to say; for at most `patience` in silence.
    pub async fn hear(&mut self, patience: Duration) -> Heard<S> {
        if self.told.is_none() {
            return self.look().unwrap_or(Heard::Draining);
        }
        let silence = sleep(patience);
        tokio::pin!(silence);
        loop {
            let over = tokio::select! {
                biased;
                _ = self.draining.wait_for(|draining| *draining) => Some(Heard::Draining),
                () = until(self.deadline) => Some(Heard::DeadlineExceeded),
                // Without anybody who could change anything it is over, too.
                news = self.revision.changed() => news.is_err().then_some(Heard::Draining),
                () = &mut silence => Some(Heard::Silence),
            };
            if let Some(heard) = over.or_else(|| self.look()) {
                return heard;
            }
        }
    }

    /// Looks whether there is something else than before.
    fn look(&mut self) -> Option<Heard<S>> {
        // Seen before it is looked: what comes meanwhile is looked at again.
        self.revision.mark_unchanged();
        let now = self.topics.current(&self.topic);
        if self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, &now)) {
            return None;
        }
        let before = self.told.replace(now.clone());
        Some(Heard::Shown { before, now })
    }
}

impl<S: Shown> std::fmt::Debug for Listener<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("topic", &self.topic).finish_non_exhaustive()
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
