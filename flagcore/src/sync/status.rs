//! What each source holds, on a board that anybody reads without waiting.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::diagnostic::Findings;

/// The status of every source, for whoever asks, whatever the engine is doing.
#[derive(Debug)]
pub(crate) struct Board {
    pub(super) sources: ArcSwap<Vec<Arc<SourceStatus>>>,
}

impl Board {
    pub(crate) fn status(&self) -> Vec<SourceStatus> {
        self.sources.load().iter().map(|source| SourceStatus::clone(source)).collect()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.sources.load().iter().all(|source| source.served.is_some())
    }
}

/// What a source holds and whether it is served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// What is served of it; none while it has not delivered anything valid.
    pub served: Option<ServedStatus>,
    /// Why what it holds now is not served, if that is so.
    pub refused: Option<RefusedStatus>,
    /// What was refused last and is over, if there was anything.
    pub recovered: Option<RecoveredStatus>,
    /// What holds back a content that was read but is in doubt, if there is one.
    pub waiting: Option<String>,
    /// What is wrong with the watching, if anything.
    pub complaint: Option<String>,
}

/// What is served of a source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServedStatus {
    /// The revision with which it was published.
    pub revision: u64,
    /// When that was.
    pub since: SystemTime,
    /// A digest of its bytes, in hexadecimal.
    pub digest: String,
    /// How many flags it holds.
    pub flags: usize,
    /// The bytes of its largest file.
    pub largest_file_bytes: usize,
    /// What was found about it: warnings.
    pub findings: Findings,
}

/// A content that is not served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefusedStatus {
    /// When it was first seen.
    pub at: SystemTime,
    /// Why it is not served.
    pub findings: Findings,
}

/// A content that was not served, and is not there any more.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecoveredStatus {
    /// When something valid was there again.
    pub at: SystemTime,
    /// What was refused until then.
    pub refused: RefusedStatus,
}
