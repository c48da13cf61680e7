//! wip
use benches::{flag_set, keys, user};
use criterion::{Criterion, criterion_group, criterion_main};
use flagcore::{Client, EvaluationContext};
use std::hint::black_box;

fn eval(c: &mut Criterion) {
    let client = Client::from_json(&flag_set(1000)).unwrap();
    let ctx = user();
    let mut group = c.benchmark_group("eval");
    let mut reader = client.reader();
    for (name, key) in [
        ("static", keys::STATIC),
        ("rollout", keys::ROLLOUT),
        ("two", keys::TWO_CONDITIONS),
        ("list50", keys::LIST_50),
        ("list10k", keys::LIST_10_000),
        ("missing", keys::MISSING),
    ] {
        let flag = client.flag(key);
        group.bench_function(format!("{name}/key"), |b| {
            b.iter(|| client.is_enabled(black_box(key), black_box(&ctx)))
        });
        group.bench_function(format!("{name}/reader-key"), |b| {
            b.iter(|| reader.is_enabled(black_box(key), black_box(&ctx)))
        });
        group.bench_function(format!("{name}/handle"), |b| {
            b.iter(|| reader.is_enabled(black_box(flag), black_box(&ctx)))
        });
        group.bench_function(format!("{name}/client-handle"), |b| {
            b.iter(|| client.is_enabled(black_box(flag), black_box(&ctx)))
        });
    }
    let flag = client.flag(keys::SPLIT);
    group.bench_function("split/key", |b| {
        b.iter(|| client.string(black_box(keys::SPLIT), black_box(&ctx), "x").len())
    });
    group.bench_function("split/handle", |b| {
        b.iter(|| reader.string(black_box(flag), black_box(&ctx), "x").len())
    });
    let (k, e, p, cc, v) = black_box(("user-12345", "jane@example.com", "pro", "DE", "2.3.1"));
    group.bench_function("context/set", |b| {
        b.iter(|| {
            let mut u = EvaluationContext::new(k);
            u.set("email", e).set("plan", p).set("country", cc).set("appVersion", v).set("age", 42);
            black_box(&u);
        })
    });
    group.bench_function("context/of", |b| {
        b.iter(|| {
            let u = EvaluationContext::of(
                k,
                [
                    ("email", e.into()),
                    ("plan", p.into()),
                    ("country", cc.into()),
                    ("appVersion", v.into()),
                    ("age", 42.into()),
                ],
            );
            black_box(&u);
        })
    });
    group.bench_function("context/with", |b| {
        b.iter(|| {
            let u = EvaluationContext::new(k)
                .with("email", e)
                .with("plan", p)
                .with("country", cc)
                .with("appVersion", v)
                .with("age", 42);
            black_box(&u);
        })
    });
    let swap = arc_swap::ArcSwap::from_pointee(5u64);
    group.bench_function("limit/arc-swap-load", |b| b.iter(|| **black_box(&swap).load()));
    let mut cache = arc_swap::Cache::new(&swap);
    group.bench_function("limit/cache-load", |b| b.iter(|| **cache.load()));
    group.bench_function("limit/murmur24", |b| {
        b.iter(|| flagcore::bucketing::Murmur::of(black_box(b"user-0000000000004711abcd")))
    });
    group.bench_function("limit/murmur20", |b| {
        b.iter(|| flagcore::bucketing::Murmur::of(black_box(b"user-0000000000004711")))
    });
    let map: hashbrown::HashMap<String, u32, foldhash::fast::RandomState> =
        (0..1000).map(|n| (format!("flag-{n:05}-of-the-team"), n)).collect();
    group.bench_function("limit/lookup", |b| b.iter(|| map.get(black_box("flag-00042-of-the-team"))));
    group.bench_function("limit/miss", |b| b.iter(|| map.get(black_box("flag-0x042-of-the-team"))));
    let (x, y) = ("user-0000000000004711".to_owned(), "user-0000000000004711".to_owned());
    group.bench_function("limit/compare20", |b| b.iter(|| black_box(&x) == black_box(&y)));
    group.bench_function("limit/semver", |b| b.iter(|| semver::Version::parse(black_box("2.3.1"))));
    group.bench_function("limit/our-semver", |b| {
        b.iter(|| flagcore::version::Version::parse(black_box("2.3.1")))
    });
    group.bench_function("limit/malloc24", |b| b.iter(|| black_box(Box::new([0u8; 24]))));
    group.finish();
}
criterion_group! {name=benches_; config=Criterion::default().sample_size(30).warm_up_time(std::time::Duration::from_millis(300)).measurement_time(std::time::Duration::from_millis(800)); targets=eval}
criterion_main!(benches_);
