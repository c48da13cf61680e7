//! What candidates do to those around them: nothing. Each end of theirs is counted, and the next one runs.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flagcore::shadow::{BoxFuture, LaunchState, ShadowEngine, Spawn, copy_number};
use serde_json::json;

use crate::lab::{
    Barrier, LONG, Shelf, block, call, call_async, client, client_of, dropped, settled, told, twice,
    wait_until, with,
};

/// Panics when it is dropped, with another one inside so many times.
struct Nasty(u32);

impl Drop for Nasty {
    fn drop(&mut self) {
        match self.0 {
            0 => resume_unwind(Box::new("in a drop")),
            more => resume_unwind(Box::new(Nasty(more - 1))),
        }
    }
}

#[test]
fn a_panic_whose_payload_panics_goes_nowhere() {
    let shelf = Shelf::default();
    let client = client_of(&with(&block(json!({}))), ShadowEngine::builder().spawner(shelf.clone()).build());
    let launch = client.launch("search");
    for depth in 0..3 {
        call(&launch, 1, move |_| resume_unwind(Box::new(Nasty(depth))));
        call_async(&launch, move |_| async move { resume_unwind(Box::new(Nasty(depth))) });
        let compare = move |_: &u64, _: &u64| -> bool { resume_unwind(Box::new(Nasty(depth))) };
        let captured = launch.shadow("user-1").capture(|| 1_u64);
        assert_eq!(captured.compare(compare).run(|| 2, |input| input * 2), 2);
        let capture = || -> u64 { resume_unwind(Box::new(Nasty(depth))) };
        assert_eq!(launch.shadow("user-1").capture(capture).run(|| 2, |input| input), 2);
        let size = move |_: &u64| -> u64 { resume_unwind(Box::new(Nasty(depth))) };
        assert_eq!(launch.shadow("user-1").capture(|| 1).size(size).run(|| 2, |input| input), 2);
    }
    wait_until("the runtime", || shelf.len() == 3);
    shelf.poll();
    let report = settled(&client);
    let all = (report.errors, dropped(&report, "capture"), told(&report));
    assert_eq!(all, (9, 6, 15), "{report:?}");
    call(&launch, 1, twice);
    assert_eq!(settled(&client).matched, 1, "the next one runs");
}

#[test]
fn answers_and_inputs_that_panic_in_their_end_go_nowhere() {
    #[derive(Clone, Debug)]
    struct Fragile(Arc<AtomicU64>);
    impl Drop for Fragile {
        fn drop(&mut self) {
            // Only beside the control: what the caller has is its own.
            if copy_number().is_some() {
                self.0.fetch_add(1, Ordering::SeqCst);
                resume_unwind(Box::new("in a drop"));
            }
        }
    }
    let client = client(&with(&block(json!({ "amplify": 2, "limits": { "queue": 4 } }))));
    let drops = Arc::<AtomicU64>::default();
    let fragile = || Fragile(Arc::clone(&drops));
    let shadow = || client.shadow("search", "user-1");
    // Only one of them in a call: the second panic of one unwinding is the end of any process.
    for number in 0..40 {
        let input = fragile();
        assert_eq!(shadow().capture(|| input).run(|| number, move |_| number), number);
        let (answer, other) = (fragile(), Arc::clone(&drops));
        let call = shadow().capture(|| ()).compare(|_: &Fragile, _: &Fragile| true);
        drop(call.run(|| answer, move |()| Fragile(Arc::clone(&other))));
    }
    let report = settled(&client);
    assert_eq!((told(&report), report.waiting), (160, 0), "{report:?}");
    wait_until("none in flight", || client.launch("search").counts().in_flight == 0);
    assert!(drops.load(Ordering::SeqCst) > 0);
    call(&client.launch("search"), 1, twice);
    assert_eq!(told(&settled(&client)), 162);
}

#[test]
fn a_candidate_that_its_runtime_drops_is_counted_and_gone() {
    struct Told(Arc<AtomicBool>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let shelf = Shelf::default();
    let client = client_of(&with(&block(json!({}))), ShadowEngine::builder().spawner(shelf.clone()).build());
    let launch = client.launch("search");
    let (is_running, is_gone) = (Barrier::default(), Arc::new(AtomicBool::new(false)));
    let (begun, kept) = (is_running.clone(), Arc::clone(&is_gone));
    call_async(&launch, move |_| {
        let (begun, kept) = (begun.clone(), Told(Arc::clone(&kept)));
        async move {
            let _kept = kept;
            begun.open();
            std::future::pending().await
        }
    });
    // One that never ran, one that its runtime drops while it runs.
    call_async(&launch, |_| std::future::pending());
    wait_until("both", || shelf.len() == 2);
    shelf.poll();
    assert!(is_running.is_open() && !is_gone.load(Ordering::SeqCst));
    assert_eq!(launch.counts().in_flight, 2);
    shelf.clear();
    assert!(is_gone.load(Ordering::SeqCst));
    let report = settled(&client);
    assert_eq!((dropped(&report, "spawn"), told(&report), report.in_flight), (2, 2, 0), "{report:?}");
}

#[test]
fn a_control_that_is_dropped_before_it_answers_hands_nothing_on() {
    let client = client(&with(&block(json!({}))));
    let call = client.shadow("search", "user-1").capture(|| 1_u64);
    let mut call = Box::pin(call.run_async(std::future::pending(), |_| async { panic!("a candidate ran") }));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    drop(call);
    assert_eq!(told(&settled(&client)), 0);
}

#[test]
fn a_runtime_that_panics_or_keeps_everything_harms_nobody() {
    struct Panics(AtomicU64);
    impl Spawn for Panics {
        fn spawn(&self, candidate: BoxFuture<()>) {
            if self.0.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
                std::mem::forget(candidate);
            }
            resume_unwind(Box::new(Nasty(1)));
        }
    }
    // Nobody hears of a candidate that is forgotten but by the time that it takes.
    let engine = ShadowEngine::builder().spawner(Panics(AtomicU64::new(0))).build();
    let client = client_of(&with(&block(json!({ "limits": { "timeout": "1s" } }))), engine);
    let launch = client.launch("search");
    (0..4).for_each(|_| call_async(&launch, |_| async { 8 }));
    wait_until("the end of all", || told(&client.shadow_report("search")) == 4);
    let report = settled(&client);
    assert_eq!((report.timeouts, dropped(&report, "spawn")), (2, 2), "{report:?}");
    call(&launch, 1, twice);
    assert_eq!(settled(&client).matched, 1, "the engine's thread is there");
}

#[test]
fn the_end_of_a_client_waits_for_no_candidate() {
    let shelf = Shelf::default();
    let engine = ShadowEngine::builder().workers(4).spawner(shelf.clone()).build();
    let client = client_of(&with(&block(json!({ "limits": { "timeout": "300ms" } }))), engine);
    let (launch, barrier) = (client.launch("search"), Barrier::default());
    let calls = 400;
    for number in 0..calls {
        let barrier = barrier.clone();
        match number % 4 {
            0 => drop(call(&launch, 1, move |input| {
                barrier.wait();
                input * 2
            })),
            1 => drop(call(&launch, 1, |_| {
                thread::sleep(Duration::from_millis(80));
                resume_unwind(Box::new(Nasty(0)))
            })),
            2 => call_async(&launch, |_| std::future::pending()),
            _ => drop(call(&launch, 1, twice)),
        }
    }
    wait_until("some that hang", || launch.counts().in_flight > 4);
    let begun = Instant::now();
    drop(client);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    wait_until("the end", || launch.state() == LaunchState::Ended);
    assert!(launch.settle(LONG));
    let report = launch.report();
    assert_eq!((told(&report), report.waiting), (calls, 0), "{report:?}");
    barrier.open();
    shelf.clear();
    wait_until("the return of all", || launch.counts().in_flight == 0);
    assert_eq!(told(&launch.report()), calls, "what comes late is not counted twice");
}

#[test]
fn a_flag_that_is_made_anew_finds_its_launch() {
    let on = with(&block(json!({})));
    let client = client(&on);
    let launch = client.launch("search");
    call(&launch, 1, twice);
    assert_eq!(settled(&client).matched, 1);
    for text in [r#"{"flags": {}}"#, &on, r#"{"flags": {"a": {"variants": {"on": true}}}}"#, &on] {
        crate::lab::update(&client, text);
        client.flag("new names in between");
    }
    client.shadow("search", "user-1").capture(|| 1).run(|| 2, twice);
    client.shadow(client.flag("search"), "user-1").capture(|| 1).run(|| 2, twice);
    let report = settled(&client);
    assert_eq!((report.matched, client.shadow_reports().len()), (3, 1));
    assert_eq!(launch.report(), report);
}
