//! Whose calls are samples: `when` decides by context, and users are drawn once and for all.

use flagcore::shadow::ShadowEngine;
use flagcore::{Client, EvaluationContext};
use serde_json::{Value, json};

use crate::lab::{block, client, client_of, settled, told, twice, update, with};

fn user(key: &str, plan: &str) -> EvaluationContext<'static> {
    EvaluationContext::new(key.to_owned()).with("plan", plan.to_owned())
}

/// Users that are drawn, of the first so many; by key, by handle and by launch alike, at every call.
#[track_caller]
fn drawn(client: &Client, users: u32) -> Vec<u32> {
    let (flag, launch) = (client.flag("search"), client.launch("search"));
    let is_drawn = |number: &u32| {
        let key = format!("user-{number}");
        let context = user(&key, "pro");
        let answers = [
            client.shadow("search", &key).is_sampled(),
            client.shadow("search", &context).is_sampled(),
            client.shadow(flag, &key).is_sampled(),
            client.shadow(&"search".to_owned(), &context).is_sampled(),
            launch.shadow(&key).is_sampled(),
            launch.shadow(&context).is_sampled(),
            client.clone().shadow(flag, &context).is_sampled(),
        ];
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{key}: {answers:?}");
        answers[0]
    };
    (0..users).filter(is_drawn).collect()
}

fn by_user(sample: f64, id: &str) -> String {
    with(&block(json!({ "sample": sample, "by": "user", "id": id })))
}

#[test]
fn a_user_is_drawn_alike_however_the_flag_is_named() {
    let client = client(&by_user(0.3, "a"));
    let users = drawn(&client, 1_000);
    assert!((200..400).contains(&users.len()), "{} of 1,000", users.len());
    assert_eq!(drawn(&client, 1_000), users);
    assert!(!client.shadow("search", &EvaluationContext::empty()).is_sampled(), "nobody is no user");
    // Another client draws the same, and so does another process.
    assert_eq!(drawn(&crate::lab::client(&by_user(0.3, "a")), 1_000), users);
    assert_eq!(users[..5], FIRST_FIVE);
}

#[test]
fn a_greater_share_keeps_who_was_in_and_another_id_draws_others() {
    let client = client(&by_user(0.3, "a"));
    let before = drawn(&client, 2_000);
    update(&client, &by_user(0.6, "a"));
    let more = drawn(&client, 2_000);
    assert!(more.len() > before.len() && before.iter().all(|user| more.contains(user)));
    update(&client, &by_user(0.3, "b"));
    let others = drawn(&client, 2_000);
    let both = before.iter().filter(|user| others.contains(user)).count();
    // Nine in a hundred by chance: 180 of 2,000, give or take six deviations.
    assert!((100..260).contains(&both), "{both} of 2,000 in both");
    update(&client, &by_user(0.3, "a"));
    assert_eq!(drawn(&client, 2_000), before, "the same id, the same people");
    update(&client, &by_user(1.0, "a"));
    assert_eq!(drawn(&client, 100).len(), 100);
    update(&client, &by_user(0.0, "a"));
    assert_eq!(drawn(&client, 100).len(), 0);
}

#[test]
fn when_decides_by_the_context_of_each_call() {
    let check = |when: Value, expected: [bool; 3]| {
        let client = client(&with(&block(json!({ "when": when }))));
        let launch = client.launch("search");
        let users = [user("user-1", "pro"), user("user-2", "free"), EvaluationContext::empty()];
        for (context, expected) in users.iter().zip(expected) {
            let calls = [
                client.shadow("search", context),
                client.shadow(client.flag("search"), context),
                launch.shadow(context),
            ];
            for call in calls {
                assert_eq!(call.is_sampled(), expected, "{when}");
                let candidate = move |input| if expected { twice(input) } else { panic!("a candidate ran") };
                assert_eq!(call.capture(|| 3).run(|| 6, candidate), 6);
            }
        }
        let report = settled(&client);
        let samples = 3 * expected.iter().filter(|is_sampled| **is_sampled).count() as u64;
        assert_eq!((report.matched, told(&report)), (samples, samples), "{when}");
    };
    let plan = json!({ "var": "plan" });
    check(json!(true), [true, true, true]);
    check(json!(false), [false, false, false]);
    check(json!({ "==": [plan, "pro"] }), [true, false, false]);
    check(json!({ "in": [{ "var": "targetingKey" }, ["user-2"]] }), [false, true, false]);
    check(json!({ "!": [plan] }), [false, false, true]);
    check(json!({ "or": [{ "==": [plan, "pro"] }, { "==": [plan, "free"] }] }), [true, true, false]);
    // A mistake at evaluation admits nobody.
    check(json!({ "in": [plan, { "var": "targetingKey" }] }), [false, false, false]);
}

#[test]
fn when_is_held_against_what_the_file_says_at_the_call() {
    let only = |plan: &str| with(&block(json!({ "when": { "==": [{ "var": "plan" }, plan] } })));
    let client = client(&only("pro"));
    let launch = client.launch("search");
    let (pro, free) = (user("user-1", "pro"), user("user-1", "free"));
    let sampled = || [&pro, &free].map(|user| launch.shadow(user).is_sampled());
    assert_eq!(sampled(), [true, false]);
    update(&client, &only("free"));
    assert_eq!(sampled(), [false, true]);
    update(&client, &only("pro"));
    assert_eq!(sampled(), [true, false]);
}

#[test]
fn surroundings_of_the_client_count_for_when_too() {
    let text = with(&block(json!({ "when": { "==": [{ "var": "region" }, "eu"] } })));
    let builder = || Client::builder().bytes("flags.json", text.clone(), flagcore::model::Format::Json);
    let region = |region: &'static str| EvaluationContext::empty().with("region", region);
    let client = builder().watch(false).global(region("eu")).build().unwrap();
    assert!(client.shadow("search", "user-1").is_sampled());
    assert!(!client.shadow("search", &EvaluationContext::new("user-1").with("region", "us")).is_sampled());
    let client = builder().watch(false).overrides(region("us")).build().unwrap();
    assert!(!client.launch("search").shadow(&region("eu")).is_sampled());
}

#[test]
fn launches_of_clients_that_share_an_engine_are_apart() {
    let engine = ShadowEngine::new();
    let clients =
        [1, 2].map(|amplify| client_of(&with(&block(json!({ "amplify": amplify }))), engine.clone()));
    for client in &clients {
        crate::lab::call(&client.launch("search"), 1, twice);
    }
    assert_eq!(clients.each_ref().map(|client| settled(client).matched), [1, 2]);
    let [first, second] = clients;
    drop(first);
    crate::lab::call(&second.launch("search"), 1, twice);
    assert_eq!(settled(&second).matched, 4, "one client's end is not the other's");
}

/// Of users drawn at 30 % for the id `a`.
const FIRST_FIVE: [u32; 5] = [0, 1, 2, 3, 8];
