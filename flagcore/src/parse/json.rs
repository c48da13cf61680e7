//! JSON (RFC 8259) to a document, with the place of each part.
//!
//! Takes what the reference takes: lone surrogates and bytes that are not UTF-8 become U+FFFD, a repeated key
//! keeps its last value. Refuses what it refuses: a byte-order mark, text after the document, numbers beyond
//! `f64`. Iterative: nesting is bounded by the limit, not by the stack.

use std::fmt::Write;
use std::sync::Arc;

use crate::diagnostic::{Earlier, Place, Pointer, Problem, Report, write_member_shown};
use crate::limits::{DOCUMENT_DEPTH, Limits};
use crate::model::document::{Builder, TextId};
use crate::model::{Document, Format, Kind, Member, NodeId};
use crate::span::Span;
use crate::text::{excerpt, is_invisible};

use super::json_mistake::{Mistake, Wanted, mistake};
use super::json_scan::{Scanner, Text};
use super::repeated::deduplicate;
use super::utf8;

/// Reads a JSON document; `None`, with a reason in the report, where `bytes` is none. The report may refuse one
/// that was read.
pub fn parse(source: Arc<str>, bytes: &[u8], limits: &Limits, report: &mut Report) -> Option<Document> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        report.refuse(Place::new(Span::new(0, 3), Pointer::ROOT), Problem::ByteOrderMark);
        if rest.trim_ascii().is_empty() {
            return None;
        }
    }
    let (text, broken) = utf8::lossy(bytes);
    if let Some(at) = broken {
        let at = at as u32;
        report.tolerate(Place::new(Span::new(at, at + 3), Pointer::ROOT), Problem::InvalidUtf8);
    }
    let mut parser = Parser {
        // The file is refused for a byte-order mark; the rest of it is still looked at.
        scan: Scanner::new(&text, if text.starts_with('\u{feff}') { 3 } else { 0 }),
        builder: Builder::new(&text),
        frames: Vec::new(),
        items: Vec::new(),
        members: Vec::new(),
        depth: limits.depth.min(DOCUMENT_DEPTH),
        deepest: 0,
        report,
    };
    let Ok(root) = parser.document() else {
        // What was read of the open objects may hold repeated keys, which are told when an object closes.
        while !parser.frames.is_empty() {
            parser.close();
        }
        return None;
    };
    parser.builder.set_depth(parser.deepest);
    let tree = parser.builder.finish(root);
    Some(Document::new(source, Format::Json, text.into_owned(), tree))
}

/// The text is not JSON; the reason is in the report.
struct Refused;

struct Parser<'t, 'r> {
    scan: Scanner<'t>,
    builder: Builder<'t>,
    frames: Vec<Frame>,
    /// Items of the open lists, outer ones first.
    items: Vec<NodeId>,
    /// Members of the open objects, outer ones first.
    members: Vec<Member>,
    /// How many containers may be open at once, and how many were.
    depth: usize,
    deepest: usize,
    report: &'r mut Report,
}

/// An open list or object.
struct Frame {
    start: usize,
    /// Where its items or members begin.
    first: usize,
    object: bool,
    /// The name whose value comes next; `None` in a list, and while a name is wanted.
    name: Option<(TextId, Span)>,
}

impl Parser<'_, '_> {
    fn document(&mut self) -> Result<NodeId, Refused> {
        let mut node = self.value()?;
        loop {
            // A container was opened, or a value stands complete.
            match node {
                Some(value) => match self.after_value(value)? {
                    Step::Complete(root) => {
                        self.end()?;
                        return Ok(root);
                    }
                    Step::Closed(value) => node = Some(value),
                    Step::Next => node = self.value()?,
                },
                None => node = self.first_inside()?,
            }
        }
    }

    /// Nothing but space may stand behind the document.
    fn end(&mut self) -> Result<(), Refused> {
        self.scan.skip_space();
        let (start, end) = (self.scan.at, self.scan.text.len());
        if start >= end {
            return Ok(());
        }
        let found = excerpt(self.scan.text.get(start..start + 1).unwrap_or(""));
        Err(self.refuse(Span::new(start as u32, end as u32), Problem::TrailingText { found }))
    }

    /// Reads a scalar, or opens a container and returns `None`.
    fn value(&mut self) -> Result<Option<NodeId>, Refused> {
        self.scan.skip_space();
        let start = self.scan.at;
        let kind = match self.scan.peek() {
            Some(b'"') => Kind::String(self.string()?),
            Some(b'{' | b'[') => {
                if self.frames.len() == self.depth {
                    return Err(self.refuse(
                        Span::new(start as u32, start as u32 + 1),
                        Problem::TooDeep { most: self.depth },
                    ));
                }
                let object = self.scan.peek() == Some(b'{');
                let first = if object { self.members.len() } else { self.items.len() };
                self.frames.push(Frame { start, first, object, name: None });
                self.deepest = self.deepest.max(self.frames.len());
                self.scan.at += 1;
                return Ok(None);
            }
            Some(b'-' | b'0'..=b'9') => Kind::Number(self.number()?),
            Some(b't') => self.word("true", Kind::Bool(true))?,
            Some(b'f') => self.word("false", Kind::Bool(false))?,
            Some(b'n') => self.word("null", Kind::Null)?,
            _ => return Err(self.unexpected(Wanted::Value)),
        };
        let span = self.scan.span(start);
        Ok(Some(self.builder.scalar(span, kind)))
    }

    /// The first thing inside a container just opened: its end, or its first value.
    fn first_inside(&mut self) -> Result<Option<NodeId>, Refused> {
        self.scan.skip_space();
        let object = self.frames.last().is_some_and(|frame| frame.object);
        match self.scan.peek() {
            Some(b'}') if object => Ok(Some(self.close())),
            Some(b']') if !object => Ok(Some(self.close())),
            _ => {
                if object {
                    self.name()?;
                }
                self.value()
            }
        }
    }

    /// Hangs a complete value into its container, and reads on to the next value or the end.
    fn after_value(&mut self, value: NodeId) -> Result<Step, Refused> {
        let Some(frame) = self.frames.last_mut() else { return Ok(Step::Complete(value)) };
        let object = frame.object;
        match frame.name.take() {
            Some((name, name_span)) => self.members.push(Member { name, name_span, value }),
            None => self.items.push(value),
        }
        self.scan.skip_space();
        match (self.scan.peek(), object) {
            (Some(b','), true) => {
                self.scan.at += 1;
                self.scan.skip_space();
                self.name()?;
                Ok(Step::Next)
            }
            (Some(b','), false) => {
                self.scan.at += 1;
                Ok(Step::Next)
            }
            (Some(b'}'), true) | (Some(b']'), false) => Ok(Step::Closed(self.close())),
            (_, true) => Err(self.unexpected(Wanted::MemberEnd)),
            (_, false) => Err(self.unexpected(Wanted::ItemEnd)),
        }
    }

    /// The name of the next member, and the colon behind it.
    fn name(&mut self) -> Result<(), Refused> {
        let start = self.scan.at;
        if self.scan.peek() != Some(b'"') {
            return Err(self.unexpected(Wanted::Name));
        }
        let name = self.string()?;
        let span = self.scan.span(start);
        self.scan.skip_space();
        if self.scan.peek() != Some(b':') {
            return Err(self.unexpected(Wanted::Colon));
        }
        self.scan.at += 1;
        if let Some(frame) = self.frames.last_mut() {
            frame.name = Some((name, span));
        }
        let text = self.builder.resolve(name);
        if !text.is_ascii() && text.chars().any(is_invisible)
            || text.bytes().any(|byte| byte < b' ' || byte == 0x7f)
        {
            let problem = Problem::ControlCharacter { text: excerpt(text) };
            self.tolerate(self.scan.span(start), problem);
        }
        Ok(())
    }

    /// Takes the innermost container off the stack.
    fn close(&mut self) -> NodeId {
        self.scan.at += 1;
        let Some(frame) = self.frames.pop() else { return self.builder.scalar(Span::default(), Kind::Null) };
        let span = self.scan.span(frame.start);
        if !frame.object {
            return self.builder.list(span, self.items.drain(frame.first..));
        }
        for (first, last) in deduplicate(&self.builder, &mut self.members, frame.first) {
            let key = excerpt(self.builder.resolve(last.name));
            let pointer = self.pointer();
            let parent = Pointer::written(&pointer);
            let place = Place::new(last.name_span, parent.member(&key));
            self.report.tolerate(
                place,
                Problem::DuplicateKey { key: key.clone(), first: Earlier::Offset(first), last_counts: true },
            );
        }
        self.builder.object(span, self.members.drain(frame.first..))
    }

    /// A string, as a text of the document.
    fn string(&mut self) -> Result<TextId, Refused> {
        let text = self.scan.string();
        Ok(match self.scanned(text)? {
            Text::Verbatim(span) => self.builder.verbatim(span),
            Text::Decoded(text) => self.builder.decoded(&text),
        })
    }

    fn number(&mut self) -> Result<f64, Refused> {
        let start = self.scan.at;
        let number = self.scan.number();
        let number = self.scanned(number)?;
        if number.is_finite() {
            return Ok(number);
        }
        // The file is refused; the rest of it is still looked at.
        let text = self.scan.text.get(start..self.scan.at).unwrap_or("");
        let _ = self.refuse(self.scan.span(start), Problem::NumberRange { text: excerpt(text) });
        Ok(0.0)
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, Refused> {
        let found = self.scan.word(word);
        self.scanned(found).map(|()| kind)
    }

    /// Reports what is wrong with a part just read.
    fn scanned<T>(&mut self, part: Result<T, Wanted>) -> Result<T, Refused> {
        for half in std::mem::take(&mut self.scan.halves) {
            self.tolerate(half, Problem::LoneSurrogate);
        }
        part.map_err(|wanted| self.unexpected(wanted))
    }

    /// Reports that something else stands where `wanted` should.
    fn unexpected(&mut self, wanted: Wanted) -> Refused {
        let open = self.frames.last().map(|frame| frame.start);
        let Mistake { span, found, help } = mistake(self.scan.text, self.scan.at, wanted, open);
        self.refuse(span, Problem::Syntax { found, help })
    }

    fn refuse(&mut self, span: Span, problem: Problem) -> Refused {
        let pointer = self.pointer();
        self.report.refuse(Place::new(span, Pointer::written(&pointer)), problem);
        Refused
    }

    fn tolerate(&mut self, span: Span, problem: Problem) {
        let pointer = self.pointer();
        self.report.tolerate(Place::new(span, Pointer::written(&pointer)), problem);
    }

    /// The way to the value being read.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for (depth, frame) in self.frames.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = match frame.name {
                Some((name, _)) => write_member_shown(&mut pointer, self.builder.resolve(name)),
                None if frame.object => Ok(()),
                None => {
                    let inner = self.frames.iter().skip(depth + 1).find(|inner| !inner.object);
                    let end = inner.map_or(self.items.len(), |inner| inner.first);
                    write!(pointer, "/{}", end.saturating_sub(frame.first))
                }
            };
            if pointer.len() > 1_000 {
                break;
            }
        }
        pointer
    }
}

enum Step {
    /// The document ends here.
    Complete(NodeId),
    /// The container around the value is complete too.
    Closed(NodeId),
    /// Another value comes.
    Next,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Mode;

    fn read(text: impl AsRef<[u8]>) -> Result<String, String> {
        let source: Arc<str> = "t.json".into();
        let mut report = Report::new(source.clone(), Mode::Lenient);
        let document = parse(source, text.as_ref(), &Limits::default(), &mut report);
        let shown = String::from_utf8_lossy(text.as_ref());
        match document {
            Some(document) if !report.is_refused() => Ok(document.to_value(document.root()).to_string()),
            _ => Err(report.finish(&shown).to_string()),
        }
    }

    #[test]
    fn values_read_as_written() {
        for (text, value) in [
            (
                r#" {"a" : [1, -0, 1.5e1, true, false, null, "x"] , "b":{}, "c":[]} "#,
                r#"{"a":[1,-0,15,true,false,null,"x"],"b":{},"c":[]}"#,
            ),
            (r#""\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00""#, r#""\"\\/\b\f\n\r\tAé😀""#),
            (r#""\ud83d\u0041\ude00""#, "\"\u{fffd}A\u{fffd}\""),
            (r#""\ud83d""#, "\"\u{fffd}\""),
            ("9007199254740993", "9007199254740992"),
            ("123456789012345678901234567890", "1.2345678901234568e+29"),
            ("1e-400", "0"),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        ] {
            assert_eq!(read(text).as_deref(), Ok(value), "{text}");
        }
        assert_eq!(read(b"\"a\xe2\x82b\"").as_deref(), Ok("\"a\u{fffd}\u{fffd}b\""));
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for (text, place) in [
            ("{", "t.json:1:1: error[syntax]"),
            ("{\"a\":1,}", "t.json:1:7: error[syntax]"),
            ("[1,]", "t.json:1:3: error[syntax]"),
            ("[1 2]", "t.json:1:3: error[syntax]"),
            ("{a:1}", "t.json:1:2: error[syntax]"),
            ("\"a\nb\"", "t.json:1:1: error[syntax]"),
            ("\"\\x\"", "t.json:1:2: error[syntax]"),
            ("\"\\u12g4\"", "t.json:1:4: error[syntax]"),
            ("01", "t.json:1:2: error[trailing-text]"),
            ("1.", "t.json:1:3: error[syntax]"),
            ("-", "t.json:1:2: error[syntax]"),
            ("1e", "t.json:1:3: error[syntax]"),
            ("tru", "t.json:1:1: error[syntax]"),
            ("nul", "t.json:1:1: error[syntax]"),
            ("{} x", "t.json:1:4: error[trailing-text]"),
            ("\u{feff}{}", "t.json:1:1: error[byte-order-mark]"),
            ("1e400", "t.json:1:1: error[number-range]"),
            ("{\n  'a': 1\n}", "t.json:2:3: error[syntax]"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(place), "{text:?}: {error}");
        }
    }

    #[test]
    fn nesting_is_bounded_by_the_limit_and_not_by_the_stack() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(nested(256)).is_ok());
        assert!(read(nested(257)).unwrap_err().contains("error[too-deep]"));
        assert!(read(nested(200_000)).unwrap_err().contains("error[too-deep]"));
    }

    #[test]
    fn no_prefix_of_a_document_is_a_document() {
        let text =
            r#"{"flags":{"a":{"state":"ENABLED","variants":{"on":true,"off":-1.5e3},"x":["\u00e9",null]}}}"#;
        for end in 0..text.len() {
            assert!(read(&text.as_bytes()[..end]).is_err(), "{}", &text[..end]);
        }
    }
}
