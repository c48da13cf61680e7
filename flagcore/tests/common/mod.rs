//! What several test binaries need: where the shared suites are, and what to do without them.

#![allow(dead_code, missing_docs, reason = "each test binary uses a part of it")]

pub(crate) mod ask;
pub(crate) mod cases;
pub(crate) mod data;
pub(crate) mod written;
#[cfg(unix)]
pub(crate) mod files;
pub(crate) mod counting;
pub(crate) mod hostile;
pub(crate) mod mutation;
pub(crate) mod polling;
pub(crate) mod specification;
pub(crate) mod strategies;
pub(crate) mod verdict;

use std::path::PathBuf;

use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::{FlagSet, Format};

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

/// The folder of sample flag files.
pub(crate) fn flags() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../flags")
}

/// Says something that is seen whether or not the test passes.
pub(crate) fn tell(text: &str) {
    use std::io::Write;
    // Nobody may be reading; that is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The flags of a JSON text that is good enough for the lenient mode.
pub(crate) fn read(text: &str) -> FlagSet {
    let mut report = Report::new("flags".into(), Mode::Lenient);
    let limits = Limits::default();
    let set = flagcore::parse::flag_set("flags".into(), text.as_bytes(), Format::Json, &limits, &mut report);
    set.unwrap_or_else(|| panic!("{}", report.finish(text)))
}
