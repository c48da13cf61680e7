//! One flag for a context.

use std::sync::Arc;

use axum::extract::{self, Request};
use axum::http::StatusCode;
use axum::response::Response;
use flagcore::Value;

use super::body::{self, Unread};
use super::router::{Ofrep, selector};
use super::{answer, context, path};
use crate::wire::surround;

/// Answers for the flag that the path names.
pub(super) async fn evaluate(
    extract::State(ofrep): extract::State<Arc<Ofrep>>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let segment = head.uri.path().rsplit('/').next().unwrap_or("");
    if matches!(segment, "." | "..") {
        return path::elsewhere(Request::from_parts(head, body)).await;
    }
    let Some(key) = path::decoded(segment) else {
        return path::text(StatusCode::BAD_REQUEST, "400 Bad Request");
    };
    let state = &ofrep.state;
    let body = match body::read(body, state.settings.max_request_body).await {
        Ok(body) => body,
        Err(Unread::TooLarge) => return answer::too_large(),
        Err(Unread::Broken) => return answer::invalid_context(Some(&key)),
    };
    let Ok(mut context) = context::read(&body) else { return answer::invalid_context(Some(&key)) };
    surround(&mut context, &state.settings, Some(&head.headers));
    if context.fault().is_some() {
        return answer::invalid_context(Some(&key));
    }
    let selector = match selector(&head.headers) {
        Ok(selector) => selector,
        Err(error) => return answer::invalid_selector(Some(&key), &error),
    };
    let snapshot = state.client.snapshot();
    let answer = snapshot.view(&selector).detail::<Value<'static>>(&key, &context, &Value::Null);
    let mut out = String::with_capacity(256);
    answer::write(&mut out, &state.metrics, &key, &answer);
    answer::json(answer::status(&answer), out)
}
