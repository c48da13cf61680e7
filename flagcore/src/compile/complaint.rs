//! What is wrong inside of a rule, told and tolerated.

use crate::diagnostic::{Place, Pointer, Problem};
use crate::eval::operand::Operand;
use crate::eval::operator::Operator;
use crate::eval::program::Expr;
use crate::model::NodeId;
use crate::text::{WithoutQuotes, excerpt};
use crate::value::Value;
use crate::version::VersionTest;

use super::everyday::version_text;
use super::rule::RuleCompiler;

impl RuleCompiler<'_> {
    pub(super) fn tolerate(&mut self, node: NodeId, at: &Pointer<'_>, problem: Problem) {
        let span = self.references.document().span(node);
        self.report.tolerate(Place::new(span, *at), problem);
    }

    pub(super) fn tell_arguments(
        &mut self,
        operator: &str,
        found: String,
        outcome: &'static str,
        node: NodeId,
        at: &Pointer<'_>,
    ) {
        self.tolerate(node, at, Problem::OperatorArguments { operator: operator.to_owned(), found, outcome });
    }

    pub(super) fn tell_unknown_operator(&mut self, name: &str, node: NodeId, at: &Pointer<'_>) {
        let problem = Problem::UnknownOperator { found: excerpt(name), known: operator_names() };
        let document = self.references.document();
        let word = document.only_member(node).map(|(_, member)| member.name_span);
        let place = Place::new(word.unwrap_or(document.span(node)), *at);
        self.report.tolerate(place, problem);
    }

    pub(super) fn tell_unknown_variant(&mut self, value: &Value<'static>, node: NodeId, at: &Pointer<'_>) {
        /// More names than this are not listed.
        const MOST: usize = 64;
        let Some((flag, variants)) = self.flag else { return };
        // What a flag without variants lacks, and what an object that is no rule is, was told already.
        if variants.is_empty() || matches!(value, Value::Structure(_)) {
            return;
        }
        let mut found = String::new();
        // A string takes all that is written.
        let _ = Operand::from(value).write_json(&mut WithoutQuotes(&mut found));
        let problem = Problem::UnknownVariant {
            flag: excerpt(flag),
            found: excerpt(&found),
            known: variants.iter().take(MOST).map(|variant| excerpt(&variant.name)).collect(),
        };
        self.tolerate(node, at, problem);
    }

    /// Tells of operands that cannot give a useful answer for any context.
    pub(super) fn check_operands(
        &mut self,
        operator: Operator,
        operand: &Expr,
        node: NodeId,
        at: &Pointer<'_>,
    ) {
        let Expr::List(operands) = operand else { return };
        let count = operands.len();
        let complaint = match operator {
            Operator::StartsWith | Operator::EndsWith if count != 2 => {
                Some((format!("takes two operands, not {count}"), "the answer is always null"))
            }
            Operator::SemVer if count != 3 => {
                let found = format!("takes three operands, not {count}");
                Some((found, "the answer is always null"))
            }
            Operator::Equal
            | Operator::Same
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::In
                if count < 2 =>
            {
                Some(("takes two operands".to_owned(), "the answer is always false"))
            }
            Operator::Equal | Operator::NotEqual | Operator::Same | Operator::NotSame | Operator::In
                if count > 2 =>
            {
                Some((format!("takes two operands, not {count}"), "those behind the second are not read"))
            }
            Operator::Substr | Operator::Remainder if count < 2 => {
                Some(("takes two operands at least".to_owned(), PARSE_ERROR))
            }
            _ => None,
        };
        if let Some((found, outcome)) = complaint {
            self.tell_arguments(operator.name(), found, outcome, node, at);
        }
        if operator == Operator::SemVer
            && let [_, sign, target] = operands.as_ref()
        {
            self.check_version_rule(sign, target, node, at);
        }
    }

    fn check_version_rule(&mut self, sign: &Expr, target: &Expr, node: NodeId, at: &Pointer<'_>) {
        if let Expr::Constant(sign) = sign
            && sign.as_str().and_then(VersionTest::of).is_none()
        {
            let found = sign.as_str().map_or_else(|| sign.to_string(), str::to_owned);
            self.tolerate(
                self.item(node, 1),
                &at.item(1),
                Problem::VersionComparison { found: excerpt(&found) },
            );
        }
        if let Expr::Constant(target) = target
            && version_text(target).is_none()
        {
            let found = target.as_str().map_or_else(|| target.to_string(), str::to_owned);
            self.tolerate(self.item(node, 2), &at.item(2), Problem::VersionTarget { found: excerpt(&found) });
        }
    }

    /// Does something whose findings were told before.
    pub(super) fn silently<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let told = self.report.mute();
        let result = act(self);
        self.report.unmute(told);
        result
    }
}

fn operator_names() -> Vec<&'static str> {
    const LAZY: [&str; 14] = [
        "if",
        "and",
        "or",
        "var",
        "fractional",
        "missing",
        "missing_some",
        "map",
        "filter",
        "reduce",
        "all",
        "some",
        "none",
        "?:",
    ];
    LAZY.into_iter().chain(Operator::NAMES.iter().map(|(name, _)| *name)).collect()
}

/// What becomes of an evaluation that an operator cannot do.
pub(super) const PARSE_ERROR: &str = "callers get their own default (PARSE_ERROR)";
