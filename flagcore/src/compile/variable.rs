//! `var`: a path of the context where it can be, else the general form with the levels of data to look in.

use crate::diagnostic::Pointer;
use crate::eval::program::{Expr, Var, VarPath};
use crate::model::{Kind, NodeId};
use crate::number;
use crate::path::{self, Segment};
use crate::value::Value;

use super::complaint::PARSE_ERROR;
use super::everyday::fold_list;
use super::rule::{RuleCompiler, Scope};

impl RuleCompiler<'_> {
    /// `var`.
    pub(super) fn var(&mut self, value: NodeId, at: &Pointer<'_>) -> Expr {
        if !self.scope.is_context() {
            return Expr::Var(Box::new(self.variable(value, at)));
        }
        let document = self.references.document();
        let plain = match document.kind(value) {
            Kind::String(text) => Some((document.resolve(text).to_owned(), None)),
            Kind::Number(number) => Some((plain_number(number), None)),
            Kind::List(range) => match document.items(range) {
                [path] => document.as_str(*path).map(|path| (path.to_owned(), None)),
                [path, default] => match document.kind(*default) {
                    Kind::List(_) | Kind::Object(_) => None,
                    _ => document
                        .as_str(*path)
                        .map(|path| (path.to_owned(), Some(document.to_value(*default)))),
                },
                _ => None,
            },
            _ => None,
        };
        let Some((path, default)) = plain.filter(|(path, _)| path::names(path).next().is_some()) else {
            return Expr::Var(Box::new(self.variable(value, at)));
        };
        match (path::names(&path).collect::<Vec<_>>().as_slice(), &default) {
            (["$flagd", "flagKey"], _) => {
                return match self.flag {
                    Some((key, _)) => Expr::Constant(Value::from(key.to_owned())),
                    None => Expr::FlagKey,
                };
            }
            (["$flagd", "timestamp"], _) => return Expr::Timestamp,
            // What else the evaluation itself knows is rarely asked for.
            (["$flagd", ..], _) => return Expr::Var(Box::new(self.variable(value, at))),
            _ => {}
        }
        let path = self.interner.path(&path);
        match default {
            None | Some(Value::Null) => Expr::Attribute(path),
            Some(default) => Expr::AttributeOr(Box::new((path, default))),
        }
    }

    /// `var` in its general form, with the levels of data it is looked up in.
    pub(super) fn variable(&mut self, value: NodeId, at: &Pointer<'_>) -> Var {
        let document = self.references.document();
        let (mut default, mut substitutable, mut computed) = (None, true, false);
        let scope = self.scope.clone();
        if !scope.is_context() {
            self.scope = Scope::OF_VARIABLE;
        }
        let path = match document.kind(self.follow(value)) {
            Kind::String(text) => {
                let path = document.resolve(text);
                // The element itself and what is named relative to it are never substituted.
                substitutable = !path.is_empty() && !path.starts_with('.');
                if path.is_empty() { VarPath::Whole } else { VarPath::Path(segments(path)) }
            }
            Kind::Number(number) => VarPath::Path(segments(&plain_number(number))),
            Kind::Null => VarPath::Unnamed,
            Kind::Bool(_) => {
                let found = "takes the name of an attribute".to_owned();
                self.tell_arguments("var", found, PARSE_ERROR, value, at);
                VarPath::Invalid("`var` takes the name of an attribute".into())
            }
            Kind::List(range) => match document.items(range) {
                [] => VarPath::Whole,
                [path] | [path, _] if document.as_str(*path).is_some() => {
                    if let [_, fallback] = document.items(range) {
                        default = Some(self.expr(*fallback, &at.item(1)));
                    }
                    VarPath::Path(segments(document.as_str(*path).unwrap_or("")))
                }
                items => {
                    computed = true;
                    let items = items.iter().enumerate();
                    VarPath::List(items.map(|(number, item)| self.expr(*item, &at.item(number))).collect())
                }
            },
            Kind::Object(_) => {
                computed = true;
                VarPath::Computed(self.expr(value, at))
            }
        };
        self.scope = scope;
        if computed || matches!(path, VarPath::Invalid(_)) {
            self.computed.push(value.index());
        }
        let level = self.scope.level;
        let mut levels = if substitutable { self.scope.substituted.clone() } else { Vec::new() };
        let then_evaluated = levels.last() != Some(&level);
        if then_evaluated {
            levels.push(level);
        }
        Var { path, default, levels: levels.into_boxed_slice(), then_evaluated }
    }

    /// A plain value as it is written, with the substitutions that a condition around it makes.
    pub(super) fn quoted(&mut self, node: NodeId) -> Expr {
        let document = self.references.document();
        if self.scope.substituted.is_empty() {
            return Expr::Constant(self.references.to_value(node));
        }
        let node = self.follow(node);
        match document.kind(node) {
            Kind::List(range) => {
                fold_list(document.items(range).iter().map(|item| self.quoted(*item)).collect())
            }
            Kind::Object(range) => {
                let members = document.members(range);
                let mut parts: Vec<(Box<str>, Expr)> = members
                    .iter()
                    .map(|member| (document.resolve(member.name).into(), self.quoted(member.value)))
                    .collect();
                parts.sort_by(|(a, _), (b, _)| a.cmp(b));
                let plain = if parts.iter().all(|(_, part)| matches!(part, Expr::Constant(_))) {
                    Expr::Constant(self.references.to_value(node))
                } else {
                    Expr::Structure(parts.into_boxed_slice())
                };
                match members.iter().find(|member| document.resolve(member.name) == "var") {
                    Some(member) => self.substituted_or(member.value, plain),
                    None => plain,
                }
            }
            _ => Expr::Constant(document.to_value(node)),
        }
    }

    /// A variable where it is substituted, else a plain value.
    fn substituted_or(&mut self, variable: NodeId, plain: Expr) -> Expr {
        let at = Pointer::ROOT;
        let mut var = self.variable(variable, &at);
        if var.then_evaluated {
            // Only the substitution is wanted: what is left over stays as it is written.
            let mut levels = var.levels.into_vec();
            levels.pop();
            (var.levels, var.then_evaluated) = (levels.into_boxed_slice(), false);
        }
        if var.levels.is_empty() {
            return plain;
        }
        Expr::SubstituteOr(Box::new((var, plain)))
    }
}

fn segments(path: &str) -> Box<[Segment]> {
    path::names(path).map(Segment::new).collect()
}

fn plain_number(number: f64) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = number::write_plain(&mut text, number);
    text
}
