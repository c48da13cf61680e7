//! `map`, `filter`, `reduce`, `all`, `some`, `none`: a rule for each element of a list (§2.5).

use std::collections::BTreeMap;

use super::json::Json;
use super::operators::arithmetic_number;
use super::rule::{Broken, Outcome, Rules, variable};

impl Rules {
    /// `None` for any other operator.
    pub(crate) fn iteration(&self, operator: &str, operands: &Json, data: &Json) -> Option<Outcome> {
        Some(match operator {
            "map" => self.map(operands, data),
            "filter" => self.filter(operands, data),
            "reduce" => self.reduce(operands, data),
            "all" => self.all(operands, data).map(Json::Bool),
            "some" => self.some(operands, data).map(Json::Bool),
            "none" => self.none(operands, data).map(Json::Bool),
            _ => return None,
        })
    }

    fn map(&self, operands: &Json, data: &Json) -> Outcome {
        let [subject, rule, ..] = operands.as_list().ok_or(Broken)? else {
            return Ok(Json::List(Vec::new()));
        };
        let elements = self.subject(subject, data)?;
        let results: Outcome<Vec<Json>> = elements.iter().map(|element| self.apply(rule, element)).collect();
        results.map(Json::List)
    }

    fn filter(&self, operands: &Json, data: &Json) -> Outcome {
        let [subject, condition, ..] = operands.as_list().ok_or(Broken)? else {
            return Ok(Json::List(Vec::new()));
        };
        let Some(elements) = self.subject_list(subject, data)? else { return Ok(Json::List(Vec::new())) };
        let condition = filled(condition, data)?;
        let mut kept = Vec::new();
        for element in elements {
            if self.apply(&condition, &element)?.is_truthy() {
                kept.push(element);
            }
        }
        Ok(Json::List(kept))
    }

    /// Of no element at all it is false.
    fn all(&self, operands: &Json, data: &Json) -> Outcome<bool> {
        let [subject, condition, ..] = operands.as_list().ok_or(Broken)? else { return Err(Broken) };
        let elements = self.elements(subject, data)?;
        for element in &elements {
            let condition = condition_of(filled(condition, element)?)?;
            if !self.apply(&condition, element)?.is_truthy() {
                return Ok(false);
            }
        }
        Ok(!elements.is_empty())
    }

    fn some(&self, operands: &Json, data: &Json) -> Outcome<bool> {
        let [subject, condition, ..] = operands.as_list().ok_or(Broken)? else { return Err(Broken) };
        let elements = self.elements(subject, data)?;
        for element in &elements {
            let condition = condition_of(filled(&filled(condition, data)?, element)?)?;
            if self.apply(&condition, element)?.is_truthy() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn none(&self, operands: &Json, data: &Json) -> Outcome<bool> {
        let [subject, condition, ..] = operands.as_list().ok_or(Broken)? else { return Err(Broken) };
        let elements = self.elements(subject, data)?;
        for element in &elements {
            let condition = condition_of(filled(condition, data)?)?;
            if self.apply(&condition, element)?.is_truthy() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The elements that `current` goes through, an `accumulator` beside it that keeps its type.
    fn reduce(&self, operands: &Json, data: &Json) -> Outcome {
        let [subject, rule, initial, ..] = operands.as_list().ok_or(Broken)? else {
            return Ok(Json::Number(0.0));
        };
        let initial = self.apply(initial, data)?;
        let (mut accumulator, kind) = match &initial {
            Json::Bool(_) => (initial.clone(), "bool"),
            Json::Number(_) | Json::WholeZero => (alike(&initial, &initial)?, "number"),
            Json::Text(_) => (initial.clone(), "string"),
            _ => return Err(Broken),
        };
        let Some(elements) = self.subject_list(subject, data)? else { return Ok(Json::Number(0.0)) };
        for current in elements.into_iter().filter(|element| *element != Json::Null) {
            let scope = [("accumulator", accumulator), ("current", current), ("valueType", Json::text(kind))];
            let scope: BTreeMap<String, Json> =
                scope.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
            let condition = condition_of(rule.clone())?;
            accumulator = alike(&initial, &self.apply(&condition, &Json::Object(scope))?)?;
        }
        Ok(accumulator)
    }

    /// The elements of what is gone through. A list that is written in the rule is data; what is no list is
    /// nothing if it is written, and broken if it is computed.
    fn subject(&self, subject: &Json, data: &Json) -> Outcome<Vec<Json>> {
        Ok(self.subject_list(subject, data)?.unwrap_or_default())
    }

    /// The same; `None` where there is no list.
    fn subject_list(&self, subject: &Json, data: &Json) -> Outcome<Option<Vec<Json>>> {
        match subject {
            Json::List(items) => Ok(Some(items.clone())),
            Json::Object(_) => match self.apply(subject, data)? {
                Json::List(items) => Ok(Some(items)),
                Json::Null => Ok(None),
                _ => Err(Broken),
            },
            Json::Filled(value) => match &**value {
                Json::List(items) => Ok(Some(items.clone())),
                _ => Err(Broken),
            },
            _ => Ok(None),
        }
    }

    /// The elements that `all`, `some` and `none` ask about: nothing true has none.
    fn elements(&self, subject: &Json, data: &Json) -> Outcome<Vec<Json>> {
        if subject.as_rule().is_some() && !self.apply(subject, data)?.is_truthy() {
            return Ok(Vec::new());
        }
        self.subject(subject, data)
    }
}

/// A rule with each `var` that finds something replaced by what it finds.
fn filled(rule: &Json, data: &Json) -> Outcome {
    Ok(match rule {
        Json::List(items) => {
            Json::List(items.iter().map(|item| filled(item, data)).collect::<Outcome<Vec<Json>>>()?)
        }
        Json::Object(members) => match rule.as_rule() {
            // The whole element, or a name of it, is what a leading dot means.
            Some(("var", Json::Text(path))) if path.is_empty() || path.starts_with('.') => rule.clone(),
            Some(("var", operands)) => match variable(operands, data)? {
                Json::Null => rule.clone(),
                found if found.is_composite() => Json::Filled(Box::new(found)),
                found => found,
            },
            _ => {
                let member = |(name, value): (&String, &Json)| Ok((name.clone(), filled(value, data)?));
                Json::Object(members.iter().map(member).collect::<Outcome<BTreeMap<String, Json>>>()?)
            }
        },
        literal => literal.clone(),
    })
}

/// A condition must be an object.
fn condition_of(condition: Json) -> Outcome {
    match &condition {
        Json::Object(_) => Ok(condition),
        Json::Filled(value) if matches!(**value, Json::Object(_)) => Ok(condition),
        _ => Err(Broken),
    }
}

/// A value as what another one is: true or false, a number, a text.
fn alike(model: &Json, value: &Json) -> Outcome {
    match model {
        Json::Bool(_) => Ok(Json::Bool(value.is_truthy())),
        Json::Number(_) | Json::WholeZero => arithmetic_number(value).map(Json::Number),
        Json::Text(_) => match value {
            Json::Text(_) => Ok(value.clone()),
            Json::Number(x) => Ok(Json::Text(super::number::plain_text(*x))),
            Json::WholeZero => Ok(Json::text("0")),
            Json::Null => Ok(Json::text("")),
            _ => Err(Broken),
        },
        _ => Err(Broken),
    }
}
