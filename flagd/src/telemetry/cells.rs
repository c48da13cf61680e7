//! Counters and histograms: relaxed atomics that are read when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        // ORDERING: counters stand alone, nobody concludes anything else from them.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The upper bounds of a histogram: in its smallest unit, and as they are written.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) bounds: &'static [(u64, &'static str)],
    /// How many of the smallest unit make one of the unit that is written.
    pub(super) scale: u64,
}

/// How often a value fell between two bounds.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static Bounds,
    /// One more than there are bounds: the last one has none.
    counts: Box<[Counter]>,
    sum: Counter,
}

impl Histogram {
    pub(super) fn new(bounds: &'static Bounds) -> Self {
        let counts = (0..=bounds.bounds.len()).map(|_| Counter::default()).collect();
        Self { bounds, counts, sum: Counter::default() }
    }

    /// Counts a value, in the smallest unit.
    pub(super) fn record(&self, value: u64) {
        let at = self.bounds.bounds.partition_point(|(bound, _)| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.add(1);
        }
        self.sum.add(value);
    }

    /// How many values fell below each bound and above the one before, each with its bound as it is written; the
    /// last one has none.
    pub(super) fn counts(&self) -> impl Iterator<Item = (u64, Option<&'static str>)> {
        let bounds = self.bounds.bounds.iter().map(|(_, text)| Some(*text)).chain([None]);
        self.counts.iter().map(Counter::get).zip(bounds)
    }

    /// The bounds, in the unit that is written.
    pub(super) fn bounds(&self) -> impl Iterator<Item = f64> {
        self.bounds.bounds.iter().map(|(bound, _)| *bound as f64 / self.bounds.scale as f64)
    }

    /// The sum of all values, in the unit that is written.
    pub(super) fn sum(&self) -> f64 {
        self.sum.get() as f64 / self.bounds.scale as f64
    }
}

const NS: u64 = 1_000_000;

/// Seconds of a request, kept in nanoseconds.
pub(super) static SECONDS: Bounds = Bounds {
    bounds: &[
        (5 * NS, "0.005"),
        (10 * NS, "0.01"),
        (25 * NS, "0.025"),
        (50 * NS, "0.05"),
        (100 * NS, "0.1"),
        (250 * NS, "0.25"),
        (500 * NS, "0.5"),
        (1_000 * NS, "1"),
        (2_500 * NS, "2.5"),
        (5_000 * NS, "5"),
        (10_000 * NS, "10"),
    ],
    scale: 1_000 * NS,
};

/// Bytes of an HTTP body.
pub(super) static BYTES: Bounds = Bounds {
    bounds: &[
        (100, "100"),
        (1_000, "1000"),
        (10_000, "10000"),
        (100_000, "100000"),
        (1_000_000, "1e+06"),
        (10_000_000, "1e+07"),
        (100_000_000, "1e+08"),
        (1_000_000_000, "1e+09"),
    ],
    scale: 1,
};

/// Seconds of a stream, kept in milliseconds.
pub(super) static STREAM_SECONDS: Bounds = Bounds {
    bounds: &[
        (30_000, "30"),
        (60_000, "60"),
        (120_000, "120"),
        (300_000, "300"),
        (480_000, "480"),
        (600_000, "600"),
        (1_200_000, "1200"),
        (1_800_000, "1800"),
        (3_600_000, "3600"),
        (10_800_000, "10800"),
    ],
    scale: 1_000,
};

/// Milliseconds of a call, kept in nanoseconds.
pub(super) static CALL_MILLISECONDS: Bounds = Bounds {
    bounds: &[
        (0, "0"),
        (5 * NS, "5"),
        (10 * NS, "10"),
        (25 * NS, "25"),
        (50 * NS, "50"),
        (75 * NS, "75"),
        (100 * NS, "100"),
        (250 * NS, "250"),
        (500 * NS, "500"),
        (750 * NS, "750"),
        (1_000 * NS, "1000"),
        (2_500 * NS, "2500"),
        (5_000 * NS, "5000"),
        (7_500 * NS, "7500"),
        (10_000 * NS, "10000"),
    ],
    scale: NS,
};

/// Bytes of a message of a call, and messages of a call.
pub(super) static CALL_NUMBERS: Bounds = Bounds {
    bounds: &[
        (0, "0"),
        (5, "5"),
        (10, "10"),
        (25, "25"),
        (50, "50"),
        (75, "75"),
        (100, "100"),
        (250, "250"),
        (500, "500"),
        (750, "750"),
        (1_000, "1000"),
        (2_500, "2500"),
        (5_000, "5000"),
        (7_500, "7500"),
        (10_000, "10000"),
    ],
    scale: 1,
};
