//! A compiled rule: a closed set of operations, decided when a file is loaded.
//!
//! A [`Program`] is a [`Decision`], which ends at a variant, over [`Expr`]essions, which give values. What
//! people write every day has an operation of its own that needs no value in between; everything else is the
//! general form of the operator. Programs print with `Debug`.

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::bucketing::{Bucketing, Murmur, Shares};
use crate::context::{Needle, head, same_rest};
use crate::limits::SHALLOW;
use crate::path::Segment;
use crate::value::Value;
use crate::version::{PlainVersion, Version, VersionTest};

use super::operator::Operator;

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

/// A condition of one attribute and a constant.
#[derive(Debug, PartialEq)]
pub struct Test {
    /// The attribute.
    pub path: Arc<AttributePath>,
    /// What is asked of it.
    pub check: Check,
}

/// What is asked of an attribute.
#[derive(Debug, PartialEq)]
pub enum Check {
    /// `==` with a text.
    IsText(Needle),
    /// `===` with a text.
    IsSameText(Needle),
    /// `in` a list of texts.
    InTexts(Arc<TextSet>),
    /// `<`, `<=`, `>`, `>=`, `==`, `!=` with a number.
    Compare(Comparison, f64),
    /// `starts_with` a text.
    StartsWith(Box<str>),
    /// `ends_with` a text.
    EndsWith(Box<str>),
    /// `sem_ver` with a version.
    Version(Box<VersionRule>),
}

/// How an attribute and a number compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operators of their names")]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Comparison {
    /// The answer for two numbers; none that is no number is equal or ordered.
    #[inline]
    pub fn holds(self, x: f64, number: f64) -> bool {
        match self {
            Comparison::Less => x < number,
            Comparison::LessOrEqual => x <= number,
            Comparison::Greater => x > number,
            Comparison::GreaterOrEqual => x >= number,
            Comparison::Equal => x == number,
            Comparison::NotEqual => x != number,
        }
    }

    /// The answer where nothing stands: null counts as zero where it is ordered, and equals nothing but itself.
    pub fn holds_for_null(self, number: f64) -> bool {
        match self {
            Comparison::Less | Comparison::LessOrEqual => 0.0 < number,
            Comparison::Greater | Comparison::GreaterOrEqual => 0.0 > number,
            Comparison::Equal => false,
            Comparison::NotEqual => true,
        }
    }
}

/// A constant version and what is asked of it.
#[derive(Debug, PartialEq)]
pub struct VersionRule {
    /// The comparison.
    pub test: VersionTest,
    /// The version, which is known to be one.
    pub target: Box<str>,
    /// The same where it is plain.
    pub plain: Option<PlainVersion>,
}

impl VersionRule {
    /// A rule about a target, which must be a version.
    pub fn new(test: VersionTest, target: Box<str>) -> Self {
        let plain = PlainVersion::parse(&target);
        Self { test, target, plain }
    }

    /// The answer for a text; none where it is no version.
    #[inline]
    pub fn test_text(&self, text: &str) -> Option<bool> {
        // PERF: reading three numbers costs half of reading any version (benchmark `eval`, split).
        if let (Some(value), Some(target)) = (PlainVersion::parse(text), self.plain) {
            return Some(self.test.holds_plainly(value, target));
        }
        Some(self.test.holds(&Version::parse(text)?, &Version::parse(&self.target)?))
    }
}

/// A path into the context, taken apart.
#[derive(Debug, PartialEq)]
pub enum AttributePath {
    /// The targeting key.
    TargetingKey,
    /// Another attribute.
    Attribute(Needle),
    /// A part of the targeting key or of an attribute.
    Inside(Root, Box<[Segment]>),
}

/// Where a path to a part begins.
#[derive(Debug, PartialEq)]
pub enum Root {
    /// The targeting key.
    TargetingKey,
    /// Another attribute.
    Attribute(Needle),
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

/// Texts to look one up in.
#[derive(Debug)]
pub struct TextSet {
    /// The texts in the order of the rule.
    pub texts: Box<[Box<str>]>,
    finder: Finder,
}

/// How a text is found.
#[derive(Debug)]
enum Finder {
    /// By the beginning of each text.
    Scan(Box<[u64]>),
    /// By hash, in a set too large to scan.
    Hash(Box<HashIndex>),
}

/// Where the text of a hash is.
#[derive(Debug, Default)]
struct HashIndex {
    places: hashbrown::HashTable<u32>,
    hasher: foldhash::fast::RandomState,
}

impl TextSet {
    /// A set of these texts.
    pub fn new(texts: Vec<Box<str>>) -> Self {
        // PERF: up to so many, comparing beats hashing (benchmark `eval`, rows with lists).
        const SCANNED: usize = 12;
        let finder = if texts.len() > SCANNED {
            Finder::Hash(Box::new(HashIndex::new(&texts)))
        } else {
            Finder::Scan(texts.iter().map(|text| head(text.as_bytes())).collect())
        };
        Self { texts: texts.into_boxed_slice(), finder }
    }

    /// Whether a text is among them.
    #[inline(always)]
    pub fn contains(&self, text: &str) -> bool {
        let heads = match &self.finder {
            Finder::Scan(heads) => heads,
            Finder::Hash(index) => return index.contains(&self.texts, text),
        };
        let wanted = head(text.as_bytes());
        for (head, known) in heads.iter().zip(&self.texts) {
            if *head == wanted && known.len() == text.len() && same_rest(known, text) {
                return true;
            }
        }
        false
    }
}

/// Sets of the same texts in the same order are equal, whatever their hashes.
impl PartialEq for TextSet {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl HashIndex {
    fn new(texts: &[Box<str>]) -> Self {
        let mut index = Self::default();
        let HashIndex { places, hasher } = &mut index;
        for (place, text) in (0..).zip(texts) {
            let (hash, hash_at) = (hasher.hash_one(&**text), |at: &u32| hasher.hash_one(text_at(texts, *at)));
            places.entry(hash, |at| text_at(texts, *at) == &**text, hash_at).or_insert(place);
        }
        index
    }

    #[inline(never)]
    fn contains(&self, texts: &[Box<str>], text: &str) -> bool {
        self.places.find(self.hasher.hash_one(text), |at| text_at(texts, *at) == text).is_some()
    }
}

fn text_at(texts: &[Box<str>], at: u32) -> &str {
    texts.get(at as usize).map_or("", |text| text)
}
