//! The words that members are looked up by, as the reference folds and orders them.

use crate::diagnostic::{Place, Pointer, Problem};
use crate::model::document::TextId;
use crate::model::{Kind, Member, NodeId};
use crate::text::excerpt;

use super::reader::Reader;
use super::shadow::SHADOW;

/// Words at the top of a file.
pub(super) const FILE_WORDS: &[&str] = &["flags", "$evaluators", "metadata", "$schema", "bucketing"];

/// Words of a flag.
pub(super) const FLAG_WORDS: &[&str] =
    &["state", "variants", "defaultVariant", "targeting", "metadata", SHADOW];

/// Words of a flag that people need not write: `key` in the array form, `source` on the reference's wire.
pub(super) const FLAG_WORDS_BESIDE: &[&str] = &["key", "source"];

/// Whether a written name is this word to the reference, which folds case.
pub(super) fn is_word(written: &str, word: &str) -> bool {
    written == word || {
        // Two letters beyond ASCII fold into ASCII: the long s and the Kelvin sign.
        let fold = |c: char| match c {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            c => c.to_ascii_lowercase(),
        };
        written.chars().map(fold).eq(word.chars().map(|c| c.to_ascii_lowercase()))
    }
}

/// The members of an object that are one of its words, each word with its spellings in the order of their bytes.
#[derive(Default)]
pub(super) struct Words<'d> {
    by_word: Vec<(&'static str, Vec<&'d Member>)>,
}

impl<'d> Words<'d> {
    pub(super) fn is_empty(&self) -> bool {
        self.by_word.is_empty()
    }

    pub(super) fn get(&self, word: &str) -> &[&'d Member] {
        self.by_word.iter().find(|(known, _)| *known == word).map_or(&[], |(_, members)| members)
    }
}

impl<'d> Reader<'d, '_> {
    /// Sorts the members of an object by word, and tells of those that are none.
    pub(super) fn words(
        &mut self,
        node: NodeId,
        known: &'static [&'static str],
        beside: &'static [&'static str],
        at: &Pointer<'_>,
    ) -> Words<'d> {
        let document = self.document();
        let Kind::Object(range) = self.kind(node) else { return Words { by_word: Vec::new() } };
        let mut by_word: Vec<(&'static str, Vec<&'d Member>)> = Vec::with_capacity(known.len());
        for member in document.members(range) {
            let written = document.resolve(member.name);
            let mut all = known.iter().chain(beside);
            let Some(word) = all
                .clone()
                .find(|word| written == **word)
                // The reference folds the case of its own words only.
                .or_else(|| all.find(|word| **word != SHADOW && is_word(written, word)))
            else {
                let problem = Problem::UnknownField { field: excerpt(written), known };
                self.report.tolerate(Place::new(member.name_span, at.member(written)), problem);
                continue;
            };
            if written != *word {
                let problem = Problem::FieldCase { field: excerpt(written), wanted: word };
                self.report.tolerate(Place::new(member.name_span, at.member(written)), problem);
            }
            match by_word.iter_mut().find(|(known, _)| known == word) {
                Some((_, members)) => members.push(member),
                None => by_word.push((word, vec![member])),
            }
        }
        for (_, members) in &mut by_word {
            members.sort_by_key(|member| document.resolve(member.name));
        }
        Words { by_word }
    }

    /// A text word through all its spellings: the last that is not null.
    pub(super) fn text(
        &mut self,
        members: &[&'d Member],
        at: &Pointer<'_>,
        word: &str,
        what: &'static str,
    ) -> Option<(TextId, NodeId)> {
        let mut text = None;
        for member in members {
            match self.kind(member.value) {
                Kind::String(found) => text = Some((found, member.value)),
                Kind::Null => {}
                other => self.wrong_type(member.value, at.member(word), what, other, "a text"),
            }
        }
        text
    }

    pub(super) fn wrong_type(
        &mut self,
        node: NodeId,
        at: Pointer<'_>,
        what: &'static str,
        found: Kind,
        wanted: &'static str,
    ) {
        let problem = Problem::WrongType { what: what.into(), found: found.name(), wanted };
        self.report.refuse(self.place(node, at), problem);
    }
}
