//! The reference's recorded evaluations, and our answers in the same form.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use flagcore::detail::{Detail, FlagType, Metadata};
use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::Limits;
use flagcore::value::Structure;
use flagcore::{ErrorCode, EvaluationContext, Snapshot, Value};

/// A line of the recordings.
pub(crate) enum Case {
    /// A flag configuration, as it was written.
    Config { id: String, text: String },
    /// A question and its answer.
    Question(Value<'static>),
}

impl Case {
    /// Reads a line with our own reader: there are texts in it that `serde_json` refuses.
    pub(crate) fn read(line: &str) -> Self {
        let source: Arc<str> = "case".into();
        let mut report = Report::new(source.clone(), Mode::Lenient);
        let document = flagcore::parse::json::parse(source, line.as_bytes(), &Limits::default(), &mut report);
        let document = document.unwrap_or_else(|| panic!("{}", report.finish(line)));
        let member = |name: &str| {
            let members = document.members_of(document.root());
            members.iter().find(|member| document.resolve(member.name) == name).map(|member| member.value)
        };
        match member("config") {
            Some(config) => Case::Config {
                id: document.as_str(member("id").unwrap()).unwrap().to_owned(),
                text: document.text()[document.span(config).range()].to_owned(),
            },
            None => Case::Question(document.to_value(document.root())),
        }
    }
}

/// The lines of a recording.
pub(crate) fn lines(path: &Path) -> impl Iterator<Item = std::io::Result<String>> {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    BufReader::new(flate2::read::GzDecoder::new(file)).lines()
}

/// A context as it was recorded. To the reference one that is no object is an empty one.
pub(crate) fn context_of<'v>(recorded: &'v Value<'static>) -> EvaluationContext<'v> {
    let mut context = EvaluationContext::empty();
    if let Some(members) = recorded.as_structure() {
        context.extend(members.iter().map(|(name, value)| (name, value.clone())));
    }
    context
}

/// The answer for one flag: value, variant, reason, errorCode, metadata.
pub(crate) fn answer_of(
    snapshot: &Snapshot,
    key: &str,
    asked: &str,
    context: &EvaluationContext<'_>,
) -> Value<'static> {
    let empty = Structure::default();
    match asked {
        "boolean" => answer(&snapshot.bool_detail(key, context, false), Value::from),
        "string" => answer(&snapshot.string_detail(key, context, ""), |text| Value::from(text.to_owned())),
        "integer" => answer(&snapshot.integer_detail(key, context, 0), Value::from),
        "float" => answer(&snapshot.float_detail(key, context, 0.0), Value::from),
        "object" => {
            answer(&snapshot.object_detail(key, context, &empty), |object| Value::Structure(object.clone()))
        }
        "any" => answer(&snapshot.any_detail(key, context, &Value::Null), Value::clone),
        other => panic!("unknown type {other}"),
    }
}

/// The answers for all flags, by key, as the reference's wire tells them.
pub(crate) fn bulk_answers(snapshot: &Snapshot, context: &EvaluationContext<'_>) -> Value<'static> {
    Value::structure(snapshot.evaluate_all(context).map(|(key, detail)| {
        let found = answer(&detail, Value::clone);
        // The wire tells of an error only its code, and knows no other for a wrong type.
        let told = match detail.error_code() {
            None => found,
            Some(code) => {
                let code = if code == ErrorCode::TypeMismatch { ErrorCode::General } else { code };
                let metadata = structure(&found).get("metadata").cloned().unwrap();
                Value::structure([("errorCode", Value::from(code.as_str())), ("metadata", metadata)])
            }
        };
        (key.to_owned(), told)
    }))
}

fn answer<'d, T: FlagType + ?Sized>(
    detail: &Detail<'d, T, &Snapshot>,
    owned: impl for<'a> Fn(T::Ref<'a>) -> Value<'static>,
) -> Value<'static> {
    let mut answer = Vec::new();
    if detail.error_code().is_none() && detail.variant().is_some() {
        answer.push(("value", owned(detail.value())));
    }
    // The reference's record leaves an empty name out.
    if let Some(variant) = detail.variant().filter(|variant| !variant.is_empty()) {
        answer.push(("variant", Value::from(variant.to_owned())));
    }
    answer.push(("reason", Value::from(detail.reason().as_str())));
    if let Some(code) = detail.error_code() {
        answer.push(("errorCode", Value::from(code.as_str())));
    }
    answer.push(("metadata", metadata(detail.metadata())));
    Value::structure(answer)
}

fn metadata(metadata: Metadata<'_>) -> Value<'static> {
    Value::structure(metadata.iter().map(|(name, value)| (name.to_owned(), value.clone())))
}

/// The members of a value that is a structure.
pub(crate) fn structure<'v, 'a>(value: &'v Value<'a>) -> &'v Structure<'a> {
    value.as_structure().unwrap_or_else(|| panic!("{value} is no structure"))
}

/// A text of a structure.
pub(crate) fn text<'v>(members: &'v Structure<'_>, name: &str) -> &'v str {
    members.get(name).and_then(Value::as_str).unwrap_or("")
}

/// A structure without one of its members.
pub(crate) fn without(value: &Value<'_>, name: &str) -> Value<'static> {
    let members = structure(value).iter().filter(|(known, _)| *known != name);
    Value::structure(members.map(|(name, value)| (name.to_owned(), value.clone().into_owned())))
}
