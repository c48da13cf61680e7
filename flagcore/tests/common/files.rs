//! Folders of flag files that tests edit as people and tools do, and clients that keep up with them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flagcore::change::{Update, Updates};
use flagcore::client::Builder;
use flagcore::diagnostic::Findings;
use flagcore::limits::Limits;
use flagcore::model::Format;
use flagcore::source::file::FileSource;
use flagcore::source::{Content, Notifier, Source, SourceError};
use flagcore::{Client, Snapshot};

/// How long anything may take at most. Nothing comes near it unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A folder that is gone with the test.
pub(crate) struct Folder {
    root: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    /// A folder with one flag file.
    pub(crate) fn with(name: &str, text: impl AsRef<[u8]>) -> Self {
        let folder = Self::new();
        folder.write(name, text);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn make(&self, name: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
    }

    /// Truncates and rewrites a file in place: the inode stays.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Truncates and rewrites a file in place, in so many pieces with a pause after each.
    pub(crate) fn write_slowly(&self, name: &str, text: &str, pieces: usize, pause: Duration) {
        let mut file = fs::File::create(self.path(name)).unwrap();
        for piece in text.as_bytes().chunks(text.len().div_ceil(pieces)) {
            file.write_all(piece).unwrap();
            // What is tested is a writer that takes its time.
            std::thread::sleep(pause);
        }
    }

    /// Writes a file beside another and renames it over it: the inode changes, nobody sees half of it.
    pub(crate) fn rename_into_place(&self, name: &str, text: impl AsRef<[u8]>) {
        let beside = self.beside(name);
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Removes a file, a link, or a folder with all that is in it.
    pub(crate) fn remove(&self, name: &str) {
        let path = self.path(name);
        match path.is_dir() && !path.is_symlink() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }

    /// Makes a symbolic link to `target`, as it is written, in place of whatever was there.
    pub(crate) fn link(&self, target: impl AsRef<Path>, name: &str) {
        let beside = self.beside(name);
        std::os::unix::fs::symlink(target, &beside).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }

    /// Does what Kubernetes does to a volume: new files in a folder of their own, and then one link to them all
    /// swapped. The folder before, if there is one, is removed at once.
    pub(crate) fn swap_data(&self, volume: &str, generation: usize, files: &[(&str, String)]) {
        let new = format!("{volume}/..2026_{generation}");
        self.make(&new);
        for (name, text) in files {
            self.write(&format!("{new}/{name}"), text);
        }
        let data = format!("{volume}/..data");
        let old = fs::read_link(self.path(&data)).ok();
        self.link(format!("..2026_{generation}"), &data);
        for (name, _) in files {
            let seen = format!("{volume}/{name}");
            if !self.path(&seen).is_symlink() {
                self.link(format!("..data/{name}"), &seen);
            }
        }
        if let Some(old) = old {
            self.remove(&format!("{volume}/{}", old.display()));
        }
    }

    fn beside(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        path.with_file_name(format!(".{file}.tmp"))
    }
}

/// The format that a file's name tells.
pub(crate) fn format_of(name: &str) -> Format {
    Format::of_path(Path::new(name)).unwrap()
}

/// A flag file with so many flags, `flag-0` and on, all giving `value`.
pub(crate) fn flags(format: Format, count: usize, value: i64) -> String {
    let keys: Vec<String> = (0..count).map(|number| format!("flag-{number}")).collect();
    flags_named(format, keys.iter().map(String::as_str), value)
}

/// A flag file with flags of these keys, all giving `value`.
pub(crate) fn flags_named<'k>(format: Format, keys: impl IntoIterator<Item = &'k str>, value: i64) -> String {
    let mut text = String::new();
    match format {
        Format::Json => {
            text.push_str("{\"flags\": {");
            for (at, key) in keys.into_iter().enumerate() {
                let comma = if at == 0 { "" } else { "," };
                write!(text, "{comma}\n{:?}: {}", key, json_flag(value)).unwrap();
            }
            text.push_str("}}\n");
        }
        Format::Yaml => {
            text.push_str("flags:\n");
            for key in keys {
                write!(text, "  {key}:\n    state: ENABLED\n").unwrap();
                write!(text, "    variants: {{v: {value}}}\n    defaultVariant: v\n").unwrap();
            }
            if text == "flags:\n" {
                text = "flags: {}\n".to_owned();
            }
        }
        other => panic!("no flag file can be made in {other:?}"),
    }
    text
}

/// One flag that gives `value`, in JSON.
pub(crate) fn json_flag(value: i64) -> String {
    format!(r#"{{"state": "ENABLED", "variants": {{"v": {value}}}, "defaultVariant": "v"}}"#)
}

/// A flag file with one flag, `flag-0`, in the format of the file's name.
pub(crate) fn one(name: &str, value: i64) -> String {
    flags(format_of(name), 1, value)
}

/// The values that the flags of a snapshot give.
pub(crate) fn values_of(snapshot: &Snapshot) -> BTreeSet<i64> {
    let all = snapshot.evaluate_all("user");
    all.map(|(_, detail)| detail.value().as_f64().map_or(i64::MIN, |value| value as i64)).collect()
}

/// Which means of noticing a change a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noticing {
    /// File events and polling, as by default.
    Both,
    /// File events alone: polling says that there is nothing new.
    EventsAlone,
    /// Polling alone.
    PollingAlone,
}

/// A client and its updates.
///
/// When it is dropped, it has checked that no publication was left out or went backwards.
pub(crate) struct Watched {
    pub(crate) client: Client,
    pub(crate) updates: Updates,
    wrong: Wrong,
    also: Option<Wrong>,
}

/// What was wrong with publications.
type Wrong = Arc<Mutex<Vec<String>>>;

impl Watched {
    /// A client of a file or a folder.
    pub(crate) fn open(path: impl AsRef<Path>) -> Self {
        Self::new(Client::builder().path(path))
    }

    /// A client of a file or a folder that notices changes in one way.
    pub(crate) fn noticing(path: impl AsRef<Path>, noticing: Noticing) -> Self {
        let builder = Client::builder();
        Self::new(match noticing {
            Noticing::Both => builder.path(path),
            Noticing::EventsAlone => builder.source(Probe::new(path).without_polling()),
            Noticing::PollingAlone => builder.path(path).file_events(false),
        })
    }

    pub(crate) fn new(builder: Builder) -> Self {
        let (wrong, mut last) = (Wrong::default(), 0);
        let told = wrong.clone();
        let builder = builder.on_update(move |update| {
            if let Update::Changed(change) = update {
                let (before, after) = (change.before().revision(), change.after().revision());
                if (before, after) != (last, last + 1) {
                    told.lock().unwrap().push(format!("from {before} to {after}, after {last}"));
                }
                last = after;
            }
        });
        let client = builder.build().unwrap_or_else(|error| panic!("{error}"));
        let updates = client.updates();
        Self { client, updates, wrong, also: None }
    }

    /// A client of whose snapshots each must be of one flag file: all flags give the same value, and each
    /// value is at least the one before.
    pub(crate) fn unmixed(builder: Builder) -> Self {
        let (wrong, mut last) = (Wrong::default(), 0);
        let told = wrong.clone();
        let mut watched = Self::new(builder.on_update(move |update| {
            if let Update::Changed(change) = update {
                let values: BTreeSet<i64> = values_of(change.after());
                let value = values.first().copied().unwrap_or(last);
                if values.len() > 1 || value < last {
                    told.lock().unwrap().push(format!("{values:?} after {last}"));
                }
                last = value;
            }
        }));
        // Both listeners' findings count.
        watched.also = Some(wrong);
        watched
    }

    /// What `flag-0` gives; -1 without it.
    pub(crate) fn value(&self) -> i64 {
        self.client.integer("flag-0", "user", -1)
    }

    /// Waits until something is so, looking at it again whenever the client tells of anything.
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut(&Client) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.client) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not within {PATIENCE:?}: {what}; {:#?}", self.client.status());
            // A status may change without an update.
            self.updates.next_within(left.min(Duration::from_millis(20)));
        }
    }

    /// Waits until `flag-0` gives `value`.
    pub(crate) fn serves(&self, value: i64) {
        self.until(&format!("flag-0 gives {value}"), |client| client.integer("flag-0", "user", -1) == value);
    }

    /// Waits until the status tells of no refusal: what is served is seen a moment before the status says so.
    pub(crate) fn tells_no_refusal(&self) {
        self.until("nothing is refused", |client| client.status()[0].refused.is_none());
    }

    /// Waits for a refusal with a finding of this code.
    pub(crate) fn refuses(&self, code: &str) -> Findings {
        self.hears(code, |update| match update {
            Update::Refused { findings, .. } => Some(findings),
            _ => None,
        })
    }

    /// Waits until a content is held back with a finding of this code.
    pub(crate) fn holds(&self, code: &str) -> Findings {
        self.hears(code, |update| match update {
            Update::Held { findings, .. } => Some(findings),
            _ => None,
        })
    }

    fn hears(&self, code: &str, findings: impl Fn(Update) -> Option<Findings>) -> Findings {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(update) = self.updates.next_within(left) else {
                panic!("no {code} within {PATIENCE:?}; {:#?}", self.client.status());
            };
            if let Some(findings) = findings(update)
                && findings.diagnostics.iter().any(|found| found.code() == code)
            {
                return findings;
            }
        }
    }

    /// Takes every update that is there.
    pub(crate) fn drain(&self) -> Vec<Update> {
        std::iter::from_fn(|| self.updates.try_next()).collect()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        for wrong in [Some(&self.wrong), self.also.as_ref()].into_iter().flatten() {
            let wrong = wrong.lock().unwrap();
            assert!(std::thread::panicking() || wrong.is_empty(), "publications: {wrong:?}");
        }
    }
}

/// A file source that a test looks into and meddles with.
pub(crate) struct Probe {
    source: FileSource,
    polls: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
    on_watch: Box<dyn FnMut() + Send>,
    on_read: Box<dyn FnMut(usize) + Send>,
}

impl Probe {
    pub(crate) fn new(path: impl AsRef<Path>) -> Self {
        let source = FileSource::new(path.as_ref(), Limits::default().file_bytes, true);
        let reads = Arc::default();
        Self {
            source,
            polls: Arc::new(AtomicBool::new(true)),
            reads,
            on_watch: Box::new(|| ()),
            on_read: Box::new(|_| ()),
        }
    }

    /// Polling says that there is nothing new, so that only events lead to a read.
    pub(crate) fn without_polling(self) -> Self {
        self.polls.store(false, Ordering::SeqCst);
        self
    }

    /// Switches polling on and off.
    pub(crate) fn polls(&self) -> Arc<AtomicBool> {
        self.polls.clone()
    }

    /// Does something when the watching has begun, before the first read.
    pub(crate) fn on_watch(mut self, act: impl FnMut() + Send + 'static) -> Self {
        self.on_watch = Box::new(act);
        self
    }

    /// Does something after each read, given how many there were before, and before anybody sees its content.
    pub(crate) fn on_read(mut self, act: impl FnMut(usize) + Send + 'static) -> Self {
        self.on_read = Box::new(act);
        self
    }

    /// How often the file was read.
    pub(crate) fn reads(&self) -> Arc<AtomicUsize> {
        self.reads.clone()
    }
}

impl Source for Probe {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn read(&mut self) -> Result<Content, SourceError> {
        let content = self.source.read();
        (self.on_read)(self.reads.fetch_add(1, Ordering::SeqCst));
        content
    }

    fn watch(&mut self, changed: Notifier) {
        self.source.watch(changed);
        (self.on_watch)();
    }

    fn poll(&mut self) -> bool {
        self.polls.load(Ordering::SeqCst) && self.source.poll()
    }

    fn complaint(&self) -> Option<String> {
        self.source.complaint()
    }
}
