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
    let mut found = Vec::with_capacity(offsets.len());
    let mut position = Position { line: 1, column: 1 };
    let mut wanted = offsets.iter().copied().peekable();
    for (at, c) in text.char_indices() {
        while wanted.next_if(|offset| *offset as usize <= at).is_some() {
            found.push(position);
        }
        if wanted.peek().is_none() {
            return found;
        }
        match c {
            '\n' => position = Position { line: position.line + 1, column: 1 },
            '\u{feff}' => {}
            _ => position.column += 1,
        }
    }
    found.extend(wanted.map(|_| position));
    found
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
}
