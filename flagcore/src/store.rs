//! `Store`: the current snapshot, and the slots that handles stand for.
//!
//! Readers load the current snapshot without waiting: an `ArcSwap` load is a few atomic operations, and never
//! touches the count that other readers touch. The writer publishes a new snapshot by one atomic swap and
//! keeps the old one until nobody else holds it, so that **no reader ever frees a snapshot**: with 10,000
//! flags that would cost it a fraction of a millisecond in the middle of a request.
//!
//! How the writer knows: `Arc::strong_count` of a retired snapshot is 1 once the last guard, reader and clone
//! of it is gone. A guard that is loaded while the swap happens is turned into a count by the swap itself
//! (`arc-swap` pays its debts), so no holder is ever missed, and no new holder can appear: a retired snapshot
//! is reachable only from those who hold it already.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::context::Surroundings;
use crate::snapshot::{Flag, KeyIndex, Snapshot, SourceFlags};

/// The current snapshot and what it takes to publish another.
#[derive(Debug)]
pub(crate) struct Store {
    current: ArcSwap<Snapshot>,
    id: u32,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    /// Every key that ever had a flag or a handle, with its slot; only ever grows.
    index: Arc<KeyIndex>,
    revision: u64,
    /// Old snapshots that somebody may still hold.
    retired: Vec<Arc<Snapshot>>,
}

/// Handles beyond so many keys without a flag find nothing: they are names made up by callers.
const MOST_SLOTS: usize = 1_000_000;

impl Store {
    /// A store with an empty snapshot.
    pub(crate) fn new(surroundings: Surroundings) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        // ORDERING: the number is only compared, and publishes nothing.
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let index = Arc::new(KeyIndex::default());
        let empty = Snapshot::assemble(0, id, &[], Arc::new(surroundings), |_| index.clone());
        let writer = Writer { index, revision: 0, retired: Vec::new() };
        Self { current: ArcSwap::from_pointee(empty), id, writer: Mutex::new(writer) }
    }

    /// The current snapshot, for a moment.
    #[inline]
    pub(crate) fn load(&self) -> Guard {
        Guard(self.current.load())
    }

    /// The current snapshot, for as long as it is wanted.
    pub(crate) fn load_full(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The handle of a key.
    pub(crate) fn flag(&self, key: &str) -> Flag {
        let mut writer = self.writer();
        if let Some(slot) = writer.index.get(key) {
            return Flag { slot: *slot, store: self.id };
        }
        if writer.index.len() >= MOST_SLOTS {
            return Flag { slot: u32::MAX, store: self.id };
        }
        let slot = writer.index.len() as u32;
        // The current snapshot keeps the index it has: the slot stands for nothing there.
        Arc::make_mut(&mut writer.index).insert(key.into(), slot);
        Flag { slot, store: self.id }
    }

    /// Publishes the flags of some sources, later ones winning, and frees old snapshots that nobody holds.
    ///
    /// Returns the snapshots before and after.
    pub(crate) fn publish(
        &self,
        sources: &[SourceFlags<'_>],
        surroundings: Arc<Surroundings>,
    ) -> (Arc<Snapshot>, Arc<Snapshot>) {
        let mut writer = self.writer();
        writer.revision += 1;
        let (revision, index) = (writer.revision, &mut writer.index);
        let next = Snapshot::assemble(revision, self.id, sources, surroundings, |keys| {
            for key in keys {
                if !index.contains_key(key) {
                    let slot = index.len() as u32;
                    Arc::make_mut(index).insert(key.clone(), slot);
                }
            }
            index.clone()
        });
        let next = Arc::new(next);
        let before = self.current.swap(next.clone());
        writer.retired.push(before.clone());
        Self::free(&mut writer);
        (before, next)
    }

    /// Frees old snapshots that nobody holds any more.
    pub(crate) fn sweep(&self) {
        Self::free(&mut self.writer());
    }

    /// How many snapshots are alive: the current one and those that somebody still holds.
    pub(crate) fn alive(&self) -> usize {
        1 + self.writer().retired.len()
    }

    fn free(writer: &mut Writer) {
        writer.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic while publishing leaves the old snapshot and an index that has at most more keys.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The snapshot that an answer belongs to, held for a moment.
///
/// Cheap to take and to drop; while it is held, the snapshot's memory is.
pub struct Guard(arc_swap::Guard<Arc<Snapshot>>);

impl Deref for Guard {
    type Target = Snapshot;

    #[inline]
    fn deref(&self) -> &Snapshot {
        &self.0
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&**self, f)
    }
}

/// A store as a cache reaches it.
#[derive(Clone, Debug)]
pub(crate) struct StoreRef(pub(crate) Arc<Store>);

impl Deref for StoreRef {
    type Target = ArcSwap<Snapshot>;

    #[inline]
    fn deref(&self) -> &ArcSwap<Snapshot> {
        &self.0.current
    }
}
