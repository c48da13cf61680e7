//! Listeners, limits, TLS, draining; the daemon from start to end.
//!
//! 1. `daemon` opens the sources and the ports, and closes them in order.

mod daemon;

pub use daemon::{Addresses, Daemon, StartError};
