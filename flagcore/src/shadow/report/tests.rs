use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::shadow::compare::{Compare, DifferenceKind, Failure, Rules, Verdict};

use super::random::Random;
use super::*;

const MS: Times = Times { control: Duration::from_millis(12), candidate: Duration::from_micros(4_250) };

fn recorder(limits: StoreLimits) -> Recorder {
    Recorder::new("search", "search-rs", limits, 42)
}

fn report_of(recorder: &Recorder) -> ShadowReport {
    recorder.report([("rate", 0), ("in_flight", 2), ("queue_full", 30)])
}

/// Some differ, some fail, some are late.
fn example() -> Recorder {
    let recorder = recorder(StoreLimits::default());
    let rules = Rules::default().with_ignored("/took").unwrap();
    for sample in 0..1_000_u64 {
        let control =
            json!({ "took": 1, "total": sample, "hits": [{ "price": 2.5, "name": "a" }, { "price": 3.5 }] });
        let mut candidate = control.clone();
        if sample % 5 == 0 {
            candidate["took"] = json!(2);
        }
        if sample % 10 == 0 {
            candidate["hits"][1]["price"] = json!(4.5);
        }
        if sample % 100 == 0 {
            candidate["hits"][0].as_object_mut().unwrap().remove("name");
        }
        recorder.compared(rules.compare(&control, &candidate), MS, 1);
    }
    for _ in 0..3 {
        recorder.failed(Failure::with_class("panic", "index out of bounds\u{1b}[2J"), MS, 2);
    }
    recorder.failed(Failure::with_class("502", ""), MS, 1);
    recorder.timed_out(Times { control: MS.control, candidate: Duration::from_millis(250) });
    recorder
}

#[test]
fn a_report_counts_each_copy_once_and_ranks_the_worst_first() {
    let report = report_of(&example());
    assert_eq!((report.samples, report.compared(), report.all_dropped()), (1_005, 1_000, 32));
    assert_eq!((report.matched, report.mismatched, report.ignored), (800, 100, 100));
    assert_eq!((report.errors, report.timeouts), (4, 1));
    let ranked: Vec<(&str, DifferenceKind, u64)> =
        report.fields.iter().map(|field| (&*field.pointer, field.kind, field.samples)).collect();
    let (value, missing) = (DifferenceKind::Value, DifferenceKind::Missing);
    assert_eq!(ranked, [("/hits/*/price", value, 100), ("/hits/*/name", missing, 10)]);
    assert_eq!(report.fields[0].examples.len(), 20);
    assert_eq!(report.fields[1].examples.len(), 10);
    let classes: Vec<(&str, u64)> =
        report.errors_by_class.iter().map(|error| (&*error.class, error.samples)).collect();
    assert_eq!(classes, [("panic", 3), ("502", 1)]);
    assert_eq!((report.control.count, report.candidate.max), (1_005, Duration::from_millis(250)));
}

#[test]
fn a_report_is_a_screen_of_text() {
    let text = report_of(&example()).to_string();
    let expected = "\
search (search-rs), off: 100 of 1,000 answers differ (10.0 %)
  4 failed, 1 timed out
  100 of the answers differ only in what is ignored
  dropped 32: 30 queue_full, 2 in_flight
                   p50       p90       p99     p99.9       max
  control      11.9 ms   11.9 ms   11.9 ms   11.9 ms   12.0 ms
  candidate    4.26 ms   4.26 ms   4.26 ms   4.26 ms    250 ms
   differ    share  kind     field                      control → candidate
      100   10.0 %  value    /hits/*/price              3.5 → 4.5
       10   1.00 %  missing  /hits/*/name               \"a\" → absent
   failed  error
        3  panic: index out of bounds\\u{1b}[2J
        1  502
";
    assert_eq!(text, expected);

    let recorder = recorder(StoreLimits::default());
    assert_eq!(recorder.report([]).to_string(), "search (search-rs), off: no sample yet\n");
    for _ in 0..1_200 {
        recorder.compared(Verdict::Match, MS, 1);
    }
    let text = recorder.report([]).to_string();
    assert!(text.starts_with("search (search-rs), off: no difference in 1,200 answers\n"), "{text}");
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn a_report_never_takes_more_than_a_screen() {
    let recorder = recorder(StoreLimits::default());
    for field in 0..500 {
        let control = json!({ format!("{}{field}", "längst ".repeat(40)): "ä\u{202e}".repeat(500) });
        let verdict = Rules::default().compare(&control, &json!({ "other": [field] }));
        recorder.compared(verdict, MS, 1);
        let text = "more text than fits ".repeat(20);
        recorder.failed(Failure::with_class(&format!("{}{field}", "Class".repeat(30)), &text), MS, 1);
    }
    let reasons = ["a", "b", "c", "d", "e", "f"];
    let text = recorder.report(reasons.map(|reason| (reason, 1_234_567_890))).to_string();
    assert!(text.lines().count() <= 26, "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert!(!line.chars().any(crate::text::is_invisible), "{line}");
    }
}

#[test]
fn a_report_is_data_with_the_names_of_its_fields() {
    let data = serde_json::to_value(report_of(&example())).unwrap();
    assert_eq!(data["samples"], 1_005);
    assert_eq!(
        data["dropped"],
        json!([{ "reason": "queue_full", "count": 30 }, { "reason": "in_flight", "count": 2 }])
    );
    assert_eq!(data["candidate"]["max"], 0.25);
    assert_eq!(data["candidate"]["error"], 1.0 / 64.0);
    assert_eq!(data["fields"][1]["pointer"], "/hits/*/name");
    assert_eq!(data["fields"][1]["kind"], "missing");
    assert_eq!(
        data["fields"][1]["examples"][0],
        json!({ "control": "\"a\"", "candidate": "absent", "copy": 1 })
    );
    assert_eq!(data["errors_by_class"][0]["class"], "panic");
}

#[test]
fn metrics_have_the_form_of_the_daemons() {
    let second = Recorder::new("quo\"te", "q", StoreLimits::default(), 1);
    let text = prometheus(&[report_of(&example()), second.report([])]);
    for line in [
        "# TYPE flagd_shadow_samples_total counter",
        "flagd_shadow_samples_total{feature_flag_key=\"search\",outcome=\"match\"} 800",
        "flagd_shadow_samples_total{feature_flag_key=\"quo\\\"te\",outcome=\"timeout\"} 0",
        "flagd_shadow_dropped_total{feature_flag_key=\"search\",reason=\"queue_full\"} 30",
        "# TYPE flagd_shadow_duration_seconds histogram",
        "flagd_shadow_duration_seconds_bucket{feature_flag_key=\"search\",side=\"control\",le=\"0.01\"} 0",
        "flagd_shadow_duration_seconds_bucket{feature_flag_key=\"search\",side=\"control\",le=\"0.025\"} 1005",
        "flagd_shadow_duration_seconds_bucket{feature_flag_key=\"search\",side=\"control\",le=\"+Inf\"} 1005",
        "flagd_shadow_duration_seconds_count{feature_flag_key=\"search\",side=\"candidate\"} 1005",
        "flagd_shadow_differing_fields{feature_flag_key=\"search\"} 2",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
    // Each metric stands together, under its help.
    let heads: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# HELP ")).collect();
    assert_eq!(heads.len(), METRICS.len());
    for (head, metric) in heads.iter().zip(&METRICS) {
        assert_eq!(*head, format!("{} {}", metric.text_name, metric.help));
        assert!(metric.text_name.starts_with(&metric.name.replace('.', "_")));
    }
}

#[test]
fn a_redacted_text_is_in_no_form_of_the_report() {
    let rules = ["/user/email", "/tokens/*", "/hits/*/owner"]
        .into_iter()
        .fold(Rules::default(), |rules, pointer| rules.with_redacted(pointer).unwrap());
    let recorder = recorder(StoreLimits { error_texts: false, ..StoreLimits::default() });
    let mut random = Random::new(9);
    for sample in 0..3_000_u64 {
        let mut canary = || match random.below(5) {
            0 => json!(format!("canary-{sample}")),
            1 => json!({ "canary": [sample] }),
            2 => json!(["canary", { "x": "canary" }]),
            3 => json!({ "x": { "canary": null } }),
            _ => json!(null),
        };
        let mut answer = || {
            let hits: Vec<_> = (0..3).map(|hit| json!({ "id": hit, "owner": canary() })).collect();
            json!({ "user": { "email": canary() }, "tokens": { format!("canary{sample}"): canary(), "plain": canary() }, "hits": hits })
        };
        let (control, mut candidate) = (answer(), answer());
        if let Some(member) = ["user", "tokens", "hits"].get(sample as usize % 7) {
            candidate.as_object_mut().unwrap().remove(*member);
        }
        if sample % 11 == 0 {
            candidate["hits"].as_array_mut().map(|hits| hits.pop());
        }
        recorder.compared(rules.compare(&control, &candidate), MS, 1);
        recorder.failed(Failure::of(&format!("Canary(canary) {sample}")), MS, 1);
        recorder.failed(Failure::with_class("panic", "canary"), MS, 1);
    }
    let report = report_of(&recorder);
    assert!(report.mismatched > 2_000 && report.fields.len() > 5, "{report}");
    let forms = [
        report.to_string(),
        format!("{report:?}"),
        serde_json::to_string(&report).unwrap(),
        prometheus(std::slice::from_ref(&report)),
        format!("{recorder:?}"),
    ];
    for form in forms {
        assert!(form.contains("search"));
        assert!(!form.to_lowercase().contains("canary"), "{form}");
    }
}

#[test]
fn ranks_are_by_count_whatever_the_order() {
    for seed in 0..20 {
        let recorder = Recorder::new("f", "i", StoreLimits::default(), seed);
        let mut random = Random::new(seed);
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for _ in 0..2_000 {
            // Squared, so that some are much likelier.
            let field = format!("/f{}", random.below(40) * random.below(40) / 40);
            *expected.entry(field.clone()).or_default() += 1;
            let verdict = Rules::default().compare(&json!({ &field[1..]: 1 }), &json!({ &field[1..]: 2 }));
            recorder.compared(verdict, MS, 1);
        }
        let report = recorder.report([]);
        let mut ranked: Vec<(String, u64)> = expected.into_iter().collect();
        ranked.sort_by_key(|(field, count)| (std::cmp::Reverse(*count), field.clone()));
        let told: Vec<(String, u64)> =
            report.fields.iter().map(|field| (field.pointer.to_string(), field.samples)).collect();
        assert_eq!(told, ranked);
        assert!(report.fields.iter().all(|field| field.missed_at_most == 0));
    }
}

#[test]
fn giant_answers_and_no_room_at_all_are_counted_and_not_kept() {
    let giant = json!({ "text": "x".repeat(1 << 20), "list": vec![1.5; 100_000] });
    let other = json!({ "text": "y".repeat(1 << 20), "list": vec![2.5; 100_000] });
    for bytes in [0, 100, 5_000, 1 << 20] {
        let recorder = recorder(StoreLimits { bytes, ..StoreLimits::default() });
        for _ in 0..2 {
            recorder.compared(Rules::default().compare(&giant, &other), MS, 1);
            recorder.compared(Rules::default().compare(&giant, &json!("x".repeat(5 << 20))), MS, 1);
        }
        let report = recorder.report([]);
        assert!(report.stored_bytes <= bytes, "{} {bytes}", report.stored_bytes);
        assert_eq!((report.mismatched, report.errors), (2, 2));
    }
}

#[test]
fn limits_change_while_it_records() {
    let recorder = recorder(StoreLimits::default());
    for sample in 0..100 {
        recorder.compared(Rules::default().compare(&json!({ "a": sample }), &json!({ "a": -1 })), MS, 1);
    }
    let before = recorder.report([]);
    recorder.set_limits(StoreLimits { per_field: 3, ..StoreLimits::default() });
    let after = recorder.report([]);
    assert_eq!((before.fields[0].examples.len(), after.fields[0].examples.len()), (20, 3));
    assert!(after.stored_bytes < before.stored_bytes && after.fields[0].samples == 100);
    recorder.set_limits(StoreLimits { bytes: 0, ..StoreLimits::default() });
    assert_eq!(recorder.report([]).fields, []);
    assert_eq!(recorder.report([]).stored_bytes, 0);
}

#[test]
fn many_threads_lose_nothing() {
    let recorder = recorder(StoreLimits::default());
    let rules = Rules::default();
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (recorder, rules) = (&recorder, &rules);
            scope.spawn(move || {
                for sample in 0..2_000_u64 {
                    match sample % 4 {
                        0 => {
                            let verdict = rules.compare(&json!({ "a": thread }), &json!({ "a": 100 }));
                            recorder.compared(verdict, MS, 1);
                        }
                        1 => recorder.timed_out(MS),
                        2 => recorder.failed(Failure::with_class("x", ""), MS, 1),
                        _ => recorder.compared(Verdict::Match, MS, 1),
                    }
                }
            });
        }
    });
    let report = recorder.report([]);
    assert_eq!((report.samples, report.control.count, report.candidate.count), (16_000, 16_000, 16_000));
    assert_eq!(
        (report.matched, report.mismatched, report.errors, report.timeouts),
        (4_000, 4_000, 4_000, 4_000)
    );
    assert_eq!((report.fields[0].samples, report.errors_by_class[0].samples), (4_000, 4_000));
}
