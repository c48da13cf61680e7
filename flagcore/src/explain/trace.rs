//! Writes a trace down while an evaluation runs.

use std::cell::{Cell, RefCell};

use crate::compile::CompiledFlag;
use crate::context::Layers;
use crate::eval::machine::Machine;
use crate::eval::operand::{Fault, Operand};
use crate::eval::program::{AttributePath, Check, Comparison, Expr, Program, Root, Test, VarPath};
use crate::eval::quick;
use crate::eval::scratch::Scratch;
use crate::eval::{Observer, SplitKeySeen, SplitSeen};
use crate::resolution::run;
use crate::value::Value;

use super::explanation::{Ending, Explanation, Kind, Operation, Rule, SplitKey, SplitStep, Step};
use super::notes::notes;
use super::replay::variant_name;

/// Runs a rule with somebody watching.
pub(super) fn traced(
    flag: &CompiledFlag,
    program: &Program,
    layers: &Layers<'_>,
    at: Option<i64>,
) -> Explanation {
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
    // A step that fails is as much as there is to tell.
    let unfinished =
        || machine.observer.open.take().first_mut().and_then(|open| open.steps.pop()).map(Ending::Named);
    let ending = chain.ending.or_else(unfinished);
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
    /// What is inside of each open step, outermost first; the first one is that of no step.
    open: RefCell<Vec<Open>>,
    chain: RefCell<Chain>,
}

/// What is inside of a step that goes on.
#[derive(Debug, Default)]
struct Open {
    steps: Vec<Step>,
    /// How the subject fell, where the step is a split and got so far.
    split: Option<SplitStep>,
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
        self.open.borrow_mut().push(Open::default());
    }

    fn leave(&self, expr: &'m Expr, result: &Result<Operand<'m>, Fault>) {
        let mut open = self.open.borrow_mut();
        let Open { mut steps, split } = open.pop().unwrap_or_default();
        let operation = match (expr, split) {
            (_, Some(split)) => {
                // What the share gives is in the split; what is left are the steps of the key.
                if split.picked.is_some() {
                    steps.pop_if(|last| matches!(last.operation, Operation::Constant));
                }
                Operation::Split(split)
            }
            (Expr::Apply(call), None) if steps.iter().any(|step| step.whole_zero) => {
                Operation::Other { name: call.0.name() }
            }
            (expr, None) => self.operation(expr),
        };
        let whole_zero = matches!(result, Ok(Operand::WholeZero));
        let outcome = result.as_ref().ok().map(|value| value.to_value());
        let notes = notes(&operation, &steps);
        let step = Step { operation, steps, outcome, notes, whole_zero };
        if open.is_empty() {
            open.push(Open::default());
        }
        if let Some(outer) = open.last_mut() {
            outer.steps.push(step);
        }
    }

    fn arm(&self, number: usize, matched: bool) {
        let condition = self.open.borrow_mut().pop().and_then(|mut open| open.steps.pop());
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
            SplitKeySeen::Prefixed(prefix, _, text) => {
                SplitKey::Value(Value::from(format!("{prefix}{text}")))
            }
            SplitKeySeen::Value(value) => SplitKey::Value(value.to_value()),
        };
        let first = seen.first.map(|value| match variant_name(&value) {
            Some(name) if !seen.inside && !value.is_null() => Value::from(name),
            _ => value,
        });
        // Everyone without the attribute falls together, which is rarely meant.
        let missing = match seen.key {
            SplitKeySeen::Prefixed(_, path, "") => Some(path_text(path)),
            _ => None,
        };
        let split = SplitStep {
            bucketing: seen.bucketing,
            key,
            hash: seen.hash,
            ends: seen.ends,
            outcomes: first.into_iter().chain(seen.outcomes).collect(),
            picked: seen.picked,
            missing,
        };
        let mut open = self.open.borrow_mut();
        match open.last_mut().filter(|_| seen.inside) {
            Some(open) => open.split = Some(split),
            None => self.chain.borrow_mut().ending = Some(Ending::Split(split)),
        }
    }

    fn written(&self, choice: Value<'static>) {
        self.chain.borrow_mut().ending = Some(Ending::Written(choice));
    }

    fn no_share(&self, has_shares: bool) {
        let why = if !has_shares {
            "its weights are not whole numbers that add up to something"
        } else if quick::subject_key(self.layers).is_none() {
            "the context has no targeting key"
        } else {
            "what it splits by is no text"
        };
        self.chain.borrow_mut().ending = Some(Ending::NoShare(why));
    }

    fn named(&self, _value: Operand<'m>) {
        let step = self.open.borrow_mut().first_mut().and_then(|open| open.steps.pop());
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
            Expr::Test(Test { path, check }) => {
                let (operator, constant) = told(check);
                condition(path, operator, constant, false)
            }
            Expr::HasText(path, wanted) => condition(path, "in", Value::from(wanted.to_string()), true),
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

/// The operator and the constant of a test as they are written.
fn told(check: &Check) -> (&'static str, Value<'static>) {
    let text = |text: &str| Value::from(text.to_owned());
    match check {
        Check::IsText(wanted) => ("==", text(wanted.as_str())),
        Check::IsSameText(wanted) => ("===", text(wanted.as_str())),
        Check::InTexts(set) => ("in", Value::list(set.texts.iter().map(|it| text(it)))),
        Check::Compare(comparison, number) => (comparison_name(*comparison), Value::Number(*number)),
        Check::StartsWith(affix) => ("starts_with", text(affix)),
        Check::EndsWith(affix) => ("ends_with", text(affix)),
        Check::Version(rule) => ("sem_ver", Value::list([text(rule.test.sign()), text(&rule.target)])),
    }
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
