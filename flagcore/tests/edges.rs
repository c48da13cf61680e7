//! Numbers and texts at the edges of what they can be, through the public face.

use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::Format;
use flagcore::{Client, ErrorCode, EvaluationContext, Snapshot, Value, parse};

fn file(value: &str) -> String {
    format!(r#"{{"flags":{{"f":{{"state":"ENABLED","variants":{{"v":{value}}},"defaultVariant":"v"}}}}}}"#)
}

fn snapshot(text: &str) -> std::sync::Arc<Snapshot> {
    Client::from_json(text).unwrap().snapshot()
}

/// What the reference would write for a flag with this value.
fn exported(value: &str) -> String {
    let mut report = Report::new("edge".into(), Mode::Lenient);
    let text = file(value);
    let limits = Limits::default();
    let set = parse::flag_set("edge".into(), text.as_bytes(), Format::Json, &limits, &mut report).unwrap();
    let written = set.to_json().unwrap();
    let start = written.find(r#"{"v":"#).unwrap() + 5;
    let value = &written[start..written.rfind("}}}}").unwrap()];
    // What is written is read again as the same.
    let again =
        parse::flag_set("edge".into(), written.as_bytes(), Format::Json, &limits, &mut report).unwrap();
    assert_eq!(again.to_json().unwrap(), written);
    value.to_owned()
}

#[test]
fn numbers_are_given_as_integers_and_floats_and_written_as_the_reference_does() {
    // As written, as an integer, as a float, as exported.
    let cases: &[(&str, i64, f64, &str)] = &[
        ("0", 0, 0.0, "0"),
        ("-0", 0, -0.0, "-0"),
        ("-0.0", 0, -0.0, "-0"),
        ("3.9", 3, 3.9, "3.9"),
        ("-3.9", -3, -3.9, "-3.9"),
        ("0.1", 0, 0.1, "0.1"),
        ("1.0", 1, 1.0, "1"),
        ("1e2", 100, 100.0, "100"),
        ("9007199254740991", 9_007_199_254_740_991, 9_007_199_254_740_991.0, "9007199254740991"),
        ("9007199254740992", 9_007_199_254_740_992, 9_007_199_254_740_992.0, "9007199254740992"),
        ("9007199254740993", 9_007_199_254_740_992, 9_007_199_254_740_992.0, "9007199254740992"),
        ("-9007199254740993", -9_007_199_254_740_992, -9_007_199_254_740_992.0, "-9007199254740992"),
        ("9223372036854775807", i64::MAX, 9_223_372_036_854_775_808.0, "9223372036854776000"),
        ("9223372036854775808", i64::MAX, 9_223_372_036_854_775_808.0, "9223372036854776000"),
        ("-9223372036854775808", i64::MIN, -9_223_372_036_854_775_808.0, "-9223372036854776000"),
        ("-9223372036854775809", i64::MIN, -9_223_372_036_854_775_808.0, "-9223372036854776000"),
        ("1e20", i64::MAX, 1e20, "100000000000000000000"),
        ("1e21", i64::MAX, 1e21, "1e+21"),
        ("-1e300", i64::MIN, -1e300, "-1e+300"),
        ("1.7976931348623157e308", i64::MAX, f64::MAX, "1.7976931348623157e+308"),
        ("1e-6", 0, 1e-6, "0.000001"),
        ("1e-7", 0, 1e-7, "1e-7"),
        ("2.2250738585072014e-308", 0, f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        ("5e-324", 0, 5e-324, "5e-324"),
        ("1e-400", 0, 0.0, "0"),
        (
            "123456789012345678901234567890",
            i64::MAX,
            123_456_789_012_345_678_901_234_567_890.0,
            "1.2345678901234568e+29",
        ),
    ];
    for (written, integer, float, text) in cases {
        let snapshot = snapshot(&file(written));
        assert_eq!(snapshot.integer_detail("f", "user", 7).value(), *integer, "{written} as an integer");
        let given = snapshot.float_detail("f", "user", 7.0).value();
        assert_eq!(given.to_bits(), float.to_bits(), "{written} as a float: {given}");
        assert_eq!(snapshot.bool_detail("f", "user", true).error_code(), Some(ErrorCode::TypeMismatch));
        assert_eq!(exported(written), *text, "{written} as exported");
    }
}

#[test]
fn texts_are_written_as_the_reference_does() {
    for (written, text) in [
        (r#""""#, r#""""#),
        (r#""a\u0000b""#, r#""a\u0000b""#),
        (r#""\b\f\n\r\t""#, r#""\b\f\n\r\t""#),
        (r#""<&>""#, r#""\u003c\u0026\u003e""#),
        (r#""\u2028\u2029""#, r#""\u2028\u2029""#),
        (r#""\/""#, r#""/""#),
        (r#""\ud83d\ude80""#, "\"\u{1f680}\""),
        (r#""\ud800""#, "\"\u{fffd}\""),
        ("\"\u{7f}\u{85}\"", "\"\u{7f}\u{85}\""),
        (r#"{"b":1,"a":[true,null]}"#, r#"{"a":[true,null],"b":1}"#),
    ] {
        assert_eq!(exported(written), text, "{written}");
    }
}

#[test]
fn keys_are_compared_byte_for_byte() {
    let longest = "k".repeat(1_024);
    let keys = [
        "a",
        "A",
        " a",
        "a ",
        "a/b",
        "a.b",
        "\u{e9}",
        "e\u{301}",
        "\u{1f680}",
        "__proto__",
        "$flagd",
        &longest,
    ];
    let flags: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| {
            let key = serde_json::to_string(key).unwrap();
            format!(r#"{key}:{{"state":"ENABLED","variants":{{"v":{at}}},"defaultVariant":"v"}}"#)
        })
        .collect();
    let snapshot = snapshot(&format!(r#"{{"flags":{{{}}}}}"#, flags.join(",")));
    assert_eq!(snapshot.len(), keys.len());
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(snapshot.integer_detail(*key, "user", -1).value(), at as i64, "{key:?}");
    }
    for key in ["", "b", "a\0", "á", "E\u{301}", "a/B", &longest[1..], &format!("{longest}k")] {
        let detail = snapshot.integer_detail(key, "user", -1);
        assert_eq!((detail.value(), detail.error_code()), (-1, Some(ErrorCode::FlagNotFound)), "{key:?}");
    }
}

#[test]
fn a_flag_without_a_name_is_left_out_and_the_others_are_not() {
    let text = r#"{"flags":{"":{"variants":{"on":true},"defaultVariant":"on"},"a":{"variants":{"on":true},"defaultVariant":"on"}}}"#;
    let client = Client::from_json(text).unwrap();
    assert!(!client.is_enabled("", "user"));
    assert!(client.is_enabled("a", "user"));
    assert_eq!(client.status()[0].served.as_ref().unwrap().findings.diagnostics[0].code(), "empty-key");
}

#[test]
fn a_targeting_key_may_be_anything_and_is_told_apart() {
    let text = r#"{"flags":{"f":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"targetingKey"},"u"]},"on"]}}}}"#;
    let snapshot = snapshot(text);
    let is_on = |context: &EvaluationContext<'_>| snapshot.bool_detail("f", context, false).value();
    for (key, expected) in [
        (Value::from("u"), true),
        (Value::from("U"), false),
        (Value::from("u "), false),
        (Value::from(""), false),
        (Value::Null, false),
        (Value::from(5), false),
        (Value::from(true), false),
        (Value::list(["u"]), false),
        (Value::structure([("u", "u")]), false),
        (Value::from("u\u{301}"), false),
        (Value::from("x".repeat(1 << 20)), false),
    ] {
        let shown = key.to_string();
        let context = EvaluationContext::empty().with("targetingKey", key);
        assert_eq!(is_on(&context), expected, "{}", &shown[..shown.len().min(40)]);
    }
}

#[test]
fn answers_that_may_be_others_a_moment_later_say_so() {
    let flag = |rule: &str| {
        format!(
            r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off",
                "targeting": {rule}}}}}}}"#
        )
    };
    let deep = format!(
        r#"{{"if": [{}{{"var": "$flagd.timestamp"}}{}, "on", "off"]}}"#,
        r#"{"!": ["#.repeat(40),
        "]}".repeat(40)
    );
    for (rule, plan, passing) in [
        (r#"{"if": [{">": [{"var": "$flagd.timestamp"}, 9]}, "on", "off"]}"#, "pro", true),
        (r#"{"if": [{"==": [{"var": ["$flagd.timestamp", 1]}, 9]}, "on", "off"]}"#, "pro", true),
        (r#"{"if": [{"==": [{"var": "$flagd"}, null]}, "on", "off"]}"#, "pro", true),
        (r#"{"if": [{"in": ["9", {"cat": [{"var": ""}]}]}, "on", "off"]}"#, "pro", true),
        (deep.as_str(), "pro", true),
        // Asked for the time only where the plan is another one.
        (
            r#"{"if": [{"==": [{"var": "plan"}, "pro"]}, "on", {"cat": ["o", {"var": "$flagd.timestamp"}]}]}"#,
            "pro",
            false,
        ),
        (
            r#"{"if": [{"==": [{"var": "plan"}, "pro"]}, "on", {"cat": ["o", {"var": "$flagd.timestamp"}]}]}"#,
            "free",
            true,
        ),
        (r#"{"if": [{"==": [{"var": "$flagd.flagKey"}, "a"]}, "on", "off"]}"#, "pro", false),
        (r#"{"fractional": [["on", 1], ["off", 1]]}"#, "pro", false),
        (r#"{"%": [1, {"*": ["x", 1]}]}"#, "pro", false),
        ("{}", "pro", false),
    ] {
        let client = Client::from_json(&flag(rule)).unwrap();
        let user = EvaluationContext::new("user-1").with("plan", plan);
        assert_eq!(client.bool_detail("a", &user, false).is_passing(), passing, "{rule}, {plan}");
    }
}
