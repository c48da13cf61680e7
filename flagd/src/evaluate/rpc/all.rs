//! All flags at once, each as the type of its default variant; only the older generations have it.

use std::fmt::Write;

use flagcore::snapshot::View;
use flagcore::text::write_json_string;
use flagcore::value::{Structure, Value};
use flagcore::{Detail, EvaluationContext, Reason, Selector, Snapshot};

use super::answer::{Kind, write_json_struct};
use super::protocol::{Encoding, Generation};
use crate::telemetry::Metrics;
use crate::wire::{structs, without_spare_escapes};

/// All flags of a view for a context. Those without a default variant of a type that the protocol has are left out.
#[derive(Debug)]
pub(super) struct All<'a> {
    pub(super) view: View<'a>,
    pub(super) selector: &'a Selector,
    pub(super) context: &'a EvaluationContext<'a>,
    pub(super) generation: Generation,
}

/// The answer about one flag, and the value of its default variant.
type Answered<'a> = (&'a str, Detail<'a, Value<'static>, &'a Snapshot>, &'a Value<'static>);

impl<'a> All<'a> {
    pub(super) fn write(&self, encoding: Encoding, metrics: &Metrics, out: &mut Vec<u8>) {
        let counted = self.answers().inspect(|(key, detail, _)| match detail.error_code() {
            Some(code) => metrics.failed(key, code),
            None => metrics.evaluated(key, detail.variant(), detail.reason()),
        });
        match encoding {
            Encoding::Proto => self.write_proto(counted, out),
            Encoding::Json => {
                let mut text = String::new();
                self.write_json(counted, &mut text);
                out.extend_from_slice(without_spare_escapes(text).as_bytes());
            }
        }
    }

    fn answers(&self) -> impl Iterator<Item = Answered<'a>> {
        // Both are in the order of the view's rows.
        let flags = self.view.flags().zip(self.view.evaluate_all(self.context));
        flags.filter_map(|(flag, (key, detail))| {
            let default = flag.default?;
            (!matches!(default, Value::Null | Value::List(_))).then_some((key, detail, default))
        })
    }

    fn write_proto(&self, answers: impl Iterator<Item = Answered<'a>>, out: &mut Vec<u8>) {
        for (key, detail, default) in answers {
            structs::write_message(1, out, |out| {
                structs::write_text(1, key, out);
                structs::write_message(2, out, |out| {
                    structs::write_text(1, reason(&detail), out);
                    structs::write_text(2, detail.variant().unwrap_or(""), out);
                    match shown(&detail, default) {
                        Shown::Bool(value) => structs::write_varint(3, u64::from(value), out),
                        Shown::String(value) => structs::write_text(4, value, out),
                        Shown::Number(value) => structs::write_double(5, value, out),
                        Shown::Object(value) => structs::write_struct(6, value.iter(), out),
                    }
                    if self.generation != Generation::Schema {
                        structs::write_struct(7, detail.metadata().iter(), out);
                    }
                });
            });
        }
        if self.generation != Generation::Schema {
            structs::write_struct(2, self.selector.metadata(), out);
        }
    }

    // Writing to a text cannot fail.
    fn write_json(&self, answers: impl Iterator<Item = Answered<'a>>, out: &mut String) {
        out.push_str("{\"flags\":{");
        for (at, (key, detail, default)) in answers.enumerate() {
            out.push_str(if at == 0 { "" } else { "," });
            let _ = write_json_string(out, key);
            let _ = write!(out, ":{{\"reason\":\"{}\",\"variant\":", reason(&detail));
            let _ = write_json_string(out, detail.variant().unwrap_or(""));
            match shown(&detail, default) {
                Shown::Bool(value) => {
                    let _ = write!(out, ",\"boolValue\":{value}");
                }
                Shown::String(value) => {
                    out.push_str(",\"stringValue\":");
                    let _ = write_json_string(out, value);
                }
                Shown::Number(value) => {
                    out.push_str(",\"doubleValue\":");
                    <f64 as Kind>::write_json(value, out);
                }
                Shown::Object(value) => {
                    let _ = write!(out, ",\"objectValue\":{value}");
                }
            }
            if self.generation != Generation::Schema {
                out.push_str(",\"metadata\":");
                write_json_struct(detail.metadata().iter(), out);
            }
            out.push('}');
        }
        out.push('}');
        if self.generation != Generation::Schema {
            out.push_str(",\"metadata\":");
            write_json_struct(self.selector.metadata(), out);
        }
        out.push('}');
    }
}

/// A value of a type that the protocol has.
enum Shown<'v> {
    Bool(bool),
    String(&'v str),
    Number(f64),
    Object(&'v Structure<'static>),
}

/// The value, or the zero of the default variant's type where there is none.
fn shown<'v>(detail: &'v Detail<'_, Value<'static>, &Snapshot>, default: &Value<'static>) -> Shown<'v> {
    match (detail.value(), default) {
        (Value::Bool(value), _) => Shown::Bool(*value),
        (Value::String(value), _) => Shown::String(value),
        (Value::Number(value), _) => Shown::Number(*value),
        (Value::Structure(value), _) => Shown::Object(value),
        (_, Value::String(_)) => Shown::String(str::zero()),
        (_, Value::Number(_)) => Shown::Number(f64::zero()),
        (_, Value::Structure(_)) => Shown::Object(Structure::zero()),
        _ => Shown::Bool(bool::zero()),
    }
}

fn reason(detail: &Detail<'_, Value<'static>, &Snapshot>) -> &'static str {
    if detail.error_code().is_some() { Reason::Error.as_str() } else { detail.reason().as_str() }
}
