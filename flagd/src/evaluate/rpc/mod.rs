//! gRPC, gRPC-Web and Connect, in three generations.
//!
//! Nine protocols times three generations are one service: all generations have the same messages, and a protocol is
//! an encoding of messages and what is around them. So a call is read once, evaluated once and written once.
//!
//! 1. `protocol` is which call in which protocol.
//! 2. `question` reads what is asked, `answer` and `all` write what is answered.
//! 3. `service` evaluates; `events` is the stream of events.
//! 4. `call` is what HTTP says about it.

mod protocol;
mod question;
mod answer;
mod all;
mod service;
mod events;
mod call;

use axum::Router;
use axum::middleware::from_fn_with_state;

use super::cors::{self, Origins};
use crate::state::State;
use crate::wire::companions;

/// Everything on the port of evaluation.
pub fn router(state: State) -> Router {
    let services = &["flagd.evaluation.v2.Service", "flagd.evaluation.v1.Service", "schema.v1.Service"];
    let companions = companions(services, state.draining.clone(), state.farewell.clone());
    let origins = Origins::new(&state.settings.cors_origins);
    let service = service::Service::new(state);
    let calls = Router::new().fallback(call::call).with_state(service);
    companions.fallback_service(calls).layer(from_fn_with_state(origins, cors::apply))
}
