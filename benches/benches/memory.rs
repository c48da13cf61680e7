//! What a snapshot weighs: live heap, and resident memory of a process that holds one.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use benches::{figures, plain_flag_set};
use flagcore::Client;

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
    // What was read and thrown away before would count as resident: a process of its own for each side.
    if let Some(path) = std::env::var_os("MEMORY_OF") {
        let before = resident();
        let client = Client::builder().path(path).watch(false).build();
        let client = client.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(client.snapshot().len(), SIZE);
        println!("{}", resident().saturating_sub(before));
        return;
    }
    let text = plain_flag_set(SIZE);
    let file = std::env::temp_dir().join(format!("memory-{}.json", std::process::id()));
    fs::write(&file, &text).expect("the folder of temporary files can be written");

    let before = live();
    let client = Client::builder().path(&file).watch(false).build();
    let client = client.unwrap_or_else(|error| panic!("{error}"));
    let with_client = live() - before;
    let snapshot = client.snapshot();
    assert_eq!(snapshot.len(), SIZE);
    drop(client);
    let with_snapshot = live() - before;

    let this = std::env::current_exe().expect("the program knows where it is");
    let child = Command::new(this).env("MEMORY_OF", &file).output().expect("the program runs again");
    let resident: f64 = String::from_utf8_lossy(&child.stdout).trim().parse().unwrap_or(f64::NAN);
    fs::remove_file(&file).expect("the file is ours");

    let per_flag = |bytes: usize| bytes as f64 / SIZE as f64;
    figures::keep(
        "memory",
        &[
            ("file-bytes-per-flag", per_flag(text.len())),
            ("snapshot-heap-bytes-per-flag", per_flag(with_snapshot)),
            ("client-heap-bytes-per-flag", per_flag(with_client)),
            ("resident-bytes-per-flag", resident / SIZE as f64),
        ],
    );
}
