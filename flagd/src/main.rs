//! `flagd`: arguments, signals, exit codes.

#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use std::future::pending;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flagcore::text::Printable;
use flagd::server::Daemon;
use flagd::settings::{self, Chosen, LogFormat, Request};
use flagd::telemetry::log;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

fn main() -> ExitCode {
    match settings::read(std::env::args_os(), std::env::vars_os()) {
        Ok(Request::Say(text)) => {
            // Nobody may be reading; that is no reason to fail.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Ok(Request::Start(chosen)) => {
            // Dropped last: it writes what was told.
            let _log = log::start(chosen.settings.log_format, chosen.settings.debug);
            #[cfg(unix)]
            raise_descriptors();
            run(*chosen)
        }
        Err(mistakes) => {
            let _ = writeln!(io::stderr(), "{mistakes}");
            ExitCode::from(2)
        }
    }
}

/// Lets the process open as many descriptors as it may, which is what connections are admitted by.
///
/// Soft limits are low, often 1,024, for the sake of programs that cannot handle higher descriptors.
#[cfg(unix)]
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(reason) = setrlimit(Resource::Nofile, raised) {
            warn!("the limit of open descriptors cannot be raised: {reason}");
        }
    }
}

fn run(chosen: Chosen) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(reason) => {
            error!("cannot start: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        match Signals::new() {
            Ok(signals) => serve(chosen, signals).await,
            Err(reason) => {
                error!("cannot listen to signals: {reason}");
                ExitCode::FAILURE
            }
        }
    });
    // A source may be read at this moment, however long that takes.
    runtime.shutdown_background();
    code
}

async fn serve(chosen: Chosen, mut signals: Signals) -> ExitCode {
    let Chosen { settings, file, warnings } = chosen;
    info!(version = env!("CARGO_PKG_VERSION"), "starting");
    if let Some(file) = file {
        info!(file = %Printable(&file.to_string_lossy()), "settings file");
    }
    for warning in warnings {
        warn!("{warning}");
    }
    let (format, sockets) =
        (settings.log_format, [settings.socket_path.clone(), settings.sync_socket_path.clone()]);
    // On a task of its own: reading the sources takes its time, and a signal wants to be heard meanwhile.
    let started = tokio::spawn(Daemon::start(settings));
    let mut daemon = tokio::select! {
        started = started => match started {
            Ok(Ok(daemon)) => daemon,
            Ok(Err(reason)) => {
                error!("cannot start: {reason}");
                return ExitCode::FAILURE;
            }
            Err(reason) => {
                error!("cannot start: {reason}");
                return ExitCode::FAILURE;
            }
        },
        () = signals.end() => return ExitCode::SUCCESS,
    };
    tell_addresses(&daemon, sockets);
    if let Err(reason) = log::follow(daemon.state().client.clone(), format) {
        error!("cannot follow the sources: {reason}");
    }
    notify(&[NotifyState::Ready]);
    let mut watchdog = Watchdog::new();
    let mut reload = Reload { reading: None, again: false, format };
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::End => break,
                Asked::Reload => reload.ask(&daemon),
            },
            () = reload.done() => reload.tell(&daemon),
            () = watchdog.tick() => {
                // Without its watcher it would serve what it has for ever: only a new start mends that.
                if daemon.state().client.is_kept_up() {
                    notify(&[NotifyState::Watchdog]);
                }
            }
            part = daemon.lost() => {
                error!(part, "a part of the daemon ended; ending all of it");
                return ExitCode::FAILURE;
            }
        }
    }
    info!("stopping: requests under way are finished; a second signal ends at once");
    notify(&[NotifyState::Stopping]);
    tokio::select! {
        () = daemon.stop() => {
            info!("stopped");
            ExitCode::SUCCESS
        }
        () = signals.end_again() => {
            warn!("ended by a second signal");
            ExitCode::FAILURE
        }
    }
}

fn tell_addresses(daemon: &Daemon, sockets: [Option<std::path::PathBuf>; 2]) {
    let addresses = daemon.addresses();
    let [evaluation_socket, sync_socket] = sockets;
    let ports = [
        ("evaluation", addresses.evaluation, evaluation_socket),
        ("management", Some(addresses.management), None),
        ("sync", addresses.sync, sync_socket),
        ("ofrep", Some(addresses.ofrep), None),
    ];
    for (service, address, socket) in ports {
        match (address, socket) {
            (_, Some(socket)) => info!(service, socket = %Printable(&socket.to_string_lossy()), "listening"),
            (Some(address), None) => info!(service, %address, "listening"),
            (None, None) => {}
        }
    }
}

/// Reads all sources again, whatever events and times say.
///
/// However long that takes, everything else is heard meanwhile. Who asks again meanwhile may have changed what was
/// read already: it is done once more after that, however often it was asked for.
struct Reload {
    reading: Option<JoinHandle<()>>,
    again: bool,
    format: LogFormat,
}

impl Reload {
    fn ask(&mut self, daemon: &Daemon) {
        if self.reading.is_some() {
            self.again = true;
            return;
        }
        info!("reading all sources again");
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(_) => notify(&[NotifyState::Reloading]),
        }
        let client = daemon.state().client.clone();
        self.reading = Some(tokio::task::spawn_blocking(move || {
            client.refresh();
        }));
    }

    /// Waits until what was asked for is done; for ever where nothing was.
    async fn done(&mut self) {
        match &mut self.reading {
            Some(reading) => {
                let _ = reading.await;
                self.reading = None;
            }
            None => pending().await,
        }
    }

    fn tell(&mut self, daemon: &Daemon) {
        let client = &daemon.state().client;
        let revision = client.snapshot().revision();
        match log::tell_refused(client, self.format) {
            0 => info!(revision, "all sources are read"),
            refused => warn!(revision, "all sources are read; {refused} of them refused, as told above"),
        }
        notify(&[NotifyState::Ready]);
        if std::mem::take(&mut self.again) {
            self.ask(daemon);
        }
    }
}

/// Tells the service manager, if there is one.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(reason) = sd_notify::notify(states) {
        warn!("the service manager cannot be told: {reason}");
    }
}

/// What others ask of a process.
enum Asked {
    End,
    Reload,
}

/// Where they ask it.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.reload.recv() => Asked::Reload,
        }
    }

    /// Waits until the process is asked to end.
    async fn end(&mut self) {
        while let Asked::Reload = self.next().await {}
    }

    /// Waits until it is asked once more, which is to hurry. Supervisors that signal a process and its group ask twice at
    /// once: that is one asking.
    async fn end_again(&mut self) {
        let asked = Instant::now();
        loop {
            self.end().await;
            if asked.elapsed() >= ECHO {
                return;
            }
        }
    }
}

/// How long after the first signal another one counts as the same.
const ECHO: Duration = Duration::from_secs(1);

/// Tells the service manager that the process turns, twice as often as it wants to hear it.
struct Watchdog {
    interval: Option<tokio::time::Interval>,
}

impl Watchdog {
    fn new() -> Self {
        let period = sd_notify::watchdog_enabled().map(|period| period / 2);
        let period = period.filter(|period| *period > Duration::ZERO);
        Self { interval: period.map(tokio::time::interval) }
    }

    async fn tick(&mut self) {
        match &mut self.interval {
            Some(interval) => {
                interval.tick().await;
                // This thread turns, or else would not be here; that the others do is seen by asking them for something.
                let _ = tokio::spawn(async {}).await;
            }
            None => pending().await,
        }
    }
}
