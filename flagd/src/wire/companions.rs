//! Health and reflection, which stand on every gRPC port.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use tonic::Code;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server::Builder;

use super::Failure;
use crate::proto::DESCRIPTORS;

/// Health and reflection for a port with these services; unhealthy from when `draining` becomes true.
pub fn companions(services: &'static [&'static str], mut draining: watch::Receiver<bool>) -> Router {
    // It starts with the whole, which has no name, as healthy.
    let reporter = HealthReporter::new();
    let health = HealthService::from_health_reporter(reporter.clone());
    tokio::spawn(async move {
        for service in services {
            reporter.set_service_status(*service, ServingStatus::Serving).await;
        }
        let _ = draining.wait_for(|draining| *draining).await;
        for service in services.iter().chain(&[""]) {
            reporter.set_service_status(*service, ServingStatus::NotServing).await;
        }
    });
    let mut routes = Routes::new(tonic_health::pb::health_server::HealthServer::new(health));
    let describe = || Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    // The descriptors are part of the program: `tests/grpc.rs` sees that they are well.
    if let (Ok(v1), Ok(v1alpha)) = (describe().build_v1(), describe().build_v1alpha()) {
        routes = routes.add_service(v1).add_service(v1alpha);
    }
    routes.into_axum_router().fallback(unknown)
}

/// An answer to who asked for what is not there: to gRPC in its own words, else in HTTP's.
async fn unknown(headers: HeaderMap) -> Response {
    let kind = headers.get(CONTENT_TYPE).filter(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    match kind {
        Some(_) => {
            let failure = Failure::new(Code::Unimplemented, "there is no such method");
            (failure.grpc_headers(), [(CONTENT_TYPE, "application/grpc")]).into_response()
        }
        None => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}
