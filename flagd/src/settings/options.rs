//! The table of all options. The command line, the names in the environment, the keys of the settings file and the
//! help come out of it; so does what each option does.

use std::path::PathBuf;
use std::time::Duration;

use super::draft::Draft;
use super::duration;
use super::values::{LogFormat, SourceSettings};

/// One option: a name on the command line, in the environment (`FLAGD_` and the name in upper case with `_`) and in
/// the settings file.
#[derive(Debug)]
pub struct ConfigOption {
    /// The long name, which is also the key in the file.
    pub name: &'static str,
    /// The short name.
    pub short: Option<char>,
    /// The heading that it stands under in the help.
    pub group: &'static str,
    /// What its value is called in the help.
    pub value: &'static str,
    /// What it is for, in one sentence.
    pub help: &'static str,
    /// What it sets.
    pub(super) effect: Effect,
}

/// What an option sets, and with it what it may be given.
#[derive(Debug)]
pub(super) enum Effect {
    Port(fn(&mut Draft) -> &mut u16),
    Bytes(fn(&mut Draft) -> &mut usize),
    Seconds(fn(&mut Draft) -> &mut u64),
    Duration(fn(&mut Draft) -> &mut Duration),
    Switch(fn(&mut Draft) -> &mut bool),
    Path(fn(&mut Draft) -> &mut Option<PathBuf>),
    Text(fn(&mut Draft) -> &mut Option<String>),
    /// Texts; a comma or a further option adds one.
    Texts(fn(&mut Draft) -> &mut Vec<String>),
    /// Names with values, in order.
    Pairs(fn(&mut Draft) -> &mut Vec<(String, String)>),
    /// Sources, as texts that begin with their kind.
    Uris(fn(&mut Draft) -> &mut Vec<SourceSettings>),
    /// Sources, as a JSON array.
    Sources(fn(&mut Draft) -> &mut Vec<SourceSettings>),
    /// One of a few words; the first is the default.
    Word(&'static [&'static str], fn(&mut Draft, &str)),
    /// Taken as the reference takes it, without an effect; the reason is told.
    Idle(Idle, &'static str),
    /// What only a later version does; what to do meanwhile.
    Later(&'static str),
}

/// What is asked of the value of an option without an effect.
#[derive(Clone, Copy, Debug)]
pub(super) enum Idle {
    Duration,
    Switch,
}

/// How many values of which form an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Scalar,
    Switch,
    List,
    Pairs,
    Sources,
}

impl ConfigOption {
    /// Its name in the environment.
    pub fn environment(&self) -> String {
        format!("FLAGD_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// Its default as text, where there is one worth telling.
    pub fn default(&self) -> Option<String> {
        let mut draft = Draft::default();
        let draft = &mut draft;
        Some(match &self.effect {
            Effect::Port(of) => of(draft).to_string(),
            Effect::Bytes(of) => of(draft).to_string(),
            Effect::Seconds(of) => of(draft).to_string(),
            Effect::Duration(of) => duration::show(*of(draft)),
            Effect::Switch(of) => of(draft).to_string(),
            Effect::Word(words, _) => words.first()?.to_string(),
            _ => return None,
        })
    }

    pub(super) fn shape(&self) -> Shape {
        match self.effect {
            Effect::Switch(_) | Effect::Idle(Idle::Switch, _) => Shape::Switch,
            Effect::Texts(_) | Effect::Uris(_) => Shape::List,
            Effect::Pairs(_) => Shape::Pairs,
            Effect::Sources(_) => Shape::Sources,
            _ => Shape::Scalar,
        }
    }
}

const fn option(
    name: &'static str,
    short: Option<char>,
    group: &'static str,
    value: &'static str,
    effect: Effect,
    help: &'static str,
) -> ConfigOption {
    ConfigOption { name, short, group, value, help, effect }
}

const FLAGS: &str = "Flags";
const LISTEN: &str = "Ports and sockets";
const TLS: &str = "TLS";
const CONTEXT: &str = "Evaluation context";
const STREAMS: &str = "Streams";
const REQUESTS: &str = "Requests";
const LOG: &str = "Log and metrics";
const OTEL: &str = "OpenTelemetry";
const TAKEN: &str = "Accepted, without effect";
const LATER: &str = "Not in this version";

/// All options.
pub static OPTIONS: &[ConfigOption] = &[
    option(
        "uri",
        Some('f'),
        FLAGS,
        "URI",
        Effect::Uris(|draft| &mut draft.uris),
        "Where flags come from: `file:` and a file or a folder; may be given several times, and the last one that has a key wins",
    ),
    option(
        "sources",
        Some('s'),
        FLAGS,
        "JSON",
        Effect::Sources(|draft| &mut draft.sources),
        "Further sources as a JSON array: `[{\"uri\": \"flags.json\", \"provider\": \"file\"}]`; a list in the settings file",
    ),
    option(
        "on-missing",
        None,
        FLAGS,
        "WHAT",
        Effect::Word(&["wait", "fail"], |draft, word| {
            draft.settings.fail_on_missing = word == "fail";
        }),
        "Where a source has nothing valid at the start: `wait` for it, not ready, or `fail`",
    ),
    option(
        "port",
        Some('p'),
        LISTEN,
        "PORT",
        Effect::Port(|draft| &mut draft.settings.port),
        "Evaluation over gRPC, gRPC-Web and Connect; 0 takes a free port",
    ),
    option(
        "management-port",
        Some('m'),
        LISTEN,
        "PORT",
        Effect::Port(|draft| &mut draft.settings.management_port),
        "Health, readiness, status and metrics",
    ),
    option(
        "sync-port",
        Some('g'),
        LISTEN,
        "PORT",
        Effect::Port(|draft| &mut draft.settings.sync_port),
        "Flag definitions over gRPC, for clients that evaluate for themselves",
    ),
    option(
        "ofrep-port",
        Some('r'),
        LISTEN,
        "PORT",
        Effect::Port(|draft| &mut draft.settings.ofrep_port),
        "Evaluation over OFREP, which is plain HTTP and JSON",
    ),
    option(
        "socket-path",
        Some('d'),
        LISTEN,
        "PATH",
        Effect::Path(|draft| &mut draft.settings.socket_path),
        "A unix socket for evaluation, in place of its port",
    ),
    option(
        "sync-socket-path",
        Some('e'),
        LISTEN,
        "PATH",
        Effect::Path(|draft| &mut draft.settings.sync_socket_path),
        "A unix socket for flag definitions, in place of their port",
    ),
    option(
        "server-cert-path",
        Some('c'),
        TLS,
        "PATH",
        Effect::Path(|draft| &mut draft.certificate),
        "Certificate of evaluation and flag definitions, in PEM; goes with its key",
    ),
    option(
        "server-key-path",
        Some('k'),
        TLS,
        "PATH",
        Effect::Path(|draft| &mut draft.key),
        "Key of that certificate, in PEM",
    ),
    option(
        "ofrep-cert-path",
        None,
        TLS,
        "PATH",
        Effect::Path(|draft| &mut draft.ofrep_certificate),
        "Certificate of OFREP, in PEM; goes with its key; OFREP is plain without",
    ),
    option(
        "ofrep-key-path",
        None,
        TLS,
        "PATH",
        Effect::Path(|draft| &mut draft.ofrep_key),
        "Key of that certificate, in PEM",
    ),
    option(
        "context-value",
        Some('X'),
        CONTEXT,
        "NAME=VALUE",
        Effect::Pairs(|draft| &mut draft.settings.context_values),
        "An attribute that every evaluation gets, over the request's; may be given several times",
    ),
    option(
        "context-from-header",
        Some('H'),
        CONTEXT,
        "HEADER=NAME",
        Effect::Pairs(|draft| &mut draft.settings.context_from_header),
        "A header whose value becomes an attribute, over everything else; may be given several times",
    ),
    option(
        "drain",
        None,
        REQUESTS,
        "DURATION",
        Effect::Duration(|draft| &mut draft.settings.drain),
        "How long requests under way may take when the daemon is asked to end",
    ),
    option(
        "stream-deadline",
        None,
        STREAMS,
        "DURATION",
        Effect::Duration(|draft| &mut draft.settings.stream_deadline),
        "How long a stream over gRPC or Connect lives at most, but one of `schema.v1`; OFREP's have no deadline; 0s is for ever",
    ),
    option(
        "disable-sync-metadata",
        None,
        STREAMS,
        "BOOL",
        Effect::Switch(|draft| &mut draft.settings.disable_sync_metadata),
        "Refuse the outdated `GetMetadata`",
    ),
    option(
        "ofrep-sse-enabled",
        None,
        STREAMS,
        "BOOL",
        Effect::Switch(|draft| &mut draft.settings.ofrep_sse_enabled),
        "Offer OFREP's clients a stream of changes",
    ),
    option(
        "ofrep-sse-inactivity-delay",
        None,
        STREAMS,
        "SECONDS",
        Effect::Seconds(|draft| &mut draft.settings.ofrep_sse_inactivity_delay),
        "After how long without use OFREP's clients may close it",
    ),
    option(
        "ofrep-sse-public-url",
        None,
        STREAMS,
        "URL",
        Effect::Text(|draft| &mut draft.settings.ofrep_sse_public_url),
        "The origin that they reach it at, if it is not the one they called",
    ),
    option(
        "cors-origin",
        Some('C'),
        REQUESTS,
        "ORIGIN",
        Effect::Texts(|draft| &mut draft.settings.cors_origins),
        "An origin that browsers may call from; may be given several times; all without",
    ),
    option(
        "max-request-body",
        Some('B'),
        REQUESTS,
        "BYTES",
        Effect::Bytes(|draft| &mut draft.settings.max_request_body),
        "The largest body of a request; 0 is without limit",
    ),
    option(
        "max-request-header",
        Some('R'),
        REQUESTS,
        "BYTES",
        Effect::Bytes(|draft| &mut draft.settings.max_request_header),
        "The largest header of a request; 0 is 1 MiB",
    ),
    option(
        "header-deadline",
        None,
        REQUESTS,
        "DURATION",
        Effect::Duration(|draft| &mut draft.settings.header_deadline),
        "How long the header of a request may take from its first byte on, and a TLS handshake five times that; 0s is for ever",
    ),
    option(
        "body-deadline",
        None,
        REQUESTS,
        "DURATION",
        Effect::Duration(|draft| &mut draft.settings.body_deadline),
        "How long the body of a request may take; 0s is for ever",
    ),
    option(
        "log-format",
        Some('z'),
        LOG,
        "FORMAT",
        Effect::Word(&["console", "json"], |draft, word| {
            draft.settings.log_format = if word == "json" { LogFormat::Json } else { LogFormat::Console };
        }),
        "How the log is written to the standard error: `console` or `json`",
    ),
    option(
        "debug",
        Some('x'),
        LOG,
        "BOOL",
        Effect::Switch(|draft| &mut draft.settings.debug),
        "Log details too",
    ),
    option(
        "metrics-exporter",
        Some('t'),
        OTEL,
        "EXPORTER",
        Effect::Word(&["prometheus", "otel"], |draft, word| draft.otlp.exports_metrics = word == "otel"),
        "`otel` sends metrics to the collector too; `/metrics` on the management port is there either way",
    ),
    option(
        "otel-collector-uri",
        Some('o'),
        OTEL,
        "HOST:PORT",
        Effect::Text(|draft| &mut draft.otlp.collector),
        "The collector, by OTLP over gRPC: it gets traces, and metrics with `--metrics-exporter otel`",
    ),
    option(
        "otel-ca-path",
        Some('A'),
        OTEL,
        "PATH",
        Effect::Path(|draft| &mut draft.otlp.ca),
        "Authority of the collector's certificate, in PEM; the system's without",
    ),
    option(
        "otel-cert-path",
        Some('D'),
        OTEL,
        "PATH",
        Effect::Path(|draft| &mut draft.otlp.certificate),
        "Certificate that is shown to the collector, in PEM; goes with its key",
    ),
    option(
        "otel-key-path",
        Some('K'),
        OTEL,
        "PATH",
        Effect::Path(|draft| &mut draft.otlp.key),
        "Key of that certificate, in PEM",
    ),
    option(
        "otel-reload-interval",
        Some('I'),
        OTEL,
        "DURATION",
        Effect::Duration(|draft| &mut draft.otlp.reload),
        "How often these files are read again",
    ),
    option(
        "keep-alive-min-time",
        None,
        TAKEN,
        "DURATION",
        Effect::Idle(Idle::Duration, "has no effect: clients may ping as often as they like"),
        "How far apart clients' pings have to be",
    ),
    option(
        "keep-alive-permit-without-stream",
        None,
        TAKEN,
        "BOOL",
        Effect::Idle(Idle::Switch, "has no effect: clients may ping with and without streams"),
        "Whether clients without a stream may ping",
    ),
    option(
        "sync-http-port",
        None,
        LATER,
        "PORT",
        Effect::Later("take definitions from the sync port"),
        "Flag definitions over HTTP",
    ),
];
