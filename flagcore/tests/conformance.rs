//! The corpus of `flags/conformance`, which says in plain data what every way into this project must answer.
//!
//! Its `README.md` explains the form. Expected answers are worked out from flagd's rules, never recorded from us.

// A build without YAML cannot run all of it: the samples of the corpus are YAML.
#![cfg(feature = "yaml")]

mod common;

use std::collections::HashSet;
use std::path::PathBuf;

use common::data::{Data, Node};
use common::written;
use flagcore::model::Format;
use flagcore::{Client, Value};

/// How many cases each file holds.
const CASES: &[(&str, usize)] = &[
    ("static.json", 38),
    ("state.json", 18),
    ("default-variant.json", 26),
    ("rule-result.json", 50),
    ("types.json", 65),
    ("errors.json", 25),
    ("attributes.json", 61),
    ("logic.json", 78),
    ("comparison.json", 100),
    ("arithmetic.json", 54),
    ("text.json", 77),
    ("lists.json", 115),
    ("versions.json", 61),
    ("fractional-v2.json", 107),
    ("fractional-v1.json", 37),
    ("fractional-v3.json", 66),
    ("flagd-properties.json", 18),
    ("evaluators.json", 27),
    ("metadata.json", 15),
    ("selectors.json", 31),
    ("context.json", 49),
    ("evaluate-all.json", 5),
    ("samples.json", 15),
];

#[test]
fn every_case_of_the_corpus_holds() {
    let mut failures = Vec::new();
    for (file, wanted) in CASES {
        let data = Data::open(&folder().join(file));
        let cases = run(&data, |id, difference| failures.push(format!("{file} {id}: {difference}")));
        assert_eq!(cases, *wanted, "{file} has all its cases");
    }
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_file_of_the_corpus_is_run() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    let mut known: Vec<String> = CASES.iter().map(|(file, _)| (*file).to_owned()).collect();
    files.sort();
    known.sort();
    assert_eq!(files, known);
}

#[test]
fn the_corpus_keeps_to_the_form_that_its_readme_promises() {
    for (file, _) in CASES {
        let data = Data::open(&folder().join(file));
        let groups = data.root().at("groups").items();
        let mut ids = HashSet::new();
        for case in groups.flat_map(|group| group.at("cases").items()) {
            let id = case.at("id").text();
            assert!(ids.insert(id.to_owned()), "{file} has two cases {id}");
            form(case).unwrap_or_else(|fault| panic!("{file} {id}: {fault}"));
        }
    }
}

#[test]
fn the_example_in_the_readme_is_a_file_of_the_corpus() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let (_, example) = readme.split_once("```json\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let cases = run(&Data::of("README.md", example), |id, difference| panic!("{id}: {difference}"));
    assert_eq!(cases, 1);
}

fn folder() -> PathBuf {
    common::flags().join("conformance")
}

/// Asks all questions of a file, and tells how many there were.
fn run(data: &Data, mut differs: impl FnMut(&str, String)) -> usize {
    let mut cases = 0;
    data.root().only(&["about", "groups"]);
    for group in data.root().at("groups").items() {
        let client = client(group);
        for case in group.at("cases").items() {
            cases += 1;
            case.only(&["id", "flag", "type", "default", "all", "context", "selector", "expect"]);
            if let Err(difference) = written::check(&client, case) {
                differs(case.at("id").text(), difference);
            }
        }
    }
    cases
}

/// What a runner in another language may rely on, beside the names of the members.
fn form(case: Node<'_>) -> Result<(), String> {
    if case.get("all").is_some_and(Node::is_true) {
        let lone = ["flag", "type", "default"].iter().find(|name| case.get(name).is_some());
        return lone.map_or(Ok(()), |name| Err(format!("`{name}` beside `all`")));
    }
    let (expect, asked) = (case.at("expect"), case.at("type").text());
    let (value, reason) = (expect.at("value").value(), expect.at("reason").text());
    let given = expect.get("variant").is_some() && reason != "ERROR";
    if !given && value != case.at("default").value() {
        return Err("without a variant the value is the caller's default".to_owned());
    }
    if (reason == "ERROR") != expect.get("errorCode").is_some() {
        return Err("an error code belongs to the reason `ERROR`".to_owned());
    }
    let fits = |value: &Value<'_>| match asked {
        "boolean" => value.as_bool().is_some(),
        "string" => value.as_str().is_some(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "float" => value.as_f64().is_some(),
        "object" => value.as_structure().is_some(),
        _ => asked == "any",
    };
    if fits(&value) && fits(&case.at("default").value()) { Ok(()) } else { Err(format!("no {asked}")) }
}

/// The client that the cases of a group ask.
fn client(group: Node<'_>) -> Client {
    group.only(&["name", "flagSet", "sources", "bucketing", "global", "overrides", "cases"]);
    let mut builder = Client::builder().watch(false);
    let mut add = |name: &str, set: Node<'_>| {
        let (bytes, format) = match set.as_text() {
            Some(file) => {
                let path = folder().join(file);
                let format = Format::of_path(&path).unwrap_or_else(|| panic!("{file} is no flag file"));
                (std::fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}")), format)
            }
            None => (set.written().as_bytes().to_vec(), Format::Json),
        };
        builder = std::mem::take(&mut builder).bytes(name, bytes, format);
    };
    match group.get("sources") {
        Some(sources) => sources.items().for_each(|it| add(it.at("name").text(), it.at("flagSet"))),
        None => add("flags", group.at("flagSet")),
    }
    if let Some(bucketing) = group.get("bucketing") {
        builder = builder.bucketing(bucketing.text().parse().expect("a generation of bucketing"));
    }
    if let Some(context) = group.get("global") {
        builder = builder.global(context.context());
    }
    if let Some(context) = group.get("overrides") {
        builder = builder.overrides(context.context());
    }
    builder.build().unwrap_or_else(|error| panic!("{}: {error}", group.at("name").text()))
}
