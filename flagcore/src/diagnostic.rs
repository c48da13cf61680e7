//! What is wrong with a flag file: where, why, and how to mend it.
//!
//! Every stage reports into one [`Report`], with one rule for how bad a finding is: a finding is either fatal,
//! or tolerated because the reference tolerates it, or a remark. A tolerated finding is a warning to a daemon
//! ([`Mode::Lenient`]) and an error to a check ([`Mode::Strict`]); nothing else differs between the modes.
//!
//! The facts of a finding are the fields of [`Problem`]; its text is made in one place, below.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::sync::Arc;

use crate::limits;
use crate::span::{Position, Span, positions};
use crate::text::{Printable, closest};

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

/// Whom the findings are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Daemons and services: what the reference accepts is accepted, with warnings.
    #[default]
    Lenient,
    /// Checks: whatever is surely a mistake refuses the file.
    Strict,
}

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

/// A finding whose position is not yet worked out.
#[derive(Debug)]
struct Finding {
    span: Option<Span>,
    pointer: String,
    severity: Severity,
    problem: Problem,
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

/// Where in a document something stands: its bytes and the way to it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    /// The bytes.
    pub span: Option<Span>,
    /// The way from the root.
    pub pointer: Pointer<'p>,
}

impl<'p> Place<'p> {
    /// The document itself.
    pub const DOCUMENT: Place<'static> = Place { span: None, pointer: Pointer::ROOT };

    /// These bytes, at this pointer.
    pub fn new(span: Span, pointer: Pointer<'p>) -> Self {
        Self { span: Some(span), pointer }
    }
}

/// The way from the root of a document to a part of it, kept on the stack and only written out when needed.
#[derive(Clone, Copy, Debug)]
pub struct Pointer<'p> {
    parent: Option<&'p Pointer<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Written(&'p str),
    Member(&'p str),
    Item(usize),
}

impl<'p> Pointer<'p> {
    /// The document itself.
    pub const ROOT: Pointer<'static> = Pointer { parent: None, step: Step::Root };

    /// A way that is already written out.
    pub fn written(pointer: &'p str) -> Pointer<'p> {
        Pointer { parent: None, step: Step::Written(pointer) }
    }

    /// The way as text; a very long one is cut.
    pub fn to_text(&self) -> String {
        let mut text = CutText { text: String::new() };
        // The only error is the end of the room.
        let _ = write!(text, "{self}");
        text.text
    }

    /// A member of what this points to.
    pub fn member(&'p self, name: &'p str) -> Pointer<'p> {
        Pointer { parent: Some(self), step: Step::Member(name) }
    }

    /// An item of what this points to.
    pub fn item(&'p self, at: usize) -> Pointer<'p> {
        Pointer { parent: Some(self), step: Step::Item(at) }
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            fmt::Display::fmt(parent, f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Written(pointer) => f.write_str(pointer),
            Step::Member(name) => write_member(f, name),
            Step::Item(at) => write!(f, "/{at}"),
        }
    }
}

/// Writes one name of a JSON pointer, of a long name no more than any pointer shows.
pub(crate) fn write_member_shown(out: &mut impl Write, name: &str) -> fmt::Result {
    let end = (0..=SHOWN.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    write_member(out, name.get(..end).unwrap_or(""))
}

/// Bytes of a pointer that are shown.
const SHOWN: usize = 600;

/// Writes one name of a JSON pointer.
pub fn write_member(out: &mut impl Write, name: &str) -> fmt::Result {
    out.write_char('/')?;
    for (at, part) in name.split(['~', '/']).enumerate() {
        if at > 0 {
            let before = part.as_ptr() as usize - name.as_ptr() as usize - 1;
            out.write_str(if name.as_bytes().get(before) == Some(&b'~') { "~0" } else { "~1" })?;
        }
        out.write_str(part)?;
    }
    Ok(())
}

/// Takes so much text and no more.
struct CutText {
    text: String,
}

impl Write for CutText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = SHOWN.saturating_sub(self.text.len());
        let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.text.push_str(text.get(..end).unwrap_or(""));
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// What can be wrong, each with its facts.
///
/// Texts in the fields are the file's own words.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the text of each is below, and `flags/invalid` holds a sample of each")]
pub enum Problem {
    // The source itself.
    Missing,
    Unreadable { reason: String },
    NotAFile { what: &'static str },
    UnknownFormat { extension: String },
    TooLarge { bytes: u64, most: usize },
    TooLargeWrittenOut { bytes: u64, most: usize },
    NoFiles,
    Shrinks { before: usize, after: usize },
    // Its format.
    Empty,
    Syntax { found: String, help: Option<String> },
    TrailingText { found: String },
    ByteOrderMark,
    InvalidUtf8,
    LoneSurrogate,
    NumberRange { text: String },
    DuplicateKey { key: String, first: Earlier, last_counts: bool },
    TooDeep { most: usize },
    ControlCharacter { text: String },
    YamlTag { tag: String, text: String },
    YamlUnknownTag { tag: String },
    YamlMerge,
    YamlAnchor { within: bool },
    YamlAliases { most: usize },
    YamlDocuments,
    YamlAmbiguous { text: String, read_as: String },
    YamlKey { read_as: String },
    // The words of a flag file.
    WrongType { what: Cow<'static, str>, found: &'static str, wanted: &'static str },
    MissingFlags,
    UnknownField { field: String, known: &'static [&'static str] },
    FieldCase { field: String, wanted: &'static str },
    UnknownBucketing { found: String },
    EmptyEvaluator { name: String },
    EvaluatorName { name: String },
    RefMissing { name: String, known: Vec<String> },
    RefCycle { names: Vec<String> },
    RefExtraKeys { name: String },
    EmptyKey,
    NullFlag { flag: String },
    DuplicateFlag { flag: String, first: Earlier },
    UnknownState { flag: String, found: String },
    NoVariants { flag: String },
    NullVariant { flag: String, variant: String },
    ListVariant { flag: String, variant: String },
    MixedTypes { flag: String, variant: String, found: &'static str, first: &'static str },
    UnknownDefaultVariant { flag: String, found: String, known: Vec<String> },
    EmptyFlagSetId { flag: String },
    FlagSetIdType { found: &'static str },
    MetadataType { name: String, found: &'static str },
    // Rules.
    UnknownVariant { flag: String, found: String, known: Vec<String> },
    UnknownOperator { found: String, known: Vec<&'static str> },
    LiteralObject { names: Vec<String> },
    OperatorArguments { operator: String, found: String, outcome: &'static str },
    VersionComparison { found: String },
    VersionTarget { found: String },
    FractionalBucket { found: String },
    FractionalWeight { found: String, wanted: &'static str },
    FractionalTotal { total: u64 },
    // Limits.
    TooManyFlags { found: usize, most: usize },
    TooManyVariants { flag: String, found: usize, most: usize },
    TooManyNodes { what: String, most: usize },
    KeyTooLong { bytes: usize, most: usize },
    NearLimit { what: &'static str, found: usize, most: usize },
}

impl Problem {
    /// The code of this kind of finding.
    pub fn code(&self) -> &'static str {
        match self {
            Problem::Missing => "missing-file",
            Problem::Unreadable { .. } => "unreadable",
            Problem::NotAFile { .. } => "not-a-file",
            Problem::UnknownFormat { .. } => "unknown-format",
            Problem::TooLarge { .. } | Problem::TooLargeWrittenOut { .. } => "too-large",
            Problem::NoFiles => "no-files",
            Problem::Shrinks { .. } => "shrinks",
            Problem::Empty => "empty-file",
            Problem::Syntax { .. } => "syntax",
            Problem::TrailingText { .. } => "trailing-text",
            Problem::ByteOrderMark => "byte-order-mark",
            Problem::InvalidUtf8 => "invalid-utf8",
            Problem::LoneSurrogate => "lone-surrogate",
            Problem::NumberRange { .. } => "number-range",
            Problem::DuplicateKey { .. } => "duplicate-key",
            Problem::TooDeep { .. } => "too-deep",
            Problem::ControlCharacter { .. } => "control-character",
            Problem::YamlTag { .. } => "yaml-tag",
            Problem::YamlUnknownTag { .. } => "yaml-unknown-tag",
            Problem::YamlMerge => "yaml-merge",
            Problem::YamlAnchor { .. } => "yaml-anchor",
            Problem::YamlAliases { .. } => "yaml-aliases",
            Problem::YamlDocuments => "yaml-documents",
            Problem::YamlAmbiguous { .. } => "yaml-ambiguous",
            Problem::YamlKey { .. } => "yaml-key",
            Problem::WrongType { .. } => "wrong-type",
            Problem::MissingFlags => "missing-flags",
            Problem::UnknownField { .. } => "unknown-field",
            Problem::FieldCase { .. } => "field-case",
            Problem::UnknownBucketing { .. } => "unknown-bucketing",
            Problem::EmptyEvaluator { .. } => "empty-evaluator",
            Problem::EvaluatorName { .. } => "evaluator-name",
            Problem::RefMissing { .. } => "ref-missing",
            Problem::RefCycle { .. } => "ref-cycle",
            Problem::RefExtraKeys { .. } => "ref-extra-keys",
            Problem::EmptyKey => "empty-key",
            Problem::NullFlag { .. } => "null-flag",
            Problem::DuplicateFlag { .. } => "duplicate-flag",
            Problem::UnknownState { .. } => "unknown-state",
            Problem::NoVariants { .. } => "no-variants",
            Problem::NullVariant { .. } => "null-variant",
            Problem::ListVariant { .. } => "list-variant",
            Problem::MixedTypes { .. } => "mixed-types",
            Problem::UnknownDefaultVariant { .. } => "unknown-default-variant",
            Problem::EmptyFlagSetId { .. } => "empty-flag-set-id",
            Problem::FlagSetIdType { .. } => "flag-set-id-type",
            Problem::MetadataType { .. } => "metadata-type",
            Problem::UnknownVariant { .. } => "unknown-variant",
            Problem::UnknownOperator { .. } => "unknown-operator",
            Problem::LiteralObject { .. } => "literal-object",
            Problem::OperatorArguments { .. } => "operator-arguments",
            Problem::VersionComparison { .. } => "version-comparison",
            Problem::VersionTarget { .. } => "version-target",
            Problem::FractionalBucket { .. } => "fractional-bucket",
            Problem::FractionalWeight { .. } => "fractional-weight",
            Problem::FractionalTotal { .. } => "fractional-total",
            Problem::TooManyFlags { .. } => "too-many-flags",
            Problem::TooManyVariants { .. } => "too-many-variants",
            Problem::TooManyNodes { .. } => "too-many-nodes",
            Problem::KeyTooLong { .. } => "key-too-long",
            Problem::NearLimit { .. } => "near-limit",
        }
    }

    /// All codes, in the order of the kinds; for tools and for the tests of the samples.
    pub const CODES: &'static [&'static str] = &[
        "missing-file",
        "unreadable",
        "not-a-file",
        "unknown-format",
        "too-large",
        "no-files",
        "shrinks",
        "empty-file",
        "syntax",
        "trailing-text",
        "byte-order-mark",
        "invalid-utf8",
        "lone-surrogate",
        "number-range",
        "duplicate-key",
        "too-deep",
        "control-character",
        "yaml-tag",
        "yaml-unknown-tag",
        "yaml-merge",
        "yaml-anchor",
        "yaml-aliases",
        "yaml-documents",
        "yaml-ambiguous",
        "yaml-key",
        "wrong-type",
        "missing-flags",
        "unknown-field",
        "field-case",
        "unknown-bucketing",
        "empty-evaluator",
        "evaluator-name",
        "ref-missing",
        "ref-cycle",
        "ref-extra-keys",
        "empty-key",
        "null-flag",
        "duplicate-flag",
        "unknown-state",
        "no-variants",
        "null-variant",
        "list-variant",
        "mixed-types",
        "unknown-default-variant",
        "empty-flag-set-id",
        "flag-set-id-type",
        "metadata-type",
        "unknown-variant",
        "unknown-operator",
        "literal-object",
        "operator-arguments",
        "version-comparison",
        "version-target",
        "fractional-bucket",
        "fractional-weight",
        "fractional-total",
        "too-many-flags",
        "too-many-variants",
        "too-many-nodes",
        "key-too-long",
        "near-limit",
    ];
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let q = Printable;
        match self {
            Problem::Missing => f.write_str("there is no such file or folder"),
            Problem::Unreadable { reason } => write!(f, "it cannot be read: {}", q(reason)),
            Problem::NotAFile { what } => write!(f, "this is a {what}, not a regular file"),
            Problem::UnknownFormat { extension } => {
                write!(f, "`{}` is not the ending of a flag file", q(extension))
            }
            Problem::TooLarge { bytes, most } => {
                write!(f, "the file has {bytes} bytes; at most {most} are read")
            }
            Problem::TooLargeWrittenOut { bytes, most } => {
                write!(
                    f,
                    "the texts of the file have {bytes} bytes with references and inherited metadata written out; at most {most} are kept"
                )
            }
            Problem::NoFiles => f.write_str("the folder holds no flag file"),
            Problem::Shrinks { before, after } => {
                write!(
                    f,
                    "the new content has {after} flags where {before} are served; waiting to see it unchanged"
                )
            }
            Problem::Empty => f.write_str("the file holds nothing but space or comments"),
            Problem::Syntax { found, .. } => write!(f, "{}", q(found)),
            Problem::TrailingText { found } if found == "}" || found == "]" => {
                write!(f, "this `{found}` closes nothing; the document has ended before it")
            }
            Problem::TrailingText { .. } => f.write_str("there is text after the end of the document"),
            Problem::ByteOrderMark => f.write_str("JSON starts with a byte-order mark"),
            Problem::InvalidUtf8 => f.write_str("the text is not UTF-8 here"),
            Problem::LoneSurrogate => {
                f.write_str("half of a character is escaped here; it is read as `\u{fffd}`")
            }
            Problem::NumberRange { text } => write!(f, "`{}` is not a number that JSON can hold", q(text)),
            Problem::DuplicateKey { key, first, .. } => {
                write!(f, "`{}` is given twice; the first stands {first}", q(key))
            }
            Problem::TooDeep { most } => write!(f, "nested more than {most} levels"),
            Problem::ControlCharacter { text } => {
                write!(f, "`{}` holds characters that cannot be seen", q(text))
            }
            Problem::YamlTag { tag, text } => {
                write!(f, "`{}` is not of the type that `{}` asks for", q(text), q(tag))
            }
            Problem::YamlUnknownTag { tag } => {
                write!(f, "`{}` is read as a YAML tag, which changes nothing here; it is left out", q(tag))
            }
            Problem::YamlMerge => f.write_str("`<<` merges something that is not a mapping"),
            Problem::YamlAnchor { within: true } => f.write_str("this stands inside of what it names"),
            Problem::YamlAnchor { within: false } => f.write_str("this names no anchor before it"),
            Problem::YamlAliases { most } => {
                write!(f, "aliases stand for more than {most} nodes altogether")
            }
            Problem::YamlDocuments => f.write_str("only the first YAML document of a file is read"),
            Problem::YamlAmbiguous { text, read_as } => {
                write!(f, "`{}` is read as {} here; other YAML readers differ", q(text), q(read_as))
            }
            Problem::YamlKey { read_as } => {
                write!(f, "the key is not a text; it is read as `{}`", q(read_as))
            }
            Problem::WrongType { what, found, wanted } => write!(f, "{what} is {found}; it must be {wanted}"),
            Problem::MissingFlags => f.write_str("the document has no `flags`"),
            Problem::UnknownField { field, .. } => {
                write!(f, "`{}` is not a word of flag files here", q(field))
            }
            Problem::FieldCase { field, wanted } => write!(f, "`{}` is read as `{wanted}`", q(field)),
            Problem::UnknownBucketing { found } => {
                write!(f, "`{}` is not a generation of bucketing", q(found))
            }
            Problem::EmptyEvaluator { name } => write!(f, "evaluator `{}` is empty", q(name)),
            Problem::EvaluatorName { name } => {
                write!(
                    f,
                    "evaluator `{}` can never be referred to: its name holds one of `\"`, `\\`, `<`, `>`, `&` or a control character",
                    q(name)
                )
            }
            Problem::RefMissing { name, known } if known.contains(name) => write!(
                f,
                "evaluator `{}` cannot be referred to because of its name; callers get their own default (PARSE_ERROR)",
                q(name)
            ),
            Problem::RefMissing { name, .. } => {
                write!(f, "there is no evaluator `{}`; callers get their own default (PARSE_ERROR)", q(name))
            }
            Problem::RefCycle { names } => {
                f.write_str("evaluators lead back to themselves: ")?;
                for (at, name) in names.iter().enumerate() {
                    write!(f, "{}`{}`", if at == 0 { "" } else { " -> " }, q(name))?;
                }
                f.write_str("; callers get their own default (PARSE_ERROR)")
            }
            Problem::RefExtraKeys { name } => {
                write!(
                    f,
                    "the reference to `{}` has other keys beside `$ref`, so it is not a reference",
                    q(name)
                )
            }
            Problem::EmptyKey => f.write_str("a flag without a key is left out"),
            Problem::NullFlag { flag } => {
                write!(f, "flag `{}` is null; it can only give the code's own default", q(flag))
            }
            Problem::DuplicateFlag { flag, first } => {
                write!(f, "flag `{}` is given twice; this one replaces the one {first}", q(flag))
            }
            Problem::UnknownState { flag, found } => {
                write!(f, "`{}` is not a state of flag `{}`; it counts as `ENABLED`", q(found), q(flag))
            }
            Problem::NoVariants { flag } => {
                write!(f, "flag `{}` has no variants; it can only give the code's own default", q(flag))
            }
            Problem::NullVariant { flag, variant } => {
                write!(
                    f,
                    "variant `{}` of flag `{}` is null; callers get their own default (TYPE_MISMATCH)",
                    q(variant),
                    q(flag)
                )
            }
            Problem::ListVariant { flag, variant } => {
                write!(
                    f,
                    "variant `{}` of flag `{}` is a list, which few clients can ask for",
                    q(variant),
                    q(flag)
                )
            }
            Problem::MixedTypes { flag, variant, found, first } => {
                write!(
                    f,
                    "variant `{}` of flag `{}` is {found}, but the first is {first}",
                    q(variant),
                    q(flag)
                )
            }
            Problem::UnknownDefaultVariant { flag, found, .. } => {
                write!(f, "default variant `{}` of flag `{}` does not exist", q(found), q(flag))
            }
            Problem::EmptyFlagSetId { flag } => {
                write!(f, "flag `{}` has an empty `flagSetId` and is left out", q(flag))
            }
            Problem::FlagSetIdType { found } => {
                write!(f, "`flagSetId` is {found} and names no flag set; only a text does")
            }
            Problem::MetadataType { name, found } => {
                write!(f, "metadata `{}` is {found}; some clients refuse the whole set for it", q(name))
            }
            Problem::UnknownVariant { flag, found, .. } => {
                write!(
                    f,
                    "flag `{}` serves unknown variant `{}`; callers get their own default (GENERAL)",
                    q(flag),
                    q(found)
                )
            }
            Problem::UnknownOperator { found, .. } => {
                write!(f, "`{}` is not an operator; callers get their own default (PARSE_ERROR)", q(found))
            }
            Problem::LiteralObject { names } => {
                f.write_str("an object with ")?;
                if names.is_empty() {
                    f.write_str("no key")?;
                } else {
                    f.write_str("the keys ")?;
                    list(f, names)?;
                }
                f.write_str(" is not a rule but a plain value; a rule has exactly one key")
            }
            Problem::OperatorArguments { operator, found, outcome } => {
                write!(f, "`{}` {}; {outcome}", q(operator), q(found))
            }
            Problem::VersionComparison { found } => {
                write!(f, "`{}` is not a comparison of versions; `sem_ver` answers null", q(found))
            }
            Problem::VersionTarget { found } => {
                write!(f, "`{}` is not a version; `sem_ver` answers null", q(found))
            }
            Problem::FractionalBucket { found } => {
                write!(
                    f,
                    "a bucket of `fractional` is {}; the default variant is served to everyone",
                    q(found)
                )
            }
            Problem::FractionalWeight { found, wanted } => {
                write!(f, "weight `{}` of `fractional` {wanted}", q(found))
            }
            Problem::FractionalTotal { total: 0 } => f.write_str(
                "the weights of `fractional` are all zero; the default variant is served to everyone",
            ),
            Problem::FractionalTotal { total } => {
                write!(
                    f,
                    "the weights of `fractional` add up to {total}, which is over 2147483647; the default variant is served to everyone"
                )
            }
            Problem::TooManyFlags { found, most } => {
                write!(f, "there are {found} flags; at most {most} are read")
            }
            Problem::TooManyVariants { flag, found, most } => {
                write!(f, "flag `{}` has {found} variants; at most {most} are read", q(flag))
            }
            Problem::TooManyNodes { what, most } => {
                write!(f, "{} has more than {most} nodes with its references written out", q(what))
            }
            Problem::KeyTooLong { bytes, most } => {
                write!(f, "the key of a flag has {bytes} bytes; at most {most} are read")
            }
            Problem::NearLimit { what, found, most } => {
                write!(f, "{what}: {found}, which is near the limit of {most}")
            }
        }
    }
}

impl Problem {
    /// How to mend it, if there is a good guess.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Problem::Missing => "create it, or name another one; it is used as soon as it exists".to_owned(),
            Problem::UnknownFormat { .. } => "name it `*.json`, `*.yaml` or `*.yml`".to_owned(),
            Problem::NoFiles => {
                "put a `*.json`, `*.yaml` or `*.yml` file into it; to have no flags, write `flags: {}`"
                    .to_owned()
            }
            Problem::Empty => "to have no flags, write `{\"flags\": {}}`".to_owned(),
            Problem::Syntax { help, .. } => return help.clone(),
            Problem::TrailingText { found } if found == "}" || found == "]" => {
                format!("remove one `{found}` too many, here or before")
            }
            Problem::TrailingText { .. } => {
                "remove it; a file holds one document, from its first `{` to the `}` that belongs to it"
                    .to_owned()
            }
            Problem::ByteOrderMark => "save the file as UTF-8 without a byte-order mark".to_owned(),
            Problem::InvalidUtf8 => "save the file as UTF-8".to_owned(),
            Problem::LoneSurrogate => {
                "write the character itself, or both its halves as in `\\ud83d\\ude00`".to_owned()
            }
            Problem::NumberRange { .. } => "write a number of ordinary size, or a text".to_owned(),
            Problem::ControlCharacter { .. } => "type it anew, without them".to_owned(),
            Problem::TooDeep { .. } => {
                "move the inner part into `$evaluators`, or write a chain of `if`s as one `if`".to_owned()
            }
            Problem::DuplicateKey { last_counts: true, .. } => {
                "remove one of them; the last one counts".to_owned()
            }
            Problem::DuplicateKey { .. } => "remove one of them".to_owned(),
            Problem::YamlDocuments => "put further documents into files of their own".to_owned(),
            Problem::YamlUnknownTag { tag } => match tag.strip_suffix(':') {
                Some(word) => format!("put it in quotes: `\"{}\":`", Printable(word)),
                None => "remove it, or put the whole text in quotes".to_owned(),
            },
            Problem::YamlAnchor { within: true } => "write out what is meant".to_owned(),
            Problem::YamlAnchor { within: false } => {
                "write `&name` before what is meant; a text that begins with `*` needs quotes".to_owned()
            }
            Problem::YamlAmbiguous { text, read_as } => {
                let quoted = format!("put it in quotes: `\"{}\"`", Printable(text));
                if read_as == "a number" { quoted + ", or write it in plain decimals" } else { quoted }
            }
            Problem::YamlKey { read_as } => format!("put it in quotes: `\"{}\"`", Printable(read_as)),
            Problem::MissingFlags => "write `flags:` at the top level, with the flags under it".to_owned(),
            Problem::UnknownField { field, known } => {
                let words = suggest(field, known.iter().copied(), "words here");
                let more = match closest(field, known.iter().copied()) {
                    Some(_) => "",
                    None if known.contains(&"state") => "; notes may stand under `metadata`",
                    None if WORDS_OF_FLAGS.contains(&field.as_str()) => {
                        "; this is a word of a flag and belongs under it"
                    }
                    None => "; flags stand under `flags`",
                };
                words + more
            }
            Problem::WrongType { what, .. } => match &**what {
                "`state`" => "write `ENABLED` or `DISABLED`",
                "`defaultVariant`" => "write the name of a variant, in quotes",
                "`variants`" => "write for example `{ \"on\": true, \"off\": false }`",
                "`bucketing`" => "write for example `v2`",
                "`metadata`" => "write for example `{ \"owner\": \"payments\" }`",
                "`$evaluators`" => "write each rule under its name",
                "`flags`" => "write each flag under its key; to have none, write `{}`",
                "the document" => "write for example `{ \"flags\": {} }`",
                what if WORDS_OF_FLAGS.iter().any(|word| what == format!("flag `{word}`")) => {
                    "this is a word of a flag; indent it under the flag it belongs to"
                }
                what if what.contains("flag") => {
                    "write its words, for example `{ \"state\": \"ENABLED\", \"variants\": … }`"
                }
                _ => return None,
            }
            .to_owned(),
            Problem::FieldCase { wanted, .. } => format!("write `{wanted}`"),
            Problem::UnknownBucketing { found } => suggest(found, ["v1", "v2", "v3"], "generations"),
            Problem::EmptyEvaluator { .. } => "write its rule, or remove it".to_owned(),
            Problem::EvaluatorName { .. } => "give it a name of letters, digits, `-` and `_`".to_owned(),
            Problem::RefMissing { name, known } if known.contains(name) => {
                "give it a name of letters, digits, `-` and `_`".to_owned()
            }
            Problem::RefMissing { name, known } => {
                let name = name.rsplit('/').next().unwrap_or(name);
                suggest(name, known.iter().map(String::as_str), "evaluators here")
            }
            Problem::RefExtraKeys { .. } => "keep only `$ref`".to_owned(),
            Problem::RefCycle { .. } => "write out what one of them means, without `$ref`".to_owned(),
            Problem::EmptyKey => "give it a key".to_owned(),
            Problem::NullFlag { .. } => "write its words under it, or remove it".to_owned(),
            Problem::DuplicateFlag { .. } => "remove one of them, or give it another key".to_owned(),
            Problem::UnknownState { found, .. } => {
                let known = ["ENABLED", "DISABLED"];
                let more = "; which variant is given is said by `defaultVariant` and `targeting`";
                suggest(found, known, "states") + if closest(found, known).is_some() { "" } else { more }
            }
            Problem::NullVariant { .. } => {
                "give it a value; in YAML a text that begins with `#` needs quotes".to_owned()
            }
            Problem::ListVariant { .. } => {
                "put it into an object, for example `{ \"items\": [] }`".to_owned()
            }
            Problem::MixedTypes { .. } => {
                "give all variants values of one type; quotes make a text of anything".to_owned()
            }
            Problem::FlagSetIdType { .. } => "put it in quotes".to_owned(),
            Problem::MetadataType { .. } => "write a text, a number or a boolean".to_owned(),
            Problem::NoVariants { .. } => {
                "write for example `variants: { \"on\": true, \"off\": false }`".to_owned()
            }
            Problem::UnknownDefaultVariant { known, .. } if known.is_empty() => {
                "the flag has no variants; write for example `variants: { \"on\": true, \"off\": false }`"
                    .to_owned()
            }
            Problem::UnknownDefaultVariant { found, known, .. }
            | Problem::UnknownVariant { found, known, .. } => {
                suggest(found, known.iter().map(String::as_str), "variants here")
            }
            Problem::EmptyFlagSetId { .. } => "give it a name, or remove it".to_owned(),
            Problem::UnknownOperator { found, known } => {
                match operator_in_words(found).or_else(|| closest(found, known.iter().copied())) {
                    Some(operator) => format!("did you mean `{operator}`?"),
                    None => format!(
                        "if it is an attribute, write for example `{{ \"==\": [{{ \"var\": \"{}\" }}, \"…\"] }}`; {}",
                        Printable(found),
                        suggest("", COMMON_OPERATORS.iter().copied(), "common operators")
                    ),
                }
            }
            Problem::OperatorArguments { operator, .. } => {
                format!("write for example `{}`", operator_example(operator)?)
            }
            Problem::LiteralObject { names } if !names.is_empty() => {
                "write one operator per object, and combine them with `and`, `or` or `if`".to_owned()
            }
            Problem::VersionComparison { found } => {
                let meant = match found.as_str() {
                    "=>" => "did you mean `>=`? ",
                    "=<" => "did you mean `<=`? ",
                    "==" | "===" => "did you mean `=`? ",
                    "<>" | "!==" => "did you mean `!=`? ",
                    _ => "",
                };
                meant.to_owned() + &suggest(found, ["=", "!=", "<", "<=", ">", ">=", "^", "~"], "comparisons")
            }
            Problem::VersionTarget { .. } => "write for example `1.2.3`".to_owned(),
            Problem::FractionalBucket { .. } => "write each bucket as `[\"variant\", weight]`".to_owned(),
            Problem::FractionalWeight { .. } => {
                "write weights as whole numbers, for example 1 and 99, or 125 and 875".to_owned()
            }
            Problem::FractionalTotal { total: 0 } => "give at least one variant a positive weight".to_owned(),
            Problem::FractionalTotal { .. } => "divide all weights by the same number".to_owned(),
            Problem::YamlTag { tag, .. } => format!("remove `{}`, or write what it asks for", Printable(tag)),
            Problem::YamlMerge => "write `<<: *name`, with `&name` before a mapping above".to_owned(),
            Problem::KeyTooLong { .. } => "give it a shorter one".to_owned(),
            Problem::YamlAliases { .. } | Problem::TooManyNodes { .. } => {
                "write the repeated part once and refer to it from fewer places".to_owned()
            }
            Problem::Shrinks { .. } => {
                "nothing, if that is what you want: it is served once it stood unchanged for two seconds"
                    .to_owned()
            }
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }
}

impl Problem {
    /// The offset of the earlier place that the finding names, if it names one in the same text.
    fn earlier(&self) -> Option<u32> {
        match self {
            Problem::DuplicateKey { first: Earlier::Offset(offset), .. }
            | Problem::DuplicateFlag { first: Earlier::Offset(offset), .. } => Some(*offset),
            _ => None,
        }
    }

    fn locate_earlier(&mut self, position: impl Fn(u32) -> Option<Position>) {
        if let Problem::DuplicateKey { first, .. } | Problem::DuplicateFlag { first, .. } = self
            && let Earlier::Offset(offset) = first
            && let Some(position) = position(*offset)
        {
            *first = Earlier::Position(position);
        }
    }
}

/// Where something stood before it was given again.
#[derive(Clone, Debug, PartialEq)]
pub enum Earlier {
    /// At a byte of the same text; becomes a position when the report is finished.
    Offset(u32),
    /// At a line and column of the same text.
    Position(Position),
    /// In another file.
    File(Arc<str>),
}

impl fmt::Display for Earlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Earlier::Offset(offset) => write!(f, "at byte {offset}"),
            Earlier::Position(position) => write!(f, "at {position}"),
            Earlier::File(file) => write!(f, "in {}", Printable(file)),
        }
    }
}

/// The operators that most rules are made of.
const COMMON_OPERATORS: &[&str] =
    &["if", "and", "or", "!", "==", "!=", "<", ">=", "in", "starts_with", "sem_ver", "fractional"];

/// Words of a flag that nothing else has.
const WORDS_OF_FLAGS: &[&str] = &["state", "variants", "defaultVariant", "targeting"];

/// The operator that a word of everyday language means.
fn operator_in_words(found: &str) -> Option<&'static str> {
    Some(match found.to_lowercase().as_str() {
        "=" | "eq" | "equal" | "equals" | "is" => "==",
        "ne" | "neq" | "not_equal" | "notequal" | "not_equals" | "<>" | "is_not" => "!=",
        "not" => "!",
        "gt" | "greater" | "greater_than" | "more_than" => ">",
        "gte" | "ge" | "at_least" | "=>" => ">=",
        "lt" | "less" | "less_than" => "<",
        "lte" | "le" | "at_most" | "=<" => "<=",
        "contains" | "matches" | "one_of" | "is_in" | "includes" | "any_of" => "in",
        "&&" | "all_of" => "and",
        "||" => "or",
        "begins_with" | "prefix" => "starts_with",
        "suffix" => "ends_with",
        "split" | "rollout" | "percentage" | "weights" => "fractional",
        "version" | "semantic_version" => "sem_ver",
        _ => return None,
    })
}

/// How an operator is written with all that it needs.
fn operator_example(operator: &str) -> Option<String> {
    let example = match operator {
        "var" => r#"{ "var": "country" }"#,
        "$ref" => r#"{ "$ref": "staff" }"#,
        "and" | "or" => r#"{ "OP": [{ "var": "beta" }, { "in": [{ "var": "plan" }, ["team"]] }] }"#,
        "if" | "?:" => r#"{ "OP": [{ "==": [{ "var": "country" }, "DE"] }, "on", "off"] }"#,
        "sem_ver" => r#"{ "sem_ver": [{ "var": "appVersion" }, ">=", "1.2.3"] }"#,
        "starts_with" => r#"{ "OP": [{ "var": "email" }, "team-"] }"#,
        "ends_with" => r#"{ "OP": [{ "var": "email" }, "@example.com"] }"#,
        "in" => r#"{ "in": [{ "var": "country" }, ["DE", "FR"]] }"#,
        "==" | "!=" | "===" | "!==" => r#"{ "OP": [{ "var": "country" }, "DE"] }"#,
        "<" | "<=" | ">" | ">=" => r#"{ "OP": [{ "var": "age" }, 18] }"#,
        "some" | "all" | "none" => r#"{ "OP": [{ "var": "groups" }, { "==": [{ "var": "" }, "beta"] }] }"#,
        "fractional" => r#"{ "OP": [["new", 10], ["old", 90]] }"#,
        "+" | "-" | "*" | "/" | "%" => r#"{ "OP": [{ "var": "age" }, 10] }"#,
        _ => return None,
    };
    Some(example.replace("OP", operator))
}

/// `did you mean …?`, and what there is to choose from.
fn suggest<'k>(found: &str, known: impl IntoIterator<Item = &'k str> + Clone, what: &str) -> String {
    /// More names than this are not listed.
    const MOST: usize = 12;
    let closest = closest(found, known.clone());
    let mut text = closest.map_or(String::new(), |name| format!("did you mean `{}`? ", Printable(name)));
    let names: Vec<&str> = known.into_iter().take(MOST + 1).collect();
    if names.is_empty() {
        return format!("there are no {what}");
    }
    text.push_str(what);
    text.push_str(if names.len() == 1 { ": " } else { " are " });
    for (at, name) in names.iter().take(MOST).enumerate() {
        text.push_str(if at == 0 { "" } else { ", " });
        text.push_str(&format!("`{}`", Printable(name)));
    }
    if names.len() > MOST {
        text.push_str(", …");
    }
    text
}

fn list(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    for (at, name) in names.iter().enumerate() {
        write!(f, "{}`{}`", if at == 0 { "" } else { ", " }, Printable(name))?;
    }
    Ok(())
}
