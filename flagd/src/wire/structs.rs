//! Values as `google.protobuf.Struct` and back.

use flagcore::Value;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};

/// A value of a request, text borrowed; at most `levels` inside of each other.
///
/// # Errors
///
/// Nothing where it is nested deeper.
pub fn value_of(value: &prost_types::Value, levels: usize) -> Option<Value<'_>> {
    Some(match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::from(*value),
        Some(Kind::NumberValue(value)) => Value::from(*value),
        Some(Kind::StringValue(value)) => Value::from(value.as_str()),
        Some(Kind::ListValue(list)) => {
            let levels = levels.checked_sub(1)?;
            let items: Option<Vec<_>> = list.values.iter().map(|item| value_of(item, levels)).collect();
            Value::list(items?)
        }
        Some(Kind::StructValue(members)) => {
            let levels = levels.checked_sub(1)?;
            let members: Option<Vec<_>> = members
                .fields
                .iter()
                .map(|(name, value)| Some((name.as_str(), value_of(value, levels)?)))
                .collect();
            Value::structure(members?)
        }
    })
}

/// Named values of an answer.
pub fn struct_of<'v>(members: impl IntoIterator<Item = (&'v str, &'v Value<'static>)>) -> Struct {
    Struct { fields: members.into_iter().map(|(name, value)| (name.to_owned(), proto_of(value))).collect() }
}

fn proto_of(value: &Value<'static>) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(value) => Kind::NumberValue(*value),
        Value::String(value) => Kind::StringValue(value.to_string()),
        Value::List(items) => Kind::ListValue(ListValue { values: items.iter().map(proto_of).collect() }),
        Value::Structure(members) => Kind::StructValue(struct_of(members.iter())),
    };
    prost_types::Value { kind: Some(kind) }
}
