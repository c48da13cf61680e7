//! Values out, to any format that serde knows.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::tree::{Structure, Value};

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
