//! The engine's side of one launch: takes samples out of the queue, starts candidates, holds them to their time, hears how
//! they ended.
//!
//! All of it happens on the engine's one thread, a turn at a time, so that limits are kept by plain numbers. A candidate's
//! own code runs elsewhere; what is dropped here is dropped with its panics contained.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::active::Active;
use super::breaker::{Breaker, Gate};
use super::clock::Now;
use super::contain::contained;
use super::counts::Reason;
use super::crew::{Crew, Room, Task};
use super::flight::{Ending, Flight, Runner, Watched};
use super::rate::{Pace, Rate};
use super::sample::Work;
use super::shared::{Shared, pace};
use super::spawn::{Spawn, spawn};

pub(super) struct Desk {
    shared: Arc<Shared>,
    active: Arc<Active>,
    breaker: Breaker,
    gate: Gate,
    crew: Crew,
    spawner: Option<Arc<dyn Spawn>>,
    /// Starts keep the rate too: samples that waited would else start all at once.
    rate: Rate,
    pace: Pace,
    timeout: Duration,
    in_flight: u32,
    /// The sample whose copies are being started.
    held: Option<Held>,
    flights: Vec<(Arc<Flight>, Kind)>,
    /// Copies that were started and whose end is not counted yet.
    open: u32,
    endings: Receiver<Ending>,
    sender: Sender<Ending>,
}

struct Held {
    work: Work,
    copies: u32,
    started: u32,
    /// What the control took, and when it had answered.
    control: Duration,
    at: Instant,
}

/// What a turn found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// Nothing can come before the launch is switched on.
    Off,
    /// There was nothing to do.
    Quiet,
    /// There was something to do, or there is.
    Busy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blocking,
    Async,
}

impl Desk {
    pub(super) fn new(
        shared: Arc<Shared>,
        crew: Crew,
        spawner: Option<Arc<dyn Spawn>>,
        now: Instant,
    ) -> Self {
        let active = shared.active();
        let (sender, endings) = channel();
        let mut desk = Self {
            shared,
            breaker: Breaker::new(active.policy.breaker.clone(), now),
            gate: Gate::Pass,
            crew,
            spawner,
            rate: Rate::new(),
            pace: pace(&active.policy),
            timeout: Duration::ZERO,
            in_flight: 0,
            held: None,
            flights: Vec::new(),
            open: 0,
            endings,
            sender,
            active,
        };
        desk.follow();
        desk
    }

    /// From now on the thread that calls this takes the turns.
    pub(super) fn open_here(&self) {
        self.shared.tower.start_here();
    }

    fn follow(&mut self) {
        let policy = &self.active.policy;
        let limits = &policy.limits;
        self.pace = pace(policy);
        self.timeout = limits.timeout;
        self.in_flight = limits.in_flight;
        self.breaker.follow(&policy.breaker);
    }

    /// One turn.
    pub(super) fn turn(&mut self, now: Now) -> Turn {
        let active = self.shared.active();
        if !Arc::ptr_eq(&active, &self.active) {
            if !Arc::ptr_eq(&active.recorder, &self.active.recorder) {
                // Another launch, in all but name.
                self.breaker.begin(active.policy.breaker.clone(), now.at);
                self.shared.set_round(self.breaker.round());
            }
            self.active = active;
            self.follow();
        }
        self.hear(now.at);
        self.watch(now.at);
        while let Some(reading) = self.shared.readings.pop() {
            self.breaker.control_at_rest(reading, now.at);
        }
        self.turn_gate(now.at);
        self.shared.tell_room();
        let did_start = self.start();
        self.shared.tell_room();
        let is_idle = !did_start && self.held.is_none() && self.open == 0;
        self.shared.tower.wait(self.held.is_some());
        self.shared.turned(u32::from(self.held.is_some()), is_idle && self.shared.queued() == 0);
        match (is_idle, self.shared.is_on()) {
            (false, _) => Turn::Busy,
            (true, true) => Turn::Quiet,
            (true, false) => Turn::Off,
        }
    }

    /// Whether nobody is left who could hand anything in, and nothing is left to do.
    pub(super) fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
            && self.held.is_none()
            && self.open == 0
            && self.shared.queued() == 0
    }

    /// Hears how candidates ended.
    fn hear(&mut self, now: Instant) {
        for ending in self.endings.try_iter() {
            self.open = self.open.saturating_sub(1);
            match ending {
                Ending::Answered { is_failure, round } => self.breaker.ended(is_failure, round, now),
                Ending::Dropped(reason) => self.shared.drops.0.count(reason, 1),
            }
        }
        self.flights.retain(|(flight, _)| !flight.is_over());
        let Some(told) = self.shared.told_by_hand.get() else { return };
        while let Some((is_failure, round)) = told.endings.pop() {
            self.breaker.ended(is_failure, round, now);
        }
        while let Some(reading) = told.beside.pop() {
            self.breaker.control_beside(reading);
        }
    }

    /// Hears of those that ended while the others were given up: they are about to tell.
    fn hear_the_last(&mut self) {
        let deadline = Instant::now() + LAST_WORD;
        while self.open > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(ending) = self.endings.recv_timeout(left) else { return };
            self.open -= 1;
            if let Ending::Dropped(reason) = ending {
                self.shared.drops.0.count(reason, 1);
            }
        }
    }

    /// Gives up what takes too long.
    fn watch(&mut self, now: Instant) {
        for (flight, kind) in &self.flights {
            if !flight.is_late(now) {
                continue;
            }
            let is_given_up = match kind {
                Kind::Blocking => self.crew.give_up(flight),
                Kind::Async => flight.give_up(),
            };
            if is_given_up {
                self.open = self.open.saturating_sub(1);
                flight.record_timeout(now);
                self.breaker.ended(true, flight.round, now);
            }
        }
        self.flights.retain(|(flight, _)| !flight.is_overdue());
    }

    fn turn_gate(&mut self, now: Instant) {
        let gate = self.breaker.turn(now);
        if gate != self.gate {
            self.gate = gate;
            self.shared.set_gate(gate);
        }
    }

    /// Starts what waits, as far as limits allow; whether anything was taken out of the queue or started.
    fn start(&mut self) -> bool {
        let mut did_start = false;
        // A turn ends also where callers are faster than it.
        for taken in 0..=self.shared.room() {
            if taken % 64 == 63 {
                self.shared.tell_room();
            }
            let Some(mut held) = self.held.take().or_else(|| self.take()) else { break };
            let before = held.started;
            let is_done = self.start_copies(&mut held);
            did_start |= is_done || held.started > before;
            if !is_done {
                self.held = Some(held);
                break;
            }
            contained(|| drop(held));
        }
        did_start
    }

    fn take(&mut self) -> Option<Held> {
        loop {
            let mut queued = self.shared.take()?;
            self.breaker.control_beside(u64::try_from(queued.control.as_nanos()).unwrap_or(u64::MAX));
            let (copies, control, at) = (queued.copies, queued.control, queued.at);
            match contained(|| queued.packed.unpack()).flatten() {
                Some(work) => return Some(Held { work, copies, started: 0, control, at }),
                None => self.shared.drops.0.count(Reason::Capture, copies),
            }
        }
    }

    /// Starts the copies of a sample; whether none is left to start.
    fn start_copies(&mut self, held: &mut Held) -> bool {
        while held.started < held.copies {
            // The clock goes on also while a turn takes long: callers go by it.
            let now = self.shared.clock.tick();
            let is_late = now.at.saturating_duration_since(held.at) > self.timeout;
            let reason = match self.hindrance(&held.work, is_late, now) {
                None if self.start_copy(held, now.at) => {
                    held.started += 1;
                    continue;
                }
                None => Reason::Spawn,
                Some(Reason::InFlight | Reason::Rate) if !is_late => return false,
                Some(reason) => reason,
            };
            self.shared.drops.0.count(reason, held.copies - held.started);
            if reason == Reason::Stuck {
                // Those that hang were counted once; that they still do is news for each that finds no thread.
                self.breaker.ended(true, self.breaker.round(), now.at);
            }
            break;
        }
        true
    }

    /// What keeps a copy from being started now; if nothing does, it counts as in flight.
    fn hindrance(&self, work: &Work, is_late: bool, now: Now) -> Option<Reason> {
        if !self.shared.is_on() {
            return Some(Reason::SwitchedOff);
        }
        if self.gate.is_open() {
            return Some(Reason::Breaker);
        }
        let is_full = self.shared.tower.in_flight() >= self.in_flight;
        match work {
            Work::Blocking(_) => match self.crew.room() {
                Room::Stuck => return Some(Reason::Stuck),
                Room::Busy => return Some(Reason::InFlight),
                Room::Free => {}
            },
            Work::Async(_) if self.spawner.is_none() => return Some(Reason::Spawn),
            Work::Async(_) => {}
        }
        if is_full {
            return Some(Reason::InFlight);
        }
        if is_late {
            return Some(Reason::Late);
        }
        if self.rate.take(self.pace, now.nanoseconds, 1) == 0 {
            return Some(Reason::Rate);
        }
        // A ticket may have come in between.
        (self.shared.tower.take_off(1, self.in_flight) == 0).then_some(Reason::InFlight)
    }

    /// Starts a copy; `false` when there is no thread for it.
    fn start_copy(&mut self, held: &Held, now: Instant) -> bool {
        let (by, copy) = (Arc::clone(&self.active), held.started + 1);
        let flight = Flight::new(by, copy, held.control, self.breaker.round(), now);
        let tower = Arc::clone(&self.shared.tower);
        let runner = Runner::new(Arc::clone(&flight), tower, self.sender.clone());
        let is_only = held.copies == 1;
        let kind = match &held.work {
            Work::Blocking(sample) => {
                if !self.crew.has_thread() {
                    // Not told as lost: the caller counts it.
                    flight.give_up();
                    return false;
                }
                self.crew.give(Task { sample: Arc::clone(sample), is_only, runner });
                Kind::Blocking
            }
            Work::Async(sample) => {
                let candidate = Arc::clone(sample).start(Arc::clone(&flight.by), is_only);
                spawn(self.spawner.as_deref(), Box::pin(Watched::new(candidate, runner)));
                Kind::Async
            }
        };
        self.flights.push((flight, kind));
        self.open += 1;
        true
    }
}

impl Drop for Desk {
    /// Ends the launch: what waits or runs is counted as dropped. Waits for no candidate.
    fn drop(&mut self) {
        self.shared.shut();
        self.hear(Instant::now());
        for (flight, kind) in std::mem::take(&mut self.flights) {
            let is_given_up = match kind {
                Kind::Blocking => self.crew.give_up(&flight),
                Kind::Async => flight.give_up(),
            };
            if is_given_up {
                self.open = self.open.saturating_sub(1);
                self.shared.drops.0.count(Reason::Shutdown, 1);
            }
        }
        self.hear_the_last();
        let drops = &self.shared.drops.0;
        if let Some(held) = self.held.take() {
            drops.count(Reason::Shutdown, held.copies - held.started);
            contained(|| drop(held));
        }
        while let Some(queued) = self.shared.take() {
            drops.count(Reason::Shutdown, queued.copies);
            contained(|| drop(queued));
        }
        self.shared.turned(0, true);
    }
}

/// How long the word of a candidate that just ended may take; without it, it would not be counted.
const LAST_WORD: Duration = Duration::from_millis(20);
