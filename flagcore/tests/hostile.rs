//! Bytes that nobody wrote on purpose: the seeds of the fuzz targets, and thousands of mutations of them and of
//! the project's own files, the same in every run.
//!
//! What must hold is in `common/hostile.rs`; `fuzz/` runs the same functions for longer.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::hostile;
use common::mutation::Mutations;

/// The stack that a caller may have at least (R4).
const STACK: usize = 256 << 10;

#[test]
fn no_json_is_more_than_taken_or_refused() {
    run("load_json", "json", 2_000, hostile::load_json);
}

#[test]
fn no_yaml_is_more_than_taken_or_refused() {
    run("load_yaml", "yaml", 2_000, hostile::load_yaml);
}

#[test]
fn every_flag_of_any_file_answers_any_context() {
    run("evaluate", "none", 2_000, hostile::evaluate);
}

#[test]
fn no_context_makes_a_flag_stumble() {
    run("context", "none", 1_000, hostile::context);
}

#[test]
fn places_behind_broken_characters_are_those_of_the_text() {
    hostile::load_json(b"{\"flags\": {\"\xe2\x82\": {\"state\": 5}}}");
    hostile::load_json(b"{\"flags\": {\"\xf0\x9f\x98\": {}}, x");
}

/// R4: nothing is too deep for a small stack, be it taken or refused.
#[test]
fn nothing_is_too_deep_for_a_small_stack() {
    let variants = r#""variants": {"true": true, "x": "x"}"#;
    let rule = move |rule: String| format!(r#"{{"flags": {{"f": {{{variants}, "targeting": {rule}}}}}}}"#);
    let nested =
        |open: &str, inner: &str, close: &str, depth| open.repeat(depth) + inner + &close.repeat(depth);
    on_a_small_stack(move || {
        for depth in [10, 60, 98, 120, 250, 256, 1_000, 20_000] {
            for (open, inner, close) in [
                (r#"{"!": "#, "1", "}"),
                (r#"{"!": ["#, r#"{"var": "x"}"#, "]}"),
                (r#"{"and": [1, "#, "1", "]}"),
                (r#"{"if": ["#, "1", r#", "x"]}"#),
                (r#"{"cat": ["#, r#""x""#, "]}"),
                (r#"{"var": ["x", "#, "1", "]}"),
                (r#"{"map": [[1, 2], "#, "1", "]}"),
                (r#"{"some": [[1], "#, r#"{"var": "x"}"#, "]}"),
                (r#"{"fractional": [["x", "#, "1", "]]}"),
                ("[", "1", "]"),
                (r#"{"a": 1, "b": "#, "1", "}"),
            ] {
                hostile::load_json(rule(nested(open, inner, close, depth)).as_bytes());
            }
            let list = nested("[", "1", "]", depth);
            let value =
                format!(r#"{{"flags": {{"f": {{"variants": {{"x": {list}}}, "defaultVariant": "x"}}}}}}"#);
            hostile::load_json(value.as_bytes());
            hostile::load_json(list.as_bytes());
            hostile::load_json("[".repeat(depth).as_bytes());
            hostile::load_yaml(format!("flags: {}", nested("{a: ", "1", "}", depth)).as_bytes());
            hostile::load_yaml(
                (0..depth.min(1_000)).map(|at| " ".repeat(at) + "a:\n").collect::<String>().as_bytes(),
            );
            hostile::load_yaml("- ".repeat(depth).as_bytes());
            hostile::context(format!(r#"{{"a": {list}, "list": {list}, "o": {{"x": {list}}}}}"#).as_bytes());
            let chain: Vec<String> = (0..depth.min(2_000))
                .map(|at| format!(r#""e{at}": {{"!": {{"$ref": "e{}"}}}}"#, at + 1))
                .collect();
            let flag = format!(r#"{{"f": {{{variants}, "targeting": {{"$ref": "e0"}}}}}}"#);
            let text = format!(r#"{{"$evaluators": {{{}}}, "flags": {flag}}}"#, chain.join(", "));
            hostile::load_json(text.as_bytes());
        }
    });
}

/// Runs a target over its seeds, the sample files of an extension, and mutations of both.
fn run(target: &str, extension: &str, mutations: usize, check: fn(&[u8])) {
    let mut seeds = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target));
    assert!(!seeds.is_empty(), "{target} has seeds");
    let samples = files(&common::flags());
    seeds.extend(samples.into_iter().filter(|path| path.extension().is_some_and(|it| it == extension)));
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|path| fs::read(path).unwrap()).collect();
    on_a_small_stack(move || {
        seeds.iter().for_each(|seed| check(seed));
        for bytes in Mutations::of(&seeds, 0x5eed).take(mutations) {
            let told = std::panic::catch_unwind(|| check(&bytes));
            assert!(told.is_ok(), "of these bytes: {:?}", String::from_utf8_lossy(&bytes));
        }
    });
}

fn on_a_small_stack(act: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(act);
    thread.unwrap().join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
}

/// The files of a folder in name order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}
