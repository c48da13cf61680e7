//! What is shown of the flags under each selector: made once per revision, shared by all who listen.

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Arc, Weak};

use axum::http::HeaderMap;
use flagcore::bucketing::Bucketing;
use flagcore::snapshot::{View, WrittenFlag};
use flagcore::{Client, Selector};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tonic::Code;

use crate::wire::{self, Failure};

/// Something that is made of the flags under a selector.
pub trait Shown: Sized + Send + Sync + 'static {
    /// What it is made with, beside the flags.
    type Setup: Send + Sync + 'static;

    /// Makes it; where it is the same as before, it is what was there before.
    fn make(view: View<'_>, setup: &Self::Setup, before: Option<&Arc<Self>>) -> Arc<Self>;

    /// It was made, and is not what was there before.
    fn made(&self, _selector: &Selector, _setup: &Self::Setup) {}
}

/// A topic for each selector that somebody listens to.
///
/// Whatever is made is made once for each revision and selector, off the threads that answer requests: of those who
/// want it in the same moment one has it made, and the others wait without holding a thread.
pub struct Topics<S: Shown> {
    client: Client,
    setup: S::Setup,
    /// By the selector's text. A topic lives as long as somebody holds it.
    topics: Mutex<HashMap<String, Weak<Topic<S>>>>,
    /// What all selectors show that match nothing, as long as somebody holds it.
    nothing: Mutex<Weak<S>>,
    /// How many are made at once: no more than there are cores, however many selectors are listened to.
    makers: Arc<Semaphore>,
}

/// What is shown under one selector.
pub struct Topic<S> {
    pub(super) selector: Selector,
    latest: Mutex<Option<Latest<S>>>,
    /// Held while it is made; waited for as long as that takes, which is why it is none of the locks above.
    making: Arc<tokio::sync::Mutex<()>>,
}

struct Latest<S> {
    /// The revision that was looked at last.
    revision: u64,
    /// Made at that revision, or before where nothing changed since.
    shown: Arc<S>,
}

impl<S: Shown> Topics<S> {
    /// None yet.
    pub fn new(client: Client, setup: S::Setup) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let makers = Arc::new(Semaphore::new(cores));
        Self { client, setup, topics: Mutex::default(), nothing: Mutex::default(), makers }
    }

    /// What things are made with.
    pub fn setup(&self) -> &S::Setup {
        &self.setup
    }

    /// The topic of a selector.
    pub fn topic(&self, selector: Selector) -> Arc<Topic<S>> {
        let name = selector.to_string();
        let mut topics = self.topics.lock();
        if let Some(topic) = topics.get(&name).and_then(Weak::upgrade) {
            return topic;
        }
        // Selectors are whatever callers send: those that nobody listens to any more go before the table grows.
        if topics.len() == topics.capacity() {
            topics.retain(|_, topic| topic.strong_count() > 0);
        }
        let topic = Arc::new(Topic { selector, latest: Mutex::default(), making: Arc::default() });
        topics.insert(name, Arc::downgrade(&topic));
        topic
    }

    /// What a topic shows now. The same as before is the same allocation.
    pub async fn current(self: &Arc<Self>, topic: &Arc<Topic<S>>) -> Arc<S> {
        self.current_at(topic).await.0
    }

    /// The same, with the revision that was looked at.
    pub async fn current_at(self: &Arc<Self>, topic: &Arc<Topic<S>>) -> (Arc<S>, u64) {
        if let Some(known) = self.known(topic) {
            return known;
        }
        let making = topic.making.clone().lock_owned().await;
        // Whoever had it before has most likely made what is wanted.
        if let Some(known) = self.known(topic) {
            return known;
        }
        // It is never closed.
        let maker = self.makers.clone().acquire_owned().await.ok();
        let (topics, topic) = (self.clone(), topic.clone());
        let made = spawn_blocking(move || {
            let made = topics.make(&topic);
            // Kept here, so that who stops to wait does not let another one make the same again.
            drop((making, maker));
            made
        });
        match made.await {
            Ok(made) => made,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Not run at all: the runtime ends, and this with it.
                Err(_) => pending().await,
            },
        }
    }

    /// What was made already, if it is as new as what is served.
    fn known(&self, topic: &Topic<S>) -> Option<(Arc<S>, u64)> {
        let revision = self.client.snapshot().revision();
        let latest = topic.latest.lock();
        latest.as_ref().filter(|known| known.revision >= revision).map(|it| (it.shown.clone(), it.revision))
    }

    /// Makes what a topic shows. One at a time for a topic, so that nothing older comes after something newer.
    fn make(&self, topic: &Topic<S>) -> (Arc<S>, u64) {
        let snapshot = self.client.snapshot();
        let before = topic.latest.lock().as_ref().map(|latest| latest.shown.clone());
        let view = snapshot.view(&topic.selector);
        let is_nothing = !topic.selector.is_empty() && view.flags().next().is_none();
        let shared = if is_nothing { self.nothing.lock().upgrade() } else { None };
        let shown = shared.unwrap_or_else(|| S::make(view, &self.setup, before.as_ref()));
        if is_nothing {
            *self.nothing.lock() = Arc::downgrade(&shown);
        }
        if before.is_none_or(|before| !Arc::ptr_eq(&before, &shown)) {
            shown.made(&topic.selector, &self.setup);
        }
        let revision = snapshot.revision();
        *topic.latest.lock() = Some(Latest { revision, shown: shown.clone() });
        (shown, revision)
    }
}

impl<S: Shown> fmt::Debug for Topics<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Topic<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("selector", &self.selector).finish_non_exhaustive()
    }
}

/// The selector of a request: its header, or what the request says itself.
///
/// # Errors
///
/// Where it is none.
pub fn selector(headers: &HeaderMap, said: &str) -> Result<Selector, Failure> {
    let header = wire::selector::told(headers);
    let text = header.as_deref().unwrap_or(said);
    text.parse().map_err(|error| Failure::new(Code::InvalidArgument, format!("invalid selector: {error}")))
}

/// The flags of a view sorted by key, each key once: its first flag set is the one that evaluations see.
pub(super) fn by_key(view: View<'_>) -> Vec<WrittenFlag<'_>> {
    let mut flags: Vec<_> = view.flags().collect();
    if flags.iter().any(|flag| flag.flag_set_id.is_some()) {
        flags.sort_by_key(|flag| flag.key);
        flags.dedup_by_key(|flag| flag.key);
    }
    flags
}

/// The generation of bucketing that decides what a flag answers, beside its definition; empty where nothing does.
///
/// A text that merely names the operator is taken for a split: one change too many is told, and none too few.
pub fn generation(flag: &WrittenFlag<'_>) -> &'static str {
    if flag.bucketing == Bucketing::default() || !flag.json.contains("\"fractional\"") {
        return "";
    }
    Bucketing::NAMES.iter().find(|(_, generation)| *generation == flag.bucketing).map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use flagcore::model::Format;

    use super::*;

    /// Takes as long to make as a test wants it to.
    struct Slow;

    /// How often it was made; and who lets it be made.
    type Setup = (AtomicU32, Mutex<Receiver<()>>);

    impl Shown for Slow {
        type Setup = Setup;

        fn make(_: View<'_>, (made, release): &Setup, _: Option<&Arc<Self>>) -> Arc<Self> {
            made.fetch_add(1, Ordering::Relaxed);
            // A thread that waited for its own end would wait for ever.
            let _ = release.lock().recv_timeout(Duration::from_secs(20));
            Arc::new(Self)
        }
    }

    fn topics() -> (Arc<Topics<Slow>>, std::sync::mpsc::Sender<()>, Client) {
        let flags = r#"{"flags":{"a":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}}}"#;
        let builder = Client::builder().keep_json(true).watch(false);
        let client = builder.bytes("a.json", flags, Format::Json).build().unwrap();
        let (release, released) = channel();
        let setup = (AtomicU32::new(0), Mutex::new(released));
        (Arc::new(Topics::new(client.clone(), setup)), release, client)
    }

    #[tokio::test]
    async fn whoever_waits_for_it_holds_no_thread_and_it_is_made_once() {
        let (topics, release, _client) = topics();
        let topic = topics.topic(Selector::default());
        // One of them goes before it is there, and it is not made again for that.
        let asked: Vec<_> = (0..100)
            .map(|_| {
                let (topics, topic) = (topics.clone(), topic.clone());
                tokio::spawn(async move { topics.current(&topic).await })
            })
            .collect();
        // There is one thread here. That this goes on while it is being made is what is looked at.
        while topics.setup().0.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        asked[0].abort();
        release.send(()).unwrap();
        let mut all = Vec::new();
        for asked in asked.into_iter().skip(1) {
            all.push(asked.await.unwrap());
        }
        assert!(all.iter().all(|shown| Arc::ptr_eq(shown, &all[0])));
        assert_eq!(topics.setup().0.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn selectors_that_match_nothing_show_the_same_nothing() {
        let (topics, release, _client) = topics();
        drop(release);
        let of = |id: &str| topics.topic(Selector::flag_set(id));
        let (one, other) = (topics.current(&of("one")).await, topics.current(&of("other")).await);
        assert!(Arc::ptr_eq(&one, &other));
        let all = topics.current(&topics.topic(Selector::default())).await;
        assert!(!Arc::ptr_eq(&one, &all));
        assert_eq!(topics.setup().0.load(Ordering::Relaxed), 2);
    }
}
