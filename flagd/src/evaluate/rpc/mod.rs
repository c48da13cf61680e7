//! gRPC, gRPC-Web and Connect, in three generations.

use axum::Router;

use crate::state::State;

/// Everything on the port of evaluation.
pub fn router(state: State) -> Router {
    Router::new().with_state(state)
}
