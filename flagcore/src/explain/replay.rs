//! Finds the answer of a trace again, from the trace alone.

use crate::bucketing::Shares;
use crate::detail::{ErrorCode, Reason};
use crate::eval::operand::{Items, Operand};
use crate::eval::operator::Operator;
use crate::eval::scratch::Scratch;
use crate::eval::split::{implicit_hash, value_hash};
use crate::resolution::on_a_deep_stack;
use crate::text::WithoutQuotes;
use crate::value::Value;

use super::explanation::{Answer, Ending, Explanation, Kind, Operation, SplitKey, SplitStep, Step};

impl Explanation {
    /// The answer, found again from the trace alone; `GENERAL` where a deep trace needs a thread that cannot be had.
    ///
    /// An evaluation that took too many steps has no answer to find: what it came to is as it was recorded.
    pub fn replay(&self) -> Answer {
        if !self.is_deep() {
            return self.replayed();
        }
        let code = Some(ErrorCode::General);
        on_a_deep_stack(|| self.replayed()).unwrap_or(Answer {
            variant: None,
            reason: Reason::Error,
            error_code: code,
        })
    }

    fn replayed(&self) -> Answer {
        let by_default = |reason| match &self.default_variant {
            Some(variant) => Answer { variant: Some(variant.clone()), reason, error_code: None },
            None => Answer { variant: None, reason: Reason::Default, error_code: None },
        };
        let failed = |code| Answer { variant: None, reason: Reason::Error, error_code: Some(code) };
        match self.kind {
            Kind::Missing => return failed(ErrorCode::FlagNotFound),
            Kind::Disabled => return Answer { variant: None, reason: Reason::Disabled, error_code: None },
            Kind::Static => return by_default(Reason::Static),
            Kind::Targeted => {}
        }
        // What an evaluation may cost is counted over all of it; a trace does not hold that.
        if self.is_unfinished || matches!(self.answer.error_code, Some(ErrorCode::InvalidContext)) {
            return self.answer();
        }
        for rule in &self.rules {
            match rule.condition.replay() {
                // What the steps say must be what the chain did.
                Some(value) if Operand::from(&value).is_truthy() == rule.matched => {}
                Some(_) => return failed(ErrorCode::General),
                None => return self.failure(),
            }
        }
        // What a split or the rule itself gives is a name already; any other value comes to one.
        let name = match &self.ending {
            None => return self.failure(),
            Some(Ending::NoShare(_)) => None,
            Some(Ending::Written(name)) => name.as_str().map(str::to_owned),
            Some(Ending::Split(split)) => split.replay().as_str().map(str::to_owned),
            Some(Ending::Named(step)) => match step.replay() {
                None => return self.failure(),
                Some(Value::Null) => None,
                Some(value) => match variant_name(&value) {
                    Some(name) => Some(name),
                    None => return failed(ErrorCode::ParseError),
                },
            },
        };
        match name {
            None => by_default(Reason::Default),
            Some(name) if self.variants.contains(&name) => {
                Answer { variant: Some(name), reason: Reason::TargetingMatch, error_code: None }
            }
            Some(_) => failed(ErrorCode::General),
        }
    }

    /// What a step that cannot be done makes of the evaluation: recorded, because a budget is not in the trace.
    fn failure(&self) -> Answer {
        let code = self.answer.error_code.unwrap_or(ErrorCode::ParseError);
        Answer { variant: None, reason: Reason::Error, error_code: Some(code) }
    }
}

impl Step {
    /// What the step gives, found again from the steps inside of it.
    fn replay(&self) -> Option<Value<'static>> {
        let inner = |at: usize| self.steps.get(at)?.replay();
        match &self.operation {
            Operation::Constant | Operation::Attribute { .. } | Operation::Other { .. } => {
                self.outcome.clone()
            }
            Operation::Fail { .. } => None,
            Operation::Condition { .. } => self.replay_condition(),
            Operation::Apply { operator, spread } => {
                // Steps are as deep as rules, and stacks may be small: a loop takes one frame for each level.
                let mut operands = Vec::with_capacity(self.steps.len());
                for step in &self.steps {
                    operands.push(step.replay()?);
                }
                match (spread, operands.as_slice()) {
                    (false, [operand]) => applied(operator, operand.into()),
                    (_, operands) => applied(operator, Operand::List(Items::Given(operands))),
                }
            }
            Operation::And | Operation::Or => match self.steps.len() {
                0 => Some(Value::Null),
                steps => inner(steps - 1),
            },
            Operation::Not => inner(0).map(|value| Value::Bool(!Operand::from(&value).is_truthy())),
            Operation::If { operands } => {
                let pairs = operands / 2;
                for (at, step) in self.steps.iter().enumerate() {
                    // Every step but the last is a condition that was not true, or the one that was.
                    if at >= pairs {
                        return step.replay();
                    }
                    if Operand::from(&step.replay()?).is_truthy() {
                        return inner(at + 1);
                    }
                }
                Some(Value::Null)
            }
            Operation::Evaluator { .. } => inner(0),
            Operation::Split(split) => Some(split.replay()),
        }
    }

    fn replay_condition(&self) -> Option<Value<'static>> {
        let Operation::Condition { seen, operator, operand, mirrored, .. } = &self.operation else {
            return None;
        };
        let mut operands = vec![seen.clone(), operand.clone()];
        if *operator == Operator::SemVer.name() {
            // The operand holds the comparison and the version.
            operands = vec![seen.clone()];
            operands.extend(operand.as_list()?.iter().cloned());
        } else if *mirrored {
            operands.reverse();
        }
        applied(operator, Operand::List(Items::Given(&operands)))
    }
}

/// What an operator gives. Apart, so that its scratch is on the stack once and not for each level of steps.
#[inline(never)]
fn applied(operator: &str, operand: Operand<'_>) -> Option<Value<'static>> {
    let scratch = Scratch::default();
    Operator::of(operator)?.apply(operand, &scratch).ok().map(Operand::to_value)
}

impl SplitStep {
    /// What the subject gets, found again from the key and the shares.
    pub(super) fn replay(&self) -> Value<'static> {
        let mut before = 0;
        let weights = self.ends.iter().map(|end| {
            let weight = end - before;
            before = *end;
            weight
        });
        let picked =
            Shares::new(weights).and_then(|shares| shares.pick(self.bucketing, self.replayed_hash()));
        picked.and_then(|at| self.outcomes.get(at)).cloned().unwrap_or(Value::Null)
    }

    fn replayed_hash(&self) -> u32 {
        match &self.key {
            SplitKey::Implicit { flag_key, targeting_key } => {
                implicit_hash(self.bucketing, flag_key, targeting_key)
            }
            SplitKey::Value(value) => value_hash(self.bucketing, value.into()).unwrap_or(0),
        }
    }
}

/// The variant name that a value comes to; none where it has no JSON text.
pub(super) fn variant_name(value: &Value<'_>) -> Option<String> {
    let mut name = String::new();
    Operand::from(value).write_json(&mut WithoutQuotes(&mut name)).ok()?;
    Some(name)
}
