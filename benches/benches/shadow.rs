//! What a dark launch costs its caller: where nothing is sampled, where one call in a hundred is, where all are, where the queue
//! is full, and where a breaker is open; beside what a sample stands on, measured in the same run.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use benches::figures;
use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_queue::ArrayQueue;
use flagcore::Client;
use flagcore::shadow::{
    Launch, LaunchState, Reason, SampleBy, Shadow, ShadowBreaker, ShadowEngine, ShadowLimits, ShadowPolicy,
};

/// An input of 1 KiB that is cheap to capture, as a body of bytes is.
type Body = Arc<[u8]>;

/// Samples in a row: no more than may start at once.
const AT_ONCE: u32 = 500;
const BURSTS: usize = 201;

/// How long what was handed in takes to be gone, and the rate to allow as many again.
const PAUSE: Duration = Duration::from_millis(12);

fn policy(sample: f64) -> Arc<ShadowPolicy> {
    Arc::new(ShadowPolicy {
        sample,
        limits: ShadowLimits {
            rate: 100_000.0,
            queue: 4_096,
            timeout: Duration::from_secs(60),
            ..ShadowLimits::default()
        },
        breaker: ShadowBreaker {
            half_open: Duration::from_secs(600),
            primary_p99: None,
            ..ShadowBreaker::default()
        },
        ..ShadowPolicy::default()
    })
}

fn body() -> Body {
    vec![7; 1_024].into()
}

/// One call: the control takes next to nothing, and so does the candidate.
#[inline]
fn call(launch: &Launch, body: &Body) -> u64 {
    call_of(launch.shadow("user-1"), body)
}

#[inline]
fn call_of(shadow: Shadow<'_>, body: &Body) -> u64 {
    shadow.capture(|| Arc::clone(body)).run(|| answer(body), |body| answer(&body))
}

#[inline]
fn answer(body: &Body) -> u64 {
    u64::from(body[black_box(17)]) + body.len() as u64
}

/// Nanoseconds of a call, the median of many bursts; what was handed in is worked off in between.
fn in_bursts(mut call: impl FnMut()) -> f64 {
    let mut bursts: Vec<f64> = (0..BURSTS)
        .map(|_| {
            thread::sleep(PAUSE);
            let begun = Instant::now();
            (0..AT_ONCE).for_each(|_| call());
            begun.elapsed().as_nanos() as f64 / f64::from(AT_ONCE)
        })
        .collect();
    bursts.sort_unstable_by(f64::total_cmp);
    bursts[BURSTS / 2]
}

/// A launch whose every sample is dropped: one candidate hangs, and the queue behind it is full.
fn full(engine: &ShadowEngine, body: &Body, until: &Arc<AtomicBool>) -> Launch {
    let mut policy = ShadowPolicy::clone(&policy(1.0));
    policy.limits = ShadowLimits { queue: 8, in_flight: 1, ..policy.limits };
    let launch = engine.launch("full", Arc::new(policy));
    while launch.counts().waiting < 9 {
        let until = Arc::clone(until);
        let hang = move |body: Body| {
            while !until.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            answer(&body)
        };
        assert_eq!(
            launch.shadow("user-1").capture(|| Arc::clone(body)).run(|| answer(body), hang),
            answer(body)
        );
        thread::sleep(Duration::from_millis(3));
    }
    launch
}

/// A launch whose breaker opened.
fn broken(engine: &ShadowEngine, body: &Body) -> Launch {
    std::panic::set_hook(Box::new(|_| {}));
    let launch = engine.launch("broken", policy(1.0));
    while launch.state() != LaunchState::Failing {
        let panics = |_: Body| -> u64 { panic!("as it should") };
        assert_eq!(
            launch.shadow("user-1").capture(|| Arc::clone(body)).run(|| answer(body), panics),
            answer(body)
        );
        thread::sleep(Duration::from_millis(1));
    }
    let _ = std::panic::take_hook();
    launch
}

/// A wrong answer is never a fast one: each launch does what its row says.
fn check(
    launch: &Launch,
    body: &Body,
    of_a_hundred: impl Fn(&Launch) -> u64,
    expected: std::ops::RangeInclusive<u64>,
) {
    let before = of_a_hundred(launch);
    (0..100).for_each(|_| assert_eq!(call(launch, body), answer(body)));
    launch.settle(Duration::from_millis(200));
    let seen = of_a_hundred(launch) - before;
    assert!(expected.contains(&seen), "{seen} of a hundred: {:?}", launch.counts());
}

fn rows(c: &mut Criterion) {
    let (engine, body, end) = (ShadowEngine::new(), body(), Arc::new(AtomicBool::new(false)));
    let off = engine.launch("off", policy(0.0));
    let some = engine.launch("some", policy(0.01));
    let all = engine.launch("all", policy(1.0));
    let (full, broken) = (full(&engine, &body, &end), broken(&engine, &body));
    check(&off, &body, |launch| launch.counts().matched, 0..=0);
    check(&some, &body, |launch| launch.counts().matched, 0..=20);
    check(&all, &body, |launch| launch.counts().matched, 100..=100);
    check(&full, &body, |launch| launch.counts().dropped(Reason::QueueFull), 100..=100);
    check(&broken, &body, |launch| launch.counts().dropped(Reason::Breaker), 100..=100);

    let mut group = c.benchmark_group("shadow");
    group.bench_function("limit/control", |b| b.iter(|| black_box(answer(black_box(&body)))));
    group.bench_function("limit/two-clock-reads", |b| b.iter(|| black_box(Instant::now().elapsed())));
    group.bench_function("limit/fetch-add", |b| {
        let counter = AtomicU64::new(0);
        b.iter(|| black_box(&counter).fetch_add(1, Ordering::Relaxed))
    });
    group.bench_function("limit/box", |b| b.iter(|| black_box(Box::new(black_box([7_u64; 16])))));
    group.bench_function("off", |b| b.iter(|| black_box(call(black_box(&off), &body))));
    let by_user = engine.launch(
        "by-user",
        Arc::new(ShadowPolicy { by: SampleBy::User, ..ShadowPolicy::clone(&policy(0.01)) }),
    );
    group.bench_function("one-percent-by-user", |b| b.iter(|| black_box(call(black_box(&by_user), &body))));
    let flags = r#"{"flags": {"off": {"variants": {"on": true}}, "other": {"variants": {"on": true}}}}"#;
    let client = Client::from_json(flags).expect("flags");
    let (launch, flag) = (client.launch("off"), client.flag("off"));
    group.bench_function("off-client/launch", |b| b.iter(|| black_box(call(black_box(&launch), &body))));
    group.bench_function("off-client/handle", |b| {
        b.iter(|| black_box(call_of(client.shadow(black_box(flag), "user-1"), &body)))
    });
    group.bench_function("off-client/key", |b| {
        b.iter(|| black_box(call_of(client.shadow(black_box("off"), "user-1"), &body)))
    });
    group.bench_function("one-percent", |b| b.iter(|| black_box(call(black_box(&some), &body))));
    group.bench_function("queue-full", |b| b.iter(|| black_box(call(black_box(&full), &body))));
    group.bench_function("breaker-open", |b| b.iter(|| black_box(call(black_box(&broken), &body))));
    group.finish();

    let queue: ArrayQueue<[u64; 16]> = ArrayQueue::new(65_536);
    let push = || in_bursts(|| assert!(queue.push(black_box([7; 16])).or_else(|_| emptied(&queue)).is_ok()));
    let (pushed, called) = (push(), in_bursts(|| assert_eq!(call(&all, &body), answer(&body))));
    figures::keep(
        "shadow-bursts",
        &[("limit-array-queue-push-ns", pushed), ("all-ns", called), ("all-times-push", called / pushed)],
    );
    slow_end(&some, &all, &body);
    harm(&engine);
    let counts = all.counts();
    let dropped = counts.all_dropped() as f64 / (counts.compared() + counts.all_dropped()) as f64;
    assert!(dropped < 0.05, "{counts:?}");
    end.store(true, Ordering::Relaxed);
}

/// Makes room, some hundred pushes before it is needed again.
#[cold]
fn emptied(queue: &ArrayQueue<[u64; 16]>) -> Result<(), ()> {
    while queue.pop().is_some() {}
    Ok(())
}

/// The slow end of single calls, two microseconds apart in bursts of no more than may start at once; and of
/// what a call stands on, the same way.
fn slow_end(some: &Launch, launch: &Launch, body: &Body) {
    let queue: ArrayQueue<[u64; 16]> = ArrayQueue::new(4_096);
    let words = String::from("the words of a search, as somebody wrote them");
    let mut kept = Vec::new();
    let mut of = |name: &str, work: &mut dyn FnMut()| {
        let mut samples = paced(work);
        samples.sort_unstable();
        for (quantile, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let at = ((samples.len() - 1) as f64 * share) as usize;
            kept.push((format!("{name}-{quantile}-ns"), samples[at] as f64));
        }
    };
    of("limit-clock", &mut || {});
    of("limit-array-queue-push", &mut || {
        let _ = queue.force_push(black_box([7; 16]));
    });
    of("control", &mut || assert!(black_box(answer(body)) > 0));
    of("one-percent", &mut || assert!(black_box(call(some, body)) > 0));
    of("all", &mut || assert!(black_box(call(launch, body)) > 0));
    of("all-boxed-with-string", &mut || assert!(black_box(call_boxed(launch, &words)) > 0));
    let kept: Vec<(&str, f64)> = kept.iter().map(|(name, figure)| (name.as_str(), *figure)).collect();
    figures::keep("shadow-slow-end", &kept);
}

/// What candidates that do harm do to a control of some 20 microseconds, all calls sampled, with the limits that a file has
/// without a word: its 99th percentile beside each of them, and with the launch off, in turn.
fn harm(engine: &ShadowEngine) {
    std::panic::set_hook(Box::new(|_| {}));
    let beside = |name: &str, in_flight: u32, candidate: fn(u64) -> u64| {
        let policy = |sample| {
            let limits = ShadowLimits { in_flight, ..ShadowLimits::default() };
            Some(Arc::new(ShadowPolicy { sample, limits, ..ShadowPolicy::default() }))
        };
        let launch = engine.launch(name, policy(0.0).expect("a policy"));
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..40 {
            for (side, sample) in [0.0, 1.0].into_iter().enumerate() {
                launch.follow(policy(sample));
                let first = Instant::now();
                for call in 0..1_000 {
                    let due = first + call * Duration::from_micros(50);
                    while Instant::now() < due {}
                    let begun = Instant::now();
                    let run = launch.shadow("user-1").capture(|| round);
                    black_box(run.run(|| work(round), candidate));
                    times[side].push(begun.elapsed().as_nanos() as u64);
                }
            }
        }
        let [off, on] = times.map(|mut times| {
            times.sort_unstable();
            times[times.len() * 99 / 100] as f64
        });
        figures::keep(&format!("shadow-beside-{name}"), &[("p99-off-ns", off), ("p99-times-off", on / off)]);
    };
    beside("equal", 64, work);
    beside("panics", 64, |_| panic!("as it should"));
    beside("hangs", 64, |_| {
        loop {
            thread::park();
        }
    });
    beside("sleeps", 64, |input| {
        thread::sleep(Duration::from_secs(10));
        input
    });
    beside("giants", 2, |input| {
        vec![input as u8 | 1; 1 << 30].iter().step_by(4_096).map(|byte| u64::from(*byte)).sum()
    });
    let _ = std::panic::take_hook();
}

/// Some 20 microseconds of work.
fn work(input: u64) -> u64 {
    (0..10_000_u64).fold(black_box(input) | 1, |sum, at| sum.rotate_left(5).wrapping_mul(0x9e37_79b9) ^ at)
        | 1
}

/// One call whose input and answer are texts on the heap, and whose candidate is a boxed closure.
fn call_boxed(launch: &Launch, words: &str) -> usize {
    let candidate: Box<dyn Fn(String) -> String + Send + Sync> = Box::new(|words| words.to_uppercase());
    let capture = || words.to_owned();
    launch.shadow("user-1").capture(capture).run(|| words.to_uppercase(), candidate).len()
}

/// Nanoseconds of 200,000 calls, each with one clock read.
fn paced(work: &mut dyn FnMut()) -> Vec<u64> {
    /// A hundredth of the rate.
    const AT_ONCE: u32 = 1_000;
    let mut samples = Vec::with_capacity(200_000);
    for _ in 0..200 {
        thread::sleep(2 * PAUSE);
        let first = Instant::now();
        for call in 0..AT_ONCE {
            let due = first + call * Duration::from_micros(2);
            while Instant::now() < due {}
            let begun = Instant::now();
            work();
            samples.push(begun.elapsed().as_nanos() as u64);
        }
    }
    samples
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = rows
}
criterion_main!(benches);
