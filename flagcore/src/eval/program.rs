//! A compiled rule: a closed set of operations, decided when a file is loaded.
//!
//! A [`Program`] is a [`Decision`], which ends at a variant, over [`Expr`]essions, which give values. What
//! people write every day has an operation of its own that needs no value in between; everything else is the
//! general form of the operator. Programs print with `Debug`.

use std::sync::Arc;

use crate::bucketing::{Bucketing, Murmur, Shares};
use crate::limits::SHALLOW;
use crate::path::Segment;
use crate::value::Value;

use super::operator::Operator;

pub use super::condition::{AttributePath, Check, Comparison, Root, Test, VersionRule};
pub use super::text_set::TextSet;

/// What a flag with targeting does.
#[derive(Debug, PartialEq)]
pub struct Program {
    /// How a variant is found.
    pub decision: Decision,
    /// How many levels of operations are inside of each other.
    pub depth: u32,
    /// Whether it needs nothing but the context; see [`quick`](super::quick).
    pub quick: bool,
}

impl Program {
    /// A program of a decision.
    pub fn new(decision: Decision, depth: u32) -> Self {
        let quick = depth <= SHALLOW && super::quick::is_quick(&decision);
        Self { decision, depth, quick }
    }
}

/// Ends at a variant, at the default variant, or at an error.
#[derive(Debug, PartialEq)]
pub enum Decision {
    /// The same for everyone.
    Give(Choice),
    /// One condition, and where it ends either way: a chain of one arm.
    // PERF: no pointer to follow before the condition (benchmark `eval`, rows with conditions).
    Either {
        /// The condition.
        when: Expr,
        /// Where it ends if true.
        then: Choice,
        /// Where it ends if not.
        otherwise: Choice,
    },
    /// The first arm whose condition is true.
    Chain {
        /// Conditions and what follows from them, in order.
        arms: Box<[Arm]>,
        /// What follows when none is true.
        otherwise: Box<Decision>,
    },
    /// A share of the subjects each.
    Split(Box<Split<Choice>>),
    /// The variant that a value names.
    Named(Expr),
}

/// One condition of a chain.
#[derive(Debug, PartialEq)]
pub struct Arm {
    /// The condition.
    pub when: Expr,
    /// What follows where it is true.
    pub then: Decision,
}

/// Where a decision ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A variant, by its place among the flag's variants.
    Variant(u32),
    /// The default variant.
    Default,
    /// A value that names no variant: an error.
    Unknown,
}

/// Gives a value.
#[derive(Debug, PartialEq)]
pub enum Expr {
    /// A value that the rule holds.
    Constant(Value<'static>),
    /// The whole zero of `-` and `/` of nothing.
    WholeZero,
    /// What stands at a path of the context; null where nothing does.
    Attribute(Arc<AttributePath>),
    /// The same with a constant in place of nothing.
    AttributeOr(Box<(Arc<AttributePath>, Value<'static>)>),
    /// `var` in its general form.
    Var(Box<Var>),
    /// The key of the flag, in rules that flags share.
    FlagKey,
    /// The time of the evaluation in whole seconds.
    Timestamp,
    /// Elements that are evaluated one by one.
    List(Box<[Expr]>),
    /// A structure with parts that are substituted.
    Structure(Box<[(Box<str>, Expr)]>),
    /// An eager operator and what stands behind it.
    Apply(Box<(Operator, Expr)>),
    /// `and`: the first operand that is not true, or the last.
    And(Box<[Expr]>),
    /// `or`: the first operand that is true, or the last.
    Or(Box<[Expr]>),
    /// `if`: condition, value, condition, value, …, else.
    If(Box<[Expr]>),
    /// `!` of one operand that is no list.
    Not(Box<Expr>),
    /// `missing`.
    Missing(Box<Expr>),
    /// `missing_some`.
    MissingSome(Box<Expr>),
    /// `map`, `filter`, `reduce`, `all`, `some`, `none`.
    Each(Box<Each>),
    /// `fractional` with constant shares.
    Split(Box<Split<Expr>>),
    /// `fractional` in its general form.
    Fractional(Box<Fractional>),
    /// A rule that flags share.
    Shared(Arc<Shared>),
    /// `and`, `or` and `if` whose operands are a list out of the context.
    Given(Box<(GivenList, Var)>),
    /// A variable where it is substituted, else a plain value.
    SubstituteOr(Box<(Var, Expr)>),
    /// An error when reached.
    Fail(Box<str>),

    /// A condition of one attribute and a constant: what people write every day.
    Test(Test),
    /// `in` of a text and an attribute that may be a text or a list.
    HasText(Arc<AttributePath>, Box<str>),
}

/// `var` in its general form.
#[derive(Debug, PartialEq)]
pub struct Var {
    /// What is looked up.
    pub path: VarPath,
    /// What is given in place of nothing; only where exactly two operands are written.
    pub default: Option<Expr>,
    /// The levels of data to look in, outermost first: 0 is the context, each list operator around adds one.
    ///
    /// The reference substitutes variables of a condition from the data around it before it looks at elements.
    pub levels: Box<[u8]>,
    /// Whether the last level is looked into after the substitution, and not by it.
    pub then_evaluated: bool,
}

/// What `var` looks up.
#[derive(Debug, PartialEq)]
pub enum VarPath {
    /// All of the data.
    Whole,
    /// Nothing was named: the data itself where it is a primitive, else null.
    Unnamed,
    /// A path.
    Path(Box<[Segment]>),
    /// A path that a rule gives.
    Computed(Expr),
    /// The operands, of which the first gives the path.
    List(Box<[Expr]>),
    /// No path can be made of it; the text is the reason.
    Invalid(Box<str>),
}

/// A list operator.
#[derive(Debug, PartialEq)]
pub struct Each {
    /// Which one.
    pub kind: EachKind,
    /// The list.
    pub subject: Subject,
    /// What is done to each element.
    pub body: Body,
    /// What `reduce` starts with.
    pub initial: Option<Expr>,
    /// How many nodes the body has: what one element costs.
    pub cost: u32,
    /// Variables of the body whose path is computed: looked up ahead, because that may be an error.
    pub ahead: Box<[Var]>,
}

/// Which list operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operators of their names")]
pub enum EachKind {
    Map,
    Filter,
    Reduce,
    All,
    Some,
    None,
}

impl EachKind {
    /// The operator's name in rules.
    pub fn name(self) -> &'static str {
        match self {
            EachKind::Map => "map",
            EachKind::Filter => "filter",
            EachKind::Reduce => "reduce",
            EachKind::All => "all",
            EachKind::Some => "some",
            EachKind::None => "none",
        }
    }
}

/// The list that a list operator goes through.
#[derive(Debug, PartialEq)]
pub enum Subject {
    /// A list written in the rule, its elements as they are.
    Written(Expr),
    /// A rule that gives one.
    Computed(Expr),
    /// A variable that may be substituted by anything: then it counts as written.
    Variable(Var),
    /// A value that is no list: as if nothing were there.
    Nothing,
}

/// What is done to each element.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// A rule.
    Rule(Expr),
    /// A plain value, which `all`, `some`, `none` and `reduce` cannot apply.
    Value(Expr),
    /// A variable that may be substituted by a plain value.
    Variable(Var),
}

/// Which lazy operator has its operands out of the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operators of their names")]
pub enum GivenList {
    And,
    Or,
    If,
}

/// A share of the subjects each, with shares that the rule writes out.
#[derive(Debug, PartialEq)]
pub struct Split<T> {
    /// What is hashed.
    pub key: SplitKey,
    /// The generation of bucketing.
    pub bucketing: Bucketing,
    /// The shares; `None` where they are not valid, so that everyone gets the default.
    pub shares: Option<Shares>,
    /// What each share gives.
    pub outcomes: Box<[T]>,
}

/// What a split hashes.
#[derive(Debug, PartialEq)]
pub enum SplitKey {
    /// The flag's key and the targeting key. The state is that after the flag's key, where it is known.
    Implicit(Option<Murmur>),
    /// A constant text, then an attribute: the state is that after the constant.
    Prefixed {
        /// The state after the constant.
        state: Murmur,
        /// The constant, for traces.
        prefix: Box<str>,
        /// What follows it.
        path: Arc<AttributePath>,
    },
    /// A value: a text is hashed, nothing falls back to the implicit key, anything else depends on the generation.
    Value(Expr),
}

/// `fractional` in its general form: every operand is evaluated.
#[derive(Debug, PartialEq)]
pub struct Fractional {
    /// What stands behind the operator.
    pub operands: Expr,
    /// The generation of bucketing.
    pub bucketing: Bucketing,
}

/// A rule that flags share: an evaluator, compiled once.
#[derive(Debug, PartialEq)]
pub struct Shared {
    /// Its name.
    pub name: Box<str>,
    /// The rule.
    pub rule: Expr,
    /// How many levels of operations are inside of each other.
    pub depth: u32,
}
