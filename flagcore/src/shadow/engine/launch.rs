//! A launch as the embedder has it: begins calls, tells what became of them.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::call::Shadow;
use super::counts::Counts;
use super::shared::Shared;
use super::state::LaunchState;
use crate::context::ContextRef;
use crate::shadow::policy::ShadowPolicy;
use crate::shadow::report::ShadowReport;

/// A dark launch: candidates run beside controls, as its policy says.
///
/// Made by [`Client::launch`](crate::Client::launch), and then it does what the flag file says, also when that changes; or by
/// [`ShadowEngine::launch`](super::ShadowEngine::launch), with a policy in code. Cheap to clone; all clones are one launch,
/// which ends with its engine (that is with the last clone of the client, where it is the client's own).
#[derive(Clone)]
pub struct Launch(pub(super) Arc<Shared>);

impl Launch {
    /// Begins a call: decides whether it is a sample.
    ///
    /// Cost of a call that is none: a load and a comparison where the launch is off, else a throw of the thread's dice (or a
    /// hash of the targeting key) too. No lock, no allocation, no clock. What is drawn is held against the flag's `when`.
    #[inline]
    pub fn shadow<'c>(&self, context: impl Into<ContextRef<'c>>) -> Shadow<'_> {
        Shadow::of(&self.0, self.0.draw(context.into()))
    }

    /// The same, for a call that outlives the handle.
    #[inline]
    pub(in crate::shadow) fn kept_shadow(&self, context: ContextRef<'_>) -> Shadow<'static> {
        match self.0.draw(context) {
            0 => Shadow::none(),
            copies => Shadow::kept(Arc::clone(&self.0), copies),
        }
    }

    /// From now on another policy holds, also for what waits; `None` switches off. What was counted stays, unless the id is
    /// another one: then counting begins anew, and users are drawn anew.
    ///
    /// Does nothing for a launch that does what a flag file says.
    pub fn follow(&self, policy: Option<Arc<ShadowPolicy>>) {
        if !self.0.follows_a_flag() {
            self.0.follow(policy);
        }
    }

    /// The same, of the flag's own policy.
    pub(in crate::shadow) fn follow_flag(&self, policy: Option<Arc<ShadowPolicy>>) {
        self.0.follow(policy);
    }

    /// What it was launched as: the flag's key.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// What has become of all copies so far. Cheap, for tests and dashboards; [`report`](Self::report) says more.
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }

    /// What was found so far. Copies examples of 100 fields, some 2 MB at most.
    pub fn report(&self) -> ShadowReport {
        let (active, counts) = (self.0.active(), self.counts());
        let mut report = active.recorder.report(counts.dropped.by_name());
        report.state = self.state().as_str();
        report.waiting = counts.waiting;
        report.in_flight = counts.in_flight;
        report
    }

    /// What a sample meets now.
    pub fn state(&self) -> LaunchState {
        self.0.state()
    }

    /// Waits until nothing waits or runs any more, but for what hangs and for [tickets](super::Ticket); whether that came to be in time. For tests, and
    /// for the end of a program that wants to see all of its report. It holds the thread: on a runtime that candidates need
    /// it would keep them from ending.
    pub fn settle(&self, within: Duration) -> bool {
        if self.0.is_test() {
            // All of it runs in its calls.
            return true;
        }
        let (begun, before) = (Instant::now(), self.0.turns_so_far());
        loop {
            // The turn that runs now may have looked at the queue before this call; the one after it has not.
            let (turns, is_at_rest) = self.0.turns();
            let is_told = turns.wrapping_sub(before) >= 2 || self.state() == LaunchState::Ended;
            if is_told && is_at_rest {
                return true;
            }
            if begun.elapsed() >= within {
                return false;
            }
            self.0.tower.wake();
            thread::sleep(Duration::from_millis(1).min(within));
        }
    }
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch")
            .field("name", &self.name())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
