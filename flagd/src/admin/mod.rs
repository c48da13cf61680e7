//! Health, readiness, status, metrics.

use axum::Router;

use crate::state::State;

/// Everything on the management port.
pub fn router(state: State) -> Router {
    Router::new().with_state(state)
}
