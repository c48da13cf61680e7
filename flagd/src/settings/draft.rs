//! Settings while they are put together.

use std::path::PathBuf;

use super::mistake::{Fault, Mistake};
use super::otlp::{self, OtlpDraft};
use super::tls::{Tls, pair};
use super::values::{Settings, SourceSettings};

/// Settings while they are put together.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) settings: Settings,
    pub(super) uris: Vec<SourceSettings>,
    pub(super) sources: Vec<SourceSettings>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) ofrep_certificate: Option<PathBuf>,
    pub(super) ofrep_key: Option<PathBuf>,
    pub(super) otlp: OtlpDraft,
    pub(super) warnings: Vec<String>,
}

impl Draft {
    /// The settings with what there is to say about them, or what does not fit together. Whether a source is missing
    /// can be told only where all that was given could be read.
    pub(super) fn finish<'e>(
        self,
        all_read: bool,
        variable: &dyn Fn(&str) -> Option<&'e str>,
    ) -> Result<(Settings, Vec<String>), Vec<Mistake>> {
        let (mut mistakes, mut warnings) = (Vec::new(), self.warnings);
        let mut settings = self.settings;
        settings.sources = self.uris.into_iter().chain(self.sources).collect();
        if all_read && settings.sources.is_empty() {
            mistakes.push(Mistake::new("", Fault::NoSource));
        }
        for (number, source) in settings.sources.iter().enumerate() {
            if settings.sources.iter().take(number).any(|earlier| earlier == source) {
                warnings.push(format!("source {} is given twice", source.path.display()));
            }
        }
        match otlp::choose(self.otlp, variable, &mut warnings) {
            Ok(chosen) => settings.otlp = chosen,
            Err(mistake) => mistakes.push(mistake),
        }
        let mut take =
            |pair: Result<Option<Tls>, Mistake>| pair.map_err(|it| mistakes.push(it)).unwrap_or_default();
        settings.tls = take(pair(self.certificate, self.key, ["server-cert-path", "server-key-path"]));
        settings.ofrep_tls =
            take(pair(self.ofrep_certificate, self.ofrep_key, ["ofrep-cert-path", "ofrep-key-path"]));
        for (header, _) in &mut settings.context_from_header {
            if !is_header_name(header) {
                let found = header.clone();
                let fault = Fault::NotA { found, kind: "a header's name", example: "`X-User=userId`" };
                mistakes.push(Mistake::new("--context-from-header", fault));
            }
            // Names of headers have no letter case.
            header.make_ascii_lowercase();
        }
        if mistakes.is_empty() { Ok((settings, warnings)) } else { Err(mistakes) }
    }
}

/// Whether a text is a token (RFC 9110, 5.6.2).
fn is_header_name(text: &str) -> bool {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    !text.is_empty() && text.bytes().all(is_token)
}
