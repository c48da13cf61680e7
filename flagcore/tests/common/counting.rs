//! An allocator that counts what each thread asks of it, and can hold a thread at any of its calls.
//!
//! A test binary that wants it says so: `#[global_allocator] static ALLOCATOR: Counting = Counting;`. All
//! counts are of one thread, so tests that run side by side do not see each other.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted.
#[derive(Debug)]
pub(crate) struct Counting;

/// What a thread has asked for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Blocks taken, those that grew or shrank included.
    pub(crate) taken: u64,
    /// Blocks given back.
    pub(crate) freed: u64,
    /// Bytes taken less bytes given back; negative for a thread that frees what others took.
    pub(crate) live_bytes: i64,
}

thread_local! {
    // Neither needs memory to begin with, and neither is ever torn down: both may be used by an allocator.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { taken: 0, freed: 0, live_bytes: 0 }) };
    static HOLD: Cell<Option<Hold>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Hold {
    calls_before: u64,
    hold: fn(),
}

/// What this thread has asked for so far.
pub(crate) fn counts() -> Counts {
    COUNTS.with(Cell::get)
}

/// What this thread asks for while it does some work.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Counts) {
    let before = counts();
    let answer = work();
    (answer, counts().since(before))
}

/// Calls `hold` once, instead of going on, when this thread has called the allocator so many times more.
///
/// `hold` must not allocate.
pub(crate) fn hold_after(calls_before: u64, hold: fn()) {
    HOLD.with(|cell| cell.set(Some(Hold { calls_before, hold })));
}

/// Takes a hold back that has not come about.
pub(crate) fn hold_no_more() {
    HOLD.with(|cell| cell.set(None));
}

impl Counts {
    /// What came after an earlier count.
    pub(crate) fn since(self, earlier: Counts) -> Counts {
        Counts {
            taken: self.taken - earlier.taken,
            freed: self.freed - earlier.freed,
            live_bytes: self.live_bytes - earlier.live_bytes,
        }
    }

    /// How often the allocator was called.
    pub(crate) fn calls(self) -> u64 {
        self.taken + self.freed
    }
}

fn note(taken: u64, freed: u64, live_bytes: i64) {
    COUNTS.with(|cell| {
        let counts = cell.get();
        cell.set(Counts {
            taken: counts.taken + taken,
            freed: counts.freed + freed,
            live_bytes: counts.live_bytes + live_bytes,
        });
    });
    HOLD.with(|cell| match cell.get() {
        None => {}
        Some(Hold { calls_before: 0, hold }) => {
            cell.set(None);
            hold();
        }
        Some(Hold { calls_before, hold }) => {
            cell.set(Some(Hold { calls_before: calls_before - 1, hold }));
        }
    });
}

// SAFETY: every call is handed to the system's allocator as it came; what is counted beside it neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, 0, layout.size() as i64);
        // SAFETY: the caller's promise about `layout` is the one that is asked for here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, 0, layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, 0, size as i64 - layout.size() as i64);
        // SAFETY: `block` came from the system's allocator with `layout`, since all blocks do.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, 1, -(layout.size() as i64));
        // SAFETY: as for `realloc`.
        unsafe { System.dealloc(block, layout) }
    }
}
