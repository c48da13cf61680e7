//! Evaluating allocates nothing: counted, for every question that can be asked.
//!
//! Each test asks a static flag once before it counts: the first load of a snapshot on a thread makes that thread
//! known to `arc-swap`, which [`the_first_evaluation_of_a_thread_costs_one_block`] measures on its own.

mod common;

use std::fmt::Write;

use common::counting::{Counting, counted};
use flagcore::model::Format;
use flagcore::value::Structure;
use flagcore::{Client, ErrorCode, EvaluationContext, Flag, Reader, Reason, Selector, Snapshot, Value};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many blocks some work takes from the allocator.
fn blocks<T>(work: impl FnOnce() -> T) -> u64 {
    counted(work).1.taken
}

/// What some work gives; it neither takes nor gives back any memory.
#[track_caller]
fn free_of_charge<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (answer, counts) = counted(work);
    assert_eq!((counts.taken, counts.freed), (0, 0), "blocks taken and freed by {what}");
    answer
}

#[test]
fn the_counter_does_count() {
    assert_eq!(blocks(|| Box::new(7)), 1);
    assert_eq!(blocks(|| vec![0_u8; 100]), 1);
    assert_eq!(blocks(|| String::from("text").push_str(" that grows beyond its capacity")), 2);
    let (_, counts) = counted(|| drop(vec![1_u64, 2, 3]));
    assert_eq!((counts.taken, counts.freed, counts.live_bytes), (1, 1, 0));
    let (kept, counts) = counted(|| vec![1_u64, 2, 3]);
    assert_eq!(counts.live_bytes, 24, "{kept:?}");

    // What evaluating does not do, the library does elsewhere.
    let client = client_of("true");
    assert!(blocks(|| client.snapshot().explain("rule", "user-1")) > 0, "an explanation is written down");
    let missing = client.bool_detail("missing", "user-1", false);
    assert!(blocks(|| missing.error_message()) > 0, "a message is a text of its own");
}

#[test]
fn the_first_evaluation_of_a_thread_costs_one_block() {
    let client = Client::from_json(&common_flags()).unwrap();
    let on_a_thread = |work: fn(&Client)| {
        let client = &client;
        std::thread::scope(|scope| scope.spawn(move || blocks(|| work(client))).join().unwrap())
    };
    // Its node in the list of debts of `arc-swap`, which a later thread takes over: one or none.
    let by_client = on_a_thread(|client| assert!(client.is_enabled("static", "user-1")));
    assert!(by_client <= 1, "{by_client} blocks");
    let by_snapshot = on_a_thread(|client| assert!(client.snapshot().is_enabled("static", "user-1")));
    assert!(by_snapshot <= 1, "{by_snapshot} blocks");
    let by_reader = on_a_thread(|client| assert!(client.reader().is_enabled("static", "user-1")));
    assert!(by_reader <= 1, "{by_reader} blocks");
    // A snapshot that is handed over needs no such thing.
    let snapshot = client.snapshot();
    let handed_over = std::thread::scope(|scope| {
        scope.spawn(|| blocks(|| snapshot.bool("static", "user-1", false))).join()
    });
    assert_eq!(handed_over.unwrap(), 0);
}

/// Every way to ask one flag, for every type.
struct Asking<'c> {
    client: &'c Client,
    reader: Reader,
    snapshot: &'c Snapshot,
}

/// The caller's defaults of texts, structures and values.
struct Defaults {
    object: Structure<'static>,
    any: Value<'static>,
}

/// Asks one thing by key and by handle, through a client, a reader and a snapshot, plainly and in detail.
macro_rules! ask {
    ($asking:expr, $key:expr, $handle:expr, $user:expr, $plain:ident, $detail:ident, $default:expr) => {{
        let (asking, user) = (&mut *$asking, $user);
        let reader = &mut asking.reader;
        let _ = (asking.client.$plain($key, user, $default), asking.client.$plain($handle, user, $default));
        let _ =
            (asking.snapshot.$plain($key, user, $default), asking.snapshot.$plain($handle, user, $default));
        let _ = reader.$plain($key, user, $default);
        let _ = reader.$plain($handle, user, $default);
        touch(&asking.client.$detail($key, user, $default));
        touch(&asking.client.$detail($handle, user, $default));
        touch(&asking.snapshot.$detail($key, user, $default));
        touch(&asking.snapshot.$detail($handle, user, $default));
        touch(&reader.$detail($key, user, $default));
        touch(&reader.$detail($handle, user, $default));
    }};
}

/// Looks at all that a detail tells, but for its message, which is a text of its own.
fn touch<T: flagcore::detail::FlagType + ?Sized, S>(detail: &flagcore::Detail<'_, T, S>)
where
    S: std::ops::Deref<Target: flagcore::detail::Flags>,
{
    let _ = (detail.value(), detail.variant(), detail.reason(), detail.error_code());
    let metadata = detail.metadata();
    assert_eq!(metadata.is_empty(), metadata.iter().count() == 0);
    for (name, value) in metadata.iter() {
        assert_eq!(metadata.get(name), Some(value));
    }
    assert_eq!(metadata.get("no such name"), None);
}

impl<'c> Asking<'c> {
    fn new(client: &'c Client, snapshot: &'c Snapshot) -> Self {
        // What a thread pays once is paid here.
        client.is_enabled("static", "user-1");
        Self { client, reader: client.reader(), snapshot }
    }

    /// Asks for every type in every way.
    fn everything(&mut self, key: &str, handle: Flag, user: &EvaluationContext<'_>, defaults: &Defaults) {
        ask!(self, key, handle, user, bool, bool_detail, true);
        ask!(self, key, handle, user, integer, integer_detail, 7);
        ask!(self, key, handle, user, float, float_detail, 0.5);
        ask!(self, key, handle, user, string, string_detail, "default");
        ask!(self, key, handle, user, object, object_detail, &defaults.object);
        ask!(self, key, handle, user, any, any_detail, &defaults.any);
        let _ = (self.client.is_enabled(key, user), self.client.is_enabled(handle, user));
        let _ = (self.client.is_enabled_or(key, user, true), self.client.is_enabled_or(handle, user, true));
        let _ = (self.snapshot.is_enabled(key, user), self.snapshot.is_enabled(handle, user));
        let _ = (self.reader.is_enabled(key, user), self.reader.is_enabled(handle, user));
        let _ = (self.snapshot.contains(key), self.reader.snapshot().contains(handle));
    }
}

fn defaults() -> Defaults {
    let any = Value::structure([("a", 1)]);
    let Value::Structure(object) = any.clone() else { panic!("a structure") };
    Defaults { object, any }
}

/// Flags of every type and kind that people write every day.
fn common_flags() -> String {
    let users = |count: usize| {
        let mut list = String::new();
        for number in 0..count {
            write!(list, "{}\"user-{number:06}\"", if number == 0 { "" } else { "," }).unwrap();
        }
        list
    };
    let boolean = |targeting: &str| {
        format!(
            r#"{{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off", "targeting": {targeting}}}"#
        )
    };
    let mut flags = String::from(
        r#"{"metadata": {"team": "checkout", "tier": 2}, "flags": {
        "static": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
            "metadata": {"owner": "payments", "jira": null, "tier": 3}},
        "integer": {"state": "ENABLED", "variants": {"few": 10, "many": 500}, "defaultVariant": "few"},
        "float": {"state": "ENABLED", "variants": {"half": 0.5, "most": 0.9}, "defaultVariant": "half"},
        "string": {"state": "ENABLED", "variants": {"long": "a text of more than twenty-four bytes"}, "defaultVariant": "long"},
        "object": {"state": "ENABLED", "variants": {"one": {"a": 1, "b": {"c": [1, 2, {"d": "deep"}]}}}, "defaultVariant": "one"},
        "list": {"state": "ENABLED", "variants": {"one": [1, "two", null]}, "defaultVariant": "one"},
        "no-default": {"state": "ENABLED", "variants": {"on": true}},
        "disabled": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
        "unknown-variant": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"if": [true, "onn"]}},
        "broken": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"cat": [true]}},
        "mixed": {"state": "ENABLED", "variants": {"on": true, "text": "text"}, "defaultVariant": "on",
            "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "text", null]}},
        "split": {"state": "ENABLED", "variants": {"red": "red", "green": "green", "blue": "blue", "grey": "grey"},
            "defaultVariant": "grey", "targeting": {"if": [{"and": [
                {"sem_ver": [{"var": "appVersion"}, ">=", "2.1.0"]},
                {"in": [{"var": "country"}, ["DE", "FR", "NL"]]},
                {"==": [{"var": "plan"}, "pro"]}]},
                {"fractional": [["red", 25], ["green", 25], ["blue", 25], ["grey", 25]]}, null]}},"#,
    );
    let rows = [
        ("rollout", r#"{"fractional": [["on", 10], ["off", 90]]}"#.to_owned()),
        (
            "two-conditions",
            r#"{"if": [{"and": [{"in": [{"var": "country"}, ["DE", "FR", "NL"]]}, {"==": [{"var": "plan"}, "pro"]}]}, "on", null]}"#
                .to_owned(),
        ),
        (
            "list-50",
            format!(r#"{{"if": [{{"in": [{{"var": "targetingKey"}}, [{}]]}}, "on", null]}}"#, users(50)),
        ),
        (
            "list-10000",
            format!(r#"{{"if": [{{"in": [{{"var": "targetingKey"}}, [{}]]}}, "on", null]}}"#, users(10_000)),
        ),
        ("nested", r#"{"if": [{"==": [{"var": "device.os.name"}, "android"]}, "on", null]}"#.to_owned()),
    ];
    for (key, targeting) in rows {
        write!(flags, "\"{key}\": {},", boolean(&targeting)).unwrap();
    }
    flags.pop();
    flags.push_str("}}");
    flags
}

/// The keys of [`common_flags`], and one that it lacks.
const KEYS: &[&str] = &[
    "static",
    "integer",
    "float",
    "string",
    "object",
    "list",
    "no-default",
    "disabled",
    "unknown-variant",
    "mixed",
    "split",
    "rollout",
    "two-conditions",
    "list-50",
    "list-10000",
    "nested",
    "missing",
];

/// Contexts with what rules look at, without it, and with values of the wrong kind.
fn contexts() -> Vec<(&'static str, EvaluationContext<'static>)> {
    let os = Value::structure([("name", "android"), ("version", "14")]);
    let full = EvaluationContext::new("user-000007")
        .with("email", "jane.doe@example.com")
        .with("country", "DE")
        .with("plan", "pro")
        .with("appVersion", "2.3.1")
        .with("device", Value::structure([("os", os)]));
    let wrong = EvaluationContext::empty()
        .with("targetingKey", 7)
        .with("country", vec!["DE", "FR"])
        .with("plan", 5.5)
        .with("appVersion", 2.3)
        .with("device", "android");
    let many = full.clone().with("a", 1).with("b", 2).with("c", 3).with("d", true).with("e", Value::Null);
    assert_eq!((full.len(), many.len()), (5, 10));
    vec![
        ("a full context", full),
        ("a context of ten attributes", many),
        ("an empty context", EvaluationContext::empty()),
        ("an empty targeting key", EvaluationContext::new("")),
        ("a context of other types", wrong),
        ("a context at fault", EvaluationContext::new("user-1").with("plan", f64::NAN)),
    ]
}

fn ask_everything(client: &Client, when: &str) {
    let (snapshot, defaults) = (client.snapshot(), defaults());
    let handles: Vec<Flag> = KEYS.iter().map(|key| client.flag(key)).collect();
    let mut asking = Asking::new(client, &snapshot);
    for (name, user) in contexts() {
        for (key, handle) in KEYS.iter().zip(&handles) {
            let what = format!("`{key}` for {name}, {when}");
            free_of_charge(&what, || asking.everything(key, *handle, &user, &defaults));
        }
    }
}

#[test]
fn every_way_to_ask_for_every_type_is_free() {
    let client = Client::from_json(&common_flags()).unwrap();
    ask_everything(&client, "at first");
}

#[test]
fn after_a_reload_every_way_to_ask_is_still_free() {
    let client = Client::builder().bytes("flags", common_flags(), Format::Json).watch(false).build().unwrap();
    let (mut reader, handle) = (client.reader(), client.flag("rollout"));
    let other = common_flags().replace(r#"["on", 10], ["off", 90]"#, r#"["on", 90], ["off", 10]"#);
    for round in 0..3 {
        let next = if round % 2 == 0 { other.clone() } else { common_flags() };
        client.update("flags", next, Format::Json).unwrap();
        // The first call after a reload lets go of the old snapshot; it does not free it.
        free_of_charge("a reader's first call after a reload", || reader.bool(handle, "user-1", false));
        free_of_charge("a client's first call after a reload", || client.bool(handle, "user-1", false));
        ask_everything(&client, "after a reload");
    }
}

#[test]
fn the_rows_of_the_budget_are_free_and_right() {
    let client = Client::from_json(&common_flags()).unwrap();
    let snapshot = client.snapshot();
    let mut reader = client.reader();
    client.is_enabled("static", "user-1");
    let mut check = |key: &str, user: &EvaluationContext<'_>, expected: (&str, Reason)| {
        let handle = client.flag(key);
        let answer = free_of_charge(key, || {
            let by_handle = reader.any_detail(handle, user, &Value::Null);
            assert_eq!(by_handle.variant().unwrap_or("none"), expected.0, "{key} by handle");
            let by_client = client.any_detail(key, user, &Value::Null);
            assert_eq!(by_client.variant().unwrap_or("none"), expected.0, "{key} by key");
            let detail = snapshot.any_detail(key, user, &Value::Null);
            (detail.variant().unwrap_or("none") == expected.0, detail.reason())
        });
        assert_eq!(answer, (true, expected.1), "{key}");
    };
    let user = |key: &'static str| {
        EvaluationContext::of(
            key,
            [("country", "DE".into()), ("plan", "pro".into()), ("appVersion", "2.3.1".into())],
        )
    };
    let matched = Reason::TargetingMatch;
    check("static", &user("user-000007"), ("on", Reason::Static));
    let in_ten_percent =
        (0..).map(|at| format!("user-{at:06}")).find(|key| client.is_enabled("rollout", &**key));
    check("rollout", &EvaluationContext::new(in_ten_percent.unwrap()), ("on", matched));
    check("rollout", &user("user-000000"), ("off", matched));
    check("two-conditions", &user("user-000007"), ("on", matched));
    check("two-conditions", &EvaluationContext::new("user-000007"), ("off", Reason::Default));
    check("list-50", &user("user-000049"), ("on", matched));
    check("list-50", &user("user-000050"), ("off", Reason::Default));
    check("list-10000", &user("user-009999"), ("on", matched));
    check("list-10000", &user("user-010000"), ("off", Reason::Default));
    check("split", &EvaluationContext::new("user-000007"), ("grey", Reason::Default));
    check("missing", &user("user-000007"), ("none", Reason::Error));
}

#[test]
fn errors_are_free() {
    let client = Client::from_json(&common_flags()).unwrap();
    client.is_enabled("static", "user-1");
    let pro = EvaluationContext::new("user-1").with("plan", "pro");
    let at_fault = EvaluationContext::new("user-1").with("plan", f64::INFINITY);
    let check = |key: &str, user: &EvaluationContext<'_>, expected: (Reason, Option<ErrorCode>)| {
        let answer = free_of_charge(key, || {
            let detail = client.bool_detail(key, user, false);
            (detail.value(), detail.reason(), detail.error_code())
        });
        assert_eq!(answer, (false, expected.0, expected.1), "{key}");
    };
    check("missing", &pro, (Reason::Error, Some(ErrorCode::FlagNotFound)));
    check("string", &pro, (Reason::Error, Some(ErrorCode::TypeMismatch)));
    check("mixed", &pro, (Reason::Error, Some(ErrorCode::TypeMismatch)));
    check("unknown-variant", &pro, (Reason::Error, Some(ErrorCode::General)));
    check("two-conditions", &at_fault, (Reason::Error, Some(ErrorCode::InvalidContext)));
    // What it joins goes into the scratch of the thread.
    client.is_enabled("broken", &pro);
    check("broken", &pro, (Reason::Error, Some(ErrorCode::ParseError)));
    check("disabled", &pro, (Reason::Disabled, None));
    check("no-default", &pro, (Reason::Default, None));
}

#[test]
fn a_context_of_up_to_eight_attributes_is_free() {
    let built = |attributes: usize| {
        const NAMES: [&str; 9] =
            ["email", "country", "plan", "appVersion", "age", "beta", "cohort", "team", "ninth"];
        blocks(|| {
            let mut user = EvaluationContext::new("user-0000000000004711");
            for name in &NAMES[..attributes] {
                user.set(*name, "a text of more than twenty-four bytes");
            }
            assert_eq!(user.len(), attributes);
            user
        })
    };
    for attributes in 0..=8 {
        assert_eq!(built(attributes), 0, "{attributes} attributes");
    }
    assert!(built(9) > 0, "the ninth attribute moves all to the heap");

    let chained = || {
        EvaluationContext::new("u")
            .with("a", 1)
            .with("b", 0.5)
            .with("c", true)
            .with("d", "text")
            .with("e", Value::Null)
    };
    assert_eq!(free_of_charge("`with`", chained).len(), 5);
    let at_once = || EvaluationContext::of("u", [("a", 1.into()), ("b", "text".into()), ("c", true.into())]);
    assert_eq!(free_of_charge("`of`", at_once).len(), 3);
    let collected = || [("a", 1), ("b", 2)].into_iter().collect::<EvaluationContext<'_>>();
    assert_eq!(free_of_charge("`collect`", collected).len(), 2);

    let json = serde_json::json!({"targetingKey": "u", "a": 1, "b": "text", "c": true, "d": null, "e": 0.5});
    let from_json = || EvaluationContext::from_json(&json).unwrap();
    assert_eq!(free_of_charge("a context of JSON", from_json).len(), 5);
}

#[test]
fn a_context_that_is_cleared_keeps_its_memory() {
    const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let mut user = EvaluationContext::empty();
    let mut fill = |key: &'static str| {
        user.clear();
        user.set("targetingKey", key);
        for name in NAMES {
            user.set(name, key);
        }
        user.len()
    };
    assert!(blocks(|| fill("user-1")) > 0);
    assert_eq!(free_of_charge("the next request", || fill("user-2")), 12);
}

#[test]
fn views_and_bulk_evaluations_are_free() {
    let client = Client::from_json(
        r#"{"metadata": {"flagSetId": "shop"}, "flags": {
            "a": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"},
            "b": {"state": "ENABLED", "variants": {"x": "x", "y": "y"}, "defaultVariant": "x",
                "targeting": {"fractional": [["x", 50], ["y", 50]]}},
            "c": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"}}}"#,
    )
    .unwrap();
    let (snapshot, user) = (client.snapshot(), EvaluationContext::new("user-1").with("plan", "pro"));
    let all = || snapshot.evaluate_all(&user).inspect(|(_, detail)| touch(detail)).count();
    assert_eq!(free_of_charge("a bulk evaluation", all), 3);
    for selector in [Selector::default(), Selector::flag_set("shop"), Selector::source("flags")] {
        let what = format!("a view of `{selector}`");
        let seen = free_of_charge(&what, || {
            let view = snapshot.view(&selector);
            touch(&view.detail::<bool>("a", &user, false));
            touch(&view.detail::<str>("b", &user, ""));
            touch(&view.detail::<str>("missing", &user, ""));
            assert!(view.contains("a"));
            view.evaluate_all(&user).inspect(|(_, detail)| touch(detail)).count()
        });
        assert_eq!(seen, 3, "{what}");
    }
}

#[test]
fn layers_of_contexts_are_free() {
    let client = Client::builder()
        .bytes("flags", common_flags(), Format::Json)
        .global(EvaluationContext::empty().with("country", "DE").with("plan", "free"))
        .overrides(EvaluationContext::empty().with("plan", "pro"))
        .build()
        .unwrap();
    ask_everything(&client, "with layers");
    assert!(free_of_charge("layers", || client.is_enabled("two-conditions", "user-1")));
}

#[test]
fn loading_is_free() {
    let client = client_of("true");
    client.is_enabled("static", "user-1");
    let revision = free_of_charge("a snapshot", || client.snapshot().revision());
    assert_eq!(revision, 1);
    let mut reader = free_of_charge("a reader", || client.reader());
    assert_eq!(free_of_charge("its snapshot", || reader.snapshot().revision()), 1);
    let handle = free_of_charge("a handle of a known flag", || client.flag("rule"));
    assert_eq!(free_of_charge("a clone of a client", || client.clone().flag("rule")), handle);
    // More answers at once than a thread has slots for them.
    free_of_charge("twenty answers held at once", || {
        let held: [_; 20] = std::array::from_fn(|_| client.any_detail("rule", "user-1", &Value::Null));
        assert!(held.iter().all(|detail| detail.variant() == Some("on")));
    });
}

/// A client of one boolean flag `rule` whose targeting gives `on` where `condition` is true, and a static one.
fn client_of(condition: &str) -> Client {
    Client::from_json(&format!(
        r#"{{"flags": {{
            "static": {{"state": "ENABLED", "variants": {{"on": true}}, "defaultVariant": "on"}},
            "rule": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off",
                "targeting": {{"if": [{condition}, "on", "off"]}}}}}}}}"#
    ))
    .unwrap_or_else(|error| panic!("{condition}: {error}"))
}

/// The user of the operators' cases.
fn user() -> EvaluationContext<'static> {
    EvaluationContext::new("user-000007")
        .with("email", "jane.doe@example.com")
        .with("plan", "pro")
        .with("age", 42)
        .with("beta", true)
        .with("appVersion", "2.3.1")
        .with("roles", vec!["admin", "editor"])
        .with("scores", vec![1, 2, 3])
        .with("device", Value::structure([("os", "android"), ("memory", "8"), ("visits", "1_000")]))
}

/// Evaluates a condition six times on a thread of its own and expects an answer; tells how many blocks each
/// evaluation took.
fn blocks_of(condition: &str, expected: bool) -> [u64; 6] {
    let (client, user) = (client_of(condition), user());
    let evaluate = |_| {
        let ask = || client.string_detail("rule", &user, "").variant() == Some("on");
        let (answer, counts) = counted(ask);
        assert_eq!(answer, expected, "{condition}");
        counts.taken
    };
    let on_this_thread = || {
        assert!(client.is_enabled("static", "user-1"));
        std::array::from_fn(evaluate)
    };
    std::thread::scope(|scope| scope.spawn(on_this_thread).join()).unwrap_or_else(|_| panic!("{condition}"))
}

#[test]
fn conditions_of_an_attribute_and_a_constant_are_free_from_the_first_on() {
    let cases = [
        (r#"{"==": [{"var": "plan"}, "pro"]}"#, true),
        (r#"{"==": [{"var": "age"}, "42"]}"#, true),
        (r#"{"==": [{"var": "beta"}, 1]}"#, true),
        (r#"{"===": [{"var": "plan"}, "pro"]}"#, true),
        (r#"{"!=": [{"var": "plan"}, "free"]}"#, true),
        (r#"{"!==": [{"var": "plan"}, "pro"]}"#, false),
        (r#"{"<": [{"var": "age"}, 50]}"#, true),
        (r#"{"<=": [{"var": "age"}, 42]}"#, true),
        (r#"{">": [{"var": "age"}, 42]}"#, false),
        (r#"{">=": [{"var": "device.memory"}, 4]}"#, true),
        (r#"{"!": [{"var": "beta"}]}"#, false),
        (r#"{"!!": [{"var": "roles"}]}"#, true),
        (r#"{"and": [{"var": "beta"}, {"==": [{"var": "plan"}, "pro"]}]}"#, true),
        (r#"{"or": [{"==": [{"var": "plan"}, "free"]}, {">": [{"var": "age"}, 40]}]}"#, true),
        (r#"{"if": [{"var": "beta"}, true, false]}"#, true),
        (r#"{"?:": [{"==": [{"var": "plan"}, "pro"]}, true, false]}"#, true),
        (r#"{"in": [{"var": "plan"}, ["pro", "team"]]}"#, true),
        (r#"{"in": ["@example.com", {"var": "email"}]}"#, true),
        (r#"{"in": ["admin", {"var": "roles"}]}"#, true),
        (r#"{"in": [{"var": "age"}, ["41", "42"]]}"#, true),
        (r#"{"in": [{"var": "missing"}, ["a", "b"]]}"#, false),
        (r#"{"starts_with": [{"var": "email"}, "jane"]}"#, true),
        (r#"{"ends_with": [{"var": "email"}, "@example.com"]}"#, true),
        (r#"{"sem_ver": [{"var": "appVersion"}, ">=", "2.1.0"]}"#, true),
        (r#"{"sem_ver": [{"var": "appVersion"}, "~", "2.3.9"]}"#, true),
        (r#"{"sem_ver": [{"var": "appVersion"}, "^", "2.0.0"]}"#, true),
        (r#"{"sem_ver": [{"var": "email"}, "=", "1.0.0"]}"#, false),
        (r#"{"sem_ver": [{"var": "age"}, "=", "42.0.0"]}"#, true),
        (r#"{"==": [{"var": "device.os"}, "android"]}"#, true),
        (r#"{"==": [{"var": "roles.1"}, "editor"]}"#, true),
        (r#"{"==": [{"var": "$flagd.flagKey"}, "rule"]}"#, true),
    ];
    for (condition, expected) in cases {
        assert_eq!(blocks_of(condition, expected), [0; 6], "{condition}");
    }
}

/// What needs operands in a list, or makes texts and lists, does so in a scratch that the thread keeps: its
/// first block is the only one.
#[test]
fn all_other_operators_are_free_once_the_thread_has_its_scratch() {
    let cases = [
        (r#"{"===": [{"var": "age"}, 42]}"#, true),
        (r#"{"!==": [{"var": "age"}, 42]}"#, false),
        (r#"{"==": [{"var": "missing"}, null]}"#, true),
        (r#"{"==": [{"var": "device.os.name"}, null]}"#, true),
        (r#"{"==": [{"var": ["missing", "given"]}, "given"]}"#, true),
        (r#"{"==": [{"var": "roles"}, {"var": "scores"}]}"#, false),
        (r#"{"<": [18, {"var": "age"}, 65]}"#, true),
        (r#"{"in": [{"var": "age"}, [41, 42, 43]]}"#, true),
        (r#"{"in": ["admin", [{"var": "plan"}, "admin"]]}"#, true),
        (r#"{"==": [{"%": [{"var": "age"}, 2]}, 0]}"#, true),
        (r#"{">": [{"+": [{"var": "age"}, 1]}, 42]}"#, true),
        (r#"{"<": [{"-": [{"var": "age"}, 1]}, 42]}"#, true),
        (r#"{"==": [{"*": [{"var": "age"}, 2]}, 84]}"#, true),
        (r#"{"==": [{"/": [{"var": "age"}, 2]}, 21]}"#, true),
        (r#"{"==": [{"max": [{"var": "age"}, 50]}, 50]}"#, true),
        (r#"{"==": [{"min": [{"var": "age"}, 50]}, 42]}"#, true),
        (r#"{"==": [{"substr": [{"var": "email"}, 0, 4]}, "jane"]}"#, true),
        (r#"{">": [{"var": "$flagd.timestamp"}, 1600000000]}"#, true),
        (r#"{"some": [{"var": "roles"}, {"==": [{"var": ""}, "admin"]}]}"#, true),
        (r#"{"all": [{"var": "scores"}, {">": [{"var": ""}, 0]}]}"#, true),
        (r#"{"none": [{"var": "scores"}, {">": [{"var": ""}, 3]}]}"#, true),
        (r#"{"==": [{"cat": [{"var": "plan"}, "-", {"var": "age"}]}, "pro-42"]}"#, true),
        (r#"{"in": ["x", {"merge": [{"var": "roles"}, ["x"]]}]}"#, true),
        (r#"{"in": [2, {"map": [{"var": "scores"}, {"+": [{"var": ""}, 1]}]}]}"#, true),
        (r#"{"in": [3, {"filter": [{"var": "scores"}, {">": [{"var": ""}, 2]}]}]}"#, true),
        (
            r#"{"==": [{"reduce": [{"var": "scores"}, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0]}, 6]}"#,
            true,
        ),
        (r#"{"missing": ["plan", "nope"]}"#, true),
        (r#"{"missing_some": [1, ["plan", "nope"]]}"#, false),
        (r#"{"==": [{"var": {"cat": ["pl", "an"]}}, "pro"]}"#, true),
        (r#"{"==": [{"var": {"cat": [{"var": "plan"}, "x"]}}, null]}"#, true),
    ];
    for (condition, expected) in cases {
        let blocks = blocks_of(condition, expected);
        assert!(blocks[0] <= 1 && blocks[1..] == [0; 5], "{condition}: {blocks:?}");
    }
}

#[test]
fn shares_of_any_key_are_free_once_the_thread_has_its_scratch() {
    const NUMBER: &str = r#"{"var": "age"},"#;
    let shares = r#"["on", 50], ["off", 50]"#;
    for bucketing in ["v1", "v2", "v3"] {
        for key in [
            "",
            r#"{"var": "email"},"#,
            NUMBER,
            r#"{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]},"#,
            r#"{"cat": ["salt", {"var": "email"}]},"#,
            r#"{"cat": [{"var": "email"}, {"var": "plan"}, {"var": "age"}]},"#,
        ] {
            let what = format!("{bucketing} {key}");
            let client = Client::from_json(&format!(
                r#"{{"bucketing": "{bucketing}", "flags": {{
                    "static": {{"state": "ENABLED", "variants": {{"on": true}}, "defaultVariant": "on"}},
                    "rule": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off",
                    "targeting": {{"fractional": [{key} {shares}]}}}}}}}}"#
            ))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
            let user = user();
            assert!(client.is_enabled("static", "user-1"));
            let first = client.bool_detail("rule", &user, false);
            // Before v3 no key but a text is hashed.
            let hashed = bucketing == "v3" || key != NUMBER;
            let reason = if hashed { Reason::TargetingMatch } else { Reason::Default };
            assert_eq!(first.reason(), reason, "{what}");
            let again = free_of_charge(&what, || client.is_enabled("rule", &user));
            assert_eq!(again, first.value(), "{what}");
        }
    }
}

#[test]
fn the_scratch_grows_to_what_a_rule_produces_and_no_further_than_it_keeps() {
    let client =
        client_of(r#"{"in": ["needle", {"cat": [{"var": "text"}, {"var": "text"}, {"var": "text"}]}]}"#);
    assert!(client.is_enabled("static", "user-1"));
    let ask = |bytes: usize| -> [u64; 8] {
        let text = "x".repeat(bytes);
        let user = EvaluationContext::new("user-1").with("text", text.as_str());
        std::array::from_fn(|_| blocks(|| assert!(!client.is_enabled("rule", &user))))
    };
    for bytes in [10, 1_000, 10_000] {
        let taken = ask(bytes);
        assert_eq!(taken[4..], [0; 4], "three texts of {bytes} bytes: {taken:?}");
    }
    // What is larger than a thread keeps is taken and given back each time.
    let taken = ask(200_000);
    assert!(taken.iter().all(|taken| *taken > 0), "{taken:?}");
}

// Each is named in `docs::performance`. Only a thread needs memory of its own; for the others the scratch could do.
#[test]
fn rules_that_nobody_writes_take_blocks_at_each_evaluation() {
    let deep = format!("{}{{\"var\": \"beta\"}}{}", "{\"!\": [".repeat(40), "]}".repeat(40));
    let cases = [
        // The whole context as one value.
        (r#"{"!!": [{"var": ""}]}"#, true),
        // Shares whose weights are only known at the call.
        (r#"{"==": [{"fractional": [["a", {"var": "age"}], ["a", 58]]}, "a"]}"#, true),
        // A text of the context as a number, with underscores in it.
        (r#"{"==": [{"+": [{"var": "device.visits"}, 0]}, 1000]}"#, true),
        // More than 32 levels of operations: evaluated on a thread of its own.
        (&deep, true),
    ];
    for (condition, expected) in cases {
        let blocks = blocks_of(condition, expected);
        assert!(blocks.iter().all(|taken| (1..10).contains(taken)), "{condition}: {blocks:?}");
    }

    // A structure as the key of a share, which v3 sorts by its encoding.
    let client = Client::from_json(
        r#"{"bucketing": "v3", "flags": {"rule": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on",
            "targeting": {"fractional": [{"var": "device"}, ["on", 1]]}}}}"#,
    )
    .unwrap();
    let user = user();
    let ask = || client.bool_detail("rule", &user, false).reason();
    assert_eq!(ask(), Reason::TargetingMatch);
    assert_eq!(blocks(ask), 1);
}
