//! The flags of one document, as written.

use std::collections::HashSet;

use crate::bucketing::Bucketing;
use crate::span::Span;

use super::document::{Document, NodeId, TextId};
use super::references::Evaluators;
use super::shadow::ShadowDefinition;

/// A file's worth of flags.
///
/// Everything refers into the [`Document`]; nothing is copied out of it.
#[derive(Debug)]
pub struct FlagSet {
    /// What was read.
    pub document: Document,
    /// The generation of bucketing that the file pins, if it does.
    pub bucketing: Option<Bucketing>,
    /// The rules that `$ref` can name.
    pub evaluators: Evaluators,
    /// Metadata of the set, which each flag inherits.
    pub metadata: Vec<MetadataEntry>,
    /// The flags in the order in which they are written, each (flag set, key) once.
    pub flags: Vec<FlagDefinition>,
    /// How many levels of lists and objects there are with references written out.
    pub depth: usize,
    pub(crate) variants: Vec<Variant>,
    pub(crate) flag_metadata: Vec<MetadataEntry>,
    /// The bytes that the flags may have when they are written out.
    pub(crate) most_written_out: usize,
}

impl FlagSet {
    /// The variants of a flag in the order in which they are written, each name once.
    pub fn variants(&self, flag: &FlagDefinition) -> &[Variant] {
        self.variants.get(flag.variants.clone()).unwrap_or(&[])
    }

    /// The metadata of a flag alone; a null takes an inherited entry away.
    pub fn own_metadata(&self, flag: &FlagDefinition) -> &[MetadataEntry] {
        self.flag_metadata.get(flag.metadata.clone()).unwrap_or(&[])
    }

    /// The metadata of a flag with what it inherits; nulls included.
    pub fn metadata(&self, flag: &FlagDefinition) -> impl Iterator<Item = MetadataEntry> {
        /// Up to so many are compared with each other.
        const FEW: usize = 8;
        let own = self.own_metadata(flag);
        let name = |entry: &MetadataEntry| self.document.resolve(entry.name);
        let many: Option<HashSet<&str>> = (own.len() > FEW).then(|| own.iter().map(name).collect());
        let inherited = self.metadata.iter().filter(move |set| match &many {
            Some(many) => !many.contains(name(set)),
            None => own.iter().all(|entry| name(entry) != name(set)),
        });
        inherited.chain(own).copied()
    }

    /// The key of a flag.
    pub fn key(&self, flag: &FlagDefinition) -> &str {
        self.document.resolve(flag.key)
    }
}

/// One flag as written.
#[derive(Clone, Debug)]
pub struct FlagDefinition {
    /// Its name.
    pub key: TextId,
    /// Where the name stands.
    pub key_span: Span,
    /// Its place in the array form; `None` in the map form.
    pub item: Option<usize>,
    /// Where its definition stands.
    pub span: Span,
    /// Whether it is on duty.
    pub state: State,
    /// The variant given when nothing matches, which exists in a set that is not refused; `None`
    /// gives the caller's own default.
    pub default_variant: Option<TextId>,
    /// The rule that picks a variant; `None` without one.
    pub targeting: Option<NodeId>,
    /// The flag set it belongs to; `None` is the unnamed one.
    pub flag_set_id: Option<TextId>,
    pub(crate) shadow: Option<Box<ShadowDefinition>>,
    pub(crate) node: NodeId,
    pub(crate) variants: std::ops::Range<usize>,
    pub(crate) metadata: std::ops::Range<usize>,
}

/// Whether a flag is on duty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// It is evaluated.
    #[default]
    Enabled,
    /// Callers get their own default.
    Disabled,
}

/// A named value that a flag can give.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Its name.
    pub name: TextId,
    /// Its value.
    pub value: NodeId,
}

/// A named fact about a flag or a set.
#[derive(Clone, Copy, Debug)]
pub struct MetadataEntry {
    /// Its name.
    pub name: TextId,
    /// Its value.
    pub value: NodeId,
}
