//! What comparing two answers costs: trees side by side, with their making from JSON and from values, and what is kept of it; beside a plain
//! reading of the same JSON.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flagcore::shadow::compare::{Compare, DifferenceKind, Rules, Tree, TreeLimits, Verdict};
use flagcore::shadow::report::{Recorder, StoreLimits, Times};
use serde_json::{Value, json};

/// A page of search results, some 36 KB of JSON.
fn answer() -> Value {
    let hits = (0..120).map(|hit| {
        json!({
            "id": format!("b6f0a5c4-{hit:04}-4c1b-9d5e-0242ac120002"),
            "title": format!("A thing that somebody might look for, number {hit}"),
            "price": { "amount": 1999 + hit * 7, "currency": "EUR", "discount": 0.125 + f64::from(hit) },
            "tags": ["new", "sale", "blue", format!("group-{}", hit % 9)],
            "score": 17.25 / f64::from(hit + 1),
            "stock": hit % 3 != 0,
            "seller": { "id": 9_000_000_000_u64 + hit as u64, "name": "A shop", "rating": null },
        })
    });
    let hits: Vec<Value> = hits.collect();
    let facets: Vec<Value> =
        (0..40).map(|facet| json!({ "name": format!("facet-{facet}"), "count": facet })).collect();
    json!({ "took_ms": 12, "request_id": "4711", "hits": hits, "facets": facets })
}

fn rules() -> Rules {
    let rules = Rules::default().with_ignored("/took_ms").and_then(|rules| rules.with_ignored("/request_id"));
    rules.and_then(|rules| rules.with_unordered("/facets")).expect("these are pointers").with_tolerance(1e-9)
}

/// Each pair, and how many places differ in it.
fn pairs() -> Vec<(&'static str, Value, u32)> {
    let control = answer();
    let mut ignored = control.clone();
    ignored["took_ms"] = json!(9);
    let mut shuffled = ignored.clone();
    shuffled["facets"].as_array_mut().expect("a list").reverse();
    let mut one = ignored.clone();
    one["hits"][60]["price"]["amount"] = json!(1);
    let mut prices = ignored.clone();
    for hit in prices["hits"].as_array_mut().expect("a list") {
        hit["price"]["currency"] = json!("USD");
    }
    let mut inserted = ignored.clone();
    inserted["hits"].as_array_mut().expect("a list").remove(30);
    vec![
        ("equal", control, 0),
        ("ignored-differs", ignored, 0),
        ("unordered", shuffled, 0),
        ("one-differs", one, 1),
        ("item-missing", inserted, 1),
        ("all-items-differ", prices, 120),
    ]
}

fn compares(c: &mut Criterion) {
    let (control, rules, limits) = (answer(), rules(), TreeLimits::default());
    let control_text = control.to_string();
    let control_tree = Tree::of(&control, limits).expect("it is small");
    let mut group = c.benchmark_group("shadow-compare");
    for (name, candidate, places) in pairs() {
        let text = candidate.to_string();
        let tree = Tree::of(&candidate, limits).expect("it is small");
        let differences = rules.compare_trees(&control_tree, &tree);
        assert_eq!(differences.list().iter().map(|it| it.places).sum::<u32>(), places, "{differences:?}");
        assert!(!differences.is_partial());
        group.throughput(Throughput::Bytes((control_text.len() + text.len()) as u64));
        group.bench_function(format!("{name}/trees"), |b| {
            b.iter(|| rules.compare_trees(black_box(&control_tree), black_box(&tree)))
        });
        group.bench_function(format!("{name}/values"), |b| {
            b.iter(|| rules.compare_values(black_box(&control), black_box(&candidate)))
        });
        group.bench_function(format!("{name}/json"), |b| {
            b.iter(|| rules.compare_json(black_box(control_text.as_bytes()), black_box(text.as_bytes())))
        });
        if name == "equal" {
            // The least that anybody pays who looks into two JSON texts.
            group.bench_function("limit-serde-json-reads-both", |b| {
                b.iter(|| {
                    let read =
                        |text: &str| serde_json::from_str::<Value>(black_box(text)).expect("it is JSON");
                    read(&control_text) == read(&text)
                })
            });
        }
    }
    group.finish();
}

fn records(c: &mut Criterion) {
    let recorder = Recorder::new("search", "search-rs", StoreLimits::default(), 1);
    let times = Times { control: Duration::from_millis(12), candidate: Duration::from_millis(4) };
    let verdict = Rules::default().compare(&json!({ "total": 1 }), &json!({ "total": 2 }));
    let Verdict::Mismatch(differences) = &verdict else { panic!("{verdict:?}") };
    assert_eq!(differences.list()[0].kind, DifferenceKind::Value);
    let mut group = c.benchmark_group("shadow-record");
    group.bench_function("match", |b| b.iter(|| recorder.compared(Verdict::Match, black_box(times), 1)));
    group.bench_function("mismatch", |b| {
        b.iter_batched(
            || verdict.clone(),
            |verdict| recorder.compared(verdict, black_box(times), 1),
            criterion::BatchSize::SmallInput,
        )
    });
    group.finish();
    assert!(recorder.report([]).mismatched > 0);
}

criterion_group! {
    name = shadow_compare;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = compares, records
}
criterion_main!(shadow_compare);
