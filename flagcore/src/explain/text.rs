//! A trace as text, for people.

use std::fmt::{self, Write};

use crate::bucketing::Bucketing;
use crate::resolution::on_a_deep_stack;
use crate::text::Printable;
use crate::value::Value;

use super::explanation::{Ending, Explanation, Kind, Operation, SplitKey, SplitStep, Step};

/// For people: the answer, where the flag stands, then each condition with what it saw.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → ", Printable(&self.flag))?;
        match &self.answer.variant {
            Some(variant) => write!(f, "{} = {}", Printable(variant), self.value)?,
            None => f.write_str("the caller's default")?,
        }
        writeln!(f, "  ({}, {})", self.why(), self.answer.reason)?;
        if let Some(place) = &self.place {
            writeln!(f, "  {}", Printable(place))?;
        }
        if let Some(meant) = &self.meant {
            writeln!(f, "  help: did you mean `{}`?", Printable(meant))?;
        }
        if !self.is_deep() {
            return write!(f, "{}", Steps(self));
        }
        f.write_str(&on_a_deep_stack(|| Steps(self).to_string()).ok_or(fmt::Error)?)
    }
}

/// The steps of an explanation, on whatever stack it takes.
struct Steps<'e>(&'e Explanation);

impl fmt::Display for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.0.rules {
            rule.condition.write(f, 2, &rule.number, rule.matched)?;
        }
        match &self.0.ending {
            Some(Ending::Split(split)) => split.write(f, 2),
            Some(Ending::Named(step)) => step.write(f, 2, "", false),
            Some(Ending::NoShare(why)) => writeln!(f, "  no share of the split: {why}"),
            Some(Ending::Written(_)) | None => Ok(()),
        }
    }
}

impl Explanation {
    fn why(&self) -> String {
        if let Some(message) = &self.error_message {
            return message.clone();
        }
        match self.kind {
            Kind::Disabled => return "the flag is disabled".to_owned(),
            Kind::Static => return "the flag has no targeting".to_owned(),
            Kind::Missing | Kind::Targeted => {}
        }
        let matched = self.rules.iter().rfind(|rule| rule.matched);
        let rule = matched.map(|rule| format!("rule {} matched", rule.number));
        match (rule, &self.ending) {
            (Some(rule), Some(Ending::Split(_))) => format!("{rule}, then a split"),
            (Some(rule), Some(Ending::NoShare(_))) => format!("{rule}, then a split without a share"),
            (Some(rule), _) => rule,
            (None, Some(Ending::Split(_))) => "a split".to_owned(),
            (None, Some(Ending::NoShare(_))) => "a split without a share".to_owned(),
            (None, _) if self.rules.is_empty() => "what the rule gives".to_owned(),
            (None, Some(Ending::Written(Value::String(_)))) => "no rule matched: the last `else`".to_owned(),
            (None, _) => "no rule matched".to_owned(),
        }
    }
}

impl Step {
    /// Writes the step and those inside of it; a step that `decides` something is told as yes or no.
    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize, label: &str, decides: bool) -> fmt::Result {
        let mut line = String::new();
        write!(line, "{:indent$}{label:<4}{}", "", self.operation)?;
        let seen = match &self.operation {
            Operation::Condition { seen: Value::Null, .. } => "missing".to_owned(),
            Operation::Condition { seen, .. } => seen.to_string(),
            _ => String::new(),
        };
        let outcome = match &self.outcome {
            // What cannot be compared is as good as no.
            Some(Value::Bool(false)) => "no".to_owned(),
            Some(Value::Null) if self.is_condition() => "no".to_owned(),
            Some(Value::Bool(true)) => "yes".to_owned(),
            Some(value) if decides => format!("yes, {value}"),
            Some(value) => value.to_string(),
            None => "cannot be applied".to_owned(),
        };
        write!(f, "{line:<48} {seen:<20} {outcome}")?;
        for note in &self.notes {
            write!(f, "   ({note})")?;
        }
        writeln!(f)?;
        if let Operation::Split(split) = &self.operation {
            split.write(f, indent + 4)?;
        }
        self.steps.iter().try_for_each(|step| step.write(f, indent + 4, "", false))
    }

    /// Whether the step asks something, so that giving nothing means no.
    fn is_condition(&self) -> bool {
        match &self.operation {
            Operation::Condition { .. } | Operation::And | Operation::Or | Operation::Not => true,
            Operation::Evaluator { .. } => self.steps.first().is_some_and(Step::is_condition),
            _ => false,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Constant => f.write_str("value of the rule"),
            Operation::Attribute { path } => f.write_str(path),
            Operation::Condition { path, operator, operand: Value::List(parts), .. }
                if *operator == "sem_ver" =>
            {
                write!(f, "{path}")?;
                parts.iter().filter_map(Value::as_str).try_for_each(|part| write!(f, " {part}"))
            }
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
    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        let key = match &self.key {
            SplitKey::Implicit { flag_key, targeting_key } => {
                format!("flag key {flag_key:?} and targeting key {targeting_key:?} hash")
            }
            SplitKey::Value(value) => format!("{value} hashes"),
        };
        let of = if self.bucketing == Bucketing::V1 { 100 } else { self.total() };
        let (hash, bucket) = (self.hash, self.bucket());
        let bucketing = self.bucketing;
        writeln!(f, "{:indent$}{key} to {hash}, bucket {bucket} of {of} ({bucketing})", "")?;
        if let Some(missing) = &self.missing {
            writeln!(f, "{:indent$}note: {missing} is missing; all subjects without it fall together", "")?;
        }
        let mut start = 0;
        for (at, (end, outcome)) in self.ends.iter().zip(&self.outcomes).enumerate() {
            let mark = if self.picked == Some(at) { "  <- here" } else { "" };
            let outcome = match outcome {
                Value::Null => "default".to_owned(),
                Value::String(name) => name.to_string(),
                other => other.to_string(),
            };
            let share = match end - start {
                0 => "no share".to_owned(),
                _ if self.bucketing == Bucketing::V1 => format!("{start} to {end}"),
                1 => format!("bucket {start}"),
                _ => format!("buckets {start} to {}", end - 1),
            };
            writeln!(f, "{:indent$}  {outcome:<20} {share}{mark}", "")?;
            start = *end;
        }
        Ok(())
    }
}
