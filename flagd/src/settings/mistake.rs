//! What is wrong with what was given, and how to mend it.

use std::fmt::{self, Write};

use flagcore::text::{Printable, is_invisible};

/// All that keeps a daemon from starting with what it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// In the order of the command line, the environment and the file; at least one.
    pub mistakes: Vec<Mistake>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The option, the variable, or the place in the file, as people know it; empty where it is about the whole.
    pub at: String,
    /// What is wrong.
    pub(super) fault: Fault,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A command line that is none, in the words of the library that reads it.
    Usage(String),
    /// An option, key or field that there is not.
    Unknown { what: &'static str, name: String, nearest: Option<String> },
    /// A value of the wrong kind.
    NotA { found: String, kind: &'static str, example: &'static str },
    /// A word that is not one of those.
    NotOneOf { found: String, words: Vec<&'static str>, nearest: Option<String> },
    /// A node of a document that is not what it should be.
    WrongKind { found: &'static str, wanted: &'static str },
    /// Text between quotes that does not end, or goes on after them.
    Quotes { found: String },
    /// A document that cannot be read; the findings as text.
    Document { findings: String },
    /// A file that cannot be read.
    File { reason: String },
    /// A beginning of a source's name that stands for nothing.
    UnknownScheme { uri: String, later: Vec<&'static str> },
    /// Something of a later version.
    Later { what: String, instead: &'static str },
    /// A source without what it needs.
    MissingField { number: usize, field: &'static str },
    /// A path that is none.
    EmptyPath,
    /// One of two options that go together.
    Alone { missing: &'static str },
    /// An exporter without a collector.
    NoCollector,
    /// No source at all.
    NoSource,
}

impl Mistake {
    pub(super) fn new(at: impl Into<String>, fault: Fault) -> Self {
        Self { at: at.into(), fault }
    }
}

impl From<Mistake> for SettingsError {
    fn from(mistake: Mistake) -> Self {
        Self { mistakes: vec![mistake] }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.mistakes.iter().enumerate() {
            write!(f, "{}{mistake}", if number == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", Visible(&self.at))?;
        }
        self.fault.fmt(f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Usage(text) => f.write_str(text),
            Fault::Unknown { what, name, nearest } => {
                write!(f, "there is no {what} `{}`", Printable(name))?;
                match nearest {
                    Some(nearest) => write!(f, "\n  help: did you mean `{nearest}`?"),
                    None => f.write_str("\n  help: `flagd start --help` lists all there are"),
                }
            }
            Fault::NotA { found, kind, example } => {
                write!(f, "`{}` is not {kind}; write for example {example}", Printable(found))
            }
            Fault::NotOneOf { found, words, nearest } => {
                write!(f, "`{}` is none of {}", Printable(found), Words(words))?;
                nearest.as_ref().map_or(Ok(()), |nearest| write!(f, "\n  help: did you mean `{nearest}`?"))
            }
            Fault::WrongKind { found, wanted } => write!(f, "{found} stands here; {wanted} is right"),
            Fault::Quotes { found } => {
                write!(f, "the quotes in `{}` do not pair; a text in quotes ends at a comma", Printable(found))
            }
            Fault::Document { findings } => f.write_str(findings),
            Fault::File { reason } => write!(f, "the settings file cannot be read: {reason}"),
            Fault::UnknownScheme { uri, later } => {
                write!(f, "`{}` is not a source; a source is `file:` and a file or a folder", Printable(uri))?;
                if uri.contains(':') {
                    write!(f, "\n  help: later versions also know {}", Words(later))
                } else {
                    write!(f, "\n  help: did you mean `file:{}`?", Printable(uri))
                }
            }
            Fault::Later { what, instead } => {
                write!(f, "{what} is for a later version\n  help: meanwhile {instead}")
            }
            Fault::MissingField { number, field } => {
                write!(f, "source {number} has no `{field}`; write for example ")?;
                f.write_str(r#"`[{"uri": "flags.json", "provider": "file"}]`"#)
            }
            Fault::EmptyPath => f.write_str("`file:` is followed by nothing; write for example `file:flags.json`"),
            Fault::Alone { missing } => {
                write!(f, "a certificate and its key go together; `--{missing}` is missing")
            }
            Fault::NoCollector => f.write_str(
                "`otel` needs a collector; write for example `--otel-collector-uri localhost:4317`",
            ),
            Fault::NoSource => f.write_str(
                "no source of flags is given\n  help: write for example `flagd start --uri file:flags.json`; a folder \
                 will do, and several sources too",
            ),
        }
    }
}

/// A text from outside in its full length, safe to print on one line.
pub(super) struct Visible<'a>(pub(super) &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match is_invisible(c) {
            true => write!(f, "\\u{{{:x}}}", u32::from(c)),
            false => f.write_char(c),
        })
    }
}

struct Words<'a>(&'a [&'static str]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, word) in self.0.iter().enumerate() {
            write!(f, "{}`{word}`", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
