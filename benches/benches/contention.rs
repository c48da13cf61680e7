//! Whether threads are in each other's way: two readers beside one, and a reader beside a writer that publishes as fast as it can.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use benches::{ROWS, figures, flag_set, user};
use flagcore::model::Format;
use flagcore::{Client, EvaluationContext};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(600);

fn main() {
    let client = Client::builder().bytes("flags", flag_set(10_000), Format::Json).watch(false).build();
    let client = client.unwrap_or_else(|error| panic!("{error}"));
    assert!(client.is_enabled(ROWS[2].key, &user()));
    two_threads(&client);
    beside_a_writer(&client);
}

/// Evaluations of two threads against those of one.
fn two_threads(client: &Client) {
    let (mut by_client, mut by_reader) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        by_client.push(throughput(client, 2, false) / throughput(client, 1, false));
        by_reader.push(throughput(client, 2, true) / throughput(client, 1, true));
    }
    // What the two cores themselves give: work that shares nothing.
    let machine: Vec<f64> = (0..ROUNDS).map(|_| spinning(2) / spinning(1)).collect();
    figures::keep(
        "two-threads",
        &[
            ("client-key-times-one", median(by_client)),
            ("reader-handle-times-one", median(by_reader)),
            ("limit-machine-times-one", median(machine)),
        ],
    );
}

/// Evaluations per second of so many threads.
fn throughput(client: &Client, threads: usize, with_reader: bool) -> f64 {
    counted(threads, || {
        let user = user();
        let flag = client.flag(ROWS[2].key);
        let mut reader = client.reader();
        move || {
            let on = if with_reader {
                reader.is_enabled(black_box(flag), black_box(&user))
            } else {
                client.is_enabled(black_box(ROWS[2].key), black_box(&user))
            };
            assert!(black_box(on));
        }
    })
}

/// The same of work that touches nothing but registers.
fn spinning(threads: usize) -> f64 {
    counted(threads, || {
        let mut state = 1_u64;
        move || {
            for _ in 0..8 {
                state = black_box(state.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7));
            }
        }
    })
}

/// How often threads do something in a second, together.
fn counted<W: FnMut()>(threads: usize, work: impl Fn() -> W + Sync) -> f64 {
    const AT_ONCE: u64 = 1_000;
    let (stop, total) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut work = work();
                let mut done = 0;
                while !stop.load(Ordering::Relaxed) {
                    (0..AT_ONCE).for_each(|_| work());
                    done += AT_ONCE;
                }
                total.fetch_add(done, Ordering::Relaxed);
            });
        }
        thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
    });
    total.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

/// The slow end of single evaluations at rest, and while 10,000 flags are published over and over.
fn beside_a_writer(client: &Client) {
    const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
    let user = user();
    // Every flag differs between the two, so that nothing is compiled ahead.
    let texts = [flag_set(10_000), flag_set(10_000).replace("\"off\",90", "\"off\",91").replace("DE", "AT")];
    let mut kept: Vec<(String, f64)> = Vec::new();
    for (name, load) in
        [("idle", Load::None), ("beside-a-loop", Load::Loop), ("beside-a-writer", Load::Writer)]
    {
        let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); QUANTILES.len()];
        let publications = AtomicU64::new(0);
        for _ in 0..ROUNDS {
            let stop = AtomicBool::new(false);
            let samples = thread::scope(|scope| {
                scope.spawn(|| match load {
                    Load::None => {}
                    Load::Loop => {
                        let mut state = 1_u64;
                        while !stop.load(Ordering::Relaxed) {
                            state = black_box(state.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                        }
                    }
                    Load::Writer => {
                        while !stop.load(Ordering::Relaxed) {
                            let turn = publications.fetch_add(1, Ordering::Relaxed);
                            let text = texts[(turn % 2) as usize].as_str();
                            client.update("flags", text, Format::Json).expect("the workload is valid");
                        }
                    }
                });
                let samples = single_evaluations(client, &user);
                stop.store(true, Ordering::Relaxed);
                samples
            });
            for (round, (_, quantile)) in rounds.iter_mut().zip(QUANTILES) {
                round.push(f64::from(samples[((samples.len() - 1) as f64 * quantile) as usize]));
            }
        }
        for (round, (quantile, _)) in rounds.into_iter().zip(QUANTILES) {
            kept.push((format!("{name}-{quantile}-ns"), median(round)));
        }
        let published = publications.load(Ordering::Relaxed);
        if published > 0 {
            let per_second = published as f64 / (ROUND.as_secs_f64() * ROUNDS as f64);
            kept.push(("publications-per-second".to_owned(), per_second));
        }
    }
    let kept: Vec<(&str, f64)> = kept.iter().map(|(name, figure)| (name.as_str(), *figure)).collect();
    figures::keep("beside-a-writer", &kept);
}

/// What the other core does meanwhile.
#[derive(Clone, Copy)]
enum Load {
    None,
    /// Something that shares nothing with the reader but the machine.
    Loop,
    Writer,
}

/// How long single evaluations take, sorted; each with two reads of the clock around it.
fn single_evaluations(client: &Client, user: &EvaluationContext<'_>) -> Vec<u32> {
    let flag = client.flag(ROWS[2].key);
    let mut samples = Vec::with_capacity(20_000_000);
    let begun = Instant::now();
    let mut last = begun;
    while last - begun < ROUND {
        black_box(client.is_enabled(black_box(flag), black_box(user)));
        let now = Instant::now();
        samples.push(u32::try_from((now - last).as_nanos()).unwrap_or(u32::MAX));
        last = now;
    }
    samples.sort_unstable();
    samples
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
