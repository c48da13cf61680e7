//! gRPC over HTTP/2 without TLS: many streams on one connection, the message made once.

use std::future::Future;
use std::net::SocketAddr;

use h2::client::SendRequest;
use http::{Method, Request, Uri};
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use super::Trouble;

/// A connection, and the thread that drives it: the one that asks.
#[derive(Debug)]
pub struct Grpc {
    runtime: Runtime,
    caller: Caller,
}

/// One who asks over a connection that is shared; cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    sender: SendRequest<Bytes>,
    uri: Uri,
}

impl Grpc {
    /// Connects, to call one method.
    ///
    /// # Errors
    ///
    /// Where nobody listens, or what answers is no HTTP/2.
    pub fn connect(address: SocketAddr, path: &str) -> Result<Self, Trouble> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = h2::client::handshake(stream).await?;
            tokio::spawn(connection);
            Ok::<_, Trouble>(sender)
        })?;
        let uri = format!("http://{address}{path}").parse()?;
        Ok(Self { runtime, caller: Caller { sender, uri } })
    }

    /// Calls once; the answer's message with its prefix.
    ///
    /// # Errors
    ///
    /// Where the call fails, be it by a status of gRPC.
    pub fn ask(&self, message: &Bytes) -> Result<Vec<u8>, Trouble> {
        self.run(self.caller.clone().ask(message.clone()))
    }

    /// One more who asks over this connection.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Runs what asks over this connection.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

impl Caller {
    /// Calls once; the answer's message with its prefix.
    ///
    /// # Errors
    ///
    /// Where the call fails, be it by a status of gRPC.
    pub async fn ask(self, message: Bytes) -> Result<Vec<u8>, Trouble> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let (answer, mut body) = self.sender.ready().await?.send_request(request, false)?;
        body.send_data(message, true)?;
        let (head, mut body) = answer.await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(data) = body.data().await {
            let data = data?;
            bytes.extend_from_slice(&data);
            body.flow_control().release_capacity(data.len())?;
        }
        let trailers = body.trailers().await?.unwrap_or(head.headers);
        match trailers.get("grpc-status").map(|status| status.as_bytes()) {
            Some(b"0") => Ok(bytes),
            other => Err(format!("the call ended with {other:?}").into()),
        }
    }
}
