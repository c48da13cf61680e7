//! Every recorded evaluation of the reference: typed answers and metadata must be the same.
//!
//! The cases are in the folder that `FLAGD_REFERENCE` names: flag configurations, each followed by contexts
//! and what the reference answered. The only differences accepted are those of the project's own choice.

mod common;

use common::cases::{answer_of, bulk_answers, context_of, structure, text};
use common::verdict::{Tally, each_case};
use flagcore::model::Format;
use flagcore::{Client, ErrorCode, EvaluationContext, Snapshot, Value};

#[test]
fn every_case_of_the_reference_agrees() {
    let Some(folder) = common::suite("FLAGD_REFERENCE") else { return };
    let mut tally = Tally::default();
    let load = |id: &str, text: &str| {
        let loaded = Client::from_bytes(text, Format::Json);
        loaded.unwrap_or_else(|error| panic!("{id}: {error}"))
    };
    each_case(&folder, load, |client, recorded| {
        let (case, snapshot) = (structure(recorded), client.snapshot());
        let context = context_of(case.get("context").unwrap());
        let (key, asked) = (text(case, "flag"), text(case, "type"));
        let found = if asked == "all" {
            bulk_answers(&snapshot, &context)
        } else {
            assert_explained(&snapshot, key, &context);
            answer_of(&snapshot, key, asked, &context)
        };
        tally.record(recorded, &found);
    });
    tally.assert_complete();
}

/// The trace tells the same story, and finds the answer again.
fn assert_explained(snapshot: &Snapshot, key: &str, context: &EvaluationContext<'_>) {
    let detail = snapshot.any_detail(key, context, &Value::Null);
    let why = snapshot.explain(key, context);
    // Asking for any type only fails for a null, which a trace does not ask for.
    if detail.error_code() != Some(ErrorCode::TypeMismatch) {
        let answer = why.answer();
        assert_eq!(
            (answer.variant.as_deref(), answer.reason, answer.error_code),
            (detail.variant(), detail.reason(), detail.error_code()),
            "{key} {context:?}\n{why}"
        );
    }
    assert_eq!(why.replay(), why.answer(), "{key} {context:?}\n{why}\n{:#}", why.to_json());
}
