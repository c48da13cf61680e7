//! One source, and what is known of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Instant, SystemTime};

use crate::diagnostic::{Findings, Problem};
use crate::snapshot::LoadedFile;
use crate::source::{Content, Source, SourceError};

use super::load::{SETTLE, flags_of};
use super::status::{RecoveredStatus, RefusedStatus, ServedStatus, SourceStatus};

pub(super) struct SourceState {
    pub(super) source: Box<dyn Source>,
    /// What is served of it.
    pub(super) served: Option<Served>,
    /// What was read but not taken yet.
    pub(super) waiting: Option<Waiting>,
    /// What was refused last, and is still what the source holds.
    pub(super) refused: Option<Refused>,
    /// What was refused last and is over, and since when.
    pub(super) recovered: Option<(Refused, SystemTime)>,
    /// Whether listeners heard of trouble, and of nothing since that says it is over.
    pub(super) troubled: bool,
    /// What the board says of it.
    pub(super) shown: Stamp,
}

pub(super) struct Served {
    pub(super) digest: u128,
    pub(super) files: Vec<LoadedFile>,
    pub(super) findings: Findings,
    pub(super) revision: u64,
    pub(super) since: SystemTime,
}

pub(super) struct Waiting {
    /// None where there is nothing: somebody may be about to put it back.
    pub(super) digest: Option<u128>,
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// Whether somebody may still be writing any part of it.
    pub(super) unsure: bool,
    /// The flags it has, where it is in doubt for having lost some.
    pub(super) shrunk_to: Option<usize>,
}

pub(super) struct Refused {
    /// None where nothing could be read at all.
    pub(super) digest: Option<u128>,
    pub(super) findings: Findings,
    pub(super) at: SystemTime,
}

/// What tells one status of a source from another.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Stamp {
    pub(super) served: Option<u64>,
    pub(super) waiting: Option<Option<usize>>,
    pub(super) refused: Option<(SystemTime, Option<u128>)>,
    pub(super) recovered: Option<SystemTime>,
    pub(super) complaint: Option<String>,
}

impl SourceState {
    /// Reads the source. A panic in it is a failure to read: it is asked again, and the thread goes on.
    pub(super) fn read(&mut self) -> Result<Content, SourceError> {
        let source = AssertUnwindSafe(&mut self.source);
        catch_unwind(|| { source }.read())
            .unwrap_or_else(|_| Err(SourceError::new(self.source.name(), "reading it panicked")))
    }

    /// Polls the source. One that panics is read, which tells what is wrong.
    pub(super) fn poll(&mut self) -> bool {
        let source = AssertUnwindSafe(&mut self.source);
        catch_unwind(|| { source }.poll()).unwrap_or(true)
    }

    /// Whether what is gone may be about to come back: many a program saves by moving the old file away first. It is
    /// looked for again when it could have settled, and told of only then.
    pub(super) fn may_come_back(&mut self, now: Instant) -> bool {
        if self.served.is_none() || self.refused.is_some() {
            return false;
        }
        let gone = self.waiting.as_ref().filter(|waiting| waiting.digest.is_none());
        let since = gone.map_or(now, |waiting| waiting.since);
        let until = since + SETTLE;
        if gone.is_some() && until <= now {
            return false;
        }
        self.waiting = Some(Waiting { digest: None, since, until, unsure: false, shrunk_to: None });
        true
    }

    /// Something valid is there, so nothing is in doubt or refused any more.
    pub(super) fn settle(&mut self) {
        self.waiting = None;
        if let Some(refused) = self.refused.take() {
            self.recovered = Some((refused, SystemTime::now()));
        }
    }

    /// What is wrong with the watching. A source that cannot say so says nothing.
    pub(super) fn complaint(&self) -> Option<String> {
        catch_unwind(AssertUnwindSafe(|| self.source.complaint())).ok().flatten()
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp {
            served: self.served.as_ref().map(|served| served.revision),
            waiting: self.waiting.as_ref().map(|waiting| waiting.shrunk_to),
            refused: self.refused.as_ref().map(|refused| (refused.at, refused.digest)),
            recovered: self.recovered.as_ref().map(|(_, at)| *at),
            complaint: self.complaint(),
        }
    }

    pub(super) fn status(&self, complaint: Option<String>) -> SourceStatus {
        let served = self.served.as_ref().map(|served| ServedStatus {
            revision: served.revision,
            since: served.since,
            digest: format!("{:032x}", served.digest),
            flags: served.flags(),
            largest_file_bytes: served.files.iter().map(|file| file.bytes).max().unwrap_or_default(),
            findings: served.findings.clone(),
        });
        let before = self.served.as_ref().map_or(0, Served::flags);
        let waiting = self.waiting.as_ref().map(|waiting| match (waiting.digest, waiting.shrunk_to) {
            (None, _) => "it is gone, and may come back at once".to_owned(),
            (_, Some(after)) => Problem::Shrinks { before, after }.to_string(),
            (_, None) => "somebody may still be writing it".to_owned(),
        });
        let recovered = self.recovered.as_ref();
        SourceStatus {
            name: self.source.name().to_owned(),
            served,
            refused: self.refused.as_ref().map(Refused::status),
            recovered: recovered.map(|(refused, at)| RecoveredStatus { at: *at, refused: refused.status() }),
            waiting,
            complaint,
        }
    }
}

impl Refused {
    fn status(&self) -> RefusedStatus {
        RefusedStatus { at: self.at, findings: self.findings.clone() }
    }
}

impl Served {
    pub(super) fn flags(&self) -> usize {
        flags_of(&self.files)
    }
}
