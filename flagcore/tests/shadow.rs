//! The `shadow` block of a flag file: what it says, what is wrong with it, and what it never touches.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flagcore::change::{FlagChange, Update};
use flagcore::diagnostic::Mode;
use flagcore::model::Format;
use flagcore::shadow::compare::Rules;
use flagcore::shadow::report::StoreLimits;
use flagcore::shadow::{
    ComparePolicy, ErrorCompare, SampleBy, ShadowBreaker, ShadowLimits, ShadowPolicy, StorePolicy,
};
use flagcore::{Client, Error, EvaluationContext, Snapshot, Value};
use proptest::prelude::*;

/// A file with one flag, `search`, and more words for it.
fn file(words: &str) -> String {
    format!(
        r#"{{"$evaluators": {{"staff": {{"ends_with": [{{"var": "email"}}, "@acme.com"]}}}}, "flags": {{"search": {{
            "state": "ENABLED", "variants": {{"old": "o", "new": "n"}}, "defaultVariant": "old"{words}}}}}}}"#
    )
}

fn with_block(block: &str) -> String {
    file(&format!(r#", "shadow": {block}"#))
}

fn client(text: &str, format: Format, mode: Mode) -> Result<Client, Error> {
    Client::builder().bytes("flags", text.to_owned(), format).mode(mode).watch(false).build()
}

fn served(text: &str) -> Arc<Snapshot> {
    client(text, Format::Json, Mode::Lenient).unwrap().snapshot()
}

/// The policy of a block, which JSON and YAML, lenient and strict agree about.
fn policy(block: &str) -> Option<ShadowPolicy> {
    let text = with_block(block);
    let lenient = [Format::Json, Format::Yaml].map(|format| {
        let snapshot = client(&text, format, Mode::Lenient).unwrap().snapshot();
        assert_eq!(snapshot.evaluate_all("user").next().unwrap().1.value().as_str(), Some("o"), "{block}");
        snapshot.shadow_policy("search").cloned()
    });
    assert_eq!(lenient[0], lenient[1], "{block}");
    for format in [Format::Json, Format::Yaml] {
        let strict = client(&text, format, Mode::Strict);
        assert_eq!(strict.is_ok(), lenient[0].is_some(), "{block}: {:?}", strict.err());
    }
    lenient.into_iter().next().unwrap()
}

#[test]
fn a_policy_says_how_answers_are_compared_and_what_is_kept() {
    let policy = policy(
        r#"{"sample": 1, "compare": {"ignore": ["/took_ms"], "float": 0.01, "unordered": ["/tags"]},
            "store": {"per_field": 3, "max": "1MiB", "redact": ["/user"]}}"#,
    );
    let policy = policy.unwrap();
    let rules = Rules::of(&policy.compare, &policy.store).unwrap();
    let control = br#"{"took_ms": 1, "score": 1.0, "tags": ["a", "b"], "user": "jane", "hits": 3}"#;
    let same = br#"{"took_ms": 9, "score": 1.005, "tags": ["b", "a"], "user": "jane", "hits": 3}"#;
    let other = br#"{"took_ms": 9, "score": 1.02, "tags": ["b", "c"], "user": "joe", "hits": 3}"#;
    assert!(rules.compare_json(control, same).unwrap().is_match());
    let found = rules.compare_json(control, other).unwrap();
    let places: Vec<String> = found.list().iter().map(|one| one.pointer.to_string()).collect();
    assert_eq!(places, ["/score", "/tags/*", "/user"]);
    assert!(!format!("{found:?}").contains("joe"));
    let limits = StoreLimits { per_field: 3, bytes: 1 << 20, error_texts: false };
    assert_eq!(StoreLimits::from(&policy.store), limits);
    assert!(StoreLimits::from(&StorePolicy::default()).error_texts);
    let broken = ComparePolicy { ignore: vec!["no pointer".into()], ..ComparePolicy::default() };
    assert!(Rules::of(&broken, &policy.store).is_err());
}

#[test]
fn what_is_left_out_has_its_safe_default() {
    let defaults = ShadowPolicy { id: "search".into(), sample: 0.05, ..ShadowPolicy::default() };
    assert_eq!(policy(r#"{"sample": "5%"}"#), Some(defaults));
    let ShadowPolicy { sample, by, amplify, limits, breaker, compare, store, .. } = ShadowPolicy::default();
    assert_eq!((sample, by, amplify), (0.0, SampleBy::Request, 1.0));
    let ms = Duration::from_millis;
    let wanted = ShadowLimits { in_flight: 64, rate: 500.0, queue: 4_096, timeout: ms(250), body: 65_536 };
    assert_eq!(limits, wanted);
    let (over, half_open) = (ms(10_000), ms(5_000));
    let wanted = ShadowBreaker { failures: 0.5, over, min: 20, half_open, primary_p99: Some(1.1) };
    assert_eq!(breaker, wanted);
    let none = Vec::new;
    let wanted = ComparePolicy { ignore: none(), float: 0.0, unordered: none(), errors: ErrorCompare::Class };
    assert_eq!(compare, wanted);
    assert_eq!(store, StorePolicy { per_field: 20, max: 67_108_864, redact: none() });
}

#[test]
fn every_word_is_read() {
    let read = policy(
        r#"{"id": "rewrite", "sample": 0.5, "by": "user", "amplify": "x2", "when": true,
            "limits": {"in_flight": 8, "rate": "2.5/s", "queue": 16, "timeout": "1.5s", "body": 1000},
            "breaker": {"failures": "20%", "over": "1m", "min": 5, "half_open": "100ms", "primary_p99": "x1.5"},
            "compare": {"ignore": ["/a", "/b/*/~0~1"], "float": 1e-6, "unordered": ["/c"], "errors": "text"},
            "store": {"per_field": 5, "max": "1MiB", "redact": ["/user/email"]}}"#,
    );
    let expected = ShadowPolicy {
        id: "rewrite".into(),
        sample: 0.5,
        by: SampleBy::User,
        amplify: 2.0,
        limits: ShadowLimits {
            in_flight: 8,
            rate: 2.5,
            queue: 16,
            timeout: Duration::from_millis(1_500),
            body: 1_000,
        },
        breaker: ShadowBreaker {
            failures: 0.2,
            over: Duration::from_secs(60),
            min: 5,
            half_open: Duration::from_millis(100),
            primary_p99: Some(1.5),
        },
        compare: ComparePolicy {
            ignore: vec!["/a".into(), "/b/*/~0~1".into()],
            float: 1e-6,
            unordered: vec!["/c".into()],
            errors: ErrorCompare::Text,
        },
        store: StorePolicy { per_field: 5, max: 1 << 20, redact: vec!["/user/email".into()] },
    };
    assert_eq!(read, Some(expected));
    let off = policy(r#"{"sample": 1, "breaker": {"primary_p99": "off"}}"#).unwrap();
    assert_eq!(off.breaker.primary_p99, None);
}

#[test]
fn nothing_is_taken_beyond_its_bounds() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("$", &["0", "1", "\"0%\"", "\"100%\""], &["-0.001", "1.001", "\"100.1%\"", "\"-1%\"", "true", "[]"]),
        ("amplify", &["0", "100", "\"x100\""], &["-0.1", "100.1", "\"x101\"", "\"2\""]),
        ("id", &["\"a\""], &["\"\"", "7", "null"]),
        ("by", &["\"user\"", "\"request\""], &["\"User\"", "\"\"", "null"]),
        ("limits.in_flight", &["1", "1024"], &["0", "1025", "1.5", "-1", "\"64\"", "null"]),
        ("limits.rate", &["\"0.01/s\"", "\"100000/s\""], &["\"0/s\"", "\"100001/s\"", "500", "\"500\""]),
        ("limits.queue", &["1", "65536"], &["0", "65537", "null"]),
        ("limits.timeout", &["\"1ms\"", "\"1m\""], &["\"0ms\"", "\"61s\"", "250", "\"0.9ms\"", "null"]),
        ("limits.body", &["1", "\"16MiB\""], &["0", "16777217", "\"17MiB\"", "\"64KB\""]),
        ("breaker.failures", &["0.01", "\"100%\""], &["0", "\"0.9%\"", "\"101%\""]),
        ("breaker.over", &["\"1s\"", "\"10m\""], &["\"999ms\"", "\"601s\""]),
        ("breaker.min", &["1", "10000"], &["0", "10001"]),
        ("breaker.half_open", &["\"100ms\"", "\"10m\""], &["\"99ms\"", "\"601s\""]),
        ("breaker.primary_p99", &["1.01", "10", "\"off\""], &["1", "10.1", "false", "null", "\"on\""]),
        ("compare.float", &["0", "1", "1e-9"], &["-0.1", "1.1", "\"0\""]),
        ("compare.errors", &["\"class\"", "\"ignore\""], &["\"none\"", "null"]),
        ("compare.ignore", &["[]", "[\"/\"]"], &["\"/a\"", "[\"\"]", "[\"a\"]", "[\"/~2\"]", "[7]", "null"]),
        ("compare.unordered", &["[\"/a/*\"]", "[\"\"]"], &["{}", "[\"/a~\"]"]),
        ("store.per_field", &["0", "100"], &["-1", "101"]),
        ("store.max", &["\"1KiB\"", "\"1GiB\""], &["\"1023B\"", "\"1025MiB\""]),
        ("store.redact", &["[\"/a\"]"], &["[\"*\"]"]),
        ("when", &["true", "{\"var\": \"a\"}"], &["1", "\"staff\"", "[]", "null", "{}"]),
        (
            "limits",
            &["{}"],
            &["[]", "null", "{\"timeout_ms\": 1}", "{\"Rate\": \"1/s\"}", "{\"$ref\": \"staff\"}"],
        ),
    ];
    for (word, good, wrong) in cases {
        let block = |value: &str| match word.split_once('.') {
            Some((group, word)) => format!(r#"{{"sample": 1, "{group}": {{"{word}": {value}}}}}"#),
            None if *word == "$" => format!(r#"{{"sample": {value}}}"#),
            None => format!(r#"{{"sample": 1, "{word}": {value}}}"#),
        };
        for value in *good {
            assert!(policy(&block(value)).is_some(), "{word}: {value}");
        }
        for value in *wrong {
            assert_eq!(policy(&block(value)), None, "{word}: {value}");
        }
    }
    for block in
        ["null", "true", "7", "\"5%\"", "[]", "{}", r#"{"Sample": 1}"#, r#"{"sample": 1, "target": {}}"#]
    {
        assert_eq!(policy(block), None, "{block}");
    }
}

#[test]
fn long_lists_and_texts_have_bounds() {
    let ignore = |count: usize, bytes: usize| {
        let pointer = format!("\"/{}\"", "a".repeat(bytes - 1));
        format!(r#"{{"sample": 1, "compare": {{"ignore": [{}]}}}}"#, vec![pointer; count].join(","))
    };
    assert_eq!(policy(&ignore(256, 4)).unwrap().compare.ignore.len(), ComparePolicy::POINTERS);
    assert_eq!(policy(&ignore(257, 4)), None);
    assert!(policy(&ignore(1, ComparePolicy::POINTER_BYTES)).is_some());
    assert_eq!(policy(&ignore(1, ComparePolicy::POINTER_BYTES + 1)), None);
    let id = |bytes: usize| format!(r#"{{"sample": 1, "id": "{}"}}"#, "a".repeat(bytes));
    assert!(policy(&id(ShadowPolicy::ID_BYTES)).is_some());
    assert_eq!(policy(&id(ShadowPolicy::ID_BYTES + 1)), None);
}

#[test]
fn a_mistake_in_the_array_form_is_told_at_its_place() {
    let text = r#"{"flags": [{"key": "a", "variants": {"on": true},
        "shadow": {"sample": 1, "when": {"equals": []}, "limits": {"queue": 0}}}]}"#;
    let client = client(text, Format::Json, Mode::Lenient).unwrap();
    let findings = client.status().remove(0).served.unwrap().findings;
    let told: Vec<_> = findings.diagnostics.iter().map(|it| (it.code(), it.pointer.as_str())).collect();
    let expected =
        [("shadow-when", "/flags/0/shadow/when/equals"), ("shadow-value", "/flags/0/shadow/limits/queue")];
    assert_eq!(told, expected);
    assert_eq!(client.snapshot().shadow_policy("a"), None);
}

#[test]
fn when_is_any_rule_and_nothing_but_true_admits() {
    let pro = EvaluationContext::new("user-1").with("plan", "pro").with("email", "ann@acme.com");
    let check = |when: &str, expected: bool| {
        let snapshot = served(&with_block(&format!(r#"{{"sample": 1, "when": {when}}}"#)));
        assert!(snapshot.shadow_policy("search").is_some(), "{when}");
        assert_eq!(snapshot.shadow_admits("search", &pro), expected, "{when}");
    };
    check("true", true);
    check("false", false);
    check(r#"{"==": [{"var": "plan"}, "pro"]}"#, true);
    check(r#"{"==": [{"var": "plan"}, "free"]}"#, false);
    check(r#"{"var": "plan"}"#, true);
    check(r#"{"var": "nothing"}"#, false);
    check(r#"{"$ref": "staff"}"#, true);
    check(r#"{"!": {"$ref": "staff"}}"#, false);
    check(r#"{"and": [{"$ref": "staff"}, {"in": [{"var": "plan"}, ["pro", "team"]]}]}"#, true);
    check(r#"{"if": [{"$ref": "staff"}, true, false]}"#, true);
    check(r#"{"==": [{"var": "$flagd.flagKey"}, "search"]}"#, true);
    check(r#"{">": [{"var": "$flagd.timestamp"}, 0]}"#, true);
    check(r#"{"in": [{"var": "targetingKey"}, ["user-1"]]}"#, true);
    // Names of variants mean nothing here, and a value that is not one is no mistake.
    check(r#"{"if": [{"$ref": "staff"}, "no variant", null]}"#, true);
    // Without a rule everybody is admitted, and nobody where there is no dark launch.
    assert!(served(&with_block(r#"{"sample": 1}"#)).shadow_admits("search", "anyone"));
    let plain = served(&file(""));
    assert!(!plain.shadow_admits("search", &pro) && !plain.shadow_admits("missing", &pro));
}

#[test]
fn a_condition_that_cannot_be_told_is_not_true() {
    let admits = |when: &str, context: &EvaluationContext<'_>| {
        let snapshot = served(&with_block(&format!(r#"{{"sample": 1, "when": {when}}}"#)));
        snapshot.shadow_admits("search", context)
    };
    let numbers = |count: u32| {
        EvaluationContext::new("user").with("n", Value::list((0..count).map(|it| Value::Number(it.into()))))
    };
    let all = r#"{"all": [{"var": "n"}, {">": [{"var": ""}, -1]}]}"#;
    assert!(admits(all, &numbers(100)));
    // More than one evaluation may do.
    assert!(!admits(all, &numbers(200_000)));
    assert!(!admits(&format!(r#"{{"!": {all}}}"#), &numbers(200_000)));
    // An error when reached.
    let fails = r#"{"or": [{"in": [{"var": "n"}, {"var": "text"}]}, true]}"#;
    assert!(admits(fails, &EvaluationContext::new("user").with("n", "1").with("text", "2")));
    assert!(!admits(fails, &EvaluationContext::new("user").with("n", 1).with("text", "2")));
}

#[test]
fn a_condition_needs_no_stack_of_its_own() {
    let nested = |levels: usize| {
        let mut rule = r#"{"var": "a"}"#.to_owned();
        (0..levels).for_each(|_| rule = format!(r#"{{"and": [{rule}, true]}}"#));
        policy(&format!(r#"{{"sample": 1, "when": {rule}}}"#))
    };
    assert!(nested(20).is_some());
    assert_eq!(nested(60), None);
}

#[test]
fn a_condition_with_a_mistake_turns_the_dark_launch_off() {
    for when in [
        r#"{"equals": [{"var": "plan"}, "pro"]}"#,
        r#"{"$ref": "nobody"}"#,
        r#"{"sem_ver": [{"var": "v"}, "=>", "1.0.0"]}"#,
        r#"{"==": [{"var": "plan"}, "pro"], "!=": []}"#,
    ] {
        assert_eq!(policy(&format!(r#"{{"sample": 1, "when": {when}}}"#)), None, "{when}");
    }
}

#[test]
fn a_word_that_is_given_twice_turns_the_dark_launch_off() {
    for words in [
        r#", "shadow": {"sample": 1, "sample": 0.5}"#,
        r#", "shadow": {"sample": 1, "limits": {"queue": 1, "queue": 2}}"#,
        r#", "shadow": {"sample": 1}, "shadow": {"sample": 0.5}"#,
    ] {
        let client = client(&file(words), Format::Json, Mode::Lenient).unwrap();
        assert_eq!(client.snapshot().shadow_policy("search"), None, "{words}");
        let findings = client.status().remove(0).served.unwrap().findings;
        assert_eq!(findings.diagnostics.len(), 1, "{findings}");
    }
}

#[test]
fn a_flag_that_is_disabled_has_no_dark_launch() {
    let text = with_block(r#"{"sample": 1}"#).replace("ENABLED", "DISABLED");
    for mode in [Mode::Lenient, Mode::Strict] {
        let snapshot = client(&text, Format::Json, mode).unwrap().snapshot();
        assert_eq!(snapshot.shadow_policy("search"), None);
        assert!(!snapshot.shadow_admits("search", "user"));
    }
}

#[test]
fn a_switch_acts_at_the_next_call_and_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flags.json");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(&file(""));
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let told = told.clone();
        move |update: &Update| {
            if let Update::Changed(change) = update {
                let flags = change.flags().into_iter().map(|(key, change)| (key.to_owned(), change));
                told.lock().unwrap().push(flags.collect::<Vec<_>>());
            }
        }
    };
    let client = Client::builder().path(&path).watch(false).on_update(listener).build().unwrap();
    let handle = client.flag("search");
    let sample = || client.snapshot().shadow_policy(handle).map(|policy| policy.sample);
    told.lock().unwrap().clear();
    let updated = || vec![("search".to_owned(), FlagChange::Updated)];
    let steps = [
        (with_block(r#"{"sample": "5%"}"#), Some(0.05), updated()),
        (with_block(r#"{"sample": "50%"}"#), Some(0.5), updated()),
        // Only written otherwise.
        (with_block(r#"{"sample": 0.5}"#), Some(0.5), vec![]),
        (with_block(r#"{"sample": "half"}"#), None, updated()),
        (with_block(r#"{"sample": 0.5}"#), Some(0.5), updated()),
        (with_block(r#"{"sample": 0.5}"#).replace("ENABLED", "DISABLED"), None, updated()),
        (with_block(r#"{"sample": 0.5}"#), Some(0.5), updated()),
        (file(""), None, updated()),
        (with_block(r#"{"sample": 0.5}"#), Some(0.5), updated()),
        (
            file("").replace("search", "other"),
            None,
            vec![("other".to_owned(), FlagChange::Added), ("search".to_owned(), FlagChange::Removed)],
        ),
    ];
    for (text, expected, change) in steps {
        write(&text);
        client.refresh();
        assert_eq!(sample(), expected, "{text}");
        assert_eq!(told.lock().unwrap().drain(..).collect::<Vec<_>>(), [change], "{text}");
    }
}

#[test]
fn a_policy_stays_the_same_allocation_while_the_rule_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flags.json");
    std::fs::write(&path, with_block(r#"{"sample": 1}"#)).unwrap();
    let client = Client::builder().path(&path).watch(false).build().unwrap();
    let before = client.snapshot();
    std::fs::write(&path, with_block(r#"{"sample": 1}, "targeting": {"if": [{"$ref": "staff"}, "new"]}"#))
        .unwrap();
    client.refresh();
    let after = client.snapshot();
    assert!(after.revision() > before.revision());
    let [one, other] = [&before, &after].map(|snapshot| snapshot.shadow_policy("search").unwrap());
    assert!(std::ptr::eq(one, other));
}

#[test]
fn of_several_sources_the_flag_that_answers_decides() {
    let builder = Client::builder().watch(false);
    let low = with_block(r#"{"sample": 1}"#);
    let client = builder.bytes("low", low, Format::Json).bytes("high", file(""), Format::Json);
    assert_eq!(client.build().unwrap().snapshot().shadow_policy("search"), None);
}

#[test]
fn the_block_is_not_passed_on() {
    let targeting = r#", "targeting": {"if": [{"$ref": "staff"}, "new"]}"#;
    let plain = common::read(&file(targeting)).to_json().unwrap();
    for block in [r#"{"sample": 1, "when": {"$ref": "staff"}}"#, "[7]"] {
        let text = file(&format!(r#"{targeting}, "shadow": {block}"#));
        assert_eq!(common::read(&text).to_json().unwrap(), plain);
    }
}

fn some_policy() -> impl Strategy<Value = ShadowPolicy> {
    let pointers = || prop::collection::vec("(/([a-z*]|~0|~1){0,6}){1,3}".prop_map(Box::from), 0..4);
    let limits = (1u32..=1_024, 1u32..=10_000_000, 1u32..=65_536, 1u64..=60_000, 1u64..=16 << 20);
    let breaker = (1u32..=100, 1u64..=600, 1u32..=10_000, 100u64..=600_000, prop::option::of(101u32..=1_000));
    let errors = prop::sample::select(vec![ErrorCompare::Class, ErrorCompare::Text, ErrorCompare::Ignore]);
    let by = prop::sample::select(vec![SampleBy::Request, SampleBy::User]);
    let compare = (pointers(), 0u32..=1_000_000, pointers(), errors);
    let store = (0u32..=100, 1_024u64..=1 << 30, pointers());
    ("[a-z-]{1,20}", (0u32..=1_000, by, 0u32..=1_000), limits, breaker, compare, store).prop_map(
        |(id, (sample, by, amplify), limits, breaker, compare, store)| ShadowPolicy {
            id: id.into(),
            sample: f64::from(sample) / 1_000.0,
            by,
            amplify: f64::from(amplify) / 10.0,
            limits: ShadowLimits {
                in_flight: limits.0,
                rate: f64::from(limits.1) / 100.0,
                queue: limits.2,
                timeout: Duration::from_millis(limits.3),
                body: limits.4,
            },
            breaker: ShadowBreaker {
                failures: f64::from(breaker.0) / 100.0,
                over: Duration::from_secs(breaker.1),
                min: breaker.2,
                half_open: Duration::from_millis(breaker.3),
                primary_p99: breaker.4.map(|hundredths| f64::from(hundredths) / 100.0),
            },
            compare: ComparePolicy {
                ignore: compare.0,
                float: f64::from(compare.1) / 1e6,
                unordered: compare.2,
                errors: compare.3,
            },
            store: StorePolicy { per_field: store.0, max: store.1, redact: store.2 },
        },
    )
}

/// The block that asks for a policy.
fn written(policy: &ShadowPolicy) -> String {
    let ShadowPolicy { limits, breaker, compare, store, .. } = policy;
    let by = if policy.by == SampleBy::User { "user" } else { "request" };
    let errors = match compare.errors {
        ErrorCompare::Class => "class",
        ErrorCompare::Text => "text",
        ErrorCompare::Ignore => "ignore",
    };
    let p99 = breaker.primary_p99.map_or("\"off\"".to_owned(), |factor| factor.to_string());
    format!(
        r#"{{"id": "{}", "sample": {}, "by": "{by}", "amplify": "x{}",
            "limits": {{"in_flight": {}, "rate": "{}/s", "queue": {}, "timeout": "{}ms", "body": "{}B"}},
            "breaker": {{"failures": {}, "over": "{}s", "min": {}, "half_open": "{}ms", "primary_p99": {p99}}},
            "compare": {{"ignore": {:?}, "float": {}, "unordered": {:?}, "errors": "{errors}"}},
            "store": {{"per_field": {}, "max": {}, "redact": {:?}}}}}"#,
        policy.id,
        policy.sample,
        policy.amplify,
        limits.in_flight,
        limits.rate,
        limits.queue,
        limits.timeout.as_millis(),
        limits.body,
        breaker.failures,
        breaker.over.as_secs(),
        breaker.min,
        breaker.half_open.as_millis(),
        compare.ignore,
        compare.float,
        compare.unordered,
        store.per_field,
        store.max,
        store.redact,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_policy_within_its_bounds_is_read_as_it_is_written(wanted in some_policy()) {
        prop_assert_eq!(policy(&written(&wanted)), Some(wanted));
    }

    #[test]
    fn a_slip_of_the_fingers_never_launches_with_other_limits(at in 0usize..400, slip in "[0-9a-z%.\"]?") {
        // Whatever is read of a block with one character changed is within the bounds, and changes no answer.
        let block = r#"{"sample": "5%", "amplify": "x2.5", "limits": {"in_flight": 8, "rate": "200/s", "timeout": "100ms", "body": "64KiB"}}"#;
        let Some(c) = block.get(at..).and_then(|rest| rest.chars().next()) else { return Ok(()) };
        let edited = [&block[..at], &slip, &block[at + c.len_utf8()..]].concat();
        let Ok(client) = client(&with_block(&edited), Format::Json, Mode::Lenient) else { return Ok(()) };
        prop_assert_eq!(client.string("search", "user", "none").to_owned(), "o");
        if let Some(policy) = client.snapshot().shadow_policy("search") {
            prop_assert!(ShadowPolicy::SAMPLE.contains(&policy.sample));
            prop_assert!(ShadowPolicy::AMPLIFY.contains(&policy.amplify));
            prop_assert!(ShadowLimits::IN_FLIGHT.contains(&policy.limits.in_flight));
            prop_assert!(ShadowLimits::RATE.contains(&policy.limits.rate));
            prop_assert!(ShadowLimits::TIMEOUT.contains(&policy.limits.timeout));
            prop_assert!(ShadowLimits::BODY.contains(&policy.limits.body));
        }
    }
}

#[test]
fn a_state_that_is_none_launches_nothing() {
    for (state, is_launched) in [("ENABLED", true), ("DISABLED", false), ("OFF", false), ("disabled", false)]
    {
        let text = with_block(r#"{"sample": 1}"#).replace("ENABLED", state);
        let snapshot = served(&text);
        assert_eq!(snapshot.shadow_policy("search").is_some(), is_launched, "{state}");
        // The flag itself answers as the reference has it.
        let value = snapshot.evaluate_all("user").next().unwrap().1.value().as_str().map(str::to_owned);
        assert_eq!(value.is_some(), state != "DISABLED", "{state}");
    }
}
