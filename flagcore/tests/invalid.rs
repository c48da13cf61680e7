//! Flag files with a mistake, and the exact text that people are shown for each.
//!
//! Each file of `flags/invalid` holds one mistake; `<file>.expected` beside it holds what is said of it, in
//! lenient and in strict mode. What a file alone cannot show (a missing file, a limit, a folder) is made here.
//!
//! `FLAGD_REWRITE=expected cargo test -p flagcore --test invalid` writes the expected texts anew; a change of
//! wording is then a difference to read.

#![cfg(unix)] // The texts name paths with slashes, and some cases need a pipe.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use common::flags;
use flagcore::change::Update;
use flagcore::diagnostic::{Diagnostic, Earlier, Findings, Mode, Problem, Severity};
use flagcore::limits::Limits;
use flagcore::model::Format;
use flagcore::source::{Completeness, Content, ContentFile, Notifier, Source, SourceError};
use flagcore::{Client, Error};

/// Samples whose one mistake has more than one finding, with their number and why that must be.
const MORE_FINDINGS: &[(&str, usize, &str)] = &[
    ("evaluator-name.yaml", 2, "the evaluator and the reference that cannot reach it are both told of"),
    ("evaluators-misspelt.yaml", 2, "the misspelt word leaves a reference without its evaluator"),
    ("flag-with-a-name.json", 2, "the flag lacks its key, and has a word that is none"),
    ("flags-forgotten.yaml", 2, "a flag stands for a word, and the word for all flags is missing"),
    ("flags-misspelt.yaml", 2, "the misspelt word leaves the file without flags, which refuses it"),
    ("not-indented.yaml", 5, "one level too few turns every word of a flag into a flag"),
    (
        "variants-misspelt.yaml",
        2,
        "the misspelt word leaves the default variant without a variant, which refuses it",
    ),
];

/// Samples with several mistakes, and how many findings each has.
const SEVERAL: &[(&str, usize)] = &[
    ("after-a-refusal.json", 3),
    ("after-a-refusal.yaml", 4),
    ("first-try.yaml", 7),
    ("list.json", 9),
    ("rules.json", 9),
    ("shadow.yaml", 14),
    ("up-to-the-syntax.json", 3),
    ("yaml.yaml", 10),
];

#[test]
fn every_sample_is_told_of_as_expected() {
    let wrong: Vec<String> = samples().iter().filter_map(|sample| compare(sample, &told(sample))).collect();
    assert!(wrong.is_empty(), "{} samples differ:\n\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_expected_text_has_its_sample() {
    let samples: BTreeSet<String> = samples().into_iter().collect();
    for file in files_in("invalid").into_iter().chain(files_in("invalid/several")) {
        if let Some(sample) = file.strip_suffix(".expected") {
            assert!(sample == MADE || samples.contains(sample), "{file} is the text for no sample");
        }
    }
}

#[test]
fn every_sample_has_one_mistake() {
    let mut exceptions: Vec<(String, usize)> =
        MORE_FINDINGS.iter().map(|(file, count, _)| (format!("invalid/{file}"), *count)).collect();
    exceptions.extend(SEVERAL.iter().map(|(file, count)| (format!("invalid/several/{file}"), *count)));
    for sample in samples() {
        let place = exceptions.iter().position(|(file, _)| *file == sample);
        let wanted = place.map_or(1, |place| exceptions.swap_remove(place).1);
        let is_exception = place.is_some();
        assert!(is_exception == (wanted > 1), "{sample} has one finding and needs no exception");
        for mode in [Mode::Lenient, Mode::Strict] {
            let findings = load(&sample, mode).findings;
            let found = findings.diagnostics.len() + findings.dropped;
            assert_eq!(found, wanted, "{sample} in {mode:?} mode:\n{findings}");
        }
    }
    assert!(exceptions.is_empty(), "these samples are gone: {exceptions:?}");
    assert!(samples().iter().filter(|sample| sample.contains("several/")).count() == SEVERAL.len());
}

#[test]
fn every_code_has_a_sample() {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let found = samples().into_iter().map(|sample| load(&sample, Mode::Lenient).findings);
    for findings in found.chain(made().into_iter().map(|(_, findings)| findings)) {
        seen.extend(findings.diagnostics.iter().map(Diagnostic::code));
    }
    let known: BTreeSet<&str> = Problem::CODES.iter().copied().collect();
    assert_eq!(known.len(), Problem::CODES.len(), "a code is given twice");
    let without: Vec<_> = known.difference(&seen).collect();
    assert!(without.is_empty(), "codes without a sample: {without:?}");
    let unlisted: Vec<_> = seen.difference(&known).collect();
    assert!(unlisted.is_empty(), "codes that `Problem::CODES` lacks: {unlisted:?}");
}

#[test]
fn modes_differ_in_severity_alone() {
    for sample in samples().into_iter().chain(good()) {
        let [lenient, strict] = [Mode::Lenient, Mode::Strict].map(|mode| load(&sample, mode));
        assert!(lenient.accepted || !strict.accepted, "{sample} is good enough for a check only");
        for Loaded { accepted, findings } in [&lenient, &strict] {
            let errors = findings.diagnostics.iter().filter(|it| it.severity == Severity::Error).count();
            assert_eq!(errors, findings.errors, "{sample}");
            assert_eq!(*accepted, errors == 0, "{sample}: an error refuses, and nothing else does");
        }
        let neutral = |findings: &Findings| {
            let mut diagnostics = findings.diagnostics.clone();
            diagnostics.iter_mut().for_each(|it| it.severity = Severity::Warning);
            diagnostics
        };
        assert_eq!(neutral(&lenient.findings), neutral(&strict.findings), "{sample}");
        for (a, b) in lenient.findings.diagnostics.iter().zip(&strict.findings.diagnostics) {
            assert!(a.severity <= b.severity, "{sample}: strict mode is milder\n{a}\n{b}");
        }
    }
}

#[test]
fn findings_come_in_file_order_with_their_place() {
    for sample in samples() {
        let findings = load(&sample, Mode::Lenient).findings;
        let places: Vec<_> = findings.diagnostics.iter().map(|it| it.span.map(|span| span.start)).collect();
        assert!(places.is_sorted(), "{sample}:\n{findings}");
        for diagnostic in &findings.diagnostics {
            assert_eq!(&*diagnostic.source, format!("flags/{sample}"));
            assert_eq!(diagnostic.span.is_some(), diagnostic.position.is_some(), "{diagnostic}");
            let whole = ["unknown-format", "empty-file"].contains(&diagnostic.code());
            assert!(diagnostic.position.is_some() || whole, "no place: {diagnostic}");
        }
    }
}

#[test]
fn the_good_samples_have_nothing_to_be_told_of() {
    let good = good();
    assert!(good.len() >= 5, "{good:?}");
    for sample in good {
        let loaded = load(&sample, Mode::Strict);
        assert!(loaded.accepted, "{sample}");
        assert_eq!(loaded.findings.to_string(), "", "{sample}");
    }
}

#[test]
fn what_no_file_alone_can_show_is_told_of_as_expected() {
    let found: String = made().iter().map(|(name, findings)| format!("# {name}\n{findings}\n")).collect();
    let wrong = compare(MADE, &found);
    assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
}

#[test]
fn fifty_mistakes_are_fifty_findings() {
    let mistakes = [
        ("misspelt-word", r#""state":"ENABLED","variants":{"on":true},"default":"on""#),
        ("state", r#""state":"enabled","variants":{"on":true},"defaultVariant":"on""#),
        ("default", r#""state":"ENABLED","variants":{"on":true},"defaultVariant":"no""#),
        ("operator", r#""state":"ENABLED","variants":{"on":true},"targeting":{"iff":[true,"on"]}"#),
        ("variant", r#""state":"ENABLED","variants":{"on":true},"targeting":{"if":[true,"of"]}"#),
    ];
    let codes =
        ["unknown-field", "unknown-state", "unknown-default-variant", "unknown-operator", "unknown-variant"];
    let flags: Vec<String> =
        (0..50).map(|at| format!("\"{}-{at}\":{{{}}}", mistakes[at % 5].0, mistakes[at % 5].1)).collect();
    let text = format!("{{\"flags\":{{\n{}\n}}}}", flags.join(",\n"));
    for mode in [Mode::Lenient, Mode::Strict] {
        let builder = Client::builder().bytes("f.json", text.clone(), Format::Json);
        let Err(Error::Refused { findings }) = builder.mode(mode).watch(false).build() else {
            panic!("a file with mistakes is served")
        };
        assert_eq!(findings.diagnostics.len(), 50, "{findings}");
        for (at, diagnostic) in findings.diagnostics.iter().enumerate() {
            assert_eq!(diagnostic.code(), codes[at % 5], "{diagnostic}");
            assert_eq!(diagnostic.position.unwrap().line as usize, at + 2, "{diagnostic}");
        }
    }
}

#[test]
fn a_flag_of_the_array_form_is_named_by_its_place() {
    let text = r#"{"flags":[
        {"variants":{"on":true}},
        {"key":"a","variants":{"on":true}},
        {"key":"a","variants":{"on":true},"targeting":{"iff":[]}}]}"#;
    let client = Client::builder().bytes("f.json", text, Format::Json).watch(false).build().unwrap();
    let findings = client.status().remove(0).served.unwrap().findings;
    let told = findings.diagnostics.iter().map(|it| (it.code(), it.pointer.as_str()));
    let expected = [
        ("empty-key", "/flags/0"),
        ("duplicate-flag", "/flags/2"),
        ("unknown-operator", "/flags/2/targeting/iff"),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn no_slip_of_the_fingers_is_beyond_words() {
    const SLIPS: &[&str] =
        &["", "\"", "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "'", "\\", "#", "&", "*", "!", ">", "é"];
    let (mut slips, mut edits) = (SLIPS.iter().cycle(), 0);
    for sample in samples() {
        let path = flags().join(&sample);
        let (Some(format), Ok(text)) = (Format::of_path(&path), fs::read_to_string(path)) else { continue };
        // Each 7th character is replaced by another slip: a deletion is one too.
        for (at, c) in text.char_indices().step_by(7) {
            let slip = slips.next().unwrap();
            let edited = [&text[..at], slip, &text[at + c.len_utf8()..]].concat();
            let client = Client::builder().bytes("edited", edited.clone(), format).watch(false).build();
            let findings = match client {
                Ok(client) => client.status().remove(0).served.unwrap().findings,
                Err(Error::Refused { findings }) => findings,
                Err(error) => panic!("{error}"),
            };
            for diagnostic in &findings.diagnostics {
                // This is what a panic inside is told as.
                assert_ne!(diagnostic.code(), "unreadable", "{sample} at {at}:\n{edited}");
                let Some(span) = diagnostic.span else { continue };
                let inside = edited.get(span.range()).is_some();
                assert!(inside, "{sample} at {at}: {span:?} is no part of the text: {diagnostic}\n{edited}");
            }
            edits += 1;
        }
    }
    assert!(edits > 3_000, "{edits}");
}

/// The text about all that is made here.
const MADE: &str = "invalid/made";

/// What became of a file.
struct Loaded {
    accepted: bool,
    findings: Findings,
}

/// Loads a sample by its path in `flags`; it is told of as if the working folder were that of the project.
fn load(sample: &str, mode: Mode) -> Loaded {
    load_within(&flags().join(".."), &format!("flags/{sample}"), mode, Limits::default())
}

/// Loads a file or folder; it is told of by its path under `root`.
fn load_within(root: &Path, path: &str, mode: Mode, limits: Limits) -> Loaded {
    let builder = Client::builder().path(root.join(path)).mode(mode).limits(limits).watch(false);
    let short = |name: &Arc<str>| match Path::new(&**name).strip_prefix(root) {
        Ok(name) => name.to_str().unwrap().into(),
        Err(_) => name.clone(),
    };
    let (accepted, mut findings) = match builder.build() {
        Ok(client) => (true, client.status().remove(0).served.unwrap().findings),
        Err(Error::Refused { findings }) => (false, findings),
        Err(error) => panic!("{path}: {error}"),
    };
    for diagnostic in &mut findings.diagnostics {
        diagnostic.source = short(&diagnostic.source);
        if let Problem::DuplicateFlag { first: Earlier::File(file), .. } = &mut diagnostic.problem {
            *file = short(file);
        }
    }
    Loaded { accepted, findings }
}

/// What is told of a sample, in both modes.
fn told(sample: &str) -> String {
    let mut text = String::new();
    for (name, mode) in [("lenient", Mode::Lenient), ("strict", Mode::Strict)] {
        let Loaded { accepted, findings } = load(sample, mode);
        let outcome = if accepted { "accepted" } else { "refused" };
        text.push_str(&format!("# {name}: {outcome}\n{findings}\n"));
    }
    text
}

/// The samples with mistakes, by their paths in `flags`.
fn samples() -> Vec<String> {
    let files = files_in("invalid").into_iter().chain(files_in("invalid/several"));
    let samples: Vec<String> =
        files.filter(|file| !file.ends_with(".expected") && !file.ends_with("README.md")).collect();
    assert!(samples.len() > 100, "the samples are gone: {samples:?}");
    samples
}

/// The samples without a mistake, by their paths in `flags`.
fn good() -> Vec<String> {
    files_in("").into_iter().filter(|file| Format::of_path(Path::new(file)).is_some()).collect()
}

/// The files of a folder, by their paths in `flags`, in the order of their names.
fn files_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(flags().join(folder)).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let names = files.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| !name.starts_with('.'))
        .map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") })
        .collect();
    names.sort();
    names
}

/// How the expected text of a sample differs from what was found, if it does.
fn compare(sample: &str, found: &str) -> Option<String> {
    let path = flags().join(format!("{sample}.expected"));
    if std::env::var_os("FLAGD_REWRITE").is_some_and(|what| what == "expected") {
        assert!(std::env::var_os("FLAGD_REQUIRE").is_none(), "a check compares, and rewrites nothing");
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    (expected != found).then(|| format!("{sample}\n--- expected\n{expected}--- found\n{found}"))
}

/// Cases that need more than a file, by what they are, with what is told of them.
fn made() -> Vec<(&'static str, Findings)> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
    let [lamp, desk] = ["lamp", "desk"].map(|key| {
        format!("\"{key}\":{{\"state\":\"ENABLED\",\"variants\":{{\"on\":true}},\"defaultVariant\":\"on\"}}")
    });
    let file = |flags: &[&str]| format!("{{\"flags\":{{{}}}}}", flags.join(","));
    write("one.json", &file(&[&lamp]));
    write("two.json", &file(&[&lamp, &desk]));
    write("no-flags.txt", "");
    for name in ["empty-folder", "same-flag", "folder.yaml"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    write("same-flag/1.json", &file(&[&lamp]));
    write("same-flag/2.json", &file(&[&desk, &lamp]));
    let variants: Vec<String> = (0..5).map(|at| format!("\"v{at}\":{at}")).collect();
    write(
        "variants.json",
        &file(&[&format!("\"lamp\":{{\"variants\":{{{}}},\"defaultVariant\":\"v0\"}}", variants.join(","))]),
    );
    write("long-key.json", &file(&[&lamp.replace("lamp", "desk-lamp")]));
    write("deep.json", &file(&[&lamp.replace("true", "{\"a\":{\"b\":1}}")]));
    write(
        "deep.yaml",
        "flags:\n  lamp:\n    variants: { 'on': { a: { b: 1 } } }\n    defaultVariant: 'on'\n",
    );
    let told =
        |name, path: &str, limits: Limits| (name, load_within(root, path, Mode::Lenient, limits).findings);
    let usual = Limits::default;
    let mut cases = vec![
        told("no file", "nothing.yaml", usual()),
        told("an empty folder", "empty-folder", usual()),
        told("a folder with the name of a file", "folder.yaml", usual()),
        told("one flag in two files", "same-flag", usual()),
        told("a file over the limit", "one.json", Limits { file_bytes: 40, ..usual() }),
        told("a file near the limit", "one.json", Limits { file_bytes: 90, ..usual() }),
        told("too many flags", "two.json", Limits { flags: 1, ..usual() }),
        told("nearly too many flags", "two.json", Limits { flags: 2, ..usual() }),
        told("too many variants", "variants.json", Limits { variants: 4, ..usual() }),
        told("nearly too many variants", "variants.json", Limits { variants: 5, ..usual() }),
        told("a key too long", "long-key.json", Limits { key_bytes: 8, ..usual() }),
        told("a key nearly too long", "long-key.json", Limits { key_bytes: 10, ..usual() }),
        told("too deep", "deep.json", Limits { depth: 5, ..usual() }),
        told("too deep in YAML", "deep.yaml", Limits { depth: 5, ..usual() }),
        told("too large a flag", "variants.json", Limits { flag_nodes: 7, ..usual() }),
        told("nearly too large a flag", "variants.json", Limits { flag_nodes: 9, ..usual() }),
        told("too many nodes", "two.json", Limits { set_nodes: 9, ..usual() }),
        told("nearly too many nodes", "two.json", Limits { set_nodes: 12, ..usual() }),
        ("no flags any more", shrinking()),
    ];
    {
        std::os::unix::fs::symlink("/dev/null", root.join("device.json")).unwrap();
        std::os::unix::fs::symlink("round.json", root.join("round.json")).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(root.join("pipe.yaml")).status().unwrap();
        assert!(pipe.success());
        cases.extend([
            told("a pipe", "pipe.yaml", usual()),
            told("a device", "device.json", usual()),
            told("a link to itself", "round.json", usual()),
        ]);
    }
    cases
}

/// What is told of a source that suddenly holds no flags.
fn shrinking() -> Findings {
    let text = Arc::new(Mutex::new("flags: { a: {variants: {'on': true}}, b: {variants: {'on': true}} }"));
    let told = Arc::new(Mutex::new(None));
    let listen = {
        let told = told.clone();
        move |update: &Update| {
            if let Update::Held { findings, .. } = update {
                *told.lock().unwrap() = Some(findings.clone());
            }
        }
    };
    let source = Changing { text: text.clone() };
    let client = Client::builder().source(source).watch(false).on_update(listen).build().unwrap();
    *text.lock().unwrap() = "flags: {}";
    client.refresh();
    let told = told.lock().unwrap().take();
    told.expect("a source that lost its flags is served at once")
}

/// A source whose text can be changed; nobody can tell whether the text is complete.
struct Changing {
    text: Arc<Mutex<&'static str>>,
}

impl Source for Changing {
    fn name(&self) -> &str {
        "flags/changing.yaml"
    }

    fn read(&mut self) -> Result<Content, SourceError> {
        let bytes = self.text.lock().unwrap().as_bytes().to_vec();
        let file = ContentFile { name: self.name().into(), format: Format::Yaml, bytes: bytes.into() };
        Ok(Content { files: vec![file], completeness: Completeness::Whole })
    }

    fn watch(&mut self, _changed: Notifier) {}
}
