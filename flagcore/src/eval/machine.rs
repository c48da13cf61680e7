//! Runs a compiled rule over one context.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::bucketing::Bucketing;
use crate::context::{Found, Layers, TARGETING_KEY};
use crate::path;
use crate::text::{self, WithoutQuotes};
use crate::value::Value;

use super::operand::{Fault, Items, Members, Operand};
use super::operator::{self, Operator};
use super::program::{Arm, AttributePath, Choice, Decision, Expr, GivenList, Var, VarPath};
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

/// Watches an evaluation step by step.
///
/// The plain evaluation is watched by nobody, and compiles to code without any of this.
pub(crate) trait Observer<'m> {
    /// Whether anybody watches.
    const ACTIVE: bool;

    /// A step begins; steps inside of it follow.
    fn enter(&self) {}

    /// A value was found.
    fn leave(&self, _expr: &'m Expr, _result: &Result<Operand<'m>, Fault>) {}

    /// An arm of a chain was looked at; it began with [`enter`](Self::enter).
    fn arm(&self, _number: usize, _matched: bool) {}

    /// A subject fell to a share, or to none.
    fn split(&self, _split: SplitSeen<'m>) {}

    /// The rule itself says what is given: a variant by name, null for the default.
    fn written(&self, _choice: Value<'static>) {}

    /// A split where a variant is wanted gave no share; whether it has shares at all.
    fn no_share(&self, _has_shares: bool) {}

    /// A value names the variant.
    fn named(&self, _value: Operand<'m>) {}
}

/// How a subject fell to a share.
pub(crate) struct SplitSeen<'m> {
    pub(crate) key: SplitKeySeen<'m>,
    pub(crate) bucketing: Bucketing,
    pub(crate) hash: u32,
    /// One past the last bucket of each share.
    pub(crate) ends: Vec<u32>,
    pub(crate) picked: Option<usize>,
    /// The value of a share out of the context, which stands before those of the rule.
    pub(crate) first: Option<Value<'static>>,
    /// What each share of the rule gives: a variant by name, null for the default; inside of a rule any value.
    pub(crate) outcomes: Vec<Value<'static>>,
    /// Whether the split is in the middle of a rule.
    pub(crate) inside: bool,
}

/// What was hashed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SplitKeySeen<'m> {
    Implicit(&'m str),
    /// A text of the rule, then an attribute: its path and its text.
    Prefixed(&'m str, &'m AttributePath, &'m str),
    Value(Operand<'m>),
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unobserved;

impl Observer<'_> for Unobserved {
    const ACTIVE: bool = false;
}

/// The data that variables are looked up in: the context, or an element of a list inside of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'s, 'm> {
    pub(crate) data: Data<'m>,
    pub(crate) level: u8,
    pub(crate) outer: Option<&'s Frame<'s, 'm>>,
}

/// One level of data.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data<'m> {
    Context,
    Element(Operand<'m>),
    Reduction { current: Operand<'m>, accumulator: Operand<'m>, kind: &'static str },
}

impl Frame<'_, '_> {
    pub(crate) const CONTEXT: Frame<'static, 'static> = Frame { data: Data::Context, level: 0, outer: None };

    fn at(&self, level: u8) -> &Self {
        let mut frame = self;
        while frame.level > level {
            match frame.outer {
                Some(outer) => frame = outer,
                None => break,
            }
        }
        frame
    }
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
            Expr::Test(test) => quick::passes(test, self.layers).map_or(Operand::Null, Operand::Bool),
            Expr::WholeZero => Operand::WholeZero,
            Expr::FlagKey => Operand::Text(self.flag_key),
            Expr::Timestamp => Operand::Number(self.timestamp() as f64),
            Expr::Fail(_) => return Err(Fault::Rule),
            _ => return Ok(None),
        }))
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
    fn and(&self, operands: &'m [Expr], frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
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
    fn or(&self, operands: &'m [Expr], frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
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
    fn conditional(&self, operands: &'m [Expr], frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
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

    /// What `$flagd` holds at the end of some names.
    fn flagd_at<'n>(&self, names: &mut dyn Iterator<Item = (&'n str, i64)>) -> Operand<'m> {
        let members = [
            ("flagKey", Operand::Text(self.flag_key)),
            ("timestamp", Operand::Number(self.timestamp() as f64)),
        ];
        match names.next() {
            None => match self.scratch.members(members.into_iter()) {
                Ok(members) => Operand::Structure(Members::Made(members)),
                Err(_) => Operand::Null,
            },
            Some((name, _)) => match members.into_iter().find(|(known, _)| *known == name) {
                // Both are scalars: there is nothing below them.
                Some((_, value)) if names.next().is_none() => value,
                _ => Operand::Null,
            },
        }
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

    /// `var` in its general form: substituted from the outer levels, else evaluated at its own.
    #[inline(never)]
    pub(crate) fn var(&self, var: &'m Var, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        if let Some(substitute) = self.substitute(var, frame)? {
            return Ok(substitute);
        }
        if var.then_evaluated { self.look_up(var, frame) } else { Ok(Operand::Null) }
    }

    /// What a variable is substituted by, if anything.
    pub(crate) fn substitute(
        &self,
        var: &'m Var,
        frame: &Frame<'_, 'm>,
    ) -> Result<Option<Operand<'m>>, Fault> {
        let substituted =
            if var.then_evaluated { var.levels.len().saturating_sub(1) } else { var.levels.len() };
        for level in var.levels.iter().take(substituted) {
            let found = self.look_up(var, frame.at(*level))?;
            if !found.is_null() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What a variable is in one level of data.
    fn look_up(&self, var: &'m Var, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let default = match &var.default {
            Some(default) => self.value(default, frame)?,
            None => Operand::Null,
        };
        let found = match &var.path {
            VarPath::Whole => return Ok(self.whole(frame.data)),
            VarPath::Unnamed => {
                return Ok(match frame.data {
                    Data::Element(element) if element.is_primitive() => element,
                    _ => Operand::Null,
                });
            }
            VarPath::Path(segments) => {
                let mut names = segments.iter().map(|segment| (segment.name.as_ref(), segment.index));
                self.walk(frame.data, &mut names)
            }
            VarPath::Computed(path) => {
                let path = self.value(path, frame)?;
                return self.computed_path(path, frame);
            }
            VarPath::List(operands) => {
                let operands = Operand::List(self.list(operands, frame)?);
                return self.computed_path(operands, frame);
            }
            // The reference only looks at what it cannot use when there is data to use it on.
            VarPath::Invalid(_) if matches!(frame.data, Data::Element(Operand::Null)) => Operand::Null,
            VarPath::Invalid(_) => return Err(Fault::Rule),
        };
        Ok(if found.is_null() { default } else { found })
    }

    /// What an evaluated operand of `var` finds in one level of data.
    pub(crate) fn computed_path(
        &self,
        path: Operand<'m>,
        frame: &Frame<'_, 'm>,
    ) -> Result<Operand<'m>, Fault> {
        let (path, default) = match path {
            Operand::Null => {
                return Ok(match frame.data {
                    Data::Element(element) if element.is_primitive() => element,
                    _ => Operand::Null,
                });
            }
            Operand::Text("") => return Ok(self.whole(frame.data)),
            Operand::List(items) => {
                let Some(first) = items.get(0) else { return Ok(self.whole(frame.data)) };
                let default = if items.len() == 2 { items.get(1) } else { None };
                let Operand::Text(path) = first else { return Err(Fault::Rule) };
                (path, default.unwrap_or(Operand::Null))
            }
            Operand::Text(path) => (path, Operand::Null),
            number if number.is_number() => (number.text(self.scratch)?, Operand::Null),
            _ if matches!(frame.data, Data::Element(Operand::Null)) => return Ok(Operand::Null),
            _ => return Err(Fault::Rule),
        };
        self.scratch.spend(path.len() / 16)?;
        let mut names = path::names(path).map(|name| (name, path::position(name)));
        let found = self.walk(frame.data, &mut names);
        Ok(if found.is_null() { default } else { found })
    }

    /// All of a level of data.
    fn whole(&self, data: Data<'m>) -> Operand<'m> {
        match data {
            Data::Element(element) => element,
            Data::Context => self.everything(),
            Data::Reduction { current, accumulator, kind } => {
                let members =
                    [("accumulator", accumulator), ("current", current), ("valueType", Operand::Text(kind))];
                match self.scratch.members(members.into_iter()) {
                    Ok(members) => Operand::Structure(Members::Made(members)),
                    Err(_) => Operand::Null,
                }
            }
        }
    }

    /// The whole context as a structure, with what the evaluation itself knows.
    #[cold]
    #[inline(never)]
    fn everything(&self) -> Operand<'m> {
        if self.scratch.is_exhausted() {
            return Operand::Null;
        }
        let mut members: Vec<(&'m str, Operand<'m>)> = Vec::new();
        self.layers.for_each(|name, found| {
            let value = match found {
                Found::Value(value) => value.into(),
                Found::Text(text) => Operand::Text(text),
            };
            members.push((name, value));
        });
        if self.scratch.spend(members.len()).is_err() {
            return Operand::Null;
        }
        members.push(("$flagd", self.flagd_at(&mut std::iter::empty())));
        members.sort_by_key(|(name, _)| *name);
        // Of equal names the last one counts.
        members.reverse();
        members.dedup_by_key(|(name, _)| *name);
        members.reverse();
        match self.scratch.members(members.into_iter()) {
            Ok(members) => Operand::Structure(Members::Made(members)),
            Err(_) => Operand::Null,
        }
    }

    /// What stands at the end of some names in one level of data; null where nothing does.
    pub(crate) fn walk<'n>(
        &self,
        data: Data<'m>,
        names: &mut dyn Iterator<Item = (&'n str, i64)>,
    ) -> Operand<'m> {
        let start = match data {
            Data::Element(element) => element,
            Data::Context => match names.next() {
                None => return self.everything(),
                Some(("$flagd", _)) => return self.flagd_at(names),
                Some((TARGETING_KEY, _)) => match self.layers.targeting_key() {
                    Some(Found::Value(value)) => value.into(),
                    Some(Found::Text(text)) => Operand::Text(text),
                    None => return Operand::Null,
                },
                Some((name, _)) => match self.layers.attribute(name) {
                    Some(value) => value.into(),
                    None => return Operand::Null,
                },
            },
            Data::Reduction { current, accumulator, kind } => match names.next() {
                None => return self.whole(data),
                Some(("current", _)) => current,
                Some(("accumulator", _)) => accumulator,
                Some(("valueType", _)) => Operand::Text(kind),
                Some(_) => return Operand::Null,
            },
        };
        names.fold(start, |at, (name, index)| match at {
            Operand::Structure(members) => members.get(name).unwrap_or(Operand::Null),
            Operand::List(items) => {
                usize::try_from(index).ok().and_then(|index| items.get(index)).unwrap_or(Operand::Null)
            }
            _ => Operand::Null,
        })
    }

    #[inline(never)]
    fn missing(&self, names: &'m Expr, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let names = self.value(names, frame)?;
        let names = match names {
            Operand::Text(_) => self.scratch.list(std::iter::once(names))?,
            names => names.items().ok_or(Fault::Rule)?,
        };
        let (missing, _) = self.absent(names, frame)?;
        Ok(Operand::List(missing))
    }

    #[inline(never)]
    fn missing_some(&self, operands: &'m Expr, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let operands = self.value(operands, frame)?.items().ok_or(Fault::Rule)?;
        let wanted = operator::count_of(operands.get(0).ok_or(Fault::Rule)?)?;
        let names = operands.get(1).and_then(Operand::items).ok_or(Fault::Rule)?;
        let (missing, found) = self.absent(names, frame)?;
        Ok(Operand::List(if wanted > found { missing } else { Items::Made(&[]) }))
    }

    /// Which of some names stand for nothing, and how many stand for something.
    fn absent(&self, names: Items<'m>, frame: &Frame<'_, 'm>) -> Result<(Items<'m>, i64), Fault> {
        self.scratch.spend(names.len())?;
        let (mut missing, mut found) = (self.scratch.growing(), 0);
        for name in names.iter() {
            if self.computed_path(name, frame)?.is_null() {
                missing.push(name)?;
            } else {
                found += 1;
            }
        }
        Ok((missing.finish(), found))
    }

    /// A lazy operator whose operands are a list out of the context: they are values, never rules.
    #[cold]
    #[inline(never)]
    fn given(&self, kind: GivenList, var: &'m Var, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
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
