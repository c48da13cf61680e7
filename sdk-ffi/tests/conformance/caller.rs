//! A caller as C would be one: handles, pointers and lengths, numbers. What comes back is read as a binding would.

use std::ffi::{CStr, c_char};
use std::ptr;

use flagcore::Value;
use flagcore::model::Format;
use flagcore_ffi::client::{flagcore_client_flag, flagcore_client_free, flagcore_client_new};
use flagcore_ffi::context::*;
use flagcore_ffi::error::{flagcore_error_free, flagcore_error_message};
use flagcore_ffi::handle::Handle;
use flagcore_ffi::options::*;
use flagcore_ffi::reader::*;
use flagcore_ffi::resolution::*;
use flagcore_ffi::results::*;
use flagcore_ffi::status::{ErrorCodeNumber, ExplainNumber, FormatNumber, Mark, Status, Type};
use flagcore_ffi::text::Text;
use flagcore_ffi::value::{CDetail, CValue};
use flagcore_ffi::version::{flagcore_code_text, flagcore_last_error, flagcore_reason_text};

use super::data::Data;
use super::told::Told;

/// The attributes of a context, in the order in which they are set.
pub(crate) type Attributes = Vec<(String, Value<'static>)>;

/// What a client is made of.
#[derive(Default)]
pub(crate) struct Setup {
    /// Name, content and format of each source, the highest priority last.
    pub(crate) sources: Vec<(String, Vec<u8>, Format)>,
    /// The number of a generation of bucketing.
    pub(crate) bucketing: Option<i32>,
    pub(crate) global: Option<Attributes>,
    pub(crate) overrides: Option<Attributes>,
}

/// Calls a function of the library.
macro_rules! call {
    ($function:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: texts and outputs are this caller's own, and it is one thread that frees nothing it still uses.
        unsafe { $function($($argument),*) }
    };
}

/// Calls a function that must succeed.
macro_rules! ok {
    ($function:ident($($argument:expr),* $(,)?)) => {
        assert_eq!(call!($function($($argument),*)), Status::Ok, "{}", last_error())
    };
}

/// A handle that a function makes.
macro_rules! made {
    ($function:ident($($argument:expr),*)) => {{
        let mut handle = ptr::null_mut();
        ok!($function($($argument,)* &mut handle));
        handle
    }};
}

/// A client, a reader of it, contexts and results that are used again and again.
pub(crate) struct Caller {
    client: Handle,
    reader: Handle,
    typed: Handle,
    parsed: Handle,
    results: Handle,
    /// Whether `parsed` could take what `typed` holds.
    is_parsed: bool,
    json: String,
    /// What is counted about contexts.
    pub(crate) counts: Counts,
}

/// How many contexts were refused, by the typed builder or as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) refused: usize,
    pub(crate) refused_as_json: usize,
    /// Contexts with objects or lists in them.
    pub(crate) nested: usize,
}

impl Counts {
    /// What was counted after this was seen.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            refused: self.refused - before.refused,
            refused_as_json: self.refused_as_json - before.refused_as_json,
            nested: self.nested - before.nested,
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.refused += other.refused;
        self.refused_as_json += other.refused_as_json;
        self.nested += other.nested;
    }
}

impl Caller {
    pub(crate) fn open(setup: &Setup) -> Self {
        let options = made!(flagcore_options_new());
        for (name, content, format) in &setup.sources {
            let (name, length) = lent(name);
            let format = if *format == Format::Yaml { FormatNumber::Yaml } else { FormatNumber::Json };
            ok!(flagcore_options_add_bytes(
                options,
                name,
                length,
                content.as_ptr().cast(),
                content.len(),
                format as i32
            ));
        }
        ok!(flagcore_options_set_watch(options, 0));
        if let Some(bucketing) = setup.bucketing {
            ok!(flagcore_options_set_bucketing(options, bucketing));
        }
        let (typed, parsed) = (made!(flagcore_context_new()), made!(flagcore_context_new()));
        if let Some(global) = &setup.global {
            assert!(build(typed, global), "{}", last_error());
            ok!(flagcore_options_set_global(options, typed));
        }
        if let Some(overrides) = &setup.overrides {
            assert!(build(typed, overrides), "{}", last_error());
            ok!(flagcore_options_set_overrides(options, typed));
        }
        let (mut client, mut error) = (ptr::null_mut(), ptr::null_mut());
        if call!(flagcore_client_new(options, &mut client, &mut error)) != Status::Ok {
            let mut why = Text::NONE;
            ok!(flagcore_error_message(error, &mut why));
            let why = owned(why);
            ok!(flagcore_error_free(error));
            panic!("{why}");
        }
        ok!(flagcore_options_free(options));
        let (reader, results) = (made!(flagcore_reader_new(client)), made!(flagcore_results_new()));
        let (is_parsed, json, counts) = (true, String::new(), Counts::default());
        Self { client, reader, typed, parsed, results, is_parsed, json, counts }
    }

    /// Builds the context of the questions that follow: by type, and from JSON.
    pub(crate) fn know(&mut self, attributes: &Attributes) {
        self.counts.refused += usize::from(!build(self.typed, attributes));
        let is_nested = |value: &Value<'_>| matches!(value, Value::List(_) | Value::Structure(_));
        self.counts.nested += usize::from(attributes.iter().any(|(_, value)| is_nested(value)));
        self.json = Value::structure(attributes.iter().cloned()).to_string();
        ok!(flagcore_context_clear(self.parsed));
        let (json, length) = lent(&self.json);
        self.is_parsed = call!(flagcore_context_add_json(self.parsed, json, length)) == Status::Ok;
        self.counts.refused_as_json += usize::from(!self.is_parsed);
    }

    /// The answer for one flag, after all ways to ask gave the same.
    pub(crate) fn ask(&self, key: &str, asked: &str, fallback: &Value<'static>) -> Told {
        let (text, length) = lent(key);
        let (flag, kind, reader, known) = (self.flag(key), kind_of(asked) as i32, self.reader, self.typed);
        let detail = |fill: &dyn Fn(*mut CDetail) -> Status| self.told(asked, fallback, fill);
        let by_flag = detail(&|out| call!(flagcore_reader_detail(reader, flag, kind, known, out)));
        let by_key = |known: Handle| {
            detail(&|out| call!(flagcore_reader_detail_by_key(reader, text, length, kind, known, out)))
        };
        assert_eq!(by_key(known), by_flag, "{key}: by key");
        if self.is_parsed {
            assert_eq!(by_key(self.parsed), by_flag, "{key}: with a context from JSON");
        }
        let selected = self.ask_selected("", key, asked, fallback);
        assert_eq!(selected, by_flag, "{key}: of a selector that leaves nothing out");
        for is_by_key in [false, true] {
            if let Some(value) = self.plain(is_by_key, key, asked, fallback) {
                assert_eq!(value.to_string(), by_flag.value.to_string(), "{key}: plain, by key: {is_by_key}");
            }
        }
        if asked == "boolean" {
            let is_enabled = call!(flagcore_reader_is_enabled(reader, flag, known));
            let is_on = by_flag.is_given && by_flag.value.as_bool() == Some(true);
            assert_eq!(is_enabled, is_on, "{key}: whether it is enabled");
        }
        by_flag
    }

    /// The answer for one flag of what a selector shows.
    pub(crate) fn ask_selected(
        &self,
        selector: &str,
        key: &str,
        asked: &str,
        fallback: &Value<'static>,
    ) -> Told {
        let ((selector, selected), (text, length)) = (lent(selector), lent(key));
        let (kind, reader, known) = (kind_of(asked) as i32, self.reader, self.typed);
        self.told(asked, fallback, |out| {
            call!(flagcore_reader_detail_selected(reader, selector, selected, text, length, kind, known, out))
        })
    }

    /// The value alone, by its type; none for any, which has no such way.
    fn plain(
        &self,
        is_by_key: bool,
        key: &str,
        asked: &str,
        fallback: &Value<'static>,
    ) -> Option<Value<'static>> {
        let (text, length) = lent(key);
        let (flag, reader, known) = (self.flag(key), self.reader, self.typed);
        macro_rules! plain {
            ($by_flag:ident, $by_key:ident, $nothing:expr, ($($given:expr),*)) => {{
                let mut found = $nothing;
                if is_by_key {
                    ok!($by_key(reader, text, length, known, $($given,)* &mut found));
                } else {
                    ok!($by_flag(reader, flag, known, $($given,)* &mut found));
                }
                found
            }};
        }
        // Read in no way, and given back as it is.
        let (own, own_length) = (ptr::without_provenance(1), 7);
        let text_or_fallback = |found: Text| {
            let is_own = found.data == own && found.length == own_length;
            (!is_own).then(|| owned(found))
        };
        Some(match asked {
            "boolean" => {
                let given = u8::from(fallback.as_bool().unwrap());
                let get = plain!(flagcore_reader_get_bool, flagcore_reader_get_bool_by_key, false, (given));
                get.into()
            }
            "integer" => {
                let given = fallback.as_f64().unwrap() as i64;
                let get = plain!(flagcore_reader_get_integer, flagcore_reader_get_integer_by_key, 0, (given));
                get.into()
            }
            "float" => {
                let given = fallback.as_f64().unwrap();
                let get = plain!(flagcore_reader_get_float, flagcore_reader_get_float_by_key, 0.0, (given));
                get.into()
            }
            "string" => {
                let get = plain!(
                    flagcore_reader_get_string,
                    flagcore_reader_get_string_by_key,
                    Text::NONE,
                    (own, own_length)
                );
                text_or_fallback(get).map_or_else(|| fallback.clone(), Value::from)
            }
            "object" => {
                let get = plain!(
                    flagcore_reader_get_object,
                    flagcore_reader_get_object_by_key,
                    Text::NONE,
                    (own, own_length)
                );
                text_or_fallback(get).map_or_else(|| fallback.clone(), |json| parsed(&json))
            }
            _ => return None,
        })
    }

    /// The answer as JSON, for the context as JSON; none where JSON cannot say what the context is.
    pub(crate) fn ask_in_json(&self, key: &str) -> Option<Value<'static>> {
        let ((key, length), (json, json_length)) = (lent(key), lent(&self.json));
        let mut text = Text::NONE;
        let status =
            call!(flagcore_reader_evaluate_json(self.reader, key, length, json, json_length, &mut text));
        (status == Status::Ok).then(|| parsed(&owned(text)))
    }

    /// Why a flag gives what it gives, for people and for programs. A flag that is there is asked in both ways.
    pub(crate) fn explain(&self, key: &str, is_there: bool) -> [String; 2] {
        let ((text, length), reader, known) = (lent(key), self.reader, self.typed);
        [ExplainNumber::Text, ExplainNumber::Json].map(|form| {
            let (form, mut lines) = (form as i32, Text::NONE);
            ok!(flagcore_reader_explain_by_key(reader, text, length, known, form, &mut lines));
            let by_key = owned(lines);
            if is_there {
                ok!(flagcore_reader_explain(reader, self.flag(key), known, form, &mut lines));
                let by_flag = owned(lines);
                // The clock may have gone on where a rule looks at it.
                assert_eq!(by_flag.len(), by_key.len(), "{key}: by flag\n{by_flag}by key\n{by_key}");
            }
            by_key
        })
    }

    /// The answers for all flags, or for those that a selector shows.
    pub(crate) fn ask_all(&self, selector: Option<&str>) -> Vec<(String, Told)> {
        let (text, length) = selector.map_or((ptr::null(), 0), lent);
        ok!(flagcore_reader_evaluate_all(self.reader, text, length, self.typed, self.results));
        let count = call!(flagcore_results_count(self.results));
        let at = |index| {
            let mut key = Text::NONE;
            let told = self.told("any", &Value::Null, |out| {
                call!(flagcore_results_at(self.results, index, &mut key, out))
            });
            (owned(key), told)
        };
        (0..count).map(at).collect()
    }

    fn flag(&self, key: &str) -> u64 {
        let ((key, length), mut flag) = (lent(key), 0);
        ok!(flagcore_client_flag(self.client, key, length, &mut flag));
        flag
    }

    /// What a detail tells.
    fn told(
        &self,
        asked: &str,
        fallback: &Value<'static>,
        mut fill: impl FnMut(*mut CDetail) -> Status,
    ) -> Told {
        let mut detail = NOTHING;
        let status = fill(&mut detail);
        assert_eq!(status, Status::Ok, "{}", last_error());
        let mut revision = 0;
        ok!(flagcore_reader_revision(self.reader, &mut revision));
        assert_eq!(detail.revision, revision);
        let is_given = detail.value.kind != Type::Any as i32;
        assert!(is_given || is_zero(&detail.value), "a value of no type is zero: {:?}", detail.value);
        let metadata = match detail.metadata_count {
            0 => &[],
            // SAFETY: the library says that so many are there.
            count => unsafe { std::slice::from_raw_parts(detail.metadata, count) },
        };
        let names: Vec<String> = metadata.iter().map(|member| owned(member.name)).collect();
        let members = metadata.iter().map(|member| (owned(member.name), value(&member.value, "any")));
        let (reason, code) =
            (call!(flagcore_reason_text(detail.reason)), call!(flagcore_code_text(detail.error_code)));
        let is_error = detail.error_code != ErrorCodeNumber::None as i32;
        Told {
            is_given,
            value: if is_given { value(&detail.value, asked) } else { fallback.clone() },
            variant: (!detail.variant.data.is_null()).then(|| owned(detail.variant)),
            reason: terminated(reason),
            code: is_error.then(|| terminated(code)),
            metadata: Value::structure(members),
            names,
            message: (!detail.error_message.data.is_null()).then(|| owned(detail.error_message)),
            is_passing: detail.marks & Mark::Passing as u32 != 0,
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // In no order of note.
        ok!(flagcore_client_free(self.client));
        ok!(flagcore_reader_free(self.reader));
        ok!(flagcore_context_free(self.typed));
        ok!(flagcore_context_free(self.parsed));
        ok!(flagcore_results_free(self.results));
    }
}

const NOTHING: CDetail = CDetail {
    struct_size: size_of::<CDetail>(),
    value: CValue::NONE,
    variant: Text::NONE,
    reason: 0,
    error_code: 0,
    marks: 0,
    reserved: 0,
    metadata: ptr::null(),
    metadata_count: 0,
    error_message: Text::NONE,
    revision: 0,
};

/// Builds a context with the typed setters, and tells whether all of it was taken.
fn build(context: Handle, attributes: &Attributes) -> bool {
    ok!(flagcore_context_clear(context));
    let mut is_taken = true;
    for (name, value) in attributes {
        is_taken &= match (name.as_str(), value) {
            ("targetingKey", Value::String(key)) => {
                let (key, length) = lent(key);
                call!(flagcore_context_set_targeting_key(context, key, length)) == Status::Ok
            }
            _ => set(context, name, value),
        };
    }
    is_taken
}

/// Sets one attribute, member or item.
fn set(context: Handle, name: &str, value: &Value<'static>) -> bool {
    let (name, length) = lent(name);
    let is_ok = |status| status == Status::Ok;
    // A binding looks at the answer of the evaluation; here it is counted what is refused.
    let closed = |taken: Vec<bool>| is_ok(call!(flagcore_context_close(context))) && !taken.contains(&false);
    match value {
        Value::Null => is_ok(call!(flagcore_context_set_null(context, name, length))),
        Value::Bool(value) => {
            is_ok(call!(flagcore_context_set_bool(context, name, length, u8::from(*value))))
        }
        Value::Number(value) => match exact(*value) {
            Some(whole) => is_ok(call!(flagcore_context_set_integer(context, name, length, whole))),
            None => is_ok(call!(flagcore_context_set_float(context, name, length, *value))),
        },
        Value::String(text) => {
            let (text, text_length) = lent(text);
            is_ok(call!(flagcore_context_set_string(context, name, length, text, text_length)))
        }
        Value::List(items) => {
            is_ok(call!(flagcore_context_open_list(context, name, length)))
                && closed(items.iter().map(|item| set(context, "", item)).collect())
        }
        Value::Structure(members) => {
            is_ok(call!(flagcore_context_open_object(context, name, length)))
                && closed(members.iter().map(|(name, value)| set(context, name, value)).collect())
        }
    }
}

/// The integer that is this number and no other one: not of `-0`, and not where floats have gaps.
fn exact(number: f64) -> Option<i64> {
    let whole = number as i64;
    ((whole as f64).to_bits() == number.to_bits() && whole.unsigned_abs() < 1 << 53).then_some(whole)
}

/// A value that the library gave.
fn value(given: &CValue, asked: &str) -> Value<'static> {
    const BOOLEAN: i32 = Type::Boolean as i32;
    const STRING: i32 = Type::String as i32;
    const INTEGER: i32 = Type::Integer as i32;
    const FLOAT: i32 = Type::Float as i32;
    const OBJECT: i32 = Type::Object as i32;
    const LIST: i32 = Type::List as i32;
    match given.kind {
        BOOLEAN => given.boolean.into(),
        STRING => owned(given.text).into(),
        INTEGER => {
            assert_eq!(given.integer as f64, given.number, "an integer tells its number, too");
            if asked == "integer" { given.integer.into() } else { given.number.into() }
        }
        FLOAT => {
            assert_eq!(given.integer, given.number as i64, "a number tells its integer, too");
            given.number.into()
        }
        OBJECT | LIST => {
            let found = parsed(&owned(given.text));
            assert_eq!(found.as_list().is_some(), given.kind == LIST, "a list is no object");
            found
        }
        other => panic!("a value of type {other}"),
    }
}

fn is_zero(value: &CValue) -> bool {
    !value.boolean && value.integer == 0 && value.number.to_bits() == 0 && value.text.data.is_null()
}

fn kind_of(asked: &str) -> Type {
    match asked {
        "boolean" => Type::Boolean,
        "string" => Type::String,
        "integer" => Type::Integer,
        "float" => Type::Float,
        "object" => Type::Object,
        "any" => Type::Any,
        other => panic!("`{other}` is no type to ask for"),
    }
}

/// A text as C gives it: pointer and length.
fn lent(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

/// A copy of a text that the library lends.
fn owned(text: Text) -> String {
    assert!(!text.data.is_null(), "there is a text");
    // SAFETY: the library says that so many bytes are there.
    let bytes = unsafe { std::slice::from_raw_parts(text.data.cast::<u8>(), text.length) };
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn terminated(text: *const c_char) -> String {
    // SAFETY: the header says that it ends with a NUL and is there for ever.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned()
}

/// What a JSON text says. Read with the core's own reader, which takes texts that others refuse.
fn parsed(json: &str) -> Value<'static> {
    Data::of("an answer", json).root().value()
}

/// Why the last call failed.
fn last_error() -> String {
    let mut text = Text::NONE;
    let _ = call!(flagcore_last_error(&mut text));
    owned(text)
}
