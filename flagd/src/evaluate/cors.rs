//! Which web pages may call: cross-origin resource sharing as the reference answers it.
//!
//! Without a choice every origin may. A preflight is answered 204 and echoes the method and the headers that were
//! asked for; one of an origin that may not is answered without a word about it.

use std::sync::Arc;

use axum::extract::{self, Request};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The origins that may call.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    /// None for all.
    allowed: Option<Arc<[Pattern]>>,
}

/// An origin in lower case, with at most one `*` for any text.
#[derive(Debug)]
struct Pattern {
    start: String,
    end: Option<String>,
}

impl Origins {
    pub(super) fn new(allowed: &[String]) -> Self {
        if allowed.is_empty() || allowed.iter().any(|origin| origin == "*") {
            return Self { allowed: None };
        }
        let pattern = |origin: &String| {
            let origin = origin.to_ascii_lowercase();
            match origin.split_once('*') {
                Some((start, end)) => Pattern { start: start.to_owned(), end: Some(end.to_owned()) },
                None => Pattern { start: origin, end: None },
            }
        };
        Self { allowed: Some(allowed.iter().map(pattern).collect()) }
    }

    /// What a response says about who may read it; nothing where the origin may not, or is none.
    fn allow(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let Some(allowed) = &self.allowed else { return Some(HeaderValue::from_static("*")) };
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        allowed.iter().any(|pattern| pattern.takes(&text)).then(|| origin.clone())
    }
}

impl Pattern {
    fn takes(&self, origin: &str) -> bool {
        match &self.end {
            None => origin == self.start,
            Some(end) => {
                let rest = origin.strip_prefix(self.start.as_str());
                rest.is_some_and(|rest| rest.ends_with(end.as_str()))
            }
        }
    }
}

/// Answers preflights, and tells on every other answer who may read it.
pub(super) async fn apply(
    extract::State(origins): extract::State<Origins>,
    request: Request,
    next: Next,
) -> Response {
    let allowed = origins.allow(request.headers());
    if is_preflight(&request) {
        return preflight(request.headers(), allowed);
    }
    let method_may = METHODS.contains(request.method());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed.filter(|_| method_may) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    response
}

fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.get(ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|method| !method.is_empty())
}

fn preflight(asked: &HeaderMap, allowed: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static(PREFLIGHT_VARIES));
    let method = asked.get(ACCESS_CONTROL_REQUEST_METHOD);
    let method_may = |method: &&HeaderValue| METHODS.iter().any(|known| known.as_str() == **method);
    if let (Some(origin), Some(method)) = (allowed, method.filter(method_may)) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|wanted| !wanted.is_empty()) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
    }
    response
}

const METHODS: [Method; 6] =
    [Method::HEAD, Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const PREFLIGHT_VARIES: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
const EXPOSED: &str = "Accept, Accept-Encoding, Accept-Post, Connect-Accept-Encoding, \
     Connect-Content-Encoding, Content-Encoding, Grpc-Accept-Encoding, Grpc-Encoding, Grpc-Message, \
     Grpc-Status, Grpc-Status-Details-Bin, ETag";
