//! Base64, for gRPC-Web's clients that can only read text: they cannot see the bytes of an answer before its end.

use axum::body::Bytes;
use tonic::Code;

use super::Failure;

/// Bytes as text, padded: pieces can be put one behind the other.
pub fn encoded(bytes: Bytes) -> Bytes {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for piece in bytes.chunks(3) {
        let byte = |at: usize| u32::from(piece.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * at) & 63) as usize).copied();
            text.push(letter.filter(|_| at <= piece.len()).unwrap_or(b'='));
        }
    }
    text.into()
}

/// The bytes of a text, whose pieces may each be padded.
///
/// # Errors
///
/// Where it is not what [`encoded`] writes.
pub fn decoded(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for piece in text.chunks(4) {
        let end = piece.iter().position(|&letter| letter == b'=').unwrap_or(piece.len());
        let (letters, padding) = piece.split_at(end);
        if piece.len() != 4 || end < 2 || padding.iter().any(|&letter| letter != b'=') {
            return Err(malformed());
        }
        let mut bits = 0;
        for &letter in letters {
            bits = bits << 6 | value(letter).ok_or_else(malformed)?;
        }
        let [_, whole @ ..] = (bits << (6 * padding.len())).to_be_bytes();
        bytes.extend(whole.iter().take(end - 1));
    }
    Ok(bytes)
}

fn malformed() -> Failure {
    Failure::new(Code::InvalidArgument, "the request is not base64")
}

fn value(letter: u8) -> Option<u32> {
    let (first, before) = match letter {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' => (b'+', 62),
        b'/' => (b'/', 63),
        _ => return None,
    };
    Some(u32::from(letter - first) + before)
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_as_they_were_written() {
        // RFC 4648 §10.
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encoded(Bytes::from(bytes)), text);
            assert_eq!(decoded(text.as_bytes()).unwrap(), bytes.as_bytes());
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decoded(&encoded(all.clone().into())).unwrap(), all);
        assert_eq!(decoded(b"Zg==Zm8=Zm9v").unwrap(), b"ffofoo");
        for junk in ["Z", "Zg", "Zg=", "====", "Z===", "Zg=v", "Zm9\n", "Zm-_", "Zm9vZ"] {
            assert_eq!(decoded(junk.as_bytes()), Err(malformed()), "{junk}");
        }
    }
}
