//! What each eager operator makes of its operands.
//!
//! Eager operators see their operands evaluated; the lazy ones (`and`, `or`, `if`) and those that look into
//! data (`var`, `missing`, lists) are the machine's. Each function is the reference's, odd corners included:
//! see the tables of the documentation and the cases in `flags/conformance`.

use std::fmt::Write;

use crate::number;
use crate::version::{Version, VersionTest};

use super::operand::{Fault, Items, Members, Operand, arithmetic_number};
use super::scratch::Scratch;

/// An operator whose operands are evaluated before it sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named by the table below")]
pub enum Operator {
    Equal,
    NotEqual,
    Same,
    NotSame,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Not,
    Truth,
    In,
    Cat,
    Substr,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Absolute,
    Most,
    Least,
    Merge,
    Set,
    ContainsAll,
    ContainsAny,
    ContainsNone,
    StartsWith,
    EndsWith,
    SemVer,
}

impl Operator {
    /// Every eager operator with its name in rules.
    pub const NAMES: [(&'static str, Operator); 29] = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("===", Operator::Same),
        ("!==", Operator::NotSame),
        ("<", Operator::Less),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        (">=", Operator::GreaterOrEqual),
        ("!", Operator::Not),
        ("!!", Operator::Truth),
        ("in", Operator::In),
        ("cat", Operator::Cat),
        ("substr", Operator::Substr),
        ("+", Operator::Add),
        ("-", Operator::Subtract),
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("%", Operator::Remainder),
        ("abs", Operator::Absolute),
        ("max", Operator::Most),
        ("min", Operator::Least),
        ("merge", Operator::Merge),
        ("set", Operator::Set),
        ("contains_all", Operator::ContainsAll),
        ("contains_any", Operator::ContainsAny),
        ("contains_none", Operator::ContainsNone),
        ("starts_with", Operator::StartsWith),
        ("ends_with", Operator::EndsWith),
        ("sem_ver", Operator::SemVer),
    ];

    /// The operator of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator)
    }

    /// The operator's name in rules.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, operator)| *operator == self).map_or("", |(name, _)| name)
    }

    /// The answer of the operator for what stands behind it in a rule, evaluated.
    ///
    /// # Errors
    ///
    /// [`Fault::Rule`] where the reference cannot apply the operator, [`Fault::Budget`] past the budget.
    pub fn apply<'m>(self, operand: Operand<'m>, scratch: &'m Scratch) -> Result<Operand<'m>, Fault> {
        charge(operand, scratch)?;
        let list = || operand.items().ok_or(Fault::Rule);
        Ok(match self {
            Operator::Equal => Operand::Bool(pair(list()?).is_some_and(|(a, b)| a.equals(b))),
            Operator::NotEqual => Operand::Bool(!pair(list()?).is_some_and(|(a, b)| a.equals(b))),
            Operator::Same => Operand::Bool(same(operand)),
            Operator::NotSame => Operand::Bool(!same(operand)),
            Operator::Less => Operand::Bool(in_order(list()?, |a, b| a.is_less(b))),
            Operator::LessOrEqual => Operand::Bool(in_order(list()?, |a, b| a.is_less(b) || a.equals(b))),
            Operator::Greater => Operand::Bool(in_order(list()?, |a, b| b.is_less(a))),
            Operator::GreaterOrEqual => Operand::Bool(in_order(list()?, |a, b| b.is_less(a) || a.equals(b))),
            Operator::Not => Operand::Bool(!truth(operand)),
            Operator::Truth => Operand::Bool(truth(operand)),
            Operator::In => {
                let list = list()?;
                let needle = list.get(0).ok_or(Fault::Rule)?;
                Operand::Bool(is_in(needle, list.get(1).unwrap_or(Operand::Null), scratch)?)
            }
            Operator::Cat => cat(operand, scratch)?,
            Operator::Substr => Operand::Text(substr(list()?, scratch)?),
            Operator::Add => add(operand)?,
            Operator::Subtract => match (list()?.len(), list()?) {
                (0, _) => Operand::WholeZero,
                (1, items) => Operand::Number(-first_number(items)?),
                (_, items) => Operand::Number(fold(items, |a, b| a - b)?),
            },
            Operator::Multiply => {
                let mut product = 1.0;
                for item in list()?.iter() {
                    product *= item.number()?;
                }
                Operand::Number(product)
            }
            Operator::Divide if list()?.is_empty() => Operand::WholeZero,
            Operator::Divide => Operand::Number(fold(list()?, |a, b| a / b)?),
            Operator::Remainder => {
                let (a, b) = pair(list()?).ok_or(Fault::Rule)?;
                Operand::Number(a.number()? % b.number()?)
            }
            Operator::Absolute => {
                let operand = match operand.items() {
                    Some(items) => items.get(0).ok_or(Fault::Rule)?,
                    None => operand,
                };
                Operand::Number(operand.number()?.abs())
            }
            Operator::Most => extreme(list()?, |new, old| new > old)?,
            Operator::Least => extreme(list()?, |new, old| old > new)?,
            Operator::Merge => merge(operand, scratch)?,
            Operator::Set => set(list()?, scratch)?,
            Operator::ContainsAll => Operand::Bool(contains(operand, scratch, Wanted::All)?),
            Operator::ContainsAny => Operand::Bool(contains(operand, scratch, Wanted::Any)?),
            Operator::ContainsNone => Operand::Bool(contains(operand, scratch, Wanted::None)?),
            Operator::StartsWith => two_texts(operand, |text, affix| text.starts_with(affix)),
            Operator::EndsWith => two_texts(operand, |text, affix| text.ends_with(affix)),
            Operator::SemVer => sem_ver(operand, scratch).map_or(Operand::Null, Operand::Bool),
        })
    }
}

/// Bytes of a text that are looked at for nothing.
pub(super) const SHORT_TEXT: usize = 1_024;

/// Items of a list that are looked at for nothing.
const SHORT_LIST: usize = 16;

/// Takes off the budget what looking at long operands costs; those of every day cost nothing.
pub(super) fn charge(operand: Operand<'_>, scratch: &Scratch) -> Result<(), Fault> {
    let text = |operand: Operand<'_>| match operand {
        Operand::Text(text) => charge_text(text, scratch),
        _ => Ok(()),
    };
    let Operand::List(items) = operand else { return text(operand) };
    if items.len() > SHORT_LIST {
        scratch.spend(items.len())?;
    }
    items.iter().try_for_each(text)
}

/// Takes off the budget what reading all of a long text costs.
#[inline]
pub(super) fn charge_text(text: &str, scratch: &Scratch) -> Result<(), Fault> {
    if text.len() > SHORT_TEXT { scratch.spend(text.len() / 64) } else { Ok(()) }
}

/// Takes off the budget what reading all of a value costs, with everything inside of it.
pub(super) fn charge_whole(operand: Operand<'_>, scratch: &Scratch) -> Result<(), Fault> {
    match operand {
        Operand::Text(text) => charge_text(text, scratch),
        Operand::List(items) => {
            if items.len() > SHORT_LIST {
                scratch.spend(items.len())?;
            }
            items.iter().try_for_each(|item| charge_whole(item, scratch))
        }
        Operand::Structure(members) => {
            if members.len() > SHORT_LIST {
                scratch.spend(members.len())?;
            }
            let mut charged = Ok(());
            members.for_each(|name, value| {
                if charged.is_ok() {
                    charged = charge_text(name, scratch).and_then(|()| charge_whole(value, scratch));
                }
            });
            charged
        }
        _ => Ok(()),
    }
}

fn pair(items: Items<'_>) -> Option<(Operand<'_>, Operand<'_>)> {
    Some((items.get(0)?, items.get(1)?))
}

fn same(operand: Operand<'_>) -> bool {
    operand.items().and_then(pair).is_some_and(|(a, b)| a.same(b))
}

/// With three operands both neighbours, with any other number the first two; fewer than two are never in order.
fn in_order(items: Items<'_>, holds: impl Fn(Operand<'_>, Operand<'_>) -> bool) -> bool {
    let Some((a, b)) = pair(items) else { return false };
    match items.get(2) {
        Some(c) if items.len() == 3 => holds(a, b) && holds(b, c),
        _ => holds(a, b),
    }
}

/// A list stands for its first item, an empty one for nothing.
fn truth(operand: Operand<'_>) -> bool {
    match operand.items() {
        Some(items) => items.get(0).is_some_and(Operand::is_truthy),
        None => operand.is_truthy(),
    }
}

/// Whether a needle is in a text or a list. A list inside of the list is a closed range of numbers.
///
/// # Errors
///
/// [`Fault::Rule`] for a needle that is no text in a text, for a number against what is no number, for a
/// range of fewer than two, for a structure against a structure.
pub fn is_in<'m>(needle: Operand<'m>, hay: Operand<'m>, scratch: &Scratch) -> Result<bool, Fault> {
    let items = match (hay, needle) {
        (Operand::Text(hay), Operand::Text(needle)) => {
            charge_text(hay, scratch)?;
            return Ok(hay.contains(needle));
        }
        (Operand::Text(_), _) => return Err(Fault::Rule),
        (Operand::List(items), _) => items,
        _ => return Ok(false),
    };
    scratch.spend(items.len())?;
    for item in items.iter() {
        let found = match (needle, item) {
            (_, Operand::List(range)) => is_in_range(needle, range)?,
            // A whole zero is of another kind than any number read from a text or a file.
            (Operand::WholeZero, item) => item.number().map(|_| false)?,
            (Operand::Number(needle), item) => item.number()? == needle,
            (Operand::Structure(_), Operand::Structure(_)) => return Err(Fault::Rule),
            (needle, item) => needle.same(item),
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_in_range(needle: Operand<'_>, range: Items<'_>) -> Result<bool, Fault> {
    let (low, high) = pair(range).ok_or(Fault::Rule)?;
    let needle = needle.number()?;
    // The upper end is only looked at where the lower one fits.
    Ok(low.number()? <= needle && needle <= high.number()?)
}

/// Texts in a row. Of two or more the outer white space is cut off, of one it stays.
fn cat<'m>(operand: Operand<'m>, scratch: &'m Scratch) -> Result<Operand<'m>, Fault> {
    if let Operand::Text(_) = operand {
        return Ok(operand);
    }
    let items = operand.items().ok_or(Fault::Rule)?;
    if items.len() < 2 {
        return items.get(0).unwrap_or(Operand::Text("")).text(scratch).map(Operand::Text);
    }
    let mut joined = scratch.text();
    for item in items.iter() {
        joined.write_str(item.text(scratch)?).map_err(|_| Fault::Budget)?;
    }
    Ok(Operand::Text(joined.finish().trim()))
}

/// A part of a text, counted in characters.
fn substr<'m>(items: Items<'m>, scratch: &'m Scratch) -> Result<&'m str, Fault> {
    let text = items.get(0).ok_or(Fault::Rule)?.text(scratch)?;
    let from = number::to_index(items.get(1).ok_or(Fault::Rule)?.number()?);
    let length = text.chars().count() as i64;
    let from = if from < 0 { length.wrapping_add(from) } else { from };
    if from < 0 || from > length {
        return Ok(text);
    }
    let wanted = match items.get(2) {
        Some(wanted) if items.len() == 3 => number::to_index(wanted.number()?),
        _ => length,
    };
    let to = if wanted < 0 { length.wrapping_add(wanted) } else { from.wrapping_add(wanted) };
    let to = to.min(length);
    if to < from {
        return Err(Fault::Rule);
    }
    let byte = |at: i64| text.char_indices().nth(at as usize).map_or(text.len(), |(at, _)| at);
    text.get(byte(from)..byte(to)).ok_or(Fault::Rule)
}

fn add(operand: Operand<'_>) -> Result<Operand<'_>, Fault> {
    let Some(items) = operand.items() else { return operand.number().map(Operand::Number) };
    if items.len() == 1 {
        return first_number(items).map(Operand::Number);
    }
    let mut sum = 0.0;
    for item in items.iter() {
        sum += item.number()?;
    }
    Ok(Operand::Number(sum))
}

fn first_number(items: Items<'_>) -> Result<f64, Fault> {
    items.get(0).ok_or(Fault::Rule)?.number()
}

/// From the left, the first item being the start.
fn fold(items: Items<'_>, step: impl Fn(f64, f64) -> f64) -> Result<f64, Fault> {
    let mut result = first_number(items)?;
    for item in items.iter().skip(1) {
        result = step(result, item.number()?);
    }
    Ok(result)
}

fn extreme<'m>(items: Items<'m>, replaces: impl Fn(f64, f64) -> bool) -> Result<Operand<'m>, Fault> {
    if items.is_empty() {
        return Ok(Operand::Null);
    }
    let found = fold(items, |old, new| if replaces(new, old) { new } else { old })?;
    Ok(Operand::Number(found))
}

fn merge<'m>(operand: Operand<'m>, scratch: &'m Scratch) -> Result<Operand<'m>, Fault> {
    if operand.is_primitive() {
        return scratch.list(std::iter::once(operand)).map(Operand::List);
    }
    let mut merged = scratch.growing();
    for item in operand.items().ok_or(Fault::Rule)?.iter() {
        match item.items() {
            Some(inner) => {
                scratch.spend(inner.len())?;
                inner.iter().try_for_each(|item| merged.push(item))?;
            }
            None => merged.push(item)?,
        }
    }
    Ok(Operand::List(merged.finish()))
}

fn set<'m>(items: Items<'m>, scratch: &'m Scratch) -> Result<Operand<'m>, Fault> {
    let Some(object) = items.get(0) else { return Ok(Operand::Null) };
    let (Operand::Structure(members), Some(name), Some(value)) = (object, items.get(1), items.get(2)) else {
        return Ok(object);
    };
    let Operand::Text(name) = name else { return Err(Fault::Rule) };
    scratch.spend(members.len())?;
    let mut changed: Vec<(&str, Operand<'_>)> = Vec::with_capacity(members.len() + 1);
    members.for_each(|known, value| changed.push((known, value)));
    match changed.binary_search_by(|(known, _)| (*known).cmp(name)) {
        Ok(at) => {
            if let Some(member) = changed.get_mut(at) {
                member.1 = value;
            }
        }
        Err(at) => changed.insert(at, (name, value)),
    }
    Ok(Operand::Structure(Members::Made(scratch.members(changed.into_iter())?)))
}

enum Wanted {
    All,
    Any,
    None,
}

fn contains(operand: Operand<'_>, scratch: &Scratch, wanted: Wanted) -> Result<bool, Fault> {
    let lists = operand.items().filter(|items| items.len() == 2).and_then(pair);
    let Some((Some(hay), Some(needles))) = lists.map(|(hay, needles)| (hay.items(), needles.items())) else {
        return Ok(matches!(wanted, Wanted::None));
    };
    for needle in needles.iter() {
        let found = has_element(hay, needle, scratch)?;
        match wanted {
            Wanted::All if !found => return Ok(false),
            Wanted::Any if found => return Ok(true),
            Wanted::None if found => return Ok(false),
            _ => {}
        }
    }
    Ok(!matches!(wanted, Wanted::Any))
}

fn has_element(hay: Items<'_>, needle: Operand<'_>, scratch: &Scratch) -> Result<bool, Fault> {
    scratch.spend(hay.len())?;
    for item in hay.iter() {
        let found = match (item, needle) {
            // The reference cannot compare two lists or two structures.
            (Operand::List(_), Operand::List(_)) | (Operand::Structure(_), Operand::Structure(_)) => {
                return Err(Fault::Rule);
            }
            (a, b) if a.is_number() && b.is_number() => a.comparable() == b.comparable(),
            (a, b) => a.same(b),
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The answer for exactly two texts, null for anything else.
fn two_texts<'m>(operand: Operand<'m>, holds: impl Fn(&str, &str) -> bool) -> Operand<'m> {
    match operand.items().filter(|items| items.len() == 2).and_then(pair) {
        Some((Operand::Text(text), Operand::Text(affix))) => Operand::Bool(holds(text, affix)),
        _ => Operand::Null,
    }
}

/// `None`, which is null, for anything but two versions and a comparison.
fn sem_ver(operand: Operand<'_>, scratch: &Scratch) -> Option<bool> {
    let items = operand.items().filter(|items| items.len() == 3)?;
    let test = match items.get(1)? {
        Operand::Text(sign) => VersionTest::of(sign)?,
        _ => return None,
    };
    version_test(items.get(0)?, test, &Version::parse(version_text(items.get(2)?, scratch)?)?, scratch)
}

/// What `sem_ver` answers for a value and a target.
pub fn version_test(
    value: Operand<'_>,
    test: VersionTest,
    target: &Version<'_>,
    scratch: &Scratch,
) -> Option<bool> {
    let value = Version::parse(version_text(value, scratch)?)?;
    Some(test.holds(&value, target))
}

fn version_text<'m>(operand: Operand<'m>, scratch: &'m Scratch) -> Option<&'m str> {
    match operand {
        Operand::Text(text) => Some(text),
        Operand::WholeZero => Some("0"),
        Operand::Number(value) => {
            let mut text = scratch.text();
            number::write_version_operand(&mut text, value).ok()?;
            Some(text.finish())
        }
        _ => None,
    }
}

/// A position in a list, out of an operand that `missing_some` counts with.
pub fn count_of(operand: Operand<'_>) -> Result<i64, Fault> {
    match operand {
        Operand::Text(text) => Ok(number::to_index(arithmetic_number(text))),
        other => other.number().map(number::to_index),
    }
}
