//! The real binary: what it says, how it ends, what signals do.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const FLAGS: &str = r#"{"flags": {"a": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}}}"#;

/// Longer than anything takes, even on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon of its own process.
struct Process {
    child: Child,
    lines: Receiver<String>,
    /// All that was read of its log.
    read: Vec<String>,
}

fn flagd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagd"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FLAGD_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).env_remove("HOME").stdin(Stdio::null());
    command
}

fn start(source: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Process {
    let source = format!("file:{}", source.display());
    let mut command = flagd(&["start", "-f", &source, "-p", "0", "-m", "0", "-g", "0", "-r", "0"]);
    command.args(arguments).envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let log = child.stderr.take().unwrap();
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    Process { child, lines, read: Vec::new() }
}

impl Process {
    /// Waits for a line of the log with all of these in it.
    fn hears(&mut self, parts: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line with {parts:?} in\n{}", self.read.join("\n"));
            };
            self.read.push(line.clone());
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }

    /// The address of a service, as the log tells it.
    fn address(&mut self, service: &str) -> String {
        let line = self.hears(&["listening", &format!("service=\"{service}\"")]);
        let (_, address) = line.split_once("address=").unwrap();
        let port = address.rsplit(':').next().unwrap();
        format!("127.0.0.1:{port}")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end; the exit code, if it was not a signal.
    fn ends(mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn flag_file(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("flags.json");
    put(&path, text);
    path
}

/// Puts a text in place whole.
fn put(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}

#[test]
fn it_listens_on_four_ports_and_ends_with_0_when_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    for signal in ["TERM", "INT"] {
        let mut process = start(&flags, &[], &[]);
        for service in ["evaluation", "management", "sync", "ofrep"] {
            let address = process.address(service);
            std::net::TcpStream::connect(&address).unwrap_or_else(|error| panic!("{address}: {error}"));
        }
        process.hears(&["INFO serving", "flags=1", &flags.display().to_string()]);
        process.signal(signal);
        process.hears(&["stopping"]);
        assert_eq!(process.ends(), Some(0), "{signal}");
    }
}

#[test]
fn bad_usage_ends_with_2_and_says_how_to_mend_it() {
    let cases: [(&[&str], &str); 4] = [
        (
            &["start"],
            "no source of flags is given\n  help: write for example `flagd start --uri file:flags.json`",
        ),
        (&["start", "--prot", "1"], "there is no option `--prot`\n  help: did you mean `--port`?\n"),
        (&["strat"], "there is no command `strat`\n  help: did you mean `start`?\n"),
        (&["start", "-f", "s3://a/b"], "--uri: a source `s3://…` is for a later version\n  help: meanwhile "),
    ];
    for (arguments, says) in cases {
        let output = flagd(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(says), "{said}");
        assert_eq!((output.status.code(), output.stdout), (Some(2), vec![]), "{arguments:?}");
    }
}

#[test]
fn version_and_help_go_to_the_standard_output() {
    let output = flagd(&["version"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let (before, after) = (concat!("flagd: ", env!("CARGO_PKG_VERSION"), " ("), "), built at: ");
    assert!(said.starts_with(before) && said.contains(after) && said.lines().count() == 1, "{said}");
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
    let output = flagd(&["start", "--help"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("--uri <URI>"));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_source_without_anything_valid_ends_it_with_1_only_if_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("flags.json");
    let mut process = start(&missing, &["--on-missing", "fail"], &[]);
    process.hears(&["ERROR cannot start:", "flags.json: error[missing-file]"]);
    assert_eq!(process.ends(), Some(1));

    let mut process = start(&missing, &[], &[]);
    process.hears(&["WARN not ready: nothing valid yet", "flags.json"]);
    process.hears(&["ERROR", "flags.json: error[missing-file]"]);
    put(&missing, FLAGS);
    process.hears(&["INFO flags changed", "revision=1", "changed=1", "added=1"]);
    process.signal("TERM");
    assert_eq!(process.ends(), Some(0));
}

#[test]
fn sources_in_json_are_served_above_those_of_uris() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let above = folder.path().join("above.json");
    put(&above, &FLAGS.replace("defaultVariant\": \"on", "defaultVariant\": \"off"));
    let sources = format!(r#"[{{"uri":"{}","provider":"file"}}]"#, above.display());
    for (arguments, environment) in
        [(vec!["--sources", &sources], vec![]), (vec![], vec![("FLAGD_SOURCES", sources.as_str())])]
    {
        let mut process = start(&flags, &arguments, &environment);
        let address = process.address("ofrep");
        process.hears(&["INFO serving"]);
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let question = "POST /ofrep/v1/evaluate/flags/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
        stream.write_all(question.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\"variant\":\"off\""), "{answer}");
    }
}

#[test]
fn a_port_in_use_ends_it_with_1_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for option in ["--port", "--management-port", "--sync-port", "--ofrep-port"] {
        let mut process = start(&flags, &[option, &port], &[]);
        process.hears(&[&format!("ERROR cannot start: cannot listen on port {port} (`{option}`): ")]);
        assert_eq!(process.ends(), Some(1));
    }
}

#[test]
fn updates_and_findings_are_told_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let name = flags.display().to_string();
    let mut process = start(&flags, &["-x"], &[]);
    process.hears(&["INFO serving"]);

    put(&flags, &FLAGS.replace("\"on\"}", "\"of\"}"));
    process.hears(&["ERROR", &format!("{name}:1:"), "error[unknown-default-variant]", "`of`"]);
    process.hears(&["  at: /flags/a/defaultVariant"]);
    process.hears(&["  help: did you mean `off`?"]);
    process.hears(&["WARN refused for 1 problem; still serving revision 1", &name, "revision=1"]);

    put(&flags, FLAGS);
    process.hears(&["INFO holds again what is served", &name]);

    put(&flags, &FLAGS.replace("\"on\"}", "\"off\"}"));
    process.hears(&["INFO flags changed", "revision=2", "changed=1", "added=0", "updated=1", "removed=0"]);
    process.hears(&["DEBUG changed", "flag=a"]);

    put(&flags, &FLAGS.replace("\"state\"", "\"description\": 5, \"unknown\": 1, \"state\""));
    process.hears(&["INFO flags changed", "revision=3"]);
    process.hears(&["WARN", &format!("{name}:1:"), "warning["]);
}

#[test]
fn a_certificate_that_has_expired_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut asked = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    asked.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let [certificate_path, key_path] = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
    fs::write(&certificate_path, asked.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&key_path, key.serialize_pem()).unwrap();
    let pair = ["-c", certificate_path.to_str().unwrap(), "-k", key_path.to_str().unwrap()];
    let mut process = start(&flags, &pair, &[]);
    process.hears(&["WARN the certificate has expired", certificate_path.to_str().unwrap()]);
    process.signal("TERM");
    assert_eq!(process.ends(), Some(0));
}

#[test]
fn the_log_is_json_if_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let name = flags.display().to_string();
    let mut process = start(&flags, &["--log-format=json"], &[]);
    process.hears(&["serving"]);
    put(&flags, &FLAGS.replace("\"on\"}", "\"of\"}"));
    process.hears(&["unknown-default-variant"]);
    put(&flags, "{\"flags\": {}, \"$evaluators\": 5}");
    process.hears(&["warn", "still serving revision 1"]);
    for line in &process.read {
        let event: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(event["ts"].is_string() && event["level"].is_string(), "{line}");
        if event["code"] == "unknown-default-variant" {
            assert_eq!(event["level"], "error");
            assert_eq!(event["file"], name.as_str());
            assert_eq!((&event["line"], &event["pointer"]), (&1.into(), &"/flags/a/defaultVariant".into()));
            assert_eq!(event["msg"], "default variant `of` of flag `a` does not exist");
            assert_eq!(event["help"], "did you mean `off`? variants here are `on`, `off`");
        }
    }
}

#[test]
fn a_panic_is_a_line_like_all_others_and_without_its_words() {
    // How panics are told is up to a whole process: the second one is this test again.
    if std::env::var_os("TEST_PANICS").is_some() {
        let _log = flagd::telemetry::log::start(flagd::settings::LogFormat::Json, false);
        let thread = std::thread::Builder::new().name("of-the-test".to_owned());
        assert!(thread.spawn(|| panic!("alice@example.com")).unwrap().join().is_err());
        return;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "a_panic_is_a_line_like_all_others_and_without_its_words", "--nocapture"]);
    let output = again.env("TEST_PANICS", "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    let event: serde_json::Value =
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{told}: {error}"));
    assert_eq!((&event["level"], &event["thread"]), (&"error".into(), &"of-the-test".into()));
    assert!(event["location"].as_str().unwrap().contains("command.rs:"), "{told}");
    assert!(!told.contains("alice"), "{told}");
}

#[test]
fn variables_without_effect_are_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let mut process = start(&flags, &["--keep-alive-min-time", "10s"], &[("FLAGD_PROT", "1")]);
    process.hears(&["WARN FLAGD_PROT: no option has this name", "did you mean FLAGD_PORT?"]);
    process.hears(&["WARN --keep-alive-min-time has no effect: "]);
}

#[test]
fn sighup_reads_all_sources_again_and_the_service_manager_hears_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let hears = |state: &str| {
        let until = Instant::now() + PATIENCE;
        let mut buffer = [0; 500];
        while Instant::now() < until {
            let length = manager.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.lines().any(|line| line == state) {
                return text;
            }
            assert_eq!(text, "WATCHDOG=1\n", "while waiting for {state}");
        }
        panic!("nobody says {state}");
    };
    let environment = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "100000")];
    let mut process = start(&flags, &[], &environment);
    hears("READY=1");
    hears("WATCHDOG=1");
    process.hears(&["INFO serving"]);
    process.signal("HUP");
    process.hears(&["INFO reading all sources again"]);
    assert!(hears("RELOADING=1").contains("MONOTONIC_USEC="));
    process.hears(&["INFO all sources are read", "revision=1"]);
    hears("READY=1");
    process.signal("TERM");
    hears("STOPPING=1");
    assert_eq!(process.ends(), Some(0));
}

#[test]
fn while_sources_are_read_again_signals_and_the_watchdog_are_heard() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    // Enough to be busy with for longer than it takes to be asked for something else.
    let flag = r#"{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}"#;
    let many: Vec<_> = (0..50_000).map(|number| format!("\"flag-{number}\": {flag}")).collect();
    let many = format!("{{\"flags\": {{{}}}}}", many.join(","));
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let (send, said) = channel();
    // Taken as it comes: a manager that takes nothing is waited for.
    std::thread::spawn(move || {
        let mut buffer = [0; 500];
        while let Ok(length) = manager.recv(&mut buffer)
            && send.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).is_ok()
        {}
    });
    let hears = || said.recv_timeout(PATIENCE).unwrap();
    let environment = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "20000")];
    let mut process = start(&flags, &[], &environment);
    process.hears(&["INFO serving"]);
    put(&flags, &many);
    process.signal("HUP");
    process.hears(&["INFO reading all sources again"]);
    while !hears().contains("RELOADING=1") {}
    assert_eq!(hears(), "WATCHDOG=1\n");
    process.signal("HUP");
    process.signal("TERM");
    process.hears(&["INFO stopping"]);
    let log = process.read.join("\n");
    assert!(!log.contains("all sources are read"), "{log}");
    assert_eq!(log.matches("reading all sources again").count(), 1);
    assert_eq!(process.ends(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let mut process = start(&flags, &["--drain", "1h"], &[]);
    let address = process.address("ofrep");
    process.hears(&["INFO serving"]);
    let connect = || std::net::TcpStream::connect(&address).unwrap();
    // Requests under way that never end: half a header, and half a body.
    let slow = [
        "POST /ofrep/v1/ev",
        "POST /ofrep/v1/evaluate/flags/a HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{",
    ];
    let _slow = slow.map(|beginning| {
        let mut stream = connect();
        stream.write_all(beginning.as_bytes()).unwrap();
        stream
    });
    // One that ends; the others, which came before it, are known then.
    let mut stream = connect();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0; 16]).unwrap() > 0);
    process.signal("TERM");
    process.hears(&["INFO stopping"]);
    // What comes within a second of the first is the same asking.
    process.signal("TERM");
    std::thread::sleep(Duration::from_millis(1_100));
    process.signal("TERM");
    process.hears(&["WARN ended by a second signal"]);
    assert_eq!(process.ends(), Some(1));
}

#[test]
fn signals_that_come_together_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let mut process = start(&flags, &[], &[]);
    let address = process.address("ofrep");
    process.hears(&["INFO serving"]);
    // A request under way, which ends a while after the signals.
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "POST /ofrep/v1/evaluate/flags/a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    process.signal("TERM");
    process.signal("INT");
    process.hears(&["INFO stopping"]);
    process.signal("TERM");
    stream.write_all(b"{}").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert_eq!(process.ends(), Some(0));
}

#[test]
fn who_asks_to_read_again_hears_what_is_still_refused() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let mut process = start(&flags, &[], &[]);
    process.hears(&["INFO serving"]);
    put(&flags, "{\"flags\": 5}");
    process.hears(&["still serving revision 1"]);
    process.signal("HUP");
    process.hears(&["reading all sources again"]);
    process.hears(&["ERROR", "error["]);
    process.hears(&["WARN", "all sources are read; 1 of them refused"]);
}

#[test]
fn details_tell_each_evaluation_and_changes_tell_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let mut process = start(&flags, &["--debug"], &[]);
    let address = process.address("ofrep");
    process.hears(&["INFO serving"]);
    for (key, line) in [
        ("a", &["DEBUG", "evaluated flag=a", "variant=\"on\"", "reason=\"STATIC\""][..]),
        ("b", &["DEBUG", "not evaluated flag=b", "error=\"FLAG_NOT_FOUND\""]),
    ] {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let head =
            format!("POST /ofrep/v1/evaluate/flags/{key} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        process.hears(line);
    }
    put(&flags, &FLAGS.replace("\"on\"}", "\"off\"}"));
    process.hears(&["INFO flags changed", "changed=1", "keys=\"a\""]);
    put(&flags, &FLAGS.replace("\"on\"}", "\"off\"}  "));
    process.hears(&["INFO files changed, and no flag that is served did"]);
}

#[test]
fn contexts_and_headers_are_in_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let mut process = start(&flags, &["-x", "-H", "x-canary=c", "-X", "static=canary-static"], &[]);
    let services = ["evaluation", "management", "sync", "ofrep"];
    let addresses = services.map(|service| process.address(service));
    let paths = [
        "/ofrep/v1/evaluate/flags/a",
        "/ofrep/v1/evaluate/flags",
        "/flagd.evaluation.v1.Service/ResolveBoolean",
        "/flagd.evaluation.v2.Service/ResolveBoolean",
        "/schema.v1.Service/ResolveBoolean",
    ];
    let bodies = [
        r#"{"flagKey": "a", "context": {"targetingKey": "canary-body", "email": "canary-body"}}"#,
        r#"{"flagKey": "a", "context": {"targetingKey": "canary-body", "#,
        r#"{"flagKey": 5, "context": "canary-body"}"#,
    ];
    for address in &addresses {
        for (path, body) in paths.iter().flat_map(|path| bodies.map(|body| (path, body))) {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let length = body.len();
            let head =
                format!("POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-canary: canary-header");
            let type_ = "content-type: application/json";
            write!(stream, "{head}\r\n{type_}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    process.signal("TERM");
    process.hears(&["INFO stopped"]);
    let log = process.read.join("\n");
    assert!(!log.contains("canary-"), "{log}");
    assert_eq!(process.ends(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_or_that_is_closed_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let ready = folder.path().join("notify");
    let manager = UnixDatagram::bind(&ready).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let source = format!("file:{}", flags.display());
    // More than a pipe holds.
    let noise: Vec<(String, &str)> =
        (0..1_000).map(|number| (format!("FLAGD_NOISE_{number}"), "1")).collect();
    for closed in [false, true] {
        let mut command = flagd(&["start", "-f", &source, "-p", "0", "-m", "0", "-g", "0", "-r", "0"]);
        command.env("NOTIFY_SOCKET", &ready).envs(noise.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = child.stderr.take().filter(|_| !closed);
        let process = Process { child, lines: channel().1, read: Vec::new() };
        let mut buffer = [0; 100];
        let length = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\n");
        process.signal("TERM");
        assert_eq!(process.ends(), Some(0), "closed: {closed}");
        let _ = manager.recv(&mut buffer);
        drop(log);
    }
}

#[test]
fn a_log_that_is_read_too_slowly_tells_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let flags = flag_file(folder.path(), FLAGS);
    let ready = folder.path().join("notify");
    let manager = UnixDatagram::bind(&ready).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let source = format!("file:{}", flags.display());
    let mut command = flagd(&["start", "-f", &source, "-p", "0", "-m", "0", "-g", "0", "-r", "0"]);
    // More than a pipe and the queue hold together.
    command.env("NOTIFY_SOCKET", &ready).envs((0..6_000).map(|number| (format!("FLAGD_N{number}"), "1")));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = child.stderr.take().unwrap();
    let _process = Process { child, lines: channel().1, read: Vec::new() };
    // It is ready, and so all of them are told.
    assert!(manager.recv(&mut [0; 100]).unwrap() > 0);
    let told = BufReader::new(log).lines().map_while(Result::ok);
    let mut left_out =
        told.filter_map(|line| line.strip_suffix(" lines of the log are left out")?.parse::<u32>().ok());
    let count = left_out.next().unwrap();
    assert!(0 < count && count < 6_000, "{count}");
}
