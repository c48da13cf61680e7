//! Counts answers by flag, variant and reason.
//!
//! A combination that was seen before costs a hash, a read lock and an addition, and no allocation. Combinations
//! are bounded: what comes after the first [`MAX_ROWS`] is counted together under `_other`.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use flagcore::{ErrorCode, Reason};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::cells::Counter;
use super::samples::Samples;

/// How many combinations are told apart; as many as the reference does.
const MAX_ROWS: usize = 2_000;

const SHARDS: usize = 8;

/// Answers, and failures.
#[derive(Debug, Default)]
pub(super) struct Evaluations {
    hasher: RandomState,
    shards: [RwLock<HashTable<Row>>; SHARDS],
    rows: AtomicUsize,
    others: [Counter; REASONS.len()],
    failures: [Counter; CODES.len()],
}

#[derive(Debug)]
struct Row {
    flag: Box<str>,
    variant: Box<str>,
    reason: Reason,
    count: Counter,
}

impl Evaluations {
    pub(super) fn answered(&self, flag: &str, variant: &str, reason: Reason) {
        let hash = self.hash(flag, variant, reason);
        let Some(shard) = self.shards.get((hash >> 32) as usize % SHARDS) else { return };
        let same = |row: &Row| *row.flag == *flag && *row.variant == *variant && row.reason == reason;
        {
            let rows = shard.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(row) = rows.find(hash, same) {
                return row.count.add(1);
            }
        }
        // ORDERING: a bound on memory; two threads that pass it at once do no harm.
        if self.rows.load(Ordering::Relaxed) >= MAX_ROWS {
            return add(&self.others, &REASONS, reason);
        }
        let mut rows = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = rows.find(hash, same) {
            return row.count.add(1);
        }
        self.rows.fetch_add(1, Ordering::Relaxed);
        let row = Row { flag: flag.into(), variant: variant.into(), reason, count: Counter::default() };
        row.count.add(1);
        rows.insert_unique(hash, row, |row| self.hash(&row.flag, &row.variant, row.reason));
    }

    pub(super) fn failed(&self, code: ErrorCode) {
        add(&self.failures, &CODES, code);
    }

    fn hash(&self, flag: &str, variant: &str, reason: Reason) -> u64 {
        self.hasher.hash_one((flag, variant, reason))
    }

    /// What was answered, in order, so that two looks are alike.
    pub(super) fn answers(&self) -> Answers {
        let mut rows: Vec<(String, String, Reason, u64)> = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let row =
                |row: &Row| (row.flag.to_string(), row.variant.to_string(), row.reason, row.count.get());
            rows.extend(shard.iter().map(row));
        }
        for (count, reason) in self.others.iter().zip(REASONS) {
            if count.get() > 0 {
                rows.push(("_other".to_owned(), String::new(), reason, count.get()));
            }
        }
        rows.sort_by(|a, b| (&a.0, a.2.as_str(), &a.1).cmp(&(&b.0, b.2.as_str(), &b.1)));
        Answers(rows)
    }

    /// Tells how often evaluations failed, by code.
    pub(super) fn tell_failures(&self, samples: &mut impl Samples) {
        for (count, code) in self.failures.iter().zip(CODES) {
            if count.get() > 0 {
                let labels = [
                    ("ExceptionTypeKeyName", code.as_str()),
                    ("feature_flag.provider.name", "flagd"),
                    ("feature_flag.reason", Reason::Error.as_str()),
                ];
                samples.whole(&labels, count.get());
            }
        }
    }
}

/// What was answered at one moment: flag, variant, reason, how often.
pub(super) struct Answers(Vec<(String, String, Reason, u64)>);

impl Answers {
    /// Tells them by flag, variant and reason.
    pub(super) fn tell_impressions(&self, samples: &mut impl Samples) {
        for (flag, variant, reason, count) in &self.0 {
            let labels = [
                ("feature_flag.key", flag.as_str()),
                ("feature_flag.provider.name", "flagd"),
                ("feature_flag.reason", reason.as_str()),
                ("feature_flag.result.variant", variant.as_str()),
            ];
            samples.whole(&labels, *count);
        }
    }

    /// Tells them by flag and reason.
    pub(super) fn tell_reasons(&self, samples: &mut impl Samples) {
        for of_one in self.0.chunk_by(|a, b| a.0 == b.0 && a.2 == b.2) {
            let Some((flag, _, reason, _)) = of_one.first() else { continue };
            let labels = [
                ("feature_flag.key", flag.as_str()),
                ("feature_flag.provider.name", "flagd"),
                ("feature_flag.reason", reason.as_str()),
            ];
            samples.whole(&labels, of_one.iter().map(|row| row.3).sum());
        }
    }
}

fn add<K: PartialEq>(counters: &[Counter], keys: &[K], key: K) {
    let counter = keys.iter().position(|known| *known == key).and_then(|at| counters.get(at));
    if let Some(counter) = counter {
        counter.add(1);
    }
}

const REASONS: [Reason; 7] = [
    Reason::Static,
    Reason::Default,
    Reason::TargetingMatch,
    Reason::Split,
    Reason::Disabled,
    Reason::Stale,
    Reason::Error,
];

const CODES: [ErrorCode; 6] = [
    ErrorCode::FlagNotFound,
    ErrorCode::ParseError,
    ErrorCode::TypeMismatch,
    ErrorCode::TargetingKeyMissing,
    ErrorCode::InvalidContext,
    ErrorCode::General,
];
