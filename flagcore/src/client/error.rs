//! Why there is no client, or no update.

use std::borrow::Cow;
use std::fmt;

use crate::context::ContextError;
use crate::diagnostic::Findings;

/// Why there is no client, or no update.
#[derive(Clone)]
#[non_exhaustive]
pub enum Error {
    /// Sources, or the bytes of an update, are not valid.
    Refused {
        /// All that was found.
        findings: Findings,
    },
    /// A layer around every request's context cannot be part of one.
    Layer {
        /// Which one: `global` or `overrides`.
        layer: &'static str,
        /// What is wrong with it.
        fault: ContextError,
    },
    /// No source that takes bytes has this name.
    NoSource {
        /// The name.
        name: String,
    },
    /// The thread that watches could not be started.
    Thread {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused { findings } => {
                let problems: Cow<'_, str> = match findings.errors {
                    1 => "1 problem".into(),
                    many => format!("{many} problems").into(),
                };
                write!(f, "{findings}\n{problems}; nothing of it is served")
            }
            Error::Layer { layer, fault } => write!(f, "`{layer}`: {fault}"),
            Error::NoSource { name } => {
                write!(f, "no source that takes bytes is called `{}`", crate::text::Printable(name))
            }
            Error::Thread { reason } => {
                write!(f, "the thread that watches files could not be started: {reason}")
            }
        }
    }
}

/// As people read it, because this is what a `main` that returns it shows.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
