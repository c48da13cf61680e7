//! From a file that is renamed into place to the served answer, and what reloading does to those who ask meanwhile.
//!
//! `daemon_reload [--daemon 'NAME=COMMAND'].. [--rounds N] [--only FLAGS] [--quick]`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use benches::daemon::{
    Load, Options, Port, Probe, Process, QUESTIONS, Shape, Table, Trouble, grouped, median, microseconds,
    ratio,
};
use benches::plain_flag_set;
use serde_json::{Value, json};

/// How many flags, and the budget in milliseconds.
const SIZES: [(usize, f64); 3] = [(10, 3.0), (1_000, 8.0), (10_000, 50.0)];

fn main() -> Result<(), Trouble> {
    let options = Options::read(8)?;
    let changes = if options.quick { 10 } else { 60 };
    let folder = tempfile::tempdir()?;
    let head = ["flags", "daemon", "median ms", "p99 ms", "changes", "budget"];
    let table = Table::begin("File renamed into place to served answer", &head);
    for (size, budget) in SIZES {
        if !options.wants(&size.to_string()) {
            continue;
        }
        for template in &options.daemons {
            let mut file = File::new(folder.path(), &format!("{}-{size}", template.name), size)?;
            let mut process = template.start(&file.path, None)?;
            let mut probe = Probe::new(process.address(Port::Ofrep), PROBE);
            probe.await_variant(&mut process, &file.variant())?;
            let mut took = Vec::new();
            for _ in 0..changes {
                let changed = file.change()?;
                took.push(probe.await_variant(&mut process, &file.variant())? - changed);
                // Nobody saves again at once.
                thread::sleep(Duration::from_millis(20));
            }
            took.sort_unstable();
            let last = took.len() * 99 / 100;
            let p99 = took.get(last).copied().unwrap_or_default();
            table.row(&[
                grouped(size as f64),
                template.name.clone(),
                milliseconds(median(took)),
                milliseconds(p99),
                changes.to_string(),
                grouped(budget),
            ]);
        }
    }
    beside(&options, folder.path())
}

/// Those who ask while 10,000 flags are reloaded again and again.
fn beside(options: &Options, folder: &Path) -> Result<(), Trouble> {
    let head = ["daemon", "", "p50 µs", "p99 µs", "p99.9 µs", "reloads a second"];
    let table =
        Table::begin("One flag over OFREP while 10,000 are reloaded, each the quietest of the rounds", &head);
    for template in &options.daemons {
        let mut file = File::new(folder, &format!("{}-beside", template.name), 10_000)?;
        let mut process = template.start(&file.path, None)?;
        let mut probe = Probe::new(process.address(Port::Ofrep), PROBE);
        probe.await_variant(&mut process, &file.variant())?;
        let question = &QUESTIONS[1];
        let Some((request, _)) = question.check(&process, true)? else { continue };
        let (mut rest, mut reloading) = (Quantiles::default(), Quantiles::default());
        let mut per_second = Vec::new();
        for _ in 0..options.rounds {
            rest.add(&ask(&process, &request)?);
            let done = AtomicBool::new(false);
            let outcome = thread::scope(|scope| {
                let writer = scope.spawn(|| again_and_again(&mut file, &process, &done));
                let outcome = ask(&process, &request);
                done.store(true, Ordering::Relaxed);
                per_second.push(writer.join().map_err(|_| "the writer failed")??);
                outcome
            })?;
            reloading.add(&outcome);
            process.lives()?;
        }
        let (rest, reloading) = (rest.least(), reloading.least());
        let cells = |what: &str, quantiles: [Duration; 3], often: String| {
            let mut cells = vec![template.name.clone(), what.to_owned()];
            cells.extend(quantiles.map(microseconds));
            cells.push(often);
            cells
        };
        per_second.sort_by(f64::total_cmp);
        let often = per_second.get(per_second.len() / 2).copied().unwrap_or_default();
        table.row(&cells("at rest", rest, "–".to_owned()));
        table.row(&cells("reloading", reloading, format!("{often:.1}")));
        let mut ratios = vec![template.name.clone(), "reloading ÷ at rest".to_owned()];
        ratios.extend(reloading.into_iter().zip(rest).map(|(of, to)| ratio(of, Some(to))));
        ratios.push("budget of p99: 1.5 ×".to_owned());
        table.row(&ratios);
    }
    Ok(())
}

fn ask(process: &Process, request: &benches::daemon::Request) -> Result<benches::daemon::Outcome, Trouble> {
    let shape = Shape { connections: 4, streams: 1 };
    let load = Load { process, question: &QUESTIONS[1], request, shape, core: None };
    load.paced(RATE * 3, RATE)
}

/// Changes the file as soon as the last change is served; how often in a second.
fn again_and_again(file: &mut File, process: &Process, done: &AtomicBool) -> Result<f64, Trouble> {
    let mut probe = Probe::new(process.address(Port::Ofrep), PROBE);
    let began = Instant::now();
    let mut changes = 0;
    while !done.load(Ordering::Relaxed) {
        file.change()?;
        let wanted = file.variant();
        while probe.variant().as_deref() != Some(wanted.as_str()) {
            if began.elapsed() > Duration::from_secs(120) {
                return Err("a change was not served in time".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        changes += 1;
    }
    Ok(f64::from(changes) / began.elapsed().as_secs_f64())
}

/// A file of flags, one of which tells how often it changed.
struct File {
    path: PathBuf,
    text: Vec<u8>,
    /// Where the version stands in the text.
    marks: Vec<usize>,
    version: u32,
}

impl File {
    fn new(folder: &Path, name: &str, size: usize) -> Result<Self, Trouble> {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        let mut set: Value = serde_json::from_str(&plain_flag_set(size))?;
        set["flags"][PROBE] = json!({
            "state": "ENABLED", "variants": { MARK: MARK }, "defaultVariant": MARK
        });
        let text = set.to_string().replace(MARK, &variant(0));
        let marks = text.match_indices(&variant(0)).map(|(at, _)| at).collect();
        let file = Self { path: folder.join("flags.json"), text: text.into_bytes(), marks, version: 0 };
        fs::write(&file.path, &file.text)?;
        Ok(file)
    }

    /// What the flag answers as the file is now.
    fn variant(&self) -> String {
        variant(self.version)
    }

    /// Renames another one into place; tells when.
    fn change(&mut self) -> Result<Instant, Trouble> {
        self.version += 1;
        let now = self.variant();
        for at in &self.marks {
            // In place: the writer takes no core away from those who are measured.
            self.text[*at..*at + now.len()].copy_from_slice(now.as_bytes());
        }
        let beside = self.path.with_extension("new");
        fs::write(&beside, &self.text)?;
        let renamed = Instant::now();
        fs::rename(beside, &self.path)?;
        Ok(renamed)
    }
}

fn variant(version: u32) -> String {
    format!("version-{version:08}")
}

/// Quantiles of several rounds.
#[derive(Default)]
struct Quantiles([Vec<Duration>; 3]);

impl Quantiles {
    fn add(&mut self, outcome: &benches::daemon::Outcome) {
        for (kept, part) in self.0.iter_mut().zip([0.5, 0.99, 0.999]) {
            kept.push(outcome.quantile(part));
        }
    }

    fn least(self) -> [Duration; 3] {
        self.0.map(|rounds| rounds.into_iter().min().unwrap_or_default())
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

const PROBE: &str = "reload-probe";
const MARK: &str = "version-@";

/// Questions a second.
const RATE: usize = 1_000;
