//! Folders of flag files.

use flagcore::Client;
use flagcore::change::FlagChange::{Added, Removed, Updated};
use flagcore::change::Update;
use flagcore::model::Format;

use crate::common::files::{Folder, Noticing, PATIENCE, Watched, flags_named, format_of};

fn write(folder: &Folder, name: &str, key: &str, value: i64) {
    folder.rename_into_place(name, flags_named(format_of(name), [key], value));
}

fn gives(watched: &Watched, key: &str, value: i64) {
    watched.until(&format!("{key} gives {value}"), |client| client.integer(key, "", -1) == value);
}

fn is_gone(watched: &Watched, key: &str) {
    watched.until(&format!("{key} is gone"), |client| !client.snapshot().contains(key));
}

/// Something that happens to a folder with `a.json` and `b.yaml`, and what `a` and `b` give then, -1 without.
type Happening = (&'static str, fn(&Folder), i64, i64);

const HAPPENINGS: &[Happening] = &[
    ("a JSON file is changed", |folder| write(folder, "a.json", "a", 2), 2, 1),
    (
        "a YAML file is changed in place",
        |folder| folder.write("b.yaml", flags_named(Format::Yaml, ["b"], 2)),
        1,
        2,
    ),
    ("a file is removed", |folder| folder.remove("a.json"), -1, 1),
    ("a file is added", |folder| write(folder, "c.yml", "a", 3), 3, 1),
    ("a file is renamed before another", |folder| folder.rename("b.yaml", "0.yaml"), 1, 1),
    ("a file gets another ending", |folder| folder.rename("b.yaml", "b.yaml.off"), 1, -1),
    ("a file is hidden", |folder| folder.rename("b.yaml", ".b.yaml"), 1, -1),
    (
        "a file is moved out and another in",
        |folder| {
            folder.make("outside");
            folder.rename("a.json", "outside/a.json");
            folder.write("outside/c.json", flags_named(Format::Json, ["b"], 5));
            folder.rename("outside/c.json", "c.json");
        },
        -1,
        5,
    ),
    (
        "a link to a file elsewhere is added",
        |folder| {
            folder.make("outside");
            folder.write("outside/c.json", flags_named(Format::Json, ["b"], 6));
            folder.link("outside/c.json", "c.json");
        },
        1,
        6,
    ),
];

fn check((what, act, a, b): &Happening, noticing: Noticing) {
    let folder = Folder::new();
    write(&folder, "a.json", "a", 1);
    write(&folder, "b.yaml", "b", 1);
    let watched = Watched::noticing(folder.path(""), noticing);
    let revision = watched.client.snapshot().revision();
    act(&folder);
    watched.until(&format!("{what}: a gives {a} and b gives {b}, {noticing:?}"), |client| {
        let snapshot = client.snapshot();
        snapshot.revision() > revision
            && (snapshot.integer("a", "", -1), snapshot.integer("b", "", -1)) == (*a, *b)
    });
}

#[test]
fn whatever_happens_to_a_folder_is_seen_by_events_alone() {
    HAPPENINGS.iter().for_each(|happening| check(happening, Noticing::EventsAlone));
}

#[test]
fn whatever_happens_to_a_folder_is_seen_by_polling_alone() {
    std::thread::scope(|scope| {
        for happening in HAPPENINGS {
            scope.spawn(|| check(happening, Noticing::PollingAlone));
        }
    });
}

#[test]
fn the_last_file_in_the_order_of_names_wins_a_key() {
    let folder = Folder::new();
    write(&folder, "10.json", "a", 10);
    write(&folder, "20.yaml", "a", 20);
    let watched = Watched::noticing(folder.path(""), Noticing::EventsAlone);
    assert_eq!(watched.client.integer("a", "", -1), 20);
    let status = watched.client.status();
    let findings = &status[0].served.as_ref().unwrap().findings;
    assert!(findings.diagnostics.iter().any(|found| found.code() == "duplicate-flag"), "{findings}");
    write(&folder, "30.yml", "a", 30);
    gives(&watched, "a", 30);
    write(&folder, "10.json", "a", 11);
    write(&folder, "15.json", "other", 1);
    gives(&watched, "other", 1);
    assert_eq!(watched.client.integer("a", "", -1), 30);
    folder.remove("30.yml");
    gives(&watched, "a", 20);
    folder.rename("10.json", "25.json");
    gives(&watched, "a", 11);
}

#[test]
fn what_is_no_flag_file_is_not_read() {
    let folder = Folder::new();
    write(&folder, "a.json", "a", 1);
    for name in
        [".a.json", ".b.yaml", "c.yaml~", "d.yaml.tmp", ".e.yaml.swp", "#f.yaml#", "4913", "README.md"]
    {
        folder.write(name, "neither JSON nor {YAML");
    }
    folder.make("folder.yaml");
    folder.make("inner");
    folder.write("inner/b.json", flags_named(Format::Json, ["inner"], 1));
    let watched = Watched::noticing(folder.path(""), Noticing::EventsAlone);
    for name in [".a.json", "c.yaml~", "d.yaml.tmp", "inner/b.json"] {
        folder.write(name, "still {neither");
    }
    write(&folder, "a.json", "a", 2);
    gives(&watched, "a", 2);
    let snapshot = watched.client.snapshot();
    assert_eq!((snapshot.len(), snapshot.revision()), (1, 2));
    watched.tells_no_refusal();
}

#[test]
fn one_bad_file_keeps_the_whole_folder_as_it_was() {
    let folder = Folder::new();
    write(&folder, "a.json", "a", 1);
    write(&folder, "b.json", "b", 1);
    let watched = Watched::noticing(folder.path(""), Noticing::EventsAlone);
    folder.rename_into_place("b.json", "{");
    let findings = watched.refuses("syntax");
    assert!(findings.to_string().contains("b.json"), "{findings}");
    // A good change beside it waits for the bad one to be mended.
    write(&folder, "a.json", "a", 2);
    watched.refuses("syntax");
    assert_eq!(watched.client.integer("a", "", -1), 1);
    write(&folder, "b.json", "b", 2);
    gives(&watched, "b", 2);
    assert_eq!(watched.client.integer("a", "", -1), 2);
}

#[test]
fn all_bad_files_are_told_at_once() {
    let folder = Folder::new();
    folder.write("a.json", "{");
    folder.write("b.json", "");
    let error = Client::open(folder.path("")).unwrap_err().to_string();
    assert!(error.contains("a.json:1:1") && error.contains("b.json"), "{error}");
    assert!(error.contains("2 problems"), "{error}");
}

#[test]
fn a_folder_that_loses_its_last_file_keeps_what_it_had() {
    let folder = Folder::new();
    write(&folder, "a.json", "a", 1);
    let watched = Watched::noticing(folder.path(""), Noticing::EventsAlone);
    folder.remove("a.json");
    watched.refuses("no-files");
    assert_eq!(watched.client.integer("a", "", -1), 1);
    write(&folder, "b.yaml", "b", 1);
    gives(&watched, "b", 1);
    is_gone(&watched, "a");
}

#[test]
fn an_unfinished_file_beside_others_is_not_taken_for_whole() {
    // However long after the half the other file comes: seen by one read, or by the read that comes after it.
    for pause in [0, 5, 15, 30] {
        let folder = Folder::new();
        write(&folder, "a.json", "a", 1);
        folder.write("b.yaml", flags_named(Format::Yaml, ["b", "c"], 1));
        let watched = Watched::new(Client::builder().path(folder.path("")));
        // Only half of `b.yaml` is there when `a.json` is renamed into place.
        let text = flags_named(Format::Yaml, ["b", "c"], 2);
        let half = text.find("  c:").unwrap();
        let mut file = std::fs::File::create(folder.path("b.yaml")).unwrap();
        std::io::Write::write_all(&mut file, &text.as_bytes()[..half]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        write(&folder, "a.json", "a", 2);
        std::io::Write::write_all(&mut file, &text.as_bytes()[half..]).unwrap();
        drop(file);
        gives(&watched, "c", 2);
        for update in watched.drain() {
            let Update::Changed(change) = update else { panic!("{update:?}") };
            assert_eq!(change.flags(), [("a", Updated), ("b", Updated), ("c", Updated)], "after {pause} ms");
        }
    }
}

#[test]
fn a_flag_that_moves_between_files_did_not_change() {
    let folder = Folder::new();
    folder.write("a.json", flags_named(Format::Json, ["one", "two"], 1));
    folder.write("b.json", flags_named(Format::Json, ["three"], 1));
    let watched = Watched::open(folder.path(""));
    // `two` is in both, then in the second alone; `four` is new, so that there is something to wait for.
    folder.rename_into_place("b.json", flags_named(Format::Json, ["two", "three"], 1));
    folder.rename_into_place("a.json", flags_named(Format::Json, ["one", "four"], 1));
    watched.until("four is there", |client| client.snapshot().contains("four"));
    for update in watched.drain() {
        let Update::Changed(change) = update else { panic!("{update:?}") };
        assert!(change.flags().is_empty() || change.flags() == [("four", Added)], "{:?}", change.flags());
    }
}

#[test]
fn a_removed_file_takes_its_flags_along() {
    let folder = Folder::new();
    write(&folder, "a.json", "a", 1);
    folder.write("b.json", flags_named(Format::Json, ["b", "c"], 1));
    let watched = Watched::open(folder.path(""));
    folder.remove("b.json");
    let Some(Update::Changed(change)) = watched.updates.next_within(PATIENCE) else { panic!("no change") };
    assert_eq!(change.flags(), [("b", Removed), ("c", Removed)]);
}
