//! Requests that are answered without an evaluation.

use axum::http::StatusCode;
use axum::response::Response;
use flagcore::ErrorCode;
use flagcore::selector::InvalidSelector;

use super::answer::{self, INVALID_CONTEXT};

/// Why a request is answered without an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its body is larger than allowed.
    TooLarge,
    /// Its body gives no context.
    Context,
    /// Its selector is none.
    Selector(InvalidSelector),
}

impl Refusal {
    /// The answer, about a flag or about all.
    pub(super) fn response(&self, key: Option<&str>) -> Response {
        let (code, details) = match self {
            Refusal::TooLarge => {
                let body = "{\"errorDetails\":\"request body too large\"}".to_owned();
                return answer::json(StatusCode::PAYLOAD_TOO_LARGE, body);
            }
            Refusal::Context => (ErrorCode::InvalidContext, INVALID_CONTEXT.to_owned()),
            Refusal::Selector(error) => (ErrorCode::General, format!("invalid selector: {error}")),
        };
        let mut out = String::with_capacity(160);
        answer::write_error(&mut out, key, code, &details);
        out.push_str(if key.is_some() { ",\"metadata\":null}" } else { "}" });
        answer::json(StatusCode::BAD_REQUEST, out)
    }
}
