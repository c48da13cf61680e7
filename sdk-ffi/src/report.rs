//! What dark launches found, written out: for people, for programs, for monitoring.

use flagcore::shadow::report::{ShadowReport, prometheus};

use crate::boundary::{Failure, Outcome, give, room};
use crate::client::Shared;
use crate::handle::{self, Handle, look, objects, share};
use crate::status::{ReportNumber, Status};
use crate::text::Text;

/// A report, as a text.
#[derive(Debug)]
pub(crate) struct Report(String);

objects! { Report = 10; }

/// The form of a number.
pub(crate) fn form_of(number: i32) -> Outcome<ReportNumber> {
    ReportNumber::of(number).ok_or_else(|| Failure::new(Status::InvalidArgument, "form"))
}

impl Report {
    /// The report of one launch.
    pub(crate) fn of(report: ShadowReport, form: ReportNumber) -> Outcome<Self> {
        Ok(Self(match form {
            ReportNumber::Text => report.to_string(),
            ReportNumber::Json => serde_json::to_string(&report).map_err(unwritten)?,
            ReportNumber::Prometheus => prometheus(&[report]),
        }))
    }

    /// Those of several.
    fn of_all(reports: &[ShadowReport], form: ReportNumber) -> Outcome<Self> {
        Ok(Self(match form {
            ReportNumber::Text => reports.iter().map(ShadowReport::to_string).collect::<Vec<_>>().join("\n"),
            ReportNumber::Json => serde_json::to_string(reports).map_err(unwritten)?,
            ReportNumber::Prometheus => prometheus(reports),
        }))
    }
}

fn unwritten(error: serde_json::Error) -> Failure {
    Failure::told(Status::Internal, "", error)
}

exported! {
    /// What all dark launches of a client found.
    fn flagcore_client_reports(client: Handle, form: i32, out: *mut Handle) {
        let (out, form) = (room(out, "out")?, form_of(form)?);
        let client = share::<Shared>(client, "client")?.unforked()?;
        let made = handle::give_out(Report::of_all(&client.client().shadow_reports(), form)?)?;
        // SAFETY: the header asks for room there.
        unsafe { give(out, "out", made) }
    }

    /// The text of a report.
    fn flagcore_report_text(report: Handle, out: *mut Text) {
        // SAFETY: the header says that nobody frees the report meanwhile, and that there is room.
        unsafe { give(out, "out", Text::of(&look::<Report>(report, "report")?.0)) }
    }

    /// Frees a report.
    fn flagcore_report_free(report: Handle) {
        handle::take_back::<Report>(report, "report").map(drop)
    }
}
