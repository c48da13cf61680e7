//! What OFREP answers to every kind of request, good, bad and hostile.

mod common;

use std::io::Read;

use common::ofrep::{Connection, Served, encoded};
use serde_json::json;

const BULK: &str = "/ofrep/v1/evaluate/flags";

fn single(key: &str) -> String {
    format!("{BULK}/{key}")
}

/// A flag of each kind of answer; no flag set.
const FLAGS: &str = r#"{"flags": {
    "a/b": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
    "big": {"state": "ENABLED", "variants": {"huge": 1e21, "tiny": 1e-7, "one": 1.0, "past": 9007199254740993},
            "defaultVariant": "huge", "targeting": {"var": "pick"}},
    "broken": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on",
               "targeting": {"nothing": 1}, "metadata": {"owner": "me"}},
    "code": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": null, "metadata": {"b": 1, "a": "<x>"}},
    "echo": {"state": "ENABLED", "variants": {"yes": "<b>&</b>", "no": "no"}, "defaultVariant": "no",
             "targeting": {"if": [{"==": [{"var": "a"}, "2"]}, "yes", null]}},
    "false": {"state": "ENABLED", "variants": {"off": false}, "defaultVariant": "off"},
    "list": {"state": "ENABLED", "variants": {"l": [1, "two", {"three": 3}]}, "defaultVariant": "l"},
    "mixed": {"state": "ENABLED", "variants": {"text": "t", "number": 1}, "defaultVariant": "text",
              "targeting": "number"},
    "nameless": {"state": "ENABLED", "variants": {"": "empty", "x": "x"}, "defaultVariant": "x",
                 "targeting": {"if": [true, ""]}},
    "null": {"state": "ENABLED", "variants": {"n": null}, "defaultVariant": "n"},
    "object": {"state": "ENABLED", "variants": {"o": {"z": 0, "a": ""}}, "defaultVariant": "o"},
    "off": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
    "unknown": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": "other"},
    "zero": {"state": "ENABLED", "variants": {"z": 0}, "defaultVariant": "z"}
}}"#;

/// Two flag sets in a file each.
const SHOP: &str = r#"{"metadata": {"flagSetId": "shop", "team": "t"}, "flags": {
    "banner": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "metadata": {"a": 1}}}}"#;
const SITE: &str = r#"{"flags": {
    "banner": {"state": "ENABLED", "variants": {"off": false}, "defaultVariant": "off"},
    "logo": {"state": "ENABLED", "variants": {"red": "red"}, "defaultVariant": "red"}}}"#;

#[test]
fn single_evaluations_answer_byte_for_byte() {
    let served = Served::flags(FLAGS);
    let mut connection = served.connect();
    let general =
        r#""errorCode":"GENERAL","errorDetails":"error processing the flag for evaluation","metadata":{}"#;
    for (key, context, status, body) in [
        ("a%2Fb", "{}", 200, r#"{"value":true,"key":"a/b","reason":"STATIC","variant":"on","metadata":{}}"#.to_owned()),
        ("false", "{}", 200, r#"{"value":false,"key":"false","reason":"STATIC","variant":"off","metadata":{}}"#.to_owned()),
        ("zero", "{}", 200, r#"{"value":0,"key":"zero","reason":"STATIC","variant":"z","metadata":{}}"#.to_owned()),
        ("nameless", "{}", 200, r#"{"value":"empty","key":"nameless","reason":"TARGETING_MATCH","metadata":{}}"#.to_owned()),
        ("list", "{}", 200, r#"{"value":[1,"two",{"three":3}],"key":"list","reason":"STATIC","variant":"l","metadata":{}}"#.to_owned()),
        ("object", "{}", 200, r#"{"value":{"a":"","z":0},"key":"object","reason":"STATIC","variant":"o","metadata":{}}"#.to_owned()),
        ("big", "{}", 200, r#"{"value":1e+21,"key":"big","reason":"DEFAULT","variant":"huge","metadata":{}}"#.to_owned()),
        ("big", r#"{"pick":"tiny"}"#, 200, r#"{"value":1e-7,"key":"big","reason":"TARGETING_MATCH","variant":"tiny","metadata":{}}"#.to_owned()),
        ("big", r#"{"pick":"one"}"#, 200, r#"{"value":1,"key":"big","reason":"TARGETING_MATCH","variant":"one","metadata":{}}"#.to_owned()),
        ("big", r#"{"pick":"past"}"#, 200, r#"{"value":9007199254740992,"key":"big","reason":"TARGETING_MATCH","variant":"past","metadata":{}}"#.to_owned()),
        ("echo", r#"{"a":"2"}"#, 200, r#"{"value":"\u003cb\u003e\u0026\u003c/b\u003e","key":"echo","reason":"TARGETING_MATCH","variant":"yes","metadata":{}}"#.to_owned()),
        ("mixed", "{}", 200, r#"{"value":1,"key":"mixed","reason":"TARGETING_MATCH","variant":"number","metadata":{}}"#.to_owned()),
        ("off", "{}", 200, r#"{"key":"off","reason":"DISABLED","metadata":{}}"#.to_owned()),
        ("code", "{}", 200, r#"{"key":"code","reason":"DEFAULT","metadata":{"a":"\u003cx\u003e","b":1}}"#.to_owned()),
        ("none", "{}", 404, r#"{"key":"none","errorCode":"FLAG_NOT_FOUND","errorDetails":"flag `none` does not exist","metadata":{}}"#.to_owned()),
        ("%3Cx%3E", "{}", 404, r#"{"key":"\u003cx\u003e","errorCode":"FLAG_NOT_FOUND","errorDetails":"flag `\u003cx\u003e` does not exist","metadata":{}}"#.to_owned()),
        ("broken", "{}", 400, r#"{"key":"broken","errorCode":"PARSE_ERROR","errorDetails":"error parsing the flag `broken`","metadata":{"owner":"me"}}"#.to_owned()),
        ("null", "{}", 400, format!(r#"{{"key":"null",{general}}}"#)),
        ("unknown", "{}", 400, format!(r#"{{"key":"unknown",{general}}}"#)),
    ] {
        let request = format!("{{\"context\":{context}}}");
        let answer = connection.request("POST", &single(key), &[], request.as_bytes());
        assert_eq!((answer.status, answer.text()), (status, body.as_str()), "{key} {context}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("etag"), None);
    }
}

#[test]
fn bodies_are_taken_as_the_reference_takes_them() {
    let served = Served::flags(FLAGS);
    let mut connection = served.connect();
    for (body, status) in [
        ("", 200),
        (" \n", 200),
        ("null", 200),
        ("{}", 200),
        ("{} junk", 200),
        (r#"{"context":{}}{"#, 200),
        (r#"{"context":null}"#, 200),
        (r#"{"context":[1]}"#, 200),
        (r#"{"context":"text"}"#, 200),
        (r#"{"context":5}"#, 200),
        (r#"{"other":1}"#, 200),
        ("[]", 400),
        ("\"text\"", 400),
        ("5", 400),
        ("true", 400),
        ("{", 400),
        ("junk", 400),
        (r#"{"context":{"a":}}"#, 400),
        (r#"{"context":{"a":1e999}}"#, 400),
    ] {
        for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
            let answer =
                connection.request("POST", &single("zero"), &[("content-type", kind)], body.as_bytes());
            assert_eq!(answer.status, status, "{body}");
            if status == 400 {
                let refused = r#"{"key":"zero","errorCode":"INVALID_CONTEXT","errorDetails":"Provider context is not valid","metadata":null}"#;
                assert_eq!(answer.text(), refused, "{body}");
            }
        }
        let answer = connection.request("POST", BULK, &[], body.as_bytes());
        assert_eq!(answer.status, status, "{body}");
        if status == 400 {
            let refused = r#"{"errorCode":"INVALID_CONTEXT","errorDetails":"Provider context is not valid"}"#;
            assert_eq!(answer.text(), refused, "{body}");
        }
    }
}

#[test]
fn s8_other_methods_and_paths_are_refused() {
    let served = Served::flags(FLAGS);
    let mut connection = served.connect();
    for (method, path, status, location) in [
        ("GET", BULK, 405, None),
        ("PUT", BULK, 405, None),
        ("DELETE", "/ofrep/v1/evaluate/flags/zero", 405, None),
        ("GET", "/ofrep/v1/evaluate/flags/zero", 405, None),
        ("OPTIONS", "/ofrep/v1/evaluate/flags/zero", 405, None),
        ("POST", "/ofrep/v1/sse", 405, None),
        ("POST", "/ofrep/v1/evaluate/flags/a/b", 404, None),
        ("POST", "/ofrep/v1/evaluate/flags/zero/", 404, None),
        ("POST", "/ofrep/v1/evaluate", 404, None),
        ("GET", "/", 404, None),
        ("POST", "//ofrep/v1/evaluate/flags", 301, Some(BULK)),
        ("POST", "/ofrep//v1/evaluate/flags//?a=1", 301, Some("/ofrep/v1/evaluate/flags/?a=1")),
        ("POST", "/ofrep/v1/evaluate/flags/..", 301, Some("/ofrep/v1/evaluate")),
        ("POST", "/ofrep/v1/evaluate/flags/%zz", 400, None),
    ] {
        let answer = connection.request(method, path, &[], b"{}");
        assert_eq!((answer.status, answer.header("location")), (status, location), "{method} {path}");
    }
}

#[test]
fn o11_keys_are_percent_decoded() {
    let keys = ["a/b", "a b", "ü", "%", "a?b", "a#b", "😀", "a+b", ".."];
    let flag = json!({"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"});
    let flags: serde_json::Map<_, _> = keys.iter().map(|key| (key.to_string(), flag.clone())).collect();
    let served = Served::flags(&json!({"flags": flags}).to_string());
    let mut connection = served.connect();
    for key in keys {
        let path = single(&encoded(key));
        let answer = connection.request("POST", &path, &[], b"{}");
        assert_eq!((answer.status, &answer.json()["key"]), (200, &json!(key)));
    }
    assert_eq!(connection.request("POST", &single("%ff"), &[], b"{}").status, 404);
}

#[test]
fn s7_a_body_over_the_limit_is_refused_and_told() {
    let too_large = r#"{"errorDetails":"request body too large"}"#;
    let body = |bytes: usize| format!("{{\"context\":{{}}}}{}", " ".repeat(bytes - 14));
    let limited = Served::flags(FLAGS);
    for path in [BULK.to_owned(), single("zero")] {
        assert_eq!(limited.post(&path, &[], body(1_000_000)).status, 200);
        let answer = limited.post(&path, &[], body(1_000_001));
        assert_eq!((answer.status, answer.text()), (413, too_large));
        let answer = limited.post(&path, &[], body(5_000_000));
        assert_eq!((answer.status, answer.text()), (413, too_large));
        let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n", 1_000_001, body(1_000_001));
        let answer = limited.post(&path, &[("transfer-encoding", "chunked")], chunked);
        assert_eq!((answer.status, answer.text()), (413, too_large));
    }
    let small = Served::with(FLAGS, |settings| settings.max_request_body = 20);
    assert_eq!(small.post(&single("zero"), &[], body(20)).status, 200);
    assert_eq!(small.post(&single("zero"), &[], body(21)).status, 413);
    let open = Served::with(FLAGS, |settings| settings.max_request_body = 0);
    assert_eq!(open.post(&single("zero"), &[], body(2_000_000)).status, 200);
}

#[test]
fn s9_s11_bulk_lists_every_flag_and_errors_inline() {
    let served = Served::with(FLAGS, |settings| settings.ofrep_sse_enabled = false);
    let mut connection = served.connect();
    for path in [
        BULK,
        "/ofrep/v1/evaluate/flags/",
        "/ofrep/v1/evaluate/flags?flagConfigEtag=a&flagConfigLastModified=1",
    ] {
        let answer = connection.request("POST", path, &[], b"{}");
        assert_eq!(answer.status, 200);
        let body = answer.json();
        let keys: Vec<&str> =
            body["flags"].as_array().unwrap().iter().map(|it| it["key"].as_str().unwrap()).collect();
        assert_eq!(
            keys,
            [
                "a/b", "big", "broken", "code", "echo", "false", "list", "mixed", "nameless", "null",
                "object", "off", "unknown", "zero"
            ]
        );
        assert_eq!(body["metadata"], json!({}));
        assert!(answer.text().ends_with("],\"metadata\":{}}"));
        let item = |key: &str| &body["flags"][keys.iter().position(|known| *known == key).unwrap()];
        assert_eq!(
            item("broken"),
            &json!({
                "key": "broken", "errorCode": "PARSE_ERROR", "errorDetails": "error parsing the flag `broken`",
                "metadata": {"owner": "me"}
            })
        );
        // In bulk a flag is asked for as the type of its default.
        assert_eq!(item("mixed")["errorCode"], "GENERAL");
        assert_eq!(item("list")["value"], json!([1, "two", {"three": 3}]));
        assert_eq!(item("off"), &json!({"key": "off", "reason": "DISABLED", "metadata": {}}));
    }
}

#[test]
fn no_flags_are_an_empty_list() {
    let served = Served::with(r#"{"flags": {}}"#, |settings| settings.ofrep_sse_enabled = false);
    assert_eq!(served.post(BULK, &[], "").text(), r#"{"flags":[],"metadata":{}}"#);
}

#[test]
fn selectors_pick_flags_and_are_told_back() {
    let served = Served::files(&[("shop.json", SHOP), ("site.json", SITE)], |settings| {
        settings.ofrep_sse_enabled = false;
    });
    let source = served.path("site.json").to_str().unwrap().to_owned();
    let mut connection = served.connect();
    let mut ask = |path: &str, selector: &str| {
        let answer = connection.request("POST", path, &[("Flagd-Selector", selector)], b"");
        (answer.status, answer.text().to_owned())
    };
    let banner = single("banner");
    let on = r#"{"value":true,"key":"banner","reason":"STATIC","variant":"on","metadata":{"a":1,"flagSetId":"shop","team":"t"}}"#;
    assert_eq!(ask(&banner, "flagSetId=shop"), (200, on.to_owned()));
    assert_eq!(
        ask(BULK, "flagSetId=shop"),
        (200, format!(r#"{{"flags":[{on}],"metadata":{{"flagSetId":"shop"}}}}"#))
    );
    let off = r#"{"value":false,"key":"banner","reason":"STATIC","variant":"off","metadata":{}}"#;
    // With `source=` each flag tells its source.
    let sourced = off.replace("{}", &format!(r#"{{"source":"{source}"}}"#));
    assert_eq!(ask(&banner, &format!("source={source}")), (200, sourced.clone()));
    assert_eq!(ask(&banner, &source), (200, sourced));
    assert!(ask(BULK, &source).1.ends_with(&format!(r#"],"metadata":{{"source":"{source}"}}}}"#)));
    let missing = r#"{"key":"banner","errorCode":"FLAG_NOT_FOUND","errorDetails":"flag `banner` does not exist","metadata":{"flagSetId":"none"}}"#;
    assert_eq!(ask(&banner, "flagSetId=none"), (404, missing.to_owned()));
    assert_eq!(
        ask(BULK, "flagSetId=none"),
        (200, r#"{"flags":[],"metadata":{"flagSetId":"none"}}"#.to_owned())
    );
    assert_eq!(ask(BULK, "source="), (200, r#"{"flags":[],"metadata":{}}"#.to_owned()));
    let details = r#""errorCode":"GENERAL","errorDetails":"invalid selector: invalid selector key \"key\", valid keys: \"flagSetId\", \"source\"""#;
    assert_eq!(ask(&banner, "key=x"), (400, format!(r#"{{"key":"banner",{details},"metadata":null}}"#)));
    assert_eq!(ask(BULK, "key=x"), (400, format!("{{{details}}}")));
}

#[test]
fn o1_objects_of_the_context_are_never_rules() {
    let flags = r#"{"flags": {"f": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
        "targeting": {"if": [true, {"var": "x"}]}}}}"#;
    let served = Served::flags(flags);
    for (x, status) in [
        (r#""on""#, 200),
        (r#"{"if":[true,"on"]}"#, 400),
        (r#"{"var":"y"}"#, 400),
        (r#"{"nothing":[]}"#, 400),
    ] {
        let answer = served.post(&single("f"), &[], format!("{{\"context\":{{\"x\":{x},\"y\":\"on\"}}}}"));
        assert_eq!(answer.status, status, "{x}");
        if status == 400 {
            assert_eq!(answer.json()["errorCode"], "GENERAL", "{x}");
        }
    }
}

#[test]
fn o4_of_several_sources_the_highest_wins_and_is_listed_once() {
    let served = Served::files(&[("shop.json", SHOP), ("site.json", SITE)], |_| {});
    assert_eq!(served.post(&single("banner"), &[], "").json()["variant"], "off");
    let bulk = served.post(BULK, &[], "").json();
    let listed: Vec<_> = bulk["flags"].as_array().unwrap().iter().map(|flag| &flag["variant"]).collect();
    assert_eq!(listed, ["off", "red"]);
    // What a higher source hides is still found in its own set.
    let shop = served.post(&single("banner"), &[("flagd-selector", "flagSetId=shop")], "");
    assert_eq!(shop.json()["variant"], "on");
}

#[test]
fn o6_flags_without_a_set_have_no_id_to_tell() {
    let served = Served::files(&[("site.json", SITE), ("shop.json", SHOP)], |_| {});
    let unnamed = [("flagd-selector", "flagSetId=")];
    let answer = served.post(&single("banner"), &unnamed, "").json();
    assert_eq!((&answer["variant"], &answer["metadata"]), (&json!("off"), &json!({})));
    let bulk = served.post(BULK, &unnamed, "").json();
    assert_eq!(bulk["flags"].as_array().unwrap().len(), 2);
    assert_eq!(bulk["metadata"], json!({}));
}

#[test]
fn bulk_never_mixes_two_states() {
    let flags = |default: &str| {
        let flag =
            json!({"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": default});
        let flags: serde_json::Map<_, _> = (0..50).map(|at| (format!("f{at}"), flag.clone())).collect();
        json!({"flags": flags}).to_string()
    };
    let served = Served::flags(&flags("on"));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let mut connection = served.connect();
            loop {
                let body = connection.request("POST", BULK, &[], b"").json();
                let flags = body["flags"].as_array().unwrap();
                let on = flags.iter().filter(|flag| flag["variant"] == "on").count();
                assert!(flags.len() == 50 && (on == 0 || on == 50), "{on} of {} are on", flags.len());
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
            }
        });
        for default in ["off", "on"].repeat(10) {
            served.rewrite("flags.json", &flags(default));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        asked.join().unwrap();
    });
}

#[test]
fn s24_headers_win_over_static_values_which_win_over_the_request() {
    let served = Served::with(FLAGS, |settings| {
        settings.context_values = vec![("a".to_owned(), "1".to_owned())];
        settings.context_from_header = vec![("x-a".to_owned(), "a".to_owned())];
    });
    let variant = |headers: &[(&str, &str)]| {
        served.post(&single("echo"), headers, r#"{"context":{"a":"2"}}"#).json()["variant"].clone()
    };
    assert_eq!(variant(&[("X-A", "2")]), "yes");
    assert_eq!(variant(&[("x-a", "3")]), "no");
    assert_eq!(variant(&[("x-a", "ü")]), "no");
    assert_eq!(variant(&[("x-a", "2"), ("x-a", "3")]), "yes");
    assert_eq!(variant(&[("x-a", "")]), "no");
    assert_eq!(variant(&[]), "no");
    let plain = Served::flags(FLAGS);
    let answer = plain.post(&single("echo"), &[("x-a", "3")], r#"{"context":{"a":"2"}}"#);
    assert_eq!(answer.json()["variant"], "yes");
    // Also where the request has no context of its own.
    let answer = served.post(&single("echo"), &[("x-a", "2")], "");
    assert_eq!(answer.json()["variant"], "yes");
}

#[test]
fn o20_an_entity_tag_spares_a_body_that_is_known() {
    let served = Served::flags(FLAGS);
    let mut connection = served.connect();
    let mut ask = |headers: &[(&str, &str)], context: &str| {
        let answer =
            connection.request("POST", BULK, headers, format!("{{\"context\":{context}}}").as_bytes());
        (answer.status, answer.header("etag").unwrap().to_owned(), answer.body.len())
    };
    let (status, tag, length) = ask(&[], "{}");
    assert_eq!((status, tag.len(), tag.starts_with('"')), (200, 34, true));
    assert!(length > 500);
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        assert_eq!(ask(&[("if-none-match", &known)], "{}"), (304, tag.clone(), 0), "{known}");
    }
    assert_eq!(ask(&[("if-none-match", "\"x\"")], "{}"), (200, tag.clone(), length));
    // What is tagged is the answer: another context that changes nothing has the same one.
    assert_eq!(ask(&[("if-none-match", &tag)], r#"{"b":1}"#).0, 304);
    assert_eq!(ask(&[("if-none-match", &tag)], r#"{"a":"2"}"#).0, 200);
    // Compressed on the way it is the same body.
    let (_, compressed, less) = ask(&[("accept-encoding", "gzip")], "{}");
    assert!(compressed == tag && less < length);
    // An error has none.
    assert_eq!(served.post(BULK, &[("if-none-match", "*")], "[]").status, 400);

    served.rewrite("flags.json", SITE);
    assert_ne!(ask(&[("if-none-match", &tag)], "{}").1, tag);
    served.rewrite("flags.json", FLAGS);
    assert_eq!(ask(&[("if-none-match", &tag)], "{}").0, 304);
}

#[test]
fn what_is_not_known_before_every_source_was_read_says_so() {
    let served = Served::with("{", |settings| settings.fail_on_missing = false);
    let ask = || {
        let answer = served.post("/ofrep/v1/evaluate/flags/a", &[], "{}");
        (answer.status, answer.json()["errorCode"].clone(), answer.json()["errorDetails"].clone())
    };
    let early = "flag `a` does not exist: not every source of flags holds something valid yet, see /status";
    assert_eq!(ask(), (404, "FLAG_NOT_FOUND".into(), early.into()));
    served.rewrite("flags.json", r#"{"flags": {}}"#);
    assert_eq!(ask(), (404, "FLAG_NOT_FOUND".into(), "flag `a` does not exist".into()));
}

#[test]
fn a_shadow_block_changes_no_answer_and_no_tag() {
    let flags = |block: &str| {
        format!(
            r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "on"{block}}}}}}}"#
        )
    };
    let served = Served::flags(&flags(""));
    let ask = || {
        let answer = served.post(BULK, &[], "{}");
        let single = served.post("/ofrep/v1/evaluate/flags/a", &[], "{}");
        (answer.header("etag").unwrap().to_owned(), answer.text().to_owned(), single.text().to_owned())
    };
    let plain = ask();
    for block in [r#", "shadow": {"sample": "5%"}"#, r#", "shadow": {"sample": 1}"#, r#", "shadow": [7]"#] {
        served.rewrite("flags.json", &flags(block));
        assert_eq!(ask(), plain, "{block}");
    }
}

#[test]
fn an_answer_that_was_given_before_is_not_looked_for_again() {
    let served = Served::flags(FLAGS);
    let mut connection = served.connect();
    let mut ask = |headers: &[(&str, &str)]| {
        let answer = connection.request("POST", BULK, headers, b"{}");
        (answer.status, answer.header("etag").unwrap().to_owned())
    };
    let counted = || {
        let metrics = served.metrics();
        let lines =
            metrics.lines().filter(|line| line.starts_with("feature_flag_flagd_result_reason_total{"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>()
    };
    let (_, tag) = ask(&[]);
    let before = counted();
    for _ in 0..3 {
        assert_eq!(ask(&[("if-none-match", &tag)]), (304, tag.clone()));
    }
    assert_eq!(counted(), before);
    // Without the tag it is answered in full.
    assert_eq!(ask(&[]), (200, tag.clone()));
    assert!(counted() > before);

    // A rule on the clock is asked every time: within seconds it answers otherwise.
    served.rewrite("flags.json", r#"{"flags": {"even": {"state": "ENABLED", "variants": {"on": true, "off": false},
        "defaultVariant": "off", "targeting": {"if": [{"%": [{"var": "$flagd.timestamp"}, 2]}, "on", "off"]}}}}"#);
    let (_, tag) = ask(&[]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while ask(&[("if-none-match", &tag)]).0 == 304 {
        assert!(std::time::Instant::now() < until, "the clock does not count");
    }
}

#[test]
fn large_bodies_are_compressed_for_those_who_take_it() {
    let served = Served::flags(FLAGS);
    let plain = served.post(BULK, &[], "");
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.body.len() > 1_024);
    let packed = served.post(BULK, &[("accept-encoding", "br, gzip")], "");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.listed("vary").to_ascii_lowercase().contains("accept-encoding"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    let small = served.post(&single("zero"), &[("accept-encoding", "gzip")], "");
    assert_eq!((small.header("content-encoding"), small.json()["value"].as_f64()), (None, Some(0.0)));
}

#[test]
fn s23_origins_are_told_as_the_reference_tells_them() {
    let preflight = |served: &Served, origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type,x-custom"),
        ];
        served.connect().request("OPTIONS", BULK, &headers, b"")
    };
    let open = Served::flags(FLAGS);
    let answer = preflight(&open, "https://a.example");
    assert_eq!(answer.status, 204);
    for (header, value) in [
        ("access-control-allow-origin", Some("*")),
        ("access-control-allow-methods", Some("POST")),
        ("access-control-allow-headers", Some("content-type,x-custom")),
        ("vary", Some("Origin, Access-Control-Request-Method, Access-Control-Request-Headers")),
    ] {
        assert_eq!(answer.header(header), value, "{header}");
    }
    let answer = open.post(BULK, &[("origin", "https://a.example")], "");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.split(", ").any(|name| name == "ETag"), "{exposed}");
    let plain = open.post(BULK, &[], "");
    assert_eq!(plain.header("access-control-allow-origin"), None);
    assert!(plain.listed("vary").split(", ").any(|name| name == "Origin"));
    // Refusals are readable too.
    let refused = open.post(&single("none"), &[("origin", "https://a.example")], "");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (404, Some("*")));

    let closed = Served::with(FLAGS, |settings| {
        settings.cors_origins = vec!["https://a.example".to_owned(), "https://*.b.example".to_owned()];
    });
    for (origin, allowed) in [
        ("https://a.example", true),
        ("https://A.example", true),
        ("https://x.b.example", true),
        ("https://b.example", false),
        ("https://a.example.evil", false),
        ("null", false),
    ] {
        let told = allowed.then_some(origin);
        let answer = preflight(&closed, origin);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, told), "{origin}");
        assert_eq!(answer.header("access-control-allow-methods").is_some(), allowed, "{origin}");
        let answer = closed.post(BULK, &[("origin", origin)], "");
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, told), "{origin}");
    }
}

#[test]
fn hostile_bodies_are_refused_and_harm_nobody() {
    let served = Served::with(FLAGS, |settings| settings.max_request_body = 0);
    let mut connection = served.connect();
    let nested = |open: &str, close: &str, levels: usize| {
        format!("{{\"context\":{{\"a\":{}1{}}}}}", open.repeat(levels), close.repeat(levels))
    };
    let members = |count: usize| (0..count).map(|at| format!("\"a{at}\":1")).collect::<Vec<_>>().join(",");
    for (body, status) in [
        (nested("[", "]", 99), 200),
        (nested("[", "]", 100), 400),
        (nested("[", "]", 500_000), 400),
        (nested("{\"a\":", "}", 200_000), 400),
        (format!("{{\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000)), 200),
        (format!("{{\"context\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000)), 400),
        ("[".repeat(1_000_000), 400),
        ("{\"context\":".repeat(100_000), 400),
        (format!("{{\"context\":{{\"a\":[{}1]}}}}", "1,".repeat(500_000)), 200),
        (format!("{{\"context\":{{\"a\":\"{}\"}}}}", "x".repeat(3_000_000)), 200),
        (format!("{{\"context\":{{{}}}}}", members(10_000)), 200),
        (format!("{{\"context\":{{{}}}}}", members(10_001)), 400),
        (format!("{{\"context\":{{\"a\":1{}}}}}", "0".repeat(400)), 400),
        (format!("{{\"context\":{{\"a\":0.{}1}}}}", "0".repeat(100_000)), 200),
        ("{\"context\":{\"a\":{\"if\":[true,\"on\"]},\"targetingKey\":{\"var\":\"\"}}}".to_owned(), 200),
        ("\u{feff}{}".to_owned(), 400),
        ("\0".repeat(1_000), 400),
    ] {
        for path in [BULK, "/ofrep/v1/evaluate/flags/echo"] {
            let answer = connection.request("POST", path, &[], body.as_bytes());
            assert_eq!(answer.status, status, "{:.60} of {}", body, body.len());
        }
    }
    // Bytes out of a small generator, as a body and on the line.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |length: usize| -> Vec<u8> {
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    };
    for length in 1..200 {
        let bytes = random(length);
        let status = connection.request("POST", BULK, &[], &bytes).status;
        assert!(matches!(status, 200 | 400), "{bytes:?}");
        let mut body = br#"{"context":{"a":"#.to_vec();
        body.extend_from_slice(&bytes);
        let status = connection.request("POST", &single("echo"), &[], &body).status;
        assert!(matches!(status, 200 | 400), "{bytes:?}");
    }
    // Half a body, and a body in pieces that are none.
    for sent in ["content-length: 100\r\n\r\n{\"con", "transfer-encoding: chunked\r\n\r\nx\r\n"] {
        let mut raw = Connection::open(served.address());
        raw.raw(format!("POST {BULK} HTTP/1.1\r\nhost: flags\r\n{sent}").as_bytes());
        raw.finish();
        let rest = raw.rest();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&rest));
    }
    for length in [1, 10, 100, 1_000, 10_000] {
        let mut raw = Connection::open(served.address());
        raw.raw(&random(length));
        raw.finish();
        raw.rest();
    }
    assert_eq!(connection.request("POST", &single("zero"), &[], b"").status, 200);
}

#[test]
fn text_that_is_not_unicode_is_read_as_the_reference_reads_it() {
    let flags = r#"{"flags": {"f": {"state": "ENABLED", "variants": {"yes": true, "no": false}, "defaultVariant": "no",
        "targeting": {"if": [{"==": [{"var": "a"}, "\ufffd"]}, "yes", null]}}}}"#;
    let served = Served::flags(flags);
    for body in [&br#"{"context":{"a":"\ud83d"}}"#[..], b"{\"context\":{\"a\":\"\xff\"}}"] {
        assert_eq!(served.post(&single("f"), &[], body).json()["variant"], "yes");
    }
    assert_eq!(served.post(&single("f"), &[], r#"{"context":{"a":"\ud83d\ude00"}}"#).json()["variant"], "no");
}
