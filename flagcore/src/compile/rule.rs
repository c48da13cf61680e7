//! Targeting to a program.
//!
//! A rule is walked once. What stands where a variant is wanted becomes a [`Decision`], everything else an
//! [`Expr`]. Operators over constants are applied here and now, by the code that evaluations use.

use crate::bucketing::Bucketing;
use crate::diagnostic::{Pointer, Problem, Report};
use crate::eval::operator::Operator;
use crate::eval::program::{Decision, Expr, GivenList};
use crate::model::references::REF;
use crate::model::{Kind, NodeId, References};
use crate::text::excerpt;

use super::everyday::fold_list;
use super::flag::CompiledVariant;
use super::shared::{Interner, SharedRules};

/// Compiles the rules of one flag, or one evaluator.
pub(super) struct RuleCompiler<'c> {
    pub(super) references: References<'c>,
    pub(super) bucketing: Bucketing,
    /// The flag's key and variants; none in an evaluator, which flags share.
    pub(super) flag: Option<(&'c str, &'c [CompiledVariant])>,
    pub(super) interner: &'c mut Interner,
    pub(super) shared: &'c mut SharedRules,
    pub(super) report: &'c mut Report,
    pub(super) scope: Scope,
    /// How many nodes were compiled so far.
    pub(super) nodes: u32,
    /// How many levels of nodes are around, and how many there were at most.
    pub(super) level: u32,
    pub(super) depth: u32,
    /// Variables with computed paths, for the list operators around them.
    pub(super) computed: Vec<usize>,
}

/// Where in a rule we are, as far as variables are concerned.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// How many list operators are around.
    pub(super) level: u8,
    /// The levels that variables are substituted from, outermost first.
    pub(super) substituted: Vec<u8>,
}

impl Scope {
    /// Inside of what `var` itself takes: whatever data it is looking in, and nothing else.
    pub(super) const OF_VARIABLE: Scope = Scope { level: u8::MAX, substituted: Vec::new() };

    /// Whether variables are simply those of the context.
    pub(super) fn is_context(&self) -> bool {
        self.level == 0 && self.substituted.is_empty()
    }
}

impl<'c> RuleCompiler<'c> {
    pub(super) fn new(
        references: References<'c>,
        bucketing: Bucketing,
        flag: Option<(&'c str, &'c [CompiledVariant])>,
        interner: &'c mut Interner,
        shared: &'c mut SharedRules,
        report: &'c mut Report,
    ) -> Self {
        Self {
            references,
            bucketing,
            flag,
            interner,
            shared,
            report,
            scope: Scope::default(),
            nodes: 0,
            level: 0,
            depth: 0,
            computed: Vec::new(),
        }
    }

    /// Compiles what stands under `targeting`.
    pub(super) fn targeting(&mut self, node: NodeId, at: &Pointer<'_>) -> Decision {
        self.decision(node, at)
    }

    /// Compiles what stands where a value is wanted.
    pub(super) fn expr(&mut self, node: NodeId, at: &Pointer<'_>) -> Expr {
        self.nodes += 1;
        self.level += 1;
        self.depth = self.depth.max(self.level);
        let expr = self.expr_here(node, at);
        self.level -= 1;
        expr
    }

    fn expr_here(&mut self, node: NodeId, at: &Pointer<'_>) -> Expr {
        let document = self.references.document();
        match document.kind(node) {
            Kind::List(range) => {
                let items: Vec<Expr> = document
                    .items(range)
                    .iter()
                    .enumerate()
                    .map(|(number, item)| self.expr(*item, &at.item(number)))
                    .collect();
                fold_list(items)
            }
            Kind::Object(range) => match document.members(range) {
                [member] => {
                    let operator = document.resolve(member.name);
                    if operator == REF {
                        return self.reference(node, at);
                    }
                    self.operator(operator, member.value, node, &at.member(operator))
                }
                members => {
                    let names = members.iter().take(8).map(|member| excerpt(document.resolve(member.name)));
                    let problem = match members.iter().find(|member| document.resolve(member.name) == REF) {
                        Some(reference) => {
                            let name = document.as_str(reference.value).unwrap_or("");
                            Problem::RefExtraKeys { name: excerpt(name) }
                        }
                        None => Problem::LiteralObject { names: names.collect() },
                    };
                    self.tolerate(node, at, problem);
                    self.quoted(node)
                }
            },
            _ => Expr::Constant(document.to_value(node)),
        }
    }

    fn operator(&mut self, name: &str, value: NodeId, node: NodeId, at: &Pointer<'_>) -> Expr {
        match name {
            "var" => self.var(value, at),
            "and" => self.lazy(name, GivenList::And, Expr::And, value, at),
            "or" => self.lazy(name, GivenList::Or, Expr::Or, value, at),
            "if" | "?:" => self.lazy(name, GivenList::If, Expr::If, value, at),
            "missing" => Expr::Missing(Box::new(self.expr(value, at))),
            "missing_some" => Expr::MissingSome(Box::new(self.expr(value, at))),
            "fractional" => self.fractional(value, at),
            "map" | "filter" | "reduce" | "all" | "some" | "none" => self.list_operator(name, value, at),
            _ => match Operator::of(name) {
                Some(operator) => self.eager(operator, value, at),
                None => {
                    self.tell_unknown_operator(name, node, at);
                    Expr::Fail(format!("`{}` is not an operator", excerpt(name)).into())
                }
            },
        }
    }

    pub(super) fn follow(&self, node: NodeId) -> NodeId {
        self.references.follow(node)
    }

    /// An item of a list, or the node itself where it has none such.
    pub(super) fn item(&self, node: NodeId, number: usize) -> NodeId {
        let document = self.references.document();
        match document.kind(self.follow(node)) {
            Kind::List(range) => document.items(range).get(number).copied().unwrap_or(node),
            _ => node,
        }
    }
}
