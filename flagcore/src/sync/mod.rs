//! Keeps a store up to its sources: read, parse, compile, publish. Where any of that fails, what was served
//! before is still served.
//!
//! ## The life of a content
//!
//! A source is read when it says that something may be new, when its poll says so, and when a wait is over.
//!
//! 1. What cannot be read, or is the same as what is served, changes nothing. What is gone is told of when it does not come
//!    back at once. The latter ends whatever was wrong.
//! 2. What may be half written waits until two reads 50 ms apart are equal ([`SETTLE`]).
//! 3. What has errors is refused, once; it is not looked at again until it changes.
//! 4. What suddenly holds no flags, or lost many in place, waits until it is still the same two seconds later
//!    ([`DOUBT`]).
//! 5. Anything else is compiled, only what changed, and published together with what the other sources hold.
//!
//! One at a time does all of this, the thread that watches or a caller who updates or refreshes, so a later content
//! never loses against an earlier one.
//!
//! ## The board
//!
//! The engine is locked while a source is read and while listeners are told, which may take any time. What the
//! sources' status is stands on a board beside it, which anybody reads without waiting: a health check of a
//! service must answer just then. The engine puts up what changed after it is published and before it is told.
//!
//! ## The parts
//!
//! 1. `load` makes compiled flags of bytes, and says how long what is odd has to wait.
//! 2. `status` is the board.
//! 3. `source_state` is what is known of one source.
//! 4. `engine` decides, publishes and tells.

mod load;
mod status;
mod source_state;
mod engine;

pub use load::{DOUBT, SETTLE};
pub use status::{RecoveredStatus, RefusedStatus, ServedStatus, SourceStatus};

pub(crate) use engine::{Engine, Listener, lock};
pub(crate) use load::Options;
pub(crate) use status::Board;
