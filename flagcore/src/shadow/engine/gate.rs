//! What a breaker lets through, as callers see it: one number, and how many probes are left.
//!
//! The engine's thread sets it, any number of callers look at it. A probe is taken by one atomic step, so that however calls
//! interleave, no more get through than were set.

use super::breaker::{Gate, PROBES};

#[cfg(all(loom, test))]
use loom::sync::atomic::{AtomicU8, AtomicU32, Ordering};
#[cfg(not(all(loom, test)))]
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// The door that callers come to.
#[derive(Debug)]
pub(super) struct Door {
    stands: AtomicU8,
    probes: AtomicU32,
    /// Which round of probes this is.
    round: AtomicU32,
}

/// What a caller finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In.
    In,
    /// In, with one of the probes, where one is left.
    Probe,
    /// The control is timed alone.
    Rest,
    /// A breaker is open.
    Stopped,
    /// The launch ended.
    Ended,
}

impl Door {
    pub(super) fn new() -> Self {
        Self { stands: AtomicU8::new(PASS), probes: AtomicU32::new(0), round: AtomicU32::new(0) }
    }

    pub(super) fn set(&self, gate: Gate) {
        let stands = match gate {
            Gate::Pass => PASS,
            Gate::Rest => REST,
            Gate::Failing => FAILING,
            Gate::Slowing => SLOWING,
            Gate::Probe(round) => {
                self.set_round(round);
                // Never more than so many at a time, also of those that an earlier one left.
                self.probes.store(PROBES, Ordering::Relaxed);
                PROBE
            }
        };
        // ORDERING: a caller that sees it late, or sees the probes late, does what was right a moment ago.
        self.stands.store(stands, Ordering::Relaxed);
    }

    /// Lets nobody in any more.
    pub(super) fn shut(&self) {
        self.stands.store(SHUT, Ordering::Release);
    }

    /// Which way a caller goes.
    #[inline]
    pub(super) fn look(&self) -> Way {
        match self.stands.load(Ordering::Relaxed) {
            PASS => Way::In,
            REST => Way::Rest,
            PROBE if self.probes.load(Ordering::Relaxed) > 0 => Way::Probe,
            SHUT => Way::Ended,
            _ => Way::Stopped,
        }
    }

    /// Takes a probe, if one is left.
    pub(super) fn takes_a_probe(&self) -> bool {
        self.probes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// From now on what is let in belongs to this round.
    pub(super) fn set_round(&self, round: u32) {
        self.round.store(round, Ordering::Relaxed);
    }

    /// The round that a candidate belongs to which is let in now.
    pub(super) fn round(&self) -> u32 {
        self.round.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn is_shut(&self) -> bool {
        self.stands.load(Ordering::Acquire) == SHUT
    }

    /// How it stands; `None` when it is shut.
    pub(super) fn gate(&self) -> Option<Gate> {
        Some(match self.stands.load(Ordering::Acquire) {
            PASS => Gate::Pass,
            REST => Gate::Rest,
            PROBE => Gate::Probe(0),
            SLOWING => Gate::Slowing,
            FAILING => Gate::Failing,
            _ => return None,
        })
    }
}

const PASS: u8 = 0;
const REST: u8 = 1;
const PROBE: u8 = 2;
const FAILING: u8 = 3;
const SLOWING: u8 = 4;
const SHUT: u8 = 5;

/// A caller that nothing else keeps out.
#[cfg(test)]
fn enter(door: &Door) -> Way {
    match door.look() {
        Way::Probe if door.takes_a_probe() => Way::In,
        Way::Probe => Way::Stopped,
        way => way,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn callers_find_what_was_set() {
        let door = Door::new();
        for (gate, way) in [
            (Gate::Rest, Way::Rest),
            (Gate::Failing, Way::Stopped),
            (Gate::Slowing, Way::Stopped),
            (Gate::Pass, Way::In),
        ] {
            door.set(gate);
            assert_eq!((enter(&door), door.gate()), (way, Some(gate)));
        }
        door.set(Gate::Probe(1));
        let ways: Vec<Way> = (0..=PROBES).map(|_| enter(&door)).collect();
        assert_eq!(ways.iter().filter(|way| **way == Way::In).count(), PROBES as usize);
        assert_eq!(ways.last(), Some(&Way::Stopped));
        door.shut();
        assert_eq!((enter(&door), door.gate(), door.is_shut()), (Way::Ended, None, true));
    }
}

/// Every interleaving: `RUSTFLAGS="--cfg loom" cargo test -p flagcore --lib --target-dir target/loom interleavings`.
#[cfg(all(test, loom))]
mod interleavings {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// How many of some calls of two threads get in.
    fn entered(door: &Arc<Door>, calls: u32, meanwhile: impl FnOnce()) -> u32 {
        let entered = move |door: &Door| (0..calls).filter(|_| enter(door) == Way::In).count() as u32;
        let other = Arc::clone(door);
        let thread = thread::spawn(move || entered(&other));
        meanwhile();
        let here = entered(door);
        here + thread.join().unwrap()
    }

    #[test]
    fn as_many_probes_get_in_as_were_set() {
        loom::model(|| {
            let door = Arc::new(Door::new());
            door.set(Gate::Probe(1));
            // Three on each side, five in all.
            assert_eq!(entered(&door, 3, || {}), PROBES);
            assert_eq!(enter(&door), Way::Stopped);
        });
    }

    #[test]
    fn nobody_gets_in_where_a_breaker_opens_but_who_came_before() {
        loom::model(|| {
            let door = Arc::new(Door::new());
            door.set(Gate::Probe(1));
            assert!(entered(&door, 2, || door.set(Gate::Failing)) <= 2, "those of the other thread");
            assert_eq!(enter(&door), Way::Stopped);
        });
    }

    #[test]
    fn what_an_earlier_probing_left_is_not_added_to_the_next() {
        loom::model(|| {
            let door = Arc::new(Door::new());
            door.set(Gate::Probe(1));
            door.probes.store(1, Ordering::Relaxed);
            assert!(entered(&door, 3, || door.set(Gate::Probe(2))) <= PROBES + 1);
        });
    }
}
