//! What somebody probably did where a text stops being YAML, and how to mend it.
//!
//! The parser says where it could not go on, which is often a line after the mistake. The lines around the place
//! say more. Runs once for a refused file; nothing here decides what is YAML.

use crate::span::Span;
use crate::text::Printable;

use super::json_mistake::{Mistake, tell};

/// The mistake at `at`, of which the parser says `info`. `open` tells where the innermost list or mapping in
/// brackets that is not closed yet begins.
pub(super) fn mistake(text: &str, at: usize, info: &str, open: Option<usize>) -> Mistake {
    let scene = Scene { text, at, line: Line::around(text, at) };
    let found = scene
        .conflict()
        .or_else(|| template(text, at))
        .or_else(|| scene.tab(info))
        .or_else(|| scene.quoted(info))
        .or_else(|| scene.first_character(info, open))
        .or_else(|| scene.brackets(info, open))
        .or_else(|| scene.colon(info))
        .or_else(|| scene.layout(info));
    found.unwrap_or_else(|| Mistake {
        span: Span::new(at as u32, at as u32),
        found: format!("this is not YAML: {info}"),
        help: None,
    })
}

/// A place-holder that should have been replaced before; `at` is at one of its braces.
pub(super) fn template(text: &str, at: usize) -> Option<Mistake> {
    let start = [at.checked_sub(1), Some(at)].into_iter().flatten();
    let start =
        start.into_iter().find(|start| text.get(*start..).is_some_and(|rest| rest.starts_with("{{")))?;
    let help = "fill it in before the file is read, or put it in quotes if it is meant as a text";
    Some(tell(
        Span::new(start as u32, start as u32 + 2),
        "`{{` begins a template that was not filled in",
        help,
    ))
}

struct Scene<'t> {
    text: &'t str,
    at: usize,
    line: Line<'t>,
}

/// A line without its indentation and the space behind it.
#[derive(Clone, Copy)]
struct Line<'t> {
    /// Where the line starts, and where its words do.
    start: usize,
    words_start: usize,
    words: &'t str,
}

impl<'t> Line<'t> {
    fn around(text: &'t str, at: usize) -> Self {
        let start = text.get(..at).unwrap_or("").rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(start..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("");
        let words_start = start + (line.len() - line.trim_start_matches([' ', '\t']).len());
        Self { start, words_start, words: line.trim_matches([' ', '\t', '\r']) }
    }

    /// The line before that holds words.
    fn before(self, text: &'t str) -> Option<Self> {
        let mut line = self;
        while line.start > 0 {
            line = Line::around(text, line.start - 1);
            if !line.words.is_empty() && !line.words.starts_with('#') {
                return Some(line);
            }
        }
        None
    }

    fn indent(self) -> usize {
        self.words_start - self.start
    }

    /// The words behind the dashes of a list.
    fn item(self) -> &'t str {
        self.words.trim_start_matches("- ").trim_start()
    }

    /// Whether it has a name with its colon.
    fn has_name(self) -> bool {
        self.words.ends_with(':') || self.words.contains(": ")
    }

    fn begin(self) -> Span {
        Span::new(self.words_start as u32, (self.words_start + self.words.len()) as u32)
    }
}

impl Scene<'_> {
    fn conflict(&self) -> Option<Mistake> {
        let start = match self.text.starts_with("<<<<<<< ") {
            true => 0,
            false => self.text.find("\n<<<<<<< ")? + 1,
        };
        let help = "keep one of the two sides, and no marker line";
        Some(tell(Span::new(start as u32, start as u32 + 7), "a merge conflict is left in the file", help))
    }

    fn tab(&self, info: &str) -> Option<Mistake> {
        if !info.contains("tab") {
            return None;
        }
        // A text without quotes goes on below its line, where the parser meets the tab and blames the text.
        let below =
            self.text.get(self.at..)?.find('\n').map(|end| Line::around(self.text, self.at + end + 1));
        let at = [Some(self.line), below].into_iter().flatten().find_map(|line| {
            let indentation = self.text.get(line.start..line.words_start)?;
            Some(line.start + indentation.find('\t')?)
        })?;
        let help = "replace each tab by spaces";
        Some(tell(
            Span::new(at as u32, at as u32 + 1),
            "a tab indents this line; YAML indents by spaces alone",
            help,
        ))
    }

    fn quoted(&self, info: &str) -> Option<Mistake> {
        let rest = self.text.get(self.at..)?;
        if info.contains("unknown escape") {
            let known = |c: char| "0abtnvfre \"/\\N_LPxuU\t\n".contains(c);
            let mut chars = rest.char_indices();
            while let Some((offset, c)) = chars.next() {
                if c == '\\' {
                    let (_, escaped) = chars.next()?;
                    if !known(escaped) {
                        let start = (self.at + offset) as u32;
                        let span = Span::new(start, start + 1 + escaped.len_utf8() as u32);
                        let help = "write `\\\\` for a backslash, or put the text in single quotes";
                        return Some(tell(span, format!("`\\{escaped}` is no escape"), help));
                    }
                }
            }
            return None;
        }
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        if info.contains("in quoted scalar") || info.contains("a quoted scalar") {
            let found = format!("this text has no closing `{quote}`");
            return Some(tell(self.here(1), found, format!("write `{quote}` where it ends")));
        }
        None
    }

    /// A text that begins with a character that means something else there.
    fn first_character(&self, info: &str, open: Option<usize>) -> Option<Mistake> {
        let rest = self.text.get(self.at..)?;
        let c = rest.chars().next()?;
        if info.contains("unexpected character") {
            let end = rest.find([',', ']', '}', '\n', '\r']).unwrap_or(rest.len());
            let word = rest.get(..end)?.trim_end();
            let word = word.split(": ").next().unwrap_or(word).trim_end_matches(':');
            let help = format!("put it in quotes: `\"{}\"`", Printable(word));
            return Some(tell(
                self.here(c.len_utf8()),
                format!("a text without quotes begins with `{c}`"),
                help,
            ));
        }
        if info.contains("block scalar") && matches!(c, '>' | '|') {
            let operator = rest.get(..rest.find(':')?).filter(|word| word.len() <= 2)?;
            let found = format!("`{c}` without quotes begins a text of several lines");
            return Some(tell(self.here(1), found, format!("put the operator in quotes: `\"{operator}\":`")));
        }
        if info.contains("trailing content") && open.is_some() {
            let before = self.text.get(..self.at)?.trim_end().len() as u32;
            let help = "write `,`, or `\\\"` for a quote inside of the text";
            return Some(tell(Span::new(before, before), "a `,` is missing here, or the text goes on", help));
        }
        if info.contains("trailing content") {
            let help = "put the whole text in quotes, or none of it";
            return Some(tell(self.here(c.len_utf8()), "a text goes on behind its closing quote", help));
        }
        None
    }

    fn brackets(&self, info: &str, open: Option<usize>) -> Option<Mistake> {
        if info.contains("misplaced bracket") {
            let c = self.text.get(self.at..)?.chars().next().filter(|c| matches!(c, ']' | '}'))?;
            return Some(tell(self.here(1), format!("this `{c}` closes nothing"), "remove it"));
        }
        let open = open?;
        let (opening, closing) =
            if self.text.as_bytes().get(open) == Some(&b'[') { ('[', ']') } else { ('{', '}') };
        let rest = self.text.get(self.at..)?;
        if let Some(c) = rest.chars().next().filter(|c| matches!(c, ']' | '}') && *c != closing) {
            let help = format!("write `{closing}` before it, or in its place");
            return Some(tell(self.here(1), format!("`{c}` where a `{opening}` is still open"), help));
        }
        if Line::around(self.text, open).start != self.line.start {
            let span = Span::new(open as u32, open as u32 + 1);
            return Some(tell(
                span,
                format!("this `{opening}` is never closed"),
                format!("write its `{closing}`"),
            ));
        }
        let before = self.text.get(..self.at)?.trim_end();
        info.contains("did not find expected ','").then(|| {
            let span = Span::new(before.len() as u32, before.len() as u32);
            tell(
                span,
                format!("a `,` is missing here, or the `{closing}`"),
                format!("write `,` or `{closing}`"),
            )
        })
    }

    /// A colon where none may stand: there is one too many in its line, or one is missing in the line before.
    fn colon(&self, info: &str) -> Option<Mistake> {
        if !info.contains("mapping values are not allowed") {
            return None;
        }
        let head = self.text.get(self.line.words_start..self.at)?;
        if let Some((_, value)) = head.split_once(": ") {
            let end = self.text.get(self.at..)?.split(['\n', '#']).next()?;
            let whole = format!("{}{}", value.trim_start(), end.trim_end());
            let help = format!("put the text in quotes: `\"{}\"`", Printable(&whole));
            return Some(tell(self.here(1), "this is the second `:` of its line", help));
        }
        let before = self.line.before(self.text)?;
        if !before.has_name() {
            return Some(without_colon(before));
        }
        (self.line.indent() > before.indent() && !before.words.ends_with(':')).then(|| {
            let help = format!("indent it by {} spaces, as that line", before.indent());
            tell(
                self.line.begin(),
                "this line is indented deeper than the line before it, which is complete",
                help,
            )
        })
    }

    /// A line that fits none of those above it.
    fn layout(&self, info: &str) -> Option<Mistake> {
        const ABOUT_LINES: &[&str] =
            &["expected key", "simple key", "invalid indentation", "not allowed in this", "'-'"];
        if !ABOUT_LINES.iter().any(|about| info.contains(about)) {
            return None;
        }
        let line = if self.line.words.is_empty() { self.line.before(self.text)? } else { self.line };
        let before = line.before(self.text);
        for line in [Some(line), before].into_iter().flatten() {
            let dash = line.words.strip_prefix('-');
            if let Some(word) =
                dash.filter(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '"'))
            {
                let word = word.split([' ', ':']).next().unwrap_or(word);
                let help = format!("write `- {}`", Printable(word));
                return Some(tell(
                    Span::new(line.words_start as u32, line.words_start as u32 + 1),
                    "there is no space behind this `-`",
                    help,
                ));
            }
        }
        let before = before?;
        if !line.has_name() && !line.words.starts_with("- ") {
            if before.indent() == line.indent() && before.words.starts_with("- ") {
                let help = format!("write `- {}`", Printable(line.words));
                return Some(tell(line.begin(), "this item of a list has no `-`", help));
            }
            return Some(without_colon(line));
        }
        let is_before = before.indent() <= line.indent() || info.contains("simple key");
        if !before.has_name() && !before.words.starts_with("- ") && is_before {
            return Some(without_colon(before));
        }
        let mut above = Some(before);
        while let Some(found) = above {
            if found.indent() == line.indent() {
                return None;
            }
            above = found.before(self.text);
        }
        let help = format!("indent it by {} spaces, as the line before", before.indent());
        Some(tell(line.begin(), "this line is indented as no line above it is", help))
    }

    fn here(&self, bytes: usize) -> Span {
        Span::new(self.at as u32, (self.at + bytes) as u32)
    }
}

/// A line that should have a name and does not.
fn without_colon(line: Line<'_>) -> Mistake {
    let words = line.item();
    let start = line.words_start + (line.words.len() - words.len());
    if let Some((name, value)) = words.split_once(':') {
        let at = start + name.len();
        let odd = value.chars().next().filter(|c| c.is_whitespace());
        let found = match odd {
            Some(c) => format!("what stands behind this `:` is no plain space (U+{:04X})", u32::from(c)),
            None => "there is no space behind this `:`".to_owned(),
        };
        let help = format!("write `{}: {}`", Printable(name), Printable(value.trim_start()));
        return tell(Span::new(at as u32, at as u32 + 1), found, help);
    }
    let name = words.split(' ').next().unwrap_or(words);
    let rest = words.get(name.len()..).unwrap_or("");
    let at = (start + name.len()) as u32;
    tell(
        Span::new(at, at),
        "a `:` is missing here, behind the name",
        format!("write `{}:{}`", Printable(name), Printable(rest)),
    )
}
