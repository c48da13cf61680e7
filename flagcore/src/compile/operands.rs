//! Operators and their operands: lazy ones need a list, eager ones over constants are applied here and now.

use crate::diagnostic::Pointer;
use crate::eval::operand::Operand;
use crate::eval::operator::Operator;
use crate::eval::program::{Expr, GivenList};
use crate::eval::scratch::Scratch;
use crate::model::{Kind, NodeId};
use crate::text::excerpt;
use crate::value::Value;

use super::complaint::PARSE_ERROR;
use super::everyday::specialize;
use super::rule::RuleCompiler;

impl RuleCompiler<'_> {
    /// `and`, `or` and `if`, whose operands must be written as a list.
    pub(super) fn lazy(
        &mut self,
        name: &str,
        given: GivenList,
        make: fn(Box<[Expr]>) -> Expr,
        value: NodeId,
        at: &Pointer<'_>,
    ) -> Expr {
        let document = self.references.document();
        let value = self.follow(value);
        if let Kind::List(range) = document.kind(value) {
            let operands: Vec<Expr> = document
                .items(range)
                .iter()
                .enumerate()
                .map(|(number, item)| self.expr(*item, &at.item(number)))
                .collect();
            return match operands.as_slice() {
                [] => Expr::Constant(Value::Null),
                _ => make(operands.into_boxed_slice()),
            };
        }
        if !self.scope.substituted.is_empty()
            && let Some(("var", member)) = document.only_member(value)
        {
            let var = self.variable(member.value, &at.member("var"));
            return Expr::Given(Box::new((given, var)));
        }
        self.tell_arguments(name, "takes a list of operands".to_owned(), PARSE_ERROR, value, at);
        Expr::Fail(format!("`{name}` takes a list of operands").into())
    }

    pub(super) fn eager(&mut self, operator: Operator, value: NodeId, at: &Pointer<'_>) -> Expr {
        let value = self.follow(value);
        let operand = self.expr(value, at);
        if let Expr::Constant(constant) = &operand {
            return self.folded(operator, constant, value, at);
        }
        self.check_operands(operator, &operand, value, at);
        match operand {
            Expr::List(operands) => specialize(operator, operands),
            operand => Expr::Apply(Box::new((operator, operand))),
        }
    }

    /// An operator over constants, applied now.
    fn folded(
        &mut self,
        operator: Operator,
        constant: &Value<'static>,
        node: NodeId,
        at: &Pointer<'_>,
    ) -> Expr {
        let scratch = Scratch::default();
        match operator.apply(constant.into(), &scratch) {
            Ok(Operand::WholeZero) => Expr::WholeZero,
            Ok(result) => Expr::Constant(result.to_value()),
            Err(_) => {
                let found = format!("cannot be applied to `{}`", excerpt(&constant.to_string()));
                self.tell_arguments(operator.name(), found.clone(), PARSE_ERROR, node, at);
                Expr::Fail(format!("`{}` {found}", operator.name()).into())
            }
        }
    }
}
