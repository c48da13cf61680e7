//! The table of names, units and help texts: first the reference's, then ours.

use super::requests::{HttpInstrument, RpcInstrument};
use super::samples::{Kind, Metric};

const fn theirs(
    kind: Kind,
    name: &'static str,
    text_name: &'static str,
    unit: &'static str,
    help: &'static str,
) -> Metric {
    Metric { name, text_name, unit, kind, shared: true, help }
}

const fn ours(
    kind: Kind,
    name: &'static str,
    text_name: &'static str,
    unit: &'static str,
    help: &'static str,
) -> Metric {
    Metric { name, text_name, unit, kind, shared: false, help }
}

pub(super) const IMPRESSION: Metric = theirs(
    Kind::Counter,
    "feature_flag.flagd.impression",
    "feature_flag_flagd_impression_total",
    "{impression}",
    "Evaluations that gave an answer, by flag and variant.",
);
pub(super) const RESULT_REASON: Metric = theirs(
    Kind::Counter,
    "feature_flag.flagd.result.reason",
    "feature_flag_flagd_result_reason_total",
    "{reason}",
    "Evaluations by reason, failed ones by error code.",
);
pub(super) const ACTIVE_STREAMS: Metric = theirs(
    Kind::UpDown,
    "feature_flag.flagd.sync.active_streams",
    "feature_flag_flagd_sync_active_streams",
    "{stream}",
    "Open streams of flag definitions, by selector.",
);
pub(super) const STREAM_DURATION: Metric = theirs(
    Kind::Histogram,
    "feature_flag.flagd.sync.stream.duration",
    "feature_flag_flagd_sync_stream_duration_seconds",
    "s",
    "How long streams of flag definitions lived, by how they ended.",
);
pub(super) const HTTP: [(Metric, HttpInstrument); 4] = [
    (
        theirs(
            Kind::UpDown,
            "http.server.active_requests",
            "http_server_active_requests",
            "{request}",
            "Requests under way, streams included.",
        ),
        HttpInstrument::Active,
    ),
    (
        theirs(
            Kind::Histogram,
            "http.server.request.duration",
            "http_server_request_duration_seconds",
            "s",
            "From the header of a request to the end of its answer.",
        ),
        HttpInstrument::Duration,
    ),
    (
        theirs(
            Kind::Histogram,
            "http.server.request.body.size",
            "http_server_request_body_size_bytes",
            "By",
            "Bytes of the bodies of requests.",
        ),
        HttpInstrument::RequestSize,
    ),
    (
        theirs(
            Kind::Histogram,
            "http.server.response.body.size",
            "http_server_response_body_size_bytes",
            "By",
            "Bytes of the bodies of answers.",
        ),
        HttpInstrument::ResponseSize,
    ),
];
pub(super) const RPC: [(Metric, RpcInstrument); 5] = [
    (
        theirs(
            Kind::Histogram,
            "rpc.server.duration",
            "rpc_server_duration_milliseconds",
            "ms",
            "How long calls took.",
        ),
        RpcInstrument::Duration,
    ),
    (
        theirs(
            Kind::Histogram,
            "rpc.server.request.size",
            "rpc_server_request_size_bytes",
            "By",
            "Bytes of the messages of requests.",
        ),
        RpcInstrument::RequestSize,
    ),
    (
        theirs(
            Kind::Histogram,
            "rpc.server.response.size",
            "rpc_server_response_size_bytes",
            "By",
            "Bytes of the messages of the answer to a call.",
        ),
        RpcInstrument::ResponseSize,
    ),
    (
        theirs(
            Kind::Histogram,
            "rpc.server.requests_per_rpc",
            "rpc_server_requests_per_rpc",
            "{count}",
            "Messages that a call got.",
        ),
        RpcInstrument::Requests,
    ),
    (
        theirs(
            Kind::Histogram,
            "rpc.server.responses_per_rpc",
            "rpc_server_responses_per_rpc",
            "{count}",
            "Messages that a call gave.",
        ),
        RpcInstrument::Responses,
    ),
];
pub(super) const TARGET_INFO: Metric =
    ours(Kind::Gauge, "target_info", "target_info", "", "What is measured here.");

pub(super) const BUILD_INFO: Metric =
    ours(Kind::Gauge, "flagd.build_info", "flagd_build_info", "", "The version of the daemon, as a label.");
pub(super) const START_TIME: Metric = ours(
    Kind::Gauge,
    "flagd.start_time",
    "flagd_start_time_seconds",
    "s",
    "When the daemon started, in Unix time.",
);
pub(super) const OPEN_STREAMS: Metric =
    ours(Kind::UpDown, "flagd.open_streams", "flagd_open_streams", "{stream}", "Open streams, by service.");
pub(super) const CONNECTIONS: Metric = ours(
    Kind::UpDown,
    "flagd.open_connections",
    "flagd_open_connections",
    "{connection}",
    "Open connections.",
);
pub(super) const ACCEPT_ERRORS: Metric = ours(
    Kind::Counter,
    "flagd.accept_errors",
    "flagd_accept_errors_total",
    "{error}",
    "Connections that could not be accepted.",
);
pub(super) const REFUSED: Metric = ours(
    Kind::Counter,
    "flagd.connections_refused",
    "flagd_connections_refused_total",
    "{connection}",
    "Connections turned away, there being too many.",
);
pub(super) const PANICS: Metric = ours(
    Kind::Counter,
    "flagd.panics",
    "flagd_panics_total",
    "{request}",
    "Requests that failed inside of the daemon.",
);
pub(super) const SYNC_ENCODINGS: Metric = ours(
    Kind::Counter,
    "flagd.sync_encodings",
    "flagd_sync_encodings_total",
    "{message}",
    "Messages of flag definitions that were encoded: one for each revision and selector that somebody listens to.",
);
pub(super) const HANDSHAKE_ERRORS: Metric = ours(
    Kind::Counter,
    "flagd.tls_handshake_errors",
    "flagd_tls_handshake_errors_total",
    "{error}",
    "Connections that came to no TLS.",
);
pub(super) const CERTIFICATE_ERRORS: Metric = ours(
    Kind::Counter,
    "flagd.certificate_errors",
    "flagd_certificate_errors_total",
    "{error}",
    "Changed certificates or keys that were not taken.",
);
pub(super) const CERTIFICATE_EXPIRY: Metric = ours(
    Kind::Gauge,
    "flagd.certificate_expiry_timestamp",
    "flagd_certificate_expiry_timestamp_seconds",
    "s",
    "When a certificate that is in use expires, in Unix time.",
);
pub(super) const REJECTIONS: Metric = ours(
    Kind::Counter,
    "flagd.rejections",
    "flagd_rejections_total",
    "{rejection}",
    "Contents of sources that were refused.",
);
pub(super) const OTLP_EXPORTS: Metric = ours(
    Kind::Counter,
    "flagd.otlp.exports",
    "flagd_otlp_exports_total",
    "{request}",
    "Requests that the collector took.",
);
pub(super) const OTLP_FAILURES: Metric = ours(
    Kind::Counter,
    "flagd.otlp.failures",
    "flagd_otlp_failures_total",
    "{request}",
    "Requests that the collector did not take.",
);
pub(super) const OTLP_DROPPED: Metric = ours(
    Kind::Counter,
    "flagd.otlp.dropped_spans",
    "flagd_otlp_dropped_spans_total",
    "{span}",
    "Spans that found no room, or were refused.",
);
pub(super) const REVISION: Metric =
    ours(Kind::Gauge, "flagd.revision", "flagd_revision", "", "The revision that is served.");
pub(super) const FLAGS: Metric =
    ours(Kind::Gauge, "flagd.flags", "flagd_flags", "{flag}", "Flags that are served.");
pub(super) const SNAPSHOTS: Metric = ours(
    Kind::Gauge,
    "flagd.snapshots_alive",
    "flagd_snapshots_alive",
    "{snapshot}",
    "Flag sets in memory, old ones included.",
);
pub(super) const READY: Metric = ours(
    Kind::Gauge,
    "flagd.ready",
    "flagd_ready",
    "",
    "Whether every source has delivered something valid.",
);
pub(super) const SOURCE_FLAGS: Metric =
    ours(Kind::Gauge, "flagd.source_flags", "flagd_source_flags", "{flag}", "Flags that a source holds.");
pub(super) const SOURCE_READY: Metric = ours(
    Kind::Gauge,
    "flagd.source_ready",
    "flagd_source_ready",
    "",
    "Whether a source has delivered something valid.",
);
pub(super) const SOURCE_REFUSED: Metric = ours(
    Kind::Gauge,
    "flagd.source_refused",
    "flagd_source_refused",
    "",
    "Whether what a source holds now is refused.",
);
pub(super) const SOURCE_TROUBLE: Metric = ours(
    Kind::Gauge,
    "flagd.source_watch_trouble",
    "flagd_source_watch_trouble",
    "",
    "Whether something is wrong with watching a source, so that changes are seen later.",
);
pub(super) const LIMIT_USED: Metric = ours(
    Kind::Gauge,
    "flagd.limit_used_ratio",
    "flagd_limit_used_ratio",
    "1",
    "How much of a limit is used: 1 is all of it.",
);
pub(super) const SYNC_PAYLOAD: Metric = ours(
    Kind::Gauge,
    "flagd.sync_payload",
    "flagd_sync_payload_bytes",
    "By",
    "The message that sync streams get, by selector; stock clients refuse more than 4 MiB.",
);
pub(super) const SOURCE_SUCCESS: Metric = ours(
    Kind::Gauge,
    "flagd.source_last_success_timestamp",
    "flagd_source_last_success_timestamp_seconds",
    "s",
    "When what is served of a source was published, in Unix time.",
);
