//! What comes out of a comparison.

use super::difference::Differences;
use super::failure::Failure;
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
    /// The candidate answered with a failure where the control did not: counts against it like a panic.
    Failed(Failure),
    /// One of them cannot be compared: it is too big, or cannot be serialized.
    Unfit(TreeError),
}

impl From<bool> for Verdict {
    /// Whether two answers agree, without a word about where they do not.
    fn from(agree: bool) -> Self {
        if agree { Verdict::Match } else { Verdict::Mismatch(Differences::unseen()) }
    }
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
