//! Finds differences: both trees are walked side by side, with the states of the pointers that the path has reached.
//!
//! A walk either tells or weighs. Telling notes each difference. Weighing adds up what two values have of them, up to
//! a bound, and is how equal values, and of several items the most similar ones, are found. Telling visits each node
//! once; everything beyond that is paid from a budget that grows with the size of the trees, and when it is used up,
//! lists are compared in the order in which they stand.

use std::ops::Range;

use super::difference::{Difference, DifferenceKind, Differences};
use super::excerpt::{REDACTED, excerpt};
use super::pattern::{Marks, Patterns, Step, push_step};
use super::rules::Rules;
use super::tree::{Members, Node, Tree};

/// The states that a path has reached, as a part of all that are kept.
pub(super) type States = Range<usize>;

pub(super) struct Walk<'w> {
    pub(super) rules: &'w Rules,
    pub(super) control: &'w Tree,
    pub(super) candidate: &'w Tree,
    pub(super) states: Vec<u32>,
    path: Vec<PathStep>,
    weighing: Option<Weighing>,
    /// Ignored places that differ in what is being weighed.
    weighed_ignored: u32,
    is_inside_ignored: bool,
    /// Steps that may still be taken beyond visiting each node once.
    pub(super) spare: u64,
    found: Differences,
}

/// One step of the path.
#[derive(Clone, Copy)]
enum PathStep {
    /// The name at a place of the control.
    Control(u32),
    /// The name at a place of the candidate.
    Candidate(u32),
    /// The indexes of two items that are compared.
    Items(usize, usize),
}

#[derive(Clone, Copy)]
struct Weighing {
    weight: u32,
    most: u32,
}

/// What a side has at a difference.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Value(u32),
    Items(usize),
    Absent,
}

impl<'w> Walk<'w> {
    pub(super) fn new(rules: &'w Rules, control: &'w Tree, candidate: &'w Tree) -> Self {
        let nodes = control.len() as u64 + candidate.len() as u64;
        Self {
            rules,
            control,
            candidate,
            states: vec![Patterns::START],
            path: Vec::new(),
            weighing: None,
            weighed_ignored: 0,
            is_inside_ignored: false,
            spare: nodes * SPARE_PER_NODE + SPARE,
            found: Differences::default(),
        }
    }

    pub(super) fn differences(mut self) -> Differences {
        let start = if self.rules.patterns.is_empty() { 0..0 } else { 0..1 };
        self.values(0, 0, start);
        self.found
    }

    /// Compares the value at a place of the control with that at a place of the candidate.
    pub(super) fn values(&mut self, i: u32, j: u32, at: States) {
        if self.weighing.is_some() {
            self.spare = self.spare.saturating_sub(1);
        }
        if self.is_heavy() {
            return;
        }
        let marks = self.marks(&at);
        if marks.ignored {
            return self.ignored_values(i, j, at, marks);
        }
        self.compared_values(i, j, at, marks);
    }

    fn compared_values(&mut self, i: u32, j: u32, at: States, marks: Marks) {
        match (self.control.node(i), self.candidate.node(j)) {
            (Node::Map { .. }, Node::Map { .. }) => self.maps(i, j, at),
            (Node::List { .. }, Node::List { .. }) if marks.unordered => self.multisets(i, j, at),
            (Node::List { .. }, Node::List { .. }) => self.lists(i, j, at),
            (one, other) => match self.scalars(one, other) {
                Some(true) => {}
                Some(false) => self.note(DifferenceKind::Value, Side::Value(i), Side::Value(j), &at),
                None => self.note(DifferenceKind::Type, Side::Value(i), Side::Value(j), &at),
            },
        }
    }

    /// Whether two scalars are equal; `None` where their types differ.
    fn scalars(&self, one: Node, other: Node) -> Option<bool> {
        Some(match (one, other) {
            (Node::Null, Node::Null) => true,
            (Node::Bool(one), Node::Bool(other)) => one == other,
            (Node::Text(one), Node::Text(other)) | (Node::Bytes(one), Node::Bytes(other)) => {
                self.control.bytes(one) == self.candidate.bytes(other)
            }
            (Node::Whole(one), Node::Whole(other)) => one == other,
            (Node::Negative(one), Node::Negative(other)) => one == other,
            (Node::Whole(_), Node::Negative(_)) | (Node::Negative(_), Node::Whole(_)) => false,
            (one, other) => self.floats(float(one)?, float(other)?),
        })
    }

    fn floats(&self, one: f64, other: f64) -> bool {
        let within = || (one - other).abs() <= self.rules.tolerance * one.abs().max(other.abs()).max(1.0);
        one == other || one.is_nan() && other.is_nan() || one.is_finite() && other.is_finite() && within()
    }

    /// What is ignored is compared all the same, to know whether it differs.
    fn ignored_values(&mut self, i: u32, j: u32, at: States, marks: Marks) {
        if std::mem::replace(&mut self.is_inside_ignored, true) {
            return;
        }
        let outer = self.weighing.replace(Weighing { weight: 0, most: 1 });
        self.compared_values(i, j, at, marks);
        let weighed = std::mem::replace(&mut self.weighing, outer);
        self.is_inside_ignored = false;
        if weighed.is_some_and(|weighing| weighing.weight > 0) {
            self.note_ignored();
        }
    }

    /// While it is weighed, nobody knows yet whether the values belong together.
    fn note_ignored(&mut self) {
        let count = if self.weighing.is_some() { &mut self.weighed_ignored } else { &mut self.found.ignored };
        *count = count.saturating_add(1);
    }

    fn maps(&mut self, i: u32, j: u32, at: States) {
        let (control, candidate) = (self.control, self.candidate);
        let (mut ones, mut others) = (control.members(i), candidate.members(j));
        // As long as both have the same order nothing needs sorting; most often that is to the end.
        loop {
            let (rest_of_ones, rest_of_others) = (ones.clone(), others.clone());
            match (ones.next(), others.next()) {
                (Some(one), Some(other)) if control.name(one) == candidate.name(other) => {
                    self.member(Some(one), Some(other), &at);
                }
                (None, None) => return,
                _ => return self.sorted_members(rest_of_ones, rest_of_others, &at),
            }
        }
    }

    /// Of names that stand several times the first goes with the first, and so on.
    fn sorted_members(&mut self, ones: Members<'_>, others: Members<'_>, at: &States) {
        let (control, candidate) = (self.control, self.candidate);
        let (mut ones, mut others): (Vec<u32>, Vec<u32>) = (ones.collect(), others.collect());
        ones.sort_by_key(|name| control.name(*name));
        others.sort_by_key(|name| candidate.name(*name));
        let (mut ones, mut others) = (ones.into_iter().peekable(), others.into_iter().peekable());
        loop {
            let order = match (ones.peek(), others.peek()) {
                (Some(one), Some(other)) => control.name(*one).cmp(candidate.name(*other)),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return,
            };
            let one = if order.is_le() { ones.next() } else { None };
            let other = if order.is_ge() { others.next() } else { None };
            self.member(one, other, at);
        }
    }

    /// Compares one member, given by the places of its name.
    fn member(&mut self, one: Option<u32>, other: Option<u32>, at: &States) {
        let (name, step) = match (one, other) {
            (Some(one), _) => (self.control.name(one), PathStep::Control(one)),
            (None, Some(other)) => (self.candidate.name(other), PathStep::Candidate(other)),
            (None, None) => return,
        };
        self.path.push(step);
        let reached = self.advance(at, Step::Name(name));
        match (one, other) {
            (Some(one), Some(other)) => self.values(one + 1, other + 1, reached.clone()),
            (Some(one), None) => self.lone(DifferenceKind::Missing, one + 1, &reached),
            (None, Some(other)) => self.lone(DifferenceKind::Extra, other + 1, &reached),
            (None, None) => {}
        }
        self.states.truncate(reached.start.max(1));
        self.path.pop();
    }

    /// A value that one side does not have.
    pub(super) fn lone(&mut self, kind: DifferenceKind, value: u32, at: &States) {
        if !self.marks(at).ignored {
            let (control, candidate) = match kind {
                DifferenceKind::Missing => (Side::Value(value), Side::Absent),
                _ => (Side::Absent, Side::Value(value)),
            };
            self.note(kind, control, candidate, at);
        } else if !self.is_inside_ignored {
            self.note_ignored();
        }
    }

    /// Takes a step to an item of each list, and does there what is to be done.
    pub(super) fn at_items<T>(
        &mut self,
        (one, other): (usize, usize),
        at: &States,
        act: impl FnOnce(&mut Self, States) -> T,
    ) -> T {
        self.path.push(PathStep::Items(one, other));
        let reached = self.advance(at, Step::Pair(one, other));
        let done = act(self, reached.clone());
        self.states.truncate(reached.start.max(1));
        self.path.pop();
        done
    }

    /// Whether two values do not differ, but for what is ignored inside of them.
    pub(super) fn is_equal(&mut self, i: u32, j: u32, at: &States) -> bool {
        let before = self.weighed_ignored;
        if self.weigh(i, j, at, 1) > 0 {
            self.weighed_ignored = before;
            return false;
        }
        if self.weighing.is_none() {
            self.found.ignored = self.found.ignored.saturating_add(self.weighed_ignored - before);
            self.weighed_ignored = before;
        }
        true
    }

    /// How unlike two values are.
    pub(super) fn unlikeness(&mut self, i: u32, j: u32, at: &States) -> u32 {
        let before = self.weighed_ignored;
        let weight = self.weigh(i, j, at, HEAVIEST);
        self.weighed_ignored = before;
        weight
    }

    /// How much two values differ, at most `most`.
    fn weigh(&mut self, i: u32, j: u32, at: &States, most: u32) -> u32 {
        let outer = self.weighing.replace(Weighing { weight: 0, most });
        self.values(i, j, at.clone());
        let weighed = std::mem::replace(&mut self.weighing, outer);
        weighed.map_or(0, |weighing| weighing.weight.min(most))
    }

    pub(super) fn is_weighing(&self) -> bool {
        self.weighing.is_some()
    }

    /// Whether there is nothing more to weigh.
    pub(super) fn is_heavy(&self) -> bool {
        self.weighing.is_some_and(|weighing| weighing.weight >= weighing.most)
    }

    pub(super) fn add_weight(&mut self, more: u32) {
        if let Some(weighing) = &mut self.weighing {
            weighing.weight = weighing.weight.saturating_add(more);
        }
    }

    pub(super) fn note_partial(&mut self) {
        self.found.is_partial = true;
    }

    pub(super) fn marks(&self, at: &States) -> Marks {
        if at.is_empty() {
            return Marks::default();
        }
        self.rules.patterns.marks(self.states.get(at.clone()).unwrap_or_default())
    }

    pub(super) fn advance(&mut self, at: &States, step: Step<'_>) -> States {
        if at.is_empty() {
            let end = self.states.len();
            return end..end;
        }
        self.rules.patterns.advance(&mut self.states, at.clone(), step)
    }

    /// Notes a difference at the place where the path is.
    pub(super) fn note(&mut self, kind: DifferenceKind, control: Side, candidate: Side, at: &States) {
        if self.weighing.is_some() {
            let is_nested = is_nested(self.control, control) || is_nested(self.candidate, candidate);
            return self.add_weight(weight(kind, is_nested));
        }
        let (pointer, redacted) = self.pointer();
        let known =
            self.found.list.iter_mut().rfind(|known| known.kind == kind && *known.pointer == *pointer);
        if let Some(known) = known {
            known.places = known.places.saturating_add(1);
        } else if self.found.list.len() < MOST_FIELDS {
            let control = self.shown(self.control, control, at, redacted);
            let candidate = self.shown(self.candidate, candidate, at, redacted);
            self.found.list.push(Difference { pointer: pointer.into(), kind, control, candidate, places: 1 });
        } else {
            self.found.more = self.found.more.saturating_add(1);
        }
    }

    fn shown(&self, tree: &Tree, side: Side, at: &States, redacted: bool) -> Box<str> {
        match side {
            Side::Absent => "absent".into(),
            _ if redacted => REDACTED.into(),
            Side::Items(1) => "1 item".into(),
            Side::Items(items) => format!("{items} items").into(),
            Side::Value(value) => {
                let states = self.states.get(at.clone()).unwrap_or_default();
                excerpt(tree, value, &self.rules.patterns, states).into()
            }
        }
    }

    /// The pointer of the path, and whether what it leads to is redacted. Steps from there on are not told.
    fn pointer(&self) -> (String, bool) {
        let mut pointer = String::new();
        let mut states = vec![Patterns::START];
        let (mut at, mut redacted) = (0..1, self.rules.patterns.marks(&[Patterns::START]).redacted);
        for step in &self.path {
            let step = match *step {
                PathStep::Control(name) => Step::Name(self.control.name(name)),
                PathStep::Candidate(name) => Step::Name(self.candidate.name(name)),
                PathStep::Items(one, other) => Step::Pair(one, other),
            };
            let mut name_redacted = redacted;
            if !self.rules.patterns.is_empty() {
                at = self.rules.patterns.advance(&mut states, at, step);
                let marks = self.rules.patterns.marks(states.get(at.clone()).unwrap_or_default());
                redacted |= marks.redacted;
                name_redacted |= marks.name_redacted;
            }
            match step {
                Step::Name(name) if !name_redacted => push_step(&mut pointer, &String::from_utf8_lossy(name)),
                _ => pointer.push_str("/*"),
            }
        }
        if pointer.len() > MOST_POINTER {
            let end = (0..=MOST_POINTER).rev().find(|end| pointer.is_char_boundary(*end)).unwrap_or(0);
            pointer.truncate(end);
            pointer.push('…');
        }
        (pointer, redacted)
    }
}

/// What a difference weighs when similar items are looked for: nothing looks less alike than another type.
fn weight(kind: DifferenceKind, is_nested: bool) -> u32 {
    match kind {
        DifferenceKind::Type if is_nested => HEAVIEST,
        DifferenceKind::Type => 3,
        _ => 2,
    }
}

fn is_nested(tree: &Tree, side: Side) -> bool {
    matches!(side, Side::Value(at) if matches!(tree.node(at), Node::List { .. } | Node::Map { .. }))
}

fn float(number: Node) -> Option<f64> {
    match number {
        Node::Whole(number) => Some(number as f64),
        Node::Negative(number) => Some(number as f64),
        Node::Float(number) => Some(number),
        _ => None,
    }
}

/// Beyond this, two values are as unlike as can be.
const HEAVIEST: u32 = 1_000;

/// Fields that are told apart in one comparison.
const MOST_FIELDS: usize = 100;

/// Bytes of a pointer.
const MOST_POINTER: usize = 512;

/// Steps beyond one visit of each node, for each node of both trees.
const SPARE_PER_NODE: u64 = 16;

/// The same for any pair, however small.
const SPARE: u64 = 10_000;
