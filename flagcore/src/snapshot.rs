//! `Snapshot`: one immutable set of compiled flags, what an evaluation sees from start to end.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::compile::{CompiledEntry, CompiledFlag, CompiledSet, CompiledVariant, Plan};
use crate::context::{ContextRef, Layers, Surroundings};
use crate::detail::{Detail, FlagType, Flags, Resolution, Trouble};
use crate::resolution::{resolve, variant_for};
use crate::selector::{Selector, Wanted};
use crate::value::Value;

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
    revision: u64,
    store: u32,
    /// Where each key's flag is, by its slot.
    entries: Box<[Entry]>,
    /// Slots by key; shared by snapshots with the same keys.
    index: Arc<KeyIndex>,
    /// Every (flag set, key), sorted.
    rows: Box<[Row]>,
    sources: Box<[Arc<str>]>,
    files: Box<[File]>,
    surroundings: Arc<Surroundings>,
}

/// A file that flags were read from.
struct File {
    name: Arc<str>,
    source: u32,
}

/// Slots by key.
pub(crate) type KeyIndex = hashbrown::HashMap<Arc<str>, u32, foldhash::fast::RandomState>;

/// What stands in a slot.
// PERF: a static boolean is answered from here, without a look at the flag itself (benchmark `eval`, static).
#[derive(Clone)]
struct Entry {
    flag: Option<Arc<CompiledFlag>>,
    row: u32,
    quick: Quick,
}

/// Answers that need no look at the flag.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Quick {
    No,
    Bool(bool),
}

/// A flag of a flag set.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) flag: Arc<CompiledFlag>,
    pub(crate) file: u32,
    pub(crate) line: u32,
}

/// A handle to a flag: the fastest key.
///
/// Made by [`Client::flag`](crate::Client::flag), valid for that client for as long as it lives, through all
/// reloads, also for a flag that does not exist yet. Of another client it finds no flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flag {
    pub(crate) slot: u32,
    pub(crate) store: u32,
}

/// What a flag can be asked for by: its key, or a handle.
///
/// Sealed: implemented for `&str`, `&String` and [`Flag`].
pub trait FlagKey: sealed::Sealed + Copy {
    #[doc(hidden)]
    fn slot(self, snapshot: &Snapshot) -> Option<u32>;

    #[doc(hidden)]
    fn name(&self, snapshot: &Snapshot) -> String;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for &String {}
    impl Sealed for super::Flag {}
}

impl FlagKey for &str {
    #[inline]
    fn slot(self, snapshot: &Snapshot) -> Option<u32> {
        snapshot.index.get(self).copied()
    }

    fn name(&self, _snapshot: &Snapshot) -> String {
        (*self).to_owned()
    }
}

impl FlagKey for &String {
    #[inline]
    fn slot(self, snapshot: &Snapshot) -> Option<u32> {
        self.as_str().slot(snapshot)
    }

    fn name(&self, _snapshot: &Snapshot) -> String {
        (*self).clone()
    }
}

impl FlagKey for Flag {
    #[inline]
    fn slot(self, snapshot: &Snapshot) -> Option<u32> {
        (self.store == snapshot.store).then_some(self.slot)
    }

    fn name(&self, snapshot: &Snapshot) -> String {
        let slot = self.slot(snapshot);
        let named = snapshot.index.iter().find(|(_, known)| Some(**known) == slot);
        named.map_or_else(|| "(a handle without a flag)".to_owned(), |(key, _)| key.to_string())
    }
}

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
}

impl Snapshot {
    /// A snapshot of the flags of some sources, later ones winning. `slot_of` gives each key its slot.
    pub(crate) fn assemble(
        revision: u64,
        store: u32,
        sources: &[SourceFlags<'_>],
        surroundings: Arc<Surroundings>,
        slots: impl FnOnce(&mut dyn Iterator<Item = &Arc<str>>) -> Arc<KeyIndex>,
    ) -> Self {
        let files: Box<[File]> = sources
            .iter()
            .zip(0..)
            .flat_map(|(source, number)| {
                source.files.iter().map(move |file| File { name: file.name.clone(), source: number })
            })
            .collect();
        let source_of = |row: &Row| files.get(row.file as usize).map(|file| file.source);
        let mut rows = merge(sources);
        rows.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        let index = slots(&mut rows.iter().map(|row| &row.flag.key));
        let mut entries =
            vec![Entry { flag: None, row: 0, quick: Quick::No }; index.len()].into_boxed_slice();
        for (number, row) in rows.iter().enumerate() {
            let Some(entry) = index.get(&row.flag.key).and_then(|slot| entries.get_mut(*slot as usize))
            else {
                continue;
            };
            // The highest source wins; among its flag sets the last one by name.
            let wins = match &entry.flag {
                Some(_) => {
                    rows.get(entry.row as usize).is_none_or(|winner| source_of(winner) <= source_of(row))
                }
                None => true,
            };
            if wins {
                *entry = Entry { flag: Some(row.flag.clone()), row: number as u32, quick: quick(&row.flag) };
            }
        }
        Self {
            revision,
            store,
            entries,
            index,
            rows: rows.into_boxed_slice(),
            sources: sources.iter().map(|source| source.name.clone()).collect(),
            files,
            surroundings,
        }
    }

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

    /// The flags of one flag set or one source.
    pub fn view<'s>(&'s self, selector: &'s Selector) -> View<'s> {
        View { snapshot: self, selector }
    }

    /// Every flag for a context, sorted by flag set and key.
    ///
    /// Each is asked for as the type of its default variant, as in the reference: a targeted variant of another
    /// type is a `TYPE_MISMATCH`. One list of keys and one evaluation per flag; no allocation.
    pub fn evaluate_all<'s>(
        &'s self,
        context: impl Into<ContextRef<'s>>,
    ) -> impl Iterator<Item = (&'s str, Detail<'s, Value<'static>, &'s Snapshot>)> {
        let context = context.into();
        self.winners().map(move |number| self.evaluate_row(number, context, None))
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

    fn source_of(&self, row: &Row) -> Option<&Arc<str>> {
        self.sources.get(self.files.get(row.file as usize)?.source as usize)
    }

    /// The keys that have a flag or a handle, in no order.
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
    fn entry(&self, key: impl FlagKey) -> Option<&Entry> {
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
    fn winners(&self) -> impl Iterator<Item = u32> {
        let wins = |(number, row): &(usize, &Row)| self.row_of(&*row.flag.key) == Some(*number as u32);
        self.rows.iter().enumerate().filter(wins).map(|(number, _)| number as u32)
    }

    fn evaluate_row<'s>(
        &'s self,
        number: u32,
        context: ContextRef<'s>,
        selector: Option<&'s Selector>,
    ) -> (&'s str, Detail<'s, Value<'static>, &'s Snapshot>) {
        let (row, mut resolution) = self.resolve_as::<Value<'static>>(Some(number), context);
        let flag = self.row(number).map(|row| &row.flag);
        if let Some(flag) = flag
            && resolution.trouble.is_none()
            && let (Some(given), Some(default)) = (resolution.variant, flag.default_variant)
            && let (Some(given), Some(default)) = (flag.variant(given), flag.variant(default))
            && let Some(asked) = bulk_type(&default.value)
            && bulk_type(&given.value) != Some(asked)
        {
            resolution = mismatch(resolution, asked);
        }
        let key = flag.map_or("", |flag| &*flag.key);
        (key, Detail { default: &Value::Null, resolution, row, snapshot: self, selector })
    }
}

fn mismatch(resolution: Resolution, asked: &'static str) -> Resolution {
    Resolution { variant: resolution.variant, ..Resolution::failed(Trouble::Type { asked }) }
}

/// What a flag is asked for as when all are asked for; none for any type.
fn bulk_type(default: &Value<'_>) -> Option<&'static str> {
    match default {
        Value::Bool(_) => Some(<bool as FlagType>::NAME),
        Value::Number(_) => Some(<f64 as FlagType>::NAME),
        Value::String(_) => Some(<str as FlagType>::NAME),
        Value::Structure(_) => Some(<crate::value::Structure<'static> as FlagType>::NAME),
        Value::Null | Value::List(_) => None,
    }
}

/// What can be answered without a look at the flag.
fn quick(flag: &CompiledFlag) -> Quick {
    if flag.plan != Plan::Static {
        return Quick::No;
    }
    let value = flag.default_variant.and_then(|place| flag.variant(place)).map(|variant| &variant.value);
    value.and_then(Value::as_bool).map_or(Quick::No, Quick::Bool)
}

/// Of each (flag set, key) the row of the highest source; within a source of its last document.
fn merge(sources: &[SourceFlags<'_>]) -> Vec<Row> {
    let files = sources.iter().flat_map(|source| source.files).zip(0..);
    let entries = files.flat_map(|(file, number)| file.set.flags.iter().map(move |entry| (entry, number)));
    let row = |(entry, file): (&CompiledEntry, u32)| Row { flag: entry.flag.clone(), file, line: entry.line };
    if sources.iter().map(|source| source.files.len()).sum::<usize>() < 2 {
        // One document holds each (flag set, key) once.
        return entries.map(row).collect();
    }
    let mut places: HashMap<(Option<&str>, &str), usize> = HashMap::new();
    let mut rows: Vec<Row> = Vec::new();
    for (entry, file) in entries {
        let place = *places.entry((entry.flag.flag_set_id(), &*entry.flag.key)).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(kept) => *kept = row((entry, file)),
            None => rows.push(row((entry, file))),
        }
    }
    rows
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

impl crate::detail::sealed::Flags for Snapshot {}

impl Flags for Snapshot {
    #[inline]
    fn flag_at(&self, row: u32) -> Option<&CompiledFlag> {
        self.row(row).map(|row| &*row.flag)
    }
}

impl Row {
    /// By flag set, the unnamed one first, then by key.
    fn order(&self) -> (Option<&str>, &str) {
        (self.flag.flag_set_id(), &self.flag.key)
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

/// The flags of a snapshot that a selector picks.
#[derive(Clone, Copy, Debug)]
pub struct View<'s> {
    snapshot: &'s Snapshot,
    selector: &'s Selector,
}

impl<'s> View<'s> {
    /// Whether a flag has this key here.
    pub fn contains(&self, key: &str) -> bool {
        self.row_of(key).is_some()
    }

    /// Every flag here for a context, sorted by flag set and key; see [`Snapshot::evaluate_all`].
    pub fn evaluate_all(
        &self,
        context: impl Into<ContextRef<'s>>,
    ) -> impl Iterator<Item = (&'s str, Detail<'s, Value<'static>, &'s Snapshot>)> {
        let (context, view) = (context.into(), *self);
        let shown = move |number: &u32| view.shows(*number);
        let rows = (0..self.snapshot.rows.len() as u32).filter(shown);
        rows.map(move |number| view.snapshot.evaluate_row(number, context, Some(view.selector)))
    }

    /// The row of a key here.
    ///
    /// A flag set is exact; of a source with several flag sets the first by name that holds the key is taken.
    pub(crate) fn row_of(&self, key: &str) -> Option<u32> {
        let rows = &self.snapshot.rows;
        let find = |id: Option<&str>| {
            let at = rows.binary_search_by(|row| row.order().cmp(&(id, key))).ok()?;
            Some(at as u32)
        };
        match self.selector.wanted() {
            Wanted::All => self.snapshot.row_of(key),
            Wanted::Unnamed => find(None),
            Wanted::FlagSet(id) => find(id.as_str()),
            Wanted::Source(_) => {
                let mut at = 0;
                while let Some(row) = rows.get(at) {
                    let id = row.flag.flag_set_id();
                    if let Some(found) = find(id).filter(|found| self.shows(*found)) {
                        return Some(found);
                    }
                    // On to the next flag set.
                    at = rows.partition_point(|row| row.flag.flag_set_id() <= id);
                }
                None
            }
        }
    }

    fn shows(&self, number: u32) -> bool {
        let Some(row) = self.snapshot.row(number) else { return false };
        match self.selector.wanted() {
            Wanted::All => self.snapshot.row_of(&*row.flag.key) == Some(number),
            Wanted::Unnamed => row.flag.flag_set_id().is_none(),
            Wanted::FlagSet(id) => row.flag.flag_set_id() == id.as_str(),
            Wanted::Source(name) => {
                self.snapshot.source_of(row).is_some_and(|source| Some(&**source) == name.as_str())
            }
        }
    }

    pub(crate) fn snapshot(&self) -> &'s Snapshot {
        self.snapshot
    }

    pub(crate) fn selector(&self) -> &'s Selector {
        self.selector
    }
}
