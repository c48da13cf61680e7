//! The tree that JSON and YAML are read into: flat, cheap to build and to walk, with the place of each part.
//!
//! Children stand before their parents, so a tree is built and dropped without recursion, whatever its depth.
//! An alias of YAML is the same node again: the tree is then a graph without cycles, and nothing is copied.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::span::Span;
use crate::value::Value;

/// One parsed document.
#[derive(Debug)]
pub struct Document {
    source: Arc<str>,
    format: Format,
    text: String,
    tree: Tree,
}

/// How a flag file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// YAML 1.2, scalars read as the reference reads them. Needs the feature `yaml`.
    Yaml,
}

impl Format {
    /// The format that a file's ending says: `.json`, `.yaml` or `.yml` in any case.
    pub fn of_path(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "json" => Some(Format::Json),
            "yaml" | "yml" => Some(Format::Yaml),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Json => "JSON",
            Format::Yaml => "YAML",
        })
    }
}

/// The nodes of a document, without the text that they were read from.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    items: Vec<NodeId>,
    members: Vec<Member>,
    /// Texts that do not stand in the source as they are: escapes, folded lines.
    decoded: String,
    root: NodeId,
    /// Whether a node may be reached in more than one way.
    shares_nodes: bool,
    depth: usize,
}

impl Tree {
    fn kind(&self, node: NodeId) -> Kind {
        self.nodes.get(node.index()).map_or(Kind::Null, |node| node.kind)
    }

    fn items(&self, range: Range) -> &[NodeId] {
        self.items.get(range.start as usize..range.end as usize).unwrap_or(&[])
    }

    fn members(&self, range: Range) -> &[Member] {
        self.members.get(range.start as usize..range.end as usize).unwrap_or(&[])
    }
}

/// A node of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The node's number; nodes are numbered from 0, children before their parents.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    String(TextId),
    /// Nodes in order.
    List(Range),
    /// Members in the order in which they are written, each name once.
    Object(Range),
}

impl Kind {
    /// What to call it in a message, article included.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }
}

/// A text of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextId {
    start: u32,
    /// The lowest bit tells decoded texts from those that stand in the source; the rest is the length.
    length: u32,
}

impl TextId {
    fn resolve<'t>(self, verbatim: &'t str, decoded: &'t str) -> &'t str {
        let from = if self.length & 1 == 1 { decoded } else { verbatim };
        let start = self.start as usize;
        from.get(start..start + (self.length >> 1) as usize).unwrap_or("")
    }
}

/// A run of items or members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    start: u32,
    end: u32,
}

/// A named part of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: TextId,
    /// Where the name stands.
    pub name_span: Span,
    /// Its value.
    pub value: NodeId,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    kind: Kind,
    span: Span,
}

impl Document {
    /// A document of a tree and the text it was read from.
    pub fn new(source: Arc<str>, format: Format, text: String, tree: Tree) -> Self {
        Self { source, format, text, tree }
    }

    /// How it is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The source's name, as people know it.
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// The text that was read; the spans of nodes count its bytes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The node that stands for the whole.
    pub fn root(&self) -> NodeId {
        self.tree.root
    }

    /// How many nodes there are, shared ones counted once.
    pub fn len(&self) -> usize {
        self.tree.nodes.len()
    }

    /// Whether there is no node; never the case after a successful parse.
    pub fn is_empty(&self) -> bool {
        self.tree.nodes.is_empty()
    }

    /// Whether a node may be reached in more than one way, which only YAML's aliases do.
    pub fn shares_nodes(&self) -> bool {
        self.tree.shares_nodes
    }

    /// How many levels of lists and objects there are as written, aliases and references not followed.
    pub fn depth(&self) -> usize {
        self.tree.depth
    }

    /// What a node is.
    pub fn kind(&self, node: NodeId) -> Kind {
        self.tree.kind(node)
    }

    /// Where a node stands.
    pub fn span(&self, node: NodeId) -> Span {
        self.tree.nodes.get(node.index()).map_or(Span::default(), |node| node.span)
    }

    /// The characters of a text.
    pub fn resolve(&self, text: TextId) -> &str {
        text.resolve(&self.text, &self.tree.decoded)
    }

    /// The text of a node, if it is one.
    pub fn as_str(&self, node: NodeId) -> Option<&str> {
        if let Kind::String(text) = self.kind(node) { Some(self.resolve(text)) } else { None }
    }

    /// The items of a list.
    pub fn items(&self, range: Range) -> &[NodeId] {
        self.tree.items(range)
    }

    /// The members of an object.
    pub fn members(&self, range: Range) -> &[Member] {
        self.tree.members(range)
    }

    /// The members of a node, none if it is no object.
    pub fn members_of(&self, node: NodeId) -> &[Member] {
        if let Kind::Object(range) = self.kind(node) { self.members(range) } else { &[] }
    }

    /// The single member of an object with exactly one: what a rule looks like.
    pub fn only_member(&self, node: NodeId) -> Option<(&str, &Member)> {
        match self.members_of(node) {
            [member] => Some((self.resolve(member.name), member)),
            _ => None,
        }
    }

    /// The nodes below a node, one level down.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let (items, members) = match self.kind(node) {
            Kind::List(range) => (self.items(range), &[][..]),
            Kind::Object(range) => (&[][..], self.members(range)),
            _ => (&[][..], &[][..]),
        };
        items.iter().copied().chain(members.iter().map(|member| member.value))
    }

    /// A node and all below it as a value; depth is bounded by the parser.
    pub fn to_value(&self, node: NodeId) -> Value<'static> {
        match self.kind(node) {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Number(value) => Value::Number(value),
            Kind::String(text) => Value::from(self.resolve(text).to_owned()),
            Kind::List(range) => Value::list(self.items(range).iter().map(|item| self.to_value(*item))),
            Kind::Object(range) => Value::structure(
                self.members(range)
                    .iter()
                    .map(|member| (self.resolve(member.name).to_owned(), self.to_value(member.value))),
            ),
        }
    }
}

/// Puts a document together, children first.
#[derive(Debug)]
pub struct Builder<'t> {
    text: &'t str,
    tree: Tree,
}

impl<'t> Builder<'t> {
    /// Starts a document over `text`.
    pub fn new(text: &'t str) -> Self {
        // About one node for each dozen bytes of ordinary flag files.
        let nodes = text.len() / 12;
        let tree = Tree {
            nodes: Vec::with_capacity(nodes),
            items: Vec::with_capacity(nodes / 4),
            members: Vec::with_capacity(nodes / 2),
            ..Tree::default()
        };
        Self { text, tree }
    }

    /// The characters of a text.
    pub fn resolve(&self, text: TextId) -> &str {
        text.resolve(self.text, &self.tree.decoded)
    }

    /// What a node is.
    pub fn kind(&self, node: NodeId) -> Kind {
        self.tree.kind(node)
    }

    /// The members of an object.
    pub fn members(&self, range: Range) -> &[Member] {
        self.tree.members(range)
    }

    /// The items of a list.
    pub fn items(&self, range: Range) -> &[NodeId] {
        self.tree.items(range)
    }

    /// Adds a node without children.
    pub fn scalar(&mut self, span: Span, kind: Kind) -> NodeId {
        let id = NodeId(self.tree.nodes.len() as u32);
        self.tree.nodes.push(Node { kind, span });
        id
    }

    /// Adds a list of nodes.
    pub fn list(&mut self, span: Span, items: impl IntoIterator<Item = NodeId>) -> NodeId {
        let start = self.tree.items.len() as u32;
        self.tree.items.extend(items);
        let end = self.tree.items.len() as u32;
        self.scalar(span, Kind::List(Range { start, end }))
    }

    /// Adds an object of members, whose names differ.
    pub fn object(&mut self, span: Span, members: impl IntoIterator<Item = Member>) -> NodeId {
        let start = self.tree.members.len() as u32;
        self.tree.members.extend(members);
        let end = self.tree.members.len() as u32;
        self.scalar(span, Kind::Object(Range { start, end }))
    }

    /// A text that stands in the source as it is.
    pub fn verbatim(&self, span: Span) -> TextId {
        TextId { start: span.start, length: (span.end - span.start) << 1 }
    }

    /// A text that does not stand in the source as it is.
    pub fn decoded(&mut self, text: &str) -> TextId {
        let start = self.tree.decoded.len() as u32;
        self.tree.decoded.push_str(text);
        TextId { start, length: (text.len() as u32) << 1 | 1 }
    }

    /// Says how many levels of lists and objects there are.
    pub fn set_depth(&mut self, depth: usize) {
        self.tree.depth = depth;
    }

    /// Says that a node is used in another place too.
    pub fn share(&mut self) {
        self.tree.shares_nodes = true;
    }

    /// The finished tree.
    pub fn finish(mut self, root: NodeId) -> Tree {
        self.tree.root = root;
        self.tree
    }
}
