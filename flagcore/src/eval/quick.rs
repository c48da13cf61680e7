//! Decisions that need nothing but the context: what people write every day.
//!
//! Conditions of an attribute and a constant, joined by `and`, `or` and `!`, and shares of the targeting key
//! can neither fail nor produce anything on the way, so they are answered without a machine around them.
//! The machine answers them by the same functions when they are part of something larger.

use crate::context::{Found, Layers};
use crate::number::{self, Short};
use crate::path;
use crate::value::Value;
use crate::version::Version;

use super::operand::{Operand, arithmetic_number, comparable_number};
use super::program::{
    AttributePath, Choice, Comparison, Decision, Expr, Root, SplitKey, TextSet, VersionRule,
};
use super::split::with_subject;

/// Whether a decision needs nothing but the context.
pub(crate) fn is_quick(decision: &Decision) -> bool {
    match decision {
        Decision::Give(_) => true,
        Decision::Either { when, .. } => is_quick_condition(when),
        Decision::Chain { arms, otherwise } => {
            arms.iter().all(|arm| is_quick_condition(&arm.when) && is_quick(&arm.then)) && is_quick(otherwise)
        }
        Decision::Split(split) => !matches!(split.key, SplitKey::Value(_) | SplitKey::Implicit(None)),
        Decision::Named(_) => false,
    }
}

fn is_quick_condition(expr: &Expr) -> bool {
    match expr {
        Expr::IsText(..)
        | Expr::IsSameText(..)
        | Expr::InTexts(..)
        | Expr::Compare(..)
        | Expr::StartsWith(..)
        | Expr::EndsWith(..)
        | Expr::Version(..) => true,
        Expr::And(operands) | Expr::Or(operands) => operands.iter().all(is_quick_condition),
        Expr::Not(operand) => is_quick_condition(operand),
        _ => false,
    }
}

/// Where a quick decision ends; none for the rare context that takes more.
#[inline]
pub(crate) fn decide(decision: &Decision, layers: &Layers<'_>) -> Option<Choice> {
    let mut decision = decision;
    loop {
        match decision {
            Decision::Give(choice) => return Some(*choice),
            Decision::Either { when, then, otherwise } => {
                return Some(if holds(when, layers) { *then } else { *otherwise });
            }
            Decision::Chain { arms, otherwise } => {
                let matched = arms.iter().find(|arm| holds(&arm.when, layers));
                decision = matched.map_or(otherwise, |arm| &arm.then);
            }
            Decision::Split(split) => {
                let hash = match &split.key {
                    SplitKey::Implicit(Some(state)) => {
                        let Some(subject) = subject_key(layers) else { return Some(Choice::Default) };
                        with_subject(*state, split.bucketing, subject)
                    }
                    SplitKey::Prefixed { state, path, .. } => {
                        state.with(text_at(path, layers)?.trim_end().as_bytes()).finish()
                    }
                    _ => return None,
                };
                let picked = split.shares.as_ref().and_then(|shares| shares.pick(split.bucketing, hash));
                return Some(
                    picked.and_then(|at| split.outcomes.get(at)).map_or(Choice::Default, |choice| *choice),
                );
            }
            Decision::Named(_) => return None,
        }
    }
}

/// Whether a quick condition is true.
fn holds(expr: &Expr, layers: &Layers<'_>) -> bool {
    match expr {
        Expr::And(operands) => operands.iter().all(|operand| holds_inside(operand, layers)),
        Expr::Or(operands) => operands.iter().any(|operand| holds_inside(operand, layers)),
        Expr::Not(operand) => !holds(operand, layers),
        _ => condition(expr, layers).unwrap_or(false),
    }
}

/// The same for an operand of `and` and `or`.
// PERF: most operands are conditions; answering them here saves a call each.
#[inline(always)]
fn holds_inside(expr: &Expr, layers: &Layers<'_>) -> bool {
    match expr {
        Expr::And(_) | Expr::Or(_) | Expr::Not(_) => holds(expr, layers),
        _ => condition(expr, layers).unwrap_or(false),
    }
}

/// The answer of a condition of one attribute and a constant; none where that is null.
#[inline(always)]
pub(crate) fn condition(expr: &Expr, layers: &Layers<'_>) -> Option<bool> {
    match expr {
        Expr::IsText(path, wanted) => Some(match text_at(path, layers) {
            Some(text) => wanted.is(text),
            None => equals_text(path, wanted.as_str(), layers),
        }),
        Expr::InTexts(path, set) => Some(match text_at(path, layers) {
            Some(text) => set.contains(text),
            None => is_number_among(path, set, layers),
        }),
        Expr::Compare(path, comparison, number) => Some(compare(path, *comparison, *number, layers)),
        Expr::StartsWith(path, affix) => Some(text_at(path, layers)?.starts_with(&**affix)),
        Expr::EndsWith(path, affix) => Some(text_at(path, layers)?.ends_with(&**affix)),
        Expr::Version(path, rule) => match text_at(path, layers) {
            Some(text) => rule.test_text(text),
            None => version_of_number(path, rule, layers),
        },
        Expr::IsSameText(path, wanted) => Some(text_at(path, layers).is_some_and(|text| wanted.is(text))),
        _ => None,
    }
}

/// The targeting key as the implicit form of `fractional` takes it: a text that is not empty.
#[inline(always)]
pub(crate) fn subject_key<'c>(layers: &Layers<'c>) -> Option<&'c str> {
    layers.subject().filter(|subject| !subject.is_empty())
}

/// The text at a path of the context.
#[inline(always)]
fn text_at<'c>(path: &AttributePath, layers: &Layers<'c>) -> Option<&'c str> {
    match path {
        AttributePath::Attribute(name) => match layers.named(name)? {
            Value::String(text) => Some(text),
            _ => None,
        },
        AttributePath::TargetingKey => layers.subject(),
        AttributePath::Inside(..) => text_inside(path, layers),
    }
}

#[inline(never)]
fn text_inside<'c>(path: &AttributePath, layers: &Layers<'c>) -> Option<&'c str> {
    if let Operand::Text(text) = attribute(path, layers) { Some(text) } else { None }
}

/// What stands at a path of the context; null where nothing does.
pub(crate) fn attribute<'c>(path: &AttributePath, layers: &Layers<'c>) -> Operand<'c> {
    let (found, rest) = match path {
        AttributePath::Attribute(name) => return layers.named(name).map_or(Operand::Null, Operand::from),
        AttributePath::TargetingKey => (layers.targeting_key(), &[][..]),
        AttributePath::Inside(Root::TargetingKey, rest) => (layers.targeting_key(), &**rest),
        AttributePath::Inside(Root::Attribute(name), rest) => (layers.named(name).map(Found::Value), &**rest),
    };
    match found {
        Some(Found::Value(value)) => path::walk(value, rest).map_or(Operand::Null, Operand::from),
        Some(Found::Text(text)) if rest.is_empty() => Operand::Text(text),
        _ => Operand::Null,
    }
}

#[cold]
#[inline(never)]
fn equals_text(path: &AttributePath, wanted: &str, layers: &Layers<'_>) -> bool {
    match attribute(path, layers) {
        Operand::Null => false,
        other => other.equals(Operand::Text(wanted)),
    }
}

/// Whether a number equals any of the texts as numbers; the length of the list is bounded by the file.
#[cold]
#[inline(never)]
fn is_number_among(path: &AttributePath, set: &TextSet, layers: &Layers<'_>) -> bool {
    match attribute(path, layers) {
        Operand::Number(needle) => set.texts.iter().any(|text| arithmetic_number(text) == needle),
        _ => false,
    }
}

#[inline]
fn compare(path: &AttributePath, comparison: Comparison, number: f64, layers: &Layers<'_>) -> bool {
    let (x, null) = match path {
        AttributePath::Attribute(name) => match layers.named(name) {
            Some(Value::Number(x)) => (*x, false),
            Some(value) => comparable(value.into()),
            None => (0.0, true),
        },
        _ => comparable(attribute(path, layers)),
    };
    // Null counts as zero where it is ordered, and equals nothing but itself.
    let equal = !null && x == number;
    match comparison {
        Comparison::Less => x < number,
        Comparison::LessOrEqual => x < number || equal,
        Comparison::Greater => x > number,
        Comparison::GreaterOrEqual => x > number || equal,
        Comparison::Equal => equal,
        Comparison::NotEqual => !equal,
    }
}

#[inline(never)]
fn comparable(operand: Operand<'_>) -> (f64, bool) {
    match operand {
        Operand::Text(text) => (comparable_number(text), false),
        other => (other.comparable(), other.is_null()),
    }
}

/// A number is a version by its text: `1.2` of the number 1.20.
#[cold]
#[inline(never)]
fn version_of_number(path: &AttributePath, rule: &VersionRule, layers: &Layers<'_>) -> Option<bool> {
    let Operand::Number(number) = attribute(path, layers) else { return None };
    let mut text = Short::default();
    number::write_version_operand(&mut text, number).ok()?;
    Version::parse(text.as_str())?;
    rule.test_text(text.as_str())
}
