//! Gathers the findings about one document while it is looked at, and puts them in order.

use std::sync::Arc;

use crate::limits;
use crate::span::{Span, positions};

use super::findings::{Diagnostic, Findings, Severity};
use super::place::Place;
use super::problem::Problem;

/// Where findings about one document are gathered.
#[derive(Debug)]
pub struct Report {
    source: Arc<str>,
    mode: Mode,
    findings: Vec<Finding>,
    errors: usize,
    dropped: usize,
    muted: bool,
}

impl Report {
    /// An empty report about `source`.
    pub fn new(source: Arc<str>, mode: Mode) -> Self {
        Self { source, mode, findings: Vec::new(), errors: 0, dropped: 0, muted: false }
    }

    /// Something that refuses the file in any mode.
    pub fn refuse(&mut self, at: Place<'_>, problem: Problem) {
        self.add(at, Severity::Error, problem);
    }

    /// Something the reference takes but which is surely a mistake: an error to a check.
    pub fn tolerate(&mut self, at: Place<'_>, problem: Problem) {
        let severity = if self.mode == Mode::Strict { Severity::Error } else { Severity::Warning };
        self.add(at, severity, problem);
    }

    /// Something worth knowing in any mode.
    pub fn remark(&mut self, at: Place<'_>, problem: Problem) {
        self.add(at, Severity::Warning, problem);
    }

    /// Whether the file is refused.
    pub fn is_refused(&self) -> bool {
        self.errors > 0
    }

    /// How many findings there are, those not kept included.
    pub fn count(&self) -> usize {
        self.findings.len() + self.dropped
    }

    /// Whether anything was found in these bytes so far; yes where findings were not kept.
    pub(crate) fn tells_of(&self, span: Span) -> bool {
        let is_inside = |found: Span| span.start <= found.start && found.end <= span.end;
        self.dropped > 0 || self.findings.iter().any(|finding| finding.span.is_some_and(is_inside))
    }

    /// Changes the problems that were found after the first `count`.
    pub(crate) fn amend(&mut self, count: usize, amend: impl Fn(Problem) -> Problem) {
        for finding in self.findings.iter_mut().skip(count) {
            finding.problem = amend(std::mem::replace(&mut finding.problem, Problem::Empty));
        }
    }

    /// Takes nothing until [`unmute`](Self::unmute); tells whether that was so already.
    pub(crate) fn mute(&mut self) -> bool {
        std::mem::replace(&mut self.muted, true)
    }

    /// Goes back to what [`mute`](Self::mute) told.
    pub(crate) fn unmute(&mut self, before: bool) {
        self.muted = before;
    }

    /// The findings in file order, with positions worked out in `text`, in time linear in both.
    pub fn finish(mut self, text: &str) -> Findings {
        self.findings.sort_by_key(|finding| finding.span.map(|span| (span.start, span.end)));
        let starts = self.findings.iter().filter_map(|finding| finding.span.map(|span| span.start));
        let mut offsets: Vec<u32> =
            starts.chain(self.findings.iter().filter_map(|finding| finding.problem.earlier())).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let places = positions(text, &offsets);
        let position = |offset: u32| places.get(offsets.binary_search(&offset).ok()?).copied();
        let diagnostics = self.findings.into_iter().map(|mut finding| {
            finding.problem.locate_earlier(position);
            Diagnostic {
                source: self.source.clone(),
                position: finding.span.and_then(|span| position(span.start)),
                span: finding.span,
                pointer: finding.pointer,
                severity: finding.severity,
                problem: finding.problem,
            }
        });
        Findings { diagnostics: diagnostics.collect(), errors: self.errors, dropped: self.dropped }
    }

    fn add(&mut self, at: Place<'_>, severity: Severity, problem: Problem) {
        if self.muted {
            return;
        }
        self.errors += usize::from(severity == Severity::Error);
        if self.findings.len() >= limits::DIAGNOSTICS {
            self.dropped += 1;
            // A refused file always says why: its first error takes the place of a warning.
            if severity == Severity::Warning || self.errors > 1 {
                return;
            }
            self.findings.pop();
        }
        self.findings.push(Finding { span: at.span, pointer: at.pointer.to_text(), severity, problem });
    }
}

/// Whom the findings are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Daemons and services: what the reference accepts is accepted, with warnings.
    #[default]
    Lenient,
    /// Checks: whatever is surely a mistake refuses the file.
    Strict,
}

/// A finding whose position is not yet worked out.
#[derive(Debug)]
struct Finding {
    span: Option<Span>,
    pointer: String,
    severity: Severity,
    problem: Problem,
}
