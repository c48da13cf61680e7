//! The compiled evaluator agrees with the specification on flag sets and contexts that were generated.
//!
//! The same cases in every run. `FLAGCORE_SEED=7` tries others, `PROPTEST_CASES=10000` more of them.

mod common;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use common::cases::{answer_of, bulk_answers, context_of};
use common::hostile;
use common::specification::{Json, Specification, as_told_in_bulk};
use common::strategies;
use flagcore::bucketing::Bucketing;
use flagcore::diagnostic::Mode;
use flagcore::model::Format;
use flagcore::{Client, Detail, ErrorCode, EvaluationContext, Selector, Snapshot, Value};
use proptest::collection::vec;
use proptest::prelude::{any, prop};
use proptest::prop_assert_eq;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

const TYPES: [&str; 6] = ["boolean", "string", "integer", "float", "object", "any"];

#[test]
fn compiled_flags_answer_as_the_specification_does() {
    let (evaluations, answers) = (Cell::new(0_u32), RefCell::new(BTreeMap::<String, u32>::new()));
    check(400, &(strategies::flag_set(), vec(strategies::context(), 4)), |(file, contexts)| {
        let text = file.encode().unwrap();
        let set = common::read(&text);
        for (_, bucketing) in Bucketing::NAMES {
            let specification = Specification::of(&set, bucketing);
            let client = client(&text, bucketing);
            let snapshot = client.snapshot();
            for context in &contexts {
                for key in keys(&file) {
                    for asked in TYPES {
                        let (found, wanted) = at_one_time(|now| {
                            let value = context.to_value();
                            let found = answer_of(&snapshot, key, asked, &context_of(&value));
                            (found, specification.answer(key, asked, context, now))
                        });
                        evaluations.set(evaluations.get() + 1);
                        if asked == "any" {
                            let told = wanted.error_code.unwrap_or(wanted.reason).to_owned();
                            *answers.borrow_mut().entry(told).or_default() += 1;
                        }
                        agree(&found, &wanted.to_value(), || {
                            format!(
                                "{key} as {asked}, {bucketing}, in {text}\nfor {}",
                                context.encode().unwrap()
                            )
                        })?;
                    }
                }
            }
        }
        Ok(())
    });
    let (evaluations, answers) = (evaluations.get(), answers.into_inner());
    common::tell(&format!("{evaluations} evaluations; asked for any type: {answers:?}"));
    assert!(evaluations >= 20_000, "{evaluations} evaluations");
    // What is generated must be worth it: all kinds of answers, and matches above all.
    let all: u32 = answers.values().sum();
    for (told, percent) in [("TARGETING_MATCH", 20), ("DEFAULT", 5), ("GENERAL", 1), ("PARSE_ERROR", 1)] {
        assert!(answers[told] * 100 >= all * percent, "{told} is rarer than {percent} %: {answers:?}");
    }
}

#[test]
fn all_flags_at_once_answer_as_each_alone_does() {
    check(100, &(strategies::flag_set(), vec(strategies::context(), 2)), |(file, contexts)| {
        let text = file.encode().unwrap();
        let specification = Specification::of(&common::read(&text), Bucketing::V2);
        let client = client(&text, Bucketing::V2);
        let snapshot = client.snapshot();
        for context in &contexts {
            let value = context.to_value();
            let (found, wanted) = at_one_time(|now| {
                let wanted = specification.all(context, now).into_iter();
                let wanted = wanted.map(|(key, answer)| (key.to_owned(), as_told_in_bulk(answer)));
                (bulk_answers(&snapshot, &context_of(&value)), Value::structure(wanted))
            });
            agree(&found, &wanted, || format!("all of {text}\nfor {}", context.encode().unwrap()))?;
        }
        Ok(())
    });
}

#[test]
fn a_view_answers_as_a_client_of_just_its_flags() {
    let files = vec(strategies::flag_set(), 2);
    check(60, &(files, strategies::context()), |(files, context)| {
        // One flag set each; the keys are the same.
        let texts: Vec<String> =
            files.iter().zip(["one", "two"]).map(|(file, id)| in_set(file, id).encode().unwrap()).collect();
        let mut both = Client::builder().watch(false);
        for (text, name) in texts.iter().zip(["first", "second"]) {
            both = both.bytes(name, text.as_str(), Format::Json);
        }
        let both = both.build().unwrap().snapshot();
        let value = context.to_value();
        for ((text, set), source) in texts.iter().zip(["one", "two"]).zip(["first", "second"]) {
            let alone = client(text, Bucketing::V2).snapshot();
            for selector in [Selector::flag_set(set), Selector::source(source)] {
                let context = context_of(&value);
                let told =
                    |answers: &mut dyn Iterator<Item = (&str, Detail<'_, Value<'static>, &Snapshot>)>| {
                        let told = answers.map(|(key, detail)| {
                            let value = detail.value().clone();
                            let variant = detail.variant().map(str::to_owned);
                            (key.to_owned(), value, variant, detail.reason(), detail.error_code())
                        });
                        told.collect::<Vec<_>>()
                    };
                let (found, wanted) = at_one_time(|_| {
                    (
                        told(&mut both.view(&selector).evaluate_all(&context)),
                        told(&mut alone.evaluate_all(&context)),
                    )
                });
                prop_assert_eq!(found, wanted, "{} of {:?} for {:?}", selector, texts, context);
            }
        }
        Ok(())
    });
}

#[test]
fn layers_answer_as_the_merged_context_does() {
    let contexts = vec(strategies::context(), 3);
    check(100, &(strategies::flag_set(), contexts), |(file, contexts)| {
        let text = file.encode().unwrap();
        let values: Vec<Value<'static>> = contexts.iter().map(Json::to_value).collect();
        let merged = contexts.iter().fold(BTreeMap::new(), |mut merged, context| {
            let Json::Object(members) = context else { unreachable!() };
            merged.extend(members.clone());
            merged
        });
        let merged = Json::Object(merged).to_value();
        let [global, own, overrides] = values.as_slice() else { unreachable!() };
        let builder = Client::builder().bytes("flags", text.as_str(), Format::Json).watch(false);
        let builder = builder.global(context_of(global).into_owned());
        let layered = builder.overrides(context_of(overrides).into_owned()).build().unwrap().snapshot();
        let plain = client(&text, Bucketing::V2).snapshot();
        for key in keys(&file) {
            let (found, wanted) = at_one_time(|_| {
                let found = answer_of(&layered, key, "any", &context_of(own));
                (found, answer_of(&plain, key, "any", &context_of(&merged)))
            });
            agree(&found, &wanted, || format!("{key} in {text}\nfor {global}, {own}, {overrides}"))?;
        }
        Ok(())
    });
}

#[test]
fn a_trace_tells_and_replays_the_answer() {
    check(120, &(strategies::flag_set(), vec(strategies::context(), 3)), |(file, contexts)| {
        let text = file.encode().unwrap();
        for (_, bucketing) in Bucketing::NAMES {
            let snapshot = client(&text, bucketing).snapshot();
            for context in &contexts {
                let value = context.to_value();
                at_one_time(|_| hostile::assert_answers(&snapshot, &context_of(&value)));
            }
        }
        Ok(())
    });
}

/// A case of seed 11: the key took the place of its split, without the pieces that it was joined from.
#[test]
fn a_trace_of_a_split_whose_key_cannot_be_made_replays_that() {
    let targetings = [
        r#"{"set": [{"cat": ["a", {"fractional": [{"cat": ["a", {"var": "a"}]}]}]}]}"#,
        r#"{"cat": ["a", {"fractional": [{"cat": ["a", {"var": "a"}]}]}]}"#,
        r#"{"cat": [{"fractional": [{"cat": ["a", {"var": "a"}]}, ["a", 1]]}]}"#,
        r#"{"cat": [{"fractional": [{"cat": [{"var": "a"}, "a"]}, ["a", 1], ["aa", 1]]}]}"#,
        r#"{"cat": [{"fractional": [{"fractional": [{"cat": [{"var": "a"}, "b"]}, ["a", 1]]}, ["a", 1], ["aa", 1]]}]}"#,
        r#"{"cat": [{"fractional": [{"merge": ["a", {"var": "a"}]}, ["a", 1], ["aa", 1]]}]}"#,
        r#"{"cat": ["a", {"fractional": [{"+": [1, {"var": "a"}]}, ["a", 1], ["aa", 1]]}]}"#,
        r#"{"cat": ["a", {"fractional": [{"var": "a"}, ["a", 1], ["a", 1]]}]}"#,
        r#"{"if": [{"cat": ["a", {"fractional": [{"cat": ["a", {"var": "a"}]}, ["a", 1]]}]}, "a", "aa"]}"#,
    ];
    let contexts = [
        EvaluationContext::empty(),
        EvaluationContext::new("user"),
        EvaluationContext::new("user").with("a", Value::structure([("x", 1)])),
        EvaluationContext::new("user").with("a", "x"),
        EvaluationContext::new("user").with("a", 5),
        EvaluationContext::new("user").with("a", Value::list(["a"])),
        EvaluationContext::new("user").with("a", Value::list([Value::from("aa"), Value::from(3)])),
    ];
    for targeting in targetings {
        let text = format!(
            r#"{{"flags": {{"f": {{"state": "ENABLED", "variants": {{"a": 1, "aa": 2}}, "defaultVariant": "aa", "targeting": {targeting}}}}}}}"#
        );
        for (_, bucketing) in Bucketing::NAMES {
            let snapshot = client(&text, bucketing).snapshot();
            contexts.iter().for_each(|context| hostile::assert_answers(&snapshot, context));
        }
    }
}

/// Each step by itself is small enough; all of them together are not.
#[test]
fn a_trace_of_what_takes_too_many_steps_replays_that() {
    let condition = |at: usize| format!(r#"{{"sem_ver": [{{"var": "v"}}, "=", "2.0.{at}"]}}, "a""#);
    let conditions: Vec<String> = (0..200).map(condition).collect();
    let join = r#"{"!": {"cat": [{"var": "v"}, "x"]}}, "a""#;
    for targeting in [
        format!(r#"{{"if": [{}, "aa"]}}"#, conditions.join(", ")),
        format!(r#"{{"cat": [{{"if": [{}, "aa"]}}]}}"#, conditions.join(", ")),
        format!(r#"{{"if": [{join}, {join}, {join}, "aa"]}}"#),
        format!(r#"{{"cat": [{{"if": [{join}, {join}, {join}, "aa"]}}]}}"#),
    ] {
        let text = format!(
            r#"{{"flags": {{"f": {{"state": "ENABLED", "variants": {{"a": 1, "aa": 2}}, "defaultVariant": "aa", "targeting": {targeting}}}}}}}"#
        );
        let snapshot = client(&text, Bucketing::V2).snapshot();
        let context = EvaluationContext::new("user").with("v", format!("1.{}.0", "7".repeat(500_000)));
        let why = snapshot.explain("f", &context);
        assert_eq!(why.answer().error_code, Some(ErrorCode::General));
        assert_eq!(why.replay(), why.answer());
    }
}

#[test]
fn what_is_written_out_answers_the_same() {
    check(80, &(strategies::flag_set(), vec(strategies::context(), 2)), |(file, contexts)| {
        let text = file.encode().unwrap();
        let (set, client) = (common::read(&text), client(&text, Bucketing::V2));
        for context in &contexts {
            let value = context.to_value();
            at_one_time(|_| hostile::assert_written_out(&set, &client, &context_of(&value)));
        }
        Ok(())
    });
}

#[test]
fn generated_files_are_taken_leniently_where_they_are_taken_strictly() {
    let taken = Cell::new(0);
    let file = (strategies::flag_set(), any::<prop::sample::Index>());
    check(150, &file, |(file, cut)| {
        let text = file.encode().unwrap();
        hostile::load_json(text.as_bytes());
        // JSON is YAML too; cut anywhere it is neither.
        hostile::load_yaml(text.as_bytes());
        let bytes = &text.as_bytes()[..cut.index(text.len())];
        hostile::load_json(bytes);
        hostile::load_yaml(bytes);
        taken.set(
            taken.get() + u32::from(hostile::client(text.as_bytes(), Format::Json, Mode::Strict).is_ok()),
        );
        Ok(())
    });
    assert!(taken.get() > 0, "some files were good enough for the strict mode");
}

/// A flag file with a flag set's id.
fn in_set(file: &Json, id: &str) -> Json {
    let Json::Object(members) = file else { panic!("a flag file is an object") };
    let mut members = members.clone();
    members.insert("metadata".to_owned(), Json::Object([("flagSetId".to_owned(), Json::text(id))].into()));
    Json::Object(members)
}

/// Runs a property on seeded cases. A failure is shrunk and told.
fn check<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cases = number("PROPTEST_CASES").map_or(cases, |cases: u64| cases as u32);
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("FLAGCORE_SEED").unwrap_or(0_u64).to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    if let Err(error) = runner.run(strategy, property) {
        panic!("{error}");
    }
}

fn agree(found: &Value<'_>, wanted: &Value<'_>, case: impl Fn() -> String) -> Result<(), TestCaseError> {
    if found == wanted {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("{}\n  specified {wanted}\n  compiled  {found}", case())))
}

/// Does something within one second of the clock, which rules can read.
fn at_one_time<T>(act: impl Fn(i64) -> T) -> T {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    loop {
        let before = now();
        let done = act(before);
        if now() == before {
            return done;
        }
    }
}

fn client(text: &str, bucketing: Bucketing) -> Client {
    let builder = Client::builder().bytes("flags", text, Format::Json);
    builder.bucketing(bucketing).watch(false).build().unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn keys(file: &Json) -> impl Iterator<Item = &str> {
    let Json::Object(members) = file else { panic!("a flag file is an object") };
    let Json::Object(flags) = &members["flags"] else { panic!("its flags are an object") };
    flags.keys().map(String::as_str)
}
