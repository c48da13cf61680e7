//! `$ref`: an evaluator is compiled once for all flags, and again where variables mean other things.

use std::sync::Arc;

use crate::diagnostic::{Pointer, Problem};
use crate::eval::program::{Expr, Shared};
use crate::model::NodeId;
use crate::model::references::REF;
use crate::text::excerpt;

use super::complaint::PARSE_ERROR;
use super::rule::RuleCompiler;
use super::shared::SharedRule;

impl RuleCompiler<'_> {
    pub(super) fn reference(&mut self, node: NodeId, at: &Pointer<'_>) -> Expr {
        match self.references.reference(node) {
            Some((name, Some(target))) => {
                if self.scope.is_context() {
                    let shared = self.shared(name);
                    self.depth = self.depth.max(self.level + shared.depth);
                    return Expr::Shared(shared);
                }
                // Inside of a list operator variables mean other things, so the rule is compiled again there.
                let at = Pointer::ROOT;
                let at = at.member("$evaluators");
                self.expr(target, &at.member(name))
            }
            // A loop is told of where it stands, once.
            Some((name, None)) if self.references.closes_loop(node) => {
                Expr::Fail(format!("evaluator `{}` leads back to itself", excerpt(name)).into())
            }
            Some((name, None)) => {
                let known = self.references.evaluators().first_names().to_vec();
                self.tolerate(node, at, Problem::RefMissing { name: excerpt(name), known });
                Expr::Fail(format!("there is no evaluator `{}`", excerpt(name)).into())
            }
            None => {
                let found = "names its evaluator by something that is not a text".to_owned();
                self.tell_arguments(REF, found, PARSE_ERROR, node, at);
                Expr::Fail("`$ref` does not name an evaluator".into())
            }
        }
    }

    /// An evaluator, compiled once for all flags.
    pub(super) fn shared(&mut self, name: &str) -> SharedRule {
        if let Some(shared) = self.shared.by_name.get(name) {
            return shared.clone();
        }
        let mut inner =
            RuleCompiler::new(self.references, self.bucketing, None, self.interner, self.shared, self.report);
        let at = Pointer::ROOT;
        let at = at.member("$evaluators");
        let rule = match inner.references.evaluators().get(name) {
            Some(node) => inner.expr(node, &at.member(name)),
            None => Expr::Fail("there is no such evaluator".into()),
        };
        let depth = inner.depth;
        let shared = Arc::new(Shared { name: name.into(), rule, depth });
        self.shared.by_name.insert(name.into(), shared.clone());
        shared
    }

    /// Whether more may be compiled to be looked up ahead; what nests doubles at each level.
    pub(super) fn may_compile_ahead(&self) -> bool {
        !self.shared.is_exhausted()
    }

    /// Counts nodes that were compiled to be looked up ahead.
    pub(super) fn compiled_ahead(&mut self, nodes: u32) {
        self.shared.ahead = self.shared.ahead.saturating_add(nodes).saturating_add(1);
    }
}
