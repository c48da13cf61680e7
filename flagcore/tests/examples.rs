//! The examples that run until they are stopped do what their first lines say.
#![cfg(all(feature = "shadow", feature = "watch", feature = "yaml"))]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// An example that runs; ended when it is dropped.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(name: &str, argument: &Path) -> Self {
        let mut child = Command::new(built(name))
            .arg(argument)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Waits for a line.
    #[track_caller]
    fn wait_for(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let (begun, mut seen) = (Instant::now(), Vec::new());
        while let Ok(line) = self.lines.recv_timeout(LONG.saturating_sub(begun.elapsed())) {
            if is_it(&line) {
                return line;
            }
            seen.push(line);
        }
        panic!("{what} did not come:\n{}", seen.join("\n"));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built example; `cargo test` with a name builds the tests alone.
fn built(name: &str) -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "flagcore", "--example", name]);
    assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    assert!(path.is_file(), "{}", path.display());
    path
}

#[test]
fn a_dark_launch_finds_the_bug_and_the_limit_and_ends_with_an_edit_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dark-launch.yaml");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flags/dark-launch.yaml");
    let flags = std::fs::read_to_string(sample).unwrap();
    std::fs::write(&file, &flags).unwrap();
    let example = Running::start("dark_launch", &file);
    let verdict = example.wait_for("a verdict", |line| line.contains("answers differ"));
    assert!(verdict.starts_with("search, "), "{verdict}");
    let bug = example.wait_for("the bug", |line| line.contains("/hits/*/cents"));
    assert!(bug.contains("value") && bug.contains('→'), "{bug}");
    example.wait_for("the limit", |line| line.trim_start().contains("  Busy"));
    std::fs::write(&file, flags.replace("state: ENABLED", "state: DISABLED")).unwrap();
    example.wait_for("the end", |line| line.starts_with("search, off: "));
}

/// Longer than anything takes that comes at all.
const LONG: Duration = Duration::from_secs(120);
