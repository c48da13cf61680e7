//! A part of a tree as a short text, without what is redacted: only such texts are ever kept.

use std::fmt::Write;
use std::ops::Range;

use crate::text::is_invisible;

use super::pattern::{Patterns, Step};
use super::tree::{Node, Tree};

/// Bytes of an excerpt, its last letter and the mark of a cut not counted.
const MOST: usize = 240;

/// What stands in place of a value that may not be kept.
pub(super) const REDACTED: &str = "[redacted]";

/// The value at a place as JSON, cut after 240 bytes. `states` are those that the path to it has reached.
pub(super) fn excerpt(tree: &Tree, at: u32, patterns: &Patterns, states: &[u32]) -> String {
    let mut excerpt = Excerpt { tree, patterns, states: states.to_vec(), text: String::new() };
    let all = 0..states.len();
    if excerpt.value(at, all).is_none() {
        excerpt.text.push('…');
    }
    excerpt.text
}

struct Excerpt<'e> {
    tree: &'e Tree,
    patterns: &'e Patterns,
    states: Vec<u32>,
    text: String,
}

impl Excerpt<'_> {
    /// `None` once the text is long enough.
    fn value(&mut self, at: u32, states: Range<usize>) -> Option<()> {
        if self.patterns.marks(self.states.get(states.clone())?).redacted {
            return self.push(REDACTED);
        }
        let tree = self.tree;
        match tree.node(at) {
            Node::Null => self.push("null"),
            Node::Bool(true) => self.push("true"),
            Node::Bool(false) => self.push("false"),
            Node::Whole(number) => self.number(number),
            Node::Negative(number) => self.number(number),
            // Shows what JSON cannot, as `NaN`, and keeps `1.0` apart from `1`.
            Node::Float(number) => self.push(&format!("{number:?}")),
            Node::Text(span) => self.quoted(tree.bytes(span)),
            Node::Bytes(span) => self.push(&format!("{} bytes", tree.bytes(span).len())),
            Node::List { len, .. } => self.list(at, len, states),
            Node::Map { .. } => self.map(at, states),
        }
    }

    fn list(&mut self, list: u32, len: u32, states: Range<usize>) -> Option<()> {
        self.push("[")?;
        let mut at = list + 1;
        for index in 0..len {
            if index > 0 {
                self.push(", ")?;
            }
            self.inner(Step::Index(index as usize), at, states.clone())?;
            at = self.tree.after(at);
        }
        self.push("]")
    }

    fn map(&mut self, map: u32, states: Range<usize>) -> Option<()> {
        let tree = self.tree;
        self.push("{")?;
        for (count, name) in tree.members(map).enumerate() {
            if count > 0 {
                self.push(", ")?;
            }
            let step = Step::Name(tree.name(name));
            let reached = self.patterns.advance(&mut self.states, states.clone(), step);
            if self.patterns.marks(self.states.get(reached.clone())?).name_redacted {
                self.push("\"*\"")?;
            } else {
                self.quoted(tree.name(name))?;
            }
            self.push(": ")?;
            self.value(name + 1, reached.clone())?;
            self.states.truncate(reached.start);
        }
        self.push("}")
    }

    fn inner(&mut self, step: Step<'_>, at: u32, states: Range<usize>) -> Option<()> {
        let reached = self.patterns.advance(&mut self.states, states, step);
        self.value(at, reached.clone())?;
        self.states.truncate(reached.start);
        Some(())
    }

    fn number(&mut self, number: impl std::fmt::Display) -> Option<()> {
        self.push(&number.to_string())
    }

    fn quoted(&mut self, bytes: &[u8]) -> Option<()> {
        // A giant text is not looked at beyond what could be shown; a letter that is cut there is cut anyway.
        let shown = bytes.get(..bytes.len().min(MOST + 4)).unwrap_or_default();
        self.push("\"")?;
        for letter in String::from_utf8_lossy(shown).chars() {
            match letter {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\t' => self.text.push_str("\\t"),
                // Writing to a text cannot fail.
                letter if is_invisible(letter) => drop(write!(self.text, "\\u{:04x}", u32::from(letter))),
                letter => self.text.push(letter),
            }
            self.room()?;
        }
        self.push("\"")
    }

    fn push(&mut self, part: &str) -> Option<()> {
        self.text.push_str(part);
        self.room()
    }

    fn room(&self) -> Option<()> {
        (self.text.len() <= MOST).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tree::TreeLimits;
    use super::*;

    fn shown(value: &serde_json::Value, redacted: &[&str]) -> String {
        let mut patterns = Patterns::default();
        for pointer in redacted {
            patterns.mark(pointer, |marks| marks.redacted = true).unwrap();
        }
        let tree = Tree::of(value, TreeLimits::default()).unwrap();
        excerpt(&tree, 0, &patterns, &[Patterns::START])
    }

    #[test]
    fn an_excerpt_is_json_without_what_is_redacted() {
        let value = json!({ "user": { "email": "canary", "age": 4 }, "tokens": { "canary": 1 }, "list": ["canary", 1.5, -1] });
        assert_eq!(
            shown(&value, &["/user/email", "/tokens/*", "/list/0"]),
            r#"{"list": [[redacted], 1.5, -1], "tokens": {"*": [redacted]}, "user": {"age": 4, "email": [redacted]}}"#
        );
        assert_eq!(shown(&value, &[""]), "[redacted]");
        assert_eq!(shown(&json!(null), &[]), "null");
    }

    #[test]
    fn an_excerpt_is_short_and_safe_to_print() {
        let long = shown(&json!("ä".repeat(1_000_000)), &[]);
        assert!(long.len() < MOST + 10 && long.ends_with('…'), "{long}");
        let many = shown(&json!(vec![1; 100_000]), &[]);
        assert!(many.len() < MOST + 10 && many.ends_with('…'), "{many}");
        assert_eq!(shown(&json!("a\"\u{1b}[2J\n\u{202e}"), &[]), "\"a\\\"\\u001b[2J\\n\\u202e\"");
    }
}
