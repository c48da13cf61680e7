//! The reference's edge cases, row by row: documents and stores, results and types, splits, rules, hashes.
//!
//! `data/vectors/README.md` explains the rows. Each has its id in the message of a failure; a row that a library
//! cannot run says why.

// A build without YAML cannot run all of it: some of the rows are YAML.
#![cfg(feature = "yaml")]

mod common;

use std::path::PathBuf;

use common::data::{Data, Node};
use common::{tell, written};
use flagcore::bucketing::{Bucketing, Murmur};
use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::Format;
use flagcore::{Client, Error, ErrorCode, EvaluationContext, Reason, Selector, Value};

#[test]
fn documents_are_taken_or_refused_and_flags_win_as_in_the_reference() {
    check_rows("documents.json", 141, 0, &document);
}

#[test]
fn results_name_variants_and_values_have_types_as_in_the_reference() {
    check_rows("results.json", 25, 2, &document);
}

#[test]
fn odd_splits_come_to_what_the_reference_says() {
    check_rows("fractional.json", 35, 0, &document);
}

#[test]
fn rules_give_what_the_reference_gives() {
    check_rows("rules.json", 218, 2, &rule);
}

#[test]
fn hashes_are_those_of_the_reference() {
    check_rows("hashes.json", 31, 0, &hash);
}

/// Runs the rows of a file, counts them, and tells of all that differ at once.
fn check_rows(file: &str, run: usize, left_out: usize, check: &dyn Fn(Node<'_>) -> Result<(), String>) {
    let data = Data::open(&folder().join(file));
    let mut differences = Vec::new();
    let (mut ran, mut left) = (0, Vec::new());
    for row in data.root().items() {
        let id = row.at("id").text();
        match row.get("left_out") {
            Some(why) => left.push(format!("{file} {id} is left out: {}", why.text())),
            None => {
                ran += 1;
                if let Err(difference) = check(row) {
                    differences.push(format!("{id}: {difference}"));
                }
            }
        }
    }
    left.iter().for_each(|line| tell(line));
    assert!(
        differences.is_empty(),
        "{} rows of {file} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
    assert_eq!((ran, left.len()), (run, left_out), "{file} has all its rows");
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors")
}

/// Loads in steps, then asks; or one of the few things that need no client.
fn document(row: Node<'_>) -> Result<(), String> {
    row.only(&["id", "ours", "sources", "steps", "asks", "selector", "refused", "export", "written", "as"]);
    if let Some(selector) = row.get("selector") {
        let error = selector.text().parse::<Selector>().err().map_or("none".to_owned(), |it| it.to_string());
        return written::same(row.at("refused").text().to_owned(), error);
    }
    if let Some(flags) = row.get("export") {
        return written::same(row.at("as").text().to_owned(), exported(flags.written()));
    }
    if let Some(text) = row.get("written") {
        return written::same(row.at("as").text().to_owned(), Value::from(text.text()).to_string());
    }
    let client = loaded(row)?;
    let asks = row.at("asks").items();
    asks.enumerate().try_for_each(|(number, ask)| {
        ask.only(&["flag", "type", "default", "context", "selector", "all", "expect"]);
        written::check(&client, ask).map_err(|difference| format!("ask {}: {difference}", number + 1))
    })
}

/// A client after the steps of a row, each of which was taken or refused as it is written.
fn loaded(row: Node<'_>) -> Result<Client, String> {
    let sources = match row.get("sources") {
        Some(names) => names.items().map(Node::text).collect(),
        None => vec!["flags"],
    };
    let empty = |builder: flagcore::client::Builder, name: &&str| {
        builder.bytes(name, r#"{"flags": {}}"#, Format::Json)
    };
    let client = sources.iter().fold(Client::builder().watch(false), empty).build().unwrap();
    for (number, step) in row.at("steps").items().enumerate() {
        step.only(&["source", "load", "format", "taken"]);
        let source = step.get("source").map_or("flags", Node::text);
        let format = match step.get("format").map(Node::text) {
            None => Format::Json,
            Some("yaml") => Format::Yaml,
            Some(other) => panic!("unknown format {other}"),
        };
        // A text is the file itself, for files that are no JSON; anything else is written as it stands.
        let load = step.at("load");
        let bytes = load.as_text().unwrap_or_else(|| load.written()).as_bytes();
        let taken = match client.update(source, bytes, format) {
            Ok(()) => true,
            Err(Error::Refused { findings }) => {
                assert!(findings.is_refused(), "what is refused has a cause");
                false
            }
            Err(other) => panic!("{other}"),
        };
        let wanted = step.at("taken").is_true();
        if taken != wanted {
            return Err(format!("step {} was {}", number + 1, if taken { "taken" } else { "refused" }));
        }
        let alone = Client::builder().watch(false).bytes(source, bytes, format).build().is_ok();
        if alone != wanted {
            return Err(format!(
                "step {} on its own was {}",
                number + 1,
                if alone { "taken" } else { "refused" }
            ));
        }
    }
    Ok(client)
}

/// Flags written out again as plain flagd JSON.
fn exported(text: &str) -> String {
    let mut report = Report::new("flags".into(), Mode::Lenient);
    let set = flagcore::parse::flag_set(
        "flags".into(),
        text.as_bytes(),
        Format::Json,
        &Limits::default(),
        &mut report,
    );
    set.expect("the flags are taken").to_json().unwrap()
}

/// Runs a rule as the targeting of a flag whose only other variant is named like the wanted result.
fn rule(row: Node<'_>) -> Result<(), String> {
    row.only(&["id", "rule", "context", "gives", "fails", "same", "ours", "next", "why"]);
    let (rule, context) = (row.at("rule").written(), row.get("context"));
    let Some(gives) = row.get("gives") else {
        assert!(row.at("fails").is_true());
        return written::same("ERROR PARSE_ERROR".to_owned(), targeted(rule, "unused", context));
    };
    // The reference names a variant by the result's JSON text without its quotes.
    let name = gives.value().to_string().replace('"', "");
    let wanted = if gives.value().is_null() {
        "DEFAULT fallback".to_owned()
    } else {
        format!("TARGETING_MATCH {name}")
    };
    written::same(wanted, targeted(rule, &name, context))?;
    // The name of a variant does not tell `1` from `"1"`; comparing does.
    if matches!(gives.value(), Value::List(_) | Value::Structure(_)) {
        return Ok(());
    }
    let same = row.get("same").is_none_or(Node::is_true);
    let comparison = format!(r#"{{"===": [{rule}, {}]}}"#, gives.written());
    let found = targeted(&comparison, &same.to_string(), context);
    written::same(format!("TARGETING_MATCH {same}"), found)
        .map_err(|difference| format!("compared: {difference}"))
}

/// What a flag with this targeting and a variant of this name comes to.
fn targeted(rule: &str, variant: &str, context: Option<Node<'_>>) -> String {
    let variants = Value::structure([(variant, 1), ("fallback", 0)]);
    let flags = format!(
        r#"{{"flags": {{"k": {{"variants": {variants}, "defaultVariant": "fallback", "targeting": {rule}}}}}}}"#
    );
    let client = Client::from_json(&flags).unwrap_or_else(|error| panic!("{error}"));
    let context = context.map_or_else(EvaluationContext::empty, Node::context);
    let detail = client.integer_detail("k", &context, -1);
    match (detail.reason(), detail.error_code()) {
        (Reason::Error, code) => format!("ERROR {}", code.map_or("", ErrorCode::as_str)),
        (reason, None) => format!("{reason} {}", detail.variant().unwrap_or("(none)")),
        (reason, Some(code)) => format!("{reason} with {code}"),
    }
}

/// What is hashed for a split, as the trace of an evaluation tells it.
fn hash(row: Node<'_>) -> Result<(), String> {
    row.only(&["id", "bucketing", "value", "targetingKey", "hash"]);
    let bucketing: Bucketing = row.at("bucketing").text().parse().unwrap();
    let rule = match row.get("value") {
        Some(_) => r#"{"fractional": [{"var": "value"}, ["a", 1], ["b", 1]]}"#,
        None => r#"{"fractional": [["a", 1], ["b", 1]]}"#,
    };
    let flags = format!(r#"{{"flags": {{"k": {{"variants": {{"a": 1, "b": 2}}, "targeting": {rule}}}}}}}"#);
    let client = Client::builder()
        .watch(false)
        .bucketing(bucketing)
        .bytes("flags", flags, Format::Json)
        .build()
        .unwrap();
    let mut context = EvaluationContext::empty();
    for name in ["value", "targetingKey"] {
        if let Some(value) = row.get(name) {
            context.set(name, value.value());
        }
    }
    let why = client.snapshot().explain("k", &context);
    let split = why.split().ok_or_else(|| format!("no split:\n{why}"))?;
    let wanted = row.at("hash").written();
    written::same(wanted.to_owned(), split.hash.to_string())?;
    match (bucketing, row.get("value")) {
        (Bucketing::V2, Some(text)) => {
            written::same(wanted.to_owned(), Murmur::of(text.text().as_bytes()).to_string())
        }
        _ => Ok(()),
    }
}
