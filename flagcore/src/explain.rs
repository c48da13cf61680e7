//! The trace of one evaluation: each condition, the value it saw, pass or fail, and how the subject was bucketed.
//!
//! The trace is written by the evaluator itself while it answers, so it cannot tell another story, and it holds
//! enough to be checked: [`Explanation::replay`] finds the answer again from the trace alone.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write};

use serde_json::{Value as Json, json};

use crate::bucketing::{Bucketing, Shares, bucket, percentage};
use crate::compile::{CompiledFlag, Plan};
use crate::context::{ContextRef, Layers};
use crate::detail::{ErrorCode, Reason, Resolution, Trouble};
use crate::eval::machine::{Machine, Observer, SplitKeySeen, SplitSeen};
use crate::eval::operand::{Fault, Items, Operand};
use crate::eval::operator::Operator;
use crate::eval::program::{AttributePath, Comparison, Expr, Program, Root, VarPath};
use crate::eval::quick;
use crate::eval::scratch::Scratch;
use crate::eval::split::{implicit_hash, value_hash};
use crate::limits::SHALLOW;
use crate::resolution::{on_a_deep_stack, resolve, run};
use crate::selector::Selector;
use crate::snapshot::{FlagKey, Snapshot, View};
use crate::text::{Printable, WithoutQuotes, closest};
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
    flag: String,
    place: Option<String>,
    /// For a flag that is not there, the one most like it.
    meant: Option<String>,
    variants: Vec<String>,
    default_variant: Option<String>,
    kind: Kind,
    rules: Vec<Rule>,
    ending: Option<Ending>,
    answer: Answer,
    value: Value<'static>,
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
enum Kind {
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
enum Ending {
    /// A share of the subjects each.
    Split(SplitStep),
    /// A value that names a variant.
    Named(Step),
    /// Written in the rule.
    Written,
    /// A split that the subject cannot take part in.
    NoShare,
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
    whole_zero: bool,
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

    fn replayed_hash(&self) -> u32 {
        match &self.key {
            SplitKey::Implicit { flag_key, targeting_key } => {
                implicit_hash(self.bucketing, flag_key, targeting_key)
            }
            SplitKey::Value(value) => value_hash(self.bucketing, value.into()).unwrap_or(0),
        }
    }

    /// What the subject gets, found again from the key and the shares.
    fn replay(&self) -> Value<'static> {
        let mut before = 0;
        let weights = self.ends.iter().map(|end| {
            let weight = end - before;
            before = *end;
            weight
        });
        let picked =
            Shares::new(weights).and_then(|shares| shares.pick(self.bucketing, self.replayed_hash()));
        picked.and_then(|at| self.outcomes.get(at)).cloned().unwrap_or(Value::Null)
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

    /// The conditions that were looked at, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How the subject was bucketed where the rules ended, if they ended in a split.
    pub fn split(&self) -> Option<&SplitStep> {
        if let Some(Ending::Split(split)) = &self.ending { Some(split) } else { None }
    }

    /// The answer, found again from the trace alone.
    pub fn replay(&self) -> Answer {
        let by_default = |reason| match &self.default_variant {
            Some(variant) => Answer { variant: Some(variant.clone()), reason, error_code: None },
            None => Answer { variant: None, reason: Reason::Default, error_code: None },
        };
        let failed = |code| Answer { variant: None, reason: Reason::Error, error_code: Some(code) };
        match self.kind {
            Kind::Missing => return failed(ErrorCode::FlagNotFound),
            Kind::Disabled => return Answer { variant: None, reason: Reason::Disabled, error_code: None },
            Kind::Static => return by_default(Reason::Static),
            Kind::Targeted => {}
        }
        if matches!(self.answer.error_code, Some(ErrorCode::InvalidContext)) {
            return self.answer();
        }
        for rule in &self.rules {
            match rule.condition.replay() {
                // What the steps say must be what the chain did.
                Some(value) if Operand::from(&value).is_truthy() == rule.matched => {}
                Some(_) => return failed(ErrorCode::General),
                None => return self.failure(),
            }
        }
        let named = match &self.ending {
            None => return self.failure(),
            Some(Ending::Written) => return self.answer(),
            Some(Ending::NoShare) => Some(Value::Null),
            Some(Ending::Split(split)) => Some(split.replay()),
            Some(Ending::Named(step)) => step.replay(),
        };
        let Some(value) = named else { return self.failure() };
        if value.is_null() {
            return by_default(Reason::Default);
        }
        match variant_name(&value) {
            Some(name) if self.variants.contains(&name) => {
                Answer { variant: Some(name), reason: Reason::TargetingMatch, error_code: None }
            }
            Some(_) => failed(ErrorCode::General),
            None => failed(ErrorCode::ParseError),
        }
    }

    /// What a step that cannot be done makes of the evaluation: recorded, because a budget is not in the trace.
    fn failure(&self) -> Answer {
        let code = self.answer.error_code.unwrap_or(ErrorCode::ParseError);
        Answer { variant: None, reason: Reason::Error, error_code: Some(code) }
    }

    /// Everything as JSON, for programs.
    pub fn to_json(&self) -> Json {
        let rules: Vec<Json> = self
            .rules
            .iter()
            .map(|rule| json!({ "rule": rule.number, "matched": rule.matched, "condition": rule.condition.to_json() }))
            .collect();
        let ending = match &self.ending {
            Some(Ending::Split(split)) => json!({ "split": split.to_json() }),
            Some(Ending::Named(step)) => json!({ "value": step.to_json() }),
            Some(Ending::Written) => json!("written in the rule"),
            Some(Ending::NoShare) => json!("no share"),
            None => Json::Null,
        };
        json!({
            "flag": self.flag,
            "place": self.place,
            "variant": self.answer.variant,
            "value": self.value,
            "reason": self.answer.reason.as_str(),
            "errorCode": self.answer.error_code.map(ErrorCode::as_str),
            "rules": rules,
            "ending": ending,
        })
    }
}

/// The variant name that a value comes to; none where it has no JSON text.
fn variant_name(value: &Value<'_>) -> Option<String> {
    let mut name = String::new();
    Operand::from(value).write_json(&mut WithoutQuotes(&mut name)).ok()?;
    Some(name)
}

impl Step {
    /// What the step gives, found again from the steps inside of it.
    fn replay(&self) -> Option<Value<'static>> {
        let scratch = Scratch::default();
        let apply = |operator: &str, operand: Operand<'_>| {
            let scratch = &scratch;
            // The operand lives as long as the scratch, which lives as long as this call.
            Operator::of(operator)?.apply(operand, scratch).ok().map(Operand::to_value)
        };
        let inner = |at: usize| self.steps.get(at)?.replay();
        match &self.operation {
            Operation::Constant | Operation::Attribute { .. } | Operation::Other { .. } => {
                self.outcome.clone()
            }
            Operation::Fail { .. } => None,
            Operation::Condition { seen, operator, operand, mirrored, .. } => {
                let mut operands = vec![seen.clone(), operand.clone()];
                if *operator == Operator::SemVer.name() {
                    // The operand holds the comparison and the version.
                    operands = vec![seen.clone()];
                    operands.extend(operand.as_list()?.iter().cloned());
                } else if *mirrored {
                    operands.reverse();
                }
                apply(operator, Operand::List(Items::Given(&operands)))
            }
            Operation::Apply { operator, spread } => {
                let operands: Option<Vec<Value<'static>>> = self.steps.iter().map(Step::replay).collect();
                let operands = operands?;
                match (spread, operands.as_slice()) {
                    (false, [operand]) => apply(operator, operand.into()),
                    (_, operands) => apply(operator, Operand::List(Items::Given(operands))),
                }
            }
            Operation::And | Operation::Or => match self.steps.len() {
                0 => Some(Value::Null),
                steps => inner(steps - 1),
            },
            Operation::Not => inner(0).map(|value| Value::Bool(!Operand::from(&value).is_truthy())),
            Operation::If { operands } => {
                let pairs = operands / 2;
                for (at, step) in self.steps.iter().enumerate() {
                    // Every step but the last is a condition that was not true, or the one that was.
                    if at >= pairs {
                        return step.replay();
                    }
                    if Operand::from(&step.replay()?).is_truthy() {
                        return inner(at + 1);
                    }
                }
                Some(Value::Null)
            }
            Operation::Evaluator { .. } => inner(0),
            Operation::Split(split) => Some(split.replay()),
        }
    }

    fn to_json(&self) -> Json {
        let mut step = match &self.operation {
            Operation::Constant => json!({ "constant": self.outcome }),
            Operation::Attribute { path } => json!({ "attribute": path }),
            Operation::Condition { path, seen, operator, operand, .. } => {
                json!({ "attribute": path, "seen": seen, "operator": operator, "operand": operand })
            }
            Operation::Apply { operator, .. } => json!({ "operator": operator }),
            Operation::And => json!({ "operator": "and" }),
            Operation::Or => json!({ "operator": "or" }),
            Operation::Not => json!({ "operator": "!" }),
            Operation::If { .. } => json!({ "operator": "if" }),
            Operation::Evaluator { name } => json!({ "evaluator": name }),
            Operation::Split(split) => json!({ "split": split.to_json() }),
            Operation::Other { name } => json!({ "operator": name }),
            Operation::Fail { reason } => json!({ "fails": reason }),
        };
        if let Some(members) = step.as_object_mut() {
            members.insert("outcome".to_owned(), json!(self.outcome));
            if !self.notes.is_empty() {
                members.insert("notes".to_owned(), json!(self.notes));
            }
            if !self.steps.is_empty() {
                members.insert("steps".to_owned(), self.steps.iter().map(Step::to_json).collect());
            }
        }
        step
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize, label: &str) -> fmt::Result {
        let mut line = String::new();
        write!(line, "{:indent$}{label:<4}{}", "", self.operation)?;
        let seen = match &self.operation {
            Operation::Condition { seen: Value::Null, .. } => "missing".to_owned(),
            Operation::Condition { seen, .. } => seen.to_string(),
            _ => String::new(),
        };
        let outcome = match &self.outcome {
            Some(Value::Bool(true)) => "yes".to_owned(),
            Some(Value::Bool(false)) => "no".to_owned(),
            Some(value) => value.to_string(),
            None => "fails".to_owned(),
        };
        write!(f, "{line:<48} {seen:<20} {outcome}")?;
        for note in &self.notes {
            write!(f, "   ({note})")?;
        }
        writeln!(f)?;
        if let Operation::Split(split) = &self.operation {
            split.write(f, indent + 4)?;
        }
        self.steps.iter().try_for_each(|step| step.write(f, indent + 4, ""))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Constant => f.write_str("value of the rule"),
            Operation::Attribute { path } => f.write_str(path),
            Operation::Condition { path, operator, operand, mirrored: false, .. } => {
                write!(f, "{path} {operator} {operand}")
            }
            Operation::Condition { path, operator, operand, .. } => write!(f, "{operand} {operator} {path}"),
            Operation::Apply { operator, .. } => f.write_str(operator),
            Operation::And => f.write_str("and"),
            Operation::Or => f.write_str("or"),
            Operation::Not => f.write_str("not"),
            Operation::If { .. } => f.write_str("if"),
            Operation::Evaluator { name } => write!(f, "evaluator {name}"),
            Operation::Split(_) => f.write_str("fractional"),
            Operation::Other { name } => f.write_str(name),
            Operation::Fail { reason } => f.write_str(reason),
        }
    }
}

impl SplitStep {
    fn to_json(&self) -> Json {
        let key = match &self.key {
            SplitKey::Implicit { flag_key, targeting_key } => {
                json!({ "flagKey": flag_key, "targetingKey": targeting_key })
            }
            SplitKey::Value(value) => json!({ "value": value }),
        };
        json!({
            "bucketing": self.bucketing.to_string(),
            "key": key,
            "hash": self.hash,
            "bucket": self.bucket(),
            "total": self.total(),
            "ends": self.ends,
            "outcomes": self.outcomes,
            "picked": self.picked,
        })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        let key = match &self.key {
            SplitKey::Implicit { flag_key, targeting_key } => format!("{flag_key} + {targeting_key}"),
            SplitKey::Value(value) => value.to_string(),
        };
        let of = if self.bucketing == Bucketing::V1 { 100 } else { self.total() };
        writeln!(
            f,
            "{:indent$}bucketing {}: {key} hashes to {}, bucket {} of {of}",
            "",
            self.bucketing,
            self.hash,
            self.bucket()
        )?;
        let mut start = 0;
        for (at, (end, outcome)) in self.ends.iter().zip(&self.outcomes).enumerate() {
            let mark = if self.picked == Some(at) { "  <- here" } else { "" };
            let outcome = match outcome {
                Value::Null => "default".to_owned(),
                Value::String(name) => name.to_string(),
                other => other.to_string(),
            };
            writeln!(f, "{:indent$}  {outcome:<20} {start} to {end}{mark}", "")?;
            start = *end;
        }
        Ok(())
    }
}

/// For people: the answer, where the flag stands, then each condition with what it saw.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.answer.variant.as_deref().unwrap_or("the caller's default");
        let why = match (self.kind, self.answer.error_code) {
            (_, Some(code)) => format!("error {code}"),
            (Kind::Disabled, _) => "the flag is disabled".to_owned(),
            (Kind::Static, _) => "the flag has no targeting".to_owned(),
            _ => match (self.rules.iter().rfind(|rule| rule.matched), &self.ending) {
                (Some(rule), Some(Ending::Split(_))) => format!("rule {} matched, then a share", rule.number),
                (None, Some(Ending::Split(_))) => "a share".to_owned(),
                (Some(rule), _) => format!("rule {} matched", rule.number),
                (None, _) if self.answer.reason == Reason::Default => "no rule matched".to_owned(),
                (None, _) => "by the rule".to_owned(),
            },
        };
        writeln!(f, "{} → {given}  ({why}, {})", self.flag, self.answer.reason)?;
        if let Some(place) = &self.place {
            writeln!(f, "  {place}")?;
        }
        if let Some(meant) = &self.meant {
            writeln!(f, "  help: did you mean `{}`?", Printable(meant))?;
        }
        for rule in &self.rules {
            rule.condition.write(f, 2, &rule.number)?;
        }
        match &self.ending {
            Some(Ending::Split(split)) => split.write(f, 2),
            Some(Ending::Named(step)) => step.write(f, 2, ""),
            Some(Ending::NoShare) => {
                writeln!(f, "  nothing to share out by, or no share at all: the default variant")
            }
            Some(Ending::Written) | None => Ok(()),
        }
    }
}

impl Snapshot {
    /// Why a flag gives what it gives for a context. Allocates; for people and tools, not for every request.
    pub fn explain<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>) -> Explanation {
        self.explain_row(self.row_of(key), context.into(), None, || key.name(self))
    }

    /// The same as if it were evaluated at another time, in Unix seconds.
    pub fn explain_at<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        unix_seconds: i64,
    ) -> Explanation {
        self.explain_row(self.row_of(key), context.into(), Some(unix_seconds), || key.name(self))
    }

    fn explain_row(
        &self,
        row: Option<u32>,
        context: ContextRef<'_>,
        at: Option<i64>,
        asked: impl FnOnce() -> String,
    ) -> Explanation {
        let Some(row) = row.and_then(|row| self.row(row)) else {
            return Explanation::missing(asked(), self.keys());
        };
        let layers = self.layers(context);
        let place = self.file_of(row).map(|file| format!("{file}:{}", row.line));
        match &row.flag.plan {
            Plan::Targeted(program) if program.depth > SHALLOW => {
                let traced = on_a_deep_stack(|| traced(&row.flag, program, &layers, at));
                traced
                    .unwrap_or_else(|| {
                        Explanation::of(&row.flag, Kind::Targeted, Resolution::failed(Trouble::Budget))
                    })
                    .with_place(place)
            }
            Plan::Targeted(program) => traced(&row.flag, program, &layers, at).with_place(place),
            plan => {
                let kind = if *plan == Plan::Static { Kind::Static } else { Kind::Disabled };
                Explanation::of(&row.flag, kind, resolve(&row.flag, &layers)).with_place(place)
            }
        }
    }
}

impl View<'_> {
    /// Why a flag gives what it gives here; see [`Snapshot::explain`].
    pub fn explain<'c>(&self, key: &str, context: impl Into<ContextRef<'c>>) -> Explanation {
        self.snapshot().explain_row(self.row_of(key), context.into(), None, || key.to_owned())
    }

    /// What picks the flags of this view.
    pub fn selected_by(&self) -> &Selector {
        self.selector()
    }
}

impl Explanation {
    fn missing<'k>(flag: String, known: impl Iterator<Item = &'k str>) -> Self {
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
            answer: Answer {
                variant: None,
                reason: Reason::Error,
                error_code: Some(ErrorCode::FlagNotFound),
            },
            value: Value::Null,
        }
    }

    fn of(flag: &CompiledFlag, kind: Kind, resolution: Resolution) -> Self {
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
            answer: Answer {
                variant: resolution.variant.and_then(name),
                reason: resolution.reason,
                error_code: resolution.trouble.map(|trouble| trouble.code()),
            },
            value: variant.map_or(Value::Null, |variant| variant.value.clone()),
        }
    }

    fn with_place(self, place: Option<String>) -> Self {
        Self { place, ..self }
    }
}

/// Runs a rule with somebody watching.
fn traced(flag: &CompiledFlag, program: &Program, layers: &Layers<'_>, at: Option<i64>) -> Explanation {
    let scratch = Scratch::default();
    let machine = Machine {
        layers,
        flag_key: &flag.key,
        scratch: &scratch,
        timestamp: Cell::new(at),
        variants: flag,
        observer: Trace { layers, flag, open: RefCell::default(), chain: RefCell::default() },
    };
    let resolution = run(flag, program, &machine);
    let chain = machine.observer.chain.take();
    let ending = chain.ending.or_else(|| {
        // A step that fails is as much as there is to tell.
        let unfinished = machine.observer.open.take().first_mut().and_then(Vec::pop);
        match unfinished {
            Some(step) => Some(Ending::Named(step)),
            None if resolution.trouble.is_none() || !chain.rules.is_empty() => Some(Ending::Written),
            None => None,
        }
    });
    let mut explanation = Explanation::of(flag, Kind::Targeted, resolution);
    explanation.rules = chain.rules;
    explanation.ending = ending;
    explanation
}

/// Writes down what an evaluation does.
#[derive(Debug)]
struct Trace<'m> {
    layers: &'m Layers<'m>,
    flag: &'m CompiledFlag,
    /// The steps of each open step, outermost first; the first list is that of no step.
    open: RefCell<Vec<Vec<Step>>>,
    chain: RefCell<Chain>,
}

#[derive(Debug, Default)]
struct Chain {
    rules: Vec<Rule>,
    /// The numbers of the rules around, and how many came before on this level.
    inside: Vec<usize>,
    before: usize,
    ending: Option<Ending>,
}

impl<'m> Observer<'m> for Trace<'m> {
    const ACTIVE: bool = true;

    fn enter(&self) {
        self.open.borrow_mut().push(Vec::new());
    }

    fn leave(&self, expr: &'m Expr, result: &Result<Operand<'m>, Fault>) {
        let mut open = self.open.borrow_mut();
        let mut steps = open.pop().unwrap_or_default();
        let operation = match expr {
            Expr::Split(_) => {
                steps.pop().map_or(Operation::Other { name: "fractional" }, |step| step.operation)
            }
            Expr::Apply(call) if steps.iter().any(|step| step.whole_zero) => {
                Operation::Other { name: call.0.name() }
            }
            _ => self.operation(expr),
        };
        let whole_zero = matches!(result, Ok(Operand::WholeZero));
        let outcome = result.as_ref().ok().map(|value| value.to_value());
        let notes = notes(&operation, &steps);
        let step = Step { operation, steps, outcome, notes, whole_zero };
        if open.is_empty() {
            open.push(Vec::new());
        }
        if let Some(outer) = open.last_mut() {
            outer.push(step);
        }
    }

    fn arm(&self, number: usize, matched: bool) {
        let condition = self.open.borrow_mut().pop().and_then(|mut steps| steps.pop());
        let mut chain = self.chain.borrow_mut();
        if number == 0 {
            // A chain in the place of the last `else` goes on counting.
            chain.before = chain
                .rules
                .iter()
                .rfind(|rule| depth(&rule.number) == chain.inside.len())
                .map_or(0, |rule| last(&rule.number));
        }
        let at = chain.before + number + 1;
        let numbers = chain.inside.iter().chain([&at]).map(ToString::to_string);
        let rule = numbers.collect::<Vec<_>>().join(".");
        if matched {
            chain.inside.push(at);
        }
        if let Some(condition) = condition {
            chain.rules.push(Rule { number: rule, condition, matched });
        }
    }

    fn split(&self, seen: SplitSeen<'m>) {
        let key = match seen.key {
            SplitKeySeen::Implicit(subject) => {
                SplitKey::Implicit { flag_key: self.flag.key.to_string(), targeting_key: subject.to_owned() }
            }
            SplitKeySeen::Prefixed(prefix, text) => SplitKey::Value(Value::from(format!("{prefix}{text}"))),
            SplitKeySeen::Value(value) => SplitKey::Value(value.to_value()),
        };
        let split = SplitStep {
            bucketing: seen.bucketing,
            key,
            hash: seen.hash,
            ends: seen.ends,
            outcomes: seen.outcomes,
            picked: seen.picked,
        };
        let mut open = self.open.borrow_mut();
        match open.last_mut().filter(|_| seen.inside) {
            Some(steps) => {
                let outcome = Some(split.replay());
                let operation = Operation::Split(split);
                steps.push(Step {
                    operation,
                    steps: Vec::new(),
                    outcome,
                    notes: Vec::new(),
                    whole_zero: false,
                });
            }
            None => self.chain.borrow_mut().ending = Some(Ending::Split(split)),
        }
    }

    fn no_share(&self) {
        let mut chain = self.chain.borrow_mut();
        if chain.ending.is_none() {
            chain.ending = Some(Ending::NoShare);
        }
    }

    fn named(&self, _value: Operand<'m>) {
        let step = self.open.borrow_mut().first_mut().and_then(Vec::pop);
        if let Some(step) = step {
            self.chain.borrow_mut().ending = Some(Ending::Named(step));
        }
    }
}

/// How many rules a rule's number is inside of.
fn depth(number: &str) -> usize {
    number.matches('.').count()
}

/// The last part of a rule's number.
fn last(number: &str) -> usize {
    number.rsplit('.').next().and_then(|last| last.parse().ok()).unwrap_or(0)
}

impl Trace<'_> {
    fn operation(&self, expr: &Expr) -> Operation {
        let condition = |path: &AttributePath, operator, operand, mirrored| Operation::Condition {
            path: path_text(path),
            seen: quick::attribute(path, self.layers).to_value(),
            operator,
            operand,
            mirrored,
        };
        let text = |text: &str| Value::from(text.to_owned());
        match expr {
            Expr::Constant(_) | Expr::WholeZero => Operation::Constant,
            Expr::Attribute(path) => Operation::Attribute { path: path_text(path) },
            Expr::AttributeOr(with_default) => Operation::Attribute { path: path_text(&with_default.0) },
            Expr::FlagKey => Operation::Attribute { path: "$flagd.flagKey".to_owned() },
            Expr::Timestamp => Operation::Attribute { path: "$flagd.timestamp".to_owned() },
            Expr::Var(var) => Operation::Attribute {
                path: match &var.path {
                    VarPath::Path(segments) => {
                        segments.iter().map(|segment| &*segment.name).collect::<Vec<_>>().join(".")
                    }
                    _ => "var".to_owned(),
                },
            },
            Expr::IsText(path, wanted) => condition(path, "==", text(wanted.as_str()), false),
            Expr::IsSameText(path, wanted) => condition(path, "===", text(wanted.as_str()), false),
            Expr::InTexts(path, set) => condition(
                path,
                "in",
                Value::list(set.texts.iter().map(|text| Value::from(text.to_string()))),
                false,
            ),
            Expr::HasText(path, wanted) => condition(path, "in", text(wanted), true),
            Expr::Compare(path, comparison, number) => {
                condition(path, comparison_name(*comparison), Value::Number(*number), false)
            }
            Expr::StartsWith(path, affix) => condition(path, "starts_with", text(affix), false),
            Expr::EndsWith(path, affix) => condition(path, "ends_with", text(affix), false),
            Expr::Version(path, rule) => {
                condition(path, "sem_ver", Value::list([text(rule.test.sign()), text(&rule.target)]), false)
            }
            Expr::And(_) => Operation::And,
            Expr::Or(_) => Operation::Or,
            Expr::Not(_) => Operation::Not,
            Expr::If(operands) => Operation::If { operands: operands.len() },
            Expr::Apply(call) => {
                Operation::Apply { operator: call.0.name(), spread: matches!(call.1, Expr::List(_)) }
            }
            Expr::Shared(shared) => Operation::Evaluator { name: shared.name.to_string() },
            Expr::List(_) => Operation::Other { name: "list" },
            Expr::Structure(_) | Expr::SubstituteOr(_) => Operation::Other { name: "value" },
            Expr::Missing(_) => Operation::Other { name: "missing" },
            Expr::MissingSome(_) => Operation::Other { name: "missing_some" },
            Expr::Each(each) => Operation::Other { name: each.kind.name() },
            Expr::Split(_) | Expr::Fractional(_) => Operation::Other { name: "fractional" },
            Expr::Given(_) => Operation::Other { name: "and, or, if" },
            Expr::Fail(reason) => Operation::Fail { reason: reason.to_string() },
        }
    }
}

fn path_text(path: &AttributePath) -> String {
    let (root, rest) = match path {
        AttributePath::TargetingKey => (crate::context::TARGETING_KEY, &[][..]),
        AttributePath::Attribute(name) => (name.as_str(), &[][..]),
        AttributePath::Inside(Root::TargetingKey, rest) => (crate::context::TARGETING_KEY, &**rest),
        AttributePath::Inside(Root::Attribute(name), rest) => (name.as_str(), &**rest),
    };
    rest.iter().fold(root.to_owned(), |path, segment| format!("{path}.{}", segment.name))
}

fn comparison_name(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
    }
}

/// What is easily overlooked about a step.
fn notes(operation: &Operation, steps: &[Step]) -> Vec<String> {
    match operation {
        Operation::Condition { path, seen, operator, operand, .. } => {
            let mut notes = Vec::new();
            if seen.is_null() {
                notes.push(format!("{path} is missing"));
            }
            notes.extend(coercion(operator, seen, operand));
            notes
        }
        Operation::Apply { operator, .. } => match steps {
            [a, b, ..] => match (&a.outcome, &b.outcome) {
                (Some(a), Some(b)) => {
                    coercion(operator, a, b).or_else(|| coercion(operator, b, a)).into_iter().collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// How an operator reads a value as something else.
fn coercion(operator: &str, seen: &Value<'_>, operand: &Value<'_>) -> Option<String> {
    let compares = matches!(operator, "<" | "<=" | ">" | ">=" | "==" | "!=");
    let number = Operand::from(seen).comparable();
    match (seen, operand) {
        (Value::Null, Value::Number(_)) if matches!(operator, "<" | "<=" | ">" | ">=") => {
            Some("nothing counts as 0".to_owned())
        }
        (Value::String(text), Value::Number(_)) if compares && number.is_nan() => {
            Some(format!("{text:?} is no number"))
        }
        (Value::String(text), Value::Number(_) | Value::Bool(_)) if compares => {
            Some(format!("{text:?} is read as the number {number}"))
        }
        (Value::Bool(value), Value::Number(_) | Value::String(_)) if compares => {
            Some(format!("{value} counts as {number}"))
        }
        (Value::Number(_), Value::String(_)) if compares => Some("compared as numbers".to_owned()),
        (Value::Number(_), Value::List(items))
            if operator == "in" && items.iter().any(|item| item.as_str().is_some()) =>
        {
            Some("compared as numbers".to_owned())
        }
        (Value::List(_) | Value::Structure(_), _) if compares => {
            Some("lists and structures equal nothing".to_owned())
        }
        _ => None,
    }
}
