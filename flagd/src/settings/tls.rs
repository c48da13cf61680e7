//! A certificate with its key: one is nothing without the other.

use std::path::PathBuf;

use super::mistake::{Fault, Mistake};

/// Certificate and key of a server, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain of certificates.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Both, or neither; the names are those of their options.
pub(super) fn pair(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    [certificate_name, key_name]: [&'static str; 2],
) -> Result<Option<Tls>, Mistake> {
    let alone = |given, missing| Mistake::new(format!("--{given}"), Fault::Alone { missing });
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(Tls { certificate, key })),
        (Some(_), None) => Err(alone(certificate_name, key_name)),
        (None, Some(_)) => Err(alone(key_name, certificate_name)),
    }
}
