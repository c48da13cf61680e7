//! What all handlers share; cheap to clone.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use flagcore::Client;
use tokio::sync::watch;

use crate::settings::Settings;
use crate::telemetry::Metrics;

/// What all handlers share; cheap to clone.
#[derive(Clone)]
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
    /// The state of every certificate.
    pub certificates: Arc<dyn Fn() -> Vec<CertificateStatus> + Send + Sync>,
}

/// A certificate that is in use.
#[derive(Clone, Debug)]
pub struct CertificateStatus {
    /// Its file.
    pub certificate: PathBuf,
    /// When what is in use was read.
    pub since: SystemTime,
    /// Why what the files hold now is not in use, if that is so.
    pub complaint: Option<String>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("client", &self.client)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
