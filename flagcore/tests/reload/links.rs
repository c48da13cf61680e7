//! Symbolic links: volumes of Kubernetes, chains, relative ways, loops.

use flagcore::Client;
use flagcore::change::Update;
use flagcore::model::Format;

use crate::common::files::{Folder, Noticing, Probe, Watched, flags, flags_named, one};

/// The files of a volume with one file.
fn volume(value: i64) -> [(&'static str, String); 1] {
    [("flags.yaml", flags(Format::Yaml, 10, value))]
}

#[test]
fn none_of_200_volume_swaps_is_missed() {
    let folder = Folder::new();
    folder.make("volume");
    folder.swap_data("volume", 0, &volume(0));
    let probe = Probe::new(folder.path("volume/flags.yaml")).without_polling();
    let reads = probe.reads();
    let watched = Watched::unmixed(Client::builder().source(probe));
    for value in 1..=200 {
        folder.swap_data("volume", value as usize, &volume(value));
        watched.serves(value);
    }
    assert_eq!(watched.client.snapshot().revision(), 201, "one publication for each swap");
    // Removing the old generation may lead to another look.
    let reads = reads.load(std::sync::atomic::Ordering::SeqCst);
    assert!(reads <= 3 * 201, "{reads} reads of 200 swaps");
}

#[test]
fn a_volume_swap_is_seen_by_polling_alone() {
    let folder = Folder::new();
    folder.make("volume");
    folder.swap_data("volume", 0, &volume(0));
    let watched = Watched::noticing(folder.path("volume/flags.yaml"), Noticing::PollingAlone);
    folder.swap_data("volume", 1, &volume(1));
    watched.serves(1);
}

#[test]
fn a_volume_that_loses_flags_is_taken_at_once() {
    let folder = Folder::new();
    folder.make("volume");
    folder.swap_data("volume", 0, &[("flags.yaml", flags(Format::Yaml, 100, 0))]);
    let watched = Watched::noticing(folder.path("volume/flags.yaml"), Noticing::EventsAlone);
    folder.swap_data("volume", 1, &[("flags.yaml", flags(Format::Yaml, 10, 1))]);
    watched.serves(1);
    // It was never in doubt.
    assert!(watched.drain().iter().all(|update| matches!(update, Update::Changed(_))));
}

#[test]
fn a_folder_that_is_a_volume_is_never_a_mix_of_two_generations() {
    let folder = Folder::new();
    folder.make("volume");
    let files = |value| {
        ["a", "b", "c", "d"].map(|key| {
            let name: &'static str = match key {
                "a" => "a.json",
                "b" => "b.json",
                "c" => "c.json",
                _ => "d.json",
            };
            (name, flags_named(Format::Json, [key], value))
        })
    };
    folder.swap_data("volume", 0, &files(0));
    let watched = Watched::unmixed(Client::builder().path(folder.path("volume")));
    for value in 1..=600 {
        folder.swap_data("volume", value as usize, &files(value));
    }
    watched.until("the last generation", |client| client.integer("a", "user", -1) == 600);
}

#[test]
fn files_of_a_volume_come_and_go() {
    let folder = Folder::new();
    folder.make("volume");
    folder.swap_data("volume", 0, &[("a.json", flags_named(Format::Json, ["a"], 1))]);
    let watched = Watched::noticing(folder.path("volume"), Noticing::EventsAlone);
    let both =
        [("a.json", flags_named(Format::Json, ["a"], 2)), ("b.json", flags_named(Format::Json, ["b"], 2))];
    folder.swap_data("volume", 1, &both);
    watched.until("b is there", |client| client.integer("b", "", -1) == 2);
    folder.swap_data("volume", 2, &both[..1]);
    // The link of a file that is no longer in the volume dangles until it is removed too.
    folder.remove("volume/b.json");
    watched.until("b is gone", |client| !client.snapshot().contains("b"));
    assert_eq!(watched.client.integer("a", "", -1), 2);
}

#[test]
fn every_link_of_a_chain_is_watched() {
    let folder = Folder::new();
    for name in ["one", "two", "three", "four"] {
        folder.make(name);
    }
    folder.write("three/flags.json", one("flags.json", 1));
    folder.write("four/flags.json", one("flags.json", 2));
    folder.link("../three/flags.json", "two/middle");
    folder.link("../two/middle", "one/flags.json");
    let watched = Watched::noticing(folder.path("one/flags.json"), Noticing::EventsAlone);
    // The end of the chain, its middle, its beginning, and what it leads to then.
    folder.link("../four/flags.json", "two/middle");
    watched.serves(2);
    folder.rename_into_place("four/flags.json", one("flags.json", 3));
    watched.serves(3);
    folder.write("four/flags.json", one("flags.json", 4));
    watched.serves(4);
    folder.link("../three/flags.json", "one/flags.json");
    watched.serves(1);
    folder.write("three/flags.json", one("flags.json", 5));
    watched.serves(5);
}

#[test]
fn a_link_to_a_folder_is_watched() {
    let folder = Folder::new();
    for (name, value) in [("blue", 1), ("green", 2)] {
        folder.make(name);
        folder.write(&format!("{name}/flags.json"), one("flags.json", value));
    }
    folder.link("blue", "current");
    let file = Watched::noticing(folder.path("current/flags.json"), Noticing::EventsAlone);
    let whole = Watched::noticing(folder.path("current"), Noticing::EventsAlone);
    folder.link(folder.path("green"), "current");
    file.serves(2);
    whole.serves(2);
    folder.write("green/flags.json", one("flags.json", 3));
    file.serves(3);
    whole.serves(3);
}

#[test]
fn relative_ways_with_dots_are_understood() {
    let folder = Folder::new();
    folder.make("deep/down");
    folder.make("data");
    folder.write("data/flags.json", one("flags.json", 1));
    folder.link("./../../deep/../data/./flags.json", "deep/down/flags.json");
    let watched = Watched::noticing(folder.path("deep/down/../down/./flags.json"), Noticing::EventsAlone);
    folder.rename_into_place("data/flags.json", one("flags.json", 2));
    watched.serves(2);
    folder.make("other");
    folder.write("other/flags.json", one("flags.json", 3));
    folder.link("../../other/flags.json", "deep/down/flags.json");
    watched.serves(3);
}

#[test]
fn a_loop_of_links_is_refused_and_gone_again() {
    for noticing in [Noticing::Both, Noticing::PollingAlone] {
        let folder = Folder::with("flags.json", one("flags.json", 1));
        let watched = Watched::noticing(folder.path("flags.json"), noticing);
        folder.link("other.json", "flags.json");
        folder.link("flags.json", "other.json");
        watched.refuses("unreadable");
        // Longer than it took to stop the reference.
        watched.client.refresh();
        assert_eq!(watched.value(), 1);
        folder.rename_into_place("flags.json", one("flags.json", 2));
        watched.serves(2);
    }
}

#[test]
fn a_dangling_link_is_refused_until_it_leads_somewhere() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    folder.make("data");
    let watched = Watched::noticing(folder.path("flags.json"), Noticing::EventsAlone);
    folder.link("data/flags.json", "flags.json");
    watched.refuses("missing-file");
    assert_eq!(watched.value(), 1);
    folder.write("data/flags.json", one("flags.json", 2));
    watched.serves(2);
}

#[test]
fn a_hard_link_changed_through_its_other_name_is_seen_by_polling() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    folder.make("elsewhere");
    std::fs::hard_link(folder.path("flags.json"), folder.path("elsewhere/flags.json")).unwrap();
    // No event tells of it: it happens in a folder that nobody watches.
    let watched = Watched::noticing(folder.path("flags.json"), Noticing::Both);
    folder.write("elsewhere/flags.json", one("flags.json", 2));
    watched.serves(2);
}

#[test]
fn a_path_from_the_current_folder_is_watched() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    let up: std::path::PathBuf = here.components().skip(1).map(|_| "..").collect();
    let path = folder.path("flags.json");
    let watched = Watched::noticing(up.join(path.strip_prefix("/").unwrap()), Noticing::EventsAlone);
    folder.rename_into_place("flags.json", one("flags.json", 2));
    watched.serves(2);
}

#[test]
fn names_that_are_no_text_are_read() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    folder.make("flags");
    let path = folder.path("flags").join(std::ffi::OsStr::from_bytes(b"caf\xe9 \n.json"));
    std::fs::write(&path, one("flags.json", 1)).unwrap();
    let ways = [folder.path("flags"), path.clone()];
    let watched = ways.map(|path| Watched::noticing(path, Noticing::EventsAlone));
    std::fs::write(&path, one("flags.json", 2)).unwrap();
    watched.iter().for_each(|it| it.serves(2));
}
