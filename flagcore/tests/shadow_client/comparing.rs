//! How answers are compared is in the file: what is ignored, tolerated, unordered, redacted, and too big.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use flagcore::Client;
use flagcore::shadow::report::{ShadowReport, prometheus};
use flagcore::shadow::{Shadow, ShadowEngine};
use serde_json::{Value, json};

use crate::lab::{block, client, client_of, dropped, settled, told, update, with};

fn shadow(client: &Client) -> Shadow<'static> {
    client.shadow("search", "user-1")
}

/// What is found of two answers, compared member by member by a `compare` block.
fn found(compare: &Value, control: &Value, candidate: &Value) -> ShadowReport {
    let client = client(&with(&block(json!({ "compare": compare }))));
    let other = candidate.clone();
    let answer =
        shadow(&client).capture(|| ()).compare_fields().run(|| control.clone(), move |()| other.clone());
    assert_eq!(&answer, control);
    let report = settled(&client);
    assert_eq!(told(&report), 1, "{report:?}");
    report
}

#[test]
fn fields_are_compared_by_the_rules_of_the_file() {
    let check = |compare: Value, control: Value, candidate: Value, expected: &[&str]| {
        let report = found(&compare, &control, &candidate);
        let mut fields: Vec<String> =
            report.fields.iter().map(|field| format!("{} {}", field.pointer, field.kind)).collect();
        fields.sort_unstable();
        assert_eq!(fields, expected, "{compare}: {control} and {candidate}");
        let ends = (report.matched, report.ignored, report.mismatched);
        assert_eq!(report.mismatched, u64::from(!expected.is_empty()), "{compare}: {ends:?}");
        report.ignored
    };
    let none = json!({});
    assert_eq!(check(none.clone(), json!({ "a": 1, "b": 2 }), json!({ "b": 2, "a": 1.0 }), &[]), 0);
    check(none.clone(), json!({ "a": 1 }), json!({ "a": 2, "b": 1 }), &["/a value", "/b extra"]);
    check(none.clone(), json!([1, 2]), json!([1]), &[" length"]);
    check(none, json!({ "a": 1 }), json!({ "a": "1" }), &["/a type"]);
    let ignore = json!({ "ignore": ["/took_ms", "/hits/*/id"] });
    let (control, candidate) = (json!({ "took_ms": 1, "n": 1 }), json!({ "took_ms": 2, "n": 1 }));
    assert_eq!(check(ignore.clone(), control, candidate, &[]), 1, "counted apart");
    let hits = |id: u32, score: f64| json!({ "hits": [{ "id": id, "score": score }] });
    assert_eq!(check(ignore.clone(), hits(1, 0.5), hits(2, 0.5), &[]), 1);
    check(ignore, hits(1, 0.5), hits(2, 0.6), &["/hits/*/score value"]);
    let float = json!({ "float": 0.01 });
    assert_eq!(check(float.clone(), json!({ "a": 0.5 }), json!({ "a": 0.509 }), &[]), 0);
    assert_eq!(check(float.clone(), json!({ "a": 1_000.0 }), json!({ "a": 1_009.5 }), &[]), 0);
    check(float.clone(), json!({ "a": 0.5 }), json!({ "a": 0.52 }), &["/a value"]);
    check(float, json!({ "a": 100 }), json!({ "a": 101 }), &["/a value"]);
    let unordered = json!({ "unordered": ["/tags"] });
    let tags = |tags: &[&str]| json!({ "tags": tags, "list": [1, 2] });
    assert_eq!(check(unordered.clone(), tags(&["a", "b", "b"]), tags(&["b", "a", "b"]), &[]), 0);
    check(unordered.clone(), tags(&["a", "b", "b"]), tags(&["a", "a", "b"]), &["/tags/* value"]);
    check(unordered, json!({ "list": [1, 2] }), json!({ "list": [2, 1] }), &["/list order"]);
}

#[derive(Clone, Debug, PartialEq)]
enum SearchError {
    TimedOut { after_ms: u32 },
    Gone(&'static str),
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SearchError::TimedOut { after_ms } => write!(f, "no answer after {after_ms} ms"),
            SearchError::Gone(what) => write!(f, "{what} is gone"),
        }
    }
}

type Answer = Result<Value, SearchError>;

#[test]
fn errors_are_compared_as_the_file_says() {
    let check = |errors: &str, control: &Answer, candidate: &Answer, expected: [u64; 3]| {
        let client = client(&with(&block(json!({ "compare": { "errors": errors, "ignore": ["/took"] } }))));
        let other = candidate.clone();
        let call = shadow(&client).capture(|| ()).compare_fields().results();
        assert_eq!(&call.run(|| control.clone(), move |()| other.clone()), control);
        let report = settled(&client);
        let ends = [report.matched + report.ignored, report.mismatched, report.errors];
        assert_eq!(ends, expected, "{errors}: {control:?} and {candidate:?}");
    };
    let [matches, differs, fails] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    let fine = |took: u32| Ok(json!({ "took": took, "n": 1 }));
    let late = |after_ms| Err(SearchError::TimedOut { after_ms });
    let gone = |what| Err(SearchError::Gone(what));
    for errors in ["class", "text", "ignore"] {
        check(errors, &fine(1), &fine(2), matches);
        check(errors, &fine(1), &Ok(json!({ "took": 1, "n": 2 })), differs);
        check(errors, &fine(1), &late(250), fails);
        check(errors, &late(250), &fine(1), differs);
        check(errors, &late(250), &late(250), matches);
    }
    check("class", &late(250), &late(251), matches);
    check("class", &late(250), &gone("a"), differs);
    check("class", &gone("a"), &gone("b"), matches);
    check("text", &late(250), &late(251), differs);
    check("text", &gone("a"), &gone("b"), differs);
    check("ignore", &late(250), &gone("a"), matches);
}

#[test]
fn candidates_errors_are_told_by_class() {
    let client = client(&with(&block(json!({}))));
    let calls: [fn() -> Answer; 4] = [
        || Err(SearchError::TimedOut { after_ms: 1 }),
        || Err(SearchError::TimedOut { after_ms: 2 }),
        || Err(SearchError::Gone("a")),
        || resume_unwind(Box::new("index out of range")),
    ];
    for candidate in calls {
        let call = shadow(&client).capture(|| ()).results();
        assert_eq!(call.run(|| Ok(json!(1)), move |()| candidate()), Ok(json!(1)));
    }
    let report = settled(&client);
    let classes: Vec<(&str, u64)> =
        report.errors_by_class.iter().map(|error| (&*error.class, error.samples)).collect();
    assert_eq!(classes[0], ("SearchError::TimedOut", 2));
    assert_eq!((report.errors, classes.len()), (4, 3), "{classes:?}");
    let text = report.to_string();
    for part in ["SearchError::Gone", "a is gone", "panic", "index out of range"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Answers full of what nobody may see.
fn secrets() -> Vec<(Value, Value)> {
    let one = json!({
        "user": { "email": SECRET, "name": "ann" },
        "people": [{ "ssn": SECRET, "age": 1 }, { "ssn": SECRET, "age": 2 }],
        "tokens": { SECRET: 1 },
        "notes": [SECRET, "a"],
    });
    let change = |pointer: &str, value: Value| {
        let mut changed = one.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        (one.clone(), changed)
    };
    let other = format!("other {SECRET}");
    vec![
        change("/user/email", json!(other)),
        change("/user/email", Value::Null),
        change("/user", json!(7)),
        change("/user", json!({ "email": [SECRET, { SECRET: SECRET }] })),
        change("/people/1/ssn", json!(other)),
        change("/people/1", json!("gone")),
        change("/people", json!([{ "ssn": SECRET, "age": 2 }, { "ssn": SECRET, "age": 9 }])),
        change("/people", json!([{ "age": 3, "ssn": other }])),
        change("/people", json!({ "ssn": "x" })),
        change("/tokens", json!({ other.clone(): 1 })),
        change("/tokens", json!({})),
        change("/tokens", json!([1])),
        change("/notes", json!(["a", other])),
        change("/notes", json!([])),
        (one.clone(), json!(null)),
        (json!([]), one),
    ]
}

fn redacting() -> Value {
    let redact = ["/user/email", "/people/*/ssn", "/tokens/*", "/notes/*"];
    block(json!({ "store": { "redact": redact }, "compare": { "unordered": ["/people", "/notes"] } }))
}

#[derive(Clone, Debug, PartialEq)]
struct Telling;

impl fmt::Display for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nobody is called {SECRET}")
    }
}

#[test]
fn what_is_redacted_is_in_no_report() {
    let client = client(&with(&redacting()));
    for (control, candidate) in secrets() {
        for (control, candidate) in [(control.clone(), candidate.clone()), (candidate, control)] {
            let call = shadow(&client).capture(|| ()).compare_fields();
            call.run(|| control, move |()| candidate.clone());
        }
    }
    // Texts of errors and panics may say it too.
    let call = || shadow(&client).capture(|| ()).results();
    assert_eq!(call().run(|| Ok(1), |()| Err(Telling)), Ok(1));
    assert_eq!(call().run(|| Err(Telling), |()| Ok(1)), Err(Telling));
    assert_eq!(call().run(|| Ok(1), |()| -> Result<u8, Telling> { resume_unwind(Box::new(SECRET)) }), Ok(1));
    let report = settled(&client);
    assert_eq!((report.mismatched, report.errors), (2 * secrets().len() as u64 + 1, 2), "{report}");
    let json = serde_json::to_string_pretty(&report).unwrap();
    let told = [report.to_string(), format!("{report:?}"), json, prometheus(&client.shadow_reports())];
    for text in told {
        assert!(!text.contains(SECRET), "{text}");
    }
    assert!(format!("{report:?}").contains("[redacted]"));
}

#[test]
fn what_was_kept_before_it_was_redacted_is_let_go() {
    let client = client(&with(&block(json!({}))));
    let call = || {
        let shadow = shadow(&client).capture(|| ()).compare_fields();
        shadow.run(|| json!({ "email": SECRET }), |()| json!({ "email": "another" }));
    };
    call();
    assert!(format!("{:?}", settled(&client)).contains(SECRET));
    update(&client, &with(&block(json!({ "store": { "redact": ["/email"] } }))));
    assert!(!format!("{:?}", settled(&client)).contains(SECRET));
    call();
    let report = settled(&client);
    assert_eq!((report.samples, report.mismatched), (1, 1), "begun anew");
    assert!(!format!("{report:?}").contains(SECRET), "{report:?}");
}

#[test]
fn what_is_redacted_is_in_no_failed_test() {
    let client = client_of(&with(&redacting()), ShadowEngine::testing());
    let complaint = |call: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        payload.downcast_ref::<String>().unwrap().clone()
    };
    for (control, candidate) in secrets() {
        let text = complaint(&|| {
            let (control, candidate) = (control.clone(), candidate.clone());
            shadow(&client).capture(|| ()).compare_fields().run(|| control, move |()| candidate.clone());
        });
        assert!(text.contains("search") && !text.contains(SECRET), "{text}");
    }
    let text = complaint(&|| {
        drop(shadow(&client).capture(|| ()).results().run(|| Ok(1), |()| Err(Telling)));
    });
    assert!(text.contains("Telling") && !text.contains(SECRET), "{text}");
}

#[test]
fn an_answer_that_is_no_clone_is_compared_by_what_is_kept_of_it() {
    #[derive(Debug)]
    struct Page {
        hits: Vec<u32>,
        _open: std::fs::File,
    }
    let page = |hits: &[u32]| Page { hits: hits.to_vec(), _open: tempfile::tempfile().unwrap() };
    let client = client(&with(&block(json!({}))));
    for candidate in [vec![1, 2], vec![1, 3]] {
        let call = shadow(&client).capture(|| candidate).keep(|page: &Page| page.hits.clone());
        let answer = call.compare_fields().run(|| page(&[1, 2]), |hits| hits);
        assert_eq!(answer.hits, [1, 2]);
    }
    let report = settled(&client);
    assert_eq!((report.matched, report.mismatched, &*report.fields[0].pointer), (1, 1, "/*"), "{report}");
}

#[test]
fn mismatches_that_do_not_matter_are_counted_apart() {
    let client = client(&with(&block(json!({}))));
    for candidate in [10_u64, 11, 99] {
        let near = |control: &u64, candidate: &u64| control.abs_diff(*candidate) < 5;
        let call = shadow(&client).capture(|| candidate).compare_fields().ignore(near);
        assert_eq!(call.run(|| 10, |input| input), 10);
    }
    let report = settled(&client);
    assert_eq!((report.matched, report.ignored, report.mismatched, told(&report)), (1, 1, 1, 3));
}

#[test]
fn answers_bigger_than_the_body_are_not_looked_at() {
    let client = client(&with(&block(json!({ "limits": { "body": 1_000 } }))));
    let count = || {
        let report = settled(&client);
        (report.matched, dropped(&report, "too_big"), told(&report))
    };
    // Of a size that the embedder tells; the control's is not even cloned.
    #[derive(Debug, PartialEq)]
    struct Big(usize);
    impl Clone for Big {
        fn clone(&self) -> Self {
            assert!(self.0 <= 1_000, "cloned");
            Self(self.0)
        }
    }
    for (control, candidate) in [(1_000, 1_000), (1_001, 1_000), (1_000, 1_001), (1, usize::MAX)] {
        let call = shadow(&client).capture(|| candidate).compare(|_: &Big, _: &Big| true);
        let size = |answer: &Big| answer.0 as u64;
        assert_eq!(call.size(size).run(|| Big(control), Big), Big(control));
    }
    assert_eq!(count(), (1, 3, 4));
    // Of a size that shows while they are looked into.
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let giants = [json!("x".repeat(1_001)), json!(vec![1; 1_001]), json!({ "x".repeat(1_001): 1 }), deep];
    for giant in giants {
        for (control, candidate) in [(&giant, &json!(1)), (&json!(1), &giant), (&giant, &giant)] {
            let other = candidate.clone();
            let call = shadow(&client).capture(|| ()).compare_fields();
            assert_eq!(&call.run(|| control.clone(), move |()| other.clone()), control);
        }
    }
    assert_eq!(count(), (1, 15, 16));
}

const SECRET: &str = "hunter2";
