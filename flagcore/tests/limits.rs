//! Every limit: what stays below it is taken, what reaches it is taken, what passes it is refused.
//!
//! From 80 % on there is a warning, and only from there on. A limit without a row here does not compile: the
//! table takes [`Limits`] apart.

use flagcore::diagnostic::{Diagnostic, Findings, Mode, Severity};
use flagcore::limits::{self, Limits};
use flagcore::model::Format::{self, Json, Yaml};
use flagcore::{Client, Error, ErrorCode, EvaluationContext, Value};

/// One limit: a file that uses exactly so much of it, and how a file ends that uses more.
struct Row {
    name: &'static str,
    limits: Limits,
    /// How much is allowed.
    most: usize,
    /// A file that uses so much.
    file: fn(usize, Format) -> String,
    formats: &'static [Format],
    /// What the warning calls it; none where there is no warning.
    warned_as: Option<&'static str>,
    code: &'static str,
    /// The error's text, for one more than is allowed.
    error: fn(usize) -> String,
}

const BOTH: &[Format] = &[Json, Yaml];
const SERVED: &str =
    r#"{"flags":{"served":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}}}"#;

/// A document in JSON; YAML is a superset of it, its long keys apart.
fn flags(flags: &str) -> String {
    format!("{{\"flags\":{{{flags}}}}}")
}

fn repeated(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

/// A flag of exactly so many nodes: itself, variants, one variant, and a rule that is a list.
fn flag_of_nodes(name: &str, nodes: usize) -> String {
    format!(
        r#""{name}":{{"variants":{{"on":true}},"targeting":[{}]}}"#,
        repeated(nodes - 4, |_| "1".to_owned())
    )
}

/// The rows of all limits that a file can reach.
fn rows() -> Vec<Row> {
    let small = Limits {
        file_bytes: 2_000,
        depth: 40,
        flag_nodes: 100,
        set_nodes: 500,
        flags: 20,
        variants: 20,
        key_bytes: 50,
    };
    // One at a time: each row has all other limits as they are by default.
    let Limits { file_bytes, depth, flag_nodes, set_nodes, flags: most_flags, variants, key_bytes } = small;
    let all = Limits::default;
    vec![
        Row {
            name: "bytes of a file",
            limits: Limits { file_bytes, ..all() },
            most: file_bytes,
            file: |bytes, _| {
                let empty = r#"{"flags":{},"metadata":{"a":""}}"#;
                let text = "x".repeat(bytes - empty.len());
                format!(r#"{{"flags":{{}},"metadata":{{"a":"{text}"}}}}"#)
            },
            formats: BOTH,
            warned_as: Some("bytes of the file"),
            code: "too-large",
            error: |most| format!("the file has {} bytes; at most {most} are read", most + 1),
        },
        Row {
            name: "levels of a document",
            limits: Limits { depth, ..all() },
            most: depth,
            file: |levels, _| {
                // The document, `metadata`, and lists.
                let (open, close) = ("[".repeat(levels - 2), "]".repeat(levels - 2));
                format!(r#"{{"flags":{{}},"metadata":{{"a":{open}1{close}}}}}"#)
            },
            formats: BOTH,
            warned_as: None,
            code: "too-deep",
            error: |most| format!("nested more than {most} levels"),
        },
        Row {
            name: "levels of a document by default",
            limits: all(),
            most: limits::DOCUMENT_DEPTH,
            file: |levels, format| {
                // The document, `flags`, the flag, `if`, its list, and a level with a list for each `!`.
                let (pairs, odd) = ((levels - 5) / 2, (levels - 5) % 2);
                let mut rule = if odd == 1 { r#"{"var":"x"}"#.to_owned() } else { "true".to_owned() };
                for _ in 0..pairs {
                    rule = format!(r#"{{"!":[{rule}]}}"#);
                }
                let flag = format!(
                    r#"{{"state":"ENABLED","variants":{{"on":true}},"targeting":{{"if":[{rule},"on"]}}}}"#
                );
                if format == Json {
                    return flags(&format!(r#""f":{flag}"#));
                }
                // The YAML parser itself takes 255 brackets inside of each other, so one level is a block.
                format!("flags: {{\"f\":{flag}}}\n")
            },
            formats: BOTH,
            warned_as: None,
            code: "too-deep",
            error: |most| format!("nested more than {most} levels"),
        },
        Row {
            name: "references that are levels",
            limits: Limits { depth, ..all() },
            most: depth,
            file: |levels, _| {
                // The document and `$evaluators` above; the last evaluator and its operator below.
                let links = levels - 3;
                let chain = repeated(links, |at| format!(r#""e{at}":{{"$ref":"e{}"}}"#, at + 1));
                format!(r#"{{"flags":{{}},"$evaluators":{{{chain},"e{links}":{{"var":"x"}}}}}}"#)
            },
            formats: BOTH,
            warned_as: None,
            code: "too-deep",
            error: |most| format!("nested more than {most} levels"),
        },
        Row {
            name: "levels of a variant",
            limits: all(),
            most: limits::VALUE_DEPTH,
            file: |levels, _| {
                let (open, close) = (r#"{"a":"#.repeat(levels), "}".repeat(levels));
                flags(&format!(r#""f":{{"variants":{{"on":{open}1{close}}}}}"#))
            },
            formats: BOTH,
            warned_as: None,
            code: "too-deep",
            error: |most| format!("nested more than {most} levels"),
        },
        Row {
            name: "levels of metadata",
            limits: all(),
            most: limits::VALUE_DEPTH,
            file: |levels, _| {
                let (open, close) = ("[".repeat(levels), "]".repeat(levels));
                format!(r#"{{"flags":{{}},"metadata":{{"a":{open}1{close}}}}}"#)
            },
            formats: BOTH,
            warned_as: None,
            code: "too-deep",
            error: |most| format!("nested more than {most} levels"),
        },
        Row {
            name: "nodes of a flag",
            limits: Limits { flag_nodes, ..all() },
            most: flag_nodes,
            file: |nodes, _| flags(&flag_of_nodes("f", nodes)),
            formats: BOTH,
            warned_as: Some("nodes of a flag"),
            code: "too-many-nodes",
            error: |most| format!("flag `f` has more than {most} nodes with its references written out"),
        },
        Row {
            name: "nodes of a flag behind references",
            limits: Limits { flag_nodes, ..all() },
            most: flag_nodes,
            file: |nodes, _| {
                // The flag, variants, one variant, the rule's operator and list: five around the references.
                let (references, rest) = ((nodes - 5) / 10, (nodes - 5) % 10);
                let references = repeated(references, |_| r#"{"$ref":"e"}"#.to_owned());
                let rest = repeated(rest, |_| ",1".to_owned()).replace(",,", ",");
                let list = "[1,1,1,1,1,1,1,1,1]";
                format!(
                    r#"{{"$evaluators":{{"e":{list}}},"flags":{{"f":{{"variants":{{"on":true}},"targeting":{{"and":[{references}{rest}]}}}}}}}}"#
                )
            },
            formats: BOTH,
            warned_as: Some("nodes of a flag"),
            code: "too-many-nodes",
            error: |most| format!("flag `f` has more than {most} nodes with its references written out"),
        },
        Row {
            name: "nodes of a file",
            limits: Limits { set_nodes, ..all() },
            most: set_nodes,
            file: |nodes, _| {
                // The document, `flags`, `metadata`, the list.
                let items = repeated(nodes - 4, |_| "1".to_owned());
                format!(r#"{{"flags":{{}},"metadata":{{"a":[{items}]}}}}"#)
            },
            formats: BOTH,
            warned_as: Some("nodes of the file"),
            code: "too-many-nodes",
            error: |most| format!("the file has more than {most} nodes with its references written out"),
        },
        Row {
            name: "flags",
            limits: Limits { flags: most_flags, ..all() },
            most: most_flags,
            file: |count, _| flags(&repeated(count, |at| format!(r#""f{at}":{{"variants":{{"on":true}}}}"#))),
            formats: BOTH,
            warned_as: Some("flags"),
            code: "too-many-flags",
            error: |most| format!("there are {} flags; at most {most} are read", most + 1),
        },
        Row {
            name: "flags in a list",
            limits: Limits { flags: most_flags, ..all() },
            most: most_flags,
            file: |count, _| {
                let list = repeated(count, |at| format!(r#"{{"key":"f{at}","variants":{{"on":true}}}}"#));
                format!(r#"{{"flags":[{list}]}}"#)
            },
            formats: BOTH,
            warned_as: Some("flags"),
            code: "too-many-flags",
            error: |most| format!("there are {} flags; at most {most} are read", most + 1),
        },
        Row {
            name: "variants",
            limits: Limits { variants, ..all() },
            most: variants,
            file: |count, _| {
                let variants = repeated(count, |at| format!(r#""v{at}":{at}"#));
                flags(&format!(r#""f":{{"variants":{{{variants}}}}}"#))
            },
            formats: BOTH,
            warned_as: Some("variants of a flag"),
            code: "too-many-variants",
            error: |most| format!("flag `f` has {} variants; at most {most} are read", most + 1),
        },
        Row {
            name: "bytes of a key",
            limits: Limits { key_bytes, ..all() },
            most: key_bytes,
            // Bytes, not characters.
            file: |bytes, _| {
                let key = format!("{}{}", "é".repeat(bytes / 2), "x".repeat(bytes % 2));
                flags(&format!(r#""{key}":{{"variants":{{"on":true}}}}"#))
            },
            formats: BOTH,
            warned_as: Some("bytes of a flag's key"),
            code: "key-too-long",
            error: |most| format!("the key of a flag has {} bytes; at most {most} are read", most + 1),
        },
    ]
}

fn findings(limits: &Limits, mode: Mode, text: &str, format: Format) -> (bool, Findings) {
    let builder = Client::builder().watch(false).mode(mode).limits(limits.clone());
    match builder.bytes("limit", text, format).build() {
        Ok(client) => (true, client.status()[0].served.clone().unwrap().findings),
        Err(Error::Refused { findings }) => (false, findings),
        Err(other) => panic!("{other}"),
    }
}

/// The warnings that a limit is near.
fn near(findings: &Findings) -> Vec<&Diagnostic> {
    findings.diagnostics.iter().filter(|it| it.code() == "near-limit").collect()
}

#[test]
fn up_to_a_limit_a_file_is_taken_and_past_it_refused() {
    for row in rows() {
        for format in row.formats {
            for mode in [Mode::Lenient, Mode::Strict] {
                let at = |used: usize| findings(&row.limits, mode, &(row.file)(used, *format), *format);
                let name = format!("{}, {format:?}, {mode:?}", row.name);
                for used in [row.most - 1, row.most] {
                    let (taken, found) = at(used);
                    // What else a check complains of is not the limit.
                    let limit = found.diagnostics.iter().filter(|it| it.code() == row.code);
                    assert_eq!(limit.count(), 0, "{name}: {used} of {}: {found}", row.most);
                    assert!(taken || mode == Mode::Strict, "{name}: {used} of {}: {found}", row.most);
                }
                let (taken, found) = at(row.most + 1);
                assert!(!taken, "{name}: {} of {}", row.most + 1, row.most);
                let refused = found.diagnostics.iter().find(|it| it.code() == row.code);
                let refused = refused.unwrap_or_else(|| panic!("{name}: {found}"));
                assert_eq!(refused.severity, Severity::Error, "{name}");
                assert_eq!(refused.cause(), (row.error)(row.most), "{name}");
            }
        }
    }
}

#[test]
fn from_four_fifths_of_a_limit_there_is_a_warning_and_not_before() {
    for row in rows() {
        let Some(what) = row.warned_as else { continue };
        for format in row.formats {
            let at =
                |used: usize| findings(&row.limits, Mode::Lenient, &(row.file)(used, *format), *format).1;
            let first = (row.most * 4).div_ceil(5);
            let name = row.name;
            assert!(near(&at(first - 1)).is_empty(), "{name}: {} of {}", first - 1, row.most);
            for used in [first, row.most] {
                let found = at(used);
                let warnings: Vec<String> = near(&found).iter().map(|it| it.cause()).collect();
                let expected = format!("{what}: {used}, which is near the limit of {}", row.most);
                assert_eq!(warnings, [expected], "{name}, {format:?}");
                assert!(near(&found).iter().all(|it| it.severity == Severity::Warning), "{name}");
            }
        }
    }
}

#[test]
fn past_a_limit_the_flags_served_before_go_on() {
    for row in rows() {
        for format in row.formats {
            let builder = Client::builder().watch(false).limits(row.limits.clone());
            let client = builder.bytes("source", SERVED, Json).build().unwrap();
            let revision = client.snapshot().revision();
            let error = client.update("source", (row.file)(row.most + 1, *format), *format).unwrap_err();
            assert!(error.to_string().contains(row.code), "{}: {error}", row.name);
            assert!(client.is_enabled("served", "user"), "{}", row.name);
            assert_eq!(client.snapshot().revision(), revision, "{}", row.name);
            let status = &client.status()[0];
            assert!(status.served.is_some() && status.refused.is_none(), "{}: {status:?}", row.name);
            client.update("source", (row.file)(row.most, *format), *format).unwrap();
            assert!(client.snapshot().revision() > revision, "{}", row.name);
        }
    }
}

#[test]
fn the_limits_are_the_documented_ones() {
    let documented = Limits {
        file_bytes: 16 * 1_024 * 1_024,
        depth: 256,
        flag_nodes: 100_000,
        set_nodes: 2_000_000,
        flags: 100_000,
        variants: 1_000,
        key_bytes: 1_024,
    };
    assert_eq!(Limits::default(), documented);
    assert_eq!(limits::DOCUMENT_DEPTH, 256);
    assert_eq!(limits::VALUE_DEPTH, 100);
    assert_eq!(limits::ATTRIBUTES, 10_000);
    assert_eq!(limits::FUEL, 100_000);
    assert_eq!(limits::PRODUCED_BYTES, 1_024 * 1_024);
    assert_eq!(limits::AHEAD_NODES, 100_000);
    assert_eq!(limits::DIAGNOSTICS, 1_000);
}

#[test]
fn a_depth_set_beyond_what_is_safe_is_the_safe_one() {
    let limits = Limits { depth: 1_000_000, ..Limits::default() };
    for format in BOTH {
        for (levels, taken) in [(limits::DOCUMENT_DEPTH, true), (limits::DOCUMENT_DEPTH + 1, false)] {
            let row = rows().into_iter().find(|row| row.name == "levels of a document by default").unwrap();
            let found = findings(&limits, Mode::Lenient, &(row.file)(levels, *format), *format);
            assert_eq!(found.0, taken, "{levels}, {format:?}: {}", found.1);
        }
    }
}

#[test]
fn brackets_of_yaml_stop_one_level_before_those_of_json() {
    let nested = |levels: usize, format: Format| {
        let (open, close) = (r#"{"!":["#.repeat(levels), "]}".repeat(levels));
        let text = format!(r#"{{"flags":{{}},"$evaluators":{{"e":{open}1{close}}}}}"#);
        findings(&Limits::default(), Mode::Lenient, &text, format)
    };
    // Two levels around, two for each of these: 254 and 256.
    for (pairs, format, taken) in
        [(126, Json, true), (126, Yaml, true), (127, Json, true), (128, Json, false)]
    {
        assert_eq!(nested(pairs, format).0, taken, "{pairs}, {format:?}");
    }
    // 256 levels are allowed, but the YAML parser counts brackets in a byte.
    let (taken, found) = nested(127, Yaml);
    assert!(!taken);
    assert_eq!(found.diagnostics[0].cause(), "nested more than 255 levels");
}

#[test]
fn flags_of_one_source_count_together_through_all_its_files() {
    let limits = Limits { flags: 20, ..Limits::default() };
    let open = |first: usize, second: usize| {
        let folder = tempfile::tempdir().unwrap();
        for (name, count) in [("a", first), ("b", second)] {
            let list = repeated(count, |at| format!(r#""{name}{at}":{{"variants":{{"on":true}}}}"#));
            std::fs::write(folder.path().join(format!("{name}.json")), flags(&list)).unwrap();
        }
        let builder = Client::builder().watch(false).limits(limits.clone());
        builder.path(folder.path()).build().map_err(|error| error.to_string())
    };
    assert!(open(10, 10).is_ok());
    let error = open(10, 11).unwrap_err();
    assert!(error.contains("error[too-many-flags]: there are 21 flags; at most 20 are read"), "{error}");
}

#[test]
fn of_many_findings_a_thousand_are_kept_and_all_are_counted() {
    for (count, dropped) in [(999, 0), (1_000, 0), (1_001, 1), (5_000, 4_000)] {
        let text = flags(&repeated(count, |at| format!(r#""f{at}":5"#)));
        let (taken, found) = findings(&Limits::default(), Mode::Lenient, &text, Json);
        assert!(!taken);
        assert_eq!((found.diagnostics.len(), found.errors, found.dropped), (count - dropped, count, dropped));
        assert_eq!(found.to_string().ends_with(&format!("\nand {dropped} more")), dropped > 0);
    }
    // A refused file always says why, however many warnings came before.
    let warnings = repeated(2_000, |at| format!(r#""w{at}":{{"state":"on","variants":{{"a":1}}}}"#));
    let (taken, found) =
        findings(&Limits::default(), Mode::Lenient, &flags(&format!(r#"{warnings},"f":5"#)), Json);
    assert!(!taken);
    assert!(found.diagnostics.iter().any(|it| it.code() == "wrong-type"), "no error among those kept");
}

#[test]
fn the_attributes_of_a_context_have_a_limit() {
    let client = Client::from_json(&flags(
        r#""f":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"var":"a0"},"on"]}}"#,
    ))
    .unwrap();
    for (count, code) in [
        (limits::ATTRIBUTES - 1, None),
        (limits::ATTRIBUTES, None),
        (limits::ATTRIBUTES + 1, Some(ErrorCode::InvalidContext)),
    ] {
        let context: EvaluationContext<'_> = (0..count).map(|at| (format!("a{at}"), true)).collect();
        let snapshot = client.snapshot();
        let detail = snapshot.bool_detail("f", &context, false);
        assert_eq!(detail.error_code(), code, "{count}");
        if code.is_some() {
            let message = detail.error_message().unwrap();
            assert_eq!(message, "the context has more than 10000 attributes (INVALID_CONTEXT)");
        }
        let json: serde_json::Value =
            (0..count).map(|at| (format!("a{at}"), true.into())).collect::<serde_json::Map<_, _>>().into();
        assert_eq!(EvaluationContext::from_json(&json).is_err(), code.is_some(), "{count} from JSON");
        let text = json.to_string();
        assert_eq!(
            serde_json::from_str::<EvaluationContext<'_>>(&text).is_err(),
            code.is_some(),
            "{count} from text"
        );
    }
}

#[test]
fn the_levels_of_a_context_have_a_limit_however_it_is_made() {
    // The context itself is one level.
    for (levels, fits) in [(98, true), (99, true), (100, false), (120, false)] {
        let text = format!(r#"{{"a":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let made = (0..levels).fold(Value::from(1), |value, _| Value::list([value]));
        assert_eq!(EvaluationContext::from_json(&json).is_ok(), fits, "{levels} from JSON");
        assert_eq!(serde_json::from_str::<EvaluationContext<'_>>(&text).is_ok(), fits, "{levels} from text");
        assert_eq!(EvaluationContext::empty().with("a", made).fault().is_none(), fits, "{levels} made");
    }
}

#[test]
fn the_steps_of_an_evaluation_have_a_limit() {
    // One node for each element: the body is a variable.
    let client = Client::from_json(&flags(
        r#""f":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"none":[{"var":"xs"},{"var":""}]},"on"]}}"#,
    ))
    .unwrap();
    for (count, code) in
        [(limits::FUEL - 1, None), (limits::FUEL, None), (limits::FUEL + 1, Some(ErrorCode::General))]
    {
        let context = EvaluationContext::new("user").with("xs", vec![0; count as usize]);
        let snapshot = client.snapshot();
        let detail = snapshot.bool_detail("f", &context, false);
        assert_eq!((detail.error_code(), detail.value()), (code, code.is_none()), "{count}: {detail:?}");
    }
}

#[test]
fn the_bytes_that_an_evaluation_produces_have_a_limit() {
    let client = Client::from_json(&flags(
        r#""f":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"cat":[{"var":"t"},""]},"on"]}}"#,
    ))
    .unwrap();
    // The list of two operands takes a part of it.
    let operands = 2 * 24;
    let most = limits::PRODUCED_BYTES as usize;
    for (bytes, code) in [
        (most - 2 * operands, None),
        (most + 1 - operands, Some(ErrorCode::General)),
        (most + 1, Some(ErrorCode::General)),
    ] {
        let context = EvaluationContext::new("user").with("t", "x".repeat(bytes));
        let snapshot = client.snapshot();
        let detail = snapshot.bool_detail("f", &context, false);
        assert_eq!(detail.error_code(), code, "{bytes}: {:?}", detail.error_message());
    }
}
