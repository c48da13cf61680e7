//! Details and explanations: what an answer is besides its value.

use std::ffi::c_char;

use flagcore::detail::FlagType;
use flagcore::snapshot::View;
use flagcore::value::Structure;
use flagcore::{Detail, ErrorCode, EvaluationContext, FlagKey, Snapshot, Value};
use serde_json::{Map, Value as Json};

use crate::boundary::{Failure, Outcome, give, room};
use crate::context::{known, refusal};
use crate::handle::{Handle, change};
use crate::reader::Reader;
use crate::shown::Shown;
use crate::status::{ErrorCodeNumber, ExplainNumber, Mark, ReasonNumber, Status, Type};
use crate::text::{Text, read};
use crate::value::{CDetail, CValue, give_sized, sized_room};

/// Asks for a type, by a macro that knows whom to ask and how.
macro_rules! resolve {
    ($kind:expr, $shown:expr, $seen:expr, $ask:ident) => {{
        let (shown, seen) = ($shown, $seen);
        match $kind {
            Type::Boolean => {
                filled(&$ask!(bool, bool_detail, false), shown, seen, |value, _| CValue::boolean(value))
            }
            Type::Integer => filled(&$ask!(i64, integer_detail, 0), shown, seen, |value, _| CValue {
                integer: value,
                ..CValue::number(Type::Integer, value as f64)
            }),
            Type::Float => filled(&$ask!(f64, float_detail, 0.0), shown, seen, |value, _| {
                CValue::number(Type::Float, value)
            }),
            Type::String => filled(&$ask!(str, string_detail, ""), shown, seen, |value, _| {
                CValue::text(Type::String, Text::of(value))
            }),
            Type::Object => {
                // The caller's own default, which is never shown; it allocates nothing.
                let nothing = Structure::default();
                filled(&$ask!(Structure<'static>, object_detail, &nothing), shown, seen, |value, shown| {
                    CValue::text(Type::Object, shown.json(value, value))
                })
            }
            Type::Any => filled(&$ask!(Value<'static>, any_detail, &Value::Null), shown, seen, CValue::of),
            Type::List => return Err(Failure::new(Status::InvalidArgument, "type")),
        }
    }};
}

/// The answer of a snapshot for a type, as C sees it.
#[inline(always)]
fn resolve(
    snapshot: &Snapshot,
    key: impl FlagKey,
    kind: Type,
    context: &EvaluationContext<'_>,
    shown: &mut Shown,
    seen: Seen,
) -> Outcome<CDetail> {
    macro_rules! ask {
        ($type:ty, $method:ident, $default:expr) => {
            snapshot.$method(key, context, $default)
        };
    }
    Ok(resolve!(kind, shown, seen, ask))
}

/// The answer of a part of a snapshot for a type, as C sees it.
fn resolve_seen(
    view: View<'_>,
    key: &str,
    kind: Type,
    context: &EvaluationContext<'_>,
    shown: &mut Shown,
    seen: Seen,
) -> Outcome<CDetail> {
    macro_rules! ask {
        ($type:ty, $method:ident, $default:expr) => {
            view.detail::<$type>(key, context, $default)
        };
    }
    Ok(resolve!(kind, shown, seen, ask))
}

/// What a detail tells of where it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    revision: u64,
    marks: u32,
}

impl Seen {
    /// A snapshot, in this process.
    #[inline]
    pub(crate) fn new(snapshot: &Snapshot, is_forked: bool) -> Self {
        let marks = if is_forked { Mark::Forked as u32 } else { 0 };
        Self { revision: snapshot.revision(), marks }
    }
}

/// A detail as C sees it.
// PERF: made where it is to stand; each copy of one takes as long as a static flag.
#[inline(always)]
pub(crate) fn filled<'a, T: FlagType + ?Sized>(
    detail: &'a Detail<'_, T, &Snapshot>,
    shown: &mut Shown,
    seen: Seen,
    value: impl FnOnce(T::Ref<'a>, &mut Shown) -> CValue,
) -> CDetail {
    let (variant, code) = (detail.variant(), detail.error_code());
    let has_value = variant.is_some() && code.is_none();
    let error_message = match code {
        None => Text::NONE,
        Some(_) => told(detail, shown),
    };
    let (metadata, metadata_count) = shown.members(detail.metadata());
    CDetail {
        struct_size: size_of::<CDetail>(),
        value: if has_value { value(detail.value(), shown) } else { CValue::NONE },
        variant: Text::of_option(variant),
        reason: ReasonNumber::from(detail.reason()) as i32,
        error_code: ErrorCodeNumber::from(code) as i32,
        marks: seen.marks | if detail.is_passing() { Mark::Passing as u32 } else { 0 },
        reserved: 0,
        metadata,
        metadata_count,
        error_message,
        revision: seen.revision,
    }
}

#[cold]
fn told<T: FlagType + ?Sized>(detail: &Detail<'_, T, &Snapshot>, shown: &mut Shown) -> Text {
    shown.message(format_args!("{}", detail.error_message().unwrap_or_default()))
}

/// Says why a context is invalid where the core has no words for it.
///
/// # Safety
///
/// As for [`look`](crate::handle::look).
#[inline(always)]
pub(crate) unsafe fn word(detail: &mut CDetail, context: Handle, shown: &mut Shown) {
    if detail.error_code == ErrorCodeNumber::InvalidContext as i32
        // SAFETY: the caller says so.
        && let Some(about) = unsafe { refusal(context) }
    {
        let code = ErrorCode::InvalidContext;
        let words = format_args!("something that was set in the context was refused: {about} ({code})");
        detail.error_message = shown.message(words);
    }
}

/// Answers a question about one flag.
///
/// # Safety
///
/// What the header asks of a caller of `flagcore_reader_detail` holds.
#[inline(always)]
unsafe fn answer<K: FlagKey>(
    reader: Handle,
    key: impl FnOnce(&Reader) -> Outcome<K>,
    kind: i32,
    context: Handle,
    out: *mut CDetail,
) -> Outcome {
    // SAFETY: the caller says so.
    unsafe {
        let out = sized_room(out, "out")?;
        let kind = kind_of(kind)?;
        let knowledge = known(context)?;
        let mut reader = change::<Reader>(reader, "reader")?;
        let (key, is_forked) = (key(&reader)?, reader.known.is_forked());
        let (snapshot, shown) = reader.parts();
        let mut detail = resolve(snapshot, key, kind, knowledge, shown, Seen::new(snapshot, is_forked))?;
        word(&mut detail, context, shown);
        give_sized(out, detail);
    }
    Ok(())
}

fn kind_of(number: i32) -> Outcome<Type> {
    Type::of(number).ok_or_else(|| Failure::new(Status::InvalidArgument, "type"))
}

/// Explains a flag, as text or as JSON.
///
/// # Safety
///
/// What the header asks of a caller of `flagcore_reader_explain` holds.
unsafe fn explain<K: FlagKey>(
    reader: Handle,
    key: impl FnOnce(&Reader) -> Outcome<K>,
    context: Handle,
    form: i32,
    out: *mut Text,
) -> Outcome {
    // SAFETY: the caller says so.
    unsafe {
        let out = room(out, "out")?;
        let form = ExplainNumber::of(form).ok_or_else(|| Failure::new(Status::InvalidArgument, "form"))?;
        let knowledge = known(context)?;
        let mut reader = change::<Reader>(reader, "reader")?;
        let key = key(&reader)?;
        let (snapshot, shown) = reader.parts();
        let why = snapshot.explain(key, knowledge);
        let text = match form {
            ExplainNumber::Text => shown.message(format_args!("{why}")),
            ExplainNumber::Json => shown.message(format_args!("{}", why.to_json())),
        };
        give(out, "out", text)
    }
}

/// A detail as JSON.
fn written(key: &str, snapshot: &Snapshot, context: &EvaluationContext<'_>) -> Json {
    let detail = snapshot.any_detail(key, context, &Value::Null);
    let mut object = Map::new();
    object.insert("key".into(), key.into());
    if detail.variant().is_some() && detail.error_code().is_none() {
        object.insert("value".into(), serde_json::to_value(detail.value()).unwrap_or_default());
    }
    if let Some(variant) = detail.variant() {
        object.insert("variant".into(), variant.into());
    }
    object.insert("reason".into(), detail.reason().as_str().into());
    if let Some(code) = detail.error_code() {
        object.insert("errorCode".into(), code.as_str().into());
        object.insert("errorDetails".into(), detail.error_message().into());
    }
    let metadata = detail.metadata();
    let member = |(name, value): (&str, &Value<'_>)| {
        (name.to_owned(), serde_json::to_value(value).unwrap_or_default())
    };
    object.insert("metadata".into(), Json::Object(metadata.iter().map(member).collect()));
    Json::Object(object)
}

exported! {
    /// Everything about the answer of a flag.
    fn flagcore_reader_detail(reader: Handle, flag: u64, kind: i32, context: Handle, out: *mut CDetail) {
        // SAFETY: see the header.
        unsafe { answer(reader, |reader| reader.flag(flag), kind, context, out) }
    }

    /// The same by key.
    fn flagcore_reader_detail_by_key(
        reader: Handle, key: *const c_char, key_length: usize, kind: i32, context: Handle, out: *mut CDetail,
    ) {
        // SAFETY: see the header.
        unsafe {
            let key = read(key, key_length, "key")?;
            answer(reader, |_| Ok(key), kind, context, out)
        }
    }

    /// The same of a flag set or a source.
    fn flagcore_reader_detail_selected(
        reader: Handle, selector: *const c_char, selector_length: usize, key: *const c_char, key_length: usize,
        kind: i32, context: Handle, out: *mut CDetail,
    ) {
        // SAFETY: see the header.
        unsafe {
            let out = sized_room(out, "out")?;
            let kind = kind_of(kind)?;
            let (selector, key) =
                (read(selector, selector_length, "selector")?, read(key, key_length, "key")?);
            let knowledge = known(context)?;
            let mut reader = change::<Reader>(reader, "reader")?;
            let is_forked = reader.known.is_forked();
            let (snapshot, selector, shown) = reader.selected(selector)?;
            let (view, seen) = (snapshot.view(selector), Seen::new(snapshot, is_forked));
            let mut detail = resolve_seen(view, key, kind, knowledge, shown, seen)?;
            word(&mut detail, context, shown);
            give_sized(out, detail);
        }
        Ok(())
    }

    /// Why a flag gives what it gives.
    fn flagcore_reader_explain(reader: Handle, flag: u64, context: Handle, form: i32, out: *mut Text) {
        // SAFETY: see the header.
        unsafe { explain(reader, |reader| reader.flag(flag), context, form, out) }
    }

    /// The same by key.
    fn flagcore_reader_explain_by_key(
        reader: Handle, key: *const c_char, key_length: usize, context: Handle, form: i32, out: *mut Text,
    ) {
        // SAFETY: see the header.
        unsafe {
            let key = read(key, key_length, "key")?;
            explain(reader, |_| Ok(key), context, form, out)
        }
    }

    /// A context as JSON in, everything about the answer as JSON out.
    fn flagcore_reader_evaluate_json(
        reader: Handle, key: *const c_char, key_length: usize, context: *const c_char, context_length: usize, out: *mut Text,
    ) {
        // SAFETY: see the header.
        unsafe {
            let out = room(out, "out")?;
            let key = read(key, key_length, "key")?;
            let knowledge: EvaluationContext<'_> = if context.is_null() {
                EvaluationContext::empty()
            } else {
                serde_json::from_str(read(context, context_length, "context")?)
                    .map_err(|error| Failure::told(Status::InvalidJson, "context", error))?
            };
            let mut reader = change::<Reader>(reader, "reader")?;
            let (snapshot, shown) = reader.parts();
            let json = written(key, snapshot, &knowledge);
            give(out, "out", shown.message(format_args!("{json}")))
        }
    }
}
