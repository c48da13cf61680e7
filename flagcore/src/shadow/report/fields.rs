//! The fields that differ, each with its count and a uniform part of its examples, in bounded memory.
//!
//! Answers may differ in more fields than there is memory, as where ids are names of members. When the bound is
//! reached, the fields that were counted least are let go, a quarter of the memory at once. A field that matters comes
//! back and stays: it is counted more often than those that come once. What it may have missed is known, since none
//! that was let go was counted more often than the most counted of its turn.
//!
//! Source: the idea of Manku and Motwani, "Approximate Frequency Counts over Data Streams", 2002, with turns that end
//! when memory does.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::shadow::compare::{Difference, DifferenceKind};

use crate::shadow::policy::StorePolicy;

use super::random::Random;
use super::reservoir::Reservoir;
use super::shadow_report::{ErrorReport, Example, FieldReport};

/// How much a report keeps of what differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Examples of each field and of each class of errors: 20.
    pub per_field: u32,
    /// Bytes of all fields and examples: 64 MiB. Counts and latencies take up to 200 KiB beside.
    pub bytes: u64,
    /// Whether the texts of errors are kept beside their classes: yes. Texts have no places that could be redacted,
    /// so where anything is to be redacted this had better be no.
    pub error_texts: bool,
}

impl From<&StorePolicy> for StoreLimits {
    /// Texts of errors have no places, so they are left out where anything is to be redacted.
    fn from(store: &StorePolicy) -> Self {
        Self { per_field: store.per_field, bytes: store.max, error_texts: store.redact.is_empty() }
    }
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { per_field: 20, bytes: 64 << 20, error_texts: true }
    }
}

/// What is counted: a way in which a field differs, or a class of errors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name {
    kind: Option<DifferenceKind>,
    pointer: Box<str>,
}

#[derive(Debug)]
struct Field {
    samples: u64,
    places: u64,
    missed_at_most: u64,
    examples: Reservoir<Example>,
}

#[derive(Debug)]
pub(super) struct Fields {
    limits: StoreLimits,
    kept: HashMap<Name, Field>,
    bytes: u64,
    /// How many fields were let go, counted again each time.
    let_go: u64,
    missed: u64,
    random: Random,
}

/// What is told of the fields.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) fields: Vec<FieldReport>,
    pub(super) more_fields: u64,
    pub(super) errors: Vec<ErrorReport>,
    pub(super) let_go: u64,
    pub(super) bytes: u64,
}

impl Fields {
    pub(super) fn new(limits: StoreLimits, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { limits, kept: HashMap::new(), bytes: 0, let_go: 0, missed: 0, random }
    }

    pub(super) fn set_limits(&mut self, limits: StoreLimits) {
        self.limits = limits;
        for field in self.kept.values_mut() {
            let freed = &mut self.bytes;
            let most = limits.per_field as usize;
            field
                .examples
                .shrink(most, &mut self.random, |gone| *freed = freed.saturating_sub(bytes_of(&gone)));
        }
        self.make_room();
        self.kept.shrink_to_fit();
    }

    pub(super) fn keeps_error_texts(&self) -> bool {
        self.limits.error_texts
    }

    /// Counts a difference of one sample.
    pub(super) fn differed(&mut self, difference: Difference, copy: u32) {
        let Difference { pointer, kind, control, candidate, places } = difference;
        self.count(Name { kind: Some(kind), pointer }, places, Example { control, candidate, copy });
    }

    /// Counts an error of a class.
    pub(super) fn failed(&mut self, class: Box<str>, text: Box<str>, copy: u32) {
        let example = Example { control: Box::default(), candidate: text, copy };
        self.count(Name { kind: None, pointer: class }, 1, example);
    }

    fn count(&mut self, name: Name, places: u32, example: Example) {
        let (most, missed_at_most) = (self.limits.per_field as usize, self.missed);
        let field = self.kept.entry(name).or_insert_with_key(|name| {
            self.bytes += FIELD_BYTES + name.pointer.len() as u64;
            Field { samples: 0, places: 0, missed_at_most, examples: Reservoir::new(most) }
        });
        field.samples += 1;
        field.places += u64::from(places);
        // Equality and closures show nothing.
        let shows = !example.control.is_empty() || !example.candidate.is_empty();
        if shows && let Some(place) = field.examples.draw(&mut self.random) {
            self.bytes += bytes_of(&example);
            if let Some(gone) = field.examples.put(place, example) {
                self.bytes = self.bytes.saturating_sub(bytes_of(&gone));
            }
        }
        self.make_room();
    }

    /// Lets the fields that were counted least go, where there are too many.
    fn make_room(&mut self) {
        if self.bytes <= self.limits.bytes && self.kept.len() <= MOST_FIELDS {
            return;
        }
        let (bytes, fields) = (self.limits.bytes / 4 * 3, MOST_FIELDS / 4 * 3);
        let mut counts: Vec<(u64, u64)> =
            self.kept.iter().map(|(name, field)| (field.samples, field.bytes(name))).collect();
        counts.sort_unstable();
        // All that were counted less than this go, and of those counted as often as many as needed.
        let (mut left, mut left_bytes, mut least) = (self.kept.len(), self.bytes, 0);
        let mut of_least = 0_u64;
        for (samples, freed) in counts {
            if left_bytes <= bytes && left <= fields {
                break;
            }
            if samples > least {
                (least, of_least) = (samples, 0);
            }
            of_least += 1;
            left -= 1;
            left_bytes = left_bytes.saturating_sub(freed);
        }
        let (freed, let_go) = (&mut self.bytes, &mut self.let_go);
        self.kept.retain(|name, field| {
            let goes = field.samples < least || field.samples == least && of_least > 0;
            if goes {
                of_least -= u64::from(field.samples == least);
                *freed = freed.saturating_sub(field.bytes(name));
                *let_go += 1;
            }
            !goes
        });
        self.missed += least;
    }

    /// The fields that differ most often, and all classes of errors that fit beside them, with their examples.
    pub(super) fn ranked(&self) -> Ranked {
        let mut all: Vec<(&Name, &Field)> = self.kept.iter().collect();
        all.sort_unstable_by_key(|(name, field)| {
            (Reverse(field.samples), Reverse(field.places), &name.pointer, name.kind)
        });
        let (mut fields, mut errors, mut more_fields) = (Vec::new(), Vec::new(), 0);
        for (name, field) in all {
            let examples = || field.examples.items().to_vec();
            match name.kind {
                Some(kind) if fields.len() < TOLD => fields.push(FieldReport {
                    pointer: name.pointer.clone(),
                    kind,
                    samples: field.samples,
                    places: field.places,
                    missed_at_most: field.missed_at_most,
                    examples: examples(),
                }),
                Some(_) => more_fields += 1,
                None if errors.len() < TOLD => errors.push(ErrorReport {
                    class: name.pointer.clone(),
                    samples: field.samples,
                    missed_at_most: field.missed_at_most,
                    examples: field
                        .examples
                        .items()
                        .iter()
                        .map(|example| example.candidate.clone())
                        .collect(),
                }),
                None => {}
            }
        }
        Ranked { fields, more_fields, errors, let_go: self.let_go, bytes: self.bytes }
    }
}

impl Field {
    fn bytes(&self, name: &Name) -> u64 {
        let examples: u64 = self.examples.items().iter().map(bytes_of).sum();
        FIELD_BYTES + name.pointer.len() as u64 + examples
    }
}

fn bytes_of(example: &Example) -> u64 {
    EXAMPLE_BYTES + example.control.len() as u64 + example.candidate.len() as u64
}

/// What a field takes in a table that may be half empty and about to double, and what the allocator adds.
const FIELD_BYTES: u64 = 4 * size_of::<(Name, Field)>() as u64 + 32;

/// What an example takes in a list that may be half empty, and what the allocator adds.
const EXAMPLE_BYTES: u64 = 2 * size_of::<Example>() as u64 + 32;

/// Fields that are kept, however small.
const MOST_FIELDS: usize = 50_000;

/// Fields that a report tells.
const TOLD: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(pointer: String, value: &str) -> Difference {
        let (control, candidate) = (value.into(), "absent".into());
        Difference { pointer: pointer.into(), kind: DifferenceKind::Missing, control, candidate, places: 1 }
    }

    #[test]
    fn millions_of_fields_stay_within_the_bound_and_do_not_hide_the_one_that_matters() {
        const BYTES: u64 = 4 << 20;
        let mut fields = Fields::new(StoreLimits { bytes: BYTES, ..StoreLimits::default() }, 7);
        let mut real = 0;
        for sample in 0..1_100_000_u64 {
            if sample % 100 == 99 {
                real += 1;
                fields.differed(difference("/real".to_owned(), "\"a value\""), 1);
            } else {
                fields.differed(difference(format!("/id{sample}"), ""), 1);
            }
            assert!(fields.bytes <= BYTES);
        }
        let recounted: u64 = fields.kept.iter().map(|(name, field)| field.bytes(name)).sum();
        assert_eq!(recounted, fields.bytes);
        let report = fields.ranked();
        assert!(report.let_go > 1_000_000 && report.more_fields > 1_000, "{}", report.let_go);
        let first = report.fields.first().unwrap();
        assert_eq!((&*first.pointer, first.examples.len()), ("/real", 20));
        // What is told is a lower bound, and what it may have missed an upper one.
        assert!(first.samples <= real && real <= first.samples + first.missed_at_most, "{first:?} of {real}");
        assert!(first.samples > real / 10 * 9, "{first:?} of {real}");
    }
}
