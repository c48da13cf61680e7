//! Every flag for a context.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{self, Request};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flagcore::{Selector, Snapshot};

use super::question::Question;
use super::refusal::Refusal;
use super::shared::Ofrep;
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
    let Ofrep { state, memory, .. } = ofrep;
    let body = body::read(body, state.settings.max_request_body).await?;
    let snapshot = state.client.snapshot();
    let asked = memory.asked(snapshot.revision(), &body, headers, &state.settings);
    if let Some(tag) = memory.tag(asked).filter(|tag| tag.is_known(headers)) {
        return Ok(tagged(StatusCode::NOT_MODIFIED.into_response(), tag));
    }
    let question = Question::read(&body, headers, &state.settings)?;
    let Written { body, passing } = write(state, &snapshot, &question);
    let tag = Tag::of(body.as_bytes());
    if !passing {
        memory.remember(asked, tag);
    }
    let known = tag.is_known(headers);
    let response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { answer::json(StatusCode::OK, body) };
    Ok(tagged(response, tag))
}

fn tagged(mut response: Response, tag: Tag) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&tag.to_string()) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

struct Written {
    body: String,
    /// Whether it may be another one a moment later: a rule asked for the time.
    passing: bool,
}

/// The whole body, written in one pass.
fn write(state: &State, snapshot: &Snapshot, question: &Question<'_>) -> Written {
    let Question { context, selector } = question;
    let mut out = String::with_capacity(16 << 10);
    let mut passing = false;
    out.push_str("{\"flags\":[");
    for (at, (key, answer)) in snapshot.view(selector).evaluate_all(context).enumerate() {
        if at > 0 {
            out.push(',');
        }
        passing |= answer.is_passing();
        answer::write(&mut out, &state.metrics, key, &answer, || true);
    }
    out.push_str("],\"metadata\":");
    answer::write_selector(&mut out, selector);
    write_event_streams(&mut out, &state.settings, selector);
    out.push('}');
    Written { body: out, passing }
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
