//! What is shown of the flags under each selector: made once per revision, shared by all who listen.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use axum::http::HeaderMap;
use flagcore::bucketing::Bucketing;
use flagcore::snapshot::{View, WrittenFlag};
use flagcore::{Client, Selector};
use tonic::Code;

use crate::wire::Failure;

/// Something that is made of the flags under a selector.
pub trait Shown: Sized {
    /// What it is made with, beside the flags.
    type Setup;

    /// Makes it; where it is the same as before, it is what was there before.
    fn make(view: View<'_>, setup: &Self::Setup, before: Option<&Arc<Self>>) -> Arc<Self>;

    /// It was made, and is not what was there before.
    fn made(&self, _selector: &Selector, _setup: &Self::Setup) {}
}

/// A topic for each selector that somebody listens to.
pub struct Topics<S: Shown> {
    client: Client,
    setup: S::Setup,
    /// By the selector's text. A topic lives as long as somebody holds it.
    topics: Mutex<HashMap<String, Weak<Topic<S>>>>,
}

/// What is shown under one selector.
pub struct Topic<S> {
    pub(super) selector: Selector,
    latest: Mutex<Option<Latest<S>>>,
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
        Self { client, setup, topics: Mutex::default() }
    }

    /// What things are made with.
    pub fn setup(&self) -> &S::Setup {
        &self.setup
    }

    /// The topic of a selector.
    pub fn topic(&self, selector: Selector) -> Arc<Topic<S>> {
        let name = selector.to_string();
        let mut topics = lock(&self.topics);
        if let Some(topic) = topics.get(&name).and_then(Weak::upgrade) {
            return topic;
        }
        // Selectors are whatever callers send: those that nobody listens to any more go before the table grows.
        if topics.len() == topics.capacity() {
            topics.retain(|_, topic| topic.strong_count() > 0);
        }
        let topic = Arc::new(Topic { selector, latest: Mutex::default() });
        topics.insert(name, Arc::downgrade(&topic));
        topic
    }

    /// What a topic shows now. The same as before is the same allocation.
    pub fn current(&self, topic: &Topic<S>) -> Arc<S> {
        self.current_at(topic).0
    }

    /// The same, with the revision that was looked at.
    pub fn current_at(&self, topic: &Topic<S>) -> (Arc<S>, u64) {
        let mut latest = lock(&topic.latest);
        // Taken under the lock, so that nothing older comes after something newer.
        let snapshot = self.client.snapshot();
        if let Some(known) = latest.as_ref().filter(|known| known.revision == snapshot.revision()) {
            return (known.shown.clone(), known.revision);
        }
        let before = latest.take().map(|latest| latest.shown);
        let shown = S::make(snapshot.view(&topic.selector), &self.setup, before.as_ref());
        if before.is_none_or(|before| !Arc::ptr_eq(&before, &shown)) {
            shown.made(&topic.selector, &self.setup);
        }
        let revision = snapshot.revision();
        *latest = Some(Latest { revision, shown: shown.clone() });
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
    let header = headers.get("flagd-selector").map(|header| String::from_utf8_lossy(header.as_bytes()));
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
