//! A trace as text, for people.

use std::fmt::{self, Write};

use crate::bucketing::Bucketing;
use crate::detail::Reason;
use crate::text::Printable;
use crate::value::Value;

use super::explanation::{Ending, Explanation, Kind, Operation, SplitKey, SplitStep, Step};

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
            Some(Ending::Written(_)) | None => Ok(()),
        }
    }
}

impl Step {
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
