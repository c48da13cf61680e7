//! Flag files of a file system: a file, or a folder of them.
//!
//! What is watched is never the file itself, which tools replace, but every directory that decides what its
//! path means: those of the symbolic links on the way, and that of the file at the end. Events are behind a
//! slow polling that needs none: names, sizes, inodes and times are compared every second, and the content
//! itself every minute. Events that cannot be had are asked for again with every poll. Content decides what is
//! new; events and times only say when to look.
//!
//! Events also tell what is complete: a file renamed into place, or reached by a link that was, is whole; a
//! JSON file that its writer closed is so as far as anybody can tell. Everything else may be half written.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::diagnostic::Problem;
use crate::model::Format;

#[cfg(feature = "watch")]
use super::watch::Watch;
use super::{Completeness, Content, ContentFile, Notifier, Source, SourceError};

/// A file, or a folder with every `*.json`, `*.yaml` and `*.yml` in it.
#[derive(Debug)]
pub struct FileSource {
    name: String,
    path: PathBuf,
    most_bytes: usize,
    events: bool,
    #[cfg(feature = "watch")]
    watch: Option<Watch>,
    /// What everything looked like at the last read.
    seen: Vec<Seen>,
    /// Whether the last read failed, so that the next poll tries again whatever it sees.
    failed: bool,
    read_at: Instant,
}

/// How often the content itself is read, whatever names and times say.
const READ_ANYWAY: Duration = Duration::from_secs(60);

/// How often what changes while it is read is read again before it counts as being written.
const READS_AT_MOST: usize = 4;

/// How a file looks from outside. Two that look the same almost surely hold the same.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    path: PathBuf,
    looks: Result<Looks, io::ErrorKind>,
}

#[derive(Clone, Debug, PartialEq)]
struct Looks {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and the time of the last change of either: what a copy with old times cannot fake.
    identity: (u64, u64, i64, i64),
}

impl FileSource {
    /// A source of what stands at `path`, with files of at most `most_bytes`.
    ///
    /// Without `events`, polling alone tells of news.
    pub fn new(path: &Path, most_bytes: usize, events: bool) -> Self {
        Self {
            name: path.display().to_string(),
            path: path.to_owned(),
            most_bytes,
            events,
            #[cfg(feature = "watch")]
            watch: None,
            seen: Vec::new(),
            failed: false,
            read_at: Instant::now(),
        }
    }

    /// The flag files there are, in the order of their names; one for a path that is no folder.
    fn files(&self) -> Result<Vec<PathBuf>, SourceError> {
        let metadata = fs::metadata(&self.path).map_err(|error| self.error(&self.path, &error))?;
        if !metadata.is_dir() {
            return Ok(vec![self.path.clone()]);
        }
        let entries = fs::read_dir(&self.path).map_err(|error| self.error(&self.path, &error))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| self.error(&self.path, &error))?.path();
            if is_flag_file(&path) && !path.is_dir() {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn read_files(&self) -> Result<Vec<ContentFile>, SourceError> {
        let paths = self.files()?;
        if paths.is_empty() {
            return Err(SourceError::of(self.name.as_str().into(), Problem::NoFiles));
        }
        paths.iter().map(|path| self.read_file(path)).collect()
    }

    /// Reads the files until nothing changed meanwhile, so that they belong together and to what the events tell
    /// of them: a volume's link may be swapped between one file and the next. What does not come to rest counts
    /// as being written.
    fn read_in_one_state(&mut self) -> Result<Content, SourceError> {
        let mut least = Completeness::Given;
        self.seen = self.look();
        for _ in 0..READS_AT_MOST {
            let files = self.read_files();
            // Before the second look: events of what happens after it tell nothing of what was read.
            least = least.min(self.completeness(files.as_deref().unwrap_or_default()));
            let now = self.look();
            if now == self.seen {
                return files.map(|files| Content { files, completeness: least });
            }
            self.seen = now;
        }
        Ok(Content { files: self.read_files()?, completeness: Completeness::Unsure })
    }

    fn read_file(&self, path: &Path) -> Result<ContentFile, SourceError> {
        let name: Arc<str> = path.display().to_string().into();
        let Some(format) = Format::of_path(path) else {
            let extension = path.extension().map_or(String::new(), |it| format!(".{}", it.to_string_lossy()));
            return Err(SourceError::of(name, Problem::UnknownFormat { extension }));
        };
        let mut file = open(path).map_err(|error| self.error(path, &error))?;
        let metadata = file.metadata().map_err(|error| self.error(path, &error))?;
        if !metadata.is_file() {
            return Err(SourceError::of(name, Problem::NotAFile { what: kind_of(&metadata) }));
        }
        let too_large =
            |bytes| SourceError::of(name.clone(), Problem::TooLarge { bytes, most: self.most_bytes });
        if metadata.len() > self.most_bytes as u64 {
            return Err(too_large(metadata.len()));
        }
        let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
        let most = (self.most_bytes as u64).saturating_add(1);
        let read =
            file.by_ref().take(most).read_to_end(&mut bytes).map_err(|error| self.error(path, &error))?;
        if read as u64 == most {
            return Err(too_large(most));
        }
        Ok(ContentFile { name, format, bytes: bytes.into() })
    }

    fn error(&self, path: &Path, error: &io::Error) -> SourceError {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => Problem::Missing,
            _ => Problem::Unreadable { reason: error.to_string() },
        };
        SourceError::of(path.display().to_string().into(), problem)
    }

    /// How everything looks now. What cannot be looked at looks like its error.
    fn look(&self) -> Vec<Seen> {
        let look = |path: PathBuf| {
            let looks = fs::metadata(&path).map(|metadata| looks(&metadata)).map_err(|error| error.kind());
            Seen { path, looks }
        };
        match self.files() {
            Ok(files) => files.into_iter().map(look).collect(),
            Err(_) => vec![look(self.path.clone())],
        }
    }

    /// How sure it is that what is read now is complete.
    fn completeness(&mut self, files: &[ContentFile]) -> Completeness {
        #[cfg(feature = "watch")]
        if let Some(watch) = &mut self.watch {
            return watch.completeness(files.iter().any(|file| file.format == Format::Yaml));
        }
        let _ = files;
        Completeness::Unsure
    }
}

impl Source for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self) -> Result<Content, SourceError> {
        // Directories may have been replaced: what they are now is watched before anything is read.
        #[cfg(feature = "watch")]
        if let Some(watch) = &mut self.watch {
            watch.arm(&self.path);
        }
        self.read_at = Instant::now();
        let content = self.read_in_one_state();
        self.failed = content.is_err();
        content
    }

    fn watch(&mut self, changed: Notifier) {
        #[cfg(feature = "watch")]
        if self.events {
            self.watch = Some(Watch::new(&self.path, changed));
        }
        #[cfg(not(feature = "watch"))]
        let _ = (changed, self.events);
    }

    fn poll(&mut self) -> bool {
        #[cfg(feature = "watch")]
        if let Some(watch) = &mut self.watch {
            watch.arm(&self.path);
        }
        self.failed || self.read_at.elapsed() >= READ_ANYWAY || self.look() != self.seen
    }

    fn complaint(&self) -> Option<String> {
        #[cfg(feature = "watch")]
        if let Some(watch) = &self.watch {
            return watch.complaint().map(str::to_owned);
        }
        None
    }
}

/// Whether a folder's entry is a flag file: by its ending, and not hidden.
pub(super) fn is_flag_file(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && Format::of_path(path).is_some()
}

/// Opens a file for reading, and never waits for anybody to write to it, whatever it is.
fn open(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}

fn kind_of(metadata: &fs::Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = metadata.file_type();
        if kind.is_fifo() {
            return "pipe";
        }
        if kind.is_socket() {
            return "socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "device";
        }
    }
    if metadata.is_dir() { "folder" } else { "special file" }
}

fn looks(metadata: &fs::Metadata) -> Looks {
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
    };
    #[cfg(not(unix))]
    let identity = (0, 0, 0, 0);
    Looks { length: metadata.len(), modified: metadata.modified().ok(), identity }
}
