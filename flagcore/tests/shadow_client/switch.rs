//! The file turns sampling on, changes it, and turns it off again: at the next call, and for what waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flagcore::shadow::{LaunchState, Reason, ShadowEngine};
use serde_json::{Value, json};

use crate::common::files::{Folder, Watched};
use crate::lab::{
    Barrier, Shelf, block, call, call_async, client, client_of, dropped, file, settled, told, twice, update,
    wait_until, with,
};

/// Files that turn a dark launch off, and how.
fn ways_off() -> [(&'static str, String); 6] {
    let disabled = file(json!({ "state": "DISABLED", "shadow": block(json!({})) }));
    [
        ("the flag disabled", disabled),
        ("the block removed", file(json!({}))),
        ("the flag removed", r#"{"flags": {"other": {"variants": {"on": true}}}}"#.to_owned()),
        ("the file emptied", r#"{"flags": {}}"#.to_owned()),
        ("a sample of nothing", with(&block(json!({ "sample": 0 })))),
        ("a block that is wrong", with(&block(json!({ "limits": { "queue": "much" } })))),
    ]
}

#[test]
fn a_file_on_disk_switches_on_and_off() {
    let on = with(&block(json!({})));
    let folder = Folder::with("flags.json", file(json!({})));
    let watched = Watched::open(folder.path("flags.json"));
    let launch = watched.client.launch("search");
    assert!(!call(&launch, 1, |_| panic!("a candidate ran")));
    let mut samples = 0;
    for (way, off) in ways_off() {
        folder.rename_into_place("flags.json", &on);
        watched.until("switched on", |_| launch.state() == LaunchState::Running);
        assert!(call(&launch, 1, twice) && watched.client.shadow("search", "user-1").is_sampled());
        samples += 1;
        assert!(launch.settle(crate::lab::LONG));
        folder.rename_into_place("flags.json", &off);
        watched.until(way, |_| launch.state() == LaunchState::Off);
        for _ in 0..100 {
            assert!(!call(&launch, 1, |_| panic!("a candidate ran")), "{way}");
            assert!(!watched.client.shadow("search", "user-1").is_sampled(), "{way}");
        }
        let report = settled(&watched.client);
        assert_eq!((report.matched, told(&report), report.state), (samples, samples, "off"), "{way}");
    }
}

#[test]
fn a_file_that_is_broken_changes_nothing() {
    let folder = Folder::with("flags.json", with(&block(json!({ "amplify": 2 }))));
    let watched = Watched::open(folder.path("flags.json"));
    let launch = watched.client.launch("search");
    let before = watched.client.snapshot().shadow_policy("search").cloned();
    for broken in ["", "{", r#"{"flags": 7}"#, "{\"flags\": {\"search\": {\"shadow\""] {
        folder.rename_into_place("flags.json", broken);
        watched.until("a refusal", |client| client.status()[0].refused.is_some());
        assert_eq!(watched.client.snapshot().shadow_policy("search").cloned(), before, "{broken}");
        assert!(call(&launch, 1, twice));
        assert_eq!(launch.state(), LaunchState::Running);
        folder.rename_into_place("flags.json", with(&block(json!({ "amplify": 2 }))));
        watched.tells_no_refusal();
    }
    let report = settled(&watched.client);
    assert_eq!((report.matched, told(&report)), (8, 8));
}

#[test]
fn a_file_on_disk_changes_what_holds_from_the_next_call_on() {
    let folder = Folder::with("flags.json", with(&block(json!({}))));
    let watched = Watched::open(folder.path("flags.json"));
    let client = &watched.client;
    let launch = client.launch("search");
    let edit = |changes: Value| {
        let block = block(changes);
        let wanted = client_policy(&block);
        folder.rename_into_place("flags.json", with(&block));
        watched.until("the edit", |client| client.snapshot().shadow_policy("search") == wanted.as_ref());
        // The snapshot is seen a moment before the launches follow it.
        let _ = watched.drain();
        client.refresh();
    };
    // Answers of 100 bytes that differ in `took` and agree in `n`.
    let answer = |took: u64| json!({ "took": took, "n": 7, "fill": "x".repeat(80) });
    let differ = || {
        let candidate = move |()| answer(2);
        let shadow = launch.shadow("user-1").capture(|| ()).compare_fields();
        let size = |answer: &Value| answer.to_string().len() as u64;
        assert_eq!(shadow.size(size).run(|| answer(1), candidate), answer(1));
        let report = settled(client);
        (report.mismatched, report.ignored, dropped(&report, "too_big"), told(&report))
    };
    assert_eq!(differ(), (1, 0, 0, 1));
    edit(json!({ "amplify": 3 }));
    assert_eq!(differ(), (4, 0, 0, 4));
    edit(json!({ "compare": { "ignore": ["/took"] } }));
    assert_eq!(differ(), (4, 1, 0, 5));
    edit(json!({ "limits": { "body": 99 } }));
    assert_eq!(differ(), (4, 1, 1, 6));
    edit(json!({ "limits": { "body": "1KiB" } }));
    assert_eq!(differ(), (5, 1, 1, 7));
    assert_eq!(client.shadow_report("search").fields[0].examples.len(), 5);
    edit(json!({ "store": { "per_field": 2 } }));
    assert_eq!(client.shadow_report("search").fields[0].examples.len(), 2);
    assert_eq!(differ(), (6, 1, 1, 8));
    let report = client.shadow_report("search");
    assert_eq!((report.fields[0].samples, report.fields[0].examples.len()), (6, 2));
    edit(json!({ "sample": 0.5 }));
    let sampled = (0..1_000).filter(|_| launch.shadow("user-1").is_sampled()).count();
    assert!((350..650).contains(&sampled), "{sampled} of 1,000");
    edit(json!({ "id": "again" }));
    let report = client.shadow_report("search");
    assert_eq!((&*report.id, told(&report), report.fields.len()), ("again", 0, 0));
    assert_eq!(differ(), (1, 0, 0, 1));
}

/// What a block comes to.
fn client_policy(block: &Value) -> Option<flagcore::shadow::ShadowPolicy> {
    client(&with(block)).snapshot().shadow_policy("search").cloned()
}

#[test]
fn an_id_that_comes_back_begins_anew_too() {
    let client = client(&with(&block(json!({ "id": "a" }))));
    let launch = client.launch("search");
    for (id, differs) in [("a", 1), ("b", 0), ("a", 1)] {
        update(&client, &with(&block(json!({ "id": id }))));
        call(&launch, 1, move |input| input * 2 + differs);
        let report = settled(&client);
        assert_eq!((&*report.id, told(&report), report.mismatched), (id, 1, differs), "{id}");
    }
    // Off and on again under the same id goes on.
    update(&client, &file(json!({})));
    assert_eq!(told(&client.shadow_report("search")), 1);
    update(&client, &with(&block(json!({ "id": "a" }))));
    call(&launch, 1, twice);
    assert_eq!(told(&settled(&client)), 2);
}

#[test]
fn what_waits_when_the_switch_is_turned_never_starts() {
    for (way, off) in ways_off() {
        let on = with(&block(json!({ "amplify": 2, "limits": { "in_flight": 1 } })));
        let client = client(&on);
        let launch = client.launch("search");
        let (barrier, started) = (Barrier::default(), Arc::new(AtomicU64::new(0)));
        for _ in 0..20 {
            let (barrier, started) = (barrier.clone(), Arc::clone(&started));
            assert!(call(&launch, 1, move |input| {
                started.fetch_add(1, Ordering::SeqCst);
                barrier.wait();
                input * 2
            }));
        }
        wait_until("the first one", || started.load(Ordering::SeqCst) == 1);
        update(&client, &off);
        barrier.open();
        let report = settled(&client);
        assert_eq!(started.load(Ordering::SeqCst), 1, "{way}");
        assert_eq!((report.matched, dropped(&report, "switched_off")), (1, 39), "{way}: {report:?}");
        // On again, nothing of it comes back.
        update(&client, &on);
        call(&launch, 1, twice);
        let report = settled(&client);
        assert_eq!((report.matched, told(&report)), (3, 42), "{way}: {report:?}");
        assert_eq!(started.load(Ordering::SeqCst), 1, "{way}");
    }
}

#[test]
fn what_a_runtime_has_not_polled_yet_never_starts_either() {
    let shelf = Shelf::default();
    let engine = ShadowEngine::builder().spawner(shelf.clone()).build();
    let client = client_of(&with(&block(json!({}))), engine);
    let launch = client.launch("search");
    (0..3).for_each(|_| {
        call_async(&launch, |_| async { std::panic::resume_unwind(Box::new("a candidate ran")) })
    });
    wait_until("three candidates", || shelf.len() == 3);
    update(&client, &file(json!({})));
    shelf.poll();
    assert_eq!(shelf.len(), 0);
    let report = settled(&client);
    assert_eq!((dropped(&report, "switched_off"), told(&report)), (3, 3), "{report:?}");
}

#[test]
fn nothing_starts_after_an_update_but_what_was_in_flight() {
    let on = with(&block(json!({})));
    let client = client(&on);
    let launch = client.launch("search");
    let started = Arc::new(AtomicU64::new(0));
    let mut switched_off = 0;
    for _ in 0..150 {
        update(&client, &on);
        for _ in 0..100 {
            let started = Arc::clone(&started);
            call(&launch, 1, move |input| {
                started.fetch_add(1, Ordering::SeqCst);
                input * 2
            });
        }
        update(&client, &file(json!({})));
        let in_flight = launch.counts().in_flight;
        let before = started.load(Ordering::SeqCst);
        settled(&client);
        let late = started.load(Ordering::SeqCst) - before;
        assert!(late <= in_flight, "{late} started, of which {in_flight} were in flight");
        let now = launch.counts().dropped(Reason::SwitchedOff);
        switched_off += u64::from(now > 0);
    }
    let report = settled(&client);
    assert_eq!(told(&report), 15_000, "{report:?}");
    assert_eq!(report.matched, started.load(Ordering::SeqCst));
    assert!(switched_off > 0, "the switch was never turned while something waited");
}
