//! Counts what becomes of copies; many threads write, anybody may read.
//!
//! Counts and latencies are relaxed counters, in one of eight stripes that a thread keeps to. Only what differs takes a
//! lock, for as long as it takes to count its fields: the comparison itself, and all texts, are made before. Threads of
//! callers come here only with tickets.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::shadow::compare::{Failure, Verdict};

use super::fields::{Fields, StoreLimits};
use super::histogram::{Counted, ERROR, Histogram};
use super::metrics::BOUNDS;
use super::shadow_report::{Dropped, Latency, ShadowReport};

/// How long both sides took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The control.
    pub control: Duration,
    /// The candidate, or how long it was waited for.
    pub candidate: Duration,
}

/// Counts what becomes of the copies of one dark launch.
///
/// Each copy is recorded once, by the thread that knows how it ended. Memory is bounded, whatever is recorded.
pub struct Recorder {
    flag: Box<str>,
    id: Box<str>,
    stripes: [OnceLock<Box<Stripe>>; STRIPES],
    fields: Mutex<Fields>,
}

/// What a part of the threads counted.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe {
    ends: [AtomicU64; 5],
    control: Histogram,
    candidate: Histogram,
}

/// How a copy ended.
#[derive(Clone, Copy)]
enum End {
    Matched,
    Mismatched,
    Ignored,
    Error,
    Timeout,
}

impl Recorder {
    /// A recorder that has counted nothing. The seed decides which examples are drawn.
    pub fn new(flag: &str, id: &str, limits: StoreLimits, seed: u64) -> Self {
        Self {
            flag: flag.into(),
            id: id.into(),
            stripes: [const { OnceLock::new() }; STRIPES],
            fields: Mutex::new(Fields::new(limits, seed)),
        }
    }

    /// Changes the limits; what is past the new ones is let go at once.
    pub fn set_limits(&self, limits: StoreLimits) {
        self.fields().set_limits(limits);
    }

    /// The candidate answered, and the answers were compared. An answer that cannot be compared is an error of the
    /// class `TreeError`.
    pub fn compared(&self, verdict: Verdict, times: Times, copy: u32) {
        match verdict {
            Verdict::Match => self.count(End::Matched, times),
            Verdict::Ignored => self.count(End::Ignored, times),
            Verdict::Mismatch(differences) => {
                self.count(End::Mismatched, times);
                let list = differences.into_list();
                let mut fields = self.fields();
                list.into_iter().for_each(|difference| fields.differed(difference, copy));
            }
            Verdict::Failed(failure) => self.failed(failure, times, copy),
            Verdict::Unfit(error) => self.failed(Failure::of(&error), times, copy),
        }
    }

    /// The candidate failed or panicked.
    pub fn failed(&self, failure: Failure, times: Times, copy: u32) {
        self.count(End::Error, times);
        let (class, text) = failure.into_parts();
        let mut fields = self.fields();
        let text = if fields.keeps_error_texts() { text } else { Box::default() };
        fields.failed(class, text, copy);
    }

    /// The candidate took too long.
    pub fn timed_out(&self, times: Times) {
        self.count(End::Timeout, times);
    }

    /// How many copies ended how: matched, mismatched, ignored, errors, timeouts.
    pub(crate) fn ends(&self) -> [u64; 5] {
        let of = |end: End| self.stripes().filter_map(|stripe| stripe.ends.get(end as usize)).map(load).sum();
        [End::Matched, End::Mismatched, End::Ignored, End::Error, End::Timeout].map(of)
    }

    /// What was recorded so far, and what was dropped meanwhile, by reason. Of a recorder nothing runs: the state is `off`
    /// until somebody who knows says more.
    ///
    /// Copies examples of 100 fields, some 2 MB at most.
    pub fn report(&self, dropped: impl IntoIterator<Item = (&'static str, u64)>) -> ShadowReport {
        let ranked = self.fields().ranked();
        let [matched, mismatched, ignored, errors, timeouts] = self.ends();
        let mut dropped: Vec<Dropped> =
            dropped.into_iter().map(|(reason, count)| Dropped { reason, count }).collect();
        dropped.retain(|dropped| dropped.count > 0);
        dropped.sort_by_key(|dropped| (std::cmp::Reverse(dropped.count), dropped.reason));
        ShadowReport {
            flag: self.flag.clone(),
            id: self.id.clone(),
            state: "off",
            samples: matched + mismatched + ignored + errors + timeouts,
            matched,
            mismatched,
            ignored,
            errors,
            timeouts,
            dropped,
            waiting: 0,
            in_flight: 0,
            control: latency(&Counted::of(self.stripes().map(|stripe| &stripe.control))),
            candidate: latency(&Counted::of(self.stripes().map(|stripe| &stripe.candidate))),
            fields: ranked.fields,
            more_fields: ranked.more_fields,
            errors_by_class: ranked.errors,
            fields_let_go: ranked.let_go,
            stored_bytes: ranked.bytes,
        }
    }

    fn stripes(&self) -> impl Iterator<Item = &Stripe> {
        self.stripes.iter().filter_map(OnceLock::get).map(|stripe| &**stripe)
    }

    fn count(&self, end: End, times: Times) {
        let Some(stripe) = self.stripes.get(of_this_thread()) else { return };
        let stripe = stripe.get_or_init(|| {
            let ends = std::array::from_fn(|_| AtomicU64::new(0));
            Box::new(Stripe { ends, control: Histogram::new(), candidate: Histogram::new() })
        });
        if let Some(count) = stripe.ends.get(end as usize) {
            // ORDERING: counters stand alone, nobody concludes anything else from them.
            count.fetch_add(1, Ordering::Relaxed);
        }
        stripe.control.record(times.control);
        stripe.candidate.record(times.candidate);
    }

    fn fields(&self) -> MutexGuard<'_, Fields> {
        // Nothing of a caller's runs under the lock; were it poisoned all the same, counts would be off by one.
        self.fields.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("flag", &self.flag).field("id", &self.id).finish_non_exhaustive()
    }
}

fn latency(counted: &Counted) -> Latency {
    Latency {
        count: counted.count(),
        sum: counted.sum(),
        mean: counted.mean(),
        p50: counted.quantile(0.5),
        p90: counted.quantile(0.9),
        p99: counted.quantile(0.99),
        p999: counted.quantile(0.999),
        max: counted.longest(),
        error: ERROR,
        up_to: BOUNDS.iter().map(|(bound, _)| counted.up_to(*bound)).collect(),
    }
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// The stripe of the thread that asks.
fn of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    }
    // A thread that ends has no place of its own any more.
    STRIPE.try_with(|stripe| *stripe).unwrap_or(0)
}

/// Stripes are made when a thread first needs them.
const STRIPES: usize = 8;
