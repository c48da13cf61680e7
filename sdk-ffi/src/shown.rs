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
#[derive(Debug, Default)]
pub(crate) struct Shown {
    revision: u64,
    json: HashMap<usize, Box<str>, foldhash::fast::RandomState>,
    members: HashMap<usize, Box<[Member]>, foldhash::fast::RandomState>,
    /// What an answer is not, in words; until the next one.
    message: String,
}

// SAFETY: the members' pointers lead to what this and its snapshot own.
unsafe impl Send for Shown {}
// SAFETY: as above; changed through `&mut` alone.
unsafe impl Sync for Shown {}

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
    }

    /// The JSON of something that stands in the snapshot.
    pub(crate) fn json<T>(&mut self, place: &T, text: impl fmt::Display) -> Text {
        let place = std::ptr::from_ref(place).addr();
        Text::of(self.json.entry(place).or_insert_with(|| text.to_string().into()))
    }

    /// The members of metadata that stands in the snapshot.
    pub(crate) fn members(&mut self, metadata: Metadata<'_>) -> (*const Member, usize) {
        let Some((_, first)) = metadata.iter().next() else { return (std::ptr::null(), 0) };
        let place = std::ptr::from_ref(first).addr();
        if !self.members.contains_key(&place) {
            let member = |(name, value)| Member { name: Text::of(name), value: CValue::of(value, self) };
            let made: Box<[Member]> = metadata.iter().map(member).collect();
            self.members.insert(place, made);
        }
        self.members.get(&place).map_or((std::ptr::null(), 0), |made| (made.as_ptr(), made.len()))
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
