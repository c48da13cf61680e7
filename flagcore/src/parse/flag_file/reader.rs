//! What is known while a file is read: what was found so far, and where to tell of problems.

use crate::bucketing::Bucketing;
use crate::diagnostic::{Place, Pointer, Problem, Report};
use crate::limits::Limits;
use crate::model::references::Measures;
use crate::model::{Document, FlagDefinition, Kind, MetadataEntry, NodeId, References, Variant};

pub(super) struct Reader<'d, 'r> {
    pub(super) references: References<'d>,
    pub(super) limits: &'r Limits,
    pub(super) report: &'r mut Report,
    pub(super) bucketing: Option<Bucketing>,
    pub(super) metadata: Vec<MetadataEntry>,
    /// What the set's own metadata says about the flag set.
    pub(super) inherited_id: Option<NodeId>,
    pub(super) flags: Vec<FlagDefinition>,
    pub(super) variants: Vec<Variant>,
    pub(super) flag_metadata: Vec<MetadataEntry>,
    /// How large everything is, where that is not plain from the document.
    pub(super) measures: Option<Measures>,
    /// Whether the set is within the limits, so that it may be compiled to see what is wrong with its rules.
    pub(super) readable: bool,
}

impl<'d> Reader<'d, '_> {
    pub(super) fn document(&self) -> &'d Document {
        self.references.document()
    }

    /// The kind of what a node stands for.
    pub(super) fn kind(&self, node: NodeId) -> Kind {
        self.document().kind(self.references.follow(node))
    }

    pub(super) fn place<'p>(&self, node: NodeId, pointer: Pointer<'p>) -> Place<'p> {
        Place::new(self.document().span(node), pointer)
    }

    /// Refuses the file for something beyond a limit; nothing looks at its rules then.
    pub(super) fn exceed(&mut self, at: Place<'_>, problem: Problem) {
        self.readable = false;
        self.report.refuse(at, problem);
    }
}
