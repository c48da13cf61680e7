//! What a snapshot is put together from, and what it is made of.

use std::sync::Arc;

use crate::bucketing::Bucketing;
use crate::compile::{CompiledFlag, CompiledSet, Plan};
use crate::value::Value;

/// A source's flags on their way into a snapshot.
pub(crate) struct SourceFlags<'s> {
    pub(crate) name: Arc<str>,
    pub(crate) files: &'s [LoadedFile],
}

/// A file's compiled flags.
#[derive(Clone, Debug)]
pub(crate) struct LoadedFile {
    pub(crate) name: Arc<str>,
    pub(crate) set: Arc<CompiledSet>,
    /// How many it was read from.
    pub(crate) bytes: usize,
}

/// A flag of a flag set.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) flag: Arc<CompiledFlag>,
    pub(crate) file: u32,
    pub(crate) line: u32,
}

impl Row {
    /// By flag set, the unnamed one first, then by key.
    pub(super) fn order(&self) -> (Option<&str>, &str) {
        (self.flag.flag_set_id(), &self.flag.key)
    }
}

/// A file that flags were read from.
pub(super) struct File {
    pub(super) name: Arc<str>,
    pub(super) source: u32,
    pub(super) bucketing: Bucketing,
}

/// Slots by key.
pub(crate) type KeyIndex = hashbrown::HashMap<Arc<str>, u32, foldhash::fast::RandomState>;

/// What stands in a slot.
// PERF: a static boolean is answered from here, without a look at the flag itself (benchmark `eval`, static).
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) flag: Option<Arc<CompiledFlag>>,
    pub(super) row: u32,
    pub(super) quick: Quick,
}

/// Answers that need no look at the flag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Quick {
    No,
    Bool(bool),
}

/// What can be answered without a look at the flag.
pub(super) fn quick(flag: &CompiledFlag) -> Quick {
    if flag.plan != Plan::Static {
        return Quick::No;
    }
    let value = flag.default_variant.and_then(|place| flag.variant(place)).map(|variant| &variant.value);
    value.and_then(Value::as_bool).map_or(Quick::No, Quick::Bool)
}
