//! Metadata, and the flag set that it names.

use std::collections::HashSet;

use crate::diagnostic::{Place, Pointer, Problem};
use crate::model::document::TextId;
use crate::model::{Document, Kind, Member, MetadataEntry, NodeId};
use crate::span::Span;
use crate::text::excerpt;

use super::reader::Reader;

/// The metadata that names a flag set.
pub const FLAG_SET_ID: &str = "flagSetId";

/// What metadata says about the flag set.
pub(super) fn id_entry(document: &Document, entries: &[MetadataEntry]) -> Option<NodeId> {
    let entry = entries.iter().find(|entry| document.resolve(entry.name) == FLAG_SET_ID);
    entry.map(|entry| entry.value)
}

impl<'d> Reader<'d, '_> {
    pub(super) fn flag_entries(
        &mut self,
        members: &[&'d Member],
        at: &Pointer<'_>,
    ) -> std::ops::Range<usize> {
        let at = at.member("metadata");
        let entries = self.entries(members, &at, "`metadata`");
        self.check_metadata(&entries, &at);
        let start = self.flag_metadata.len();
        self.flag_metadata.extend(entries);
        start..self.flag_metadata.len()
    }

    /// The entries of a metadata object, through all its spellings.
    pub(super) fn entries(
        &mut self,
        members: &[&'d Member],
        at: &Pointer<'_>,
        what: &'static str,
    ) -> Vec<MetadataEntry> {
        let mut entries: Vec<MetadataEntry> = Vec::new();
        for member in members {
            match self.kind(member.value) {
                Kind::Object(range) => {
                    let document = self.document();
                    let members = document.members(range);
                    if !entries.is_empty() {
                        let again: HashSet<&str> =
                            members.iter().map(|entry| document.resolve(entry.name)).collect();
                        entries.retain(|earlier| !again.contains(document.resolve(earlier.name)));
                    }
                    let members = members.iter();
                    entries.extend(members.map(|it| MetadataEntry { name: it.name, value: it.value }));
                }
                Kind::Null => entries.clear(),
                other => self.wrong_type(member.value, *at, what, other, "an object"),
            }
        }
        entries
    }

    pub(super) fn check_metadata(&mut self, entries: &[MetadataEntry], at: &Pointer<'_>) {
        for entry in entries {
            let name = self.document().resolve(entry.name);
            let kind = self.kind(entry.value);
            let place = self.place(entry.value, at.member(name));
            self.check_value_depth(entry.value, at.member(name));
            match kind {
                Kind::String(_) => {}
                Kind::Null if name != FLAG_SET_ID => {}
                _ if name == FLAG_SET_ID => {
                    self.report.tolerate(place, Problem::FlagSetIdType { found: kind.name() });
                }
                Kind::List(_) | Kind::Object(_) => {
                    let problem = Problem::MetadataType { name: excerpt(name), found: kind.name() };
                    self.report.tolerate(place, problem);
                }
                _ => {}
            }
        }
    }

    /// The flag set of a flag: `Some(None)` is the unnamed one, `None` drops the flag.
    #[expect(clippy::option_option, reason = "three outcomes: named, unnamed, dropped")]
    pub(super) fn flag_set_id(
        &mut self,
        own: &std::ops::Range<usize>,
        flag: &str,
        span: Span,
        at: &Pointer<'_>,
    ) -> Option<Option<TextId>> {
        let own = self.flag_metadata.get(own.clone()).unwrap_or(&[]);
        let Some(node) = id_entry(self.document(), own).or(self.inherited_id) else { return Some(None) };
        match self.kind(node) {
            Kind::String(text) if self.document().resolve(text).is_empty() => {
                self.report.tolerate(Place::new(span, *at), Problem::EmptyFlagSetId { flag: excerpt(flag) });
                None
            }
            Kind::String(text) => Some(Some(text)),
            _ => Some(None),
        }
    }
}
