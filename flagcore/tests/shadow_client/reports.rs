//! What was found, as data, as text, and as metrics that a monitoring system can read.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::time::Duration;

use flagcore::Client;
use flagcore::shadow::report::{METRICS, prometheus};
use serde_json::{Value, json};

use crate::lab::{Barrier, LONG, block, call, client, file, settled, twice, wait_until, with};

/// A client whose dark launch found some of everything.
fn full() -> Client {
    let client = client(&with(&block(json!({ "id": "rewrite", "compare": { "ignore": ["/took"] } }))));
    let answer = |total: u64, took: u64| json!({ "total": total, "took": took });
    for candidate in [answer(1, 1), answer(1, 2), answer(2, 1), answer(3, 1)] {
        let call = client.shadow("search", "user-1").capture(|| ()).compare_fields();
        call.run(|| answer(1, 1), move |()| candidate.clone());
    }
    let launch = client.launch("search");
    call(&launch, 1, |_| resume_unwind(Box::new("as it should")));
    let capture = || -> u64 { resume_unwind(Box::new("as it should")) };
    launch.shadow("user-1").capture(capture).run(|| 1, |input| input);
    client
}

#[test]
fn a_report_is_data() {
    let client = full();
    let report = serde_json::to_value(settled(&client)).unwrap();
    let expected = json!({
        "flag": "search", "id": "rewrite", "state": "running", "samples": 5, "matched": 1, "mismatched": 2,
        "ignored": 1, "errors": 1, "timeouts": 0, "waiting": 0, "in_flight": 0, "more_fields": 0,
        "fields_let_go": 0, "dropped": [{ "reason": "capture", "count": 1 }],
        "errors_by_class": [
            { "class": "panic", "samples": 1, "missed_at_most": 0, "examples": ["as it should"] },
        ],
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&report[name], value, "{name}");
    }
    let field = &report["fields"][0];
    assert_eq!(
        (&field["pointer"], &field["kind"], &field["samples"]),
        (&json!("/total"), &json!("value"), &json!(2))
    );
    let mut examples = field["examples"].as_array().unwrap().clone();
    examples.sort_by_key(Value::to_string);
    let example = |candidate: &str| json!({ "control": "1", "candidate": candidate, "copy": 1 });
    assert_eq!(examples, [example("2"), example("3")]);
    for side in ["control", "candidate"] {
        let latency = &report[side];
        let of = |name: &str| latency[name].as_f64().unwrap();
        assert_eq!(latency["count"], 5, "{side}");
        let exact = 1.0 + of("error");
        assert!(
            of("p50") <= of("p90") && of("p90") <= of("p99") && of("p999") <= of("max") * exact,
            "{latency}"
        );
        assert!(0.0 < of("sum") && of("mean") * 4.9 < of("sum") && of("sum") < of("mean") * 5.1, "{latency}");
    }
}

#[test]
fn a_report_is_text_for_people() {
    let client = full();
    let text = settled(&client).to_string();
    for part in [
        "search (rewrite), running: 2 of 4 answers differ (50.0 %)",
        "1 failed",
        "1 of the answers differ only in what is ignored",
        "dropped 1: 1 capture",
        "/total",
        "1  panic: as it should",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.lines().count() <= 24 && text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let other = client.shadow_report("other").to_string();
    assert_eq!(other, "other, off: no sample yet\n");
}

#[test]
fn what_waits_and_runs_is_told_too() {
    let client = client(&with(&block(json!({ "limits": { "in_flight": 1 } }))));
    let (launch, barrier) = (client.launch("search"), Barrier::default());
    for _ in 0..5 {
        let barrier = barrier.clone();
        call(&launch, 1, move |input| {
            barrier.wait();
            twice(input)
        });
    }
    wait_until("one in flight", || client.shadow_report("search").in_flight == 1);
    let report = client.shadow_report("search");
    assert_eq!((report.samples, report.waiting, report.in_flight), (0, 4, 1));
    barrier.open();
    let report = settled(&client);
    assert_eq!((report.matched, report.waiting), (5, 0));
    wait_until("none in flight", || client.shadow_report("search").in_flight == 0);
}

#[test]
fn all_launches_of_a_client_are_told_by_name() {
    let block = block(json!({}));
    let flag = json!({ "variants": { "on": true }, "shadow": block });
    let client = client(&json!({ "flags": { "b": flag, "a": flag, "c": flag } }).to_string());
    assert_eq!(client.shadow_reports(), []);
    for key in ["b", "a"] {
        assert_eq!(client.shadow(key, "user-1").capture(|| 1).run(|| 1, |input| input), 1);
        assert!(client.launch(key).settle(LONG));
    }
    let reports = client.shadow_reports();
    let told: Vec<(&str, u64)> = reports.iter().map(|report| (&*report.flag, report.matched)).collect();
    assert_eq!(told, [("a", 1), ("b", 1)]);
}

/// A name and its labels.
type Name = (String, BTreeMap<String, String>);

/// The lines of the text format that hold numbers.
type Series = BTreeMap<Name, f64>;

/// Reads the text format of Prometheus, version 0.0.4; complains of all that is not it.
fn parse(body: &str) -> Series {
    assert!(body.is_empty() || body.ends_with('\n'), "the last line ends too");
    let (mut series, mut typed, mut current) =
        (Series::new(), BTreeSet::new(), (String::new(), String::new()));
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name, true) && !help.is_empty(), "{line}");
            current = (name.to_owned(), String::new());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current.0, "a type follows its help");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(typed.insert(name.to_owned()), "{name} comes twice");
            kind.clone_into(&mut current.1);
        } else {
            let (name, labels, value) = sample(line);
            let suffix =
                name.strip_prefix(&current.0).unwrap_or_else(|| panic!("not of {current:?}: {line}"));
            let suffixes: &[&str] =
                if current.1 == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&suffix), "{line}");
            assert_eq!(labels.contains_key("le"), suffix == "_bucket", "{line}");
            assert!(series.insert((name, labels), value).is_none(), "comes twice: {line}");
        }
    }
    check_histograms(&series);
    series
}

fn is_name(name: &str, may_have_colons: bool) -> bool {
    let is_letter =
        |letter: char| letter.is_ascii_alphabetic() || letter == '_' || (may_have_colons && letter == ':');
    name.starts_with(is_letter) && name.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (name, rest) = line.split_once('{').unwrap_or_else(|| panic!("no labels: {line}"));
    assert!(is_name(name, true), "{line}");
    let (mut labels, mut rest) = (BTreeMap::new(), rest);
    let value = loop {
        let (label, quoted) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        assert!(is_name(label, false), "{line}");
        let (mut text, mut letters) = (String::new(), quoted.char_indices());
        let end = loop {
            match letters.next().unwrap_or_else(|| panic!("no end of a label: {line}")) {
                (at, '"') => break at,
                (_, '\\') => text.push(match letters.next().unwrap().1 {
                    'n' => '\n',
                    letter @ ('\\' | '"') => letter,
                    other => panic!("`\\{other}` in {line}"),
                }),
                (_, letter) => text.push(letter),
            }
        };
        assert!(labels.insert(label.to_owned(), text).is_none(), "{line}");
        rest = &quoted[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break rest.strip_prefix("} ").unwrap_or_else(|| panic!("no value: {line}")),
        }
    };
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
}

fn check_histograms(series: &Series) {
    let mut buckets: BTreeMap<Name, Vec<(f64, f64)>> = BTreeMap::new();
    for ((name, labels), count) in series {
        if let (Some(base), Some(bound)) = (name.strip_suffix("_bucket"), labels.get("le")) {
            let mut others = labels.clone();
            others.remove("le");
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
            buckets.entry((base.to_owned(), others)).or_default().push((bound, *count));
        }
    }
    assert!(!buckets.is_empty() || series.is_empty());
    for ((base, labels), mut buckets) in buckets {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{base} {labels:?}: {buckets:?}");
        let (last, count) = *buckets.last().unwrap();
        assert_eq!((last, count), (f64::INFINITY, series[&(format!("{base}_count"), labels.clone())]));
        assert!(series[&(format!("{base}_sum"), labels)] >= 0.0);
    }
}

#[test]
fn metrics_are_the_text_format_and_say_what_the_report_says() {
    let client = full();
    let report = settled(&client);
    // The three lines that an embedder needs.
    let reports = client.shadow_reports();
    let body = prometheus(&reports);
    let series = parse(&body);
    let of = |name: &str, labels: &[(&str, &str)]| {
        let flag = ("feature_flag_key", "search");
        let labels =
            labels.iter().chain([&flag]).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        series.get(&(name.to_owned(), labels.collect())).copied()
    };
    for (outcome, count) in [
        ("match", report.matched),
        ("mismatch", report.mismatched),
        ("ignored", report.ignored),
        ("error", report.errors),
        ("timeout", report.timeouts),
    ] {
        assert_eq!(
            of("flagd_shadow_samples_total", &[("outcome", outcome)]),
            Some(count as f64),
            "{outcome}"
        );
    }
    assert_eq!(of("flagd_shadow_dropped_total", &[("reason", "capture")]), Some(1.0));
    assert_eq!(of("flagd_shadow_dropped_total", &[("reason", "rate")]), None, "only what occurred");
    assert_eq!(of("flagd_shadow_duration_seconds_count", &[("side", "candidate")]), Some(5.0));
    let sum = of("flagd_shadow_duration_seconds_sum", &[("side", "control")]).unwrap();
    assert!((sum - report.control.sum.as_secs_f64()).abs() < 1e-9);
    assert_eq!(of("flagd_shadow_differing_fields", &[]), Some(1.0));
    assert_eq!(of("flagd_shadow_stored_bytes", &[]), Some(report.stored_bytes as f64));
    let told: BTreeSet<&str> =
        body.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert_eq!(told, METRICS.iter().map(|metric| metric.text_name).collect());
}

#[test]
fn metrics_stay_valid_whatever_flags_are_called() {
    let flag = json!({ "variants": { "on": true }, "shadow": block(json!({})) });
    let keys =
        ["a\"b", "a\\b", "a\\", "a\nb", "\\n", "{a=\"b\"}", "größe ☃", " ", "a,b=\"c\"} 7\n# TYPE x counter"];
    let flags: BTreeMap<&str, &Value> = keys.iter().map(|key| (*key, &flag)).collect();
    let client = client(&json!({ "flags": flags }).to_string());
    for key in keys {
        assert_eq!(client.shadow(key, "user-1").capture(|| 1).run(|| 1, |input| input), 1);
        assert!(client.launch(key).settle(LONG));
    }
    for report in client.shadow_reports() {
        let text = report.to_string();
        assert!(
            text.lines().count() <= 24
                && !text.contains(|letter: char| letter.is_control() && letter != '\n')
        );
        assert_eq!(text.lines().next().unwrap().matches("no difference in 1 answer").count(), 1, "{text}");
    }
    let series = parse(&prometheus(&client.shadow_reports()));
    let named: BTreeSet<&str> = series.keys().map(|(_, labels)| &*labels["feature_flag_key"]).collect();
    assert_eq!(named, keys.into_iter().collect());
    for key in keys {
        let labels = [("feature_flag_key", key), ("outcome", "match")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(series[&("flagd_shadow_samples_total".to_owned(), labels)], 1.0, "{key}");
    }
}

#[test]
fn metrics_of_nothing_are_valid_too() {
    assert_eq!(parse(&prometheus(&[])), Series::new());
    let client = client(&file(json!({})));
    assert_eq!(parse(&prometheus(&client.shadow_reports())), Series::new());
    client.launch("search");
    let series = parse(&prometheus(&client.shadow_reports()));
    let counts = series.iter().filter(|((name, _), _)| name != "flagd_shadow_state");
    assert!(series.len() > 20 && counts.into_iter().all(|(_, value)| *value == 0.0), "{series:?}");
}

#[test]
fn durations_fall_into_their_buckets() {
    let client = client(&with(&block(json!({}))));
    let call = client.shadow("search", "user-1").capture(|| ());
    call.run(|| (), |()| std::thread::sleep(Duration::from_millis(30)));
    settled(&client);
    let series = parse(&prometheus(&client.shadow_reports()));
    let up_to = |bound: &str| {
        let labels = [("feature_flag_key", "search"), ("side", "candidate"), ("le", bound)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        series[&("flagd_shadow_duration_seconds_bucket".to_owned(), labels)]
    };
    assert_eq!((up_to("0.025"), up_to("+Inf")), (0.0, 1.0));
}
