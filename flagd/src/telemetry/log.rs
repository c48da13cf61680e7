//! What is told on the standard error: starts, updates, findings. Never a context: nothing here sees a request.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use flagcore::Client;
use flagcore::change::{Change, FlagChange, Update, Updates};
use flagcore::diagnostic::{Diagnostic, Findings, Severity};
use flagcore::sync::SourceStatus;
use flagcore::text::Printable;
use serde_json::{Map, Value as Json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber, debug, error, info, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::LogFormat;

/// Sends the process's log to the standard error; with `details` this crate's and flagcore's debug lines too.
///
/// Other crates tell warnings only: their details would show what clients send. Lines are written by a thread of
/// their own, so that nobody waits for a reader of the log; where it is behind by thousands, lines are left out.
pub fn start(format: LogFormat, details: bool) -> Log {
    let level = if details { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let levels = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("flagd", level)
        .with_target("flagcore", level);
    let (send, lines) = sync_channel(BEHIND);
    let writer = Line { lines: send.clone(), left_out: Arc::default() };
    let left_out = writer.left_out.clone();
    // A log that cannot be written is told nowhere; printing why would panic.
    let layer = layer().with_writer(move || writer.clone()).with_target(false).log_internal_errors(false);
    let layer = match format {
        LogFormat::Json => layer.event_format(JsonLine).fmt_fields(format::JsonFields::new()).boxed(),
        LogFormat::Console => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            layer.with_ansi(io::stderr().is_terminal() && !plain).boxed()
        }
    };
    let thread = std::thread::Builder::new()
        .name("flagd-stderr".to_owned())
        .spawn(move || write(&lines, &left_out, format));
    if thread.is_ok() {
        // A second log of one process is none; that is no reason to fail.
        if tracing_subscriber::registry().with(layer.with_filter(levels)).try_init().is_ok() {
            std::panic::set_hook(Box::new(tell_panic));
        }
    }
    Log { lines: send }
}

/// An event as one line of JSON, with the names that the reference's log has: `level`, `ts`, `caller`, `msg`, and the
/// event's own.
struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let about = event.metadata();
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Members(Map::new());
        event.record(&mut line);
        let message = line.0.remove("message").unwrap_or_default();
        let level = about.level().as_str().to_ascii_lowercase();
        write!(out, r#"{{"level":"{level}","ts":"{time}""#)?;
        if let (Some(file), Some(number)) = (about.file(), about.line()) {
            let caller = file.rsplit_once("src/").map_or(file, |(_, file)| file);
            write!(out, r#","caller":{}"#, Json::from(format!("{caller}:{number}")))?;
        }
        write!(out, r#","msg":{message}"#)?;
        for (name, value) in line.0 {
            write!(out, ",{}:{value}", Json::from(name))?;
        }
        writeln!(out, "}}")
    }
}

/// The members of an event.
struct Members(Map<String, Json>);

impl Visit for Members {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

/// A panic as a line like all others. Never its words: they may quote what a client sent.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    error!(thread = thread.name().unwrap_or_default(), location, "a thread panicked; this is a bug of ours");
}

/// The log of a process. When it is dropped, what was told before is written.
#[derive(Debug)]
pub struct Log {
    lines: SyncSender<Item>,
}

impl Drop for Log {
    fn drop(&mut self) {
        let until = Instant::now() + LAST_WORDS;
        let (written, wait) = sync_channel(1);
        while let Err(TrySendError::Full(_)) = self.lines.try_send(Item::Tell(written.clone())) {
            if Instant::now() >= until {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = wait.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// How many lines may wait to be written.
const BEHIND: usize = 4_096;

/// How long the end of a process waits for its log to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum Item {
    Line(Vec<u8>),
    /// Tell when all before it is written.
    Tell(SyncSender<()>),
}

/// Takes one line, never waiting.
#[derive(Clone)]
struct Line {
    lines: SyncSender<Item>,
    left_out: Arc<AtomicU64>,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Item::Line(line.to_vec())).is_err() {
            // ORDERING: a count of its own, which nothing else is read after.
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes for as long as the process runs. Nobody may be reading; that is no reason to end.
fn write(items: &Receiver<Item>, left_out: &AtomicU64, format: LogFormat) {
    let mut output = io::stderr();
    for item in items {
        match item {
            Item::Line(line) => {
                let _ = output.write_all(&line);
            }
            Item::Tell(written) => {
                let _ = written.try_send(());
            }
        }
        // ORDERING: as above.
        let count = left_out.swap(0, Ordering::Relaxed);
        if count > 0 {
            let _ = match format {
                LogFormat::Console => writeln!(output, "{count} lines of the log are left out"),
                LogFormat::Json => {
                    writeln!(
                        output,
                        r#"{{"level":"warn","msg":"lines of the log are left out","lines":{count}}}"#
                    )
                }
            };
        }
    }
}

/// Tells what every source holds, and from then on every update, on a thread of its own: a log that nobody takes
/// delays no update. Changes that come faster than they are told are told as one.
///
/// Keeps the client for as long as the process runs.
///
/// # Errors
///
/// Where there is no thread.
pub fn follow(client: Client, format: LogFormat) -> io::Result<()> {
    let updates = client.updates();
    let mut teller = Teller { client, format, complaints: HashMap::new() };
    teller.tell_sources();
    let thread = std::thread::Builder::new().name("flagd-log".to_owned());
    thread.spawn(move || teller.tell(&updates)).map(drop)
}

/// Tells once more what is wrong with sources that are refused now, for who asks; how many those are.
pub fn tell_refused(client: &Client, format: LogFormat) -> usize {
    let refused: Vec<_> = client.status().into_iter().filter_map(|source| source.refused).collect();
    refused.iter().for_each(|refused| tell_findings(&refused.findings, format));
    refused.len()
}

struct Teller {
    client: Client,
    format: LogFormat,
    complaints: HashMap<String, String>,
}

/// How often is looked whether something is wrong with the watching itself.
const LOOK: Duration = Duration::from_secs(5);

impl Teller {
    fn tell_sources(&mut self) {
        let sources = self.client.status();
        for source in &sources {
            match &source.served {
                Some(served) => {
                    info!(source = %Printable(&source.name), flags = served.flags, revision = served.revision, "serving");
                    self.findings(&served.findings);
                }
                None => {
                    warn!(source = %Printable(&source.name), "not ready: nothing valid yet")
                }
            }
            if let Some(refused) = &source.refused {
                self.findings(&refused.findings);
            }
        }
        self.tell_complaints(&sources);
    }

    fn tell(mut self, updates: &Updates) {
        loop {
            match updates.next_within(LOOK) {
                Some(Update::Changed(change)) => {
                    tell_change(&change);
                    self.findings(change.findings());
                    self.tell_complaints(&self.client.status());
                }
                Some(Update::Refused { source, findings, serving }) => {
                    self.findings(&findings);
                    let problems = match findings.errors {
                        1 => "1 problem".to_owned(),
                        many => format!("{many} problems"),
                    };
                    warn!(
                        source = %Printable(&source),
                        revision = serving,
                        "refused for {problems}; still serving revision {serving}"
                    );
                }
                Some(Update::Held { findings, .. }) => self.findings(&findings),
                Some(Update::Recovered { source, serving }) => {
                    info!(source = %Printable(&source), revision = serving, "holds again what is served");
                }
                Some(_) | None => self.tell_complaints(&self.client.status()),
            }
        }
    }

    fn tell_complaints(&mut self, sources: &[SourceStatus]) {
        for SourceStatus { name, complaint, .. } in sources {
            let known = self.complaints.get(name);
            if known == complaint.as_ref() {
                continue;
            }
            match complaint {
                Some(complaint) => {
                    warn!(source = %Printable(name), "{}", Printable(complaint));
                    self.complaints.insert(name.clone(), complaint.clone());
                }
                None => {
                    info!(source = %Printable(name), "is watched again");
                    self.complaints.remove(name);
                }
            }
        }
    }

    fn findings(&self, findings: &Findings) {
        tell_findings(findings, self.format);
    }
}

fn tell_findings(findings: &Findings, format: LogFormat) {
    for finding in &findings.diagnostics {
        match format {
            LogFormat::Console => tell_text(finding),
            LogFormat::Json => tell_fields(finding),
        }
    }
    if findings.dropped > 0 {
        warn!("and {} more findings", findings.dropped);
    }
}

fn tell_change(change: &Change) {
    let flags = change.flags();
    let revision = change.after().revision();
    if flags.is_empty() {
        info!(revision, "files changed, and no flag that is served did");
        return;
    }
    let count = |kind| flags.iter().filter(|(_, change)| *change == kind).count();
    let mut keys: Vec<String> = flags.iter().take(SHOWN).map(|(key, _)| Printable(key).to_string()).collect();
    if flags.len() > SHOWN {
        keys.push("…".to_owned());
    }
    info!(
        revision,
        changed = flags.len(),
        added = count(FlagChange::Added),
        updated = count(FlagChange::Updated),
        removed = count(FlagChange::Removed),
        keys = keys.join(", "),
        "flags changed"
    );
    for (flag, change) in flags {
        debug!(flag = %Printable(flag), ?change, "changed");
    }
}

/// How many keys the line about a change names.
const SHOWN: usize = 5;

/// A finding as people read it: place, cause and mending in up to three lines.
fn tell_text(finding: &Diagnostic) {
    match finding.severity {
        Severity::Error => error!("{finding}"),
        Severity::Warning => warn!("{finding}"),
    }
}

/// A finding as programs read it.
fn tell_fields(finding: &Diagnostic) {
    let (line, column) = finding.position.map_or((0, 0), |position| (position.line, position.column));
    let help = finding.help().unwrap_or_default();
    macro_rules! tell {
        ($level:ident) => {
            $level!(
                file = &*finding.source,
                line,
                column,
                pointer = finding.pointer,
                code = finding.code(),
                help,
                "{}",
                finding.cause()
            )
        };
    }
    match finding.severity {
        Severity::Error => tell!(error),
        Severity::Warning => tell!(warn),
    }
}
