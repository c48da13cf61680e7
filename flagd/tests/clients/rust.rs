//! The published crates for Rust: `open-feature-flagd` with its three ways to ask, `open-feature-ofrep` with its headers.
//!
//! Every release of them speaks `flagd.evaluation.v1`, so the newest stands for that generation of the protocol.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::common::suite;
use crate::launcher::Launcher;
use crate::program::{checks, installed, run, sources};

#[test]
fn rust_evaluates_every_type_and_error() {
    topic("evaluations", &[("rpc", 44), ("rest", 44), ("in-process", 43)]);
}

#[test]
fn rust_sends_contexts_of_every_type() {
    topic("contexts", &[("rpc", 9), ("in-process", 9), ("rest", 9)]);
}

#[test]
fn rust_sees_the_metadata_of_flags() {
    topic("metadata", &[("rpc", 3), ("in-process", 3)]);
}

#[test]
fn rust_trusts_its_authority_only() {
    topic("tls", &[("rpc", 2), ("rest", 2), ("in-process", 2)]);
}

#[test]
fn rust_asks_over_unix_sockets() {
    topic("sockets", &[("rpc", 5), ("in-process", 5)]);
}

#[test]
fn rust_selects_flags() {
    topic("selectors", &[("in-process", 8), ("rest", 8)]);
}

#[test]
fn rust_follows_edits() {
    topic("live", &[("rpc", 5), ("in-process", 4), ("rest", 4)]);
}

#[test]
fn rust_outlives_a_restart() {
    topic("restart", &[("rpc", 4), ("in-process", 4), ("rest", 4)]);
}

/// Runs a topic with several providers, each of which makes this many checks.
fn topic(topic: &str, providers: &[(&str, usize)]) {
    let Some(testbed) = suite("FLAGD_TESTBED") else { return };
    let Some(folder) = installed("rust", "Cargo.toml") else { return };
    let program = program(&folder);
    let launcher = Launcher::with(&testbed);
    for (provider, count) in providers {
        let mut command = Command::new(&program);
        checks(command.args([provider, topic]).env("LAUNCHER", &launcher.places.launcher), *count);
    }
}

/// The program, from the sources as they are.
fn program(folder: &Path) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo tells this test would make the build of some crate start anew.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_") && !["CARGO_HOME", "CARGO_BUILD_JOBS"].contains(&&*name) {
                cargo.env_remove(&*name);
            }
        }
        cargo.args(["build", "-q", "--locked", "--offline", "--manifest-path"]);
        cargo.arg(sources("rust").join("Cargo.toml")).env("CARGO_TARGET_DIR", folder.join("build"));
        let outcome = run(&mut cargo);
        assert!(outcome.succeeded, "{}", outcome.text);
        folder.join("build/debug/clients")
    };
    BUILT.get_or_init(build).clone()
}
