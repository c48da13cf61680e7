//! What several test binaries need: where the shared suites are, and daemons to ask.

#![allow(dead_code, missing_docs, reason = "each test binary uses a part of it")]

pub(crate) mod frames;
pub(crate) mod ofrep;
#[cfg(target_os = "linux")]
pub(crate) mod process;
pub(crate) mod rpc;
pub(crate) mod server;

use std::path::PathBuf;

/// The folder that an environment variable names.
///
/// Without it the test says that it is skipped; with `FLAGD_REQUIRE=all` that is a failure.
pub(crate) fn suite(variable: &str) -> Option<PathBuf> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else {
        let required = std::env::var("FLAGD_REQUIRE").is_ok_and(|required| required == "all");
        assert!(!required, "FLAGD_REQUIRE=all, but {variable} is not set");
        tell(&format!("skipped: set {variable} to the folder of the suite to run this test"));
        return None;
    };
    // Tests run in the folder of their crate; people name folders from where they stand.
    let path = PathBuf::from(path);
    let from_root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(&path);
    let found = [path.clone(), from_root].into_iter().find(|path| path.is_dir());
    Some(found.unwrap_or_else(|| panic!("{variable} names {}, which is no folder", path.display())))
}

/// Says something that is seen whether or not the test passes.
pub(crate) fn tell(text: &str) {
    use std::io::Write;
    // Nobody may be reading; that is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{text}");
}
