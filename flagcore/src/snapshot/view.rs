//! The flags of a snapshot that a selector picks.

use std::sync::Arc;

use crate::bucketing::Bucketing;
use crate::context::ContextRef;
use crate::detail::Detail;
use crate::selector::{Selector, Wanted};
use crate::value::Value;

use super::state::Snapshot;

impl Snapshot {
    /// The flags of one flag set or one source.
    pub fn view<'s>(&'s self, selector: &'s Selector) -> View<'s> {
        View { snapshot: self, selector }
    }
}

/// A flag as it is passed on to those who evaluate for themselves.
#[derive(Clone, Copy, Debug)]
pub struct WrittenFlag<'s> {
    /// Its key.
    pub key: &'s str,
    /// The flag set it belongs to; `None` is the unnamed one.
    pub flag_set_id: Option<&'s str>,
    /// Its definition as plain JSON: references written out, metadata of its set folded in, its source named. The
    /// same text is the same allocation for as long as the flag does not change.
    pub json: &'s Arc<str>,
    /// The generation of bucketing of its splits, which its definition does not tell.
    pub bucketing: Bucketing,
    /// The value of its default variant, if it has one.
    pub default: Option<&'s Value<'static>>,
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

    /// The flags here as they are passed on, sorted by flag set and key; none where JSON is not kept.
    pub fn flags(&self) -> impl Iterator<Item = WrittenFlag<'s>> {
        let (view, snapshot) = (*self, self.snapshot);
        let rows = snapshot.rows.iter().zip(&snapshot.written).zip(0..);
        rows.filter(move |(_, number)| view.shows(*number)).map(|((row, json), _)| WrittenFlag {
            key: &row.flag.key,
            flag_set_id: row.flag.flag_set_id(),
            json,
            bucketing: snapshot.files.get(row.file as usize).map(|file| file.bucketing).unwrap_or_default(),
            default: row.flag.default_variant.and_then(|place| row.flag.variant(place)).map(|it| &it.value),
        })
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
