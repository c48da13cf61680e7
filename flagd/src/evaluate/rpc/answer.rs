//! What is answered: value, reason, variant and metadata, as protobuf or as JSON.
//!
//! The three generations have the same fields with the same numbers. They differ in what is there: the newest leaves
//! out a value that there is not, the others write a zero.

use std::fmt::Write;
use std::sync::LazyLock;

use flagcore::Reason;
use flagcore::detail::{FlagType, Metadata};
use flagcore::number;
use flagcore::text::write_json_string;
use flagcore::value::{Structure, Value};

use crate::wire::structs;

/// What is answered about one flag.
pub(super) struct Answer<'a, T: Kind + ?Sized> {
    pub(super) value: Option<T::Ref<'a>>,
    pub(super) reason: Reason,
    pub(super) variant: Option<&'a str>,
    pub(super) metadata: Metadata<'a>,
}

impl<T: Kind + ?Sized> Answer<'_, T> {
    pub(super) fn write_proto(&self, out: &mut Vec<u8>) {
        if let Some(value) = self.value {
            T::write_proto(value, 1, out);
        }
        structs::write_text(2, self.reason.as_str(), out);
        if let Some(variant) = self.variant {
            structs::write_text(3, variant, out);
        }
        structs::write_struct(4, self.metadata.iter(), out);
    }

    // Writing to a text cannot fail.
    pub(super) fn write_json(&self, out: &mut String) {
        out.push('{');
        if let Some(value) = self.value {
            out.push_str("\"value\":");
            T::write_json(value, out);
            out.push(',');
        }
        let _ = write!(out, "\"reason\":\"{}\"", self.reason);
        if let Some(variant) = self.variant {
            out.push_str(",\"variant\":");
            let _ = write_json_string(out, variant);
        }
        out.push_str(",\"metadata\":");
        write_json_struct(self.metadata.iter(), out);
        out.push('}');
    }
}

/// Writes named values as a JSON object.
pub(super) fn write_json_struct<'v>(
    members: impl IntoIterator<Item = (&'v str, &'v Value<'static>)>,
    out: &mut String,
) {
    out.push('{');
    for (at, (name, value)) in members.into_iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        let _ = write_json_string(out, name);
        let _ = write!(out, ":{value}");
    }
    out.push('}');
}

/// A type that a flag is asked for as, and how its values are written.
pub(super) trait Kind: FlagType {
    fn zero() -> Self::Ref<'static>;
    fn write_proto(value: Self::Ref<'_>, field: u32, out: &mut Vec<u8>);
    fn write_json(value: Self::Ref<'_>, out: &mut String);
}

impl Kind for bool {
    fn zero() -> bool {
        false
    }

    fn write_proto(value: bool, field: u32, out: &mut Vec<u8>) {
        structs::write_varint(field, u64::from(value), out);
    }

    fn write_json(value: bool, out: &mut String) {
        out.push_str(if value { "true" } else { "false" });
    }
}

impl Kind for i64 {
    fn zero() -> i64 {
        0
    }

    fn write_proto(value: i64, field: u32, out: &mut Vec<u8>) {
        // Negative numbers are written as their two's complement.
        structs::write_varint(field, value as u64, out);
    }

    // As a text: JavaScript has no numbers of 64 bits.
    fn write_json(value: i64, out: &mut String) {
        let _ = write!(out, "\"{value}\"");
    }
}

impl Kind for f64 {
    fn zero() -> f64 {
        0.0
    }

    fn write_proto(value: f64, field: u32, out: &mut Vec<u8>) {
        structs::write_double(field, value, out);
    }

    fn write_json(value: f64, out: &mut String) {
        let _ = number::write_json(out, value);
    }
}

impl Kind for str {
    fn zero() -> &'static str {
        ""
    }

    fn write_proto(value: &str, field: u32, out: &mut Vec<u8>) {
        structs::write_text(field, value, out);
    }

    fn write_json(value: &str, out: &mut String) {
        let _ = write_json_string(out, value);
    }
}

impl Kind for Structure<'static> {
    fn zero() -> &'static Structure<'static> {
        static EMPTY: LazyLock<Structure<'static>> = LazyLock::new(Structure::default);
        &EMPTY
    }

    fn write_proto(value: &Structure<'static>, field: u32, out: &mut Vec<u8>) {
        structs::write_struct(field, value.iter(), out);
    }

    fn write_json(value: &Structure<'static>, out: &mut String) {
        let _ = write!(out, "{value}");
    }
}
