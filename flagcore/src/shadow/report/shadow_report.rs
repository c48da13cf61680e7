//! The report as data.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::shadow::compare::{DifferenceKind, serialize_members};

/// What a dark launch found so far.
///
/// All counts are of copies: an amplified sample counts as often as the candidate ran. `samples` is the sum of
/// `matched`, `mismatched`, `ignored`, `errors` and `timeouts`; what was dropped is counted apart. A report that is
/// made while copies end may have counted one here and not yet there.
///
/// Serializes with the names of its fields; durations are seconds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ShadowReport {
    /// The flag's key.
    pub flag: Box<str>,
    /// The launch's id.
    pub id: Box<str>,
    /// What a sample meets now, in one word: `off`, `running`, `resting`, `probing`, `failing`, `slowing`, `ended`. See
    /// [`LaunchState`](crate::shadow::LaunchState).
    pub state: &'static str,
    /// Copies of which it is known how they ended.
    pub samples: u64,
    /// Copies in which nothing differed.
    pub matched: u64,
    /// Copies in which something differed.
    pub mismatched: u64,
    /// Copies in which only what is ignored differed.
    pub ignored: u64,
    /// Copies in which the candidate failed, panics included, or its answer could not be compared.
    pub errors: u64,
    /// Copies in which the candidate took too long.
    pub timeouts: u64,
    /// Copies that were never made or never compared, by reason, most first; only reasons that occurred.
    pub dropped: Vec<Dropped>,
    /// Samples that wait for their turn now.
    pub waiting: u64,
    /// Candidates that run now, those that hang included.
    pub in_flight: u64,
    /// How long the control took, once for each copy.
    pub control: Latency,
    /// How long the candidate took; of timeouts how long it was waited for.
    pub candidate: Latency,
    /// The fields that differ, worst first; at most 100.
    pub fields: Vec<FieldReport>,
    /// How many fields more differ, of those that are still known.
    pub more_fields: u64,
    /// The candidate's errors by class, most first; at most 100.
    pub errors_by_class: Vec<ErrorReport>,
    /// How often a field was let go for want of memory; where this is not 0, counts of fields are lower bounds.
    pub fields_let_go: u64,
    /// Bytes that fields and examples take.
    pub stored_bytes: u64,
}

/// Copies dropped for a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// The reason in one word.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

/// How long one side took. Quantiles are at most `error` off, as a share of themselves; the mean and the longest are
/// exact.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Latency {
    /// How many durations there are.
    pub count: u64,
    /// The sum of all.
    pub sum: Duration,
    /// The mean.
    pub mean: Duration,
    /// Half of all are not longer.
    pub p50: Duration,
    /// 90 % are not longer.
    pub p90: Duration,
    /// 99 % are not longer.
    pub p99: Duration,
    /// 99.9 % are not longer.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
    /// How far a quantile may be off: 1/64.
    pub error: f64,
    pub(super) up_to: Vec<u64>,
}

/// A field that differs, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldReport {
    /// The field, as [`Difference::pointer`](crate::shadow::compare::Difference::pointer) has it.
    pub pointer: Box<str>,
    /// In what it differs.
    pub kind: DifferenceKind,
    /// In how many copies.
    pub samples: u64,
    /// At how many places of their answers.
    pub places: u64,
    /// In how many copies more it may have differed, while it was let go for want of memory.
    pub missed_at_most: u64,
    /// Examples, drawn uniformly from all copies in which it differs; of each copy the first place.
    pub examples: Vec<Example>,
}

/// What both sides had at a place that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Example {
    /// What the control had, cut and redacted.
    pub control: Box<str>,
    /// What the candidate had, cut and redacted.
    pub candidate: Box<str>,
    /// The number of the copy.
    pub copy: u32,
}

/// A class of the candidate's errors.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorReport {
    /// The class.
    pub class: Box<str>,
    /// In how many copies.
    pub samples: u64,
    /// In how many copies more it may have occurred.
    pub missed_at_most: u64,
    /// Texts, drawn uniformly, where texts are kept.
    pub examples: Vec<Box<str>>,
}

impl ShadowReport {
    /// Copies that were compared.
    pub fn compared(&self) -> u64 {
        self.matched + self.mismatched + self.ignored
    }

    /// Copies that were dropped, for whatever reason.
    pub fn all_dropped(&self) -> u64 {
        self.dropped.iter().map(|dropped| dropped.count).sum()
    }
}

serialize_members! {
    ShadowReport {
        flag, id, state, samples, matched, mismatched, ignored, errors, timeouts, dropped, waiting, in_flight,
        control, candidate, fields, more_fields, errors_by_class, fields_let_go, stored_bytes,
    }
    Dropped { reason, count }
    FieldReport { pointer, kind, samples, places, missed_at_most, examples }
    Example { control, candidate, copy }
    ErrorReport { class, samples, missed_at_most, examples }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut structure = serializer.serialize_struct("Latency", 9)?;
        structure.serialize_field("count", &self.count)?;
        for (name, duration) in [
            ("sum", self.sum),
            ("mean", self.mean),
            ("p50", self.p50),
            ("p90", self.p90),
            ("p99", self.p99),
            ("p999", self.p999),
            ("max", self.max),
        ] {
            structure.serialize_field(name, &duration.as_secs_f64())?;
        }
        structure.serialize_field("error", &self.error)?;
        structure.end()
    }
}
