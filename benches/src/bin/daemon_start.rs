//! From the start of the daemon to its first right answer, and what it holds once it has nothing to do.
//!
//! `daemon_start [--daemon 'NAME=COMMAND'].. [--rounds N] [--only FLAGS] [--quick]`

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use benches::daemon::{
    Http, Memory, Options, Port, Probe, Process, Table, Template, Trouble, grouped, median,
};
use benches::{ROWS, plain_flag_set};

/// How many flags, and the budgets in milliseconds and MiB.
const SIZES: [(usize, f64, f64); 4] =
    [(10, f64::NAN, 12.0), (1_000, f64::NAN, f64::NAN), (10_000, 100.0, 25.0), (100_000, 1_000.0, 140.0)];

fn main() -> Result<(), Trouble> {
    let options = Options::read(7)?;
    let folder = tempfile::tempdir()?;
    let table = Table::begin(
        "Start to first right answer, and size at rest",
        &[
            "flags",
            "daemon",
            "first answer ms, median",
            "best",
            "budget",
            "ready is said ms",
            "ready too soon",
            "resident MiB",
            "its own part",
            "peak",
            "budget",
        ],
    );
    for (size, milliseconds, mebibytes) in SIZES {
        if !options.wants(&size.to_string()) {
            continue;
        }
        let flags = folder.path().join(format!("{size}.json"));
        fs::write(&flags, plain_flag_set(size))?;
        let mut starts: Vec<Vec<Start>> = options.daemons.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (template, starts) in options.daemons.iter().zip(&mut starts) {
                starts.push(start(template.start(&flags, None)?)?);
            }
        }
        for (Template { name, .. }, starts) in options.daemons.iter().zip(starts) {
            let answered: Vec<Duration> = starts.iter().map(|start| start.answered).collect();
            let best = answered.iter().min().copied().unwrap_or_default();
            let soon = starts.iter().filter(|start| start.is_ready_too_soon).count();
            let size_of = |of: fn(&Memory) -> u64| {
                let sizes = starts.iter().map(|start| Duration::from_secs(of(&start.memory))).collect();
                format!("{:.1}", median(sizes).as_secs_f64() / 1024.0)
            };
            table.row(&[
                grouped(size as f64),
                name.clone(),
                tell(median(answered)),
                tell(best),
                budget(milliseconds),
                tell(median(starts.iter().map(|start| start.ready).collect())),
                format!("{soon} of {}", starts.len()),
                size_of(|memory| memory.resident),
                size_of(|memory| memory.proportional),
                size_of(|memory| memory.peak),
                budget(mebibytes),
            ]);
        }
    }
    Ok(())
}

/// One start.
struct Start {
    answered: Duration,
    ready: Duration,
    /// Ready was said while the answer was still wrong.
    is_ready_too_soon: bool,
    memory: Memory,
}

fn start(mut process: Process) -> Result<Start, Trouble> {
    let row = ROWS[1];
    let wanted = row.variant;
    let mut probe = Probe::new(process.address(Port::Ofrep), row.key);
    let (mut ready, mut answered, mut is_ready_too_soon) = (None, None, false);
    let deadline = Instant::now() + Duration::from_secs(180);
    let (ready, answered) = loop {
        let says_ready = ready.is_none() && is_ready(&process);
        let told = says_ready.then(|| process.began.elapsed());
        let is_right = answered.is_some() || probe.variant().as_deref() == wanted;
        if is_right && answered.is_none() {
            answered = Some(process.began.elapsed());
        }
        if says_ready {
            ready = told;
            is_ready_too_soon = !is_right;
        }
        if let (Some(ready), Some(answered)) = (ready, answered) {
            break (ready, answered);
        }
        process.lives()?;
        if Instant::now() > deadline {
            return Err(format!("{} is not ready in time", process.name).into());
        }
        thread::sleep(Duration::from_micros(300));
    };
    // What a start has left over is given back meanwhile.
    thread::sleep(Duration::from_secs(1));
    Ok(Start { answered, ready, is_ready_too_soon, memory: process.memory()? })
}

fn is_ready(process: &Process) -> bool {
    let address = process.address(Port::Management);
    let ask = || Ok::<_, Trouble>(Http::connect(address)?.ask(READY)?.status == 200);
    ask().unwrap_or(false)
}

const READY: &[u8] = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fn tell(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn budget(number: f64) -> String {
    if number.is_nan() { "–".to_owned() } else { grouped(number) }
}
