//! Snapshots to other processes.
//!
//! 1. `topics` is what is shown under each selector, made once per revision and shared.
//! 2. `payload` is all flags, as sync sends them; `listing` is which flags there are, and what changed.
//! 3. `listener` is one who listens: what to say next, and when it is over.
//! 4. `sync` is the sync port.

mod topics;
mod payload;
mod listing;
mod listener;
mod sync;

pub use listener::{Heard, Listener};
pub use listing::{Change, Listing};
pub use sync::router;
pub use topics::{Shown, Topic, Topics, generation, selector};

use tonic::Code;

use crate::wire::Failure;

/// How a stream ends whose time is over.
pub fn deadline_exceeded() -> Failure {
    Failure::new(Code::DeadlineExceeded, "stream closed due to server-side timeout")
}
