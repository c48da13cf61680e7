//! What a dark launch is given to compare two answers with.

use std::fmt::{Debug, Display};

use serde::Serialize;

use super::failure::Failure;
use super::rules::Rules;
use super::verdict::Verdict;

/// Compares the control's answer with the candidate's. Any closure does that says whether two answers agree, or
/// gives a [`Verdict`]; and so do [`Equality`], [`Fields`], [`Results`] and [`Rules`].
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

    /// Says what differs by the rules of the flag's `compare` block. Those who have rules of their own, or none, do
    /// not look at them.
    fn compare_by(&self, rules: &Rules, control: &T, candidate: &T) -> Verdict {
        let _ = rules;
        self.compare(control, candidate)
    }
}

/// Answers agree when they are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Equality;

impl<T: PartialEq + ?Sized> Compare<T> for Equality {
    fn compare(&self, control: &T, candidate: &T) -> Verdict {
        Verdict::from(control == candidate)
    }
}

impl<T: ?Sized, V: Into<Verdict>, F: Fn(&T, &T) -> V + Send + Sync> Compare<T> for F {
    fn compare(&self, control: &T, candidate: &T) -> Verdict {
        self(control, candidate).into()
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

/// Answers agree when nothing differs in them, member by member, that counts by the rules of the flag's `compare`
/// block; without such rules everything counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields;

impl<T: Serialize + ?Sized> Compare<T> for Fields {
    fn compare(&self, control: &T, candidate: &T) -> Verdict {
        Rules::default().compare(control, candidate)
    }

    fn compare_by(&self, rules: &Rules, control: &T, candidate: &T) -> Verdict {
        rules.compare(control, candidate)
    }
}

/// Compares results: answers as the comparator inside says, errors by what the flag's `compare` block has of them,
/// which is their class unless written. A candidate that fails where the control does not has failed.
///
/// Errors that are texts have no class: their texts are compared. A [`Failure`] in place of an error is taken as it is, so
/// that errors that are no `Clone` can be kept by [`Failure::of`].
///
/// # Examples
///
/// ```
/// use flagcore::shadow::compare::{Compare, Equality, Results, Verdict};
///
/// let (ok, error) = ("7".parse::<u8>(), "x".parse::<u8>());
/// assert_eq!(Results(Equality).compare(&ok, &ok), Verdict::Match);
/// assert_eq!(Results(Equality).compare(&error, &error), Verdict::Match);
/// assert!(matches!(Results(Equality).compare(&error, &ok), Verdict::Mismatch(_)));
/// assert!(matches!(Results(Equality).compare(&ok, &error), Verdict::Failed(_)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Results<C>(pub C);

impl<T, E, C> Compare<Result<T, E>> for Results<C>
where
    C: Compare<T>,
    E: Debug + Display + 'static,
{
    fn compare(&self, control: &Result<T, E>, candidate: &Result<T, E>) -> Verdict {
        self.compare_by(&Rules::default(), control, candidate)
    }

    fn compare_by(&self, rules: &Rules, control: &Result<T, E>, candidate: &Result<T, E>) -> Verdict {
        match (control, candidate) {
            (Ok(control), Ok(candidate)) => self.0.compare_by(rules, control, candidate),
            (Ok(_), Err(candidate)) => Verdict::Failed(Failure::of(candidate)),
            (Err(control), Ok(_)) => rules.compare_failures(&Failure::of(control), None),
            (Err(control), Err(candidate)) => {
                rules.compare_failures(&Failure::of(control), Some(&Failure::of(candidate)))
            }
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
        self.unless_ignored(self.0.compare(control, candidate), control, candidate)
    }

    fn compare_by(&self, rules: &Rules, control: &T, candidate: &T) -> Verdict {
        self.unless_ignored(self.0.compare_by(rules, control, candidate), control, candidate)
    }
}

impl<C, F> Ignoring<C, F> {
    fn unless_ignored<T: ?Sized>(&self, verdict: Verdict, control: &T, candidate: &T) -> Verdict
    where
        F: Fn(&T, &T) -> bool,
    {
        match verdict {
            Verdict::Mismatch(_) if self.1(control, candidate) => Verdict::Ignored,
            verdict => verdict,
        }
    }
}
