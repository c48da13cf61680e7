//! What is noticed when: storms beside a file, lost events, no events, nobody to hear them.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flagcore::Client;

use crate::common::files::{Folder, Noticing, PATIENCE, Probe, Watched, one};

/// Ten thousand events of a hundred files, named by their number: each is opened and closed again.
fn storm(folder: &Folder, name: impl Fn(usize) -> String) {
    for number in 0..100 {
        folder.write(&name(number), "{");
    }
    for number in 0..5_000 {
        let path = folder.path(&name(number % 100));
        drop(File::options().write(true).open(path).unwrap());
    }
}

#[test]
fn ten_thousand_events_beside_a_file_do_not_make_it_read() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let probe = Probe::new(folder.path("flags.json"));
    let reads = probe.reads();
    let watched = Watched::new(Client::builder().source(probe));
    storm(&folder, |number| format!("beside-{number}.json"));
    folder.rename_into_place("flags.json", one("flags.json", 2));
    watched.serves(2);
    let reads = reads.load(Ordering::SeqCst);
    assert!(reads <= 10, "{reads} reads");
}

#[test]
fn ten_thousand_events_of_hidden_files_in_a_folder_do_not_make_it_read() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let probe = Probe::new(folder.path(""));
    let reads = probe.reads();
    let watched = Watched::new(Client::builder().source(probe));
    storm(&folder, |number| format!(".flags-{number}.json.swp"));
    folder.rename_into_place("flags.json", one("flags.json", 2));
    watched.serves(2);
    let reads = reads.load(Ordering::SeqCst);
    assert!(reads <= 10, "{reads} reads");
}

#[test]
fn ten_thousand_events_of_the_file_itself_lose_nothing() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let watched = Watched::noticing(folder.path("flags.json"), Noticing::EventsAlone);
    for value in 2..5 {
        storm(&folder, |_| "flags.json".to_owned());
        folder.rename_into_place("flags.json", one("flags.json", value));
        watched.serves(value);
    }
}

#[test]
fn a_source_that_stalls_is_told_of_all_changes_by_one_read() {
    let folder = Folder::with("flags.json", one("flags.json", 0));
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (go, going) = std::sync::mpsc::channel::<()>();
    let probe = Probe::new(folder.path("flags.json")).on_read(move |reads| {
        if reads == 1 {
            stop.send(()).unwrap();
            going.recv_timeout(PATIENCE).unwrap();
        }
    });
    let reads = probe.reads();
    let watched = Watched::unmixed(Client::builder().source(probe));
    folder.rename_into_place("flags.json", one("flags.json", 1));
    stopped.recv_timeout(PATIENCE).unwrap();
    for value in 2..=300 {
        folder.rename_into_place("flags.json", one("flags.json", value));
        // Evaluating does not wait for the reader.
        assert!(watched.value() <= value);
    }
    go.send(()).unwrap();
    watched.serves(300);
    let reads = reads.load(Ordering::SeqCst);
    assert!(reads <= 10, "a mark, not a queue: {reads} reads");
}

#[test]
fn without_events_a_change_is_noticed_within_two_polls() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let watched = Watched::noticing(folder.path("flags.json"), Noticing::PollingAlone);
    assert_eq!(watched.client.status()[0].complaint, None);
    folder.write("flags.json", one("flags.json", 2));
    // A poll each second, and the time to settle; the rest is for slow machines.
    watched.updates.next_within(Duration::from_secs(5)).unwrap();
    assert_eq!(watched.value(), 2);
}

#[test]
fn reading_a_file_is_no_reason_to_read_it_again() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let probe = Probe::new(folder.path("flags.json")).without_polling();
    let reads = probe.reads();
    let watched = Watched::new(Client::builder().source(probe));
    for _ in 0..1_000 {
        std::fs::read(folder.path("flags.json")).unwrap();
    }
    folder.rename_into_place("flags.json", one("flags.json", 2));
    watched.serves(2);
    let reads = reads.load(Ordering::SeqCst);
    assert!(reads <= 4, "{reads} reads");
}
