//! `Value`: what a variant holds and what an attribute carries.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::number;
use crate::text::write_json_string;

/// A JSON value with borrowed or owned text.
///
/// Numbers are `f64`, as in the reference: an integer past 2^53 is rounded. 24 bytes.
///
/// # Examples
///
/// ```
/// use flagcore::Value;
///
/// let roles = Value::from(vec!["admin", "editor"]);
/// assert_eq!(roles.to_string(), r#"["admin","editor"]"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// Nothing; to a rule the same as a missing attribute.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    String(Cow<'a, str>),
    /// Values in order.
    List(List<'a>),
    /// Named values.
    Structure(Structure<'a>),
}

impl<'a> Value<'a> {
    /// A list of values.
    pub fn list(items: impl IntoIterator<Item = impl Into<Value<'a>>>) -> Self {
        Value::List(List(items.into_iter().map(Into::into).collect()))
    }

    /// A structure of named values; of one name given twice the last value stays.
    pub fn structure(
        members: impl IntoIterator<Item = (impl Into<Cow<'a, str>>, impl Into<Value<'a>>)>,
    ) -> Self {
        Value::Structure(members.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self { Some(*value) } else { None }
    }

    /// The number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        if let Value::Number(value) = self { Some(*value) } else { None }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(value) = self { Some(value) } else { None }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        if let Value::List(value) = self { Some(value) } else { None }
    }

    /// The structure, if it is one.
    pub fn as_structure(&self) -> Option<&Structure<'a>> {
        if let Value::Structure(value) = self { Some(value) } else { None }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The same value with text of its own.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Number(value) => Value::Number(value),
            Value::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Value::List(mut list) => {
                Value::List(List(std::mem::take(&mut list.0).into_iter().map(Value::into_owned).collect()))
            }
            Value::Structure(mut structure) => {
                let members = std::mem::take(&mut structure.0).into_iter();
                let owned = members.map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned()));
                Value::Structure(Structure(owned.collect()))
            }
        }
    }

    /// A value that borrows its text from a `serde_json` value; lists and structures are copied.
    ///
    /// # Errors
    ///
    /// [`TooDeep`] when lists and structures are nested more than `limit` levels; nothing deep is walked.
    pub fn from_json(json: &'a serde_json::Value, limit: usize) -> Result<Self, TooDeep> {
        let inner = || limit.checked_sub(1).ok_or(TooDeep);
        Ok(match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Value::String(Cow::Borrowed(text)),
            serde_json::Value::Array(items) => {
                let inner = inner()?;
                let items: Result<_, _> = items.iter().map(|item| Value::from_json(item, inner)).collect();
                Value::List(List(items?))
            }
            serde_json::Value::Object(members) => {
                let inner = inner()?;
                let members: Result<Vec<_>, _> = members
                    .iter()
                    .map(|(name, item)| Ok((Cow::Borrowed(name.as_str()), Value::from_json(item, inner)?)))
                    .collect();
                Value::Structure(members?.into_iter().collect())
            }
        })
    }

    /// Whether lists and structures are nested at most `limit` levels and all numbers are finite. Stops at the
    /// limit, so it is safe on any depth.
    pub(crate) fn check(&self, limit: usize) -> Result<(), Unfit> {
        match (self, limit.checked_sub(1)) {
            (Value::Number(number), _) if !number.is_finite() => Err(Unfit::NotFinite),
            (Value::List(_) | Value::Structure(_), None) => Err(Unfit::TooDeep),
            (Value::List(list), Some(inner)) => list.iter().try_for_each(|item| item.check(inner)),
            (Value::Structure(members), Some(inner)) => {
                members.iter().try_for_each(|(_, item)| item.check(inner))
            }
            _ => Ok(()),
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self, Value::List(_) | Value::Structure(_))
    }

    /// Takes the contents of a list or structure out, leaving it empty.
    fn hollow(&mut self, into: &mut Vec<Value<'a>>) {
        match self {
            Value::List(list) => into.extend(std::mem::take(&mut list.0)),
            Value::Structure(structure) => {
                into.extend(std::mem::take(&mut structure.0).into_iter().map(|(_, value)| value));
            }
            _ => {}
        }
    }
}

/// Why a value cannot be part of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    TooDeep,
    NotFinite,
}

/// A value nested deeper than the limit it was read under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is nested too deeply")
    }
}

impl std::error::Error for TooDeep {}

/// JSON text as the reference writes it; a number that is not finite, which JSON lacks, by its name.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) if value.is_finite() => number::write_json(f, *value),
            Value::Number(value) => number::write_plain(f, *value),
            Value::String(value) => write_json_string(f, value),
            Value::List(list) => {
                f.write_char('[')?;
                for (at, item) in list.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { "," })?;
                }
                f.write_char(']')
            }
            Value::Structure(structure) => fmt::Display::fmt(structure, f),
        }
    }
}

/// Values in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List<'a>(Box<[Value<'a>]>);

impl<'a> std::ops::Deref for List<'a> {
    type Target = [Value<'a>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a> FromIterator<Value<'a>> for List<'a> {
    fn from_iter<I: IntoIterator<Item = Value<'a>>>(items: I) -> Self {
        List(items.into_iter().collect())
    }
}

// A caller may build a value of any depth by hand; dropping it must not overflow the stack.
impl Drop for List<'_> {
    fn drop(&mut self) {
        if self.0.iter().any(Value::is_nested) {
            drop_flat(std::mem::take(&mut self.0).into_vec());
        }
    }
}

/// Named values, sorted by the bytes of their names, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Structure<'a>(Box<[(Cow<'a, str>, Value<'a>)]>);

impl<'a> Structure<'a> {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        let at = self.0.binary_search_by(|(key, _)| key.as_ref().cmp(name)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Names and values in the order of the names' bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a, N: Into<Cow<'a, str>>> FromIterator<(N, Value<'a>)> for Structure<'a> {
    fn from_iter<I: IntoIterator<Item = (N, Value<'a>)>>(members: I) -> Self {
        let mut members: Vec<(Cow<'a, str>, Value<'a>)> =
            members.into_iter().map(|(name, value)| (name.into(), value)).collect();
        // A stable sort, so that of equal names the last one given stays last, and wins.
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut unique: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(members.len());
        for member in members {
            match unique.last_mut() {
                Some(last) if last.0 == member.0 => *last = member,
                _ => unique.push(member),
            }
        }
        Structure(unique.into_boxed_slice())
    }
}

impl fmt::Display for Structure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        for (at, (name, value)) in self.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "," })?;
            write_json_string(f, name)?;
            write!(f, ":{value}")?;
        }
        f.write_char('}')
    }
}

impl Drop for Structure<'_> {
    fn drop(&mut self) {
        if self.0.iter().any(|(_, value)| value.is_nested()) {
            drop_flat(std::mem::take(&mut self.0).into_iter().map(|(_, value)| value).collect());
        }
    }
}

/// Drops values of any depth with a list of its own in place of the stack.
fn drop_flat(mut pending: Vec<Value<'_>>) {
    while let Some(mut value) = pending.pop() {
        value.hollow(&mut pending);
    }
}

impl<'a> From<&'a str> for Value<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Value::String(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    #[inline]
    fn from(text: &'a String) -> Self {
        Value::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    #[inline]
    fn from(text: String) -> Self {
        Value::String(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    #[inline]
    fn from(text: Cow<'a, str>) -> Self {
        Value::String(text)
    }
}

impl From<bool> for Value<'_> {
    #[inline]
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Value<'_> {
            #[inline]
            fn from(value: $number) -> Self {
                // Wide integers round to the nearest `f64`, as the reference's do.
                Value::Number(value as f64)
            }
        }
    )*};
}
numbers!(f64, f32, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl<'a, T: Into<Value<'a>>> From<Vec<T>> for Value<'a> {
    fn from(items: Vec<T>) -> Self {
        Value::list(items)
    }
}

impl<'a, T: Into<Value<'a>>, const N: usize> From<[T; N]> for Value<'a> {
    fn from(items: [T; N]) -> Self {
        Value::list(items)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    #[inline]
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Whole numbers that `f64` holds exactly are written as integers, the rest as floats.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(value) => {
                let whole = value.fract() == 0.0
                    && value.abs() <= EXACT
                    && !(*value == 0.0 && value.is_sign_negative());
                if whole { serializer.serialize_i64(*value as i64) } else { serializer.serialize_f64(*value) }
            }
            Value::String(value) => serializer.serialize_str(value),
            Value::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                list.iter().try_for_each(|item| seq.serialize_element(item))?;
                seq.end()
            }
            Value::Structure(structure) => structure.serialize(serializer),
        }
    }
}

impl Serialize for Structure<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        self.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

/// Borrows text where the input allows; refuses more than 100 levels of nesting.
impl<'de: 'a, 'a> serde::Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ValueSeed { levels: crate::limits::VALUE_DEPTH }.deserialize(deserializer)
    }
}

/// Reads one value of at most `levels` levels of lists and structures.
#[derive(Clone, Copy)]
pub(crate) struct ValueSeed {
    pub(crate) levels: usize,
}

impl ValueSeed {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1);
        levels.map(|levels| Self { levels }).ok_or_else(|| E::custom(TooDeep))
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::from(value.to_owned()))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let inner = self.inner::<A::Error>()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::List(List(items.into_boxed_slice())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let inner = self.inner::<A::Error>()?;
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            members.push((name, map.next_value_seed(inner)?));
        }
        Ok(Value::Structure(members.into_iter().collect()))
    }
}

/// Reads a name, borrowed where the input allows.
pub(crate) struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_three_words() {
        assert_eq!(size_of::<Value<'_>>(), 24);
    }

    #[test]
    fn structures_sort_their_names_and_keep_the_last_value() {
        let value = Value::structure([("b", 1), ("a", 2), ("b", 3)]);
        assert_eq!(value.to_string(), r#"{"a":2,"b":3}"#);
        assert_eq!(value.as_structure().unwrap().get("b"), Some(&Value::Number(3.0)));
    }

    #[test]
    fn a_value_of_any_depth_can_be_dropped() {
        let mut value = Value::Null;
        for level in 0..200_000 {
            value = if level % 2 == 0 { Value::list([value]) } else { Value::structure([("k", value)]) };
        }
        assert_eq!(value.check(100), Err(Unfit::TooDeep));
    }

    #[test]
    fn serde_borrows_and_limits_depth() {
        let value: Value = serde_json::from_str(r#"{"a":[1,1.5,"x",null,true]}"#).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"a":[1,1.5,"x",null,true]}"#);
        let Value::Structure(structure) = &value else { panic!("{value:?}") };
        assert!(matches!(
            structure.get("a").unwrap().as_list().unwrap()[2],
            Value::String(Cow::Borrowed("x"))
        ));

        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(serde_json::from_str::<Value>(&nested(100)).is_ok());
        assert!(serde_json::from_str::<Value>(&nested(101)).is_err());
    }
}
