//! Flag files with one dark launch, clients of them, and calls whose answers are checked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use flagcore::Client;
use flagcore::model::Format;
use flagcore::shadow::report::ShadowReport;
use flagcore::shadow::{BoxFuture, Launch, ShadowEngine, Spawn};
use serde_json::{Value, json};

use crate::common::polling::block_on;

/// Longer than anything takes that ends at all.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A block that samples everything, with no limit near, and with so many words changed.
pub(crate) fn block(changes: Value) -> Value {
    let mut block = json!({
        "sample": 1,
        "limits": { "rate": "100000/s", "queue": 65_536, "timeout": "1m", "in_flight": 64 },
        "breaker": { "min": 10_000, "primary_p99": "off" },
    });
    merge(&mut block, changes);
    block
}

fn merge(into: &mut Value, changes: Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(into.entry(name).or_insert(Value::Null), change);
            }
        }
        (into, change) => *into = change,
    }
}

/// A flag file in which `search` has more words.
pub(crate) fn file(words: Value) -> String {
    let mut flag =
        json!({ "state": "ENABLED", "variants": { "old": "o", "new": "n" }, "defaultVariant": "old" });
    merge(&mut flag, words);
    json!({ "flags": { "search": flag, "other": { "variants": { "on": true } } } }).to_string()
}

/// A flag file in which `search` has this block.
pub(crate) fn with(block: &Value) -> String {
    file(json!({ "shadow": block }))
}

/// A client of such a file, that is edited by [`update`].
pub(crate) fn client(text: &str) -> Client {
    client_of(text, ShadowEngine::new())
}

/// The same, with an engine of its own settings.
pub(crate) fn client_of(text: &str, engine: ShadowEngine) -> Client {
    let builder = Client::builder().bytes(SOURCE, text.to_owned(), Format::Json).watch(false);
    builder.shadow_engine(engine).build().unwrap_or_else(|error| panic!("{error}"))
}

/// Edits the file of a client in memory.
pub(crate) fn update(client: &Client, text: &str) {
    client.update(SOURCE, text.to_owned(), Format::Json).unwrap_or_else(|error| panic!("{error}"));
}

/// A call whose control doubles, and whose candidate is given; whether it was a sample.
pub(crate) fn call(
    launch: &Launch,
    input: u64,
    candidate: impl Fn(u64) -> u64 + Send + Sync + 'static,
) -> bool {
    let shadow = launch.shadow("user-1");
    let is_sampled = shadow.is_sampled();
    assert_eq!(shadow.capture(|| input).run(|| input * 2, candidate), input * 2, "the control's answer");
    is_sampled
}

/// The same with an asynchronous candidate.
pub(crate) fn call_async<F: Future<Output = u64> + Send + 'static>(
    launch: &Launch,
    candidate: impl Fn(u64) -> F + Send + Sync + 'static,
) {
    let call = launch.shadow("user-1").capture(|| 4).run_async(async { 8 }, candidate);
    assert_eq!(block_on(call), 8, "the control's answer");
}

pub(crate) fn twice(input: u64) -> u64 {
    input * 2
}

/// Waits until nothing waits or runs, and tells what was found.
#[track_caller]
pub(crate) fn settled(client: &Client) -> ShadowReport {
    let launch = client.launch("search");
    assert!(launch.settle(LONG), "{:?}", launch.counts());
    // A candidate tells how it ended a moment before its place is free; one that is given up may keep it.
    wait_until("places that are free", || {
        let counts = launch.counts();
        counts.in_flight <= counts.timeouts
    });
    client.shadow_report("search")
}

/// How many copies a report tells the end of.
pub(crate) fn told(report: &ShadowReport) -> u64 {
    let ends = report.matched + report.mismatched + report.ignored + report.errors + report.timeouts;
    assert_eq!(report.samples, ends, "{report:?}");
    report.samples + report.all_dropped()
}

/// Copies that were dropped for a reason.
pub(crate) fn dropped(report: &ShadowReport, reason: &str) -> u64 {
    report.dropped.iter().filter(|dropped| dropped.reason == reason).map(|dropped| dropped.count).sum()
}

/// Waits for something that has to come.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "{what} did not come");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Something that candidates wait for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Barrier(Arc<AtomicBool>);

impl Barrier {
    pub(crate) fn wait(&self) {
        while !self.is_open() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A runtime that keeps candidates until a test polls them.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<Vec<BoxFuture<()>>>>);

impl Shelf {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Polls each candidate once; those that are not ready stay.
    pub(crate) fn poll(&self) {
        let mut cx = Context::from_waker(Waker::noop());
        self.0.lock().unwrap().retain_mut(|candidate| candidate.as_mut().poll(&mut cx).is_pending());
    }

    /// Drops all candidates.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl Spawn for Shelf {
    fn spawn(&self, candidate: BoxFuture<()>) {
        self.0.lock().unwrap().push(candidate);
    }
}

const SOURCE: &str = "flags.json";
