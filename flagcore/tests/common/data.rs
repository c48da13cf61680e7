//! Data files of tests, read with our own reader so that texts and numbers stay as they are written.

use std::path::Path;
use std::sync::Arc;

use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::{Document, NodeId};
use flagcore::{EvaluationContext, Value};

/// A file of test data.
pub(crate) struct Data {
    document: Document,
}

/// A place in a file of test data.
#[derive(Clone, Copy)]
pub(crate) struct Node<'d> {
    document: &'d Document,
    id: NodeId,
}

impl Data {
    /// Reads a JSON file.
    pub(crate) fn open(path: &Path) -> Self {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::of(&path.display().to_string(), &text)
    }

    /// Reads a JSON text.
    pub(crate) fn of(name: &str, text: &str) -> Self {
        let source: Arc<str> = name.into();
        let mut report = Report::new(source.clone(), Mode::Lenient);
        let document = flagcore::parse::json::parse(source, text.as_bytes(), &Limits::default(), &mut report);
        let findings = report.finish(text);
        assert!(!findings.is_refused(), "{findings}");
        Self { document: document.expect("what is not refused is there") }
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node { document: &self.document, id: self.document.root() }
    }
}

impl<'d> Node<'d> {
    /// A member, if it is there.
    pub(crate) fn get(self, name: &str) -> Option<Node<'d>> {
        self.members().find(|(known, _)| *known == name).map(|(_, node)| node)
    }

    /// A member that has to be there.
    pub(crate) fn at(self, name: &str) -> Node<'d> {
        self.get(name).unwrap_or_else(|| panic!("no `{name}` in {}", self.written()))
    }

    /// The members of an object, in the order of the file.
    pub(crate) fn members(self) -> impl Iterator<Item = (&'d str, Node<'d>)> {
        let document = self.document;
        let members = document.members_of(self.id).iter();
        members.map(move |member| (document.resolve(member.name), Node { document, id: member.value }))
    }

    /// The items of a list.
    pub(crate) fn items(self) -> impl Iterator<Item = Node<'d>> {
        let document = self.document;
        assert!(self.written().starts_with('['), "no list: {}", self.written());
        document.children(self.id).map(move |id| Node { document, id })
    }

    /// Fails for members that nobody would look at.
    pub(crate) fn only(self, known: &[&str]) {
        for (name, _) in self.members() {
            assert!(known.contains(&name), "unknown member `{name}` in {}", self.written());
        }
    }

    /// The text as it is written in the file.
    pub(crate) fn written(self) -> &'d str {
        &self.document.text()[self.document.span(self.id).range()]
    }

    pub(crate) fn value(self) -> Value<'static> {
        self.document.to_value(self.id)
    }

    /// The string that stands here, if it is one.
    pub(crate) fn as_text(self) -> Option<&'d str> {
        self.document.as_str(self.id)
    }

    pub(crate) fn text(self) -> &'d str {
        self.as_text().unwrap_or_else(|| panic!("no text: {}", self.written()))
    }

    pub(crate) fn is_true(self) -> bool {
        self.value().as_bool().unwrap_or_else(|| panic!("no boolean: {}", self.written()))
    }

    /// The members as a context.
    pub(crate) fn context(self) -> EvaluationContext<'static> {
        let mut context = EvaluationContext::empty();
        for (name, node) in self.members() {
            context.set(name.to_owned(), node.value());
        }
        context
    }
}
