//! Python: the newest provider's own tests, which run the public suite; and programs for it and for older ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::suite;
use crate::launcher::Launcher;
use crate::program::{checks, installed, run, sources};

/// A test for each provider: the program, the environment, the provider, and the number of checks.
macro_rules! programs {
    ($($name:ident: $file:literal, $environment:literal, $provider:literal, $count:literal;)*) => {
        $(
            #[test]
            fn $name() {
                program($file, $environment, $provider, $count);
            }
        )*
    };
}

programs! {
    evaluations_by_rpc: "evaluations.py", "newest", "rpc", 76;
    evaluations_in_process: "evaluations.py", "newest", "in-process", 68;
    evaluations_by_ofrep: "evaluations.py", "newest", "ofrep", 68;
    evaluations_by_rpc_of_evaluation_v1: "evaluations.py", "v1", "v1", 68;
    evaluations_in_process_of_that_time: "evaluations.py", "v1", "v1-in-process", 68;
    evaluations_by_rpc_of_schema_v1: "evaluations.py", "schema", "schema", 68;
    changes_by_rpc: "changes.py", "newest", "rpc", 22;
    changes_in_process: "changes.py", "newest", "in-process", 20;
    changes_by_ofrep: "changes.py", "newest", "ofrep", 15;
    changes_by_rpc_of_evaluation_v1: "changes.py", "v1", "v1", 22;
    changes_in_process_of_that_time: "changes.py", "v1", "v1-in-process", 20;
    changes_by_rpc_of_schema_v1: "changes.py", "schema", "schema", 15;
    connections_by_rpc: "connections.py", "newest", "rpc", 16;
    connections_in_process: "connections.py", "newest", "in-process", 16;
    connections_by_ofrep: "connections.py", "newest", "ofrep", 14;
    connections_by_rpc_of_evaluation_v1: "connections.py", "v1", "v1", 4;
    connections_in_process_of_that_time: "connections.py", "v1", "v1-in-process", 16;
    connections_by_rpc_of_schema_v1: "connections.py", "schema", "schema", 1;
}

fn program(file: &str, environment: &str, provider: &str, count: usize) {
    let Some(testbed) = suite("FLAGD_TESTBED") else { return };
    let Some(packages) = installed("python", "packages") else { return };
    let launcher = Launcher::with(&testbed);
    let mut command = Command::new(packages.join(environment).join("bin/python"));
    command
        .env("LAUNCHER", &launcher.places.launcher)
        // The client over HTTP has no option for the authority that it trusts.
        .env("REQUESTS_CA_BUNDLE", &launcher.places.authority)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GRPC_VERBOSITY", "NONE")
        .arg(sources("python").join(file))
        .arg(provider);
    checks(&mut command, count);
}

/// Scenarios that run at once, each with a daemon of its own. Most of the time they wait for a daemon that is away.
const WORKERS: usize = 4;

#[test]
fn the_providers_own_suite_passes_over_rpc() {
    let left_out = "\
        7 @deprecated\n\
        15 @fractional-v1\n\
        132 @fractional-v3\n\
        1 @sync\n\
        5 @targetURI\n\
        5 @unixsocket\n\
        43 for another resolver\n";
    passes(&Suite { resolver: "rpc", bucketing: None, passed: 208, left_out });
}

#[test]
fn the_providers_own_scenarios_of_v3_bucketing_pass_over_rpc() {
    let left_out = "\
        7 @deprecated\n\
        15 @fractional-v1\n\
        21 @fractional-v2\n\
        1 @sync\n\
        5 @targetURI\n\
        5 @unixsocket\n\
        43 for another resolver\n\
        187 not asked for\n";
    passes(&Suite { resolver: "rpc", bucketing: Some("v3"), passed: 132, left_out });
}

#[test]
fn the_providers_own_suite_passes_in_process() {
    let left_out = "\
        7 @deprecated\n\
        15 @fractional-v1\n\
        21 @fractional-v2\n\
        7 @targetURI\n\
        5 @unixsocket\n\
        33 for another resolver\n";
    passes(&Suite { resolver: "in-process", bucketing: None, passed: 328, left_out });
}

/// A run of the scenarios that the provider's own tests run.
struct Suite {
    resolver: &'static str,
    /// What the flag file says of it; then only the scenarios of this generation are asked for.
    bucketing: Option<&'static str>,
    passed: usize,
    /// What the tests' own filter leaves out: a count and a reason in each line.
    ///
    /// The provider has no option for a target URI (which is for Envoy) nor for a unix socket; the suite itself calls
    /// `@deprecated` what has a newer scenario beside it, and has each generation of bucketing in scenarios of its own.
    /// `@sync` is of the stream that there is in process. What is run asks port 8013 once, where nobody may be.
    left_out: &'static str,
}

fn passes(wanted: &Suite) {
    let Some(testbed) = suite("FLAGD_TESTBED") else { return };
    let Some(packages) = installed("python", "packages") else { return };
    let launchers: Vec<_> = (0..WORKERS).map(|_| Launcher::with(&testbed)).collect();
    let urls: Vec<_> = launchers.iter().map(|launcher| launcher.places.launcher.as_str()).collect();
    let tests = own_tests(&packages, &testbed, &launchers, wanted);
    let mut command = Command::new(packages.join("suite/bin/python"));
    command
        .current_dir(tests.path())
        .args(["-m", "pytest", "-q", "-p", "scenarios", "-p", "no:cacheprovider", "--tb=short"])
        .args(["-n", &WORKERS.to_string(), "--maxschedchunk", "1", "--disable-warnings"])
        .arg(Path::new("tests/e2e").join(wanted.resolver.replace('-', "")))
        .env("LAUNCHERS", urls.join(" "))
        .env("GRPC_VERBOSITY", "NONE")
        .env("RESOLVER", wanted.resolver);
    if let Some(generation) = wanted.bucketing {
        command.env("BUCKETING", generation).args(["-m", &format!("fractional-{generation}")]);
    }
    let outcome = run(&mut command);
    let left_out = std::fs::read_to_string(tests.path().join("left_out")).unwrap_or_default();
    assert!(
        outcome.succeeded && count(&outcome.text, "passed") == wanted.passed && left_out == wanted.left_out,
        "{}{left_out}",
        outcome.text
    );
}

/// How many pytest's last line counts of something.
fn count(text: &str, what: &str) -> usize {
    let last = text.lines().last().unwrap_or_default();
    let found =
        last.split(", ").find_map(|part| part.split_once(' ').filter(|(_, rest)| rest.starts_with(what)));
    found.and_then(|(count, _)| count.parse().ok()).unwrap_or(0)
}

/// The provider's own tests, with the suite's files and our launchers where they look for them.
fn own_tests(packages: &Path, testbed: &Path, launchers: &[Launcher], wanted: &Suite) -> TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let root = folder.path();
    let copy = |from: PathBuf, to: &str| {
        let copied = Command::new("cp").arg("-R").arg(&from).arg(root.join(to)).status().unwrap();
        assert!(copied.success(), "{}", from.display());
    };
    let harness = "openfeature/test-harness";
    std::fs::create_dir_all(root.join(harness).join("ssl")).unwrap();
    for name in ["gherkin", "flags"] {
        copy(testbed.join(name), &format!("{harness}/{name}"));
    }
    for name in ["pytest.ini", "tests"] {
        copy(packages.join("source").join(name), name);
    }
    copy(sources("python").join("suite/flagd_container.py"), "tests/e2e/flagd_container.py");
    copy(sources("python").join("suite/scenarios.py"), "scenarios.py");

    // The tests know one authority.
    let first = &launchers[0].places;
    for launcher in &launchers[1..] {
        for name in ["server.pem", "server.key"] {
            std::fs::copy(first.folder.join(name), launcher.places.folder.join(name)).unwrap();
        }
    }
    std::fs::copy(&first.authority, root.join(harness).join("ssl/custom-root-cert.crt")).unwrap();

    // The provider's tests ask a daemon for v3; the reference, and so ours, spreads as in v2 if nothing is said.
    if (wanted.resolver, wanted.bucketing) == ("rpc", None) {
        let path = root.join("tests/e2e/rpc/conftest.py");
        let filter = std::fs::read_to_string(&path).unwrap();
        assert!(filter.contains("\"~fractional-v2\""), "{filter}");
        std::fs::write(&path, filter.replace("\"~fractional-v2\"", "\"~fractional-v3\"")).unwrap();
    }
    folder
}
