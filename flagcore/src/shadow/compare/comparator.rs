//! What a dark launch is given to compare two answers with.

use serde::Serialize;

use super::difference::Differences;
use super::rules::Rules;
use super::tree::TreeError;

/// What a comparison says of two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing differs.
    Match,
    /// Only what is ignored differs.
    Ignored,
    /// They differ.
    Mismatch(Differences),
    /// One of them cannot be compared: it is too big, or cannot be serialized.
    Unfit(TreeError),
}

impl From<Differences> for Verdict {
    fn from(differences: Differences) -> Self {
        match (differences.is_match(), differences.ignored()) {
            (true, 0) => Verdict::Match,
            (true, _) => Verdict::Ignored,
            (false, _) => Verdict::Mismatch(differences),
        }
    }
}

/// Compares the control's answer with the candidate's. Any closure that says whether two answers agree does, and so
/// do [`Equality`] and [`Rules`].
///
/// Runs beside the candidate, never on the caller's thread.
///
/// # Examples
///
/// ```
/// use flagcore::shadow::compare::{Compare, Equality, Ignoring, Rules, Verdict};
///
/// assert_eq!(Equality.compare(&1, &1), Verdict::Match);
/// let nearly = |control: &f64, candidate: &f64| (control - candidate).abs() < 0.005;
/// assert_eq!(nearly.compare(&1.0, &1.001), Verdict::Match);
/// let known = Ignoring(Rules::default(), |control: &i32, _: &i32| *control == 0);
/// assert_eq!(known.compare(&0, &1), Verdict::Ignored);
/// assert!(matches!(known.compare(&1, &2), Verdict::Mismatch(_)));
/// ```
pub trait Compare<T: ?Sized>: Send + Sync {
    /// Says what differs.
    fn compare(&self, control: &T, candidate: &T) -> Verdict;
}

/// Answers agree when they are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Equality;

impl<T: PartialEq + ?Sized> Compare<T> for Equality {
    fn compare(&self, control: &T, candidate: &T) -> Verdict {
        agreed(control == candidate)
    }
}

impl<T: ?Sized, F: Fn(&T, &T) -> bool + Send + Sync> Compare<T> for F {
    fn compare(&self, control: &T, candidate: &T) -> Verdict {
        agreed(self(control, candidate))
    }
}

/// Answers agree when nothing that counts differs in them, member by member.
impl<T: Serialize + ?Sized> Compare<T> for Rules {
    fn compare(&self, control: &T, candidate: &T) -> Verdict {
        match self.compare_values(control, candidate) {
            Ok(differences) => differences.into(),
            Err(error) => Verdict::Unfit(error),
        }
    }
}

/// Compares as the first says, and ignores the mismatches of which the second, a closure, says yes.
#[derive(Clone, Copy, Debug)]
pub struct Ignoring<C, F>(pub C, pub F);

impl<T, C, F> Compare<T> for Ignoring<C, F>
where
    T: ?Sized,
    C: Compare<T>,
    F: Fn(&T, &T) -> bool + Send + Sync,
{
    fn compare(&self, control: &T, candidate: &T) -> Verdict {
        match self.0.compare(control, candidate) {
            Verdict::Mismatch(_) if self.1(control, candidate) => Verdict::Ignored,
            verdict => verdict,
        }
    }
}

fn agreed(agreed: bool) -> Verdict {
    if agreed { Verdict::Match } else { Verdict::Mismatch(Differences::unseen()) }
}
