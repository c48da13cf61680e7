//! Entity tags: what tells two bodies apart.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::IF_NONE_MATCH;
use xxhash_rust::xxh3::xxh3_128;

/// The digest of a body as it is before any encoding for the way.
///
/// It holds for rules on the clock too: what is compared is what would be answered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u128);

impl Tag {
    pub(super) fn of(body: &[u8]) -> Self {
        Self(xxh3_128(body))
    }

    /// Whether the requester has this body already.
    ///
    /// Tags are compared weakly, as RFC 9110 §13.1.2 wants it; one without its quotes is taken too.
    pub(super) fn is_known(self, headers: &HeaderMap) -> bool {
        let mut fields = headers.get_all(IF_NONE_MATCH).iter().peekable();
        if fields.peek().is_none() {
            return false;
        }
        let quoted = self.to_string();
        let bare = quoted.trim_matches('"');
        fields.filter_map(|field| field.to_str().ok()).flat_map(listed).any(|known| {
            let tag = known.strip_prefix("W/").unwrap_or(known);
            known == "*" || tag == quoted || tag == bare
        })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{:032x}\"", self.0)
    }
}

/// The items of a list that commas separate; those in quotes are part of an item.
fn listed(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let items = list.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    items.map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn tags_are_found_in_lists() {
        let tag = Tag::of(b"{}");
        let (quoted, text) = (tag.to_string(), tag.to_string());
        let bare = text.trim_matches('"');
        for (list, known) in [
            (quoted.clone(), true),
            (format!("W/{quoted}"), true),
            (format!("\"old\", {quoted}"), true),
            (format!("{quoted},\"old\""), true),
            (format!(", ,{quoted}"), true),
            (format!("junk, {quoted}"), true),
            (bare.to_owned(), true),
            ("*".to_owned(), true),
            ("\"old\", *".to_owned(), true),
            ("W/*".to_owned(), false),
            ("*junk".to_owned(), false),
            ("\"old\"".to_owned(), false),
            (format!("\"{bare},{bare}\""), false),
            (format!("\"{bare}"), false),
            (",".to_owned(), false),
            (String::new(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_str(&list).unwrap());
            assert_eq!(tag.is_known(&headers), known, "{list}");
        }
        let mut headers = HeaderMap::new();
        assert!(!tag.is_known(&headers));
        headers.append(IF_NONE_MATCH, HeaderValue::from_static("\"old\""));
        headers.append(IF_NONE_MATCH, HeaderValue::from_str(&quoted).unwrap());
        assert!(tag.is_known(&headers));
    }
}
