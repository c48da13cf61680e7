//! Values made of what a caller has: texts, numbers, lists, options, `serde_json` values.

use std::borrow::Cow;

use super::tree::{List, Value};
use super::unfit::TooDeep;

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

impl<'a> Value<'a> {
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
                let items: Result<List<'_>, _> =
                    items.iter().map(|item| Value::from_json(item, inner)).collect();
                Value::List(items?)
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
}
