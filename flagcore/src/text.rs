//! JSON text as the reference writes it, texts that are safe to print, and guesses at what was meant.
//!
//! Keys are sorted by bytes and `<`, `>`, `&`, U+2028 and U+2029 are escaped. Variants are chosen by such
//! texts with their quotes removed, so the escaping is part of what a rule means.

use std::fmt::{self, Write};

/// Writes `text` as a JSON string, quotes included.
pub fn write_json_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    write_json_escaped(out, text)?;
    out.write_char('"')
}

/// Writes `text` as it stands between the quotes of a JSON string.
pub fn write_json_escaped(out: &mut impl Write, text: &str) -> fmt::Result {
    let mut written = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '<' => "\\u003c",
            '>' => "\\u003e",
            '&' => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            c if c < ' ' => "",
            _ => continue,
        };
        out.write_str(text.get(written..at).unwrap_or(""))?;
        if escape.is_empty() {
            write!(out, "\\u{:04x}", u32::from(c))?;
        } else {
            out.write_str(escape)?;
        }
        written = at + c.len_utf8();
    }
    out.write_str(text.get(written..).unwrap_or(""))
}

/// Whether JSON text of `text` is `text` itself between quotes.
pub fn is_plain(text: &str) -> bool {
    // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
    text.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2))
        || text
            .chars()
            .all(|c| c >= ' ' && !matches!(c, '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}'))
}

/// Drops every `"` on its way into `inner`; how the reference turns a result into a variant name.
#[derive(Debug)]
pub struct WithoutQuotes<W>(pub W);

impl<W: Write> Write for WithoutQuotes<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.split('"').try_for_each(|part| self.0.write_str(part))
    }
}

/// A text from outside, safe to print on one line: control, bidi and other invisible characters escaped.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Long texts are cut, so that no input can flood a log.
        const MOST: usize = 120;
        for (count, c) in self.0.chars().enumerate() {
            if count == MOST {
                return f.write_char('…');
            }
            if is_invisible(c) {
                write!(f, "\\u{{{:x}}}", u32::from(c))?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// The beginning of a text, short enough to keep in a report.
pub fn excerpt(text: &str) -> String {
    const MOST: usize = 200;
    text.chars().take(MOST).collect()
}

/// Whether a character could hide or reorder text on a terminal.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The name that was most likely meant by `found`, if any is close; letter case counts for nothing. A name that is
/// the only one to begin as `found` does is close too.
pub fn closest<'k>(found: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    /// Longer texts are not compared: the time grows with the product of the lengths.
    const COMPARED: usize = 64;
    let lower = found.to_lowercase();
    let near = |distance: usize, name: &str| distance * 3 <= name.chars().count().max(lower.chars().count());
    let known: Vec<&str> =
        known.into_iter().filter(|name| name.len() <= COMPARED && lower.len() <= COMPARED).collect();
    let nearest = known
        .iter()
        .copied()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| near(*distance, name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name);
    nearest.or_else(|| {
        /// Shorter beginnings say little.
        const BEGINNING: usize = 4;
        let begins = |long: &str, short: &str| short.len() >= BEGINNING && long.starts_with(short);
        let mut alike = known.iter().copied().filter(|name| {
            let name = name.to_lowercase();
            begins(&name, &lower) || begins(&lower, &name)
        });
        alike.next().filter(|_| alike.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_the_reference_does() {
        let mut out = String::new();
        write_json_string(&mut out, "a\"b\\<&>\n\u{1}\u{2028}é\u{7f}").unwrap();
        assert_eq!(out, "\"a\\\"b\\\\\\u003c\\u0026\\u003e\\n\\u0001\\u2028é\u{7f}\"");
    }

    #[test]
    fn plain_is_what_escaping_leaves_alone() {
        for text in ["", "on", "é", "\u{2027}", "\u{7f}", "a\"b", "\u{2028}", "<", "\t"] {
            let mut out = String::new();
            write_json_escaped(&mut out, text).unwrap();
            assert_eq!(is_plain(text), out == text, "{text:?}");
        }
    }

    #[test]
    fn what_was_meant_is_the_nearest_name_or_the_only_one_that_begins_so() {
        for (found, known, meant) in [
            ("expres", &["classic", "express"][..], Some("express")),
            ("OFF", &["on", "off"], Some("off")),
            ("of", &["on", "off"], Some("off")),
            ("default", &["state", "defaultVariant"], Some("defaultVariant")),
            ("ends", &["ends_early", "ends_later"], None),
            ("yes", &["on", "off"], None),
            ("on", &[], None),
        ] {
            assert_eq!(closest(found, known.iter().copied()), meant, "{found}");
        }
    }

    #[test]
    fn quotes_go_and_backslashes_stay() {
        let mut out = String::new();
        WithoutQuotes(&mut out).write_str("\"a\\\"b\"").unwrap();
        assert_eq!(out, "a\\b");
    }
}
