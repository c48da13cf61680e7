//! The writer: reads sources, decides what to believe, publishes, tells.

use std::borrow::Cow;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;

use crate::change::{Change, Update};
use crate::diagnostic::{Findings, Problem, Severity};
use crate::model::Format;
use crate::snapshot::{LoadedFile, SourceFlags};
use crate::source::{Completeness, Content, Notifier, Signal, Source};
use crate::store::Store;

use super::load::{DOUBT, Loaded, Options, SETTLE, digest_of, flags_of, load_file};
use super::source_state::{Refused, Served, SourceState, Stamp, Waiting};
use super::status::Board;

/// The writer's side of a client.
pub(crate) struct Engine {
    store: Arc<Store>,
    options: Options,
    sources: Vec<SourceState>,
    listeners: Vec<Listener>,
    board: Arc<Board>,
}

/// Hears of updates, on the writer's thread, and tells whether it wants more of them.
pub(crate) type Listener = Box<dyn FnMut(&Update) -> bool + Send>;

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
            recovered: None,
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
        let digest = digest_of(content);
        let serving = self.store.load().revision();
        let Some(state) = self.sources.get_mut(number) else { return Ok(()) };
        if state.served.as_ref().is_some_and(|served| served.digest == digest) {
            state.source.replace(content);
            self.recover(number);
            return Ok(());
        }
        let source = state.source.name().to_owned();
        let loaded = self.load(number, content).inspect_err(|findings| {
            // The source still holds what it held; only who listens hears of the attempt.
            self.tell(&Update::Refused { source, findings: findings.clone(), serving });
        })?;
        if let Some(state) = self.sources.get_mut(number) {
            state.source.replace(content);
        }
        self.take(number, digest, loaded);
        self.publish();
        Ok(())
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
        let mut content = match state.read() {
            Ok(content) => content,
            Err(error) => {
                if error.is_absence() && !at_start && state.may_come_back(now) {
                    return false;
                }
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
        // What happened to one file since says nothing of another that somebody may still be writing.
        if content.completeness != Completeness::Given && state.waiting.as_ref().is_some_and(|it| it.unsure) {
            content.completeness = Completeness::Unsure;
        }
        let unsure = content.completeness == Completeness::Unsure;
        let waited = state
            .waiting
            .as_ref()
            .filter(|waiting| waiting.digest == Some(digest))
            .map(|waiting| waiting.since);
        let age = waited.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        // From the end of the first read to the begin of this one: reading may have taken its time.
        let since = waited.unwrap_or_else(Instant::now);
        let settled = at_start || age >= SETTLE;
        if unsure && !settled {
            state.waiting =
                Some(Waiting { digest: Some(digest), since, until: since + SETTLE, unsure, shrunk_to: None });
            return false;
        }
        match self.load(number, &content) {
            Err(_) if content.completeness == Completeness::Closed && !settled => {
                self.wait(
                    number,
                    Waiting { digest: Some(digest), since, until: since + SETTLE, unsure, shrunk_to: None },
                );
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
                        Waiting {
                            digest: Some(digest),
                            since,
                            until: since + DOUBT,
                            unsure,
                            shrunk_to: Some(flags),
                        },
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
        let mut options = Cow::Borrowed(&self.options);
        if self.options.keep_json {
            options.to_mut().compile.written_by =
                self.sources.get(number).map(|state| state.source.name().into());
        }
        for file in &content.files {
            let (set, found) = load_file(file, &options, previous(&file.name));
            findings.append(found);
            if let Some(set) = set {
                loaded.files.push(LoadedFile {
                    name: file.name.clone(),
                    set: Arc::new(set),
                    bytes: file.bytes.len(),
                });
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
        state.settle();
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
        state.settle();
        state.troubled = false;
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
        let mut findings = Findings::default();
        let taken = self.sources.iter().filter_map(|state| state.served.as_ref());
        for served in taken.filter(|served| served.revision == after.revision()) {
            findings.append(served.findings.clone());
        }
        let update = Update::Changed(Change::new(before, after, findings));
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

/// Locks an engine; a panic in it left every part of it as it was before or after a step.
pub(crate) fn lock(engine: &Mutex<Engine>) -> std::sync::MutexGuard<'_, Engine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}
