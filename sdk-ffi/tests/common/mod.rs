//! What the test binaries share: where the library is that was built with them, and tools that may be missing.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the crate.
pub(crate) fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder in which the library lies that was built for this test.
pub(crate) fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().to_owned()
}

/// The header without its comments.
pub(crate) fn header() -> String {
    let text = std::fs::read_to_string(here().join("include/flagcore.h")).unwrap();
    let mut code = String::new();
    let mut rest = text.as_str();
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").unwrap().1;
    }
    code.push_str(rest);
    code
}

/// Whether a program is there.
///
/// Without it the test says that it is skipped; with `FLAGD_REQUIRE=all` that is a failure.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        let required = std::env::var("FLAGD_REQUIRE").is_ok_and(|required| required == "all");
        assert!(!required, "FLAGD_REQUIRE=all, but there is no {program}");
        eprintln!("skipped: install {program} to run this test");
    }
    found
}

/// Runs a command and gives what it wrote; it must succeed.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let written =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{written}", output.status);
    written
}

/// The folder that an environment variable names.
///
/// Without it the test says that it is skipped; with `FLAGD_REQUIRE=all` that is a failure.
pub(crate) fn suite(variable: &str) -> Option<PathBuf> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else {
        let required = std::env::var("FLAGD_REQUIRE").is_ok_and(|required| required == "all");
        assert!(!required, "FLAGD_REQUIRE=all, but {variable} is not set");
        eprintln!("skipped: set {variable} to the folder of the suite to run this test");
        return None;
    };
    // Tests run in the folder of their crate; people name folders from where they stand.
    let path = PathBuf::from(path);
    let from_root = here().join("..").join(&path);
    let found = [path.clone(), from_root].into_iter().find(|path| path.is_dir());
    Some(found.unwrap_or_else(|| panic!("{variable} names {}, which is no folder", path.display())))
}
