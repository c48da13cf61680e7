//! The C library and the Rust library give the same answers, to the last bit: to every case of `flags/conformance` and
//! every recorded evaluation of the reference, asked in every way that there is, for every type.
//!
//! What the answers have to be is settled by the core's own tests of both suites.

mod common;
#[path = "../../flagcore/tests/common/cases.rs"]
#[allow(dead_code, reason = "the core's tests use more of it")]
mod cases;
#[path = "../../flagcore/tests/common/data.rs"]
#[allow(dead_code, reason = "the core's tests use more of it")]
mod data;

use std::ffi::{c_char, c_void};
use std::fmt::Display;
use std::ptr;

use common::here;
use data::{Data, Node};
use flagcore::bucketing::Bucketing;
use flagcore::detail::FlagType;
use flagcore::model::Format;
use flagcore::value::Structure;
use flagcore::{Client, Detail, EvaluationContext, Reader, Selector, Snapshot, Value};
use flagcore_ffi::client::*;
use flagcore_ffi::context::*;
use flagcore_ffi::handle::Handle;
use flagcore_ffi::options::*;
use flagcore_ffi::reader::*;
use flagcore_ffi::resolution::*;
use flagcore_ffi::results::*;
use flagcore_ffi::status::*;
use flagcore_ffi::text::Text;
use flagcore_ffi::value::{CDetail, CValue};

/// Calls a function of the C library; it must succeed.
macro_rules! call {
    ($function:ident($($argument:tt)*)) => {{
        // SAFETY: everything is there for the call, and only this thread uses it.
        let status = unsafe { $function($($argument)*) };
        assert_eq!(status, Status::Ok, "{}", stringify!($function));
    }};
}

fn made(make: unsafe extern "C" fn(*mut Handle) -> Status) -> Handle {
    let mut made = ptr::null_mut();
    call!(make(&raw mut made));
    made
}

fn start(text: &str) -> *const c_char {
    text.as_ptr().cast()
}

fn read(text: Text) -> Option<String> {
    if text.data.is_null() {
        return None;
    }
    // SAFETY: the library lends so much.
    let bytes = unsafe { std::slice::from_raw_parts(text.data.cast(), text.length) };
    Some(std::str::from_utf8(bytes).unwrap().to_owned())
}

/// What a client is made of.
#[derive(Default)]
struct Plan {
    sources: Vec<(String, Vec<u8>, Format)>,
    bucketing: Option<Bucketing>,
    global: Option<Value<'static>>,
    overrides: Option<Value<'static>>,
}

/// One client through each library.
struct Pair {
    client: Client,
    reader: Reader,
    c_client: Handle,
    c_reader: Handle,
    results: Handle,
    context: Handle,
}

impl Pair {
    fn new(plan: &Plan) -> Self {
        let mut builder = Client::builder().watch(false);
        let options = made(flagcore_options_new);
        call!(flagcore_options_set_watch(options, 0));
        for (name, bytes, format) in &plan.sources {
            builder = builder.bytes(name, bytes.clone(), *format);
            let number = if *format == Format::Json { FormatNumber::Json } else { FormatNumber::Yaml };
            let data = bytes.as_ptr().cast::<c_void>();
            call!(flagcore_options_add_bytes(
                options,
                start(name),
                name.len(),
                data,
                bytes.len(),
                number as i32
            ));
        }
        if let Some(bucketing) = plan.bucketing {
            builder = builder.bucketing(bucketing);
            let number = match bucketing {
                Bucketing::V1 => BucketingNumber::V1,
                Bucketing::V3 => BucketingNumber::V3,
                _ => BucketingNumber::V2,
            };
            call!(flagcore_options_set_bucketing(options, number as i32));
        }
        let context = made(flagcore_context_new);
        if let Some(global) = &plan.global {
            builder = builder.global(context_of(global));
            build(context, global);
            call!(flagcore_options_set_global(options, context));
        }
        if let Some(overrides) = &plan.overrides {
            builder = builder.overrides(context_of(overrides));
            build(context, overrides);
            call!(flagcore_options_set_overrides(options, context));
        }
        let client = builder.build().unwrap();
        let (mut c_client, mut c_reader) = (ptr::null_mut(), ptr::null_mut());
        call!(flagcore_client_new(options, &raw mut c_client, ptr::null_mut()));
        call!(flagcore_reader_new(c_client, &raw mut c_reader));
        call!(flagcore_options_free(options));
        let results = made(flagcore_results_new);
        Self { reader: client.reader(), client, c_client, c_reader, results, context }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        call!(flagcore_results_free(self.results));
        call!(flagcore_context_free(self.context));
        call!(flagcore_reader_free(self.c_reader));
        call!(flagcore_client_free(self.c_client));
    }
}

/// The members of a value as a context.
fn context_of(value: &Value<'static>) -> EvaluationContext<'static> {
    let mut context = EvaluationContext::empty();
    for (name, value) in value.as_structure().into_iter().flat_map(Structure::iter) {
        context.set(name.to_owned(), value.clone());
    }
    context
}

/// The same by the C library's setters, over whatever was there.
fn build(context: Handle, value: &Value<'static>) {
    call!(flagcore_context_clear(context));
    for (name, value) in value.as_structure().into_iter().flat_map(Structure::iter) {
        set(context, name, value);
    }
}

/// Sets one of them. What no context can hold is refused by both libraries, and remembered.
fn set(context: Handle, name: &str, value: &Value<'static>) {
    let (name, length) = (start(name), name.len());
    // SAFETY: everything is there for the call, and only this thread uses it.
    let status = unsafe {
        match value {
            Value::Null => flagcore_context_set_null(context, name, length),
            Value::Bool(value) => flagcore_context_set_bool(context, name, length, (*value).into()),
            Value::Number(value) => flagcore_context_set_float(context, name, length, *value),
            Value::String(text) => {
                flagcore_context_set_string(context, name, length, start(text), text.len())
            }
            Value::List(items) => {
                flagcore_context_open_list(context, name, length);
                items.iter().for_each(|item| set(context, "", item));
                flagcore_context_close(context)
            }
            Value::Structure(members) => {
                flagcore_context_open_object(context, name, length);
                members.iter().for_each(|(name, value)| set(context, name, value));
                flagcore_context_close(context)
            }
        }
    };
    assert!(matches!(status, Status::Ok | Status::InvalidContext), "{status:?}");
}

/// Everything about an answer, as one text.
#[allow(clippy::too_many_arguments, reason = "there is so much")]
fn line(
    value: Option<String>,
    variant: Option<&str>,
    reason: i32,
    code: i32,
    is_passing: bool,
    message: Option<String>,
    metadata: Vec<String>,
) -> String {
    format!("{value:?} {variant:?} {reason} {code} {is_passing} {message:?} {metadata:?}")
}

fn told<T: FlagType + ?Sized>(
    detail: &Detail<'_, T, &Snapshot>,
    value: impl FnOnce(T::Ref<'_>) -> String,
) -> String {
    let has_value = detail.variant().is_some() && detail.error_code().is_none();
    line(
        has_value.then(|| value(detail.value())),
        detail.variant(),
        ReasonNumber::from(detail.reason()) as i32,
        ErrorCodeNumber::from(detail.error_code()) as i32,
        detail.is_passing(),
        detail.error_message(),
        detail.metadata().iter().map(|(name, value)| format!("{name}={}", any(value))).collect(),
    )
}

fn c_told(detail: &CDetail) -> String {
    let metadata = match detail.metadata_count {
        0 => &[],
        // SAFETY: the library lends so many.
        count => unsafe { std::slice::from_raw_parts(detail.metadata, count) },
    };
    let member = |member: &flagcore_ffi::value::Member| {
        format!("{}={}", read(member.name).unwrap(), c_any(&member.value).unwrap_or_default())
    };
    line(
        c_any(&detail.value),
        read(detail.variant).as_deref(),
        detail.reason,
        detail.error_code,
        detail.marks == Mark::Passing as u32,
        read(detail.error_message),
        metadata.iter().map(member).collect(),
    )
}

fn number(kind: Type, number: f64, integer: i64) -> String {
    format!("{kind:?} {:x} {integer}", number.to_bits())
}

fn json(kind: Type, text: impl Display) -> String {
    format!("{kind:?} {text}")
}

fn any(value: &Value<'_>) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => {
            let is_whole = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
            number(if is_whole { Type::Integer } else { Type::Float }, *value, *value as i64)
        }
        Value::String(text) => json(Type::String, text),
        Value::List(_) => json(Type::List, value),
        Value::Structure(_) => json(Type::Object, value),
    }
}

fn c_any(value: &CValue) -> Option<String> {
    Some(match Type::of(value.kind).unwrap() {
        Type::Any => return None,
        Type::Boolean => value.boolean.to_string(),
        kind @ (Type::Integer | Type::Float) => number(kind, value.number, value.integer),
        kind => json(kind, read(value.text).unwrap()),
    })
}

const TYPES: [Type; 6] = [Type::Any, Type::Boolean, Type::String, Type::Integer, Type::Float, Type::Object];

/// A detail that the C library has not written to yet.
fn unwritten() -> CDetail {
    CDetail {
        struct_size: size_of::<CDetail>(),
        value: CValue::NONE,
        variant: Text::NONE,
        reason: -1,
        error_code: -1,
        marks: u32::MAX,
        reserved: 7,
        metadata: ptr::null(),
        metadata_count: 7,
        error_message: Text::NONE,
        revision: 7,
    }
}

/// Asks one flag in every way, and for every type; tells where the answers differ.
fn compare_one(
    pair: &mut Pair,
    key: &str,
    selector: Option<&str>,
    context: &Value<'static>,
) -> Result<(), String> {
    let (knowledge, nothing) = (context_of(context), Structure::default());
    build(pair.context, context);
    let (reader, known) = (pair.c_reader, pair.context);
    let mut flag = 0;
    call!(flagcore_client_flag(pair.c_client, start(key), key.len(), &raw mut flag));
    let snapshot = pair.client.snapshot();
    let wanted = |kind: Type| {
        macro_rules! wanted {
            ($type:ty, $method:ident, $default:expr, $value:expr) => {
                match selector {
                    None => told(&snapshot.$method(key, &knowledge, $default), $value),
                    Some(text) => {
                        let selector: Selector = text.parse().unwrap();
                        let view = snapshot.view(&selector);
                        told(&view.detail::<$type>(key, &knowledge, $default), $value)
                    }
                }
            };
        }
        match kind {
            Type::Boolean => wanted!(bool, bool_detail, false, |value| value.to_string()),
            Type::String => wanted!(str, string_detail, "", |text| json(Type::String, text)),
            Type::Integer => {
                wanted!(i64, integer_detail, 0, |value| number(Type::Integer, value as f64, value))
            }
            Type::Float => wanted!(f64, float_detail, 0.0, |value| number(Type::Float, value, value as i64)),
            Type::Object => {
                wanted!(Structure<'static>, object_detail, &nothing, |value| json(Type::Object, value))
            }
            _ => wanted!(Value<'static>, any_detail, &Value::Null, any),
        }
    };
    let same = |how: &str, kind: Type, detail: &CDetail| {
        let (wanted, found) = (wanted(kind), c_told(detail));
        if wanted == found { Ok(()) } else { Err(format!("{how} {kind:?}\n  {wanted}\n  {found}")) }
    };
    for kind in TYPES {
        let (mut detail, number) = (unwritten(), kind as i32);
        if let Some(selector) = selector {
            let (at, length) = (start(selector), selector.len());
            call!(flagcore_reader_detail_selected(
                reader,
                at,
                length,
                start(key),
                key.len(),
                number,
                known,
                &raw mut detail
            ));
            same("selected", kind, &detail)?;
            continue;
        }
        call!(flagcore_reader_detail(reader, flag, number, known, &raw mut detail));
        same("by flag", kind, &detail)?;
        detail = unwritten();
        call!(flagcore_reader_detail_by_key(reader, start(key), key.len(), number, known, &raw mut detail));
        same("by key", kind, &detail)?;
    }
    if selector.is_some() { Ok(()) } else { compare_plain(pair, key, flag, &knowledge) }
}

/// The plain questions, by flag and by key, each with two defaults.
fn compare_plain(
    pair: &mut Pair,
    key: &str,
    flag: u64,
    knowledge: &EvaluationContext<'_>,
) -> Result<(), String> {
    let (c_reader, known) = (pair.c_reader, pair.context);
    let (at, length) = (start(key), key.len());
    let mut differs = Vec::new();
    macro_rules! plain {
        ($method:ident, $by_flag:ident, $by_key:ident, $type:ty, $default:expr, $passed:expr) => {
            let wanted: $type = pair.reader.$method(key, knowledge, $default);
            let (mut first, mut second) = (<$type>::default(), <$type>::default());
            call!($by_flag(c_reader, flag, known, $passed, &raw mut first));
            call!($by_key(c_reader, at, length, known, $passed, &raw mut second));
            if first != wanted || second != wanted {
                differs.push(format!("{}: {wanted:?} {first:?} {second:?}", stringify!($method)));
            }
        };
    }
    for default in [false, true] {
        plain!(
            bool,
            flagcore_reader_get_bool,
            flagcore_reader_get_bool_by_key,
            bool,
            default,
            default.into()
        );
    }
    for default in [0, i64::MIN] {
        plain!(
            integer,
            flagcore_reader_get_integer,
            flagcore_reader_get_integer_by_key,
            i64,
            default,
            default
        );
    }
    for default in [0.5, -1e300] {
        plain!(float, flagcore_reader_get_float, flagcore_reader_get_float_by_key, f64, default, default);
    }
    // SAFETY: everything is there for the call, and only this thread uses it.
    let is_enabled = unsafe { flagcore_reader_is_enabled(c_reader, flag, known) };
    if is_enabled != pair.reader.is_enabled(key, knowledge) {
        differs.push(format!("is_enabled: {is_enabled}"));
    }
    let own = "a default of the caller's";
    let (mut first, mut second) = (Text::NONE, Text::NONE);
    call!(flagcore_reader_get_string(c_reader, flag, known, start(own), own.len(), &raw mut first));
    call!(flagcore_reader_get_string_by_key(
        c_reader,
        at,
        length,
        known,
        start(own),
        own.len(),
        &raw mut second
    ));
    let wanted = Some(pair.reader.string(key, knowledge, own).to_owned());
    if read(first) != wanted || read(second) != wanted {
        differs.push(format!("string: {wanted:?}"));
    }
    let nothing = Structure::default();
    call!(flagcore_reader_get_object(c_reader, flag, known, start(own), own.len(), &raw mut first));
    call!(flagcore_reader_get_object_by_key(
        c_reader,
        at,
        length,
        known,
        start(own),
        own.len(),
        &raw mut second
    ));
    let found = pair.reader.object(key, knowledge, &nothing);
    let wanted = if ptr::eq(found, &raw const nothing) { own.to_owned() } else { found.to_string() };
    if read(first).as_deref() != Some(&wanted) || read(second).as_deref() != Some(&wanted) {
        differs.push(format!("object: {wanted}"));
    }
    if differs.is_empty() { Ok(()) } else { Err(differs.join("\n")) }
}

/// Asks all flags at once.
fn compare_all(pair: &mut Pair, selector: Option<&str>, context: &Value<'static>) -> Result<(), String> {
    let knowledge = context_of(context);
    build(pair.context, context);
    let snapshot = pair.client.snapshot();
    let tell = |(key, detail): (&str, Detail<'_, Value<'static>, &Snapshot>)| {
        format!("{key}: {}", told(&detail, any))
    };
    let parsed: Option<Selector> = selector.map(|text| text.parse().unwrap());
    let wanted: Vec<String> = match &parsed {
        None => snapshot.evaluate_all(&knowledge).map(tell).collect(),
        Some(parsed) => snapshot.view(parsed).evaluate_all(&knowledge).map(tell).collect(),
    };
    let (at, length) = selector.map_or((ptr::null(), 0), |text| (start(text), text.len()));
    call!(flagcore_reader_evaluate_all(pair.c_reader, at, length, pair.context, pair.results));
    // SAFETY: only this thread uses it.
    let count = unsafe { flagcore_results_count(pair.results) };
    let found: Vec<String> = (0..count)
        .map(|index| {
            let (mut key, mut detail) = (Text::NONE, unwritten());
            call!(flagcore_results_at(pair.results, index, &raw mut key, &raw mut detail));
            format!("{}: {}", read(key).unwrap(), c_told(&detail))
        })
        .collect();
    if wanted == found { Ok(()) } else { Err(format!("all\n  {wanted:#?}\n  {found:#?}")) }
}

fn plan_of(group: Node<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut add = |name: &str, set: Node<'_>| {
        let source = match set.as_text() {
            Some(file) => {
                let path = here().join("../flags/conformance").join(file);
                (name.to_owned(), std::fs::read(&path).unwrap(), Format::of_path(&path).unwrap())
            }
            None => (name.to_owned(), set.written().as_bytes().to_vec(), Format::Json),
        };
        plan.sources.push(source);
    };
    match group.get("sources") {
        Some(sources) => sources.items().for_each(|it| add(it.at("name").text(), it.at("flagSet"))),
        None => add("flags", group.at("flagSet")),
    }
    plan.bucketing = group.get("bucketing").map(|text| text.text().parse().unwrap());
    plan.global = group.get("global").map(Node::value);
    plan.overrides = group.get("overrides").map(Node::value);
    plan
}

#[test]
fn every_case_of_the_corpus_is_answered_as_by_the_rust_library() {
    let (mut cases, mut differences) = (0, Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(here().join("../flags/conformance"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    for file in files {
        let data = Data::open(&file);
        for group in data.root().at("groups").items() {
            let mut pair = Pair::new(&plan_of(group));
            for case in group.at("cases").items() {
                cases += 1;
                let context = case.get("context").map_or(Value::Null, Node::value);
                let selector = case.get("selector").map(Node::text);
                let outcome = if case.get("all").is_some_and(Node::is_true) {
                    compare_all(&mut pair, selector, &context)
                } else {
                    compare_one(&mut pair, case.at("flag").text(), selector, &context)
                };
                if let Err(difference) = outcome {
                    differences.push(format!("{} {}: {difference}", file.display(), case.at("id").text()));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    assert!(cases >= 1_138, "{cases}");
}

#[test]
fn every_recorded_evaluation_is_answered_as_by_the_rust_library() {
    let Some(folder) = common::suite("FLAGD_REFERENCE") else { return };
    let (mut count, mut differences) = (0, Vec::new());
    for file in ["adversarial.jsonl.gz", "realistic.jsonl.gz"] {
        let mut pair = None;
        for line in cases::lines(&folder.join(file)) {
            match cases::Case::read(&line.unwrap()) {
                cases::Case::Config { text, .. } => {
                    let sources = vec![("flags".to_owned(), text.into_bytes(), Format::Json)];
                    pair = Some(Pair::new(&Plan { sources, ..Plan::default() }));
                }
                cases::Case::Question(case) => {
                    count += 1;
                    let (pair, case) = (pair.as_mut().unwrap(), cases::structure(&case));
                    let context = case.get("context").unwrap();
                    let outcome = match cases::text(case, "type") {
                        "all" => compare_all(pair, None, context),
                        _ => compare_one(pair, cases::text(case, "flag"), None, context),
                    };
                    if let Err(difference) = outcome {
                        differences.push(format!("{} {context}: {difference}", cases::text(case, "flag")));
                    }
                }
            }
        }
    }
    let shown = differences.len().min(20);
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences[..shown].join("\n"));
    assert_eq!(count, 14_272);
}
