//! The value itself, with its lists and structures; any depth of them is dropped without the stack.

use std::borrow::Cow;

use super::unfit::Unfit;

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
    ///
    /// A value may be built as deep as memory allows, and dropped. Everything else that walks it takes stack for
    /// each level: do not copy, compare or print one of more levels than a context takes, which is 100.
    pub fn list(items: impl IntoIterator<Item = impl Into<Value<'a>>>) -> Self {
        Value::List(List(items.into_iter().map(Into::into).collect()))
    }

    /// A structure of named values; of one name given twice the last value stays.
    ///
    /// As deep as memory allows, with the limits of [`list`](Self::list).
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
}
