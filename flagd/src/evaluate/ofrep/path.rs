//! Flag keys out of paths, and paths that lead elsewhere.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

/// The text of a path's segment; bytes that are not UTF-8 become U+FFFD. Nothing where an escape is broken.
///
/// Escaped slashes are part of the text: `a%2Fb` is the flag `a/b`.
pub(super) fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' { digit(rest.next())? << 4 | digit(rest.next())? } else { byte });
    }
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

fn digit(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).map(|digit| digit as u8)
}

/// Appends a text as a path's segment.
pub(super) fn encode(out: &mut String, text: &str) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let hexadecimal = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(['%', hexadecimal(byte >> 4), hexadecimal(byte & 15)]);
        }
    }
}

/// Answers for every path that is nobody's: one with doubled slashes or dots is sent to the tidy one.
pub(super) async fn elsewhere(request: Request) -> Response {
    tidied(request.uri()).unwrap_or_else(|| text(StatusCode::NOT_FOUND, "404 page not found\n"))
}

/// Sends a path with empty or dotted segments to the same path without them.
pub(super) fn tidied(uri: &Uri) -> Option<Response> {
    let path = uri.path();
    let tidy = tidy(path);
    if tidy == path {
        return None;
    }
    let location = match uri.query() {
        Some(query) => format!("{tidy}?{query}"),
        None => tidy,
    };
    let location = HeaderValue::from_str(&location).ok()?;
    Some((StatusCode::MOVED_PERMANENTLY, [(LOCATION, location)]).into_response())
}

fn tidy(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut tidy = format!("/{}", segments.join("/"));
    if path.ends_with('/') && tidy.len() > 1 {
        tidy.push('/');
    }
    tidy
}

/// An answer for people.
pub(super) fn text(status: StatusCode, text: &'static str) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_decode_and_encode() {
        for (segment, text) in [("a", "a"), ("a%2Fb", "a/b"), ("a+b", "a+b"), ("%e2%82%ac", "€")] {
            assert_eq!(decoded(segment).as_deref(), Some(text));
        }
        assert_eq!(decoded("%ff").as_deref(), Some("\u{fffd}"));
        for broken in ["%", "%2", "%zz", "a%+1"] {
            assert_eq!(decoded(broken), None);
        }
        let mut out = String::new();
        encode(&mut out, "flagSetId=a/€-~");
        assert_eq!(out, "flagSetId%3Da%2F%E2%82%AC-~");
    }

    #[test]
    fn paths_are_tidied() {
        for (path, wanted) in [
            ("/", "/"),
            ("//", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("//a//b/", "/a/b/"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/../b", "/b"),
            ("/a/.b", "/a/.b"),
        ] {
            assert_eq!(tidy(path), wanted, "{path}");
        }
    }
}
