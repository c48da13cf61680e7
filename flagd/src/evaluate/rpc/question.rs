//! What a request asks: a flag key and a context, read where they lie.

use std::borrow::Cow;
use std::fmt;

use flagcore::EvaluationContext;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use tonic::Code;

use super::protocol::{Encoding, Method};
use crate::wire::Failure;
use crate::wire::structs::{Field, Fields, Malformed, read_context, text};

/// What a request asks; text borrowed from its message.
#[derive(Debug, Default)]
pub(super) struct Question<'a> {
    /// Empty where all flags are asked for.
    pub(super) key: Cow<'a, str>,
    pub(super) context: EvaluationContext<'a>,
}

impl<'a> Question<'a> {
    pub(super) fn read(message: &'a [u8], encoding: Encoding, method: Method) -> Result<Self, Failure> {
        match encoding {
            Encoding::Json => Self::of_json(message)
                .map_err(|error| Failure::new(Code::InvalidArgument, format!("unmarshal message: {error}"))),
            Encoding::Proto => Self::of_proto(message, method).map_err(|Malformed| {
                Failure::new(Code::InvalidArgument, "unmarshal message: the request is malformed")
            }),
        }
    }

    fn of_json(message: &'a [u8]) -> serde_json::Result<Self> {
        // PERF: one check of the whole lets the reader skip the check of each text in it.
        match std::str::from_utf8(message) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(message),
        }
    }

    fn of_proto(message: &'a [u8], method: Method) -> Result<Self, Malformed> {
        let mut question = Self::default();
        let mut fields = Fields::of(message);
        let (key, context) = if method == Method::All { (0, 1) } else { (1, 2) };
        while let Some((number, field)) = fields.next_field()? {
            match field {
                Field::Bytes(bytes) if number == key => question.key = Cow::Borrowed(text(bytes)?),
                Field::Bytes(bytes) if number == context => read_context(bytes, &mut question.context)?,
                _ => {}
            }
        }
        Ok(question)
    }
}

/// Names as protobuf's JSON has them, or as the protocol file has them; others are nothing to us.
impl<'de: 'a, 'a> Deserialize<'de> for Question<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Question<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Question<'de>, A::Error> {
                let mut question = Question::default();
                while let Some(Text(name)) = map.next_key()? {
                    match &*name {
                        "flagKey" | "flag_key" => {
                            question.key = map.next_value::<Option<Text<'de>>>()?.unwrap_or_default().0;
                        }
                        "context" => question.context = map.next_value::<Option<_>>()?.unwrap_or_default(),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(question)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A text, borrowed where it has no escapes.
#[derive(Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Letters;

        impl<'de> Visitor<'de> for Letters {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Letters)
    }
}
