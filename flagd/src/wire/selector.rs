//! The selector that the header of a request tells, in every protocol.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName};

/// What the header tells; none without one.
pub fn told(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    headers.get(&HEADER).map(|text| String::from_utf8_lossy(text.as_bytes()))
}

/// The header.
pub static HEADER: HeaderName = HeaderName::from_static("flagd-selector");
