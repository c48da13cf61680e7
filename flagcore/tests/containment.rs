//! What others' code does wrong stays where it happens: a source or a listener that panics.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flagcore::change::Update;
use flagcore::client::OnMissing;
use flagcore::model::Format;
use flagcore::source::{Content, Notifier, Source, SourceError};
use flagcore::{Client, Error};

fn flags(on: bool) -> Vec<u8> {
    let variant = if on { "on" } else { "off" };
    let flag =
        format!(r#"{{"state":"ENABLED","variants":{{"on":true,"off":false}},"defaultVariant":"{variant}"}}"#);
    format!(r#"{{"flags":{{"a":{flag}}}}}"#).into_bytes()
}

/// What a source does when it is asked.
#[derive(Clone, Copy)]
enum Does {
    Gives(bool),
    Panics,
}

/// A source that does as it is told.
#[derive(Clone)]
struct Told {
    does: Arc<Mutex<Does>>,
    notifier: Arc<Mutex<Option<Notifier>>>,
    poll_panics: bool,
}

impl Told {
    fn new(does: Does) -> Self {
        Self { does: Arc::new(Mutex::new(does)), notifier: Arc::default(), poll_panics: false }
    }

    fn tell(&self, does: Does) {
        *self.does.lock().unwrap() = does;
        if let Some(notifier) = &*self.notifier.lock().unwrap() {
            notifier.notify();
        }
    }
}

impl Source for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn read(&mut self) -> Result<Content, SourceError> {
        let does = *self.does.lock().unwrap();
        match does {
            Does::Gives(on) => Ok(Content::of("told", Format::Json, flags(on))),
            Does::Panics => panic!("a source that panics, as the test wants it"),
        }
    }

    fn watch(&mut self, changed: Notifier) {
        *self.notifier.lock().unwrap() = Some(changed);
    }

    fn poll(&mut self) -> bool {
        assert!(!self.poll_panics, "a poll that panics, as the test wants it");
        false
    }
}

#[test]
fn a_source_that_panics_is_one_that_cannot_be_read() {
    let source = Told::new(Does::Gives(true));
    let client = Client::builder().watch(false).source(source.clone()).build().unwrap();
    let updates = client.updates();
    for _ in 0..3 {
        source.tell(Does::Panics);
        client.refresh();
        assert!(client.is_enabled("a", "user"), "what was served is served on");
        let refused = client.status()[0].refused.clone().unwrap();
        assert_eq!(
            refused.findings.to_string(),
            "told: error[unreadable]: it cannot be read: reading it panicked"
        );
        source.tell(Does::Gives(false));
        client.refresh();
        assert!(!client.is_enabled("a", "user"), "it recovers by itself");
        source.tell(Does::Gives(true));
        client.refresh();
        assert!(client.is_enabled("a", "user"));
    }
    assert!(matches!(updates.try_next(), Some(Update::Refused { .. })));
}

#[test]
fn a_source_that_panics_at_the_start_is_told_or_waited_for() {
    let source = Told::new(Does::Panics);
    let error = Client::builder().watch(false).source(source.clone()).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "told: error[unreadable]: it cannot be read: reading it panicked\n1 problem; nothing of it is served"
    );
    let waiting = Client::builder().watch(false).on_missing(OnMissing::Wait).source(source.clone());
    let client = waiting.build().unwrap();
    assert!(!client.is_enabled("a", "user") && !client.is_ready());
    source.tell(Does::Gives(true));
    client.refresh();
    assert!(client.is_enabled("a", "user") && client.is_ready());
}

#[test]
fn a_poll_that_panics_only_means_that_there_may_be_news() {
    let mut source = Told::new(Does::Gives(true));
    source.poll_panics = true;
    let client = Client::builder().watch(false).source(source.clone()).build().unwrap();
    source.tell(Does::Gives(false));
    client.refresh();
    assert!(!client.is_enabled("a", "user"));
}

#[cfg(feature = "watch")]
#[test]
fn a_source_that_panics_does_not_end_the_watching() {
    let source = Told::new(Does::Gives(true));
    let client = Client::builder().source(source.clone()).build().unwrap();
    let updates = client.updates();
    let next = || updates.next_within(Duration::from_secs(30)).unwrap();
    source.tell(Does::Panics);
    assert!(matches!(next(), Update::Refused { .. }));
    source.tell(Does::Gives(false));
    assert!(matches!(next(), Update::Changed(_)));
    assert!(!client.is_enabled("a", "user"));
}

#[test]
fn a_listener_that_panics_harms_nobody_else() {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = |heard: &Arc<AtomicUsize>| {
        let heard = heard.clone();
        move |_: &Update| {
            heard.fetch_add(1, SeqCst);
        }
    };
    let panics = |_: &Update| panic!("a listener that panics, as the test wants it");
    let builder = Client::builder().watch(false).on_update(count(&heard)).on_update(panics);
    let client = builder.on_update(count(&heard)).bytes("a", flags(true), Format::Json).build().unwrap();
    assert_eq!(heard.load(SeqCst), 2, "the first publication");
    client.on_update(panics);
    client.on_update(count(&heard));
    client.update("a", flags(false), Format::Json).unwrap();
    assert_eq!(heard.load(SeqCst), 5);
    assert!(!client.is_enabled("a", "user"));
    assert!(client.update("a", "{", Format::Json).is_err());
    assert_eq!(heard.load(SeqCst), 8, "refusals too");
    client.refresh();
    assert_eq!(client.snapshots_alive(), 1, "nobody holds the old one");
}

#[test]
fn every_error_says_what_it_is() {
    let client = Client::from_bytes(flags(true), Format::Json).unwrap();
    let texts = [
        (
            client.update("b", flags(true), Format::Json).unwrap_err(),
            "no source that takes bytes is called `b`",
        ),
        (
            client.update("a\u{1b}[2J", flags(true), Format::Json).unwrap_err(),
            "no source that takes bytes is called `a\\u{1b}[2J`",
        ),
        (
            client.update("flags", "[]", Format::Json).unwrap_err(),
            "flags:1:1: error[wrong-type]: the document is a list; it must be an object with `flags`\n  help: write for example `{ \"flags\": {} }`\n1 problem; nothing of it is served",
        ),
        (
            client.update("flags", r#"{"flags":{"a":5,"b":6}}"#, Format::Json).unwrap_err(),
            "flags:1:15: error[wrong-type]: flag `a` is a number; it must be an object\n  at: /flags/a\n  help: write its words, for example `{ \"state\": \"ENABLED\", \"variants\": … }`\nflags:1:21: error[wrong-type]: flag `b` is a number; it must be an object\n  at: /flags/b\n  help: write its words, for example `{ \"state\": \"ENABLED\", \"variants\": … }`\n2 problems; nothing of it is served",
        ),
        (
            Error::Thread { reason: "no more of them".to_owned() },
            "the thread that watches files could not be started: no more of them",
        ),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
    }
    assert!(client.is_enabled("a", "user"));
}
