//! `fractional`: a share of the subjects each.

use crate::bucketing::{Bucketing, Murmur, Shares, cbor};
use crate::context::TARGETING_KEY;
use crate::number;
use crate::value::Value;

use super::frame::{Data, Frame};
use super::machine::{Machine, VariantNames};
use super::observer::{Observer, SplitKeySeen, SplitSeen};
use super::operand::{Fault, Items, Members, Operand};
use super::operator::{self, charge_text};
use super::program::{Choice, Expr, Fractional, Split, SplitKey};
use super::quick::subject_key;

/// Where a subject falls.
pub(crate) enum Picked<'m, T> {
    /// To no share: the default.
    Nothing,
    /// To a share that the rule writes out.
    Outcome(&'m T),
    /// To a share that came out of the context.
    Value(Operand<'m>),
}

/// What a share gives.
pub(crate) trait Outcome {
    /// Whether it is a value in the middle of a rule, and not where a decision ends.
    const INSIDE: bool;

    /// For people: a variant by its name, null for the default.
    fn told(&self, variants: &dyn VariantNames) -> Value<'static>;
}

impl Outcome for Choice {
    const INSIDE: bool = false;

    fn told(&self, variants: &dyn VariantNames) -> Value<'static> {
        match self {
            Choice::Variant(place) => variants.name(*place).map(str::to_owned).into(),
            Choice::Default => Value::Null,
            Choice::Unknown => Value::from("(unknown variant)"),
        }
    }
}

impl Outcome for Expr {
    const INSIDE: bool = true;

    fn told(&self, _variants: &dyn VariantNames) -> Value<'static> {
        if let Expr::Constant(value) = self { value.clone() } else { Value::Null }
    }
}

impl<'m, O: Observer<'m>> Machine<'m, O> {
    /// Where the subject of this evaluation falls.
    #[inline]
    pub(crate) fn pick<T: Outcome>(&self, split: &'m Split<T>) -> Result<Picked<'m, T>, Fault> {
        let (hash, key) = match &split.key {
            SplitKey::Implicit(state) => {
                let Some(subject) = subject_key(self.layers) else { return Ok(Picked::Nothing) };
                charge_text(subject, self.scratch)?;
                let hash = match state {
                    Some(state) => with_subject(*state, split.bucketing, subject),
                    None => implicit_hash(split.bucketing, self.flag_key, subject),
                };
                (hash, SplitKeySeen::Implicit(subject))
            }
            SplitKey::Prefixed { state, prefix, path } => {
                let text = match self.attribute(path) {
                    Operand::Text(text) => text,
                    other => other.text(self.scratch)?,
                };
                charge_text(text, self.scratch)?;
                // Texts that are joined are trimmed; the constant neither begins nor ends with white space.
                let text = text.trim_end();
                (state.with(text.as_bytes()).finish(), SplitKeySeen::Prefixed(prefix, path, text))
            }
            SplitKey::Value(key) => return self.pick_by_value(split, key),
        };
        Ok(self.fall(split, hash, key))
    }

    #[inline]
    fn fall<T: Outcome>(&self, split: &'m Split<T>, hash: u32, key: SplitKeySeen<'m>) -> Picked<'m, T> {
        let Some(shares) = &split.shares else { return Picked::Nothing };
        let picked = shares.pick(split.bucketing, hash);
        if O::ACTIVE {
            self.tell_split(split, hash, key, shares, None, picked);
        }
        picked.and_then(|at| split.outcomes.get(at)).map_or(Picked::Nothing, Picked::Outcome)
    }

    #[inline(never)]
    fn pick_by_value<T: Outcome>(&self, split: &'m Split<T>, key: &'m Expr) -> Result<Picked<'m, T>, Fault> {
        let key = self.value(key, &Frame::CONTEXT)?;
        self.charge_key(key, Data::Context)?;
        let implicit = |machine: &Self| {
            let subject = subject_key(machine.layers)?;
            Some((implicit_hash(split.bucketing, machine.flag_key, subject), subject))
        };
        let hash = match (key, split.bucketing) {
            (Operand::List(bucket), _) => {
                // A list is a share in front of the others.
                let Some((hash, _)) = implicit(self) else { return Ok(Picked::Nothing) };
                return Ok(self.fall_behind(split, bucket, hash));
            }
            (Operand::Null, Bucketing::V3) => return Ok(Picked::Nothing),
            (Operand::Null, _) => {
                let Some((hash, subject)) = implicit(self) else { return Ok(Picked::Nothing) };
                return Ok(self.fall(split, hash, SplitKeySeen::Implicit(subject)));
            }
            (key, bucketing) => match value_hash(bucketing, key) {
                Some(hash) => hash,
                None => return Ok(Picked::Nothing),
            },
        };
        Ok(self.fall(split, hash, SplitKeySeen::Value(key)))
    }

    /// Falls with a share out of the context before those of the rule.
    fn fall_behind<T: Outcome>(&self, split: &'m Split<T>, bucket: Items<'m>, hash: u32) -> Picked<'m, T> {
        let (Some((variant, weight)), Some(shares)) = (bucket_of(bucket), &split.shares) else {
            return Picked::Nothing;
        };
        let rest = shares.ends().iter().scan(0, |before, end| {
            let weight = end - *before;
            *before = *end;
            Some(weight)
        });
        let Some(shares) = Shares::new(std::iter::once(weight).chain(rest)) else { return Picked::Nothing };
        let picked = shares.pick(split.bucketing, hash);
        if O::ACTIVE {
            let key = SplitKeySeen::Implicit(subject_key(self.layers).unwrap_or(""));
            self.tell_split(split, hash, key, &shares, Some(variant), picked);
        }
        match picked {
            None => Picked::Nothing,
            Some(0) => Picked::Value(variant),
            Some(at) => split.outcomes.get(at - 1).map_or(Picked::Nothing, Picked::Outcome),
        }
    }

    /// Tells who watches; `first` is the value of a share before those of the rule.
    fn tell_split<T: Outcome>(
        &self,
        split: &'m Split<T>,
        hash: u32,
        key: SplitKeySeen<'m>,
        shares: &Shares,
        first: Option<Operand<'m>>,
        picked: Option<usize>,
    ) {
        let rest = split.outcomes.iter().map(|outcome| outcome.told(self.variants));
        self.observer.split(SplitSeen {
            key,
            bucketing: split.bucketing,
            hash,
            ends: shares.ends().to_vec(),
            picked,
            first: first.map(Operand::to_value),
            outcomes: rest.collect(),
            inside: T::INSIDE,
        });
    }

    /// `fractional` with operands that are only known now.
    #[inline(never)]
    pub(crate) fn fractional(
        &self,
        rule: &'m Fractional,
        frame: &Frame<'_, 'm>,
    ) -> Result<Operand<'m>, Fault> {
        let operands = self.value(&rule.operands, frame)?;
        operator::charge(operands, self.scratch)?;
        if let Some(first) = operands.items().and_then(|items| items.get(0)) {
            self.charge_key(first, frame.data)?;
        }
        Ok(self.fractional_of(operands, rule.bucketing, frame).unwrap_or(Operand::Null))
    }

    fn fractional_of(
        &self,
        operands: Operand<'m>,
        bucketing: Bucketing,
        frame: &Frame<'_, 'm>,
    ) -> Option<Operand<'m>> {
        let operands = operands.items()?;
        let first = operands.get(0)?;
        let implicit = || {
            let (flag_key, subject) = self.keys_of(frame.data)?;
            Some(implicit_hash(bucketing, flag_key, subject))
        };
        let (hash, skip) = match (first, bucketing) {
            _ if matches!(frame.data, Data::Element(element) if !matches!(element, Operand::Structure(_))) => {
                return None;
            }
            (Operand::List(_), _) => (implicit()?, 0),
            (Operand::Null, Bucketing::V3) => return None,
            (Operand::Null, _) => (implicit()?, 1),
            // A first operand that cannot be hashed stays in the list, where it is no bucket.
            (key, bucketing) => (value_hash(bucketing, key)?, 1),
        };
        let mut buckets = Vec::with_capacity(operands.len());
        for item in operands.iter().skip(skip) {
            buckets.push(bucket_of(item.items()?)?);
        }
        let shares = Shares::new(buckets.iter().map(|(_, weight)| *weight))?;
        buckets.get(shares.pick(bucketing, hash)?).map(|(variant, _)| *variant)
    }

    /// Takes off the budget what hashing a long key costs: the value itself, or the keys that stand in for it.
    fn charge_key(&self, key: Operand<'m>, data: Data<'m>) -> Result<(), Fault> {
        match key {
            Operand::List(_) | Operand::Null => match self.keys_of(data) {
                Some((flag_key, subject)) => {
                    charge_text(flag_key, self.scratch)?;
                    charge_text(subject, self.scratch)
                }
                None => Ok(()),
            },
            key => operator::charge_whole(key, self.scratch),
        }
    }

    /// The flag's key and the targeting key as one level of data has them.
    fn keys_of(&self, data: Data<'m>) -> Option<(&'m str, &'m str)> {
        match data {
            Data::Context => Some((self.flag_key, subject_key(self.layers)?)),
            Data::Element(Operand::Structure(members)) => {
                let Operand::Text(subject) = members.get(TARGETING_KEY)? else { return None };
                (!subject.is_empty()).then_some((flag_key_of(members), subject))
            }
            _ => None,
        }
    }
}

/// The flag's key that an element carries under `$flagd`, as the reference reads it; nothing if it does not fit.
fn flag_key_of(element: Members<'_>) -> &str {
    let Some(Operand::Structure(flagd)) = element.get("$flagd") else { return "" };
    let timestamp_fits = match flagd.get("timestamp") {
        None | Some(Operand::Null) => true,
        Some(Operand::Number(x)) => x.fract() == 0.0 && number::to_index(x) as f64 == x,
        Some(_) => false,
    };
    match flagd.get("flagKey") {
        Some(Operand::Text(key)) if timestamp_fits => key,
        _ => "",
    }
}

/// The variant and the weight of a bucket; `None` where it is none.
pub(crate) fn bucket_of(bucket: Items<'_>) -> Option<(Operand<'_>, u32)> {
    let variant = match bucket.get(0)? {
        variant @ (Operand::Text(_) | Operand::Bool(_) | Operand::Number(_) | Operand::Null) => variant,
        _ => return None,
    };
    let weight = match bucket.get(1) {
        None | Some(Operand::Null) => 1,
        Some(Operand::Number(weight)) => weight_of(weight)?,
        Some(_) => return None,
    };
    Some((variant, weight))
}

/// A number as a weight: whole, at most 2^31 - 1; a negative one counts as nothing.
pub(crate) fn weight_of(weight: f64) -> Option<u32> {
    if weight.fract() != 0.0 || !(-9_223_372_036_854_775_808.0..=f64::from(Shares::MOST)).contains(&weight) {
        return None;
    }
    Some(weight.max(0.0) as u32)
}

/// The state after the flag's key, for the implicit form.
pub(crate) fn implicit_state(bucketing: Bucketing, flag_key: &str) -> Murmur {
    let mut state = Murmur::new();
    if bucketing == Bucketing::V3 {
        cbor::list_header(&mut state, 2);
        cbor::text(&mut state, flag_key);
    } else {
        state.write(flag_key.as_bytes());
    }
    state
}

/// The hash of the implicit form.
pub(crate) fn implicit_hash(bucketing: Bucketing, flag_key: &str, subject: &str) -> u32 {
    with_subject(implicit_state(bucketing, flag_key), bucketing, subject)
}

#[inline]
pub(super) fn with_subject(mut state: Murmur, bucketing: Bucketing, subject: &str) -> u32 {
    if bucketing == Bucketing::V3 {
        cbor::text_header(&mut state, subject.len());
    }
    state.with(subject.as_bytes()).finish()
}

/// The hash of a bucketing value: before v3 only a text has one.
pub(crate) fn value_hash(bucketing: Bucketing, key: Operand<'_>) -> Option<u32> {
    match (bucketing, key) {
        (Bucketing::V3, key) => {
            let mut hash = Murmur::new();
            write_cbor(&mut hash, key);
            Some(hash.finish())
        }
        (_, Operand::Text(text)) => Some(Murmur::of(text.as_bytes())),
        _ => None,
    }
}

/// The deterministic CBOR encoding of a value, into a hash.
fn write_cbor(hash: &mut Murmur, value: Operand<'_>) {
    match value {
        Operand::Null => cbor::simple(hash, None),
        Operand::Bool(value) => cbor::simple(hash, Some(value)),
        Operand::Number(value) => cbor::number(hash, value),
        Operand::WholeZero => cbor::number(hash, 0.0),
        Operand::Text(text) => cbor::text(hash, text),
        Operand::List(items) => {
            cbor::list_header(hash, items.len());
            items.iter().for_each(|item| write_cbor(hash, item));
        }
        Operand::Structure(members) => {
            let mut sorted = Vec::with_capacity(members.len());
            members.for_each(|name, value| sorted.push((name, value)));
            sorted.sort_by(|(a, _), (b, _)| cbor::name_order(a, b));
            cbor::structure_header(hash, sorted.len());
            for (name, value) in sorted {
                cbor::text(hash, name);
                write_cbor(hash, value);
            }
        }
    }
}
