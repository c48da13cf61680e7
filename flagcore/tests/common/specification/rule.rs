//! A rule and data to a value: the shapes of rules, what is evaluated when, and `var` (§2.5).

use flagcore::bucketing::Bucketing;

use super::json::Json;
use super::number::{self, Reading};
use super::operators;

/// What rules mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) bucketing: Bucketing,
}

/// A rule that cannot be applied: PARSE_ERROR.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Broken;

pub(crate) type Outcome<T = Json> = Result<T, Broken>;

impl Rules {
    /// An object of exactly one member is an operation; a list is its elements; all else is itself.
    pub(crate) fn apply(&self, rule: &Json, data: &Json) -> Outcome {
        if let Some((operator, operands)) = rule.as_rule() {
            return self.operation(operator, operands, data);
        }
        match rule {
            Json::List(items) => self.each(items, data).map(Json::List),
            Json::Filled(value) => Ok((**value).clone()),
            literal => Ok(literal.clone()),
        }
    }

    pub(crate) fn each(&self, rules: &[Json], data: &Json) -> Outcome<Vec<Json>> {
        rules.iter().map(|rule| self.apply(rule, data)).collect()
    }

    fn operation(&self, operator: &str, operands: &Json, data: &Json) -> Outcome {
        // These evaluate no more than they need.
        match operator {
            "if" | "?:" => return self.conditional(operands, data),
            "and" => return self.first(operands, data, |value| !value.is_truthy()),
            "or" => return self.first(operands, data, Json::is_truthy),
            _ => {}
        }
        // These evaluate their last operand or their condition once for each element.
        if let Some(result) = self.iteration(operator, operands, data) {
            return result;
        }
        // All others see values, and no more than one unless a list gives them.
        let operands = self.apply(operands, data)?;
        match operator {
            "var" => variable(&operands, data),
            "missing" => missing(&operands, data),
            "missing_some" => missing_some(&operands, data),
            "fractional" => Ok(self.fractional(&operands, data)),
            _ => operators::operation(operator, &operands),
        }
    }

    /// Condition, value, condition, value, and at the end what else.
    fn conditional(&self, operands: &Json, data: &Json) -> Outcome {
        for pair in lazy(operands)?.chunks(2) {
            match pair {
                [condition, value] if self.apply(condition, data)?.is_truthy() => {
                    return self.apply(value, data);
                }
                [otherwise] => return self.apply(otherwise, data),
                _ => {}
            }
        }
        Ok(Json::Null)
    }

    /// The value that decides, else the last one.
    fn first(&self, operands: &Json, data: &Json, decides: impl Fn(&Json) -> bool) -> Outcome {
        let mut last = Json::Null;
        for operand in lazy(operands)? {
            last = self.apply(&operand, data)?;
            if decides(&last) {
                break;
            }
        }
        Ok(last)
    }
}

/// The operands of an operator that evaluates them itself. Those of a list out of the context are data (O1).
fn lazy(operands: &Json) -> Outcome<Vec<Json>> {
    match operands {
        Json::List(items) => Ok(items.clone()),
        Json::Filled(value) => {
            let items = value.as_list().ok_or(Broken)?;
            Ok(items.iter().map(|item| Json::Filled(Box::new(item.clone()))).collect())
        }
        _ => Err(Broken),
    }
}

/// `var`: a path, or a list of a path and a default.
pub(crate) fn variable(operands: &Json, data: &Json) -> Outcome {
    let (path, default) = match operands {
        // No path at all leads to an element that is a scalar.
        Json::Null if data.is_composite() => return Ok(Json::Null),
        Json::Null => return Ok(data.clone()),
        Json::Text(path) => (path.clone(), &Json::Null),
        Json::Number(x) => (number::plain_text(*x), &Json::Null),
        Json::WholeZero => ("0".to_owned(), &Json::Null),
        Json::List(items) => match items.as_slice() {
            [] => (String::new(), &Json::Null),
            // A default is one only where nothing comes after it.
            [Json::Text(path), default] => (path.clone(), default),
            [Json::Text(path), ..] => (path.clone(), &Json::Null),
            _ if *data == Json::Null => return Ok(Json::Null),
            // Only where it stands alone is a number a path, or a null none.
            _ => return Err(Broken),
        },
        _ if *data == Json::Null => return Ok(Json::Null),
        _ => return Err(Broken),
    };
    // A null is as good as missing.
    let found = walk(&path, data);
    Ok(if found == Json::Null { default.clone() } else { found })
}

/// Name after name; empty names are skipped. Null where the way ends early.
fn walk(path: &str, data: &Json) -> Json {
    let names = path.split('.').filter(|name| !name.is_empty());
    names.fold(data.clone(), |value, name| match &value {
        Json::List(items) => position(name).and_then(|at| items.get(at)).cloned().unwrap_or(Json::Null),
        value => value.member(name),
    })
}

/// The place in a list that a name means: what is no number means the first.
fn position(name: &str) -> Option<usize> {
    let x = match number::read(name) {
        Reading::Number(x) | Reading::TooLarge(x) => x,
        Reading::NotANumber => 0.0,
    };
    (x > -1.0 && x < u32::MAX.into()).then_some(x as usize)
}

/// `missing`: those of some paths that lead to nothing.
fn missing(operands: &Json, data: &Json) -> Outcome {
    let paths = match operands {
        Json::List(paths) => paths.clone(),
        Json::Text(_) => vec![operands.clone()],
        _ => return Err(Broken),
    };
    let mut missing = Vec::new();
    for path in paths {
        if variable(&path, data)? == Json::Null {
            missing.push(path);
        }
    }
    Ok(Json::List(missing))
}

/// `missing_some`: nothing if there are as many as wanted, else those that are missing.
fn missing_some(operands: &Json, data: &Json) -> Outcome {
    let Some([wanted, Json::List(paths), ..]) = operands.as_list() else { return Err(Broken) };
    let missing = missing(&Json::List(paths.clone()), data)?;
    let there = paths.len() - missing.as_list().map_or(0, <[Json]>::len);
    let enough = there as f64 >= operators::arithmetic_number(wanted)?;
    Ok(if enough { Json::List(Vec::new()) } else { missing })
}
