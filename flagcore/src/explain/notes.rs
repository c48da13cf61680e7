//! What is easily overlooked about a step.

use crate::eval::operand::Operand;
use crate::value::Value;
use crate::version::Version;

use super::explanation::{Operation, Step};

/// What is easily overlooked about a step.
pub(super) fn notes(operation: &Operation, steps: &[Step]) -> Vec<String> {
    match operation {
        Operation::Condition { path, seen, operator, operand, .. } => {
            let mut notes = Vec::new();
            if seen.is_null() {
                notes.push(format!("{path} is missing"));
            }
            notes.extend(coercion(operator, seen, operand));
            notes
        }
        Operation::Apply { operator, .. } => match steps {
            [a, b, ..] => match (&a.outcome, &b.outcome) {
                (Some(a), Some(b)) => {
                    coercion(operator, a, b).or_else(|| coercion(operator, b, a)).into_iter().collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// How an operator reads a value as something else.
fn coercion(operator: &str, seen: &Value<'_>, operand: &Value<'_>) -> Option<String> {
    let compares = matches!(operator, "<" | "<=" | ">" | ">=" | "==" | "!=");
    let number = Operand::from(seen).comparable();
    match (seen, operand) {
        (Value::Null, _) if operator == "sem_ver" => None,
        (seen, _) if operator == "sem_ver" && version_of(seen).is_none() => {
            Some(format!("{seen} is no version"))
        }
        (Value::Null, Value::Number(_)) if matches!(operator, "<" | "<=" | ">" | ">=") => {
            Some("nothing counts as 0".to_owned())
        }
        (Value::String(text), Value::Number(_)) if compares && number.is_nan() => {
            Some(format!("{text:?} is no number"))
        }
        (Value::String(text), Value::Number(_) | Value::Bool(_)) if compares => {
            Some(format!("{text:?} is read as the number {number}"))
        }
        (Value::Bool(value), Value::Number(_) | Value::String(_)) if compares => {
            Some(format!("{value} counts as {number}"))
        }
        (Value::Number(_), Value::String(_)) if compares => Some("compared as numbers".to_owned()),
        (Value::Number(_), Value::List(items))
            if operator == "in" && items.iter().any(|item| item.as_str().is_some()) =>
        {
            Some("compared as numbers".to_owned())
        }
        (Value::List(_) | Value::Structure(_), _) if compares => {
            Some("lists and structures equal nothing".to_owned())
        }
        _ => None,
    }
}

fn version_of(value: &Value<'_>) -> Option<()> {
    match value {
        Value::String(text) => Version::parse(text).map(|_| ()),
        Value::Number(_) => Some(()),
        _ => None,
    }
}
