//! `EvaluationContext`: what is known at the call, built once and borrowed by every evaluation.

use std::borrow::Cow;
use std::fmt;

use arrayvec::ArrayVec;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

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
    targeting_key: Option<Value<'a>>,
    few: ArrayVec<Attribute<'a>, INLINE>,
    /// All attributes, once there are more than fit inline.
    many: Vec<Attribute<'a>>,
    fault: Option<ContextError>,
}

const INLINE: usize = 8;

/// The name of the attribute that is the targeting key.
pub const TARGETING_KEY: &str = "targetingKey";

/// A named part of what is known about the subject.
#[derive(Clone, Debug)]
pub(crate) struct Attribute<'a> {
    /// The beginning of the name, so that most comparisons need not look at the text.
    head: u64,
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Value<'a>,
}

impl<'a> Attribute<'a> {
    #[inline(always)]
    fn new(name: Cow<'a, str>, value: Value<'a>) -> Self {
        Self { head: head(name.as_bytes()), name, value }
    }
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
        Self { targeting_key: None, few: ArrayVec::new_const(), many: Vec::new(), fault: None }
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

    /// Sets an attribute; of one name set twice the last value counts.
    ///
    /// The name `targetingKey` sets the targeting key. A value that cannot be part of a context (nested more
    /// than 100 levels, a number that is not finite) or an attribute past the 10,000th is left out, and every
    /// evaluation that looks at the context answers `INVALID_CONTEXT`; see [`fault`](Self::fault).
    #[inline]
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> &mut Self {
        let attribute = Attribute::new(name.into(), value.into());
        let plain = match &attribute.value {
            Value::Number(number) => number.is_finite(),
            Value::List(_) | Value::Structure(_) => false,
            _ => true,
        };
        let special = attribute.name.len() == TARGETING_KEY.len() && attribute.name == TARGETING_KEY;
        if plain && !special && !self.few.is_full() && self.many.is_empty() {
            self.few.push(attribute);
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
        let attributes = self.attributes().iter().rev();
        attributes.map(|it| (&it.name, &it.value)).find(|(known, _)| *known == name).map(|(_, value)| value)
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
            Attribute::new(Cow::Owned(attribute.name.into_owned()), attribute.value.into_owned())
        };
        EvaluationContext {
            targeting_key: self.targeting_key.map(Value::into_owned),
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

    #[cold]
    #[inline(never)]
    fn set_slowly(&mut self, attribute: Attribute<'a>) {
        // The context itself is one level.
        match attribute.value.check(limits::VALUE_DEPTH - 1) {
            Err(Unfit::TooDeep) => self.fault = Some(ContextError::TooDeep),
            Err(Unfit::NotFinite) => self.fault = Some(ContextError::NotFinite),
            Ok(()) if attribute.name == TARGETING_KEY => self.targeting_key = Some(attribute.value),
            Ok(()) if self.attributes().len() >= limits::ATTRIBUTES => {
                self.fault = Some(ContextError::TooManyAttributes);
            }
            Ok(()) if self.many.is_empty() && !self.few.is_full() => self.few.push(attribute),
            Ok(()) => {
                self.many.extend(self.few.drain(..));
                self.many.push(attribute);
            }
        }
    }
}

/// A text that others are compared with, over and over: the name of an attribute, a constant of a rule.
// PERF: texts differ in length or in their first bytes; comparing those from registers saves looking at most
// of them (benchmark `eval`, rows with two conditions).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    head: u64,
    text: Box<str>,
}

impl Needle {
    /// A needle of this text.
    pub fn new(text: &str) -> Self {
        Self { head: head(text.as_bytes()), text: text.into() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a text is this one.
    #[inline(always)]
    pub fn is(&self, text: &str) -> bool {
        self.is_headed(head(text.as_bytes()), text)
    }

    /// Whether a text whose head is known is this one.
    #[inline(always)]
    pub(crate) fn is_headed(&self, head: u64, text: &str) -> bool {
        head == self.head && text.len() == self.text.len() && (text.len() <= 8 || same_rest(text, &self.text))
    }

    /// The last attribute of this name.
    #[inline(always)]
    pub(crate) fn find<'c, 'a>(&self, attributes: &'c [Attribute<'a>]) -> Option<&'c Value<'a>> {
        let is = |attribute: &&Attribute<'_>| self.is_headed(attribute.head, &attribute.name);
        attributes.iter().rev().find(is).map(|attribute| &attribute.value)
    }
}

/// Whether two texts of one length over eight, with equal heads, are equal.
#[inline(always)]
fn same_rest(a: &str, b: &str) -> bool {
    match (a.as_bytes().last_chunk::<8>(), b.as_bytes().last_chunk::<8>()) {
        (Some(x), Some(y)) if a.len() <= 16 => x == y,
        _ => a == b,
    }
}

/// Up to eight bytes from the start of a text as a number; texts of one length up to eight differ in it.
#[inline(always)]
pub(crate) fn head(bytes: &[u8]) -> u64 {
    if let Some(head) = bytes.first_chunk::<8>() {
        return u64::from_ne_bytes(*head);
    }
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_ne_bytes(*first)) | u64::from(u32::from_ne_bytes(*last)) << 32
        }
        _ => bytes.iter().fold(0, |head, byte| head << 8 | u64::from(*byte)),
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

/// Why something cannot be an evaluation context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextError {
    /// An attribute is nested more than 100 levels.
    TooDeep,
    /// A number is infinite or not a number.
    NotFinite,
    /// There are more than 10,000 attributes.
    TooManyAttributes,
    /// Not an object.
    NotAStructure,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContextError::TooDeep => {
                write!(f, "an attribute of the context is nested more than {} levels", limits::VALUE_DEPTH)
            }
            ContextError::NotFinite => f.write_str("a number in the context is infinite or not a number"),
            ContextError::TooManyAttributes => {
                write!(f, "the context has more than {} attributes", limits::ATTRIBUTES)
            }
            ContextError::NotAStructure => f.write_str("the context is not an object of attributes"),
        }
    }
}

impl std::error::Error for ContextError {}

/// What an evaluation takes: a context, or a text that is just a targeting key.
///
/// Made by itself from `&EvaluationContext`, `&str` and `&String`.
#[derive(Clone, Copy, Debug)]
pub struct ContextRef<'c> {
    pub(crate) key: KeyRef<'c>,
    pub(crate) attributes: &'c [Attribute<'c>],
    pub(crate) fault: Option<ContextError>,
}

/// The targeting key as it was given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyRef<'c> {
    Missing,
    Text(&'c str),
    Other(&'c Value<'c>),
}

impl<'c> From<&'c EvaluationContext<'_>> for ContextRef<'c> {
    #[inline]
    fn from(context: &'c EvaluationContext<'_>) -> Self {
        let key = match &context.targeting_key {
            None => KeyRef::Missing,
            Some(Value::String(text)) => KeyRef::Text(text),
            Some(other) => KeyRef::Other(other),
        };
        ContextRef { key, attributes: context.attributes(), fault: context.fault }
    }
}

impl<'c> From<&'c str> for ContextRef<'c> {
    #[inline]
    fn from(targeting_key: &'c str) -> Self {
        ContextRef { key: KeyRef::Text(targeting_key), attributes: &[], fault: None }
    }
}

impl<'c> From<&'c &str> for ContextRef<'c> {
    #[inline]
    fn from(targeting_key: &'c &str) -> Self {
        ContextRef::from(*targeting_key)
    }
}

impl<'c> From<&'c String> for ContextRef<'c> {
    #[inline]
    fn from(targeting_key: &'c String) -> Self {
        ContextRef::from(targeting_key.as_str())
    }
}

/// The request's context between the layers of its client: `under` fills gaps, `over` has the last word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layers<'c> {
    pub(crate) request: ContextRef<'c>,
    pub(crate) under: Option<&'c EvaluationContext<'c>>,
    pub(crate) over: Option<&'c EvaluationContext<'c>>,
}

/// What stands under a name: a value, or the targeting key as bare text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'c> {
    Value(&'c Value<'c>),
    Text(&'c str),
}

impl<'c> Layers<'c> {
    /// The value of an attribute other than the targeting key.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'c Value<'c>> {
        self.named(&Needle::new(name))
    }

    /// The value of an attribute other than the targeting key.
    #[inline(always)]
    pub(crate) fn named(&self, name: &Needle) -> Option<&'c Value<'c>> {
        if self.over.is_some() || self.under.is_some() {
            return self.named_in_layers(name);
        }
        name.find(self.request.attributes)
    }

    #[inline(never)]
    fn named_in_layers(&self, name: &Needle) -> Option<&'c Value<'c>> {
        let over = self.over.and_then(|over| name.find(over.attributes()));
        let request = || name.find(self.request.attributes);
        over.or_else(request).or_else(|| self.under.and_then(|under| name.find(under.attributes())))
    }

    /// The targeting key, if it is a text.
    #[inline(always)]
    pub(crate) fn subject(&self) -> Option<&'c str> {
        match (self.over, self.request.key) {
            (None, KeyRef::Text(text)) => Some(text),
            _ => match self.targeting_key()? {
                Found::Text(text) => Some(text),
                Found::Value(value) => value.as_str(),
            },
        }
    }

    /// The targeting key.
    pub(crate) fn targeting_key(&self) -> Option<Found<'c>> {
        if let Some(value) = self.over.and_then(|over| over.targeting_key.as_ref()) {
            return Some(Found::Value(value));
        }
        match self.request.key {
            KeyRef::Text(text) => Some(Found::Text(text)),
            KeyRef::Other(value) => Some(Found::Value(value)),
            KeyRef::Missing => self.under.and_then(|under| under.targeting_key.as_ref()).map(Found::Value),
        }
    }

    /// Why evaluations that look at the context fail, if they do.
    #[inline]
    pub(crate) fn fault(&self) -> Option<ContextError> {
        self.request.fault
    }

    /// Visits everything there is, of equal names the one that counts last; the targeting key comes at the end.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&'c str, Found<'c>)) {
        let of = |context: Option<&'c EvaluationContext<'c>>| {
            context.map_or(&[][..], EvaluationContext::attributes)
        };
        for attribute in of(self.under).iter().chain(self.request.attributes).chain(of(self.over)) {
            visit(&attribute.name, Found::Value(&attribute.value));
        }
        if let Some(key) = self.targeting_key() {
            visit(TARGETING_KEY, key);
        }
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
    fn layers_fill_gaps_and_override() {
        let under = EvaluationContext::new("under").with("a", "under").with("b", "under").with("c", "under");
        let over = EvaluationContext::empty().with("c", "over");
        let request = EvaluationContext::empty().with("b", Value::Null).with("c", "request");
        let layers = Layers { request: (&request).into(), under: Some(&under), over: Some(&over) };
        assert_eq!(layers.attribute("a").unwrap().as_str(), Some("under"));
        assert_eq!(layers.attribute("b"), Some(&Value::Null));
        assert_eq!(layers.attribute("c").unwrap().as_str(), Some("over"));
        assert!(matches!(layers.targeting_key(), Some(Found::Value(key)) if key.as_str() == Some("under")));
        let mut names = Vec::new();
        layers.for_each(|name, _| names.push(name));
        assert_eq!(names, ["a", "b", "c", "b", "c", "c", "targetingKey"]);
    }

    #[test]
    fn short_texts_compare_exactly() {
        let texts =
            ["", "a", "b", "abc", "abd", "abcd", "abce", "abcdefg", "abcdefh", "abcdefgh", "abcdefgi"];
        let long = ["abcdefghijklmnop", "abcdefghijklmnoq", "abcdefghijklmnopqrst", "abcdefghiXklmnopqrst"];
        for a in texts.iter().chain(&long) {
            for b in texts.iter().chain(&long) {
                assert_eq!(Needle::new(a).is(b), a == b, "{a} {b}");
            }
        }
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
