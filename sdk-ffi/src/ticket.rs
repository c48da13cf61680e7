//! Samples whose candidates the host runs: what it is told of each, and what it says of how its copies ended.
//!
//! A ticket goes from thread to thread, and may be freed by one while others say how copies ended: each call takes a share
//! of it, as of a client. The first word about a copy is the one that counts.

use std::ffi::c_char;
use std::mem;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flagcore::shadow::Reason;
use flagcore::shadow::compare::{Failure as Failed, TreeError, Verdict};

use crate::boundary::{Failure, Outcome, give, room_if_wanted};
use crate::client::Known;
use crate::handle::{self, Handle, objects, share};
use crate::status::{DropNumber, OutcomeNumber, Status};
use crate::text::{Text, bytes, read};

/// A sample, as its handle stands for it.
#[derive(Clone, Debug)]
pub(crate) struct Ticket(Arc<Sample>);

objects! { Ticket = 9; }

#[derive(Debug)]
struct Sample {
    ticket: flagcore::shadow::Ticket,
    known: Arc<Known>,
    /// How the control failed, if it did.
    control: OnceLock<Failed>,
    /// What was told of the differences of each copy.
    differences: Box<[OnceLock<Box<str>>]>,
}

impl Ticket {
    pub(crate) fn new(ticket: flagcore::shadow::Ticket, known: Arc<Known>) -> Self {
        let differences = (0..ticket.copies()).map(|_| OnceLock::new()).collect();
        Self(Arc::new(Sample { ticket, known, control: OnceLock::new(), differences }))
    }

    /// The one of a handle.
    fn find(ticket: Handle) -> Outcome<Self> {
        share::<Ticket>(ticket, "ticket")
    }

    /// The same, where something is to be said, which may take a lock.
    fn find_unforked(ticket: Handle) -> Outcome<Self> {
        let found = Self::find(ticket)?;
        if found.0.known.is_forked() { Err(Failure::new(Status::Forked, "ticket")) } else { Ok(found) }
    }

    fn ticket(&self) -> &flagcore::shadow::Ticket {
        &self.0.ticket
    }

    /// What comes of a word about a copy.
    fn heard(&self, copy: u32, is_first: bool) -> Outcome {
        if is_first {
            return Ok(());
        }
        let copies = self.ticket().copies();
        if 1 <= copy && copy <= copies {
            return Err(Failure::new(Status::Ended, "copy"));
        }
        Err(Failure::told(Status::OutOfRange, "copy", format_args!("there is no copy {copy} of {copies}")))
    }

    /// Records what was found of a copy.
    fn judge(&self, copy: u32, verdict: Verdict, took: Duration) -> Outcome<OutcomeNumber> {
        let outcome = match &verdict {
            Verdict::Match => OutcomeNumber::Match,
            Verdict::Ignored => OutcomeNumber::Ignored,
            Verdict::Mismatch(_) => OutcomeNumber::Mismatch,
            // The ticket counts it so.
            Verdict::Unfit(TreeError::TooBig | TreeError::TooDeep) => OutcomeNumber::Dropped,
            _ => OutcomeNumber::Failed,
        };
        let is_first = self.ticket().ended(copy, verdict, took);
        self.heard(copy, is_first).map(|()| outcome)
    }

    /// What differs in two answers by the file's rules.
    fn compare(&self, control: &[u8], candidate: &[u8]) -> Outcome<Verdict> {
        let most = self.ticket().body();
        if control.len().max(candidate.len()) as u64 > most {
            return Ok(Verdict::Unfit(TreeError::TooBig));
        }
        let rules = self.ticket().rules();
        match rules.compare_json(control, candidate) {
            Ok(differences) => Ok(differences.into()),
            Err(error @ TreeError::Syntax) => match rules.compare_json(control, b"null") {
                // The control's answer is the host's own: what is wrong with it is not held against the candidate.
                Err(TreeError::Syntax) => Err(Failure::new(Status::InvalidJson, "control")),
                _ => Ok(Verdict::Unfit(error)),
            },
            Err(error) => Ok(Verdict::Unfit(error)),
        }
    }

    /// The differences in lines, kept as long as the ticket.
    fn keep(&self, copy: u32, lines: Option<String>) -> Text {
        let place = (copy as usize).checked_sub(1).and_then(|at| self.0.differences.get(at));
        match (place, lines) {
            (Some(place), Some(lines)) => Text::of(place.get_or_init(|| lines.into())),
            _ => Text::of(""),
        }
    }

    /// Gives up what has not ended.
    fn abandon(self) {
        if self.0.known.is_forked() {
            // As of a client: what belongs to the parent is left alone.
            return mem::forget(self);
        }
        // Not left to the drop: another thread's call may have a share for a while.
        for copy in 1..=self.ticket().copies() {
            self.ticket().dropped(copy, Reason::Spawn);
        }
    }
}

/// Writes how a copy ended to whoever wants to know.
///
/// # Safety
///
/// If the pointer is not NULL, there is room.
unsafe fn tell(out: Option<*mut i32>, outcome: OutcomeNumber) -> Outcome {
    // SAFETY: the caller says so.
    out.map_or(Ok(()), |out| unsafe { give(out, "outcome", outcome as i32) })
}

exported! {
    /// How many copies to run.
    fn flagcore_ticket_copies(ticket: Handle) -> u32, 0; {
        Ok(Ticket::find(ticket)?.ticket().copies())
    }

    /// How long each may take.
    fn flagcore_ticket_timeout_ns(ticket: Handle) -> u64, 0; {
        Ok(u64::try_from(Ticket::find(ticket)?.ticket().timeout().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Bytes of an answer that are looked at.
    fn flagcore_ticket_body_bytes(ticket: Handle) -> u64, 0; {
        Ok(Ticket::find(ticket)?.ticket().body())
    }

    /// Says what the control took.
    fn flagcore_ticket_control(ticket: Handle, took_ns: u64) {
        Ticket::find_unforked(ticket)?.ticket().control(Duration::from_nanos(took_ns));
        Ok(())
    }

    /// Says that the control failed.
    fn flagcore_ticket_control_failed(
        ticket: Handle, class_name: *const c_char, class_length: usize, text: *const c_char, text_length: usize,
    ) {
        // SAFETY: the header says that the texts are there.
        let failed = unsafe {
            Failed::with_class(read(class_name, class_length, "class_name")?, read(text, text_length, "text")?)
        };
        let ticket = Ticket::find_unforked(ticket)?;
        let _ = ticket.0.control.set(failed);
        Ok(())
    }

    /// Compares two answers, and says how a copy ended.
    fn flagcore_ticket_compare(
        ticket: Handle, copy: u32, control: *const c_char, control_length: usize,
        candidate: *const c_char, candidate_length: usize, took_ns: u64, outcome: *mut i32, differences: *mut Text,
    ) {
        let (outcome, differences) = (room_if_wanted(outcome, "outcome")?, room_if_wanted(differences, "differences")?);
        let ticket = Ticket::find_unforked(ticket)?;
        // SAFETY: the header says that the texts are there, and asks for room.
        unsafe {
            let candidate = bytes(candidate.cast(), candidate_length, "candidate")?;
            let verdict = match ticket.0.control.get() {
                Some(failed) => ticket.ticket().rules().compare_failures(failed, None),
                None => ticket.compare(bytes(control.cast(), control_length, "control")?, candidate)?,
            };
            let lines = match &verdict {
                Verdict::Mismatch(found) if differences.is_some() => Some(found.to_string()),
                _ => None,
            };
            tell(outcome, ticket.judge(copy, verdict, Duration::from_nanos(took_ns))?)?;
            differences.map_or(Ok(()), |out| give(out, "differences", ticket.keep(copy, lines)))
        }
    }

    /// Says how a copy ended that the host compared by itself, or that took too long.
    fn flagcore_ticket_end(ticket: Handle, copy: u32, outcome: i32, took_ns: u64) {
        let (ticket, took) = (Ticket::find_unforked(ticket)?, Duration::from_nanos(took_ns));
        let verdict = match OutcomeNumber::of(outcome) {
            Some(OutcomeNumber::Match) => Verdict::Match,
            Some(OutcomeNumber::Mismatch) => Verdict::from(false),
            Some(OutcomeNumber::Ignored) => Verdict::Ignored,
            Some(OutcomeNumber::Timeout) => {
                let is_first = ticket.ticket().timed_out(copy, took);
                return ticket.heard(copy, is_first);
            }
            _ => return Err(Failure::new(Status::InvalidArgument, "outcome")),
        };
        ticket.judge(copy, verdict, took).map(drop)
    }

    /// Says that a copy failed.
    fn flagcore_ticket_fail(
        ticket: Handle, copy: u32, class_name: *const c_char, class_length: usize,
        text: *const c_char, text_length: usize, took_ns: u64, outcome: *mut i32,
    ) {
        let outcome = room_if_wanted(outcome, "outcome")?;
        // SAFETY: the header says that the texts are there, and asks for room.
        unsafe {
            let (class, text) = (read(class_name, class_length, "class_name")?, read(text, text_length, "text")?);
            let (ticket, failed) = (Ticket::find_unforked(ticket)?, Failed::with_class(class, text));
            let verdict = match ticket.0.control.get() {
                Some(control) => ticket.ticket().rules().compare_failures(control, Some(&failed)),
                None => Verdict::Failed(failed),
            };
            tell(outcome, ticket.judge(copy, verdict, Duration::from_nanos(took_ns))?)
        }
    }

    /// Says that a copy was not run, or not compared.
    fn flagcore_ticket_drop(ticket: Handle, copy: u32, reason: i32) {
        let ticket = Ticket::find_unforked(ticket)?;
        let reason = DropNumber::of(reason).ok_or_else(|| Failure::new(Status::InvalidArgument, "reason"))?;
        let is_first = ticket.ticket().dropped(copy, reason.into());
        ticket.heard(copy, is_first)
    }

    /// Frees a ticket; copies that did not end are dropped.
    fn flagcore_ticket_free(ticket: Handle) {
        if let Some(ticket) = handle::take_back::<Ticket>(ticket, "ticket")? {
            ticket.abandon();
        }
        Ok(())
    }
}
