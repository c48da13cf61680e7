//! Dark launches: the control's answer is never touched, every limit holds, and every copy is accounted for.
//!
//! Deadlines are generous: nothing here tells how fast anything is, but for what never happens at all.
#![cfg(feature = "shadow")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::counting::{Counting, counted};
use common::polling::block_on;
use flagcore::EvaluationContext;
use flagcore::shadow::compare::{Failure, Verdict};
use flagcore::shadow::{
    BoxFuture, Counts, Launch, LaunchState, Reason, SampleBy, ShadowBreaker, ShadowEngine, ShadowLimits,
    ShadowPolicy, Spawn, copy_number,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Longer than anything takes that ends at all.
const LONG: Duration = Duration::from_secs(60);

/// Everything is sampled, and no limit is near.
fn everything() -> ShadowPolicy {
    ShadowPolicy {
        sample: 1.0,
        limits: ShadowLimits {
            rate: 100_000.0,
            queue: 65_536,
            timeout: Duration::from_secs(60),
            ..ShadowLimits::default()
        },
        breaker: ShadowBreaker { min: 10_000, primary_p99: None, ..ShadowBreaker::default() },
        ..ShadowPolicy::default()
    }
}

fn launch(engine: &ShadowEngine, policy: ShadowPolicy) -> Launch {
    engine.launch("search", Arc::new(policy))
}

/// A call whose control doubles, and whose candidate is given.
fn call(launch: &Launch, input: u64, candidate: impl Fn(u64) -> u64 + Send + Sync + 'static) {
    let answer = launch.shadow("user-1").capture(|| input).run(|| input * 2, candidate);
    assert_eq!(answer, input * 2, "the control's answer");
}

/// Waits for something that has to come.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "{what} did not come");
        thread::sleep(Duration::from_millis(1));
    }
}

/// How many copies the counts tell of.
fn told(counts: &Counts) -> u64 {
    counts.compared() + counts.errors + counts.timeouts + counts.all_dropped()
}

/// Candidates that block until the gate is opened, or for ever.
#[derive(Clone, Debug, Default)]
struct Barrier(Arc<AtomicBool>);

impl Barrier {
    fn wait(&self) {
        while !self.0.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn open(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_launch_that_samples_nothing_runs_the_control_and_nothing_else() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, ShadowPolicy::default());
    call(&launch, 1, |_| panic!("a candidate ran"));
    let (sum, counts) = counted(|| {
        (0..100_000_u64).fold(0, |sum, input| {
            let capture = || -> u64 { panic!("captured") };
            sum + launch.shadow("user-1").capture(capture).run(|| input, |_| panic!("a candidate ran"))
        })
    });
    assert_eq!(sum, 99_999 * 50_000);
    assert_eq!((counts.taken, counts.freed), (0, 0));
    assert_eq!(launch.counts(), Counts::default());
}

#[test]
fn samples_are_about_as_many_as_the_share_says_and_only_they_are_captured() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, ShadowPolicy { sample: 0.01, ..everything() });
    let captured = AtomicU64::new(0);
    for input in 0..200_000_u64 {
        let capture = || {
            captured.fetch_add(1, Ordering::Relaxed);
            input
        };
        let answer = launch.shadow("user-1").capture(capture).run(|| input * 2, |input| input * 2);
        assert_eq!(answer, input * 2);
    }
    assert!(launch.settle(LONG));
    let (counts, captured) = (launch.counts(), captured.into_inner());
    assert!((1_700..2_300).contains(&told(&counts)), "{counts:?}");
    assert_eq!(counts.matched, captured, "{counts:?}");
    assert_eq!(told(&counts), captured + counts.dropped(Reason::Rate));
}

#[test]
fn users_are_sampled_as_a_whole_or_not_at_all() {
    let engine = ShadowEngine::new();
    let policy = ShadowPolicy { sample: 0.3, by: SampleBy::User, ..everything() };
    let launch = launch(&engine, policy.clone());
    let mut sampled = 0;
    for user in 0..1_000 {
        let key = format!("user-{user}");
        let is_sampled = launch.shadow(&key).is_sampled();
        let context = EvaluationContext::new(key.as_str()).with("plan", "pro");
        assert!((0..10).all(|_| launch.shadow(&context).is_sampled() == is_sampled));
        sampled += u32::from(is_sampled);
    }
    assert!((200..400).contains(&sampled), "{sampled} of 1,000");
    assert!(!launch.shadow(&EvaluationContext::empty()).is_sampled(), "nobody is no user");

    let again = ShadowPolicy { id: "again".into(), ..policy };
    let again = engine.launch("search", Arc::new(again));
    let users = (0..1_000).map(|user| format!("user-{user}"));
    let other = users.filter(|key| launch.shadow(key).is_sampled() != again.shadow(key).is_sampled()).count();
    assert!(other > 200, "another id is another draw: {other} of 1,000 differ");
}

#[test]
fn answers_are_judged_by_equality_by_a_closure_and_by_what_does_not_matter() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, everything());
    let shadow = || launch.shadow("user-1").capture(|| 10_i32);
    assert_eq!(shadow().run(|| 10, |input| input), 10);
    assert_eq!(shadow().run(|| 11, |input| input), 11);
    let near = |control: &i32, candidate: &i32| (control - candidate).abs() < 2;
    assert_eq!(shadow().compare(near).run(|| 11, |input| input), 11);
    assert_eq!(shadow().compare(near).run(|| 12, |input| input), 12);
    assert_eq!(
        shadow().compare(near).ignore(|control: &i32, _: &i32| *control == 12).run(|| 12, |input| input),
        12
    );
    let fails = |_: &i32, candidate: &i32| {
        if *candidate < 0 { Verdict::Failed(Failure::with_class("negative", "")) } else { Verdict::Match }
    };
    assert_eq!(shadow().compare(fails).run(|| 12, |input| -input), 12);
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!((counts.matched, counts.mismatched, counts.ignored, counts.errors), (2, 2, 1, 1));
    assert_eq!(told(&counts), 6);
}

#[test]
fn the_switch_works_at_the_next_call() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, everything());
    call(&launch, 1, |input| input * 2);
    assert!(launch.settle(LONG));
    launch.follow(None);
    (0..1_000).for_each(|input| call(&launch, input, |_| panic!("a candidate ran")));
    assert_eq!((told(&launch.counts()), launch.state()), (1, LaunchState::Off));
    launch.follow(Some(Arc::new(everything())));
    call(&launch, 1, |input| input * 2);
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts().matched, 2);
}

#[test]
fn no_more_wait_than_there_is_room_for() {
    for room in [1, 2, 4, 63, 64, 100, 4_096] {
        let engine = ShadowEngine::builder().workers(1).build();
        let limits = ShadowLimits { queue: room, ..everything().limits };
        let launch = launch(&engine, ShadowPolicy { limits, ..everything() });
        let barrier = Barrier::default();
        for input in 0..200 + u64::from(room) {
            let barrier = barrier.clone();
            call(&launch, input, move |input| {
                barrier.wait();
                input * 2
            });
            let waiting = launch.counts().waiting;
            // One is taken out of the queue and held.
            assert!(waiting <= u64::from(room) + 1, "{waiting} wait where {room} may");
        }
        barrier.open();
    }
}

#[test]
fn what_finds_the_queue_full_is_counted_to_the_last_one() {
    let engine = ShadowEngine::builder().workers(1).build();
    let limits = ShadowLimits { queue: 4, ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { limits, ..everything() });
    let barrier = Barrier::default();
    let blocked = |input| {
        let barrier = barrier.clone();
        call(&launch, input, move |input| {
            barrier.wait();
            input * 2
        });
    };
    // One runs, one is held, four wait.
    wait_until("a full queue", || {
        blocked(1);
        let counts = launch.counts();
        counts.in_flight == 1 && counts.waiting == 5
    });
    let before = launch.counts().dropped(Reason::QueueFull);
    (0..10_000).for_each(blocked);
    assert_eq!(launch.counts().dropped(Reason::QueueFull), before + 10_000);
    barrier.open();
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts().matched, 6);
}

#[test]
fn an_open_breaker_lets_nothing_in_and_counts_it_to_the_last_one() {
    let engine = ShadowEngine::new();
    let breaker = ShadowBreaker { min: 20, half_open: Duration::from_secs(600), ..everything().breaker };
    let launch = launch(&engine, ShadowPolicy { breaker, ..everything() });
    (0..20).for_each(|input| call(&launch, input, |_| panic!("as it should")));
    wait_until("the breaker", || launch.state() == LaunchState::Failing);
    assert_eq!(launch.counts().errors, 20);
    for input in 0..10_000_u64 {
        let capture = || -> u64 { panic!("captured") };
        let answer =
            launch.shadow("user-1").capture(capture).run(|| input * 2, |_| panic!("a candidate ran"));
        assert_eq!(answer, input * 2);
    }
    assert_eq!(launch.counts().dropped(Reason::Breaker), 10_000);
    assert_eq!(told(&launch.counts()), 10_020);
}

#[test]
fn a_breaker_tries_again_and_closes_when_the_candidate_is_mended() {
    let engine = ShadowEngine::new();
    let breaker = ShadowBreaker { min: 20, half_open: Duration::from_millis(100), ..everything().breaker };
    let launch = launch(&engine, ShadowPolicy { breaker, ..everything() });
    let is_mended = Arc::new(AtomicBool::new(false));
    let try_it = || {
        let is_mended = Arc::clone(&is_mended);
        call(
            &launch,
            7,
            move |input| if is_mended.load(Ordering::Relaxed) { input * 2 } else { panic!("broken") },
        );
    };
    wait_until("the breaker", || {
        try_it();
        launch.state() == LaunchState::Failing
    });
    let panics = launch.counts().errors;
    wait_until("a probe that fails", || {
        try_it();
        launch.counts().errors > panics
    });
    is_mended.store(true, Ordering::Relaxed);
    wait_until("closing", || {
        try_it();
        launch.state() == LaunchState::Running && launch.counts().matched > 100
    });
}

#[test]
fn a_control_that_grows_slower_beside_the_candidate_stops_it() {
    let engine = ShadowEngine::new();
    let breaker = ShadowBreaker {
        min: 20,
        half_open: Duration::from_secs(600),
        primary_p99: Some(2.0),
        ..ShadowBreaker::default()
    };
    let launch = launch(&engine, ShadowPolicy { breaker, ..everything() });
    let call = |time: u64| {
        let control = || thread::sleep(Duration::from_millis(time));
        launch.shadow("user-1").capture(|| ()).run(control, |()| ());
    };
    wait_until("a rest", || {
        call(1);
        launch.counts().dropped(Reason::Baseline) > 150 && launch.state() == LaunchState::Running
    });
    // From now on the candidate takes something that the control needs.
    let callers = || {
        wait_until("the breaker", || {
            call(if launch.state() == LaunchState::Running { 80 } else { 1 });
            launch.state() == LaunchState::Slowing
        });
    };
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(callers))));
    assert_eq!(launch.counts().errors + launch.counts().timeouts, 0);
}

#[test]
fn copies_are_as_many_as_the_amplification_says_and_numbered() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, ShadowPolicy { amplify: 2.5, ..everything() });
    let numbers: Arc<Mutex<BTreeMap<u64, Vec<u32>>>> = Arc::default();
    for input in 0..10_000 {
        let numbers = Arc::clone(&numbers);
        call(&launch, input, move |input| {
            numbers.lock().unwrap().entry(input).or_default().push(copy_number().unwrap());
            input * 2
        });
        if input % 50 == 49 {
            // No more than the rate allows.
            thread::sleep(Duration::from_millis(3));
        }
    }
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!(told(&counts), counts.matched, "{counts:?}");
    assert!((24_500..=25_500).contains(&counts.matched), "{counts:?}");
    let mut numbers = numbers.lock().unwrap();
    assert_eq!(numbers.len(), 10_000);
    for (input, numbers) in numbers.iter_mut() {
        numbers.sort_unstable();
        assert!(*numbers == [1, 2] || *numbers == [1, 2, 3], "copies of {input}: {numbers:?}");
    }
    assert_eq!(copy_number(), None);
}

#[test]
fn no_more_candidates_run_at_a_time_than_may() {
    let engine = ShadowEngine::builder().workers(8).build();
    let limits = ShadowLimits { in_flight: 3, ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { limits, amplify: 2.0, ..everything() });
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    for input in 0..200 {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        call(&launch, input, move |input| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(2));
            running.fetch_sub(1, Ordering::SeqCst);
            input * 2
        });
    }
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts().matched, 400);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn what_waits_for_its_turn_too_long_is_dropped() {
    let engine = ShadowEngine::new();
    let limits = ShadowLimits { in_flight: 1, timeout: Duration::from_millis(300), ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { limits, ..everything() });
    let barrier = Barrier::default();
    for input in 0..10 {
        let barrier = barrier.clone();
        call(&launch, input, move |input| {
            barrier.wait();
            input * 2
        });
    }
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!((counts.timeouts, counts.dropped(Reason::InFlight)), (1, 9), "{counts:?}");
    assert_eq!(counts.in_flight, 1, "what hangs still counts");
    barrier.open();
    wait_until("its return", || launch.counts().in_flight == 0);
    call(&launch, 1, |input| input * 2);
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts().matched, 1);
}

#[test]
fn no_more_candidates_start_in_a_second_than_may() {
    let engine = ShadowEngine::new();
    let limits = ShadowLimits { rate: 100.0, timeout: Duration::from_secs(1), ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { limits, amplify: 2.0, ..everything() });
    let starts: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let (begun, mut calls) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_millis(2_500) {
        let starts = Arc::clone(&starts);
        call(&launch, 1, move |input| {
            starts.lock().unwrap().push(Instant::now());
            input * 2
        });
        calls += 1;
        thread::sleep(Duration::from_millis(1));
    }
    assert!(launch.settle(LONG));
    let mut starts = starts.lock().unwrap().clone();
    starts.sort_unstable();
    for (at, start) in starts.iter().enumerate() {
        // A thread may be late by a while, and the next one not: two are forgiven.
        let within = starts[at..].iter().take_while(|next| **next - *start < Duration::from_secs(1)).count();
        assert!(within <= 102, "{within} in a second");
    }
    let counts = launch.counts();
    assert!(starts.len() >= 100, "{counts:?}");
    assert_eq!(told(&counts), 2 * calls, "{counts:?}");
    let dropped = counts.dropped(Reason::Rate) + counts.dropped(Reason::Late);
    assert_eq!(counts.matched + counts.timeouts + dropped, 2 * calls, "{counts:?}");
}

#[test]
fn panics_are_counted_wherever_they_come_from_and_go_nowhere() {
    #[derive(Debug, PartialEq)]
    struct Fragile(&'static str);

    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert_ne!(self.0, "clone", "as it should");
            Self(self.0)
        }
    }

    impl Drop for Fragile {
        fn drop(&mut self) {
            if self.0 == "drop" && copy_number().is_some() {
                std::panic::panic_any("as it should");
            }
        }
    }

    let engine = ShadowEngine::new();
    let launch = launch(&engine, everything());
    let run = |what: &'static str, captured: &'static str| {
        let capture = || {
            assert_ne!(captured, "capture", "as it should");
            Fragile(captured)
        };
        let candidate = |input: Fragile| {
            assert_ne!(input.0, "candidate", "as it should");
            Fragile("fine")
        };
        let compare = |control: &Fragile, candidate: &Fragile| {
            assert_ne!(control.0, "compare", "as it should");
            control == candidate
        };
        let answer = launch.shadow("u").capture(capture).compare(compare).run(|| Fragile(what), candidate);
        assert_eq!(answer.0, what);
    };
    run("fine", "fine");
    run("fine", "capture");
    run("clone", "fine");
    run("fine", "candidate");
    run("compare", "fine");
    run("fine", "drop");
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!((counts.matched, counts.errors, counts.dropped(Reason::Capture)), (1, 3, 2), "{counts:?}");

    // The control's panic is the caller's, and no sample.
    let control = || -> u64 { std::panic::panic_any("the control's") };
    let call = || launch.shadow("u").capture(|| 1_u64).run(control, |input| input);
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"the control's"));
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts(), counts);
}

#[test]
fn threads_that_hang_are_replaced_until_too_many_do() {
    let engine = ShadowEngine::builder().workers(2).written_off(3).build();
    let limits = ShadowLimits { timeout: Duration::from_millis(30), ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { limits, ..everything() });
    let barrier = Barrier::default();
    wait_until("a crew that hangs", || {
        let barrier = barrier.clone();
        call(&launch, 1, move |input| {
            barrier.wait();
            input * 2
        });
        launch.counts().dropped(Reason::Stuck) > 0
    });
    let counts = launch.counts();
    assert!((4..=5).contains(&counts.in_flight), "three written off, and at most two at work: {counts:?}");
    barrier.open();
    assert!(launch.settle(LONG));
    wait_until("their return", || launch.counts().in_flight == 0);
    let before = launch.counts().matched;
    call(&launch, 1, |input| input * 2);
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts().matched, before + 1, "it works again");
}

#[test]
fn answers_that_are_too_big_are_not_looked_at() {
    let engine = ShadowEngine::new();
    let limits = ShadowLimits { body: 1_000, ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { limits, ..everything() });
    let run = |control: usize, candidate: usize| {
        let size = |answer: &Vec<u8>| answer.len() as u64;
        let compare = |control: &Vec<u8>, candidate: &Vec<u8>| {
            assert!(control.len() <= 1_000 && candidate.len() <= 1_000, "looked at");
            control == candidate
        };
        let shadow = launch.shadow("u").capture(|| ()).compare(compare).size(size);
        assert_eq!(shadow.run(|| vec![0; control], move |()| vec![0; candidate]).len(), control);
    };
    run(1_000, 1_000);
    run(1_001, 1_000);
    run(1_000, 1_001);
    run(10, 1 << 30);
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!((counts.matched, counts.dropped(Reason::TooBig), told(&counts)), (1, 3, 4), "{counts:?}");
}

#[test]
fn a_candidate_that_shadows_breeds_no_copies() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, everything());
    let inner = launch.clone();
    call(&launch, 1, move |input| {
        inner.shadow("u").capture(|| 0).run(|| input * 2, |_| panic!("a copy of a copy"))
    });
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!((counts.matched, counts.dropped(Reason::Nested)), (1, 1), "{counts:?}");
}

#[test]
fn the_end_waits_for_nobody() {
    let engine = ShadowEngine::builder().workers(2).build();
    let launch = launch(&engine, everything());
    for input in 0..100 {
        call(&launch, input, |_| {
            loop {
                thread::park();
            }
        });
    }
    wait_until("candidates that hang", || launch.counts().in_flight == 2);
    let begun = Instant::now();
    drop(engine);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    wait_until("the end", || launch.state() == LaunchState::Ended);
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!((counts.dropped(Reason::Shutdown), told(&counts)), (100, 100), "{counts:?}");
    call(&launch, 1, |_| panic!("a candidate ran"));
}

#[test]
fn a_launch_that_everybody_forgot_ends() {
    let engine = ShadowEngine::new();
    let alive = Arc::new(());
    let launch = launch(&engine, everything());
    let kept = Arc::clone(&alive);
    call(&launch, 1, move |input| {
        let _ = &kept;
        input * 2
    });
    assert!(launch.settle(LONG));
    drop(launch);
    wait_until("its end", || Arc::strong_count(&alive) == 1);
}

/// A runtime that polls all candidates on one thread.
struct OneThread {
    tasks: Sender<BoxFuture<()>>,
}

impl OneThread {
    fn start() -> Self {
        let (tasks, arrived) = channel();
        thread::spawn(move || poll_all(&arrived));
        Self { tasks }
    }
}

impl Spawn for OneThread {
    fn spawn(&self, candidate: BoxFuture<()>) {
        self.tasks.send(candidate).unwrap();
    }
}

fn poll_all(arrived: &Receiver<BoxFuture<()>>) {
    let mut tasks: Vec<BoxFuture<()>> = Vec::new();
    loop {
        match arrived.recv_timeout(Duration::from_millis(1)) {
            Ok(task) => tasks.push(task),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
        }
        let mut cx = Context::from_waker(Waker::noop());
        tasks.retain_mut(|task| task.as_mut().poll(&mut cx).is_pending());
    }
}

/// Not ready at first.
async fn later<T>(value: T) -> T {
    let mut is_first = true;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    value
}

#[test]
fn asynchronous_candidates_run_on_the_runtime_that_is_handed_over() {
    let engine = ShadowEngine::builder().spawner(OneThread::start()).build();
    let launch = launch(&engine, ShadowPolicy { amplify: 2.0, ..everything() });
    let numbers: Arc<Mutex<Vec<u32>>> = Arc::default();
    let kept = Arc::clone(&numbers);
    let candidate = move |input: u64| {
        let kept = Arc::clone(&kept);
        async move {
            let input = later(input).await;
            kept.lock().unwrap().push(copy_number().unwrap());
            input * 2
        }
    };
    let answer = block_on(launch.shadow("u").capture(|| 4_u64).run_async(later(8), candidate));
    assert_eq!(answer, 8);
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts().matched, 2);
    numbers.lock().unwrap().sort_unstable();
    assert_eq!(*numbers.lock().unwrap(), [1, 2]);
}

#[test]
fn asynchronous_candidates_that_hang_panic_or_have_nowhere_to_run_are_counted() {
    struct Told(Arc<AtomicBool>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    let engine = ShadowEngine::builder().spawner(OneThread::start()).build();
    let limits = ShadowLimits { timeout: Duration::from_millis(50), ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { limits, ..everything() });
    let is_dropped = Arc::new(AtomicBool::new(false));
    let told_by = Arc::clone(&is_dropped);
    let hangs = move |_: u64| {
        let told = Told(Arc::clone(&told_by));
        async move {
            std::future::pending::<()>().await;
            drop(told);
            0
        }
    };
    let panics = |_: u64| async { panic!("as it should") };
    assert_eq!(block_on(launch.shadow("u").capture(|| 4_u64).run_async(later(8), hangs)), 8);
    assert_eq!(block_on(launch.shadow("u").capture(|| 4_u64).run_async(later(8), panics)), 8);
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!((counts.timeouts, counts.errors, told(&counts)), (1, 1, 2), "{counts:?}");
    wait_until("the end of what hung", || is_dropped.load(Ordering::SeqCst));
    wait_until("its place", || launch.counts().in_flight == 0);

    struct Nowhere;

    impl Spawn for Nowhere {
        fn spawn(&self, candidate: BoxFuture<()>) {
            drop(candidate);
        }
    }

    let engine = ShadowEngine::builder().spawner(Nowhere).build();
    let launch = engine.launch("nowhere", Arc::new(everything()));
    assert_eq!(block_on(launch.shadow("u").capture(|| 4_u64).run_async(later(8), later)), 8);
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts().dropped(Reason::Spawn), 1);
}

#[cfg(feature = "tokio")]
#[test]
fn asynchronous_candidates_run_on_a_runtime_of_the_engines_own() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, everything());
    let candidate = |input: u64| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        input * 2
    };
    for _ in 0..100 {
        assert_eq!(block_on(launch.shadow("u").capture(|| 4_u64).run_async(later(8), candidate)), 8);
    }
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts().matched, 100);
    let blocks = |_: u64| async {
        loop {
            thread::park();
        }
    };
    assert_eq!(block_on(launch.shadow("u").capture(|| 4_u64).run_async(later(8), blocks)), 8);
    wait_until("a candidate that blocks", || launch.counts().in_flight == 1);
    let begun = Instant::now();
    drop((engine, launch));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn whatever_candidates_do_every_copy_is_counted_once() {
    const CALLERS: u64 = 4;
    const CALLS: u64 = 5_000;
    let engine = ShadowEngine::builder().workers(4).written_off(4).build();
    let limits = ShadowLimits {
        in_flight: 8,
        rate: 20_000.0,
        queue: 64,
        timeout: Duration::from_millis(20),
        ..everything().limits
    };
    let breaker = ShadowBreaker {
        over: Duration::from_secs(1),
        half_open: Duration::from_millis(100),
        min: 50,
        primary_p99: Some(1.10),
        ..everything().breaker
    };
    let launch = launch(&engine, ShadowPolicy { limits, breaker, amplify: 2.0, ..everything() });
    let candidate = |input: u64| {
        match input % 1_000 {
            13 => loop {
                thread::park();
            },
            14..20 => thread::sleep(Duration::from_millis(50)),
            20..300 => std::panic::resume_unwind(Box::new("as it should")),
            300..320 => return input,
            _ => {}
        }
        input * 2
    };
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let launch = &launch;
            scope.spawn(move || {
                for input in 0..CALLS {
                    call(launch, input + caller * 7, candidate);
                    if input % 50 == 0 {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            });
        }
    });
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!(told(&counts), 2 * CALLERS * CALLS, "{counts:?}");
    assert!(counts.matched > 0 && counts.errors > 0, "{counts:?}");
    assert!(counts.in_flight <= 8, "{counts:?}");
    drop(engine);
}

/// What [`no_caller_asks_the_system_for_anything`] looks at from outside.
#[cfg(target_os = "linux")]
#[test]
fn a_hundred_thousand_samples() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, everything());
    call(&launch, 0, |input| input * 2);
    assert!(launch.settle(LONG));
    let calls = || {
        let begun = Instant::now();
        // A call that asks the system something marks where it begins, and where it ends.
        let _ = std::os::unix::process::parent_id();
        for at in 0..100_000_u32 {
            call(&launch, 7, |input| input * 2);
            while begun.elapsed() < at * Duration::from_micros(11) {}
        }
        let _ = std::os::unix::process::parent_id();
    };
    thread::scope(|scope| scope.spawn(calls).join()).unwrap();
    assert!(launch.settle(LONG));
    let counts = launch.counts();
    assert_eq!(told(&counts), 100_001);
    assert!(counts.matched > 10_000, "{counts:?}");
}

/// Every system call of the calling thread is seen by `strace`; where there is none, the test says that it is skipped.
#[cfg(target_os = "linux")]
#[test]
fn no_caller_asks_the_system_for_anything() {
    let folder = tempfile::tempdir().unwrap();
    let traces = folder.path().join("trace");
    let mut traced = std::process::Command::new("strace");
    traced.args(["-ff", "-o"]).arg(&traces).arg(std::env::current_exe().unwrap());
    let Ok(output) = traced.args(["--exact", "a_hundred_thousand_samples"]).output() else {
        let required = std::env::var("FLAGD_REQUIRE").is_ok_and(|required| required == "all");
        assert!(!required, "FLAGD_REQUIRE=all, but there is no strace here");
        eprintln!("skipped: there is no strace here");
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let files = std::fs::read_dir(folder.path()).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let of_caller: Vec<String> = texts.filter(|text| text.matches("getppid()").count() == 2).collect();
    assert_eq!(of_caller.len(), 1, "the threads that made calls");
    let between = of_caller[0].split("getppid()").nth(1).unwrap();
    let calls: Vec<&str> = between.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert!(calls.iter().all(|call| !call.contains("futex")), "{calls:#?}");
    // Memory may be asked for: a thread's first samples.
    let others: Vec<_> = calls
        .iter()
        .filter(|call| {
            !["brk", "mmap", "munmap", "mprotect", "madvise", "mremap"]
                .iter()
                .any(|memory| call.starts_with(memory))
        })
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn candidates_that_the_embedder_runs_keep_the_limits_and_are_counted() {
    let engine = ShadowEngine::new();
    let limits = ShadowLimits { in_flight: 3, ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { amplify: 2.0, limits, ..everything() });
    let took = Duration::from_millis(3);
    let first = launch.begin("user-1").unwrap();
    let second = launch.begin("user-1").unwrap();
    assert_eq!((first.copies(), second.copies()), (2, 1), "three at a time");
    assert!(launch.begin("user-1").is_none());
    assert_eq!((launch.counts().in_flight, launch.counts().dropped(Reason::InFlight)), (3, 3));

    first.control(took);
    assert!(first.ended(1, Verdict::Match, took));
    assert!(!first.ended(1, Verdict::Match, took), "it ended before");
    assert!(!first.ended(0, Verdict::Match, took) && !first.ended(3, Verdict::Match, took), "no such copy");
    assert!(first.failed(2, Failure::with_class("502", ""), took));
    assert!(second.timed_out(1, took));
    drop((first, second));
    drop(launch.begin("user-1").unwrap());
    let counts = launch.counts();
    assert_eq!((counts.matched, counts.errors, counts.timeouts, counts.in_flight), (1, 1, 1, 0));
    assert_eq!((counts.dropped(Reason::Spawn), told(&counts)), (2, 8), "a dropped ticket drops its copies");
    let report = launch.report();
    assert_eq!((report.control.max, &*report.errors_by_class[0].class), (took, "502"));
}

#[test]
fn a_breaker_stops_candidates_that_the_embedder_runs() {
    let engine = ShadowEngine::new();
    let breaker = ShadowBreaker { min: 20, half_open: Duration::from_millis(100), ..everything().breaker };
    let launch = launch(&engine, ShadowPolicy { breaker, ..everything() });
    let run = |fails: bool| {
        let Some(ticket) = launch.begin("user-1") else { return };
        if ticket.copies() > 0 {
            let verdict =
                if fails { Verdict::Failed(Failure::with_class("502", "")) } else { Verdict::Match };
            assert!(ticket.ended(1, verdict, Duration::ZERO));
        }
    };
    wait_until("the breaker", || {
        run(true);
        launch.state() == LaunchState::Failing
    });
    let before = launch.counts().errors;
    wait_until("a call that is dropped", || {
        run(true);
        launch.counts().dropped(Reason::Breaker) > 0
    });
    assert!(before >= 20);
    wait_until("closing", || {
        run(false);
        launch.state() == LaunchState::Running
    });
}

#[test]
fn a_breaker_closes_also_where_few_may_start_and_many_call() {
    let engine = ShadowEngine::new();
    let breaker = ShadowBreaker { min: 20, half_open: Duration::from_millis(100), ..everything().breaker };
    let limits = ShadowLimits { rate: 100.0, ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { breaker, limits, ..everything() });
    let is_mended = Arc::new(AtomicBool::new(false));
    let try_it = || {
        let is_mended = Arc::clone(&is_mended);
        call(
            &launch,
            7,
            move |input| if is_mended.load(Ordering::Relaxed) { input * 2 } else { panic!("broken") },
        );
    };
    wait_until("the breaker", || {
        try_it();
        launch.state() == LaunchState::Failing
    });
    is_mended.store(true, Ordering::Relaxed);
    wait_until("closing", || {
        (0..10).for_each(|_| try_it());
        launch.state() == LaunchState::Running
    });
}

#[test]
fn what_is_beyond_all_bounds_is_bounded_and_harms_no_other_launch() {
    let engine = ShadowEngine::new();
    let other = launch(&engine, everything());
    let breaker = ShadowBreaker {
        failures: f64::NAN,
        over: Duration::MAX,
        min: 0,
        half_open: Duration::MAX,
        primary_p99: Some(f64::NAN),
    };
    let limits = ShadowLimits {
        in_flight: 0,
        rate: f64::NAN,
        queue: u32::MAX,
        timeout: Duration::MAX,
        body: u64::MAX,
    };
    let policy =
        ShadowPolicy { sample: f64::INFINITY, amplify: f64::NAN, breaker, limits, ..ShadowPolicy::default() };
    let wild = launch(&engine, policy);
    wait_until("the breaker, by the default share of failures", || {
        call(&wild, 1, |_| panic!("as it should"));
        wild.state() == LaunchState::Failing
    });
    call(&other, 1, |input| input * 2);
    assert!(other.settle(LONG));
    assert_eq!((other.state(), other.counts().matched), (LaunchState::Running, 1));
}

#[test]
fn a_copy_whose_drop_panics_is_counted_once() {
    #[derive(Clone)]
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            if !thread::panicking() {
                std::panic::resume_unwind(Box::new("as it should"));
            }
        }
    }
    let engine = ShadowEngine::new();
    let limits = ShadowLimits { body: 1, ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { limits, ..everything() });
    let shadow = launch.shadow("u").capture(|| Nasty).size(|answer: &u64| *answer);
    assert_eq!(
        shadow.run(
            || 7,
            |input| {
                std::mem::forget(input);
                7
            }
        ),
        7
    );
    assert!(launch.settle(LONG));
    assert_eq!(told(&launch.counts()), 1, "{:?}", launch.counts());
}

#[test]
fn an_engine_for_tests_takes_every_ticket_breeds_no_copies_and_is_settled_at_once() {
    let engine = ShadowEngine::testing();
    let launch = engine.launch("search", Arc::new(ShadowPolicy { sample: 0.01, ..ShadowPolicy::default() }));
    for _ in 0..100 {
        let ticket = launch.begin("user-1").expect("every call is a sample");
        assert!(ticket.ended(1, Verdict::Match, Duration::ZERO));
    }
    assert_eq!((launch.counts().matched, launch.counts().in_flight), (100, 0));
    let inner = launch.clone();
    call(&launch, 1, move |input| {
        inner.shadow("u").capture(|| 0).run(|| input * 2, |_| panic!("a copy of a copy"))
    });
    assert!(launch.settle(Duration::ZERO));
}

#[test]
fn a_ticket_whose_answers_are_too_big_counts_them_as_such() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, everything());
    let ticket = launch.begin("user-1").unwrap();
    let verdict = Verdict::Unfit(flagcore::shadow::compare::TreeError::TooBig);
    assert!(ticket.ended(1, verdict, Duration::ZERO));
    assert_eq!((launch.counts().dropped(Reason::TooBig), launch.counts().errors), (1, 0));
}

#[test]
fn what_is_settled_is_counted() {
    let (launches, rounds) = if cfg!(miri) { (2, 5) } else { (20, 50) };
    let limits = ShadowLimits { queue: 8, ..everything().limits };
    let policy = || ShadowPolicy { limits: limits.clone(), ..everything() };
    for _ in 0..launches {
        let engine = ShadowEngine::new();
        let launch = launch(&engine, policy());
        for round in 1..=rounds {
            call(&launch, round, |input| input * 2);
            assert!(launch.settle(LONG));
            launch.follow(None);
            assert_eq!((told(&launch.counts()), launch.counts().waiting), (round, 0));
            launch.follow(Some(Arc::new(policy())));
        }
    }
}

#[test]
fn a_burst_that_the_queue_can_even_out_is_not_dropped() {
    let engine = ShadowEngine::new();
    let limits = ShadowLimits { rate: 500.0, timeout: Duration::from_secs(2), ..everything().limits };
    let launch = launch(&engine, ShadowPolicy { limits, ..everything() });
    (0..200).for_each(|input| call(&launch, input, |input| input * 2));
    assert!(launch.settle(LONG));
    assert_eq!(launch.counts().matched, 200, "{:?}", launch.counts());
}

#[test]
fn candidates_that_hang_open_the_breaker_also_where_few_are_called() {
    let engine = ShadowEngine::builder().workers(1).written_off(1).build();
    let limits = ShadowLimits { timeout: Duration::from_millis(10), ..everything().limits };
    let breaker = ShadowBreaker { min: 20, ..everything().breaker };
    let launch = launch(&engine, ShadowPolicy { limits, breaker, ..everything() });
    wait_until("the breaker", || {
        call(&launch, 1, |_| {
            loop {
                thread::park();
            }
        });
        thread::sleep(Duration::from_millis(5));
        launch.state() == LaunchState::Failing
    });
}

#[test]
fn another_id_begins_the_breaker_anew() {
    let engine = ShadowEngine::new();
    let breaker = ShadowBreaker { min: 20, half_open: Duration::from_secs(600), ..everything().breaker };
    let policy = |id: &str| ShadowPolicy { id: id.into(), breaker: breaker.clone(), ..everything() };
    let launch = launch(&engine, policy("broken"));
    wait_until("the breaker", || {
        call(&launch, 1, |_| panic!("as it should"));
        launch.state() == LaunchState::Failing
    });
    launch.follow(Some(Arc::new(policy("mended"))));
    wait_until("a match", || {
        call(&launch, 1, |input| input * 2);
        launch.counts().matched > 0
    });
    assert_eq!((launch.state(), launch.counts().errors), (LaunchState::Running, 0));
}

#[test]
fn errors_that_are_texts_or_kept_by_class_are_told_apart() {
    let engine = ShadowEngine::new();
    let launch = launch(&engine, everything());
    let run = |control: Result<u8, Failure>, candidate: Result<u8, Failure>| {
        let shadow = launch.shadow("u").capture(|| ()).results();
        drop(shadow.run(move || control, move |()| candidate.clone()));
    };
    let error = |class: &str| Err(Failure::with_class(class, "gone"));
    run(error("Io"), error("Io"));
    run(error("Io"), error("Parse"));
    let texts = |control: &'static str, candidate: &'static str| {
        let shadow = launch.shadow("u").capture(|| ()).results();
        drop(shadow.run(move || Err::<u8, String>(control.to_owned()), move |()| Err(candidate.to_owned())));
    };
    texts("gone", "gone");
    texts("gone", "late");
    run(Ok(1), error("Io"));
    assert!(launch.settle(LONG));
    let report = launch.report();
    assert_eq!((report.matched, report.mismatched, report.errors), (2, 2, 1));
    assert_eq!(&*report.errors_by_class[0].class, "Io");
}

#[test]
fn a_client_may_be_used_after_a_panic() {
    fn survives<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    survives::<flagcore::Client>();
    survives::<ShadowEngine>();
}
