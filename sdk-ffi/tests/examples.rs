//! The worked hosts of `examples/`: each runs against a flag file that is edited meanwhile.

#![cfg(target_os = "linux")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use common::{built, has, here, run};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// An example that is running; it does not outlive the test.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line that it writes; empty at its end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn lines<const N: usize>(&mut self) -> [String; N] {
        std::array::from_fn(|_| self.line())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a copy of the examples' flag file.
fn flags(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk-ffi-examples").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("flags.json");
    std::fs::copy(here().join("examples/flags.json"), &file).unwrap();
    file
}

/// Edits a flag file as an editor would: the new text is there at once.
fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    let new = file.with_extension("new");
    std::fs::write(&new, text.replace(from, to)).unwrap();
    std::fs::rename(&new, file).unwrap();
}

#[test]
fn the_python_host_asks_every_type_and_follows_its_file() {
    if !has("python3") {
        return;
    }
    let file = flags("python");
    let mut command = Command::new("python3");
    command.arg(here().join("examples/host.py")).arg(built().join("libflagcore_ffi.so")).arg(&file);
    let mut host = Running::start(&mut command);
    let [refused, help, problems] = host.lines();
    assert!(refused.starts_with("refused: flagcore_client_open: no-such-file.json: error"), "{refused}");
    assert!(help.starts_with("  help: ") && problems.starts_with("1 problem"), "{help}\n{problems}");
    let mut expected = [
        r#"["checkout", true, true, "on", "TARGETING_MATCH", null, {"owner": "payments"}]"#,
        r#"["banner", "Flowers for everyone", "Flowers for everyone", "spring", "STATIC", null, {}]"#,
        r#"["page-size", 20, 20, "small", "STATIC", null, {}]"#,
        r#"["discount", 0.1, 0.1, "tenth", "STATIC", null, {}]"#,
        r#"["layout", {"columns": 3, "fonts": ["sans"]}, {"columns": 3, "fonts": ["sans"]}, "wide", "TARGETING_MATCH", null, {}]"#,
        r#"["lost", 7, null, null, "ERROR", "there is no such flag (FLAG_NOT_FOUND)", {}]"#,
    ];
    assert_eq!(host.lines(), expected);
    edit(&file, r#""defaultVariant": "small""#, r#""defaultVariant": "large""#);
    expected[2] = r#"["page-size", 50, 50, "large", "STATIC", null, {}]"#;
    assert_eq!(host.lines(), expected);
    drop(host.child.stdin.take());
    assert!(host.child.wait().unwrap().success());
    assert_eq!(host.line(), "");
}

#[test]
fn the_python_host_is_under_a_hundred_lines() {
    let lines = std::fs::read_to_string(here().join("examples/host.py")).unwrap().lines().count();
    assert!(lines < 100, "{lines}");
}

#[test]
fn the_c_server_answers_by_flag_and_follows_its_file() {
    if !has("gcc") {
        return;
    }
    let file = flags("server");
    let folder = file.parent().unwrap();
    let program = folder.join("server");
    // By the name that programs ask for.
    std::os::unix::fs::symlink(built().join("libflagcore_ffi.so"), folder.join("libflagcore.so.0")).unwrap();
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread"]);
    compiler.arg(here().join("examples/server.c")).arg("-I").arg(here().join("include"));
    run(compiler.arg(folder.join("libflagcore.so.0")).arg("-o").arg(&program));

    let mut command = Command::new(&program);
    let mut server = Running::start(command.arg(&file).arg("0").env("LD_LIBRARY_PATH", folder));
    let line = server.line();
    let address = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();

    let (old, new) = ("the old checkout\nFlowers for everyone\n", "the new checkout\nFlowers for everyone\n");
    assert_eq!(get(&address, "/?user=user-1"), ("off DEFAULT".to_owned(), old.to_owned()));
    assert_eq!(get(&address, "/?user=user-1&plan=pro"), ("on TARGETING_MATCH".to_owned(), new.to_owned()));
    assert_eq!(get(&address, "/"), ("off DEFAULT".to_owned(), old.to_owned()));
    // A request that is none is not answered, and hurts nobody.
    for rubbish in ["", "\r\n", "GET /?user=\u{7f}&&=&plan HTTP/1.1", &"x".repeat(100_000)] {
        let mut connection = connect(&address);
        // The server may have hung up already.
        let _ = connection.write_all(rubbish.as_bytes());
        let _ = connection.shutdown(std::net::Shutdown::Write);
        let _ = connection.read_to_end(&mut Vec::new());
    }
    // Bytes that are no UTF-8 are refused by the context: the flags give their fallbacks.
    let (checkout, page) = get_bytes(&address, b"/?plan=\xff");
    assert_eq!((checkout.as_str(), page.lines().next()), (" ERROR", Some("the old checkout")));

    edit(&file, r#""pro""#, r#""free""#);
    let start = Instant::now();
    while get(&address, "/?user=user-1&plan=free").0 != "on TARGETING_MATCH" {
        assert!(start.elapsed() < PATIENCE, "the edited file is not served");
    }
    assert_eq!(get(&address, "/?user=user-1&plan=pro"), ("off DEFAULT".to_owned(), old.to_owned()));
    // Threads with a reader each answer at once.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(get(&address, "/?plan=free").1, new);
                }
            });
        }
    });
    run(Command::new("kill").arg("-TERM").arg(server.child.id().to_string()));
    assert!(server.child.wait().unwrap().success());
}

fn connect(address: &str) -> TcpStream {
    let connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// What the server tells of the flag, and the page.
fn get(address: &str, path: &str) -> (String, String) {
    get_bytes(address, path.as_bytes())
}

fn get_bytes(address: &str, path: &[u8]) -> (String, String) {
    let mut connection = connect(address);
    connection.write_all(&[b"GET ", path, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
    let checkout = head.lines().find_map(|line| line.strip_prefix("X-Checkout: "));
    (checkout.unwrap_or_else(|| panic!("{head}")).to_owned(), page.to_owned())
}
