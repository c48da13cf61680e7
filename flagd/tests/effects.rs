//! Every option has a test that shows its effect from the outside, on a daemon that runs.
//!
//! `settings.rs` shows what each option sets, from each place where it can be given; the tests that are named here show
//! what that does.

use std::collections::BTreeMap;
use std::path::Path;

use flagd::settings::OPTIONS;

/// An option, a file, and the tests in it that show what the option does.
const EFFECTS: [(&str, &str, &[&str]); 45] = [
    ("uri", "tests/command.rs", &["updates_and_findings_are_told_as_text"]),
    ("uri", "tests/watching.rs", &["every_fault_is_told_while_it_lasts_and_overcome_after_it"]),
    ("uri", "tests/ofrep.rs", &["o4_of_several_sources_the_highest_wins_and_is_listed_once"]),
    ("sources", "tests/command.rs", &["sources_in_json_are_served_above_those_of_uris"]),
    ("on-missing", "tests/command.rs", &["a_source_without_anything_valid_ends_it_with_1_only_if_told_so"]),
    ("port", "tests/command.rs", &["a_port_in_use_ends_it_with_1_and_is_named"]),
    ("port", "tests/server.rs", &["a_port_can_be_taken_again_at_once"]),
    ("management-port", "tests/command.rs", &["a_port_in_use_ends_it_with_1_and_is_named"]),
    ("sync-port", "tests/command.rs", &["a_port_in_use_ends_it_with_1_and_is_named"]),
    ("ofrep-port", "tests/command.rs", &["a_port_in_use_ends_it_with_1_and_is_named"]),
    ("socket-path", "tests/server.rs", &["a_socket_takes_the_place_of_a_port_and_is_gone_at_the_end"]),
    ("sync-socket-path", "tests/server.rs", &["a_socket_takes_the_place_of_a_port_and_is_gone_at_the_end"]),
    (
        "server-cert-path",
        "tests/tls.rs",
        &["a_certificate_makes_evaluation_and_sync_speak_tls_and_nothing_else"],
    ),
    (
        "server-key-path",
        "tests/tls.rs",
        &["a_certificate_makes_evaluation_and_sync_speak_tls_and_nothing_else"],
    ),
    ("ofrep-cert-path", "tests/tls.rs", &["ofrep_speaks_tls_by_an_option_of_its_own"]),
    ("ofrep-key-path", "tests/tls.rs", &["ofrep_speaks_tls_by_an_option_of_its_own"]),
    ("context-value", "tests/ofrep.rs", &["s24_headers_win_over_static_values_which_win_over_the_request"]),
    ("context-value", "tests/sync.rs", &["the_static_context_comes_with_every_message_and_as_metadata"]),
    (
        "context-from-header",
        "tests/ofrep.rs",
        &["s24_headers_win_over_static_values_which_win_over_the_request"],
    ),
    (
        "context-from-header",
        "tests/grpc.rs",
        &["static_context_beats_the_request_and_headers_beat_both_but_in_the_oldest_generation"],
    ),
    ("drain", "src/server/tests.rs", &["what_takes_longer_than_the_drain_is_closed"]),
    ("drain", "tests/drain.rs", &["streams_end_one_after_the_other_within_the_drain_time"]),
    ("stream-deadline", "tests/sync.rs", &["a_stream_ends_at_its_deadline"]),
    ("stream-deadline", "tests/events.rs", &["a_deadline_ends_a_stream_but_that_of_the_oldest_generation"]),
    ("disable-sync-metadata", "tests/sync.rs", &["metadata_can_be_disabled"]),
    ("ofrep-sse-enabled", "tests/ofrep_stream.rs", &["the_stream_can_be_turned_off"]),
    ("ofrep-sse-inactivity-delay", "tests/ofrep_stream.rs", &["bulk_tells_where_the_stream_is"]),
    ("ofrep-sse-public-url", "tests/ofrep_stream.rs", &["bulk_tells_where_the_stream_is"]),
    ("cors-origin", "tests/ofrep.rs", &["s23_origins_are_told_as_the_reference_tells_them"]),
    ("cors-origin", "tests/connect.rs", &["web_pages_of_the_allowed_origins_may_call"]),
    ("max-request-body", "tests/ofrep.rs", &["s7_a_body_over_the_limit_is_refused_and_told"]),
    ("max-request-body", "tests/connect.rs", &["a_body_over_the_limit_is_resource_exhausted"]),
    ("max-request-header", "tests/server.rs", &["a_header_over_the_limit_is_431"]),
    (
        "header-deadline",
        "tests/server.rs",
        &["slow_headers_are_closed_and_idle_connections_are_not", "a_deadline_of_zero_is_for_ever"],
    ),
    ("body-deadline", "src/server/tests.rs", &["a_body_that_takes_too_long_is_given_up"]),
    ("log-format", "tests/command.rs", &["the_log_is_json_if_told_so"]),
    ("debug", "tests/command.rs", &["updates_and_findings_are_told_as_text"]),
    ("metrics-exporter", "tests/otlp.rs", &["the_binary_sends_what_it_has_before_it_ends"]),
    ("otel-collector-uri", "tests/otlp.rs", &["the_binary_sends_what_it_has_before_it_ends"]),
    ("otel-ca-path", "tests/otlp.rs", &["an_authority_makes_the_collector_s_connection_tls"]),
    (
        "otel-cert-path",
        "tests/otlp.rs",
        &["an_authority_makes_the_collector_s_connection_tls", "a_collector_may_ask_who_sends"],
    ),
    ("otel-key-path", "tests/otlp.rs", &["a_collector_may_ask_who_sends"]),
    ("otel-reload-interval", "tests/otlp.rs", &["files_of_tls_are_read_again_after_a_while"]),
    ("keep-alive-min-time", "tests/hostile.rs", &["pings_however_often_are_answered"]),
    ("keep-alive-permit-without-stream", "tests/hostile.rs", &["pings_however_often_are_answered"]),
];

/// What has no effect but that it is refused.
const REFUSED: [&str; 1] = ["sync-http-port"];

#[test]
fn every_option_has_a_test_that_shows_what_it_does() {
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for (option, file, tests) in EFFECTS {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        for test in tests {
            let (before, _) = text.split_once(&format!("fn {test}()")).unwrap_or_else(|| {
                panic!("{option}: {file} has no test {test}");
            });
            let head = before.trim_end_matches("async ").trim_end().lines().next_back().unwrap();
            assert!(
                head.starts_with("#[test]") || head.starts_with("#[tokio::test"),
                "{file}: {test} is no test"
            );
        }
        assert!(OPTIONS.iter().any(|it| it.name == option), "there is no option {option}");
        *shown.entry(option).or_default() += tests.len();
    }
    for option in OPTIONS {
        let is_shown = shown.contains_key(option.name);
        assert_ne!(is_shown, REFUSED.contains(&option.name), "--{}", option.name);
    }
}
