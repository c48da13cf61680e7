//! A trace as JSON, for programs.

use serde_json::{Value as Json, json};

use crate::bucketing::Bucketing;
use crate::detail::ErrorCode;
use crate::resolution::on_a_deep_stack;

use super::explanation::{Ending, Explanation, Operation, SplitKey, SplitStep, Step};

impl Explanation {
    /// Everything as JSON, for programs; null where a deep trace needs a thread that cannot be had.
    pub fn to_json(&self) -> Json {
        if !self.is_deep() {
            return self.written();
        }
        on_a_deep_stack(|| self.written()).unwrap_or_default()
    }

    fn written(&self) -> Json {
        let rules = self.rules.iter().map(|rule| {
            let about = json!({ "rule": rule.number, "matched": rule.matched });
            with(about, "condition", rule.condition.to_json())
        });
        let rules = Json::Array(rules.collect());
        let ending = match &self.ending {
            Some(Ending::Split(split)) => json!({ "split": split.to_json() }),
            Some(Ending::Named(step)) => with(json!({}), "value", step.to_json()),
            Some(Ending::Written(value)) => json!({ "written": value }),
            Some(Ending::NoShare(why)) => json!({ "noShare": why }),
            None => Json::Null,
        };
        let about = json!({
            "flag": self.flag,
            "place": self.place,
            "variant": self.answer.variant,
            "value": self.value,
            "reason": self.answer.reason.as_str(),
            "errorCode": self.answer.error_code.map(ErrorCode::as_str),
            "errorMessage": self.error_message,
        });
        with(with(about, "rules", rules), "ending", ending)
    }
}

/// An object with one more member, moved into it: the macro would copy it, level by level.
fn with(mut object: Json, name: &str, value: Json) -> Json {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    object
}

impl Step {
    // Steps are as deep as rules, and stacks may be small: a level takes nothing but this frame.
    fn to_json(&self) -> Json {
        let mut steps = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            steps.push(step.to_json());
        }
        self.with_steps(steps)
    }

    fn with_steps(&self, steps: Vec<Json>) -> Json {
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
            if !steps.is_empty() {
                members.insert("steps".to_owned(), Json::Array(steps));
            }
        }
        step
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
        // Only under v1 a bucket is no whole number.
        let bucket = match self.bucketing {
            Bucketing::V1 => json!(self.bucket()),
            _ => json!(self.bucket() as u32),
        };
        json!({
            "bucketing": self.bucketing.to_string(),
            "key": key,
            "hash": self.hash,
            "bucket": bucket,
            "total": self.total(),
            "ends": self.ends,
            "outcomes": self.outcomes,
            "picked": self.picked,
            "missing": self.missing,
        })
    }
}
