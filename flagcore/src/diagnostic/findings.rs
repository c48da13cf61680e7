//! Problems with their places: one finding, all of a document, and how they are shown.

use std::fmt;
use std::sync::Arc;

use crate::span::{Position, Span};
use crate::text::Printable;

use super::problem::Problem;

/// One finding about a flag file.
///
/// Displayed as place, severity, code and cause, then the JSON pointer and the help, each on a line of its own:
///
/// ```text
/// flags/checkout.yaml:14:16: error[unknown-default-variant]: default variant `expres` of flag `checkout` does not exist
///   at: /flags/checkout/defaultVariant
///   help: did you mean `express`? variants here are `classic`, `express`
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// The file or other source, as people know it.
    pub source: Arc<str>,
    /// The bytes concerned; `None` where the finding is about the file as a whole.
    pub span: Option<Span>,
    /// Line and column of the first of them.
    pub position: Option<Position>,
    /// The place in the document as a JSON pointer (RFC 6901); empty for the document itself.
    pub pointer: String,
    /// Whether it refuses the file.
    pub severity: Severity,
    /// What was found.
    pub problem: Problem,
}

impl Diagnostic {
    /// The finding's code, a kebab-case word that never changes.
    pub fn code(&self) -> &'static str {
        self.problem.code()
    }

    /// What was found and why it is a problem, in one sentence.
    pub fn cause(&self) -> String {
        self.problem.to_string()
    }

    /// How to mend it, if there is a good guess.
    pub fn help(&self) -> Option<String> {
        self.problem.help()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", Printable(&self.source))?;
        if let Some(position) = self.position {
            write!(f, "{position}:")?;
        }
        write!(f, " {}[{}]: {}", self.severity, self.code(), self.problem)?;
        if !self.pointer.is_empty() {
            write!(f, "\n  at: {}", Printable(&self.pointer))?;
        }
        if let Some(help) = self.help() {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file is used; somebody should look.
    Warning,
    /// The file is refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// All findings about one document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// In file order; at most 1,000 of them.
    pub diagnostics: Vec<Diagnostic>,
    /// How many were errors, those not kept included.
    pub errors: usize,
    /// How many were not kept.
    pub dropped: usize,
}

impl Findings {
    /// Whether the document is refused.
    pub fn is_refused(&self) -> bool {
        self.errors > 0
    }

    /// Adds the findings about another document after these.
    pub fn append(&mut self, other: Findings) {
        self.diagnostics.extend(other.diagnostics);
        self.errors += other.errors;
        self.dropped += other.dropped;
    }

    /// A finding that is about a source and not about a place in a text.
    pub fn of_source(source: Arc<str>, severity: Severity, problem: Problem) -> Self {
        let diagnostic =
            Diagnostic { source, span: None, position: None, pointer: String::new(), severity, problem };
        Self { diagnostics: vec![diagnostic], errors: usize::from(severity == Severity::Error), dropped: 0 }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.diagnostics.iter().enumerate() {
            write!(f, "{}{diagnostic}", if at == 0 { "" } else { "\n" })?;
        }
        if self.dropped > 0 {
            write!(f, "\nand {} more", self.dropped)?;
        }
        Ok(())
    }
}
