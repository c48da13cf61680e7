//! Several sources, sources of others, bytes; starting without any.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flagcore::change::{FlagChange, Update};
use flagcore::client::OnMissing;
use flagcore::model::Format;
use flagcore::source::file::FileSource;
use flagcore::source::memory::Memory;
use flagcore::source::{Content, Notifier, Source, SourceError};
use flagcore::{Client, Error};

use crate::common::files::{Folder, PATIENCE, Watched, flags, flags_named, one};

fn json(keys: &[&str], value: i64) -> String {
    flags_named(Format::Json, keys.iter().copied(), value)
}

#[test]
fn a_later_source_wins_and_what_it_hid_comes_back() {
    let folder = Folder::new();
    folder.write("low.json", json(&["a", "b"], 1));
    folder.write("high.json", json(&["a"], 2));
    let builder = Client::builder().path(folder.path("low.json")).path(folder.path("high.json"));
    let watched = Watched::new(builder);
    let gives = |a, b| {
        watched.until(&format!("a gives {a}, b gives {b}"), |client| {
            (client.integer("a", "", -1), client.integer("b", "", -1)) == (a, b)
        });
    };
    gives(2, 1);
    // A change below what hides it changes nothing that anybody sees.
    folder.rename_into_place("low.json", json(&["a", "b"], 3));
    gives(2, 3);
    folder.rename_into_place("high.json", json(&["other"], 2));
    gives(3, 3);
    folder.rename_into_place("high.json", json(&["b"], 4));
    gives(3, 4);
    folder.rename_into_place("low.json", json(&["a"], 5));
    gives(5, 4);
}

#[test]
fn a_bad_source_stops_no_other() {
    let folder = Folder::new();
    folder.write("low.json", json(&["a"], 1));
    folder.write("high.json", json(&["b"], 1));
    let builder = Client::builder().path(folder.path("low.json")).path(folder.path("high.json"));
    let watched = Watched::new(builder);
    folder.rename_into_place("high.json", "{");
    watched.refuses("syntax");
    folder.rename_into_place("low.json", json(&["a"], 2));
    watched.until("a gives 2", |client| client.integer("a", "", -1) == 2);
    assert_eq!(watched.client.integer("b", "", -1), 1);
    let refused: Vec<bool> = watched.client.status().iter().map(|source| source.refused.is_some()).collect();
    assert_eq!(refused, [false, true]);
}

#[test]
fn a_change_that_a_higher_source_hides_changes_no_key() {
    let client = Client::builder()
        .bytes("low", json(&["a", "b"], 1), Format::Json)
        .bytes("high", json(&["a"], 2), Format::Json)
        .build()
        .unwrap();
    let updates = client.updates();
    client.update("low", json(&["a", "b"], 3), Format::Json).unwrap();
    assert_eq!(changed(&updates.try_next()), [("b", FlagChange::Updated)]);
    client.update("high", json(&["c"], 2), Format::Json).unwrap();
    let expected = [("a", FlagChange::Updated), ("c", FlagChange::Added)];
    assert_eq!(changed(&updates.try_next()), expected);
}

fn changed(update: &Option<Update>) -> Vec<(&str, FlagChange)> {
    match update {
        Some(Update::Changed(change)) => change.flags(),
        other => panic!("{other:?} is no change"),
    }
}

#[test]
fn bytes_are_updated_under_their_name() {
    let client = Client::builder().bytes("flags", one("a.json", 1), Format::Json).build().unwrap();
    client.update("flags", one("a.json", 2), Format::Json).unwrap();
    assert_eq!(client.integer("flag-0", "", -1), 2);
    client.update("flags", one("a.yaml", 3), Format::Yaml).unwrap();
    assert_eq!(client.integer("flag-0", "", -1), 3);
    let refused = client.update("flags", "{", Format::Json).unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");
    // The source still holds what it held.
    assert!(client.status()[0].refused.is_none());
    let unknown = client.update("other", one("a.json", 4), Format::Json).unwrap_err();
    assert_eq!(unknown.to_string(), "no source that takes bytes is called `other`");
    assert_eq!(client.integer("flag-0", "", -1), 3);
}

#[test]
fn equal_bytes_change_nothing_and_nobody_is_told() {
    let client = Client::builder().bytes("flags", one("a.json", 1), Format::Json).build().unwrap();
    let (updates, revision) = (client.updates(), client.snapshot().revision());
    client.update("flags", one("a.json", 1), Format::Json).unwrap();
    assert_eq!(client.snapshot().revision(), revision);
    assert!(updates.try_next().is_none());
}

#[test]
fn one_refresh_takes_every_source_however_slow() {
    let folder = Folder::with("a.yaml", flags(Format::Yaml, 1, 1));
    folder.write("b.yaml", flags_named(Format::Yaml, ["b"], 1));
    let client = Client::builder()
        .path(folder.path("a.yaml"))
        .source(SlowSource(FileSource::new(&folder.path("b.yaml"), 1 << 20, false)))
        .watch(false)
        .build()
        .unwrap();
    folder.write("a.yaml", flags(Format::Yaml, 1, 2));
    folder.write("b.yaml", flags_named(Format::Yaml, ["b"], 2));
    client.refresh();
    assert_eq!((client.integer("flag-0", "", -1), client.integer("b", "", -1)), (2, 2));
}

/// A file that takes its time to be read.
struct SlowSource(FileSource);

impl Source for SlowSource {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn read(&mut self) -> Result<Content, SourceError> {
        std::thread::sleep(Duration::from_millis(30));
        self.0.read()
    }

    fn watch(&mut self, changed: Notifier) {
        self.0.watch(changed);
    }
}

#[test]
fn bytes_may_lose_all_flags_at_once() {
    let client = Client::builder().bytes("flags", flags(Format::Yaml, 50, 1), Format::Yaml).build().unwrap();
    client.update("flags", flags(Format::Yaml, 0, 1), Format::Yaml).unwrap();
    assert!(client.snapshot().is_empty());
}

#[test]
fn a_refresh_keeps_the_bytes_of_the_last_update() {
    for watch in [true, false] {
        let builder = Client::builder().bytes("flags", one("a.json", 1), Format::Json).watch(watch);
        let client = builder.build().unwrap();
        client.update("flags", one("a.json", 2), Format::Json).unwrap();
        client.refresh();
        assert_eq!(client.integer("flag-0", "", -1), 2);
        // What was refused is not kept.
        client.update("flags", "{", Format::Json).unwrap_err();
        client.refresh();
        assert_eq!(client.integer("flag-0", "", -1), 2);
        assert_eq!(client.snapshot().revision(), 2);
    }
}

#[test]
fn refreshes_from_many_threads_never_go_back() {
    let folder = Folder::with("flags.json", one("flags.json", 0));
    let watched = Watched::unmixed(Client::builder().path(folder.path("flags.json")));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                while !over.load(Ordering::SeqCst) {
                    watched.client.refresh();
                    let value = watched.value();
                    assert!(last <= value, "{value} after {last}");
                    last = value;
                }
            });
        }
        for value in 1..=100 {
            folder.rename_into_place("flags.json", one("flags.json", value));
        }
        watched.serves(100);
        over.store(true, Ordering::SeqCst);
    });
}

#[test]
fn updates_from_many_threads_are_each_published_once() {
    let watched = Watched::new(Client::builder().bytes("flags", one("a.json", 0), Format::Json));
    let last = Arc::new(AtomicUsize::new(0));
    let inside = last.clone();
    watched.client.on_update(move |update| {
        let Update::Changed(change) = update else { panic!("{update:?}") };
        inside.store(change.after().integer("flag-0", "", -1) as usize, Ordering::SeqCst);
    });
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let client = &watched.client;
            scope.spawn(move || {
                for number in 0..100 {
                    client.update("flags", one("a.json", thread * 1_000 + number), Format::Json).unwrap();
                }
            });
        }
    });
    assert_eq!(watched.client.snapshot().revision(), 401);
    assert_eq!(watched.value(), last.load(Ordering::SeqCst) as i64);
}

#[test]
fn without_watching_nothing_changes_until_a_refresh() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let watched = Watched::new(Client::builder().path(folder.path("flags.json")).watch(false));
    folder.rename_into_place("flags.json", one("flags.json", 2));
    assert!(watched.updates.next_within(Duration::from_millis(100)).is_none());
    assert_eq!(watched.value(), 1);
    watched.client.refresh();
    assert_eq!(watched.value(), 2);
}

#[test]
fn building_fails_with_everything_that_is_wrong() {
    let folder = Folder::with("bad.json", "{");
    let builder = Client::builder().path(folder.path("none.json")).path(folder.path("bad.json"));
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("none.json") && error.contains("bad.json:1:1"), "{error}");
}

#[test]
fn a_client_that_may_wait_starts_without_files_and_takes_them_when_they_come() {
    let folder = Folder::new();
    let paths = ["missing/flags.json", "empty.json", "broken.yaml"];
    folder.write("empty.json", "");
    folder.write("broken.yaml", "flags: [");
    let builder = paths.iter().fold(Client::builder(), |builder, path| builder.path(folder.path(path)));
    let watched = Watched::new(builder.on_missing(OnMissing::Wait));
    assert!(!watched.client.is_ready());
    assert!(watched.client.snapshot().is_empty());
    assert_eq!(watched.value(), -1);
    let refused = watched.client.status();
    assert!(refused.iter().all(|source| source.refused.is_some() && source.served.is_none()), "{refused:#?}");

    folder.make("missing");
    folder.write("missing/flags.json", json(&["a"], 1));
    watched.until("a is there", |client| client.integer("a", "", -1) == 1);
    assert!(!watched.client.is_ready());
    folder.write("empty.json", json(&["b"], 1));
    folder.write("broken.yaml", flags_named(Format::Yaml, ["c"], 1));
    watched.until("all are there", Client::is_ready);
    assert_eq!(watched.client.snapshot().len(), 3);
}

#[test]
fn a_client_that_may_wait_does_so_for_a_folder_too() {
    let folder = Folder::new();
    let watched = Watched::new(Client::builder().path(folder.path("flags")).on_missing(OnMissing::Wait));
    folder.make("flags");
    folder.write("flags/flags.yaml", one("flags.yaml", 1));
    watched.serves(1);
    assert!(watched.client.is_ready());
    folder.write("flags/flags.yaml", one("flags.yaml", 2));
    watched.serves(2);
}

#[test]
fn a_handle_made_before_its_flag_finds_it() {
    let folder = Folder::new();
    let watched = Watched::new(Client::builder().path(folder.path("flags.json")).on_missing(OnMissing::Wait));
    let flag = watched.client.flag("flag-0");
    assert_eq!(watched.client.integer(flag, "", -1), -1);
    folder.write("flags.json", one("flags.json", 1));
    watched.serves(1);
    assert_eq!(watched.client.integer(flag, "", -1), 1);
    folder.rename_into_place("flags.json", json(&["other"], 2));
    watched.serves(-1);
    assert_eq!(watched.client.integer(flag, "", -1), -1);
}

/// What a test's source does when it is read.
enum Answer {
    Flags(i64),
    Fail(&'static str),
    Panic,
}

/// A source that a test tells what to do, and that waits for it.
struct Scripted {
    answers: Receiver<Answer>,
    last: Option<i64>,
    notifier: Arc<Mutex<Option<Notifier>>>,
    reads: Arc<AtomicUsize>,
    panics_when_polled: bool,
}

/// The test's side of a scripted source.
struct Script {
    answers: Sender<Answer>,
    notifier: Arc<Mutex<Option<Notifier>>>,
    reads: Arc<AtomicUsize>,
}

impl Script {
    /// A source that first delivers 1.
    fn new() -> (Self, Scripted) {
        let (answers, received) = channel();
        answers.send(Answer::Flags(1)).unwrap();
        let (notifier, reads) = (Arc::default(), Arc::default());
        let script = Script { answers, notifier: Arc::clone(&notifier), reads: Arc::clone(&reads) };
        let scripted = Scripted { answers: received, last: None, notifier, reads, panics_when_polled: false };
        (script, scripted)
    }

    /// What the source does when it is read next, which it asks for.
    fn then(&self, answer: Answer) {
        self.answers.send(answer).unwrap();
        self.notifier.lock().unwrap().as_ref().unwrap().notify();
    }
}

impl Source for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn read(&mut self) -> Result<Content, SourceError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        match self.answers.try_recv().ok() {
            Some(Answer::Flags(value)) => self.last = Some(value),
            Some(Answer::Fail(reason)) => return Err(SourceError::new("scripted", reason)),
            Some(Answer::Panic) => std::panic::panic_any("a source of others panics"),
            None => {}
        }
        let value = self.last.ok_or_else(|| SourceError::new("scripted", "nothing yet"))?;
        Ok(Content::of("scripted", Format::Json, one("scripted.json", value).into_bytes()))
    }

    fn watch(&mut self, changed: Notifier) {
        *self.notifier.lock().unwrap() = Some(changed);
    }

    fn poll(&mut self) -> bool {
        assert!(!self.panics_when_polled, "a source of others panics");
        false
    }
}

#[test]
fn a_source_of_others_tells_of_news() {
    let (script, source) = Script::new();
    let watched = Watched::new(Client::builder().source(source));
    for value in 2..50 {
        script.then(Answer::Flags(value));
        watched.serves(value);
    }
    // Told of nothing new, it is read and nothing is published.
    let revision = watched.client.snapshot().revision();
    let reads = script.reads.load(Ordering::SeqCst);
    script.notifier.lock().unwrap().as_ref().unwrap().notify();
    watched.until("it is read", |_| script.reads.load(Ordering::SeqCst) > reads);
    assert_eq!(watched.client.snapshot().revision(), revision);
}

#[test]
fn a_source_that_fails_keeps_what_is_served() {
    let (script, source) = Script::new();
    let watched = Watched::new(Client::builder().source(source));
    script.then(Answer::Fail("the service is away"));
    let findings = watched.refuses("unreadable");
    assert!(findings.to_string().contains("the service is away"), "{findings}");
    assert_eq!(watched.value(), 1);
    script.then(Answer::Flags(2));
    watched.serves(2);
}

#[test]
fn bytes_of_the_embedder_are_never_copied() {
    let mut memory = Memory::new("flags", Format::Json, one("flags.json", 1));
    let bytes = |content: Content| content.files[0].bytes.clone();
    let (first, second) = (bytes(memory.read().unwrap()), bytes(memory.read().unwrap()));
    assert!(Arc::ptr_eq(&first, &second));
    let content = Content::of("flags", Format::Json, one("flags.json", 2).into_bytes());
    memory.replace(&content);
    assert!(Arc::ptr_eq(&bytes(memory.read().unwrap()), &bytes(content)));
}

#[test]
fn a_source_that_panics_is_one_that_fails() {
    let (script, source) = Script::new();
    let watched = Watched::new(Client::builder().source(source));
    for value in 2..5 {
        script.then(Answer::Panic);
        watched.refuses("unreadable");
        assert_eq!(watched.value(), value - 1);
        script.then(Answer::Flags(value));
        watched.serves(value);
    }
}

#[test]
fn a_source_that_panics_at_the_start_is_one_that_fails() {
    let (script, source) = Script::new();
    let (answers, first) = channel();
    answers.send(Answer::Panic).unwrap();
    let source = Scripted { answers: first, ..source };
    let watched = Watched::new(Client::builder().source(source).on_missing(OnMissing::Wait));
    assert!(!watched.client.is_ready());
    answers.send(Answer::Flags(1)).unwrap();
    script.notifier.lock().unwrap().as_ref().unwrap().notify();
    watched.serves(1);
}

#[test]
fn a_source_that_panics_when_it_is_polled_stops_nothing() {
    let (script, source) = Script::new();
    let watched = Watched::new(Client::builder().source(Scripted { panics_when_polled: true, ..source }));
    // What was polled is read, so that a failure to poll loses nothing.
    let reads = script.reads.load(Ordering::SeqCst);
    watched.until("it is polled twice", |_| script.reads.load(Ordering::SeqCst) >= reads + 2);
    script.then(Answer::Flags(2));
    watched.serves(2);
}

#[test]
fn a_source_that_blocks_delays_no_evaluation() {
    struct Blocks(Sender<()>, Receiver<()>, i64);
    impl Source for Blocks {
        fn name(&self) -> &str {
            "blocks"
        }
        fn read(&mut self) -> Result<Content, SourceError> {
            self.2 += 1;
            if self.2 > 1 {
                self.0.send(()).map_err(|_| SourceError::new("blocks", "the test is over"))?;
                self.1.recv_timeout(PATIENCE).map_err(|_| SourceError::new("blocks", "the test is over"))?;
            }
            Ok(Content::of("blocks", Format::Json, one("blocks.json", self.2).into_bytes()))
        }
        fn watch(&mut self, changed: Notifier) {
            changed.notify();
        }
    }
    let (entered, inside) = channel();
    let (go, gone) = channel();
    let client = Client::builder().source(Blocks(entered, gone, 0)).build().unwrap();
    inside.recv_timeout(PATIENCE).unwrap();
    // Everything that an evaluation may need, while the source is inside of a read.
    let flag = client.flag("flag-0");
    assert_eq!(client.integer("flag-0", "", -1), 1);
    assert_eq!(client.integer(flag, "", -1), 1);
    assert_eq!(client.reader().snapshot().len(), 1);
    assert_eq!(client.snapshot().revision(), 1);
    assert!(client.snapshots_alive() >= 1);
    let another = client.clone();
    std::thread::spawn(move || assert_eq!(another.integer("flag-0", "", -1), 1)).join().unwrap();
    // And what a health check asks.
    let (asked, told) = channel();
    let another = client.clone();
    std::thread::spawn(move || asked.send((another.is_ready(), another.status())));
    let (is_ready, status) = told.recv_timeout(PATIENCE).expect("the status waits for nobody");
    assert!(is_ready);
    assert_eq!(status[0].served.as_ref().unwrap().revision, 1);
    go.send(()).unwrap();
    drop(go);
    let deadline = std::time::Instant::now() + PATIENCE;
    while client.integer("flag-0", "", -1) < 2 {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
}
