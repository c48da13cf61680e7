//! Dark launches as written: the `shadow` block of a flag.
//!
//! Plain data. Every limit has a bound on both sides and a safe default, so that no file can turn one off; files
//! are held to the bounds when they are read. The names are public as those of [`shadow`](crate::shadow).

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::document::NodeId;

/// The `shadow` block of a flag, as far as it could be read.
#[derive(Clone, Debug)]
pub(crate) struct ShadowDefinition {
    /// What it asks for; `None` where something in it is wrong, so that nothing is launched on a guess.
    pub(crate) policy: Option<Arc<ShadowPolicy>>,
    /// The condition that a context has to meet; `None` where all do.
    pub(crate) when: Option<NodeId>,
}

/// How a dark launch runs: who is sampled, how many copies there are, and what bounds them.
///
/// The default samples nobody and has the safe default of everything else.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowPolicy {
    /// What tells one dark launch from another, and salts the sampling of users: the flag's key unless written;
    /// 1 to [`ID_BYTES`](Self::ID_BYTES) bytes where it is.
    pub id: Box<str>,
    /// The share that is sampled, within [`SAMPLE`](Self::SAMPLE); 0.05 is 5 %.
    pub sample: f64,
    /// What the share is of.
    pub by: SampleBy,
    /// How many copies of a sampled call are made, on average, within [`AMPLIFY`](Self::AMPLIFY): 1. With 2.5 half of
    /// the calls have two and half have three.
    pub amplify: f64,
    /// What the candidate may take.
    pub limits: ShadowLimits,
    /// When shadow calls pause by themselves.
    pub breaker: ShadowBreaker,
    /// How two answers are compared.
    pub compare: ComparePolicy,
    /// What is kept of differences.
    pub store: StorePolicy,
}

impl ShadowPolicy {
    /// Bytes that a written [`id`](Self::id) may have.
    pub const ID_BYTES: usize = 256;
    /// Bounds of [`sample`](Self::sample): nobody to everybody.
    pub const SAMPLE: RangeInclusive<f64> = 0.0..=1.0;
    /// Bounds of [`amplify`](Self::amplify).
    pub const AMPLIFY: RangeInclusive<f64> = 0.0..=100.0;
}

impl Default for ShadowPolicy {
    fn default() -> Self {
        Self {
            id: Box::default(),
            sample: 0.0,
            by: SampleBy::default(),
            amplify: 1.0,
            limits: ShadowLimits::default(),
            breaker: ShadowBreaker::default(),
            compare: ComparePolicy::default(),
            store: StorePolicy::default(),
        }
    }
}

/// What the share of a sample is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SampleBy {
    /// Of calls: each is drawn anew.
    #[default]
    Request,
    /// Of targeting keys: all calls of a sampled user are sampled.
    User,
}

impl SampleBy {
    /// What files call each.
    pub(crate) const NAMES: &'static [(&'static str, SampleBy)] =
        &[("request", SampleBy::Request), ("user", SampleBy::User)];
}

/// What a candidate may take. None can be turned off.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowLimits {
    /// Shadow calls that run at the same time, within [`IN_FLIGHT`](Self::IN_FLIGHT): 64.
    pub in_flight: u32,
    /// Shadow calls that start in a second, within [`RATE`](Self::RATE): 500.
    pub rate: f64,
    /// Samples that wait for their turn, within [`QUEUE`](Self::QUEUE): 4,096. What comes while the queue is full is
    /// dropped and counted.
    pub queue: u32,
    /// How long a shadow call may take, within [`TIMEOUT`](Self::TIMEOUT): 250 ms.
    pub timeout: Duration,
    /// Bytes of an answer that are looked at, within [`BODY`](Self::BODY): 64 KiB. Answers are measured where they are
    /// compared field by field, and where the call says how big they are; inputs are not.
    pub body: u64,
}

impl ShadowLimits {
    /// Bounds of [`in_flight`](Self::in_flight).
    pub const IN_FLIGHT: RangeInclusive<u32> = 1..=1_024;
    /// Bounds of [`rate`](Self::rate).
    pub const RATE: RangeInclusive<f64> = 0.01..=100_000.0;
    /// Bounds of [`queue`](Self::queue).
    pub const QUEUE: RangeInclusive<u32> = 1..=65_536;
    /// Bounds of [`timeout`](Self::timeout).
    pub const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);
    /// Bounds of [`body`](Self::body).
    pub const BODY: RangeInclusive<u64> = 1..=16 << 20;
}

impl Default for ShadowLimits {
    fn default() -> Self {
        Self { in_flight: 64, rate: 500.0, queue: 4_096, timeout: Duration::from_millis(250), body: 64 << 10 }
    }
}

/// When shadow calls pause by themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowBreaker {
    /// The share of shadow calls that may fail, within [`FAILURES`](Self::FAILURES): one half.
    pub failures: f64,
    /// The time that failures and latencies are counted over, within [`OVER`](Self::OVER): 10 s.
    pub over: Duration,
    /// How many shadow calls it takes to judge, within [`MIN`](Self::MIN): 20.
    pub min: u32,
    /// How long a pause lasts until single calls probe, within [`HALF_OPEN`](Self::HALF_OPEN): 5 s.
    pub half_open: Duration,
    /// How many times its usual 99th percentile the control may take while shadow calls run, within
    /// [`PRIMARY_P99`](Self::PRIMARY_P99): 1.10. `None` does not look; a file writes `off`.
    pub primary_p99: Option<f64>,
}

impl ShadowBreaker {
    /// Bounds of [`failures`](Self::failures).
    pub const FAILURES: RangeInclusive<f64> = 0.01..=1.0;
    /// Bounds of [`over`](Self::over).
    pub const OVER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
    /// Bounds of [`min`](Self::min).
    pub const MIN: RangeInclusive<u32> = 1..=10_000;
    /// Bounds of [`half_open`](Self::half_open).
    pub const HALF_OPEN: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
    /// Bounds of [`primary_p99`](Self::primary_p99).
    pub const PRIMARY_P99: RangeInclusive<f64> = 1.01..=10.0;
}

impl Default for ShadowBreaker {
    fn default() -> Self {
        Self {
            failures: 0.5,
            over: Duration::from_secs(10),
            min: 20,
            half_open: Duration::from_secs(5),
            primary_p99: Some(1.10),
        }
    }
}

/// How two answers are compared.
///
/// Places are JSON pointers (RFC 6901) in which `*` stands for any one name or index: `/hits/*/score`. The empty one, the
/// answer itself, may be unordered and redacted, but not ignored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComparePolicy {
    /// Places that may differ, with all below them; at most [`POINTERS`](Self::POINTERS).
    pub ignore: Vec<Box<str>>,
    /// By how much numbers may differ that are not both whole, as a share of the larger one where that is beyond 1;
    /// within [`FLOAT`](Self::FLOAT): 0.
    pub float: f64,
    /// Lists whose order says nothing; at most [`POINTERS`](Self::POINTERS).
    pub unordered: Vec<Box<str>>,
    /// What of two errors has to be alike.
    pub errors: ErrorCompare,
}

impl ComparePolicy {
    /// How many places a list may name.
    pub const POINTERS: usize = 256;
    /// Bytes that each place may have.
    pub const POINTER_BYTES: usize = 1_024;
    /// Bounds of [`float`](Self::float).
    pub const FLOAT: RangeInclusive<f64> = 0.0..=1.0;
}

/// What of two errors has to be alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ErrorCompare {
    /// Their class.
    #[default]
    Class,
    /// Their text.
    Text,
    /// Nothing: both being errors is enough.
    Ignore,
}

impl ErrorCompare {
    /// What files call each.
    pub(crate) const NAMES: &'static [(&'static str, ErrorCompare)] =
        &[("class", ErrorCompare::Class), ("text", ErrorCompare::Text), ("ignore", ErrorCompare::Ignore)];
}

/// What is kept of differences.
#[derive(Clone, Debug, PartialEq)]
pub struct StorePolicy {
    /// Samples of each differing field, within [`PER_FIELD`](Self::PER_FIELD): 20.
    pub per_field: u32,
    /// Bytes of all that is kept, within [`MAX`](Self::MAX): 64 MiB.
    pub max: u64,
    /// Places whose values are never kept; at most [`ComparePolicy::POINTERS`], written as those of a comparison.
    pub redact: Vec<Box<str>>,
}

impl StorePolicy {
    /// Bounds of [`per_field`](Self::per_field).
    pub const PER_FIELD: RangeInclusive<u32> = 0..=100;
    /// Bounds of [`max`](Self::max).
    pub const MAX: RangeInclusive<u64> = 1 << 10..=1 << 30;
}

impl Default for StorePolicy {
    fn default() -> Self {
        Self { per_field: 20, max: 64 << 20, redact: Vec::new() }
    }
}
