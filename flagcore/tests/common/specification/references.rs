//! `$ref`: a rule written once and used in many places (§1.4).

use std::collections::{BTreeMap, BTreeSet};

use super::json::{Json, quote};

type Evaluators = BTreeMap<String, Json>;

/// The tree with every reference replaced by what it names, at any depth.
///
/// One that names nothing stays what it is, an operation `$ref` that nobody knows. So do references among
/// evaluators that lead back to themselves (O3).
pub(crate) fn expand(tree: &Json, evaluators: &Evaluators) -> Json {
    expand_in(tree, None, evaluators)
}

/// The same of a tree that stands inside of an evaluator.
fn expand_in(tree: &Json, inside: Option<&str>, evaluators: &Evaluators) -> Json {
    if let Some(name) = reference(tree, evaluators) {
        let leads_back = inside.is_some_and(|inside| reached(name, evaluators).contains(inside));
        return if leads_back { tree.clone() } else { expand_in(&evaluators[name], Some(name), evaluators) };
    }
    match tree {
        Json::List(items) => {
            Json::List(items.iter().map(|item| expand_in(item, inside, evaluators)).collect())
        }
        Json::Object(members) => Json::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), expand_in(value, inside, evaluators)))
                .collect(),
        ),
        scalar => scalar.clone(),
    }
}

/// The evaluator that a tree refers to. The reference looks for `{"$ref":"name"}` in encoded text, so a name
/// that is written with an escape is never found.
fn reference<'t>(tree: &'t Json, evaluators: &Evaluators) -> Option<&'t str> {
    let (word, name) = tree.as_rule()?;
    let name = name.as_text()?;
    let found = word == "$ref" && evaluators.contains_key(name) && quote(name) == format!("\"{name}\"");
    found.then_some(name)
}

/// The evaluators that one is made of, however indirectly, itself included.
fn reached<'e>(name: &'e str, evaluators: &'e Evaluators) -> BTreeSet<&'e str> {
    let mut reached = BTreeSet::from([name]);
    let mut pending = vec![&evaluators[name]];
    while let Some(tree) = pending.pop() {
        if let Some(name) = reference(tree, evaluators) {
            if reached.insert(name) {
                pending.push(&evaluators[name]);
            }
            continue;
        }
        match tree {
            Json::List(items) => pending.extend(items),
            Json::Object(members) => pending.extend(members.values()),
            _ => {}
        }
    }
    reached
}
