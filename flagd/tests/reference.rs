//! Every recorded evaluation of the reference, asked of the real binary over OFREP: status and body must be the same.
//!
//! The cases are in the folder that `FLAGD_REFERENCE` names. One daemon serves all configurations as one folder,
//! since their keys are unique; questions for all flags go to a daemon that serves their configuration alone.

#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use common::ofrep::{Answer, Connection, encoded};
use common::process::Process;
use flagcore::Value;
use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::{Document, NodeId};
use flagcore::value::Structure;

/// How many cases there are.
const CASES: usize = 14_272;
/// O1: objects of the context that the reference takes for rules, here of operators that do not exist.
const RUN_AS_RULES: usize = 15;
/// Threads that ask.
const ASKERS: usize = 2;

#[test]
fn every_case_of_the_reference_agrees_over_the_wire() {
    let Some(suite) = common::suite("FLAGD_REFERENCE") else { return };
    let configs = configs(&suite);
    let folder = tempfile::tempdir().unwrap();
    for config in &configs {
        std::fs::write(folder.path().join(format!("{}.json", config.id)), &config.text).unwrap();
    }
    let served = Process::start(&[folder.path()], &["--on-missing", "fail"]);
    let address = served.ofrep;
    let share = configs.len().div_ceil(ASKERS);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let ask = |configs| scope.spawn(move || ask(configs, Connection::open(address)));
        let askers: Vec<_> = configs.chunks(share).map(ask).collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    let mut tally = Tally::default();
    tallies.into_iter().for_each(|part| tally.add(part));
    tally.assert_complete();
}

/// Asks what is asked of some configurations.
fn ask(configs: &[Config], mut connection: Connection) -> Tally {
    let mut tally = Tally::default();
    for config in configs {
        let (all, single): (Vec<_>, Vec<_>) = config.questions.iter().partition(|question| question.all);
        for question in single {
            let path = format!("/ofrep/v1/evaluate/flags/{}", encoded(&question.flag));
            let answer = connection.request("POST", &path, &[], &question.body());
            tally.record(question, &found(&answer, &question.flag));
        }
        if !all.is_empty() {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("flags.json");
            std::fs::write(&file, &config.text).unwrap();
            let alone = Process::start(&[&file], &["--on-missing", "fail"]);
            let mut connection = Connection::open(alone.ofrep);
            for question in all {
                let answer = connection.request("POST", "/ofrep/v1/evaluate/flags", &[], &question.body());
                tally.record(question, &found(&answer, ""));
            }
        }
    }
    tally
}

/// A flag configuration, and what was asked of it.
struct Config {
    id: String,
    text: String,
    questions: Vec<Question>,
}

/// A question, and what the reference answered.
struct Question {
    id: String,
    tag: String,
    flag: String,
    all: bool,
    /// The context as it was written.
    context: String,
    wanted: Value<'static>,
    next: Option<Value<'static>>,
}

impl Question {
    fn body(&self) -> Vec<u8> {
        format!("{{\"context\":{}}}", self.context).into_bytes()
    }
}

fn configs(suite: &Path) -> Vec<Config> {
    let mut configs: Vec<Config> = Vec::new();
    for file in ["realistic.jsonl.gz", "adversarial.jsonl.gz"] {
        let file = std::fs::File::open(suite.join(file)).unwrap();
        for line in BufReader::new(flate2::read::GzDecoder::new(file)).lines() {
            // With our own reader: there are texts in it that `serde_json` refuses.
            let document = parsed(line.unwrap().as_bytes());
            let member = |name: &str| member(&document, name);
            let text = |name: &str| document.as_str(member(name).unwrap()).unwrap().to_owned();
            let written = |node: NodeId| document.text()[document.span(node).range()].to_owned();
            if let Some(config) = member("config") {
                configs.push(Config { id: text("id"), text: written(config), questions: Vec::new() });
                continue;
            }
            let question = Question {
                id: text("id"),
                tag: text("tag"),
                flag: text("flag"),
                all: text("type") == "all",
                context: written(member("context").unwrap()),
                wanted: wanted(&document.to_value(member("wire").unwrap())),
                next: member("next").map(|next| document.to_value(next)),
            };
            configs.last_mut().expect("a configuration comes first").questions.push(question);
        }
    }
    configs
}

fn parsed(text: &[u8]) -> Document {
    let source: Arc<str> = "case".into();
    let mut report = Report::new(source.clone(), Mode::Lenient);
    let document = flagcore::parse::json::parse(source, text, &Limits::default(), &mut report);
    document.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(text)))
}

fn member(document: &Document, name: &str) -> Option<NodeId> {
    let members = document.members_of(document.root());
    members.iter().find(|member| document.resolve(member.name) == name).map(|member| member.value)
}

/// A recorded answer, in the form of those that are found.
fn wanted(wire: &Value<'static>) -> Value<'static> {
    let Some(Value::List(items)) = structure(wire).get("flags") else { return with_metadata(wire) };
    let by_key = items.iter().map(|item| {
        let key = structure(item).get("key").and_then(Value::as_str).unwrap();
        (key.to_owned(), with_metadata(&without(item, "key")))
    });
    let status = structure(wire).get("status").cloned().unwrap();
    Value::structure([("status", status), ("flags", Value::structure(by_key))])
}

/// An answer as it is compared: status and all fields but those that repeat the question or are for people.
fn found(answer: &Answer, key: &str) -> Value<'static> {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = parsed(&answer.body);
    let body = document.to_value(document.root());
    let status = Value::from(f64::from(answer.status));
    if let Some(Value::List(items)) = structure(&body).get("flags") {
        assert_eq!(structure(&body).get("metadata"), Some(&Value::structure([("", 0); 0])));
        let by_key = items.iter().map(|item| {
            let key = structure(item).get("key").and_then(Value::as_str).unwrap();
            (key.to_owned(), told(item, key))
        });
        return Value::structure([("status", status), ("flags", Value::structure(by_key))]);
    }
    let told = told(&body, key);
    let members = structure(&told).iter().map(|(name, value)| (name.to_owned(), value.clone()));
    Value::structure(members.chain([("status".to_owned(), status)]))
}

/// An answer about one flag without what repeats the question, which must be right.
fn told(item: &Value<'static>, key: &str) -> Value<'static> {
    let members = structure(item);
    assert_eq!(members.get("key").and_then(Value::as_str), Some(key));
    let code = members.get("errorCode").and_then(Value::as_str);
    let details = match code {
        None => None,
        Some("FLAG_NOT_FOUND") => Some(format!("flag `{key}` does not exist")),
        Some("PARSE_ERROR") => Some(format!("error parsing the flag `{key}`")),
        Some(_) => Some("error processing the flag for evaluation".to_owned()),
    };
    assert_eq!(members.get("errorDetails").and_then(Value::as_str), details.as_deref(), "{item}");
    assert!(members.get("metadata").is_some(), "{item}");
    without(&without(item, "key"), "errorDetails")
}

/// The reference's record leaves empty metadata out.
fn with_metadata(answer: &Value<'static>) -> Value<'static> {
    if structure(answer).get("metadata").is_some() {
        return answer.clone();
    }
    let members = structure(answer).iter().map(|(name, value)| (name.to_owned(), value.clone()));
    Value::structure(members.chain([("metadata".to_owned(), Value::structure([("", 0); 0]))]))
}

fn without(value: &Value<'static>, name: &str) -> Value<'static> {
    let members = structure(value).iter().filter(|(known, _)| *known != name);
    Value::structure(members.map(|(name, value)| (name.to_owned(), value.clone())))
}

fn structure<'v, 'a>(value: &'v Value<'a>) -> &'v Structure<'a> {
    value.as_structure().unwrap_or_else(|| panic!("{value} is no structure"))
}

/// What came of all cases.
#[derive(Default)]
struct Tally {
    /// Agreement and cases by tag.
    by_tag: BTreeMap<String, (usize, usize)>,
    cases: usize,
    next: usize,
    run_as_rules: usize,
    differences: Vec<String>,
}

impl Tally {
    fn record(&mut self, question: &Question, found: &Value<'static>) {
        let (agree, cases) = self.by_tag.entry(question.tag.clone()).or_default();
        self.cases += 1;
        *cases += 1;
        *agree += 1;
        if *found == question.wanted {
        } else if was_run_as_rule(question, found) {
            self.run_as_rules += 1;
        } else if question.next.as_ref().is_some_and(|next| agrees_with_next(next, found)) {
            self.next += 1;
        } else {
            *agree -= 1;
            let Question { id, tag, context, wanted, .. } = question;
            self.differences.push(format!(
                "{id} ({tag})\n  context   {context}\n  reference {wanted}\n  ours      {found}"
            ));
        }
    }

    fn add(&mut self, other: Self) {
        for (tag, (agree, cases)) in other.by_tag {
            let sum = self.by_tag.entry(tag).or_default();
            *sum = (sum.0 + agree, sum.1 + cases);
        }
        self.cases += other.cases;
        self.next += other.next;
        self.run_as_rules += other.run_as_rules;
        self.differences.extend(other.differences);
    }

    fn assert_complete(&self) {
        use std::fmt::Write;
        let mut table = format!("{:<16} {:>6} {:>6}\n", "tag", "agree", "cases");
        for (tag, (agree, cases)) in &self.by_tag {
            writeln!(table, "{tag:<16} {agree:>6} {cases:>6}").unwrap();
        }
        let agree = self.cases - self.differences.len();
        let Tally { cases, next, run_as_rules, .. } = self;
        common::tell(&format!(
            "{table}over OFREP {agree} of {cases} agree; as the reference's next version: {next}; data is no rule (O1): {run_as_rules}"
        ));
        let differences = self.differences.join("\n");
        assert!(self.differences.is_empty(), "{} differ:\n{differences}", self.differences.len());
        assert_eq!(
            (*cases, *run_as_rules),
            (CASES, RUN_AS_RULES),
            "all cases, and the differences we choose"
        );
    }
}

/// O1: the reference failed to run an object of the context; to us it is a value that names no variant.
fn was_run_as_rule(question: &Question, found: &Value<'static>) -> bool {
    let code = |answer: &Value<'static>| {
        structure(answer).get("errorCode").and_then(Value::as_str).map(str::to_owned)
    };
    let context = parsed(question.context.as_bytes());
    (code(&question.wanted).as_deref(), code(found).as_deref()) == (Some("PARSE_ERROR"), Some("GENERAL"))
        && holds_lone_member(&context.to_value(context.root()))
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

fn agrees_with_next(next: &Value<'static>, found: &Value<'static>) -> bool {
    let (next, found) = (structure(next), structure(found));
    match next.get("errorCode") {
        Some(code) => found.get("errorCode") == Some(code),
        None => ["variant", "reason"].iter().all(|name| next.get(name) == found.get(name)),
    }
}
