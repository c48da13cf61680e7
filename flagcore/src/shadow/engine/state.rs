//! What a sample meets, in a word.

use std::fmt;

/// What a sample meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LaunchState {
    /// Nothing is sampled: the flag is disabled, or has no `shadow` block that is right, or samples nobody.
    Off,
    /// It is handed to the candidate.
    Running,
    /// The control runs alone for a moment, to tell what it takes without the candidate beside it.
    Resting,
    /// A breaker opened a while ago; a few samples are let through to see.
    Probing,
    /// A breaker is open: too many candidates failed.
    Failing,
    /// A breaker is open: the control is slower beside the candidate.
    Slowing,
    /// The engine is gone.
    Ended,
}

impl LaunchState {
    /// The state in one word, as reports and metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LaunchState::Off => "off",
            LaunchState::Running => "running",
            LaunchState::Resting => "resting",
            LaunchState::Probing => "probing",
            LaunchState::Failing => "failing",
            LaunchState::Slowing => "slowing",
            LaunchState::Ended => "ended",
        }
    }
}

impl fmt::Display for LaunchState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
