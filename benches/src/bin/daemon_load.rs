//! What a request costs the daemon, beside others and beside a handler that does nothing.
//!
//! `daemon_load [--daemon 'NAME=COMMAND'].. [--rounds N] [--only TEXT] [--quick]`

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use benches::daemon::{
    LOAD_CORE, Load, Options, Outcome, Port, Process, Protocol, QUESTIONS, Question, Request, SERVER_CORE,
    Shape, Table, Template, Trouble, grouped, microseconds, ratio,
};
use benches::plain_flag_set;

fn main() -> Result<(), Trouble> {
    let options = Options::read(5)?;
    let folder = tempfile::tempdir()?;
    let mut measured = Vec::new();
    for size in [1_000, 10_000] {
        let asked: Vec<&Question> =
            QUESTIONS.iter().filter(|asked| asked.flags == size && options.wants(asked.name)).collect();
        if !asked.is_empty() {
            measured.extend(measure(&options, &asked, size, folder.path())?);
        }
    }
    cpu(&options, &measured);
    latency(&measured, "Closed loop", |figures| &figures.closed);
    latency(&measured, "Fixed rate, latency from the intended time", |figures| &figures.paced);
    Ok(())
}

/// What one daemon did with one question: the best round of each kind.
#[derive(Debug, Default)]
struct Figures {
    closed: Option<Outcome>,
    paced: Option<Outcome>,
}

/// A question, and the figures of each daemon that can be asked it.
struct Measured<'q> {
    question: &'q Question,
    figures: BTreeMap<String, Figures>,
}

fn measure<'q>(
    options: &Options,
    asked: &[&'q Question],
    size: usize,
    folder: &Path,
) -> Result<Vec<Measured<'q>>, Trouble> {
    let flags = folder.join(format!("{size}.json"));
    std::fs::write(&flags, plain_flag_set(size))?;
    let mut running = Vec::new();
    for template in &options.daemons {
        running.push((start(template, &flags)?, true));
    }
    if let Some((ours, _)) = running.first() {
        keep_answers(ours, asked, &flags.with_extension("answers"))?;
    }
    running.push((start(&Options::bare(), &flags)?, false));
    let mut all = Vec::new();
    for question in asked {
        let mut figures = BTreeMap::new();
        let mut requests = Vec::new();
        for (process, exact) in &running {
            requests.push(question.check_soon(process, *exact)?);
        }
        for number in 0..options.rounds {
            for ((process, _), request) in running.iter().zip(&requests) {
                if let Some(request) = request {
                    let best: &mut Figures = figures.entry(process.name.clone()).or_default();
                    let shape = shape(question.protocol);
                    let load = Load { process, question, request, shape, core: Some(LOAD_CORE) };
                    closed(&load, options.quick, best)?;
                    if number < PACED_ROUNDS {
                        paced(&load, options.quick, best)?;
                    }
                }
            }
        }
        eprintln!("{}: measured", question.name);
        all.push(Measured { question, figures });
    }
    for (process, _) in &mut running {
        process.lives()?;
    }
    Ok(all)
}

fn closed(load: &Load<'_>, quick: bool, best: &mut Figures) -> Result<(), Trouble> {
    let requests = load.question.requests / if quick { 10 } else { 1 };
    load.closed(requests / 10)?;
    let found = load.closed(requests)?;
    if best.closed.as_ref().is_none_or(|so_far| found.cpu < so_far.cpu) {
        best.closed = Some(found);
    }
    Ok(())
}

fn paced(load: &Load<'_>, quick: bool, best: &mut Figures) -> Result<(), Trouble> {
    let rate = load.question.rate;
    let requests = rate * if quick { 1 } else { 2 };
    let found = Load { shape: PACED, ..*load }.paced(requests, rate)?;
    let p99 = |outcome: &Outcome| outcome.quantile(0.99);
    if best.paced.as_ref().is_none_or(|so_far| p99(&found) < p99(so_far)) {
        best.paced = Some(found);
    }
    Ok(())
}

fn shape(protocol: Protocol) -> Shape {
    match protocol {
        Protocol::Single | Protocol::Connect => Shape { connections: 16, streams: 1 },
        Protocol::Grpc => Shape { connections: 2, streams: 32 },
        Protocol::Bulk | Protocol::Unchanged => Shape { connections: 4, streams: 1 },
    }
}

fn start(template: &Template, flags: &Path) -> Result<Process, Trouble> {
    let mut process = template.start(flags, Some(SERVER_CORE))?;
    let deadline = Instant::now() + Duration::from_secs(120);
    while std::net::TcpStream::connect(process.address(Port::Ofrep)).is_err() {
        process.lives()?;
        if Instant::now() > deadline {
            return Err(format!("{} does not listen", template.name).into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(process)
}

/// What a daemon answers, for the handler that answers the same without thinking.
fn keep_answers(process: &Process, asked: &[&Question], folder: &Path) -> Result<(), Trouble> {
    std::fs::create_dir_all(folder)?;
    let mut index = BTreeMap::new();
    for (number, question) in asked.iter().enumerate() {
        if let Some((request, body)) = question.patiently(process, true)? {
            let grpc = if question.protocol == Protocol::Grpc { "grpc:" } else { "" };
            let path = format!("{grpc}{}", request.path);
            std::fs::write(folder.join(number.to_string()), body)?;
            index.insert(path, number.to_string());
        }
    }
    Ok(std::fs::write(folder.join("index"), serde_json::to_vec(&index)?)?)
}

/// A daemon that has just begun to listen may not have read its flags yet.
trait Patiently {
    fn patiently(&self, process: &Process, exact: bool) -> Result<Option<(Request, Vec<u8>)>, Trouble>;

    fn check_soon(&self, process: &Process, exact: bool) -> Result<Option<Request>, Trouble> {
        Ok(self.patiently(process, exact)?.map(|(request, _)| request))
    }
}

impl Patiently for Question {
    fn patiently(&self, process: &Process, exact: bool) -> Result<Option<(Request, Vec<u8>)>, Trouble> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            match self.check(process, exact) {
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
                answer => return answer,
            }
        }
    }
}

fn cpu(options: &Options, measured: &[Measured<'_>]) {
    let names: Vec<&str> = options.daemons.iter().map(|template| template.name.as_str()).collect();
    let mut head = vec!["question"];
    for name in &names {
        head.extend([name, "÷ bare"]);
    }
    let bare = Options::bare().name;
    head.extend([bare.as_str(), "budget"]);
    let table = Table::begin("CPU of the server's process, µs per request", &head);
    for Measured { question, figures } in measured {
        let of = |name: &str| figures.get(name).and_then(|figures| figures.closed.as_ref());
        let least = of(&bare).map(|outcome| outcome.cpu);
        let mut cells = vec![question.name.to_owned()];
        for name in &names {
            match of(name) {
                Some(outcome) => cells.extend([microseconds(outcome.cpu), ratio(outcome.cpu, least)]),
                None => cells.extend(["–".to_owned(), "–".to_owned()]),
            }
        }
        cells.push(least.map_or_else(|| "–".to_owned(), microseconds));
        cells.push(if question.budget.is_nan() { "–".to_owned() } else { grouped(question.budget) });
        table.row(&cells);
    }
}

fn latency(measured: &[Measured<'_>], title: &str, of: impl Fn(&Figures) -> &Option<Outcome>) {
    let head = ["question", "server", "per second", "p50 µs", "p99 µs", "p99.9 µs"];
    let table = Table::begin(title, &head);
    for Measured { question, figures } in measured {
        for (name, figures) in figures {
            if let Some(outcome) = of(figures) {
                let mut cells = vec![question.name.to_owned(), name.clone(), grouped(outcome.throughput())];
                cells.extend([0.5, 0.99, 0.999].map(|part| microseconds(outcome.quantile(part))));
                table.row(&cells);
            }
        }
    }
}

/// Who asks at the fixed rate.
const PACED: Shape = Shape { connections: 8, streams: 1 };

/// How many of the rounds have the fixed rate, too.
const PACED_ROUNDS: usize = 3;
