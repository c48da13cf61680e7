//! What a comparison finds.

use std::fmt;

use serde::{Serialize, Serializer};

use super::members::serialize_members;
use crate::text::Printable;

/// How a place of the candidate's answer differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// A member, or an item of an unordered list, that only the control has.
    Missing,
    /// A member, or an item of an unordered list, that only the candidate has.
    Extra,
    /// A value of another type, null included.
    Type,
    /// Another value of the same type.
    Value,
    /// A list whose items stand in another order.
    Order,
    /// A list with another number of items.
    Length,
}

impl DifferenceKind {
    /// The kind in one word: `missing`, `extra`, `type`, `value`, `order` or `length`.
    pub fn as_str(self) -> &'static str {
        match self {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Type => "type",
            DifferenceKind::Value => "value",
            DifferenceKind::Order => "order",
            DifferenceKind::Length => "length",
        }
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for DifferenceKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One way in which one field differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field: a JSON pointer with `*` for the index of a list, so that all items of a list are one field; empty
    /// for the whole answer. At most 512 bytes; what is longer ends in `…`.
    pub pointer: Box<str>,
    /// In what it differs.
    pub kind: DifferenceKind,
    /// What the control has at the first place where the field differs: JSON of at most some 250 bytes, without
    /// what is redacted; `absent` where there is nothing, empty where it was compared without being looked into.
    pub control: Box<str>,
    /// What the candidate has there.
    pub candidate: Box<str>,
    /// At how many places of the answer the field differs this way; at least 1.
    pub places: u32,
}

serialize_members! {
    Difference { pointer, kind, control, candidate, places }
}

/// Where two answers differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    pub(super) list: Vec<Difference>,
    pub(super) more: u32,
    pub(super) ignored: u32,
    pub(super) is_partial: bool,
}

impl Differences {
    /// One difference of the whole answer, of which nothing is shown: what equality or a closure finds.
    pub fn unseen() -> Self {
        Self::of_whole("", "")
    }

    /// One difference of the whole answer, shown as told.
    pub(super) fn of_whole(control: &str, candidate: &str) -> Self {
        let whole = Difference {
            pointer: Box::default(),
            kind: DifferenceKind::Value,
            control: control.into(),
            candidate: candidate.into(),
            places: 1,
        };
        Self { list: vec![whole], ..Self::default() }
    }

    /// Whether nothing differs, but for what is ignored.
    pub fn is_match(&self) -> bool {
        self.list.is_empty()
    }

    /// The differences in the order of the control's answer, each field once per kind; at most 100.
    pub fn list(&self) -> &[Difference] {
        &self.list
    }

    /// The differences, to keep.
    pub fn into_list(self) -> Vec<Difference> {
        self.list
    }

    /// How many places differ in further fields, beyond those listed.
    pub fn more(&self) -> u32 {
        self.more
    }

    /// How many ignored places differ.
    pub fn ignored(&self) -> u32 {
        self.ignored
    }

    /// Whether items of lists were compared in the order in which they stand, where the rules ask for more: their
    /// number was past what a comparison may cost.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }
}

/// For people: a line for each, the field first.
impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, difference) in self.list.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{difference}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} places more", self.more)?;
        }
        Ok(())
    }
}

/// For people: the field, how it differs, and what both sides have there.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "the answer" } else { &self.pointer };
        write!(f, "{}: {}", Printable(pointer), self.kind)?;
        if !self.control.is_empty() || !self.candidate.is_empty() {
            write!(f, ": control {}, candidate {}", Printable(&self.control), Printable(&self.candidate))?;
        }
        Ok(())
    }
}
