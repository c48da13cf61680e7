//! The state of every certificate.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// A certificate that is in use.
#[derive(Clone, Debug)]
pub struct CertificateStatus {
    /// Its file.
    pub certificate: PathBuf,
    /// When what is in use was read.
    pub since: SystemTime,
    /// When what is in use expires; none where that cannot be read.
    pub expires: Option<SystemTime>,
    /// Why what the files hold now is not in use, if that is so.
    pub complaint: Option<String>,
}

/// All of them, each under its file.
#[derive(Debug, Default)]
pub(super) struct Certificates(Mutex<Vec<CertificateStatus>>);

impl Certificates {
    pub(super) fn set(&self, status: CertificateStatus) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|known| known.certificate == status.certificate) {
            Some(known) => *known = status,
            None => all.push(status),
        }
    }

    pub(super) fn get(&self) -> Vec<CertificateStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
