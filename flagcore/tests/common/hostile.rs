//! Bytes from anywhere, and what must hold whatever they are.
//!
//! Each function is one fuzz target of `fuzz/`, and runs in `hostile.rs` over the seeds and their mutations.
//! They use nothing but the public face of the crate, and panic where something does not hold.

use flagcore::diagnostic::{Findings, Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::{FlagSet, Format};
use flagcore::value::Structure;
use flagcore::{Client, Error, ErrorCode, EvaluationContext, Snapshot, Value};

/// A flag file of any bytes is taken or refused, never more.
pub(crate) fn load_json(bytes: &[u8]) {
    load(bytes, Format::Json);
}

/// The same for YAML.
pub(crate) fn load_yaml(bytes: &[u8]) {
    load(bytes, Format::Yaml);
}

/// A flag file, a line of `---` and a context in JSON: every flag gives an answer, and can say why.
pub(crate) fn evaluate(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (file, context) = text.rsplit_once("\n---\n").unwrap_or((&text, "{}"));
    let Ok(client) = client(file.as_bytes(), Format::Json, Mode::Lenient) else { return };
    let Ok(json) = serde_json::from_str(context) else { return };
    let Ok(context) = EvaluationContext::from_json(&json) else { return };
    assert_answers(&client.snapshot(), &context);
}

/// A context of any JSON is taken or refused, and no flag stumbles over it.
pub(crate) fn context(bytes: &[u8]) {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let Ok(context) = EvaluationContext::from_json(&json) else { return };
    let client = client(EVERY_OPERATOR.as_bytes(), Format::Json, Mode::Lenient).unwrap();
    let snapshot = client.snapshot();
    assert_answers(&snapshot, &context);
    // The same attributes set one by one, and owned, are the same context.
    let mut again = EvaluationContext::empty();
    if let Some(key) = context.get("targetingKey") {
        again.set("targetingKey", key.clone());
    }
    for (name, value) in context.iter() {
        again.set(name, value.clone());
    }
    let again = again.into_owned();
    for ((key, one), (_, other)) in snapshot.evaluate_all(&context).zip(snapshot.evaluate_all(&again)) {
        assert_eq!((one.variant(), one.error_code()), (other.variant(), other.error_code()), "{key}");
    }
}

fn load(bytes: &[u8], format: Format) {
    let strict = client(bytes, format, Mode::Strict);
    if let Err(Error::Refused { findings }) = &strict {
        assert_places(findings, bytes);
    }
    let served = client(GOOD.as_bytes(), Format::Json, Mode::Lenient).unwrap();
    let before = served.snapshot();
    match served.update("flags", bytes, format) {
        Err(Error::Refused { findings }) => {
            assert!(findings.is_refused(), "refused without an error:\n{findings}");
            assert!(strict.is_err(), "taken strictly and refused leniently:\n{findings}");
            assert_places(&findings, bytes);
            let after = served.snapshot();
            assert_eq!(before.revision(), after.revision());
            assert!(served.is_enabled("good", "user-1"));
        }
        Err(error) => panic!("{error}"),
        Ok(()) => {
            let context = EvaluationContext::new("user-1").with("n", 5).with("list", Value::list(["a", "b"]));
            assert_answers(&served.snapshot(), &context);
            let (set, findings) = read(bytes, format, Mode::Lenient);
            assert_places(&findings, bytes);
            let set = set.expect("what is served was read");
            assert_written_out(&set, &served, &context);
        }
    }
}

fn read(bytes: &[u8], format: Format, mode: Mode) -> (Option<FlagSet>, Findings) {
    let mut report = Report::new("flags".into(), mode);
    let set = flagcore::parse::flag_set("flags".into(), bytes, format, &Limits::default(), &mut report);
    (set, report.finish(&lossy(bytes)))
}

/// A client that takes what it is given and watches nothing.
pub(crate) fn client(bytes: &[u8], format: Format, mode: Mode) -> Result<Client, Error> {
    Client::builder().bytes("flags", bytes, format).mode(mode).watch(false).build()
}

/// Every finding that has a place has one inside of the file, and its line and column are those of the place.
fn assert_places(findings: &Findings, bytes: &[u8]) {
    let text = lossy(bytes);
    for diagnostic in &findings.diagnostics {
        let message = diagnostic.to_string();
        assert!(!message.contains("bug of ours"), "{message}");
        let Some(span) = diagnostic.span else { continue };
        assert!(text.get(span.range()).is_some(), "{diagnostic} is at {span:?} of {} bytes", text.len());
        let before = &text[..span.start as usize];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().filter(|c| *c != '\u{feff}').count() + 1;
        let position = diagnostic.position.expect("who has a place has a position");
        assert_eq!((position.line as usize, position.column as usize), (line, column), "{diagnostic}");
    }
}

/// The text that places refer to: each byte that is no UTF-8 counts as one U+FFFD.
fn lossy(bytes: &[u8]) -> String {
    let (mut text, mut rest) = (String::new(), bytes);
    loop {
        let valid = match std::str::from_utf8(rest) {
            Ok(valid) => return text + valid,
            Err(error) => error.valid_up_to(),
        };
        text.push_str(std::str::from_utf8(&rest[..valid]).unwrap());
        text.push('\u{fffd}');
        rest = &rest[valid + 1..];
    }
}

/// What is written out is taken again, gives the same answers, and is written out the same.
pub(crate) fn assert_written_out(set: &FlagSet, original: &Client, context: &EvaluationContext<'_>) {
    let text = set.to_json().unwrap();
    let (again, findings) = read(text.as_bytes(), Format::Json, Mode::Lenient);
    let again = again.unwrap_or_else(|| panic!("{findings}\n{text}"));
    assert!(!findings.is_refused(), "{findings}\n{text}");
    assert_eq!(again.to_json().unwrap(), text);
    let copy = Client::builder().bytes("flags", text.clone(), Format::Json).watch(false);
    let copy = copy.build().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let (original, copy) = (original.snapshot(), copy.snapshot());
    for (key, detail) in original.evaluate_all(context) {
        let same = copy.any_detail(key, context, &Value::Null);
        // All flags are asked for by the type of their default variant; any type is fine here.
        let of_another_type = detail.error_code() == Some(ErrorCode::TypeMismatch);
        let detail = if of_another_type { original.any_detail(key, context, &Value::Null) } else { detail };
        assert_eq!(
            (detail.value(), detail.variant(), detail.reason(), detail.error_code()),
            (same.value(), same.variant(), same.reason(), same.error_code()),
            "{key}\n{text}"
        );
    }
}

/// Every flag answers in every type without a bug of ours, and its trace tells the same story.
pub(crate) fn assert_answers(snapshot: &Snapshot, context: &EvaluationContext<'_>) {
    let empty = Structure::default();
    for (key, detail) in snapshot.evaluate_all(context) {
        if detail.error_code() == Some(ErrorCode::General) {
            let message = detail.error_message().unwrap();
            assert!(!message.contains("bug of ours"), "{message}\n{context:?}");
        }
        snapshot.bool_detail(key, context, false);
        snapshot.integer_detail(key, context, 0);
        snapshot.float_detail(key, context, 0.0);
        snapshot.string_detail(key, context, "");
        snapshot.object_detail(key, context, &empty);
        let any = snapshot.any_detail(key, context, &Value::Null);
        let why = snapshot.explain(key, context);
        assert_eq!(why.replay(), why.answer(), "{key} {context:?}\n{why}");
        // A trace asks for no type, so it does not mind a null.
        if any.error_code() != Some(ErrorCode::TypeMismatch) {
            let answer = why.answer();
            assert_eq!(
                (answer.variant.as_deref(), answer.reason, answer.error_code),
                (any.variant(), any.reason(), any.error_code()),
                "{key} {context:?}\n{why}"
            );
        }
        assert!(!why.to_string().is_empty() && why.to_json().is_object());
    }
}

const GOOD: &str = r#"{"flags": {"good": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}}}"#;

/// Flags that look at attributes in every way there is.
const EVERY_OPERATOR: &str = include_str!("every_operator.json");
