//! Every flag for a context.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{self, Request};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flagcore::Selector;

use super::question::Question;
use super::refusal::Refusal;
use super::router::Ofrep;
use super::tag::Tag;
use super::{answer, body, path, stream};
use crate::settings::Settings;
use crate::state::State;
use crate::wire::write_string;

/// Answers for every flag of the selector, unless the requester has that answer already.
pub(super) async fn evaluate(
    extract::State(ofrep): extract::State<Arc<Ofrep>>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let answer = answer_for(&ofrep, &head.headers, body).await;
    answer.unwrap_or_else(|refusal| refusal.response(None))
}

async fn answer_for(ofrep: &Ofrep, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    let body = body::read(body, ofrep.state.settings.max_request_body).await?;
    let question = Question::read(&body, headers, &ofrep.state.settings)?;
    let out = written(&ofrep.state, &question);
    let tag = Tag::of(out.as_bytes());
    let mut response = if tag.is_known(headers) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        answer::json(StatusCode::OK, out)
    };
    if let Ok(tag) = HeaderValue::from_str(&tag.to_string()) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

/// The whole body, written in one pass.
fn written(state: &State, question: &Question<'_>) -> String {
    let Question { context, selector } = question;
    let snapshot = state.client.snapshot();
    let mut out = String::with_capacity(16 << 10);
    out.push_str("{\"flags\":[");
    for (at, (key, answer)) in snapshot.view(selector).evaluate_all(context).enumerate() {
        if at > 0 {
            out.push(',');
        }
        answer::write(&mut out, &state.metrics, key, &answer);
    }
    out.push_str("],\"metadata\":");
    answer::write_selector(&mut out, selector);
    write_event_streams(&mut out, &state.settings, selector);
    out.push('}');
    out
}

/// Writes where the requester hears of changes.
fn write_event_streams(out: &mut String, settings: &Settings, selector: &Selector) {
    if !settings.ofrep_sse_enabled {
        return;
    }
    out.push_str(",\"eventStreams\":[{\"type\":\"sse\",\"endpoint\":{");
    if let Some(origin) = &settings.ofrep_sse_public_url {
        out.push_str("\"origin\":");
        write_string(out, origin.trim_end_matches('/'));
        out.push(',');
    }
    out.push_str("\"requestUri\":\"");
    out.push_str(stream::PATH);
    if !selector.is_empty() {
        out.push('/');
        path::encode(out, &selector.to_string());
    }
    // Writing to a text cannot fail.
    let _ = write!(out, "\"}},\"inactivityDelaySec\":{}}}]", settings.ofrep_sse_inactivity_delay);
}
