//! Writes what the benchmarks found as tables: medians of Criterion's, figures of the others.

use std::fs;
use std::path::{Path, PathBuf};

use benches::{ROWS, Row, SPLIT, figures};
use serde_json::{Map, Value};

/// The ways to ask, as the benchmark names them.
const WAYS: [&str; 6] =
    ["client-key", "client-handle", "reader-key", "reader-handle", "snapshot-key", "snapshot-handle"];

/// What a row stands on, beside finding the flag; and its budgets by key and by handle, in nanoseconds.
const STANDS_ON: [(&str, &[&str], [f64; 2]); 7] = [
    ("static", &[], [15.0, 4.0]),
    ("rollout", &["murmur-targeting-key"], [25.0, 12.0]),
    ("two-conditions", &["compare-21", "compare-21"], [22.0, 12.0]),
    ("list-50", &["list-look-up"], [20.0, 10.0]),
    ("list-10000", &["list-look-up"], [20.0, 10.0]),
    ("missing", &[], [10.0, f64::NAN]),
    ("split", &["semver-parse", "compare-21", "compare-21", "murmur-targeting-key"], [35.0, 22.0]),
];

fn main() {
    let times = Times { folder: figures::folder().with_file_name("criterion") };
    if !times.folder.is_dir() {
        eprintln!("there are no measurements yet; run `benches/run` first");
        std::process::exit(1);
    }
    limits(&times);
    against_limits(&times);
    ways(&times);
    sizes(&times);
    others(&times);
    c_library();
    kept("Memory and contention", &["memory", "ffi-memory", "two-threads", "beside-a-writer"]);
    shadows(&times);
    kept("Dark launches: single calls", &["shadow-bursts", "shadow-slow-end"]);
    let beside = ["equal", "panics", "hangs", "sleeps", "giants"].map(|name| format!("shadow-beside-{name}"));
    kept("Dark launches: the control beside a candidate that does harm", &beside);
}

fn limits(times: &Times) {
    table("Limits: what evaluations stand on", &["what", "ns"]);
    for name in times.names("limit") {
        row(&[name.clone(), ns(times.of("limit", &name))]);
    }
}

fn against_limits(times: &Times) {
    table(
        "1,000 flags, against the sum of the limits and the budget",
        &[
            "row",
            "client by key",
            "limits",
            "ratio",
            "budget",
            "reader by handle",
            "limits",
            "ratio",
            "budget",
        ],
    );
    for (name, parts, [by_key, by_handle]) in STANDS_ON {
        let rule: f64 = parts.iter().map(|part| times.of("limit", part)).sum();
        let found = if name == "missing" { "look-up-miss" } else { "look-up" };
        let key_limit = times.of("limit", "arc-swap-load") + times.of("limit", found) + rule;
        let handle_limit = times.of("limit", "cache-load") + times.of("limit", "index") + rule;
        let key = times.of("eval-1000", &format!("{name}_client-key"));
        let handle = times.of("eval-1000", &format!("{name}_reader-handle"));
        row(&[
            name.to_owned(),
            ns(key),
            ns(key_limit),
            ratio(key / key_limit),
            ns(by_key),
            ns(handle),
            ns(handle_limit),
            ratio(handle / handle_limit),
            ns(by_handle),
        ]);
    }
}

fn ways(times: &Times) {
    let mut head = vec!["row, 1,000 flags"];
    head.extend(WAYS);
    head.push("detail");
    table("Every way to ask", &head);
    for Row { name, .. } in ROWS.into_iter().chain([SPLIT]) {
        let mut cells = vec![name.to_owned()];
        cells.extend(WAYS.iter().map(|way| ns(times.of("eval-1000", &format!("{name}_{way}")))));
        cells.push(ns(times.of("detail-1000", &format!("{name}_reader-handle"))));
        row(&cells);
    }
}

fn sizes(times: &Times) {
    const SIZES: [&str; 3] = ["eval-10", "eval-1000", "eval-10000"];
    table(
        "Size of the set: client by key, reader by handle",
        &["row", "10", "1,000", "10,000", "10", "1,000", "10,000"],
    );
    for Row { name, .. } in ROWS.into_iter().chain([SPLIT]) {
        let mut cells = vec![name.to_owned()];
        for way in ["client-key", "reader-handle"] {
            cells.extend(SIZES.iter().map(|size| ns(times.of(size, &format!("{name}_{way}")))));
        }
        row(&cells);
    }
}

fn others(times: &Times) {
    table("Contexts, loads", &["what", "time"]);
    for group in ["context", "load-10000", "reload-10000"] {
        for name in times.names(group) {
            row(&[format!("{group} {name}"), time(times.of(group, &name))]);
        }
    }
    for name in times.names("shuffled-10000") {
        let each = times.of("shuffled-10000", &name) / 10_000.0;
        row(&[format!("shuffled-10000 {name}, each flag"), time(each)]);
    }
}

/// The ways to ask, as the benchmark of the C library names them.
const C_WAYS: [(&str, &str); 5] = [
    ("flag", "by flag"),
    ("key", "by key"),
    ("built", "context built, by flag"),
    ("detail", "detail by flag"),
    ("detail-key", "detail by key"),
];

fn c_library() {
    table("From C, beside the same from Rust", &["row", "way", "C", "Rust", "difference", "ratio"]);
    let found = figures::of("ffi");
    let of = |name: String| found.get(&name).and_then(Value::as_f64).unwrap_or(f64::NAN);
    for name in ["static", "two-conditions", "rollout", "split"] {
        for (way, words) in C_WAYS {
            let (c, rust) = (of(format!("{name} {way} c-ns")), of(format!("{name} {way} rust-ns")));
            row(&[name.to_owned(), words.to_owned(), ns(c), ns(rust), ns(c - rust), ratio(c / rust)]);
        }
    }
}

/// What calls of dark launches cost on average, what comparing and recording do.
fn shadows(times: &Times) {
    table("Dark launches: what a call costs its caller, what the rest costs", &["what", "time"]);
    for group in ["shadow", "shadow-compare", "shadow-record"] {
        for name in times.names(group) {
            row(&[format!("{group} {name}"), time(times.of(group, &name))]);
        }
    }
}

fn kept(title: &str, benchmarks: &[impl AsRef<str>]) {
    table(title, &["what", "figure"]);
    for benchmark in benchmarks {
        let benchmark = benchmark.as_ref();
        let found: Map<String, Value> = figures::of(benchmark);
        for (name, figure) in found {
            row(&[format!("{benchmark} {name}"), format!("{:.2}", figure.as_f64().unwrap_or(f64::NAN))]);
        }
    }
}

/// The folder that Criterion keeps its estimates in.
struct Times {
    folder: PathBuf,
}

impl Times {
    /// The benchmarks of a group that were measured, sorted by name.
    fn names(&self, group: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join(group)).into_iter().flatten().flatten();
        let measured = entries.filter(|entry| estimates(&entry.path()).is_file());
        let mut names: Vec<String> =
            measured.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The median in nanoseconds; not a number where it was not measured.
    fn of(&self, group: &str, name: &str) -> f64 {
        let text = fs::read_to_string(estimates(&self.folder.join(group).join(name))).unwrap_or_default();
        let found: Value = serde_json::from_str(&text).unwrap_or_default();
        found["median"]["point_estimate"].as_f64().unwrap_or(f64::NAN)
    }
}

fn estimates(benchmark: &Path) -> PathBuf {
    benchmark.join("new/estimates.json")
}

fn table(title: &str, head: &[&str]) {
    println!("\n**{title}**\n");
    println!("| {} |", head.join(" | "));
    println!("|{}", " --- |".repeat(head.len()));
}

fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

fn ns(nanoseconds: f64) -> String {
    if nanoseconds.is_nan() { "–".to_owned() } else { format!("{nanoseconds:.1}") }
}

fn ratio(ratio: f64) -> String {
    if ratio.is_nan() { "–".to_owned() } else { format!("{ratio:.1} ×") }
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        of if of.is_nan() => "–".to_owned(),
        of if of >= 1e6 => format!("{:.1} ms", of / 1e6),
        of if of >= 1e3 => format!("{:.1} µs", of / 1e3),
        of => format!("{of:.1} ns"),
    }
}
