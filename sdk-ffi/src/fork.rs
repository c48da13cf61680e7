//! Whether this process is a copy of the one that opened a client.
//!
//! Threads do not survive `fork`: in the child nobody keeps a client up to its sources, and a lock that another thread
//! of the parent held stays locked for ever. So everything that locks asks here first, and says so in place of hanging.
//! Evaluating takes no lock, and goes on in the child.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How many forks lie between the first process and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The process that the count is of; 0 before it begins.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Counts forks from now on; called with the first client, so that loading the library does nothing.
pub(crate) fn count() {
    static COUNTING: AtomicBool = AtomicBool::new(false);
    // ORDERING: decides who registers, and publishes nothing.
    if !COUNTING.swap(true, Ordering::Relaxed) {
        PROCESS.store(std::process::id(), Ordering::Relaxed);
        #[cfg(unix)]
        // SAFETY: the handler stays where it is, because the library cannot be unloaded; it does nothing but add.
        unsafe {
            libc::pthread_atfork(None, None, Some(forked));
        }
    }
}

#[cfg(unix)]
unsafe extern "C" fn forked() {
    // ORDERING: the child has one thread.
    GENERATION.fetch_add(1, Ordering::Relaxed);
    PROCESS.store(std::process::id(), Ordering::Relaxed);
}

/// Whether this process is a copy that the count missed, by a bare system call.
pub(crate) fn is_uncounted_copy() -> bool {
    let counted = PROCESS.load(Ordering::Relaxed);
    counted != 0 && counted != std::process::id()
}

/// The generation of this process, to be compared with later.
#[inline(always)]
pub(crate) fn generation() -> u32 {
    // ORDERING: changes only where there is one thread.
    GENERATION.load(Ordering::Relaxed)
}
