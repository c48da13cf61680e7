//! `var` in its general form, and what else looks for data by name.

use crate::context::{Found, TARGETING_KEY};
use crate::path;

use super::frame::{Data, Frame};
use super::machine::Machine;
use super::observer::Observer;
use super::operand::{Fault, Items, Members, Operand};
use super::operator;
use super::program::{Expr, Var, VarPath};

impl<'m, O: Observer<'m>> Machine<'m, O> {
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

    #[inline(never)]
    pub(super) fn missing(&self, names: &'m Expr, frame: &Frame<'_, 'm>) -> Result<Operand<'m>, Fault> {
        let names = self.value(names, frame)?;
        let names = match names {
            Operand::Text(_) => self.scratch.list(std::iter::once(names))?,
            names => names.items().ok_or(Fault::Rule)?,
        };
        let (missing, _) = self.absent(names, frame)?;
        Ok(Operand::List(missing))
    }

    #[inline(never)]
    pub(super) fn missing_some(
        &self,
        operands: &'m Expr,
        frame: &Frame<'_, 'm>,
    ) -> Result<Operand<'m>, Fault> {
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
}
