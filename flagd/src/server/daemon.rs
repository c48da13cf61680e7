//! The daemon from start to end.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flagcore::Client;
use flagcore::client::OnMissing;
use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::settings::{Settings, Tls};
use crate::state::State;
use crate::telemetry::{Exporter, Exporting, Metrics, Service};
use crate::{admin, distribute, evaluate};

use super::error::StartError;
use super::listen::Listener;
use super::port::{End, Port};
use super::request::Handler;
use super::room::Room;
use super::tls::Certificate;
use super::unfinished::Unfinished;
use super::untaken::Untaken;

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    state: State,
    addresses: Addresses,
    drain: watch::Sender<bool>,
    farewell: watch::Sender<Duration>,
    /// Accept loops, and what keeps certificates up to their files; each by its name.
    servers: JoinSet<&'static str>,
    services: Group,
    management: Group,
    /// What sends metrics and traces away, if something does.
    exporting: Option<Exporting>,
}

/// Where a daemon listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// Evaluation, unless it is a unix socket.
    pub evaluation: Option<SocketAddr>,
    /// Health, readiness, status and metrics.
    pub management: SocketAddr,
    /// Flag definitions, unless it is a unix socket.
    pub sync: Option<SocketAddr>,
    /// OFREP.
    pub ofrep: SocketAddr,
}

/// Ports that end together.
#[derive(Debug)]
pub(super) struct Group {
    stop: watch::Sender<bool>,
    close: watch::Sender<bool>,
    pub(super) end: End,
    /// Ends when all that is alive is gone.
    gone: mpsc::Receiver<()>,
}

impl Group {
    pub(super) fn new() -> Self {
        let (stop, draining) = watch::channel(false);
        let (close, closing) = watch::channel(false);
        let (alive, gone) = mpsc::channel(1);
        Self { stop, close, end: End { draining, closing, _alive: alive }, gone }
    }

    /// Takes nothing new, waits for what is under way, closes the rest.
    pub(super) async fn end(self, patience: Duration) {
        let Self { stop, close, end, mut gone } = self;
        drop(end);
        let _ = stop.send(true);
        if tokio::time::timeout(patience, gone.recv()).await.is_err() {
            let _ = close.send(true);
            let _ = gone.recv().await;
        }
    }
}

impl Daemon {
    /// Opens the sources and the ports.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let (revise, revision) = watch::channel(0);
        let (drain, draining) = watch::channel(false);
        let (farewell, farewells) = watch::channel(Duration::ZERO);
        let exporter = settings.otlp.as_ref().map(Exporter::open).transpose();
        let exporter = exporter.map_err(|reason| StartError::Collector { reason })?;
        let (exporter, metrics) = exporter.unzip();
        let metrics = Arc::new(metrics.unwrap_or_else(Metrics::default));
        let certificate =
            |tls: &Option<Tls>| tls.as_ref().map(|tls| Certificate::open(tls, &metrics)).transpose();
        let refused = |reason| StartError::Certificate { reason };
        let main_tls = certificate(&settings.tls).map_err(refused)?;
        let ofrep_tls = certificate(&settings.ofrep_tls).map_err(refused)?;
        let certificates: Vec<_> = main_tls.iter().chain(&ofrep_tls).cloned().collect();
        let state = State {
            client: open(&settings, revise, &metrics)?,
            settings: Arc::new(settings),
            metrics,
            revision,
            draining,
            farewell: farewells,
        };
        let settings = &state.settings;
        let evaluation = listen(settings.port, "--port", &settings.socket_path, "--socket-path").await?;
        let management = Listener::port(settings.management_port, "--management-port")?;
        let sync =
            listen(settings.sync_port, "--sync-port", &settings.sync_socket_path, "--sync-socket-path")
                .await?;
        let ofrep = Listener::port(settings.ofrep_port, "--ofrep-port")?;
        let addresses = Addresses {
            evaluation: evaluation.address(),
            management: address(&management)?,
            sync: sync.address(),
            ofrep: address(&ofrep)?,
        };
        let mut servers = JoinSet::new();
        let (services, last) = (Group::new(), Group::new());
        let room = Room::of_this_process();
        let (untaken, unfinished) = (Untaken::default(), Unfinished::default());
        state.metrics.set_room(room.permits().clone());
        let mut serve = |service, listener, certificate: &Option<Arc<Certificate>>| {
            let router = match service {
                Service::Evaluation => evaluate::rpc::router(state.clone()),
                Service::Ofrep => evaluate::ofrep::router(state.clone()),
                Service::Sync => distribute::router(state.clone()),
                Service::Management => admin::router(state.clone()),
            };
            let tls = certificate.as_ref().map(Certificate::config).transpose().map_err(refused)?;
            let (untaken, unfinished) = (untaken.clone(), unfinished.clone());
            let (state, tls_on) = (state.clone(), tls.is_some());
            let handler = Handler { service, router, state, tls: tls_on, untaken, unfinished };
            let is_last = service == Service::Management;
            let end = if is_last { last.end.clone() } else { services.end.clone() };
            let room = if is_last { room.clone() } else { room.shared() };
            let port = Port { listener, handler: Arc::new(handler), tls, room, end };
            servers.spawn(named(service.name(), port.run()));
            Ok::<(), StartError>(())
        };
        serve(Service::Evaluation, evaluation, &main_tls)?;
        serve(Service::Management, management, &None)?;
        serve(Service::Sync, sync, &main_tls)?;
        serve(Service::Ofrep, ofrep, &ofrep_tls)?;
        for certificate in certificates {
            servers.spawn(named("certificates", certificate.keep_up()));
        }
        let exporting = exporter.map(|exporter| exporter.start(&state.metrics, &state.client));
        Ok(Self { state, addresses, drain, farewell, servers, services, management: last, exporting })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What its handlers share.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Waits until a part of it ends that should not, and tells which; for ever, as long as all is well.
    ///
    /// A daemon that has lost one of its ports looks healthy to those who ask at another: better none than half of one.
    pub async fn lost(&mut self) -> &'static str {
        match self.servers.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(_)) | None => "all",
        }
    }

    /// Tells streams to end, waits for requests under way, closes. Management answers longest: not ready.
    ///
    /// Streams end one after the other, so that their clients do not all come back at once. Takes no longer than the
    /// drain time, a second for management, and two for what a collector still has to get.
    pub async fn stop(mut self) {
        let drain = self.state.settings.drain;
        let streams = u32::try_from(self.state.metrics.streams(0).1).unwrap_or(u32::MAX);
        let _ = self.farewell.send((drain * 9 / 10).min(PER_STREAM.saturating_mul(streams)));
        let _ = self.drain.send(true);
        self.services.end(drain).await;
        self.management.end(drain.min(Duration::from_secs(1))).await;
        self.servers.shutdown().await;
        if let Some(exporting) = self.exporting {
            exporting.finish(LAST_EXPORT).await;
        }
    }
}

/// How long the end waits for a collector.
const LAST_EXPORT: Duration = Duration::from_secs(2);

/// How much of the drain time each stream asks for: 200 clients a second are as many as one server likes to see.
const PER_STREAM: Duration = Duration::from_millis(5);

fn open(
    settings: &Settings,
    revise: watch::Sender<u64>,
    metrics: &Arc<Metrics>,
) -> Result<Client, StartError> {
    let on_missing = if settings.fail_on_missing { OnMissing::Fail } else { OnMissing::Wait };
    let metrics = metrics.clone();
    let mut builder = Client::builder()
        .keep_json(true)
        .on_thread_start(yield_to_requests)
        .on_missing(on_missing)
        .on_update(move |update| match update {
            flagcore::change::Update::Changed(change) => {
                let _ = revise.send(change.after().revision());
            }
            flagcore::change::Update::Refused { .. } => metrics.rejected(),
            _ => {}
        });
    for source in &settings.sources {
        builder = builder.path(&source.path);
    }
    builder.build().map_err(StartError::Sources)
}

/// Lets requests go before the reading of flags, where both want a core: a request takes microseconds, a large file tens
/// of milliseconds.
fn yield_to_requests() {
    // On Linux a thread has a priority of its own; where it cannot be lowered, nothing is lost.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 5);
}

async fn listen(
    port: u16,
    option: &str,
    socket: &Option<PathBuf>,
    socket_option: &str,
) -> Result<Listener, StartError> {
    match socket {
        #[cfg(unix)]
        Some(path) => Listener::socket(path, socket_option).await,
        #[cfg(not(unix))]
        Some(path) => Err(StartError::Listen {
            at: format!("socket {} (`{socket_option}`)", path.display()),
            reason: std::io::ErrorKind::Unsupported.into(),
        }),
        None => Listener::port(port, option),
    }
}

/// A part of the daemon; its name is what is left of it, however it ends.
async fn named(name: &'static str, part: impl Future<Output = ()>) -> &'static str {
    let _ = AssertUnwindSafe(part).catch_unwind().await;
    name
}

fn address(listener: &Listener) -> Result<SocketAddr, StartError> {
    listener.address().ok_or_else(|| StartError::Listen {
        at: "a port".to_owned(),
        reason: std::io::ErrorKind::AddrNotAvailable.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_is_missed_and_named() {
        let ports =
            Settings { port: 0, management_port: 0, sync_port: 0, ofrep_port: 0, ..Settings::default() };
        let mut daemon = Daemon::start(ports).await.unwrap();
        assert_eq!(daemon.lost().now_or_never(), None);
        daemon.servers.spawn(named("sync", async { panic!("on purpose") }));
        assert_eq!(daemon.lost().await, "sync");
        daemon.servers.spawn(named("ofrep", async {}));
        assert_eq!(daemon.lost().await, "ofrep");
        daemon.servers.abort_all();
        assert_eq!(daemon.lost().await, "all");
    }
}
