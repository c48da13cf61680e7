//! Seeded mutations of bytes.

/// Endless mutations of some seeds, one to four changes each; the same for the same seeds and number.
pub(crate) struct Mutations<'s> {
    seeds: &'s [Vec<u8>],
    random: Random,
}

impl<'s> Mutations<'s> {
    pub(crate) fn of(seeds: &'s [Vec<u8>], number: u64) -> Self {
        Self { seeds, random: Random(number) }
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.random.below(bytes.len() + 1);
        let end = (at + self.random.below(24)).min(bytes.len());
        match self.random.below(8) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << self.random.below(8),
            2 if at < bytes.len() => bytes[at] = self.random.next() as u8,
            3 => drop(bytes.drain(at..end)),
            4 => {
                let slice = bytes[at..end].to_vec();
                let to = self.random.below(bytes.len() + 1);
                bytes.splice(to..to, slice);
            }
            5 => {
                let other = &self.seeds[self.random.below(self.seeds.len())];
                let from = self.random.below(other.len());
                let to = (from + self.random.below(40)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            6 => {
                let words = &WORDS[self.random.below(WORDS.len())];
                bytes.splice(at..end, words.bytes());
            }
            _ => {
                let words = &WORDS[self.random.below(WORDS.len())];
                bytes.splice(at..at, words.bytes());
            }
        }
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.seeds[self.random.below(self.seeds.len())].clone();
        for _ in 0..=self.random.below(4) {
            self.change(&mut bytes);
        }
        Some(bytes)
    }
}

/// What formats and rules have a meaning for.
const WORDS: [&str; 32] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "-0",
    "1e999",
    "0.5",
    "é",
    "😀",
    "\u{feff}",
    "\u{2028}",
    "\n",
    "\t",
    "\r\n",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|\n",
    "{\"$ref\":\"a\"}",
    "{\"var\":\"\"}",
    "[[[[[[[[[[[[[[[[",
    "{\"!\":",
];

/// Numbers that look random and are the same in every run (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// From 0 to one below `end`; 0 where that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}
