//! Health, readiness, status, metrics.
//!
//! | route | what it answers |
//! | --- | --- |
//! | `/healthz` | 200, whatever the method; 503 once nobody watches the sources any more, which only a new start mends |
//! | `/readyz` | 200 once every source has delivered something valid, else 412; 412 also while the daemon ends |
//! | `/metrics` | everything counted, in the text format of Prometheus |
//! | `/status` | what is served since when, what is refused and why, who listens; JSON |
//! | `grpc.health.v1.Health` | SERVING for the empty service, NOT_SERVING while the daemon ends; NOT_FOUND for any other |
//!
//! 1. `status` is the JSON of `/status`.

mod status;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};

use crate::state::State;
use crate::wire::health;

/// Everything on the management port.
pub fn router(state: State) -> Router {
    let health = health(state.draining.clone(), state.farewell.clone());
    Router::new()
        .route("/healthz", any(alive))
        .route("/readyz", any(ready))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .with_state(state)
        .merge(health)
}

async fn alive(axum::extract::State(state): axum::extract::State<State>) -> StatusCode {
    if state.client.is_kept_up() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn ready(axum::extract::State(state): axum::extract::State<State>) -> StatusCode {
    let ready = state.client.is_ready() && !*state.draining.borrow();
    if ready { StatusCode::OK } else { StatusCode::PRECONDITION_FAILED }
}

async fn metrics(axum::extract::State(state): axum::extract::State<State>) -> Response {
    let mut text = String::with_capacity(16 * 1024);
    state.metrics.write(&mut text);
    state.metrics.write_flags(&mut text, &state.client);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")], text).into_response()
}

async fn status(axum::extract::State(state): axum::extract::State<State>) -> Response {
    axum::response::Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(status::of(&state).to_string().into())
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}
