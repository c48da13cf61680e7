//! Reads certificates, and reads them again when they change.
//!
//! Both files are read twice a second and compared by content, so that it does not matter how they are replaced.
//! A pair that does not fit, as one that is half replaced does not, is not taken: the one before goes on, and the
//! log and the status say so. Connections that are open keep what they began with.
//!
//! A certificate that expires within [`SOON`], or has expired, is told of once a day: it is used all the same, because
//! clients that refuse it are no worse off than with none, and some do not look.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

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
    expires: Option<SystemTime>,
    /// When it was told last that it expires.
    warned: Option<SystemTime>,
    complaint: Option<String>,
}

impl Certificate {
    /// Reads it for the first time.
    pub(super) fn open(files: &Tls, metrics: &Arc<Metrics>) -> Result<Arc<Self>, String> {
        let read = read(files)?;
        let key = Arc::new(pair(files, &read)?);
        let (since, expires) = (SystemTime::now(), expiry(&key));
        let current = Current { key, read: Some(read), since, expires, warned: None, complaint: None };
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
            self.warn(SystemTime::now());
            let certificate = self.clone();
            let _ = tokio::task::spawn_blocking(move || certificate.refresh()).await;
        }
    }

    /// Tells the status what there is to say about it.
    fn tell(&self, current: &Current) {
        self.metrics.set_certificate(CertificateStatus {
            certificate: self.files.certificate.clone(),
            since: current.since,
            expires: current.expires,
            complaint: current.complaint.clone(),
        });
    }

    /// Says in the log that it expires, if it is time for that.
    fn warn(&self, now: SystemTime) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let Some(warning) = current.expires.and_then(|expires| expiring(expires, now)) else { return };
        let again = current.warned.and_then(|warned| warned.checked_add(DAY));
        if again.is_none_or(|again| again <= now) {
            current.warned = Some(now);
            tracing::warn!(certificate = %self.files.certificate.display(), "{warning}");
        }
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
                current.expires = expiry(&current.key);
                current.warned = None;
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

const DAY: Duration = Duration::from_secs(86_400);

/// How long before a certificate expires that is told.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// What there is to say about when a certificate expires; nothing where that is not soon.
fn expiring(expires: SystemTime, now: SystemTime) -> Option<String> {
    match expires.duration_since(now) {
        Err(_) => Some("the certificate has expired".to_owned()),
        Ok(left) if left > SOON => None,
        Ok(left) => {
            let days = left.as_secs() / DAY.as_secs();
            Some(format!("the certificate expires in {days} days and {} hours", left.as_secs() / 3_600 % 24))
        }
    }
}

/// When a certificate expires; none where that cannot be read.
fn expiry(key: &CertifiedKey) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(key.end_entity_cert().ok()?).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expires_within_a_week_is_told_with_the_time_that_is_left() {
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let hour = Duration::from_secs(3_600);
        for (left, told) in [
            (8 * DAY, None),
            (7 * DAY, Some("the certificate expires in 7 days and 0 hours")),
            (2 * DAY + 5 * hour, Some("the certificate expires in 2 days and 5 hours")),
            (hour / 2, Some("the certificate expires in 0 days and 0 hours")),
        ] {
            assert_eq!(expiring(now + left, now).as_deref(), told, "{left:?}");
        }
        assert_eq!(expiring(now - hour, now).as_deref(), Some("the certificate has expired"));
    }
}
