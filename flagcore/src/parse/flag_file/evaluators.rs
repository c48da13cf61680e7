//! `$evaluators`: rules that others refer to by name.

use crate::diagnostic::{Place, Pointer, Problem, Report};
use crate::model::references::Evaluators;
use crate::model::{Document, Format, Kind, Member, NodeId};
use crate::text::excerpt;

use super::words::is_word;

/// Evaluators come first: a reference may stand anywhere else. Also whether all of them could be read; if not,
/// references to them say nothing.
pub(super) fn read_evaluators(document: &Document, report: &mut Report) -> Option<(Evaluators, bool)> {
    let Kind::Object(root) = document.kind(document.root()) else {
        let found = document.kind(document.root()).name();
        let problem =
            Problem::WrongType { what: "the document".into(), found, wanted: "an object with `flags`" };
        report.refuse(Place::new(document.span(document.root()), Pointer::ROOT), problem);
        return None;
    };
    let mut named: Vec<(&str, NodeId)> = Vec::new();
    let mut readable = true;
    for member in document.members(root) {
        let word = document.resolve(member.name);
        if !is_word(word, "$evaluators") {
            continue;
        }
        let pointer = Pointer::ROOT.member(word);
        match document.kind(member.value) {
            Kind::Object(range) => {
                for evaluator in document.members(range) {
                    check_evaluator(document, evaluator, &pointer, report);
                    named.push((document.resolve(evaluator.name), evaluator.value));
                }
            }
            Kind::Null => named.clear(),
            other => {
                readable = false;
                let problem = Problem::WrongType {
                    what: "`$evaluators`".into(),
                    found: other.name(),
                    wanted: "an object of rules",
                };
                report.refuse(Place::new(document.span(member.value), pointer), problem);
            }
        }
    }
    let evaluators = Evaluators::new(document, named);
    for names in evaluators.loops() {
        // Told at the first evaluator of the loop.
        let node = names.first().and_then(|name| evaluators.get(name)).unwrap_or(document.root());
        let at = Pointer::ROOT;
        let (at, name) = (at.member("$evaluators"), names.first().map_or("", String::as_str));
        report.tolerate(
            Place::new(document.span(node), at.member(name)),
            Problem::RefCycle { names: names.clone() },
        );
    }
    Some((evaluators, readable))
}

fn check_evaluator(document: &Document, evaluator: &Member, pointer: &Pointer<'_>, report: &mut Report) {
    let name = document.resolve(evaluator.name);
    let span = document.span(evaluator.value);
    if is_too_short(document, evaluator.value) {
        let problem = Problem::EmptyEvaluator { name: excerpt(name) };
        report.refuse(Place::new(span, pointer.member(name)), problem);
    }
    if !crate::text::is_plain(name) {
        let problem = Problem::EvaluatorName { name: excerpt(name) };
        report.tolerate(Place::new(evaluator.name_span, pointer.member(name)), problem);
    }
}

/// Whether the reference refuses an evaluator as empty: one of fewer than three bytes as JSON, such as `{}`, `[]`,
/// `""` and `1`.
pub(crate) fn is_too_short(document: &Document, node: NodeId) -> bool {
    json_bytes(document, node) < 3
}

/// How many bytes an evaluator has as JSON, as far as it matters. JSON counts as written, YAML as it is turned
/// into JSON.
fn json_bytes(document: &Document, node: NodeId) -> usize {
    let span = document.span(node);
    if document.format() == Format::Json {
        return (span.end - span.start) as usize;
    }
    match document.kind(node) {
        Kind::Null => 4,
        Kind::Bool(_) => 4,
        Kind::Number(number) => crate::value::Value::Number(number).to_string().len(),
        Kind::String(text) => document.resolve(text).len() + 2,
        Kind::List(range) => document.items(range).len() * 2 + 2,
        Kind::Object(range) => document.members(range).len() * 5 + 2,
    }
}
