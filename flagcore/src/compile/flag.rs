//! A flag ready to be evaluated.

use std::sync::Arc;

use crate::eval::machine::VariantNames;
use crate::eval::program::Program;
use crate::model::shadow::ShadowPolicy;
use crate::parse::flag_file::FLAG_SET_ID;
use crate::value::Value;

/// A flag ready to be evaluated; immutable, shared by all snapshots that hold it.
#[derive(Debug, PartialEq)]
pub struct CompiledFlag {
    /// Its name.
    pub key: Arc<str>,
    /// Its variants, sorted by name.
    pub variants: Arc<[CompiledVariant]>,
    /// The variant given when nothing matches, by its place; `None` gives the caller's own default.
    pub default_variant: Option<u32>,
    /// What an evaluation does.
    pub plan: Plan,
    /// Facts about it and its set.
    pub facts: Arc<Facts>,
    /// Its dark launch; `None` where it has none, or where it is off: a flag that is disabled, a block with a mistake.
    // PERF: one word in the many flags that have none.
    pub shadow: Option<Box<CompiledShadow>>,
}

/// The dark launch of a flag.
#[derive(Debug, PartialEq)]
pub struct CompiledShadow {
    /// How it runs. The same allocation for as long as nothing about it changes.
    pub policy: Arc<ShadowPolicy>,
    /// The condition that a context has to meet; `None` where all do. It ends at variant 0 where it is true, which
    /// here names no variant, and else at the default.
    pub when: Option<Program>,
}

/// Facts about a flag and its set; flags without any of their own share those of the set.
#[derive(Debug, PartialEq)]
pub struct Facts {
    /// Metadata sorted by name, without nulls.
    pub metadata: Box<[(Box<str>, Value<'static>)]>,
    /// The flag set that the flag belongs to; `None` is the unnamed one.
    pub flag_set_id: Option<Box<str>>,
}

/// What an evaluation of a flag does.
#[derive(Debug, PartialEq)]
pub enum Plan {
    /// Nothing: callers get their own default.
    Disabled,
    /// Gives the default variant.
    Static,
    /// Runs a rule.
    Targeted(Program),
}

/// A named value.
#[derive(Debug, PartialEq)]
pub struct CompiledVariant {
    /// Its name.
    pub name: Box<str>,
    /// Its value.
    pub value: Value<'static>,
}

impl Facts {
    /// Facts of these names and values; nulls are left out.
    pub fn new<'n>(entries: impl Iterator<Item = (&'n str, Value<'static>)>) -> Self {
        let mut metadata: Vec<(Box<str>, Value<'static>)> =
            entries.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.into(), value)).collect();
        metadata.sort_by(|(a, _), (b, _)| a.cmp(b));
        let id = metadata.iter().find(|(name, _)| &**name == FLAG_SET_ID);
        let flag_set_id = id.and_then(|(_, value)| value.as_str()).map(Box::from);
        Self { metadata: metadata.into(), flag_set_id }
    }
}

impl CompiledFlag {
    /// The flag set it belongs to; `None` is the unnamed one.
    #[inline]
    pub fn flag_set_id(&self) -> Option<&str> {
        self.facts.flag_set_id.as_deref()
    }

    /// A variant by its place.
    #[inline]
    pub fn variant(&self, place: u32) -> Option<&CompiledVariant> {
        self.variants.get(place as usize)
    }
}

impl VariantNames for CompiledFlag {
    fn find(&self, name: &str) -> Option<u32> {
        find_variant(&self.variants, name)
    }

    fn name(&self, place: u32) -> Option<&str> {
        self.variant(place).map(|variant| &*variant.name)
    }
}

/// The place of a variant among variants sorted by name.
pub(crate) fn find_variant(variants: &[CompiledVariant], name: &str) -> Option<u32> {
    variants.binary_search_by(|variant| variant.name.as_ref().cmp(name)).ok().map(|at| at as u32)
}
