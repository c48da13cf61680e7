//! What came of an evaluation, in the protocol's words.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use flagcore::detail::Detail;
use flagcore::{ErrorCode, Selector, Snapshot, Value};

use crate::telemetry::Metrics;
use crate::wire::{EARLY, write_metadata, write_string, write_value};

/// A flag's answer, whatever its type.
pub(super) type Answer<'s> = Detail<'s, Value<'static>, &'s Snapshot>;

/// Writes the answer of a flag, and counts it. `is_ready` is asked where the flag is not known.
pub(super) fn write(
    out: &mut String,
    metrics: &Metrics,
    key: &str,
    answer: &Answer<'_>,
    is_ready: impl FnOnce() -> bool,
) {
    match answer.error_code() {
        Some(code) => {
            metrics.failed(key, code);
            let is_early = code == ErrorCode::FlagNotFound && !is_ready();
            write_failure(out, key, told(code), is_early, answer);
        }
        None => {
            metrics.evaluated(key, answer.variant(), answer.reason());
            write_success(out, key, answer);
        }
    }
}

fn write_success(out: &mut String, key: &str, answer: &Answer<'_>) {
    out.push('{');
    // Without a variant the value is the caller's own default, which is not known here.
    if answer.variant().is_some() {
        out.push_str("\"value\":");
        write_value(out, answer.value());
        out.push(',');
    }
    out.push_str("\"key\":");
    write_string(out, key);
    out.push_str(",\"reason\":\"");
    out.push_str(answer.reason().as_str());
    out.push('"');
    if let Some(variant) = answer.variant().filter(|variant| !variant.is_empty()) {
        out.push_str(",\"variant\":");
        write_string(out, variant);
    }
    out.push_str(",\"metadata\":");
    write_metadata(out, answer.metadata());
    out.push('}');
}

fn write_failure(out: &mut String, key: &str, code: ErrorCode, is_early: bool, answer: &Answer<'_>) {
    let details = match code {
        ErrorCode::FlagNotFound if is_early => format!("flag `{key}` does not exist: {EARLY}"),
        ErrorCode::FlagNotFound => format!("flag `{key}` does not exist"),
        ErrorCode::ParseError => format!("error parsing the flag `{key}`"),
        ErrorCode::InvalidContext => INVALID_CONTEXT.to_owned(),
        _ => "error processing the flag for evaluation".to_owned(),
    };
    write_error(out, Some(key), code, &details);
    out.push_str(",\"metadata\":");
    write_metadata(out, answer.metadata());
    out.push('}');
}

/// Writes an error but for its end.
pub(super) fn write_error(out: &mut String, key: Option<&str>, code: ErrorCode, details: &str) {
    out.push('{');
    if let Some(key) = key {
        out.push_str("\"key\":");
        write_string(out, key);
        out.push(',');
    }
    out.push_str("\"errorCode\":\"");
    out.push_str(code.as_str());
    out.push_str("\",\"errorDetails\":");
    write_string(out, details);
}

/// The code that the protocol has for one of ours.
fn told(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::FlagNotFound | ErrorCode::ParseError | ErrorCode::InvalidContext => code,
        _ => ErrorCode::General,
    }
}

/// The status of an answer about one flag.
pub(super) fn status(answer: &Answer<'_>) -> StatusCode {
    match answer.error_code() {
        None => StatusCode::OK,
        Some(ErrorCode::FlagNotFound) => StatusCode::NOT_FOUND,
        Some(_) => StatusCode::BAD_REQUEST,
    }
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Writes what a selector says of itself, as an object.
pub(super) fn write_selector(out: &mut String, selector: &Selector) {
    out.push('{');
    if let Some((name, value)) = selector.metadata() {
        write_string(out, name);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

pub(super) const INVALID_CONTEXT: &str = "Provider context is not valid";
