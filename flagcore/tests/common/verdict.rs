//! Whether an answer is the reference's, or differs from it in a way that we choose.

use std::collections::BTreeMap;
use std::path::Path;

use flagcore::Value;

use super::cases::{Case, lines, structure, text, without};

/// O16: numbers beyond i64 asked for as integers.
const SATURATED: usize = 105;
/// O1: objects of the context that the reference takes for rules, here of operators that do not exist.
const RUN_AS_RULES: usize = 15;
/// How many cases there are.
pub(crate) const CASES: usize = 14_272;

/// How an answer compares with a recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Agrees,
    /// O16: beyond i64 the reference gives the smallest integer, we saturate.
    Saturated,
    /// O1: what is data to us was a rule to the reference.
    RunAsRule,
    /// As the reference's next version, which was recorded where it differs.
    Next,
    Differs,
}

impl Verdict {
    /// The verdict on what was found for a case.
    pub(crate) fn of(case: &Value<'_>, found: &Value<'_>) -> Self {
        let (wanted, case) = (wanted(case), structure(case));
        if *found == wanted {
            Verdict::Agrees
        } else if text(case, "type") == "integer" && beyond_i64(&wanted, found) {
            Verdict::Saturated
        } else if holds_lone_member(case.get("context").unwrap()) && was_run_as_rule(&wanted, found) {
            Verdict::RunAsRule
        } else if case.get("next").is_some_and(|next| agrees_with_next(next, found)) {
            Verdict::Next
        } else {
            Verdict::Differs
        }
    }
}

/// What the reference answered to a case.
fn wanted(case: &Value<'_>) -> Value<'static> {
    let case = structure(case);
    match text(case, "type") {
        "all" => wanted_of_all(case.get("wire").unwrap()),
        asked => wanted_of_one(case.get("expect").unwrap(), asked),
    }
}

fn wanted_of_one(expect: &Value<'_>, asked: &str) -> Value<'static> {
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
fn wanted_of_all(wire: &Value<'_>) -> Value<'static> {
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
    number(wanted) == Some(i64::MIN as f64)
        && number(found).is_some_and(|found| found.abs() >= i64::MAX as f64)
}

/// Whether a context holds an object of one member, which has the shape of a rule.
fn holds_lone_member(context: &Value<'_>) -> bool {
    match context {
        Value::Structure(members) => {
            members.len() == 1 || members.iter().any(|(_, value)| holds_lone_member(value))
        }
        Value::List(items) => items.iter().any(holds_lone_member),
        _ => false,
    }
}

/// The reference failed to run an object of the context; to us it is a value that names no variant.
fn was_run_as_rule(wanted: &Value<'_>, found: &Value<'_>) -> bool {
    let code = |answer: &Value<'_>| structure(answer).get("errorCode").map(ToString::to_string);
    (code(wanted).as_deref(), code(found).as_deref()) == (Some("\"PARSE_ERROR\""), Some("\"GENERAL\""))
}

/// The reference's next version was recorded over the wire.
fn agrees_with_next(next: &Value<'_>, found: &Value<'_>) -> bool {
    let (next, found) = (structure(next), structure(found));
    match next.get("errorCode") {
        Some(code) => found.get("errorCode") == Some(code),
        None => ["variant", "reason"].iter().all(|name| next.get(name) == found.get(name)),
    }
}

/// A case that is answered differently, for people.
fn difference(case: &Value<'_>, found: &Value<'_>) -> String {
    let (wanted, case) = (wanted(case), structure(case));
    let (id, tag, asked) = (text(case, "id"), text(case, "tag"), text(case, "type"));
    let context = case.get("context").unwrap();
    format!("{id} ({tag}, {asked})\n  context   {context}\n  reference {wanted}\n  ours      {found}")
}

/// What came of all cases.
#[derive(Default)]
pub(crate) struct Tally {
    cases: usize,
    by_tag: BTreeMap<String, (usize, usize)>,
    next: usize,
    saturated: usize,
    run_as_rules: usize,
    differences: Vec<String>,
}

impl Tally {
    /// Counts one case.
    pub(crate) fn record(&mut self, case: &Value<'static>, found: &Value<'_>) {
        let (agree, cases) = self.by_tag.entry(text(structure(case), "tag").to_owned()).or_default();
        let verdict = Verdict::of(case, found);
        self.cases += 1;
        *cases += 1;
        *agree += usize::from(verdict != Verdict::Differs);
        match verdict {
            Verdict::Agrees => {}
            Verdict::Saturated => self.saturated += 1,
            Verdict::RunAsRule => self.run_as_rules += 1,
            Verdict::Next => self.next += 1,
            Verdict::Differs => self.differences.push(difference(case, found)),
        }
    }

    /// Prints the agreement by tag, and fails unless it is complete.
    pub(crate) fn assert_complete(&self) {
        self.print();
        assert_eq!(self.cases, CASES, "all cases were there");
        let differences = self.differences.join("\n");
        assert!(self.differences.is_empty(), "{} of {CASES} differ:\n{differences}", self.differences.len());
        assert_eq!(
            (self.saturated, self.run_as_rules),
            (SATURATED, RUN_AS_RULES),
            "the differences we choose"
        );
    }

    fn print(&self) {
        use std::fmt::Write;
        let mut table = format!("{:<16} {:>6} {:>6}\n", "tag", "agree", "cases");
        let agree: usize = self.by_tag.values().map(|(agree, _)| agree).sum();
        let all = ("all".to_owned(), (agree, self.cases));
        for (tag, (agree, cases)) in self.by_tag.clone().into_iter().chain([all]) {
            writeln!(table, "{tag:<16} {agree:>6} {cases:>6}").unwrap();
        }
        let (next, saturated, run) = (self.next, self.saturated, self.run_as_rules);
        super::tell(&format!(
            "{table}of these as the reference's next version: {next}; saturated (O16): {saturated}; data is no rule (O1): {run}"
        ));
    }
}

/// Goes through the recordings: each configuration is loaded, each question answered with what was loaded last.
pub(crate) fn each_case<L>(
    folder: &Path,
    mut load: impl FnMut(&str, &str) -> L,
    mut ask: impl FnMut(&L, &Value<'static>),
) {
    for file in ["realistic.jsonl.gz", "adversarial.jsonl.gz"] {
        let mut loaded = None;
        for line in lines(&folder.join(file)) {
            match Case::read(&line.unwrap()) {
                Case::Config { id, text } => loaded = Some(load(&id, &text)),
                Case::Question(case) => ask(loaded.as_ref().expect("a configuration comes first"), &case),
            }
        }
    }
}
