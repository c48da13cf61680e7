//! A thread's own view of a client.

use std::fmt;
use std::sync::Arc;

use crate::snapshot::Snapshot;
use crate::store::StoreRef;

/// A thread's own view of a client: the fastest way to evaluate.
///
/// Holds the snapshot that it saw last and looks for a newer one at each call, by one comparison. A reader
/// that is not used keeps an old snapshot's memory; drop readers of threads that rest.
pub struct Reader {
    pub(super) cache: arc_swap::Cache<StoreRef, Arc<Snapshot>>,
}

impl Reader {
    /// The current snapshot.
    #[inline]
    pub fn snapshot(&mut self) -> &Snapshot {
        self.cache.load()
    }

    /// The current snapshot, for as long as it is wanted; also when the client is gone.
    #[inline]
    pub fn held(&mut self) -> Arc<Snapshot> {
        self.cache.load().clone()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}
