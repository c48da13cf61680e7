//! `and`, `or` and `if`, which evaluate no more operands than they need.

use super::frame::Frame;
use super::machine::Machine;
use super::observer::Observer;
use super::operand::{Fault, Operand};
use super::program::{Expr, GivenList, Var};

impl<'m, O: Observer<'m>> Machine<'m, O> {
    #[inline(never)]
    pub(super) fn and(&self, operands: &'m [Expr], frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let mut last = Operand::Null;
        for operand in operands {
            last = self.value(operand, frame)?;
            if !last.is_truthy() {
                break;
            }
        }
        Ok(last)
    }

    #[inline(never)]
    pub(super) fn or(&self, operands: &'m [Expr], frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let mut last = Operand::Null;
        for operand in operands {
            last = self.value(operand, frame)?;
            if last.is_truthy() {
                break;
            }
        }
        Ok(last)
    }

    #[inline(never)]
    pub(super) fn conditional(
        &self,
        operands: &'m [Expr],
        frame: &Frame<'_, 'm>,
    ) -> Result<Operand<'m>, Fault> {
        let (pairs, rest) = operands.as_chunks::<2>();
        for [condition, outcome] in pairs {
            if self.value(condition, frame)?.is_truthy() {
                return self.value(outcome, frame);
            }
        }
        match rest {
            [otherwise] => self.value(otherwise, frame),
            _ => Ok(Operand::Null),
        }
    }

    /// A lazy operator whose operands are a list out of the context: they are values, never rules.
    #[cold]
    #[inline(never)]
    pub(super) fn given(
        &self,
        kind: GivenList,
        var: &'m Var,
        frame: &Frame<'_, 'm>,
    ) -> Result<Operand<'m>, Fault> {
        let items = self.substitute(var, frame)?.and_then(Operand::items).ok_or(Fault::Rule)?;
        let wanted = match kind {
            GivenList::And => items.iter().find(|item| !item.is_truthy()),
            GivenList::Or => items.iter().find(|item| item.is_truthy()),
            GivenList::If => {
                let pairs = items.len() / 2;
                let matched = (0..pairs).find(|at| items.get(at * 2).is_some_and(Operand::is_truthy));
                let otherwise = (items.len() % 2 == 1).then(|| items.len() - 1);
                return Ok(matched
                    .map(|at| at * 2 + 1)
                    .or(otherwise)
                    .and_then(|at| items.get(at))
                    .unwrap_or(Operand::Null));
            }
        };
        let last = items.len().checked_sub(1).and_then(|last| items.get(last));
        Ok(wanted.or(last).unwrap_or(Operand::Null))
    }
}
