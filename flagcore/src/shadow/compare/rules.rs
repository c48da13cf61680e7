//! What counts as a difference.

use serde::Serialize;

use super::difference::Differences;
use super::failure::Failure;
use super::pattern::{Patterns, PointerError};
use super::tree::{Tree, TreeError, TreeLimits};
use super::verdict::Verdict;
use super::walk::Walk;
use crate::shadow::policy::{ComparePolicy, ErrorCompare, StorePolicy};

/// Rules by which two answers are compared, member by member.
///
/// Pointers are JSON pointers in which `*` stands for any one step, a name or an index: `/hits/*/score`. Without
/// rules everything counts, but for the order of members and the spelling of numbers: `1` equals `1.0`.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) patterns: Patterns,
    pub(super) tolerance: f64,
    errors: ErrorCompare,
    limits: TreeLimits,
}

impl Rules {
    /// The rules that a dark launch's policy asks for.
    ///
    /// # Errors
    ///
    /// [`PointerError`] where it names a place by what is no JSON pointer; one out of a flag file does not.
    pub fn of(compare: &ComparePolicy, store: &StorePolicy) -> Result<Self, PointerError> {
        let mut rules = Self::default().with_tolerance(compare.float).with_errors(compare.errors);
        for pointer in &compare.ignore {
            rules = rules.with_ignored(pointer)?;
        }
        for pointer in &compare.unordered {
            rules = rules.with_unordered(pointer)?;
        }
        for pointer in &store.redact {
            rules = rules.with_redacted(pointer)?;
        }
        Ok(rules)
    }

    /// Differences at the places of a pointer, and inside of them, are counted apart and change no verdict.
    ///
    /// # Errors
    ///
    /// [`PointerError`] for what is no JSON pointer.
    pub fn with_ignored(mut self, pointer: &str) -> Result<Self, PointerError> {
        self.patterns.mark(pointer, |marks| marks.ignored = true)?;
        Ok(self)
    }

    /// Lists at the places of a pointer are compared as multisets: how often each item stands in them, not where.
    ///
    /// # Errors
    ///
    /// [`PointerError`] for what is no JSON pointer.
    pub fn with_unordered(mut self, pointer: &str) -> Result<Self, PointerError> {
        self.patterns.mark(pointer, |marks| marks.unordered = true)?;
        Ok(self)
    }

    /// Values at the places of a pointer are compared, but never shown: neither they, nor the names inside of them,
    /// nor, where the pointer ends in `*`, the names that it stands for.
    ///
    /// # Errors
    ///
    /// [`PointerError`] for what is no JSON pointer.
    pub fn with_redacted(mut self, pointer: &str) -> Result<Self, PointerError> {
        self.patterns.mark(pointer, |marks| marks.redacted = true)?;
        Ok(self)
    }

    /// How far two numbers may be apart, where one of them is a float: `tolerance` up to 1, and `tolerance` times
    /// the larger one beyond. Whole numbers are compared exactly. What is negative or not a number is 0.
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = if tolerance > 0.0 { tolerance } else { 0.0 };
        self
    }

    /// What of two errors has to be alike: their class unless told otherwise.
    pub fn with_errors(mut self, errors: ErrorCompare) -> Self {
        self.errors = errors;
        self
    }

    /// Bounds on each answer, of those that [`compare_values`](Self::compare_values) makes trees of.
    pub fn with_limits(mut self, limits: TreeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Where two answers differ.
    ///
    /// The cost grows with the size of the answers: what lists cost beyond that, to recognise moved items, is bounded
    /// by a multiple of it. Takes up to 128 levels of stack.
    pub fn compare_trees(&self, control: &Tree, candidate: &Tree) -> Differences {
        if control.is_written_as(candidate) {
            return Differences::default();
        }
        Walk::new(self, control, candidate).differences()
    }

    /// What a control's error is beside what the candidate gave: an error too, or, as `None`, an answer. What differs
    /// is shown as classes, without texts.
    pub fn compare_failures(&self, control: &Failure, candidate: Option<&Failure>) -> Verdict {
        let agree = |candidate: &Failure| match self.errors {
            ErrorCompare::Class if control.is_text() => control == candidate,
            ErrorCompare::Class => control.is_of_class(candidate),
            ErrorCompare::Text => control == candidate,
            ErrorCompare::Ignore => true,
        };
        if candidate.is_some_and(agree) {
            return Verdict::Match;
        }
        let candidate =
            candidate.map_or("an answer".into(), |candidate| format!("error {}", candidate.class()));
        Verdict::Mismatch(Differences::of_whole(&format!("error {}", control.class()), &candidate))
    }

    /// Where two values differ that serde can write.
    ///
    /// # Errors
    ///
    /// [`TreeError`] where one of them cannot be made a tree within the limits.
    pub fn compare_values<T, U>(&self, control: &T, candidate: &U) -> Result<Differences, TreeError>
    where
        T: Serialize + ?Sized,
        U: Serialize + ?Sized,
    {
        Ok(self.compare_trees(&Tree::of(control, self.limits)?, &Tree::of(candidate, self.limits)?))
    }

    /// Where two JSON texts differ.
    ///
    /// # Errors
    ///
    /// [`TreeError`] where one of them is not JSON within the limits.
    pub fn compare_json(&self, control: &[u8], candidate: &[u8]) -> Result<Differences, TreeError> {
        Ok(self.compare_trees(
            &Tree::from_json(control, self.limits)?,
            &Tree::from_json(candidate, self.limits)?,
        ))
    }
}
