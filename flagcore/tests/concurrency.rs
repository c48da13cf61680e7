//! Readers and a writer side by side: every answer is of one whole set, and nobody waits for anybody.
//!
//! The flags of a revision all carry its number, so that any mixture shows. What belongs to whom is told by the
//! allocator: it counts what each thread takes and gives back, and can hold the writer at any of its calls.

mod common;

use std::fmt::Write;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use common::counting::{Counting, Counts, counted, counts, hold_after, hold_no_more};
use flagcore::change::Update;
use flagcore::detail::{FlagType, Flags};
use flagcore::model::Format;
use flagcore::source::{Content, Notifier, Source, SourceError};
use flagcore::{Client, Detail, EvaluationContext, Flag, Snapshot, Value};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The flags whose value is the number of the revision, in every set.
const NUMBERS: [&str; 6] = ["number-0", "number-1", "number-2", "number-3", "targeted", "share"];

/// A set in which every flag but the first carries the number of its revision.
fn set(revision: u64) -> Vec<u8> {
    let mut text = String::from(
        r#"{"flags": {"steady": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}"#,
    );
    let mut flag = |key: &str, variants: &str, rest: &str| {
        let metadata = format!(r#""metadata": {{"revision": {revision}}}"#);
        write!(text, r#", "{key}": {{"state": "ENABLED", {metadata}, "variants": {{"v{revision}": {variants}}}{rest}}}"#)
            .unwrap();
    };
    let always = format!(r#", "defaultVariant": "v{revision}""#);
    for key in &NUMBERS[..4] {
        flag(key, &revision.to_string(), &always);
    }
    let targeting = format!(r#"{{"if": [{{"==": [{{"var": "plan"}}, "pro"]}}, "v{revision}"]}}"#);
    flag("targeted", &revision.to_string(), &format!(r#", "targeting": {targeting}"#));
    let share = format!(r#"{{"fractional": [["v{revision}", 1]]}}"#);
    flag("share", &revision.to_string(), &format!(r#", "targeting": {share}"#));
    flag("text", &format!(r#""the text of revision {revision}""#), &always);
    flag("object", &format!(r#"{{"a": {revision}, "b": {{"c": [{revision}]}}}}"#), &always);
    if is_there("sometimes", revision) {
        flag("sometimes", &revision.to_string(), &always);
    }
    if is_there("later", revision) {
        flag("later", &revision.to_string(), &always);
    }
    text.push_str("}}");
    text.into_bytes()
}

/// Whether a flag is in the set of a revision: one comes and goes, one is born late, one never is.
fn is_there(key: &str, revision: u64) -> bool {
    match key {
        "sometimes" => revision % 2 == 1,
        "later" => revision >= 20,
        "never" => false,
        _ => true,
    }
}

const UNSTEADY: [&str; 3] = ["sometimes", "later", "never"];

/// What a reader asks with when it must not get it.
const MISSED: i64 = -1;

fn user() -> EvaluationContext<'static> {
    EvaluationContext::new("user-1").with("plan", "pro")
}

/// A client of revision 1 that publishes when it is told to.
fn client() -> Client {
    Client::builder().bytes("flags", set(1), Format::Json).watch(false).build().unwrap()
}

fn publish(client: &Client, revision: u64) {
    client.update("flags", set(revision), Format::Json).unwrap();
}

/// One round of a reader's questions; gives the latest revision it saw. Takes no memory.
type Round = Box<dyn FnMut() -> u64 + Send>;

/// The revision of an answer, by its variant and its metadata alike.
fn revision_of<T: FlagType + ?Sized, S: Deref<Target: Flags>>(detail: &Detail<'_, T, S>) -> u64 {
    assert_eq!(detail.error_code(), None);
    let told = detail.metadata().get("revision").and_then(Value::as_f64).expect("metadata") as u64;
    let named = detail.variant().and_then(|name| name.strip_prefix('v')).and_then(|name| name.parse().ok());
    assert_eq!(named, Some(told), "variant and metadata are of one set");
    told
}

fn revision_of_number<S: Deref<Target: Flags>>(detail: &Detail<'_, i64, S>) -> u64 {
    let revision = revision_of(detail);
    assert_eq!(detail.value(), revision as i64, "value and variant are of one set");
    revision
}

fn revision_of_text(text: &str) -> u64 {
    text.strip_prefix("the text of revision ").and_then(|number| number.parse().ok()).expect("a whole text")
}

fn later(latest: &mut u64, revision: u64) {
    assert!(*latest <= revision, "from revision {latest} back to {revision}");
    *latest = revision;
}

fn by_key(client: &Client) -> Round {
    let (client, user, mut latest) = (client.clone(), user(), 0);
    Box::new(move || {
        assert!(client.is_enabled("steady", "user-1"));
        for key in NUMBERS {
            later(&mut latest, revision_of_number(&client.integer_detail(key, &user, MISSED)));
            later(&mut latest, client.integer(key, &user, MISSED) as u64);
        }
        let text = client.string_detail("text", &user, "");
        assert_eq!(revision_of_text(text.value()), revision_of(&text));
        later(&mut latest, revision_of(&text));
        later(&mut latest, revision_of_text(&client.string("text", &user, "")));
        later(&mut latest, revision_of(&client.any_detail("object", &user, &Value::Null)));
        latest
    })
}

fn by_handle(client: &Client) -> Round {
    let (client, user, mut latest) = (client.clone(), user(), 0);
    let steady = client.flag("steady");
    let numbers = NUMBERS.map(|key| client.flag(key));
    let unsteady = UNSTEADY.map(|key| (key, client.flag(key)));
    Box::new(move || {
        assert!(client.is_enabled(steady, "user-1"));
        for handle in numbers {
            later(&mut latest, revision_of_number(&client.integer_detail(handle, &user, MISSED)));
        }
        for (key, handle) in unsteady {
            let detail = client.integer_detail(handle, &user, MISSED);
            if detail.error_code().is_none() {
                let revision = revision_of_number(&detail);
                assert!(is_there(key, revision), "{key} in revision {revision}");
                later(&mut latest, revision);
            }
        }
        latest
    })
}

/// Every flag of a snapshot is of the snapshot's own revision, and none is missed.
fn revision_of_all(snapshot: &Snapshot, numbers: &[Flag], unsteady: &[(&str, Flag)]) -> u64 {
    let (revision, user) = (snapshot.revision(), user());
    assert!(snapshot.is_enabled("steady", "user-1"));
    for key in NUMBERS {
        assert_eq!(snapshot.integer(key, &user, MISSED), revision as i64, "{key}");
    }
    for handle in numbers {
        assert_eq!(snapshot.integer(*handle, &user, MISSED), revision as i64);
    }
    for (key, handle) in unsteady {
        let expected = if is_there(key, revision) { revision as i64 } else { MISSED };
        assert_eq!(snapshot.integer(*handle, &user, MISSED), expected, "{key} in revision {revision}");
        assert_eq!(snapshot.integer(*key, &user, MISSED), expected, "{key} in revision {revision}");
    }
    let mut seen = 0;
    for (key, detail) in snapshot.evaluate_all(&user) {
        assert!(key == "steady" || revision_of(&detail) == revision, "{key}");
        seen += 1;
    }
    let expected = 3 + NUMBERS.len() + UNSTEADY.iter().filter(|key| is_there(key, revision)).count();
    assert_eq!(seen, expected, "flags of revision {revision}");
    revision
}

fn by_reader(client: &Client) -> Round {
    let (mut reader, user, mut latest) = (client.reader(), user(), 0);
    let numbers = NUMBERS.map(|key| client.flag(key));
    let unsteady = UNSTEADY.map(|key| (key, client.flag(key)));
    Box::new(move || {
        later(&mut latest, revision_of_number(&reader.integer_detail(numbers[0], &user, MISSED)));
        later(&mut latest, reader.integer("number-1", &user, MISSED) as u64);
        later(&mut latest, revision_of_text(reader.string("text", &user, "")));
        later(&mut latest, revision_of_all(reader.snapshot(), &numbers, &unsteady));
        latest
    })
}

fn by_snapshot(client: &Client) -> Round {
    let (client, mut latest) = (client.clone(), 0);
    let numbers = NUMBERS.map(|key| client.flag(key));
    let unsteady = UNSTEADY.map(|key| (key, client.flag(key)));
    Box::new(move || {
        let snapshot = client.snapshot();
        later(&mut latest, revision_of_all(&snapshot, &numbers, &unsteady));
        latest
    })
}

/// All ways in turn, none of which may be behind another.
fn in_turn(client: &Client) -> Round {
    let (mut rounds, mut latest) = (WAYS[..4].iter().map(|way| way(client)).collect::<Vec<_>>(), 0);
    Box::new(move || {
        for round in &mut rounds {
            later(&mut latest, round());
        }
        latest
    })
}

const WAYS: [fn(&Client) -> Round; 5] = [by_key, by_handle, by_reader, by_snapshot, in_turn];

/// Publishes one revision after the other as fast as it can until each reader has made `rounds` and has seen
/// `revisions` of them; gives what each reader asked of the allocator.
fn storm(client: &Client, ways: &[fn(&Client) -> Round], rounds: u64, revisions: u64) -> Vec<Counts> {
    /// Counts a reader as done, also when it fails.
    struct Done<'d>(&'d AtomicUsize);

    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    let (done, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let start = Barrier::new(ways.len() + 1);
    std::thread::scope(|scope| {
        let read = |way: fn(&Client) -> Round| {
            let _done = Done(&done);
            let mut round = way(client);
            let (mut latest, mut made, mut seen) = (round(), 0, 1);
            start.wait();
            let before = counts();
            while (made < rounds || seen < revisions) && !over.load(Ordering::Relaxed) {
                let revision = round();
                assert!(latest <= revision, "from revision {latest} back to {revision}");
                seen += u64::from(latest < revision);
                latest = revision;
                made += 1;
            }
            assert!(made >= rounds && seen >= revisions, "{made} rounds, {seen} revisions");
            counts().since(before)
        };
        let readers: Vec<_> = ways.iter().map(|way| scope.spawn(move || read(*way))).collect();
        start.wait();
        let mut revision = client.snapshot().revision();
        while done.load(Ordering::Relaxed) < ways.len() && revision < MOST_REVISIONS {
            revision += 1;
            publish(client, revision);
        }
        over.store(true, Ordering::Relaxed);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Where a storm gives up on readers that see nothing new.
const MOST_REVISIONS: u64 = 200_000;

#[test]
fn every_evaluation_sees_one_whole_set() {
    let client = client();
    storm(&client, &WAYS, 1_500, 100);
    let next = client.snapshot().revision() + 1;
    publish(&client, next);
    assert_eq!(client.snapshots_alive(), 1, "the readers are gone");
}

#[test]
fn readers_of_a_storm_take_no_block_and_free_none() {
    let client = client();
    let (counts, writer) = counted(|| storm(&client, &WAYS, 500, 50));
    for (way, counts) in ["key", "handle", "reader", "snapshot", "all in turn"].iter().zip(counts) {
        assert_eq!((counts.taken, counts.freed), (0, 0), "by {way}");
    }
    assert!(writer.freed > 10_000, "the writer did: {writer:?}");
}

/// Does something on a thread of its own; fails where that does not come to an end.
fn finishes<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, end) = mpsc::channel();
    let thread = std::thread::spawn(move || done.send(work()));
    let answer = end.recv_timeout(LONG).unwrap_or_else(|error| panic!("{what}: {error}"));
    thread.join().expect(what).expect(what);
    answer
}

/// Longer than anything takes that ends at all.
const LONG: Duration = Duration::from_secs(60);

/// What every way to read sees, asked on a thread of its own.
fn seen_by_all_ways(client: &Client) -> u64 {
    let client = client.clone();
    finishes("readers", move || WAYS.map(|way| way(&client)()).into_iter().min().expect("five ways"))
}

/// The writer is held at each of its calls to the allocator in turn: while it reads, compiles, builds the new
/// snapshot, right before and after the swap, and while it frees the old one.
#[test]
fn readers_finish_wherever_the_writer_is_held() {
    static HELD: AtomicBool = AtomicBool::new(false);
    static OPEN: AtomicBool = AtomicBool::new(false);
    fn hold() {
        // An allocator cannot wait for an event: that might need memory.
        HELD.store(true, Ordering::Release);
        while !OPEN.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    }
    let client = client();
    let (ask, asked) = mpsc::channel::<()>();
    let (answer, answers) = mpsc::channel();
    let (mut before_the_swap, mut after_the_swap, mut done_before_that) = (0, 0, 0);
    let read = {
        let client = client.clone();
        move || {
            // Made anew each time as well, since making a reader or loading a snapshot must not wait either.
            let mut kept = WAYS.map(|way| way(&client));
            while asked.recv().is_ok() {
                let (mut reader, snapshot) = (client.reader(), client.snapshot());
                assert_eq!(reader.snapshot().revision(), snapshot.revision());
                for round in &mut kept {
                    assert_eq!(round(), snapshot.revision());
                }
                let _ = answer.send(snapshot.revision());
            }
        }
    };
    std::thread::scope(|scope| {
        let ask = ask;
        scope.spawn(read);
        for calls in 0.. {
            HELD.store(false, Ordering::Relaxed);
            OPEN.store(false, Ordering::Relaxed);
            let (revision, client) = (calls + 2, &client);
            let writer = scope.spawn(move || {
                let bytes = set(revision);
                hold_after(calls, hold);
                client.update("flags", bytes, Format::Json).unwrap();
                hold_no_more();
            });
            while !HELD.load(Ordering::Acquire) && !writer.is_finished() {
                std::thread::yield_now();
            }
            let held = HELD.load(Ordering::Acquire);
            ask.send(()).expect("a reader");
            let seen = answers.recv_timeout(LONG);
            OPEN.store(true, Ordering::Release);
            let seen = seen.unwrap_or_else(|_| panic!("readers wait for a writer held at its call {calls}"));
            writer.join().unwrap();
            // The readers go on to the new snapshot, so that the next writer has the old one to free.
            ask.send(()).expect("a reader");
            assert_eq!(answers.recv_timeout(LONG), Ok(revision));
            // Some updates take more calls than others: those that find an old snapshot to free.
            done_before_that = if held { 0 } else { done_before_that + 1 };
            match held {
                false if done_before_that == 10 => break,
                false => {}
                true if seen == revision - 1 => before_the_swap += 1,
                true => {
                    assert_eq!(seen, revision);
                    after_the_swap += 1;
                }
            }
        }
    });
    assert!(before_the_swap > 100, "held {before_the_swap} times before the swap");
    assert!(after_the_swap > 20, "held {after_the_swap} times after the swap");
    let next = client.snapshot().revision() + 1;
    publish(&client, next);
    assert_eq!(client.snapshots_alive(), 1);
}

#[test]
fn readers_finish_while_a_listener_blocks_the_writer() {
    let client = client();
    let (entered, heard) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    client.on_update(move |update| {
        let Update::Changed(change) = update else { panic!("{update:?}") };
        let _ = (entered.send(change.after().revision()), released.recv());
    });
    let writer = std::thread::spawn({
        let client = client.clone();
        move || publish(&client, 2)
    });
    assert_eq!(heard.recv_timeout(LONG), Ok(2));
    assert_eq!(seen_by_all_ways(&client), 2, "what is published is served");
    assert_eq!(client.snapshots_alive(), 2, "the listener's update holds the old snapshot");
    let handle = client.flag("made while the writer is blocked");
    assert!(!client.snapshot().contains(handle));
    release.send(()).unwrap();
    writer.join().unwrap();
    assert_eq!(client.snapshots_alive(), 1);
}

/// A source that gives what it is told to, and waits for a permission before each read but the first.
struct Slow {
    bytes: Arc<Mutex<Vec<u8>>>,
    changed: Arc<Mutex<Option<Notifier>>>,
    reads: Option<(Sender<()>, Receiver<()>)>,
    first: bool,
}

impl Source for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn read(&mut self) -> Result<Content, SourceError> {
        if let Some((begun, permitted)) = self.reads.as_ref().filter(|_| !self.first) {
            let _ = (begun.send(()), permitted.recv());
        }
        self.first = false;
        Ok(Content::of("slow", Format::Json, self.bytes.lock().unwrap().clone()))
    }

    fn watch(&mut self, changed: Notifier) {
        *self.changed.lock().unwrap() = Some(changed);
    }
}

#[test]
fn readers_finish_while_a_source_blocks_the_writer() {
    let (begun, reading) = mpsc::channel();
    let (permit, permitted) = mpsc::channel();
    let (bytes, changed) = (Arc::new(Mutex::new(set(1))), Arc::new(Mutex::new(None)));
    let reads = Some((begun, permitted));
    let source = Slow { bytes: bytes.clone(), changed: changed.clone(), reads, first: true };
    let client = Client::builder().source(source).build().unwrap();
    let updates = client.updates();

    *bytes.lock().unwrap() = set(2);
    changed.lock().unwrap().as_ref().unwrap().notify();
    reading.recv_timeout(LONG).expect("the watching thread reads");
    assert_eq!(seen_by_all_ways(&client), 1);
    assert_eq!(client.snapshots_alive(), 1);
    client.flag("made while the writer is blocked");

    permit.send(()).unwrap();
    let update = updates.next_within(LONG).expect("an update");
    assert!(matches!(update, Update::Changed(_)), "{update:?}");
    assert_eq!(seen_by_all_ways(&client), 2);
}

#[test]
fn the_watching_thread_frees_what_readers_held() {
    let (bytes, changed) = (Arc::new(Mutex::new(set(1))), Arc::new(Mutex::new(None)));
    let source = Slow { bytes: bytes.clone(), changed: changed.clone(), reads: None, first: true };
    let client = Client::builder().source(source).build().unwrap();
    let notifier: Notifier = changed.lock().unwrap().clone().unwrap();
    let updates = client.updates();

    let (snapshot, mut reader) = (client.snapshot(), client.reader());
    let answer = client.string_detail("text", "user-1", "");
    *bytes.lock().unwrap() = set(2);
    notifier.notify();
    drop(updates.next_within(LONG).expect("an update"));
    assert_eq!(client.snapshots_alive(), 2);

    let ((), counts) = counted(|| {
        assert_eq!(revision_of_text(answer.value()), 1);
        drop(answer);
        assert_eq!(reader.snapshot().revision(), 2);
        drop(snapshot);
        // It looks whenever it wakes.
        notifier.notify();
        let begun = Instant::now();
        while client.snapshots_alive() > 1 {
            assert!(begun.elapsed() < LONG, "the old snapshot is never freed");
            std::thread::yield_now();
        }
    });
    assert_eq!(counts.freed, 0, "by the thread that held it last");
}

#[test]
fn with_the_client_gone_its_last_holder_frees_and_the_counter_sees_it() {
    let client = client();
    let snapshot = client.snapshot();
    drop(client);
    let (revision, counts) = counted(|| snapshot.revision());
    assert_eq!((revision, counts.freed), (1, 0));
    let thread = std::thread::spawn(move || counted(|| drop(snapshot)).1);
    let counts = thread.join().unwrap();
    assert!(counts.freed > 10 && counts.live_bytes < -1_000, "{counts:?}");
}

#[test]
fn an_update_frees_what_it_replaced() {
    let client = client();
    assert_eq!(client.snapshots_alive(), 1);
    publish(&client, 2);
    assert_eq!(client.snapshots_alive(), 1);
}

#[test]
fn a_source_that_gets_its_content_elsewhere_takes_no_bytes() {
    let source =
        Slow { bytes: Arc::new(Mutex::new(set(1))), changed: Arc::default(), reads: None, first: true };
    let client = Client::builder().source(source).watch(false).build().unwrap();
    let error = client.update("slow", set(2), Format::Json).unwrap_err();
    assert_eq!(error.to_string(), "no source that takes bytes is called `slow`");
    assert_eq!(client.integer("number-0", "user-1", MISSED), 1);
}

#[test]
fn readers_and_answers_outlive_their_client() {
    let client = client();
    let (mut reader, snapshot) = (client.reader(), client.snapshot());
    let (detail, text) = (client.string_detail("text", "user-1", ""), client.string("text", "user-1", ""));
    publish(&client, 2);
    drop(client);
    assert_eq!(reader.integer("number-0", "user-1", MISSED), 2);
    assert_eq!(snapshot.integer("number-0", "user-1", MISSED), 1);
    assert_eq!((revision_of(&detail), revision_of_text(&text)), (1, 1));
}

/// Fails to compile where something cannot go from thread to thread.
#[test]
fn all_but_readers_are_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<(Client, Flag, flagcore::Error)>();
    shared::<(Snapshot, EvaluationContext<'_>)>();
    shared::<(Notifier, Update, flagcore::change::Updates)>();
    sent::<flagcore::Reader>();
}

#[test]
fn a_listener_that_drops_the_last_client_ends_the_watching() {
    let (bytes, changed) = (Arc::new(Mutex::new(set(1))), Arc::new(Mutex::new(None)));
    let source = Slow { bytes: bytes.clone(), changed: changed.clone(), reads: None, first: true };
    let client = Client::builder().source(source).build().unwrap();
    let notifier: Notifier = changed.lock().unwrap().clone().unwrap();
    let updates = client.updates();
    let last = Mutex::new(Some(client.clone()));
    client.on_update(move |_| drop(last.lock().unwrap().take()));
    drop(client);

    *bytes.lock().unwrap() = set(2);
    notifier.notify();
    let update = updates.next_within(LONG).expect("an update");
    assert!(matches!(update, Update::Changed(_)), "{update:?}");
    assert!(
        updates.next_within(LONG).is_none(),
        "the listeners are gone, and with them what fills the queue"
    );
    let begun = Instant::now();
    while Arc::strong_count(&bytes) > 1 {
        assert!(begun.elapsed() < LONG, "the source is never dropped");
        std::thread::yield_now();
    }
}

#[test]
fn a_source_that_panics_is_read_again() {
    struct Rash {
        reads: u64,
        changed: Arc<Mutex<Option<Notifier>>>,
    }

    impl Source for Rash {
        fn name(&self) -> &str {
            "rash"
        }

        fn read(&mut self) -> Result<Content, SourceError> {
            self.reads += 1;
            assert_ne!(self.reads, 2, "a panic on purpose");
            Ok(Content::of("rash", Format::Json, set(self.reads)))
        }

        fn watch(&mut self, changed: Notifier) {
            *self.changed.lock().unwrap() = Some(changed);
        }
    }

    let changed = Arc::new(Mutex::new(None));
    let client = Client::builder().source(Rash { reads: 0, changed: changed.clone() }).build().unwrap();
    let notifier: Notifier = changed.lock().unwrap().clone().unwrap();
    let updates = client.updates();
    notifier.notify();
    let update = updates.next_within(LONG).expect("a refusal");
    let Update::Refused { source, findings, serving } = update else { panic!("{update:?}") };
    assert_eq!((source.as_str(), serving), ("rash", 1));
    assert_eq!(findings.to_string(), "rash: error[unreadable]: it cannot be read: reading it panicked");
    assert_eq!(client.integer("number-0", "user-1", MISSED), 1);

    notifier.notify();
    let update = updates.next_within(LONG).expect("an update");
    assert!(matches!(update, Update::Changed(_)), "{update:?}");
    assert_eq!(client.integer("number-0", "user-1", MISSED), 3);
}

#[test]
fn old_snapshots_live_as_long_as_somebody_holds_them() {
    let client = client();
    let alive = |expected: usize, why: &str| assert_eq!(client.snapshots_alive(), expected, "{why}");
    let held = client.snapshot();
    publish(&client, 2);
    alive(2, "a snapshot");
    let answer = client.string_detail("text", "user-1", "");
    publish(&client, 3);
    alive(3, "an answer of a client");
    let text = client.string("text", "user-1", "");
    publish(&client, 4);
    alive(4, "a text of a client");
    let mut reader = client.reader();
    for revision in 5..1_000 {
        publish(&client, revision);
    }
    alive(5, "a reader that rests");

    assert_eq!(revision_of_all(&held, &[], &[]), 1);
    assert_eq!((revision_of_text(answer.value()), revision_of(&answer)), (2, 2));
    assert_eq!(revision_of_text(&text), 3);
    drop((held, text));
    publish(&client, 1_000);
    alive(3, "an answer and a reader are left");
    assert_eq!(reader.snapshot().revision(), 1_000);
    drop(answer);
    publish(&client, 1_001);
    alive(2, "the reader holds what it saw last");
    drop(reader);
    publish(&client, 1_002);
    alive(1, "nobody holds anything");
}

#[test]
fn a_thread_may_hold_more_answers_than_it_has_slots_for_them() {
    // `arc-swap` keeps eight loads of a thread without a count; more of them are counted.
    let client = client();
    let held: Vec<_> = (1..=30)
        .map(|revision| {
            let answers = [(); 3].map(|()| client.string_detail("text", "user-1", ""));
            publish(&client, revision + 1);
            answers
        })
        .collect();
    assert_eq!(client.snapshots_alive(), 31);
    for (revision, answers) in (1..).zip(&held) {
        for answer in answers {
            assert_eq!((revision_of_text(answer.value()), revision_of(answer)), (revision, revision));
        }
    }
    let ((), counts) = counted(|| held.into_iter().flatten().for_each(drop));
    assert_eq!(counts.freed, 1, "the list of answers alone");
    publish(&client, 32);
    assert_eq!(client.snapshots_alive(), 1);
}

#[test]
fn changes_that_nobody_takes_hold_two_snapshots_and_none_once_the_taker_is_gone() {
    let client = client();
    let updates = client.updates();
    for revision in 2..100 {
        publish(&client, revision);
    }
    assert_eq!(client.snapshots_alive(), 2, "the oldest and the newest");
    let Some(Update::Changed(change)) = updates.try_next() else { panic!("a change") };
    assert_eq!((change.before().revision(), change.after().revision()), (1, 99));
    drop(change);
    publish(&client, 100);
    drop(updates);
    publish(&client, 101);
    publish(&client, 102);
    assert_eq!(client.snapshots_alive(), 1, "there is nobody to keep changes for");
}

#[test]
fn a_taker_may_wait_for_ever_and_is_told_when_the_client_is_gone() {
    let client = client();
    let updates = client.updates();
    let taker = updates.clone();
    let (taken, revisions) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        while let Some(update) = taker.next_within(Duration::MAX) {
            let Update::Changed(change) = update else { panic!("{update:?}") };
            let _ = taken.send(change.after().revision());
        }
    });
    publish(&client, 2);
    assert_eq!(revisions.recv_timeout(LONG), Ok(2));
    drop(client);
    assert_eq!(
        revisions.recv_timeout(LONG),
        Err(mpsc::RecvTimeoutError::Disconnected),
        "the taker has ended"
    );
    thread.join().unwrap();
    assert!(updates.try_next().is_none());
}

#[test]
fn takers_of_updates_that_are_gone_leave_no_memory_behind() {
    let client = client();
    let come_and_go = |revision: u64| {
        for _ in 0..100 {
            drop(client.updates());
        }
        publish(&client, revision);
        counts().live_bytes
    };
    come_and_go(100);
    let settled = come_and_go(102);
    // Every other set has one flag more.
    for revision in (104..120).step_by(2) {
        assert_eq!(come_and_go(revision) - settled, 0, "bytes more than after the first takers");
    }
}

#[test]
fn a_listener_that_panics_hears_the_next_update_too() {
    let client = client();
    let (heard, revisions) = mpsc::channel();
    client.on_update(move |update| {
        let Update::Changed(change) = update else { panic!("{update:?}") };
        let revision = change.after().revision();
        heard.send(revision).unwrap();
        assert_ne!(revision, 2, "a panic on purpose");
    });
    publish(&client, 2);
    publish(&client, 3);
    assert_eq!(revisions.try_iter().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(client.snapshots_alive(), 1);
}

#[test]
fn ten_thousand_publications_leave_no_memory_behind() {
    let client = client();
    // Numbers of one length, so that sets are of one size; each flag is compiled anew each time.
    let publish_some = |revisions: std::ops::Range<u64>| {
        for revision in revisions {
            let ((), counts) = counted(|| publish(&client, revision));
            assert!(counts.freed > 10, "{counts:?}");
        }
        counts().live_bytes
    };
    let settled = publish_some(100_000..100_100);
    let after = publish_some(100_100..110_000);
    assert_eq!(after - settled, 0, "bytes more than after the first hundred");
    assert_eq!(client.snapshots_alive(), 1);
}

#[test]
fn handles_of_one_name_are_one_and_take_memory_once() {
    let client = client();
    let handle = client.flag("a name that no flag has");
    let again = || (0..1_000).all(|_| client.flag("a name that no flag has") == handle);
    let (same, counts) = counted(again);
    assert_eq!((same, counts.taken), (true, 0));
}

#[test]
fn a_handle_follows_a_flag_that_comes_and_goes() {
    let client = client();
    let handles = UNSTEADY.map(|key| (key, client.flag(key)));
    let steady = client.flag("steady");
    let (mut reader, user) = (client.reader(), user());
    for revision in 2..60 {
        publish(&client, revision);
        assert!(client.is_enabled(steady, &user) && reader.is_enabled(steady, &user));
        for (key, handle) in handles {
            let expected = if is_there(key, revision) { revision as i64 } else { MISSED };
            assert_eq!(client.integer(handle, &user, MISSED), expected, "{key} in revision {revision}");
            assert_eq!(reader.integer(handle, &user, MISSED), expected, "{key} in revision {revision}");
            assert_eq!(client.flag(key), handle, "{key}");
        }
    }
}

#[test]
fn handles_made_while_others_make_and_publish_them_agree() {
    let client = client();
    let names: Vec<String> = (0..200).map(|number| format!("flag-{number}")).collect();
    let set = |count: usize| {
        let flag = r#"{"state": "ENABLED", "variants": {"name": "NAME"}, "defaultVariant": "name"}"#;
        let flags: Vec<String> = names[..count]
            .iter()
            .map(|name| format!(r#""{name}": {}"#, flag.replace("NAME", name)))
            .collect();
        format!(r#"{{"flags": {{{}}}}}"#, flags.join(","))
    };
    let start = Barrier::new(4);
    let made = std::thread::scope(|scope| {
        let make = |backwards: bool| {
            start.wait();
            let at = |at: usize| if backwards { names.len() - 1 - at } else { at };
            let mut handles: Vec<(usize, Flag)> =
                (0..names.len()).map(at).map(|at| (at, client.flag(&names[at]))).collect();
            handles.sort_by_key(|(at, _)| *at);
            handles
        };
        let makers = [false, true, false].map(|backwards| scope.spawn(move || make(backwards)));
        start.wait();
        for count in [50, 0, 100, 150, 200] {
            client.update("flags", set(count), Format::Json).unwrap();
        }
        makers.map(|maker| maker.join().unwrap())
    });
    assert!(made[0] == made[1] && made[1] == made[2], "one handle for each name");
    for (at, handle) in &made[0] {
        assert_eq!(client.string(*handle, "user-1", ""), names[*at].as_str());
    }
}

#[test]
fn writers_take_turns_and_listeners_hear_every_step_in_order() {
    let client = client();
    let (heard, steps) = mpsc::channel();
    client.on_update(move |update| {
        let Update::Changed(change) = update else { panic!("{update:?}") };
        heard.send((change.before().revision(), change.after().revision())).unwrap();
    });
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let client = &client;
            scope.spawn(move || (0..50).for_each(|round| publish(client, 1_000 + writer * 100 + round)));
        }
    });
    let steps: Vec<(u64, u64)> = steps.try_iter().collect();
    let expected: Vec<(u64, u64)> = (1..=150).map(|revision| (revision, revision + 1)).collect();
    assert_eq!(steps, expected);
    assert_eq!((client.snapshot().revision(), client.snapshots_alive()), (151, 1));
}
