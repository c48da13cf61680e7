//! Where in a flag file something stands.

use std::fmt;

/// A range of bytes in the text of one flag file: `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range from `start` up to, but not including, `end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The bytes of the range as an index into the text.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A place as people count it: line and column from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The positions of byte offsets in a text, in one pass over it.
///
/// `offsets` are in ascending order; one past the end is the end. A byte-order mark stands before the first
/// column, because people do not see it.
pub fn positions(text: &str, offsets: &[u32]) -> Vec<Position> {
    let (mut at, mut position) = (0, Position { line: 1, column: 1 });
    let place = |offset: &u32| {
        let end = (*offset as usize).min(text.len());
        let end = (end..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        // PERF: whole pieces at once; one character after the other took a tenth of a load (benchmark `load`).
        let passed = text.get(at..end).unwrap_or("");
        if let Some((before, rest)) = passed.rsplit_once('\n') {
            position.line += 1 + before.bytes().filter(|byte| *byte == b'\n').count() as u32;
            position.column = 1 + columns(rest);
        } else {
            position.column += columns(passed);
        }
        at = end.max(at);
        position
    };
    offsets.iter().map(place).collect()
}

/// How many columns a piece of a line takes.
fn columns(piece: &str) -> u32 {
    (piece.chars().count() - piece.matches('\u{feff}').count()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let found = positions("ab\nçd\n", &[0, 1, 3, 5, 5, 7, 99]);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["1:1", "1:2", "2:1", "2:2", "2:2", "3:1", "3:1"]);
    }

    #[test]
    fn every_offset_is_where_a_character_after_the_other_leads() {
        let text = "\u{feff}a\r\nçd\n\n\u{feff}é\u{feff}🙂x\ny";
        let all: Vec<u32> = (0..=text.len() as u32 + 2).collect();
        let one_by_one = |offset: u32| {
            let mut position = Position { line: 1, column: 1 };
            for (_, c) in text.char_indices().take_while(|(at, _)| (*at as u32) < offset) {
                match c {
                    '\n' => position = Position { line: position.line + 1, column: 1 },
                    '\u{feff}' => {}
                    _ => position.column += 1,
                }
            }
            position
        };
        let expected: Vec<Position> = all.iter().map(|offset| one_by_one(*offset)).collect();
        assert_eq!(positions(text, &all), expected);
        for pair in all.windows(2) {
            assert_eq!(positions(text, pair), [one_by_one(pair[0]), one_by_one(pair[1])]);
        }
    }
}
