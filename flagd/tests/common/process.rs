//! The real binary as a process of its own, seen from outside: its answers, its log, its descriptors, its memory.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit, setrlimit};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::frames::Conversation;

/// Longer than anything takes, even on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A daemon of its own process, which ends with this.
pub(crate) struct Process {
    child: Child,
    log: Arc<Log>,
    pub(crate) evaluation: SocketAddr,
    pub(crate) management: SocketAddr,
    pub(crate) sync: SocketAddr,
    pub(crate) ofrep: SocketAddr,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// The binary with these arguments, and nothing of this process's environment that it would listen to.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FLAGD_") {
            command.env_remove(name);
        }
    }
    command.env_remove("HOME").stdin(Stdio::null());
    command
}

impl Process {
    /// A daemon on free ports that serves these files.
    pub(crate) fn start(sources: &[&Path], arguments: &[&str]) -> Self {
        Self::run(command(Path::new(env!("CARGO_BIN_EXE_flagd"))), sources, arguments)
    }

    /// The same where the process may open only so many descriptors.
    pub(crate) fn start_with_descriptors(most: usize, sources: &[&Path], arguments: &[&str]) -> Self {
        let mut shell = command(Path::new("sh"));
        let limited = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
        shell.args(["-c", &limited, env!("CARGO_BIN_EXE_flagd")]);
        Self::run(shell, sources, arguments)
    }

    /// The same by a command that wants only its arguments.
    pub(crate) fn run(mut command: Command, sources: &[&Path], arguments: &[&str]) -> Self {
        command.args(["start", "-p", "0", "-m", "0", "-g", "0", "-r", "0"]).args(arguments);
        for source in sources {
            command.args(["-f", &format!("file:{}", source.display())]);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (stderr, log) = (child.stderr.take().unwrap(), Arc::new(Log::default()));
        let written = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                written.lines.lock().unwrap().push(line);
                written.more.notify_all();
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process =
            Self { child, log, evaluation: nowhere, management: nowhere, sync: nowhere, ofrep: nowhere };
        process.evaluation = process.address("evaluation");
        process.management = process.address("management");
        process.sync = process.address("sync");
        process.ofrep = process.address("ofrep");
        process
    }

    fn address(&self, service: &str) -> SocketAddr {
        let line = self.hears(&["listening", &format!("service=\"{service}\"")]);
        let port = line.rsplit(':').next().unwrap().parse().unwrap();
        ([127, 0, 0, 1], port).into()
    }

    /// Waits for a line of the log with all of these in it.
    pub(crate) fn hears(&self, parts: &[&str]) -> String {
        let is_it = |line: &&String| parts.iter().all(|part| line.contains(part));
        let until = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(is_it) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no line with {parts:?} in\n{}", lines.join("\n"));
            lines = self.log.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    pub(crate) fn all(&self) -> [SocketAddr; 4] {
        [self.evaluation, self.management, self.sync, self.ofrep]
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn proc(&self, what: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{what}", self.child.id())).unwrap()
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Its resident bytes.
    pub(crate) fn resident(&self) -> usize {
        let statm = self.proc("statm");
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
    }

    /// What it used of the processors, in hundredths of a second.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = self.proc("stat");
        // After the name, which may hold anything: state, and ten more before the two that count.
        let (_, rest) = stat.rsplit_once(')').unwrap();
        rest.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// Lets it open no descriptor from now on, or as many as before again.
    pub(crate) fn may_open(&self, most: Option<u64>) {
        let hard = getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit { current: most.or(hard), maximum: hard };
        prlimit(Some(self.pid()), Resource::Nofile, limit).unwrap();
    }

    /// Asks it to end, and tells its exit code.
    ///
    /// Fails where anything panicked, as far as the log tells.
    pub(crate) fn ends(mut self) -> Option<i32> {
        assert!(self.child.try_wait().unwrap().is_none(), "it ended by itself:\n{}", self.log());
        kill_process(self.pid(), Signal::TERM).unwrap();
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = self.log();
                assert!(!log.contains("panicked") && !log.contains("bug of ours"), "{log}");
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end:\n{}", self.log());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection of HTTP/1.1 that is kept.
pub(crate) struct Kept {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Kept {
    pub(crate) async fn to(at: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(at).await.unwrap(), read: Vec::new() }
    }

    /// Status and body of an answer, which has to be there in time.
    pub(crate) async fn ask(&mut self, request: &str) -> (u16, Vec<u8>) {
        let told = request.lines().next().unwrap_or_default().to_owned();
        let answer = async {
            self.stream.write_all(request.as_bytes()).await.unwrap();
            self.answer().await
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("no answer in time: {told}"))
    }

    pub(crate) async fn get(&mut self, path: &str) -> (u16, Vec<u8>) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> (u16, Vec<u8>) {
        let length = body.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    /// The status of an evaluation of all flags that a selector picks, by an identifier of a flag set.
    pub(crate) async fn bulk(&mut self, flag_set: &str) -> u16 {
        let request = format!(
            "POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nFlagd-Selector: flagSetId={flag_set}\r\n\
             Content-Length: 2\r\n\r\n{{}}"
        );
        self.ask(&request).await.0
    }

    /// What `/status` says.
    pub(crate) async fn status(&mut self) -> Value {
        serde_json::from_slice(&self.get("/status").await.1).unwrap()
    }

    /// The answer of a boolean or number flag over OFREP.
    pub(crate) async fn value(&mut self, key: &str) -> Value {
        let (status, body) = self.post(&format!("/ofrep/v1/evaluate/flags/{key}"), "{}").await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice::<Value>(&body).unwrap()["value"].clone()
    }

    async fn answer(&mut self) -> (u16, Vec<u8>) {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await;
        };
        let head = String::from_utf8_lossy(&self.read[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.read.len() < end + length {
            self.more().await;
        }
        let body = self.read[end..end + length].to_vec();
        self.read.drain(..end + length);
        (status, body)
    }

    async fn more(&mut self) {
        assert_ne!(self.stream.read_buf(&mut self.read).await.unwrap(), 0, "closed instead of an answer");
    }
}

/// Lets this process, and those that it starts, open as many descriptors as it may; tells how many that are.
pub(crate) fn most_descriptors() -> usize {
    let hard = getrlimit(Resource::Nofile).maximum;
    // Whoever has the rights to it may have more than the hard limit.
    let enough = hard.map(|hard| hard.max(20_000));
    let raised = [enough, hard]
        .into_iter()
        .find(|most| setrlimit(Resource::Nofile, Rlimit { current: *most, maximum: *most }).is_ok());
    let limit = getrlimit(Resource::Nofile);
    assert_eq!(Some(limit.current), raised, "what could be raised is not used");
    limit.current.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

/// Waits until something is so, asking again and again, because nobody tells of it.
pub(crate) async fn until<T>(what: &str, mut find: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = find().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not so in time: {what}");
}

impl Process {
    /// Asks every port something over connections of its own; `value` is what the flag `a` has.
    pub(crate) async fn answers(&self, value: i64) {
        assert_eq!(Kept::to(self.management).await.get("/readyz").await.0, 200);
        assert_eq!(Kept::to(self.ofrep).await.value("a").await, value);
        let question = r#"{"flagKey":"a","context":{}}"#;
        let mut evaluation = Kept::to(self.evaluation).await;
        let (status, body) = evaluation.post("/flagd.evaluation.v1.Service/ResolveInt", question).await;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        assert_eq!((status, &answer["value"]), (200, &Value::from(value.to_string())));
        let mut sync = Conversation::open(self.sync).await;
        let all = sync.answer("/flagd.sync.v1.FlagSyncService/FetchAllFlags", b"").await;
        assert!(String::from_utf8_lossy(&all).contains(&format!("{{\"v\":{value}}}")));
    }

    /// The number that a metric without labels has.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let (_, text) = Kept::to(self.management).await.get("/metrics").await;
        let text = String::from_utf8_lossy(&text).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
    }
}
