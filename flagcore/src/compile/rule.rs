//! Targeting to a program.
//!
//! A rule is walked once. What stands where a variant is wanted becomes a [`Decision`], everything else an
//! [`Expr`]. Operators over constants are applied here and now, by the code that evaluations use.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bucketing::Bucketing;
use crate::context::{Needle, TARGETING_KEY};
use crate::diagnostic::{Place, Pointer, Problem, Report};
use crate::eval::operand::Operand;
use crate::eval::operator::Operator;
use crate::eval::program::{
    Arm, AttributePath, Check, Choice, Comparison, Decision, Expr, GivenList, Root, Shared, Test, TextSet,
    Var, VarPath, VersionRule,
};
use crate::eval::scratch::Scratch;
use crate::limits;
use crate::model::references::REF;
use crate::model::{Kind, NodeId, References};
use crate::number;
use crate::path::{self, Segment};
use crate::text::{WithoutQuotes, excerpt};
use crate::value::Value;
use crate::version::{Version, VersionTest};

use super::flag::{CompiledVariant, find_variant};
use super::set::SharedRule;

/// Paths into contexts, each once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    paths: HashMap<Box<str>, Arc<AttributePath>>,
}

/// Evaluators that are compiled already.
#[derive(Debug, Default)]
pub(super) struct SharedRules {
    by_name: HashMap<Box<str>, SharedRule>,
    /// How many nodes were compiled again to be looked up ahead.
    ahead: u32,
}

impl SharedRules {
    /// Whether list operators inside of each other asked for more than is compiled.
    pub(super) fn is_exhausted(&self) -> bool {
        self.ahead > limits::AHEAD_NODES
    }
}

/// Compiles the rules of one flag, or one evaluator.
pub(super) struct RuleCompiler<'c> {
    pub(super) references: References<'c>,
    pub(super) bucketing: Bucketing,
    /// The flag's key and variants; none in an evaluator, which flags share.
    pub(super) flag: Option<(&'c str, &'c [CompiledVariant])>,
    interner: &'c mut Interner,
    shared: &'c mut SharedRules,
    pub(super) report: &'c mut Report,
    pub(super) scope: Scope,
    /// How many nodes were compiled so far.
    pub(super) nodes: u32,
    /// How many levels of nodes are around, and how many there were at most.
    level: u32,
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
    const OF_VARIABLE: Scope = Scope { level: u8::MAX, substituted: Vec::new() };

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

    /// Compiles what stands where a variant is wanted.
    fn decision(&mut self, node: NodeId, at: &Pointer<'_>) -> Decision {
        let document = self.references.document();
        if let Some((operator, member)) = document.only_member(node) {
            let inner = at.member(operator);
            match operator {
                "if" | "?:" => {
                    if let Kind::List(range) = document.kind(self.follow(member.value)) {
                        return self.chain(document.items(range), &inner);
                    }
                }
                "fractional" => {
                    if let Some(decision) = self.split_decision(member.value, &inner) {
                        return decision;
                    }
                }
                _ => {}
            }
        }
        let expr = self.expr(node, at);
        match &expr {
            Expr::Constant(value) => self.constant_decision(value, node, at).unwrap_or(Decision::Named(expr)),
            _ => Decision::Named(expr),
        }
    }

    /// `None` where a constant has no JSON text, which is an error when reached.
    fn constant_decision(
        &mut self,
        value: &Value<'static>,
        node: NodeId,
        at: &Pointer<'_>,
    ) -> Option<Decision> {
        let choice = self.choice(value)?;
        if choice == Choice::Unknown {
            self.tell_unknown_variant(value, node, at);
        }
        Some(Decision::Give(choice))
    }

    /// The variant that a constant names.
    pub(super) fn choice(&self, value: &Value<'static>) -> Option<Choice> {
        if value.is_null() {
            return Some(Choice::Default);
        }
        let mut name = String::new();
        Operand::from(value).write_json(&mut WithoutQuotes(&mut name)).ok()?;
        let (_, variants) = self.flag?;
        Some(find_variant(variants, &name).map_or(Choice::Unknown, Choice::Variant))
    }

    pub(super) fn tell_unknown_variant(&mut self, value: &Value<'static>, node: NodeId, at: &Pointer<'_>) {
        /// More names than this are not listed.
        const MOST: usize = 64;
        let Some((flag, variants)) = self.flag else { return };
        // What a flag without variants lacks, and what an object that is no rule is, was told already.
        if variants.is_empty() || matches!(value, Value::Structure(_)) {
            return;
        }
        let mut found = String::new();
        // A string takes all that is written.
        let _ = Operand::from(value).write_json(&mut WithoutQuotes(&mut found));
        let problem = Problem::UnknownVariant {
            flag: excerpt(flag),
            found: excerpt(&found),
            known: variants.iter().take(MOST).map(|variant| excerpt(&variant.name)).collect(),
        };
        self.tolerate(node, at, problem);
    }

    fn chain(&mut self, operands: &[NodeId], at: &Pointer<'_>) -> Decision {
        let mut arms = Vec::with_capacity(operands.len() / 2);
        let mut rest = operands;
        let mut number = 0;
        let mut otherwise = Decision::Give(Choice::Default);
        loop {
            match rest {
                [] => break,
                [last] => {
                    otherwise = self.decision(*last, &at.item(number));
                    break;
                }
                [condition, outcome, more @ ..] => {
                    let when = self.expr(*condition, &at.item(number));
                    let then = self.decision(*outcome, &at.item(number + 1));
                    arms.push(Arm { when, then });
                    rest = more;
                    number += 2;
                }
            }
        }
        // A condition that is the same for everyone needs no look.
        arms.retain(|arm| !matches!(&arm.when, Expr::Constant(value) if !Operand::from(value).is_truthy()));
        if let Some(certain) = arms.iter().position(|arm| matches!(arm.when, Expr::Constant(_))) {
            arms.truncate(certain + 1);
            if let Some(arm) = arms.pop() {
                otherwise = arm.then;
            }
        }
        if arms.is_empty() {
            return otherwise;
        }
        if let ([Arm { then: Decision::Give(then), .. }], Decision::Give(otherwise)) =
            (arms.as_slice(), &otherwise)
            && let (then, otherwise) = (*then, *otherwise)
            && let Some(arm) = arms.pop()
        {
            return Decision::Either { when: arm.when, then, otherwise };
        }
        Decision::Chain { arms: arms.into_boxed_slice(), otherwise: Box::new(otherwise) }
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

    fn reference(&mut self, node: NodeId, at: &Pointer<'_>) -> Expr {
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
                    let problem = Problem::UnknownOperator { found: excerpt(name), known: operator_names() };
                    let document = self.references.document();
                    let word = document.only_member(node).map(|(_, member)| member.name_span);
                    let place = Place::new(word.unwrap_or(document.span(node)), *at);
                    self.report.tolerate(place, problem);
                    Expr::Fail(format!("`{}` is not an operator", excerpt(name)).into())
                }
            },
        }
    }

    /// `and`, `or` and `if`, whose operands must be written as a list.
    fn lazy(
        &mut self,
        name: &str,
        given: GivenList,
        make: fn(Box<[Expr]>) -> Expr,
        value: NodeId,
        at: &Pointer<'_>,
    ) -> Expr {
        let document = self.references.document();
        let value = self.follow(value);
        if let Kind::List(range) = document.kind(value) {
            let operands: Vec<Expr> = document
                .items(range)
                .iter()
                .enumerate()
                .map(|(number, item)| self.expr(*item, &at.item(number)))
                .collect();
            return match operands.as_slice() {
                [] => Expr::Constant(Value::Null),
                _ => make(operands.into_boxed_slice()),
            };
        }
        if !self.scope.substituted.is_empty()
            && let Some(("var", member)) = document.only_member(value)
        {
            let var = self.variable(member.value, &at.member("var"));
            return Expr::Given(Box::new((given, var)));
        }
        self.tell_arguments(name, "takes a list of operands".to_owned(), PARSE_ERROR, value, at);
        Expr::Fail(format!("`{name}` takes a list of operands").into())
    }

    fn eager(&mut self, operator: Operator, value: NodeId, at: &Pointer<'_>) -> Expr {
        let value = self.follow(value);
        let operand = self.expr(value, at);
        if let Expr::Constant(constant) = &operand {
            return self.folded(operator, constant, value, at);
        }
        self.check_operands(operator, &operand, value, at);
        match operand {
            Expr::List(operands) => specialize(operator, operands),
            operand => Expr::Apply(Box::new((operator, operand))),
        }
    }

    /// An operator over constants, applied now.
    fn folded(
        &mut self,
        operator: Operator,
        constant: &Value<'static>,
        node: NodeId,
        at: &Pointer<'_>,
    ) -> Expr {
        let scratch = Scratch::default();
        match operator.apply(constant.into(), &scratch) {
            Ok(Operand::WholeZero) => Expr::WholeZero,
            Ok(result) => Expr::Constant(result.to_value()),
            Err(_) => {
                let found = format!("cannot be applied to `{}`", excerpt(&constant.to_string()));
                self.tell_arguments(operator.name(), found.clone(), PARSE_ERROR, node, at);
                Expr::Fail(format!("`{}` {found}", operator.name()).into())
            }
        }
    }

    /// Tells of operands that cannot give a useful answer for any context.
    fn check_operands(&mut self, operator: Operator, operand: &Expr, node: NodeId, at: &Pointer<'_>) {
        let Expr::List(operands) = operand else { return };
        let count = operands.len();
        let complaint = match operator {
            Operator::StartsWith | Operator::EndsWith if count != 2 => {
                Some((format!("takes two operands, not {count}"), "the answer is always null"))
            }
            Operator::SemVer if count != 3 => {
                let found = format!("takes three operands, not {count}");
                Some((found, "the answer is always null"))
            }
            Operator::Equal
            | Operator::Same
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::In
                if count < 2 =>
            {
                Some(("takes two operands".to_owned(), "the answer is always false"))
            }
            Operator::Equal | Operator::NotEqual | Operator::Same | Operator::NotSame | Operator::In
                if count > 2 =>
            {
                Some((format!("takes two operands, not {count}"), "those behind the second are not read"))
            }
            Operator::Substr | Operator::Remainder if count < 2 => {
                Some(("takes two operands at least".to_owned(), PARSE_ERROR))
            }
            _ => None,
        };
        if let Some((found, outcome)) = complaint {
            self.tell_arguments(operator.name(), found, outcome, node, at);
        }
        if operator == Operator::SemVer
            && let [_, sign, target] = operands.as_ref()
        {
            self.check_version_rule(sign, target, node, at);
        }
    }

    fn check_version_rule(&mut self, sign: &Expr, target: &Expr, node: NodeId, at: &Pointer<'_>) {
        if let Expr::Constant(sign) = sign
            && sign.as_str().and_then(VersionTest::of).is_none()
        {
            let found = sign.as_str().map_or_else(|| sign.to_string(), str::to_owned);
            self.tolerate(
                self.item(node, 1),
                &at.item(1),
                Problem::VersionComparison { found: excerpt(&found) },
            );
        }
        if let Expr::Constant(target) = target
            && version_text(target).is_none()
        {
            let found = target.as_str().map_or_else(|| target.to_string(), str::to_owned);
            self.tolerate(self.item(node, 2), &at.item(2), Problem::VersionTarget { found: excerpt(&found) });
        }
    }

    /// `var`.
    fn var(&mut self, value: NodeId, at: &Pointer<'_>) -> Expr {
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

    /// Does something whose findings were told before.
    pub(super) fn silently<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let told = self.report.mute();
        let result = act(self);
        self.report.unmute(told);
        result
    }

    /// Whether more may be compiled to be looked up ahead; what nests doubles at each level.
    pub(super) fn may_compile_ahead(&self) -> bool {
        !self.shared.is_exhausted()
    }

    /// Counts nodes that were compiled to be looked up ahead.
    pub(super) fn compiled_ahead(&mut self, nodes: u32) {
        self.shared.ahead = self.shared.ahead.saturating_add(nodes).saturating_add(1);
    }

    pub(super) fn follow(&self, node: NodeId) -> NodeId {
        self.references.follow(node)
    }

    pub(super) fn tell_arguments(
        &mut self,
        operator: &str,
        found: String,
        outcome: &'static str,
        node: NodeId,
        at: &Pointer<'_>,
    ) {
        self.tolerate(node, at, Problem::OperatorArguments { operator: operator.to_owned(), found, outcome });
    }

    /// An item of a list, or the node itself where it has none such.
    pub(super) fn item(&self, node: NodeId, number: usize) -> NodeId {
        let document = self.references.document();
        match document.kind(self.follow(node)) {
            Kind::List(range) => document.items(range).get(number).copied().unwrap_or(node),
            _ => node,
        }
    }

    pub(super) fn tolerate(&mut self, node: NodeId, at: &Pointer<'_>, problem: Problem) {
        let span = self.references.document().span(node);
        self.report.tolerate(Place::new(span, *at), problem);
    }
}

impl Interner {
    fn path(&mut self, text: &str) -> Arc<AttributePath> {
        if let Some(path) = self.paths.get(text) {
            return path.clone();
        }
        let mut names = path::names(text);
        let root = match names.next().unwrap_or("") {
            TARGETING_KEY => Root::TargetingKey,
            name => Root::Attribute(Needle::new(name)),
        };
        let rest: Box<[Segment]> = names.map(Segment::new).collect();
        let path = Arc::new(match root {
            Root::TargetingKey if rest.is_empty() => AttributePath::TargetingKey,
            Root::Attribute(name) if rest.is_empty() => AttributePath::Attribute(name),
            root => AttributePath::Inside(root, rest),
        });
        self.paths.insert(text.into(), path.clone());
        path
    }
}

/// What becomes of an evaluation that an operator cannot do.
pub(super) const PARSE_ERROR: &str = "callers get their own default (PARSE_ERROR)";

fn operator_names() -> Vec<&'static str> {
    const LAZY: [&str; 14] = [
        "if",
        "and",
        "or",
        "var",
        "fractional",
        "missing",
        "missing_some",
        "map",
        "filter",
        "reduce",
        "all",
        "some",
        "none",
        "?:",
    ];
    LAZY.into_iter().chain(Operator::NAMES.iter().map(|(name, _)| *name)).collect()
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

/// A list of constants is a constant.
fn fold_list(items: Vec<Expr>) -> Expr {
    if !items.iter().all(|item| matches!(item, Expr::Constant(_))) {
        return Expr::List(items.into_boxed_slice());
    }
    let values = items.into_iter().map(|item| match item {
        Expr::Constant(value) => value,
        _ => Value::Null,
    });
    Expr::Constant(Value::list(values))
}

/// The operation of an operator over these operands: its own where people write it every day.
fn specialize(operator: Operator, operands: Box<[Expr]>) -> Expr {
    let general = |operands| Expr::Apply(Box::new((operator, Expr::List(operands))));
    let mut operands = operands.into_vec();
    match (operator, operands.as_mut_slice()) {
        (Operator::Not, [_]) => {
            operands.pop().map_or(Expr::Constant(Value::Bool(true)), |operand| Expr::Not(Box::new(operand)))
        }
        (Operator::Truth, [_]) => operands.pop().map_or(Expr::Constant(Value::Bool(false)), |operand| {
            Expr::Not(Box::new(Expr::Not(Box::new(operand))))
        }),
        (_, [Expr::Attribute(path), Expr::Constant(constant)]) => {
            attribute_and_constant(operator, path, constant)
                .unwrap_or_else(|| general(operands.into_boxed_slice()))
        }
        (_, [Expr::Constant(constant), Expr::Attribute(path)]) => {
            constant_and_attribute(operator, constant, path)
                .unwrap_or_else(|| general(operands.into_boxed_slice()))
        }
        (Operator::SemVer, [Expr::Attribute(path), Expr::Constant(sign), Expr::Constant(target)]) => {
            let test = sign.as_str().and_then(VersionTest::of);
            match (test, version_text(target)) {
                (Some(test), Some(target)) => {
                    test_of(path, Check::Version(Box::new(VersionRule::new(test, target))))
                }
                _ => Expr::Constant(Value::Null),
            }
        }
        _ => general(operands.into_boxed_slice()),
    }
}

fn attribute_and_constant(
    operator: Operator,
    path: &Arc<AttributePath>,
    constant: &Value<'static>,
) -> Option<Expr> {
    let test = |check| test_of(path, check);
    let not = |check| Expr::Not(Box::new(test(check)));
    let compare = |comparison, number| test(Check::Compare(comparison, number));
    Some(match (operator, constant) {
        (Operator::Equal, Value::String(wanted)) => test(Check::IsText(Needle::new(wanted))),
        (Operator::NotEqual, Value::String(wanted)) => not(Check::IsText(Needle::new(wanted))),
        (Operator::Same, Value::String(wanted)) => test(Check::IsSameText(Needle::new(wanted))),
        (Operator::NotSame, Value::String(wanted)) => not(Check::IsSameText(Needle::new(wanted))),
        (Operator::Equal, Value::Number(number)) => compare(Comparison::Equal, *number),
        (Operator::NotEqual, Value::Number(number)) => compare(Comparison::NotEqual, *number),
        (Operator::Equal, Value::Bool(wanted)) => compare(Comparison::Equal, f64::from(*wanted)),
        (Operator::NotEqual, Value::Bool(wanted)) => compare(Comparison::NotEqual, f64::from(*wanted)),
        (Operator::Less, Value::Number(number)) => compare(Comparison::Less, *number),
        (Operator::LessOrEqual, Value::Number(number)) => compare(Comparison::LessOrEqual, *number),
        (Operator::Greater, Value::Number(number)) => compare(Comparison::Greater, *number),
        (Operator::GreaterOrEqual, Value::Number(number)) => compare(Comparison::GreaterOrEqual, *number),
        (Operator::StartsWith, Value::String(affix)) => test(Check::StartsWith((**affix).into())),
        (Operator::EndsWith, Value::String(affix)) => test(Check::EndsWith((**affix).into())),
        (Operator::In, Value::List(items)) => {
            let texts: Option<Vec<Box<str>>> =
                items.iter().map(|item| item.as_str().map(Box::from)).collect();
            test(Check::InTexts(Arc::new(TextSet::new(texts?))))
        }
        _ => return None,
    })
}

fn test_of(path: &Arc<AttributePath>, check: Check) -> Expr {
    Expr::Test(Test { path: path.clone(), check })
}

fn constant_and_attribute(
    operator: Operator,
    constant: &Value<'static>,
    path: &Arc<AttributePath>,
) -> Option<Expr> {
    let mirrored = match operator {
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        Operator::Equal | Operator::NotEqual | Operator::Same | Operator::NotSame => operator,
        Operator::In => {
            return constant.as_str().map(|text| Expr::HasText(path.clone(), text.into()));
        }
        _ => return None,
    };
    attribute_and_constant(mirrored, path, constant)
}

/// A constant as the text of a valid version.
fn version_text(constant: &Value<'static>) -> Option<Box<str>> {
    let text = match constant {
        Value::String(text) => text.to_string(),
        Value::Number(number) => {
            let mut text = String::new();
            number::write_version_operand(&mut text, *number).ok()?;
            text
        }
        _ => return None,
    };
    Version::parse(&text)?;
    Some(text.into())
}
