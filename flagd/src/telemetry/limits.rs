//! How much of each limit is used, and the messages of sync that stock clients refuse.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use flagcore::Client;
use flagcore::limits::Limits;
use tokio::sync::Semaphore;

/// The largest message that clients of gRPC take unless they are told otherwise, in bytes: 4 MiB.
pub const STOCK_MESSAGE: u64 = 4 << 20;

/// How much of a limit is used.
#[derive(Clone, Debug)]
pub struct Usage {
    /// Which limit.
    pub limit: &'static str,
    /// Whose, if it is one of each source.
    pub source: Option<String>,
    /// How much there is.
    pub used: u64,
    /// How much there may be.
    pub most: u64,
}

impl Usage {
    /// 1 is all of it.
    pub fn ratio(&self) -> f64 {
        self.used as f64 / self.most.max(1) as f64
    }
}

/// What limits are looked at.
#[derive(Debug, Default)]
pub(super) struct LimitsInUse {
    /// What admits connections, and how many it does.
    room: OnceLock<(Arc<Semaphore>, usize)>,
    payloads: Arc<Payloads>,
}

impl LimitsInUse {
    /// Without a bound there is no limit to tell of.
    pub(super) fn set_room(&self, room: Arc<Semaphore>) {
        let most = room.available_permits();
        if most < Semaphore::MAX_PERMITS {
            let _ = self.room.set((room, most));
        }
    }

    pub(super) fn payloads(&self) -> &Arc<Payloads> {
        &self.payloads
    }

    /// All that are known: those of the process, then those of each source.
    pub(super) fn usage(&self, client: &Client) -> Vec<Usage> {
        let of = |limit, used, most| Usage { limit, source: None, used, most };
        let mut all = Vec::new();
        if let Some((room, most)) = self.room.get() {
            let used = most.saturating_sub(room.available_permits());
            all.push(of("connections", used as u64, *most as u64));
        }
        if let Some((used, most)) = descriptors() {
            all.push(of("descriptors", used, most));
        }
        let largest = self.payloads.largest().into_values().max().unwrap_or_default();
        all.push(of("sync_payload", largest, STOCK_MESSAGE));
        let limits = Limits::default();
        for source in client.status() {
            let Some(served) = source.served else { continue };
            let each = [
                ("flags", served.flags, limits.flags),
                ("file_bytes", served.largest_file_bytes, limits.file_bytes),
            ];
            all.extend(each.map(|(limit, used, most)| Usage {
                source: Some(source.name.clone()),
                ..of(limit, used as u64, most as u64)
            }));
        }
        all
    }
}

/// The sizes of the messages that sync streams get now.
#[derive(Debug, Default)]
pub(super) struct Payloads(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    sizes: BTreeMap<u64, (String, u64)>,
}

/// The size of a message that streams get, until this is dropped.
#[derive(Debug)]
pub struct PayloadSize {
    payloads: Arc<Payloads>,
    number: u64,
}

impl Payloads {
    /// `label` is the selector if it matches something, else what stands for all that do not.
    pub(super) fn add(self: &Arc<Self>, label: &str, bytes: u64) -> PayloadSize {
        let before = self.largest().get(label).copied().unwrap_or_default();
        // Told when it comes to that, not at each change.
        if bytes > STOCK_MESSAGE && before <= STOCK_MESSAGE {
            tracing::warn!(
                selector = label,
                bytes,
                "flag definitions are larger than 4 MiB: clients of gRPC refuse them unless they are told to take more"
            );
        } else if bytes > STOCK_MESSAGE / 5 * 4 && before <= STOCK_MESSAGE / 5 * 4 {
            tracing::warn!(
                selector = label,
                bytes,
                "flag definitions are near 4 MiB, from where on clients of gRPC refuse them"
            );
        }
        let mut table = self.table();
        let number = table.next;
        table.next += 1;
        table.sizes.insert(number, (label.to_owned(), bytes));
        drop(table);
        PayloadSize { payloads: self.clone(), number }
    }

    /// The largest under each label.
    pub(super) fn largest(&self) -> BTreeMap<String, u64> {
        let mut largest = BTreeMap::new();
        for (label, bytes) in self.table().sizes.values() {
            let known: &mut u64 = largest.entry(label.clone()).or_default();
            *known = (*known).max(*bytes);
        }
        largest
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PayloadSize {
    fn drop(&mut self) {
        self.payloads.table().sizes.remove(&self.number);
    }
}

/// How many descriptors the process may have; none where there is no limit, or none that can be told.
pub fn most_descriptors() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many descriptors the process has, and how many it may have; none where that cannot be told.
fn descriptors() -> Option<(u64, u64)> {
    let most = most_descriptors()?;
    // Newer kernels tell the number as the folder's size; older ones have to be counted.
    let told = std::fs::metadata("/proc/self/fd").map_or(0, |folder| folder.len());
    let used = if told > 0 { told } else { std::fs::read_dir("/proc/self/fd").ok()?.count() as u64 };
    Some((used, most))
}
