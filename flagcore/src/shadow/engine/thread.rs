//! Threads that stand back behind those of callers.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread; `nice` is how far it stands back, from 0 to 19.
///
/// Where a candidate and a caller want the same core, the caller gets it: a thread that is woken takes no core from one that
/// stands before it. On Linux a thread has a priority of its own; elsewhere, and where it cannot be lowered, nothing is lost
/// but that.
pub(super) fn start(
    name: &str,
    nice: u8,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        stand_back(nice);
        work();
    })
}

#[cfg(all(target_os = "linux", not(miri)))]
fn stand_back(nice: u8) {
    if nice > 0 {
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), i32::from(nice));
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn stand_back(_: u8) {}
