//! Hostile files: small ones that stand for much, large ones of one thing, and texts that are nearly right.
//!
//! What a file costs is counted, not timed: the bytes alive at the peak against the bytes of the file, and all
//! bytes ever asked for at one size against those at twice the size. Work that asks for no memory cannot be
//! counted so; its cases are large enough that anything but linear work would never end.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use flagcore::diagnostic::Mode;
use flagcore::model::Format::{self, Json, Yaml};
use flagcore::{Client, Error};

/// Counts what is alive, the most that ever was, and all that was asked for.
struct Counting;

static ALIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static ASKED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system's allocator; the counters touch no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let alive = ALIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(alive, Relaxed);
        ASKED.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's layout, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the pointer came from `alloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counting concerns the whole process: one at a time.
static TURN: Mutex<()> = Mutex::new(());

#[derive(Clone, Copy, Debug)]
struct Cost {
    peak: usize,
    asked: usize,
}

fn cost_of<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (alive, asked) = (ALIVE.load(Relaxed), ASKED.load(Relaxed));
    PEAK.store(alive, Relaxed);
    let result = work();
    let cost = Cost { peak: PEAK.load(Relaxed).saturating_sub(alive), asked: ASKED.load(Relaxed) - asked };
    (result, cost)
}

/// Reads a file; the codes of its errors, each once, in file order.
fn load(bytes: &[u8], format: Format, mode: Mode) -> Vec<&'static str> {
    let built = Client::builder().watch(false).mode(mode).bytes("bomb", bytes, format).build();
    match built {
        Ok(_) => Vec::new(),
        Err(Error::Refused { findings }) => {
            // What is told of it is bounded, whatever it holds.
            let text = findings.to_string();
            assert!(text.len() < 2_000_000, "{} bytes of findings", text.len());
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "raw control characters in {text:?}");
            let errors = findings.diagnostics.iter();
            let errors = errors.filter(|it| it.severity == flagcore::diagnostic::Severity::Error);
            let mut codes: Vec<&'static str> = errors.map(|it| it.code()).collect();
            codes.dedup();
            codes
        }
        Err(other) => panic!("{other}"),
    }
}

/// The most bytes that are alive while a file is read, for each byte of it, and on top.
const MULTIPLE: usize = 64;
const BASE: usize = 16 << 20;
/// On top where YAML copies: merged members and aliases as keys, at most as many as nodes are allowed.
const COPIES: usize = 96 << 20;

/// A file of some size: how it ends, and that it costs no more than it may, at one size and at twice that.
fn check(name: &str, format: Format, expected: &[&str], size: usize, make: impl Fn(usize) -> String) {
    check_within(BASE, name, format, expected, size, make);
}

/// The same with another allowance on top.
fn check_within(
    base: usize,
    name: &str,
    format: Format,
    expected: &[&str],
    size: usize,
    make: impl Fn(usize) -> String,
) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let [one, two] = [size, size * 2].map(|size| {
        let text = make(size);
        let (codes, cost) = cost_of(|| load(text.as_bytes(), format, Mode::Lenient));
        assert_eq!(codes, expected, "{name} of size {size}");
        let most = MULTIPLE * text.len() + base;
        assert!(cost.peak <= most, "{name} of size {size}: {} bytes alive of {}", cost.peak, text.len());
        cost
    });
    // Tables grow by doubling, so twice the size may ask for a little more than twice the memory.
    assert!(one.asked * 3 + (1 << 20) >= two.asked, "{name}: {one:?} at {size}, {two:?} at twice that");
}

fn many(count: usize, separator: &str, item: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0..count {
        if number > 0 {
            text.push_str(separator);
        }
        text.push_str(&item(number));
    }
    text
}

fn flag(targeting: &str) -> String {
    format!(
        r#"{{"flags":{{"f":{{"state":"ENABLED","variants":{{"on":true,"off":false}},"defaultVariant":"off","targeting":{targeting}}}}}}}"#
    )
}

#[test]
fn what_is_wrong_many_times_is_told_at_bounded_length() {
    let key = |count: usize| "x".repeat(count * 10);
    check("half surrogates below a long key", Json, &["missing-flags"], 4_000, |count| {
        format!(r#"{{"{}":[{}]}}"#, key(count), many(count, ",", |_| r#""\ud800""#.to_owned()))
    });
    check("lists of YAML below a long key", Yaml, &["missing-flags"], 3_000, |count| {
        format!("? \"{}\"\n: [{}]\n", key(count), many(count, ",", |_| "[]".to_owned()))
    });
    check("doubtful words below a long key", Yaml, &["missing-flags"], 3_000, |count| {
        format!("? \"{}\"\n: [{}]\n", key(count), many(count, ",", |_| "yes".to_owned()))
    });
    check("flags that are wrong", Json, &["wrong-type"], 50_000, |count| {
        format!(r#"{{"flags":{{{}}}}}"#, many(count, ",", |at| format!(r#""f{at}":5"#)))
    });
    check("operators that do not exist", Json, &[], 20_000, |count| {
        flag(&format!(r#"{{"if":[{}]}}"#, many(count, ",", |at| format!(r#"{{"op{at}":1}}"#))))
    });
}

