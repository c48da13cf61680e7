//! `$evaluators` and `$ref`: rules written once and used in many places.
//!
//! The reference replaces text; here a reference is followed to the node it names, so a rule is never copied.
//! A reference may stand anywhere in a document, and evaluators may refer to others. References among
//! evaluators that lead back to themselves name nothing: evaluating one is a PARSE_ERROR, and whatever does
//! not reach one is unharmed. With those cut, a document written out is finite, and [`measure`] says how large.
//!
//! [`measure`]: References::measure

use std::collections::{HashMap, HashSet};

use crate::text;
use crate::value::Value;

use super::document::{Document, Kind, NodeId};

/// The word that makes an object a reference.
pub const REF: &str = "$ref";

/// Named rules of a document.
#[derive(Clone, Debug, Default)]
pub struct Evaluators {
    by_name: HashMap<Box<str>, NodeId>,
    /// References that close a loop.
    dead: HashSet<NodeId>,
    loops: Vec<Vec<String>>,
    /// The first names in their order, for messages.
    first: Vec<String>,
}

/// More names than this are not told in a message.
const TOLD: usize = 64;

impl Evaluators {
    /// The evaluators of a document, a later one of the same name in place of an earlier one.
    ///
    /// Linear in their size, without recursion.
    pub fn new<'d>(document: &'d Document, named: impl IntoIterator<Item = (&'d str, NodeId)>) -> Self {
        let by_name: HashMap<Box<str>, NodeId> =
            named.into_iter().map(|(name, node)| (name.into(), node)).collect();
        let mut names: Vec<&str> = by_name.keys().map(AsRef::as_ref).collect();
        names.sort_unstable();
        let first = names.into_iter().take(TOLD).map(text::excerpt).collect();
        let mut evaluators = Self { by_name, first, ..Self::default() };
        let graph = Graph::new(document, &evaluators);
        let groups = graph.groups();
        let (dead, loops) = (graph.closing_references(&groups), graph.loops(&groups));
        (evaluators.dead, evaluators.loops) = (dead, loops);
        evaluators
    }

    /// The rule of a name; none for a name that the reference could never match.
    pub fn get(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied().filter(|_| text::is_plain(name))
    }

    /// Names and rules, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, NodeId)> {
        self.by_name.iter().map(|(name, node)| (name.as_ref(), *node))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The first names in the order of their bytes, for messages.
    pub fn first_names(&self) -> &[String] {
        &self.first
    }

    /// The loops, each as the names along it, the first repeated at the end.
    pub fn loops(&self) -> &[Vec<String>] {
        &self.loops
    }
}

/// A document together with its evaluators.
#[derive(Clone, Copy, Debug)]
pub struct References<'d> {
    document: &'d Document,
    evaluators: &'d Evaluators,
}

impl<'d> References<'d> {
    /// The references of `document` to `evaluators`.
    pub fn new(document: &'d Document, evaluators: &'d Evaluators) -> Self {
        Self { document, evaluators }
    }

    /// The document.
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// The evaluators.
    pub fn evaluators(&self) -> &'d Evaluators {
        self.evaluators
    }

    /// The name that a node refers to, if it is written as a reference, and the evaluator it stands for:
    /// none where there is no such evaluator, or where the reference closes a loop.
    pub fn reference(&self, node: NodeId) -> Option<(&'d str, Option<NodeId>)> {
        let name = reference_name(self.document, node)?;
        let target = self.evaluators.get(name).filter(|_| !self.evaluators.dead.contains(&node));
        Some((name, target))
    }

    /// Whether a reference names nothing because it closes a loop.
    pub fn closes_loop(&self, node: NodeId) -> bool {
        self.evaluators.dead.contains(&node)
    }

    /// The node that stands for `node`: what it refers to, through any number of references, or itself.
    pub fn follow(&self, node: NodeId) -> NodeId {
        let mut node = node;
        while let Some((_, Some(target))) = self.reference(node) {
            node = target;
        }
        node
    }

    /// A node and all below it as a value, references written out.
    ///
    /// The size and depth of what comes out are those of [`measure`](Self::measure), so check them first.
    pub fn to_value(&self, node: NodeId) -> Value<'static> {
        if self.evaluators.is_empty() {
            return self.document.to_value(node);
        }
        let node = self.follow(node);
        match self.document.kind(node) {
            Kind::List(range) => {
                Value::list(self.document.items(range).iter().map(|item| self.to_value(*item)))
            }
            Kind::Object(range) => {
                Value::structure(self.document.members(range).iter().map(|member| {
                    (self.document.resolve(member.name).to_owned(), self.to_value(member.value))
                }))
            }
            _ => self.document.to_value(node),
        }
    }

    /// Measures every node of the document with its references written out.
    ///
    /// Linear in the size of the document and without recursion, whatever it holds.
    pub fn measure(&self) -> Measures {
        let mut measures = Measures { extents: vec![None; self.document.len()] };
        let mut pending = vec![(self.document.root(), false)];
        pending.extend(self.evaluators.iter().map(|(_, node)| (node, false)));
        while let Some((node, children_done)) = pending.pop() {
            if measures.extent(node).is_some() {
                continue;
            }
            let target = self.reference(node).and_then(|(_, target)| target);
            if children_done {
                measures.set(node, self.extent(node, target, &measures));
                continue;
            }
            pending.push((node, true));
            match target {
                Some(target) => pending.push((target, false)),
                None => pending.extend(self.document.children(node).map(|child| (child, false))),
            }
        }
        measures
    }

    fn extent(&self, node: NodeId, target: Option<NodeId>, measures: &Measures) -> Extent {
        if let Some(extent) = target.and_then(|target| measures.extent(target)) {
            return Extent { hops: extent.hops.saturating_add(1), ..extent };
        }
        let bytes = match self.document.kind(node) {
            Kind::String(text) => self.document.resolve(text).len() as u64,
            _ => 0,
        };
        let mut extent = Extent { nodes: 1, bytes, depth: 0, hops: 0 };
        for member in self.document.members_of(node) {
            extent.bytes = extent.bytes.saturating_add(self.document.resolve(member.name).len() as u64);
        }
        for child in self.document.children(node) {
            let inner = measures.extent(child).unwrap_or_default();
            extent.nodes = extent.nodes.saturating_add(inner.nodes);
            extent.bytes = extent.bytes.saturating_add(inner.bytes);
            extent.hops = extent.hops.max(inner.hops);
            extent.depth = extent.depth.max(inner.depth);
        }
        if matches!(self.document.kind(node), Kind::List(_) | Kind::Object(_)) {
            extent.depth = extent.depth.saturating_add(1);
        }
        extent
    }
}

/// How large a node is with its references written out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Nodes, itself included.
    pub nodes: u64,
    /// Bytes of its texts and names.
    pub bytes: u64,
    /// Levels of lists and objects; a scalar has none.
    pub depth: u32,
    /// References on the longest way down, which take stack as levels do.
    pub hops: u32,
}

impl Extent {
    /// Levels of lists and objects, and of references among them: what walking it takes of a stack.
    pub fn levels(&self) -> usize {
        self.depth as usize + self.hops as usize
    }
}

/// What [`References::measure`] finds.
#[derive(Debug)]
pub struct Measures {
    extents: Vec<Option<Extent>>,
}

impl Measures {
    /// How large a node is; `None` for one that cannot be reached.
    pub fn extent(&self, node: NodeId) -> Option<Extent> {
        self.extents.get(node.index()).copied().flatten()
    }

    /// The most levels that anything has, references counted as levels.
    pub fn depth(&self) -> usize {
        self.extents.iter().flatten().map(Extent::levels).max().unwrap_or(0)
    }

    fn set(&mut self, node: NodeId, extent: Extent) {
        if let Some(place) = self.extents.get_mut(node.index()) {
            *place = Some(extent);
        }
    }
}

fn reference_name(document: &Document, node: NodeId) -> Option<&str> {
    let (word, member) = document.only_member(node)?;
    if word == REF { document.as_str(member.value) } else { None }
}

/// Which evaluators refer to which.
struct Graph<'d> {
    vertices: Vec<Vertex<'d>>,
}

struct Vertex<'d> {
    number: usize,
    name: &'d str,
    edges: Vec<Edge>,
}

struct Edge {
    to: usize,
    reference: NodeId,
}

impl<'d> Graph<'d> {
    fn new(document: &'d Document, evaluators: &'d Evaluators) -> Self {
        let mut named: Vec<(&str, NodeId)> = evaluators.iter().collect();
        // Sorted, so that loops are told the same way every time.
        named.sort_unstable_by_key(|(name, _)| *name);
        let numbers: HashMap<&str, usize> =
            named.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
        let edges_of = |root: NodeId| {
            let (mut edges, mut pending, mut seen) = (Vec::new(), vec![root], HashSet::new());
            while let Some(node) = pending.pop() {
                if document.shares_nodes() && !seen.insert(node) {
                    continue;
                }
                match reference_name(document, node) {
                    Some(name) if evaluators.get(name).is_some() => {
                        edges.extend(numbers.get(name).map(|to| Edge { to: *to, reference: node }));
                    }
                    _ => pending.extend(document.children(node)),
                }
            }
            edges
        };
        let vertices = named.iter().enumerate();
        Self {
            vertices: vertices
                .map(|(number, (name, node))| Vertex { number, name, edges: edges_of(*node) })
                .collect(),
        }
    }

    /// For each vertex the number of its group: vertices of one group reach each other.
    ///
    /// Source: Tarjan, "Depth-first search and linear graph algorithms", 1972; iterative.
    fn groups(&self) -> Vec<usize> {
        const UNSEEN: usize = usize::MAX;
        let count = self.vertices.len();
        let (mut order, mut low, mut group) = (vec![UNSEEN; count], vec![0; count], vec![UNSEEN; count]);
        let (mut next, mut groups) = (0, 0);
        let mut open: Vec<usize> = Vec::new();
        // A vertex and how many of its edges are done.
        let mut calls: Vec<(usize, usize)> = Vec::new();
        for start in 0..count {
            if order.get(start) != Some(&UNSEEN) {
                continue;
            }
            calls.push((start, 0));
            while let Some((vertex, done)) = calls.pop() {
                if done == 0 {
                    set(&mut order, vertex, next);
                    set(&mut low, vertex, next);
                    next += 1;
                    open.push(vertex);
                }
                let edge = self.vertices.get(vertex).and_then(|v| v.edges.get(done));
                match edge {
                    Some(edge) => {
                        calls.push((vertex, done + 1));
                        if get(&order, edge.to) == UNSEEN {
                            calls.push((edge.to, 0));
                        } else if get(&group, edge.to) == UNSEEN {
                            let reached = get(&order, edge.to).min(get(&low, vertex));
                            set(&mut low, vertex, reached);
                        }
                    }
                    None => {
                        if get(&low, vertex) == get(&order, vertex) {
                            while let Some(member) = open.pop() {
                                set(&mut group, member, groups);
                                if member == vertex {
                                    break;
                                }
                            }
                            groups += 1;
                        }
                        if let Some((caller, _)) = calls.last() {
                            let reached = get(&low, *caller).min(get(&low, vertex));
                            set(&mut low, *caller, reached);
                        }
                    }
                }
            }
        }
        group
    }

    /// The references that stay inside their group.
    fn closing_references(&self, groups: &[usize]) -> HashSet<NodeId> {
        let inside = |vertex: &Vertex<'_>, edge: &Edge| get(groups, edge.to) == get(groups, vertex.number);
        let edges =
            self.vertices.iter().flat_map(|vertex| vertex.edges.iter().map(move |edge| (vertex, edge)));
        edges.filter(|(vertex, edge)| inside(vertex, edge)).map(|(_, edge)| edge.reference).collect()
    }

    /// One loop of each group that has one.
    fn loops(&self, groups: &[usize]) -> Vec<Vec<String>> {
        /// Longer loops are told from their beginning.
        const NAMED: usize = 20;
        let mut told = HashSet::new();
        let mut loops = Vec::new();
        for vertex in &self.vertices {
            let group = get(groups, vertex.number);
            let inside = |vertex: &Vertex<'_>| {
                vertex.edges.iter().find(|edge| get(groups, edge.to) == group).map(|edge| edge.to)
            };
            if inside(vertex).is_none() || !told.insert(group) {
                continue;
            }
            let (mut names, mut places, mut at) = (Vec::new(), HashMap::new(), vertex.number);
            while !places.contains_key(&at) {
                places.insert(at, names.len());
                let Some(here) = self.vertices.get(at) else { break };
                names.push(text::excerpt(here.name));
                let Some(next) = inside(here) else { break };
                at = next;
            }
            let mut names = names.split_off(places.get(&at).copied().unwrap_or(0));
            names.truncate(NAMED);
            names.extend(names.first().cloned());
            loops.push(names);
        }
        loops
    }
}

fn get(list: &[usize], at: usize) -> usize {
    list.get(at).copied().unwrap_or(usize::MAX)
}

fn set(list: &mut [usize], at: usize, value: usize) {
    if let Some(place) = list.get_mut(at) {
        *place = value;
    }
}
