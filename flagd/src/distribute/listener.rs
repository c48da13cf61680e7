//! One who listens to a topic: what to say next, and when it is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::topics::{Shown, Topic, Topics};
use crate::chance::between;
use crate::telemetry::Progress;
use crate::wire::Deadline;

/// One who listens to a topic.
///
/// Newest wins: whoever is slow to take what is new finds only the newest when it comes back, never something older.
pub struct Listener<S: Shown> {
    topics: Arc<Topics<S>>,
    topic: Arc<Topic<S>>,
    told: Option<Arc<S>>,
    progress: Progress,
    revision: watch::Receiver<u64>,
    draining: watch::Receiver<bool>,
    deadline: Option<Instant>,
    farewell: Option<watch::Receiver<Duration>>,
    /// When it is over, once the daemon is about to end.
    end: Option<Instant>,
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
    /// The daemon is about to end; said once.
    Draining,
    /// The daemon ends, and it is this listener's turn.
    Over,
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
        Self {
            topics,
            topic,
            told: None,
            progress: Progress::default(),
            revision,
            draining,
            deadline,
            farewell: None,
            end: None,
        }
    }

    /// The same, but for no longer than its client waits.
    ///
    /// Clients that wait for minutes come back at once when they waited in vain. Those that came together, after a
    /// restart above all, would do so together for ever: so a long wait is cut short, each time by another length.
    pub fn until(mut self, client: Deadline) -> Self {
        let now = Instant::now();
        let patience = client.instant().map(|at| shortened(at.saturating_duration_since(now)));
        self.deadline = self.deadline.into_iter().chain(patience.map(|patience| now + patience)).min();
        self
    }

    /// The same, but when the daemon is about to end it is over at some moment within this time, not at once.
    pub fn spread(mut self, over: watch::Receiver<Duration>) -> Self {
        self.farewell = Some(over);
        self
    }

    /// How far it is, to be looked at from elsewhere.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Waits for something to say; for at most `patience` in silence.
    pub async fn hear(&mut self, patience: Duration) -> Heard<S> {
        if self.told.is_none() {
            return self.look().await.unwrap_or(Heard::Over);
        }
        let silence = sleep(patience);
        tokio::pin!(silence);
        loop {
            let over = tokio::select! {
                biased;
                _ = self.draining.wait_for(|draining| *draining), if self.end.is_none() => {
                    let over = self.farewell.as_ref().map(|over| *over.borrow()).unwrap_or_default();
                    self.end = Some(Instant::now() + between(Duration::ZERO, over));
                    Some(Heard::Draining)
                }
                () = until(self.end) => Some(Heard::Over),
                () = until(self.deadline) => Some(Heard::DeadlineExceeded),
                // Without anybody who could change anything it is over, too.
                news = self.revision.changed() => news.is_err().then_some(Heard::Over),
                () = &mut silence => Some(Heard::Silence),
            };
            let heard = match over {
                Some(over) => Some(over),
                None => self.look().await,
            };
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// What there is by now, if it is something else than what was heard last; that counts as heard.
    pub async fn newest(&mut self) -> Option<Arc<S>> {
        match self.look().await? {
            Heard::Shown { now, .. } => Some(now),
            _ => None,
        }
    }

    /// How many listen to the same topic.
    pub fn audience(&self) -> u32 {
        u32::try_from(Arc::strong_count(&self.topic)).unwrap_or(u32::MAX)
    }

    /// Looks whether there is something else than before.
    async fn look(&mut self) -> Option<Heard<S>> {
        // Seen before it is looked: what comes meanwhile is looked at again.
        self.revision.mark_unchanged();
        let (now, revision) = self.topics.current_at(&self.topic).await;
        let is_known = self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, &now));
        self.progress.note(revision, !is_known);
        if is_known {
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

/// A long wait made shorter by chance.
fn shortened(patience: Duration) -> Duration {
    if patience < LONG { patience } else { between(patience / 2, patience / 20 * 19) }
}

/// From how long on a wait is of a client that comes back at once: 600 s is what OpenFeature's providers wait.
const LONG: Duration = Duration::from_secs(60);

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_are_cut_short_and_short_ones_are_kept() {
        let second = Duration::from_secs(1);
        for short in [Duration::ZERO, second, 59 * second] {
            assert_eq!(shortened(short), short);
        }
        for _ in 0..1_000 {
            let age = shortened(600 * second);
            assert!((300 * second..570 * second).contains(&age), "{age:?}");
        }
    }

    #[test]
    fn clients_that_came_together_soon_come_one_by_one() {
        // 10,000 clients that wait for 600 s each time, for two hours, after all of them came at once.
        let mut connects = vec![0_u32; 7_200];
        for _ in 0..10_000 {
            let mut now = Duration::ZERO;
            while let Some(count) = connects.get_mut(now.as_secs() as usize) {
                *count += 1;
                now += shortened(Duration::from_secs(600));
            }
        }
        let settled = &connects[3_600..];
        let mean = settled.iter().sum::<u32>() as usize / settled.len();
        let peak = settled.iter().copied().max().unwrap() as usize;
        assert!((20..27).contains(&mean) && peak <= 3 * mean, "mean {mean}, peak {peak} a second");
    }
}
