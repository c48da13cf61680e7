//! Reads certificates, and reads them again when they change.
//!
//! Both files are read twice a second and compared by content, so that it does not matter how they are replaced.
//! A pair that does not fit, as one that is half replaced does not, is not taken: the one before goes on, and the
//! log and the status say so. Connections that are open keep what they began with.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;

use crate::settings::Tls;
use crate::telemetry::{CertificateStatus, Metrics};

/// A certificate that is kept up to its files.
pub(super) struct Certificate {
    files: Tls,
    current: RwLock<Current>,
    metrics: Arc<Metrics>,
}

struct Current {
    key: Arc<CertifiedKey>,
    /// What was read last, taken or not.
    read: Option<(Vec<u8>, Vec<u8>)>,
    since: SystemTime,
    complaint: Option<String>,
}

impl Certificate {
    /// Reads it for the first time.
    pub(super) fn open(files: &Tls, metrics: &Arc<Metrics>) -> Result<Arc<Self>, String> {
        let read = read(files)?;
        let key = Arc::new(pair(files, &read)?);
        let current = Current { key, read: Some(read), since: SystemTime::now(), complaint: None };
        let certificate =
            Self { files: files.clone(), current: RwLock::new(current), metrics: metrics.clone() };
        certificate.tell(&certificate.current.read().unwrap_or_else(PoisonError::into_inner));
        Ok(Arc::new(certificate))
    }

    /// How servers use it: TLS 1.2 or later, HTTP/2 before HTTP/1.1.
    pub(super) fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, String> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Keeps it up to its files, for as long as this is polled.
    pub(super) async fn keep_up(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            let certificate = self.clone();
            let _ = tokio::task::spawn_blocking(move || certificate.refresh()).await;
        }
    }

    /// Tells the status what there is to say about it.
    fn tell(&self, current: &Current) {
        self.metrics.set_certificate(CertificateStatus {
            certificate: self.files.certificate.clone(),
            since: current.since,
            complaint: current.complaint.clone(),
        });
    }

    fn refresh(&self) {
        let fresh = read(&self.files);
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(fresh), Some(known)) = (&fresh, &current.read)
            && fresh == known
        {
            return;
        }
        let before = current.complaint.clone();
        drop(current);
        let (read, key) = match fresh {
            Ok(read) => {
                let key = pair(&self.files, &read);
                (Some(read), key)
            }
            Err(error) => (None, Err(error)),
        };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.read = read;
        match key {
            Ok(key) => {
                current.key = Arc::new(key);
                current.since = SystemTime::now();
                current.complaint = None;
                tracing::info!(certificate = %self.files.certificate.display(), "the certificate was renewed");
            }
            Err(error) if before.as_ref() != Some(&error) => {
                self.metrics.certificate_refused();
                tracing::warn!("{error}; still using the one before");
                current.complaint = Some(error);
            }
            Err(_) => {}
        }
        self.tell(&current);
    }
}

const EVERY: Duration = Duration::from_millis(500);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).key.clone())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

fn read(files: &Tls) -> Result<(Vec<u8>, Vec<u8>), String> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    Ok((read(&files.certificate)?, read(&files.key)?))
}

fn pair(files: &Tls, (certificate, key): &(Vec<u8>, Vec<u8>)) -> Result<CertifiedKey, String> {
    let (at, key_at) = (files.certificate.display(), files.key.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|error| format!("{at} holds no certificate: {error}"))?;
    if chain.is_empty() {
        return Err(format!("{at} holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| format!("{key_at} holds no private key: {error}"))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| format!("{at} and {key_at} do not fit: {error}"))
}
