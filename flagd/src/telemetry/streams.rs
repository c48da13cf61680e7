//! Who listens: every open stream with its service, selector and peer.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::cells::{Histogram, STREAM_SECONDS};
use super::requests::Service;
use super::samples::Samples;

/// The selector of a stream, as its handler read it: put it among the extensions of the response.
///
/// Without one, the request's `Flagd-Selector` header counts.
#[derive(Clone, Debug)]
pub struct StreamSelector(pub String);

/// Who a stream's client says that it is: put it among the extensions of the response. Never a label.
#[derive(Clone, Debug)]
pub struct StreamProvider(pub String);

/// How far a stream is, noted by who writes it: put it among the extensions of the response.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// The revision that it looked at last, whether or not there was anything to say.
    seen: AtomicU64,
    /// The revision at which it said something last, and when, in milliseconds of Unix time.
    sent: AtomicU64,
    sent_at: AtomicU64,
    /// The code of gRPC that it ends with.
    code: AtomicU8,
}

impl Progress {
    /// A revision was looked at; with `news` there was something to say.
    pub fn note(&self, revision: u64, news: bool) {
        // ORDERING: told to people only, who see any mixture of two moments.
        self.0.seen.store(revision, Ordering::Relaxed);
        if news {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.0.sent.store(revision, Ordering::Relaxed);
            self.0.sent_at.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// It ends with this code of gRPC, which its protocol has in the body.
    pub fn end(&self, code: u8) {
        // ORDERING: told before the body's last frame is handed over, and read after it by the same task.
        self.0.code.store(code, Ordering::Relaxed);
    }

    /// The code that it ends with; 0 where none was told.
    pub fn code(&self) -> u8 {
        self.0.code.load(Ordering::Relaxed)
    }

    /// The revision that was looked at last; 0 before any.
    pub fn seen(&self) -> u64 {
        self.0.seen.load(Ordering::Relaxed)
    }

    /// The revision at which something was said last, and when; none before.
    pub fn sent(&self) -> Option<(u64, SystemTime)> {
        let at = self.0.sent_at.load(Ordering::Relaxed);
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(at))?;
        (at > 0).then(|| (self.0.sent.load(Ordering::Relaxed), time))
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By ours, for no bad reason.
    Normally,
    /// By its deadline.
    Deadline,
    /// By the client.
    Left,
    /// By an error.
    Failed,
}

/// An open stream; it is closed when this is dropped.
#[derive(Debug)]
pub struct OpenStream {
    streams: Arc<Streams>,
    number: u64,
    label: Option<String>,
    since: Instant,
    /// How it ended, as far as is known by now.
    pub ended: Ended,
}

/// What is known of an open stream.
#[derive(Clone, Debug)]
pub struct StreamStatus {
    /// What it listens to.
    pub service: Service,
    /// The method or path.
    pub route: &'static str,
    /// Which flags it asked for.
    pub selector: String,
    /// Who listens, as it says itself; empty if it does not.
    pub provider: String,
    /// Where it listens from.
    pub peer: Arc<str>,
    /// How far it is.
    pub progress: Progress,
    /// Since when.
    pub since: SystemTime,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Streams {
    table: Mutex<Table>,
    durations: [Histogram; 4],
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, StreamStatus>,
    /// How many sync streams each selector has, those included that have none any more.
    by_label: BTreeMap<String, u64>,
}

impl Default for Streams {
    fn default() -> Self {
        let histogram = || Histogram::new(&STREAM_SECONDS);
        Self { table: Mutex::default(), durations: [histogram(), histogram(), histogram(), histogram()] }
    }
}

impl Streams {
    /// `label` is the selector if it matches something, else what stands for all that do not.
    pub(super) fn open(self: &Arc<Self>, status: StreamStatus, label: String) -> OpenStream {
        let label = (status.service == Service::Sync).then_some(label);
        let mut table = self.table();
        let number = table.next;
        table.next += 1;
        table.open.insert(number, status);
        if let Some(label) = &label {
            *table.by_label.entry(label.clone()).or_default() += 1;
        }
        drop(table);
        OpenStream { streams: self.clone(), number, label, since: Instant::now(), ended: Ended::Left }
    }

    /// Those that are open, the oldest first, at most so many; and how many there are.
    pub(super) fn status(&self, at_most: usize) -> (Vec<StreamStatus>, usize) {
        let table = self.table();
        let mut numbers: Vec<u64> = table.open.keys().copied().collect();
        numbers.sort_unstable();
        let shown = numbers.iter().take(at_most).filter_map(|number| table.open.get(number)).cloned();
        (shown.collect(), numbers.len())
    }

    /// Tells how many sync streams each selector has.
    pub(super) fn tell_active(&self, samples: &mut impl Samples) {
        for (label, count) in &self.table().by_label {
            samples.whole(&[("selector", label)], *count);
        }
    }

    /// Tells how many streams each service has.
    pub(super) fn tell_open(&self, samples: &mut impl Samples) {
        let table = self.table();
        for service in [Service::Evaluation, Service::Ofrep, Service::Sync, Service::Management] {
            let count = table.open.values().filter(|stream| stream.service == service).count();
            samples.whole(&[("service", service.name())], count as u64);
        }
    }

    /// Tells how long sync streams lived.
    pub(super) fn tell_durations(&self, samples: &mut impl Samples) {
        let reasons = ["normal_close", "deadline_exceeded", "client_disconnect", "error"];
        for (histogram, reason) in self.durations.iter().zip(reasons) {
            samples.histogram(&[("reason", reason)], histogram);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut table = self.streams.table();
        table.open.remove(&self.number);
        let Some(label) = &self.label else { return };
        if let Some(count) = table.by_label.get_mut(label) {
            *count = count.saturating_sub(1);
        }
        drop(table);
        let [normally, deadline, left, failed] = &self.streams.durations;
        let histogram = match self.ended {
            Ended::Normally => normally,
            Ended::Deadline => deadline,
            Ended::Left => left,
            Ended::Failed => failed,
        };
        histogram.record(u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX));
    }
}
