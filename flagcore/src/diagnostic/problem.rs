//! What can be wrong with a flag file, each with its facts.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::span::Position;
use crate::text::Printable;

/// What can be wrong, each with its facts.
///
/// Texts in the fields are the file's own words.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the text of each is in `message`, and `flags/invalid` holds a sample of each"
)]
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
    // Dark launches.
    ShadowWord { flag: String, field: String, known: &'static [&'static str] },
    ShadowValue { flag: String, word: &'static str, found: String, wanted: String, example: &'static str },
    ShadowWhen { flag: String, problem: Box<Problem> },
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
    /// The offset of the earlier place that the finding names, if it names one in the same text.
    pub(super) fn earlier(&self) -> Option<u32> {
        match self {
            Problem::DuplicateKey { first: Earlier::Offset(offset), .. }
            | Problem::DuplicateFlag { first: Earlier::Offset(offset), .. } => Some(*offset),
            _ => None,
        }
    }

    /// Turns that offset into the position it has in the text.
    pub(super) fn locate_earlier(&mut self, position: impl Fn(u32) -> Option<Position>) {
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
