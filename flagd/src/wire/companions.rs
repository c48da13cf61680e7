//! Health and reflection, which stand on every gRPC port.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::{oneshot, watch};
use tonic::Code;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server::Builder;

use super::Failure;
use crate::chance::between;
use crate::proto::DESCRIPTORS;

/// Health and reflection for a port with these services; unhealthy from when `draining` becomes true.
///
/// Streams end within the time of `farewell` after that.
pub fn companions(
    services: &'static [&'static str],
    draining: watch::Receiver<bool>,
    farewell: watch::Receiver<Duration>,
) -> Router {
    let (health, told) = reported(services, draining, farewell);
    let mut routes = Routes::new(health);
    let describe = || Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    // The descriptors are part of the program: `tests/grpc.rs` sees that they are well.
    if let (Ok(v1), Ok(v1alpha)) = (describe().build_v1(), describe().build_v1alpha()) {
        routes = routes.add_service(v1).add_service(v1alpha);
    }
    let ending = from_fn_with_state(told, end);
    routes.into_axum_router().layer(ending).fallback(unknown)
}

/// The same without reflection, for a port that has no other service of gRPC.
pub fn health(draining: watch::Receiver<bool>, farewell: watch::Receiver<Duration>) -> Router {
    let (health, told) = reported(&[], draining, farewell);
    Router::new()
        .route_service("/grpc.health.v1.Health/{method}", health)
        .layer(from_fn_with_state(told, end))
}

/// Health of these services and of the whole, which has no name; and how its end is told.
fn reported(
    services: &'static [&'static str],
    mut draining: watch::Receiver<bool>,
    farewell: watch::Receiver<Duration>,
) -> (HealthServer<HealthService>, Told) {
    // It starts with the whole as healthy.
    let reporter = HealthReporter::new();
    let health = HealthService::from_health_reporter(reporter.clone());
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        for service in services {
            reporter.set_service_status(*service, ServingStatus::Serving).await;
        }
        let _ = draining.wait_for(|draining| *draining).await;
        for service in services.iter().chain(&[""]) {
            reporter.set_service_status(*service, ServingStatus::NotServing).await;
        }
        let _ = tell.send(true);
    });
    (HealthServer::new(health), Told { told, farewell })
}

/// How streams of health and reflection hear of the end of the daemon.
#[derive(Clone, Debug)]
struct Told {
    /// True once whoever watches health is told that it is over.
    told: watch::Receiver<bool>,
    /// Within which time from then on streams end.
    farewell: watch::Receiver<Duration>,
}

/// Ends streams when the daemon is about to end, each at a moment of its own: nothing else ends them, and the daemon
/// would wait for them until its drain time is over.
async fn end(State(told): State<Told>, request: Request, next: Next) -> Response {
    let (answering, answered) = oneshot::channel::<()>();
    let request = request.map(|body| Body::new(Until { body, over: answered, ended: None }));
    next.run(request).await.map(|body| {
        if body.is_end_stream() {
            return body;
        }
        let Told { mut told, farewell } = told;
        let over = async move {
            let _ = told.wait_for(|told| *told).await;
            let over = *farewell.borrow();
            tokio::time::sleep(between(Duration::ZERO, over)).await;
            // Who asks on and on has nobody left to ask.
            drop(answering);
        };
        let ended = Failure::new(Code::Unavailable, "the server is shutting down").grpc_headers();
        Body::new(Until { body, over: Box::pin(over), ended: Some(ended) })
    })
}

/// A body that ends early, once something is over and it has nothing more to say.
struct Until<F> {
    body: Body,
    over: F,
    /// The trailers that it ends with then.
    ended: Option<HeaderMap>,
}

impl<F: Future + Unpin> HttpBody for Until<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        ready!(Pin::new(&mut self.over).poll(cx));
        self.body = Body::empty();
        Poll::Ready(self.ended.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.ended.is_none()
    }
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
