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
use flagcore::Client;

use crate::state::State;
use crate::wire::health;

/// Everything on the management port.
pub fn router(state: State) -> Router {
    routes(state, Client::is_kept_up)
}

/// The same, with what tells whether somebody watches the sources.
fn routes(state: State, is_kept_up: fn(&Client) -> bool) -> Router {
    let health = health(state.draining.clone(), state.farewell.clone());
    let alive = move |axum::extract::State(state): axum::extract::State<State>| async move {
        if is_kept_up(&state.client) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    };
    Router::new()
        .route("/healthz", any(alive))
        .route("/readyz", any(ready))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .with_state(state)
        .merge(health)
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;
    use crate::server::Daemon;
    use crate::settings::Settings;

    #[tokio::test]
    async fn healthz_says_so_when_nobody_watches_the_sources_any_more() {
        let ports =
            Settings { port: 0, management_port: 0, sync_port: 0, ofrep_port: 0, ..Settings::default() };
        let daemon = Daemon::start(ports).await.unwrap();
        let asked = [
            (Client::is_kept_up as fn(&Client) -> bool, "/healthz", 200),
            (|_| false, "/healthz", 503),
            // What it has is served all the same.
            (|_| false, "/readyz", 200),
        ];
        for (is_kept_up, path, expected) in asked {
            for method in ["GET", "POST"] {
                let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
                let answer = routes(daemon.state().clone(), is_kept_up).oneshot(request).await.unwrap();
                assert_eq!(answer.status().as_u16(), expected, "{method} {path}");
            }
        }
        daemon.stop().await;
    }
}
