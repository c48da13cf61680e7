//! `fractional`: weights become thresholds, the constant beginning of what is hashed becomes a hash state.

use crate::bucketing::{Bucketing, Murmur, Shares};
use crate::diagnostic::{Pointer, Problem};
use crate::eval::operand::Operand;
use crate::eval::program::{Choice, Decision, Expr, Fractional, Split, SplitKey};
use crate::eval::split::{implicit_state, weight_of};
use crate::model::{Kind, NodeId};
use crate::text::excerpt;
use crate::value::Value;

use super::rule::RuleCompiler;

/// A `fractional` whose shares are written out.
struct Written {
    key: Option<SplitKey>,
    buckets: Vec<(Value<'static>, NodeId)>,
    shares: Option<Shares>,
}

impl RuleCompiler<'_> {
    /// `fractional` where a variant is wanted; `None` where its shares are not written out.
    pub(super) fn split_decision(&mut self, value: NodeId, at: &Pointer<'_>) -> Option<Decision> {
        let Written { key, buckets, shares } = self.written(value, at)?;
        let Some(key) = key else { return Some(Decision::Give(Choice::Default)) };
        let mut outcomes = Vec::with_capacity(buckets.len());
        for (number, (variant, node)) in buckets.iter().enumerate() {
            let choice = self.choice(variant)?;
            if choice == Choice::Unknown {
                self.tell_unknown_variant(variant, self.item(*node, 0), &at.item(number).item(0));
            }
            outcomes.push(choice);
        }
        let split = Split { key, bucketing: self.bucketing, shares, outcomes: outcomes.into_boxed_slice() };
        Some(Decision::Split(Box::new(split)))
    }

    /// `fractional` where a value is wanted.
    pub(super) fn fractional(&mut self, value: NodeId, at: &Pointer<'_>) -> Expr {
        let written = if self.scope.is_context() { self.written(value, at) } else { None };
        match written {
            Some(Written { key: Some(key), buckets, shares }) => {
                let outcomes = buckets.into_iter().map(|(variant, _)| Expr::Constant(variant)).collect();
                Expr::Split(Box::new(Split { key, bucketing: self.bucketing, shares, outcomes }))
            }
            Some(Written { key: None, .. }) => Expr::Constant(Value::Null),
            None => {
                let operands = self.expr(value, at);
                Expr::Fractional(Box::new(Fractional { operands, bucketing: self.bucketing }))
            }
        }
    }

    /// The shares that a rule writes out; `None` where any of them is only known at an evaluation.
    ///
    /// The key is `None` where everyone gets the default.
    fn written(&mut self, value: NodeId, at: &Pointer<'_>) -> Option<Written> {
        let document = self.references.document();
        let value = self.follow(value);
        let Kind::List(range) = document.kind(value) else {
            // A rule may give the list; an object that is no rule is as little a list as a text is.
            if !matches!(document.kind(value), Kind::Object(_)) || document.only_member(value).is_none() {
                self.tell_bucket("not a list", value, at);
                return Some(Written { key: None, buckets: Vec::new(), shares: None });
            }
            return None;
        };
        let operands = document.items(range);
        let constant: Option<Vec<Option<Value<'static>>>> = operands
            .iter()
            .enumerate()
            .map(|(number, operand)| self.constant_operand(*operand, number))
            .collect();
        let constant = constant?;
        let Some(first) = constant.first() else {
            self.tell_no_buckets(value, at);
            return Some(Written { key: None, buckets: Vec::new(), shares: None });
        };
        let v3 = self.bucketing == Bucketing::V3;
        let implicit = || SplitKey::Implicit(self.flag.map(|(key, _)| implicit_state(self.bucketing, key)));
        let (key, skip) = match first {
            Some(Value::List(_)) => (Some(implicit()), 0),
            Some(Value::Null) if v3 => (None, 1),
            Some(Value::Null) => (Some(implicit()), 1),
            Some(text @ Value::String(_)) => (Some(SplitKey::Value(Expr::Constant(text.clone()))), 1),
            Some(other) if v3 => (Some(SplitKey::Value(Expr::Constant(other.clone()))), 1),
            // The reference leaves it among the buckets, where it is none.
            Some(_) => (Some(implicit()), 0),
            None => {
                let node = operands.first().copied()?;
                (Some(self.split_key(node, &at.item(0))), 1)
            }
        };
        let mut buckets = Vec::with_capacity(operands.len());
        let mut weights: Option<Vec<u32>> = Some(Vec::with_capacity(operands.len()));
        for (number, (operand, node)) in constant.into_iter().zip(operands).enumerate().skip(skip) {
            match self.bucket(operand.unwrap_or(Value::Null), *node, &at.item(number)) {
                Some((variant, weight)) => {
                    buckets.push((variant, *node));
                    if let Some(weights) = &mut weights {
                        weights.push(weight);
                    }
                }
                None => weights = None,
            }
        }
        let shares = weights.and_then(|weights| {
            let total = weights.iter().map(|weight| u64::from(*weight)).sum();
            let shares = Shares::new(weights);
            if buckets.is_empty() {
                self.tell_no_buckets(value, at);
            } else if total == 0 || shares.is_none() {
                self.tolerate(value, at, Problem::FractionalTotal { total });
            }
            shares
        });
        Some(Written { key, buckets, shares })
    }

    /// The value of an operand that is the same at every evaluation. `Some(None)` is a first operand that is
    /// not: it can only be what is hashed.
    #[expect(clippy::option_option, reason = "three outcomes: a constant, the hashed value, something else")]
    fn constant_operand(&self, node: NodeId, number: usize) -> Option<Option<Value<'static>>> {
        let document = self.references.document();
        let node = self.follow(node);
        let is_scalar =
            |node: NodeId| !matches!(document.kind(self.follow(node)), Kind::List(_) | Kind::Object(_));
        match document.kind(node) {
            // A rule, or an object that is none: only evaluating tells.
            Kind::Object(_) if number == 0 => Some(None),
            Kind::Object(_) => None,
            Kind::List(range) if !document.items(range).iter().all(|item| is_scalar(*item)) => None,
            _ => Some(Some(self.references.to_value(node))),
        }
    }

    /// What a rule that gives the bucketing value comes to.
    fn split_key(&mut self, node: NodeId, at: &Pointer<'_>) -> SplitKey {
        let expr = self.expr(node, at);
        if self.bucketing == Bucketing::V3 {
            // The length of the text stands before it, so no beginning can be hashed ahead.
            return SplitKey::Value(expr);
        }
        let Expr::Apply(call) = &expr else { return SplitKey::Value(expr) };
        let (crate::eval::operator::Operator::Cat, Expr::List(parts)) = call.as_ref() else {
            return SplitKey::Value(expr);
        };
        let [constants @ .., Expr::Attribute(path)] = parts.as_ref() else { return SplitKey::Value(expr) };
        let mut prefix = String::new();
        for constant in constants {
            match constant {
                Expr::Constant(Value::String(text)) => prefix.push_str(text),
                Expr::Constant(Value::Null) => {}
                _ => return SplitKey::Value(expr),
            }
        }
        // Joined texts are trimmed, so the constant must not begin or end with what would be cut off.
        if prefix.is_empty() || prefix.trim() != prefix {
            return SplitKey::Value(expr);
        }
        let state = Murmur::new().with(prefix.as_bytes());
        SplitKey::Prefixed { state, prefix: prefix.into(), path: path.clone() }
    }

    /// The variant and weight of a constant bucket; what makes it none is told.
    fn bucket(
        &mut self,
        bucket: Value<'static>,
        node: NodeId,
        at: &Pointer<'_>,
    ) -> Option<(Value<'static>, u32)> {
        let Value::List(parts) = &bucket else {
            self.tell_bucket(kind_name(&bucket), node, at);
            return None;
        };
        let variant = match parts.first() {
            None => {
                self.tell_bucket("an empty list", node, at);
                return None;
            }
            Some(Value::List(_) | Value::Structure(_)) => {
                self.tell_bucket("one whose variant is no text", self.item(node, 0), &at.item(0));
                return None;
            }
            Some(variant) => variant.clone(),
        };
        if let Some(more) = parts.get(2) {
            self.tell_weight(
                more.to_string(),
                "stands behind the weight of its bucket and is not read; a weight is one whole number",
                self.item(node, 2),
                &at.item(2),
            );
        }
        let weight = match parts.get(1) {
            None | Some(Value::Null) => 1,
            Some(Value::Number(number)) => match weight_of(*number) {
                Some(weight) => {
                    if *number < 0.0 {
                        self.tell_weight(
                            number.to_string(),
                            "is negative and counts as 0",
                            self.item(node, 1),
                            &at.item(1),
                        );
                    }
                    weight
                }
                None if number.fract() != 0.0 => {
                    self.tell_weight(
                        number.to_string(),
                        "is not a whole number; the default variant is served to everyone",
                        self.item(node, 1),
                        &at.item(1),
                    );
                    return None;
                }
                None => {
                    self.tell_weight(
                        number.to_string(),
                        "is over 2147483647; the default variant is served to everyone",
                        self.item(node, 1),
                        &at.item(1),
                    );
                    return None;
                }
            },
            Some(other) => {
                self.tell_weight(
                    other.to_string(),
                    "is not a number; the default variant is served to everyone",
                    self.item(node, 1),
                    &at.item(1),
                );
                return None;
            }
        };
        Some((variant, weight))
    }

    fn tell_no_buckets(&mut self, node: NodeId, at: &Pointer<'_>) {
        let outcome = "the default variant is served to everyone";
        self.tell_arguments("fractional", "has no buckets".to_owned(), outcome, node, at);
    }

    fn tell_bucket(&mut self, found: &str, node: NodeId, at: &Pointer<'_>) {
        self.tolerate(node, at, Problem::FractionalBucket { found: found.to_owned() });
    }

    fn tell_weight(&mut self, found: String, wanted: &'static str, node: NodeId, at: &Pointer<'_>) {
        self.tolerate(node, at, Problem::FractionalWeight { found: excerpt(&found), wanted });
    }
}

fn kind_name(value: &Value<'_>) -> &'static str {
    match Operand::from(value) {
        Operand::Null => "null",
        Operand::Bool(_) => "a boolean",
        Operand::Number(_) | Operand::WholeZero => "a number",
        Operand::Text(_) => "a text",
        Operand::List(_) => "a list",
        Operand::Structure(_) => "an object",
    }
}
