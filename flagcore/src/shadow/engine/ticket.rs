//! A sample whose candidate the embedder runs by itself: hosts in other languages, and candidates in other processes.
//!
//! The launch decides, limits, stops and counts as it does for its own candidates; what runs, where, and when it is too late
//! is up to whoever holds the ticket.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::active::Active;
use super::counts::Reason;
use super::launch::Launch;
use super::shared::Shared;
use crate::context::ContextRef;
use crate::shadow::compare::{Failure, Rules, TreeError, Verdict};
use crate::shadow::report::Times;

impl Launch {
    /// Begins a call whose candidate the embedder runs by itself; `None` when the control is to run and nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use flagcore::Client;
    ///
    /// let file = r#"{"flags": {"search": {"variants": {"on": true}, "shadow": {"sample": 1}}}}"#;
    /// let client = Client::from_json(file)?;
    /// let launch = client.launch("search");
    ///
    /// let ticket = launch.begin("user-1").expect("all calls are samples");
    /// ticket.control(Duration::from_millis(12)); // what today's code took
    /// let copy = 1; // of `ticket.copies()`; run the new code, then say how it ended
    /// let verdict = ticket.rules().compare_json(br#"{"total": 7}"#, br#"{"total": 8}"#).expect("JSON");
    /// assert!(ticket.ended(copy, verdict.into(), Duration::from_millis(4)));
    /// assert_eq!(launch.report().mismatched, 1);
    /// # Ok::<(), flagcore::Error>(())
    /// ```
    pub fn begin<'c>(&self, context: impl Into<ContextRef<'c>>) -> Option<Ticket> {
        let copies = self.0.draw(context.into());
        if copies == 0 {
            return None;
        }
        let copies = self.0.let_off(copies)?;
        let has_ended = (0..copies).map(|_| AtomicBool::new(false)).collect();
        let (launch, by, round) = (Arc::clone(&self.0), self.0.active(), self.0.round());
        Some(Ticket { launch, by, control: AtomicU64::new(0), round, has_ended })
    }
}

/// A sample whose candidate the embedder runs by itself. Made by [`Launch::begin`].
///
/// Copies that were not said to have ended when it is dropped are counted as dropped: [`Reason::Spawn`].
#[must_use = "dropping it drops its copies"]
pub struct Ticket {
    launch: Arc<Shared>,
    by: Arc<Active>,
    /// What the control took, in nanoseconds.
    control: AtomicU64,
    round: u32,
    has_ended: Box<[AtomicBool]>,
}

impl Ticket {
    /// How many copies to run, numbered from 1. With none, only what the control takes is wanted: it tells what it is
    /// without a candidate beside it.
    pub fn copies(&self) -> u32 {
        self.has_ended.len() as u32
    }

    /// How long a copy may take. Whoever runs it ends it then, and says so.
    pub fn timeout(&self) -> Duration {
        self.by.policy.limits.timeout
    }

    /// Bytes of an answer that are looked at.
    pub fn body(&self) -> u64 {
        self.by.policy.limits.body
    }

    /// The rules by which answers are compared.
    pub fn rules(&self) -> &Rules {
        &self.by.rules
    }

    /// Says what the control took; before copies are said to have ended: those that end earlier are recorded beside a control
    /// that took no time.
    pub fn control(&self, took: Duration) {
        // ORDERING: a number that stands alone; a copy's end that does not see it is one that came earlier.
        self.control.store(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if self.copies() == 0 { self.launch.read(took) } else { self.launch.read_beside(took) }
    }

    /// Says that a copy answered. `false` when there is no such copy, or it ended before: then nothing is counted.
    pub fn ended(&self, copy: u32, verdict: Verdict, took: Duration) -> bool {
        if let Verdict::Unfit(TreeError::TooBig | TreeError::TooDeep) = verdict {
            return self.dropped(copy, Reason::TooBig);
        }
        let is_failure = matches!(verdict, Verdict::Failed(_) | Verdict::Unfit(_));
        self.ends(copy, Some(is_failure), |times| self.by.recorder.compared(verdict, times, copy), took)
    }

    /// Says that a copy failed or panicked.
    pub fn failed(&self, copy: u32, failure: Failure, took: Duration) -> bool {
        self.ended(copy, Verdict::Failed(failure), took)
    }

    /// Says that a copy took too long.
    pub fn timed_out(&self, copy: u32, took: Duration) -> bool {
        self.ends(copy, Some(true), |times| self.by.recorder.timed_out(times), took)
    }

    /// Says that a copy was not run, or not compared.
    pub fn dropped(&self, copy: u32, reason: Reason) -> bool {
        self.ends(copy, None, |_| self.launch.drops.0.count(reason, 1), Duration::ZERO)
    }

    fn ends(
        &self,
        copy: u32,
        is_failure: Option<bool>,
        record: impl FnOnce(Times),
        candidate: Duration,
    ) -> bool {
        let place = (copy as usize).checked_sub(1).and_then(|at| self.has_ended.get(at));
        // ORDERING: one of those who say so wins; what they record is counted by itself.
        if place.is_none_or(|has_ended| has_ended.swap(true, Ordering::AcqRel)) {
            return false;
        }
        let control = Duration::from_nanos(self.control.load(Ordering::Relaxed));
        record(Times { control, candidate });
        self.launch.landed(is_failure, self.round);
        true
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("copies", &self.copies()).finish_non_exhaustive()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        for copy in 1..=self.copies() {
            self.dropped(copy, Reason::Spawn);
        }
    }
}
