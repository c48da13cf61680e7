//! The settings file: YAML or JSON, one key for each option, in any letter case.

use std::path::{Path, PathBuf};

use flagcore::diagnostic::{Mode, Problem, Report};
use flagcore::limits::Limits;
use flagcore::model::{Document, Format, Kind, NodeId};
use flagcore::span::{Span, positions};
use flagcore::text::closest;

use super::given::{self, Given};
use super::mistake::{Fault, Mistake};
use super::options::{ConfigOption, OPTIONS};

/// A settings file that was read.
pub(super) struct SettingsFile {
    document: Option<Document>,
    name: String,
    /// Where it is.
    pub(super) path: PathBuf,
    /// What is no mistake in it but worth knowing.
    pub(super) warnings: Vec<String>,
}

impl SettingsFile {
    /// Reads the file, and refuses keys that are none.
    pub(super) fn read(path: &Path) -> Result<Self, Vec<Mistake>> {
        let name = path.display().to_string();
        let wrong = |fault| vec![Mistake::new(name.clone(), fault)];
        let Some(format) = Format::of_path(path) else {
            let reason = "its name has to end in `.yaml`, `.yml` or `.json`".to_owned();
            return Err(wrong(Fault::File { reason }));
        };
        let bytes = std::fs::read(path).map_err(|error| wrong(Fault::File { reason: error.to_string() }))?;
        let (document, warnings) = parse(&name, &bytes, format)?;
        let file = Self { document, name, path: path.to_owned(), warnings };
        let mistakes = file.unknown();
        if mistakes.is_empty() { Ok(file) } else { Err(mistakes) }
    }

    /// What the file gives an option. A key without a value gives nothing.
    pub(super) fn get(&self, option: &ConfigOption) -> Option<Result<Given, Vec<Mistake>>> {
        let document = self.document.as_ref()?;
        let member = document
            .members_of(document.root())
            .iter()
            .rfind(|member| document.resolve(member.name).eq_ignore_ascii_case(option.name))?;
        if document.kind(member.value) == Kind::Null {
            return None;
        }
        let place = |node: NodeId| self.place(document, document.span(node));
        Some(given::in_the_file(option, document, member.value, &place))
    }

    fn unknown(&self) -> Vec<Mistake> {
        let Some(document) = &self.document else { return Vec::new() };
        let root = document.root();
        if !matches!(document.kind(root), Kind::Object(_)) {
            let found = document.kind(root).name();
            let fault = Fault::WrongKind { found, wanted: "an object with a key for each option" };
            return vec![Mistake::new(self.place(document, document.span(root)), fault)];
        }
        let unknown = |member: &&flagcore::model::Member| {
            let name = document.resolve(member.name);
            !OPTIONS.iter().any(|option| option.name.eq_ignore_ascii_case(name))
        };
        let members = document.members_of(root).iter().filter(unknown);
        let mistake = |member: &flagcore::model::Member| {
            let name = document.resolve(member.name).to_owned();
            let nearest = closest(&name, OPTIONS.iter().map(|option| option.name)).map(str::to_owned);
            let at = self.place(document, member.name_span);
            Mistake::new(at, Fault::Unknown { what: "setting", name, nearest })
        };
        members.map(mistake).collect()
    }

    fn place(&self, document: &Document, span: Span) -> String {
        match positions(document.text(), &[span.start]).first() {
            Some(position) => format!("{}:{position}", self.name),
            None => self.name.clone(),
        }
    }
}

/// The document, none for a file that holds nothing, and what is worth knowing of it.
fn parse(name: &str, bytes: &[u8], format: Format) -> Result<(Option<Document>, Vec<String>), Vec<Mistake>> {
    let mut report = Report::new(name.into(), Mode::Lenient);
    let document = flagcore::parse::document(name.into(), bytes, format, &Limits::default(), &mut report);
    let is_refused = document.is_none() || report.is_refused();
    let text = String::from_utf8_lossy(bytes);
    let findings = report.finish(document.as_ref().map_or(&text, |document| document.text()));
    if !is_refused {
        let warnings = findings.diagnostics.iter().map(ToString::to_string).collect();
        return Ok((document.filter(|it| it.kind(it.root()) != Kind::Null), warnings));
    }
    // A file of comments is what a package installs.
    if findings.diagnostics.iter().all(|finding| finding.problem == Problem::Empty) {
        return Ok((None, Vec::new()));
    }
    Err(vec![Mistake::new("", Fault::Document { findings: findings.to_string() })])
}
