//! Texts that others are compared with, over and over.
//!
//! Names and constants are short. Comparing their first eight bytes from registers settles nearly every
//! comparison without a call (benchmark `eval`, rows with conditions).

/// A text that others are compared with: the name of an attribute, a constant of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    head: u64,
    text: Box<str>,
}

impl Needle {
    /// A needle of this text.
    pub fn new(text: &str) -> Self {
        Self { head: head(text.as_bytes()), text: text.into() }
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[inline(always)]
    pub(crate) fn wanted(&self) -> Wanted<'_> {
        Wanted { head: self.head, text: &self.text }
    }

    /// Whether a text is this one.
    #[inline(always)]
    pub fn is(&self, text: &str) -> bool {
        text.len() == self.text.len() && head(text.as_bytes()) == self.head && same_rest(text, &self.text)
    }
}

/// What is looked for among names: a text and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'n> {
    pub(crate) head: u64,
    text: &'n str,
}

impl<'n> Wanted<'n> {
    #[inline(always)]
    pub(crate) fn new(text: &'n str) -> Self {
        Self { head: head(text.as_bytes()), text }
    }

    /// Whether a text is the one.
    #[inline(always)]
    pub(crate) fn is(&self, text: &str) -> bool {
        head(text.as_bytes()) == self.head && self.is_by_rest(text)
    }

    /// Whether a text with the same head is the one.
    #[inline(always)]
    pub(crate) fn is_by_rest(&self, text: &str) -> bool {
        text.len() == self.text.len() && same_rest(text, self.text)
    }
}

/// Whether two texts of one length and with one head are equal.
#[inline(always)]
pub(crate) fn same_rest(a: &str, b: &str) -> bool {
    if a.len() <= 8 {
        return true;
    }
    match (a.as_bytes().last_chunk::<8>(), b.as_bytes().last_chunk::<8>()) {
        (Some(x), Some(y)) if a.len() <= 16 => x == y,
        _ => same_long(a, b),
    }
}

/// Long texts, out of the way of short ones.
#[inline(never)]
fn same_long(a: &str, b: &str) -> bool {
    a == b
}

/// Up to eight bytes from the start of a text as a number; texts of one length up to eight differ in it.
#[inline(always)]
pub(crate) fn head(bytes: &[u8]) -> u64 {
    if let Some(head) = bytes.first_chunk::<8>() {
        return u64::from_ne_bytes(*head);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_ne_bytes(*first)) | u64::from(u32::from_ne_bytes(*last)) << 32;
    }
    match (bytes.first(), bytes.get(bytes.len() / 2), bytes.last()) {
        (Some(first), Some(middle), Some(last)) => {
            u64::from(*first) | u64::from(*middle) << 8 | u64::from(*last) << 16
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_compare_exactly() {
        let texts =
            ["", "a", "b", "ab", "ba", "abc", "abd", "adc", "abcd", "abce", "abcdefg", "abcdefh", "abcdefgh"];
        let long = [
            "abcdefghijklmnop",
            "abcdefghijklmnoq",
            "abcdefghijklmnopqrst",
            "abcdefghiXklmnopqrst",
            "abcdefgi",
        ];
        for a in texts.iter().chain(&long) {
            for b in texts.iter().chain(&long) {
                assert_eq!(Needle::new(a).is(b), a == b, "{a} {b}");
                let one_length = a.len() == b.len() && a.len() <= 8;
                assert!(!one_length || (head(a.as_bytes()) == head(b.as_bytes())) == (a == b), "{a} {b}");
            }
        }
    }
}
