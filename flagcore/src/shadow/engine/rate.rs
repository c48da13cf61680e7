//! A rate that is never exceeded, kept by one atomic number and no lock.
//!
//! Starts stand on a line at equal distances (the generic cell rate algorithm, ITU-T I.371). `next` is the place of the
//! next start; a start may come before its place by at most the slack, which is what lets a few come at once. Whoever
//! wants to start moves `next` on by one compare-and-swap: of those that try at the same time one succeeds, and the
//! others see what it left. Nobody waits: a start without a place is refused.

use std::time::Duration;

#[cfg(all(loom, test))]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(all(loom, test)))]
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the next start stands, in nanoseconds of the engine's clock.
#[derive(Debug)]
pub(super) struct Rate {
    next: AtomicU64,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self { next: AtomicU64::new(0) }
    }

    /// Takes up to so many starts; how many there are places for.
    pub(super) fn take(&self, pace: Pace, now: u64, wanted: u32) -> u32 {
        // ORDERING: the number is all there is to agree on; nothing else is published by it.
        let mut next = self.next.load(Ordering::Relaxed);
        loop {
            let (granted, after) = pace.grant(next, now, wanted);
            if granted == 0 {
                return 0;
            }
            match self.next.compare_exchange_weak(next, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return granted,
                Err(seen) => next = seen,
            }
        }
    }
}

/// How far starts stand apart, and how much too early one may come; nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) distance: u64,
    pub(super) slack: u64,
}

impl Pace {
    /// At most `per_second` starts in any second, of which a hundredth, or the copies of one sample, may come at once.
    ///
    /// In a window of length `w` there are fewer than `w / distance + burst` starts. The distance is chosen so that this
    /// stays within the rate for a window of one second, the burst included.
    pub(super) fn new(per_second: f64, copies: f64) -> Self {
        let per_second =
            if per_second.is_finite() { per_second.max(LEAST_PER_SECOND) } else { LEAST_PER_SECOND };
        let most = (per_second / 2.0).floor().max(1.0);
        let burst = (per_second / 100.0).ceil().max(copies.ceil()).max(1.0).min(most);
        let distance = (SECOND / (per_second - (burst - 1.0))).ceil().max(1.0) as u64;
        Self { distance, slack: distance.saturating_mul(burst as u64 - 1) }
    }

    /// How many of the wanted starts have a place, and the place after them.
    fn grant(self, next: u64, now: u64, wanted: u32) -> (u32, u64) {
        let first = next.max(now);
        let Some(room) = now.saturating_add(self.slack).checked_sub(first) else { return (0, next) };
        let places = room / self.distance.max(1) + 1;
        let granted = wanted.min(u32::try_from(places).unwrap_or(u32::MAX));
        (granted, first.saturating_add(self.distance.saturating_mul(u64::from(granted))))
    }
}

const SECOND: f64 = Duration::from_secs(1).as_nanos() as f64;

/// One start in some thirty years: less is none.
const LEAST_PER_SECOND: f64 = 1e-9;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Starts that are wanted all the time, at every millisecond of some seconds.
    fn starts(per_second: f64, wanted: u32, seconds: u64) -> Vec<u64> {
        let (rate, pace) = (Rate::new(), Pace::new(per_second, f64::from(wanted)));
        let mut starts = Vec::new();
        for millisecond in 0..seconds * 1_000 {
            let now = millisecond * 1_000_000;
            let granted = rate.take(pace, now, wanted);
            starts.extend((0..granted).map(|_| now));
        }
        starts
    }

    #[test]
    fn no_second_holds_more_starts_than_the_rate() {
        for per_second in [0.5, 1.0, 2.0, 3.0, 7.0, 50.0, 99.0, 100.0, 500.0, 12_345.0] {
            for wanted in [1, 2, 3, 100] {
                let starts = starts(per_second, wanted, 5);
                assert!(!starts.is_empty());
                for (at, start) in starts.iter().enumerate() {
                    let within = starts.partition_point(|next| *next < start + SECOND) - at;
                    assert!(within as f64 <= per_second.max(1.0), "{within} in a second at {per_second}/s");
                }
            }
        }
    }

    #[test]
    fn nearly_all_of_the_rate_is_given() {
        for per_second in [1.0, 10.0, 100.0, 500.0, 10_000.0] {
            let given = starts(per_second, 100, 10).len() as f64;
            assert!(given >= per_second * 10.0 * 0.5, "{given} in ten seconds at {per_second}/s");
        }
        assert!(starts(500.0, 1, 10).len() >= 4_900);
    }

    #[test]
    fn time_that_stands_still_gives_no_more_than_a_burst() {
        let (rate, pace) = (Rate::new(), Pace::new(500.0, 1.0));
        let given: u32 = (0..1_000).map(|_| rate.take(pace, 7, 1)).sum();
        assert_eq!(given, 5);
    }

    #[test]
    fn a_rate_that_is_no_number_gives_next_to_nothing() {
        for per_second in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            let (rate, pace) = (Rate::new(), Pace::new(per_second, 1.0));
            assert_eq!((0..1_000).map(|second| rate.take(pace, second * SECOND, 1)).sum::<u32>(), 1);
        }
    }
}

/// Every interleaving: `RUSTFLAGS="--cfg loom" cargo test -p flagcore --lib --target-dir target/loom interleavings`.
#[cfg(all(test, loom))]
mod interleavings {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// What three threads take together of a rate that has three places, at times of their own.
    fn taken(rate: &Arc<Rate>, times: [u64; 3]) -> u32 {
        let [here, others @ ..] = times;
        let threads = others.map(|now| {
            let rate = Arc::clone(rate);
            thread::spawn(move || rate.take(PACE, now, 2))
        });
        let here = rate.take(PACE, here, 1);
        threads.into_iter().fold(here, |sum, thread| sum + thread.join().unwrap())
    }

    const PACE: Pace = Pace { distance: 10, slack: 20 };

    #[test]
    fn threads_take_all_there_is_and_no_more() {
        loom::model(|| {
            let rate = Arc::new(Rate::new());
            assert_eq!(taken(&rate, [0, 0, 0]), 3);
            assert_eq!(rate.take(PACE, 5, 1), 0);
            assert_eq!(rate.take(PACE, 10, 2), 1);
        });
    }

    #[test]
    fn threads_whose_clocks_differ_take_no_more_either() {
        loom::model(|| {
            let rate = Arc::new(Rate::new());
            // The one ahead may leave a gap that nobody fills.
            assert!((2..=3).contains(&taken(&rate, [0, 5, 0])));
        });
    }
}
