//! What somebody probably did where a text stops being JSON, and how to mend it.
//!
//! Runs once for a refused file, so it may look at the whole text; nothing here decides what is JSON.

use crate::span::{Span, positions};
use crate::text::{Printable, is_invisible};

/// What may stand at some place of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Value,
    Name,
    Colon,
    /// `,` or the end of an object.
    MemberEnd,
    /// `,` or the end of a list.
    ItemEnd,
    TextEnd,
    Escape,
    HexDigits,
    Digit,
}

impl Wanted {
    fn words(self) -> &'static str {
        match self {
            Wanted::Value => "a value",
            Wanted::Name => "a name in quotes",
            Wanted::Colon => "`:`",
            Wanted::MemberEnd => "`,` or `}`",
            Wanted::ItemEnd => "`,` or `]`",
            Wanted::TextEnd => "the end of a text",
            Wanted::Escape => "an escape",
            Wanted::HexDigits => "four hexadecimal digits",
            Wanted::Digit => "a digit",
        }
    }
}

/// A mistake in the syntax: where the eye should go, what is wrong, and what would mend it.
#[derive(Debug, PartialEq)]
pub(super) struct Mistake {
    pub(super) span: Span,
    pub(super) found: String,
    pub(super) help: Option<String>,
}

/// The mistake at `at`, where something else stands than is `wanted`. `open` tells where the innermost list or
/// object that is not closed yet begins.
pub(super) fn mistake(text: &str, at: usize, wanted: Wanted, open: Option<usize>) -> Mistake {
    let rest = text.get(at..).unwrap_or("");
    let before = text.get(..at).unwrap_or("").trim_end_matches(is_space);
    let scene = Scene { text, at, rest, before, open };
    if let Some(span) = conflict(text, at) {
        return tell(
            span,
            "a merge conflict is left in the file",
            "keep one of the two sides, and no marker line",
        );
    }
    match rest.chars().next() {
        None => scene.end_of_file(wanted),
        Some(c) if wanted == Wanted::TextEnd => scene.inside_text(c),
        Some(c) if wanted == Wanted::Escape => {
            let span = Span::new(at as u32 - 1, (at + c.len_utf8()) as u32);
            tell(span, format!("`\\{c}` is no escape"), "write `\\\\` for a backslash")
        }
        Some(c) => scene.wrong_character(c, wanted),
    }
}

struct Scene<'t> {
    text: &'t str,
    at: usize,
    /// What stands at the place and behind it.
    rest: &'t str,
    /// What stands before it, without the space in between.
    before: &'t str,
    open: Option<usize>,
}

impl Scene<'_> {
    fn end_of_file(&self, wanted: Wanted) -> Mistake {
        if matches!(wanted, Wanted::TextEnd | Wanted::Escape | Wanted::HexDigits) {
            return tell(self.quote(), "the file ends inside of this text", "the file may be cut off");
        }
        let Some(open) = unclosed(self.text).or(self.open) else {
            return self.plain(format!("the file ends where {} should be", wanted.words()), None);
        };
        let (opening, closing) = brackets(self.text, open);
        let span = Span::new(open as u32, open as u32 + 1);
        tell(span, format!("this `{opening}` is never closed"), format!("write its `{closing}`"))
    }

    /// A text that has no end, or holds what a text may not.
    fn inside_text(&self, c: char) -> Mistake {
        match c {
            '\n' | '\r' => tell(
                self.quote(),
                "this text has no closing `\"` on its line",
                "write `\"` where it ends; a line break inside of a text is `\\n`",
            ),
            '\t' => self.plain("a tab stands inside of a text", Some("write `\\t`".to_owned())),
            c => self.plain(
                "a control character stands inside of a text",
                Some(format!("remove it, or write `\\u{:04x}`", u32::from(c))),
            ),
        }
    }

    fn wrong_character(&self, c: char, wanted: Wanted) -> Mistake {
        let here = wanted.words();
        if c != '\u{feff}' && (c.is_whitespace() || is_invisible(c)) {
            let found = format!("a character that looks like space or nothing (U+{:04X})", u32::from(c));
            return self.plain(found, Some("replace it by a plain space".to_owned()));
        }
        if matches!(c, '\'' | '“' | '”' | '„' | '‘' | '’' | '«' | '»' | '`') {
            return self
                .plain(format!("`{c}` where {here} should be"), Some("JSON quotes with `\"`".to_owned()));
        }
        if matches!(c, '/' | '#') {
            let help = "JSON has no comments; remove it, or write the file as YAML".to_owned();
            return self.plain(format!("a comment where {here} should be"), Some(help));
        }
        if self.before.is_empty() && c == '<' {
            return self.plain("this is a web page or XML, not JSON", None);
        }
        if self.before.is_empty() && (c.is_alphanumeric() || c == '-') {
            return self.plain(
                "this is not JSON, which begins with `{`",
                Some("if it is YAML, name the file `*.yaml`".to_owned()),
            );
        }
        match wanted {
            Wanted::Value | Wanted::Name if matches!(c, '}' | ']') && self.before.ends_with(',') => {
                tell(self.last_before(), format!("this `,` is one too many: `{c}` follows"), "remove it")
            }
            Wanted::Value if c == ',' && self.before.ends_with(',') => {
                self.plain("two `,` in a row", Some("remove one of them".to_owned()))
            }
            Wanted::Value if matches!(c, '}' | ']' | ',') && self.before.ends_with(':') => {
                tell(self.last_before(), "there is no value behind this `:`", "write one")
            }
            Wanted::Value if c == '.' => {
                self.plain("a number begins with `.`", Some(format!("write `0{}`", Printable(self.number()))))
            }
            Wanted::Value if c == '+' => {
                self.plain("a number begins with `+`", Some("remove the `+`".to_owned()))
            }
            Wanted::Value if is_word(c) => self.unquoted_value(),
            Wanted::Name if is_word(c) => self.unquoted(here),
            Wanted::Colon if c == '=' => self.plain("`=` where `:` should be", Some("write `:`".to_owned())),
            Wanted::Colon if is_word(c) => {
                let found = format!("`{}` where `:` should be", self.word());
                self.plain(found, Some("a `\"` before it is missing, or one too many".to_owned()))
            }
            Wanted::Colon => {
                tell(self.behind(), "a `:` is missing here, between name and value", "write `:`")
            }
            Wanted::MemberEnd | Wanted::ItemEnd => self.end_of_value(c, wanted),
            _ => self.plain(format!("`{c}` where {here} should be"), None),
        }
    }

    /// Something stands behind a value that does not end it.
    fn end_of_value(&self, c: char, wanted: Wanted) -> Mistake {
        let touches = self.before.len() == self.at;
        let digit = self.before.ends_with(|c: char| c.is_ascii_digit());
        if touches && digit && c.is_ascii_digit() {
            let help = format!("write `{}`", Printable(self.number().trim_start_matches('0')));
            return tell(self.last_before(), "a number begins with `0`", help);
        }
        if touches && digit && c == '%' {
            return self.plain("`%` behind a number", Some("write the number alone".to_owned()));
        }
        if let ('}' | ']', Some(open)) = (c, self.open) {
            let (opening, closing) = brackets(self.text, open);
            let place = positions(self.text, &[open as u32]);
            let place = place.first().map_or(String::new(), |place| format!(" at {place}"));
            let found = format!("`{c}` where the `{opening}`{place} is still open");
            return self.plain(found, Some(format!("write `{closing}` before it, or in its place")));
        }
        if matches!(c, '"' | '{' | '[' | '-') || is_word(c) && !touches {
            let found = match wanted {
                Wanted::MemberEnd => "a `,` is missing here, before the next name",
                _ => "a `,` is missing here, before the next value",
            };
            return tell(self.behind(), found, "write `,`");
        }
        if is_word(c) {
            let found = format!("`{}` where {} should be", self.word(), wanted.words());
            return self.plain(found, Some("look for a `\"` too many before it".to_owned()));
        }
        let help = (c == ';').then(|| "write `,`".to_owned());
        self.plain(format!("`{c}` where {} should be", wanted.words()), help)
    }

    fn unquoted_value(&self) -> Mistake {
        let word = self.word();
        let help = match word.to_ascii_lowercase().as_str() {
            "true" => "write `true`",
            "false" => "write `false`",
            "null" | "none" | "nil" | "undefined" => "write `null`",
            "nan" | "infinity" | "inf" => "JSON has no such number; leave it out, or write a large one",
            _ => return self.unquoted("a value"),
        };
        self.plain(format!("`{word}` where a value should be"), Some(help.to_owned()))
    }

    fn unquoted(&self, wanted: &str) -> Mistake {
        let word = self.word();
        self.plain(
            format!("`{word}` where {wanted} should be"),
            Some(format!("put it in quotes: `\"{word}\"`")),
        )
    }

    /// The word at the place.
    fn word(&self) -> String {
        const MOST: usize = 40;
        self.rest.chars().take_while(|c| is_word(*c) || *c == '-').take(MOST).collect()
    }

    /// The number at the place.
    fn number(&self) -> &str {
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
        self.rest.get(..end).unwrap_or("")
    }

    /// The quote that begins the text around the place. Texts do not reach over lines, so the line tells.
    fn quote(&self) -> Span {
        let head = self.text.get(..self.at).unwrap_or("");
        let line = head.rfind('\n').map_or(0, |at| at + 1);
        let (mut quote, mut escaped) = (None, false);
        for (offset, c) in head.get(line..).unwrap_or("").char_indices() {
            match (c, quote) {
                ('"', None) => quote = Some(line + offset),
                ('"', Some(_)) if !escaped => quote = None,
                _ => {}
            }
            escaped = c == '\\' && !escaped;
        }
        let start = quote.unwrap_or(self.at) as u32;
        Span::new(start, start + 1)
    }

    /// The last character before the place that is no space.
    fn last_before(&self) -> Span {
        let end = self.before.len();
        let length = self.before.chars().next_back().map_or(0, char::len_utf8);
        Span::new((end - length) as u32, end as u32)
    }

    /// Right behind it.
    fn behind(&self) -> Span {
        Span::new(self.before.len() as u32, self.before.len() as u32)
    }

    fn plain(&self, found: impl Into<String>, help: Option<String>) -> Mistake {
        let length = self.rest.chars().next().map_or(0, char::len_utf8);
        Mistake { span: Span::new(self.at as u32, (self.at + length) as u32), found: found.into(), help }
    }
}

/// A mistake with its mending.
pub(super) fn tell(span: Span, found: impl Into<String>, help: impl Into<String>) -> Mistake {
    Mistake { span, found: found.into(), help: Some(help.into()) }
}

/// The marker of a merge conflict that the place is a part of.
fn conflict(text: &str, at: usize) -> Option<Span> {
    let line = text.get(..at)?.rfind('\n').map_or(0, |at| at + 1);
    let rest = text.get(line..)?;
    let marker = ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|marker| rest.starts_with(marker));
    marker.then(|| Span::new(line as u32, line as u32 + 7))
}

/// Of lists and objects that are not closed the one whose layout gives it away: a bracket on a line of its own
/// closes it that is indented as an outer one is.
fn unclosed(text: &str) -> Option<usize> {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    let (mut indent, mut fresh) = (0, true);
    for (at, c) in text.bytes().enumerate() {
        match c {
            b'\n' => (indent, fresh, quoted) = (0, true, false),
            b' ' | b'\t' if fresh => indent += 1,
            b'"' if !escaped => quoted = !quoted,
            b'{' | b'[' if !quoted => open.push((at, indent)),
            b'}' | b']' if !quoted => {
                let (start, own) = open.pop()?;
                let outer = open.iter().rev().any(|(_, outer)| *outer == indent);
                if fresh && own > indent && outer {
                    return Some(start);
                }
            }
            _ => {}
        }
        fresh = fresh && matches!(c, b' ' | b'\t' | b'\n' | b'\r');
        escaped = quoted && c == b'\\' && !escaped;
    }
    None
}

/// The bracket at a place, and the one that closes it.
fn brackets(text: &str, at: usize) -> (char, char) {
    if text.as_bytes().get(at) == Some(&b'[') { ('[', ']') } else { ('{', '}') }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\n' | '\r' | '\t')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}
