//! The file from top to bottom: its words, then flag after flag.

use std::collections::HashMap;

use crate::diagnostic::{Earlier, Place, Pointer, Problem, Report};
use crate::limits::Limits;
use crate::model::document::TextId;
use crate::model::references::Measures;
use crate::model::{Document, FlagDefinition, FlagSet, Kind, NodeId, References, State};
use crate::span::Span;
use crate::text::{Printable, excerpt};

use super::super::near_limit;
use super::evaluators::read_evaluators;
use super::extent::{WRITTEN_OUT, check_aliases};
use super::metadata::id_entry;
use super::reader::Reader;
use super::shadow::SHADOW;
use super::words::{FILE_WORDS, FLAG_WORDS, FLAG_WORDS_BESIDE, Words};

/// Reads the flags of a document. Findings go to `report`.
///
/// A set is returned even where the report refuses it, so that its rules are checked too and all that is wrong
/// is told at once; `None` where a limit or a type keeps it from being looked at further.
pub fn read(document: Document, limits: &Limits, report: &mut Report) -> Option<FlagSet> {
    check_aliases(&document, limits, report)?;
    let (evaluators, readable) = read_evaluators(&document, report)?;
    let mut reader = Reader {
        references: References::new(&document, &evaluators),
        limits,
        report,
        bucketing: None,
        metadata: Vec::new(),
        inherited_id: None,
        flags: Vec::new(),
        variants: Vec::new(),
        flag_metadata: Vec::new(),
        measures: None,
        readable,
    };
    reader.check_extents()?;
    reader.file();
    let deepest = reader.measures.as_ref().map(Measures::depth).unwrap_or_default();
    let Reader { bucketing, metadata, flags, variants, flag_metadata, readable, .. } = reader;
    let depth = document.depth().max(deepest);
    let most_written_out = limits.file_bytes.saturating_mul(WRITTEN_OUT);
    if !readable {
        return None;
    }
    Some(FlagSet {
        document,
        bucketing,
        evaluators,
        metadata,
        flags,
        depth,
        variants,
        flag_metadata,
        most_written_out,
    })
}

/// Where a flag stands.
#[derive(Clone, Copy)]
pub(super) enum Name {
    /// Under its key, in the map form.
    Member(TextId, Span),
    /// In the array form, where it names itself.
    Item(usize),
}

impl<'d> Reader<'d, '_> {
    fn file(&mut self) {
        let root = self.document().root();
        let words = self.words(root, FILE_WORDS, &[], &Pointer::ROOT);
        near_limit(self.report, "nodes of the file", self.document().len(), self.limits.set_nodes);
        if self.document().len() > self.limits.set_nodes {
            let problem = Problem::TooManyNodes { what: "the file".to_owned(), most: self.limits.set_nodes };
            return self.exceed(self.place(root, Pointer::ROOT), problem);
        }
        for member in words.get("bucketing") {
            self.bucketing(member.value);
        }
        let at = Pointer::ROOT;
        let at = at.member("metadata");
        self.metadata = self.entries(words.get("metadata"), &at, "`metadata`");
        self.check_metadata(&self.metadata.clone(), &at);
        self.inherited_id = id_entry(self.document(), &self.metadata);
        match words.get("flags").last() {
            Some(flags) => {
                self.flags(flags.value);
                self.check_inherited();
            }
            None => self.report.refuse(self.place(root, Pointer::ROOT), Problem::MissingFlags),
        }
    }

    fn bucketing(&mut self, node: NodeId) {
        let at = Pointer::ROOT;
        let at = at.member("bucketing");
        match self.kind(node) {
            Kind::String(text) => {
                let name = self.document().resolve(text);
                match name.parse() {
                    Ok(bucketing) => self.bucketing = Some(bucketing),
                    Err(_) => {
                        let problem = Problem::UnknownBucketing { found: excerpt(name) };
                        self.report.refuse(self.place(node, at), problem);
                    }
                }
            }
            other => self.wrong_type(node, at, "`bucketing`", other, "`v1`, `v2` or `v3`"),
        }
    }

    fn flags(&mut self, node: NodeId) {
        let at = Pointer::ROOT;
        let at = at.member("flags");
        let count = match self.kind(node) {
            Kind::Object(range) => self.document().members(range).len(),
            Kind::List(range) => self.document().items(range).len(),
            Kind::Null => 0,
            other => return self.wrong_type(node, at, "`flags`", other, "an object or a list of flags"),
        };
        near_limit(self.report, "flags", count, self.limits.flags);
        if count > self.limits.flags {
            let problem = Problem::TooManyFlags { found: count, most: self.limits.flags };
            return self.exceed(self.place(node, at), problem);
        }
        self.flags.reserve(count);
        self.variants.reserve(count * 2);
        match self.kind(node) {
            Kind::Object(range) => {
                for member in self.document().members(range) {
                    let at = at.member(self.document().resolve(member.name));
                    self.flag(member.value, Name::Member(member.name, member.name_span), &at);
                }
            }
            Kind::List(range) => {
                for (number, item) in self.document().items(range).iter().enumerate() {
                    self.flag(*item, Name::Item(number), &at.item(number));
                }
                self.keep_last_of_each_key();
            }
            _ => {}
        }
    }

    fn flag(&mut self, node: NodeId, name: Name, at: &Pointer<'_>) {
        let span = self.document().span(node);
        let (mut key, key_span, item) = match name {
            Name::Member(key, span) => (Some(key), span, None),
            Name::Item(number) => (None, span, Some(number)),
        };
        let words = match self.kind(node) {
            Kind::Object(_) => self.words(node, FLAG_WORDS, FLAG_WORDS_BESIDE, at),
            Kind::Null => Words::default(),
            other => {
                let what = match name {
                    Name::Member(key, _) => {
                        format!("flag `{}`", Printable(&excerpt(self.document().resolve(key)))).into()
                    }
                    Name::Item(_) => "a flag".into(),
                };
                let problem = Problem::WrongType { what, found: other.name(), wanted: "an object" };
                return self.report.refuse(self.place(node, *at), problem);
            }
        };
        let own_key = self.text(words.get("key"), at, "key", "`key`");
        let _ = self.text(words.get("source"), at, "source", "`source`");
        key = key.or(own_key.map(|(text, _)| text));
        let key_text = key.map_or("", |key| self.document().resolve(key));
        // What is left out for its key is still read: the reference refuses the file for what is wrong in it.
        let kept = self.check_key(key_text, key_span, at);
        let flag = || excerpt(key_text);
        if kept && matches!(self.kind(node), Kind::Null) {
            self.report.tolerate(Place::new(span, *at), Problem::NullFlag { flag: flag() });
        }
        let state = match self.text(words.get("state"), at, "state", "`state`") {
            Some((text, node)) => self.state(text, node, key_text, at),
            None => Some(State::Enabled),
        };
        let variants = self.variants(words.get("variants"), key_text, at);
        let default_variant =
            self.text(words.get("defaultVariant"), at, "defaultVariant", "`defaultVariant`");
        let default_variant = default_variant.filter(|(text, _)| !self.document().resolve(*text).is_empty());
        let listed = words.get("variants").iter().all(|member| self.is_kind_of_variants(member.value));
        match default_variant {
            // Variants that cannot be read are told of already, and nothing can be said of their names.
            _ if !listed => {}
            Some((text, node)) => self.check_default_variant(text, node, &variants, key_text, at),
            None if variants.is_empty() && !words.is_empty() => {
                self.report.tolerate(Place::new(key_span, *at), Problem::NoVariants { flag: flag() });
            }
            None => {}
        }
        let targeting = words.get("targeting").last().map(|member| member.value);
        let targeting = targeting.filter(|rule| !matches!(self.kind(*rule), Kind::Object(range) if self.document().members(range).is_empty()));
        let mut shadow = self.shadow(words.get(SHADOW), key_text, at);
        if let (None, Some(shadow)) = (state, &mut shadow) {
            // Who writes a state that is none may have wanted to switch off.
            shadow.policy = None;
        }
        self.check_size(node, key_text, at);
        let metadata = self.flag_entries(words.get("metadata"), at);
        let Some(flag_set_id) = self.flag_set_id(&metadata, key_text, key_span, at) else { return };
        let Some(key) = key.filter(|_| kept) else { return };
        self.flags.push(FlagDefinition {
            key,
            key_span,
            item,
            span,
            // As the reference takes it.
            state: state.unwrap_or(State::Enabled),
            default_variant: default_variant.map(|(text, _)| text),
            targeting,
            flag_set_id,
            shadow,
            node,
            variants,
            metadata,
        });
    }

    /// Whether a flag with this key is kept.
    fn check_key(&mut self, key: &str, span: Span, at: &Pointer<'_>) -> bool {
        if key.is_empty() {
            self.report.tolerate(Place::new(span, *at), Problem::EmptyKey);
            return false;
        }
        if key.len() > self.limits.key_bytes {
            let problem = Problem::KeyTooLong { bytes: key.len(), most: self.limits.key_bytes };
            self.exceed(Place::new(span, *at), problem);
            return false;
        }
        near_limit(self.report, "bytes of a flag's key", key.len(), self.limits.key_bytes);
        true
    }

    /// The state, if it is one.
    fn state(&mut self, text: TextId, node: NodeId, flag: &str, at: &Pointer<'_>) -> Option<State> {
        match self.document().resolve(text) {
            "ENABLED" => Some(State::Enabled),
            "DISABLED" => Some(State::Disabled),
            other => {
                let problem = Problem::UnknownState { flag: excerpt(flag), found: excerpt(other) };
                self.report.tolerate(self.place(node, at.member("state")), problem);
                None
            }
        }
    }

    /// Of flags of the array form with one (flag set, key) keeps the last.
    fn keep_last_of_each_key(&mut self) {
        let document = self.references.document();
        let name = |flag: &FlagDefinition| {
            (flag.flag_set_id.map(|id| document.resolve(id)), document.resolve(flag.key))
        };
        let mut last: HashMap<(Option<&str>, &str), usize> = HashMap::new();
        let mut repeated = Vec::new();
        for (at, flag) in self.flags.iter().enumerate() {
            if let Some(earlier) = last.insert(name(flag), at) {
                repeated.push((earlier, at));
            }
        }
        for (earlier, later) in &repeated {
            let (Some(first), Some(again)) = (self.flags.get(*earlier), self.flags.get(*later)) else {
                continue;
            };
            let problem = Problem::DuplicateFlag {
                flag: excerpt(document.resolve(again.key)),
                first: Earlier::Offset(first.span.start),
            };
            let at = Pointer::ROOT;
            let at = at.member("flags");
            self.report.tolerate(Place::new(again.span, at.item(again.item.unwrap_or(*later))), problem);
        }
        let mut dropped = repeated.into_iter().map(|(earlier, _)| earlier).collect::<Vec<_>>();
        dropped.sort_unstable();
        let mut at = 0;
        self.flags.retain(|_| {
            at += 1;
            dropped.binary_search(&(at - 1)).is_err()
        });
    }
}
