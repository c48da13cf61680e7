//! What begins with a client and ends with it.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use flagcore::Client;
use flagcore::model::Format;

use crate::common::files::{Folder, PATIENCE, Watched, one};

/// Told when it is dropped: a listener that owns one tells that the client let go of it.
struct Tells(std::sync::mpsc::Sender<()>);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn dropping_a_client_ends_its_thread_and_lets_go_of_everything() {
    for watch in [true, false] {
        let folder = Folder::with("flags.json", one("flags.json", 1));
        let client = Client::builder().path(folder.path("flags.json")).watch(watch).build().unwrap();
        let (told, dropped) = channel();
        let tells = Tells(told);
        client.on_update(move |_| {
            let _ = &tells;
        });
        assert!(dropped.try_recv().is_err());
        drop(client);
        // The thread held the listener too: it is over when the drop returns, not some time later.
        dropped.try_recv().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_threads_and_no_files_are_left_of_two_hundred_clients() {
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let named = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with("flagcore")).count()
    };
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let before = (named(), count("fd"));
    for _ in 0..200 {
        drop(Client::open(folder.path("flags.json")).unwrap());
    }
    // Other tests of this process have clients of their own: fifty of them would be a leak. The threads are
    // over by now; the system's events are let go of by a thread of theirs, a moment later.
    assert!(named() < before.0 + 50, "{} threads, {} before", named(), before.0);
    let deadline = std::time::Instant::now() + PATIENCE;
    while count("fd") >= before.1 + 50 {
        assert!(std::time::Instant::now() < deadline, "{} files, {} before", count("fd"), before.1);
        std::thread::yield_now();
    }
}

#[test]
fn the_watching_ends_with_the_last_clone_and_not_before() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let watched = Watched::open(folder.path("flags.json"));
    let clones: Vec<Client> = (0..10).map(|_| watched.client.clone()).collect();
    drop(clones);
    folder.rename_into_place("flags.json", one("flags.json", 2));
    watched.serves(2);
    let last = watched.client.clone();
    folder.rename_into_place("flags.json", one("flags.json", 3));
    watched.serves(3);
    assert_eq!(last.integer("flag-0", "", -1), 3);
}

#[test]
fn clones_share_updates_handles_and_status() {
    let client = Client::builder().bytes("flags", one("a.json", 1), Format::Json).build().unwrap();
    let (clone, flag) = (client.clone(), client.flag("flag-0"));
    let updates = clone.updates();
    client.update("flags", one("a.json", 2), Format::Json).unwrap();
    assert!(updates.try_next().is_some());
    assert_eq!(clone.integer(flag, "", -1), 2);
    assert_eq!(clone.status()[0].served.as_ref().unwrap().revision, 2);
}

#[test]
fn snapshots_and_readers_outlive_their_client() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let client = Client::open(folder.path("flags.json")).unwrap();
    let (snapshot, mut reader, flag) = (client.snapshot(), client.reader(), client.flag("flag-0"));
    drop(client);
    drop(folder);
    assert_eq!(snapshot.integer(flag, "", -1), 1);
    assert_eq!(reader.snapshot().integer("flag-0", "", -1), 1);
}

#[test]
fn the_last_clone_may_be_dropped_by_a_listener() {
    for _ in 0..20 {
        let folder = Folder::with("flags.json", one("flags.json", 1));
        let client = Client::open(folder.path("flags.json")).unwrap();
        let (told, dropped) = channel();
        let tells = Tells(told);
        let own: Arc<Mutex<Option<Client>>> = Arc::default();
        let inside = own.clone();
        client.on_update(move |_| {
            let _ = &tells;
            // On the client's own thread, which cannot wait for itself.
            drop(inside.lock().unwrap().take());
        });
        *own.lock().unwrap() = Some(client);
        folder.rename_into_place("flags.json", one("flags.json", 2));
        dropped.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn the_last_clone_may_be_dropped_on_another_thread_in_the_middle_of_an_update() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let client = Client::open(folder.path("flags.json")).unwrap();
    let (entered, inside) = channel();
    let (go, gone) = channel::<()>();
    client.on_update(move |_| {
        entered.send(()).unwrap();
        let _ = gone.recv_timeout(PATIENCE);
    });
    folder.rename_into_place("flags.json", one("flags.json", 2));
    inside.recv_timeout(PATIENCE).unwrap();
    let dropping = std::thread::spawn(move || drop(client));
    // The drop waits for the listener, and ends with it.
    assert!(!dropping.is_finished());
    drop(go);
    dropping.join().unwrap();
}

#[test]
fn old_snapshots_are_freed_by_the_writer_once_nobody_holds_them() {
    let client = Client::builder().bytes("flags", one("a.json", 0), Format::Json).build().unwrap();
    let held = client.snapshot();
    let mut reader = client.reader();
    reader.snapshot();
    for value in 1..=1_000 {
        client.update("flags", one("a.json", value), Format::Json).unwrap();
    }
    // The current one, and the one that is held by both.
    assert_eq!(client.snapshots_alive(), 2);
    assert_eq!(held.integer("flag-0", "", -1), 0);
    drop(held);
    assert_eq!(reader.snapshot().integer("flag-0", "", -1), 1_000);
    drop(reader);
    client.update("flags", one("a.json", -1), Format::Json).unwrap();
    assert_eq!(client.snapshots_alive(), 1);
}
