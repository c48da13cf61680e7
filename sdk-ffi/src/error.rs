//! Why there is no client, or no update: one text for people, and every finding as fields for programs.

use flagcore::Error;
use flagcore::diagnostic::{Diagnostic, Findings, Severity};

use crate::boundary::{Failure, Outcome, give};
use crate::handle::{self, Handle, look, objects};
use crate::status::{SeverityNumber, Status};
use crate::text::Text;
use crate::value::{Growing, give_sized, sized_room};

/// A failure that has more to say than a status.
#[derive(Debug)]
pub(crate) struct Refusal {
    message: String,
    findings: Vec<Finding>,
}

objects! { Refusal = 5; }

/// One finding, its texts written out.
#[derive(Debug)]
pub(crate) struct Finding {
    found: Diagnostic,
    cause: String,
    help: Option<String>,
    text: String,
}

/// One finding as C sees it. Zero is no line, no column; spans that are not known are 0 to 0.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CDiagnostic {
    /// Its size, as the caller knows it.
    pub struct_size: usize,
    /// A [`SeverityNumber`].
    pub severity: i32,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// The first byte concerned.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Zero.
    pub reserved: u32,
    /// The file.
    pub source: Text,
    /// A word that stands for what is wrong.
    pub code: Text,
    /// The place as a JSON pointer.
    pub pointer: Text,
    /// What was found, and why it is a problem.
    pub cause: Text,
    /// How to mend it.
    pub help: Text,
    /// All of it, in lines.
    pub text: Text,
}

// SAFETY: see the type.
unsafe impl Growing for CDiagnostic {}

impl Finding {
    /// All findings, their texts written out.
    pub(crate) fn all(findings: &Findings) -> Vec<Finding> {
        let made = findings.diagnostics.iter().map(|found| Finding {
            cause: found.cause(),
            help: found.help(),
            text: found.to_string(),
            found: found.clone(),
        });
        made.collect()
    }

    pub(crate) fn shown(&self) -> CDiagnostic {
        let found = &self.found;
        let severity = match found.severity {
            Severity::Warning => SeverityNumber::Warning,
            Severity::Error => SeverityNumber::Error,
        };
        CDiagnostic {
            struct_size: size_of::<CDiagnostic>(),
            severity: severity as i32,
            line: found.position.map_or(0, |position| position.line),
            column: found.position.map_or(0, |position| position.column),
            start: found.span.map_or(0, |span| span.start),
            end: found.span.map_or(0, |span| span.end),
            reserved: 0,
            source: Text::of(&found.source),
            code: Text::of(found.code()),
            pointer: Text::of(&found.pointer),
            cause: Text::of(&self.cause),
            help: Text::of_option(self.help.as_deref()),
            text: Text::of(&self.text),
        }
    }
}

/// Why something is not done: what the core says, or what is wrong with the call.
pub(crate) enum Why {
    Core(Error),
    Call(Failure),
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        Why::Core(error)
    }
}

impl From<Failure> for Why {
    fn from(failure: Failure) -> Self {
        Why::Call(failure)
    }
}

/// Does something, and gives an error to a caller who wants one; none where there is none.
///
/// # Safety
///
/// If the pointer is neither NULL nor unaligned, there is room for a handle.
pub(crate) unsafe fn explained(out: *mut Handle, work: impl FnOnce() -> Result<(), Why>) -> Outcome {
    if !out.is_null() {
        // SAFETY: the caller says so.
        unsafe { give(out, "error", std::ptr::null_mut()) }?;
    }
    let Err(why) = work() else { return Ok(()) };
    let (failure, message, findings) = match why {
        Why::Call(failure) => {
            let message = failure.to_string();
            (failure, message, Vec::new())
        }
        Why::Core(error) => {
            let status = match &error {
                Error::Refused { .. } => Status::Refused,
                Error::Layer { .. } => Status::InvalidContext,
                Error::NoSource { .. } => Status::NoSource,
                Error::Thread { .. } => Status::Exhausted,
                _ => Status::Internal,
            };
            let message = error.to_string();
            let findings =
                if let Error::Refused { findings } = &error { Finding::all(findings) } else { Vec::new() };
            (Failure::told(status, "", &message), message, findings)
        }
    };
    if !out.is_null()
        && let Ok(made) = handle::give_out(Refusal { message, findings })
    {
        // SAFETY: the caller says so.
        unsafe { give(out, "error", made) }?;
    }
    Err(failure)
}

exported! {
    /// Everything in one text.
    fn flagcore_error_message(error: Handle, out: *mut Text) {
        // SAFETY: the header says that nobody frees the error meanwhile, and that there is room.
        unsafe { give(out, "out", Text::of(&look::<Refusal>(error, "error")?.message)) }
    }

    /// How many findings there are.
    fn flagcore_error_count(error: Handle) -> usize, 0; {
        // SAFETY: as above.
        Ok(unsafe { look::<Refusal>(error, "error") }?.findings.len())
    }

    /// One of them.
    fn flagcore_error_at(error: Handle, index: usize, out: *mut CDiagnostic) {
        // SAFETY: as above.
        unsafe {
            let out = sized_room(out, "out")?;
            let finding = look::<Refusal>(error, "error")?.findings.get(index);
            let finding = finding.ok_or_else(|| Failure::new(Status::OutOfRange, "index"))?;
            give_sized(out, finding.shown());
        }
        Ok(())
    }

    /// Frees an error.
    fn flagcore_error_free(error: Handle) {
        handle::take_back::<Refusal>(error, "error").map(drop)
    }
}
