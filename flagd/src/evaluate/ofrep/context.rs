//! A body as an evaluation context.
//!
//! Taken as the reference takes it: no body, `null`, and a context that is no object are empty contexts; what
//! follows the body's object counts for nothing, nor does the case of the word `context`; half a surrogate pair
//! and bytes that are not UTF-8 are U+FFFD.

use std::fmt;
use std::marker::PhantomData;

use flagcore::{EvaluationContext, Value};
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// A body that gives no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

/// The context of a body, text borrowed.
pub(super) fn read(body: &[u8]) -> Result<EvaluationContext<'_>, Invalid> {
    parse(body).or_else(|Invalid| {
        let mended = mended(body).ok_or(Invalid)?;
        Ok(parse(mended.as_bytes())?.into_owned())
    })
}

fn parse(body: &[u8]) -> Result<EvaluationContext<'_>, Invalid> {
    if body.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
        return Ok(EvaluationContext::empty());
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    json.deserialize_any(Request).map_err(|_| Invalid)
}

/// The whole body: an object with a `context`, or null.
struct Request;

impl<'de> Visitor<'de> for Request {
    type Value = EvaluationContext<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a context")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(EvaluationContext::empty())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut context = EvaluationContext::empty();
        while let Some(is_context) = members.next_key_seed(IsContext)? {
            if is_context {
                context = members.next_value_seed(Given(PhantomData))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(context)
    }
}

/// Whether a name is that of the context.
struct IsContext;

impl<'de> DeserializeSeed<'de> for IsContext {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for IsContext {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name.eq_ignore_ascii_case("context"))
    }
}

/// A context that was given; anything but an object is an empty one.
struct Given<'a>(PhantomData<&'a ()>);

impl<'de> DeserializeSeed<'de> for Given<'de> {
    type Value = EvaluationContext<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Given<'de> {
    type Value = EvaluationContext<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a context")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        EvaluationContext::deserialize(MapAccessDeserializer::new(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<Value<'de>>()?.is_some() {}
        Ok(EvaluationContext::empty())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(EvaluationContext::empty())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(EvaluationContext::empty())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(EvaluationContext::empty())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(EvaluationContext::empty())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(EvaluationContext::empty())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(EvaluationContext::empty())
    }
}

/// The same body with U+FFFD for each byte that is not UTF-8 and for each half of a surrogate pair; nothing where
/// there is none of either. Slow, and only for bodies that were refused.
fn mended(body: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(body.len() + 16);
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    let mut mended = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let (kept, length) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (escape.get(..12), 12),
            (Some(0xd800..=0xdfff), _) => (None, 6),
            _ => {
                let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
                (escape.get(..length), length)
            }
        };
        mended.push_str(kept.unwrap_or("\u{fffd}"));
        rest = escape.get(length..).unwrap_or("");
    }
    mended.push_str(rest);
    (mended.as_bytes() != body).then_some(mended)
}

/// The number of a `\u` escape at the start of a text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if digits.starts_with('+') {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(body: &[u8]) -> String {
        read(body).map_or_else(|Invalid| "invalid".to_owned(), |context| format!("{context:?}"))
    }

    #[test]
    fn bodies_read_as_the_reference_reads_them() {
        let one = r#"{"a": Number(1.0)}"#;
        for (body, wanted) in [
            ("", "{}"),
            (" \r\n", "{}"),
            ("null", "{}"),
            ("{}", "{}"),
            (r#"{"context":{"a":1}}"#, one),
            (r#"{"CONTEXT":{"a":1},"x":[[[]]]}"#, one),
            (r#"{"context":{"a":1}} junk"#, one),
            (r#"{"context":{"a":2},"context":{"a":1}}"#, one),
            (r#"{"context":{"a":1},"context":null}"#, "{}"),
            (r#"{"context":[1,{"a":1}]}"#, "{}"),
            (r#"{"context":"a"}"#, "{}"),
            (r#"{"context":true}"#, "{}"),
            (r#"{"context":-1}"#, "{}"),
            (r#"{"context":1.5}"#, "{}"),
            ("[]", "invalid"),
            ("5", "invalid"),
            ("\"a\"", "invalid"),
            ("true", "invalid"),
            ("{", "invalid"),
            ("nul", "invalid"),
            (r#"{"context":{"a":1e400}}"#, "invalid"),
            (r#"{"context":{"a":1,}}"#, "invalid"),
            (r#"{"context":{"a":1}"#, "invalid"),
        ] {
            assert_eq!(context(body.as_bytes()), wanted, "{body}");
        }
    }

    #[test]
    fn broken_text_is_mended() {
        for (body, wanted) in [
            (&br#"{"context":{"a":"\ud83d"}}"#[..], "\u{fffd}"),
            (br#"{"context":{"a":"\ude00\ud83d\ude00\ud83dx"}}"#, "\u{fffd}\u{1f600}\u{fffd}x"),
            (br#"{"context":{"a":"\\ud83d\ud83d\u0041"}}"#, "\\ud83d\u{fffd}A"),
            (b"{\"context\":{\"a\":\"\xe2\x82c\xff\"}}", "\u{fffd}\u{fffd}c\u{fffd}"),
        ] {
            let context = read(body).unwrap();
            assert_eq!(context.get("a").unwrap().as_str(), Some(wanted));
        }
        assert_eq!(context(b"{\"context\":{\"a\":\"\\ud83d\"}"), "invalid");
        assert_eq!(context(b"\xff"), "invalid");
    }

    #[test]
    fn depth_and_number_of_attributes_have_a_bound() {
        let nested =
            |levels: usize| format!("{{\"context\":{{\"a\":{}{}}}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(nested(99).as_bytes()).is_ok());
        assert!(read(nested(100).as_bytes()).is_err());
        assert!(read(nested(100_000).as_bytes()).is_err());
        let many = |count: usize| {
            let members: Vec<String> = (0..count).map(|at| format!("\"a{at}\":1")).collect();
            format!("{{\"context\":{{{}}}}}", members.join(","))
        };
        assert!(read(many(10_000).as_bytes()).is_ok());
        assert!(read(many(10_001).as_bytes()).is_err());
    }

    #[test]
    fn numbers_are_read_exactly() {
        for number in ["0.1", "8.87", "5e-324", "1.7976931348623157e308", "123456789.12345678", "-0.0"] {
            let body = format!("{{\"context\":{{\"a\":{number}}}}}");
            let found = read(body.as_bytes()).unwrap().get("a").unwrap().as_f64().unwrap();
            assert_eq!(found.to_bits(), number.parse::<f64>().unwrap().to_bits(), "{number}");
        }
    }
}
