//! Ways in which people and tools change a file: each is seen, by events alone and by polling alone.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use flagcore::Client;
use flagcore::model::Format;

use crate::common::files::{Folder, Noticing, Watched, flags, one};

/// Gives the file of a name a new text.
type Edit = fn(&Folder, &str, &str);

const EDITS: &[(&str, Edit)] = &[
    ("truncated and rewritten in place, as VS Code does", |folder, name, text| folder.write(name, text)),
    ("renamed into place, as `sed -i` and most tools do", |folder, name, text| {
        folder.rename_into_place(name, text);
    }),
    ("moved aside and written anew, as vim does", |folder, name, text| {
        let backup = format!("{name}~");
        folder.rename(name, &backup);
        folder.write(name, text);
        folder.remove(&backup);
    }),
    ("written beside, with the old one moved aside, as IntelliJ does", |folder, name, text| {
        let (new, old) = (format!("{name}___jb_tmp___"), format!("{name}___jb_old___"));
        folder.write(&new, text);
        folder.rename(name, &old);
        folder.rename(&new, name);
        folder.remove(&old);
    }),
    ("removed and created, as `git checkout` does", |folder, name, text| {
        folder.remove(name);
        folder.write(name, text);
    }),
    ("overwritten without being truncated first", |folder, name, text| {
        let mut file = fs::OpenOptions::new().write(true).open(folder.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.set_len(text.len() as u64).unwrap();
    }),
    ("written in pieces", |folder, name, text| folder.write_slowly(name, text, 5, Duration::from_millis(3))),
    ("moved in from another folder", |folder, name, text| {
        folder.make("elsewhere");
        folder.write("elsewhere/new", text);
        folder.rename("elsewhere/new", name);
    }),
    ("replaced by a hard link to another file", |folder, name, text| {
        folder.write("original", text);
        folder.remove(name);
        fs::hard_link(folder.path("original"), folder.path(name)).unwrap();
        folder.remove("original");
    }),
    ("copied with the times of an old file", |folder, name, text| {
        folder.write(".old", text);
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::options().write(true).open(folder.path(".old")).unwrap().set_modified(old).unwrap();
        folder.rename(".old", name);
    }),
    ("renamed into place twice at once", |folder, name, text| {
        folder.rename_into_place(name, "{");
        folder.rename_into_place(name, text);
    }),
];

/// Every edit, of JSON and of YAML, three times in a row, all at the same time.
fn check_edits(noticing: Noticing, rounds: i64) {
    let names = ["flags.json", "flags.yaml"];
    let cases = EDITS.iter().flat_map(|edit| names.map(|name| (edit, name)));
    let watched: Vec<_> = cases
        .map(|(edit, name)| {
            let folder = Folder::with(name, one(name, 10));
            let watched = Watched::noticing(folder.path(name), noticing);
            (edit, name, folder, watched)
        })
        .collect();
    // Every text has the same length: nothing but the content tells them apart.
    for value in 11..=10 + rounds {
        for ((_, edit), name, folder, _) in &watched {
            edit(folder, name, &one(name, value));
        }
        for ((what, _), name, _, watched) in &watched {
            watched.until(&format!("{name} {what}, {noticing:?}"), |client| {
                client.integer("flag-0", "user", -1) == value
            });
        }
    }
}

#[test]
fn every_way_to_edit_is_seen_by_events_alone() {
    check_edits(Noticing::EventsAlone, 5);
}

#[test]
fn every_way_to_edit_is_seen_by_polling_alone() {
    check_edits(Noticing::PollingAlone, 2);
}

#[test]
fn none_of_200_renames_into_place_is_missed() {
    let folder = Folder::with("flags.yaml", one("flags.yaml", 0));
    let watched = Watched::noticing(folder.path("flags.yaml"), Noticing::EventsAlone);
    for value in 1..=200 {
        folder.rename_into_place("flags.yaml", one("flags.yaml", value));
        watched.serves(value);
    }
    // One publication for each, and no more.
    assert_eq!(watched.client.snapshot().revision(), 201);
}

#[test]
fn none_of_100_json_rewrites_in_place_is_missed() {
    let folder = Folder::with("flags.json", one("flags.json", 0));
    let watched = Watched::noticing(folder.path("flags.json"), Noticing::EventsAlone);
    for value in 1..=100 {
        folder.write("flags.json", one("flags.json", value));
        watched.serves(value);
    }
    assert_eq!(watched.client.snapshot().revision(), 101);
}

#[test]
fn an_older_file_of_the_same_size_and_time_is_seen() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    for noticing in [Noticing::EventsAlone, Noticing::PollingAlone] {
        let folder = Folder::with("flags.json", one("flags.json", 11));
        folder.write("older.json", one("flags.json", 10));
        for name in ["flags.json", "older.json"] {
            fs::File::options().write(true).open(folder.path(name)).unwrap().set_modified(time).unwrap();
        }
        let watched = Watched::noticing(folder.path("flags.json"), noticing);
        // As `cp -p` does: the content first, then the time.
        fs::copy(folder.path("older.json"), folder.path("flags.json")).unwrap();
        let file = fs::File::options().write(true).open(folder.path("flags.json")).unwrap();
        file.set_modified(time).unwrap();
        watched.serves(10);
    }
}

#[test]
fn of_two_edits_in_a_row_the_second_is_served() {
    let folder = Folder::with("flags.json", one("flags.json", 0));
    let watched = Watched::unmixed(Client::builder().path(folder.path("flags.json")));
    for value in (1..60).step_by(2) {
        folder.write("flags.json", one("flags.json", value));
        folder.write("flags.json", one("flags.json", value + 1));
        watched.serves(value + 1);
    }
}

#[test]
fn a_file_that_is_away_for_a_moment_is_not_told_as_missing() {
    for (noticing, rounds) in [(Noticing::EventsAlone, 20), (Noticing::PollingAlone, 2)] {
        let folder = Folder::with("flags.json", one("flags.json", 0));
        let watched = Watched::noticing(folder.path("flags.json"), noticing);
        for value in 1..=rounds {
            folder.rename("flags.json", "flags.json.old");
            std::thread::sleep(Duration::from_millis(5));
            folder.rename_into_place("flags.json", one("flags.json", value));
            watched.serves(value);
        }
        watched.tells_no_refusal();
    }
}

#[test]
fn a_storm_of_edits_ends_with_the_last_one_and_never_goes_back() {
    for name in ["flags.json", "flags.yaml"] {
        let folder = Folder::with(name, flags(Format::of_path(name.as_ref()).unwrap(), 20, 0));
        let watched = Watched::unmixed(Client::builder().path(folder.path(name)));
        for value in 1..=400 {
            folder.rename_into_place(name, flags(Format::of_path(name.as_ref()).unwrap(), 20, value));
        }
        watched.serves(400);
    }
}

#[test]
fn a_storm_of_rewrites_in_place_ends_with_the_last_one() {
    for name in ["flags.json", "flags.yaml"] {
        let format = Format::of_path(name.as_ref()).unwrap();
        let folder = Folder::with(name, flags(format, 50, 0));
        let watched = Watched::unmixed(Client::builder().path(folder.path(name)));
        for value in 1..=300 {
            folder.write(name, flags(format, 50, value));
        }
        watched.serves(300);
    }
}

#[test]
fn an_edit_back_to_what_is_served_publishes_nothing() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let watched = Watched::open(folder.path("flags.json"));
    for _ in 0..20 {
        folder.rename_into_place("flags.json", one("flags.json", 1));
    }
    // A following change shows that those before were looked at.
    folder.rename_into_place("flags.json", one("flags.json", 2));
    watched.serves(2);
    assert_eq!(watched.client.snapshot().revision(), 2);
}

#[test]
fn a_byte_order_mark_comes_and_goes() {
    let folder = Folder::with("flags.yaml", one("flags.yaml", 1));
    let watched = Watched::open(folder.path("flags.yaml"));
    folder.rename_into_place("flags.yaml", format!("\u{feff}{}", one("flags.yaml", 2)));
    watched.serves(2);
    folder.rename_into_place("flags.yaml", one("flags.yaml", 3));
    watched.serves(3);
}

#[test]
fn an_edit_while_the_file_is_read_is_seen() {
    use crate::common::files::Probe;
    use std::sync::Arc;
    let folder = Arc::new(Folder::with("flags.json", one("flags.json", 0)));
    let inside = folder.clone();
    // The content of each of the first reads is old before anybody has looked at it.
    let probe = Probe::new(folder.path("flags.json")).without_polling().on_read(move |reads| {
        if reads < 20 {
            inside.rename_into_place("flags.json", one("flags.json", reads as i64 + 1));
        }
    });
    let watched = Watched::unmixed(Client::builder().source(probe));
    watched.serves(20);
}

#[test]
fn an_edit_between_the_watch_and_the_first_read_is_served_at_once() {
    use crate::common::files::Probe;
    use std::sync::Arc;
    let folder = Arc::new(Folder::with("flags.json", one("flags.json", 1)));
    let inside = folder.clone();
    let probe = Probe::new(folder.path("flags.json")).without_polling().on_watch(move || {
        inside.rename_into_place("flags.json", one("flags.json", 2));
    });
    let watched = Watched::new(Client::builder().source(probe));
    assert_eq!(watched.value(), 2);
}
