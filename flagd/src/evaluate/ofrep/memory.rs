//! What was answered before: who asks the same again, with the tag of that answer, costs no evaluation.
//!
//! An answer follows from the flags, the request and what the daemon adds to it, unless a rule asked for the time. All
//! that it follows from goes into the digest of a request; a change of the flags leaves old digests to be forgotten.

use std::collections::HashMap;
use std::mem;

use axum::http::HeaderMap;
use parking_lot::Mutex;
use xxhash_rust::xxh3::Xxh3;

use super::tag::Tag;
use crate::settings::Settings;
use crate::wire::selector;

/// What tells one request from another, as far as its answer is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked(u128);

/// The tags of the last answers, by what was asked.
#[derive(Debug)]
pub(super) struct Memory {
    /// Nobody can know which requests look alike.
    seed: u64,
    generations: Mutex<Generations>,
}

/// What was remembered since the last turn, and before it. Whoever is asked for again stays.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Asked, Tag>,
    old: HashMap<Asked, Tag>,
}

impl Memory {
    pub(super) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self { seed: RandomState::new().hash_one(0), generations: Mutex::default() }
    }

    /// The digest of a request to flags of this revision.
    pub(super) fn asked(
        &self,
        revision: u64,
        body: &[u8],
        headers: &HeaderMap,
        settings: &Settings,
    ) -> Asked {
        let mut digest = Xxh3::with_seed(self.seed);
        let mut part = |bytes: Option<&[u8]>| {
            // The length keeps parts apart, and an empty one from none.
            let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
            digest.update(&length.to_le_bytes());
            digest.update(bytes.unwrap_or_default());
        };
        part(Some(&revision.to_le_bytes()));
        part(Some(body));
        part(headers.get(&selector::HEADER).map(|value| value.as_bytes()));
        for (header, _) in &settings.context_from_header {
            part(headers.get(header.as_str()).map(|value| value.as_bytes()));
        }
        Asked(digest.digest128())
    }

    /// The tag of the answer that was given before.
    pub(super) fn tag(&self, asked: Asked) -> Option<Tag> {
        let mut generations = self.generations.lock();
        if let Some(tag) = generations.young.get(&asked) {
            return Some(*tag);
        }
        let tag = generations.old.remove(&asked)?;
        generations.put(asked, tag);
        Some(tag)
    }

    pub(super) fn remember(&self, asked: Asked, tag: Tag) {
        self.generations.lock().put(asked, tag);
    }
}

impl Generations {
    fn put(&mut self, asked: Asked, tag: Tag) {
        if self.young.len() >= MOST {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(asked, tag);
    }
}

/// How many answers a generation remembers: both together take a quarter of a mebibyte.
const MOST: usize = 2_048;

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn whatever_an_answer_follows_from_tells_requests_apart() {
        let memory = Memory::new();
        let settings = Settings {
            context_from_header: vec![("x-plan".into(), "plan".into()), ("x-team".into(), "team".into())],
            ..Settings::default()
        };
        let headers = |entries: &[(&'static str, &'static str)]| -> HeaderMap {
            entries
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect()
        };
        let requests = [
            (1, "{}", headers(&[])),
            (2, "{}", headers(&[])),
            (1, "", headers(&[])),
            (1, "{}", headers(&[("flagd-selector", "a")])),
            (1, "{}", headers(&[("flagd-selector", "")])),
            (1, "{}", headers(&[("x-plan", "a")])),
            (1, "{}", headers(&[("x-team", "a")])),
            (1, "{}", headers(&[("x-plan", "")])),
            (1, "{}", headers(&[("x-plan", "a"), ("flagd-selector", "a")])),
        ];
        let asked: Vec<_> = requests
            .iter()
            .map(|(revision, body, headers)| memory.asked(*revision, body.as_bytes(), headers, &settings))
            .collect();
        for (at, one) in asked.iter().enumerate() {
            assert!(!asked[..at].contains(one), "{:?}", requests[at]);
        }
        // What nothing follows from does not.
        let other = headers(&[("x-other", "a")]);
        assert_eq!(memory.asked(1, b"{}", &other, &settings), asked[0]);
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_asked_for() {
        let memory = Memory::new();
        let kept = Asked(0);
        for number in 0..10 * MOST as u128 {
            memory.remember(Asked(number), Tag::of(&number.to_le_bytes()));
            assert_eq!(memory.tag(kept), Some(Tag::of(&0_u128.to_le_bytes())), "{number}");
        }
        assert_eq!(memory.tag(Asked(1)), None);
        let generations = memory.generations.lock();
        assert!(generations.young.len() <= MOST && generations.old.len() <= MOST);
    }
}
