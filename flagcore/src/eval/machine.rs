//! Runs a compiled rule over one context.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::context::Layers;
use crate::text::{self, WithoutQuotes};

use super::frame::Frame;
use super::observer::Observer;
use super::operand::{Fault, Items, Members, Operand};
use super::operator::{self, Operator};
use super::program::{Arm, AttributePath, Choice, Decision, Expr, Test};
use super::quick;
use super::scratch::Scratch;
use super::split::{Outcome, Picked};

/// What one evaluation knows.
#[derive(Debug)]
pub(crate) struct Machine<'m, O> {
    pub(crate) layers: &'m Layers<'m>,
    pub(crate) flag_key: &'m str,
    pub(crate) scratch: &'m Scratch,
    /// Unix seconds: given, or read from the clock when a rule first asks.
    pub(crate) timestamp: Cell<Option<i64>>,
    /// The names of the flag's variants, sorted.
    pub(crate) variants: &'m dyn VariantNames,
    pub(crate) observer: O,
}

/// Finds a variant by its name, and its name.
pub(crate) trait VariantNames: std::fmt::Debug {
    /// The place of a variant.
    fn find(&self, name: &str) -> Option<u32>;

    /// The name of a variant.
    fn name(&self, place: u32) -> Option<&str>;
}

impl<'m, O: Observer<'m>> Machine<'m, O> {
    /// Where a decision ends for this context.
    pub(crate) fn decide(&self, decision: &'m Decision) -> Result<Choice, Fault> {
        let mut decision = decision;
        loop {
            match decision {
                Decision::Give(choice) => return Ok(self.written(*choice)),
                Decision::Either { when, then, otherwise } => {
                    if O::ACTIVE {
                        self.observer.enter();
                    }
                    let matched = self.test(when, &Frame::CONTEXT)?;
                    if O::ACTIVE {
                        self.observer.arm(0, matched);
                    }
                    return Ok(self.written(if matched { *then } else { *otherwise }));
                }
                Decision::Chain { arms, otherwise } => decision = self.arm(arms, otherwise)?,
                Decision::Split(split) => {
                    return match self.pick(split)? {
                        Picked::Nothing => {
                            if O::ACTIVE {
                                self.observer.no_share(split.shares.is_some());
                            }
                            Ok(Choice::Default)
                        }
                        Picked::Outcome(choice) => Ok(*choice),
                        Picked::Value(value) => self.choice(value),
                    };
                }
                Decision::Named(expr) => {
                    let named = self.value(expr, &Frame::CONTEXT)?;
                    if O::ACTIVE {
                        self.observer.named(named);
                    }
                    return self.choice(named);
                }
            }
        }
    }

    #[inline]
    fn written(&self, choice: Choice) -> Choice {
        if O::ACTIVE {
            self.observer.written(choice.told(self.variants));
        }
        choice
    }

    fn arm(&self, arms: &'m [Arm], otherwise: &'m Decision) -> Result<&'m Decision, Fault> {
        for (number, arm) in arms.iter().enumerate() {
            if O::ACTIVE {
                self.observer.enter();
            }
            let matched = self.test(&arm.when, &Frame::CONTEXT)?;
            if O::ACTIVE {
                self.observer.arm(number, matched);
            }
            if matched {
                return Ok(&arm.then);
            }
        }
        Ok(otherwise)
    }

    /// The variant that a value names: its JSON text without quotes.
    fn choice(&self, value: Operand<'m>) -> Result<Choice, Fault> {
        let found = match value {
            Operand::Null => return Ok(Choice::Default),
            Operand::Text(name) if text::is_plain(name) => self.variants.find(name),
            value => {
                if !value.has_json() {
                    return Err(Fault::Rule);
                }
                let mut name = self.scratch.text();
                value.write_json(&mut WithoutQuotes(&mut name)).map_err(|_| Fault::Budget)?;
                self.variants.find(name.finish())
            }
        };
        Ok(found.map_or(Choice::Unknown, Choice::Variant))
    }

    /// Whether an expression is true.
    pub(crate) fn test(&self, expr: &'m Expr, frame: &Frame<'_, 'm>) -> Result<bool, Fault> {
        if O::ACTIVE {
            return self.value(expr, frame).map(Operand::is_truthy);
        }
        match expr {
            Expr::And(operands) => {
                for operand in operands {
                    if !self.test(operand, frame)? {
                        return Ok(false);
                    }
                }
                Ok(!operands.is_empty())
            }
            Expr::Or(operands) => {
                for operand in operands {
                    if self.test(operand, frame)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Expr::Not(operand) => Ok(!self.test(operand, frame)?),
            Expr::Shared(shared) => self.test(&shared.rule, frame),
            _ => self.value(expr, frame).map(Operand::is_truthy),
        }
    }

    /// The value of an expression.
    pub(crate) fn value(&self, expr: &'m Expr, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        if O::ACTIVE {
            self.observer.enter();
        }
        let result = match self.leaf(expr) {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => self.general(expr, frame),
            Err(fault) => Err(fault),
        };
        if O::ACTIVE {
            self.observer.leave(expr, &result);
        }
        result
    }

    /// The operations that have no operand to evaluate first.
    #[inline]
    fn leaf(&self, expr: &'m Expr) -> Result<Option<Operand<'m>>, Fault> {
        Ok(Some(match expr {
            Expr::Constant(value) => value.into(),
            Expr::Attribute(path) => self.attribute(path),
            Expr::HasText(path, text) => {
                Operand::Bool(operator::is_in(Operand::Text(text), self.attribute(path), self.scratch)?)
            }
            Expr::Test(test) => {
                let passes = match quick::passes(test, self.layers) {
                    Ok(passes) => passes,
                    Err(quick::TooLong) => self.passes_at_length(test)?,
                };
                passes.map_or(Operand::Null, Operand::Bool)
            }
            Expr::WholeZero => Operand::WholeZero,
            Expr::FlagKey => Operand::Text(self.flag_key),
            Expr::Timestamp => Operand::Number(self.timestamp() as f64),
            Expr::Fail(_) => return Err(Fault::Rule),
            _ => return Ok(None),
        }))
    }

    /// The answer of a test that reads all of a long text.
    #[cold]
    fn passes_at_length(&self, test: &'m Test) -> Result<Option<bool>, Fault> {
        let Operand::Text(text) = self.attribute(&test.path) else { return Ok(None) };
        operator::charge_text(text, self.scratch)?;
        Ok(quick::passes_with_text(&test.check, text))
    }

    /// The operations that evaluate operands.
    fn general(&self, expr: &'m Expr, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        match expr {
            Expr::And(operands) => self.and(operands, frame),
            Expr::Or(operands) => self.or(operands, frame),
            Expr::If(operands) => self.conditional(operands, frame),
            Expr::Not(operand) => Ok(Operand::Bool(!self.value(operand, frame)?.is_truthy())),
            Expr::Apply(call) => self.apply(call, frame),
            Expr::Shared(shared) => self.value(&shared.rule, frame),
            Expr::List(items) => self.list(items, frame).map(Operand::List),
            Expr::Structure(members) => self.structure(members, frame),
            Expr::AttributeOr(with_default) => {
                let (path, default) = with_default.as_ref();
                let found = self.attribute(path);
                Ok(if found.is_null() { default.into() } else { found })
            }
            Expr::Var(var) => self.var(var, frame),
            Expr::Missing(names) => self.missing(names, frame),
            Expr::MissingSome(operands) => self.missing_some(operands, frame),
            Expr::Each(each) => self.each(each, frame),
            Expr::Split(split) => match self.pick(split)? {
                Picked::Nothing => Ok(Operand::Null),
                Picked::Outcome(outcome) => self.value(outcome, frame),
                Picked::Value(value) => Ok(value),
            },
            Expr::Fractional(fractional) => self.fractional(fractional, frame),
            Expr::SubstituteOr(either) => match self.substitute(&either.0, frame)? {
                Some(substitute) => Ok(substitute),
                None => self.value(&either.1, frame),
            },
            Expr::Given(given) => self.given(given.0, &given.1, frame),
            _ => Err(Fault::Rule),
        }
    }

    #[inline(never)]
    fn apply(&self, call: &'m (Operator, Expr), frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let operand = match &call.1 {
            // The operands of an operator are no step of their own.
            Expr::List(items) => Operand::List(self.list(items, frame)?),
            operand => self.value(operand, frame)?,
        };
        call.0.apply(operand, self.scratch)
    }

    #[inline(never)]
    pub(crate) fn list(&self, items: &'m [Expr], frame: &Frame<'_, 'm>) -> Result<Items<'m>, Fault> {
        let mut list = self.scratch.growing();
        for item in items {
            list.push(self.value(item, frame)?)?;
        }
        Ok(list.finish())
    }

    #[inline(never)]
    fn structure(
        &self,
        members: &'m [(Box<str>, Expr)],
        frame: &Frame<'_, 'm>,
    ) -> Result<Operand<'m>, Fault> {
        let values: Vec<(&'m str, Operand<'m>)> = members
            .iter()
            .map(|(name, value)| Ok((name.as_ref(), self.value(value, frame)?)))
            .collect::<Result<_, Fault>>()?;
        Ok(Operand::Structure(Members::Made(self.scratch.members(values.into_iter())?)))
    }

    /// What stands at a path of the context; null where nothing does.
    pub(crate) fn attribute(&self, path: &'m AttributePath) -> Operand<'m> {
        quick::attribute(path, self.layers)
    }

    /// Unix seconds, the same through one evaluation. The clock is only read for rules that ask.
    pub(crate) fn timestamp(&self) -> i64 {
        if let Some(seconds) = self.timestamp.get() {
            return seconds;
        }
        let now = SystemTime::now();
        let seconds = match now.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => {
                // Whole seconds, rounded down: a moment before 1970 is -1.
                let before = before.duration();
                let up = u64::from(before.subsec_nanos() > 0);
                i64::try_from(before.as_secs().saturating_add(up)).map_or(i64::MIN, |seconds| -seconds)
            }
        };
        self.timestamp.set(Some(seconds));
        seconds
    }
}
