//! A process that runs out of file descriptors goes on with the flags it has, and watches again when there are
//! some. Alone in its process, which it starves.

#![cfg(all(target_os = "linux", feature = "watch", feature = "yaml"))]

#[path = "common/mod.rs"]
mod common;

use std::fs::File;

use common::files::{Folder, Noticing, Watched, one};

#[test]
fn flags_outlive_a_time_without_file_descriptors() {
    limit_descriptors(100);
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let ways = [Noticing::Both, Noticing::PollingAlone];
    let watched = ways.map(|noticing| Watched::noticing(folder.path("flags.json"), noticing));

    folder.write("next.json", one("flags.json", 2));
    let taken = take_descriptors();
    // A rename needs none, so that there is news that cannot be read.
    folder.rename("next.json", "flags.json");
    for it in &watched {
        let findings = it.refuses("unreadable").to_string();
        assert!(findings.contains("Too many open files"), "{findings}");
        assert_eq!(it.value(), 1);
    }
    // Several polls, each of which fails; the refusal is not told again.
    let revision = watched[0].client.snapshot().revision();
    assert!(watched[0].updates.next_within(std::time::Duration::from_millis(2_100)).is_none());
    assert_eq!(watched[0].client.snapshot().revision(), revision);

    drop(taken);
    for it in &watched {
        it.serves(2);
    }
    folder.rename_into_place("flags.json", one("flags.json", 3));
    for it in &watched {
        it.serves(3);
    }

    // Without events, because there is no descriptor for them, a client still has its flags and says so.
    let mut taken = take_descriptors();
    taken.truncate(taken.len() - 1);
    let late = Watched::open(folder.path("flags.json"));
    assert_eq!(late.value(), 3);
    let complaint = late.client.status()[0].complaint.clone().unwrap();
    let consequence = "changes are noticed by polling alone, since file events cannot be had: ";
    assert!(complaint.starts_with(consequence), "{complaint}");
    drop(taken);
    folder.rename_into_place("flags.json", one("flags.json", 4));
    late.serves(4);
    // And has them as soon as there is one.
    late.until("there are events", |client| client.status()[0].complaint.is_none());
    folder.rename_into_place("flags.json", one("flags.json", 5));
    late.serves(5);
}

/// Every descriptor that the process may still have.
fn take_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn limit_descriptors(most: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the structure lives through the call, which only reads it.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}
