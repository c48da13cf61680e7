//! Runs a program that uses a published client, and counts what it checked.
//!
//! A program is told where everything is by `LAUNCHER`, the URL of its launcher. It prints a line for each check:
//! `ok NAME`, or `not ok NAME: WHY`; and ends with status 0 when it came to its end. What else it prints is shown when
//! something is wrong.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::tell;

/// Longer than any program takes, even on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// The folder that holds the programs of a language.
pub(crate) fn sources(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(language)
}

/// The folder into which the published packages of a language are installed.
///
/// `manifest` names them, and the folder holds a copy of it since the last installation. Without them, or with others,
/// the test says that it is skipped; with `FLAGD_REQUIRE=all` that is a failure.
pub(crate) fn installed(language: &str, manifest: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("clients").join(language);
    let wanted = std::fs::read(sources(language).join(manifest)).unwrap();
    if std::fs::read(folder.join("installed")).is_ok_and(|there| there == wanted) {
        return Some(folder);
    }
    let help =
        format!("run flagd/tests/clients/install {language} to have the clients that {manifest} names");
    let required = std::env::var("FLAGD_REQUIRE").is_ok_and(|required| required == "all");
    assert!(!required, "FLAGD_REQUIRE=all, but the clients are not installed: {help}");
    tell(&format!("skipped: {help}"));
    None
}

/// What a program printed, and whether it came to its end.
pub(crate) struct Outcome {
    pub(crate) text: String,
    pub(crate) succeeded: bool,
}

/// Runs a program to its end, or kills it when that does not come.
pub(crate) fn run(command: &mut Command) -> Outcome {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("FLAGD_") || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(&*name);
        }
    }
    let (mut reader, writer) = std::io::pipe().unwrap();
    let shown = format!("{command:?}");
    let child = command.stdin(Stdio::null()).stderr(writer.try_clone().unwrap()).stdout(writer).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{shown}: {error}"));
    // The command holds the pipe's other end, too.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let until = Instant::now() + PATIENCE;
    let succeeded = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.success();
        }
        if Instant::now() >= until {
            child.kill().unwrap();
            child.wait().unwrap();
            break false;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    Outcome { text: reading.join().unwrap(), succeeded }
}

/// Runs a program to its end; all of its checks pass, and there are this many.
pub(crate) fn checks(command: &mut Command, count: usize) {
    let outcome = run(command);
    let lines = || outcome.text.lines();
    let passed = lines().filter(|line| line.starts_with("ok ")).count();
    let failed = lines().filter(|line| line.starts_with("not ok ")).count();
    assert!(
        outcome.succeeded && failed == 0 && passed == count,
        "{passed} of {count} checks passed, {failed} failed, {}:\n{}",
        if outcome.succeeded { "it came to its end" } else { "it did not come to its end" },
        outcome.text,
    );
}
