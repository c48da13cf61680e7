//! What a dark launch may cost a process: nothing while it is off, no more than its bounds whatever candidates do, and an
//! end when the control suffers.
//!
//! Each test looks at the whole process, so that they run one after another, in a process of their own.

#![cfg(all(target_os = "linux", feature = "shadow"))]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::counting::{Counting, counted};
use common::tell;
use flagcore::Client;
use flagcore::model::Format;
use flagcore::shadow::report::ShadowReport;
use flagcore::shadow::{BoxFuture, Launch, LaunchState, Reason, ShadowEngine, Spawn};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Longer than anything takes that ends at all.
const LONG: Duration = Duration::from_secs(60);

/// Tests look at the process: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "{what} did not come");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The threads of all engines in this process.
fn threads() -> BTreeSet<u64> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    // A thread may end meanwhile.
    let is_ours = |name: std::io::Result<String>| name.is_ok_and(|name| name.starts_with("flag-shadow"));
    let ours = tasks.filter(|task| is_ours(fs::read_to_string(task.join("comm"))));
    ours.map(|task| task.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
}

/// Bytes of memory that the process holds.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    // SAFETY: asks for a number and touches no memory of ours.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages * u64::try_from(page).unwrap()
}

fn client(flags: &Value, engine: ShadowEngine) -> Client {
    let builder = Client::builder().bytes("flags", json!({ "flags": flags }).to_string(), Format::Json);
    builder.shadow_engine(engine).watch(false).build().unwrap()
}

fn flag(block: &Value) -> Value {
    json!({ "state": "ENABLED", "variants": { "on": true }, "defaultVariant": "on", "shadow": block })
}

fn told(report: &ShadowReport) -> u64 {
    report.samples + report.all_dropped()
}

#[test]
fn a_flag_without_a_dark_launch_costs_no_memory_and_no_thread() {
    let _alone = alone();
    let all = json!({ "sample": 1 });
    let mut disabled = flag(&all);
    disabled["state"] = json!("DISABLED");
    let flags = json!({
        "plain": { "variants": { "on": true } },
        "disabled": disabled,
        "wrong": flag(&json!({ "sample": "all" })),
        "on": flag(&all),
    });
    let client = client(&flags, ShadowEngine::new());
    let before = threads();
    let call = |key: &str, flag| {
        let capture = || -> u64 { panic!("captured") };
        let by_key = client.shadow(key, "user-1").capture(capture).run(|| 1, |_| panic!("a candidate ran"));
        let by_flag = client.shadow(flag, "user-1").capture(capture).run(|| 1, |_| panic!("a candidate ran"));
        by_key + by_flag
    };
    for key in ["plain", "disabled", "wrong", "unknown"] {
        let flag = client.flag(key);
        // The thread's first look at a snapshot takes a place for it.
        call(key, flag);
        let (sum, counts) = counted(|| (0..10_000).map(|_| call(key, flag)).sum::<u64>());
        assert_eq!((sum, counts.taken, counts.freed), (20_000, 0, 0), "{key}");
        assert!(client.shadow_reports().is_empty(), "{key}");
        assert_eq!(told(&client.shadow_report(key)), 0, "{key}");
    }
    assert!(threads().is_subset(&before));
    assert_eq!(client.shadow("on", "user-1").capture(|| 1).run(|| 1, |input| input), 1);
    assert!(client.launch("on").settle(LONG));
    let started = threads().difference(&before).count();
    assert_eq!(started, 2, "one that takes turns, and one that runs candidates");
    drop(client);
    wait_until("the end of both", || threads().is_subset(&before));
}

#[test]
fn an_engine_for_tests_makes_no_thread() {
    let _alone = alone();
    let before = threads();
    let client = client(&json!({ "on": flag(&json!({ "sample": 1 })) }), ShadowEngine::testing());
    for key in ["on", "unknown"] {
        assert_eq!(client.shadow(key, "user-1").capture(|| 1).run(|| 1, |input| input), 1);
    }
    assert!(threads().is_subset(&before), "threads of earlier tests may have ended");
}

/// A runtime of one thread, that ends with its engine.
struct OneThread(Sender<BoxFuture<()>>);

impl OneThread {
    fn start() -> Self {
        let (tasks, arrived) = channel();
        thread::spawn(move || poll_all(&arrived));
        Self(tasks)
    }
}

impl Spawn for OneThread {
    fn spawn(&self, candidate: BoxFuture<()>) {
        drop(self.0.send(candidate));
    }
}

fn poll_all(arrived: &Receiver<BoxFuture<()>>) {
    let mut tasks: Vec<BoxFuture<()>> = Vec::new();
    loop {
        match arrived.recv_timeout(Duration::from_millis(1)) {
            Ok(task) => tasks.push(task),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let mut cx = Context::from_waker(Waker::noop());
        tasks.retain_mut(|task| task.as_mut().poll(&mut cx).is_pending());
    }
}

/// Says when it is dropped, and panics then.
struct Nasty;

impl Drop for Nasty {
    fn drop(&mut self) {
        resume_unwind(Box::new("in a drop"));
    }
}

/// What is held for the candidates that never end, and lets them go after all.
#[derive(Clone, Default)]
struct Hang {
    is_over: Arc<AtomicBool>,
}

impl Hang {
    fn hang(&self, most: Duration) {
        let begun = Instant::now();
        while !self.is_over.load(Ordering::SeqCst) && begun.elapsed() < most {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Every bad habit in turn: what `number % 100` has of them.
fn misbehave(number: u64, hang: &Hang) -> Vec<u8> {
    match number % 100 {
        0..10 => resume_unwind(Box::new("as it should")),
        10..12 => resume_unwind(Box::new(Nasty)),
        12..30 => return vec![0; 1 << 30],
        30 if number < 800 => hang.hang(LONG),
        31 if number < 700 => hang.hang(Duration::from_secs(10)),
        32..40 => return vec![7; 3],
        _ => {}
    }
    answer(number)
}

/// A kilobyte.
fn answer(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(128)
}

/// One call with a candidate that misbehaves.
fn call(launch: &Launch, number: u64, hang: &Hang) {
    let kept = hang.clone();
    let captured = launch.shadow("user-1").capture(|| (number, answer(number)));
    let size = |answer: &Vec<u8>| answer.len() as u64;
    let ours = match number % 5 {
        0 => {
            block_on(captured.size(size).run_async(async { answer(number) }, move |(number, _)| async move {
                match number % 100 {
                    0..30 => resume_unwind(Box::new("as it should")),
                    30..60 => std::future::pending().await,
                    _ => answer(number),
                }
            }))
        }
        1 => captured.compare_fields().run(|| answer(number), move |(number, _)| misbehave(number, &kept)),
        _ => captured.size(size).run(|| answer(number), move |(number, _)| misbehave(number, &kept)),
    };
    assert_eq!(ours, answer(number), "the control's answer");
}

/// Of futures that are ready at once.
fn block_on<F: Future>(future: F) -> F::Output {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the control waits"),
    }
}

#[test]
fn whatever_candidates_do_memory_stays_within_its_bounds_and_all_is_counted() {
    const SAMPLES: u64 = 6_000;
    const QUEUE: u64 = 1_024;
    const BODY: u64 = 64 << 10;
    const STORE: u64 = 1 << 20;
    const WORKERS: u64 = 8;
    const WRITTEN_OFF: u64 = 16;
    let _alone = alone();
    let (before, threads_before) = (resident(), threads());
    let engine = ShadowEngine::builder().workers(WORKERS as u32).written_off(WRITTEN_OFF as u32);
    let block = json!({
        "sample": 1,
        "limits": { "in_flight": 48, "queue": QUEUE, "body": BODY, "timeout": "200ms", "rate": "100000/s" },
        "breaker": { "min": 10_000, "primary_p99": "off" },
        "store": { "max": STORE },
    });
    let client = client(&json!({ "on": flag(&block) }), engine.spawner(OneThread::start()).build());
    let (launch, hang, most) = (client.launch("on"), Hang::default(), AtomicU64::new(0));
    for number in 0..SAMPLES {
        call(&launch, number, &hang);
        if number % 50 == 0 {
            most.fetch_max(resident(), Ordering::SeqCst);
            // No faster than candidates are run, so that most of them are.
            wait_until("room", || launch.counts().waiting < QUEUE / 8);
        }
    }
    assert!(launch.settle(LONG));
    let report = client.shadow_report("on");
    assert_eq!(told(&report), SAMPLES, "{report}");
    let compared = report.matched + report.mismatched;
    assert!(compared > SAMPLES / 20 && report.timeouts > 0 && report.errors > SAMPLES / 50, "{report}");
    assert!(launch.counts().dropped(Reason::TooBig) > SAMPLES / 50, "{report}");

    // Each sample that waits holds its input and its answer beside its place; each worker makes two trees, of sixteen
    // bytes for each value and of their texts; the rest are threads, with what they use of their stacks and what the
    // allocator keeps for each.
    let waiting = QUEUE * (130 + 2 * 1_024 + 256);
    let trees = WORKERS * 2 * (16 * BODY + BODY);
    let of_threads = (WORKERS + WRITTEN_OFF + 2) * (256 << 10);
    let bound = (waiting + trees + STORE + (200 << 10) + of_threads) * 11 / 10;
    let grown = most.load(Ordering::SeqCst).max(resident()).saturating_sub(before);
    tell(&format!("memory grew by {} KiB of {} KiB allowed; {report}", grown >> 10, bound >> 10));
    assert!(grown <= bound, "{grown} of {bound}");

    // From here on everything hangs, until no thread is left that could.
    let mut more = 0;
    wait_until("a crew that hangs", || {
        let hang = hang.clone();
        more += 1;
        let call = launch.shadow("user-1").capture(|| ());
        call.run(|| (), move |()| hang.hang(LONG));
        launch.counts().dropped(Reason::Stuck) > 0
    });
    let begun = Instant::now();
    drop(client);
    assert!(begun.elapsed() < Duration::from_secs(5), "the end took {:?}", begun.elapsed());
    wait_until("the end", || launch.state() == LaunchState::Ended);
    assert!(launch.settle(LONG));
    let (report, counts) = (launch.report(), launch.counts());
    assert_eq!((told(&report), report.waiting), (SAMPLES + more, 0), "{report}");
    assert!((WRITTEN_OFF..=48).contains(&counts.in_flight), "{counts:?}");
    hang.is_over.store(true, Ordering::SeqCst);
    wait_until("the return of all", || {
        launch.counts().in_flight == 0 && threads().is_subset(&threads_before)
    });
}

#[test]
fn answers_that_fill_their_memory_leave_nothing_behind() {
    let _alone = alone();
    let block = json!({ "sample": 1, "limits": { "in_flight": 2, "timeout": "1m", "rate": "100000/s" } });
    let client = client(&json!({ "on": flag(&block) }), ShadowEngine::builder().workers(2).build());
    let launch = client.launch("on");
    let run = |bytes: usize| {
        let call = launch.shadow("user-1").capture(|| ()).compare_fields();
        assert_eq!(call.run(|| "x".repeat(10), move |()| "x".repeat(bytes)).len(), 10);
        assert!(launch.settle(LONG));
    };
    run(10);
    let before = resident();
    (0..8).for_each(|_| run(128 << 20));
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes after answers of 128 MiB");
    let report = client.shadow_report("on");
    assert_eq!((report.matched, launch.counts().dropped(Reason::TooBig), told(&report)), (1, 8, 9));
}

#[test]
fn a_control_that_is_a_fifth_slower_beside_the_candidate_stops_it() {
    const CALLERS: usize = 96;
    let _alone = alone();
    let block = json!({
        "sample": 1,
        "limits": { "rate": "100000/s", "queue": 65_536, "timeout": "1m" },
        "breaker": { "over": "10s", "min": 20, "half_open": "10m", "primary_p99": 1.10 },
    });
    let client = client(&json!({ "on": flag(&block) }), ShadowEngine::new());
    let launch = client.launch("on");
    let (is_raised, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    // Long, so that what the machine adds is little beside it.
    let control = || {
        let slower = is_raised.load(Ordering::Relaxed) && launch.state() == LaunchState::Running;
        thread::sleep(Duration::from_millis(if slower { 240 } else { 200 }));
    };
    let took = thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    launch.shadow("user-1").capture(|| ()).run(control, |()| ());
                }
            });
        }
        wait_until("a rest that is over", || {
            let rested = launch.counts().dropped(Reason::Baseline) > 200;
            rested && launch.state() == LaunchState::Running
        });
        is_raised.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        let is_stopped = || launch.state() == LaunchState::Slowing || begun.elapsed() > LONG / 2;
        wait_until("the breaker", is_stopped);
        is_over.store(true, Ordering::Relaxed);
        begun.elapsed()
    });
    tell(&format!("the control's 99th percentile was raised by a fifth; stopped after {took:?}"));
    assert_eq!(launch.state(), LaunchState::Slowing, "after {took:?}");
    let (before, ran) = (launch.counts().dropped(Reason::Breaker), AtomicBool::new(false));
    launch.shadow("user-1").capture(|| ran.store(true, Ordering::Relaxed)).run(|| (), |()| ());
    assert!(!ran.into_inner() && launch.counts().dropped(Reason::Breaker) == before + 1);
}
