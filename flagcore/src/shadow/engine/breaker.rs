//! When a shadow stops by itself, and when it tries again.
//!
//! ```text
//!   passing ──failures, or the control is slower──▶ open ──after `half_open`──▶ probing ──all probes well──▶ passing
//!    │   ▲                                           ▲                             │
//!    ▼   │                                           └─────────a probe fails───────┘
//!   resting (now and then, to read what the control takes alone)
//! ```
//!
//! It is fed and asked by one thread, and time is an argument; callers see no more of it than the [`Gate`].
//!
//! One verdict against the control's times is a suspicion: a burst of work elsewhere looks the same. It opens when readings
//! that all came later, over a twentieth of the time at least, say so again. A breaker that opened for the control's sake forgets what it knew of
//! the control and reads it again while open: what made the control slower may have been something else. Each time in a
//! row the wait is twice as long, up to 64 times.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::baseline::Baseline;
use crate::shadow::policy::ShadowBreaker;

/// What callers do with a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// It is handed in.
    Pass,
    /// The control alone is timed.
    Rest,
    /// A few are handed in, to see; another number is another few.
    Probe(u32),
    /// Nothing is done: candidates fail.
    Failing,
    /// Nothing is done: the control is slower beside the candidate.
    Slowing,
}

impl Gate {
    /// Whether candidates may not start.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Gate::Failing | Gate::Slowing)
    }
}

#[derive(Debug)]
pub(super) struct Breaker {
    policy: ShadowBreaker,
    state: State,
    window: Window,
    baseline: Baseline,
    /// Times in a row that it opened for the control's sake.
    slow: u32,
    /// Rounds of probes so far; what is started belongs to the latest.
    probes: u32,
    /// The first round whose ends count.
    first: u32,
    /// Since when it passes, rests and all.
    passing: Instant,
    /// When it last rested, when the control was last judged, and since when it is suspected to suffer.
    rested: Instant,
    judged: Instant,
    suspected: Option<Instant>,
    /// Readings beside the candidate since it last rested.
    seen: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Passing,
    Resting { since: Instant, readings: u32 },
    Open { until: Instant, is_for_control: bool },
    Probing { until: Instant, well: u32 },
}

impl Breaker {
    pub(super) fn new(policy: ShadowBreaker, now: Instant) -> Self {
        Self {
            policy,
            state: State::Passing,
            window: Window::default(),
            baseline: Baseline::default(),
            slow: 0,
            probes: 0,
            first: 0,
            passing: now,
            rested: now,
            judged: now,
            suspected: None,
            seen: 0,
        }
    }

    /// Begins anew: nothing that was seen or started before counts.
    pub(super) fn begin(&mut self, policy: ShadowBreaker, now: Instant) {
        let round = self.probes.wrapping_add(1);
        *self = Self { probes: round, first: round, ..Self::new(policy, now) };
    }

    /// From now on other limits hold; what was seen stays.
    pub(super) fn follow(&mut self, policy: &ShadowBreaker) {
        self.policy = policy.clone();
    }

    /// Which round of probes this is; what is started now, belongs to it.
    pub(super) fn round(&self) -> u32 {
        self.probes
    }

    /// A candidate ended that was started in some round. What was started before the first probes tells nothing of them;
    /// a probe of an earlier round took longer than that.
    pub(super) fn ended(&mut self, is_failure: bool, round: u32, now: Instant) {
        if round.wrapping_sub(self.first) > u32::MAX / 2 {
            return;
        }
        match (&mut self.state, is_failure) {
            (State::Probing { .. }, true) => self.open(now, false),
            (State::Probing { well, .. }, false) => {
                *well += 1;
                if *well >= PROBES {
                    self.pass(now);
                }
            }
            (State::Open { .. }, _) => {}
            _ => {
                self.window.add(is_failure, self.policy.over, now);
                if self.fails(now) {
                    self.open(now, false);
                }
            }
        }
    }

    /// The control took so long beside the candidate.
    pub(super) fn control_beside(&mut self, nanoseconds: u64) {
        if self.state == State::Passing {
            self.seen = self.seen.saturating_add(1);
            self.baseline.beside(nanoseconds);
        }
    }

    /// The control took so long alone.
    pub(super) fn control_at_rest(&mut self, nanoseconds: u64, now: Instant) {
        match &mut self.state {
            // What was begun just before runs on for a while.
            State::Resting { since, readings } if now.duration_since(*since) >= self.policy.over / 100 => {
                *readings += 1;
                self.baseline.at_rest(nanoseconds);
            }
            // It was begun at rest, and took longer than that.
            State::Passing | State::Open { .. } => self.baseline.at_rest(nanoseconds),
            _ => {}
        }
    }

    /// What callers do from now on.
    pub(super) fn turn(&mut self, now: Instant) -> Gate {
        match self.state {
            State::Passing => self.turn_passing(now),
            State::Resting { since, readings } => {
                if readings >= READINGS || now.duration_since(since) >= self.policy.over / 20 {
                    self.rested = now;
                    self.seen = 0;
                    self.state = State::Passing;
                }
            }
            State::Open { until, .. } if now >= until => {
                self.probe(0, now);
                self.first = self.probes;
            }
            // Probes may have been lost: never handed in, or dropped on the way. Those that ended well still count.
            State::Probing { until, well } if now >= until => self.probe(well, now),
            State::Open { .. } | State::Probing { .. } => {}
        }
        match self.state {
            State::Passing => Gate::Pass,
            State::Resting { .. } => Gate::Rest,
            State::Open { is_for_control: false, .. } => Gate::Failing,
            State::Open { is_for_control: true, .. } => Gate::Slowing,
            State::Probing { .. } => Gate::Probe(self.probes),
        }
    }

    fn turn_passing(&mut self, now: Instant) {
        let Some(ratio) = self.policy.primary_p99 else { return };
        if now.duration_since(self.judged) >= self.policy.over / 100 {
            self.judged = now;
            match (self.baseline.is_slower(ratio), self.suspected) {
                (true, None) => {
                    self.suspected = Some(now);
                    self.baseline.begin();
                }
                (true, Some(since)) if now.duration_since(since) >= self.policy.over / 20 => {
                    return self.open(now, true);
                }
                (false, Some(_)) if self.baseline.can_tell() => self.suspected = None,
                _ => {}
            }
            if now.duration_since(self.passing) >= self.policy.over && self.baseline.is_known() {
                self.slow = 0;
            }
        }
        let pause = if self.baseline.is_known() { self.policy.over / 2 } else { self.policy.over / 10 };
        if self.seen >= self.policy.min.max(1) && now.duration_since(self.rested) >= pause {
            self.state = State::Resting { since: now, readings: 0 };
        }
    }

    fn fails(&mut self, now: Instant) -> bool {
        let (well, failed) = self.window.sum(self.policy.over, now);
        let all = well + failed;
        all >= u64::from(self.policy.min.max(1)) && failed as f64 >= self.policy.failures * all as f64
    }

    fn open(&mut self, now: Instant, is_for_control: bool) {
        let mut wait = self.policy.half_open.max(LEAST_WAIT);
        if is_for_control {
            wait *= 1 << self.slow.min(6);
            self.slow += 1;
            self.baseline.forget();
        }
        self.state = State::Open { until: now + wait, is_for_control };
    }

    fn probe(&mut self, well: u32, now: Instant) {
        self.probes = self.probes.wrapping_add(1);
        self.state = State::Probing { until: now + self.policy.half_open.max(LEAST_WAIT), well };
    }

    fn pass(&mut self, now: Instant) {
        self.window = Window::default();
        self.suspected = None;
        self.baseline.begin();
        self.seen = 0;
        (self.rested, self.passing) = (now, now);
        self.state = State::Passing;
    }
}

/// How candidates ended lately, in tenths of the time looked at.
#[derive(Debug, Default)]
struct Window {
    begun: Option<Instant>,
    slots: VecDeque<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    at: u128,
    well: u64,
    failed: u64,
}

impl Window {
    fn add(&mut self, is_failure: bool, over: Duration, now: Instant) {
        let at = self.forget(over, now);
        if self.slots.back().is_none_or(|slot| slot.at != at) {
            self.slots.push_back(Slot { at, ..Slot::default() });
        }
        if let Some(slot) = self.slots.back_mut() {
            if is_failure { slot.failed += 1 } else { slot.well += 1 }
        }
    }

    fn sum(&mut self, over: Duration, now: Instant) -> (u64, u64) {
        self.forget(over, now);
        self.slots.iter().fold((0, 0), |(well, failed), slot| (well + slot.well, failed + slot.failed))
    }

    /// Forgets what is too old; the tenth that is now.
    fn forget(&mut self, over: Duration, now: Instant) -> u128 {
        let tenth = (over.as_nanos() / 10).max(1);
        let at = now.duration_since(*self.begun.get_or_insert(now)).as_nanos() / tenth;
        // Other limits may have come in between, by which old slots lie ahead.
        self.slots.retain(|slot| slot.at <= at && at < slot.at + 10);
        at
    }
}

/// How many candidates have to end well before all may run again.
pub(super) const PROBES: u32 = 5;

/// Readings after which a rest is over.
const READINGS: u32 = 256;

/// A breaker that tries again at once would be none.
const LEAST_WAIT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    struct Trial {
        breaker: Breaker,
        now: Instant,
    }

    impl Trial {
        fn new(policy: ShadowBreaker) -> Self {
            let now = Instant::now();
            Self { breaker: Breaker::new(policy, now), now }
        }

        fn of_failures() -> Self {
            Self::new(ShadowBreaker { primary_p99: None, ..ShadowBreaker::default() })
        }

        fn after(&mut self, time: Duration) -> Gate {
            self.now += time;
            self.breaker.turn(self.now)
        }

        fn ended(&mut self, failures: u32, well: u32) -> Gate {
            (0..failures).for_each(|_| self.breaker.ended(true, self.breaker.round(), self.now));
            (0..well).for_each(|_| self.breaker.ended(false, self.breaker.round(), self.now));
            self.breaker.turn(self.now)
        }
    }

    #[test]
    fn it_opens_at_the_share_of_failures_and_not_before_there_are_enough() {
        let mut trial = Trial::of_failures();
        assert_eq!(trial.ended(19, 0), Gate::Pass, "19 tell nothing");
        assert_eq!(trial.ended(1, 0), Gate::Failing);

        let mut trial = Trial::of_failures();
        assert_eq!(trial.ended(0, 11), Gate::Pass);
        assert_eq!(trial.ended(10, 0), Gate::Pass, "10 of 21");
        assert_eq!(trial.ended(1, 0), Gate::Failing, "11 of 22");
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let mut trial = Trial::of_failures();
        trial.ended(15, 0);
        trial.after(Duration::from_secs(11));
        assert_eq!(trial.ended(15, 0), Gate::Pass);
        assert_eq!(trial.ended(5, 0), Gate::Failing);
    }

    #[test]
    fn it_probes_after_its_wait_and_passes_when_all_probes_end_well() {
        let mut trial = Trial::of_failures();
        trial.ended(20, 0);
        assert_eq!(trial.after(Duration::from_millis(4_999)), Gate::Failing);
        assert_eq!(trial.after(MILLISECOND), Gate::Probe(1));
        assert_eq!(trial.ended(0, PROBES - 1), Gate::Probe(1));
        assert_eq!(trial.ended(0, 1), Gate::Pass);
        assert_eq!(trial.ended(19, 0), Gate::Pass, "it starts from nothing");
    }

    #[test]
    fn one_failed_probe_opens_it_again() {
        let mut trial = Trial::of_failures();
        trial.ended(20, 0);
        trial.after(Duration::from_secs(5));
        assert_eq!(trial.ended(1, 0), Gate::Failing);
        assert_eq!(trial.ended(0, 50), Gate::Failing, "what was begun before tells nothing");
        assert_eq!(trial.after(Duration::from_secs(5)), Gate::Probe(2));
    }

    #[test]
    fn probes_that_never_come_back_are_tried_again() {
        let mut trial = Trial::of_failures();
        trial.ended(20, 0);
        assert_eq!(trial.after(Duration::from_secs(5)), Gate::Probe(1));
        trial.ended(0, 2);
        assert_eq!(trial.after(Duration::from_secs(5)), Gate::Probe(2));
        assert_eq!(trial.ended(0, PROBES), Gate::Pass);
    }

    /// A control that takes `alone` at rest and `beside` beside the candidate, 1,000 times a second, until the gate is
    /// as said; how long that took.
    fn until(trial: &mut Trial, alone: u64, beside: u64, wanted: Gate) -> Duration {
        let begun = trial.now;
        while trial.now - begun < Duration::from_secs(60) {
            match trial.after(MILLISECOND) {
                gate if gate == wanted => return trial.now - begun,
                Gate::Pass => trial.breaker.control_beside(beside),
                Gate::Rest | Gate::Failing | Gate::Slowing => trial.breaker.control_at_rest(alone, trial.now),
                Gate::Probe(_) => trial.breaker.ended(false, trial.breaker.round(), trial.now),
            }
        }
        panic!("a minute without {wanted:?}");
    }

    #[test]
    fn it_opens_when_the_control_is_a_fifth_slower_beside_the_candidate() {
        let mut trial = Trial::new(ShadowBreaker::default());
        let took = until(&mut trial, 1_000_000, 1_200_000, Gate::Slowing);
        assert!(took <= Duration::from_secs(10), "{took:?}");
        // Twice the wait when it comes again.
        assert_eq!(until(&mut trial, 1_000_000, 1_200_000, Gate::Probe(1)), Duration::from_secs(5));
        until(&mut trial, 1_000_000, 1_200_000, Gate::Slowing);
        assert_eq!(until(&mut trial, 1_000_000, 1_200_000, Gate::Probe(2)), Duration::from_secs(10));
    }

    #[test]
    fn it_opens_when_the_control_grows_slower_for_whatever_reason_and_mends() {
        let mut trial = Trial::new(ShadowBreaker::default());
        for _ in 0..30_000 {
            match trial.after(MILLISECOND) {
                Gate::Pass => trial.breaker.control_beside(1_000_000),
                Gate::Rest => trial.breaker.control_at_rest(1_000_000, trial.now),
                gate => panic!("{gate:?}"),
            }
        }
        let took = until(&mut trial, 1_200_000, 1_200_000, Gate::Slowing);
        assert!(took <= Duration::from_secs(10), "{took:?}");
        until(&mut trial, 1_200_000, 1_200_000, Gate::Pass);
        for _ in 0..30_000 {
            let gate = trial.after(MILLISECOND);
            assert!(!gate.is_open(), "it knows the control anew");
            match gate {
                Gate::Pass => trial.breaker.control_beside(1_200_000),
                _ => trial.breaker.control_at_rest(1_200_000, trial.now),
            }
        }
    }

    #[test]
    fn a_launch_with_few_samples_never_rests() {
        let mut trial = Trial::new(ShadowBreaker::default());
        for _ in 0..19 {
            trial.breaker.control_beside(1_000);
            assert_eq!(trial.after(Duration::from_secs(60)), Gate::Pass);
        }
        trial.breaker.control_beside(1_000);
        assert_eq!(trial.after(MILLISECOND), Gate::Rest);
        assert_eq!(trial.after(Duration::from_millis(500)), Gate::Pass);
    }

    #[test]
    fn rests_take_a_tenth_of_the_time_at_most() {
        let mut trial = Trial::new(ShadowBreaker::default());
        let mut rested = 0;
        for _ in 0..100_000 {
            match trial.after(MILLISECOND) {
                Gate::Rest => {
                    rested += 1;
                    trial.breaker.control_at_rest(1_000_000, trial.now);
                }
                _ => trial.breaker.control_beside(1_000_000),
            }
        }
        assert!((1_000..=10_000).contains(&rested), "{rested} of 100,000 ms");
    }

    /// A control that takes what `time` says, in milliseconds, alone and beside the candidate, so many times a second; the
    /// gates that were seen. What is begun at rest arrives when it is done.
    fn seen(trial: &mut Trial, seconds: u64, per_second: u64, time: impl Fn(u64, bool) -> u64) -> Vec<Gate> {
        let (mut calls, mut gates) = (std::collections::BTreeMap::<u64, Vec<(u64, bool)>>::new(), Vec::new());
        let mut call = 0;
        for millisecond in 0..seconds * 1_000 {
            let gate = trial.after(MILLISECOND);
            if gates.last() != Some(&gate) {
                gates.push(gate);
            }
            while call * 1_000 < millisecond * per_second {
                let is_beside = gate == Gate::Pass;
                let took = time(call, is_beside);
                calls.entry(millisecond + took).or_default().push((took, is_beside));
                call += 1;
            }
            for (took, is_beside) in calls.remove(&millisecond).unwrap_or_default() {
                match is_beside {
                    true => trial.breaker.control_beside(took * 1_000_000),
                    false => trial.breaker.control_at_rest(took * 1_000_000, trial.now),
                }
            }
        }
        gates
    }

    #[test]
    fn a_control_with_a_slow_tail_is_not_called_slower() {
        for (per_second, tail, every) in [(1_000, 600, 20), (5_000, 200, 20), (5_000, 300, 33)] {
            let mut trial = Trial::new(ShadowBreaker::default());
            let time = |call: u64, _| {
                if call.wrapping_mul(0x9e37_79b9) >> 7 & 0xffff < 65_536 / every { tail } else { 20 }
            };
            let gates = seen(&mut trial, 120, per_second, time);
            assert!(gates.iter().all(|gate| !gate.is_open()), "{tail} ms at {per_second}/s: {gates:?}");
        }
    }

    #[test]
    fn a_slow_control_that_grows_slower_is_seen() {
        let mut trial = Trial::new(ShadowBreaker::default());
        let gates = seen(&mut trial, 60, 200, |_, _| 700);
        assert!(gates.iter().all(|gate| !gate.is_open()), "{gates:?}");
        let gates = seen(&mut trial, 60, 200, |_, is_beside| if is_beside { 2_100 } else { 700 });
        assert!(gates.contains(&Gate::Slowing), "{gates:?}");
    }

    #[test]
    fn a_good_while_ends_the_row_of_longer_waits() {
        let mut trial = Trial::new(ShadowBreaker::default());
        until(&mut trial, 1_000_000, 1_200_000, Gate::Slowing);
        until(&mut trial, 1_000_000, 1_000_000, Gate::Pass);
        // Rests and all.
        seen(&mut trial, 60, 1_000, |_, _| 1);
        assert_eq!(trial.breaker.slow, 0);
    }

    #[test]
    fn probes_that_take_longer_than_a_round_still_count() {
        for is_failure in [false, true] {
            let mut trial = Trial::of_failures();
            trial.ended(20, 0);
            assert_eq!(trial.after(Duration::from_secs(5)), Gate::Probe(1));
            assert_eq!(trial.after(Duration::from_secs(5)), Gate::Probe(2));
            (0..PROBES).for_each(|_| trial.breaker.ended(is_failure, 1, trial.now));
            let expected = if is_failure { Gate::Failing } else { Gate::Pass };
            assert_eq!(trial.after(MILLISECOND), expected);
        }
    }

    #[test]
    fn what_was_begun_before_it_began_anew_does_not_count() {
        let mut trial = Trial::of_failures();
        let before = trial.breaker.round();
        trial.breaker.begin(ShadowBreaker { primary_p99: None, ..ShadowBreaker::default() }, trial.now);
        (0..100).for_each(|_| trial.breaker.ended(true, before, trial.now));
        assert_eq!(trial.after(MILLISECOND), Gate::Pass);
        assert_eq!(trial.ended(20, 0), Gate::Failing);
    }

    #[test]
    fn what_was_begun_before_the_probes_is_none_of_them() {
        let mut trial = Trial::of_failures();
        trial.ended(20, 0);
        let before = trial.breaker.round();
        assert_eq!(trial.after(Duration::from_secs(5)), Gate::Probe(1));
        for is_failure in [false, true] {
            (0..PROBES).for_each(|_| trial.breaker.ended(is_failure, before, trial.now));
            assert_eq!(trial.after(MILLISECOND), Gate::Probe(1));
        }
    }
}
