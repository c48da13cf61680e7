//! One flag for a context.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{self, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use flagcore::Value;

use super::question::Question;
use super::refusal::Refusal;
use super::shared::Ofrep;
use super::{answer, body, path};

/// Answers for the flag that the path names.
pub(super) async fn evaluate(
    extract::State(ofrep): extract::State<Arc<Ofrep>>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let segment = head.uri.path().rsplit('/').next().unwrap_or("");
    if matches!(segment, "." | "..")
        && let Some(elsewhere) = path::tidied(&head.uri)
    {
        return elsewhere;
    }
    let Some(key) = path::decoded(segment) else {
        return path::text(StatusCode::BAD_REQUEST, "400 Bad Request");
    };
    let answer = answer_for(&ofrep, &key, &head.headers, body).await;
    answer.unwrap_or_else(|refusal| refusal.response(Some(&key)))
}

async fn answer_for(ofrep: &Ofrep, key: &str, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    let state = &ofrep.state;
    let body = body::read(body, state.settings.max_request_body).await?;
    let question = Question::read(&body, headers, &state.settings)?;
    let snapshot = state.client.snapshot();
    let view = snapshot.view(&question.selector);
    let answer = view.detail::<Value<'static>>(key, &question.context, &Value::Null);
    let mut out = String::with_capacity(256);
    answer::write(&mut out, &state.metrics, key, &answer, || state.client.is_ready());
    Ok(answer::json(answer::status(&answer), out))
}
