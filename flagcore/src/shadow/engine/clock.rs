//! The time as the engine last saw it, and memory that is written apart from what is read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The time as the engine last saw it: reading it is a load.
#[derive(Debug)]
pub(super) struct Clock {
    begun: Instant,
    nanoseconds: Apart<AtomicU64>,
}

/// A moment, as an instant and on the engine's clock.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) at: Instant,
    pub(super) nanoseconds: u64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), nanoseconds: Apart::default() }
    }

    /// Looks at the time, for everybody.
    pub(super) fn tick(&self) -> Now {
        let at = Instant::now();
        let nanoseconds = u64::try_from(at.duration_since(self.begun).as_nanos()).unwrap_or(u64::MAX);
        // PERF: callers have to fetch what is written, so it is not written more often than it helps (benchmark `shadow`).
        if nanoseconds.saturating_sub(self.nanoseconds()) >= RESOLUTION {
            // ORDERING: the time is all there is to know; nothing else is published by it.
            self.nanoseconds.0.store(nanoseconds, Ordering::Relaxed);
        }
        Now { at, nanoseconds }
    }

    /// A little in the past: whoever goes by it comes rather too late than too early.
    #[inline]
    pub(super) fn nanoseconds(&self) -> u64 {
        self.nanoseconds.0.load(Ordering::Relaxed)
    }
}

/// Something on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Apart<T>(pub(super) T);

/// How far the clock of callers lags within a turn, in nanoseconds.
const RESOLUTION: u64 = 250_000;
