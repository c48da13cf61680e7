//! The published providers for Java: the newest, older ones, and OFREP's.
//!
//! The newest speaks `flagd.evaluation.v1` still, as one of two years before it does; the oldest speaks `schema.v1`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::common::suite;
use crate::launcher::Launcher;
use crate::program::{checks, installed, run, sources};

#[test]
fn java_evaluates_over_grpc() {
    topics("newest", "rpc", "evaluations contexts metadata tls", 44 + 11 + 3 + 5);
}

#[test]
fn java_evaluates_in_process() {
    topics("newest", "in-process", "evaluations contexts metadata tls selectors", 44 + 11 + 3 + 5 + 6);
}

#[test]
fn java_evaluates_over_ofrep() {
    topics("newest", "ofrep", "evaluations contexts metadata selectors asked", 44 + 11 + 3 + 6 + 4);
}

#[test]
fn java_asks_over_unix_sockets() {
    topics("newest", "rpc", "sockets", 5);
    topics("newest", "in-process", "sockets", 5);
}

#[test]
fn java_is_told_of_edits_and_restarts_over_grpc() {
    topics("newest", "rpc", "live restart early", 7 + 7 + 3);
}

#[test]
fn java_is_told_of_edits_and_restarts_in_process() {
    topics("newest", "in-process", "live restart early", 7 + 7 + 3);
}

/// It empties its cache some time after the event of an edit, so the answers tell here.
#[test]
fn older_java_evaluates_over_grpc() {
    topics("evaluation-v1", "v1-rpc", "evaluations contexts tls sockets asked", 44 + 11 + 5 + 5 + 4);
}

#[test]
fn older_java_evaluates_in_process() {
    topics(
        "evaluation-v1",
        "v1-in-process",
        "evaluations contexts tls sockets selectors live asked",
        44 + 11 + 5 + 5 + 6 + 7 + 4,
    );
}

#[test]
fn java_of_the_first_generation_evaluates() {
    topics("schema-v1", "schema", "evaluations contexts tls asked", 44 + 11 + 5 + 4);
}

/// Runs topics with a provider of a class path; that is so many checks.
fn topics(profile: &'static str, provider: &str, topics: &str, count: usize) {
    let Some(testbed) = suite("FLAGD_TESTBED") else { return };
    let Some(folder) = installed("java", "pom.xml") else { return };
    let libraries = folder.join("lib").join(profile).join("*");
    let classes = classes(&folder, profile, &libraries);
    let launcher = Launcher::with(&testbed);
    let mut java = Command::new("java");
    // The quickest start.
    java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
    java.arg(format!("{}:{}", classes.display(), libraries.display())).args(["Main", provider]);
    checks(java.args(topics.split(' ')).env("LAUNCHER", &launcher.places.launcher), count);
}

/// The classes for a class path, from the sources as they are.
fn classes(folder: &Path, profile: &'static str, libraries: &Path) -> PathBuf {
    static BUILT: [(&str, OnceLock<PathBuf>); 3] =
        [("newest", OnceLock::new()), ("evaluation-v1", OnceLock::new()), ("schema-v1", OnceLock::new())];
    let build = || {
        let classes = folder.join("classes").join(profile);
        let sources = [sources("java"), sources("java").join(profile)];
        let files = sources.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
        let files = files.map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "java"));
        let mut javac = Command::new("javac");
        javac
            .args(["-proc:none", "-encoding", "UTF-8", "-cp"])
            .arg(libraries)
            .arg("-d")
            .arg(&classes)
            .args(files);
        let outcome = run(&mut javac);
        assert!(outcome.succeeded, "{}", outcome.text);
        classes
    };
    let (_, built) = BUILT.iter().find(|(name, _)| *name == profile).unwrap();
    built.get_or_init(build).clone()
}
