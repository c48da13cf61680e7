//! Durations, counted in buckets that grow with them: fine for short ones, and as fine, in parts, for long ones.
//!
//! Up to 64 ns each nanosecond has a bucket; beyond, each doubling is divided into 32 of equal width. A quantile is
//! told as the middle of its bucket, so it is at most one part in 64 off. Many threads count at once: each bucket is
//! a relaxed counter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How far a quantile may be off, as a share of itself.
pub(super) const ERROR: f64 = 1.0 / 64.0;

#[derive(Debug)]
pub(super) struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    most: AtomicU64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        let buckets = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self { buckets, sum: AtomicU64::new(0), most: AtomicU64::new(0) }
    }

    pub(super) fn record(&self, duration: Duration) {
        // Past the last bucket, some nineteen hours, it is as long as can be.
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(LONGEST);
        // ORDERING: counters stand alone, nobody concludes anything else from them.
        if let Some(bucket) = self.buckets.get(bucket_of(nanoseconds)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(nanoseconds, Ordering::Relaxed);
        if nanoseconds > self.most.load(Ordering::Relaxed) {
            self.most.fetch_max(nanoseconds, Ordering::Relaxed);
        }
    }
}

/// What one or several histograms have counted.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    buckets: Vec<u64>,
    count: u64,
    sum: u64,
    most: u64,
}

impl Counted {
    pub(super) fn of<'h>(histograms: impl Iterator<Item = &'h Histogram>) -> Self {
        let mut all = Self { buckets: vec![0; BUCKETS], count: 0, sum: 0, most: 0 };
        for histogram in histograms {
            for (sum, bucket) in all.buckets.iter_mut().zip(&histogram.buckets) {
                *sum += bucket.load(Ordering::Relaxed);
            }
            all.sum = all.sum.saturating_add(histogram.sum.load(Ordering::Relaxed));
            all.most = all.most.max(histogram.most.load(Ordering::Relaxed));
        }
        all.count = all.buckets.iter().sum();
        all
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum)
    }

    pub(super) fn longest(&self) -> Duration {
        Duration::from_nanos(self.most)
    }

    pub(super) fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum.checked_div(self.count).unwrap_or(0))
    }

    /// The duration that a share of all durations does not exceed; zero where there is none.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut below = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            below += count;
            if below >= rank {
                return Duration::from_nanos(middle(at).min(self.most));
            }
        }
        self.longest()
    }

    /// How many durations do not exceed a bound, to the bucket that it falls into.
    pub(super) fn up_to(&self, bound: Duration) -> u64 {
        let nanoseconds = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX).min(LONGEST);
        self.buckets.iter().take(bucket_of(nanoseconds) + 1).sum()
    }
}

/// Buckets of one doubling.
const PARTS: u64 = 32;

/// Durations below this have a bucket of their own.
const FINE: u64 = 2 * PARTS;

const LONGEST: u64 = (1 << 46) - 1;

const BUCKETS: usize = (FINE + (46 - 6) * PARTS) as usize;

fn bucket_of(nanoseconds: u64) -> usize {
    if nanoseconds < FINE {
        return nanoseconds as usize;
    }
    // The number has `6 + shift + 1` digits in base two, of which the first six say the bucket.
    let shift = u64::from(nanoseconds.ilog2()) - 5;
    (FINE + (shift - 1) * PARTS + (nanoseconds >> shift) - PARTS) as usize
}

/// The middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let Some(above) = bucket.checked_sub(FINE) else { return bucket };
    let shift = above / PARTS + 1;
    let start = (PARTS + above % PARTS) << shift;
    start + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        let mut last = 0;
        for nanoseconds in 0..200_000 {
            let bucket = bucket_of(nanoseconds);
            assert!(bucket == last || bucket == last + 1, "{nanoseconds}");
            last = bucket;
        }
        assert_eq!(bucket_of(LONGEST), BUCKETS - 1);
        for power in 0..46 {
            let nanoseconds = 1_u64 << power;
            for near in [nanoseconds - 1, nanoseconds, nanoseconds + nanoseconds / 3] {
                let off = middle(bucket_of(near)).abs_diff(near) as f64;
                assert!(off <= near as f64 * ERROR, "{near}: {off}");
            }
        }
    }

    #[test]
    fn quantiles_are_within_their_error() {
        let mut random = Random::new(5);
        let histograms = [Histogram::new(), Histogram::new()];
        let mut durations: Vec<u64> = (0..50_000)
            .map(|_| {
                let power = random.below(36);
                random.below(1 << power) + (1 << power)
            })
            .collect();
        for (turn, nanoseconds) in durations.iter().enumerate() {
            histograms[turn % 2].record(Duration::from_nanos(*nanoseconds));
        }
        durations.sort_unstable();
        let counted = Counted::of(histograms.iter());
        assert_eq!(counted.count(), 50_000);
        assert_eq!(counted.sum().as_nanos() as u64, durations.iter().sum::<u64>());
        assert_eq!(counted.longest().as_nanos() as u64, durations[49_999]);
        for share in [0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let exact = durations[((50_000.0 * share) as usize).max(1) - 1] as f64;
            let told = counted.quantile(share).as_nanos() as f64;
            assert!((told - exact).abs() <= exact * ERROR + 1.0, "{share}: {told}, not {exact}");
        }
        let bound = Duration::from_micros(100);
        let exact = durations.partition_point(|nanoseconds| *nanoseconds <= 100_000) as f64;
        assert!((counted.up_to(bound) as f64 - exact).abs() <= 50_000.0 / 36.0 * 2.0 * ERROR * 2.0);
    }

    #[test]
    fn nothing_and_the_longest_have_quantiles_too() {
        let histogram = Histogram::new();
        assert_eq!(Counted::of([&histogram].into_iter()).quantile(0.5), Duration::ZERO);
        histogram.record(Duration::MAX);
        let counted = Counted::of([&histogram].into_iter());
        let off = counted.longest() - counted.quantile(0.5);
        assert!(off <= counted.longest().mul_f64(ERROR), "{off:?}");
        assert_eq!(counted.up_to(Duration::MAX), 1);
    }
}
