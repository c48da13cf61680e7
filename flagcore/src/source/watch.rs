//! The file system's events about one path, whatever it leads through.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::file::is_flag_file;
use super::{Completeness, Notifier};

/// Watches every directory that decides what a path means.
#[derive(Debug)]
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    changed: Notifier,
    /// The directories that are watched, with what tells whether one was replaced.
    armed: HashMap<PathBuf, Identity>,
    events: Arc<Mutex<Events>>,
    complaint: Option<String>,
}

type Identity = Option<(u64, u64)>;

/// What happened since the last read.
#[derive(Debug, Default)]
struct Events {
    /// The paths that matter: files, links on the way to them, watched directories.
    paths: HashSet<PathBuf>,
    /// Directories that were removed or renamed: the system no longer watches them, even where others of the
    /// same name, and of the same inode, are there by now.
    gone: HashSet<PathBuf>,
    /// Where new flag files matter.
    folder: Option<PathBuf>,
    /// What happened last to each path that matters.
    last: HashMap<PathBuf, Touch>,
    /// Whether events were lost, or nothing is known yet.
    unknown: bool,
}

/// What happened to a path, as far as it tells whether its content is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    /// Something was written, or may have been.
    Written,
    /// A writer closed it.
    Closed,
    /// It was put in place whole.
    Placed,
    /// It is gone, or only its attributes changed.
    Other,
}

/// More paths than this are not kept apart.
const MOST_PATHS: usize = 10_000;

/// More links on one way than this are a loop.
const MOST_LINKS: usize = 40;

impl Watch {
    /// Watches `path`, and tells `changed` of whatever happens to it.
    pub(super) fn new(path: &Path, changed: Notifier) -> Self {
        let events = Arc::new(Mutex::new(Events::default()));
        let mut watch = Self { watcher: None, changed, armed: HashMap::new(), events, complaint: None };
        watch.arm(path);
        watch
    }

    /// Asks the system for events, if there are none yet.
    fn listen(&mut self) {
        if self.watcher.is_some() {
            return;
        }
        let (told, changed) = (self.events.clone(), self.changed.clone());
        // What happened until now is not known.
        lock(&told).unknown = true;
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Runs on the events' own thread: marks what happened and returns.
            if lock(&told).note(event) {
                changed.notify();
            }
        });
        match watcher {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.complain(&error),
        }
    }

    /// Makes sure that all directories on the way to `path` are watched as they are now.
    ///
    /// Called with every poll, so that events that could not be had for a while are had as soon as they can.
    pub(super) fn arm(&mut self, path: &Path) {
        self.listen();
        let Some(watcher) = &mut self.watcher else { return };
        let way = Way::to(path);
        let gone = {
            let mut events = lock(&self.events);
            events.paths = way.paths;
            events.paths.extend(way.directories.iter().cloned());
            events.folder = way.folder;
            std::mem::take(&mut events.gone)
        };
        let mut trouble = None;
        self.armed.retain(|directory, identity| {
            // With a directory the system forgets those below it.
            let keep = way.directories.contains(directory)
                && identity_of(directory) == *identity
                && !directory.ancestors().any(|it| gone.contains(it));
            if !keep {
                // It may be gone already.
                let _ = watcher.unwatch(directory);
            }
            keep
        });
        for directory in way.directories {
            if self.armed.contains_key(&directory) {
                continue;
            }
            // Looked at first: if it is replaced in between, the next look tells.
            let identity = identity_of(&directory);
            match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.armed.insert(directory, identity);
                }
                Err(error) if directory.exists() => trouble = Some(error),
                Err(_) => {}
            }
        }
        match trouble {
            Some(error) => self.complain(&error),
            None => self.complaint = None,
        }
    }

    /// Waits until the events' own thread has noted what happened before this call.
    ///
    /// Otherwise a file that was renamed into place, and is by now written by somebody, would count as whole. One
    /// answer of the thread is no proof that it has seen all events, but two are: it turns from one to the other.
    fn catch_up(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for _ in 0..2 {
            // Asks for nothing; only the answer counts.
            let _ = watcher.configure(notify::Config::default());
        }
    }

    /// How sure it is that what is there now is complete, by what happened since the last time this was asked.
    pub(super) fn completeness(&mut self, yaml: bool) -> Completeness {
        self.catch_up();
        let mut events = lock(&self.events);
        let unknown = std::mem::take(&mut events.unknown);
        let last = std::mem::take(&mut events.last);
        let touches = last.into_values().filter(|touch| *touch != Touch::Other).map(|touch| match touch {
            Touch::Placed => Completeness::Whole,
            // Half of a YAML file is often a valid YAML file, and its writer may come back.
            Touch::Closed if !yaml => Completeness::Closed,
            _ => Completeness::Unsure,
        });
        let least = touches.min();
        if unknown { Completeness::Unsure } else { least.unwrap_or(Completeness::Unsure) }
    }

    pub(super) fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    fn complain(&mut self, error: &notify::Error) {
        self.complaint =
            Some(format!("changes are noticed by polling alone, since file events cannot be had: {error}"));
    }
}

impl Events {
    /// Notes an event; tells whether it matters.
    fn note(&mut self, event: notify::Result<notify::Event>) -> bool {
        let Ok(event) = event else {
            self.unknown = true;
            return true;
        };
        if event.need_rescan() {
            self.unknown = true;
            return true;
        }
        let touch = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Touch::Closed,
            // Among others our own reading.
            EventKind::Access(_) => return false,
            EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => Touch::Placed,
            EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => Touch::Other,
            EventKind::Modify(ModifyKind::Metadata(_)) => Touch::Other,
            _ => Touch::Written,
        };
        // Of a rename with both ends the last path is where it went.
        let placed = if touch == Touch::Placed { event.paths.last() } else { None };
        let mut matters = false;
        for path in &event.paths {
            if !self.matters(path) {
                continue;
            }
            matters = true;
            if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
                && self.paths.contains(path)
            {
                self.gone.insert(path.clone());
            }
            let touch = if touch == Touch::Placed && placed != Some(path) { Touch::Other } else { touch };
            if self.last.len() >= MOST_PATHS {
                self.unknown = true;
                continue;
            }
            self.last.insert(path.clone(), touch);
        }
        matters
    }

    fn matters(&self, path: &Path) -> bool {
        self.paths.contains(path) || self.folder.as_deref() == path.parent() && is_flag_file(path)
    }
}

fn lock(events: &Mutex<Events>) -> MutexGuard<'_, Events> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything on the way to a path.
#[derive(Debug, Default)]
struct Way {
    directories: HashSet<PathBuf>,
    paths: HashSet<PathBuf>,
    folder: Option<PathBuf>,
}

impl Way {
    /// The way to a file, or to a folder and the flag files in it.
    fn to(path: &Path) -> Self {
        let mut way = Self::default();
        let end = way.walk(path);
        if end.is_dir() {
            if let Ok(entries) = fs::read_dir(&end) {
                let links = entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| is_flag_file(path) && path.is_symlink());
                // Each link has a way of its own; the folder's other files are seen by watching the folder.
                links.take(MOST_PATHS).for_each(|link| {
                    way.walk(&link);
                });
            }
            way.directories.insert(end.clone());
            way.folder = Some(end);
        }
        way
    }

    /// Adds one way; returns where it ends, which may not exist.
    fn walk(&mut self, path: &Path) -> PathBuf {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut left: Vec<OsString> = reversed(&absolute);
        let mut at = PathBuf::new();
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&name);
            match fs::read_link(&next) {
                Ok(target) if links < MOST_LINKS => {
                    links += 1;
                    self.directories.insert(at.clone());
                    self.paths.insert(next);
                    if target.is_absolute() {
                        at = PathBuf::new();
                    }
                    left.extend(reversed(&target));
                }
                _ => at = next,
            }
        }
        if let Some(parent) = at.parent() {
            self.directories.insert(parent.to_owned());
        }
        self.paths.insert(at.clone());
        at
    }
}

/// The parts of a path, the first one last.
fn reversed(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter(|part| !matches!(part, Component::CurDir));
    let mut parts: Vec<OsString> = parts.map(|part| part.as_os_str().to_owned()).collect();
    parts.reverse();
    parts
}

fn identity_of(directory: &Path) -> Identity {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(directory).ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        fs::metadata(directory).ok().map(|_| (0, 0))
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{Event, Flag};

    use super::*;

    fn events() -> Events {
        Events { paths: HashSet::from(["/flags/a.json".into()]), ..Events::default() }
    }

    #[test]
    fn lost_events_matter_whatever_they_were() {
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        for event in [Ok(lost), Err(notify::Error::generic("the queue broke"))] {
            let mut events = events();
            assert!(events.note(event));
            assert!(events.unknown);
        }
    }

    #[test]
    fn events_of_other_files_do_not_matter() {
        let event = |path: &str| Ok(Event::new(EventKind::Any).add_path(path.into()));
        assert!(events().note(event("/flags/a.json")));
        assert!(!events().note(event("/flags/b.json")));
        let mut folder = Events { folder: Some("/flags".into()), ..events() };
        assert!(folder.note(event("/flags/b.json")));
        assert!(!folder.note(event("/flags/b.json~")));
        assert!(!folder.note(event("/flags/deeper/b.json")));
    }
}
