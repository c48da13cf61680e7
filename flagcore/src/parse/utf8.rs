//! Text out of bytes that may not be UTF-8.

use std::borrow::Cow;

/// The text of `bytes`, and the offset of the first byte that is not UTF-8.
///
/// Each byte that is part of no character becomes U+FFFD by itself, as in the reference.
pub(crate) fn lossy(bytes: &[u8]) -> (Cow<'_, str>, Option<usize>) {
    let mut rest = match std::str::from_utf8(bytes) {
        Ok(text) => return (Cow::Borrowed(text), None),
        Err(_) => bytes,
    };
    let mut text = String::with_capacity(bytes.len() + 64);
    let mut first = None;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return (Cow::Owned(text), first);
            }
            Err(error) => {
                let (valid, broken) = rest.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(valid).unwrap_or(""));
                first.get_or_insert(text.len());
                text.push('\u{fffd}');
                rest = broken.get(1..).unwrap_or(&[]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_byte_is_replaced_by_itself() {
        assert_eq!(lossy("é".as_bytes()), (Cow::Borrowed("é"), None));
        let (text, first) = lossy(b"ab\xe2\x82c\xff");
        assert_eq!((text.as_ref(), first), ("ab\u{fffd}\u{fffd}c\u{fffd}", Some(2)));
    }
}
