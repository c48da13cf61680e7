//! Values as JSON text, as the reference writes them: its number text, its escapes, names sorted by bytes.

use flagcore::detail::Metadata;
use flagcore::text::write_json_string;
use flagcore::{Value, number};

/// Writes a value. A number that is not finite, which no flag file can hold, becomes null.
pub fn write_value(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(value) => write_number(out, *value),
        Value::String(text) => write_string(out, text),
        Value::List(items) => {
            out.push('[');
            let mut first = true;
            for item in items.iter() {
                separate(out, &mut first);
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Structure(members) => write_members(out, members.iter()),
    }
}

/// Writes a text in quotes; `<`, `>`, `&`, U+2028 and U+2029 are escaped.
pub fn write_string(out: &mut String, text: &str) {
    // Writing to a text cannot fail.
    let _ = write_json_string(out, text);
}

/// Takes the escapes out of JSON text that protobuf's JSON does without: of `<`, `>`, `&`, U+2028 and U+2029.
pub fn without_spare_escapes(text: String) -> String {
    if !text.contains("\\u") {
        return text;
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), &*text);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let spare = SPARE.iter().find_map(|(spare, plain)| Some((escape.strip_prefix(spare)?, *plain)));
        rest = match spare {
            Some((after, plain)) => {
                out.push(plain);
                after
            }
            None => {
                // A backslash and what it escapes, which may be another backslash.
                let (kept, after) = escape.split_at_checked(2).unwrap_or((escape, ""));
                out.push_str(kept);
                after
            }
        };
    }
    out.push_str(rest);
    out
}

const SPARE: [(&str, char); 5] =
    [("\\u003c", '<'), ("\\u003e", '>'), ("\\u0026", '&'), ("\\u2028", '\u{2028}'), ("\\u2029", '\u{2029}')];

/// Writes what is known about a flag, as an object.
pub fn write_metadata(out: &mut String, metadata: Metadata<'_>) {
    // What a selector adds comes first there, all else is sorted: it has to find its place.
    let mut members = metadata.iter();
    let Some(mut held) = members.next() else {
        out.push_str("{}");
        return;
    };
    let mut first = true;
    out.push('{');
    for next in members {
        let (sooner, later) = if next.0 < held.0 { (next, held) } else { (held, next) };
        write_member(out, &mut first, sooner);
        held = later;
    }
    write_member(out, &mut first, held);
    out.push('}');
}

fn write_members<'v>(out: &mut String, members: impl Iterator<Item = (&'v str, &'v Value<'v>)>) {
    let mut first = true;
    out.push('{');
    for member in members {
        write_member(out, &mut first, member);
    }
    out.push('}');
}

fn write_member(out: &mut String, first: &mut bool, (name, value): (&str, &Value<'_>)) {
    separate(out, first);
    write_string(out, name);
    out.push(':');
    write_value(out, value);
}

fn separate(out: &mut String, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(',');
    }
}

fn write_number(out: &mut String, value: f64) {
    if value.is_finite() {
        let _ = number::write_json(out, value);
    } else {
        out.push_str("null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_reference_writes_them() {
        for (value, text) in [
            (Value::Null, "null"),
            (Value::from(true), "true"),
            (Value::from(1), "1"),
            (Value::from(-0.0), "-0"),
            (Value::from(1e21), "1e+21"),
            (Value::from(1e-7), "1e-7"),
            (Value::from("<a href=\"x\">&\u{2028}"), r#""\u003ca href=\"x\"\u003e\u0026\u2028""#),
            (Value::list([0; 0]), "[]"),
            (Value::structure([("b", Value::list([1, 2])), ("a", Value::Null)]), r#"{"a":null,"b":[1,2]}"#),
        ] {
            let mut out = String::new();
            write_value(&mut out, &value);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn spare_escapes_are_taken_out_and_others_stay() {
        for (value, text) in [
            ("<b>&\u{2028}\u{2029}", "\"<b>&\u{2028}\u{2029}\""),
            ("\\u003c", r#""\\u003c""#),
            ("\\<", r#""\\<""#),
            ("\u{1}<\"", r#""\u0001<\"""#),
            ("plain", r#""plain""#),
            ("\\", r#""\\""#),
        ] {
            let mut out = String::new();
            write_string(&mut out, value);
            assert_eq!(without_spare_escapes(out), text);
        }
    }
}
