//! What a flag set costs on its way in: read and compiled whole, and with one flag changed; beside a plain reading of the same JSON.

use std::hint::black_box;
use std::time::Duration;

use benches::plain_flag_set;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use flagcore::Client;
use flagcore::change::Update;
use flagcore::model::Format;

const SIZE: usize = 10_000;

fn open(text: &str, format: Format) -> Client {
    let client = Client::builder().bytes("flags", text, format).watch(false).build();
    client.unwrap_or_else(|error| panic!("{error}"))
}

fn loads(c: &mut Criterion) {
    let text = plain_flag_set(SIZE);
    assert_eq!(open(&text, Format::Json).snapshot().len(), SIZE);
    let mut group = c.benchmark_group("load-10000");
    group.bench_function("json", |b| {
        b.iter_batched(|| (), |()| open(black_box(&text), Format::Json), BatchSize::LargeInput)
    });
    // JSON is YAML too, and what YAML files cost depends on their reader, not on their looks.
    group.bench_function("yaml", |b| {
        b.iter_batched(|| (), |()| open(black_box(&text), Format::Yaml), BatchSize::LargeInput)
    });
    group.bench_function("limit-serde-json", |b| {
        b.iter_batched(
            || (),
            |()| serde_json::from_str::<serde_json::Value>(black_box(&text)),
            BatchSize::LargeInput,
        )
    });
    group.finish();
}

/// A reload compiles only what changed.
fn reloads(c: &mut Criterion) {
    let mut texts = [plain_flag_set(SIZE), String::new()];
    texts[1] = texts[0].replacen("\"defaultVariant\":\"on\"", "\"defaultVariant\":\"off\"", 1);
    assert_ne!(texts[0], texts[1]);
    let client = open(&texts[0], Format::Json);
    let update = |turn: usize| {
        client.update("flags", texts[turn % 2].as_str(), Format::Json).expect("the workload is valid");
    };
    let updates = client.updates();
    update(1);
    let told = updates.try_next();
    assert!(matches!(told, Some(Update::Changed(change)) if change.flags().len() == 1));
    drop(updates);
    let mut turn = 1;
    let mut group = c.benchmark_group("reload-10000");
    group.bench_function("one-changed", |b| {
        b.iter(|| {
            turn += 1;
            update(turn);
        })
    });
    group.finish();
}

criterion_group! {
    name = load;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = loads, reloads
}
criterion_main!(load);
