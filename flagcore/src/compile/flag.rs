//! A flag ready to be evaluated.

use std::sync::Arc;

use crate::eval::machine::VariantNames;
use crate::eval::program::Program;
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
    /// The flag set it belongs to; `None` is the unnamed one.
    pub flag_set_id: Option<Arc<str>>,
    /// Facts about it and its set, sorted by name, without nulls.
    pub metadata: Arc<[(Box<str>, Value<'static>)]>,
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

impl CompiledFlag {
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
