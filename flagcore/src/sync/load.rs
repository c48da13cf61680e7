//! Bytes of a source to compiled flags, with everything contained that could go wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

use crate::compile::{CompileOptions, CompiledSet, compile};
use crate::context::Surroundings;
use crate::diagnostic::{Earlier, Findings, Mode, Place, Pointer, Problem, Report, Severity};
use crate::limits::{Limits, SHALLOW};
use crate::model::Format;
use crate::parse;
use crate::resolution::on_a_deep_stack;
use crate::snapshot::LoadedFile;
use crate::source::{Content, ContentFile};

/// How far apart two equal reads are before a content counts as complete.
pub const SETTLE: Duration = Duration::from_millis(50);

/// How long a content that lost its flags must stay the same before it is believed.
pub const DOUBT: Duration = Duration::from_secs(2);

/// How flag files are read, and what surrounds evaluations.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) limits: Limits,
    pub(crate) compile: CompileOptions,
    /// Whether snapshots keep each flag's plain JSON.
    pub(crate) keep_json: bool,
    pub(crate) surroundings: Arc<Surroundings>,
}

/// The compiled files of a content.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) files: Vec<LoadedFile>,
    pub(super) findings: Findings,
}

impl Loaded {
    /// Flags that several files of one source hold; the last file's counts.
    pub(super) fn repeated(&self, mode: Mode) -> Findings {
        let mut findings = Findings::default();
        if self.files.len() < 2 {
            return findings;
        }
        let mut first = std::collections::HashMap::new();
        for LoadedFile { name, set, .. } in &self.files {
            let mut report = Report::new(name.clone(), mode);
            for entry in &set.flags {
                let key = (entry.flag.flag_set_id(), &*entry.flag.key);
                if let Some(earlier) = first.insert(key, name) {
                    let problem = Problem::DuplicateFlag {
                        flag: crate::text::excerpt(&entry.flag.key),
                        first: Earlier::File(Arc::clone(earlier)),
                    };
                    let at = Pointer::ROOT;
                    let at = at.member("flags");
                    report.tolerate(Place { span: None, pointer: at.member(&entry.flag.key) }, problem);
                }
            }
            findings.append(report.finish(""));
        }
        findings
    }
}

pub(super) fn flags_of(files: &[LoadedFile]) -> usize {
    files.iter().map(|file| file.set.flags.len()).sum()
}

/// Reads and compiles one file. A panic inside is a bug of ours, and refuses the file.
pub(super) fn load_file(
    file: &ContentFile,
    options: &Options,
    previous: Option<&CompiledSet>,
) -> (Option<CompiledSet>, Findings) {
    let load = AssertUnwindSafe(|| load_checked(file, options, previous));
    catch_unwind(load).ok().flatten().unwrap_or_else(|| {
        let reason = "reading it failed inside of the library; this is a bug of ours".to_owned();
        (None, Findings::of_source(file.name.clone(), Severity::Error, Problem::Unreadable { reason }))
    })
}

/// None where the thread that a deep document needs cannot be had, or panics.
fn load_checked(
    file: &ContentFile,
    options: &Options,
    previous: Option<&CompiledSet>,
) -> Option<(Option<CompiledSet>, Findings)> {
    let mut report = Report::new(file.name.clone(), options.mode);
    let Some(set) =
        parse::flag_set(file.name.clone(), &file.bytes, file.format, &options.limits, &mut report)
    else {
        return Some((None, report.finish(&parse::utf8::lossy(&file.bytes).0)));
    };
    let compiled = if set.depth > SHALLOW as usize * 2 {
        // Rules are compiled by recursion, which needs a stack of its own where they are this deep.
        on_a_deep_stack(|| compile(&set, &options.compile, previous, &mut report))?
    } else {
        compile(&set, &options.compile, previous, &mut report)
    };
    let findings = report.finish(set.document.text());
    Some((Some(compiled).filter(|_| !findings.is_refused()), findings))
}

/// What makes two contents the same: the names, formats and bytes of all files.
pub(super) fn digest_of(content: &Content) -> u128 {
    let mut digest = Xxh3::new();
    for file in &content.files {
        digest.update(&(file.name.len() as u64).to_le_bytes());
        digest.update(file.name.as_bytes());
        digest.update(&[u8::from(file.format == Format::Yaml)]);
        digest.update(&(file.bytes.len() as u64).to_le_bytes());
        digest.update(&file.bytes);
    }
    digest.digest128()
}
