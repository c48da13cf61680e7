//! Snapshots to other processes.

use axum::Router;

use crate::state::State;

/// Everything on the sync port.
pub fn router(state: State) -> Router {
    Router::new().with_state(state)
}
