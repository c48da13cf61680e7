//! How many connections there may be, by the descriptors that the process may open.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry::most_descriptors;

/// How many more connections there may be.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// On all ports together.
    shared: Arc<Semaphore>,
    /// On this port alone, once those are used up; who comes then waits for one instead of being turned away.
    own: Option<Arc<Semaphore>>,
    /// How many there may be on all ports together.
    most: usize,
    /// How many may be on their way out, there being no room for them.
    leaving: Arc<Semaphore>,
}

/// The right to a connection, given back when this is dropped.
pub(super) struct Permit {
    _permit: OwnedSemaphorePermit,
    /// Whether it is wanted back soon.
    pub(super) brief: bool,
}

impl Room {
    pub(super) fn new(shared: usize, own: Option<usize>) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { shared: semaphore(shared), own: own.map(semaphore), most: shared, leaving: semaphore(LEAVING) }
    }

    /// As many as descriptors allow; with some for one port alone.
    pub(super) fn of_this_process() -> Self {
        let soft = most_descriptors().and_then(|soft| usize::try_from(soft).ok());
        let (shared, own) = room_in(soft.unwrap_or(Semaphore::MAX_PERMITS));
        Self::new(shared, Some(own))
    }

    /// The same for a port that has none of its own.
    pub(super) fn shared(&self) -> Self {
        Self { own: None, ..self.clone() }
    }

    /// What admits connections on all ports together.
    pub(super) fn permits(&self) -> &Arc<Semaphore> {
        &self.shared
    }

    /// Whether more than three quarters of it are used.
    pub(super) fn is_short(&self) -> bool {
        self.shared.available_permits() < self.most / 4
    }

    /// The right to take leave of who cannot stay; none where many do so already.
    pub(super) fn leave(&self) -> Option<OwnedSemaphorePermit> {
        self.leaving.clone().try_acquire_owned().ok()
    }

    /// None where there is no room.
    pub(super) async fn take(&self) -> Option<Permit> {
        if let Ok(permit) = self.shared.clone().try_acquire_owned() {
            return Some(Permit { _permit: permit, brief: false });
        }
        let permit = self.own.clone()?.acquire_owned().await.ok()?;
        Some(Permit { _permit: permit, brief: true })
    }
}

/// On all ports, and then on management alone. A quarter at least, however few there are.
fn room_in(soft: usize) -> (usize, usize) {
    let own = (soft / 8).clamp(1, OWN);
    let shared = soft.saturating_sub(SPARE + own).max(soft / 4);
    (shared.min(Semaphore::MAX_PERMITS), own)
}

/// Descriptors that connections leave for everything else.
const SPARE: usize = 64;

/// How many of those descriptors are for who cannot stay. Few: where descriptors are short, a brief leave is better
/// than none, but flag files come first.
const LEAVING: usize = 8;

/// How many connections of its own management has at most.
const OWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::room_in;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        for (soft, room) in [
            (64, (16, 8)),
            (256, (160, 32)),
            (1_024, (896, 64)),
            (20_000, (19_872, 64)),
            (0, (0, 1)),
            (usize::MAX, (tokio::sync::Semaphore::MAX_PERMITS, 64)),
        ] {
            assert_eq!(room_in(soft), room, "{soft}");
        }
    }
}
