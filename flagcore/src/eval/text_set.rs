//! Texts to look one up in: few are compared, many are hashed.

use std::hash::BuildHasher;

use crate::context::{head, same_rest};

/// Texts to look one up in.
#[derive(Debug)]
pub struct TextSet {
    /// The texts in the order of the rule.
    pub texts: Box<[Box<str>]>,
    finder: Finder,
}

impl TextSet {
    /// A set of these texts.
    pub fn new(texts: Vec<Box<str>>) -> Self {
        // PERF: up to so many, comparing beats hashing (benchmark `eval`, rows with lists).
        const SCANNED: usize = 12;
        let finder = if texts.len() > SCANNED {
            Finder::Hash(Box::new(HashIndex::new(&texts)))
        } else {
            Finder::Scan(texts.iter().map(|text| head(text.as_bytes())).collect())
        };
        Self { texts: texts.into_boxed_slice(), finder }
    }

    /// Whether a text is among them.
    #[inline(always)]
    pub fn contains(&self, text: &str) -> bool {
        let heads = match &self.finder {
            Finder::Scan(heads) => heads,
            Finder::Hash(index) => return index.contains(&self.texts, text),
        };
        let wanted = head(text.as_bytes());
        for (head, known) in heads.iter().zip(&self.texts) {
            if *head == wanted && known.len() == text.len() && same_rest(known, text) {
                return true;
            }
        }
        false
    }
}

/// Sets of the same texts in the same order are equal, whatever their hashes.
impl PartialEq for TextSet {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

/// How a text is found.
#[derive(Debug)]
enum Finder {
    /// By the beginning of each text.
    Scan(Box<[u64]>),
    /// By hash, in a set too large to scan.
    Hash(Box<HashIndex>),
}

/// Where the text of a hash is.
#[derive(Debug, Default)]
struct HashIndex {
    places: hashbrown::HashTable<u32>,
    /// The bytes of the longest text: no longer one is hashed, because it may be as long as a context allows.
    longest: usize,
    hasher: foldhash::fast::RandomState,
}

impl HashIndex {
    fn new(texts: &[Box<str>]) -> Self {
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut index = Self { longest, ..Self::default() };
        let HashIndex { places, hasher, .. } = &mut index;
        for (place, text) in (0..).zip(texts) {
            let (hash, hash_at) = (hasher.hash_one(&**text), |at: &u32| hasher.hash_one(text_at(texts, *at)));
            places.entry(hash, |at| text_at(texts, *at) == &**text, hash_at).or_insert(place);
        }
        index
    }

    #[inline(never)]
    fn contains(&self, texts: &[Box<str>], text: &str) -> bool {
        text.len() <= self.longest
            && self.places.find(self.hasher.hash_one(text), |at| text_at(texts, *at) == text).is_some()
    }
}

fn text_at(texts: &[Box<str>], at: u32) -> &str {
    texts.get(at as usize).map_or("", |text| text)
}
