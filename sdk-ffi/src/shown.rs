//! What is made of a snapshot once, and lent as long as it is: JSON of its objects, and members of its metadata.
//!
//! The same object of one snapshot has the same text at the same place, so that whoever made something of it (a language's
//! own object) can find that by the pointer.

use std::fmt::{self, Write};

use flagcore::detail::Metadata;
use hashbrown::HashMap;

use crate::text::Text;
use crate::value::{CValue, Member};

/// Texts and members made of one snapshot.
#[derive(Debug)]
pub(crate) struct Shown {
    revision: u64,
    json: HashMap<usize, Box<str>, foldhash::fast::RandomState>,
    members: HashMap<usize, Box<[Member]>, foldhash::fast::RandomState>,
    /// The members that were asked for last, each at a place that its address says.
    recent: [(usize, *const Member, usize); RECENT],
    /// What an answer is not, in words; until the next one.
    message: String,
}

// SAFETY: the members' pointers lead to what this and its snapshot own.
unsafe impl Send for Shown {}
// SAFETY: as above; changed through `&mut` alone.
unsafe impl Sync for Shown {}

const RECENT: usize = 32;
const NO_MEMBERS: (usize, *const Member, usize) = (0, std::ptr::null(), 0);

/// Where members of this address are kept.
#[inline(always)]
fn recent(place: usize) -> usize {
    (place >> 6 ^ place >> 11) % RECENT
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            revision: 0,
            json: HashMap::default(),
            members: HashMap::default(),
            recent: [NO_MEMBERS; RECENT],
            message: String::new(),
        }
    }
}

impl Shown {
    /// Lets go of what was made of another snapshot.
    #[inline]
    pub(crate) fn fit(&mut self, revision: u64) {
        if self.revision != revision {
            self.revision = revision;
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.json.clear();
        self.members.clear();
        self.recent = [NO_MEMBERS; RECENT];
    }

    /// The JSON of something that stands in the snapshot.
    pub(crate) fn json<T>(&mut self, place: &T, text: impl fmt::Display) -> Text {
        let place = std::ptr::from_ref(place).addr();
        Text::of(self.json.entry(place).or_insert_with(|| text.to_string().into()))
    }

    /// The members of metadata that stands in the snapshot.
    #[inline]
    pub(crate) fn members(&mut self, metadata: Metadata<'_>) -> (*const Member, usize) {
        // The last one tells flags apart: the first may be the selector's, which all flags have.
        let Some((_, last)) = metadata.iter().last() else { return (std::ptr::null(), 0) };
        let place = std::ptr::from_ref(last).addr();
        // PERF: flags that are asked for again and again are found without hashing.
        match self.recent.get(recent(place)) {
            Some((known, members, count)) if *known == place => (*members, *count),
            _ => self.members_of(place, metadata),
        }
    }

    #[inline(never)]
    fn members_of(&mut self, place: usize, metadata: Metadata<'_>) -> (*const Member, usize) {
        if !self.members.contains_key(&place) {
            let member = |(name, value)| Member { name: Text::of(name), value: CValue::of(value, self) };
            let made: Box<[Member]> = metadata.iter().map(member).collect();
            self.members.insert(place, made);
        }
        let found =
            self.members.get(&place).map_or((std::ptr::null(), 0), |made| (made.as_ptr(), made.len()));
        if let Some(kept) = self.recent.get_mut(recent(place)) {
            *kept = (place, found.0, found.1);
        }
        found
    }

    /// The text that was lent last.
    pub(crate) fn last_message(&self) -> &str {
        &self.message
    }

    /// A text that is lent until the next one.
    pub(crate) fn message(&mut self, text: fmt::Arguments<'_>) -> Text {
        self.message.clear();
        // What cannot be shown has shown a part of it.
        let _ = self.message.write_fmt(text);
        Text::of(&self.message)
    }
}
