//! The words of a flag file: a document to a flag set.
//!
//! Follows the reference's reading of JSON into its structures: names in any case, a null that changes
//! nothing, the last of several spellings by bytes. What it drops is dropped with a finding, what refuses its
//! whole update refuses the file.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::bucketing::Bucketing;
use crate::diagnostic::{Earlier, Place, Pointer, Problem, Report};
use crate::limits::{DOCUMENT_DEPTH, Limits, VALUE_DEPTH};
use crate::model::document::TextId;
use crate::model::references::{Evaluators, Measures};
use crate::model::{
    Document, FlagDefinition, FlagSet, Format, Kind, Member, MetadataEntry, NodeId, References, State,
    Variant,
};
use crate::text::{Printable, excerpt};

use super::near_limit;

/// How many times the bytes of the largest file its texts may have with references written out.
const WRITTEN_OUT: usize = 8;

/// Words at the top of a file.
const FILE_WORDS: &[&str] = &["flags", "$evaluators", "metadata", "$schema", "bucketing"];
/// Words of a flag.
const FLAG_WORDS: &[&str] = &["state", "variants", "defaultVariant", "targeting", "metadata"];
/// Words of a flag that people need not write: `key` in the array form, `source` on the reference's wire.
const FLAG_WORDS_BESIDE: &[&str] = &["key", "source"];

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
    if !readable {
        return None;
    }
    Some(FlagSet { document, bucketing, evaluators, metadata, flags, depth, variants, flag_metadata })
}

/// Refuses what aliases alone make too large, before evaluators are walked.
fn check_aliases(document: &Document, limits: &Limits, report: &mut Report) -> Option<()> {
    if !document.shares_nodes() {
        return Some(());
    }
    let evaluators = Evaluators::default();
    let measures = References::new(document, &evaluators).measure();
    let nodes = measures.extent(document.root()).map_or(0, |extent| extent.nodes);
    if nodes <= limits.set_nodes as u64 {
        return Some(());
    }
    let place = Place::new(document.span(document.root()), Pointer::ROOT);
    report.refuse(place, Problem::YamlAliases { most: limits.set_nodes });
    None
}

/// Evaluators come first: a reference may stand anywhere else. Also whether all of them could be read; if not,
/// references to them say nothing.
fn read_evaluators(document: &Document, report: &mut Report) -> Option<(Evaluators, bool)> {
    let Kind::Object(root) = document.kind(document.root()) else {
        let found = document.kind(document.root()).name();
        let problem =
            Problem::WrongType { what: "the document".into(), found, wanted: "an object with `flags`" };
        report.refuse(Place::new(document.span(document.root()), Pointer::ROOT), problem);
        return None;
    };
    let mut named: Vec<(&str, NodeId)> = Vec::new();
    let mut readable = true;
    for member in document.members(root) {
        let word = document.resolve(member.name);
        if !is_word(word, "$evaluators") {
            continue;
        }
        let pointer = Pointer::ROOT.member(word);
        match document.kind(member.value) {
            Kind::Object(range) => {
                for evaluator in document.members(range) {
                    check_evaluator(document, evaluator, &pointer, report);
                    named.push((document.resolve(evaluator.name), evaluator.value));
                }
            }
            Kind::Null => named.clear(),
            other => {
                readable = false;
                let problem = Problem::WrongType {
                    what: "`$evaluators`".into(),
                    found: other.name(),
                    wanted: "an object of rules",
                };
                report.refuse(Place::new(document.span(member.value), pointer), problem);
            }
        }
    }
    let evaluators = Evaluators::new(document, named);
    for names in evaluators.loops() {
        // Told at the first evaluator of the loop.
        let node = names.first().and_then(|name| evaluators.get(name)).unwrap_or(document.root());
        let at = Pointer::ROOT;
        let (at, name) = (at.member("$evaluators"), names.first().map_or("", String::as_str));
        report.tolerate(
            Place::new(document.span(node), at.member(name)),
            Problem::RefCycle { names: names.clone() },
        );
    }
    Some((evaluators, readable))
}

fn check_evaluator(document: &Document, evaluator: &Member, pointer: &Pointer<'_>, report: &mut Report) {
    let name = document.resolve(evaluator.name);
    let span = document.span(evaluator.value);
    if is_too_short(document, evaluator.value) {
        let problem = Problem::EmptyEvaluator { name: excerpt(name) };
        report.refuse(Place::new(span, pointer.member(name)), problem);
    }
    if !crate::text::is_plain(name) {
        let problem = Problem::EvaluatorName { name: excerpt(name) };
        report.tolerate(Place::new(evaluator.name_span, pointer.member(name)), problem);
    }
}

/// Whether the reference refuses an evaluator as empty: one of fewer than three bytes as JSON, such as `{}`, `[]`,
/// `""` and `1`.
pub(crate) fn is_too_short(document: &Document, node: NodeId) -> bool {
    json_bytes(document, node) < 3
}

/// How many bytes an evaluator has as JSON, as far as it matters. JSON counts as written, YAML as it is turned
/// into JSON.
fn json_bytes(document: &Document, node: NodeId) -> usize {
    let span = document.span(node);
    if document.format() == Format::Json {
        return (span.end - span.start) as usize;
    }
    match document.kind(node) {
        Kind::Null => 4,
        Kind::Bool(_) => 4,
        Kind::Number(number) => crate::value::Value::Number(number).to_string().len(),
        Kind::String(text) => document.resolve(text).len() + 2,
        Kind::List(range) => document.items(range).len() * 2 + 2,
        Kind::Object(range) => document.members(range).len() * 5 + 2,
    }
}

/// Whether a written name is this word to the reference, which folds case.
fn is_word(written: &str, word: &str) -> bool {
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

struct Reader<'d, 'r> {
    references: References<'d>,
    limits: &'r Limits,
    report: &'r mut Report,
    bucketing: Option<Bucketing>,
    metadata: Vec<MetadataEntry>,
    /// What the set's own metadata says about the flag set.
    inherited_id: Option<NodeId>,
    flags: Vec<FlagDefinition>,
    variants: Vec<Variant>,
    flag_metadata: Vec<MetadataEntry>,
    /// How large everything is, where that is not plain from the document.
    measures: Option<Measures>,
    /// Whether the set is within the limits, so that it may be compiled to see what is wrong with its rules.
    readable: bool,
}

/// Where a flag stands.
#[derive(Clone, Copy)]
enum Name {
    /// Under its key, in the map form.
    Member(TextId, crate::span::Span),
    /// In the array form, where it names itself.
    Item(usize),
}

/// The members of an object that are one of its words, each word with its spellings in the order of their bytes.
struct Words<'d> {
    by_word: Vec<(&'static str, Vec<&'d Member>)>,
}

impl<'d> Words<'d> {
    fn get(&self, word: &str) -> &[&'d Member] {
        self.by_word.iter().find(|(known, _)| *known == word).map_or(&[], |(_, members)| members)
    }
}

impl<'d> Reader<'d, '_> {
    fn document(&self) -> &'d Document {
        self.references.document()
    }

    /// The kind of what a node stands for.
    fn kind(&self, node: NodeId) -> Kind {
        self.document().kind(self.references.follow(node))
    }

    fn place<'p>(&self, node: NodeId, pointer: Pointer<'p>) -> Place<'p> {
        Place::new(self.document().span(node), pointer)
    }

    /// Refuses the file for something beyond a limit; nothing looks at its rules then.
    fn exceed(&mut self, at: Place<'_>, problem: Problem) {
        self.readable = false;
        self.report.refuse(at, problem);
    }

    /// Refuses what would grow beyond the limits when written out, before anything walks it.
    fn check_extents(&mut self) -> Option<()> {
        let document = self.document();
        let shares = !self.references.evaluators().is_empty() || document.shares_nodes();
        if !shares && document.depth() <= VALUE_DEPTH {
            // Nothing is shared and nothing is deep: what the parser saw says it all.
            return Some(());
        }
        let measures = self.references.measure();
        self.measures = Some(measures);
        let Some(measures) = &self.measures else { return None };
        let most = self.limits.depth.min(DOCUMENT_DEPTH);
        let mut too_deep = None;
        for node in
            [document.root()].into_iter().chain(self.references.evaluators().iter().map(|(_, node)| node))
        {
            let Some(extent) = measures.extent(node) else { continue };
            if extent.levels() > most {
                too_deep = Some(node);
            }
        }
        let (total, bytes) =
            measures.extent(document.root()).map_or((0, 0), |extent| (extent.nodes, extent.bytes));
        if let Some(node) = too_deep {
            self.report.refuse(self.place(node, Pointer::ROOT), Problem::TooDeep { most });
            return None;
        }
        if total > self.limits.set_nodes as u64 {
            let most = self.limits.set_nodes;
            let problem = if document.shares_nodes() {
                Problem::YamlAliases { most }
            } else {
                Problem::TooManyNodes { what: "the file".to_owned(), most }
            };
            self.report.refuse(self.place(document.root(), Pointer::ROOT), problem);
            return None;
        }
        self.check_written_out(bytes)
    }

    /// Refuses texts that would take too much memory where they are written out.
    fn check_written_out(&mut self, bytes: u64) -> Option<()> {
        let most = self.limits.file_bytes.saturating_mul(WRITTEN_OUT);
        if bytes <= most as u64 {
            return Some(());
        }
        let place = self.place(self.document().root(), Pointer::ROOT);
        self.report.refuse(place, Problem::TooLargeWrittenOut { bytes, most });
        None
    }

    /// The same for metadata of the set, of which each flag with metadata of its own has a copy.
    fn check_inherited(&mut self) {
        /// What one node takes in memory.
        const NODE: u64 = 32;
        let copies = self.flags.iter().filter(|flag| !flag.metadata.is_empty()).count() as u64;
        if copies < 2 || self.metadata.is_empty() {
            return;
        }
        let document = self.document();
        let bytes_of = |entry: &MetadataEntry| {
            let extent = self.measures.as_ref().and_then(|measures| measures.extent(entry.value));
            let (nodes, bytes) = extent.map_or_else(
                || {
                    let span = document.span(entry.value);
                    (self.count(entry.value, self.limits.flag_nodes) as u64, u64::from(span.end - span.start))
                },
                |extent| (extent.nodes, extent.bytes),
            );
            nodes.saturating_mul(NODE).saturating_add(bytes) + document.resolve(entry.name).len() as u64
        };
        let bytes = self.metadata.iter().map(bytes_of).fold(0, u64::saturating_add);
        if self.check_written_out(bytes.saturating_mul(copies)).is_none() {
            self.readable = false;
        }
    }

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
            Kind::Null => Words { by_word: Vec::new() },
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
            None => State::Enabled,
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
            None if variants.is_empty() && !words.by_word.is_empty() => {
                self.report.tolerate(Place::new(key_span, *at), Problem::NoVariants { flag: flag() });
            }
            None => {}
        }
        let targeting = words.get("targeting").last().map(|member| member.value);
        let targeting = targeting.filter(|rule| !matches!(self.kind(*rule), Kind::Object(range) if self.document().members(range).is_empty()));
        self.check_size(node, key_text, at);
        let metadata = self.flag_entries(words.get("metadata"), at);
        let Some(flag_set_id) = self.flag_set_id(&metadata, key_text, key_span, at) else { return };
        let Some(key) = key.filter(|_| kept) else { return };
        self.flags.push(FlagDefinition {
            key,
            key_span,
            item,
            span,
            state,
            default_variant: default_variant.map(|(text, _)| text),
            targeting,
            flag_set_id,
            node,
            variants,
            metadata,
        });
    }

    /// Whether a flag with this key is kept.
    fn check_key(&mut self, key: &str, span: crate::span::Span, at: &Pointer<'_>) -> bool {
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

    fn state(&mut self, text: TextId, node: NodeId, flag: &str, at: &Pointer<'_>) -> State {
        match self.document().resolve(text) {
            "ENABLED" => State::Enabled,
            "DISABLED" => State::Disabled,
            other => {
                let problem = Problem::UnknownState { flag: excerpt(flag), found: excerpt(other) };
                self.report.tolerate(self.place(node, at.member("state")), problem);
                State::Enabled
            }
        }
    }

    fn variants(&mut self, members: &[&'d Member], flag: &str, at: &Pointer<'_>) -> std::ops::Range<usize> {
        let start = self.variants.len();
        let at = at.member("variants");
        for member in members {
            match self.kind(member.value) {
                Kind::Object(range) => {
                    let document = self.document();
                    let earlier = self.variants.get(start..).unwrap_or(&[]).iter().zip(start..);
                    let places: HashMap<&str, usize> =
                        earlier.map(|(variant, at)| (document.resolve(variant.name), at)).collect();
                    for variant in document.members(range) {
                        let place = places.get(document.resolve(variant.name));
                        let variant = Variant { name: variant.name, value: variant.value };
                        match place.and_then(|at| self.variants.get_mut(*at)) {
                            Some(place) => *place = variant,
                            None => self.variants.push(variant),
                        }
                    }
                }
                Kind::Null => self.variants.truncate(start),
                other => self.wrong_type(member.value, at, "`variants`", other, "an object of values"),
            }
        }
        let range = start..self.variants.len();
        near_limit(self.report, "variants of a flag", range.len(), self.limits.variants);
        if range.len() > self.limits.variants {
            let problem = Problem::TooManyVariants {
                flag: excerpt(flag),
                found: range.len(),
                most: self.limits.variants,
            };
            let node = members.last().map_or(self.document().root(), |member| member.value);
            self.exceed(self.place(node, at), problem);
        }
        self.check_variant_types(range.clone(), flag, &at);
        range
    }

    fn is_kind_of_variants(&self, node: NodeId) -> bool {
        matches!(self.kind(node), Kind::Object(_) | Kind::Null)
    }

    fn check_variant_types(&mut self, range: std::ops::Range<usize>, flag: &str, at: &Pointer<'_>) {
        let mut first: Option<&'static str> = None;
        for number in range {
            let Some(variant) = self.variants.get(number).copied() else { continue };
            let name = self.document().resolve(variant.name);
            let (flag, at) = (|| excerpt(flag), at.member(name));
            let place = self.place(variant.value, at);
            self.check_value_depth(variant.value, at);
            let kind = self.kind(variant.value);
            match kind {
                Kind::Null => {
                    self.report.tolerate(place, Problem::NullVariant { flag: flag(), variant: excerpt(name) })
                }
                Kind::List(_) => {
                    self.report.tolerate(place, Problem::ListVariant { flag: flag(), variant: excerpt(name) })
                }
                _ if *first.get_or_insert(kind.name()) != kind.name() => {
                    let (found, first) = (kind.name(), first.unwrap_or(""));
                    let problem = Problem::MixedTypes { flag: flag(), variant: excerpt(name), found, first };
                    self.report.tolerate(place, problem);
                }
                _ => {}
            }
        }
    }

    fn check_default_variant(
        &mut self,
        text: TextId,
        node: NodeId,
        variants: &std::ops::Range<usize>,
        flag: &str,
        at: &Pointer<'_>,
    ) {
        let document = self.document();
        let found = document.resolve(text);
        let known = self.variants.get(variants.clone()).unwrap_or(&[]);
        if known.iter().all(|variant| document.resolve(variant.name) != found) {
            let problem = Problem::UnknownDefaultVariant {
                flag: excerpt(flag),
                found: excerpt(found),
                known: names(document, known),
            };
            self.report.refuse(self.place(node, at.member("defaultVariant")), problem);
        }
    }

    /// Refuses a flag that is too large with its references written out.
    fn check_size(&mut self, node: NodeId, flag: &str, at: &Pointer<'_>) {
        let most = self.limits.flag_nodes;
        // A flag has fewer nodes than bytes, so a small one in a file that shares nothing needs no count.
        let span = self.document().span(node);
        let shares = !self.references.evaluators().is_empty() || self.document().shares_nodes();
        if !shares && (span.end - span.start) as usize <= most {
            return;
        }
        let nodes = self.count(node, most.saturating_add(1));
        near_limit(self.report, "nodes of a flag", nodes, most);
        if nodes > most {
            let problem = Problem::TooManyNodes { what: format!("flag `{}`", excerpt(flag)), most };
            self.exceed(self.place(node, *at), problem);
        }
    }

    /// How many nodes something has with its references written out; stops at `most`.
    fn count(&self, node: NodeId, most: usize) -> usize {
        let (mut count, mut pending) = (0, vec![node]);
        while let Some(node) = pending.pop() {
            count += 1;
            if count >= most || pending.len() >= most {
                return most;
            }
            pending.extend(self.document().children(self.references.follow(node)));
        }
        count
    }

    /// Refuses a variant or metadata that is nested too deeply to be handed around as a value.
    fn check_value_depth(&mut self, node: NodeId, at: Pointer<'_>) {
        let depth = self
            .measures
            .as_ref()
            .and_then(|measures| measures.extent(node))
            .map_or(0, |extent| extent.depth);
        if depth as usize > VALUE_DEPTH {
            self.exceed(self.place(node, at), Problem::TooDeep { most: VALUE_DEPTH });
        }
    }

    fn flag_entries(&mut self, members: &[&'d Member], at: &Pointer<'_>) -> std::ops::Range<usize> {
        let at = at.member("metadata");
        let entries = self.entries(members, &at, "`metadata`");
        self.check_metadata(&entries, &at);
        let start = self.flag_metadata.len();
        self.flag_metadata.extend(entries);
        start..self.flag_metadata.len()
    }

    /// The entries of a metadata object, through all its spellings.
    fn entries(
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

    fn check_metadata(&mut self, entries: &[MetadataEntry], at: &Pointer<'_>) {
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
    fn flag_set_id(
        &mut self,
        own: &std::ops::Range<usize>,
        flag: &str,
        span: crate::span::Span,
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

    /// Sorts the members of an object by word, and tells of those that are none.
    fn words(
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
                .or_else(|| all.find(|word| is_word(written, word)))
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
    fn text(
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

    fn wrong_type(
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

/// The metadata that names a flag set.
pub const FLAG_SET_ID: &str = "flagSetId";

/// What metadata says about the flag set.
fn id_entry(document: &Document, entries: &[MetadataEntry]) -> Option<NodeId> {
    let entry = entries.iter().find(|entry| document.resolve(entry.name) == FLAG_SET_ID);
    entry.map(|entry| entry.value)
}

/// The names of variants for a message.
fn names(document: &Document, variants: &[Variant]) -> Vec<String> {
    const MOST: usize = 64;
    let names = variants.iter().take(MOST).map(|variant| document.resolve(variant.name));
    names.map(Cow::Borrowed).map(|name: Cow<'_, str>| excerpt(&name)).collect()
}
