//! How large a file is with its references written out, checked before anything walks it.

use crate::diagnostic::{Place, Pointer, Problem, Report};
use crate::limits::{DOCUMENT_DEPTH, Limits, VALUE_DEPTH};
use crate::model::references::Evaluators;
use crate::model::{Document, MetadataEntry, NodeId, References};
use crate::text::excerpt;

use super::super::near_limit;
use super::reader::Reader;

/// How many times the bytes of the largest file its texts may have with references written out.
pub(super) const WRITTEN_OUT: usize = 8;

/// Refuses what aliases alone make too large, before evaluators are walked.
pub(super) fn check_aliases(document: &Document, limits: &Limits, report: &mut Report) -> Option<()> {
    if !document.shares_nodes() {
        return Some(());
    }
    let evaluators = Evaluators::default();
    let measures = References::new(document, &evaluators).measure();
    let nodes = measures.extent(document.root()).map_or(0, |extent| extent.nodes);
    if nodes <= limits.set_nodes as u64 {
        return Some(());
    }
    let place = Place::new(document.span(document.root()), Pointer::ROOT);
    report.refuse(place, Problem::YamlAliases { most: limits.set_nodes });
    None
}

impl<'d> Reader<'d, '_> {
    /// Refuses what would grow beyond the limits when written out, before anything walks it.
    pub(super) fn check_extents(&mut self) -> Option<()> {
        let document = self.document();
        let shares = !self.references.evaluators().is_empty() || document.shares_nodes();
        if !shares && document.depth() <= VALUE_DEPTH {
            // Nothing is shared and nothing is deep: what the parser saw says it all.
            return Some(());
        }
        let measures = self.references.measure();
        self.measures = Some(measures);
        let Some(measures) = &self.measures else { return None };
        let most = self.limits.depth.min(DOCUMENT_DEPTH);
        let mut too_deep = None;
        for node in
            [document.root()].into_iter().chain(self.references.evaluators().iter().map(|(_, node)| node))
        {
            let Some(extent) = measures.extent(node) else { continue };
            if extent.levels() > most {
                too_deep = Some(node);
            }
        }
        let (total, bytes) =
            measures.extent(document.root()).map_or((0, 0), |extent| (extent.nodes, extent.bytes));
        if let Some(node) = too_deep {
            self.report.refuse(self.place(node, Pointer::ROOT), Problem::TooDeep { most });
            return None;
        }
        if total > self.limits.set_nodes as u64 {
            let most = self.limits.set_nodes;
            let problem = if document.shares_nodes() {
                Problem::YamlAliases { most }
            } else {
                Problem::TooManyNodes { what: "the file".to_owned(), most }
            };
            self.report.refuse(self.place(document.root(), Pointer::ROOT), problem);
            return None;
        }
        self.check_written_out(bytes)
    }

    /// Refuses texts that would take too much memory where they are written out.
    pub(super) fn check_written_out(&mut self, bytes: u64) -> Option<()> {
        let most = self.limits.file_bytes.saturating_mul(WRITTEN_OUT);
        if bytes <= most as u64 {
            return Some(());
        }
        let place = self.place(self.document().root(), Pointer::ROOT);
        self.report.refuse(place, Problem::TooLargeWrittenOut { bytes, most });
        None
    }

    /// The same for metadata of the set, of which each flag with metadata of its own has a copy.
    pub(super) fn check_inherited(&mut self) {
        /// What one node takes in memory.
        const NODE: u64 = 32;
        let copies = self.flags.iter().filter(|flag| !flag.metadata.is_empty()).count() as u64;
        if copies < 2 || self.metadata.is_empty() {
            return;
        }
        let document = self.document();
        let bytes_of = |entry: &MetadataEntry| {
            let extent = self.measures.as_ref().and_then(|measures| measures.extent(entry.value));
            let (nodes, bytes) = extent.map_or_else(
                || {
                    let span = document.span(entry.value);
                    (self.count(entry.value, self.limits.flag_nodes) as u64, u64::from(span.end - span.start))
                },
                |extent| (extent.nodes, extent.bytes),
            );
            nodes.saturating_mul(NODE).saturating_add(bytes) + document.resolve(entry.name).len() as u64
        };
        let bytes = self.metadata.iter().map(bytes_of).fold(0, u64::saturating_add);
        if self.check_written_out(bytes.saturating_mul(copies)).is_none() {
            self.readable = false;
        }
    }

    /// Refuses a flag that is too large with its references written out.
    pub(super) fn check_size(&mut self, node: NodeId, flag: &str, at: &Pointer<'_>) {
        let most = self.limits.flag_nodes;
        // A flag has fewer nodes than bytes, so a small one in a file that shares nothing needs no count.
        let span = self.document().span(node);
        let shares = !self.references.evaluators().is_empty() || self.document().shares_nodes();
        if !shares && (span.end - span.start) as usize <= most {
            return;
        }
        let nodes = self.count(node, most.saturating_add(1));
        near_limit(self.report, "nodes of a flag", nodes, most);
        if nodes > most {
            let problem = Problem::TooManyNodes { what: format!("flag `{}`", excerpt(flag)), most };
            self.exceed(self.place(node, *at), problem);
        }
    }

    /// How many nodes something has with its references written out; stops at `most`.
    pub(super) fn count(&self, node: NodeId, most: usize) -> usize {
        let (mut count, mut pending) = (0, vec![node]);
        while let Some(node) = pending.pop() {
            count += 1;
            if count >= most || pending.len() >= most {
                return most;
            }
            pending.extend(self.document().children(self.references.follow(node)));
        }
        count
    }

    /// Refuses a variant or metadata that is nested too deeply to be handed around as a value.
    pub(super) fn check_value_depth(&mut self, node: NodeId, at: Pointer<'_>) {
        let depth = self
            .measures
            .as_ref()
            .and_then(|measures| measures.extent(node))
            .map_or(0, |extent| extent.depth);
        if depth as usize > VALUE_DEPTH {
            self.exceed(self.place(node, at), Problem::TooDeep { most: VALUE_DEPTH });
        }
    }
}
