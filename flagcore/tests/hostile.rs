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
    run("load_json", "json", 3_000, hostile::load_json);
}

#[test]
fn no_yaml_is_more_than_taken_or_refused() {
    run("load_yaml", "yaml", 3_000, hostile::load_yaml);
}

#[test]
fn every_flag_of_any_file_answers_any_context() {
    run("evaluate", "none", 3_000, hostile::evaluate);
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

/// Runs a target over its seeds, the sample files of an extension, and mutations of both.
fn run(target: &str, extension: &str, mutations: usize, check: fn(&[u8])) {
    let mut seeds = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target));
    assert!(!seeds.is_empty(), "{target} has seeds");
    let samples = files(&common::flags());
    seeds.extend(samples.into_iter().filter(|path| path.extension().is_some_and(|it| it == extension)));
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|path| fs::read(path).unwrap()).collect();
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        seeds.iter().for_each(|seed| check(seed));
        for bytes in Mutations::of(&seeds, 0x5eed).take(mutations) {
            let told = std::panic::catch_unwind(|| check(&bytes));
            assert!(told.is_ok(), "of these bytes: {:?}", String::from_utf8_lossy(&bytes));
        }
    });
    thread.unwrap().join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
}

/// The files of a folder in name order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}
