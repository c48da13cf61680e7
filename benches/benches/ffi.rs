//! What the C library costs over the Rust one: the same questions, in turn, from a C program and from here; and whether
//! memory stays as it is while ten million users are evaluated.
//!
//! The C program (`benches/ffi/calls.c`) is compiled when this runs, against the library as `make install` installs it.

use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use benches::{Row, SPLIT, USER, client, figures, flag_set, keys_of, shuffle, user};
use flagcore::{EvaluationContext, Flag, Reader, Value};

/// Flags in the set.
const SIZE: usize = 1_000;
/// Of how many rounds the fastest counts: others use the machine, too.
const ROUNDS: usize = 21;
/// About how long a round takes.
const ROUND_NS: f64 = 20e6;
/// Users that are evaluated once each.
const USERS: u32 = 10_000_000;
/// The ways to ask: by flag and by key with a context that is there, by flag with one that is built for each call, and
/// everything about the answer.
const WAYS: [&str; 5] = ["flag", "key", "built", "detail", "detail-key"];

fn main() {
    let prefix = install();
    let mut c = Calls::start(&prefix);
    let (client, rows) = client(SIZE);
    let (mut reader, known) = (client.reader(), user());
    let asked = rows
        .into_iter()
        .filter(|(row, _)| ["static", "two-conditions", "rollout", "split"].contains(&row.name));
    let mut kept = Vec::new();
    for (row, flag) in asked {
        check(&mut reader, row, flag, &known);
        for way in WAYS {
            let mut best = Times { c: f64::INFINITY, rust: f64::INFINITY };
            let mut calls = 1_000;
            for _ in 0..ROUNDS {
                best.c = best.c.min(c.time(way, row, calls));
                best.rust = best.rust.min(time(&mut reader, way, row, flag, &known, calls));
                calls = (ROUND_NS / best.c.max(best.rust)) as u32;
            }
            kept.push((format!("{} {way} c-ns", row.name), best.c));
            kept.push((format!("{} {way} rust-ns", row.name), best.rust));
        }
    }
    keep("ffi", &kept);
    let [before, most, after] = c.memory(USERS);
    let figures = [
        ("users-millions", f64::from(USERS) / 1e6),
        ("resident-kib-before", before),
        ("resident-kib-most", most),
        ("resident-kib-after", after),
    ];
    keep("ffi-memory", &figures.map(|(name, figure)| (name.to_owned(), figure)));
}

/// Nanoseconds of one call.
struct Times {
    c: f64,
    rust: f64,
}

fn keep(benchmark: &str, kept: &[(String, f64)]) {
    let kept: Vec<(&str, f64)> = kept.iter().map(|(name, figure)| (name.as_str(), *figure)).collect();
    figures::keep(benchmark, &kept);
}

/// A wrong answer is never a fast one.
fn check(reader: &mut Reader, row: Row, flag: Flag, user: &EvaluationContext<'_>) {
    assert_eq!(reader.any_detail(flag, user, &Value::Null).variant(), row.variant, "{}", row.name);
    assert_eq!(reader.any_detail(row.key, user, &Value::Null).variant(), row.variant, "{}", row.name);
    let mut built = EvaluationContext::empty();
    build(&mut built);
    assert_eq!(reader.any_detail(flag, &built, &Value::Null).variant(), row.variant, "{}", row.name);
}

/// What the C program builds for each call.
fn build(kept: &mut EvaluationContext<'static>) {
    kept.clear();
    kept.set("targetingKey", black_box(USER)).set("email", black_box("jane.doe@example.com"));
    kept.set("country", black_box("DE")).set("plan", black_box("pro"));
    kept.set("appVersion", black_box("2.3.1")).set("age", black_box(42));
}

/// Nanoseconds of each of so many calls from Rust.
fn time(
    reader: &mut Reader,
    way: &str,
    row: Row,
    flag: Flag,
    user: &EvaluationContext<'_>,
    calls: u32,
) -> f64 {
    let mut built = EvaluationContext::empty();
    let start = Instant::now();
    macro_rules! each {
        (|$reader:ident| $asked:expr) => {
            for _ in 0..calls {
                let $reader = &mut *reader;
                black_box($asked);
            }
        };
    }
    macro_rules! ways {
        ($plain:ident, $detail:ident, $default:expr) => {
            match way {
                "flag" => each!(|reader| reader.$plain(black_box(flag), black_box(user), $default)),
                "key" => each!(|reader| reader.$plain(black_box(row.key), black_box(user), $default)),
                "built" => each!(|reader| {
                    build(&mut built);
                    reader.$plain(black_box(flag), black_box(&built), $default)
                }),
                "detail" => each!(|reader| {
                    let detail = reader.$detail(black_box(flag), black_box(user), $default);
                    (
                        detail.variant().map(str::len),
                        detail.reason(),
                        detail.error_code(),
                        detail.value() == $default,
                    )
                }),
                _ => each!(|reader| {
                    let detail = reader.$detail(black_box(row.key), black_box(user), $default);
                    (
                        detail.variant().map(str::len),
                        detail.reason(),
                        detail.error_code(),
                        detail.value() == $default,
                    )
                }),
            }
        };
    }
    if row.name == SPLIT.name {
        ways!(string, string_detail, "")
    } else {
        ways!(bool, bool_detail, false)
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

/// The C program, which asks its own client the same.
struct Calls {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Calls {
    fn start(prefix: &Path) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (program, flags, keys) = (prefix.join("calls"), prefix.join("flags.json"), prefix.join("keys"));
        let mut compiler = Command::new("cc");
        compiler.args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"]);
        compiler.arg(here.join("ffi/calls.c")).arg("-I").arg(prefix.join("include"));
        compiler.arg("-L").arg(prefix.join("lib")).args(["-lflagcore", "-o"]).arg(&program);
        run(&mut compiler);
        let text = flag_set(SIZE);
        let mut order = keys_of(&text);
        shuffle(&mut order);
        fs::write(&flags, text).expect("the flags are written");
        fs::write(&keys, order.join("\n")).expect("the keys are written");
        let mut command = Command::new(program);
        command.arg(flags).arg(keys).env("LD_LIBRARY_PATH", prefix.join("lib"));
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().expect("the C program starts");
        let questions = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, questions, answers }
    }

    fn ask(&mut self, question: &str) -> String {
        let mut answer = String::new();
        let asked = writeln!(self.questions, "{question}").and_then(|()| self.answers.read_line(&mut answer));
        assert!(asked.is_ok_and(|bytes| bytes > 0), "the C program does not answer `{question}`");
        answer
    }

    /// Nanoseconds of each of so many calls from C.
    fn time(&mut self, way: &str, row: Row, calls: u32) -> f64 {
        let variant = row.variant.expect("rows without a variant are not asked for");
        let answer = self.ask(&format!("time {way} {} {variant} {calls}", row.key));
        answer.trim().parse().expect("a number of nanoseconds")
    }

    /// Resident KiB before so many users, the most meanwhile, and after.
    fn memory(&mut self, users: u32) -> [f64; 3] {
        let answer = self.ask(&format!("memory {users}"));
        let mut kib = answer.split_whitespace().map(|word| word.parse().expect("a number of KiB"));
        std::array::from_fn(|_| kib.next().expect("three numbers"))
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the library and installs it in `target`.
fn install() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let prefix = figures::folder().with_file_name("ffi");
    let mut make = Command::new("make");
    make.arg("--silent").arg("-C").arg(here.join("../sdk-ffi")).arg("install");
    run(make.arg(format!("PREFIX={}", prefix.display())));
    prefix
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "{command:?}: {status:?}");
}
