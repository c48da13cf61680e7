//! Daemons for clients: started, stopped, restarted and changed over HTTP.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /` | where everything is: [`Places`] as JSON |
//! | `POST /start?config=NAME` | runs the daemon with a configuration of [`arguments`], unless it runs so already |
//! | `POST /stop` | ends it by SIGTERM |
//! | `POST /restart?seconds=N` | ends it, and starts it again on the same ports that much later |
//! | `POST /change` | gives the flag `changing-flag` of the suite its other default |
//! | `POST /write?file=NAME` | renames a file with the request's body into place, in the folder of flags |
//!
//! Each answers once it is so: `start` when the daemon is ready, `stop` when it has ended. The paths are those of the
//! public suite's launcher, whose clients so find everything where they expect it. Its scenarios look at a client while
//! the daemon is away, so below `/suite/` a `restart` answers once the daemon has ended.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than a daemon takes to be ready or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The files of the suite that its launcher makes one file of.
const MERGED: [&str; 8] = [
    "testing-flags.json",
    "zero-flags.json",
    "custom-ops.json",
    "evaluator-refs.json",
    "edge-case-flags.json",
    "changing-flag.json",
    "metadata-flags.json",
    "disabled-flags.json",
];

/// Where a client finds everything.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) launcher: String,
    pub(crate) evaluation: u16,
    pub(crate) management: u16,
    pub(crate) sync: u16,
    pub(crate) ofrep: u16,
    /// Answers everything with 403.
    pub(crate) forbidden: u16,
    /// The unix socket of the evaluation service, in the configuration `sockets`.
    pub(crate) socket: PathBuf,
    /// The unix socket of the sync service, in the configuration `sockets`.
    pub(crate) sync_socket: PathBuf,
    /// The certificate of the authority that clients trust in the configuration `ssl`.
    pub(crate) authority: PathBuf,
    /// The folder in which the daemon runs: `flags/` is what it watches, `rawflags/` holds the suite's files.
    pub(crate) folder: PathBuf,
}

impl Places {
    fn json(&self) -> String {
        let Places { launcher, evaluation, management, sync, ofrep, forbidden, .. } = self;
        let Places { socket, sync_socket, authority, folder, .. } = self;
        json!({
            "launcher": launcher, "evaluation": evaluation, "management": management, "sync": sync, "ofrep": ofrep,
            "forbidden": forbidden, "socket": socket, "sync_socket": sync_socket, "authority": authority, "folder": folder,
        })
        .to_string()
    }
}

/// What the daemon is told beside its ports, by the name of a configuration.
///
/// The first four are the suite's own.
fn arguments(config: &str, places: &Places) -> Option<Vec<String>> {
    let mut sources = vec!["file:flags/allFlags.json"];
    let mut more: Vec<String> = Vec::new();
    let mut option =
        |name: &str, value: &Path| more.extend([format!("--{name}"), value.display().to_string()]);
    let selectors =
        ["file:rawflags/selector-flags.json", "file:rawflags/selector-flag-combined-metadata.json"];
    match config {
        "default" => sources.extend(selectors),
        "metadata" => {
            sources = vec!["file:rawflags/testing-flags.json", selectors[0], selectors[1]];
        }
        "sync-payload" => {
            sources.extend(selectors);
            more.push("--disable-sync-metadata".to_owned());
        }
        "ssl" => {
            sources.extend(selectors);
            option("server-cert-path", &places.folder.join("server.pem"));
            option("server-key-path", &places.folder.join("server.key"));
        }
        // TLS for OFREP too, which the reference has not.
        "ssl-everywhere" => {
            for name in ["server", "ofrep"] {
                option(&format!("{name}-cert-path"), &places.folder.join("server.pem"));
                option(&format!("{name}-key-path"), &places.folder.join("server.key"));
            }
        }
        "sockets" => {
            sources.extend(selectors);
            option("socket-path", &places.socket);
            option("sync-socket-path", &places.sync_socket);
        }
        // Only the files that a test writes.
        "own" => sources = vec!["file:flags/own.json"],
        _ => return None,
    }
    let sources = sources.into_iter().flat_map(|source| ["-f".to_owned(), source.to_owned()]);
    let injected = ["-X".to_owned(), "injectedmetadata=set".to_owned()];
    Some(sources.chain(injected).chain(more).collect())
}

/// A launcher, as long as it is kept.
pub(crate) struct Launcher {
    pub(crate) places: Places,
    _runtime: tokio::runtime::Runtime,
    _running: Arc<Running>,
    _folder: TempDir,
}

impl Launcher {
    /// A launcher with the flags of the public suite in this folder; nothing runs yet.
    pub(crate) fn with(testbed: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["flags", "rawflags"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        for entry in std::fs::read_dir(testbed.join("flags")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, root.join("rawflags").join(path.file_name().unwrap())).unwrap();
        }
        put(&root.join("flags/allFlags.json"), &merged(&root.join("rawflags")));
        put(&root.join("flags/own.json"), br#"{"flags": {}}"#);
        make_certificates(root);

        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listen = || runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let (control, forbidden) = (listen(), listen());
        let [evaluation, management, sync, ofrep] = [(); 4].map(|()| free_port());
        let places = Places {
            launcher: format!("http://localhost:{}", control.local_addr().unwrap().port()),
            evaluation,
            management,
            sync,
            ofrep,
            forbidden: forbidden.local_addr().unwrap().port(),
            socket: root.join("flagd.sock"),
            sync_socket: root.join("sync.sock"),
            authority: root.join("authority.pem"),
            folder: root.to_owned(),
        };
        let running = Arc::new(Running {
            places: places.clone(),
            daemon: Mutex::new(None),
            orders: AtomicUsize::new(0),
            ordered: Condvar::new(),
        });
        let router = Router::new()
            .route("/", get(async |State(running): State<Arc<Running>>| running.places.json()))
            .route("/{verb}", post(obey))
            .route("/suite/{verb}", post(obey_the_suite))
            .with_state(running.clone());
        runtime.spawn(axum::serve(control, router).into_future());
        let refusing = Router::new().fallback(any(async || StatusCode::FORBIDDEN));
        runtime.spawn(axum::serve(forbidden, refusing).into_future());
        Self { places, _runtime: runtime, _running: running, _folder: folder }
    }
}

struct Running {
    places: Places,
    /// The configuration that runs.
    daemon: Mutex<Option<(String, Process)>>,
    /// How often a start or a stop was ordered, while holding the daemon.
    orders: AtomicUsize,
    ordered: Condvar,
}

/// A daemon that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn obey(
    State(running): State<Arc<Running>>,
    axum::extract::Path(verb): axum::extract::Path<String>,
    Query(order): Query<HashMap<String, String>>,
    body: axum::body::Bytes,
) -> Result<String, (StatusCode, String)> {
    let done = tokio::task::spawn_blocking(move || {
        let told = |name: &str, default| order.get(name).map_or(default, String::as_str).to_owned();
        let result = match verb.as_str() {
            "start" => running.start(&told("config", "default")),
            "stop" => running.stop(),
            "restart" => running.restart(&told("seconds", "0"), || {}),
            "change" => running.change(),
            "write" => running.write(&told("file", "own.json"), &body),
            _ => Err(format!("no such order: {verb}")),
        };
        result.map(|()| running.places.json())
    });
    done.await.unwrap().map_err(|text| (StatusCode::INTERNAL_SERVER_ERROR, text))
}

async fn obey_the_suite(
    running: State<Arc<Running>>,
    verb: axum::extract::Path<String>,
    order: Query<HashMap<String, String>>,
    body: axum::body::Bytes,
) -> Result<String, (StatusCode, String)> {
    if verb.as_str() != "restart" {
        return obey(running, verb, order, body).await;
    }
    let (ended, has_ended) = tokio::sync::oneshot::channel();
    let seconds = order.get("seconds").map_or("0", String::as_str).to_owned();
    std::thread::spawn(move || running.restart(&seconds, || _ = ended.send(())));
    let told = has_ended.await.map(|()| String::new());
    told.map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, "the daemon cannot be restarted".to_owned()))
}

impl Running {
    fn start(&self, config: &str) -> Result<(), String> {
        let mut daemon = self.order();
        if daemon.as_ref().is_some_and(|(running, _)| running == config) {
            return Ok(());
        }
        if let Some((_, process)) = daemon.take() {
            end(process)?;
        }
        *daemon = Some((config.to_owned(), self.spawn(config)?));
        Ok(())
    }

    fn stop(&self) -> Result<(), String> {
        self.order().take().map_or(Ok(()), |(_, process)| end(process))
    }

    /// The daemon, for an order that ends a restart under way.
    fn order(&self) -> MutexGuard<'_, Option<(String, Process)>> {
        let daemon = self.daemon.lock().unwrap();
        self.orders.fetch_add(1, Ordering::Relaxed);
        self.ordered.notify_all();
        daemon
    }

    fn restart(&self, seconds: &str, ended: impl FnOnce()) -> Result<(), String> {
        let seconds = seconds.parse().map_err(|_| format!("seconds is a number, not {seconds}"))?;
        let later = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
        let mut daemon = self.daemon.lock().unwrap();
        let (config, process) = daemon.take().ok_or("nothing runs")?;
        end(process)?;
        ended();
        // Who starts or stops it meanwhile has the last word.
        let before = self.orders.load(Ordering::Relaxed);
        let waiting = |_: &mut _| self.orders.load(Ordering::Relaxed) == before;
        let (mut daemon, wait) = self.ordered.wait_timeout_while(daemon, later, waiting).unwrap();
        if wait.timed_out() {
            let process = self.spawn(&config)?;
            *daemon = Some((config, process));
        }
        Ok(())
    }

    fn change(&self) -> Result<(), String> {
        let path = self.places.folder.join("flags/allFlags.json");
        let text = std::fs::read(&path).map_err(|error| error.to_string())?;
        let mut set: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let default = &mut set["flags"]["changing-flag"]["defaultVariant"];
        *default = if default == "foo" { "bar".into() } else { "foo".into() };
        put(&path, set.to_string().as_bytes());
        Ok(())
    }

    fn write(&self, file: &str, text: &[u8]) -> Result<(), String> {
        if file.contains('/') {
            return Err(format!("{file} is no file of the folder of flags"));
        }
        put(&self.places.folder.join("flags").join(file), text);
        Ok(())
    }

    fn spawn(&self, config: &str) -> Result<Process, String> {
        let places = &self.places;
        let arguments = arguments(config, places).ok_or(format!("no such configuration: {config}"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_flagd"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FLAGD_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&places.folder)
            .env_remove("HOME")
            .stdin(Stdio::null())
            .arg("start")
            .args(arguments);
        let ports =
            [("-p", places.evaluation), ("-m", places.management), ("-g", places.sync), ("-r", places.ofrep)];
        command.args(ports.iter().flat_map(|(option, port)| [(*option).to_owned(), port.to_string()]));
        let log = places.folder.join("flagd.log");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|error| error.to_string())?;
        let child = command.stdout(Stdio::null()).stderr(log).spawn().map_err(|error| error.to_string())?;
        let mut process = Process(child);
        let until = Instant::now() + PATIENCE;
        while !is_ready(places.management) {
            let ended = process.0.try_wait().is_ok_and(|status| status.is_some());
            if ended || Instant::now() >= until {
                let log = std::fs::read_to_string(places.folder.join("flagd.log")).unwrap_or_default();
                return Err(format!("the daemon is not ready:\n{log}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(process)
    }
}

/// Ends a daemon as an operator does, and waits for it.
fn end(mut process: Process) -> Result<(), String> {
    let sent = Command::new("kill").args(["-TERM", &process.0.id().to_string()]).status();
    if !sent.is_ok_and(|status| status.success()) {
        return Err("the daemon had ended".to_owned());
    }
    let until = Instant::now() + PATIENCE;
    while process.0.try_wait().is_ok_and(|status| status.is_none()) {
        if Instant::now() >= until {
            return Err("the daemon does not end".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn is_ready(management: u16) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", management)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    let asked = stream.write_all(request.as_bytes());
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}

/// A port that nobody uses, and that the system gives to nobody: a daemon that is away for a while finds it free again.
fn free_port() -> u16 {
    /// Below the ports that Linux gives to those that ask for any.
    const FIRST: u16 = 14_000;
    const COUNT: u16 = 16_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// The flags of all files that the suite's launcher makes one file of.
fn merged(folder: &Path) -> Vec<u8> {
    let mut whole = serde_json::json!({ "flags": {}, "$evaluators": {}, "metadata": {} });
    for name in MERGED {
        let set: Value = serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        for (part, entries) in whole.as_object_mut().unwrap() {
            let of_file = set.get(part).and_then(Value::as_object).cloned().unwrap_or_default();
            entries.as_object_mut().unwrap().extend(of_file);
        }
    }
    whole.to_string().into_bytes()
}

/// Puts a text in place whole.
fn put(path: &Path, text: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// An authority, and a certificate of its for the daemon on this machine.
fn make_certificates(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // A certificate that has its issuer's name passes for its own issuer.
    authority.distinguished_name.push(DnType::CommonName, "authority of the launcher");
    let certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let server = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    put(&folder.join("authority.pem"), certificate.pem().as_bytes());
    put(&folder.join("server.pem"), server.pem().as_bytes());
    put(&folder.join("server.key"), key.serialize_pem().as_bytes());
}
