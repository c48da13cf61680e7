//! The evaluation context itself.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use arrayvec::ArrayVec;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::ContextError;
use super::needle::{Wanted, head};
use crate::limits;
use crate::value::{NameSeed, Unfit, Value, ValueSeed};

/// The targeting key and attributes that rules look at.
///
/// Text is borrowed or owned. Up to eight attributes are kept without allocation; more move to the heap.
/// A context knows nothing of any flag set: build it once per request and evaluate every flag with it.
///
/// Costs: [`set`](Self::set) is a few nanoseconds per attribute and is the fastest way to build one;
/// [`with`](Self::with) also moves the whole context (some 450 bytes) at each call;
/// [`of`](Self::of) takes all attributes at once and moves once.
///
/// # Examples
///
/// ```
/// use flagcore::EvaluationContext;
///
/// let user = EvaluationContext::new("user-1").with("plan", "pro").with("age", 42);
/// assert_eq!(user.targeting_key(), Some("user-1"));
/// assert_eq!(user.get("plan").unwrap().as_str(), Some("pro"));
/// ```
#[derive(Clone, Default)]
pub struct EvaluationContext<'a> {
    pub(super) targeting_key: Option<Value<'a>>,
    /// The beginnings of the names of `few`.
    heads: [u64; INLINE],
    few: ArrayVec<Attribute<'a>, INLINE>,
    /// All attributes, once there are more than fit inline.
    many: Vec<Attribute<'a>>,
    pub(super) fault: Option<ContextError>,
}

const INLINE: usize = 8;

/// The name of the attribute that is the targeting key.
pub const TARGETING_KEY: &str = "targetingKey";

/// A named part of what is known about the subject.
#[derive(Clone, Debug)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Value<'a>,
}

impl<'a> EvaluationContext<'a> {
    /// A context with a targeting key.
    #[inline]
    pub fn new(targeting_key: impl Into<Cow<'a, str>>) -> Self {
        Self { targeting_key: Some(Value::String(targeting_key.into())), ..Self::empty() }
    }

    /// A context without anything.
    #[inline]
    pub const fn empty() -> Self {
        Self {
            targeting_key: None,
            heads: [0; INLINE],
            few: ArrayVec::new_const(),
            many: Vec::new(),
            fault: None,
        }
    }

    /// A context with a targeting key and attributes, built in one go.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagcore::EvaluationContext;
    ///
    /// let user = EvaluationContext::of("user-1", [("plan", "pro".into()), ("beta", true.into())]);
    /// assert_eq!(user.len(), 2);
    /// ```
    #[inline]
    pub fn of<const N: usize>(
        targeting_key: impl Into<Cow<'a, str>>,
        attributes: [(&'a str, Value<'a>); N],
    ) -> Self {
        let mut context = Self::new(targeting_key);
        for (name, value) in attributes {
            context.set(name, value);
        }
        context
    }

    /// The same context with one more attribute; see [`set`](Self::set).
    #[inline]
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets an attribute; of one name set twice the last value counts. Setting a name again is as cheap as setting
    /// another one: the value before may stay in [`iter`](Self::iter) and [`len`](Self::len) for a while.
    ///
    /// The name `targetingKey` sets the targeting key. A value that cannot be part of a context (nested more
    /// than 100 levels, a number that is not finite) or an attribute past the 10,000th is left out, and every
    /// evaluation that looks at the context answers `INVALID_CONTEXT`; see [`fault`](Self::fault).
    #[inline]
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> &mut Self {
        let attribute = Attribute { name: name.into(), value: value.into() };
        let plain = match &attribute.value {
            Value::Number(number) => number.is_finite(),
            Value::List(_) | Value::Structure(_) => false,
            _ => true,
        };
        let special = attribute.name.len() == TARGETING_KEY.len() && attribute.name == TARGETING_KEY;
        if plain && !special && !self.few.is_full() && self.many.is_empty() {
            self.push(attribute);
        } else {
            self.set_slowly(attribute);
        }
        self
    }

    /// The value of an attribute; the last one set, where a name was set twice.
    ///
    /// A scan: contexts are small, and a scan of a dozen names beats hashing one.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        if name == TARGETING_KEY {
            return self.targeting_key.as_ref();
        }
        self.find(Wanted::new(name))
    }

    /// The targeting key, if there is one and it is a text.
    pub fn targeting_key(&self) -> Option<&str> {
        self.targeting_key.as_ref()?.as_str()
    }

    /// Attributes and values, without the targeting key, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.attributes().iter().map(|attribute| (attribute.name.as_ref(), &attribute.value))
    }

    /// How many attributes were set, the targeting key not counted.
    pub fn len(&self) -> usize {
        self.attributes().len()
    }

    /// Whether there is neither a targeting key nor an attribute.
    pub fn is_empty(&self) -> bool {
        self.targeting_key.is_none() && self.attributes().is_empty()
    }

    /// Removes everything and keeps the memory, so that one context can serve request after request.
    pub fn clear(&mut self) {
        self.targeting_key = None;
        self.few.clear();
        self.many.clear();
        self.fault = None;
    }

    /// Why evaluations with this context answer `INVALID_CONTEXT`, if they do.
    pub fn fault(&self) -> Option<ContextError> {
        self.fault
    }

    /// The same context with text of its own.
    pub fn into_owned(self) -> EvaluationContext<'static> {
        let own = |attribute: Attribute<'a>| {
            let name = Cow::Owned(attribute.name.into_owned());
            Attribute { name, value: attribute.value.into_owned() }
        };
        EvaluationContext {
            targeting_key: self.targeting_key.map(Value::into_owned),
            heads: self.heads,
            few: self.few.into_iter().map(own).collect(),
            many: self.many.into_iter().map(own).collect(),
            fault: self.fault,
        }
    }

    /// A context of the members of a JSON object, text borrowed.
    ///
    /// # Errors
    ///
    /// [`ContextError::NotAStructure`] for anything but an object, and what [`set`](Self::set) leaves out.
    pub fn from_json(json: &'a serde_json::Value) -> Result<Self, ContextError> {
        let serde_json::Value::Object(members) = json else { return Err(ContextError::NotAStructure) };
        let mut context = Self::empty();
        for (name, value) in members {
            let value =
                Value::from_json(value, limits::VALUE_DEPTH - 1).map_err(|_| ContextError::TooDeep)?;
            context.set(name.as_str(), value);
        }
        context.fault.map_or(Ok(context), Err)
    }

    #[inline]
    pub(crate) fn attributes(&self) -> &[Attribute<'a>] {
        if self.many.is_empty() { &self.few } else { &self.many }
    }

    /// The last attribute of a name.
    #[inline(always)]
    pub(super) fn find(&self, wanted: Wanted<'_>) -> Option<&Value<'a>> {
        // PERF: beginnings stand side by side, so that a scan takes three instructions a name (benchmark `eval`).
        let heads = self.heads.get(..self.few.len()).unwrap_or_default();
        match heads.iter().rposition(|head| *head == wanted.head).and_then(|at| self.few.get(at)) {
            Some(attribute) if wanted.is_by_rest(&attribute.name) => Some(&attribute.value),
            None if self.many.is_empty() => None,
            _ => self.find_slowly(wanted),
        }
    }

    #[inline(never)]
    fn find_slowly(&self, wanted: Wanted<'_>) -> Option<&Value<'a>> {
        let is = |attribute: &&Attribute<'_>| wanted.is(&attribute.name);
        self.attributes().iter().rev().find(is).map(|attribute| &attribute.value)
    }

    /// Takes an attribute for which there is room.
    #[inline(always)]
    fn push(&mut self, attribute: Attribute<'a>) {
        if let Some(head_of_name) = self.heads.get_mut(self.few.len()) {
            *head_of_name = head(attribute.name.as_bytes());
        }
        self.few.push(attribute);
    }

    /// Takes an attribute past the eighth. Names set again and again do not pile up.
    fn push_to_many(&mut self, attribute: Attribute<'a>) {
        if let Some(known) = self.few.iter_mut().rev().find(|known| known.name == attribute.name) {
            known.value = attribute.value;
            return;
        }
        self.many.extend(self.few.drain(..));
        if self.many.len() == self.many.capacity() {
            // Only where the memory would grow, so that setting stays linear.
            self.keep_last_of_each();
        }
        if self.many.len() < limits::ATTRIBUTES {
            self.many.push(attribute);
        } else if let Some(known) = self.many.iter_mut().rev().find(|known| known.name == attribute.name) {
            known.value = attribute.value;
        } else if self.fault.is_none() {
            self.keep_last_of_each();
            if self.many.len() < limits::ATTRIBUTES {
                self.many.push(attribute);
            } else {
                self.fault = Some(ContextError::TooManyAttributes);
            }
        }
    }

    fn keep_last_of_each(&mut self) {
        let mut seen = HashSet::new();
        let mut last: Vec<bool> = self.many.iter().rev().map(|it| seen.insert(it.name.clone())).collect();
        self.many.retain(|_| last.pop().unwrap_or(true));
    }

    #[cold]
    #[inline(never)]
    fn set_slowly(&mut self, attribute: Attribute<'a>) {
        // The context itself is one level.
        match attribute.value.check(limits::VALUE_DEPTH - 1) {
            Err(Unfit::TooDeep) => self.fault = Some(ContextError::TooDeep),
            Err(Unfit::NotFinite) => self.fault = Some(ContextError::NotFinite),
            Ok(()) if attribute.name == TARGETING_KEY => self.targeting_key = Some(attribute.value),
            Ok(()) if self.many.is_empty() && !self.few.is_full() => self.push(attribute),
            Ok(()) => self.push_to_many(attribute),
        }
    }
}

impl fmt::Debug for EvaluationContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        if let Some(key) = &self.targeting_key {
            map.entry(&TARGETING_KEY, key);
        }
        map.entries(self.iter()).finish()
    }
}

impl<'a> From<&'a str> for EvaluationContext<'a> {
    fn from(targeting_key: &'a str) -> Self {
        Self::new(targeting_key)
    }
}

impl<'a, N: Into<Cow<'a, str>>, V: Into<Value<'a>>> FromIterator<(N, V)> for EvaluationContext<'a> {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(attributes: I) -> Self {
        let mut context = Self::empty();
        context.extend(attributes);
        context
    }
}

impl<'a, N: Into<Cow<'a, str>>, V: Into<Value<'a>>> Extend<(N, V)> for EvaluationContext<'a> {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, attributes: I) {
        for (name, value) in attributes {
            self.set(name, value);
        }
    }
}

/// Reads a JSON object; text is borrowed where the input allows. Faults are errors.
impl<'de: 'a, 'a> serde::Deserialize<'de> for EvaluationContext<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = EvaluationContext<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of attributes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut context = EvaluationContext::empty();
                while let Some(name) = map.next_key_seed(NameSeed)? {
                    context.set(name, map.next_value_seed(ValueSeed { levels: limits::VALUE_DEPTH - 1 })?);
                    if let Some(fault) = context.fault {
                        return Err(A::Error::custom(fault));
                    }
                }
                Ok(context)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_set_counts() {
        let context =
            EvaluationContext::new("u").with("a", 1).with("b", 2).with("a", 3).with("targetingKey", "v");
        assert_eq!(context.get("a"), Some(&Value::Number(3.0)));
        assert_eq!(context.targeting_key(), Some("v"));
        assert_eq!(context.get("targetingKey").unwrap().as_str(), Some("v"));
    }

    #[test]
    fn the_ninth_attribute_moves_all_to_the_heap_in_order() {
        let names: Vec<String> = (0..20).map(|at| format!("attribute-{at}")).collect();
        let mut context = EvaluationContext::empty();
        for (at, name) in names.iter().enumerate() {
            context.set(name.as_str(), at);
        }
        assert_eq!(context.len(), 20);
        assert!(context.iter().map(|(name, _)| name).eq(names.iter().map(String::as_str)));
        context.clear();
        assert!(context.is_empty());
    }

    #[test]
    fn unfit_values_make_the_context_invalid() {
        let mut deep = Value::Null;
        for _ in 0..100 {
            deep = Value::list([deep]);
        }
        let fault =
            |name: &'static str, value: Value<'static>| EvaluationContext::empty().with(name, value).fault();
        assert_eq!(fault("a", deep.clone()), Some(ContextError::TooDeep));
        let Value::List(inner) = deep else { panic!() };
        assert_eq!(fault("a", inner[0].clone()), None);
        assert_eq!(fault("a", f64::NAN.into()), Some(ContextError::NotFinite));
        assert_eq!(fault("a", Value::list([f64::INFINITY])), Some(ContextError::NotFinite));
        let many: EvaluationContext = (0..10_001).map(|at| (format!("a{at}"), at)).collect();
        assert_eq!((many.len(), many.fault()), (10_000, Some(ContextError::TooManyAttributes)));
    }

    #[test]
    fn names_set_again_and_again_do_not_pile_up() {
        let mut context = EvaluationContext::new("u").with("plan", "pro");
        for number in 0..100_000 {
            context.set("n", number);
        }
        assert!(context.len() <= 8 && context.fault().is_none(), "{}", context.len());
        assert_eq!(context.get("n"), Some(&Value::Number(99_999.0)));
        assert_eq!(context.get("plan").and_then(Value::as_str), Some("pro"));
        let names: Vec<String> = (0..10_000).map(|number| format!("n{number}")).collect();
        let mut context = EvaluationContext::empty();
        for number in 0..30_000 {
            context.set(names[number % 10_000].as_str(), number);
        }
        assert_eq!((context.len(), context.fault()), (10_000, None));
        assert_eq!(context.get("n7"), Some(&Value::Number(20_007.0)));
        assert_eq!(context.set("one-more", 1).fault(), Some(ContextError::TooManyAttributes));
    }

    #[test]
    fn json_and_serde_give_the_same_context() {
        let json = serde_json::json!({"targetingKey": "u", "n": 1, "o": {"p": [true, null]}});
        let text = json.to_string();
        let parsed: EvaluationContext = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{:?}", EvaluationContext::from_json(&json).unwrap()));
        assert!(serde_json::from_str::<EvaluationContext>("[]").is_err());
        assert_eq!(
            EvaluationContext::from_json(&serde_json::json!(5)).unwrap_err(),
            ContextError::NotAStructure
        );
    }
}
