//! The engine for tests: a candidate that does not do what the control does fails the test that calls it.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use flagcore::shadow::{ShadowEngine, copy_number};
use flagcore::{Client, EvaluationContext};
use serde_json::{Value, json};

use crate::common::polling::block_on;
use crate::lab::{block, client_of, file, with};

fn testing(text: &str) -> Client {
    client_of(text, ShadowEngine::testing())
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap()
}

/// What a call that has to fail says.
#[track_caller]
fn complaint<T>(call: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(call)) else { panic!("it passed") };
    text_of(&*payload)
}

#[test]
fn a_candidate_that_agrees_passes_and_is_counted() {
    let client = testing(&with(&block(json!({ "sample": 0.01, "amplify": 3 }))));
    type Seen = Mutex<Vec<(ThreadId, Option<u32>)>>;
    let seen = Arc::<Seen>::default();
    for input in 0..100 {
        let seen = Arc::clone(&seen);
        let call = client.shadow("search", "user-1").capture(|| input);
        let answer = call.run(
            || input * 2,
            move |input| {
                seen.lock().unwrap().push((thread::current().id(), copy_number()));
                input * 2
            },
        );
        assert_eq!(answer, input * 2);
    }
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, vec![(thread::current().id(), Some(1)); 100], "each once, at once, on this thread");
    let report = client.shadow_report("search");
    assert_eq!((report.samples, report.matched), (100, 100));
}

#[test]
fn a_candidate_that_answers_differently_fails_and_the_message_says_where() {
    let client = testing(&with(&block(json!({ "compare": { "ignore": ["/took"] } }))));
    let answer = |hits: u32, took: u32| json!({ "hits": { "total": hits }, "took": took });
    let call = |candidate: Value| {
        let call = client.shadow("search", "user-1").capture(|| ()).compare_fields();
        call.run(|| answer(3, 1), move |()| candidate.clone())
    };
    assert_eq!(call(answer(3, 2)), answer(3, 1), "what is ignored does not fail");
    let text = complaint(|| call(answer(4, 2)));
    assert_eq!(
        text,
        "dark launch `search`: the candidate answers differently: /hits/total: value: control 3, candidate 4"
    );
    let plain = complaint(|| client.shadow("search", "u").capture(|| ()).run(|| 1, |()| 2));
    assert_eq!(plain, "dark launch `search`: the candidate answers differently: the answer: value");
    let report = client.shadow_report("search");
    assert_eq!((report.ignored, report.mismatched), (1, 2));
}

#[test]
fn a_candidate_that_fails_or_panics_fails() {
    let client = testing(&with(&block(json!({}))));
    let number = |text: &'static str| move |()| text.parse::<u8>();
    let call = || client.shadow("search", "user-1").capture(|| ()).results();
    assert_eq!(call().run(|| "7".parse::<u8>(), number("7")), Ok(7));
    assert!(call().run(|| "x".parse::<u8>(), number("y")).is_err(), "errors of a class agree");
    let text = complaint(|| call().run(|| "7".parse::<u8>(), number("x")));
    assert_eq!(
        text,
        "dark launch `search`: the candidate fails: ParseIntError: invalid digit found in string"
    );
    let text = complaint(|| call().run(|| "x".parse::<u8>(), number("7")));
    assert!(text.contains("`search`") && text.contains("error ParseIntError"), "{text}");
    let call = || client.shadow("search", "user-1").capture(|| ());
    let text = complaint(|| call().run(|| 1, |()| resume_unwind(Box::new("index out of range"))));
    assert_eq!(text, "index out of range", "a candidate's panic is the test's");
    let unfit = complaint(|| call().compare_fields().run(|| vec![1; 300_000], |()| vec![1; 300_000]));
    assert!(unfit.contains("`search`") && unfit.contains("too big"), "{unfit}");
}

#[test]
fn asynchronous_candidates_run_in_the_callers_task() {
    let client = testing(&with(&block(json!({}))));
    let call = || client.shadow("search", "user-1").capture(|| 4);
    let here = thread::current().id();
    let agrees = move |input: u64| async move {
        assert_eq!((thread::current().id(), copy_number()), (here, Some(1)));
        input * 2
    };
    assert_eq!(block_on(call().run_async(async { 8 }, agrees)), 8);
    let text = complaint(|| block_on(call().run_async(async { 8 }, |input: u64| async move { input })));
    assert_eq!(text, "dark launch `search`: the candidate answers differently: the answer: value");
    let panics = |_: u64| async { resume_unwind(Box::new("index out of range")) };
    assert_eq!(complaint(|| block_on(call().run_async(async { 8 }, panics))), "index out of range");
    let fails = |_: u64| async { "x".parse::<u8>() };
    let text = complaint(|| block_on(call().results().run_async(async { "7".parse::<u8>() }, fails)));
    assert!(text.contains("`search`") && text.contains("ParseIntError"), "{text}");
    assert_eq!(copy_number(), None);
}

#[test]
fn when_holds_and_without_a_block_everything_runs() {
    let ran = Rc::new(Cell::new(0));
    let differs = |client: &Client, key: &str, plan: &'static str| {
        let context = EvaluationContext::new("user-1").with("plan", plan);
        let call = client.shadow(key, &context).capture(|| ran.set(ran.get() + 1));
        catch_unwind(AssertUnwindSafe(|| call.run(|| 1, |()| 2))).is_err()
    };
    let text = with(&block(json!({ "when": { "==": [{ "var": "plan" }, "pro"] } })));
    let client = testing(&text);
    assert!(differs(&client, "search", "pro"));
    assert!(!differs(&client, "search", "free"));
    assert_eq!(ran.get(), 1, "captured for samples alone");
    for (key, text) in [
        ("search", file(json!({}))),
        ("search", with(&block(json!({ "sample": 0 })))),
        ("search", file(json!({ "state": "DISABLED", "shadow": block(json!({})) }))),
        ("nobody", text),
    ] {
        assert!(differs(&testing(&text), key, "free"), "{key} of {text}");
    }
}
