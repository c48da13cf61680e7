//! Where everything is found.

use std::sync::Arc;

use axum::Router;
use axum::extract::{self, Request};
use axum::http::header::ALLOW;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use super::shared::Ofrep;
use super::{bulk, path, single, stream};
use crate::evaluate::cors::{self, Origins};
use crate::state::State;

/// Everything on the OFREP port.
pub fn router(state: State) -> Router {
    let origins = Origins::new(&state.settings.cors_origins);
    let mut router = Router::new()
        .route("/ofrep/v1/evaluate/flags", post(bulk::evaluate))
        .route("/ofrep/v1/evaluate/flags/", post(bulk::evaluate));
    if state.settings.ofrep_sse_enabled {
        for below in ["", "/", "/{*channel}"] {
            router = router.route(&format!("{}{below}", stream::PATH), get(stream::listen));
        }
    }
    let compressed = SizeAbove::new(COMPRESSED_BYTES).and(NotForContentType::SSE);
    router
        .fallback(other)
        .layer((
            from_fn_with_state(origins, cors::apply),
            CompressionLayer::new().gzip(true).compress_when(compressed),
        ))
        .with_state(Arc::new(Ofrep::new(state)))
}

/// One flag, or nobody's path.
///
/// PERF: as a route with a parameter it would cost another 1,800 instructions of 40,000: the parameters are collected,
/// decoded and kept in the request's extensions, and nobody asks for them.
async fn other(ofrep: extract::State<Arc<Ofrep>>, request: Request) -> Response {
    match request.uri().path().strip_prefix("/ofrep/v1/evaluate/flags/") {
        Some(key) if !key.is_empty() && !key.contains('/') => {
            if request.method() == Method::POST {
                single::evaluate(ofrep, request).await
            } else {
                (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")]).into_response()
            }
        }
        _ => path::elsewhere(request).await,
    }
}

/// From how many bytes a body is compressed for those who take it so.
const COMPRESSED_BYTES: u64 = 1_024;
