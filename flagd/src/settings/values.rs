//! What the rest of the daemon reads.

use std::path::PathBuf;
use std::time::Duration;

use super::otlp::Otlp;
use super::tls::Tls;

/// Everything that can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How the log is written.
    pub log_format: LogFormat,
    /// Whether the log tells details.
    pub debug: bool,
    /// Sources of flags, lowest priority first.
    pub sources: Vec<SourceSettings>,
    /// The port of evaluation: gRPC, gRPC-Web and Connect. 0 takes a free one.
    pub port: u16,
    /// The port of health, readiness, status and metrics.
    pub management_port: u16,
    /// The port of flag definitions.
    pub sync_port: u16,
    /// The port of OFREP.
    pub ofrep_port: u16,
    /// A unix socket in place of the port of evaluation.
    pub socket_path: Option<PathBuf>,
    /// A unix socket in place of the port of flag definitions.
    pub sync_socket_path: Option<PathBuf>,
    /// Certificate and key of evaluation and sync.
    pub tls: Option<Tls>,
    /// Certificate and key of OFREP, which is plain without.
    pub ofrep_tls: Option<Tls>,
    /// Origins that browsers may call from; empty means all.
    pub cors_origins: Vec<String>,
    /// Attributes that every evaluation gets, over the request's, in order.
    pub context_values: Vec<(String, String)>,
    /// Headers whose value becomes an attribute, over everything else: header name in lower case, attribute.
    pub context_from_header: Vec<(String, String)>,
    /// How long a stream over gRPC or Connect lives at most, but one of `schema.v1`; zero is for ever.
    pub stream_deadline: Duration,
    /// Whether `GetMetadata` is refused.
    pub disable_sync_metadata: bool,
    /// The largest body of a request in bytes; zero is without limit.
    pub max_request_body: usize,
    /// The largest header of a request in bytes; zero is 1 MiB.
    pub max_request_header: usize,
    /// Whether OFREP has a stream of changes.
    pub ofrep_sse_enabled: bool,
    /// After how many seconds without use OFREP's clients may close the stream of changes.
    pub ofrep_sse_inactivity_delay: u64,
    /// The origin that OFREP's clients reach the stream of changes at, if it is not the one they called.
    pub ofrep_sse_public_url: Option<String>,
    /// Whether a source that has nothing valid at the start ends the process.
    pub fail_on_missing: bool,
    /// Where metrics and traces are sent; nowhere without.
    pub otlp: Option<Otlp>,
    /// How long requests under way may take when the daemon is asked to end.
    pub drain: Duration,
    /// How long the header of a request may take from its first byte on, and a TLS handshake five times that; zero is
    /// for ever.
    pub header_deadline: Duration,
    /// How long the body of a request may take; zero is for ever.
    pub body_deadline: Duration,
}

/// Where flags come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// A file or a folder, which is also the source's name.
    pub path: PathBuf,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Console,
    /// One JSON object per line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Console,
            debug: false,
            sources: Vec::new(),
            port: 8013,
            management_port: 8014,
            sync_port: 8015,
            ofrep_port: 8016,
            socket_path: None,
            sync_socket_path: None,
            tls: None,
            ofrep_tls: None,
            cors_origins: Vec::new(),
            context_values: Vec::new(),
            context_from_header: Vec::new(),
            stream_deadline: Duration::ZERO,
            disable_sync_metadata: false,
            max_request_body: 1_000_000,
            max_request_header: 1_000_000,
            ofrep_sse_enabled: true,
            ofrep_sse_inactivity_delay: 120,
            ofrep_sse_public_url: None,
            fail_on_missing: false,
            otlp: None,
            drain: Duration::from_secs(5),
            header_deadline: Duration::from_secs(1),
            body_deadline: Duration::from_secs(5),
        }
    }
}
