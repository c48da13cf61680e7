//! Flags that are written out as plain flagd JSON: the text is taken again without new complaints, answers the
//! same, and is written out the same.

mod common;

use std::collections::BTreeSet;

use common::cases::{answer_of, bulk_answers, context_of, structure, text};
use common::hostile;
use common::verdict::{CASES, each_case};
use flagcore::diagnostic::{Findings, Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::{FlagSet, Format};
use flagcore::{Client, EvaluationContext};

#[test]
fn every_configuration_of_the_reference_is_written_out_and_taken_again() {
    let Some(folder) = common::suite("FLAGD_REFERENCE") else { return };
    let (mut configurations, mut questions) = (0, 0);
    let load = |id: &str, text: &str| {
        configurations += 1;
        let (client, copy, _) = written_out(id, text.as_bytes(), Format::Json);
        (id.to_owned(), client.snapshot(), copy.snapshot())
    };
    each_case(&folder, load, |(id, original, copy), recorded| {
        questions += 1;
        let case = structure(recorded);
        let context = context_of(case.get("context").unwrap());
        let (key, asked) = (text(case, "flag"), text(case, "type"));
        let [one, other] = [original, copy].map(|snapshot| match asked {
            "all" => bulk_answers(snapshot, &context),
            _ => answer_of(snapshot, key, asked, &context),
        });
        assert_eq!(one, other, "{id} {key} as {asked} for {context:?}");
    });
    assert_eq!((configurations, questions), (774, CASES));
}

#[test]
fn every_sample_is_written_out_and_taken_again() {
    let mut samples = 0;
    for entry in std::fs::read_dir(common::flags()).unwrap() {
        let path = entry.unwrap().path();
        let Some(format) = Format::of_path(&path).filter(|_| path.is_file()) else { continue };
        samples += 1;
        let name = path.file_name().unwrap().to_string_lossy();
        let (client, _, set) = written_out(&name, &std::fs::read(&path).unwrap(), format);
        for key in ["user-1", "user-2", "user-3"] {
            let context = EvaluationContext::new(key).with("email", "ann@example.com").with("plan", "team");
            hostile::assert_written_out(&set, &client, &context);
        }
    }
    assert!(samples >= 5, "{samples} samples");
}

#[test]
fn references_are_written_out() {
    let check = |targeting: &str, wanted: &str| {
        let text = format!(
            r#"{{"$evaluators": {{"a": {{"==": [{{"var": "x"}}, 1.0]}}, "b": {{"!": {{"$ref": "a"}}}}, "loop": {{"or": [{{"$ref": "loop"}}]}}}},
               "flags": {{"f": {{"variants": {{"v": {{"$ref": "a"}}}}, "targeting": {targeting}}}}}}}"#
        );
        let written = common::read(&text).to_json().unwrap();
        let (_, found) = written.split_once("\"targeting\":").unwrap();
        assert_eq!(found, format!("{wanted}}}}}}}"));
        assert!(written.contains(r#""variants":{"v":{"==":[{"var":"x"},1]}}"#), "{written}");
    };
    check(r#"{"$ref": "a"}"#, r#"{"==":[{"var":"x"},1]}"#);
    check(r#"[{"$ref": "b"}, {"$ref": "a"}]"#, r#"[{"!":{"==":[{"var":"x"},1]}},{"==":[{"var":"x"},1]}]"#);
    // What names nothing, or leads back to itself, stays.
    check(r#"{"!": {"$ref": "nobody"}}"#, r#"{"!":{"$ref":"nobody"}}"#);
    check(r#"{"$ref": "loop"}"#, r#"{"or":[{"$ref":"loop"}]}"#);
}

#[test]
fn references_that_double_again_and_again_are_refused() {
    let evaluators: Vec<String> = (0..40)
        .map(|at| format!(r#""e{at}": {{"or": [{{"$ref": "e{}"}}, {{"$ref": "e{}"}}]}}"#, at + 1, at + 1))
        .collect();
    let bomb = format!(
        r#"{{"$evaluators": {{{}, "e40": {{"var": "x"}}}}, "flags": {{"f": {{"variants": {{"true": 1}}, "targeting": {{"$ref": "e0"}}}}}}}}"#,
        evaluators.join(", ")
    );
    let (set, findings) = read(bomb.as_bytes(), Format::Json);
    assert!(findings.is_refused());
    assert!(findings.diagnostics.iter().any(|it| it.code() == "too-many-nodes"), "{findings}");
    assert!(Client::from_json(&bomb).is_err());
    // Whoever takes the set all the same gets no more than the budget allows.
    assert!(set.is_none_or(|set| set.to_json().unwrap().len() < 10_000_000));
}

#[test]
fn a_text_behind_references_is_written_out_as_often_as_memory_allows() {
    let flag = |at| {
        format!(r#""f{at}": {{"variants": {{"a": {{"k": {{"$ref": "long"}}}}}}, "defaultVariant": "a"}}"#)
    };
    let long = "x".repeat(10_000);
    let read_with = |flags: usize, file_bytes: usize| {
        let flags: Vec<String> = (0..flags).map(flag).collect();
        let text = format!(r#"{{"$evaluators": {{"long": ["{long}"]}}, "flags": {{{}}}}}"#, flags.join(", "));
        assert!(text.len() < file_bytes);
        read_within(&text, file_bytes)
    };
    let (set, findings) = read_with(70, 100_000);
    assert!(!findings.is_refused(), "{findings}");
    assert!(set.unwrap().to_json().unwrap().len() > 700_000);
    let (_, findings) = read_with(90, 100_000);
    assert!(findings.is_refused() && findings.diagnostics[0].code() == "too-large", "{findings}");
}

/// Such a set is served, where nothing of what is inherited is kept twice; only its text would be too long.
#[test]
fn what_all_flags_inherit_is_written_out_as_often_as_memory_allows() {
    let file = |flags: usize| {
        let flag = |at| format!(r#""f{at}": {{"variants": {{"a": 1}}, "defaultVariant": "a"}}"#);
        let flags: Vec<String> = (0..flags).map(flag).collect();
        let metadata = "x".repeat(1_000);
        format!(r#"{{"metadata": {{"m": "{metadata}"}}, "flags": {{{}}}}}"#, flags.join(", "))
    };
    let written = |flags| {
        let (set, findings) = read_within(&file(flags), 50_000);
        assert!(!findings.is_refused(), "{findings}");
        set.unwrap().to_json()
    };
    assert!(written(350).unwrap().len() > 350_000);
    let error = written(500).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the flags take more than 400000 bytes with references and inherited metadata written out"
    );
    let limits = Limits { file_bytes: 50_000, ..Limits::default() };
    let client = Client::builder().bytes("flags", file(500), Format::Json).limits(limits).build().unwrap();
    assert_eq!(client.integer("f499", "", 0), 1);
}

#[test]
fn a_pinned_bucketing_is_written_out() {
    let split = r#"{"state": "ENABLED", "variants": {"x": 1, "y": 2, "z": 3}, "defaultVariant": "x",
        "targeting": {"fractional": [["x", 1], ["y", 1], ["z", 1]]}}"#;
    let file = |pinned: &str| format!(r#"{{{pinned} "flags": {{"f": {split}}}}}"#);
    let mut answers = BTreeSet::new();
    for generation in ["v1", "v2", "v3"] {
        let text = file(&format!(r#""bucketing": "{generation}","#));
        let (client, copy, _) = written_out(generation, text.as_bytes(), Format::Json);
        let answers_of = |client: &Client| -> Vec<i64> {
            (0..100).map(|user| client.integer("f", &format!("user-{user}"), 0)).collect()
        };
        assert_eq!(answers_of(&client), answers_of(&copy), "{generation}");
        answers.insert(answers_of(&client));
    }
    assert_eq!(answers.len(), 3);
    assert!(!common::read(&file("")).to_json().unwrap().contains("bucketing"));
}

/// A client of a file, one of what is written out of it, and the file's flags.
fn written_out(name: &str, bytes: &[u8], format: Format) -> (Client, Client, FlagSet) {
    let (set, findings) = read(bytes, format);
    let set = set.unwrap_or_else(|| panic!("{name}: {findings}"));
    let text = set.to_json().unwrap();
    let (again, new_findings) = read(text.as_bytes(), Format::Json);
    let again = again.unwrap_or_else(|| panic!("{name}: {new_findings}"));
    assert_eq!(again.to_json().unwrap(), text, "{name}: written out again");
    let codes =
        |findings: &Findings| -> BTreeSet<&str> { findings.diagnostics.iter().map(|it| it.code()).collect() };
    let (before, after) = (codes(&findings), codes(&new_findings));
    assert!(after.is_subset(&before), "{name}: {new_findings}\n{text}");
    let copy = Client::builder().bytes("copy", text, Format::Json).watch(false);
    let copy = copy.build().unwrap_or_else(|error| panic!("{name}: {error}"));
    let client =
        hostile::client(bytes, format, Mode::Lenient).unwrap_or_else(|error| panic!("{name}: {error}"));
    (client, copy, set)
}

fn read_within(text: &str, file_bytes: usize) -> (Option<FlagSet>, Findings) {
    let mut report = Report::new("flags".into(), Mode::Lenient);
    let limits = Limits { file_bytes, ..Limits::default() };
    let set = flagcore::parse::flag_set("flags".into(), text.as_bytes(), Format::Json, &limits, &mut report);
    (set, report.finish(text))
}

fn read(bytes: &[u8], format: Format) -> (Option<FlagSet>, Findings) {
    let mut report = Report::new("flags".into(), Mode::Lenient);
    let set = flagcore::parse::flag_set("flags".into(), bytes, format, &Limits::default(), &mut report);
    let text = String::from_utf8_lossy(bytes);
    (set, report.finish(&text))
}
