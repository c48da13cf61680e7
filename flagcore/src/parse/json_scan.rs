//! The smallest parts of JSON: space, texts, numbers and words, one after another.

use crate::span::Span;

use super::json_mistake::Wanted;

/// A place in a text, and what has been seen on the way to it.
pub(super) struct Scanner<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    /// Halves of characters that were escaped and are read as U+FFFD.
    pub(super) halves: Vec<Span>,
}

/// What a string holds.
pub(super) enum Text {
    /// What stands between its quotes.
    Verbatim(Span),
    /// Something else, as it has escapes.
    Decoded(String),
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at, halves: Vec::new() }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Where what began at `start` has ended.
    pub(super) fn span(&self, start: usize) -> Span {
        Span::new(start as u32, self.at as u32)
    }

    /// A word that must stand here.
    pub(super) fn word(&mut self, word: &str) -> Result<(), Wanted> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or(&[]);
        if !rest.starts_with(word.as_bytes()) {
            return Err(Wanted::Value);
        }
        self.at += word.len();
        Ok(())
    }

    /// A number; infinite where `f64` cannot hold it.
    pub(super) fn number(&mut self) -> Result<f64, Wanted> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or("");
        // PERF: almost all numbers of flag files are short and whole (benchmark `load`).
        if whole && text.len() <= 15 && !text.starts_with('-') {
            return Ok(text.bytes().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0')) as f64);
        }
        Ok(text.parse().unwrap_or(f64::INFINITY))
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Wanted> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(Wanted::Digit) } else { Ok(()) }
    }

    /// A string, from its opening quote to its closing one.
    pub(super) fn string(&mut self) -> Result<Text, Wanted> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut end = start;
        loop {
            match bytes.get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    return Ok(Text::Verbatim(Span::new(start as u32, end as u32)));
                }
                Some(b'\\') => break,
                Some(byte) if *byte >= b' ' => end += 1,
                _ => {
                    self.at = end;
                    return Err(Wanted::TextEnd);
                }
            }
        }
        self.at = start;
        let mut decoded = String::new();
        self.decode(&mut decoded)?;
        Ok(Text::Decoded(decoded))
    }

    /// The rest of a string with escapes, up to and including its closing quote.
    fn decode(&mut self, out: &mut String) -> Result<(), Wanted> {
        loop {
            let start = self.at;
            let run = self.text.as_bytes().get(start..).unwrap_or(&[]);
            let length =
                run.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' ')).unwrap_or(run.len());
            out.push_str(self.text.get(start..start + length).unwrap_or(""));
            self.at += length;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return Err(Wanted::TextEnd),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Wanted> {
        let start = self.at - 1;
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            _ => return Err(Wanted::Escape),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, Wanted> {
        self.at += 1;
        let first = self.hex4()?;
        if !(0xd800..0xe000).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or('\u{fffd}'));
        }
        let after = self.at;
        if first < 0xdc00 && self.text.as_bytes().get(after..after + 2) == Some(b"\\u") {
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00));
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            // The second escape is a character, or half of one, in its own right.
            self.at = after;
        }
        self.halves.push(self.span(start));
        Ok('\u{fffd}')
    }

    fn hex4(&mut self) -> Result<u32, Wanted> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or(&[]);
        let mut code = 0;
        for digit in digits {
            let value = (*digit as char).to_digit(16).ok_or(Wanted::HexDigits)?;
            code = code << 4 | value;
        }
        if digits.len() < 4 {
            return Err(Wanted::HexDigits);
        }
        self.at += 4;
        Ok(code)
    }
}
