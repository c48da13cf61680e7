//! The daemon from start to end.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use flagcore::Client;
use flagcore::client::OnMissing;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::settings::Settings;
use crate::state::State;
use crate::telemetry::Metrics;
use crate::{admin, distribute, evaluate};

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    state: State,
    addresses: Addresses,
    drain: watch::Sender<bool>,
    servers: JoinSet<()>,
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

/// Why a daemon did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A source has nothing valid, and the settings say that this ends the process.
    Sources(flagcore::Error),
    /// A port or a socket cannot be listened on.
    Listen {
        /// Which one.
        at: String,
        /// Why.
        reason: std::io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Sources(error) => error.fmt(f),
            StartError::Listen { at, reason } => write!(f, "cannot listen on {at}: {reason}"),
        }
    }
}

impl std::error::Error for StartError {}

impl Daemon {
    /// Opens the sources and the ports.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let (revise, revision) = watch::channel(0);
        let (drain, draining) = watch::channel(false);
        let client = open(&settings, revise)?;
        let state = State {
            client,
            settings: Arc::new(settings),
            metrics: Arc::new(Metrics::default()),
            revision,
            draining,
        };
        let settings = &state.settings;
        let mut servers = JoinSet::new();
        let evaluation = listen(settings.port).await?;
        let management = listen(settings.management_port).await?;
        let sync = listen(settings.sync_port).await?;
        let ofrep = listen(settings.ofrep_port).await?;
        let addresses = Addresses {
            evaluation: evaluation.local_addr().ok(),
            management: address(&management)?,
            sync: sync.local_addr().ok(),
            ofrep: address(&ofrep)?,
        };
        serve(&mut servers, evaluation, evaluate::rpc::router(state.clone()), &state);
        serve(&mut servers, management, admin::router(state.clone()), &state);
        serve(&mut servers, sync, distribute::router(state.clone()), &state);
        serve(&mut servers, ofrep, evaluate::ofrep::router(state.clone()), &state);
        Ok(Self { state, addresses, drain, servers })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What its handlers share.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Tells streams to end, waits for requests under way, closes.
    pub async fn stop(mut self) {
        let _ = self.drain.send(true);
        while self.servers.join_next().await.is_some() {}
    }
}

fn open(settings: &Settings, revise: watch::Sender<u64>) -> Result<Client, StartError> {
    let on_missing = if settings.fail_on_missing { OnMissing::Fail } else { OnMissing::Wait };
    let mut builder = Client::builder().keep_json(true).on_missing(on_missing).on_update(move |update| {
        if let flagcore::change::Update::Changed(change) = update {
            let _ = revise.send(change.after().revision());
        }
    });
    for source in &settings.sources {
        builder = builder.path(&source.path);
    }
    builder.build().map_err(StartError::Sources)
}

async fn listen(port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind(("0.0.0.0", port))
        .await
        .map_err(|reason| StartError::Listen { at: format!("port {port}"), reason })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|reason| StartError::Listen { at: "a port".to_owned(), reason })
}

fn serve(servers: &mut JoinSet<()>, listener: TcpListener, router: Router, state: &State) {
    let mut draining = state.draining.clone();
    servers.spawn(async move {
        let drained = async move {
            let _ = draining.wait_for(|draining| *draining).await;
        };
        let _ = axum::serve(listener, router).with_graceful_shutdown(drained).await;
    });
}
