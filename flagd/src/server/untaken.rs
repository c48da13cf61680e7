//! Large answers that nobody takes: bounded in bytes, and in time.
//!
//! A client may ask for much over one connection of HTTP/2 and read none of it, however little each question
//! costs it. Its answers wait in memory: first as bodies, then in the protocol's buffers, where nothing but the end
//! of the connection frees them. So every answer of more than [`LARGE`] bytes, streams left out, takes its size of
//! what all answers together may hold, until its last byte is written. Where nothing is left, the next one is refused.
//! A connection that did not take one in its time is closed, which gives back what it held. And as no connection has
//! more than an eighth of it all, one alone takes nothing from the others: beyond that, only its own are refused. One
//! answer it may always have, however large.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// What all large answers may hold together.
#[derive(Clone, Debug)]
pub(super) struct Untaken(Arc<Semaphore>);

impl Default for Untaken {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_KIB as usize)))
    }
}

impl Untaken {
    /// Takes what an answer of so many bytes holds; none where there is not so much left, in all or for its
    /// connection.
    ///
    /// Its connection has `patience`, and a second for every 256 KiB, to take it.
    pub(super) fn take(&self, bytes: u64, patience: Duration, waits: &Arc<Waits>) -> Option<Arc<Held>> {
        let kib = u32::try_from(bytes / 1_024).unwrap_or(MOST_KIB).clamp(1, MOST_KIB);
        let share = Share::take(waits, kib)?;
        let permit = self.0.clone().try_acquire_many_owned(kib).ok()?;
        let until = Instant::now() + patience + Duration::from_secs(u64::from(kib) / 256);
        Some(Arc::new(Held { wait: waits.begin(until), share, _permit: permit }))
    }
}

/// From how many bytes an answer is large.
pub(super) const LARGE: u64 = 64 * 1_024;

/// 256 MiB.
pub(super) const MOST_KIB: u32 = 256 * 1_024;

/// What one connection may have of it.
pub(super) const SHARE_KIB: u32 = MOST_KIB / 8;

/// What a large answer holds until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    wait: Wait,
    share: Share,
    _permit: OwnedSemaphorePermit,
}

impl Held {
    /// The same bytes, which count as held for as long as anybody has a part of them.
    pub(super) fn keep(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Part { bytes, _held: self.clone() })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.share.waits.end(&self.wait);
    }
}

/// What a connection has of what all may hold, until this is dropped.
#[derive(Debug)]
struct Share {
    waits: Arc<Waits>,
    kib: u32,
}

impl Share {
    fn take(waits: &Arc<Waits>, kib: u32) -> Option<Self> {
        let more = |held: u32| (held == 0 || held.saturating_add(kib) <= SHARE_KIB).then_some(held + kib);
        // ORDERING: a sum of its own; nothing else is read after it.
        waits.held_kib.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { waits: waits.clone(), kib })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // ORDERING: as above.
        self.waits.held_kib.fetch_sub(self.kib, Ordering::Relaxed);
    }
}

struct Part {
    bytes: Bytes,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Until when an answer waits, and what tells it from others.
type Wait = (Instant, u64);

/// The large answers of a connection, and its large requests.
#[derive(Debug, Default)]
pub(super) struct Waits {
    all: Mutex<BTreeSet<Wait>>,
    count: AtomicUsize,
    next: AtomicU64,
    held_kib: AtomicU32,
    /// The same of the bodies of its requests.
    pub(super) begun_kib: AtomicU32,
}

impl Waits {
    fn begin(&self, until: Instant) -> Wait {
        // ORDERING: a number of its own; the lock orders everything else.
        let wait = (until, self.next.fetch_add(1, Ordering::Relaxed));
        self.all().insert(wait);
        // ORDERING: pairs with the load of `first`; who is told of the answer finds it here.
        self.count.fetch_add(1, Ordering::Release);
        wait
    }

    fn end(&self, wait: &Wait) {
        self.all().remove(wait);
        self.count.fetch_sub(1, Ordering::Release);
    }

    /// Until when the first of them has to be taken, if there are any.
    ///
    /// PERF: asked with every turn of a connection; without any it is one load.
    pub(super) fn first(&self) -> Option<Instant> {
        // ORDERING: pairs with the writes of `begin` and `end`.
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.all().first().map(|(until, _)| *until)
    }

    fn all(&self) -> MutexGuard<'_, BTreeSet<Wait>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
