//! Seeded workloads: flag sets and contexts like those that people write, and the figures kept beside them.
#![deny(unsafe_code)]

pub mod daemon;
pub mod figures;

use flagcore::model::Format;
use flagcore::{Client, EvaluationContext, Flag};
use serde_json::{Map, Value, json};

/// A question of the benchmarks: a flag, and what a right answer is.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What the row is called.
    pub name: &'static str,
    /// The flag's key.
    pub key: &'static str,
    /// The variant that [`user`] gets.
    pub variant: Option<&'static str>,
}

/// The questions whose answer is a boolean. [`flag_set`] holds their flags among its others.
pub const ROWS: [Row; 6] = [
    Row { name: "static", key: "checkout-redesign-2026", variant: Some("on") },
    Row { name: "rollout", key: "search-ranking-v2-rollout", variant: Some("on") },
    Row { name: "two-conditions", key: "pro-features-in-europe", variant: Some("on") },
    Row { name: "list-50", key: "beta-testers-of-spring", variant: Some("on") },
    Row { name: "list-10000", key: "migrated-accounts-wave", variant: Some("on") },
    Row { name: "missing", key: "no-such-flag-anywhere-20", variant: None },
];

/// A version, two conditions, a four-way split over texts.
pub const SPLIT: Row = Row { name: "split", key: "onboarding-experiment-q4", variant: Some("red") };

/// The targeting key of [`user`].
pub const USER: &str = "user-0000000000004711";

/// The user of every benchmark: five attributes beside the targeting key.
pub fn user() -> EvaluationContext<'static> {
    let mut user = EvaluationContext::new(USER);
    user.set("email", "jane.doe@example.com").set("country", "DE").set("plan", "pro");
    user.set("appVersion", "2.3.1").set("age", 42);
    user
}

/// A client of `size` flags, with a handle to each row's flag: made before the flags were there, in a shuffled order, so that
/// neighbours in a file are none in memory.
pub fn client(size: usize) -> (Client, Vec<(Row, Flag)>) {
    let empty = r#"{"flags": {}}"#;
    let client = Client::builder().bytes("flags", empty, Format::Json).watch(false).build();
    let client = client.unwrap_or_else(|error| panic!("{error}"));
    let text = flag_set(size);
    let mut keys = keys_of(&text);
    shuffle(&mut keys);
    for key in &keys {
        let _ = client.flag(key);
    }
    client.update("flags", text, Format::Json).unwrap_or_else(|error| panic!("{error}"));
    let rows = ROWS.into_iter().chain([SPLIT]);
    let handles = rows.map(|row| (row, client.flag(row.key))).collect();
    (client, handles)
}

/// The keys of a flag set, in its order.
pub fn keys_of(text: &str) -> Vec<String> {
    let set: Value = serde_json::from_str(text).unwrap_or_default();
    set["flags"].as_object().map_or_else(Vec::new, |flags| flags.keys().cloned().collect())
}

/// Shuffles, the same way every time.
pub fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..items.len()).rev() {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(at, (state % (at as u64 + 1)) as usize);
    }
}

/// A flag set of `size` flags as JSON text: those of [`ROWS`] and [`SPLIT`], and others like them.
pub fn flag_set(size: usize) -> String {
    flag_set_with(size, true)
}

/// The same without the flag that lists 10,000 users, which would hide what flags weigh.
pub fn plain_flag_set(size: usize) -> String {
    flag_set_with(size, false)
}

fn flag_set_with(size: usize, long_list: bool) -> String {
    let mut flags = Map::new();
    for row in ROWS.into_iter().chain([SPLIT]) {
        let flag = match row.name {
            "static" => static_flag(),
            "rollout" => rollout(),
            "two-conditions" => two_conditions(),
            "list-50" => user_list(50),
            "list-10000" if long_list => user_list(10_000),
            "split" => split(),
            _ => continue,
        };
        flags.insert(row.key.to_owned(), flag);
    }
    for number in 0.. {
        if flags.len() >= size {
            break;
        }
        let flag = match number % 8 {
            0..=3 => static_flag(),
            4 | 5 => rollout(),
            6 => two_conditions(),
            _ => split(),
        };
        flags.insert(format!("flag-{number:05}-of-the-team"), flag);
    }
    json!({ "flags": flags }).to_string()
}

fn boolean(targeting: Option<Value>) -> Value {
    let mut flag =
        json!({ "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off" });
    match targeting {
        Some(targeting) => flag["targeting"] = targeting,
        None => flag["defaultVariant"] = "on".into(),
    }
    flag
}

fn static_flag() -> Value {
    boolean(None)
}

fn rollout() -> Value {
    boolean(Some(json!({ "fractional": [["on", 10], ["off", 90]] })))
}

fn two_conditions() -> Value {
    boolean(Some(json!({ "if": [
        { "and": [
            { "in": [{ "var": "country" }, ["DE", "FR", "NL"]] },
            { "==": [{ "var": "plan" }, "pro"] }
        ] },
        "on", null
    ] })))
}

fn user_list(length: usize) -> Value {
    let users: Vec<String> =
        (0..length).map(|number| format!("user-{:016}", number * 4711 % 1_000_003)).collect();
    boolean(Some(json!({ "if": [{ "in": [{ "var": "targetingKey" }, users] }, "on", null] })))
}

fn split() -> Value {
    json!({
        "state": "ENABLED",
        "variants": { "red": "red", "green": "green", "blue": "blue", "grey": "grey" },
        "defaultVariant": "grey",
        "targeting": { "if": [
            { "and": [
                { "sem_ver": [{ "var": "appVersion" }, ">=", "2.1.0"] },
                { "in": [{ "var": "country" }, ["DE", "FR", "NL"]] },
                { "==": [{ "var": "plan" }, "pro"] }
            ] },
            { "fractional": [["red", 25], ["green", 25], ["blue", 25], ["grey", 25]] },
            null
        ] }
    })
}
