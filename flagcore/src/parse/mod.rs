//! Bytes to a flag set, with all that is wrong reported at once.
//!
//! 1. `utf8` makes text of bytes; `repeated` decides about a name that is given twice.
//! 2. [`json`] and `yaml` turn a text into a [`Document`], over `json_scan` and `yaml_scalar`; a text that is not of the format
//!    ends here, and `json_mistake` and `yaml_mistake` find out why.
//! 3. [`flag_file`] reads the document's words into a [`FlagSet`].
//!
//! Rules inside of flags are looked at later, by [`compile`](crate::compile); their findings join the same report.

pub mod flag_file;
pub mod json;
mod json_mistake;
mod json_scan;
mod repeated;
pub(crate) mod utf8;
#[cfg(feature = "yaml")]
pub mod yaml;
#[cfg(feature = "yaml")]
mod yaml_mistake;
#[cfg(feature = "yaml")]
mod yaml_scalar;

use std::sync::Arc;

use crate::diagnostic::{Place, Problem, Report};
use crate::limits::Limits;
use crate::model::{Document, FlagSet, Format};

/// Reads a document. Findings go to `report`; `None` where the text is not of the format.
pub fn document(
    source: Arc<str>,
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    report: &mut Report,
) -> Option<Document> {
    if bytes.len() > limits.file_bytes {
        report.refuse(
            Place::DOCUMENT,
            Problem::TooLarge { bytes: bytes.len() as u64, most: limits.file_bytes },
        );
        return None;
    }
    near_limit(report, "bytes of the file", bytes.len(), limits.file_bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        report.refuse(Place::DOCUMENT, Problem::Empty);
        return None;
    }
    match format {
        Format::Json => json::parse(source, bytes, limits, report),
        #[cfg(feature = "yaml")]
        Format::Yaml => yaml::parse(source, bytes, limits, report),
        #[cfg(not(feature = "yaml"))]
        Format::Yaml => {
            let found = "this build reads no YAML; it lacks the feature `yaml`".to_owned();
            report.refuse(Place::DOCUMENT, Problem::Syntax { found, help: None });
            None
        }
    }
}

/// Reads a document and the flags in it; see [`document`] and [`flag_file::read`]. The report tells whether they
/// are refused.
pub fn flag_set(
    source: Arc<str>,
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    report: &mut Report,
) -> Option<FlagSet> {
    let document = document(source, bytes, format, limits, report)?;
    flag_file::read(document, limits, report)
}

/// Warns from 80 % of a limit.
pub(crate) fn near_limit(report: &mut Report, what: &'static str, found: usize, most: usize) {
    if found <= most && found as u128 * 5 >= most as u128 * 4 && found > 1 {
        report.remark(Place::DOCUMENT, Problem::NearLimit { what, found, most });
    }
}
