//! Every recorded evaluation of the reference: typed answers and metadata must be the same.
//!
//! The cases are in the folder that `FLAGD_REFERENCE` names: flag configurations, each followed by contexts
//! and what the reference answered. The only differences accepted are those of the project's own choice.

mod common;

use std::collections::BTreeMap;

use common::cases::{Case, answer_of, bulk_answers, context_of, structure, text, without};
use flagcore::model::Format;
use flagcore::{Client, Snapshot, Value};

const CASES: usize = 14_272;

#[test]
fn every_case_of_the_reference_agrees() {
    let Some(folder) = common::suite("FLAGD_REFERENCE") else { return };
    let mut tally = Tally::default();
    for file in ["realistic.jsonl.gz", "adversarial.jsonl.gz"] {
        let mut client = None;
        for line in common::cases::lines(&folder.join(file)) {
            match Case::read(&line.unwrap()) {
                Case::Config { id, text } => {
                    let loaded = Client::from_bytes(text, Format::Json);
                    client = Some(loaded.unwrap_or_else(|error| panic!("{id}: {error}")));
                }
                Case::Question(case) => {
                    let client: &Client = client.as_ref().expect("a configuration comes first");
                    tally.case(&case, &client.snapshot());
                }
            }
        }
    }
    tally.print();
    assert_eq!(tally.cases, CASES, "all cases were there");
    let differences = tally.differences.join("\n");
    assert!(tally.differences.is_empty(), "{} of {CASES} differ:\n{differences}", tally.differences.len());
}

#[derive(Default)]
struct Tally {
    cases: usize,
    by_tag: BTreeMap<String, (usize, usize)>,
    next: usize,
    saturated: usize,
    differences: Vec<String>,
}

impl Tally {
    fn case(&mut self, case: &Value<'static>, snapshot: &Snapshot) {
        self.cases += 1;
        let case = structure(case);
        let context = context_of(case.get("context").unwrap());
        let (key, asked) = (text(case, "flag"), text(case, "type"));
        let (wanted, found) = match asked {
            "all" => (bulk_wanted(case.get("wire").unwrap()), bulk_answers(snapshot, &context)),
            _ => (wanted(case.get("expect").unwrap(), asked), answer_of(snapshot, key, asked, &context)),
        };
        let tag = self.by_tag.entry(text(case, "tag").to_owned()).or_default();
        tag.1 += 1;
        if found == wanted {
            tag.0 += 1;
        } else if asked == "integer" && beyond_i64(&wanted, &found) {
            // O16: beyond i64 the reference gives the smallest integer, we saturate.
            tag.0 += 1;
            self.saturated += 1;
        } else if case.get("next").is_some_and(|next| agrees_with_next(next, &found)) {
            tag.0 += 1;
            self.next += 1;
        } else {
            let (id, tag) = (text(case, "id"), text(case, "tag"));
            let context = case.get("context").unwrap();
            self.differences
                .push(format!("{id} ({tag}, {asked})\n  context   {context}\n  reference {wanted}\n  ours      {found}"));
        }
    }

    fn print(&self) {
        println!("{:<16} {:>6} {:>6}", "tag", "agree", "cases");
        for (tag, (agree, cases)) in &self.by_tag {
            println!("{tag:<16} {agree:>6} {cases:>6}");
        }
        let agree: usize = self.by_tag.values().map(|(agree, _)| agree).sum();
        println!("{:<16} {agree:>6} {:>6}", "all", self.cases);
        println!("of these as the reference's next version: {}; saturated (O16): {}", self.next, self.saturated);
    }
}

fn wanted(expect: &Value<'_>, asked: &str) -> Value<'static> {
    let expect = structure(expect);
    let mut wanted: Vec<(String, Value<'static>)> =
        expect.iter().map(|(name, value)| (name.to_owned(), value.clone().into_owned())).collect();
    // `FALLBACK` is the reference's own word for "no default: the caller's value".
    if expect.get("reason").and_then(Value::as_str) == Some("FALLBACK") {
        wanted.retain(|(name, _)| name != "value");
        wanted.push(("reason".to_owned(), Value::from("DEFAULT")));
    }
    if let (Some(number), "integer") = (expect.get("value").and_then(Value::as_f64), asked) {
        wanted.push(("value".to_owned(), Value::from(number as i64)));
    }
    if expect.get("metadata").is_none() {
        wanted.push(("metadata".to_owned(), Value::structure([("", 0); 0])));
    }
    Value::structure(wanted)
}

/// The reference's answers for all flags, by key, as its wire tells them.
fn bulk_wanted(wire: &Value<'_>) -> Value<'static> {
    let items = structure(wire).get("flags").unwrap().as_list().unwrap();
    Value::structure(items.iter().map(|item| {
        let key = text(structure(item), "key").to_owned();
        let mut item = without(item, "key");
        if structure(&item).get("metadata").is_none() {
            let members = structure(&item).iter().map(|(name, value)| (name.to_owned(), value.clone()));
            item = Value::structure(members.chain([("metadata".to_owned(), Value::structure([("", 0); 0]))]));
        }
        (key, item)
    }))
}

fn beyond_i64(wanted: &Value<'_>, found: &Value<'_>) -> bool {
    let number = |answer: &Value<'_>| structure(answer).get("value").and_then(Value::as_f64);
    number(wanted) == Some(i64::MIN as f64) && number(found).is_some_and(|found| found.abs() >= i64::MAX as f64)
}

/// The reference's next version was recorded over the wire.
fn agrees_with_next(next: &Value<'_>, found: &Value<'_>) -> bool {
    let (next, found) = (structure(next), structure(found));
    match next.get("errorCode") {
        Some(code) => found.get("errorCode") == Some(code),
        None => ["variant", "reason"].iter().all(|name| next.get(name) == found.get(name)),
    }
}
