//! Compiles the flags of a document, and only those that changed.

use std::collections::{BTreeSet, HashMap};

use std::sync::Arc;

use xxhash_rust::xxh3::{Xxh3, xxh3_128, xxh3_128_with_seed};

use crate::bucketing::Bucketing;
use crate::diagnostic::{Place, Pointer, Problem, Report};
use crate::eval::program::Program;
use crate::limits::{AHEAD_NODES, SHALLOW};
use crate::model::{FlagDefinition, FlagSet, NodeId, References, State};
use crate::parse::flag_file::is_too_short;
use crate::span::{Span, positions};
use crate::text::excerpt;

use super::flag::{CompiledFlag, CompiledShadow, CompiledVariant, Facts, Plan, find_variant};
use super::rule::RuleCompiler;
use super::shared::{Interner, SharedRules};

/// What a compilation is told.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// The generation of bucketing for files that pin none.
    pub bucketing: Bucketing,
    /// Whether to keep each flag's plain JSON, for those who pass flags on: the source that it names.
    pub written_by: Option<Arc<str>>,
}

/// The compiled flags of one document.
#[derive(Debug, Default)]
pub struct CompiledSet {
    /// In the order of the document, each (flag set, key) once.
    pub flags: Vec<CompiledEntry>,
    /// The generation of bucketing of its splits.
    pub bucketing: Bucketing,
}

/// A compiled flag with what is known of where it came from.
#[derive(Debug)]
pub struct CompiledEntry {
    /// The flag.
    pub flag: Arc<CompiledFlag>,
    /// The line of its key in the document, from 1.
    pub line: u32,
    /// Its plain JSON, if asked for.
    pub json: Option<Arc<str>>,
    /// What it was compiled from.
    origin: Origin,
}

/// Tells whether compiling again would give the same.
#[derive(Clone, Debug, PartialEq)]
struct Origin {
    /// Digest of its text and of all that it inherits.
    digest: u128,
    /// The evaluators it refers to, anywhere in it; `None` if there is none.
    used: Option<Box<Used>>,
    /// Whether nothing was found about it and its dark launch; what was found is found again.
    clean: bool,
}

/// Evaluators, with a digest of them all.
#[derive(Clone, Debug, PartialEq)]
struct Used {
    names: Box<[Arc<str>]>,
    digest: u128,
}

/// Compiles a flag set. Findings about rules go to `report`.
///
/// `previous` is what the same source held before: flags whose text and surroundings did not change are
/// taken over. Linear in the size of the document.
///
/// Recursive: a document as deep as allowed takes some megabytes of stack. A client sees to that by itself.
pub fn compile(
    set: &FlagSet,
    options: &CompileOptions,
    previous: Option<&CompiledSet>,
    report: &mut Report,
) -> CompiledSet {
    let mut compiler = SetCompiler {
        set,
        references: References::new(&set.document, &set.evaluators),
        bucketing: set.bucketing.unwrap_or(options.bucketing),
        written_by: options.written_by.clone(),
        inherited: facts_of_set(set),
        interner: Interner::default(),
        shared: SharedRules::default(),
        variants: HashMap::new(),
        evaluator_digests: HashMap::new(),
        evaluator_names: HashMap::new(),
        report,
    };
    compiler.check_all_evaluators();
    let bucketing = compiler.bucketing;
    let seed = compiler.seed();
    let previous: HashMap<(Option<&str>, &str), &CompiledEntry> = match previous {
        Some(previous) => {
            previous.flags.iter().map(|entry| ((entry.flag.flag_set_id(), &*entry.flag.key), entry)).collect()
        }
        None => HashMap::new(),
    };
    let lines = compiler.lines();
    let mut flags = Vec::with_capacity(set.flags.len());
    for (definition, line) in set.flags.iter().zip(lines) {
        let digest = compiler.digest(definition.span, seed);
        let id = definition.flag_set_id.map(|id| set.document.resolve(id));
        let earlier = previous.get(&(id, set.key(definition))).copied();
        let reusable = earlier.filter(|entry| compiler.is_unchanged(&entry.origin, digest));
        flags.push(match reusable {
            Some(entry) => CompiledEntry {
                flag: entry.flag.clone(),
                line,
                json: entry.json.clone(),
                origin: entry.origin.clone(),
            },
            None => compiler.entry(definition, line, digest, earlier),
        });
    }
    if compiler.shared.is_exhausted() {
        let what = "what list operators inside of each other look up".to_owned();
        let problem = Problem::TooManyNodes { what, most: AHEAD_NODES as usize };
        compiler.report.refuse(Place::DOCUMENT, problem);
    }
    CompiledSet { flags, bucketing }
}

struct SetCompiler<'s, 'r> {
    set: &'s FlagSet,
    references: References<'s>,
    bucketing: Bucketing,
    written_by: Option<Arc<str>>,
    inherited: Arc<Facts>,
    interner: Interner,
    shared: SharedRules,
    /// Variants that are alike are shared: most flags are `on` and `off`.
    variants: HashMap<String, Arc<[CompiledVariant]>>,
    evaluator_digests: HashMap<Arc<str>, u128>,
    /// The evaluators that each evaluator refers to itself.
    evaluator_names: HashMap<Arc<str>, Vec<&'s str>>,
    report: &'r mut Report,
}

fn facts_of_set(set: &FlagSet) -> Arc<Facts> {
    let references = References::new(&set.document, &set.evaluators);
    let entries = set.metadata.iter();
    let named = entries.map(|entry| (set.document.resolve(entry.name), references.to_value(entry.value)));
    Arc::new(Facts::new(named))
}

impl<'s> SetCompiler<'s, '_> {
    /// Compiles every evaluator, so that those that no flag uses are checked too.
    fn check_all_evaluators(&mut self) {
        let mut names: Vec<&str> = self.set.evaluators.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let set = self.set;
        let is_empty =
            |name: &&str| set.evaluators.get(name).is_some_and(|node| is_too_short(&set.document, node));
        // What is wrong with an empty one was told already.
        let muted = self.report.mute();
        for name in names.iter().filter(|name| is_empty(name)) {
            self.rules(None).shared(name);
        }
        self.report.unmute(muted);
        for name in names {
            if self.set.evaluators.get(name).is_some() {
                self.rules(None).shared(name);
            }
        }
    }

    fn rules<'c>(&'c mut self, flag: Option<(&'c str, &'c [CompiledVariant])>) -> RuleCompiler<'c> {
        RuleCompiler::new(
            self.references,
            self.bucketing,
            flag,
            &mut self.interner,
            &mut self.shared,
            self.report,
        )
    }

    /// Digest of what every flag of the document inherits.
    fn seed(&mut self) -> u64 {
        let mut seed = Xxh3::new();
        seed.update(self.bucketing.to_string().as_bytes());
        if let Some(source) = &self.written_by {
            seed.update(&[1]);
            seed.update(source.as_bytes());
        }
        for entry in &self.set.metadata {
            // The length tells the name from the value.
            let name = self.set.document.resolve(entry.name);
            seed.update(&(name.len() as u64).to_le_bytes());
            seed.update(name.as_bytes());
            seed.update(self.slice(self.set.document.span(entry.value)).as_bytes());
            seed.update(&[0]);
        }
        let names = self.referred(self.set.metadata.iter().map(|entry| entry.value));
        if !names.is_empty() {
            seed.update(&self.references_digest(&names).to_le_bytes());
        }
        if self.set.document.shares_nodes() {
            // What an alias stands for is not in the text of the flag.
            seed.update(self.set.document.text().as_bytes());
        }
        seed.digest()
    }

    fn slice(&self, span: Span) -> &str {
        self.set.document.text().get(span.range()).unwrap_or("")
    }

    fn digest(&self, span: Span, seed: u64) -> u128 {
        xxh3_128_with_seed(self.slice(span).as_bytes(), seed)
    }

    fn lines(&self) -> Vec<u32> {
        let offsets: Vec<u32> = self.set.flags.iter().map(|flag| flag.key_span.start).collect();
        if offsets.is_sorted() {
            return positions(self.set.document.text(), &offsets).into_iter().map(|at| at.line).collect();
        }
        // Merged mappings of YAML may stand elsewhere.
        let mut sorted = offsets.clone();
        sorted.sort_unstable();
        let places = positions(self.set.document.text(), &sorted);
        let line = |offset| places.get(sorted.partition_point(|at| *at < offset)).map_or(0, |at| at.line);
        offsets.into_iter().map(line).collect()
    }

    fn is_unchanged(&mut self, origin: &Origin, digest: u128) -> bool {
        if !origin.clean || origin.digest != digest {
            return false;
        }
        origin.used.as_ref().is_none_or(|used| self.references_digest(&used.names) == used.digest)
    }

    /// The evaluators that some nodes refer to, wherever in them, and those that these refer to; sorted.
    fn referred(&mut self, nodes: impl IntoIterator<Item = NodeId>) -> Box<[Arc<str>]> {
        if self.set.evaluators.is_empty() {
            return Box::default();
        }
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut pending = self.names_in(nodes);
        while let Some(name) = pending.pop() {
            if names.contains(name) {
                continue;
            }
            // Also behind a reference that closes a loop: the loop may be gone next time.
            let (name, inner) = self.evaluator(name);
            names.insert(name);
            pending.extend(inner);
        }
        names.into_iter().collect()
    }

    /// An evaluator's name, one text for all flags, and the names in it.
    fn evaluator(&mut self, name: &'s str) -> (Arc<str>, Vec<&'s str>) {
        if let Some((name, inner)) = self.evaluator_names.get_key_value(name) {
            return (name.clone(), inner.clone());
        }
        let shared: Arc<str> = name.into();
        let inner = self.names_in(self.set.evaluators.get(name));
        self.evaluator_names.insert(shared.clone(), inner.clone());
        (shared, inner)
    }

    /// The names that references in some nodes are written with.
    fn names_in(&self, nodes: impl IntoIterator<Item = NodeId>) -> Vec<&'s str> {
        let mut names = Vec::new();
        let mut pending: Vec<NodeId> = nodes.into_iter().collect();
        while let Some(node) = pending.pop() {
            match self.references.reference(node) {
                Some((name, _)) => names.push(name),
                None => pending.extend(self.set.document.children(node)),
            }
        }
        names
    }

    /// Digest of some evaluators and of all they are made of.
    fn references_digest(&mut self, names: &[Arc<str>]) -> u128 {
        let mut digests = Vec::with_capacity(names.len() * 16);
        for name in names {
            let digest = match self.evaluator_digests.get(name) {
                Some(digest) => *digest,
                None => {
                    let node = self.set.evaluators.get(name);
                    let digest = node.map_or(0, |node| self.digest(self.set.document.span(node), 0));
                    self.evaluator_digests.insert(name.clone(), digest);
                    digest
                }
            };
            digests.extend(digest.to_le_bytes());
        }
        xxh3_128(&digests)
    }

    fn entry(
        &mut self,
        definition: &FlagDefinition,
        line: u32,
        digest: u128,
        earlier: Option<&CompiledEntry>,
    ) -> CompiledEntry {
        let found_before = self.report.count();
        let flag = self.flag(definition, earlier.map(|earlier| &*earlier.flag));
        let names = self.referred([definition.node]);
        let used = (!names.is_empty()).then(|| {
            let digest = self.references_digest(&names);
            Box::new(Used { names, digest })
        });
        let json = self.written_by.as_deref().map(|source| {
            let mut text = String::new();
            // Writing to a string cannot fail.
            let _ = self.set.write_flag(&mut text, definition, Some(source));
            Arc::from(text)
        });
        let is_sound = definition.shadow.as_ref().is_none_or(|shadow| shadow.policy.is_some());
        let origin = Origin { digest, used, clean: is_sound && self.report.count() == found_before };
        // A flag that was only reformatted stays the same one, so that nobody is told of a change.
        let flag = match earlier {
            Some(earlier) if *earlier.flag == flag => earlier.flag.clone(),
            _ => Arc::new(flag),
        };
        CompiledEntry { flag, line, json, origin }
    }

    fn flag(&mut self, definition: &FlagDefinition, earlier: Option<&CompiledFlag>) -> CompiledFlag {
        let document = &self.set.document;
        let key = self.set.key(definition);
        let variants = self.variants(definition);
        let default_variant =
            definition.default_variant.and_then(|name| find_variant(&variants, document.resolve(name)));
        let plan = match (definition.state, definition.targeting) {
            (state, Some(targeting)) => {
                // Compiled even where it is off, so that it is checked.
                let mut rules = self.rules(Some((key, &variants)));
                let at = Pointer::ROOT;
                let (at, flag) = (at.member("flags"), key);
                let at = definition.item.map_or(at.member(flag), |number| at.item(number));
                let decision = rules.targeting(targeting, &at.member("targeting"));
                let depth = rules.depth;
                match state {
                    State::Enabled => Plan::Targeted(Program::new(decision, depth)),
                    State::Disabled => Plan::Disabled,
                }
            }
            (State::Enabled, None) => Plan::Static,
            (State::Disabled, None) => Plan::Disabled,
        };
        let facts = if self.set.own_metadata(definition).is_empty() {
            self.inherited.clone()
        } else {
            let entries = self.set.metadata(definition);
            Arc::new(Facts::new(
                entries.map(|entry| (document.resolve(entry.name), self.references.to_value(entry.value))),
            ))
        };
        let earlier = earlier.and_then(|earlier| earlier.shadow.as_deref());
        let shadow = self.shadow(definition, &variants, earlier);
        CompiledFlag { key: key.into(), variants, default_variant, plan, facts, shadow }
    }

    fn shadow(
        &mut self,
        definition: &FlagDefinition,
        variants: &[CompiledVariant],
        earlier: Option<&CompiledShadow>,
    ) -> Option<Box<CompiledShadow>> {
        let shadow = definition.shadow.as_deref()?;
        // Compiled even where it is off, so that it is checked.
        let found_before = self.report.count();
        let when = shadow.when.map(|node| self.shadow_condition(definition, variants, node));
        let is_sound = self.report.count() == found_before;
        let policy = shadow.policy.as_ref().filter(|_| is_sound && definition.state == State::Enabled)?;
        let policy = match earlier {
            Some(earlier) if earlier.policy == *policy => &earlier.policy,
            _ => policy,
        };
        Some(Box::new(CompiledShadow { policy: policy.clone(), when }))
    }

    /// The condition of a dark launch. It is asked on the caller's thread, so it may not need a stack of its own.
    fn shadow_condition(
        &mut self,
        definition: &FlagDefinition,
        variants: &[CompiledVariant],
        node: NodeId,
    ) -> Program {
        let key = self.set.key(definition);
        let at = Pointer::ROOT;
        let at = at.member("flags");
        let at = definition.item.map_or(at.member(key), |number| at.item(number));
        let at = at.member("shadow");
        let at = at.member("when");
        let found_before = self.report.count();
        let program = self.rules(Some((key, variants))).condition(node, &at);
        let flag = excerpt(key);
        self.report.amend(found_before, |problem| Problem::ShadowWhen {
            flag: flag.clone(),
            problem: Box::new(problem),
        });
        if program.depth > SHALLOW {
            let problem = Problem::ShadowValue {
                flag,
                word: "when",
                found: format!("a rule of {} levels", program.depth),
                wanted: format!("one of at most {SHALLOW}"),
                example: "",
            };
            self.report.tolerate(Place::new(self.set.document.span(node), at), problem);
        }
        program
    }

    fn variants(&mut self, definition: &FlagDefinition) -> Arc<[CompiledVariant]> {
        let spelling = self.spelling(definition);
        if let Some(known) = spelling.as_ref().and_then(|spelling| self.variants.get(spelling)) {
            return known.clone();
        }
        let compiled = self.set.variants(definition).iter().map(|variant| CompiledVariant {
            name: self.set.document.resolve(variant.name).into(),
            value: self.references.to_value(variant.value),
        });
        let mut variants: Vec<CompiledVariant> = compiled.collect();
        variants.sort_by(|a, b| a.name.cmp(&b.name));
        let variants: Arc<[CompiledVariant]> = variants.into();
        if let Some(spelling) = spelling {
            self.variants.insert(spelling, variants.clone());
        }
        variants
    }

    /// Variants as they are written, which within one document stands for the same variants; none where it may not,
    /// or where they are too long to be alike.
    fn spelling(&self, definition: &FlagDefinition) -> Option<String> {
        const LONGEST: usize = 200;
        let document = &self.set.document;
        if document.shares_nodes() {
            // An alias may stand for one thing here and for another there.
            return None;
        }
        let mut spelling = String::new();
        for variant in self.set.variants(definition) {
            let (name, value) = (document.resolve(variant.name), self.slice(document.span(variant.value)));
            if spelling.len() + name.len() + value.len() > LONGEST {
                return None;
            }
            // The length tells the name from the value.
            spelling.push(char::from(name.len() as u8));
            spelling.push_str(name);
            spelling.push_str(value);
            spelling.push('\n');
        }
        Some(spelling)
    }
}
