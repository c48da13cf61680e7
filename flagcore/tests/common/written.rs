//! Questions and answers as test data writes them; `flags/conformance/README.md` explains the form.

use flagcore::{Client, EvaluationContext, Selector, Value};

use super::ask::{Answer, Question, ask, ask_all};
use super::data::Node;

/// Asks what is written, and compares the answer with the one that is written.
pub(crate) fn check(client: &Client, case: Node<'_>) -> Result<(), String> {
    let context = case.get("context").map_or_else(EvaluationContext::empty, Node::context);
    let selector: Option<Selector> = case.get("selector").map(|text| text.text().parse().unwrap());
    if case.get("all").is_some_and(Node::is_true) {
        let found: Vec<String> = ask_all(client, &context, selector.as_ref())
            .into_iter()
            .map(|(key, answer)| format!("{key}: {}", told(&answer)))
            .collect();
        let wanted: Vec<String> = case
            .at("expect")
            .items()
            .map(|item| format!("{}: {}", item.at("flag").text(), expected(item)))
            .collect();
        return same(wanted.join("\n    "), found.join("\n    "));
    }
    let default = case.at("default").value();
    let asked = case.at("type").text();
    let question = Question {
        flag: case.at("flag").text(),
        asked,
        default: &default,
        context: &context,
        selector: selector.as_ref(),
    };
    same(expected(case.at("expect")), told(&ask(client, &question)))
}

/// Both texts, where they differ.
pub(crate) fn same(wanted: String, found: String) -> Result<(), String> {
    if wanted == found { Ok(()) } else { Err(format!("\n    {wanted}\n  found\n    {found}")) }
}

/// An answer as a text, which tells apart all that differs: `-0` from `0`, `1` from `"1"`.
fn told(answer: &Answer) -> String {
    let Answer { value, variant, reason, error, metadata } = answer;
    let error = error.map_or("", |code| code.as_str());
    format!("{value} {variant:?} {reason} {error} {metadata}")
}

/// The answer that is written, as the same text. Where no value is given there is none.
fn expected(expect: Node<'_>) -> String {
    expect.only(&["flag", "value", "variant", "reason", "errorCode", "metadata"]);
    let value = expect.get("value").map_or(Value::Null, Node::value);
    let variant = expect.get("variant").map(|name| name.text().to_owned());
    let error = expect.get("errorCode").map_or("", Node::text);
    let metadata = expect.get("metadata").map_or_else(|| "{}".to_owned(), |it| it.value().to_string());
    format!("{value} {variant:?} {} {error} {metadata}", expect.at("reason").text())
}
