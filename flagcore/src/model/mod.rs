//! Flag files as written: a tree with places, and the flags in it.
//!
//! 1. [`document`] is the tree that every format is read into.
//! 2. [`flag_set`] is what the tree says: flags, variants, metadata, evaluators.
//! 3. `shadow` is how a flag asks for a dark launch.
//! 4. [`references`] follows `$ref` without copying and measures what it stands for.
//! 5. [`export`] writes flags out again as plain flagd JSON.

pub mod document;
pub mod export;
pub mod flag_set;
pub mod references;
pub(crate) mod shadow;

pub use document::{Document, Format, Kind, Member, NodeId};
pub use export::ExportError;
pub use flag_set::{FlagDefinition, FlagSet, MetadataEntry, State, Variant};
pub use references::{Evaluators, References};
