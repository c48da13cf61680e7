//! The README's first lines, as they are written: the daemon, a question, an edit, the question again.

#![cfg(unix)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::process::{PATIENCE, Process, command};

/// The lines of the README's first two blocks of commands, without what is said about them.
fn lines() -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let blocks = readme.split("```").skip(1).step_by(2).take(2);
    let lines = blocks.flat_map(|block| block.lines().skip(1));
    lines.map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect()
}

#[test]
fn its_commands_start_the_daemon_ask_it_and_see_an_edit() {
    let lines = lines();
    let [start, tests, ask, edit, again] = &lines[..] else { panic!("other commands: {lines:#?}") };
    assert_eq!(tests, "cargo test --workspace");
    assert_eq!(ask, again);

    // A copy of the sample, where the commands find it.
    let folder = tempfile::tempdir().unwrap();
    let arguments = start.strip_prefix("cargo run -p flagd -- start ").unwrap();
    let path = arguments.strip_prefix("--uri file:").unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::create_dir(folder.path().join("flags")).unwrap();
    std::fs::copy(sample, folder.path().join(path)).unwrap();
    let mut program = command(Path::new(env!("CARGO_BIN_EXE_flagd")));
    program.current_dir(&folder);
    let daemon = Process::run(program, &[], &arguments.split(' ').collect::<Vec<_>>());

    let shell = |line: &str| {
        let line = line.replace("localhost:8016", &daemon.ofrep.to_string());
        let done = Command::new("sh").args(["-c", &line]).current_dir(&folder).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    assert!(shell(ask).starts_with("{\"value\":false,\"key\":\"checkout\""), "{}", shell(ask));
    shell(edit);
    let until = Instant::now() + PATIENCE;
    while !shell(again).starts_with("{\"value\":true,\"key\":\"checkout\"") {
        assert!(Instant::now() < until, "the edit is not seen: {}", shell(again));
        std::thread::sleep(Duration::from_millis(10));
    }
}
