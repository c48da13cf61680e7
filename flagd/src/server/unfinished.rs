//! Large requests that are not complete: bounded in bytes, as answers are that nobody takes.
//!
//! A body holds what came of it beyond [`FREE`] bytes, of what all bodies together may hold, until it is complete or given
//! up; and of its connection's part of that. How long it may take is bounded where it is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use super::untaken::{MOST_KIB, SHARE_KIB, Waits};

/// What the bodies of all requests may hold together, until each is complete or given up.
#[derive(Clone, Debug)]
pub(super) struct Unfinished(Arc<Semaphore>);

impl Default for Unfinished {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_KIB as usize)))
    }
}

/// What one of them holds until this is dropped.
#[derive(Debug)]
pub(super) struct Begun {
    all: Unfinished,
    connection: Arc<Waits>,
    bytes: u64,
    kib: u32,
    /// Tells who answers that there was not enough left.
    refused: Arc<AtomicBool>,
}

impl Begun {
    pub(super) fn new(all: Unfinished, connection: Arc<Waits>, refused: Arc<AtomicBool>) -> Self {
        Self { all, connection, bytes: 0, kib: 0, refused }
    }

    /// So many bytes more came; whether they may be kept. A connection's only body may have what all may have.
    pub(super) fn came(&mut self, bytes: usize) -> bool {
        self.bytes += bytes as u64;
        let over = self.bytes.saturating_sub(FREE).div_ceil(1_024);
        let more = u32::try_from(over).unwrap_or(u32::MAX).saturating_sub(self.kib);
        if more == 0 {
            return true;
        }
        let own = self.kib;
        let take = |held: u32| {
            let sum = held.checked_add(more)?;
            (held == own || sum <= SHARE_KIB).then_some(sum)
        };
        let begun = &self.connection.begun_kib;
        // ORDERING: a sum of its own; nothing else is read after it.
        let is_within = begun.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        if is_within {
            self.kib += more;
            if let Ok(permit) = self.all.0.try_acquire_many(more) {
                permit.forget();
                return true;
            }
            self.kib -= more;
            begun.fetch_sub(more, Ordering::Relaxed);
        }
        // ORDERING: read after the body's error was, on the same task.
        self.refused.store(true, Ordering::Relaxed);
        false
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.all.0.add_permits(self.kib as usize);
        // ORDERING: as above.
        self.connection.begun_kib.fetch_sub(self.kib, Ordering::Relaxed);
    }
}

/// How many bytes of a body count as nothing: contexts are smaller, and need not be counted.
pub(super) const FREE: u64 = 16 * 1_024;
