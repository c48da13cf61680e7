//! One immutable state of all flags.

use std::fmt;
use std::sync::Arc;

use crate::compile::{CompiledFlag, CompiledVariant};
use crate::context::{ContextRef, Layers, Surroundings};
use crate::detail::{FlagType, Flags, Resolution, Trouble};
use crate::resolution::{resolve, variant_for};

use super::flag_key::FlagKey;
use super::row::{Entry, File, KeyIndex, Quick, Row};

/// One immutable set of compiled flags.
///
/// Many evaluations on one snapshot see one state, whatever is published meanwhile. Keys that several
/// sources or flag sets hold have one winner, which is what evaluations without a selector see; the others
/// are seen through a [`view`](Snapshot::view).
///
/// # Examples
///
/// ```
/// use flagcore::{Client, EvaluationContext};
///
/// let client = Client::from_json(r#"{"flags": {"a": {
///     "state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"
/// }}}"#)?;
/// let snapshot = client.snapshot();
/// let user = EvaluationContext::new("user-1");
/// let on: Vec<&str> = snapshot.evaluate_all(&user).filter(|(_, it)| it.value().as_bool() == Some(true)).map(|(key, _)| key).collect();
/// assert_eq!(on, ["a"]);
/// # Ok::<(), flagcore::Error>(())
/// ```
pub struct Snapshot {
    pub(super) revision: u64,
    pub(super) store: u32,
    /// Where each key's flag is, by its slot.
    pub(super) entries: Box<[Entry]>,
    /// Slots by key; shared by snapshots with the same keys.
    pub(super) index: Arc<KeyIndex>,
    /// Every (flag set, key), sorted.
    pub(super) rows: Box<[Row]>,
    /// The plain JSON of each row, where it is kept; else empty.
    pub(super) written: Box<[Arc<str>]>,
    pub(super) sources: Box<[Arc<str>]>,
    pub(super) files: Box<[File]>,
    pub(super) surroundings: Arc<Surroundings>,
}

impl Snapshot {
    /// A number that grows with every publication of its client.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many keys have a flag.
    pub fn len(&self) -> usize {
        self.winners().count()
    }

    /// Whether no key has a flag.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a flag has this key.
    pub fn contains(&self, key: impl FlagKey) -> bool {
        self.entry(key).is_some()
    }

    /// The names of the sources, lowest priority first.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sources.iter().map(AsRef::as_ref)
    }

    pub(crate) fn row(&self, row: u32) -> Option<&Row> {
        self.rows.get(row as usize)
    }

    pub(crate) fn variant(&self, row: u32, place: u32) -> Option<&CompiledVariant> {
        self.row(row)?.flag.variant(place)
    }

    /// The file that a row was read from.
    pub(crate) fn file_of(&self, row: &Row) -> Option<&Arc<str>> {
        self.files.get(row.file as usize).map(|file| &file.name)
    }

    pub(super) fn source_of(&self, row: &Row) -> Option<&Arc<str>> {
        self.sources.get(self.files.get(row.file as usize)?.source as usize)
    }

    /// The keys that have a flag.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.winners().filter_map(|number| self.row(number)).map(|row| &*row.flag.key)
    }

    /// The boolean of a flag, without any of what a detail tells.
    #[inline]
    pub(crate) fn quick_bool(&self, key: impl FlagKey, context: ContextRef<'_>, default: bool) -> bool {
        let Some(entry) = self.entry(key) else { return default };
        match (entry.quick, &entry.flag) {
            (Quick::Bool(value), _) => value,
            (Quick::No, Some(flag)) => self.value_of::<bool>(flag, context).unwrap_or(default),
            (Quick::No, None) => default,
        }
    }

    /// The value of a flag, without any of what a detail tells; none where the caller's default is wanted.
    #[inline]
    pub(crate) fn quick_value<T: FlagType + ?Sized>(
        &self,
        key: impl FlagKey,
        context: ContextRef<'_>,
    ) -> Option<T::Ref<'_>> {
        self.value_of::<T>(self.entry(key)?.flag.as_ref()?, context)
    }

    #[inline]
    fn value_of<'s, T: FlagType + ?Sized>(
        &'s self,
        flag: &'s CompiledFlag,
        context: ContextRef<'_>,
    ) -> Option<T::Ref<'s>> {
        T::of(&variant_for(flag, &context, &self.surroundings)?.value)
    }

    /// The row of a key and what it comes to, typed.
    #[inline]
    pub(crate) fn resolve_as<T: FlagType + ?Sized>(
        &self,
        row: Option<u32>,
        context: ContextRef<'_>,
    ) -> (Option<u32>, Resolution) {
        let Some(found) = row.and_then(|row| self.row(row)) else {
            return (None, Resolution::failed(Trouble::NotFound));
        };
        let resolution = resolve(&found.flag, &self.layers(&context));
        let fits = resolution.variant.is_none_or(|place| {
            found.flag.variant(place).is_some_and(|variant| T::of(&variant.value).is_some())
        });
        if fits || resolution.trouble.is_some() {
            (row, resolution)
        } else {
            (row, mismatch(resolution, T::NAME))
        }
    }

    /// The row of the flag that wins a key.
    #[inline]
    pub(crate) fn row_of(&self, key: impl FlagKey) -> Option<u32> {
        self.entry(key).map(|entry| entry.row)
    }

    #[inline]
    pub(crate) fn layers<'c>(&'c self, request: &'c ContextRef<'c>) -> Layers<'c> {
        self.surroundings.around(request)
    }

    #[inline]
    pub(super) fn entry(&self, key: impl FlagKey) -> Option<&Entry> {
        self.entries.get(key.slot(self)? as usize).filter(|entry| entry.flag.is_some())
    }

    /// The flags that win their key, sorted by key.
    pub(crate) fn winning_flags(&self) -> impl Iterator<Item = WinningFlag<'_>> {
        let mut rows: Vec<&Row> = self.winners().filter_map(|number| self.row(number)).collect();
        if rows.iter().any(|row| row.flag.flag_set_id().is_some()) {
            rows.sort_unstable_by(|a, b| a.flag.key.cmp(&b.flag.key));
        }
        rows.into_iter().map(|row| WinningFlag { row, source: self.source_of(row) })
    }

    /// The rows that win their key, in order.
    pub(super) fn winners(&self) -> impl Iterator<Item = u32> {
        let wins = |(number, row): &(usize, &Row)| self.row_of(&*row.flag.key) == Some(*number as u32);
        self.rows.iter().enumerate().filter(wins).map(|(number, _)| number as u32)
    }
}

impl crate::detail::sealed::Flags for Snapshot {}

impl Flags for Snapshot {
    #[inline]
    fn flag_at(&self, row: u32) -> Option<&CompiledFlag> {
        self.row(row).map(|row| &*row.flag)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<&str> = self.sources().collect();
        f.debug_struct("Snapshot")
            .field("revision", &self.revision)
            .field("flags", &self.rows.len())
            .field("sources", &sources)
            .finish_non_exhaustive()
    }
}

pub(super) fn mismatch(resolution: Resolution, asked: &'static str) -> Resolution {
    Resolution {
        variant: resolution.variant,
        passing: resolution.passing,
        ..Resolution::failed(Trouble::Type { asked })
    }
}

/// A flag that evaluations without a selector see.
pub(crate) struct WinningFlag<'s> {
    row: &'s Row,
    source: Option<&'s Arc<str>>,
}

impl<'s> WinningFlag<'s> {
    pub(crate) fn key(&self) -> &'s str {
        &self.row.flag.key
    }

    /// Whether nobody can tell the two apart.
    pub(crate) fn is_same(&self, other: &WinningFlag<'_>) -> bool {
        let flags = (&self.row.flag, &other.row.flag);
        self.source == other.source && (Arc::ptr_eq(flags.0, flags.1) || flags.0 == flags.1)
    }
}
