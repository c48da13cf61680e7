//! An answer as a tree that can be compared: flat, bounded, made of anything that serde can write.
//!
//! A tree is two arrays: nodes in the order in which they are written, and the bytes of all texts. A list or a map
//! says where it ends, so that skipping one is a jump, and dropping any tree takes no stack.

use std::fmt;

/// Bounds on one tree, kept while it is made: what is larger is refused before it takes more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeLimits {
    /// Levels of lists and maps in one another: 128. More than [`DEEPEST`] has no effect.
    pub depth: u32,
    /// Values and names of members: 250,000, of 16 bytes each.
    pub nodes: u32,
    /// Bytes of all texts and names: 4 MiB.
    pub bytes: u32,
}

impl Default for TreeLimits {
    fn default() -> Self {
        Self { depth: DEEPEST, nodes: 250_000, bytes: 4 << 20 }
    }
}

/// Levels that a tree may have at most; comparing takes stack for each.
pub const DEEPEST: u32 = 128;

/// Why an answer is no tree. Never holds a part of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeError {
    /// More levels than [`TreeLimits::depth`].
    TooDeep,
    /// More than [`TreeLimits::nodes`] or [`TreeLimits::bytes`].
    TooBig,
    /// A map with lists or maps for names.
    Name,
    /// Not JSON.
    Syntax,
    /// The answer's own `Serialize` failed.
    Refused,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TreeError::TooDeep => "the answer has too many levels to be compared",
            TreeError::TooBig => "the answer is too big to be compared",
            TreeError::Name => "a map of the answer has names that are no texts",
            TreeError::Syntax => "the answer is not JSON",
            TreeError::Refused => "the answer cannot be serialized",
        })
    }
}

impl std::error::Error for TreeError {}

/// An answer, ready to be compared.
///
/// Whole numbers are kept to the last digit, unlike in a [`Value`](crate::Value): a wrong id is a difference.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    text: Vec<u8>,
}

/// One value, or the name of a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    /// A whole number that is not negative.
    Whole(u64),
    /// A negative whole number.
    Negative(i64),
    Float(f64),
    Text(Span),
    Bytes(Span),
    /// `len` items follow; the next node that is none of them is at `end`.
    List {
        len: u32,
        end: u32,
    },
    /// `len` pairs of a text and a value follow.
    Map {
        len: u32,
        end: u32,
    },
}

/// Where a text stands among a tree's bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

impl Tree {
    /// Whether both were written the same way, so that nothing can differ. Says no of equal trees whose maps have
    /// another order, or that hold not-a-number.
    pub(super) fn is_written_as(&self, other: &Tree) -> bool {
        self.nodes == other.nodes && self.text == other.text
    }

    /// How many nodes it has.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node at a place; a tree without nodes is null.
    pub(super) fn node(&self, at: u32) -> Node {
        self.nodes.get(at as usize).copied().unwrap_or(Node::Null)
    }

    /// The place after a value.
    pub(super) fn after(&self, at: u32) -> u32 {
        match self.node(at) {
            Node::List { end, .. } | Node::Map { end, .. } => end,
            _ => at + 1,
        }
    }

    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        self.text.get(span.start as usize..(span.start + span.len) as usize).unwrap_or_default()
    }

    /// The bytes of a name or a text; empty for anything else.
    pub(super) fn name(&self, at: u32) -> &[u8] {
        match self.node(at) {
            Node::Text(span) => self.bytes(span),
            _ => &[],
        }
    }

    /// The places of a list's items.
    pub(super) fn items(&self, list: u32) -> Vec<u32> {
        let Node::List { len, .. } = self.node(list) else { return Vec::new() };
        let mut at = list + 1;
        let mut items = Vec::with_capacity(len as usize);
        for _ in 0..len {
            items.push(at);
            at = self.after(at);
        }
        items
    }

    /// The places of a map's names, each of which has its value after it.
    pub(super) fn members(&self, map: u32) -> Members<'_> {
        let left = if let Node::Map { len, .. } = self.node(map) { len } else { 0 };
        Members { tree: self, at: map + 1, left }
    }
}

/// The places of a map's names.
#[derive(Clone)]
pub(super) struct Members<'t> {
    tree: &'t Tree,
    at: u32,
    left: u32,
}

impl Iterator for Members<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let name = self.at;
        self.at = self.tree.after(name + 1);
        Some(name)
    }
}

/// Writes a tree, node after node.
pub(super) struct Builder {
    tree: Tree,
    limits: TreeLimits,
    depth: u32,
}

impl Builder {
    pub(super) fn new(limits: TreeLimits) -> Self {
        let limits = TreeLimits { depth: limits.depth.min(DEEPEST), ..limits };
        Self { tree: Tree::default(), limits, depth: 0 }
    }

    pub(super) fn finish(self) -> Tree {
        self.tree
    }

    pub(super) fn push(&mut self, node: Node) -> Result<u32, TreeError> {
        let at = self.tree.nodes.len() as u32;
        if at >= self.limits.nodes {
            return Err(TreeError::TooBig);
        }
        self.tree.nodes.push(node);
        Ok(at)
    }

    pub(super) fn text(&mut self, bytes: &[u8]) -> Result<Span, TreeError> {
        let start = self.tree.text.len();
        let end = start.saturating_add(bytes.len());
        if end > self.limits.bytes as usize {
            return Err(TreeError::TooBig);
        }
        self.tree.text.extend_from_slice(bytes);
        Ok(Span { start: start as u32, len: bytes.len() as u32 })
    }

    pub(super) fn push_text(&mut self, text: &str) -> Result<(), TreeError> {
        let span = self.text(text.as_bytes())?;
        self.push(Node::Text(span)).map(drop)
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), TreeError> {
        let span = self.text(bytes)?;
        self.push(Node::Bytes(span)).map(drop)
    }

    pub(super) fn push_integer(&mut self, number: i64) -> Result<(), TreeError> {
        let node = u64::try_from(number).map_or(Node::Negative(number), Node::Whole);
        self.push(node).map(drop)
    }

    /// Begins a list or a map, to be closed with what it turned out to be.
    pub(super) fn open(&mut self) -> Result<u32, TreeError> {
        if self.depth >= self.limits.depth {
            return Err(TreeError::TooDeep);
        }
        self.depth += 1;
        self.push(Node::Null)
    }

    pub(super) fn close_list(&mut self, at: u32, len: u32) {
        let end = self.tree.nodes.len() as u32;
        self.close(at, Node::List { len, end });
    }

    pub(super) fn close_map(&mut self, at: u32, len: u32) {
        let end = self.tree.nodes.len() as u32;
        self.close(at, Node::Map { len, end });
    }

    fn close(&mut self, at: u32, node: Node) {
        self.depth = self.depth.saturating_sub(1);
        if let Some(opened) = self.tree.nodes.get_mut(at as usize) {
            *opened = node;
        }
    }
}
