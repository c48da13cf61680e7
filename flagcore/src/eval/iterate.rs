//! `map`, `filter`, `reduce`, `all`, `some` and `none`.
//!
//! Each element costs as many steps as the body has nodes, so nested lists end at the budget.

use super::frame::{Data, Frame};
use super::machine::Machine;
use super::observer::Observer;
use super::operand::{Fault, Items, Operand};
use super::program::{Body, Each, EachKind, Expr, Subject, Var};

/// What a list operator goes through.
enum List<'m> {
    Items(Items<'m>),
    /// Nothing is there.
    Nothing,
    /// Something that is no list.
    Other(Operand<'m>),
}

impl<'m, O: Observer<'m>> Machine<'m, O> {
    /// The value of a list operator.
    #[inline(never)]
    pub(crate) fn each(&self, each: &'m Each, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        match each.kind {
            EachKind::Map => self.map(each, frame),
            EachKind::Filter => self.filter(each, frame),
            EachKind::Reduce => self.reduce(each, frame),
            EachKind::All => self.all(each, frame),
            EachKind::Some => self.some(each, frame),
            EachKind::None => self.none(each, frame),
        }
    }

    fn map(&self, each: &'m Each, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let items = match self.subject(&each.subject, frame)? {
            List::Items(items) => items,
            List::Nothing => return Ok(Operand::List(Items::Made(&[]))),
            List::Other(_) => return Err(Fault::Rule),
        };
        let mut mapped = self.scratch.growing();
        for item in items.iter() {
            mapped.push(self.body(each, item, frame)?)?;
        }
        Ok(Operand::List(mapped.finish()))
    }

    fn filter(&self, each: &'m Each, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let items = match self.subject(&each.subject, frame)? {
            List::Items(items) => items,
            List::Nothing => return Ok(Operand::List(Items::Made(&[]))),
            List::Other(_) => return Err(Fault::Rule),
        };
        self.look_ahead(each, frame)?;
        let mut kept = self.scratch.growing();
        for item in items.iter() {
            if self.body(each, item, frame)?.is_truthy() {
                kept.push(item)?;
            }
        }
        Ok(Operand::List(kept.finish()))
    }

    fn reduce(&self, each: &'m Each, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let initial = match &each.initial {
            Some(initial) => self.value(initial, frame)?,
            None => return Ok(Operand::Number(0.0)),
        };
        let (mut accumulator, kind) = match initial {
            Operand::Bool(_) => (initial, "bool"),
            Operand::Number(_) | Operand::WholeZero => (Operand::Number(initial.number()?), "number"),
            Operand::Text(_) => (initial, "string"),
            _ => return Err(Fault::Rule),
        };
        let items = match self.subject(&each.subject, frame)? {
            List::Items(items) => items,
            List::Nothing => return Ok(Operand::Number(0.0)),
            List::Other(_) => return Err(Fault::Rule),
        };
        for current in items.iter().filter(|item| !item.is_null()) {
            self.scratch.spend(each.cost as usize)?;
            let data = Data::Reduction { current, accumulator, kind };
            let inner = Frame { data, level: frame.level + 1, outer: Some(frame) };
            let result = self.applied(&each.body, &inner)?;
            // The accumulator keeps the kind that it started with.
            accumulator = match accumulator {
                Operand::Bool(_) => Operand::Bool(result.is_truthy()),
                Operand::Number(_) => Operand::Number(result.number()?),
                _ => Operand::Text(result.text(self.scratch)?),
            };
        }
        Ok(accumulator)
    }

    fn all(&self, each: &'m Each, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let Some(items) = self.some_items(each, frame)? else { return Ok(Operand::Bool(false)) };
        for item in items.iter() {
            if !self.element(each, item, frame)?.is_truthy() {
                return Ok(Operand::Bool(false));
            }
        }
        Ok(Operand::Bool(true))
    }

    fn some(&self, each: &'m Each, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let Some(items) = self.some_items(each, frame)? else { return Ok(Operand::Bool(false)) };
        self.look_ahead(each, frame)?;
        for item in items.iter() {
            if self.element(each, item, frame)?.is_truthy() {
                return Ok(Operand::Bool(true));
            }
        }
        Ok(Operand::Bool(false))
    }

    fn none(&self, each: &'m Each, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let Some(items) = self.some_items(each, frame)? else { return Ok(Operand::Bool(true)) };
        self.look_ahead(each, frame)?;
        for item in items.iter() {
            if self.element(each, item, frame)?.is_truthy() {
                return Ok(Operand::Bool(false));
            }
        }
        Ok(Operand::Bool(true))
    }

    /// The items of `all`, `some` and `none`; `None` where nothing true is there.
    fn some_items(&self, each: &'m Each, frame: &Frame<'_, 'm>) -> Result<Option<Items<'m>>, Fault> {
        match self.subject(&each.subject, frame)? {
            List::Items(items) if items.is_empty() => Ok(None),
            List::Items(items) => Ok(Some(items)),
            List::Nothing => Ok(None),
            List::Other(other) if !other.is_truthy() => Ok(None),
            List::Other(_) => Err(Fault::Rule),
        }
    }

    fn subject(&self, subject: &'m Subject, frame: &Frame<'_, 'm>) -> Result<List<'m>, Fault> {
        let computed = |value: Operand<'m>| match value {
            Operand::List(items) => List::Items(items),
            Operand::Null => List::Nothing,
            other => List::Other(other),
        };
        match subject {
            Subject::Written(list) => match self.value(list, frame)? {
                Operand::List(items) => Ok(List::Items(items)),
                _ => Ok(List::Nothing),
            },
            Subject::Computed(rule) => self.value(rule, frame).map(computed),
            Subject::Variable(var) => match self.substitute(var, frame)? {
                // What is substituted counts as written: only a list is one.
                Some(Operand::List(items)) => Ok(List::Items(items)),
                Some(structure @ Operand::Structure(_)) => Ok(List::Other(structure)),
                Some(_) => Ok(List::Nothing),
                None => self.var(var, frame).map(computed),
            },
            Subject::Nothing => Ok(List::Nothing),
        }
    }

    /// One element of `map` and `filter`.
    fn body(&self, each: &'m Each, item: Operand<'m>, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        self.scratch.spend(each.cost as usize)?;
        let inner = Frame { data: Data::Element(item), level: frame.level + 1, outer: Some(frame) };
        match &each.body {
            Body::Rule(expr) | Body::Value(expr) => self.value(expr, &inner),
            Body::Variable(var) => self.var(var, &inner),
        }
    }

    /// One element of `all`, `some` and `none`.
    fn element(
        &self,
        each: &'m Each,
        item: Operand<'m>,
        frame: &Frame<'_, 'm>,
    ) -> Result<Operand<'m>, Fault> {
        self.scratch.spend(each.cost as usize)?;
        let inner = Frame { data: Data::Element(item), level: frame.level + 1, outer: Some(frame) };
        self.look_ahead(each, &inner)?;
        self.applied(&each.body, &inner)
    }

    /// A body that must be a rule.
    fn applied(&self, body: &'m Body, inner: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        match body {
            // An object with a variable in it that is replaced by a plain value is no rule any more.
            Body::Rule(Expr::SubstituteOr(either)) => match self.substitute(&either.0, inner)? {
                Some(structure @ Operand::Structure(_)) => Ok(structure),
                Some(_) => Err(Fault::Rule),
                None => self.value(&either.1, inner),
            },
            Body::Rule(expr) => self.value(expr, inner),
            Body::Value(_) => Err(Fault::Rule),
            Body::Variable(var) => match self.substitute(var, inner)? {
                Some(structure @ Operand::Structure(_)) => Ok(structure),
                Some(_) => Err(Fault::Rule),
                None => self.var(var, inner),
            },
        }
    }

    /// Variables with computed paths are substituted before any element is looked at, and that may fail.
    fn look_ahead(&self, each: &'m Each, frame: &Frame<'_, 'm>) -> Result<(), Fault> {
        let here = |var: &&'m Var| var.levels.last() == Some(&frame.level);
        each.ahead.iter().filter(here).try_for_each(|var| self.substitute(var, frame).map(|_| ()))
    }
}
