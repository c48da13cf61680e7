//! Keeps a store up to its sources: read, parse, compile, publish. Where any of that fails, what was served
//! before is still served.
//!
//! ## The life of a content
//!
//! A source is read when it says that something may be new, when its poll says so, and when a wait is over.
//!
//! 1. What cannot be read, or is the same as what is served, changes nothing. The latter ends whatever was wrong.
//! 2. What may be half written waits until two reads 50 ms apart are equal ([`SETTLE`]).
//! 3. What has errors is refused, once; it is not looked at again until it changes.
//! 4. What suddenly holds no flags, or lost many in place, waits until it is still the same two seconds later
//!    ([`DOUBT`]).
//! 5. Anything else is compiled, only what changed, and published together with what the other sources hold.
//!
//! One thread does all of this, so a later content never loses against an earlier one.
//!
//! ## The board
//!
//! The engine is locked while a source is read and while listeners are told, which may take any time. What the
//! sources' status is stands on a board beside it, which anybody reads without waiting: a health check of a
//! service must answer just then. The engine puts up what changed after it is published and before it is told.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use xxhash_rust::xxh3::Xxh3;

use crate::change::{Change, Update};
use crate::compile::{CompileOptions, CompiledSet, compile};
use crate::context::Surroundings;
use crate::diagnostic::{Earlier, Findings, Mode, Place, Pointer, Problem, Report, Severity};
use crate::limits::{Limits, SHALLOW};
use crate::model::Format;
use crate::parse;
use crate::resolution::on_a_deep_stack;
use crate::snapshot::{LoadedFile, SourceFlags};
use crate::source::{Completeness, Content, ContentFile, Notifier, Signal, Source, SourceError};
use crate::store::Store;

/// How far apart two equal reads are before a content counts as complete.
pub const SETTLE: Duration = Duration::from_millis(50);

/// How long a content that lost its flags must stay the same before it is believed.
pub const DOUBT: Duration = Duration::from_secs(2);

/// How flag files are read, and what surrounds evaluations.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) limits: Limits,
    pub(crate) compile: CompileOptions,
    pub(crate) surroundings: Arc<Surroundings>,
}

/// The writer's side of a client.
pub(crate) struct Engine {
    store: Arc<Store>,
    options: Options,
    sources: Vec<SourceState>,
    listeners: Vec<Listener>,
    board: Arc<Board>,
}

/// The status of every source, for whoever asks, whatever the engine is doing.
#[derive(Debug)]
pub(crate) struct Board {
    sources: ArcSwap<Vec<Arc<SourceStatus>>>,
}

impl Board {
    pub(crate) fn status(&self) -> Vec<SourceStatus> {
        self.sources.load().iter().map(|source| SourceStatus::clone(source)).collect()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.sources.load().iter().all(|source| source.served.is_some())
    }
}

/// Hears of updates, on the writer's thread, and tells whether it wants more of them.
pub(crate) type Listener = Box<dyn FnMut(&Update) -> bool + Send>;

struct SourceState {
    source: Box<dyn Source>,
    /// What is served of it.
    served: Option<Served>,
    /// What was read but not taken yet.
    waiting: Option<Waiting>,
    /// What was refused last, and is still what the source holds.
    refused: Option<Refused>,
    /// Whether listeners heard of trouble, and of nothing since that says it is over.
    troubled: bool,
    /// What the board says of it.
    shown: Stamp,
}

/// What tells one status of a source from another.
#[derive(Debug, Default, PartialEq)]
struct Stamp {
    served: Option<u64>,
    waiting: Option<Option<usize>>,
    refused: Option<(SystemTime, Option<u128>)>,
    complaint: Option<String>,
}

struct Served {
    digest: u128,
    files: Vec<LoadedFile>,
    findings: Findings,
    revision: u64,
    since: SystemTime,
}

struct Waiting {
    digest: u128,
    since: Instant,
    until: Instant,
    /// The flags it has, where it is in doubt for having lost some.
    shrunk_to: Option<usize>,
}

struct Refused {
    /// None where nothing could be read at all.
    digest: Option<u128>,
    findings: Findings,
    at: SystemTime,
}

/// What a source holds and whether it is served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// What is served of it; none while it has not delivered anything valid.
    pub served: Option<ServedStatus>,
    /// Why what it holds now is not served, if that is so.
    pub refused: Option<RefusedStatus>,
    /// What holds back a content that was read but is in doubt, if there is one.
    pub waiting: Option<String>,
    /// What is wrong with the watching, if anything.
    pub complaint: Option<String>,
}

/// What is served of a source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServedStatus {
    /// The revision with which it was published.
    pub revision: u64,
    /// When that was.
    pub since: SystemTime,
    /// A digest of its bytes, in hexadecimal.
    pub digest: String,
    /// How many flags it holds.
    pub flags: usize,
    /// What was found about it: warnings.
    pub findings: Findings,
}

/// A content that is not served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefusedStatus {
    /// When it was first seen.
    pub at: SystemTime,
    /// Why it is not served.
    pub findings: Findings,
}

impl Engine {
    pub(crate) fn new(
        store: Arc<Store>,
        options: Options,
        sources: Vec<Box<dyn Source>>,
        listeners: Vec<Listener>,
    ) -> Self {
        let state = |source| SourceState {
            source,
            served: None,
            waiting: None,
            refused: None,
            troubled: false,
            shown: Stamp::default(),
        };
        let sources: Vec<SourceState> = sources.into_iter().map(state).collect();
        let shown = sources.iter().map(|state| Arc::new(state.status(None))).collect();
        let board = Arc::new(Board { sources: ArcSwap::from_pointee(shown) });
        Self { store, options, sources, listeners, board }
    }

    /// Starts watching every source; done before anything is read, so that no change is missed in between.
    pub(crate) fn watch(&mut self, signal: &Arc<Signal>) {
        for (number, state) in self.sources.iter_mut().enumerate() {
            state.source.watch(Notifier { signal: signal.clone(), source: number });
        }
    }

    /// Reads every source and takes what it holds, without waiting for anything to settle.
    pub(crate) fn start(&mut self) {
        let mut changed = false;
        for number in 0..self.sources.len() {
            changed |= self.read(number, Instant::now(), true);
        }
        if changed {
            self.publish();
        }
        self.show_all();
    }

    /// Reads the sources that may hold something new. Returns when to look again at the latest.
    pub(crate) fn step(&mut self, marked: &[bool], polled: bool) -> Option<Instant> {
        let mut changed = false;
        for number in 0..self.sources.len() {
            let now = Instant::now();
            let Some(state) = self.sources.get_mut(number) else { continue };
            let due = state.waiting.as_ref().is_some_and(|waiting| waiting.until <= now);
            let news = marked.get(number).copied().unwrap_or(false);
            if news || due || polled && state.poll() {
                changed |= self.read(number, now, false);
            }
        }
        if changed {
            self.publish();
        }
        self.show_all();
        self.store.sweep();
        self.sources.iter().filter_map(|state| state.waiting.as_ref()).map(|waiting| waiting.until).min()
    }

    /// Takes bytes in place of whatever a source holds.
    ///
    /// # Errors
    ///
    /// The findings, where the bytes are refused; what was served before is still served.
    pub(crate) fn replace(&mut self, number: usize, content: &Content) -> Result<(), Findings> {
        match self.load(number, content) {
            Ok(loaded) => {
                if let Some(state) = self.sources.get_mut(number) {
                    state.source.replace(content);
                }
                self.take(number, digest_of(content), loaded);
                self.publish();
                Ok(())
            }
            Err(findings) => {
                self.refuse(number, Some(digest_of(content)), findings.clone());
                Err(findings)
            }
        }
    }

    /// The source of a name that takes bytes of the embedder's.
    pub(crate) fn replaceable(&self, name: &str) -> Option<usize> {
        self.sources.iter().position(|state| state.source.name() == name && state.source.is_replaceable())
    }

    pub(crate) fn add_listener(&mut self, listener: Listener) {
        self.listeners.push(listener);
    }

    /// How many sources there are.
    pub(crate) fn len(&self) -> usize {
        self.sources.len()
    }

    /// Where the status of every source stands.
    pub(crate) fn board(&self) -> Arc<Board> {
        self.board.clone()
    }

    /// Puts on the board what became of some sources, where anything did.
    fn show(&mut self, numbers: Range<usize>) {
        let mut shown = None;
        for (number, state) in self.sources.iter_mut().enumerate().skip(numbers.start).take(numbers.len()) {
            let stamp = state.stamp();
            if state.shown == stamp {
                continue;
            }
            let all = shown.get_or_insert_with(|| self.board.sources.load().to_vec());
            if let Some(place) = all.get_mut(number) {
                *place = Arc::new(state.status(stamp.complaint.clone()));
            }
            state.shown = stamp;
        }
        if let Some(all) = shown {
            self.board.sources.store(Arc::new(all));
        }
    }

    /// Only after what was taken is published, so that nothing is said to be served before it is.
    fn show_all(&mut self) {
        self.show(0..self.sources.len());
    }

    /// What keeps sources from being served, those that are served left out.
    pub(crate) fn missing(&self) -> Findings {
        let mut missing = Findings::default();
        for state in self.sources.iter().filter(|state| state.served.is_none()) {
            if let Some(refused) = &state.refused {
                missing.append(refused.findings.clone());
            }
        }
        missing
    }

    /// Reads one source; tells whether there is something new to publish.
    fn read(&mut self, number: usize, now: Instant, at_start: bool) -> bool {
        let Some(state) = self.sources.get_mut(number) else { return false };
        let content = match state.read() {
            Ok(content) => content,
            Err(error) => {
                state.waiting = None;
                self.refuse(number, None, error.findings().clone());
                return false;
            }
        };
        let digest = digest_of(&content);
        if state.served.as_ref().is_some_and(|served| served.digest == digest) {
            self.recover(number);
            return false;
        }
        if state.refused.as_ref().is_some_and(|refused| refused.digest == Some(digest)) {
            state.waiting = None;
            return false;
        }
        let waited =
            state.waiting.as_ref().filter(|waiting| waiting.digest == digest).map(|waiting| waiting.since);
        let age = waited.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        // From the end of the first read to the begin of this one: reading may have taken its time.
        let since = waited.unwrap_or_else(Instant::now);
        let settled = at_start || age >= SETTLE;
        if content.completeness == Completeness::Unsure && !settled {
            state.waiting = Some(Waiting { digest, since, until: since + SETTLE, shrunk_to: None });
            return false;
        }
        match self.load(number, &content) {
            Err(_) if content.completeness == Completeness::Closed && !settled => {
                self.wait(number, Waiting { digest, since, until: since + SETTLE, shrunk_to: None });
                false
            }
            Err(findings) => {
                self.refuse(number, Some(digest), findings);
                false
            }
            Ok(loaded) => {
                if let Some(flags) = self.is_doubtful(number, &content, &loaded)
                    && age < DOUBT
                {
                    self.wait(
                        number,
                        Waiting { digest, since, until: since + DOUBT, shrunk_to: Some(flags) },
                    );
                    return false;
                }
                self.take(number, digest, loaded);
                true
            }
        }
    }

    /// Whether a content lost so many flags that it may be half of one; how many it has.
    fn is_doubtful(&self, number: usize, content: &Content, loaded: &Loaded) -> Option<usize> {
        let before = self.sources.get(number)?.served.as_ref()?.flags();
        let after = flags_of(&loaded.files);
        let lost = before.saturating_sub(after);
        // YAML cut in place is often valid YAML; JSON never is.
        let in_place = content.completeness == Completeness::Unsure
            && content.files.iter().any(|file| file.format == Format::Yaml);
        let doubtful = match content.completeness {
            Completeness::Given => false,
            _ if after == 0 && before > 0 => true,
            _ => in_place && lost >= 5 && lost * 10 > before,
        };
        doubtful.then_some(after)
    }

    fn wait(&mut self, number: usize, waiting: Waiting) {
        let Some(state) = self.sources.get_mut(number) else { return };
        let told = state.waiting.as_ref().is_some_and(|told| told.shrunk_to == waiting.shrunk_to);
        let held = waiting.shrunk_to.filter(|_| !told);
        state.waiting = Some(waiting);
        if let Some(after) = held {
            state.troubled = true;
            let before = state.served.as_ref().map_or(0, Served::flags);
            let problem = Problem::Shrinks { before, after };
            let findings = Findings::of_source(state.source.name().into(), Severity::Warning, problem);
            let update = Update::Held { source: state.source.name().to_owned(), findings };
            self.show(number..number + 1);
            self.tell(&update);
        }
    }

    fn load(&self, number: usize, content: &Content) -> Result<Loaded, Findings> {
        let served = self.sources.get(number).and_then(|state| state.served.as_ref());
        let previous =
            |name: &Arc<str>| served?.files.iter().find(|file| file.name == *name).map(|file| &*file.set);
        let mut loaded = Loaded::default();
        let mut findings = Findings::default();
        for file in &content.files {
            let (set, found) = load_file(file, &self.options, previous(&file.name));
            findings.append(found);
            if let Some(set) = set {
                loaded.files.push(LoadedFile { name: file.name.clone(), set: Arc::new(set) });
            }
        }
        let (found, most) = (flags_of(&loaded.files), self.options.limits.flags);
        if content.files.len() > 1 && found > most {
            // Each file by itself was looked at where it was read.
            let name = self.sources.get(number).map_or("", |state| state.source.name());
            let problem = Problem::TooManyFlags { found, most };
            findings.append(Findings::of_source(name.into(), Severity::Error, problem));
        }
        findings.append(loaded.repeated(self.options.mode));
        if findings.is_refused() {
            return Err(findings);
        }
        loaded.findings = findings;
        Ok(loaded)
    }

    /// The source holds what is served of it: whatever was wrong in between is over.
    fn recover(&mut self, number: usize) {
        let serving = self.store.load().revision();
        let Some(state) = self.sources.get_mut(number) else { return };
        (state.waiting, state.refused) = (None, None);
        if std::mem::take(&mut state.troubled) {
            let update = Update::Recovered { source: state.source.name().to_owned(), serving };
            self.show(number..number + 1);
            self.tell(&update);
        }
    }

    fn take(&mut self, number: usize, digest: u128, loaded: Loaded) {
        let revision = self.store.load().revision() + 1;
        let Some(state) = self.sources.get_mut(number) else { return };
        let Loaded { files, findings } = loaded;
        state.served = Some(Served { digest, files, findings, revision, since: SystemTime::now() });
        (state.waiting, state.refused, state.troubled) = (None, None, false);
    }

    fn refuse(&mut self, number: usize, digest: Option<u128>, findings: Findings) {
        let serving = self.store.load().revision();
        let Some(state) = self.sources.get_mut(number) else { return };
        state.waiting = None;
        let known = state
            .refused
            .as_ref()
            .is_some_and(|refused| refused.findings == findings && refused.digest == digest);
        if known {
            return;
        }
        let update =
            Update::Refused { source: state.source.name().to_owned(), findings: findings.clone(), serving };
        state.refused = Some(Refused { digest, findings, at: SystemTime::now() });
        state.troubled = true;
        self.show(number..number + 1);
        self.tell(&update);
    }

    fn publish(&mut self) {
        let served = self.sources.iter().map(|state| SourceFlags {
            name: state.source.name().into(),
            files: state.served.as_ref().map_or(&[][..], |served| &served.files),
        });
        let served: Vec<SourceFlags<'_>> = served.collect();
        let (before, after) = self.store.publish(&served, self.options.surroundings.clone());
        let update = Update::Changed(Change::new(before, after));
        self.show_all();
        self.tell(&update);
        // Nobody may be left to hold what was served before, and the next publication may be far.
        drop(update);
        self.store.sweep();
    }

    /// Tells every listener; one that panics is contained, one that wants no more is dropped.
    fn tell(&mut self, update: &Update) {
        let told = |listener: &mut Listener| catch_unwind(AssertUnwindSafe(|| listener(update)));
        self.listeners.retain_mut(|listener| told(listener).unwrap_or(true));
    }
}

impl SourceState {
    /// Reads the source. A panic in it is a failure to read: it is asked again, and the thread goes on.
    fn read(&mut self) -> Result<Content, SourceError> {
        let source = AssertUnwindSafe(&mut self.source);
        catch_unwind(|| { source }.read())
            .unwrap_or_else(|_| Err(SourceError::new(self.source.name(), "reading it panicked")))
    }

    /// Polls the source. One that panics is read, which tells what is wrong.
    fn poll(&mut self) -> bool {
        let source = AssertUnwindSafe(&mut self.source);
        catch_unwind(|| { source }.poll()).unwrap_or(true)
    }

    /// What is wrong with the watching. A source that cannot say so says nothing.
    fn complaint(&self) -> Option<String> {
        catch_unwind(AssertUnwindSafe(|| self.source.complaint())).ok().flatten()
    }

    fn stamp(&self) -> Stamp {
        Stamp {
            served: self.served.as_ref().map(|served| served.revision),
            waiting: self.waiting.as_ref().map(|waiting| waiting.shrunk_to),
            refused: self.refused.as_ref().map(|refused| (refused.at, refused.digest)),
            complaint: self.complaint(),
        }
    }

    fn status(&self, complaint: Option<String>) -> SourceStatus {
        let served = self.served.as_ref().map(|served| ServedStatus {
            revision: served.revision,
            since: served.since,
            digest: format!("{:032x}", served.digest),
            flags: served.flags(),
            findings: served.findings.clone(),
        });
        let before = self.served.as_ref().map_or(0, Served::flags);
        let waiting = self.waiting.as_ref().map(|waiting| match waiting.shrunk_to {
            Some(after) => Problem::Shrinks { before, after }.to_string(),
            None => "somebody may still be writing it".to_owned(),
        });
        let refused = self.refused.as_ref();
        SourceStatus {
            name: self.source.name().to_owned(),
            served,
            refused: refused.map(|it| RefusedStatus { at: it.at, findings: it.findings.clone() }),
            waiting,
            complaint,
        }
    }
}

impl Served {
    fn flags(&self) -> usize {
        flags_of(&self.files)
    }
}

fn flags_of(files: &[LoadedFile]) -> usize {
    files.iter().map(|file| file.set.flags.len()).sum()
}

/// The compiled files of a content.
#[derive(Default)]
struct Loaded {
    files: Vec<LoadedFile>,
    findings: Findings,
}

impl Loaded {
    /// Flags that several files of one source hold; the last file's counts.
    fn repeated(&self, mode: Mode) -> Findings {
        let mut findings = Findings::default();
        if self.files.len() < 2 {
            return findings;
        }
        let mut first = std::collections::HashMap::new();
        for LoadedFile { name, set } in &self.files {
            let mut report = Report::new(name.clone(), mode);
            for entry in &set.flags {
                let key = (entry.flag.flag_set_id(), &*entry.flag.key);
                if let Some(earlier) = first.insert(key, name) {
                    let problem = Problem::DuplicateFlag {
                        flag: crate::text::excerpt(&entry.flag.key),
                        first: Earlier::File(Arc::clone(earlier)),
                    };
                    let at = Pointer::ROOT;
                    let at = at.member("flags");
                    report.tolerate(Place { span: None, pointer: at.member(&entry.flag.key) }, problem);
                }
            }
            findings.append(report.finish(""));
        }
        findings
    }
}

/// Reads and compiles one file. A panic inside is a bug of ours, and refuses the file.
fn load_file(
    file: &ContentFile,
    options: &Options,
    previous: Option<&CompiledSet>,
) -> (Option<CompiledSet>, Findings) {
    let load = AssertUnwindSafe(|| load_checked(file, options, previous));
    catch_unwind(load).ok().flatten().unwrap_or_else(|| {
        let reason = "reading it failed inside of the library; this is a bug of ours".to_owned();
        (None, Findings::of_source(file.name.clone(), Severity::Error, Problem::Unreadable { reason }))
    })
}

/// None where the thread that a deep document needs cannot be had, or panics.
fn load_checked(
    file: &ContentFile,
    options: &Options,
    previous: Option<&CompiledSet>,
) -> Option<(Option<CompiledSet>, Findings)> {
    let mut report = Report::new(file.name.clone(), options.mode);
    let Some(set) =
        parse::flag_set(file.name.clone(), &file.bytes, file.format, &options.limits, &mut report)
    else {
        return Some((None, report.finish(&parse::utf8::lossy(&file.bytes).0)));
    };
    let compiled = if set.depth > SHALLOW as usize * 2 {
        // Rules are compiled by recursion, which needs a stack of its own where they are this deep.
        on_a_deep_stack(|| compile(&set, &options.compile, previous, &mut report))?
    } else {
        compile(&set, &options.compile, previous, &mut report)
    };
    let findings = report.finish(set.document.text());
    Some((Some(compiled).filter(|_| !findings.is_refused()), findings))
}

/// What makes two contents the same: the names, formats and bytes of all files.
fn digest_of(content: &Content) -> u128 {
    let mut digest = Xxh3::new();
    for file in &content.files {
        digest.update(&(file.name.len() as u64).to_le_bytes());
        digest.update(file.name.as_bytes());
        digest.update(&[u8::from(file.format == Format::Yaml)]);
        digest.update(&(file.bytes.len() as u64).to_le_bytes());
        digest.update(&file.bytes);
    }
    digest.digest128()
}

/// Locks an engine; a panic in it left every part of it as it was before or after a step.
pub(crate) fn lock(engine: &Mutex<Engine>) -> std::sync::MutexGuard<'_, Engine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}
