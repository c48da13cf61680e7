//! Bytes that the embedder holds.

use std::sync::Arc;

use crate::model::Format;

use super::{Content, Notifier, Source, SourceError};

/// A source that delivers the bytes it was given last.
#[derive(Debug)]
pub struct Memory {
    name: String,
    format: Format,
    bytes: Arc<Vec<u8>>,
}

impl Memory {
    /// Bytes under a name.
    pub fn new(name: impl Into<String>, format: Format, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), format, bytes: Arc::new(bytes.into()) }
    }
}

impl Source for Memory {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self) -> Result<Content, SourceError> {
        Ok(Content::of(&self.name, self.format, self.bytes.clone()))
    }

    fn watch(&mut self, _changed: Notifier) {}

    fn is_replaceable(&self) -> bool {
        true
    }

    fn replace(&mut self, content: &Content) {
        if let [file] = content.files.as_slice() {
            (self.format, self.bytes) = (file.format, file.bytes.clone());
        }
    }
}
