//! The published clients of OpenFeature, unmodified, against the real binary.
//!
//! `launcher` starts daemons, stops them and changes their flags, as the public suite's own launcher does; clients tell
//! it to over HTTP. `program` runs a client's program and counts what it checked. One module for each language follows;
//! its programs lie in the folder of its name, and `install` there gets the published packages.

#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;
mod go_wire;
mod javascript;
mod java;
mod launcher;
mod program;
mod python;
mod rust;

use common::suite;
use launcher::Launcher;

#[test]
fn the_launcher_runs_every_configuration() {
    let Some(testbed) = suite("FLAGD_TESTBED") else { return };
    let launcher = Launcher::with(&testbed);
    for config in ["default", "metadata", "sync-payload", "ssl", "sockets", "own"] {
        for order in [format!("start?config={config}"), "restart?seconds=0".to_owned(), "stop".to_owned()] {
            let url = format!("{}/{order}", launcher.places.launcher);
            let asked =
                std::process::Command::new("curl").args(["-sSf", "-X", "POST", &url]).output().unwrap();
            assert!(asked.status.success(), "{config}, {order}: {}", String::from_utf8_lossy(&asked.stderr));
        }
    }
}
