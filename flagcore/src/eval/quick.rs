//! Decisions that need nothing but the context: what people write every day.
//!
//! Conditions of an attribute and a constant, joined by `and`, `or` and `!`, and shares of the targeting key
//! can neither fail nor produce anything on the way, so they are answered without a machine around them.
//! The machine answers them by the same functions when they are part of something larger.
//!
//! Nothing here is counted, so nothing here may take long: a text whose length decides what a test costs is left
//! to the machine, which has a budget.

use crate::context::{Found, Layers};
use crate::number::{self, Short};
use crate::path;
use crate::value::Value;
use crate::version::Version;

use super::operand::{Operand, arithmetic_number, comparable_number};
use super::operator::SHORT_TEXT;
use super::program::{
    Arm, AttributePath, Check, Choice, Decision, Expr, Root, SplitKey, Test, TextSet, VersionRule,
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
        Expr::Test(_) => true,
        Expr::And(operands) | Expr::Or(operands) => operands.iter().all(is_quick_condition),
        Expr::Not(operand) => is_quick_condition(operand),
        _ => false,
    }
}

/// A text is too long for a test that reads all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Where a quick decision ends; none for the rare context that takes more.
#[inline(always)]
pub(crate) fn decide(decision: &Decision, layers: &Layers<'_>) -> Option<Choice> {
    let mut decision = decision;
    loop {
        match decision {
            Decision::Give(choice) => return Some(*choice),
            Decision::Either { when, then, otherwise } => {
                return Some(if holds(when, layers).ok()? { *then } else { *otherwise });
            }
            Decision::Chain { arms, otherwise } => {
                decision = first_true(arms, layers).ok()?.map_or(otherwise, |arm| &arm.then);
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

/// The first arm whose condition is true.
#[inline(always)]
fn first_true<'p>(arms: &'p [Arm], layers: &Layers<'_>) -> Result<Option<&'p Arm>, TooLong> {
    for arm in arms {
        if holds(&arm.when, layers)? {
            return Ok(Some(arm));
        }
    }
    Ok(None)
}

/// Whether a quick condition is true.
// PERF: one test, or some joined by `and`, is what most rules are; those are answered in place.
#[inline(always)]
fn holds(expr: &Expr, layers: &Layers<'_>) -> Result<bool, TooLong> {
    match expr {
        Expr::Test(test) => Ok(passes(test, layers)?.unwrap_or(false)),
        Expr::And(operands) => {
            for operand in operands {
                if !holds_inside(operand, layers)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => holds_joined(expr, layers),
    }
}

fn holds_joined(expr: &Expr, layers: &Layers<'_>) -> Result<bool, TooLong> {
    match expr {
        Expr::And(operands) => {
            for operand in operands {
                if !holds_inside(operand, layers)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Expr::Or(operands) => {
            for operand in operands {
                if holds_inside(operand, layers)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Expr::Not(operand) => Ok(!holds_inside(operand, layers)?),
        Expr::Test(_) => holds_inside(expr, layers),
        _ => Ok(false),
    }
}

/// The same for an operand of `and` and `or`.
// PERF: most operands are tests; answering them here saves a call each.
#[inline(always)]
fn holds_inside(expr: &Expr, layers: &Layers<'_>) -> Result<bool, TooLong> {
    if let Expr::Test(test) = expr {
        Ok(passes(test, layers)?.unwrap_or(false))
    } else {
        holds_joined(expr, layers)
    }
}

/// The answer of a test; none where that is null.
#[inline(never)]
pub(crate) fn passes(test: &Test, layers: &Layers<'_>) -> Result<Option<bool>, TooLong> {
    let text = match &*test.path {
        AttributePath::Attribute(name) => match layers.named(name) {
            Some(Value::String(text)) => text,
            other => return Ok(passes_without_text(&test.check, other.map_or(Operand::Null, Operand::from))),
        },
        AttributePath::TargetingKey => match layers.subject() {
            Some(text) => text,
            None => return passes_slowly(test, layers),
        },
        AttributePath::Inside(..) => return passes_slowly(test, layers),
    };
    match &test.check {
        Check::IsText(wanted) | Check::IsSameText(wanted) => Ok(Some(wanted.is(text))),
        Check::InTexts(set) => Ok(Some(set.contains(text))),
        check => passes_with_short_text(check, text),
    }
}

/// The same for an attribute that takes a closer look.
#[inline(never)]
fn passes_slowly(test: &Test, layers: &Layers<'_>) -> Result<Option<bool>, TooLong> {
    match attribute(&test.path, layers) {
        Operand::Text(text) => passes_with_short_text(&test.check, text),
        other => Ok(passes_without_text(&test.check, other)),
    }
}

/// The same for a text and what is not asked every day.
// PERF: not inlined, so that the few tests before need no registers for it.
#[inline(never)]
fn passes_with_short_text(check: &Check, text: &str) -> Result<Option<bool>, TooLong> {
    // Everything else is bounded by the constant that the text is compared with.
    if text.len() > SHORT_TEXT && matches!(check, Check::Compare(..) | Check::Version(_)) {
        return Err(TooLong);
    }
    Ok(passes_with_text(check, text))
}

/// The answer of a check for a text of any length.
#[inline]
pub(crate) fn passes_with_text(check: &Check, text: &str) -> Option<bool> {
    match check {
        Check::IsText(wanted) | Check::IsSameText(wanted) => Some(wanted.is(text)),
        Check::InTexts(set) => Some(set.contains(text)),
        Check::Compare(comparison, number) => Some(comparison.holds(comparable_number(text), *number)),
        Check::StartsWith(affix) => Some(text.starts_with(&**affix)),
        Check::EndsWith(affix) => Some(text.ends_with(&**affix)),
        Check::Version(rule) => rule.test_text(text),
    }
}

/// The same for anything but a text.
#[inline(never)]
fn passes_without_text(check: &Check, value: Operand<'_>) -> Option<bool> {
    match check {
        Check::IsText(wanted) => Some(!value.is_null() && value.equals(Operand::Text(wanted.as_str()))),
        Check::IsSameText(_) => Some(false),
        Check::InTexts(set) => Some(is_number_among(value, set)),
        Check::Compare(comparison, number) => Some(if value.is_null() {
            comparison.holds_for_null(*number)
        } else {
            comparison.holds(value.comparable(), *number)
        }),
        Check::StartsWith(_) | Check::EndsWith(_) => None,
        Check::Version(rule) => version_of_number(value, rule),
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

/// Whether a number equals any of the texts as numbers; the length of the list is bounded by the file.
fn is_number_among(value: Operand<'_>, set: &TextSet) -> bool {
    match value {
        Operand::Number(needle) => set.texts.iter().any(|text| arithmetic_number(text) == needle),
        _ => false,
    }
}

/// A number is a version by its text: `1.2` of the number 1.20.
fn version_of_number(value: Operand<'_>, rule: &VersionRule) -> Option<bool> {
    let Operand::Number(number) = value else { return None };
    let mut text = Short::default();
    number::write_version_operand(&mut text, number).ok()?;
    Version::parse(text.as_str())?;
    rule.test_text(text.as_str())
}
