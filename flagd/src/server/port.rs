//! Accepts connections, whatever happens, and serves them.
//!
//! Accepting can fail for want of descriptors. One is kept in reserve for that: it is given up for a moment to
//! take a waiting connection and close it, so that its client knows, and the loop pauses, longer each time. Before
//! it comes to that, connections are turned away while a few descriptors are left: flag files still have to be
//! read. Management is never turned away: it has some connections of its own, and these are brief, so that whoever
//! holds them by saying nothing keeps nobody from asking whether the daemon is ready.
//!
//! At the end a port stops accepting, connections finish the requests that are under way, and those that take
//! longer than the drain are closed.

use std::fs::File;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flagcore::text::Printable;
use futures_util::FutureExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::server::{Acceptor, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio_rustls::LazyConfigAcceptor;
use tracing::debug;

use crate::chance::between;
use crate::settings::Settings;

use super::authority::Mended;
use super::listen::{Listener, Stream};
use super::pace::{Pace, Paced};
use super::request::{Handler, header_limit};
use super::room::{Permit, Room};

/// A port, and what it takes to serve it.
pub(super) struct Port {
    pub(super) listener: Listener,
    pub(super) handler: Arc<Handler>,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) room: Room,
    pub(super) end: End,
}

/// How a port hears of its end, and tells of it.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// Becomes true when nothing new is taken.
    pub(super) draining: watch::Receiver<bool>,
    /// Becomes true when nothing is waited for any more.
    pub(super) closing: watch::Receiver<bool>,
    /// Whoever holds one is not done yet.
    pub(super) _alive: mpsc::Sender<()>,
}

impl Port {
    /// Accepts until the daemon ends.
    pub(super) async fn run(self) {
        let builder = Arc::new(builder(&self.handler.state.settings));
        let mut trouble = Trouble::default();
        let mut reserve = reserve();
        let mut draining = self.end.draining.clone();
        let mut drained = pin!(asked(&mut draining));
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut drained => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    trouble.pause = Duration::ZERO;
                    let permit = tokio::select! {
                        biased;
                        () = &mut drained => return,
                        permit = self.room.take() => permit,
                    };
                    match permit {
                        Some(permit) => self.serve(stream, peer, permit, &builder),
                        None => self.turn_away(stream),
                    }
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    self.handler.state.metrics.accept_failed();
                    if is_want_of_descriptors(&error) {
                        drop(reserve.take());
                        self.shed().await;
                        reserve = self::reserve();
                    }
                    let pause = trouble.again(self.handler.service.name(), &error);
                    tokio::select! {
                        biased;
                        () = &mut drained => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    fn serve(
        &self,
        stream: Box<dyn Stream>,
        peer: Arc<str>,
        permit: Permit,
        builder: &Arc<Builder<TokioExecutor>>,
    ) {
        let connection = Connection {
            handler: self.handler.clone(),
            tls: self.tls.clone(),
            builder: builder.clone(),
            end: self.end.clone(),
            peer,
            is_socket: self.listener.is_socket(),
            permit,
            room: self.room.clone(),
        };
        tokio::spawn(connection.run(stream));
    }

    /// Says that there is no room, as long as that does not take long.
    fn turn_away(&self, mut stream: Box<dyn Stream>) {
        self.handler.state.metrics.connection_refused();
        if self.tls.is_some() {
            return;
        }
        // Said if it can be at once, which on a new connection it can.
        let _ = stream.write_all(full().as_bytes()).now_or_never();
        // Closed with something unread, which a request is, it would be reset, and that be heard instead.
        if let Some(leaving) = self.room.leave() {
            tokio::spawn(async move {
                let _ = stream.shutdown().await;
                let _ = tokio::time::timeout(LEAVE, discard(&mut stream)).await;
                drop((stream, leaving));
            });
        }
    }

    /// Takes what waits and closes it.
    async fn shed(&self) {
        for _ in 0..SHED {
            let waiting = tokio::time::timeout(Duration::from_millis(1), self.listener.accept()).await;
            if !matches!(waiting, Ok(Ok(_))) {
                return;
            }
            self.handler.state.metrics.connection_refused();
        }
    }
}

/// A connection and all that it needs.
struct Connection {
    handler: Arc<Handler>,
    tls: Option<Arc<ServerConfig>>,
    builder: Arc<Builder<TokioExecutor>>,
    end: End,
    peer: Arc<str>,
    is_socket: bool,
    permit: Permit,
    room: Room,
}

impl Connection {
    async fn run(self, stream: Box<dyn Stream>) {
        let metrics = self.handler.state.metrics.clone();
        metrics.connected();
        let _guard = Disconnect(metrics);
        match &self.tls {
            None => self.converse(stream).await,
            Some(config) => {
                let limit = match self.handler.state.settings.header_deadline {
                    Duration::ZERO => Duration::MAX,
                    limit => limit.saturating_mul(5),
                };
                let mut draining = self.end.draining.clone();
                let stream = tokio::select! {
                    stream = tokio::time::timeout(limit, shake_hands(stream, config)) => stream,
                    () = asked(&mut draining) => return,
                };
                let reason = match stream {
                    Ok(Ok(stream)) => return self.converse(stream).await,
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "it took too long".to_owned(),
                };
                self.handler.state.metrics.handshake_failed();
                let (service, peer) = (self.handler.service.name(), &*self.peer);
                debug!(service, peer, reason = %Printable(&reason), "a TLS handshake failed");
            }
        }
    }

    async fn converse(&self, stream: impl Stream + 'static) {
        let pace = Arc::new(Pace::default());
        let stream = Mended::new(stream, self.is_socket);
        let limit = self.handler.state.settings.header_deadline;
        let stream = Paced::new(stream, pace.clone(), limit, self.room.clone());
        // PERF: a request has begun when it is here, not when its answer is first waited for: the connection reads on
        // in between, and would wind up its clock for a header that has come.
        let service =
            service_fn(|request| self.handler.clone().answer(request, pace.begin(), self.peer.clone()));
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut draining = self.end.draining.clone();
        tokio::select! {
            biased;
            // Whatever a connection ends by is its client's business.
            _ = connection.as_mut() => return,
            () = asked(&mut draining) => {}
            () = self.brief(self.handler.state.settings.header_deadline) => {}
        }
        connection.as_mut().graceful_shutdown();
        // PERF: nothing is closed before it drains; listening for both all the time cost 400 instructions a request.
        let mut closing = self.end.closing.clone();
        tokio::select! {
            _ = connection => {}
            () = asked(&mut closing) => {}
            () = self.brief(self.handler.state.settings.body_deadline) => {}
        }
    }

    /// Waits until a connection that has to be brief was there for so long; others may stay.
    ///
    /// Others may take all the time they want where there is no deadline: this one is wanted back.
    async fn brief(&self, time: Duration) {
        match self.permit.brief {
            true if time.is_zero() => tokio::time::sleep(BRIEF).await,
            true => tokio::time::sleep(time).await,
            false => pending().await,
        }
    }
}

struct Disconnect(Arc<crate::telemetry::Metrics>);

impl Drop for Disconnect {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

/// A stream inside of TLS; somebody who does not speak it is told so in plain HTTP.
async fn shake_hands(
    stream: Box<dyn Stream>,
    config: &Arc<ServerConfig>,
) -> io::Result<tokio_rustls::server::TlsStream<Box<dyn Stream>>> {
    let mut acceptor = pin!(LazyConfigAcceptor::new(Acceptor::default(), stream));
    match acceptor.as_mut().await {
        Ok(start) => start.into_stream(config.clone()).await,
        Err(error) => {
            if let Some(mut stream) = acceptor.take_io() {
                let _ = stream.write_all(PLAIN).await;
                let _ = stream.shutdown().await;
            }
            Err(error)
        }
    }
}

const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n\
    this port speaks HTTPS, the request was plain HTTP\n";

/// Those who are told it together do not all come back together.
fn full() -> String {
    let seconds = between(Duration::from_secs(1), Duration::from_secs(4)).as_secs();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// How long who cannot stay has to hear so.
const LEAVE: Duration = Duration::from_millis(100);

/// Reads until nothing comes any more.
async fn discard(stream: &mut Box<dyn Stream>) {
    let mut bytes = [0; 4_096];
    while let Ok(1..) = stream.read(&mut bytes).await {}
}

/// Waits until it is true, or until nobody can make it true any more.
async fn asked(signal: &mut watch::Receiver<bool>) {
    let _ = signal.wait_for(|asked| *asked).await;
}

fn builder(settings: &Settings) -> Builder<TokioExecutor> {
    let limit = header_limit(settings);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The connection has a clock of its own, which leaves idle ones alone.
        .header_read_timeout(None)
        // The reference counts bytes alone. Room for each field is made with every request, however few come.
        .max_headers((limit / SHORT_FIELD).clamp(100, MOST_FIELDS))
        .max_buf_size(limit.max(SMALLEST_BUFFER));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limit).unwrap_or(u32::MAX))
        .max_concurrent_streams(1_000)
        .max_send_buf_size(64 * 1024)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// About as many bytes as a short header field takes.
const SHORT_FIELD: usize = 32;

/// How many header fields a request of HTTP/1 may have, whatever their size.
const MOST_FIELDS: usize = 500;

/// The smallest buffer that a connection of HTTP/1 can have.
const SMALLEST_BUFFER: usize = 8_192;

/// How long a connection that has to be brief may last where nothing else says so.
const BRIEF: Duration = Duration::from_secs(1);

/// How many connections are taken and closed at a time where descriptors are short.
const SHED: usize = 64;

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// `EMFILE` or `ENFILE`.
fn is_want_of_descriptors(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

/// How often accepting failed lately.
#[derive(Debug, Default)]
struct Trouble {
    pause: Duration,
    told: Option<Instant>,
}

impl Trouble {
    /// How long to wait now; says what is wrong, but not each time.
    fn again(&mut self, service: &str, error: &io::Error) -> Duration {
        self.pause = (self.pause * 2).clamp(Duration::from_millis(100), Duration::from_secs(1));
        if self.told.is_none_or(|told| told.elapsed() > Duration::from_secs(10)) {
            self.told = Some(Instant::now());
            tracing::warn!(service, "connections cannot be accepted: {error}");
        }
        self.pause
    }
}
