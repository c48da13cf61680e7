//! What cannot be a context.

use std::fmt;

use crate::limits;

/// Why something cannot be an evaluation context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextError {
    /// An attribute is nested more than 100 levels.
    TooDeep,
    /// A number is infinite or not a number.
    NotFinite,
    /// There are more than 10,000 attributes.
    TooManyAttributes,
    /// Not an object.
    NotAStructure,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContextError::TooDeep => {
                write!(f, "an attribute of the context is nested more than {} levels", limits::VALUE_DEPTH)
            }
            ContextError::NotFinite => f.write_str("a number in the context is infinite or not a number"),
            ContextError::TooManyAttributes => {
                write!(f, "the context has more than {} attributes", limits::ATTRIBUTES)
            }
            ContextError::NotAStructure => f.write_str("the context is not an object of attributes"),
        }
    }
}

impl std::error::Error for ContextError {}
