//! The trace as data.

use crate::bucketing::{Bucketing, bucket, percentage};
use crate::compile::CompiledFlag;
use crate::detail::{ErrorCode, Reason, Resolution, Trouble};
use crate::limits::SHALLOW;
use crate::text::closest;
use crate::value::Value;

/// Why a flag gave what it gave, step by step.
///
/// # Examples
///
/// ```
/// use flagcore::{Client, EvaluationContext};
///
/// let client = Client::from_json(r#"{"flags": {"checkout": {
///     "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
///     "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", null]}
/// }}}"#)?;
/// let why = client.snapshot().explain("checkout", &EvaluationContext::new("user-1").with("plan", "free"));
/// assert_eq!(why.answer().variant.as_deref(), Some("off"));
/// assert_eq!(why.rules()[0].matched, false);
/// assert_eq!(why.replay(), why.answer());
/// println!("{why}");
/// # Ok::<(), flagcore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub(super) flag: String,
    pub(super) place: Option<String>,
    /// For a flag that is not there, the one most like it.
    pub(super) meant: Option<String>,
    pub(super) variants: Vec<String>,
    pub(super) default_variant: Option<String>,
    pub(super) kind: Kind,
    pub(super) rules: Vec<Rule>,
    pub(super) ending: Option<Ending>,
    /// Whether the evaluation was given up before its end, as one that takes too many steps is.
    pub(super) is_unfinished: bool,
    pub(super) answer: Answer,
    /// Why there is no answer, in a sentence.
    pub(super) error_message: Option<String>,
    pub(super) value: Value<'static>,
}

/// What an evaluation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The variant; none where the caller's own default is given.
    pub variant: Option<String>,
    /// Why.
    pub reason: Reason,
    /// Why there is no answer, if there is none.
    pub error_code: Option<ErrorCode>,
}

/// What kind of flag it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Missing,
    Disabled,
    Static,
    Targeted,
}

/// A condition of the flag's chain that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its number: `2` is the second of the flag, `2.1` the first inside of that.
    pub number: String,
    /// What it asked.
    pub condition: Step,
    /// Whether it was true.
    pub matched: bool,
}

/// Where the chain ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    /// A share of the subjects each.
    Split(SplitStep),
    /// A value that names a variant.
    Named(Step),
    /// What the rule itself says: a variant by name, null for the default.
    Written(Value<'static>),
    /// A split that the subject cannot take part in, and why.
    NoShare(&'static str),
}

/// One step of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What was done.
    pub operation: Operation,
    /// The steps inside of it, in order.
    pub steps: Vec<Step>,
    /// What it gave; none where it cannot be done.
    pub outcome: Option<Value<'static>>,
    /// What is easily overlooked: a missing attribute, a value read as something else.
    pub notes: Vec<String>,
    /// Whether the outcome is the whole zero of `-` and `/` of nothing, which no value of a trace can tell apart.
    pub(super) whole_zero: bool,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// A value of the rule.
    Constant,
    /// An attribute of the context.
    Attribute {
        /// Its path.
        path: String,
    },
    /// An attribute and a value of the rule.
    Condition {
        /// The attribute's path.
        path: String,
        /// What stood there.
        seen: Value<'static>,
        /// The operator.
        operator: &'static str,
        /// The value of the rule.
        operand: Value<'static>,
        /// Whether the attribute stands on the right.
        mirrored: bool,
    },
    /// An operator over the values of the steps inside.
    Apply {
        /// Its name.
        operator: &'static str,
        /// Whether the steps are its operands; if not, the only step gives all of them.
        spread: bool,
    },
    /// `and`: the first step that is not true, or the last.
    And,
    /// `or`: the first step that is true, or the last.
    Or,
    /// `!`.
    Not,
    /// `if`.
    If {
        /// How many operands are written.
        operands: usize,
    },
    /// A rule that flags share.
    Evaluator {
        /// Its name.
        name: String,
    },
    /// A split in the middle of a rule.
    Split(SplitStep),
    /// Anything else: its name. What it gave is recorded, not found again.
    Other {
        /// What it is called.
        name: &'static str,
    },
    /// Something that cannot be done.
    Fail {
        /// Why.
        reason: String,
    },
}

/// How a subject fell to a share.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitStep {
    /// The generation of bucketing.
    pub bucketing: Bucketing,
    /// What was hashed.
    pub key: SplitKey,
    /// Its hash.
    pub hash: u32,
    /// One past the last bucket of each share.
    pub ends: Vec<u32>,
    /// What each share gives: variants by name, null for the default.
    pub outcomes: Vec<Value<'static>>,
    /// Which share the subject fell to.
    pub picked: Option<usize>,
    /// The path of the attribute that it splits by, where that is missing: all such subjects fall together.
    pub missing: Option<String>,
}

/// What was hashed.
#[derive(Clone, Debug, PartialEq)]
pub enum SplitKey {
    /// The flag's key and the targeting key.
    Implicit {
        /// The flag's key.
        flag_key: String,
        /// The targeting key.
        targeting_key: String,
    },
    /// A value that the rule gives.
    Value(Value<'static>),
}

impl SplitStep {
    /// The bucket that the hash falls into, of as many as there is weight; under v1 the percentage.
    pub fn bucket(&self) -> f64 {
        match self.bucketing {
            Bucketing::V1 => percentage(self.hash),
            _ => f64::from(bucket(self.hash, self.total())),
        }
    }

    /// The sum of the weights.
    pub fn total(&self) -> u32 {
        self.ends.last().copied().unwrap_or(0)
    }
}

impl Explanation {
    /// The flag's key.
    pub fn flag(&self) -> &str {
        &self.flag
    }

    /// Where the flag is written: file and line.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// What the evaluation came to.
    pub fn answer(&self) -> Answer {
        self.answer.clone()
    }

    /// The value that it gave; null where the caller's own default is given.
    pub fn value(&self) -> &Value<'static> {
        &self.value
    }

    /// Why there is no answer, in a sentence for people.
    pub fn error_message(&self) -> Option<&str> {
        self.error_message.as_deref()
    }

    /// The conditions that were looked at, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether more steps are inside of each other than a caller may have stack for.
    pub(super) fn is_deep(&self) -> bool {
        let named = match &self.ending {
            Some(Ending::Named(step)) => Some(step),
            _ => None,
        };
        let conditions = self.rules.iter().map(|rule| &rule.condition);
        let mut pending: Vec<(&Step, u32)> = conditions.chain(named).map(|step| (step, 1)).collect();
        while let Some((step, level)) = pending.pop() {
            if level > SHALLOW {
                return true;
            }
            pending.extend(step.steps.iter().map(|inner| (inner, level + 1)));
        }
        false
    }

    /// How the subject was bucketed where the rules ended, if they ended in a split.
    pub fn split(&self) -> Option<&SplitStep> {
        if let Some(Ending::Split(split)) = &self.ending { Some(split) } else { None }
    }

    pub(super) fn missing<'k>(flag: String, known: impl Iterator<Item = &'k str>) -> Self {
        let meant = closest(&flag, known).map(str::to_owned);
        Self {
            flag,
            place: None,
            meant,
            variants: Vec::new(),
            default_variant: None,
            kind: Kind::Missing,
            rules: Vec::new(),
            ending: None,
            is_unfinished: false,
            answer: Answer {
                variant: None,
                reason: Reason::Error,
                error_code: Some(ErrorCode::FlagNotFound),
            },
            error_message: Some(Trouble::NotFound.message("", None)),
            value: Value::Null,
        }
    }

    pub(super) fn of(flag: &CompiledFlag, kind: Kind, resolution: Resolution) -> Self {
        let variant = resolution.variant.and_then(|place| flag.variant(place));
        let name = |place: u32| flag.variant(place).map(|variant| variant.name.to_string());
        Self {
            flag: flag.key.to_string(),
            place: None,
            meant: None,
            variants: flag.variants.iter().map(|variant| variant.name.to_string()).collect(),
            default_variant: flag.default_variant.and_then(name),
            kind,
            rules: Vec::new(),
            ending: None,
            is_unfinished: matches!(resolution.trouble, Some(Trouble::Budget | Trouble::Panic)),
            answer: Answer {
                variant: resolution.variant.and_then(name),
                reason: resolution.reason,
                error_code: resolution.trouble.map(|trouble| trouble.code()),
            },
            error_message: resolution
                .trouble
                .map(|trouble| trouble.message(&flag.key, variant.map(|variant| &variant.value))),
            value: variant.map_or(Value::Null, |variant| variant.value.clone()),
        }
    }

    pub(super) fn with_place(self, place: Option<String>) -> Self {
        Self { place, ..self }
    }
}
