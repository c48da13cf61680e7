//! What became of every copy: why some were dropped, and the sum of all.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a copy never ran, or was given up before it was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The queue between callers and workers was full.
    QueueFull,
    /// More would have started than the limit `rate` allows.
    Rate,
    /// It waited for one of `in_flight` until it was too old.
    InFlight,
    /// A breaker was open.
    Breaker,
    /// The control ran alone for a moment, to tell what it costs without a shadow beside it.
    Baseline,
    /// It waited longer than the limit `timeout` for other causes.
    Late,
    /// An answer was bigger than the limit `body`.
    TooBig,
    /// Too many candidates hang: their threads cannot be ended, and no more are started.
    Stuck,
    /// `capture`, `keep`, `clone` or `size` panicked on the caller's side. Where they do on the candidate's, it is an error.
    Capture,
    /// It was asked for inside of a candidate.
    Nested,
    /// No thread or task could be started, or the runtime dropped it.
    Spawn,
    /// The flag was switched off while it waited.
    SwitchedOff,
    /// The engine or the launch is gone.
    Shutdown,
}

impl Reason {
    /// Every reason, in the order in which they are told.
    pub const ALL: [Reason; 13] = [
        Reason::QueueFull,
        Reason::Rate,
        Reason::InFlight,
        Reason::Breaker,
        Reason::Baseline,
        Reason::Late,
        Reason::TooBig,
        Reason::Stuck,
        Reason::Capture,
        Reason::Nested,
        Reason::Spawn,
        Reason::SwitchedOff,
        Reason::Shutdown,
    ];

    /// The reason as metrics and reports name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::QueueFull => "queue_full",
            Reason::Rate => "rate",
            Reason::InFlight => "in_flight",
            Reason::Breaker => "breaker",
            Reason::Baseline => "baseline",
            Reason::Late => "late",
            Reason::TooBig => "too_big",
            Reason::Stuck => "stuck",
            Reason::Capture => "capture",
            Reason::Nested => "nested",
            Reason::Spawn => "spawn",
            Reason::SwitchedOff => "switched_off",
            Reason::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What has become of the copies of a launch so far.
///
/// Each copy is counted once: as matched, mismatched, ignored, an error, a timeout, or dropped for a reason; until then
/// it waits or is in flight. A call whose control panics is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Copies whose answer matched.
    pub matched: u64,
    /// Copies whose answer differed.
    pub mismatched: u64,
    /// Copies whose answer differed in what is ignored.
    pub ignored: u64,
    /// Copies that answered with a failure or panicked, or whose comparison did.
    pub errors: u64,
    /// Copies that took longer than the limit `timeout`.
    pub timeouts: u64,
    /// Samples that wait for their turn now.
    pub waiting: u64,
    /// Candidates that run now, those that hang included.
    pub in_flight: u64,
    pub(super) dropped: Dropped,
}

impl Counts {
    /// Copies dropped for a reason.
    pub fn dropped(&self, reason: Reason) -> u64 {
        self.dropped.of(reason)
    }

    /// Copies dropped for whatever reason.
    pub fn all_dropped(&self) -> u64 {
        self.dropped.0.iter().sum()
    }

    /// Copies that were compared.
    pub fn compared(&self) -> u64 {
        self.matched + self.mismatched + self.ignored
    }
}

/// Dropped copies by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped([u64; Reason::ALL.len()]);

impl Dropped {
    fn of(&self, reason: Reason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// What came since.
    pub(super) fn since(mut self, before: Dropped) -> Self {
        for (now, before) in self.0.iter_mut().zip(before.0) {
            *now = now.saturating_sub(before);
        }
        self
    }

    /// As a report is told.
    pub(super) fn by_name(self) -> impl Iterator<Item = (&'static str, u64)> {
        Reason::ALL.into_iter().map(Reason::as_str).zip(self.0)
    }
}

/// The counters of what is dropped; callers count too.
#[derive(Debug, Default)]
pub(super) struct Drops([AtomicU64; Reason::ALL.len()]);

impl Drops {
    #[inline]
    pub(super) fn count(&self, reason: Reason, copies: u32) {
        if let Some(counter) = self.0.get(reason as usize) {
            // ORDERING: counters stand alone, nobody concludes anything else from them.
            counter.fetch_add(u64::from(copies), Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> Dropped {
        let mut dropped = Dropped::default();
        for (read, counter) in dropped.0.iter_mut().zip(&self.0) {
            *read = counter.load(Ordering::Relaxed);
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_where_they_stand() {
        let drops = Drops::default();
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at, "{reason}");
            drops.count(reason, at as u32 + 1);
        }
        let dropped = drops.read();
        for (at, (reason, name)) in Reason::ALL.into_iter().zip(dropped.by_name()).enumerate() {
            assert_eq!((dropped.of(reason), name), (at as u64 + 1, (reason.as_str(), at as u64 + 1)));
        }
        assert_eq!(dropped.since(dropped), Dropped::default());
    }
}
