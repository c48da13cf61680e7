//! A value as the JSON text that the reference writes.

use std::fmt::{self, Write};

use crate::number;
use crate::text::write_json_string;

use super::tree::{Structure, Value};

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
