//! The values that rules work on, and their text.

use std::collections::BTreeMap;

use flagcore::Value;

use super::number;

/// A JSON value. Rules, contexts and results are all of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
    /// What `-` and `/` of nothing give: the reference's only whole number. It counts and prints as 0, but
    /// whoever compares kinds finds that it is none of the usual numbers.
    WholeZero,
    /// A list or an object of the context that was filled into a rule: data, whatever its shape (O1).
    Filled(Box<Json>),
}

impl Json {
    pub(crate) fn text(text: &str) -> Self {
        Json::Text(text.to_owned())
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_list(&self) -> Option<&[Json]> {
        if let Json::List(items) = self { Some(items) } else { None }
    }

    /// The member of an object; null where there is none, or no object.
    pub(crate) fn member(&self, name: &str) -> Json {
        match self {
            Json::Object(members) => members.get(name).cloned().unwrap_or(Json::Null),
            _ => Json::Null,
        }
    }

    /// Name and operands, if it has the shape of a rule: an object of exactly one member.
    pub(crate) fn as_rule(&self) -> Option<(&str, &Json)> {
        match self {
            Json::Object(members) if members.len() == 1 => {
                members.first_key_value().map(|(name, operands)| (name.as_str(), operands))
            }
            _ => None,
        }
    }

    pub(crate) fn is_composite(&self) -> bool {
        matches!(self, Json::List(_) | Json::Object(_))
    }

    /// §2.5, truthiness.
    pub(crate) fn is_truthy(&self) -> bool {
        match self {
            Json::Null | Json::WholeZero => false,
            Json::Bool(value) => *value,
            Json::Number(x) => *x != 0.0,
            Json::Text(text) => !text.is_empty(),
            Json::List(items) => !items.is_empty(),
            Json::Object(members) => !members.is_empty(),
            Json::Filled(value) => value.is_truthy(),
        }
    }

    /// JSON text as the reference writes it: members by name, no space; `None` for numbers that JSON lacks.
    pub(crate) fn encode(&self) -> Option<String> {
        Some(match self {
            Json::Null => "null".to_owned(),
            Json::Bool(value) => value.to_string(),
            Json::Number(x) => number::json_text(*x)?,
            Json::WholeZero => "0".to_owned(),
            Json::Text(text) => quote(text),
            Json::List(items) => {
                let items: Option<Vec<String>> = items.iter().map(Json::encode).collect();
                format!("[{}]", items?.join(","))
            }
            Json::Object(members) => {
                let member =
                    |(name, value): (&String, &Json)| Some(format!("{}:{}", quote(name), value.encode()?));
                let members: Option<Vec<String>> = members.iter().map(member).collect();
                format!("{{{}}}", members?.join(","))
            }
            Json::Filled(value) => value.encode()?,
        })
    }

    pub(crate) fn to_value(&self) -> Value<'static> {
        match self {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::from(*value),
            Json::Number(x) => Value::from(*x),
            Json::WholeZero => Value::from(0),
            Json::Text(text) => Value::from(text.clone()),
            Json::List(items) => Value::list(items.iter().map(Json::to_value)),
            Json::Object(members) => {
                Value::structure(members.iter().map(|(name, value)| (name.clone(), value.to_value())))
            }
            Json::Filled(value) => value.to_value(),
        }
    }
}

impl From<&Value<'_>> for Json {
    fn from(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(x) => Json::Number(*x),
            Value::String(text) => Json::text(text),
            Value::List(items) => Json::List(items.iter().map(Json::from).collect()),
            Value::Structure(members) => Json::Object(
                members.iter().map(|(name, value)| (name.to_owned(), Json::from(value))).collect(),
            ),
        }
    }
}

/// A text between quotes. `<`, `>`, `&` and the two line separators of Unicode are escaped too.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
