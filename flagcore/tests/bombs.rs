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
fn references_that_double_are_counted_and_not_written_out() {
    let doubling = |levels: usize| {
        let level = |at| format!(r#""e{at}":{{"and":[{{"$ref":"e{}"}},{{"$ref":"e{}"}}]}}"#, at + 1, at + 1);
        let evaluators = many(levels, ",", level);
        let flags = r#""f":{"variants":{"on":true},"defaultVariant":"on","targeting":{"$ref":"e0"}}"#;
        format!(r#"{{"$evaluators":{{{evaluators},"e{levels}":{{"var":"x"}}}},"flags":{{{flags}}}}}"#)
    };
    check("doubling references", Json, &["too-many-nodes"], 25, doubling);
    check("a chain that is too long", Json, &["too-deep"], 300, |count| {
        let link = |at| format!(r#""a{at}":{{"$ref":"a{}"}}"#, at + 1);
        format!(r#"{{"flags":{{}},"$evaluators":{{{}}}}}"#, many(count, ",", link))
    });
    check("a chain that would overflow any stack", Json, &["too-deep"], 30_000, |count| {
        let link = |at| format!(r#""a{at}":{{"$ref":"a{}"}}"#, at + 1);
        format!(r#"{{"flags":{{}},"$evaluators":{{{}}}}}"#, many(count, ",", link))
    });
    check("one long loop", Json, &[], 8_000, |count| {
        let link = |at: usize| format!(r#""a{at}":{{"$ref":"a{}"}}"#, (at + 1) % count);
        format!(r#"{{"flags":{{}},"$evaluators":{{{}}}}}"#, many(count, ",", link))
    });
    check("references to nothing", Json, &[], 4_000, |count| {
        let flags = many(count, ",", |at| format!(r#""f{at}":{{"targeting":{{"$ref":"x"}}}}"#));
        let evaluators = many(count, ",", |at| format!(r#""a{at}":1234"#));
        format!(r#"{{"flags":{{{flags}}},"$evaluators":{{{evaluators}}}}}"#)
    });
}

#[test]
fn long_texts_behind_references_and_in_inherited_metadata_are_counted() {
    check("a long text in each flag", Json, &["too-large"], 4_000, |count| {
        let text = "x".repeat(count * 20);
        let flag = |at| format!(r#""f{at}":{{"variants":{{"a":{{"$ref":"s"}},"b":{{"$ref":"s"}}}}}}"#);
        format!(r#"{{"$evaluators":{{"s":"{text}"}},"flags":{{{}}}}}"#, many(count, ",", flag))
    });
    check("a long text that each flag inherits", Json, &["too-large"], 4_000, |count| {
        let text = "x".repeat(count * 20);
        let flags = many(count, ",", |at| format!(r#""f{at}":{{"metadata":{{"b":1}}}}"#));
        format!(r#"{{"metadata":{{"a":"{text}"}},"flags":{{{flags}}}}}"#)
    });
    check("many entries that each flag inherits", Json, &["too-large"], 4_000, |count| {
        let entries = many(count, ",", |at| format!(r#""a{at}":1"#));
        let flags = many(count, ",", |at| format!(r#""f{at}":{{"metadata":{{"b":1}}}}"#));
        format!(r#"{{"metadata":{{{entries}}},"flags":{{{flags}}}}}"#)
    });
    check("a long text behind aliases", Yaml, &["too-large"], 8_000, |count| {
        let text = "x".repeat(count * 4);
        let aliases = many(count, ",", |_| "*a".to_owned());
        format!("flags: {{}}\nmetadata:\n  a: &a \"{text}\"\n  b: [{aliases}]\n")
    });
}

#[test]
fn yaml_aliases_and_merges_never_make_a_document_larger_than_its_limit() {
    check("the nine times nine", Yaml, &["yaml-aliases"], 9, |levels| {
        let level = |at: usize| {
            let aliases = many(9, ",", |_| format!("*a{at}"));
            format!("a{}: &a{} [{aliases}]", at + 1, at + 1)
        };
        format!("a0: &a0 [x,x,x,x,x,x,x,x,x]\n{}\nflags: {{}}\n", many(levels, "\n", level))
    });
    check("an anchor around itself", Yaml, &["yaml-anchor"], 10, |count| {
        format!("flags: {{}}\na: &a [{}]\n", many(count, ",", |_| "*a".to_owned()))
    });
    check_within(COPIES, "many merges of much", Yaml, &["yaml-aliases"], 2_000, |count| {
        let members = many(count, ",", |at| format!("a{at}: 1"));
        let merges = many(count, ",", |_| "{<<: *b}".to_owned());
        format!("b: &b {{{members}}}\nm: [{merges}]\n")
    });
    check("one merge of the same again and again", Yaml, &["yaml-aliases"], 2_000, |count| {
        let members = many(count, ",", |at| format!("a{at}: 1"));
        let merges = many(count, ",", |_| "*b".to_owned());
        format!("b: &b {{{members}}}\nm: {{<<: [{merges}]}}\n")
    });
    check_within(COPIES, "a long text as a key", Yaml, &["yaml-aliases"], 4_000, |count| {
        let keys = many(count, ",", |_| "{*b : 1}".to_owned());
        format!("b: &b \"{}\"\nm: [{keys}]\n", "x".repeat(count * 10))
    });
    check("evaluators that share much", Yaml, &["yaml-aliases"], 2_000, |count| {
        let items = many(count, ",", |_| "1".to_owned());
        let evaluators = many(count, "", |at| format!("  e{at}: [*b]\n"));
        format!("flags: {{}}\n$evaluators:\n  b: &b [{items}]\n{evaluators}")
    });
}

#[test]
fn list_operators_that_look_ahead_do_not_multiply_without_end() {
    check("conditions with computed paths", Json, &["too-many-nodes"], 25, |levels| {
        let mut rule = r#"{"var":"z"}"#.to_owned();
        for _ in 0..levels {
            rule = format!(r#"{{"some":[{{"var":"x"}},{{"var":[{rule},1,2]}}]}}"#);
        }
        flag(&rule)
    });
}

#[test]
fn keys_cost_the_same_whatever_they_are_called() {
    let object = |names: &dyn Fn(usize) -> String, count| {
        let members = many(count, ",", |at| format!("\"{}\":1", names(at)));
        format!(r#"{{"flags":{{}},"metadata":{{{members}}}}}"#)
    };
    let padded = |at: usize| format!("{}{at:07}", "k".repeat(30));
    let spread = |at: usize| format!("{:016x}", (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // Multiples of a table's size fall on one place of a table whose hash is the number itself.
    let aligned = |at: usize| {
        char::from_u32(0x1_0000 + (at as u32 % 0x400) * 0x40)
            .map_or(String::new(), |c| format!("{c}{}", at / 0x400))
    };
    check("keys that begin alike", Json, &[], 50_000, |count| object(&padded, count));
    check("keys spread out", Json, &[], 50_000, |count| object(&spread, count));
    check("keys in steps", Json, &[], 50_000, |count| object(&aligned, count));
    check("one key again and again", Json, &[], 100_000, |count| object(&|_| "a".to_owned(), count));
    check("many spellings of one word", Json, &["too-many-variants"], 20_000, |count| {
        let [a, b] = ["a", "b"].map(|name| many(count, ",", |at| format!(r#""{name}{at}":1"#)));
        format!(r#"{{"flags":{{"f":{{"variants":{{{a}}},"Variants":{{{b}}}}}}}}}"#)
    });
    check("metadata of both the set and a flag", Json, &[], 30_000, |count| {
        let [a, b] = ["a", "b"].map(|name| many(count, ",", |at| format!(r#""{name}{at}":1"#)));
        format!(r#"{{"metadata":{{{a}}},"flags":{{"f":{{"metadata":{{{b}}}}}}}}}"#)
    });
    check("two spellings of much metadata", Json, &[], 20_000, |count| {
        let [a, b] = ["a", "b"].map(|name| many(count, ",", |at| format!(r#""{name}{at}":1"#)));
        format!(r#"{{"flags":{{}},"metadata":{{{a}}},"Metadata":{{{b}}}}}"#)
    });
    check("keys of YAML", Yaml, &[], 10_000, |count| {
        format!("flags: {{}}\nmetadata:\n{}", many(count, "", |at| format!("  k{at}: 1\n")))
    });
    check("one key of YAML again", Yaml, &["duplicate-key"], 10_000, |count| {
        format!("flags: {{}}\nmetadata:\n{}", "  a: 1\n".repeat(count))
    });
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

