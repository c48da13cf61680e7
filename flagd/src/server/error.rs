//! Why a daemon did not start.

use std::fmt;

/// Why a daemon did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A source has nothing valid, and the settings say that this ends the process; or the thread that
    /// watches the sources cannot be started.
    Sources(flagcore::Error),
    /// A port or a socket cannot be listened on.
    Listen {
        /// Which one.
        at: String,
        /// Why.
        reason: std::io::Error,
    },
    /// The collector cannot be spoken to, whether or not it is there.
    Collector {
        /// Why.
        reason: String,
    },
    /// A certificate or its key cannot be used.
    Certificate {
        /// Why, with the file's name.
        reason: String,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Sources(error) => error.fmt(f),
            StartError::Listen { at, reason } => write!(f, "cannot listen on {at}: {reason}"),
            StartError::Collector { reason } => write!(f, "cannot speak to the collector: {reason}"),
            StartError::Certificate { reason } => write!(f, "cannot speak TLS: {reason}"),
        }
    }
}

impl std::error::Error for StartError {}
