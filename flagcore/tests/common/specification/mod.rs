//! What a flag gives, as plainly as it can be said: the specification that the fast evaluator must agree with.
//!
//! Written for reading, from the facts about the reference and from nothing of the engine but the model that
//! files are read into. Rules are trees that are walked, values are copied, nothing is prepared. Each part
//! says which section of the compatibility facts it follows; (O1) to (O21) are our own differences.
//!
//! | file | what |
//! | --- | --- |
//! | `mod.rs` | a flag set and a question to an answer: §2.1 to §2.4 |
//! | `references.rs` | `$ref`: §1.4 |
//! | `rule.rs` | a rule and data to a value: the shapes, the lazy operators, `var`: §2.5 |
//! | `operators.rs` | operators over values: §2.5 |
//! | `iteration.rs` | `map` and its kin, whose last operand is a rule for each element: §2.5 |
//! | `fractional.rs` | a share of the subjects each, in three generations: §2.6 |
//! | `version.rs` | `sem_ver`: §2.7 |
//! | `json.rs`, `number.rs` | values, and the texts that they print and read as |

pub(crate) mod fractional;
mod iteration;
pub(crate) mod json;
pub(crate) mod number;
mod operators;
mod references;
mod rule;
mod version;

use std::collections::BTreeMap;

use flagcore::Value;
use flagcore::bucketing::Bucketing;
use flagcore::model::{FlagSet, NodeId, State};

pub(crate) use json::Json;
use rule::Rules;

/// The flags of one document.
#[derive(Debug)]
pub(crate) struct Specification {
    flags: BTreeMap<String, Flag>,
    rules: Rules,
}

#[derive(Debug)]
struct Flag {
    flag_set: Option<String>,
    disabled: bool,
    variants: BTreeMap<String, Json>,
    default_variant: Option<String>,
    targeting: Option<Json>,
    metadata: BTreeMap<String, Json>,
}

/// What a question comes to. A value is there where a variant gives it; else the caller's own default is meant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) value: Option<Json>,
    pub(crate) variant: Option<String>,
    pub(crate) reason: &'static str,
    pub(crate) error_code: Option<&'static str>,
    pub(crate) metadata: BTreeMap<String, Json>,
}

impl Specification {
    /// The flags of a document; `bucketing` is for documents that pin none.
    pub(crate) fn of(set: &FlagSet, bucketing: Bucketing) -> Self {
        let json = |node: NodeId| Json::from(&set.document.to_value(node));
        let evaluators = set.evaluators.iter().map(|(name, node)| (name.to_owned(), json(node))).collect();
        let expanded = |node| references::expand(&json(node), &evaluators);
        let name = |text| set.document.resolve(text).to_owned();
        let mut flags: BTreeMap<String, Flag> = BTreeMap::new();
        for definition in &set.flags {
            let flag = Flag {
                flag_set: definition.flag_set_id.map(name),
                disabled: definition.state == State::Disabled,
                variants: set
                    .variants(definition)
                    .iter()
                    .map(|it| (name(it.name), expanded(it.value)))
                    .collect(),
                default_variant: definition.default_variant.map(name),
                targeting: definition.targeting.map(expanded),
                // §1.5: a flag's own over the set's; a null takes an entry away.
                metadata: (set.metadata.iter().chain(set.own_metadata(definition)))
                    .map(|entry| (name(entry.name), expanded(entry.value)))
                    .collect::<BTreeMap<_, _>>()
                    .into_iter()
                    .filter(|(_, value)| *value != Json::Null)
                    .collect(),
            };
            // D40: without a selector the last flag set by name serves a key.
            let key = name(definition.key);
            if flags.get(&key).is_none_or(|known| known.flag_set <= flag.flag_set) {
                flags.insert(key, flag);
            }
        }
        Self { flags, rules: Rules { bucketing: set.bucketing.unwrap_or(bucketing) } }
    }

    /// The answer for a flag asked for as a type, at a time in Unix seconds.
    pub(crate) fn answer(&self, key: &str, asked: &str, context: &Json, now: i64) -> Answer {
        let Some(flag) = self.flags.get(key) else {
            return Answer::failed("FLAG_NOT_FOUND", BTreeMap::new());
        };
        let answer = self.resolve(key, flag, context, now);
        // §2.4: the type of the variant's value must be the one asked for; its name is told all the same.
        match answer.value.as_ref().map(|value| typed(value, asked)) {
            Some(None) => {
                Answer { variant: answer.variant, ..Answer::failed("TYPE_MISMATCH", flag.metadata.clone()) }
            }
            Some(value) => Answer { value, ..answer },
            None => answer,
        }
    }

    /// The answers for all flags by key: each is asked for as the type of its default variant (T16).
    pub(crate) fn all(&self, context: &Json, now: i64) -> BTreeMap<&str, Answer> {
        let answer = |(key, flag): (&'_ String, &Flag)| {
            let default = flag.default_variant.as_ref().and_then(|name| flag.variants.get(name));
            self.answer(key, default.map_or("any", type_of), context, now)
        };
        self.flags.iter().map(|flag| (flag.0.as_str(), answer(flag))).collect()
    }

    /// §2.1, steps 2 to 6.
    fn resolve(&self, key: &str, flag: &Flag, context: &Json, now: i64) -> Answer {
        let metadata = flag.metadata.clone();
        let none = |reason| Answer {
            value: None,
            variant: None,
            reason,
            error_code: None,
            metadata: metadata.clone(),
        };
        // §2.3: without a default variant the caller's own default is given, for the reason DEFAULT.
        let by_default = |reason| match &flag.default_variant {
            Some(name) => Answer {
                value: flag.variants.get(name).cloned(),
                variant: Some(name.clone()),
                ..none(reason)
            },
            None => none("DEFAULT"),
        };
        if flag.disabled {
            return none("DISABLED");
        }
        let Some(targeting) = &flag.targeting else { return by_default("STATIC") };
        // Step 4: the rule sees the context with the engine's own word in it.
        let mut data = match context {
            Json::Object(members) => members.clone(),
            _ => BTreeMap::new(),
        };
        let own = [("flagKey", Json::text(key)), ("timestamp", Json::Number(now as f64))];
        data.insert(
            "$flagd".to_owned(),
            Json::Object(own.map(|(name, value)| (name.to_owned(), value)).into()),
        );
        // A result that JSON has no text for is as bad as a rule that cannot be applied.
        let result = self.rules.apply(targeting, &Json::Object(data));
        let Some(text) = result.ok().and_then(|result| result.encode()) else {
            return Answer::failed("PARSE_ERROR", metadata);
        };
        // Steps 5 and 6: the result's text without its quotes is the name of a variant.
        if text == "null" {
            return by_default("DEFAULT");
        }
        let name = text.replace('"', "");
        match flag.variants.get(&name) {
            Some(value) => {
                Answer { value: Some(value.clone()), variant: Some(name), ..none("TARGETING_MATCH") }
            }
            None => Answer::failed("GENERAL", metadata),
        }
    }
}

/// §2.4: what a value is to whoever asks for a type.
fn typed(value: &Json, asked: &str) -> Option<Json> {
    match (asked, value) {
        (_, Json::Null) => None,
        // Towards zero; outside of the range the nearest end of it (O16).
        ("integer", Json::Number(x)) => Some(Json::Number((*x as i64) as f64)),
        ("float", Json::Number(_)) | ("any", _) => Some(value.clone()),
        (asked, value) => (asked == type_of(value)).then(|| value.clone()),
    }
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Bool(_) => "boolean",
        Json::Number(_) | Json::WholeZero => "float",
        Json::Text(_) => "string",
        Json::Object(_) => "object",
        Json::Null | Json::List(_) | Json::Filled(_) => "any",
    }
}

/// An answer as the reference's wire tells it among all: of an error only its code and metadata, and no other
/// code than `GENERAL` for a wrong type.
pub(crate) fn as_told_in_bulk(answer: Answer) -> Value<'static> {
    let Some(code) = answer.error_code else { return answer.to_value() };
    let code = if code == "TYPE_MISMATCH" { "GENERAL" } else { code };
    let metadata = Json::Object(answer.metadata).to_value();
    Value::structure([("errorCode", Value::from(code)), ("metadata", metadata)])
}

impl Answer {
    fn failed(error_code: &'static str, metadata: BTreeMap<String, Json>) -> Self {
        Answer { value: None, variant: None, reason: "ERROR", error_code: Some(error_code), metadata }
    }

    /// In the form of the reference's record: what is not there is left out, an empty name too.
    pub(crate) fn to_value(&self) -> Value<'static> {
        let value = self.value.as_ref().map(|value| ("value", value.to_value()));
        let variant = self.variant.as_ref().filter(|name| !name.is_empty());
        let variant = variant.map(|name| ("variant", Value::from(name.clone())));
        let error_code = self.error_code.map(|code| ("errorCode", Value::from(code)));
        let metadata = Json::Object(self.metadata.clone()).to_value();
        let always = [("reason", Value::from(self.reason)), ("metadata", metadata)];
        Value::structure(value.into_iter().chain(variant).chain(error_code).chain(always))
    }
}
