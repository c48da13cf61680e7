//! wip
use std::path::{Path, PathBuf};
use std::sync::Arc;
use crate::diagnostic::Problem;
use crate::model::Format;
use super::{Completeness, Content, ContentFile, Notifier, Source, SourceError};

/// wip
#[derive(Debug)]
pub struct FileSource { name: String, path: PathBuf }
impl FileSource {
    /// wip
    pub fn new(path: &Path, _most: usize, _events: bool) -> Self { Self { name: path.display().to_string(), path: path.to_owned() } }
}
impl Source for FileSource {
    fn name(&self) -> &str { &self.name }
    fn read(&mut self) -> Result<Content, SourceError> {
        let bytes = std::fs::read(&self.path).map_err(|e| SourceError::new(&self.name, e))?;
        let name: Arc<str> = self.name.as_str().into();
        let format = Format::of_path(&self.path).ok_or_else(|| SourceError::of(name.clone(), Problem::UnknownFormat { extension: String::new() }))?;
        Ok(Content { files: vec![ContentFile { name, format, bytes }], completeness: Completeness::Whole })
    }
    fn watch(&mut self, _c: Notifier) {}
}
