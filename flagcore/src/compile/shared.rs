//! What the rules of a document share: paths into contexts, and evaluators.

use std::collections::HashMap;
use std::sync::Arc;

use crate::context::{Needle, TARGETING_KEY};
use crate::eval::program::{AttributePath, Root, Shared};
use crate::limits;
use crate::path::{self, Segment};

/// Paths into contexts, each once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    paths: HashMap<Box<str>, Arc<AttributePath>>,
}

impl Interner {
    pub(super) fn path(&mut self, text: &str) -> Arc<AttributePath> {
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

/// Evaluators that are compiled already.
#[derive(Debug, Default)]
pub(super) struct SharedRules {
    pub(super) by_name: HashMap<Box<str>, SharedRule>,
    /// How many nodes were compiled again to be looked up ahead.
    pub(super) ahead: u32,
}

impl SharedRules {
    /// Whether list operators inside of each other asked for more than is compiled.
    pub(super) fn is_exhausted(&self) -> bool {
        self.ahead > limits::AHEAD_NODES
    }
}

/// Kept so that a shared rule is one allocation for all flags that use it.
pub(super) type SharedRule = Arc<Shared>;
