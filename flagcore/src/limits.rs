//! Bounds on what is read, kept and computed.
//!
//! Everything that input decides has a bound here, so that a hostile or broken file fails with a clear
//! error and never by slowness, memory or stack. Those of [`Limits`] can be set.

/// The bounds of one client; [`Limits::default`] suits all but unusual installations.
///
/// Past a bound the update is refused and the last good set keeps serving; from 80 % of it there is a warning.
///
/// # Examples
///
/// ```
/// use flagcore::limits::Limits;
///
/// let small = Limits { flags: 1_000, ..Limits::default() };
/// assert_eq!(small.variants, 1_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one flag file: 16 MiB. Its texts may have eight times as many with references, aliases and
    /// inherited metadata written out.
    pub file_bytes: usize,
    /// Levels of nesting in a document, and in a rule after its `$ref`s, each of which counts as a level: 256.
    /// More than that has no effect.
    pub depth: usize,
    /// Nodes of one flag's rule and values, each `$ref` counted as what it stands for: 100,000, so that a list
    /// of tens of thousands of users fits.
    pub flag_nodes: usize,
    /// Nodes of one file, counted the same way: 2,000,000. What aliases of YAML make copies of has the same bound.
    pub set_nodes: usize,
    /// Flags of one source, all its files together: 100,000.
    pub flags: usize,
    /// Variants of one flag: 1,000.
    pub variants: usize,
    /// Bytes of a flag's key: 1,024.
    pub key_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 16 << 20,
            depth: DOCUMENT_DEPTH,
            flag_nodes: 100_000,
            set_nodes: 2_000_000,
            flags: 100_000,
            variants: 1_000,
            key_bytes: 1_024,
        }
    }
}

/// Levels of nesting that any document may have, its rules included.
///
/// The reference has no such bound; the deepest rule of its recorded evaluations has 201 levels.
pub const DOCUMENT_DEPTH: usize = 256;

/// Levels of nesting that a value may have: of a variant, of metadata, of an attribute with its context.
pub const VALUE_DEPTH: usize = 100;

/// Levels of a compiled rule that are evaluated on the caller's stack; deeper ones get a stack of their own.
pub const SHALLOW: u32 = 32;

/// Attributes of one context.
pub const ATTRIBUTES: usize = 10_000;

/// Steps of one evaluation that depend on the size of the context: elements visited, times the size of
/// what is done to each.
pub const FUEL: u32 = 100_000;

/// Bytes of text and lists that one evaluation may produce on the way.
pub const PRODUCED_BYTES: u32 = 1 << 20;

/// Nodes of a file's rules that may be compiled a second time, for list operators whose conditions compute paths:
/// each level of such operators inside of each other compiles all inside of it again.
pub const AHEAD_NODES: u32 = 100_000;

/// Diagnostics kept of one document; how many more there were is counted.
pub const DIAGNOSTICS: usize = 1_000;
