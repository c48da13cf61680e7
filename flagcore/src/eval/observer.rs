//! Who watches an evaluation, and what there is to see.

use crate::bucketing::Bucketing;
use crate::value::Value;

use super::operand::{Fault, Operand};
use super::program::{AttributePath, Expr};

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
