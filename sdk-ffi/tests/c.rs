//! Programs in C and C++, built against an installed library as a user would build them: plain, under valgrind, with
//! the address sanitizer, and with the static library.
//!
//! What they check is in `c/`; each is called with a folder for its files, and how much it is to do.

#![cfg(target_os = "linux")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{built, has, here, run};

const PROGRAMS: &[&str] = &[
    "quickstart",
    "signals",
    "answers",
    "context",
    "mistakes",
    "updates",
    "files",
    "threads",
    "fork",
    "memory",
    "stack",
    "shadow",
];

/// Where the library is installed; once for all tests of this binary.
fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let prefix = scratch("prefix");
        make(&["install", &format!("PREFIX={}", prefix.display())]);
        prefix
    })
}

/// An empty folder in `target`.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk-ffi").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn make(arguments: &[&str]) -> String {
    let stage = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk-ffi/stage");
    let mut command = Command::new("make");
    command.arg("-C").arg(here()).args(arguments);
    command.arg(format!("BUILT={}", built().display())).arg(format!("STAGE={}", stage.display()));
    run(&mut command)
}

/// What pkg-config says about the installed library.
fn pkg_config(question: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.args(question).arg("flagcore").env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig"));
    run(&mut command).split_whitespace().map(str::to_owned).collect()
}

/// Compiles a program of `c/`.
fn compile(name: &str, into: &Path, more: &[&str], libraries: &[String]) -> PathBuf {
    let is_c = !name.ends_with(".cpp");
    let source = here().join("tests/c").join(if is_c { format!("{name}.c") } else { name.to_owned() });
    let program = into.join(name.trim_end_matches(".cpp"));
    let mut command = Command::new(if is_c { "gcc" } else { "g++" });
    command.arg(if is_c { "-std=c99" } else { "-std=c++17" });
    command.args(["-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread"]).args(more);
    command.arg(source).args(libraries).arg("-o").arg(&program);
    run(&mut command);
    program
}

/// Runs a program, by another one if need be, with so much to do.
fn execute(by: &[&str], program: &Path, folder: &Path, amount: &str) {
    let mut line = by.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    line.push(program.display().to_string());
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).arg(folder).arg(amount);
    command
        .env("LD_LIBRARY_PATH", prefix().join("lib"))
        .env("ASAN_OPTIONS", "detect_stack_use_after_return=1");
    run(&mut command);
}

fn shared() -> Vec<String> {
    pkg_config(&["--cflags", "--libs"])
}

fn tools(wanted: &[&str]) -> bool {
    ["make", "gcc", "pkg-config"].iter().chain(wanted).all(|tool| has(tool))
}

#[test]
fn c99_programs_run() {
    if !tools(&[]) {
        return;
    }
    let folder = scratch("plain");
    for name in PROGRAMS {
        execute(&[], &compile(name, &folder, &[], &shared()), &folder, "10000");
    }
}

#[test]
fn c99_programs_run_under_valgrind_without_a_word_of_it() {
    if !tools(&["valgrind"]) {
        return;
    }
    let folder = scratch("valgrind");
    // What tables of handles keep is reachable for ever.
    let by = [
        "valgrind",
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite",
        "--show-leak-kinds=definite",
        "--fair-sched=yes",
    ];
    // Of `memory` valgrind has an allocator of its own.
    for name in PROGRAMS.iter().filter(|name| **name != "memory") {
        // The child of a fork leaves alone what belongs to its parent.
        let by: &[&str] = if *name == "fork" { &by[..3] } else { &by };
        execute(by, &compile(name, &folder, &[], &shared()), &folder, "400");
    }
}

#[test]
fn c99_programs_run_with_the_address_sanitizer() {
    if !tools(&[]) {
        return;
    }
    let folder = scratch("asan");
    let options = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
    // Of `memory` the sanitizer has an allocator of its own.
    for name in PROGRAMS.iter().filter(|name| **name != "memory") {
        // The sanitizer's allocator does not survive a fork while other threads use it, and the child of a fork leaves
        // alone what belongs to its parent.
        let (amount, leaks) =
            if *name == "fork" { ("0", "detect_leaks=0") } else { ("2000", "detect_leaks=1") };
        let program = compile(name, &folder, &options, &shared());
        execute(&["env", &format!("ASAN_OPTIONS={leaks}")], &program, &folder, amount);
    }
}

#[test]
fn programs_run_with_the_static_library() {
    if !tools(&[]) {
        return;
    }
    let folder = scratch("static");
    let mut libraries = pkg_config(&["--cflags"]);
    libraries.push(prefix().join("lib/libflagcore.a").display().to_string());
    let all = pkg_config(&["--libs", "--static"]);
    libraries.extend(all.into_iter().filter(|word| !word.starts_with("-L") && word != "-lflagcore"));
    for name in ["quickstart", "answers", "threads", "fork"] {
        execute(&[], &compile(name, &folder, &[], &libraries), &folder, "2000");
    }
    let listed =
        run(Command::new("nm").args(["-g", "--defined-only"]).arg(prefix().join("lib/libflagcore.a")));
    let foreign: Vec<&str> =
        listed.lines().filter(|line| line.contains(' ') && !line.contains(" flagcore_")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn the_static_library_stands_beside_another_one_made_of_rust() {
    if !tools(&["rustc"]) {
        return;
    }
    let folder = scratch("beside");
    let other = folder.join("other.rs");
    std::fs::write(&other, "#[unsafe(no_mangle)] pub extern \"C\" fn other() -> usize { vec![1; 7].len() }")
        .unwrap();
    let archive = folder.join("libother.a");
    let mut command = Command::new("rustc");
    run(command.args(["--crate-type", "staticlib", "--edition", "2024"]).arg(&other).arg("-o").arg(&archive));
    let source = folder.join("both.c");
    let program = "#include <flagcore.h>\nsize_t other(void);\n\
        int main(void) { return flagcore_check() == FLAGCORE_OK && other() == 7 ? 0 : 1; }\n";
    std::fs::write(&source, program).unwrap();
    for order in [["libflagcore.a", "libother.a"], ["libother.a", "libflagcore.a"]] {
        let place =
            |name: &str| if name == "libother.a" { archive.clone() } else { prefix().join("lib").join(name) };
        let both = folder.join("both");
        let mut command = Command::new("gcc");
        command.arg(&source).args(pkg_config(&["--cflags"])).args(order.map(place));
        run(command.args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc", "-o"]).arg(&both));
        run(&mut Command::new(&both));
    }
}

#[test]
fn the_program_in_the_readme_runs() {
    if !tools(&[]) {
        return;
    }
    let folder = scratch("readme");
    let readme = std::fs::read_to_string(here().join("README.md")).unwrap();
    let program = readme.split_once("```c\n").unwrap().1.split_once("```").unwrap().0;
    let (source, built) = (folder.join("readme.c"), folder.join("readme"));
    std::fs::write(&source, program).unwrap();
    let mut command = Command::new("gcc");
    command.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]).arg(source);
    run(command.args(shared()).arg("-o").arg(&built));
    let mut command = Command::new(built);
    command.current_dir(here().join("..")).env("LD_LIBRARY_PATH", prefix().join("lib"));
    assert_eq!(run(&mut command), "the new checkout\n");
}

#[test]
fn loading_and_closing_the_library_does_nothing() {
    if !tools(&[]) {
        return;
    }
    let folder = scratch("load");
    let program = compile("load", &folder, &[], &["-ldl".to_owned()]);
    let library = prefix().join("lib/libflagcore.so.0");
    run(Command::new(program).arg(&folder).arg("1").arg(library));
}

#[test]
fn a_cplusplus_17_program_runs() {
    if !tools(&["g++"]) {
        return;
    }
    let folder = scratch("plusplus");
    execute(&[], &compile("plusplus.cpp", &folder, &[], &shared()), &folder, "1");
    let sanitized = ["-fsanitize=address,undefined"];
    execute(&[], &compile("plusplus.cpp", &folder, &sanitized, &shared()), &folder, "1");
}

#[test]
fn a_cmake_project_finds_the_library() {
    if !tools(&["cmake", "g++"]) {
        return;
    }
    let folder = scratch("cmake");
    let mut command = Command::new("cmake");
    command.arg("-S").arg(here().join("tests/cmake")).arg("-B").arg(&folder);
    run(command.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix().display())));
    run(Command::new("cmake").arg("--build").arg(&folder));
    for name in ["answers", "answers-static", "plusplus"] {
        run(Command::new(folder.join(name)).arg(&folder));
    }
}

#[test]
fn what_is_installed_with_destdir_is_uninstalled_again() {
    if !tools(&[]) {
        return;
    }
    prefix();
    let root = scratch("destdir");
    let destination = format!("DESTDIR={}", root.display());
    let files = || {
        let listed = run(Command::new("find").arg(&root).args(["(", "-type", "f", "-o", "-type", "l", ")"]));
        let mut names: Vec<String> = listed
            .lines()
            .map(|line| line.strip_prefix(root.to_str().unwrap()).unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    make(&["install", "PREFIX=/opt/flags", "LIBDIR=/opt/flags/lib64", &destination]);
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        "/opt/flags/include/flagcore.h".to_owned(),
        "/opt/flags/lib64/cmake/flagcore/flagcore-config-version.cmake".to_owned(),
        "/opt/flags/lib64/cmake/flagcore/flagcore-config.cmake".to_owned(),
        "/opt/flags/lib64/libflagcore.a".to_owned(),
        "/opt/flags/lib64/libflagcore.so".to_owned(),
        "/opt/flags/lib64/libflagcore.so.0".to_owned(),
        format!("/opt/flags/lib64/libflagcore.so.{version}"),
        "/opt/flags/lib64/pkgconfig/flagcore.pc".to_owned(),
    ];
    assert_eq!(files(), expected);
    let described = std::fs::read_to_string(root.join("opt/flags/lib64/pkgconfig/flagcore.pc")).unwrap();
    assert!(described.contains("libdir=/opt/flags/lib64\n") && !described.contains(root.to_str().unwrap()));
    make(&["uninstall", "PREFIX=/opt/flags", "LIBDIR=/opt/flags/lib64", &destination]);
    assert_eq!(files(), [""; 0]);
}
