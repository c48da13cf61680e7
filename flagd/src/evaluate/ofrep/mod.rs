//! The OpenFeature Remote Evaluation Protocol.

use axum::Router;

use crate::state::State;

/// Everything on the OFREP port.
pub fn router(state: State) -> Router {
    Router::new().with_state(state)
}
