//! Many threads call while the file is edited all the time: every answer is right, and every copy is counted.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flagcore::model::Format;
use flagcore::{Client, EvaluationContext};
use serde_json::json;

use crate::common::files::{Folder, Watched};
use crate::lab::{LONG, block, client, client_of, file, settled, told, update, wait_until, with};
use flagcore::shadow::report::prometheus;
use flagcore::shadow::{LaunchState, ShadowEngine};

/// Files that differ in whatever a block may say, but for the copies of a sample and the id.
fn edits() -> Vec<String> {
    let pro = json!({ "==": [{ "var": "plan" }, "pro"] });
    let blocks = [
        json!({}),
        json!({ "sample": 0.5, "by": "user" }),
        json!({ "limits": { "queue": 1, "in_flight": 1 } }),
        json!({ "limits": { "queue": 4_096, "in_flight": 8, "rate": "50000/s" } }),
        json!({ "limits": { "rate": "100/s", "timeout": "1ms" } }),
        json!({ "limits": { "queue": 64, "timeout": "5ms", "body": 1 } }),
        json!({ "breaker": { "min": 20, "failures": 0.01, "half_open": "100ms" } }),
        json!({ "breaker": { "min": 20, "over": "1s", "primary_p99": 1.1 } }),
        json!({ "compare": { "errors": "text", "float": 0.5 }, "store": { "per_field": 1, "max": "1KiB" } }),
        json!({ "when": pro }),
        json!({ "sample": 0 }),
        json!({ "limits": { "queue": "wrong" } }),
    ];
    let mut files: Vec<String> = blocks
        .into_iter()
        .map(|mut changes| {
            changes["amplify"] = json!(2);
            with(&block(changes))
        })
        .collect();
    files.push(file(json!({})));
    files.push(file(json!({ "state": "DISABLED", "shadow": block(json!({ "amplify": 2 })) })));
    files.push(r#"{"flags": {"other": {"variants": {"on": true}}}}"#.to_owned());
    files
}

/// What candidates do, one after another.
fn candidate(input: u64) -> u64 {
    match input % 64 {
        0 => resume_unwind(Box::new("as it should")),
        1 => input,
        2 => {
            thread::sleep(Duration::from_millis(3));
            input * 2
        }
        _ => input * 2,
    }
}

/// Calls by name, by handle and by launch in turn, until it is enough; how many there were, and how many were samples.
fn calls(client: &Client, mut is_enough: impl FnMut(u64) -> bool) -> (u64, u64) {
    let (flag, launch) = (client.flag("search"), client.launch("search"));
    let (mut calls, mut samples) = (0, 0);
    while !is_enough(calls) {
        let input = calls;
        calls += 1;
        let key = format!("user-{}", input % 100);
        let plan = if input % 2 == 0 { "pro" } else { "free" };
        let context = EvaluationContext::new(key.as_str()).with("plan", plan);
        let shadow = match input % 3 {
            0 => client.shadow("search", &context),
            1 => client.shadow(flag, &context),
            _ => launch.shadow(&context),
        };
        samples += u64::from(shadow.is_sampled());
        let answer = shadow.capture(|| input).size(|_: &u64| 8).run(|| input * 2, candidate);
        assert_eq!(answer, input * 2, "the control's answer");
        if input % 100 == 0 {
            // Machines have few cores, and all threads have to get on.
            thread::sleep(Duration::from_millis(1));
        }
    }
    (calls, samples)
}

/// Calls from many threads while somebody edits the file and somebody reads the report; how many calls there were.
fn calls_and_edits(client: &Client, edits_wanted: u64, pause: Duration, edit: impl Fn(&str) + Sync) {
    const CALLERS: u64 = 6;
    const CALLS: u64 = 4_000;
    let (is_over, edited) = (AtomicBool::new(false), AtomicU64::new(0));
    let (begun, launch) = (Instant::now(), client.launch("search"));
    // Where cores are busy, candidates come last: somebody has to wait for some.
    let is_enough = |calls| {
        let counts = || launch.counts();
        let is_long = calls >= CALLS && edited.load(Ordering::SeqCst) >= edits_wanted;
        is_long && (counts().matched > 0 && counts().errors > 0 || begun.elapsed() > LONG)
    };
    let (calls, samples) = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(|| calls(client, is_enough))).collect();
        scope.spawn(|| {
            for file in edits().iter().cycle() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                edit(file);
                edited.fetch_add(1, Ordering::SeqCst);
                // Some calls have to come between two edits.
                thread::sleep(pause);
            }
        });
        scope.spawn(|| {
            let mut before = 0;
            while !is_over.load(Ordering::SeqCst) {
                let report = client.shadow_report("search");
                let now = told(&report);
                assert!(now >= before, "counts never go back: {now} after {before}");
                before = now;
                assert!(!report.to_string().is_empty() && !prometheus(&[report]).is_empty());
            }
        });
        let all = callers.into_iter().map(|caller| caller.join().unwrap());
        let sums = all.fold((0, 0), |sums, (calls, samples)| (sums.0 + calls, sums.1 + samples));
        is_over.store(true, Ordering::SeqCst);
        sums
    });
    let report = settled(client);
    assert_eq!((told(&report), report.waiting), (2 * samples, 0), "{report:?}");
    wait_until("none in flight", || client.shadow_report("search").in_flight == 0);
    assert_eq!((report.control.count, report.candidate.count), (report.samples, report.samples));
    assert!(samples > calls / 20 && report.matched > 0 && report.errors > 0, "{calls} calls: {report:?}");
}

#[test]
fn counters_add_up_while_the_file_is_edited_all_the_time() {
    let client = client(&edits()[0]);
    calls_and_edits(&client, 100, Duration::from_millis(2), |file| update(&client, file));
}

#[test]
fn counters_add_up_while_a_file_on_disk_is_edited_all_the_time() {
    let folder = Folder::with("flags.json", &edits()[0]);
    let watched = Watched::open(folder.path("flags.json"));
    let first = watched.client.snapshot().revision();
    calls_and_edits(&watched.client, 20, Duration::from_millis(60), |file| {
        folder.rename_into_place("flags.json", file);
    });
    let taken = watched.client.snapshot().revision() - first;
    assert!(taken > 3, "{taken} edits were taken");
}

#[test]
fn first_calls_at_once_make_one_launch() {
    for _ in 0..20 {
        let client = client(&with(&block(json!({}))));
        let start = std::sync::Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    let call = client.shadow("search", "user-1").capture(|| 1);
                    assert_eq!(call.run(|| 2, |input| input * 2), 2);
                });
            }
        });
        let report = settled(&client);
        assert_eq!((report.matched, told(&report), client.shadow_reports().len()), (8, 8, 1));
    }
}

#[test]
fn many_launches_at_once_are_apart() {
    let flag = json!({ "variants": { "on": true }, "shadow": block(json!({})) });
    let flags: serde_json::Map<_, _> =
        (0..16).map(|number| (format!("flag-{number}"), flag.clone())).collect();
    let client = client(&json!({ "flags": flags }).to_string());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for input in 0..1_600_u64 {
                    let key = format!("flag-{}", input % 16);
                    let differs = u64::from(input % 16 == 3);
                    let call = client.shadow(&key, "user-1").capture(|| input);
                    assert_eq!(call.run(|| input, move |input| input + differs), input);
                }
            });
        }
    });
    for number in 0..16 {
        let key = format!("flag-{number}");
        assert!(client.launch(&key).settle(LONG));
        let report = client.shadow_report(&key);
        assert_eq!(told(&report), 400, "{report:?}");
        let (wrong, right) = if number == 3 {
            (report.matched, report.mismatched)
        } else {
            (report.mismatched, report.matched)
        };
        assert_eq!(wrong, 0, "{key}");
        assert!(right > 0, "{key}");
    }
    assert_eq!(client.shadow_reports().len(), 16);
}

#[test]
fn a_client_may_be_dropped_while_others_use_its_launches() {
    for round in 0..60 {
        let client = client(&with(&block(json!({}))));
        let launch = client.launch("search");
        let (calls, samples, goes_on) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(true));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while goes_on.load(Ordering::SeqCst) {
                        let input = calls.fetch_add(1, Ordering::SeqCst);
                        let is_sampled = crate::lab::call(&launch, input, |input| input * 2);
                        samples.fetch_add(u64::from(is_sampled), Ordering::SeqCst);
                    }
                });
            }
            wait_until("some calls", || calls.load(Ordering::SeqCst) > 100);
            drop(client);
            wait_until("the end", || launch.state() == LaunchState::Ended);
            let now = calls.load(Ordering::SeqCst);
            wait_until("some more calls", || calls.load(Ordering::SeqCst) > now + 100);
            goes_on.store(false, Ordering::SeqCst);
        });
        assert!(launch.settle(LONG));
        let report = launch.report();
        assert_eq!((told(&report), report.waiting), (samples.into_inner(), 0), "round {round}: {report:?}");
        wait_until("none in flight", || launch.counts().in_flight == 0);
    }
}

#[test]
fn a_call_that_outlives_its_client_still_answers() {
    let client = client(&with(&block(json!({}))));
    let launch = client.launch("search");
    let [by_key, by_launch] = [client.shadow("search", "user-1"), launch.shadow("user-1")];
    drop(client);
    wait_until("the end", || launch.state() == LaunchState::Ended);
    for shadow in [by_key, by_launch] {
        assert!(shadow.is_sampled());
        assert_eq!(shadow.capture(|| 1).run(|| 2, |_| panic!("a candidate ran")), 2);
    }
    let report = launch.report();
    assert_eq!((crate::lab::dropped(&report, "shutdown"), told(&report), report.state), (2, 2, "ended"));
    assert!(!launch.shadow("user-1").is_sampled());
}

#[test]
fn the_last_clone_of_a_client_may_go_anywhere() {
    // On the thread of a candidate, and on the engine's own: what waits too long is dropped there.
    for limits in [json!({}), json!({ "in_flight": 1, "timeout": "30ms" })] {
        let client = client_of(&with(&block(json!({ "limits": limits }))), ShadowEngine::new());
        let (launch, barrier) = (client.launch("search"), crate::lab::Barrier::default());
        let first = barrier.clone();
        crate::lab::call(&launch, 1, move |input| {
            first.wait();
            input * 2
        });
        let (kept, second) = (client.clone(), barrier.clone());
        let call = launch.shadow("user-1").capture(move || kept);
        call.run(
            || (),
            move |client: Client| {
                second.wait();
                drop(client);
            },
        );
        drop(client);
        if limits != json!({}) {
            wait_until("the end", || launch.state() == LaunchState::Ended);
        }
        barrier.open();
        wait_until("the end", || launch.state() == LaunchState::Ended);
        assert!(launch.settle(LONG));
        assert_eq!(told(&launch.report()), 2, "{:?}", launch.counts());
        wait_until("none in flight", || launch.counts().in_flight == 0);
    }
}

#[test]
fn a_listener_may_call_and_ask_for_launches() {
    let client = client(&file(json!({})));
    let (calls, kept) = (std::sync::Arc::new(AtomicU64::new(0)), client.clone());
    let counted = std::sync::Arc::clone(&calls);
    client.on_update(move |_| {
        let call = kept.shadow("search", "user-1").capture(|| 1);
        assert_eq!(call.run(|| 2, |input| input * 2), 2);
        let launch = kept.launch("search");
        counted.fetch_add(u64::from(launch.shadow("user-1").is_sampled()), Ordering::SeqCst);
        assert!(!kept.shadow_reports().is_empty());
    });
    client.update("flags.json", with(&block(json!({}))), Format::Json).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1, "a listener finds launches as the update has them");
    let report = settled(&client);
    assert_eq!((report.matched, told(&report)), (1, 1));
}
