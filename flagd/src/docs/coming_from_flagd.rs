//! What is different from flagd 0.16.1 on purpose.
//!
//! Everything else is meant to be the same: options, environment names, ports, protocols, answers. What is different and is not in this
//! list is a bug. Each row names the test that holds it; `tests/docs.rs` looks that the tests are there.
//!
//! **Before you move:** sources are `file:` only, a file or a folder; `http`, `grpc`, object stores and Kubernetes are refused by name, and so is
//! `--sync-http-port`. A missing file no longer ends the process (`/readyz` says 412; `--on-missing fail` ends it). A file has at most 16 MiB, a source
//! at most 100,000 flags. Splits are hashed as in 0.16.1 (`v2`).
//!
//! # Evaluating
//!
//! | flagd | here | test |
//! | --- | --- | --- |
//! | runs objects of the *context* that look like rules (O1) | context is data, never a rule | `flagd/tests/ofrep.rs: o1_objects_of_the_context_are_never_rules` |
//! | nesting and work without bound, loading in quadratic time (O2) | limits with an error, loading in linear time | `flagcore/tests/limits.rs: past_a_limit_the_flags_served_before_go_on`, `flagcore/tests/fuel.rs: lists_inside_of_lists_end_at_the_budget`, `flagcore/tests/bombs.rs: large_files_of_one_thing_cost_what_they_are`, `flagcore/tests/small_stack.rs: depth_past_the_limit_is_refused_on_a_small_stack` |
//! | a file of any size, with any number of flags | at most 16 MiB a file and 100,000 flags a source, refused with the number | `flagcore/tests/limits.rs: up_to_a_limit_a_file_is_taken_and_past_it_refused` |
//! | a process that is not ready has ended, or answers that a flag does not exist | as long as a source holds nothing valid, that answer says so in its details | `flagd/tests/ofrep.rs: what_is_not_known_before_every_source_was_read_says_so`, `flagd/tests/connect.rs: what_is_not_known_before_every_source_was_read_says_so` |
//! | a context that is no object is passed over with a warning in the log | passed over: the log never tells of contexts | `flagd/tests/ofrep.rs: bodies_are_taken_as_the_reference_takes_them` |
//! | contexts of any depth and number of attributes | over the limits 400 and `INVALID_CONTEXT`, as for a context that is none | `flagd/src/evaluate/ofrep/context.rs: depth_and_number_of_attributes_have_a_bound`, `flagd/tests/hostile.rs: hostile_contexts_cost_an_error_at_most` |
//! | nested `$ref` resolved in random order (O3) | always resolved; one that leads back to itself is a warning, `PARSE_ERROR` when reached | `flagcore/tests/vectors.rs: documents_are_taken_or_refused_and_flags_win_as_in_the_reference` |
//! | a key of several sources: the last source when evaluated, the last flag set when synchronised, twice in bulk (O4) | one winner everywhere, the highest source, listed once | `flagd/tests/ofrep.rs: o4_of_several_sources_the_highest_wins_and_is_listed_once`, `flagd/tests/sync.rs: a_key_of_several_sources_is_sent_once_and_comes_back_when_its_rival_goes` |
//! | a key hidden by a higher source is gone when that source drops it (O5) | comes back at once | `flagd/tests/sync.rs: a_key_of_several_sources_is_sent_once_and_comes_back_when_its_rival_goes` |
//! | the selector `flagSetId=` tells a random id (O6) | tells none | `flagd/tests/ofrep.rs: o6_flags_without_a_set_have_no_id_to_tell` |
//! | a number beyond 64 bits asked for as an integer is the smallest one (O16) | the nearest end of the range | `flagcore/tests/reference.rs: every_case_of_the_reference_agrees` |
//!
//! # Files
//!
//! | flagd | here | test |
//! | --- | --- | --- |
//! | `file:` looks once a second, at newer times only; a watch may be lost (O7) | events and slow polling; content decides; nothing ends the watching | `flagcore/tests/reload/edits.rs: every_way_to_edit_is_seen_by_polling_alone`, `flagcore/tests/reload/absence.rs: every_absence_is_overcome_by_polling_alone`, `flagd/tests/watching.rs: every_fault_is_told_while_it_lasts_and_overcome_after_it` |
//! | a missing file ends the process; ready with an invalid first file (O8, O21) | not ready (412) until every source has delivered something valid, and keeps trying; `--on-missing fail` ends | `flagd/tests/admin.rs: a_daemon_is_ready_once_every_source_was_valid`, `flagd/tests/command.rs: a_source_without_anything_valid_ends_it_with_1_only_if_told_so` |
//! | an unchanged rewrite sends everything again (O14) | sends nothing | `flagd/tests/sync.rs: a_change_is_sent_and_an_unchanged_rewrite_is_not` |
//! | a file that suddenly holds no flags empties the set at once (O17) | taken when it is still so two seconds later | `flagcore/tests/reload/torn.rs: a_doubtful_file_is_held_once_and_forgotten_when_the_old_one_is_back` |
//!
//! # Serving
//!
//! | flagd | here | test |
//! | --- | --- | --- |
//! | SIGTERM with an open HTTP/1.1 stream: five seconds, exit code 1 (O9) | streams are told and end as unavailable, requests under way are finished, exit code 0 | `flagd/tests/events.rs: a_daemon_that_ends_says_goodbye`, `flagd/tests/command.rs: it_listens_on_four_ports_and_ends_with_0_when_asked_to` |
//! | exit code 1, whatever went wrong | 2 for a mistake in the options, 1 for anything else, a second signal included | `flagd/tests/command.rs: bad_usage_ends_with_2_and_says_how_to_mend_it`, `flagd/tests/command.rs: a_port_in_use_ends_it_with_1_and_is_named`, `flagd/tests/command.rs: a_second_signal_ends_at_once` |
//! | a second SIGTERM does nothing | a second after the first or later it ends the process at once, with exit code 1 | `flagd/tests/command.rs: a_second_signal_ends_at_once`, `flagd/tests/command.rs: signals_that_come_together_are_one` |
//! | a stream lasts until its client's own deadline, so clients that connected together come back together, every 600 s | one whose client waits for 60 s or longer ends with `DEADLINE_EXCEEDED`, as it would then, at some moment between half and 95 % of that; `--stream-deadline` is kept to exactly | `flagd/src/distribute/listener.rs: clients_that_came_together_soon_come_one_by_one` |
//! | all streams end at once when the process does | 5 ms apart on average, at random, within the drain time | `flagd/tests/drain.rs: streams_end_one_after_the_other_within_the_drain_time` |
//! | a stale socket file stops the next start (O10) | replaced when nobody listens on it | `flagd/tests/server.rs: a_stale_socket_is_replaced_and_a_live_one_is_not` |
//! | an OFREP key with `/` is 404 even percent-encoded (O11) | `a%2Fb` is the flag `a/b` | `flagd/tests/ofrep.rs: o11_keys_are_percent_decoded` |
//! | `http_*` metrics say 200 always; OFREP is not counted (O12) | the true status; counted | `flagd/tests/admin.rs: evaluations_over_ofrep_are_counted_with_their_true_status` |
//! | gRPC health on 8014 only, no reflection (O13) | health on every gRPC port, reflection too | `flagd/tests/grpc.rs: health_and_reflection_stand_on_both_grpc_ports` |
//! | OFREP never over TLS (O15) | plain by default; `--ofrep-cert-path` and `--ofrep-key-path` | `flagd/tests/tls.rs: ofrep_speaks_tls_by_an_option_of_its_own` |
//! | `/healthz` says 200 always | 503 once the thread that watches the sources is gone, which only a new start mends | `flagd/src/admin/mod.rs: healthz_says_so_when_nobody_watches_the_sources_any_more`, `flagcore/src/client/handle.rs: a_client_knows_whether_somebody_keeps_it_up` |
//! | `/readyz` says 200 until the process is gone | 412 from the moment on at which the daemon is asked to end | `flagd/tests/drain.rs: a_daemon_that_drains_is_not_ready_and_alive_until_what_is_under_way_is_finished` |
//! | closes connections of HTTP/1.1 that are idle for 5 s | keeps them | `flagd/tests/server.rs: slow_headers_are_closed_and_idle_connections_are_not`, `flagd/tests/overload.rs: ten_thousand_idle_connections_disturb_nobody` |
//! | the header of a request may take 1 s on one port and 3 s on others, without an option | `--header-deadline` on every port, 1 s | `flagd/tests/server.rs: slow_headers_are_closed_and_idle_connections_are_not`, `flagd/tests/overload.rs: slow_clients_are_closed_and_others_answered_meanwhile` |
//! | takes connections and keeps answers that nobody reads, without bound | connections over the limit of descriptors and large answers over 256 MiB of untaken ones are 503 | `flagd/src/server/tests.rs: connections_over_the_limit_are_turned_away_until_there_is_room`, `flagd/src/server/tests.rs: answers_that_nobody_takes_hold_so_much_and_no_more` |
//! | gRPC-Web in text is 415 | spoken | `flagd/tests/connect.rs: grpc_web_is_spoken_in_text_too` |
//! | pings closer than `--keep-alive-min-time` end the connection (O18) | the options are accepted, pings are answered | `flagd/tests/hostile.rs: pings_however_often_are_answered`, `flagd/tests/settings.rs: what_has_no_use_here_is_accepted_with_a_word_about_it` |
//! | `sync_active_streams{selector}` takes any text (O19) | selectors that pick something, else `_other` | `flagd/src/server/tests.rs: streams_are_listed_and_counted_by_selectors_that_match`, `flagd/tests/hostile.rs: names_that_are_made_up_leave_nothing_behind`, `flagd/tests/admin.rs: requests_cannot_make_labels` |
//! | no entity tags; CORS exposes none (O20) | bulk answers have the digest of their body; `ETag` is exposed; a 304 that needs no evaluation is not counted as one | `flagd/tests/ofrep.rs: o20_an_entity_tag_spares_a_body_that_is_known`, `flagd/tests/ofrep.rs: an_answer_that_was_given_before_is_not_looked_for_again` |
//!
//! # Telemetry
//!
//! | flagd | here | test |
//! | --- | --- | --- |
//! | `--debug` tells each evaluation in several lines | in one: flag, variant, reason or error | `flagd/tests/command.rs: details_tell_each_evaluation_and_changes_tell_their_keys` |
//! | the log on a console has tabs between its parts; in JSON a `caller` in Go | times, levels and names of its own on a console; `level`, `ts`, `caller`, `msg` in JSON | `flagd/tests/command.rs: the_log_is_json_if_told_so` |
//! | `-t otel` takes `/metrics` away | it is there as well | `flagd/tests/otlp.rs: every_metric_of_prometheus_but_target_info_is_one_of_otlp` |
//! | the certificate options of the collector do nothing | the connection is TLS with them, or with an `https` address | `flagd/tests/otlp.rs: an_authority_makes_the_collector_s_connection_tls` |
//! | every request is traced | callers that trace or do not decide for theirs; `OTEL_TRACES_SAMPLER` is heard | `flagd/tests/otlp.rs: the_sampler_and_the_caller_decide_what_is_traced` |
//! | OTLP over gRPC and HTTP | gRPC only; another `OTEL_EXPORTER_OTLP_PROTOCOL` refuses to start | `flagd/tests/settings.rs: an_exporter_needs_a_collector_that_it_can_speak_to` |
//! | without a collector's address, traces go to the local one | nothing is sent | `flagd/tests/settings.rs: nothing_given_but_a_source_is_the_defaults` |
//! | what a call evaluates is a span, its evaluation one more inside | one span, with variant and reason | `flagd/tests/otlp.rs: a_request_is_a_span_with_what_it_evaluated_inside_of_it` |
//!
//! # Settings
//!
//! A certificate without a key, a duration without a unit in the environment or the settings file, a missing or broken `--config` file, an unknown
//! key in it, and an invalid header name in `-H` refuse to start and say why; flagd ignores them or means something else
//! (`flagd/tests/settings.rs: every_mistake_is_told_with_its_place_and_its_mending`). Neither sources other than `file:` nor flag
//! definitions over HTTP (`--sync-http-port`) are there yet: both are refused by name (`flagd/tests/settings.rs: what_a_later_version_brings_is_refused_by_name_with_what_to_use_meanwhile`).
//!
//! # Clients to know about
//!
//! The newest in-process providers of some languages hash splits as `v3` does (Python's `openfeature-provider-flagd` 0.6.1 with
//! `openfeature-flagd-core` 2.0.0), others as `v1` does (Rust's `open-feature-flagd` 0.3.0), while the daemon and the reference hash as `v2` does: the same
//! user gets another variant from them than from a provider that asks the daemon. Pin the generation that all of yours have, at the top of each flag file:
//!
//! ```yaml
//! bucketing: v3
//! flags:
//! ```
