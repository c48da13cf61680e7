//! Flags written out again as plain flagd JSON.
//!
//! References are written out, numbers and texts are the reference's, keys are sorted, set metadata is folded
//! into each flag: what the reference sends to its providers. The text evaluates like the file it came from.

use std::fmt::{self, Write};

use crate::number;
use crate::text::write_json_string;

use super::document::{Kind, NodeId};
use super::flag_set::{FlagDefinition, FlagSet, State};
use super::references::References;

impl FlagSet {
    /// All flags as one flagd document: `{"flags":{…}}`, sorted by key.
    ///
    /// Of flags with one key in several flag sets the last set by name stays, which is the one that answers. The
    /// generation of bucketing stands behind the flags where the file pins one.
    ///
    /// # Errors
    ///
    /// Where the text would be longer than a file's texts may be when they are written out: eight times the bytes
    /// of the largest file. What flags inherit is written with each of them, so a small file may become a long text.
    pub fn to_json(&self) -> Result<String, ExportError> {
        let mut out = Bounded { text: String::new(), most: self.most_written_out };
        match self.write(&mut out) {
            Ok(()) => Ok(out.text),
            Err(fmt::Error) => Err(ExportError { most: self.most_written_out }),
        }
    }

    fn write(&self, out: &mut impl Write) -> fmt::Result {
        let mut flags: Vec<&FlagDefinition> = self.flags.iter().collect();
        flags.sort_by_key(|flag| (self.key(flag), flag.flag_set_id.map(|id| self.document.resolve(id))));
        out.write_str("{\"flags\":{")?;
        let mut flags = flags.into_iter().peekable();
        let mut separator = "";
        while let Some(flag) = flags.next() {
            if flags.peek().is_some_and(|next| self.key(next) == self.key(flag)) {
                continue;
            }
            out.write_str(separator)?;
            separator = ",";
            write_json_string(out, self.key(flag))?;
            out.write_char(':')?;
            self.write_flag(out, flag, None)?;
        }
        out.write_char('}')?;
        if let Some(bucketing) = self.bucketing {
            write!(out, ",\"bucketing\":\"{bucketing}\"")?;
        }
        out.write_char('}')
    }

    /// One flag as a flagd object, in the order of members that the reference's wire has.
    ///
    /// `source` is written where it is given.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_flag(
        &self,
        out: &mut impl Write,
        flag: &FlagDefinition,
        source: Option<&str>,
    ) -> fmt::Result {
        let references = References::new(&self.document, &self.evaluators);
        out.write_str(match flag.state {
            State::Enabled => "{\"state\":\"ENABLED\",\"defaultVariant\":",
            State::Disabled => "{\"state\":\"DISABLED\",\"defaultVariant\":",
        })?;
        write_json_string(out, flag.default_variant.map_or("", |name| self.document.resolve(name)))?;
        out.write_str(",\"variants\":")?;
        let variants = self.variants(flag).iter();
        write_members(
            out,
            references,
            variants.map(|variant| (self.document.resolve(variant.name), variant.value)),
        )?;
        if let Some(targeting) = flag.targeting {
            out.write_str(",\"targeting\":")?;
            write_node(out, references, targeting)?;
        }
        if let Some(source) = source {
            out.write_str(",\"source\":")?;
            write_json_string(out, source)?;
        }
        let metadata: Vec<(&str, NodeId)> =
            self.metadata(flag).map(|entry| (self.document.resolve(entry.name), entry.value)).collect();
        if !metadata.is_empty() {
            out.write_str(",\"metadata\":")?;
            write_members(out, references, metadata.into_iter())?;
        }
        out.write_char('}')
    }
}

/// A text that does not grow beyond a bound.
struct Bounded {
    text: String,
    most: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.most - self.text.len() {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

/// Why flags cannot be written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportError {
    /// The bytes that the text may have.
    pub most: usize,
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.most;
        write!(f, "the flags take more than {most} bytes with references and inherited metadata written out")
    }
}

impl std::error::Error for ExportError {}

/// Writes a node with its references written out; size and depth are bounded by the check at load.
pub fn write_node(out: &mut impl Write, references: References<'_>, node: NodeId) -> fmt::Result {
    let document = references.document();
    let node = references.follow(node);
    match document.kind(node) {
        Kind::Null => out.write_str("null"),
        Kind::Bool(value) => out.write_str(if value { "true" } else { "false" }),
        Kind::Number(value) => number::write_json(out, value),
        Kind::String(text) => write_json_string(out, document.resolve(text)),
        Kind::List(range) => {
            out.write_char('[')?;
            for (at, item) in document.items(range).iter().enumerate() {
                out.write_str(if at == 0 { "" } else { "," })?;
                write_node(out, references, *item)?;
            }
            out.write_char(']')
        }
        Kind::Object(range) => {
            let members = document.members(range).iter();
            write_members(
                out,
                references,
                members.map(|member| (document.resolve(member.name), member.value)),
            )
        }
    }
}

fn write_members<'d>(
    out: &mut impl Write,
    references: References<'d>,
    members: impl Iterator<Item = (&'d str, NodeId)>,
) -> fmt::Result {
    let mut sorted: Vec<(&str, NodeId)> = members.collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    out.write_char('{')?;
    for (at, (name, node)) in sorted.into_iter().enumerate() {
        out.write_str(if at == 0 { "" } else { "," })?;
        write_json_string(out, name)?;
        out.write_char(':')?;
        write_node(out, references, node)?;
    }
    out.write_char('}')
}
