//! The engine: what runs candidates beside controls, within limits, and counts what becomes of them.
//!
//! ```text
//!  caller's thread                                          │ engine's thread, every ms     │ workers or a runtime
//!  draw ─▶ gate ─▶ room ─▶ rate ─▶ capture ─▶ control ─▶ push ──▶ pop ─▶ limits ─▶ start ───────▶ candidate ─▶ judge
//!  (no sample: control only)                                │    ◀── breaker ◀── count ◀── watch ◀── how it ended
//! ```
//!
//! 1. `clock` is the time as the engine last saw it.
//! 2. `sampling` draws the calls that are samples; `copy` tells a candidate which copy it is.
//! 3. `rate` and `counts` are the limit and the counters that callers touch.
//! 4. `contain` is where panics of others end; `measure` is what is kept of an answer, and its size.
//! 5. `active` is what a policy comes to, within its `bounds`.
//! 6. `flight` is a candidate that runs, `sample` what it runs on.
//! 7. `thread` starts threads that stand back; `crew` are those of blocking candidates, `spawn` the runtime of asynchronous ones.
//! 8. `baseline` tells whether the control suffers, `breaker` when to stop and when to try again,
//!    `gate` tells callers.
//! 9. `state` is what a sample meets, `shared` what callers and the engine share, `launch` its face, `call` is one call,
//!    `ticket` one whose candidate the embedder runs.
//! 10. `desk` is the engine's side of a launch, `host` the thread that goes from desk to desk.

mod clock;
mod sampling;
mod copy;
mod rate;
mod counts;
mod contain;
mod measure;
mod bounds;
mod active;
mod flight;
mod sample;
mod thread;
mod crew;
mod spawn;
mod baseline;
mod breaker;
mod gate;
mod state;
mod shared;
mod launch;
mod call;
mod ticket;
mod desk;
mod host;

pub use call::{Captured, Shadow};
pub use copy::copy_number;
pub use counts::{Counts, Reason};
pub use flight::BoxFuture;
pub use host::{ShadowEngine, ShadowEngineBuilder};
pub use launch::Launch;
pub use measure::{Keep, Size, Unmeasured, Whole};
pub use spawn::Spawn;
pub use state::LaunchState;
pub use ticket::Ticket;

pub(super) use shared::Follows;
