//! What a flag can be asked for by.

use super::state::Snapshot;

/// A handle to a flag: the fastest key.
///
/// Made by [`Client::flag`](crate::Client::flag), valid for that client for as long as it lives, through all
/// reloads, also for a flag that does not exist yet. Of another client it finds no flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flag {
    pub(crate) slot: u32,
    pub(crate) store: u32,
}

impl Flag {
    /// The handle as a number, for those who keep it where no Rust type can be kept; never zero.
    #[inline]
    pub fn to_bits(self) -> u64 {
        u64::from(self.store) << 32 | u64::from(self.slot)
    }

    /// The handle that a number stands for; of any other number one that finds no flag, or another of the same client.
    #[inline]
    pub fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, store: (bits >> 32) as u32 }
    }
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
