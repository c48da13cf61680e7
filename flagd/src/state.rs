//! What all handlers share; cheap to clone.

use std::sync::Arc;
use std::time::Duration;

use flagcore::Client;
use tokio::sync::watch;

use crate::settings::Settings;
use crate::telemetry::Metrics;

/// What all handlers share; cheap to clone.
#[derive(Clone, Debug)]
pub struct State {
    /// The flags.
    pub client: Client,
    /// What was chosen.
    pub settings: Arc<Settings>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The revision that is served; whoever waits for changes waits for this.
    pub revision: watch::Receiver<u64>,
    /// Becomes true when the daemon is asked to end: streams say goodbye.
    pub draining: watch::Receiver<bool>,
    /// Over how long streams end once the daemon is asked to, each at a moment of its own.
    pub farewell: watch::Receiver<Duration>,
}
