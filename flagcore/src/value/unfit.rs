//! Why a value cannot be taken.

use std::fmt;

/// Why a value cannot be part of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    TooDeep,
    NotFinite,
}

/// A value nested deeper than the limit it was read under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is nested too deeply")
    }
}

impl std::error::Error for TooDeep {}
