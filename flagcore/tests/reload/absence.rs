//! Files and folders that go away, become something else, cannot be read, and come back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use flagcore::Client;
use flagcore::change::Update;

use crate::common::files::{Folder, Noticing, Probe, Watched, one};
use crate::common::tell;

/// Something that happens to `flags/flags.json`, and what undoes it.
struct Absence {
    code: &'static str,
    take_away: fn(&Folder),
    bring_back: fn(&Folder),
}

fn nothing(_: &Folder) {}

const ABSENCES: [&Absence; 9] = [
    &REMOVED,
    &MOVED_AWAY,
    &FOLDER_REMOVED,
    &FOLDER_MOVED_AWAY,
    &FILE_FOR_FOLDER,
    &PIPE,
    &SOCKET,
    &DEVICE,
    &FOLDER_FOR_FILE,
];

/// Takes the file away, which is told and changes nothing, and brings back a new one, which is served; so often.
fn check(absence: &Absence, noticing: Noticing, times: i64) {
    let folder = Folder::new();
    folder.make("flags");
    folder.write("flags/flags.json", one("flags.json", 1));
    let watched = Watched::noticing(folder.path("flags/flags.json"), noticing);
    for value in 2..2 + times {
        (absence.take_away)(&folder);
        watched.refuses(absence.code);
        assert_eq!(watched.value(), value - 1, "the last good flags are served");
        (absence.bring_back)(&folder);
        folder.rename_into_place("flags/flags.json", one("flags.json", value));
        watched.serves(value);
        watched.tells_no_refusal();
    }
}

#[test]
fn every_absence_is_overcome_by_polling_alone() {
    std::thread::scope(|scope| {
        for absence in ABSENCES {
            scope.spawn(|| check(absence, Noticing::PollingAlone, 2));
        }
    });
}

const REMOVED: Absence = Absence {
    code: "missing-file",
    take_away: |folder| folder.remove("flags/flags.json"),
    bring_back: nothing,
};

#[test]
fn a_removed_file_comes_back() {
    check(&REMOVED, Noticing::Both, 1);
}

const MOVED_AWAY: Absence = Absence {
    code: "missing-file",
    take_away: |folder| folder.rename("flags/flags.json", "flags/other"),
    bring_back: nothing,
};

#[test]
fn a_file_that_was_moved_away_comes_back() {
    check(&MOVED_AWAY, Noticing::Both, 1);
}

const FOLDER_REMOVED: Absence = Absence {
    code: "missing-file",
    take_away: |folder| folder.remove("flags"),
    bring_back: |folder| folder.make("flags"),
};

#[test]
fn a_removed_folder_comes_back() {
    check(&FOLDER_REMOVED, Noticing::Both, 1);
}

const FOLDER_MOVED_AWAY: Absence = Absence {
    code: "missing-file",
    take_away: |folder| folder.rename("flags", "moved"),
    bring_back: |folder| folder.rename("moved", "flags"),
};

#[test]
fn a_folder_that_was_moved_away_comes_back() {
    check(&FOLDER_MOVED_AWAY, Noticing::Both, 1);
}

const FILE_FOR_FOLDER: Absence = Absence {
    code: "unreadable",
    take_away: |folder| {
        folder.remove("flags");
        folder.write("flags", "no folder");
    },
    bring_back: |folder| {
        folder.remove("flags");
        folder.make("flags");
    },
};

#[test]
fn a_file_in_place_of_its_folder_goes_again() {
    check(&FILE_FOR_FOLDER, Noticing::Both, 1);
}

const PIPE: Absence = Absence {
    code: "not-a-file",
    take_away: |folder| {
        folder.remove("flags/flags.json");
        let made = std::process::Command::new("mkfifo").arg(folder.path("flags/flags.json")).status();
        assert!(made.unwrap().success());
    },
    bring_back: nothing,
};

#[test]
fn a_pipe_in_place_of_the_file_is_refused_without_waiting_for_a_writer() {
    check(&PIPE, Noticing::Both, 1);
}

/// A socket cannot even be opened.
const SOCKET: Absence = Absence {
    code: "unreadable",
    take_away: |folder| {
        folder.remove("flags/flags.json");
        drop(std::os::unix::net::UnixListener::bind(folder.path("flags/flags.json")).unwrap());
    },
    bring_back: nothing,
};

#[test]
fn a_socket_in_place_of_the_file_is_refused() {
    check(&SOCKET, Noticing::Both, 1);
}

const DEVICE: Absence = Absence {
    code: "not-a-file",
    take_away: |folder| folder.link("/dev/zero", "flags/flags.json"),
    bring_back: nothing,
};

#[test]
fn a_device_in_place_of_the_file_is_refused() {
    check(&DEVICE, Noticing::Both, 1);
}

const FOLDER_FOR_FILE: Absence = Absence {
    code: "no-files",
    take_away: |folder| {
        folder.remove("flags/flags.json");
        folder.make("flags/flags.json");
    },
    bring_back: |folder| folder.remove("flags/flags.json"),
};

#[test]
fn an_empty_folder_in_place_of_the_file_is_refused() {
    check(&FOLDER_FOR_FILE, Noticing::Both, 1);
}

#[test]
fn a_folder_made_anew_is_watched_as_the_one_before() {
    // A new folder often has the number of the one before: it must not be taken for it.
    let folder = Folder::new();
    folder.make("flags");
    folder.write("flags/flags.json", one("flags.json", 0));
    let probe = Probe::new(folder.path("flags/flags.json"));
    let polls = probe.polls();
    let watched = Watched::new(Client::builder().source(probe));
    for value in [1, 3] {
        polls.store(true, Ordering::SeqCst);
        folder.remove("flags");
        folder.make("flags");
        folder.write("flags/flags.json", one("flags.json", value));
        watched.serves(value);
        // Whatever was noticed by polling, the events are back.
        polls.store(false, Ordering::SeqCst);
        folder.rename_into_place("flags/flags.json", one("flags.json", value + 1));
        watched.serves(value + 1);
    }
}

#[test]
fn a_folder_source_made_anew_is_watched_as_the_one_before() {
    let folder = Folder::new();
    folder.make("flags");
    folder.write("flags/flags.json", one("flags.json", 0));
    let watched = Watched::noticing(folder.path("flags"), Noticing::EventsAlone);
    for value in (1..40).step_by(2) {
        folder.remove("flags");
        folder.make("flags");
        folder.write("flags/flags.json", one("flags.json", value));
        watched.serves(value);
        folder.rename_into_place("flags/flags.json", one("flags.json", value + 1));
        watched.serves(value + 1);
    }
}

#[test]
fn a_folder_source_moved_away_and_back_is_watched_as_before() {
    let folder = Folder::new();
    folder.make("flags");
    folder.write("flags/flags.json", one("flags.json", 0));
    let watched = Watched::noticing(folder.path("flags"), Noticing::EventsAlone);
    for value in 1..20 {
        folder.rename("flags", "moved");
        folder.rename("moved", "flags");
        folder.rename_into_place("flags/flags.json", one("flags.json", value));
        watched.serves(value);
    }
}

#[test]
fn a_folder_above_that_is_moved_and_made_anew_is_followed() {
    let check = |noticing| {
        let folder = Folder::new();
        folder.make("above/flags");
        folder.write("above/flags/flags.json", one("flags.json", 1));
        let watched = Watched::noticing(folder.path("above/flags/flags.json"), noticing);
        folder.rename("above", "old");
        folder.make("above/flags");
        folder.write("above/flags/flags.json", one("flags.json", 2));
        watched.serves(2);
        // What happens in the old one is no longer of interest.
        folder.write("old/flags/flags.json", one("flags.json", 9));
        folder.write("above/flags/flags.json", one("flags.json", 3));
        watched.serves(3);
        assert!(!watched.drain().iter().any(|update| {
            matches!(update, Update::Changed(change) if crate::common::files::values_of(change.after()).contains(&9))
        }));
    };
    std::thread::scope(|scope| {
        for noticing in [Noticing::Both, Noticing::PollingAlone] {
            scope.spawn(move || check(noticing));
        }
    });
}

#[test]
fn an_absence_of_several_polls_is_told_once_and_overcome() {
    // The reference gives up after about a second.
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let probe = Probe::new(folder.path("flags.json"));
    let reads = probe.reads();
    let watched = Watched::new(Client::builder().source(probe));
    folder.remove("flags.json");
    watched.refuses("missing-file");
    let before = reads.load(Ordering::SeqCst);
    watched.until("two polls later", |_| reads.load(Ordering::SeqCst) >= before + 2);
    assert!(watched.drain().is_empty());
    folder.write("flags.json", one("flags.json", 2));
    watched.serves(2);
}

#[test]
fn a_file_that_may_not_be_read_keeps_what_is_served() {
    // Rights do not apply to the superuser, so the client is built by a thread that gives that up.
    let outcome = std::thread::spawn(|| {
        let folder = Folder::with("flags.json", one("flags.json", 1));
        let set =
            |mode| fs::set_permissions(folder.path("flags.json"), fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(folder.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        set(0o644);
        let watched = as_nobody(|| Watched::open(folder.path("flags.json")));
        set(0o000);
        if as_nobody(|| fs::File::open(folder.path("flags.json"))).is_ok() {
            let required = std::env::var("FLAGD_REQUIRE").is_ok_and(|required| required == "all");
            assert!(!required, "FLAGD_REQUIRE=all, but rights of files do not apply here");
            tell("skipped: rights of files do not apply here");
            return;
        }
        watched.refuses("unreadable");
        assert_eq!(watched.value(), 1);
        set(0o644);
        watched.until("it is read again", |client| client.status()[0].refused.is_none());
        set(0o000);
        watched.refuses("unreadable");
        folder.rename_into_place("flags.json", one("flags.json", 2));
        fs::set_permissions(folder.path("flags.json"), fs::Permissions::from_mode(0o644)).unwrap();
        watched.serves(2);
    });
    outcome.join().unwrap();
}

/// Does something, and starts threads, with the rights of a user who owns nothing.
fn as_nobody<T>(act: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    // SAFETY: changes a number of the calling thread alone, which threads that it starts inherit.
    let before = unsafe { libc::setfsuid(65_534) };
    let done = act();
    #[cfg(target_os = "linux")]
    // SAFETY: as above; back to the user it was.
    unsafe {
        libc::setfsuid(before as libc::uid_t)
    };
    done
}
