//! [`Snapshot`]: one immutable set of compiled flags, what an evaluation sees from start to end.
//!
//! 1. `row` is what a snapshot is put together from, and what it is made of.
//! 2. `flag_key` is what a flag can be asked for by: its key, or a handle.
//! 3. `state` is the snapshot itself: from a key to a flag, and to what the flag comes to.
//! 4. `shadow` is which flags have a dark launch, and for whom.
//! 5. `assemble` decides which flag wins its key.
//! 6. `all` asks every flag at once.
//! 7. `view` shows the flags of one flag set or one source.

mod row;
mod flag_key;
mod state;
mod shadow;
mod assemble;
mod all;
mod view;

pub use flag_key::{Flag, FlagKey};
pub use state::Snapshot;
pub use view::{View, WrittenFlag};

pub(crate) use row::{KeyIndex, LoadedFile, SourceFlags};
