//! What a snapshot weighs: live heap, and resident memory of a process that holds one.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use benches::{figures, plain_flag_set};
use flagcore::Client;
use flagcore::model::Format;

/// The system's allocator, counting what is live.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// Resident bytes of this process; zero where the system does not say.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0_usize) * 4096
}

fn main() {
    const SIZE: usize = 10_000;
    let text = plain_flag_set(SIZE);
    let bytes = text.len();
    let (live_before, resident_before) = (live(), resident());
    let client = Client::builder().bytes("flags", text, Format::Json).watch(false).build();
    let client = client.unwrap_or_else(|error| panic!("{error}"));
    let snapshot = client.snapshot();
    assert_eq!(snapshot.len(), SIZE);
    let per_flag = |bytes: usize| bytes as f64 / SIZE as f64;
    // The text itself was live before and is not any more, unless the client keeps it.
    let kept = (live() + bytes).saturating_sub(live_before);
    figures::keep(
        "memory",
        &[
            ("file-bytes-per-flag", per_flag(bytes)),
            ("live-heap-bytes-per-flag", per_flag(kept)),
            ("resident-bytes-per-flag", per_flag(resident().saturating_sub(resident_before) + bytes)),
        ],
    );
}
