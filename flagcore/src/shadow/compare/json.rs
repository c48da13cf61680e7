//! JSON text as a tree.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::tree::{Builder, Node, Tree, TreeError, TreeLimits};

impl Tree {
    /// The tree of a JSON text. Of a member that stands twice, both are kept.
    ///
    /// # Errors
    ///
    /// [`TreeError`] where the text is not JSON or past a limit.
    pub fn from_json(text: &[u8], limits: TreeLimits) -> Result<Self, TreeError> {
        let mut builder = Builder::new(limits);
        // serde_json makes a text of every error; ours is kept beside.
        let fault = Cell::new(None);
        let mut reader = serde_json::Deserializer::from_slice(text);
        // The builder bounds the depth, at no more levels than serde_json would allow.
        let read = Reading { builder: &mut builder, fault: &fault }.deserialize(&mut reader);
        let read = read.and_then(|()| reader.end());
        match (read, fault.get()) {
            (Ok(()), _) => Ok(builder.finish()),
            (Err(_), Some(fault)) => Err(fault),
            // The one fault of its own that is not about the text.
            (Err(error), None) if error.to_string().starts_with("recursion limit") => Err(TreeError::TooDeep),
            (Err(_), None) => Err(TreeError::Syntax),
        }
    }
}

/// Reads one value into a tree.
struct Reading<'r> {
    builder: &'r mut Builder,
    fault: &'r Cell<Option<TreeError>>,
}

impl Reading<'_> {
    fn kept<T, E: Error>(&self, done: Result<T, TreeError>) -> Result<T, E> {
        done.map_err(|error| {
            self.fault.set(Some(error));
            E::custom(error)
        })
    }

    fn inner(&mut self) -> Reading<'_> {
        Reading { builder: self.builder, fault: self.fault }
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        let done = self.builder.push(Node::Null).map(drop);
        self.kept(done)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        let done = self.builder.push(Node::Bool(value)).map(drop);
        self.kept(done)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        let done = self.builder.push_integer(value);
        self.kept(done)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        let done = self.builder.push(Node::Whole(value)).map(drop);
        self.kept(done)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let done = self.builder.push(Node::Float(value)).map(drop);
        self.kept(done)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let done = self.builder.push_text(value);
        self.kept(done)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let opened = self.builder.open();
        let (at, mut len) = (self.kept(opened)?, 0);
        while items.next_element_seed(self.inner())?.is_some() {
            len += 1;
        }
        self.builder.close_list(at, len);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let opened = self.builder.open();
        let (at, mut len) = (self.kept(opened)?, 0);
        while members.next_key_seed(self.inner())?.is_some() {
            members.next_value_seed(self.inner())?;
            len += 1;
        }
        self.builder.close_map(at, len);
        Ok(())
    }
}
