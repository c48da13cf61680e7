//! Files that are half written, broken, empty, too large: what was served stays, and people are told once.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flagcore::Client;
use flagcore::change::Update;
use flagcore::limits::Limits;
use flagcore::model::Format;
use flagcore::source::{Completeness, Content, Notifier, Source, SourceError};

use crate::common::files::{Folder, Noticing, PATIENCE, Probe, Watched, flags, flags_named, format_of, one};

/// A file's name, a content that is refused, and the code of why.
type Bad = (&'static str, &'static [u8], &'static str);

const BAD: &[Bad] = &[
    ("flags.json", b"", "empty-file"),
    ("flags.yaml", b"", "empty-file"),
    ("flags.json", b" \n\t\r\n ", "empty-file"),
    ("flags.yaml", b"\n \n\n", "empty-file"),
    ("flags.json", b"{\"flags\": {\"flag-0\": {\"state\": \"ENAB", "syntax"),
    ("flags.yaml", b"flags: {flag-0: {state: ENAB", "syntax"),
    ("flags.yaml", b"\xff\xfe\x00\x80", "invalid-utf8"),
    ("flags.json", b"[1, 2, 3]", "wrong-type"),
    ("flags.json", b"{\"other\": {}}", "missing-flags"),
    ("flags.json", b"{\"flags\": {\"flag-0\": 5}}", "wrong-type"),
];

/// What was served before a bad content and what comes after it are served.
fn check_refused((name, content, code): &Bad, noticing: Noticing) {
    let folder = Folder::with(name, one(name, 1));
    let watched = Watched::noticing(folder.path(name), noticing);
    folder.write(name, content);
    watched.refuses(code);
    assert_eq!(watched.value(), 1);
    let status = &watched.client.status()[0];
    assert!(status.refused.is_some() && status.served.is_some(), "{status:#?}");
    folder.write(name, one(name, 2));
    watched.serves(2);
    watched.tells_no_refusal();
}

#[test]
fn every_bad_content_is_refused_and_overcome_by_events_alone() {
    BAD.iter().for_each(|bad| check_refused(bad, Noticing::EventsAlone));
}

#[test]
fn every_bad_content_is_refused_and_overcome_by_polling_alone() {
    std::thread::scope(|scope| {
        for bad in BAD {
            scope.spawn(|| check_refused(bad, Noticing::PollingAlone));
        }
    });
}

#[test]
fn a_file_over_the_limit_is_refused_unread() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let limits = Limits { file_bytes: 1_000, ..Limits::default() };
    let watched = Watched::new(Client::builder().path(folder.path("flags.json")).limits(limits));
    folder.rename_into_place("flags.json", format!("{}{}", one("flags.json", 2), " ".repeat(1_000)));
    watched.refuses("too-large");
    // Ten gigabytes of nothing.
    folder.write(".huge", "");
    let huge = std::fs::File::options().write(true).open(folder.path(".huge")).unwrap();
    huge.set_len(10 << 30).unwrap();
    folder.rename(".huge", "flags.json");
    watched.refuses("too-large");
    assert_eq!(watched.value(), 1);
    folder.rename_into_place("flags.json", one("flags.json", 3));
    watched.serves(3);
}

#[test]
fn no_half_of_a_slowly_written_file_is_served() {
    let check = |name: &str| {
        let folder = Folder::with(name, flags(format_of(name), 100, 0));
        let watched = Watched::unmixed(Client::builder().path(folder.path(name)));
        for value in 1..=5 {
            folder.write_slowly(name, &flags(format_of(name), 100, value), 8, Duration::from_millis(20));
            watched.serves(value);
            assert_eq!(watched.client.snapshot().len(), 100);
        }
        assert_eq!(watched.client.snapshot().revision(), 6, "{name}");
    };
    std::thread::scope(|scope| {
        for name in ["flags.json", "flags.yaml"] {
            scope.spawn(move || check(name));
        }
    });
}

#[test]
fn evaluations_during_rewrites_in_place_find_every_flag() {
    let check = |name: &str| {
        // In one go, but the system takes it in pieces, which a reader may come between.
        let text = |value| flags(format_of(name), 1_000, value);
        let folder = Folder::with(name, text(0));
        let watched = Watched::unmixed(Client::builder().path(folder.path(name)));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for key in ["flag-0", "flag-999"] {
                let (client, over) = (&watched.client, &over);
                scope.spawn(move || {
                    let mut reader = client.reader();
                    while !over.load(Ordering::SeqCst) {
                        assert!(reader.snapshot().integer(key, "", -1) >= 0);
                        std::thread::yield_now();
                    }
                });
            }
            for value in 1..=30 {
                folder.write(name, text(value));
            }
            watched.serves(30);
            over.store(true, Ordering::SeqCst);
        });
    };
    check("flags.json");
    check("flags.yaml");
}

#[test]
fn a_writer_that_rests_longer_than_it_takes_to_settle_loses_no_flags() {
    // Cut after whole flags: each half is a valid file, and the writer rests while it is.
    let text = flags(Format::Yaml, 40, 2);
    let folder = Folder::with("flags.yaml", flags(Format::Yaml, 40, 1));
    let watched = Watched::unmixed(Client::builder().path(folder.path("flags.yaml")));
    let half = text.match_indices("  flag-20:").next().unwrap().0;
    folder.write("flags.yaml", &text[..half]);
    watched.holds("shrinks");
    assert_eq!(watched.client.snapshot().len(), 40);
    folder.write("flags.yaml", &text);
    watched.serves(2);
    assert_eq!(watched.client.snapshot().len(), 40);
}

#[test]
fn json_closed_half_written_is_refused_only_if_it_stays_so() {
    let folder = Folder::with("flags.json", one("flags.json", 0));
    let watched = Watched::open(folder.path("flags.json"));
    for value in 1..=20 {
        // Opened, cut, closed; and at once the whole of it.
        folder.write("flags.json", &one("flags.json", value)[..20]);
        folder.write("flags.json", one("flags.json", value));
        watched.serves(value);
    }
    folder.write("flags.json", "{");
    watched.refuses("syntax");
    assert_eq!(watched.value(), 20);
}

#[test]
fn yaml_cut_in_place_is_believed_after_two_seconds() {
    let folder = Folder::with("flags.yaml", flags(Format::Yaml, 40, 1));
    let watched = Watched::open(folder.path("flags.yaml"));
    let written = Instant::now();
    folder.write("flags.yaml", flags(Format::Yaml, 20, 2));
    let held = watched.holds("shrinks");
    assert!(held.to_string().contains("40") && held.to_string().contains("20"), "{held}");
    assert!(watched.client.status()[0].waiting.is_some());
    watched.serves(2);
    assert!(written.elapsed() >= Duration::from_secs(2));
    assert_eq!(watched.client.snapshot().len(), 20);
    watched.until("nothing waits", |client| client.status()[0].waiting.is_none());
}

#[test]
fn a_file_without_any_flag_is_believed_after_two_seconds() {
    let check = |name: &str| {
        let folder = Folder::with(name, one(name, 1));
        let watched = Watched::open(folder.path(name));
        let written = Instant::now();
        folder.rename_into_place(name, flags(format_of(name), 0, 0));
        watched.holds("shrinks");
        watched.until("no flag is served", |client| client.snapshot().is_empty());
        assert!(written.elapsed() >= Duration::from_secs(2));
    };
    std::thread::scope(|scope| {
        for name in ["flags.json", "flags.yaml"] {
            scope.spawn(move || check(name));
        }
    });
}

#[test]
fn a_doubtful_file_is_held_once_and_forgotten_when_the_old_one_is_back() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let watched = Watched::open(folder.path("flags.json"));
    folder.rename_into_place("flags.json", flags(Format::Json, 0, 0));
    watched.holds("shrinks");
    folder.rename_into_place("flags.json", one("flags.json", 1));
    // Said once, and nothing else.
    let Some(Update::Recovered { serving: 1, .. }) = watched.updates.next_within(PATIENCE) else {
        panic!("no recovery")
    };
    watched.until("nothing waits", |client| client.status()[0].waiting.is_none());
    assert!(watched.drain().is_empty());
    assert_eq!(watched.client.snapshot().revision(), 1);
}

#[test]
fn whole_files_may_lose_flags_at_once() {
    // Renamed into place, and JSON that its writer closed: complete, so no doubt.
    for (name, rename) in [("flags.yaml", true), ("flags.json", true), ("flags.json", false)] {
        let format = Format::of_path(name.as_ref()).unwrap();
        let folder = Folder::with(name, flags(format, 40, 1));
        let watched = Watched::open(folder.path(name));
        match rename {
            true => folder.rename_into_place(name, flags(format, 20, 2)),
            false => folder.write(name, flags(format, 20, 2)),
        }
        watched.serves(2);
        assert!(watched.drain().iter().all(|update| !matches!(update, Update::Held { .. })));
    }
}

#[test]
fn few_lost_flags_are_no_reason_for_doubt() {
    // Four of forty, and ten of a hundred: at most a tenth, or fewer than five.
    for (before, after) in [(40, 36), (100, 90), (4, 1)] {
        let folder = Folder::with("flags.yaml", flags(Format::Yaml, before, 1));
        let watched = Watched::open(folder.path("flags.yaml"));
        let written = Instant::now();
        folder.write("flags.yaml", flags(Format::Yaml, after, 2));
        watched.serves(2);
        let held = watched.drain().iter().any(|update| matches!(update, Update::Held { .. }));
        assert!(!held, "{before} to {after} after {:?}", written.elapsed());
    }
}

#[test]
fn a_refusal_is_told_once_however_often_it_is_read() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let probe = Probe::new(folder.path("flags.json"));
    let reads = probe.reads();
    let watched = Watched::new(Client::builder().source(probe));
    folder.rename_into_place("flags.json", "{");
    watched.refuses("syntax");
    let after = reads.load(Ordering::SeqCst);
    for _ in 0..5 {
        folder.rename_into_place("flags.json", "{");
        watched.client.refresh();
    }
    assert!(reads.load(Ordering::SeqCst) >= after + 5);
    assert!(watched.drain().is_empty());
    // Another mistake is another refusal.
    folder.rename_into_place("flags.json", "[]");
    watched.refuses("wrong-type");
}

#[test]
fn a_refusal_names_the_place_and_what_is_served() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let watched = Watched::open(folder.path("flags.json"));
    folder.rename_into_place("flags.json", "{\"flags\": {\n  oops}}");
    let Some(Update::Refused { source, findings, serving }) =
        watched.updates.next_within(crate::common::files::PATIENCE)
    else {
        panic!("no refusal");
    };
    let path = folder.path("flags.json").display().to_string();
    assert_eq!((source, serving), (path.clone(), 1));
    assert!(findings.to_string().starts_with(&format!("{path}:2:3:")), "{findings}");
}

#[test]
fn what_was_refused_is_forgotten_when_the_good_file_is_back() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let watched = Watched::open(folder.path("flags.json"));
    folder.rename_into_place("flags.json", "{");
    watched.refuses("syntax");
    folder.rename_into_place("flags.json", one("flags.json", 1));
    watched.until("nothing is refused", |client| client.status()[0].refused.is_none());
    assert_eq!(watched.client.snapshot().revision(), 1);
    // The same mistake again is told again.
    folder.rename_into_place("flags.json", "{");
    watched.refuses("syntax");
}

#[test]
fn every_prefix_of_a_json_file_keeps_what_is_served() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let client = Client::builder().path(folder.path("flags.json")).watch(false).build().unwrap();
    let text = flags_named(Format::Json, ["flag-0", "flag-1"], 2);
    let whole = text.trim_end().len();
    for end in 0..whole {
        folder.write("flags.json", &text[..end]);
        let error = Client::open(folder.path("flags.json")).err();
        assert!(error.is_some(), "{} was taken", &text[..end]);
        client.refresh();
        assert_eq!(client.integer("flag-0", "", -1), 1);
    }
}

#[test]
fn a_file_renamed_into_place_and_then_written_in_place_is_not_taken_for_whole() {
    let text = |value| flags(Format::Yaml, 40, value);
    let folder = Folder::with("flags.yaml", text(0));
    let short = Arc::new(AtomicUsize::new(0));
    let counted = short.clone();
    let builder = Client::builder().path(folder.path("flags.yaml")).on_update(move |update| {
        if let Update::Changed(change) = update
            && change.after().len() < 40
        {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let watched = Watched::new(builder);
    let mut rests = 0;
    for value in (1..200).step_by(2) {
        folder.rename_into_place("flags.yaml", text(value));
        let next = text(value + 1);
        // Two flags are too few for doubt.
        let (half, rest) = next.split_at(next.find("  flag-38:").unwrap());
        let mut file = std::fs::File::create(folder.path("flags.yaml")).unwrap();
        file.write_all(half.as_bytes()).unwrap();
        let begin = Instant::now();
        std::thread::sleep(Duration::from_millis(3));
        file.write_all(rest.as_bytes()).unwrap();
        // A writer that is stopped for longer than it takes to settle cannot be told from one that is done.
        rests += usize::from(begin.elapsed() >= Duration::from_millis(45));
    }
    watched.serves(200);
    let short = short.load(Ordering::SeqCst);
    assert!(short <= rests, "{short} halves of files were served; the writer rested {rests} times");
}

#[test]
fn a_slow_read_does_not_count_as_time_to_settle() {
    /// Told of a change, delivers it in doubt, and takes longer to read it than it takes to settle.
    struct Slow {
        reads: Arc<Mutex<Vec<(Instant, Instant)>>>,
    }
    impl Source for Slow {
        fn name(&self) -> &str {
            "slow"
        }
        fn read(&mut self) -> Result<Content, SourceError> {
            let begin = Instant::now();
            let mut reads = self.reads.lock().unwrap();
            let value = reads.len().min(1) as i64;
            if reads.len() == 1 {
                std::thread::sleep(Duration::from_millis(70));
            }
            reads.push((begin, Instant::now()));
            let mut content = Content::of("slow", Format::Yaml, one("slow.yaml", value).into_bytes());
            content.completeness = Completeness::Unsure;
            Ok(content)
        }
        fn watch(&mut self, changed: Notifier) {
            changed.notify();
        }
    }
    let reads = Arc::default();
    let watched = Watched::new(Client::builder().source(Slow { reads: Arc::clone(&reads) }));
    watched.serves(1);
    let reads = reads.lock().unwrap();
    let (first_end, last_begin) = (reads[1].1, reads.last().unwrap().0);
    assert!(last_begin - first_end >= Duration::from_millis(50), "{:?}", last_begin - first_end);
}
