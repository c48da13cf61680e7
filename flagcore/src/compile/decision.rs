//! What stands where a variant is wanted: `if` becomes a list of arms, a constant a variant.

use crate::diagnostic::Pointer;
use crate::eval::operand::Operand;
use crate::eval::program::{Arm, Choice, Decision, Expr, Program};
use crate::model::{Kind, NodeId};
use crate::text::WithoutQuotes;
use crate::value::Value;

use super::flag::find_variant;
use super::rule::RuleCompiler;

impl RuleCompiler<'_> {
    /// Compiles what stands where a variant is wanted.
    pub(super) fn decision(&mut self, node: NodeId, at: &Pointer<'_>) -> Decision {
        let document = self.references.document();
        if let Some((operator, member)) = document.only_member(node) {
            let inner = at.member(operator);
            match operator {
                "if" | "?:" => {
                    if let Kind::List(range) = document.kind(self.follow(member.value)) {
                        return self.chain(document.items(range), &inner);
                    }
                }
                "fractional" => {
                    if let Some(decision) = self.split_decision(member.value, &inner) {
                        return decision;
                    }
                }
                _ => {}
            }
        }
        let expr = self.expr(node, at);
        match &expr {
            Expr::Constant(value) => self.constant_decision(value, node, at).unwrap_or(Decision::Named(expr)),
            _ => Decision::Named(expr),
        }
    }

    /// Compiles a rule that is a condition by itself: it ends at [`TRUE`] where what it gives is true.
    pub(super) fn condition(&mut self, node: NodeId, at: &Pointer<'_>) -> Program {
        let when = self.expr(node, at);
        let decision = match &when {
            Expr::Constant(value) if Operand::from(value).is_truthy() => Decision::Give(TRUE),
            Expr::Constant(_) => Decision::Give(Choice::Default),
            _ => Decision::Either { when, then: TRUE, otherwise: Choice::Default },
        };
        Program::new(decision, self.depth)
    }

    /// `None` where a constant has no JSON text, which is an error when reached.
    fn constant_decision(
        &mut self,
        value: &Value<'static>,
        node: NodeId,
        at: &Pointer<'_>,
    ) -> Option<Decision> {
        let choice = self.choice(value)?;
        if choice == Choice::Unknown {
            self.tell_unknown_variant(value, node, at);
        }
        Some(Decision::Give(choice))
    }

    /// The variant that a constant names.
    pub(super) fn choice(&self, value: &Value<'static>) -> Option<Choice> {
        if value.is_null() {
            return Some(Choice::Default);
        }
        let mut name = String::new();
        Operand::from(value).write_json(&mut WithoutQuotes(&mut name)).ok()?;
        let (_, variants) = self.flag?;
        Some(find_variant(variants, &name).map_or(Choice::Unknown, Choice::Variant))
    }

    fn chain(&mut self, operands: &[NodeId], at: &Pointer<'_>) -> Decision {
        let mut arms = Vec::with_capacity(operands.len() / 2);
        let mut rest = operands;
        let mut number = 0;
        let mut otherwise = Decision::Give(Choice::Default);
        loop {
            match rest {
                [] => break,
                [last] => {
                    otherwise = self.decision(*last, &at.item(number));
                    break;
                }
                [condition, outcome, more @ ..] => {
                    let when = self.expr(*condition, &at.item(number));
                    let then = self.decision(*outcome, &at.item(number + 1));
                    arms.push(Arm { when, then });
                    rest = more;
                    number += 2;
                }
            }
        }
        // A condition that is the same for everyone needs no look.
        arms.retain(|arm| !matches!(&arm.when, Expr::Constant(value) if !Operand::from(value).is_truthy()));
        if let Some(certain) = arms.iter().position(|arm| matches!(arm.when, Expr::Constant(_))) {
            arms.truncate(certain + 1);
            if let Some(arm) = arms.pop() {
                otherwise = arm.then;
            }
        }
        if arms.is_empty() {
            return otherwise;
        }
        if let ([Arm { then: Decision::Give(then), .. }], Decision::Give(otherwise)) =
            (arms.as_slice(), &otherwise)
            && let (then, otherwise) = (*then, *otherwise)
            && let Some(arm) = arms.pop()
        {
            return Decision::Either { when: arm.when, then, otherwise };
        }
        Decision::Chain { arms: arms.into_boxed_slice(), otherwise: Box::new(otherwise) }
    }
}

/// Where a condition by itself ends when it is true.
pub(crate) const TRUE: Choice = Choice::Variant(0);
