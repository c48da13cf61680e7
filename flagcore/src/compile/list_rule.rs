//! `map`, `filter`, `reduce`, `all`, `some` and `none`.
//!
//! The reference substitutes variables in a condition before it applies it to elements: `filter`, `none` and
//! `some` from the data around the operator, `all` and `some` from each element. A variable that is
//! substituted never sees anything else, and counts as if it were written in the rule.

use crate::diagnostic::Pointer;
use crate::eval::program::{Body, Each, EachKind, Expr, Subject, Var};
use crate::model::{Kind, NodeId};
use crate::value::Value;

use super::complaint::PARSE_ERROR;
use super::rule::{RuleCompiler, Scope};

impl RuleCompiler<'_> {
    pub(super) fn list_operator(&mut self, name: &str, value: NodeId, at: &Pointer<'_>) -> Expr {
        let kind = match name {
            "map" => EachKind::Map,
            "filter" => EachKind::Filter,
            "reduce" => EachKind::Reduce,
            "all" => EachKind::All,
            "some" => EachKind::Some,
            _ => EachKind::None,
        };
        let document = self.references.document();
        let value = self.follow(value);
        let Kind::List(range) = document.kind(value) else {
            self.tell_arguments(name, "takes a list of operands".to_owned(), PARSE_ERROR, value, at);
            return Expr::Fail(format!("`{name}` takes a list of operands").into());
        };
        let operands = document.items(range);
        let wanted = if kind == EachKind::Reduce { 3 } else { 2 };
        if operands.len() < wanted {
            let outcome = match kind {
                EachKind::Map | EachKind::Filter => "the answer is always an empty list",
                EachKind::Reduce => "the answer is always 0",
                _ => PARSE_ERROR,
            };
            self.tell_arguments(name, format!("takes {wanted} operands"), outcome, value, at);
            match kind {
                EachKind::Map | EachKind::Filter => return Expr::Constant(Value::list([Value::Null; 0])),
                EachKind::Reduce => return Expr::Constant(Value::Number(0.0)),
                _ => {}
            }
        }
        let [subject, rest @ ..] = operands else {
            return Expr::Fail(format!("`{name}` takes {wanted} operands").into());
        };
        let subject = self.subject(*subject, &at.item(0));
        let initial = match (kind, rest.get(1)) {
            (EachKind::Reduce, Some(initial)) => Some(self.initial(*initial, &at.item(2))),
            _ => None,
        };
        let body = rest.first().copied();
        let (body, cost, ahead) = self.list_body(kind, body, &at.item(1));
        Expr::Each(Box::new(Each { kind, subject, body, initial, cost, ahead }))
    }

    fn subject(&mut self, node: NodeId, at: &Pointer<'_>) -> Subject {
        let document = self.references.document();
        // A reference is replaced before anything is looked at, so a list behind one counts as written.
        let target = self.follow(node);
        match document.kind(target) {
            Kind::List(_) => Subject::Written(self.quoted(target)),
            Kind::Object(_) => match document.only_member(target) {
                Some(("var", member)) if !self.scope.substituted.is_empty() => {
                    Subject::Variable(self.variable(member.value, &at.member("var")))
                }
                _ => Subject::Computed(self.expr(node, at)),
            },
            _ => Subject::Nothing,
        }
    }

    /// What `reduce` starts with: a rule is applied, anything else is taken as it is.
    fn initial(&mut self, node: NodeId, at: &Pointer<'_>) -> Expr {
        let document = self.references.document();
        match document.kind(self.follow(node)) {
            Kind::Object(_) => self.expr(node, at),
            Kind::List(_) | Kind::Null => {
                let found = "starts with something that is no boolean, number or text".to_owned();
                self.tell_arguments("reduce", found, PARSE_ERROR, node, at);
                Expr::Fail("`reduce` starts with a boolean, a number or a text".into())
            }
            _ => Expr::Constant(document.to_value(self.follow(node))),
        }
    }

    fn list_body(
        &mut self,
        kind: EachKind,
        node: Option<NodeId>,
        at: &Pointer<'_>,
    ) -> (Body, u32, Box<[Var]>) {
        let Some(node) = node else {
            return (Body::Value(Expr::Constant(Value::Null)), 1, Box::new([]));
        };
        let outer = self.scope.clone();
        self.scope = inner_scope(&outer, kind);
        let (nodes, computed) = (self.nodes, std::mem::take(&mut self.computed));
        let body = self.body_in_scope(kind, node, at);
        let cost = (self.nodes - nodes).max(1);
        let inside = std::mem::replace(&mut self.computed, computed);
        let ahead = self.ahead(kind, &outer, node, !inside.is_empty());
        self.computed.extend(inside);
        self.scope = outer;
        (body, cost, ahead)
    }

    fn body_in_scope(&mut self, kind: EachKind, node: NodeId, at: &Pointer<'_>) -> Body {
        let document = self.references.document();
        let target = self.follow(node);
        let applies = !matches!(kind, EachKind::Map | EachKind::Filter);
        match document.kind(target) {
            Kind::Object(_) => match document.only_member(target) {
                Some(("var", member)) if applies && !self.scope.substituted.is_empty() => {
                    Body::Variable(self.variable(member.value, &at.member("var")))
                }
                _ => Body::Rule(self.expr(node, at)),
            },
            _ if applies => {
                let found = "takes a rule for its elements, not a plain value".to_owned();
                self.tell_arguments(kind.name(), found, PARSE_ERROR, node, at);
                Body::Value(Expr::Constant(Value::Null))
            }
            _ => Body::Value(self.expr(node, at)),
        }
    }

    /// The variables of a body that are substituted when the operator begins, or at each element, and whose
    /// substitution may fail.
    fn ahead(&mut self, kind: EachKind, outer: &Scope, body: NodeId, any: bool) -> Box<[Var]> {
        if !any {
            return Box::new([]);
        }
        let levels: &[u8] = match kind {
            EachKind::Map | EachKind::Reduce => return Box::new([]),
            EachKind::Filter | EachKind::None => &[outer.level],
            EachKind::All => &[self.scope.level],
            EachKind::Some => &[outer.level, self.scope.level],
        };
        let mut ahead = Vec::new();
        let inner = self.scope.clone();
        for level in levels {
            // As if the variables stood right here, substituted up to this level.
            let known = inner.substituted.iter().position(|known| known == level).map_or(0, |at| at + 1);
            self.scope =
                Scope { level: *level, substituted: inner.substituted.iter().take(known).copied().collect() };
            let mut vars = Vec::new();
            self.computed_variables(body, &mut vars);
            ahead.extend(vars);
        }
        self.scope = inner;
        ahead.into_boxed_slice()
    }

    /// All variables with computed paths below a node. What is found about them was told already.
    fn computed_variables(&mut self, node: NodeId, vars: &mut Vec<Var>) {
        let document = self.references.document();
        let node = self.follow(node);
        for member in document.members_of(node) {
            if document.resolve(member.name) == "var" {
                let simple = match document.kind(self.follow(member.value)) {
                    Kind::String(_) | Kind::Number(_) | Kind::Null => true,
                    Kind::List(range) => {
                        document.items(range).first().is_none_or(|first| document.as_str(*first).is_some())
                            && document.items(range).len() < 2
                    }
                    _ => false,
                };
                if !simple && self.may_compile_ahead() {
                    let nodes = self.nodes;
                    let var = self.silently(|rules| rules.variable(member.value, &Pointer::ROOT));
                    self.compiled_ahead(self.nodes - nodes);
                    vars.push(var);
                }
            } else {
                self.computed_variables(member.value, vars);
            }
        }
        if let Kind::List(range) = document.kind(node) {
            for item in document.items(range) {
                self.computed_variables(*item, vars);
            }
        }
    }
}

fn inner_scope(outer: &Scope, kind: EachKind) -> Scope {
    let level = outer.level.saturating_add(1);
    let added: &[u8] = match kind {
        EachKind::Map | EachKind::Reduce => &[],
        EachKind::Filter | EachKind::None => &[outer.level],
        EachKind::All => &[level],
        EachKind::Some => &[outer.level, level],
    };
    let mut substituted = outer.substituted.clone();
    substituted.extend(added.iter().filter(|added| !outer.substituted.contains(added)));
    Scope { level, substituted }
}
