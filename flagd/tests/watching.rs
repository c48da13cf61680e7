//! What stops others from watching for good: ours goes on serving, says in `/status` what is wrong while it is,
//! and serves what is new when it is over.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use common::process::{Kept, Process, command, until};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Something that goes wrong with a file, or with the process that watches it.
struct Fault {
    what: &'static str,
    /// Makes the folder with the file, where that is more than the file.
    prepare: fn(&Folder),
    begin: fn(&Folder, &Process),
    /// What `/status` says of it, among other words.
    told: &'static str,
    lasts: Duration,
    /// Ends it; the file has the value 2 by then.
    end: fn(&Folder, &Process),
}

/// A folder with the file that is watched.
struct Folder {
    root: TempDir,
}

impl Folder {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("flags")).unwrap();
        fs::write(root.path().join("steady.json"), flags("steady", 7)).unwrap();
        Self { root }
    }

    fn file(&self) -> PathBuf {
        self.beside("flags.json")
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join("flags").join(name)
    }

    fn steady(&self) -> PathBuf {
        self.root.path().join("steady.json")
    }

    /// Puts a value in place whole.
    fn put(&self, value: i64) {
        fs::write(self.beside("new"), flags("a", value)).unwrap();
        fs::rename(self.beside("new"), self.file()).unwrap();
    }

    /// A generation of a volume as Kubernetes makes it: a hidden folder, which a link names.
    fn generation(&self, name: &str, value: i64) {
        fs::create_dir(self.beside(name)).unwrap();
        fs::write(self.beside(name).join("flags.json"), flags("a", value)).unwrap();
        symlink(name, self.beside("..data_tmp")).unwrap();
        fs::rename(self.beside("..data_tmp"), self.beside("..data")).unwrap();
    }
}

fn flags(key: &str, value: i64) -> String {
    let flag = json!({"state": "ENABLED", "variants": {"v": value}, "defaultVariant": "v"});
    json!({"flags": {key: flag}}).to_string()
}

fn plain(folder: &Folder) {
    folder.put(1);
}

fn put_2(folder: &Folder, _: &Process) {
    folder.put(2);
}

const FAULTS: [Fault; 11] = [
    Fault {
        what: "a loop of links",
        prepare: plain,
        begin: |folder, _| {
            fs::remove_file(folder.file()).unwrap();
            symlink("other.json", folder.file()).unwrap();
            symlink("flags.json", folder.beside("other.json")).unwrap();
        },
        told: "Too many levels of symbolic links",
        lasts: Duration::from_secs(4),
        end: put_2,
    },
    Fault {
        what: "a loop of folders on the way",
        prepare: plain,
        begin: |folder, _| {
            fs::rename(folder.beside(""), folder.root.path().join("away")).unwrap();
            symlink("flags", folder.root.path().join("flags")).unwrap();
        },
        told: "Too many levels of symbolic links",
        lasts: Duration::from_secs(4),
        end: |folder, process| {
            fs::remove_file(folder.root.path().join("flags")).unwrap();
            fs::rename(folder.root.path().join("away"), folder.root.path().join("flags")).unwrap();
            put_2(folder, process);
        },
    },
    Fault {
        what: "an absence",
        prepare: plain,
        begin: |folder, _| fs::remove_file(folder.file()).unwrap(),
        told: "missing-file",
        lasts: Duration::from_secs(6),
        end: put_2,
    },
    Fault {
        what: "an absence of the whole folder",
        prepare: plain,
        begin: |folder, _| fs::remove_dir_all(folder.beside("")).unwrap(),
        told: "missing-file",
        lasts: Duration::from_secs(6),
        end: |folder, process| {
            fs::create_dir(folder.beside("")).unwrap();
            put_2(folder, process);
        },
    },
    Fault {
        what: "no descriptors for some polls",
        prepare: plain,
        begin: |folder, process| {
            process.may_open(Some(0));
            folder.put(2);
        },
        told: "Too many open files",
        lasts: Duration::from_secs(3),
        end: |_, process| process.may_open(None),
    },
    Fault {
        what: "a folder in place of the file",
        prepare: plain,
        begin: |folder, _| {
            fs::remove_file(folder.file()).unwrap();
            fs::create_dir(folder.file()).unwrap();
        },
        told: "no-files",
        lasts: Duration::from_secs(2),
        end: |folder, process| {
            fs::remove_dir(folder.file()).unwrap();
            put_2(folder, process);
        },
    },
    Fault {
        what: "a socket in place of the file",
        prepare: plain,
        begin: |folder, _| {
            fs::remove_file(folder.file()).unwrap();
            drop(UnixListener::bind(folder.file()).unwrap());
        },
        told: "unreadable",
        lasts: Duration::from_secs(2),
        end: put_2,
    },
    Fault {
        what: "a file cut short",
        prepare: plain,
        begin: |folder, _| {
            let whole = flags("a", 2);
            fs::write(folder.file(), &whole[..whole.len() / 2]).unwrap();
        },
        told: "flags.json:1:",
        lasts: Duration::from_secs(2),
        end: |folder, _| fs::write(folder.file(), flags("a", 2)).unwrap(),
    },
    Fault {
        what: "an empty file",
        prepare: plain,
        begin: |folder, _| fs::write(folder.file(), "").unwrap(),
        told: "empty-file",
        lasts: Duration::from_secs(2),
        end: |folder, _| fs::write(folder.file(), flags("a", 2)).unwrap(),
    },
    Fault {
        what: "rules nested 5,000 deep",
        prepare: plain,
        begin: |folder, _| {
            let rule = format!("{}true{}", r#"{"!":["#.repeat(5_000), "]}".repeat(5_000));
            let deep = flags("a", 2).replace("\"state\"", &format!("\"targeting\":{rule},\"state\""));
            fs::write(folder.file(), deep).unwrap();
        },
        told: "too-deep",
        lasts: Duration::from_secs(2),
        end: put_2,
    },
    Fault {
        what: "a generation of a volume removed before the next is there",
        prepare: |folder| {
            folder.generation("..1", 1);
            symlink("..data/flags.json", folder.file()).unwrap();
        },
        begin: |folder, _| fs::remove_dir_all(folder.beside("..1")).unwrap(),
        told: "missing-file",
        lasts: Duration::from_secs(4),
        end: |folder, _| folder.generation("..2", 2),
    },
];

#[tokio::test]
async fn every_fault_is_told_while_it_lasts_and_overcome_after_it() {
    let mut faults: JoinSet<()> = FAULTS.into_iter().map(overcome).collect();
    while let Some(outcome) = faults.join_next().await {
        outcome.unwrap();
    }
}

async fn overcome(fault: Fault) {
    let what = fault.what;
    let folder = Folder::new();
    (fault.prepare)(&folder);
    let process = Process::start(&[&folder.file(), &folder.steady()], &[]);
    // All there is to ask over is opened now: later there may be no descriptors.
    let mut management = Kept::to(process.management).await;
    let mut ofrep = Kept::to(process.ofrep).await;
    let changes = listen(&process).await;
    assert_eq!(ofrep.value("a").await, 1, "{what}");
    let status = management.status().await;
    assert_eq!(status["sources"][0]["refused"], Value::Null, "{what}");
    assert_eq!(status["sources"][0]["recovered"], Value::Null, "{what}");

    let began = now();
    (fault.begin)(&folder, &process);
    let start = Instant::now();
    let mut refused = Value::Null;
    while refused.is_null() || start.elapsed() < fault.lasts {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} is not told of");
        assert_eq!(ofrep.value("a").await, 1, "{what}");
        assert_eq!(ofrep.value("steady").await, 7, "{what}");
        assert_eq!(management.get("/readyz").await.0, 200, "{what}");
        let status = management.status().await;
        assert_eq!(status["sources"][1]["refused"], Value::Null, "{what}");
        assert_eq!(status["sources"][0]["recovered"], Value::Null, "{what}");
        refused = status["sources"][0]["refused"].clone();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let text = refused["text"].as_str().unwrap().to_owned();
    assert!(text.contains(fault.told), "{what} is told of as {text}");
    assert!(refused["at"].as_f64().unwrap() >= began - 1.0, "{what}: {refused}");

    (fault.end)(&folder, &process);
    let status = overcome_by(what, 2, &mut ofrep, &mut management).await;
    let source = &status["sources"][0];
    let from = &source["recovered"]["from"];
    // What takes two steps to end may have been seen between them, when there was nothing.
    let between = from["text"].as_str().unwrap().contains("missing-file");
    assert!(between || from["text"] == text.as_str() && from["at"] == refused["at"], "{what}: {from}");
    assert!(source["recovered"]["at"].as_f64() >= refused["at"].as_f64(), "{what}: {source}");
    assert!(source["served"]["since"].as_f64() >= refused["at"].as_f64(), "{what}: {source}");
    assert_eq!(status["sources"][1]["recovered"], Value::Null, "{what}");
    process.hears(&["WARN", "still serving revision 1"]);

    // The watching goes on as if nothing had been.
    match fs::read_link(folder.beside("..data")) {
        Ok(_) => folder.generation("..3", 3),
        Err(_) => folder.put(3),
    }
    overcome_by(what, 3, &mut ofrep, &mut management).await;
    assert_eq!(process.ends(), Some(0), "{what}");
    // Who listens heard what there was at first, of the two changes, and of nothing else.
    let heard = changes.await.unwrap();
    assert_eq!(heard.matches("\nid: ").count(), 3, "{what}: {heard}");
}

/// Waits until a value is served and nothing is wrong; what `/status` says then.
async fn overcome_by(what: &str, value: i64, ofrep: &mut Kept, management: &mut Kept) -> Value {
    let start = Instant::now();
    loop {
        let served = ofrep.value("a").await;
        let status = management.status().await;
        if served == value && status["sources"][0]["refused"].is_null() {
            return status;
        }
        assert!(served == value || served == value - 1, "{what}: {served} is served");
        assert!(start.elapsed() < Duration::from_secs(30), "{what} is not overcome: {status}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// One who listens to changes over OFREP, and tells all it heard when the stream is over.
async fn listen(process: &Process) -> tokio::task::JoinHandle<String> {
    let mut stream = TcpStream::connect(process.ofrep).await.unwrap();
    stream.write_all(b"GET /ofrep/v1/sse HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("\nid: ") {
        assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0);
    }
    tokio::spawn(async move {
        let _ = stream.read_to_end(&mut heard).await;
        String::from_utf8_lossy(&heard).into_owned()
    })
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Rights do not apply to the superuser: where this is one, the daemon is somebody else.
#[tokio::test]
async fn lost_rights_are_told_of_and_regained() {
    let folder = Folder::new();
    folder.put(1);
    let set = |mode| fs::set_permissions(folder.file(), fs::Permissions::from_mode(mode)).unwrap();
    fs::set_permissions(folder.root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Others may not reach the binary where it was built.
    let binary = folder.root.path().join("flagd");
    fs::copy(env!("CARGO_BIN_EXE_flagd"), &binary).unwrap();
    let mut daemon = command(&binary);
    if rustix::process::geteuid().is_root() {
        daemon.uid(65_534);
    }
    let process = Process::run(daemon, &[&folder.file(), &folder.steady()], &[]);
    let mut management = Kept::to(process.management).await;
    let mut ofrep = Kept::to(process.ofrep).await;
    assert_eq!(ofrep.value("a").await, 1);
    set(0o000);
    let text = until("it is told of", async || {
        let refused = management.status().await["sources"][0]["refused"].clone();
        refused["text"].as_str().map(str::to_owned)
    })
    .await;
    assert!(text.contains("Permission denied"), "{text}");
    assert_eq!(ofrep.value("a").await, 1);
    // The same file may be read again, and then another one.
    set(0o644);
    let status = overcome_by("lost rights", 1, &mut ofrep, &mut management).await;
    assert_eq!(status["sources"][0]["recovered"]["from"]["text"], text.as_str());
    process.hears(&["INFO", "holds again what is served"]);
    folder.put(2);
    overcome_by("lost rights", 2, &mut ofrep, &mut management).await;
    assert_eq!(process.ends(), Some(0));
}

#[tokio::test]
async fn an_older_file_is_served_and_is_no_fault() {
    let folder = Folder::new();
    folder.put(1);
    let process = Process::start(&[&folder.file(), &folder.steady()], &[]);
    let mut management = Kept::to(process.management).await;
    let mut ofrep = Kept::to(process.ofrep).await;
    // Each as long as the one before it, and an hour older; renamed into place, or written in place.
    for value in 2..=9 {
        let path = if value % 2 == 0 { folder.beside("new") } else { folder.file() };
        fs::write(&path, flags("a", value)).unwrap();
        let age = Duration::from_secs(3_600 * value.unsigned_abs());
        fs::File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
        if path != folder.file() {
            fs::rename(path, folder.file()).unwrap();
        }
        let status = overcome_by("an older file", value, &mut ofrep, &mut management).await;
        assert_eq!(status["sources"][0]["recovered"], Value::Null);
    }
    assert_eq!(process.ends(), Some(0));
}

#[tokio::test]
async fn a_set_that_loses_all_its_flags_is_told_of_while_it_is_doubted() {
    let folder = Folder::new();
    folder.put(1);
    let process = Process::start(&[&folder.file(), &folder.steady()], &[]);
    let mut management = Kept::to(process.management).await;
    let mut ofrep = Kept::to(process.ofrep).await;
    fs::write(folder.file(), r#"{"flags": {}}"#).unwrap();
    let told = until("it is told of", async || {
        let waiting = management.status().await["sources"][0]["waiting"].clone();
        waiting.as_str().filter(|text| text.contains("flags")).map(str::to_owned)
    })
    .await;
    assert_eq!(ofrep.value("a").await, 1, "{told}");
    folder.put(2);
    let status = overcome_by("a doubted set", 2, &mut ofrep, &mut management).await;
    assert_eq!(status["sources"][0]["waiting"], Value::Null);
    assert_eq!(process.ends(), Some(0));
}
