//! What one evaluation costs: by key and by handle, through a client, a reader and a snapshot, among 10, 1,000 and 10,000 flags; beside
//! what it stands on, measured in the same run.

use std::hint::black_box;
use std::time::Duration;

use arc_swap::ArcSwap;
use benches::{Row, SPLIT, USER, client, flag_set, keys_of, shuffle, user};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flagcore::bucketing::Murmur;
use flagcore::{Client, EvaluationContext, Flag, Snapshot};

/// One row, asked in six ways. `$ask` is what a service would write.
macro_rules! six_ways {
    ($group:ident, $row:ident, $flag:ident, $client:ident, $user:ident, $ask:ident, $default:expr) => {
        let mut reader = $client.reader();
        let snapshot = $client.snapshot();
        let (key, name) = ($row.key, $row.name);
        $group.bench_function(format!("{name}/client-key"), |b| {
            b.iter(|| black_box($client.$ask(black_box(key), black_box(&$user), $default) == $default))
        });
        $group.bench_function(format!("{name}/client-handle"), |b| {
            b.iter(|| black_box($client.$ask(black_box($flag), black_box(&$user), $default) == $default))
        });
        $group.bench_function(format!("{name}/reader-key"), |b| {
            b.iter(|| black_box(reader.$ask(black_box(key), black_box(&$user), $default) == $default))
        });
        $group.bench_function(format!("{name}/reader-handle"), |b| {
            b.iter(|| black_box(reader.$ask(black_box($flag), black_box(&$user), $default) == $default))
        });
        $group.bench_function(format!("{name}/snapshot-key"), |b| {
            b.iter(|| black_box(snapshot.$ask(black_box(key), black_box(&$user), $default) == $default))
        });
        $group.bench_function(format!("{name}/snapshot-handle"), |b| {
            b.iter(|| black_box(snapshot.$ask(black_box($flag), black_box(&$user), $default) == $default))
        });
    };
}

/// A wrong answer is never a fast one.
fn check(snapshot: &Snapshot, row: Row, flag: Flag, user: &EvaluationContext<'_>) {
    let by_handle = snapshot.any_detail(flag, user, &flagcore::Value::Null);
    let by_key = snapshot.any_detail(row.key, user, &flagcore::Value::Null);
    assert_eq!(by_handle.variant(), row.variant, "{}", row.name);
    assert_eq!(by_key.variant(), row.variant, "{}", row.name);
}

fn rows(c: &mut Criterion) {
    let user = user();
    for size in [10, 1_000, 10_000] {
        let (client, rows) = client(size);
        let mut group = c.benchmark_group(format!("eval-{size}"));
        for (row, flag) in rows {
            check(&client.snapshot(), row, flag, &user);
            if row.name == SPLIT.name {
                six_ways!(group, row, flag, client, user, string, "");
            } else {
                six_ways!(group, row, flag, client, user, bool, false);
            }
        }
        group.finish();
    }
}

/// What a detail costs over a plain value.
fn details(c: &mut Criterion) {
    let user = user();
    let (client, rows) = client(1_000);
    let mut reader = client.reader();
    let mut group = c.benchmark_group("detail-1000");
    for (row, flag) in rows {
        check(&client.snapshot(), row, flag, &user);
        group.bench_function(format!("{}/reader-handle", row.name), |b| {
            b.iter(|| {
                let detail = reader.any_detail(black_box(flag), black_box(&user), &flagcore::Value::Null);
                black_box((detail.variant().map(str::len), detail.reason()))
            })
        });
    }
    group.finish();
}

/// Keys in an order that no cache foresees.
fn shuffled(c: &mut Criterion) {
    const SIZE: usize = 10_000;
    let user = user();
    let text = flag_set(SIZE);
    let client = Client::from_json(&text).expect("the workload is valid");
    let mut keys = keys_of(&text);
    shuffle(&mut keys);
    let handles: Vec<Flag> = keys.iter().map(|key| client.flag(key)).collect();
    let mut reader = client.reader();
    let snapshot = client.snapshot();
    let by_key = keys.iter().filter(|key| client.is_enabled(key.as_str(), &user)).count();
    let by_handle = handles.iter().filter(|flag| reader.is_enabled(**flag, &user)).count();
    let listed = snapshot.evaluate_all(&user).filter(|(_, it)| it.error_code().is_none()).count();
    // Some are on and some are off; who asks in another way gets the same; and none fails.
    assert!(
        by_key > 0 && by_key < SIZE && by_handle == by_key && listed == SIZE,
        "{by_key} {by_handle} {listed}"
    );
    let mut group = c.benchmark_group("shuffled-10000");
    group.throughput(Throughput::Elements(SIZE as u64));
    group.bench_function("client-key", |b| {
        b.iter(|| keys.iter().filter(|key| client.is_enabled(key.as_str(), black_box(&user))).count())
    });
    group.bench_function("reader-handle", |b| {
        b.iter(|| handles.iter().filter(|flag| reader.is_enabled(**flag, black_box(&user))).count())
    });
    group.bench_function("evaluate-all", |b| {
        b.iter(|| snapshot.evaluate_all(black_box(&user)).filter(|(_, it)| it.error_code().is_none()).count())
    });
    group.finish();
}

/// Five attributes in four ways; each makes the same context.
fn contexts(c: &mut Criterion) {
    let mut group = c.benchmark_group("context");
    let (key, email, country) = black_box((USER, "jane.doe@example.com", "DE"));
    let (plan, version, age) = black_box(("pro", "2.3.1", 42));
    let set = || {
        let mut user = EvaluationContext::new(key);
        user.set("email", email).set("country", country).set("plan", plan);
        user.set("appVersion", version).set("age", age);
        user
    };
    let of = || {
        EvaluationContext::of(
            key,
            [
                ("email", email.into()),
                ("country", country.into()),
                ("plan", plan.into()),
                ("appVersion", version.into()),
                ("age", age.into()),
            ],
        )
    };
    let with = || {
        EvaluationContext::new(key)
            .with("email", email)
            .with("country", country)
            .with("plan", plan)
            .with("appVersion", version)
            .with("age", age)
    };
    let mut kept = EvaluationContext::empty();
    let again = |kept: &mut EvaluationContext<'static>| {
        kept.clear();
        kept.set("targetingKey", key).set("email", email).set("country", country).set("plan", plan);
        kept.set("appVersion", version).set("age", age);
    };
    again(&mut kept);
    again(&mut kept);
    for made in [&set(), &of(), &with(), &kept] {
        assert_eq!(made.iter().collect::<Vec<_>>(), user().iter().collect::<Vec<_>>());
    }
    group.bench_function("set-5", |b| {
        b.iter(|| {
            black_box(&set());
        })
    });
    group.bench_function("of-5", |b| {
        b.iter(|| {
            black_box(&of());
        })
    });
    group.bench_function("with-5", |b| {
        b.iter(|| {
            black_box(&with());
        })
    });
    group.bench_function("reused-5", |b| {
        b.iter(|| {
            again(&mut kept);
            black_box(&kept);
        })
    });
    group.finish();
}

/// What evaluations stand on: nothing here is ours but the last row.
fn limits(c: &mut Criterion) {
    let mut group = c.benchmark_group("limit");
    let swap = ArcSwap::from_pointee(5_u64);
    assert_eq!(**swap.load(), 5);
    group.bench_function("arc-swap-load", |b| b.iter(|| **black_box(&swap).load()));
    let mut cache = arc_swap::Cache::new(&swap);
    assert_eq!(**cache.load(), 5);
    group.bench_function("cache-load", |b| b.iter(|| **black_box(&mut cache).load()));
    let keys = keys_of(&flag_set(1_000));
    let table: hashbrown::HashMap<String, u32, foldhash::fast::RandomState> =
        keys.into_iter().zip(0..).collect();
    assert!(table.contains_key(SPLIT.key) && !table.contains_key("no-such-flag-anywhere-20"));
    group.bench_function("look-up", |b| b.iter(|| table.get(black_box(SPLIT.key)).copied()));
    group.bench_function("look-up-miss", |b| {
        b.iter(|| table.get(black_box("no-such-flag-anywhere-20")).copied())
    });
    let indexed: Vec<u64> = (0..1_000).collect();
    group.bench_function("index", |b| b.iter(|| black_box(&indexed).get(black_box(471_usize)).copied()));
    assert_eq!(Murmur::of(b"hello"), 613_153_351);
    group.bench_function("murmur-24", |b| b.iter(|| Murmur::of(black_box(b"abcdefghijklmnopqrstuvwx"))));
    group.bench_function("murmur-targeting-key", |b| b.iter(|| Murmur::of(black_box(USER.as_bytes()))));
    let (left, right) = (USER.to_owned(), USER.to_owned());
    group.bench_function("compare-21", |b| b.iter(|| black_box(left.as_str()) == black_box(right.as_str())));
    let list: hashbrown::HashSet<String, foldhash::fast::RandomState> =
        (0..10_000).map(|number| format!("user-{:016}", number * 4711 % 1_000_003)).collect();
    assert!(list.contains(USER));
    group.bench_function("list-look-up", |b| b.iter(|| list.contains(black_box(USER))));
    assert_eq!(semver::Version::parse("2.3.1").map(|version| version.minor).ok(), Some(3));
    assert!(flagcore::version::Version::parse("2.3.1").is_some());
    group.bench_function("semver-parse", |b| b.iter(|| semver::Version::parse(black_box("2.3.1"))));
    group.bench_function("our-semver-parse", |b| {
        b.iter(|| flagcore::version::Version::parse(black_box("2.3.1")))
    });
    group.finish();
}

criterion_group! {
    name = eval;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = limits, rows, details, shuffled, contexts
}
criterion_main!(eval);
