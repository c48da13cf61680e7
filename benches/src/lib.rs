//! Seeded workloads: flag sets and contexts like those that people write.
#![deny(unsafe_code)]

use flagcore::EvaluationContext;
use serde_json::{Map, Value, json};

/// The keys of the flags that benchmarks ask for; [`flag_set`] holds them among its others.
pub mod keys {
    /// On for everyone.
    pub const STATIC: &str = "checkout-redesign-2026";
    /// 10 % of the users.
    pub const ROLLOUT: &str = "search-ranking-v2-rollout";
    /// `country in [3]` and `plan == pro`.
    pub const TWO_CONDITIONS: &str = "pro-features-in-europe";
    /// A user in a list of 50.
    pub const LIST_50: &str = "beta-testers-of-spring";
    /// A user in a list of 10,000.
    pub const LIST_10_000: &str = "migrated-accounts-wave";
    /// A version, two conditions, a four-way split.
    pub const SPLIT: &str = "onboarding-experiment-q4";
    /// Not there.
    pub const MISSING: &str = "no-such-flag-anywhere-20";
}

/// The user of every benchmark: five attributes beside the targeting key.
pub fn user() -> EvaluationContext<'static> {
    let mut user = EvaluationContext::new("user-0000000000004711");
    user.set("email", "jane.doe@example.com").set("country", "DE").set("plan", "pro");
    user.set("appVersion", "2.3.1").set("age", 42);
    user
}

/// A flag set of `size` flags as JSON text: those of [`keys`], and others like them.
pub fn flag_set(size: usize) -> String {
    let mut flags = Map::new();
    flags.insert(keys::STATIC.to_owned(), static_flag());
    flags.insert(keys::ROLLOUT.to_owned(), rollout());
    flags.insert(keys::TWO_CONDITIONS.to_owned(), two_conditions());
    flags.insert(keys::LIST_50.to_owned(), user_list(50));
    flags.insert(keys::LIST_10_000.to_owned(), user_list(10_000));
    flags.insert(keys::SPLIT.to_owned(), split());
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
