//! What callers and the engine share of one launch: the switch, the limits, the queue, the counters.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_queue::ArrayQueue;

use super::active::Active;
use super::breaker::Gate;
use super::clock::{Apart, Clock};
use super::contain::contained;
use super::copy::copy_number;
use super::counts::{Counts, Dropped, Drops, Reason};
use super::flight::Tower;
use super::gate::{Door, Way};
use super::rate::{Pace, Rate};
use super::sample::Queued;
use super::sampling::{self, of_user, throw};
use super::state::LaunchState;
use crate::context::ContextRef;
use crate::shadow::policy::{SampleBy, ShadowPolicy};
use crate::snapshot::Flag;
use crate::store::Store;

pub(super) struct Shared {
    // What callers read, side by side; written when the policy changes, or a breaker.
    threshold: AtomicU64,
    /// Copies of a sample times 2^32.
    copies: AtomicU64,
    is_by_user: AtomicBool,
    door: Door,
    /// A caller found the queue full, and the engine has not made room since.
    is_full: AtomicBool,
    /// The engine found the queue more than half full: callers look before they push.
    is_filling: AtomicBool,
    distance: AtomicU64,
    slack: AtomicU64,
    /// The slack of those who have no queue.
    least_slack: AtomicU64,
    most_bytes: AtomicU64,
    active: ArcSwap<Active>,
    /// Which of the queues takes samples.
    tier: AtomicU8,
    room: AtomicU32,
    queues: [OnceLock<Queue>; TIERS.len()],
    follows: Option<Follows>,
    is_test: bool,
    name: Box<str>,
    pub(super) clock: Arc<Clock>,
    pub(super) tower: Arc<Tower>,
    pub(super) drops: Apart<Drops>,
    rate: Apart<Rate>,
    /// Times of the control alone.
    pub(super) readings: ArrayQueue<u64>,
    /// What is told of candidates that the embedder runs.
    pub(super) told_by_hand: OnceLock<ToldByHand>,
    in_flight: AtomicU32,
    /// Written every turn, so apart from what callers read.
    told: Apart<Told>,
    /// One policy at a time.
    following: Mutex<()>,
}

type Queue = ArrayQueue<Queued>;

/// Where it is decided whether a flag has a dark launch now, and for whom.
pub(in crate::shadow) struct Follows {
    pub(in crate::shadow) store: Arc<Store>,
    pub(in crate::shadow) flag: Flag,
}

/// What the engine hears of candidates that the embedder runs.
pub(super) struct ToldByHand {
    /// Whether each failed, and in which of the breaker's rounds it was let in.
    pub(super) endings: ArrayQueue<(bool, u32)>,
    /// Times of the control beside them.
    pub(super) beside: ArrayQueue<u64>,
}

/// What the engine says at the end of a turn.
#[derive(Debug, Default)]
struct Told {
    turns: AtomicU64,
    /// Samples taken out of the queue that wait.
    held: AtomicU32,
    is_at_rest: AtomicBool,
}

/// What a sample is let in as.
pub(super) enum Entry<I> {
    /// The control runs, and nothing else happens.
    Nothing,
    /// The control is timed.
    Timed,
    /// The sample is handed in, with so many copies.
    Sample { input: I, copies: u32 },
}

impl Shared {
    /// A launch that is off.
    pub(super) fn new(name: &str, follows: Option<Follows>, is_test: bool, clock: Arc<Clock>) -> Self {
        Self {
            threshold: AtomicU64::new(0),
            copies: AtomicU64::new(0),
            is_by_user: AtomicBool::new(false),
            door: Door::new(),
            is_full: AtomicBool::new(false),
            is_filling: AtomicBool::new(false),
            distance: AtomicU64::new(0),
            slack: AtomicU64::new(0),
            least_slack: AtomicU64::new(0),
            most_bytes: AtomicU64::new(0),
            active: ArcSwap::from_pointee(Active::new(name, Arc::default(), Dropped::default())),
            tier: AtomicU8::new(0),
            room: AtomicU32::new(0),
            queues: [const { OnceLock::new() }; TIERS.len()],
            follows,
            is_test,
            name: name.into(),
            clock,
            tower: Arc::default(),
            drops: Apart::default(),
            rate: Apart(Rate::new()),
            readings: ArrayQueue::new(READINGS),
            told_by_hand: OnceLock::new(),
            in_flight: AtomicU32::new(0),
            told: Apart::default(),
            following: Mutex::default(),
        }
    }

    /// From now on this policy holds; `None` is off.
    pub(super) fn follow(&self, policy: Option<Arc<ShadowPolicy>>) {
        let _following = self.following.lock().unwrap_or_else(PoisonError::into_inner);
        // ORDERING: each number holds by itself; a sample that meets some old and some new ones keeps to limits that were
        // or are to hold.
        let Some(policy) = policy else {
            self.threshold.store(0, Ordering::Relaxed);
            return self.tower.switch(false);
        };
        let mut active = self.active.load_full();
        if !active.is_of(&policy) {
            active = Arc::new(active.after(&self.name, policy, self.drops.0.read()));
            self.active.store(Arc::clone(&active));
        }
        let policy = &active.policy;
        let pace = pace(policy);
        self.distance.store(pace.distance, Ordering::Relaxed);
        // Starts keep the rate by the engine's own hand, so that callers may come in a burst that the queue evens out: as
        // many as can start before they are late, and as half of the queue holds.
        let half_of_queue = pace.distance.saturating_mul(u64::from(policy.limits.queue / 2));
        let evened_out = u64::try_from(policy.limits.timeout.as_nanos() / 2).unwrap_or(u64::MAX);
        self.slack.store(pace.slack.max(evened_out.min(half_of_queue)), Ordering::Relaxed);
        self.least_slack.store(pace.slack, Ordering::Relaxed);
        self.most_bytes.store(policy.limits.body, Ordering::Relaxed);
        self.in_flight.store(policy.limits.in_flight, Ordering::Relaxed);
        self.is_by_user.store(policy.by == SampleBy::User, Ordering::Relaxed);
        self.copies.store((policy.amplify * sampling::ALL as f64) as u64, Ordering::Relaxed);
        let threshold = sampling::threshold(policy.sample);
        if threshold > 0 && !self.is_test {
            self.make_queue(policy.limits.queue);
        }
        self.clock.tick();
        self.threshold.store(threshold, Ordering::Relaxed);
        self.tower.switch(threshold > 0);
        self.tower.wake();
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn follows_a_flag(&self) -> bool {
        self.follows.is_some()
    }

    pub(super) fn is_test(&self) -> bool {
        self.is_test
    }

    pub(super) fn active(&self) -> Arc<Active> {
        self.active.load_full()
    }

    pub(super) fn is_on(&self) -> bool {
        self.threshold.load(Ordering::Relaxed) > 0
    }

    /// How many copies of a call to run; 0 when it is no sample.
    #[inline]
    pub(super) fn draw(&self, context: ContextRef<'_>) -> u32 {
        let threshold = self.threshold.load(Ordering::Relaxed);
        if threshold == 0 && !self.is_test {
            return 0;
        }
        self.draw_some(threshold, context)
    }

    #[inline]
    fn draw_some(&self, threshold: u64, context: ContextRef<'_>) -> u32 {
        if self.is_test {
            return u32::from(copy_number().is_none() && self.admits(context));
        }
        let drawn =
            if self.is_by_user.load(Ordering::Relaxed) { self.of_user(context) } else { Some(throw()) };
        if drawn.is_none_or(|drawn| u64::from(drawn) >= threshold) || !self.admits(context) {
            return 0;
        }
        let copies = self.copies.load(Ordering::Relaxed);
        let (whole, part) = ((copies >> 32) as u32, copies as u32);
        whole + u32::from(part != 0 && throw() < part)
    }

    /// Nobody's call is no sample of users.
    #[inline(never)]
    fn of_user(&self, context: ContextRef<'_>) -> Option<u32> {
        context.targeting_text().map(|key| of_user(self.active.load().salt, key))
    }

    /// Whether the flag says so now, for this context. A test runs what has no block, too.
    #[inline]
    fn admits(&self, context: ContextRef<'_>) -> bool {
        self.follows.as_ref().is_none_or(|Follows { store, flag }| {
            let snapshot = store.load();
            snapshot.shadow_admits(*flag, context)
                || (self.is_test && snapshot.shadow_policy(*flag).is_none())
        })
    }

    /// Lets a sample in, or says why not. The input is captured only where all limits allow it.
    #[inline]
    pub(super) fn enter<I>(&self, copies: u32, capture: impl FnOnce() -> I) -> Entry<I> {
        self.enter_with(&self.slack, copies, capture)
    }

    fn enter_with<I>(&self, slack: &AtomicU64, copies: u32, capture: impl FnOnce() -> I) -> Entry<I> {
        let way = self.door.look();
        match way {
            Way::In | Way::Probe => {}
            Way::Rest => {
                self.drops.0.count(Reason::Baseline, copies);
                return Entry::Timed;
            }
            Way::Stopped => {
                self.drops.0.count(Reason::Breaker, copies);
                return if throw().is_multiple_of(TIMED_WHILE_OPEN) { Entry::Timed } else { Entry::Nothing };
            }
            Way::Ended => return self.refused(Reason::Shutdown, copies),
        }
        if self.is_full.load(Ordering::Relaxed) {
            return self.refused(Reason::QueueFull, copies);
        }
        if copy_number().is_some() {
            return self.refused(Reason::Nested, copies);
        }
        let pace =
            Pace { distance: self.distance.load(Ordering::Relaxed), slack: slack.load(Ordering::Relaxed) };
        let granted = self.rate.0.take(pace, self.clock.nanoseconds(), copies);
        if granted < copies {
            self.drops.0.count(Reason::Rate, copies - granted);
        }
        if granted == 0 {
            return Entry::Nothing;
        }
        // Last, so that no probe is lost to what drops it.
        if way == Way::Probe && !self.door.takes_a_probe() {
            return self.refused(Reason::Breaker, granted);
        }
        match contained(capture) {
            Some(input) => Entry::Sample { input, copies: granted },
            None => self.refused(Reason::Capture, granted),
        }
    }

    fn refused<I>(&self, reason: Reason, copies: u32) -> Entry<I> {
        self.drops.0.count(reason, copies);
        Entry::Nothing
    }

    /// The biggest answer that is looked at.
    pub(super) fn most_bytes(&self) -> u64 {
        self.most_bytes.load(Ordering::Relaxed)
    }

    /// Sees to a queue with so much room.
    fn make_queue(&self, room: u32) {
        let fits = TIERS.iter().position(|capacity| *capacity >= room as usize);
        let tier = fits.unwrap_or(TIERS.len() - 1);
        if let (Some(queue), Some(capacity)) = (self.queues.get(tier), TIERS.get(tier)) {
            queue.get_or_init(|| Queue::new(*capacity));
        }
        self.room.store(room, Ordering::Relaxed);
        // ORDERING: a queue's own `OnceLock` says whether it is there.
        self.tier.store(tier as u8, Ordering::Relaxed);
    }

    /// The queue that takes samples now.
    #[inline]
    fn queue(&self) -> Option<&Queue> {
        self.queues.get(usize::from(self.tier.load(Ordering::Relaxed)))?.get()
    }

    /// Puts a sample in the queue; wakes nobody. Why not, where it is dropped.
    #[inline]
    pub(super) fn hand_in(&self, queued: Queued) -> Option<Reason> {
        if self.door.is_shut() {
            return Some(Reason::Shutdown);
        }
        if self.push(queued).is_err() {
            // The next callers need not capture to learn it. The engine takes this back.
            self.is_full.store(true, Ordering::Relaxed);
            return Some(Reason::QueueFull);
        }
        None
    }

    #[inline]
    fn push(&self, queued: Queued) -> Result<(), Queued> {
        let Some(queue) = self.queue() else { return Err(queued) };
        // Looking first keeps to a room that is smaller than the queue, and keeps a push from a full queue, where it could
        // wait for a pop that is under way. Callers that come at the same time may each take the last place.
        // PERF: looking costs 30 ns, since the engine writes what it reads. A large queue that is as large as its room needs
        // it only where it was not half empty lately: while a pop is held up the clock stands still, and lets in less than
        // the other half.
        let room = self.room();
        let is_looked_at = room < LARGE || queue.capacity() > room || self.is_filling.load(Ordering::Relaxed);
        if is_looked_at && queue.len() >= room { Err(queued) } else { queue.push(queued) }
    }

    /// Takes the oldest sample out of the queue; one that was put into another queue before comes first.
    pub(super) fn take(&self) -> Option<Queued> {
        let now = usize::from(self.tier.load(Ordering::Relaxed));
        let others = self.queues.iter().enumerate().filter(|(tier, _)| *tier != now);
        let mut others = others.filter_map(|(_, queue)| queue.get());
        others.find_map(Queue::pop).or_else(|| self.queue()?.pop())
    }

    /// Says how full the queue is; the engine does, often.
    pub(super) fn tell_room(&self) {
        let (queued, room) = (self.queued(), self.room());
        // PERF: written where it changes; callers read it.
        let is_filling = queued > room / 2;
        if self.is_filling.load(Ordering::Relaxed) != is_filling {
            self.is_filling.store(is_filling, Ordering::Relaxed);
        }
        if queued < room && self.is_full.load(Ordering::Relaxed) {
            self.is_full.store(false, Ordering::Relaxed);
        }
    }

    /// How many samples wait in the queue.
    pub(super) fn queued(&self) -> usize {
        self.queues.iter().filter_map(OnceLock::get).map(Queue::len).sum()
    }

    /// How many samples may wait.
    pub(super) fn room(&self) -> usize {
        self.room.load(Ordering::Relaxed) as usize
    }

    /// Notes what the control took alone.
    pub(super) fn read(&self, took: Duration) {
        // Of too many some are enough.
        let _ = self.readings.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Notes what the control took beside a candidate that the embedder runs.
    pub(super) fn read_beside(&self, took: Duration) {
        let _ = self.told_by_hand().beside.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn set_round(&self, round: u32) {
        self.door.set_round(round);
    }

    /// The breaker's round that a candidate belongs to which is let in now.
    pub(super) fn round(&self) -> u32 {
        self.door.round()
    }

    /// Lets the embedder run some candidates of those that it wants; none where only the control's time is wanted.
    pub(super) fn let_off(&self, copies: u32) -> Option<u32> {
        if self.is_test {
            return Some(self.tower.take_off(copies, u32::MAX));
        }
        // Nobody holds these to the rate a second time, so the time is looked at.
        self.clock.tick();
        let copies = match self.enter_with(&self.least_slack, copies, || ()) {
            Entry::Nothing => return None,
            Entry::Timed => return Some(0),
            Entry::Sample { copies, .. } => copies,
        };
        let granted = self.tower.take_off(copies, self.in_flight.load(Ordering::Relaxed));
        if granted < copies {
            self.drops.0.count(Reason::InFlight, copies - granted);
        }
        (granted > 0).then_some(granted)
    }

    /// Hears that the embedder's candidate ended, and whether it failed, where it is known.
    pub(super) fn landed(&self, is_failure: Option<bool>, round: u32) {
        self.tower.ended();
        if let Some(is_failure) = is_failure {
            // Of too many some are enough.
            let _ = self.told_by_hand().endings.push((is_failure, round));
        }
    }

    fn told_by_hand(&self) -> &ToldByHand {
        self.told_by_hand.get_or_init(|| ToldByHand {
            endings: ArrayQueue::new(READINGS),
            beside: ArrayQueue::new(READINGS),
        })
    }

    pub(super) fn set_gate(&self, gate: Gate) {
        self.door.set(gate);
    }

    pub(super) fn state(&self) -> LaunchState {
        match self.door.gate() {
            None => LaunchState::Ended,
            _ if !self.is_on() => LaunchState::Off,
            Some(Gate::Pass) => LaunchState::Running,
            Some(Gate::Rest) => LaunchState::Resting,
            Some(Gate::Probe(_)) => LaunchState::Probing,
            Some(Gate::Slowing) => LaunchState::Slowing,
            Some(Gate::Failing) => LaunchState::Failing,
        }
    }

    /// What has become of all copies since the recorder began.
    pub(super) fn counts(&self) -> Counts {
        if self.door.is_shut() {
            self.sweep();
        }
        let active = self.active.load();
        let [matched, mismatched, ignored, errors, timeouts] = active.recorder.ends();
        Counts {
            matched,
            mismatched,
            ignored,
            errors,
            timeouts,
            waiting: self.queued() as u64 + u64::from(self.told.0.held.load(Ordering::Relaxed)),
            in_flight: u64::from(self.tower.in_flight()),
            dropped: self.drops.0.read().since(active.dropped_before),
        }
    }

    /// Lets nothing in any more.
    pub(super) fn shut(&self) {
        // ORDERING: whoever sees the gate shut sees that the end is still to be told.
        self.told.0.is_at_rest.store(false, Ordering::Relaxed);
        self.threshold.store(0, Ordering::Relaxed);
        self.door.shut();
    }

    /// Drops what callers put into the queue who saw the gate open right before it was shut: nobody else comes for it, and
    /// on their way they look no second time.
    fn sweep(&self) {
        while let Some(queued) = self.take() {
            self.drops.0.count(Reason::Shutdown, queued.copies);
            contained(|| drop(queued));
        }
    }

    /// Says at the end of a turn what is left.
    pub(super) fn turned(&self, held: u32, is_at_rest: bool) {
        self.told.0.held.store(held, Ordering::Relaxed);
        self.told.0.is_at_rest.store(is_at_rest, Ordering::Release);
        self.told.0.turns.fetch_add(1, Ordering::AcqRel);
    }

    /// How many turns the engine took so far. What was handed in before, the turn after the next one to end has seen.
    pub(super) fn turns_so_far(&self) -> u64 {
        // ORDERING: a change, if of nothing, so that it reads the latest; the engine's next change of it, which acquires,
        // then sees what came before this.
        self.told.0.turns.fetch_add(0, Ordering::AcqRel)
    }

    /// How many turns the engine took, and whether the last one left nothing to do.
    pub(super) fn turns(&self) -> (u64, bool) {
        // ORDERING: whether it rests is written before the turn is counted.
        let turns = self.told.0.turns.load(Ordering::Acquire);
        (turns, self.told.0.is_at_rest.load(Ordering::Acquire))
    }
}

/// The pace of a policy.
pub(super) fn pace(policy: &ShadowPolicy) -> Pace {
    Pace::new(policy.limits.rate, policy.amplify)
}

/// While a breaker is open one in so many samples is timed.
const TIMED_WHILE_OPEN: u32 = 64;

/// Sizes of queues, made when a policy first asks for so much, and kept: so a caller finds the queue by a load.
// PERF: behind an `ArcSwap` a push cost 20 ns more (benchmark `shadow`, row `all`).
const TIERS: [usize; 6] = [64, 256, 1_024, LARGE, 16_384, 65_536];

/// Half of a queue so large holds more than any rate lets in at once: a thousand.
const LARGE: usize = 4_096;

/// Readings that fit between two turns.
const READINGS: usize = 1_024;
