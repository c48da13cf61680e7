//! Asks for a flag in every way there is, and makes sure that all ways give one answer.

use std::ops::Deref;

use flagcore::client::Served;
use flagcore::detail::{Detail, FlagType, Flags, Metadata};
use flagcore::value::Structure;
use flagcore::{Client, ErrorCode, EvaluationContext, Reason, Selector, Snapshot, Value};

/// A flag, the type it is asked for, the caller's default, a context, and a selector if there is one.
pub(crate) struct Question<'q> {
    pub(crate) flag: &'q str,
    /// `boolean`, `string`, `integer`, `float`, `object` or `any`.
    pub(crate) asked: &'q str,
    /// Of the type that is asked for.
    pub(crate) default: &'q Value<'static>,
    pub(crate) context: &'q EvaluationContext<'q>,
    pub(crate) selector: Option<&'q Selector>,
}

/// What a flag gave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) value: Value<'static>,
    pub(crate) variant: Option<String>,
    pub(crate) reason: Reason,
    pub(crate) error: Option<ErrorCode>,
    pub(crate) metadata: Value<'static>,
}

/// One answer of all the ways to ask: client, reader, snapshot and view, by key and by handle, plain and in
/// detail.
macro_rules! in_every_way {
    ($client:ident, $question:ident, $type:ty, $plain:ident, $detail:ident, $default:expr) => {{
        let Question { flag, context, selector, .. } = *$question;
        let (snapshot, default) = ($client.snapshot(), $default);
        let viewed =
            |selector: &Selector| told(&snapshot.view(selector).detail::<$type>(flag, context, default));
        match selector {
            Some(selector) => viewed(selector),
            None => {
                let answer = told(&$client.$detail(flag, context, default));
                let handle = $client.flag(flag);
                assert_eq!(viewed(&Selector::default()), answer, "{flag}: view");
                assert_eq!(told(&snapshot.$detail(flag, context, default)), answer, "{flag}: snapshot");
                assert_eq!(told(&$client.reader().$detail(flag, context, default)), answer, "{flag}: reader");
                assert_eq!(told(&$client.$detail(handle, context, default)), answer, "{flag}: handle");
                assert_eq!($client.$plain(flag, context, default).owned(), answer.value, "{flag}: plain");
                assert_eq!(
                    $client.reader().$plain(handle, context, default).owned(),
                    answer.value,
                    "{flag}: plain, handle, reader"
                );
                answer
            }
        }
    }};
}

/// The answer to a question.
///
/// # Panics
///
/// Where two ways to ask differ, or the explanation or the answers for all flags tell another story.
pub(crate) fn ask(client: &Client, question: &Question<'_>) -> Answer {
    let default = question.default;
    let unfit = "the default is of the type that is asked for";
    let answer = match question.asked {
        "boolean" => {
            in_every_way!(client, question, bool, bool, bool_detail, default.as_bool().expect(unfit))
        }
        "string" => {
            in_every_way!(client, question, str, string, string_detail, default.as_str().expect(unfit))
        }
        "integer" => {
            let default = default.as_f64().expect(unfit) as i64;
            in_every_way!(client, question, i64, integer, integer_detail, default)
        }
        "float" => {
            in_every_way!(client, question, f64, float, float_detail, default.as_f64().expect(unfit))
        }
        "object" => {
            let default = default.as_structure().expect(unfit);
            in_every_way!(client, question, Structure<'static>, object, object_detail, default)
        }
        "any" => in_every_way!(client, question, Value<'static>, any, any_detail, default),
        other => panic!("`{other}` is no type to ask for"),
    };
    among_all(client, question, &answer);
    if question.selector.is_none() {
        explained(&client.snapshot(), question, &answer);
    }
    answer
}

/// The trace tells what the answer was, and finds it again by itself.
fn explained(snapshot: &Snapshot, question: &Question<'_>, answer: &Answer) {
    let why = snapshot.explain(question.flag, question.context);
    assert_eq!(why.replay(), why.answer(), "{why}");
    // A trace asks for no type.
    if answer.error != Some(ErrorCode::TypeMismatch) {
        let told = why.answer();
        assert_eq!(
            (told.variant, told.reason, told.error_code),
            (answer.variant.clone(), answer.reason, answer.error),
            "{why}"
        );
    }
}

fn told<T, S>(detail: &Detail<'_, T, S>) -> Answer
where
    T: FlagType + ?Sized,
    S: Deref<Target: Flags>,
    for<'a> T::Ref<'a>: Owned,
{
    assert_eq!(detail.error_code().is_some(), detail.error_message().is_some(), "each error is told");
    Answer {
        value: detail.value().owned(),
        variant: detail.variant().map(str::to_owned),
        reason: detail.reason(),
        error: detail.error_code(),
        metadata: metadata(detail.metadata()),
    }
}

/// The answer among those for all flags is the same, but for what only a question of a type can tell.
fn among_all(client: &Client, question: &Question<'_>, answer: &Answer) {
    let Question { flag, context, selector, .. } = *question;
    let all = ask_all(client, context, selector);
    let mut found = all.into_iter().filter(|(key, _)| key == flag).map(|(_, answer)| answer);
    let Some(untyped) = found.next() else {
        assert_eq!(answer.error, Some(ErrorCode::FlagNotFound), "{flag}: not among all");
        return;
    };
    // A source may hold a key in several flag sets, of which the first by name answers.
    let is_other = |other: &Answer| selector.is_some() && flag_set(other) != flag_set(&untyped);
    assert!(found.all(|other| is_other(&other)), "{flag}: twice among all");
    assert_eq!(untyped.metadata, answer.metadata, "{flag}: among all");
    if answer.error == Some(ErrorCode::TypeMismatch) {
        return;
    }
    if untyped.error == Some(ErrorCode::TypeMismatch) {
        // Among all a flag is asked for as the type of its default variant, which a targeted one may not have.
        let targeted = matches!(answer.reason, Reason::TargetingMatch | Reason::Split);
        assert!(targeted, "{flag}: {} has another type among all", answer.reason);
        assert_eq!((&untyped.variant, untyped.reason), (&answer.variant, Reason::Error), "{flag}: among all");
        return;
    }
    assert_eq!(
        (&untyped.variant, untyped.reason, untyped.error),
        (&answer.variant, answer.reason, answer.error),
        "{flag}: among all"
    );
    // Without a variant there is only the caller's default; an integer may be the part of a number.
    if answer.error.is_none() && answer.variant.is_some() && question.asked != "integer" {
        assert_eq!(untyped.value, answer.value, "{flag}: among all");
    }
}

/// The flag set that an answer is from.
fn flag_set(answer: &Answer) -> Option<&str> {
    answer.metadata.as_structure()?.get("flagSetId")?.as_str()
}

/// The answers for all flags in order, through a selector if there is one.
pub(crate) fn ask_all(
    client: &Client,
    context: &EvaluationContext<'_>,
    selector: Option<&Selector>,
) -> Vec<(String, Answer)> {
    let snapshot = client.snapshot();
    match selector {
        Some(selector) => answers(snapshot.view(selector).evaluate_all(context)),
        None => answers(snapshot.evaluate_all(context)),
    }
}

fn answers<'s, S>(
    all: impl Iterator<Item = (&'s str, Detail<'s, Value<'static>, S>)>,
) -> Vec<(String, Answer)>
where
    S: Deref<Target: Flags>,
{
    all.map(|(key, detail)| (key.to_owned(), told(&detail))).collect()
}

fn metadata(metadata: Metadata<'_>) -> Value<'static> {
    Value::structure(metadata.iter().map(|(name, value)| (name.to_owned(), value.clone())))
}

/// Whatever a getter gives, as a value of its own.
trait Owned {
    fn owned(self) -> Value<'static>;
}

macro_rules! owned {
    ($($type:ty, $value:ident => $owned:expr;)*) => {$(
        impl Owned for $type {
            fn owned(self) -> Value<'static> {
                let $value = self;
                $owned
            }
        }
    )*};
}

owned! {
    bool, value => value.into();
    i64, value => value.into();
    f64, value => value.into();
    &str, value => value.to_owned().into();
    &Structure<'static>, value => Value::Structure(value.clone());
    &Value<'static>, value => value.clone();
    Served<'_, str>, value => value.get().owned();
    Served<'_, Structure<'static>>, value => value.get().owned();
    Served<'_, Value<'static>>, value => value.get().owned();
}
