//! A search service, and its rewrite that nobody sees yet. Edit `flags/dark-launch.yaml` while this runs:
//! `cargo run --example dark_launch`
//!
//! The rewrite has a bug and a limit. The report finds both; with `amplify: 1` the errors end; with `sample: 0%` it all does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flagcore::change::Update;
use flagcore::{Client, EvaluationContext};
use serde::Serialize;

fn main() -> Result<(), flagcore::Error> {
    let folder = if std::path::Path::new("flags").is_dir() { "flags" } else { "../flags" };
    let path = std::env::args().nth(1).unwrap_or_else(|| format!("{folder}/dark-launch.yaml"));
    let client = Client::open(&path)?;
    client.on_update(|update| match update {
        Update::Changed(change) => print!("\n{}", change.findings()),
        // Nothing changes where the whole file cannot be read.
        Update::Refused { findings, .. } | Update::Held { findings, .. } => print!("\n{findings}"),
        _ => {}
    });
    println!("edit {path}, or stop with control-C");

    let rewrite = Arc::new(Rewrite::default());
    for user in 0..8 {
        let (client, rewrite) = (client.clone(), Arc::clone(&rewrite));
        thread::spawn(move || serve(user, &client, &rewrite));
    }

    let launch = client.launch("search");
    loop {
        thread::sleep(Duration::from_secs(5));
        print!("\n{}", launch.report());
    }
}

/// Requests of one user, one after the other.
fn serve(user: u32, client: &Client, rewrite: &Arc<Rewrite>) {
    let key = format!("user-{user}");
    let context = EvaluationContext::new(key.as_str()).with("plan", if user == 0 { "trial" } else { "pro" });
    let launch = client.launch("search");
    for page in 0.. {
        let query = Query { words: "red shoes".to_owned(), page: page % 4 };
        let rewrite = Arc::clone(rewrite);
        let answer = launch
            .shadow(&context)
            .capture(|| query.clone()) // only when the call is a sample
            .compare_fields() // by the rules in the file
            .results() // errors by their class
            .run(|| search(&query), move |query| rewrite.search(&query));
        assert!(
            answer.is_ok_and(|found| !found.hits.is_empty()),
            "what the user gets is never the rewrite's"
        );
    }
}

#[derive(Clone)]
struct Query {
    words: String,
    page: u32,
}

#[derive(Clone, Serialize)]
struct Found {
    took_ms: u64,
    hits: Vec<Hit>,
    facets: Vec<&'static str>,
}

#[derive(Clone, Serialize)]
struct Hit {
    title: String,
    cents: u32,
    score: f64,
}

/// Today's search: one table, five milliseconds.
fn search(query: &Query) -> Result<Found, Busy> {
    thread::sleep(Duration::from_millis(5));
    let hits = (1..=3).map(|place| hit(query, place, query.page * 1_000 + place * 250));
    Ok(Found { took_ms: 5, hits: hits.collect(), facets: vec!["colour", "size"] })
}

/// The new search: an index with two connections, each taken for fifteen milliseconds.
#[derive(Default)]
struct Rewrite {
    busy: AtomicU32,
}

impl Rewrite {
    fn search(&self, query: &Query) -> Result<Found, Busy> {
        let begun = Instant::now();
        let _connection = self.connection()?;
        thread::sleep(Duration::from_millis(15));
        // The bug: dear things are cheap.
        let hits = (1..=3).map(|place| hit(query, place, (query.page * 1_000 + place * 250) % 2_560));
        let took_ms = begun.elapsed().as_millis() as u64;
        Ok(Found { took_ms, hits: hits.collect(), facets: vec!["size", "colour"] })
    }

    /// A free connection; nobody waits for one for long.
    fn connection(&self) -> Result<Connection<'_>, Busy> {
        let begun = Instant::now();
        while self
            .busy
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |busy| (busy < 2).then_some(busy + 1))
            .is_err()
        {
            if begun.elapsed() > Duration::from_millis(30) {
                return Err(Busy);
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Connection(&self.busy))
    }
}

struct Connection<'a>(&'a AtomicU32);

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Debug)]
struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all connections were taken for 30 ms")
    }
}

fn hit(query: &Query, place: u32, cents: u32) -> Hit {
    let title = format!("{} {place}", query.words);
    Hit { title, cents, score: 1.0 / f64::from(place) }
}
