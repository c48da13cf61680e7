//! Protobuf without messages in between: contexts are read where they lie, answers are written as they are found.
//!
//! The messages of all generations have one shape, and a request is read once: reading it into generated structs
//! would copy every text of its context first.

use flagcore::{EvaluationContext, Value};
use prost::encoding::{decode_varint, encode_varint};

/// Bytes that are not the message they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What a field of a message holds.
#[derive(Clone, Copy, Debug)]
pub enum Field<'a> {
    /// A whole number or a boolean.
    Varint(u64),
    /// A double.
    Double(f64),
    /// A text or a message.
    Bytes(&'a [u8]),
    /// What no message here has.
    Other,
}

/// The fields of a message, in the order in which they lie.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields of a message's bytes.
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The next field and its number.
    pub fn next_field(&mut self) -> Result<Option<(u64, Field<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?.try_into().map_err(|_| Malformed)?;
                Field::Double(f64::from_le_bytes(bytes))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Field::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Field::Other
            }
            _ => return Err(Malformed),
        };
        if key >> 3 == 0 { Err(Malformed) } else { Ok(Some((key >> 3, field))) }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        decode_varint(&mut self.0).map_err(|_| Malformed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// A field's text.
///
/// # Errors
///
/// Where it is not UTF-8.
pub fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

/// Sets the members of a `Struct` as attributes, text borrowed.
///
/// # Errors
///
/// Where the bytes are no `Struct`, or one deeper than a context can be.
pub fn read_context<'a>(message: &'a [u8], context: &mut EvaluationContext<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next_field()? {
        if let (1, Field::Bytes(entry)) = (number, field) {
            let (name, value) = read_entry(entry, flagcore::limits::VALUE_DEPTH)?;
            context.set(name, value);
        }
    }
    Ok(())
}

fn read_entry(message: &[u8], levels: usize) -> Result<(&str, Value<'_>), Malformed> {
    let (mut name, mut value) = ("", Value::Null);
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        match field {
            (1, Field::Bytes(bytes)) => name = text(bytes)?,
            (2, Field::Bytes(bytes)) => value = read_value(bytes, levels)?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn read_value(message: &[u8], levels: usize) -> Result<Value<'_>, Malformed> {
    let levels = levels.checked_sub(1).ok_or(Malformed)?;
    let mut value = Value::Null;
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        value = match field {
            (1, Field::Varint(_)) => Value::Null,
            (2, Field::Double(number)) => Value::Number(number),
            (3, Field::Bytes(bytes)) => Value::from(text(bytes)?),
            (4, Field::Varint(number)) => Value::Bool(number != 0),
            (5, Field::Bytes(bytes)) => read_structure(bytes, levels)?,
            (6, Field::Bytes(bytes)) => read_list(bytes, levels)?,
            _ => continue,
        };
    }
    Ok(value)
}

fn read_structure(message: &[u8], levels: usize) -> Result<Value<'_>, Malformed> {
    let mut members = Vec::new();
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next_field()? {
        if let (1, Field::Bytes(entry)) = (number, field) {
            members.push(read_entry(entry, levels)?);
        }
    }
    Ok(Value::structure(members))
}

fn read_list(message: &[u8], levels: usize) -> Result<Value<'_>, Malformed> {
    let mut items = Vec::new();
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next_field()? {
        if let (1, Field::Bytes(item)) = (number, field) {
            items.push(read_value(item, levels)?);
        }
    }
    Ok(Value::list(items))
}

/// Writes a text as a field.
pub fn write_text(number: u32, value: &str, out: &mut Vec<u8>) {
    write_key(number, 2, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value.as_bytes());
}

/// Writes a whole number or a boolean as a field.
pub fn write_varint(number: u32, value: u64, out: &mut Vec<u8>) {
    write_key(number, 0, out);
    encode_varint(value, out);
}

/// Writes a double as a field.
pub fn write_double(number: u32, value: f64, out: &mut Vec<u8>) {
    write_key(number, 1, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes a message as a field.
pub fn write_message(number: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    write_key(number, 2, out);
    // The length stands before the message and is known after it. Most are short: one byte is kept for it.
    let at = out.len();
    out.push(0);
    write(out);
    let length = out.len() - at - 1;
    let mut prefix = Vec::new();
    match (u8::try_from(length).ok().filter(|length| *length < 0x80), out.get_mut(at)) {
        (Some(length), Some(place)) => *place = length,
        _ => {
            encode_varint(length as u64, &mut prefix);
            out.splice(at..=at, prefix);
        }
    }
}

/// Writes named values as a `Struct` field.
pub fn write_struct<'v>(
    number: u32,
    members: impl IntoIterator<Item = (&'v str, &'v Value<'static>)>,
    out: &mut Vec<u8>,
) {
    write_message(number, out, |out| {
        for (name, value) in members {
            write_message(1, out, |out| {
                write_text(1, name, out);
                write_message(2, out, |out| write_value(value, out));
            });
        }
    });
}

fn write_value(value: &Value<'static>, out: &mut Vec<u8>) {
    match value {
        Value::Null => write_varint(1, 0, out),
        Value::Number(value) => write_double(2, *value, out),
        Value::String(value) => write_text(3, value, out),
        Value::Bool(value) => write_varint(4, u64::from(*value), out),
        Value::Structure(members) => write_struct(5, members.iter(), out),
        Value::List(items) => write_message(6, out, |out| {
            items.iter().for_each(|item| write_message(1, out, |out| write_value(item, out)));
        }),
    }
}

fn write_key(number: u32, kind: u32, out: &mut Vec<u8>) {
    encode_varint(u64::from(number << 3 | kind), out);
}

#[cfg(test)]
mod tests {
    use flagcore::{EvaluationContext, Value};
    use prost::Message;
    use prost_types::Struct;

    use super::{Malformed, read_context, write_struct};

    #[test]
    fn what_is_written_as_a_struct_is_read_as_the_same_context() {
        let long = "x".repeat(300);
        let list = Value::list([Value::Null, 1.5.into(), Value::list([true])]);
        let value = Value::structure([
            ("a", Value::from(long)),
            ("b", list),
            ("c", Value::structure([("d", -0.0)])),
            ("e", Value::from(String::new())),
        ]);
        let mut bytes = Vec::new();
        write_struct(1, value.as_structure().unwrap().iter(), &mut bytes);
        let (message, mut context) = (&bytes[3..], EvaluationContext::empty());
        assert_eq!(Struct::decode(message).unwrap().encoded_len(), message.len());
        read_context(message, &mut context).unwrap();
        assert!(context.iter().eq(value.as_structure().unwrap().iter()));
    }

    #[test]
    fn cut_and_deep_messages_are_malformed() {
        let mut value = Value::from(1);
        for _ in 0..90 {
            value = Value::list([value]);
        }
        let mut bytes = Vec::new();
        write_struct(1, [("k", &value)], &mut bytes);
        let message = &bytes[3..];
        assert_eq!(read_context(message, &mut EvaluationContext::empty()), Ok(()));
        for cut in 1..message.len() {
            assert_eq!(read_context(&message[..cut], &mut EvaluationContext::empty()), Err(Malformed));
        }
        let deep = (0..20).fold(value, |value, _| Value::list([value]));
        bytes.clear();
        write_struct(1, [("k", &deep)], &mut bytes);
        assert_eq!(read_context(&bytes[3..], &mut EvaluationContext::empty()), Err(Malformed));
    }
}
