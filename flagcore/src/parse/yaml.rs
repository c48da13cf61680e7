//! YAML to a document, with the place of each part.
//!
//! Syntax is `saphyr-parser`'s; what scalars are, what keys are called, merging and repeated keys are the
//! reference's. An alias is the node of its anchor again, so no input makes a document larger than itself.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use saphyr_parser::{Event, Parser as Events, ScalarStyle, Span as Marks, Tag};

use crate::diagnostic::{Earlier, Place, Pointer, Problem, Report};
use crate::limits::{DOCUMENT_DEPTH, Limits};
use crate::model::document::Builder;
use crate::model::{Document, Format, Kind, Member, NodeId};
use crate::span::Span;
use crate::text::{excerpt, is_invisible};

use super::json_mistake::Mistake;
use super::utf8;
use super::yaml_mistake::{mistake, template};
use super::yaml_scalar::{self, Scalar};

/// Reads the first document of a YAML stream; `None`, with a reason in the report, where there is none. The report
/// may refuse one that was read.
pub fn parse(source: Arc<str>, bytes: &[u8], limits: &Limits, report: &mut Report) -> Option<Document> {
    let (text, broken) = utf8::lossy(bytes);
    if let Some(at) = broken {
        report.refuse(Place::new(Span::new(at as u32, at as u32 + 3), Pointer::ROOT), Problem::InvalidUtf8);
        return None;
    }
    if let Some(at) = text.char_indices().find(|(at, c)| !is_printable(*c) && (*at, *c) != (0, '\u{feff}')) {
        let (at, c) = (at.0 as u32, at.1);
        let problem = Problem::ControlCharacter { text: c.to_string() };
        report.refuse(Place::new(Span::new(at, at + c.len_utf8() as u32), Pointer::ROOT), problem);
        return None;
    }
    let mut reader = Reader {
        text: &text,
        offsets: Offsets::new(&text),
        builder: Builder::new(&text),
        frames: Vec::new(),
        anchors: HashMap::new(),
        depth: limits.depth.min(DOCUMENT_DEPTH),
        deepest: 0,
        copied: 0,
        set_nodes: limits.set_nodes,
        report,
    };
    let root = reader.stream().ok()?;
    reader.builder.set_depth(reader.deepest);
    if matches!(reader.builder.kind(root), Kind::Null) {
        report.refuse(Place::DOCUMENT, Problem::Empty);
        return None;
    }
    let tree = reader.builder.finish(root);
    Some(Document::new(source, Format::Yaml, text.into_owned(), tree))
}

/// The text is not YAML that we read; the reason is in the report.
struct Refused;

/// What YAML allows to stand in a file unescaped.
fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

struct Reader<'t, 'r> {
    text: &'t str,
    offsets: Offsets,
    builder: Builder<'t>,
    frames: Vec<Frame<'t>>,
    /// What each anchor stands for; `None` while its node is still open.
    anchors: HashMap<usize, Option<NodeId>>,
    /// How many containers may be open at once, and how many were.
    depth: usize,
    deepest: usize,
    /// How much merges and aliases as keys have copied, and how many nodes there may be.
    copied: usize,
    set_nodes: usize,
    report: &'r mut Report,
}

/// An open list or mapping.
struct Frame<'t> {
    start: u32,
    anchor: usize,
    inside: Inside<'t>,
}

enum Inside<'t> {
    List(Vec<NodeId>),
    Mapping { entries: Vec<MappingEntry<'t>>, key: Option<Key<'t>> },
}

/// As many brackets inside of each other as the parser follows: it counts them in a byte.
const FLOW_DEPTH: usize = 255;

struct MappingEntry<'t> {
    key: Key<'t>,
    value: NodeId,
}

struct Key<'t> {
    text: Cow<'t, str>,
    span: Span,
    scalar: Scalar,
    merge: bool,
}

impl<'t> Reader<'t, '_> {
    fn stream(&mut self) -> Result<NodeId, Refused> {
        let mut events = Events::new_from_str(self.text);
        let mut root = None;
        while let Some(event) = events.next_event() {
            let (event, marks) = match event {
                Ok(event) => event,
                Err(error) => {
                    let at = self.offsets.byte(self.text, error.marker().index());
                    let info = error.info();
                    if info.contains("recursion limit") {
                        // The parser looks ahead, and has a limit of its own.
                        let most = self.depth.min(self.lines_deep() + FLOW_DEPTH);
                        let problem = Problem::TooDeep { most };
                        return Err(self.refuse(Span::new(at, at), problem));
                    }
                    if info.contains("unknown anchor") {
                        return Err(self.refuse(Span::new(at, at), Problem::YamlAnchor { within: false }));
                    }
                    let Mistake { span, found, help } =
                        mistake(self.text, at as usize, info, self.open_bracket());
                    return Err(self.refuse(span, Problem::Syntax { found, help }));
                }
            };
            let span = self.span(marks);
            match event {
                Event::DocumentStart(_) if root.is_some() => {
                    self.report.tolerate(Place::new(span, Pointer::ROOT), Problem::YamlDocuments);
                    break;
                }
                Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::Alias(anchor) => {
                    let node = self.alias(anchor, span)?;
                    self.hang(node, span, &mut root)?;
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.scalar(text, style, anchor, tag, span, &mut root)?
                }
                Event::SequenceStart(anchor, tag) => {
                    self.check_tag(tag.as_deref(), span);
                    self.open(span, anchor, Inside::List(Vec::new()))?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.check_tag(tag.as_deref(), span);
                    self.open(span, anchor, Inside::Mapping { entries: Vec::new(), key: None })?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let node = self.close(span)?;
                    self.hang(node, span, &mut root)?;
                }
            }
        }
        Ok(root.unwrap_or_else(|| self.builder.scalar(Span::default(), Kind::Null)))
    }

    /// Where the innermost list or mapping in brackets begins.
    fn open_bracket(&self) -> Option<usize> {
        self.frames.last().and_then(|frame| self.bracket(frame))
    }

    /// Where the bracket of a list or mapping is, if it has one.
    fn bracket(&self, frame: &Frame<'t>) -> Option<usize> {
        let start = frame.start as usize;
        matches!(self.text.as_bytes().get(start), Some(b'[' | b'{')).then_some(start)
    }

    /// How many levels have no bracket around them: those of lines and their indentation.
    fn lines_deep(&self) -> usize {
        self.frames.iter().filter(|frame| self.bracket(frame).is_none()).count()
    }

    /// Refuses a list or mapping where a key should be.
    fn refuse_key(&mut self, span: Span) -> Refused {
        let whole = || Mistake {
            span,
            found: "a list or mapping stands where a name should be".to_owned(),
            help: None,
        };
        let Mistake { span, found, help } = template(self.text, span.start as usize).unwrap_or_else(whole);
        self.refuse(span, Problem::Syntax { found, help })
    }

    fn open(&mut self, span: Span, anchor: usize, inside: Inside<'t>) -> Result<(), Refused> {
        if self.frames.len() == self.depth {
            return Err(self.refuse(span, Problem::TooDeep { most: self.depth }));
        }
        if self.wants_key() {
            return Err(self.refuse_key(span));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.frames.push(Frame { start: span.start, anchor, inside });
        self.deepest = self.deepest.max(self.frames.len());
        Ok(())
    }

    fn scalar(
        &mut self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<Cow<'t, Tag>>,
        span: Span,
        root: &mut Option<NodeId>,
    ) -> Result<(), Refused> {
        let plain = style == ScalarStyle::Plain;
        self.check_tag(tag.as_deref(), span);
        let tag = tag.and_then(|tag| short_tag(&tag));
        let Ok(scalar) = yaml_scalar::resolve(tag.as_deref(), plain, &text) else {
            let problem = Problem::YamlTag { tag: tag.unwrap_or_default(), text: excerpt(&text) };
            return Err(self.refuse(span, problem));
        };
        if plain
            && tag.is_none()
            && let Some(read_as) = yaml_scalar::ambiguity(&text, &scalar)
        {
            let problem = Problem::YamlAmbiguous { text: excerpt(&text), read_as: read_as.to_owned() };
            self.remark(span, problem);
        }
        if self.wants_key() {
            let merge = &*text == "<<" && (plain && tag.is_none() || tag.as_deref() == Some("!!merge"));
            if anchor > 0 {
                let node = self.scalar_node(&text, &scalar, span)?;
                self.anchors.insert(anchor, Some(node));
            }
            return self.key(Key { text, span, scalar, merge });
        }
        let node = self.scalar_node(&text, &scalar, span)?;
        if anchor > 0 {
            self.anchors.insert(anchor, Some(node));
        }
        self.hang(node, span, root)
    }

    /// Tells of a tag that means nothing here. It is mostly an operator such as `!` or `!=` that lacks its quotes,
    /// and leaves what stands behind it as if it were not there.
    fn check_tag(&mut self, tag: Option<&Tag>, span: Span) {
        if let Some(tag) = tag.and_then(short_tag).filter(|tag| !tag.starts_with("!!")) {
            let pointer = self.pointer();
            let place = Place::new(span, Pointer::written(&pointer));
            self.report.tolerate(place, Problem::YamlUnknownTag { tag: excerpt(&tag) });
        }
    }

    fn scalar_node(&mut self, text: &str, scalar: &Scalar, span: Span) -> Result<NodeId, Refused> {
        let kind = match scalar {
            Scalar::Null => Kind::Null,
            Scalar::Bool(value) => Kind::Bool(*value),
            Scalar::Integer(value) => Kind::Number(*value as f64),
            Scalar::Float(value) if value.is_finite() => Kind::Number(*value),
            Scalar::Float(_) => {
                // The file is refused; the rest of it is still looked at.
                let _ = self.refuse(span, Problem::NumberRange { text: excerpt(text) });
                Kind::Number(0.0)
            }
            Scalar::Time(time) => Kind::String(self.builder.decoded(time)),
            Scalar::Binary(bytes) => Kind::String(self.builder.decoded(bytes)),
            Scalar::Text => Kind::String(self.text_id(text)),
        };
        Ok(self.builder.scalar(span, kind))
    }

    fn text_id(&mut self, text: &str) -> crate::model::document::TextId {
        // A text that was not changed is a part of the source; where it begins tells its place.
        let start = (text.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        match start.filter(|start| self.text.get(*start..start.saturating_add(text.len())) == Some(text)) {
            Some(start) => self.builder.verbatim(Span::new(start as u32, (start + text.len()) as u32)),
            None => self.builder.decoded(text),
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<NodeId, Refused> {
        let within = match self.anchors.get(&anchor) {
            Some(Some(node)) => {
                self.builder.share();
                return Ok(*node);
            }
            open => open.is_some(),
        };
        Err(self.refuse(span, Problem::YamlAnchor { within }))
    }

    /// Whether the next node is the key of a mapping.
    fn wants_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { inside: Inside::Mapping { key: None, .. }, .. }))
    }

    fn key(&mut self, new: Key<'t>) -> Result<(), Refused> {
        if new.text.chars().any(is_invisible) {
            let problem = Problem::ControlCharacter { text: excerpt(&new.text) };
            self.report.tolerate(Place::new(new.span, Pointer::written(&self.pointer())), problem);
        }
        if let Some(Frame { inside: Inside::Mapping { key, .. }, .. }) = self.frames.last_mut() {
            *key = Some(new);
        }
        Ok(())
    }

    /// Puts a complete node where it belongs.
    fn hang(&mut self, node: NodeId, span: Span, root: &mut Option<NodeId>) -> Result<(), Refused> {
        if self.wants_key() {
            // An alias as a key: of a scalar, or nothing that can be a key.
            let scalar = match self.builder.kind(node) {
                Kind::Null => Scalar::Null,
                Kind::Bool(value) => Scalar::Bool(value),
                Kind::Number(value) => Scalar::Float(value),
                Kind::String(_) => Scalar::Text,
                Kind::List(_) | Kind::Object(_) => {
                    return Err(self.refuse_key(span));
                }
            };
            // A copy of a text counts as a node for each dozen bytes, as texts of files do on average.
            let bytes = match self.builder.kind(node) {
                Kind::String(text) => self.builder.resolve(text).len(),
                _ => 0,
            };
            self.copy(1 + bytes / 12, span)?;
            let text = match self.builder.kind(node) {
                Kind::String(text) => self.builder.resolve(text).to_owned(),
                _ => yaml_scalar::key_text(&scalar).unwrap_or_default(),
            };
            return self.key(Key { text: Cow::Owned(text), span, scalar, merge: false });
        }
        match self.frames.last_mut().map(|frame| &mut frame.inside) {
            None => *root = root.or(Some(node)),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Mapping { entries, key }) => {
                if let Some(key) = key.take() {
                    entries.push(MappingEntry { key, value: node });
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<NodeId, Refused> {
        let pointer = self.pointer();
        let Some(frame) = self.frames.pop() else {
            return Ok(self.builder.scalar(end, Kind::Null));
        };
        let span = Span::new(frame.start, end.end.max(frame.start));
        let node = match frame.inside {
            Inside::List(items) => self.builder.list(span, items),
            Inside::Mapping { entries, .. } => self.mapping(span, entries, &pointer)?,
        };
        if frame.anchor > 0 {
            self.anchors.insert(frame.anchor, Some(node));
        }
        Ok(node)
    }

    fn mapping(
        &mut self,
        span: Span,
        mut entries: Vec<MappingEntry<'t>>,
        pointer: &str,
    ) -> Result<NodeId, Refused> {
        let mut places: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
        let mut repeated = false;
        for MappingEntry { key, .. } in &entries {
            if let Some(first) = places.insert(&key.text, key.span) {
                repeated = true;
                let problem = Problem::DuplicateKey {
                    key: excerpt(&key.text),
                    first: Earlier::Offset(first.start),
                    last_counts: false,
                };
                let parent = Pointer::written(pointer);
                self.report.refuse(Place::new(key.span, parent.member(&key.text)), problem);
            }
        }
        if repeated {
            // The file is refused; the rest of it is still looked at, as if only the last were there.
            let last: HashSet<u32> = places.into_values().map(|span| span.start).collect();
            entries.retain(|entry| last.contains(&entry.key.span.start));
        }
        // A mapping with keys that are not all texts has every key spelled as the reference prints it.
        let top = self.frames.is_empty();
        let texts_only =
            top || entries.iter().all(|entry| yaml_scalar::key_text(&entry.key.scalar).is_none());
        let mut members = Vec::with_capacity(entries.len());
        let mut merges = Vec::new();
        for MappingEntry { key, value } in entries {
            if key.merge {
                merges.push((value, key.span));
                continue;
            }
            let spelled = if texts_only { None } else { yaml_scalar::key_text(&key.scalar) };
            if let Some(spelled) = &spelled {
                let parent = Pointer::written(pointer);
                let problem = Problem::YamlKey { read_as: excerpt(spelled) };
                self.report.tolerate(Place::new(key.span, parent.member(spelled)), problem);
            }
            let name = match (&spelled, &key.scalar) {
                (Some(spelled), _) => self.builder.decoded(spelled),
                (None, Scalar::Binary(bytes)) => self.builder.decoded(bytes),
                (None, _) => self.text_id(&key.text),
            };
            members.push(Member { name, name_span: key.span, value });
        }
        for (value, at) in merges {
            self.merge(value, at, &mut members)?;
        }
        Ok(self.builder.object(span, members))
    }

    /// Counts nodes that an alias makes a copy of.
    fn copy(&mut self, nodes: usize, at: Span) -> Result<(), Refused> {
        self.copied = self.copied.saturating_add(nodes);
        if self.copied > self.set_nodes {
            return Err(self.refuse(at, Problem::YamlAliases { most: self.set_nodes }));
        }
        Ok(())
    }

    /// Adds the members of merged mappings that are not there yet.
    fn merge(&mut self, value: NodeId, at: Span, members: &mut Vec<Member>) -> Result<(), Refused> {
        let sources = match self.builder.kind(value) {
            Kind::Object(_) => vec![value],
            Kind::List(range) => self.builder.items(range).to_vec(),
            _ => return Err(self.refuse(at, Problem::YamlMerge)),
        };
        let looked_at = sources.iter().map(|source| match self.builder.kind(*source) {
            Kind::Object(range) => self.builder.members(range).len(),
            _ => 0,
        });
        let looked_at = looked_at.fold(0, usize::saturating_add);
        self.copy(looked_at, at)?;
        let mut added = Vec::new();
        {
            let mut names: HashSet<&str> =
                members.iter().map(|member| self.builder.resolve(member.name)).collect();
            for source in sources {
                let Kind::Object(range) = self.builder.kind(source) else {
                    return Err(self.refuse(at, Problem::YamlMerge));
                };
                for member in self.builder.members(range) {
                    if names.insert(self.builder.resolve(member.name)) {
                        added.push(*member);
                    }
                }
            }
        }
        if !added.is_empty() {
            self.builder.share();
        }
        members.extend(added);
        Ok(())
    }

    fn span(&self, marks: Marks) -> Span {
        Span::new(
            self.offsets.byte(self.text, marks.start.index()),
            self.offsets.byte(self.text, marks.end.index()),
        )
    }

    fn refuse(&mut self, span: Span, problem: Problem) -> Refused {
        let pointer = self.pointer();
        self.report.refuse(Place::new(span, Pointer::written(&pointer)), problem);
        Refused
    }

    fn remark(&mut self, span: Span, problem: Problem) {
        let pointer = self.pointer();
        self.report.remark(Place::new(span, Pointer::written(&pointer)), problem);
    }

    /// The way to the node being read.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for frame in &self.frames {
            // Writing to a string cannot fail.
            let _ = match &frame.inside {
                Inside::List(items) => {
                    std::fmt::Write::write_fmt(&mut pointer, format_args!("/{}", items.len()))
                }
                Inside::Mapping { key: Some(key), .. } => {
                    crate::diagnostic::write_member_shown(&mut pointer, &key.text)
                }
                Inside::Mapping { key: None, .. } => Ok(()),
            };
            if pointer.len() > 1_000 {
                break;
            }
        }
        pointer
    }
}

/// `!!str` of a tag of YAML's own, `!name` of another; `None` for the tag that says nothing.
fn short_tag(tag: &Tag) -> Option<String> {
    const PREFIX: &str = "tag:yaml.org,2002:";
    let whole = format!("{}{}", tag.handle, tag.suffix);
    match whole.strip_prefix(PREFIX) {
        Some(name) => Some(format!("!!{name}")),
        None if whole == "!" || whole.is_empty() => None,
        None => Some(whole),
    }
}

/// Turns the parser's character counts into byte offsets.
struct Offsets {
    /// The byte offset of each 64th character; empty for ASCII, where both are the same.
    marks: Vec<u32>,
}

impl Offsets {
    const STEP: usize = 64;

    fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self { marks: Vec::new() };
        }
        Self { marks: text.char_indices().step_by(Self::STEP).map(|(at, _)| at as u32).collect() }
    }

    fn byte(&self, text: &str, character: usize) -> u32 {
        if self.marks.is_empty() {
            return character.min(text.len()) as u32;
        }
        let Some(mark) = self.marks.get(character / Self::STEP) else { return text.len() as u32 };
        let rest = text.get(*mark as usize..).unwrap_or("");
        let skipped = rest.char_indices().nth(character % Self::STEP).map_or(rest.len(), |(at, _)| at);
        *mark + skipped as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Mode;

    fn read(text: impl AsRef<[u8]>) -> Result<String, String> {
        let source: Arc<str> = "t.yaml".into();
        let mut report = Report::new(source.clone(), Mode::Lenient);
        let document = parse(source, text.as_ref(), &Limits::default(), &mut report);
        let shown = String::from_utf8_lossy(text.as_ref());
        match document {
            Some(document) if !report.is_refused() => Ok(document.to_value(document.root()).to_string()),
            _ => Err(report.finish(&shown).to_string()),
        }
    }

    #[test]
    fn documents_read_as_the_reference_reads_them() {
        for (text, value) in [
            ("a: on\nb: [yes, 0644, 1.0]\n", r#"{"a":"on","b":["yes",420,1]}"#),
            (
                "a:\n  1: x\n  b: y\n  ~: z\n  true: t\n  1.5: f\n",
                r#"{"a":{"1":"x","1.5":"f","\u003cnil\u003e":"z","b":"y","true":"t"}}"#,
            ),
            ("1: a\n0x10: b\n", r#"{"0x10":"b","1":"a"}"#),
            ("base: &b {x: 1, y: 2}\na:\n  <<: *b\n  y: 3\n", r#"{"a":{"x":1,"y":3},"base":{"x":1,"y":2}}"#),
            (
                "b: &b {x: 1}\nc: &c {x: 2, y: 3}\na:\n  <<: [*b, *c]\n",
                r#"{"a":{"x":1,"y":3},"b":{"x":1},"c":{"x":2,"y":3}}"#,
            ),
            ("a: &x [1]\nb: *x\n", r#"{"a":[1],"b":[1]}"#),
            ("a: 1\n---\nb: 2\n", r#"{"a":1}"#),
            ("\u{feff}a: é\n", r#"{"a":"é"}"#),
            (
                "a: !!binary aGk=\nb: !!str 5\nc: 2024-01-01\n",
                r#"{"a":"hi","b":"5","c":"2024-01-01T00:00:00Z"}"#,
            ),
            ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", r#"{"a":"x\ny\n","b":"x y"}"#),
        ] {
            assert_eq!(read(text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_the_reference_refuses_is_refused_with_its_place() {
        for (text, place) in [
            ("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: error[duplicate-key]"),
            ("a: .inf\n", "t.yaml:1:4: error[number-range]"),
            ("a:\n\tb: 1\n", "t.yaml:2:1: error[syntax]"),
            ("# nothing\n", "t.yaml: error[empty-file]"),
            ("a: *x\n", "t.yaml:1:4: error[yaml-anchor]"),
            ("a: &x [*x]\n", "t.yaml:1:8: error[yaml-anchor]"),
            ("a:\n  <<: 5\n", "t.yaml:2:3: error[yaml-merge]"),
            ("a: !!int x\n", "t.yaml:1:4: error[yaml-tag]"),
            ("? [a]\n: b\n", "t.yaml:1:3: error[syntax]"),
            ("a: \u{7}\n", "t.yaml:1:4: error[control-character]"),
            ("a: [1, 2\n", "t.yaml:1:4: error[syntax]"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(place), "{text:?}: {error}");
        }
        assert!(read(b"a: \xff\n").unwrap_err().starts_with("t.yaml:1:4: error[invalid-utf8]"));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("a: {}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(nested(200)).is_ok());
        assert!(read(nested(256)).unwrap_err().contains("error[too-deep]"));
        let error = read(nested(100_000)).unwrap_err();
        assert!(error.contains("error[too-deep]"), "{error}");
        let blocks =
            (0..20_000).map(|level| format!("{}a:\n", " ".repeat(level.min(300)))).collect::<String>();
        assert!(read(blocks).is_err());
    }
}
