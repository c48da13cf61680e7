//! Hostile files: small ones that stand for much, large ones of one thing, and texts that are nearly right.
//!
//! What a file costs is counted, not timed: the bytes alive at the peak against the bytes of the file, and all
//! bytes ever asked for at one size against those at twice the size. Work that asks for no memory cannot be
//! counted so; its cases are large enough that anything but linear work would never end.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use flagcore::diagnostic::Mode;
use flagcore::limits::Limits;
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
    load_with(&Limits::default(), bytes, format, mode)
}

fn load_with(limits: &Limits, bytes: &[u8], format: Format, mode: Mode) -> Vec<&'static str> {
    let builder = Client::builder().watch(false).mode(mode).limits(limits.clone());
    let built = builder.bytes("bomb", bytes, format).build();
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

/// A file of some size: how it ends, and that it costs no more than it may, at one size and at twice that.
fn check(name: &str, format: Format, expected: &[&str], size: usize, make: impl Fn(usize) -> String) {
    check_with(&Limits::default(), name, format, expected, size, make);
}

/// The same with other limits.
fn check_with(
    limits: &Limits,
    name: &str,
    format: Format,
    expected: &[&str],
    size: usize,
    make: impl Fn(usize) -> String,
) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let [one, two] = [size, size * 2].map(|size| {
        let text = make(size);
        let (codes, cost) = cost_of(|| load_with(limits, text.as_bytes(), format, Mode::Lenient));
        assert_eq!(codes, expected, "{name} of size {size}");
        let most = MULTIPLE * text.len() + BASE;
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
    check("a chain that would overflow any stack", Json, &["too-deep"], 15_000, |count| {
        let link = |at| format!(r#""a{at}":{{"$ref":"a{}"}}"#, at + 1);
        format!(r#"{{"flags":{{}},"$evaluators":{{{}}}}}"#, many(count, ",", link))
    });
    check("one long loop", Json, &[], 8_000, |count| {
        let link = |at: usize| format!(r#""a{at}":{{"$ref":"a{}"}}"#, (at + 1) % count);
        format!(r#"{{"flags":{{}},"$evaluators":{{{}}}}}"#, many(count, ",", link))
    });
    check("long names that every flag uses", Json, &[], 150, |count| {
        let name = |at: usize| format!("{}{at}", "n".repeat(1_000));
        let evaluators = many(count, ",", |at| format!(r#""{}":{{"var":"a"}}"#, name(at)));
        let all = many(count, ",", |at| format!(r#"{{"$ref":"{}"}}"#, name(at)));
        let flags = many(300, ",", |at| {
            format!(r#""f{at}":{{"variants":{{"on":true}},"targeting":{{"if":[{{"$ref":"all"}},"on"]}}}}"#)
        });
        format!(r#"{{"$evaluators":{{{evaluators},"all":{{"and":[{all}]}}}},"flags":{{{flags}}}}}"#)
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
    // What is copied is bounded by the nodes of a file: by some 90 MB with the limit as it is.
    let few = Limits { set_nodes: 200_000, ..Limits::default() };
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
    check_with(&few, "many merges of much", Yaml, &["yaml-aliases"], 2_000, |count| {
        let members = many(count, ",", |at| format!("a{at}: 1"));
        let merges = many(count, ",", |_| "{<<: *b}".to_owned());
        format!("b: &b {{{members}}}\nm: [{merges}]\n")
    });
    check("one merge of the same again and again", Yaml, &["yaml-aliases"], 2_000, |count| {
        let members = many(count, ",", |at| format!("a{at}: 1"));
        let merges = many(count, ",", |_| "*b".to_owned());
        format!("b: &b {{{members}}}\nm: {{<<: [{merges}]}}\n")
    });
    check_with(&few, "a long text as a key", Yaml, &["yaml-aliases"], 4_000, |count| {
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
fn brackets_of_every_kind_stop_at_the_limit() {
    let ten_megabytes = 5 << 20;
    for (name, open) in [("[", "["), ("{\"a\":", "{\"a\":"), ("[{\"a\":", "[{\"a\":"), ("[[],", "[[],")] {
        check(name, Json, &["too-deep"], ten_megabytes / open.len(), |count| open.repeat(count));
    }
    for (name, open) in [("flow lists", "["), ("flow mappings", "{a: "), ("both", "[{a: ")] {
        check(name, Yaml, &["too-deep"], 100_000, |count| format!("flags: {}", open.repeat(count)));
    }
    check("block lists", Yaml, &["too-deep"], 100_000, |count| {
        format!("flags:\n  {}x\n", "- ".repeat(count))
    });
    // Block mappings need as many columns as levels: their size is the square of their depth.
    check("block mappings", Yaml, &["too-deep"], 500, |levels| {
        many(levels, "", |level| format!("{}a:\n", " ".repeat(level)))
    });
    check("closing brackets", Json, &["syntax"], ten_megabytes, |count| "]".repeat(count));
}

#[test]
fn large_files_of_one_thing_cost_what_they_are() {
    let megabyte = 1 << 20;
    let metadata = |text: &str| format!(r#"{{"flags":{{}},"metadata":{{"a":{text}}}}}"#);
    check("one text", Json, &[], 5 << 20, |bytes| metadata(&format!("\"{}\"", "x".repeat(bytes))));
    check("one text of escapes", Json, &[], megabyte / 6, |count| {
        metadata(&format!("\"{}\"", "\\u00e9".repeat(count)))
    });
    check("one text that never ends", Json, &["syntax"], megabyte, |bytes| {
        format!("{{\"flags\":\"{}", "x".repeat(bytes))
    });
    check("blanks", Json, &["empty-file"], megabyte, |bytes| " ".repeat(bytes));
    check("a list", Json, &[], 400_000, |count| metadata(&format!("[{}1]", "1,".repeat(count))));
    check("empty lists", Json, &[], 100_000, |count| metadata(&format!("[{}1]", "[],".repeat(count))));
    check("one key", Json, &["key-too-long"], megabyte, |bytes| {
        format!(r#"{{"flags":{{"{}":{{}}}}}}"#, "k".repeat(bytes))
    });
    check("a text of YAML", Yaml, &[], megabyte, |bytes| {
        format!("flags: {{}}\nmetadata: {{a: \"{}\"}}\n", "x".repeat(bytes))
    });
    check("lines of YAML", Yaml, &[], 20_000, |count| {
        format!("flags: {{}}\nmetadata:\n  a:\n{}", "  - 1\n".repeat(count))
    });
    check("comments of YAML", Yaml, &["empty-file"], 20_000, |count| "# x\n".repeat(count));
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
    check("keys that begin alike", Json, &[], 20_000, |count| object(&padded, count));
    check("keys spread out", Json, &[], 20_000, |count| object(&spread, count));
    check("keys in steps", Json, &[], 20_000, |count| object(&aligned, count));
    check("one key again and again", Json, &[], 50_000, |count| object(&|_| "a".to_owned(), count));
    check("many spellings of one word", Json, &["too-many-variants"], 20_000, |count| {
        let [a, b] = ["a", "b"].map(|name| many(count, ",", |at| format!(r#""{name}{at}":1"#)));
        format!(r#"{{"flags":{{"f":{{"variants":{{{a}}},"Variants":{{{b}}}}}}}}}"#)
    });
    check("metadata of both the set and a flag", Json, &[], 20_000, |count| {
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
    check("operators that do not exist", Json, &[], 8_000, |count| {
        flag(&format!(r#"{{"if":[{}]}}"#, many(count, ",", |at| format!(r#"{{"op{at}":1}}"#))))
    });
}

#[test]
fn enormous_numbers_are_refused_or_read_and_never_computed_with() {
    for (number, expected) in [
        ("1e999999999", &["number-range"][..]),
        ("-1e999999999", &["number-range"]),
        ("1e-999999999", &[]),
        ("1e400", &["number-range"]),
        ("0e999999999", &[]),
        ("1.7976931348623157e308", &[]),
        ("1.7976931348623159e308", &["number-range"]),
    ] {
        let text = format!(r#"{{"flags":{{}},"metadata":{{"a":{number}}}}}"#);
        check(number, Json, expected, 1, |_| text.clone());
    }
    let metadata = |number: String| format!(r#"{{"flags":{{}},"metadata":{{"a":{number}}}}}"#);
    check("digits before the point", Json, &["number-range"], 1 << 19, |digits| metadata("7".repeat(digits)));
    check("digits behind the point", Json, &[], 1 << 19, |digits| {
        metadata(format!("0.{}", "7".repeat(digits)))
    });
    check("digits in the exponent", Json, &["number-range"], 1 << 19, |digits| {
        metadata(format!("1e{}", "7".repeat(digits)))
    });
    check("zeros in the exponent", Json, &[], 1 << 19, |digits| {
        metadata(format!("1e{}1", "0".repeat(digits)))
    });
    check("digits of YAML, which are a text", Yaml, &[], 1 << 17, |digits| {
        format!("flags: {{}}\nmetadata: {{a: {}}}\n", "7".repeat(digits))
    });
}

#[test]
fn rules_that_are_long_cost_what_they_are() {
    check("a chain of arms", Json, &[], 5_000, |arms| {
        let arm = |at| format!(r#"{{"==":[{{"var":"a"}},{at}]}},"on""#);
        flag(&format!(r#"{{"if":[{},"off"]}}"#, many(arms, ",", arm)))
    });
    check("operands", Json, &[], 20_000, |count| {
        flag(&format!(r#"{{"and":[{}]}}"#, many(count, ",", |at| format!(r#"{{"var":"a{at}"}}"#))))
    });
    check("buckets", Json, &[], 10_000, |count| {
        flag(&format!(r#"{{"fractional":[{}]}}"#, many(count, ",", |_| r#"["on",1]"#.to_owned())))
    });
    check("weights without measure", Json, &[], 10_000, |count| {
        flag(&format!(r#"{{"fractional":[{}]}}"#, many(count, ",", |_| r#"["on",2147483647]"#.to_owned())))
    });
    check("users", Json, &[], 40_000, |count| {
        let users = many(count, ",", |at| format!("\"user-{at}\""));
        flag(&format!(r#"{{"if":[{{"in":[{{"var":"targetingKey"}},[{users}]]}},"on"]}}"#))
    });
    check("variants", Json, &["too-many-variants"], 25_000, |count| {
        let variants = many(count, ",", |at| format!(r#""v{at}":{at}"#));
        format!(r#"{{"flags":{{"f":{{"variants":{{{variants}}}}}}}}}"#)
    });
    check("a path", Json, &[], 1 << 18, |count| flag(&format!(r#"{{"var":"{}a"}}"#, "a.".repeat(count))));
}

#[test]
fn bytes_that_are_no_text_end_as_documented() {
    let json = |inside: &[u8]| [br#"{"flags":{},"metadata":{"a":""#, inside, br#""}}"#].concat();
    let yaml = |inside: &[u8]| [b"flags: {}\nmetadata:\n  a: \"", inside, b"\"\n"].concat();
    let (fine, invalid): (&[&str], &[&str]) = (&[], &["invalid-utf8"]);
    // How JSON ends in lenient and in strict mode, and YAML in both.
    let cases: &[(&[u8], [&[&str]; 3])] = &[
        (b"\xff", [fine, invalid, invalid]),
        (b"\xc0\x80", [fine, invalid, invalid]),
        (b"\xed\xa0\x80", [fine, invalid, invalid]),
        (b"\xf4\x90\x80\x80", [fine, invalid, invalid]),
        (b"\xe2\x82", [fine, invalid, invalid]),
        (b"\x80\x80\x80\x80", [fine, invalid, invalid]),
        (b"\x00", [&["syntax"], &["syntax"], &["control-character"]]),
        (b"\x1b[2J", [&["syntax"], &["syntax"], &["control-character"]]),
        (b"\xc3\xa9", [fine, fine, fine]),
        (b"\xf0\x9f\x9a\x80", [fine, fine, fine]),
    ];
    for (inside, [lenient, strict, in_yaml]) in cases {
        let text = json(inside);
        assert_eq!(load(&text, Json, Mode::Lenient), *lenient, "{inside:x?}");
        assert_eq!(load(&text, Json, Mode::Strict), *strict, "{inside:x?}");
        for mode in [Mode::Lenient, Mode::Strict] {
            assert_eq!(load(&yaml(inside), Yaml, mode), *in_yaml, "{inside:x?} in YAML, {mode:?}");
        }
    }
    for (escape, lenient, strict) in [
        (r"\ud800", fine, &["lone-surrogate"][..]),
        (r"\udc00", fine, &["lone-surrogate"]),
        (r"\ud800\ud800", fine, &["lone-surrogate"]),
        (r"\ud83d\ude80", fine, fine),
        (r"\u0000", fine, fine),
        (r"\ud8", &["syntax"], &["syntax"]),
        (r"\x41", &["syntax"], &["syntax"]),
        (r"\u{41}", &["syntax"], &["syntax"]),
    ] {
        assert_eq!(load(&json(escape.as_bytes()), Json, Mode::Lenient), lenient, "{escape}");
        assert_eq!(load(&json(escape.as_bytes()), Json, Mode::Strict), strict, "{escape}");
    }
}

#[test]
fn files_around_the_document_end_as_documented() {
    let cases: &[(&[u8], Format, &[&str])] = &[
        (b"\xef\xbb\xbf{\"flags\":{}}", Json, &["byte-order-mark"]),
        (b"\xef\xbb\xbfflags: {}\n", Yaml, &[]),
        (b"\xff\xfe{\0}\0", Json, &["syntax"]),
        (b"\xef\xbb\xbf", Json, &["byte-order-mark"]),
        (b"{\"flags\":{}}\r\n", Json, &[]),
        (b"{\"flags\":{}}\0", Json, &["trailing-text"]),
        (b"{\"flags\":{}} {}", Json, &["trailing-text"]),
        (b"\0\0\0\0", Json, &["syntax"]),
        (b"\r\n\t ", Json, &["empty-file"]),
        (b"flags:\r\n  f:\r\n    variants: {a: 1}\r\n", Yaml, &[]),
        (b"%YAML 1.2\n---\nflags: {}\n", Yaml, &[]),
        (b"%YAML 9.9\n---\nflags: {}\n", Yaml, &[]),
        (b"---\nflags: {}\n---\nflags: {a: 5}\n", Yaml, &[]),
        (b"flags: !!python/object:os.system {}\n", Yaml, &[]),
        (b"flags: {}\nmetadata: {a: !!binary '!!'}\n", Yaml, &["yaml-tag"]),
        (b"flags: {}\nmetadata: {a: !!int x}\n", Yaml, &["yaml-tag"]),
        (b"flags: *a\n", Yaml, &["yaml-anchor"]),
        (b"? {a: b}\n: c\n", Yaml, &["syntax"]),
        (b"[]", Json, &["wrong-type"]),
        (b"null", Json, &["wrong-type"]),
        (b"\"flags\"", Json, &["wrong-type"]),
        (b"- flags\n", Yaml, &["wrong-type"]),
    ];
    for (bytes, format, expected) in cases {
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(load(bytes, *format, Mode::Lenient), *expected, "{shown:?}");
    }
}
