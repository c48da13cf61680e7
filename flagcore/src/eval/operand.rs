//! A value on its way through a rule.
//!
//! Borrowed from the context, from the rule's constants or from the scratch of one evaluation, and copied
//! freely. The coercions are the reference's, which has two ways to a number: arithmetic refuses what is no
//! number or text ([`Operand::number`]), comparison makes something of everything ([`Operand::comparable`]).

use std::fmt::{self, Write};

use crate::number::{self, ParseFault};
use crate::text::write_json_string;
use crate::value::{Structure, Value};

use super::scratch::Scratch;

/// Why an evaluation ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The rule cannot be applied: an unknown operator, or an operand of a kind that an operator refuses.
    Rule,
    /// The evaluation took too many steps or produced too much text.
    Budget,
}

/// A value on its way through a rule.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'m> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// The whole zero that `-` and `/` of nothing give: a zero, but not the same as the number 0.
    WholeZero,
    /// A text.
    Text(&'m str),
    /// A list.
    List(Items<'m>),
    /// A structure.
    Structure(Members<'m>),
}

/// The items of a list.
#[derive(Clone, Copy, Debug)]
pub enum Items<'m> {
    /// Of a context or a rule.
    Given(&'m [Value<'m>]),
    /// Produced by the evaluation.
    Made(&'m [Operand<'m>]),
}

/// The members of a structure, sorted by name.
#[derive(Clone, Copy, Debug)]
pub enum Members<'m> {
    /// Of a context or a rule.
    Given(&'m Structure<'m>),
    /// Produced by the evaluation.
    Made(&'m [(&'m str, Operand<'m>)]),
}

impl<'m> Items<'m> {
    /// How many there are.
    pub fn len(self) -> usize {
        match self {
            Items::Given(items) => items.len(),
            Items::Made(items) => items.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The item at a position.
    pub fn get(self, at: usize) -> Option<Operand<'m>> {
        match self {
            Items::Given(items) => items.get(at).map(Operand::from),
            Items::Made(items) => items.get(at).copied(),
        }
    }

    /// The items in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Operand<'m>> {
        (0..self.len()).map(move |at| self.get(at).unwrap_or(Operand::Null))
    }
}

impl<'m> Members<'m> {
    /// How many there are.
    pub fn len(self) -> usize {
        match self {
            Members::Given(structure) => structure.len(),
            Members::Made(members) => members.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a name.
    pub fn get(self, name: &str) -> Option<Operand<'m>> {
        match self {
            Members::Given(structure) => structure.get(name).map(Operand::from),
            Members::Made(members) => {
                let at = members.binary_search_by(|(key, _)| (*key).cmp(name)).ok()?;
                members.get(at).map(|(_, value)| *value)
            }
        }
    }

    /// Names and values in the order of the names' bytes.
    pub fn for_each(self, mut visit: impl FnMut(&'m str, Operand<'m>)) {
        match self {
            Members::Given(structure) => structure.iter().for_each(|(name, value)| visit(name, value.into())),
            Members::Made(members) => members.iter().for_each(|(name, value)| visit(name, *value)),
        }
    }
}

impl<'m> From<&'m Value<'m>> for Operand<'m> {
    #[inline]
    fn from(value: &'m Value<'m>) -> Self {
        match value {
            Value::Null => Operand::Null,
            Value::Bool(value) => Operand::Bool(*value),
            Value::Number(value) => Operand::Number(*value),
            Value::String(text) => Operand::Text(text),
            Value::List(list) => Operand::List(Items::Given(list)),
            Value::Structure(structure) => Operand::Structure(Members::Given(structure)),
        }
    }
}

impl<'m> Operand<'m> {
    /// Whether it counts as true: not null, false, zero, or an empty text, list or structure.
    #[inline]
    pub fn is_truthy(self) -> bool {
        match self {
            Operand::Null | Operand::WholeZero => false,
            Operand::Bool(value) => value,
            // Not-a-number is no zero.
            Operand::Number(value) => value != 0.0,
            Operand::Text(text) => !text.is_empty(),
            Operand::List(items) => !items.is_empty(),
            Operand::Structure(members) => !members.is_empty(),
        }
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        matches!(self, Operand::Null)
    }

    /// Whether it is a number of either kind.
    pub fn is_number(self) -> bool {
        matches!(self, Operand::Number(_) | Operand::WholeZero)
    }

    /// Whether it is a boolean, a number or a text.
    pub fn is_primitive(self) -> bool {
        matches!(self, Operand::Bool(_) | Operand::Number(_) | Operand::WholeZero | Operand::Text(_))
    }

    /// The items of a list.
    pub fn items(self) -> Option<Items<'m>> {
        if let Operand::List(items) = self { Some(items) } else { None }
    }

    /// As a number for arithmetic: a text that is no number is 0, one beyond the range is infinite.
    ///
    /// # Errors
    ///
    /// [`Fault::Rule`] for null, booleans, lists and structures.
    pub fn number(self) -> Result<f64, Fault> {
        match self {
            Operand::Number(value) => Ok(value),
            Operand::WholeZero => Ok(0.0),
            Operand::Text(text) => Ok(arithmetic_number(text)),
            _ => Err(Fault::Rule),
        }
    }

    /// As a number for comparison; not-a-number where it is none.
    pub fn comparable(self) -> f64 {
        match self {
            Operand::Null | Operand::WholeZero => 0.0,
            Operand::Bool(value) => f64::from(value),
            Operand::Number(value) => value,
            Operand::Text(text) => comparable_number(text),
            Operand::List(_) | Operand::Structure(_) => f64::NAN,
        }
    }

    /// As a text for `cat` and `substr`: numbers as plain decimals, null as nothing.
    ///
    /// # Errors
    ///
    /// [`Fault::Rule`] for booleans, lists and structures; [`Fault::Budget`] when the text does not fit.
    pub fn text(self, scratch: &'m Scratch) -> Result<&'m str, Fault> {
        match self {
            Operand::Text(text) => Ok(text),
            Operand::Null => Ok(""),
            Operand::WholeZero => Ok("0"),
            Operand::Number(value) => {
                let mut text = scratch.text();
                number::write_plain(&mut text, value).map_err(|_| Fault::Budget)?;
                Ok(text.finish())
            }
            _ => Err(Fault::Rule),
        }
    }

    /// Loose equality, `==`: null only equals null, two texts compare as texts, all else as numbers.
    #[inline]
    pub fn equals(self, other: Operand<'_>) -> bool {
        match (self, other) {
            (Operand::Null, Operand::Null) => true,
            (Operand::Null, _) | (_, Operand::Null) => false,
            (Operand::Text(a), Operand::Text(b)) => a == b,
            (a, b) => a.comparable() == b.comparable(),
        }
    }

    /// Strict equality, `===`: of one kind and equal; lists and structures never.
    pub fn same(self, other: Operand<'_>) -> bool {
        match (self, other) {
            (Operand::Null, Operand::Null) | (Operand::WholeZero, Operand::WholeZero) => true,
            (Operand::Bool(a), Operand::Bool(b)) => a == b,
            (Operand::Number(a), Operand::Number(b)) => a == b,
            (Operand::Text(a), Operand::Text(b)) => a == b,
            _ => false,
        }
    }

    /// Order, `<`: two texts by bytes, all else as numbers.
    pub fn is_less(self, other: Operand<'_>) -> bool {
        match (self, other) {
            (Operand::Text(a), Operand::Text(b)) => a < b,
            (a, b) => a.comparable() < b.comparable(),
        }
    }

    /// A copy that needs nothing of the evaluation.
    pub fn to_value(self) -> Value<'static> {
        match self {
            Operand::Null => Value::Null,
            Operand::Bool(value) => Value::Bool(value),
            Operand::Number(value) => Value::Number(value),
            Operand::WholeZero => Value::Number(0.0),
            Operand::Text(text) => Value::from(text.to_owned()),
            Operand::List(items) => Value::list(items.iter().map(Operand::to_value)),
            Operand::Structure(members) => {
                let mut list = Vec::with_capacity(members.len());
                members.for_each(|name, value| list.push((name.to_owned(), value.to_value())));
                Value::structure(list)
            }
        }
    }

    /// Writes JSON text as the reference does.
    ///
    /// # Errors
    ///
    /// An infinite number or not-a-number has no JSON text; and the errors of `out`.
    pub fn write_json(self, out: &mut impl Write) -> fmt::Result {
        match self {
            Operand::Null => out.write_str("null"),
            Operand::Bool(value) => out.write_str(if value { "true" } else { "false" }),
            Operand::WholeZero => out.write_char('0'),
            Operand::Number(value) if value.is_finite() => number::write_json(out, value),
            Operand::Number(_) => Err(fmt::Error),
            Operand::Text(text) => write_json_string(out, text),
            Operand::List(items) => {
                out.write_char('[')?;
                for (at, item) in items.iter().enumerate() {
                    out.write_str(if at == 0 { "" } else { "," })?;
                    item.write_json(out)?;
                }
                out.write_char(']')
            }
            Operand::Structure(members) => {
                out.write_char('{')?;
                let (mut result, mut separator) = (Ok(()), "");
                members.for_each(|name, value| {
                    result = result
                        .and_then(|()| out.write_str(separator))
                        .and_then(|()| write_json_string(out, name))
                        .and_then(|()| out.write_char(':'))
                        .and_then(|()| value.write_json(out));
                    separator = ",";
                });
                result?;
                out.write_char('}')
            }
        }
    }

    /// Whether every number in it is finite, so that it has JSON text.
    pub fn has_json(self) -> bool {
        match self {
            Operand::Number(value) => value.is_finite(),
            Operand::List(items) => items.iter().all(Operand::has_json),
            Operand::Structure(members) => {
                let mut all = true;
                members.for_each(|_, value| all &= value.has_json());
                all
            }
            _ => true,
        }
    }
}

/// A text as a number for arithmetic.
pub fn arithmetic_number(text: &str) -> f64 {
    match number::parse(text) {
        Ok(x) | Err(ParseFault::Range(x)) => x,
        Err(ParseFault::Syntax) => 0.0,
    }
}

/// A text as a number for comparison: blank is 0, what is no number is not-a-number.
pub fn comparable_number(text: &str) -> f64 {
    match number::parse(text) {
        Ok(x) => x,
        Err(_) if text.trim().is_empty() => 0.0,
        Err(_) => f64::NAN,
    }
}
