//! The least that a handler in axum does: reads the body, parses it, answers what it was given. No flags.
//!
//! `bare_axum OFREP_PORT EVALUATION_PORT ANSWERS`: the last is a folder with a file for each path, and an index.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use benches::daemon::Trouble;
use flagd::proto::evaluation_v1::ResolveAllRequest;
use flagd::proto::evaluation_v2::ResolveBooleanRequest;
use http_body_util::{BodyExt, Full};
use prost::Message;
use serde_json::Value;
use tokio::net::TcpListener;

/// The body of an answer by its path, those of gRPC behind `grpc:`.
type Answers = Arc<HashMap<String, Bytes>>;

#[tokio::main]
async fn main() -> Result<(), Trouble> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ofrep, evaluation, answers] = arguments.as_slice() else {
        return Err("write `bare_axum OFREP_PORT EVALUATION_PORT ANSWERS`".into());
    };
    let app = Router::new()
        .route("/ofrep/v1/evaluate/flags/{key}", post(json))
        .route("/ofrep/v1/evaluate/flags", post(json))
        .route("/flagd.evaluation.v2.Service/ResolveBoolean", post(call))
        .route("/flagd.evaluation.v1.Service/ResolveAll", post(call))
        .with_state(read(Path::new(answers))?);
    let (ofrep, evaluation) = (listen(ofrep).await?, listen(evaluation).await?);
    let no_delay = |stream: &mut tokio::net::TcpStream| drop(stream.set_nodelay(true));
    tokio::try_join!(
        axum::serve(ofrep.tap_io(no_delay), app.clone()),
        axum::serve(evaluation.tap_io(no_delay), app)
    )?;
    Ok(())
}

async fn listen(port: &str) -> Result<TcpListener, Trouble> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?)
}

fn read(folder: &Path) -> Result<Answers, Trouble> {
    let index: HashMap<String, String> = serde_json::from_slice(&std::fs::read(folder.join("index"))?)?;
    let mut answers = HashMap::new();
    for (path, file) in index {
        answers.insert(path, Bytes::from(std::fs::read(folder.join(file))?));
    }
    Ok(Arc::new(answers))
}

async fn json(State(answers): State<Answers>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(Value::Object(_)) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if headers.contains_key(IF_NONE_MATCH) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    match answers.get(uri.path()) {
        Some(answer) => {
            let json = HeaderValue::from_static("application/json");
            ([(CONTENT_TYPE, json), (ETAG, HeaderValue::from_static("\"0\""))], answer.clone())
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn call(state: State<Answers>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let grpc = HeaderValue::from_static("application/grpc");
    if headers.get(CONTENT_TYPE) != Some(&grpc) {
        return json(state, uri, headers, body).await;
    }
    let message = body.get(5..).unwrap_or_default();
    let parsed = match uri.path().ends_with("All") {
        true => ResolveAllRequest::decode(message).is_ok(),
        false => ResolveBooleanRequest::decode(message).is_ok(),
    };
    match state.get(&format!("grpc:{}", uri.path())) {
        Some(answer) if parsed => {
            let mut trailers = HeaderMap::with_capacity(1);
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let body = Full::new(answer.clone()).with_trailers(async { Some(Ok::<_, Infallible>(trailers)) });
            ([(CONTENT_TYPE, grpc)], Body::new(body)).into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}
