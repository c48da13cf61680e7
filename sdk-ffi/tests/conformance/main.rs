//! The corpus of `flags/conformance` and every recorded evaluation of the reference through the C ABI: each answer is that
//! of the Rust API, in every way to ask.
//!
//! The cases of the reference are in the folder that `FLAGD_REFERENCE` names.

mod caller;
#[path = "../../../flagcore/tests/common/cases.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod cases;
#[path = "../../../flagcore/tests/common/data.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod data;
mod told;
#[path = "../../../flagcore/tests/common/verdict.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod verdict;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use caller::{Attributes, Caller, Counts, Setup};
use cases::{structure, text};
use data::{Data, Node};
use flagcore::model::Format;
use flagcore::value::Structure;
use flagcore::{Client, EvaluationContext, Selector, Snapshot, Value};
use told::Told;
use verdict::{Tally, each_case};

/// How many files and cases the corpus has.
const CORPUS: (usize, usize) = (23, 1_138);

#[test]
fn every_case_of_the_corpus_holds() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let (mut cases, mut counts) = (0, Counts::default());
    for file in &files {
        let data = Data::open(file);
        for group in data.root().at("groups").items() {
            let mut sides = Sides::of(&setup(group));
            for case in group.at("cases").items() {
                cases += 1;
                let place = format!("{} {}", file.display(), case.at("id").text());
                hold(&mut sides, case, &place);
            }
            counts += sides.c.counts;
        }
    }
    assert_eq!((files.len(), cases), CORPUS);
    // One context is deeper than any may be.
    assert_eq!(counts, Counts { refused: 1, refused_as_json: 1, nested: 120 });
}

#[test]
fn every_case_of_the_reference_agrees() {
    let Some(folder) = suite("FLAGD_REFERENCE") else { return };
    let mut tally = Tally::default();
    let counts = RefCell::new(Counts::default());
    let load = |_: &str, text: &str| {
        let sources = vec![("flags".to_owned(), text.as_bytes().to_vec(), Format::Json)];
        RefCell::new(Sides::of(&Setup { sources, ..Setup::default() }))
    };
    each_case(&folder, load, |sides, recorded| {
        let (mut sides, case) = (sides.borrow_mut(), structure(recorded));
        let (key, asked) = (text(case, "flag"), text(case, "type"));
        // To the reference a context that is no object is an empty one.
        let members = case.get("context").unwrap().as_structure();
        let attributes = members.into_iter().flat_map(Structure::iter);
        let attributes: Attributes =
            attributes.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        let before = sides.c.counts;
        sides.know(&attributes);
        *counts.borrow_mut() += sides.c.counts.since(before);
        let all = sides.ask_all(None, text(case, "id"));
        let found = if asked == "all" {
            Value::structure(all.iter().map(|(key, told)| (key.clone(), told.recorded_among_all())))
        } else {
            sides.ask(None, key, asked, &fallback(asked), text(case, "id")).recorded()
        };
        tally.record(recorded, &found);
    });
    tally.assert_complete();
    assert_eq!(counts.into_inner(), Counts { refused: 0, refused_as_json: 0, nested: 13_594 });
}

/// The same flags on both sides, and the same context.
struct Sides {
    snapshot: Arc<Snapshot>,
    known: EvaluationContext<'static>,
    c: Caller,
}

impl Sides {
    fn of(setup: &Setup) -> Self {
        let mut builder = Client::builder().watch(false);
        for (name, content, format) in &setup.sources {
            builder = builder.bytes(name, content.clone(), *format);
        }
        if let Some(number) = setup.bucketing {
            builder = builder.bucketing(format!("v{number}").parse().unwrap());
        }
        if let Some(global) = &setup.global {
            builder = builder.global(context(global));
        }
        if let Some(overrides) = &setup.overrides {
            builder = builder.overrides(context(overrides));
        }
        let snapshot = builder.build().unwrap_or_else(|error| panic!("{error}")).snapshot();
        Self { snapshot, known: EvaluationContext::empty(), c: Caller::open(setup) }
    }

    fn know(&mut self, attributes: &Attributes) {
        self.known = context(attributes);
        self.c.know(attributes);
    }

    /// What both sides tell of one flag.
    fn ask(
        &self,
        selector: Option<&str>,
        key: &str,
        asked: &str,
        default: &Value<'static>,
        place: &str,
    ) -> Told {
        let told = match selector {
            Some(selector) => self.c.ask_selected(selector, key, asked, default),
            None => self.c.ask(key, asked, default),
        };
        let wanted = self.core(selector, key, asked, default);
        assert_eq!(told.to_string(), wanted.to_string(), "{place}: the C ABI, and the Rust API");
        if selector.is_none() {
            if let Some(json) = self.c.ask_in_json(key) {
                let wanted = self.core(None, key, "any", &Value::Null).in_json(key);
                assert_eq!(json.to_string(), wanted.to_string(), "{place}: in JSON, and the Rust API");
            }
            let is_there = told.code.as_deref() != Some("FLAG_NOT_FOUND");
            // A rule may look at the clock, which goes on between two questions.
            let is_explained = (0..3).any(|_| {
                let why = self.snapshot.explain(key, &self.known);
                self.c.explain(key, is_there) == [why.to_string(), why.to_json().to_string()]
            });
            assert!(is_explained, "{place}: explanations differ: {:?}", self.c.explain(key, is_there));
        }
        told
    }

    /// What both sides tell of all flags.
    fn ask_all(&self, selector: Option<&str>, place: &str) -> Vec<(String, Told)> {
        let told = self.c.ask_all(selector);
        let chosen: Selector = selector.unwrap_or("").parse().unwrap();
        let view = self.snapshot.view(&chosen);
        let owned = |key: &str, told: Told| (key.to_owned(), told);
        let wanted: Vec<(String, Told)> = match selector {
            Some(_) => view
                .evaluate_all(&self.known)
                .map(|(key, it)| owned(key, Told::of(&it, Value::clone)))
                .collect(),
            None => {
                let all = self.snapshot.evaluate_all(&self.known);
                all.map(|(key, it)| owned(key, Told::of(&it, Value::clone))).collect()
            }
        };
        let lines = |all: &[(String, Told)]| -> Vec<String> {
            all.iter().map(|(key, told)| format!("{key}: {told}")).collect()
        };
        assert_eq!(lines(&told), lines(&wanted), "{place}: all flags, by the C ABI and by the Rust API");
        told
    }

    /// What the Rust API tells of one flag.
    fn core(&self, selector: Option<&str>, key: &str, asked: &str, default: &Value<'static>) -> Told {
        let chosen: Option<Selector> = selector.map(|selector| selector.parse().unwrap());
        macro_rules! ask {
            ($type:ty, $method:ident, $default:expr, $owned:expr) => {{
                let default = $default;
                match &chosen {
                    Some(chosen) => Told::of(
                        &self.snapshot.view(chosen).detail::<$type>(key, &self.known, default),
                        $owned,
                    ),
                    None => Told::of(&self.snapshot.$method(key, &self.known, default), $owned),
                }
            }};
        }
        match asked {
            "boolean" => ask!(bool, bool_detail, default.as_bool().unwrap(), Value::from),
            "string" => {
                ask!(str, string_detail, default.as_str().unwrap(), |text| Value::from(text.to_owned()))
            }
            "integer" => ask!(i64, integer_detail, default.as_f64().unwrap() as i64, Value::from),
            "float" => ask!(f64, float_detail, default.as_f64().unwrap(), Value::from),
            "object" => ask!(Structure<'static>, object_detail, default.as_structure().unwrap(), |object| {
                Value::Structure(object.clone())
            }),
            "any" => ask!(Value<'static>, any_detail, default, Value::clone),
            other => panic!("`{other}` is no type to ask for"),
        }
    }
}

/// Asks what a case of the corpus asks, and holds the answer to what is written there.
fn hold(sides: &mut Sides, case: Node<'_>, place: &str) {
    let attributes = case.get("context").map_or_else(Vec::new, attributes);
    sides.know(&attributes);
    let selector = case.get("selector").map(Node::text);
    let all = sides.ask_all(selector, place);
    let (wanted, found): (Vec<String>, Vec<String>) = if case.get("all").is_some_and(Node::is_true) {
        let wanted = case.at("expect").items();
        (
            wanted.map(|item| format!("{}: {}", item.at("flag").text(), expected(item))).collect(),
            all.iter().map(|(key, told)| format!("{key}: {}", written(told))).collect(),
        )
    } else {
        let (key, asked) = (case.at("flag").text(), case.at("type").text());
        let told = sides.ask(selector, key, asked, &case.at("default").value(), place);
        (vec![expected(case.at("expect"))], vec![written(&told)])
    };
    assert_eq!(found, wanted, "{place}");
}

/// The answer that is written in the corpus, as a text. Where no value is given there is none.
fn expected(expect: Node<'_>) -> String {
    let value = expect.get("value").map_or(Value::Null, Node::value);
    let variant = expect.get("variant").map(Node::text);
    let code = expect.get("errorCode").map(Node::text);
    let metadata = expect.get("metadata").map_or_else(|| "{}".to_owned(), |it| it.value().to_string());
    format!("{value} {variant:?} {} {code:?} {metadata}", expect.at("reason").text())
}

/// An answer as the same text.
fn written(told: &Told) -> String {
    let Told { value, variant, reason, code, metadata, .. } = told;
    let (variant, code) = (variant.as_deref(), code.as_deref());
    format!("{value} {variant:?} {reason} {code:?} {metadata}")
}

/// What the clients of a group are made of.
fn setup(group: Node<'_>) -> Setup {
    let source = |name: &str, set: Node<'_>| match set.as_text() {
        Some(file) => {
            let path = folder().join(file);
            (name.to_owned(), std::fs::read(&path).unwrap(), Format::of_path(&path).unwrap())
        }
        None => (name.to_owned(), set.written().as_bytes().to_vec(), Format::Json),
    };
    let sources = match group.get("sources") {
        Some(sources) => sources.items().map(|it| source(it.at("name").text(), it.at("flagSet"))).collect(),
        None => vec![source("flags", group.at("flagSet"))],
    };
    Setup {
        sources,
        bucketing: group.get("bucketing").map(|it| it.text().trim_start_matches('v').parse().unwrap()),
        global: group.get("global").map(attributes),
        overrides: group.get("overrides").map(attributes),
    }
}

fn attributes(members: Node<'_>) -> Attributes {
    members.members().map(|(name, value)| (name.to_owned(), value.value())).collect()
}

/// The context of the Rust API.
fn context(attributes: &Attributes) -> EvaluationContext<'static> {
    let mut context = EvaluationContext::empty();
    for (name, value) in attributes {
        context.set(name.clone(), value.clone());
    }
    context
}

/// A fallback of the type that is asked for.
fn fallback(asked: &str) -> Value<'static> {
    match asked {
        "boolean" => false.into(),
        "string" => "".into(),
        "integer" | "float" => 0.into(),
        "object" => Value::structure([("", 0); 0]),
        _ => Value::Null,
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../flags/conformance")
}

/// The folder that an environment variable names.
///
/// Without it the test says that it is skipped; with `FLAGD_REQUIRE=all` that is a failure.
fn suite(variable: &str) -> Option<PathBuf> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else {
        let required = std::env::var("FLAGD_REQUIRE").is_ok_and(|required| required == "all");
        assert!(!required, "FLAGD_REQUIRE=all, but {variable} is not set");
        tell(&format!("skipped: set {variable} to the folder of the suite to run this test"));
        return None;
    };
    // Tests run in the folder of their crate; people name folders from where they stand.
    let path = PathBuf::from(path);
    let from_root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&path);
    let found = [path.clone(), from_root].into_iter().find(|path| path.is_dir());
    Some(found.unwrap_or_else(|| panic!("{variable} names {}, which is no folder", path.display())))
}

/// Says something that is seen whether or not the test passes.
fn tell(text: &str) {
    eprintln!("{text}");
}
