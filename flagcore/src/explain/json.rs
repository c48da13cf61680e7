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
        let rules: Vec<Json> = self
            .rules
            .iter()
            .map(|rule| json!({ "rule": rule.number, "matched": rule.matched, "condition": rule.condition.to_json() }))
            .collect();
        let ending = match &self.ending {
            Some(Ending::Split(split)) => json!({ "split": split.to_json() }),
            Some(Ending::Named(step)) => json!({ "value": step.to_json() }),
            Some(Ending::Written(value)) => json!({ "written": value }),
            Some(Ending::NoShare(why)) => json!({ "noShare": why }),
            None => Json::Null,
        };
        json!({
            "flag": self.flag,
            "place": self.place,
            "variant": self.answer.variant,
            "value": self.value,
            "reason": self.answer.reason.as_str(),
            "errorCode": self.answer.error_code.map(ErrorCode::as_str),
            "errorMessage": self.error_message,
            "rules": rules,
            "ending": ending,
        })
    }
}

impl Step {
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
