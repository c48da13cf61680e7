//! Operators over values (§2.5).

use super::json::Json;
use super::number::{self, Reading};
use super::rule::{Broken, Outcome};
use super::version;

/// An operator that needs nothing but its operands. Whatever nobody knows cannot be applied.
pub(crate) fn operation(operator: &str, operands: &Json) -> Outcome {
    match operator {
        "==" => pair(operands, equal).map(Json::Bool),
        "!=" => pair(operands, equal).map(|equal| Json::Bool(!equal)),
        "===" => Ok(Json::Bool(identical_operands(operands))),
        "!==" => Ok(Json::Bool(!identical_operands(operands))),
        "<" => between(operands, less).map(Json::Bool),
        ">" => between(operands, |a, b| less(b, a)).map(Json::Bool),
        "<=" => between(operands, less_or_equal).map(Json::Bool),
        ">=" => between(operands, |a, b| less_or_equal(b, a)).map(Json::Bool),
        "!" => Ok(Json::Bool(!sole(operands).is_truthy())),
        "!!" => Ok(Json::Bool(sole(operands).is_truthy())),
        "+" | "*" | "-" | "/" | "%" | "abs" | "max" | "min" => arithmetic(operator, operands),
        "in" => within(operands).map(Json::Bool),
        "cat" => concatenation(operands).map(Json::Text),
        "substr" => substring(operands).map(Json::Text),
        "merge" => merged(operands).map(Json::List),
        "set" => with_member(operands),
        "contains_all" => contains(operands, false, false),
        "contains_any" => contains(operands, true, true),
        "contains_none" => contains(operands, true, false),
        "starts_with" => Ok(affix(operands, |text, affix| text.starts_with(affix))),
        "ends_with" => Ok(affix(operands, |text, affix| text.ends_with(affix))),
        "sem_ver" => Ok(version::sem_ver(operands)),
        _ => Err(Broken),
    }
}

/// The operand of an operator that takes one: the first of a list.
fn sole(operands: &Json) -> Json {
    match operands {
        Json::List(items) => items.first().cloned().unwrap_or(Json::Null),
        operand => operand.clone(),
    }
}

// Comparison.

fn pair(operands: &Json, test: impl Fn(&Json, &Json) -> bool) -> Outcome<bool> {
    match operands.as_list().ok_or(Broken)? {
        [a, b, ..] => Ok(test(a, b)),
        _ => Ok(false),
    }
}

/// Three operands ask whether the second lies between; of more only two count.
fn between(operands: &Json, test: impl Fn(&Json, &Json) -> bool) -> Outcome<bool> {
    match operands.as_list().ok_or(Broken)? {
        [a, b, c] => Ok(test(a, b) && test(b, c)),
        _ => pair(operands, test),
    }
}

/// Null equals only null, two texts are compared as they are, all else as numbers.
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Null, _) | (_, Json::Null) => a == b,
        (Json::Text(a), Json::Text(b)) => a == b,
        _ => comparable_number(a) == comparable_number(b),
    }
}

fn identical_operands(operands: &Json) -> bool {
    match operands.as_list() {
        Some([a, b, ..]) => identical(a, b),
        _ => false,
    }
}

fn identical(a: &Json, b: &Json) -> bool {
    a == b && !a.is_composite()
}

/// Two texts by their bytes, all else as numbers, null as 0.
fn less(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Text(a), Json::Text(b)) => a < b,
        _ => number_or_zero(a) < number_or_zero(b),
    }
}

fn less_or_equal(a: &Json, b: &Json) -> bool {
    less(a, b) || equal(a, b)
}

fn number_or_zero(value: &Json) -> f64 {
    if *value == Json::Null { 0.0 } else { comparable_number(value) }
}

/// A value as a number to be compared; NaN, which equals nothing, for what is none.
fn comparable_number(value: &Json) -> f64 {
    match value {
        Json::Number(x) => *x,
        Json::WholeZero => 0.0,
        Json::Bool(value) => f64::from(u8::from(*value)),
        // White space alone counts as 0, though white space around a number spoils it.
        Json::Text(text) if text.trim().is_empty() => 0.0,
        Json::Text(text) => match number::read(text) {
            Reading::Number(x) => x,
            Reading::TooLarge(_) | Reading::NotANumber => f64::NAN,
        },
        _ => f64::NAN,
    }
}

// Arithmetic.

fn arithmetic(operator: &str, operands: &Json) -> Outcome {
    let numbers = match (operator, operands) {
        // These look at no more than they need.
        ("abs", Json::List(items)) => vec![arithmetic_number(items.first().ok_or(Broken)?)?],
        ("%", Json::List(items)) => {
            items.iter().take(2).map(arithmetic_number).collect::<Outcome<Vec<f64>>>()?
        }
        (_, Json::List(items)) => items.iter().map(arithmetic_number).collect::<Outcome<Vec<f64>>>()?,
        ("+" | "abs", bare) => vec![arithmetic_number(bare)?],
        _ => return Err(Broken),
    };
    let fold = |step: fn(f64, f64) -> f64| numbers.iter().copied().reduce(step);
    let result = match (operator, numbers.as_slice()) {
        ("+", _) => numbers.iter().sum(),
        ("*", _) => numbers.iter().product(),
        ("-" | "/", []) => return Ok(Json::WholeZero),
        ("max" | "min", []) => return Ok(Json::Null),
        ("-", [x]) => -x,
        ("%", [a, b, ..]) => a % b,
        ("abs", [x, ..]) => x.abs(),
        ("-", _) => fold(|a, b| a - b).ok_or(Broken)?,
        ("/", _) => fold(|a, b| a / b).ok_or(Broken)?,
        // What is not a number is neither more nor less, so it stays where it comes first.
        ("max", _) => fold(|a, b| if b > a { b } else { a }).ok_or(Broken)?,
        ("min", _) => fold(|a, b| if b < a { b } else { a }).ok_or(Broken)?,
        _ => return Err(Broken),
    };
    Ok(Json::Number(result))
}

/// A value as a number to be calculated with: a text that reads as none is 0, what is neither is broken.
pub(crate) fn arithmetic_number(value: &Json) -> Outcome<f64> {
    match value {
        Json::Number(x) => Ok(*x),
        Json::WholeZero => Ok(0.0),
        Json::Text(text) => Ok(match number::read(text) {
            Reading::Number(x) | Reading::TooLarge(x) => x,
            Reading::NotANumber => 0.0,
        }),
        _ => Err(Broken),
    }
}

// Texts and lists.

/// `in`: a text in a text, a value in a list.
fn within(operands: &Json) -> Outcome<bool> {
    let operands = operands.as_list().ok_or(Broken)?;
    let needle = operands.first().ok_or(Broken)?;
    match operands.get(1).unwrap_or(&Json::Null) {
        Json::Text(text) => Ok(text.contains(needle.as_text().ok_or(Broken)?)),
        Json::List(items) => {
            for item in items {
                if is_item(needle, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

fn is_item(needle: &Json, item: &Json) -> Outcome<bool> {
    match (needle, item) {
        // A list in the list is a range of numbers from its first to its second element.
        (_, Json::List(range)) => match range.as_slice() {
            [least, most, ..] => {
                let x = arithmetic_number(needle)?;
                Ok(arithmetic_number(least)? <= x && x <= arithmetic_number(most)?)
            }
            _ => Err(Broken),
        },
        // The one whole number is of another kind than all numbers that it is compared with.
        (Json::WholeZero, item) => arithmetic_number(item).map(|_| false),
        (Json::Number(x), item) => Ok(arithmetic_number(item)? == *x),
        (Json::Object(_), Json::Object(_)) => Err(Broken),
        (needle, item) => Ok(needle == item),
    }
}

/// `cat`: texts and numbers in a row; of two or more the outer white space goes.
fn concatenation(operands: &Json) -> Outcome<String> {
    let piece = |value: &Json| match value {
        Json::Text(text) => Ok(text.clone()),
        Json::Number(x) => Ok(number::plain_text(*x)),
        Json::WholeZero => Ok("0".to_owned()),
        Json::Null => Ok(String::new()),
        _ => Err(Broken),
    };
    match operands {
        Json::Text(text) => Ok(text.clone()),
        Json::List(items) => {
            let text = items.iter().map(piece).collect::<Outcome<String>>()?;
            Ok(if items.len() < 2 { text } else { text.trim().to_owned() })
        }
        _ => Err(Broken),
    }
}

/// `substr`: from a character on, as many as are asked for; negative numbers count from the end.
fn substring(operands: &Json) -> Outcome<String> {
    let [text, from, length @ ..] = operands.as_list().ok_or(Broken)? else { return Err(Broken) };
    let text: Vec<char> = match text {
        Json::Text(text) => text.chars().collect(),
        Json::Number(x) => number::plain_text(*x).chars().collect(),
        Json::WholeZero => vec!['0'],
        Json::Null => Vec::new(),
        _ => return Err(Broken),
    };
    let (from, size) = (whole_number(arithmetic_number(from)?), text.len() as f64);
    // A start outside of the text is no start at all.
    if from.abs() > size {
        return Ok(text.into_iter().collect());
    }
    let from = if from < 0.0 { size + from } else { from };
    let to = match length {
        // A fourth operand makes the length count for nothing.
        [length] => match whole_number(arithmetic_number(length)?) {
            length if length < 0.0 => size + length,
            length => (from + length).min(size),
        },
        _ => size,
    };
    if to < from {
        return Err(Broken);
    }
    Ok(text[from as usize..to as usize].iter().collect())
}

/// Towards zero. What no integer of 64 bits can hold becomes the smallest one.
fn whole_number(x: f64) -> f64 {
    let most = 2_f64.powi(63);
    if -most <= x && x < most { x.trunc() } else { -most }
}

/// `merge`: one list of all, lists opened once.
fn merged(operands: &Json) -> Outcome<Vec<Json>> {
    match operands {
        Json::Null | Json::Object(_) => Err(Broken),
        Json::List(items) => Ok(items
            .iter()
            .flat_map(|item| match item {
                Json::List(inner) => inner.clone(),
                item => vec![item.clone()],
            })
            .collect()),
        value => Ok(vec![value.clone()]),
    }
}

/// `set`: an object with one more member. What is no object, or is told too little, stays what it is.
fn with_member(operands: &Json) -> Outcome {
    match operands.as_list().ok_or(Broken)? {
        [Json::Object(members), Json::Text(name), value, ..] => {
            let mut members = members.clone();
            members.insert(name.clone(), value.clone());
            Ok(Json::Object(members))
        }
        [Json::Object(_), _, _, ..] => Err(Broken),
        [value, ..] => Ok(value.clone()),
        [] => Ok(Json::Null),
    }
}

/// `contains_all` and its kin: whether a list has the items of another one. The first item that is there, or is
/// not, `decides`.
fn contains(operands: &Json, decides: bool, decision: bool) -> Outcome {
    let Some([Json::List(list), Json::List(wanted)]) = operands.as_list() else {
        // Without two lists nothing is contained.
        return Ok(Json::Bool(decides && !decision));
    };
    for wanted in wanted {
        if has(list, wanted)? == decides {
            return Ok(Json::Bool(decision));
        }
    }
    Ok(Json::Bool(!decision))
}

fn has(list: &[Json], wanted: &Json) -> Outcome<bool> {
    for item in list {
        // Two lists, or two objects, cannot be compared.
        if let (Json::List(_), Json::List(_)) | (Json::Object(_), Json::Object(_)) = (item, wanted) {
            return Err(Broken);
        }
        if item == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `starts_with`, `ends_with`: of two texts; of anything else nothing.
fn affix(operands: &Json, test: impl Fn(&str, &str) -> bool) -> Json {
    match operands.as_list() {
        Some([Json::Text(text), Json::Text(affix)]) => Json::Bool(test(text, affix)),
        _ => Json::Null,
    }
}
