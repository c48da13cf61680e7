//! Header, library and sources say the same; and what was promised once is still there.
//!
//! `abi.txt` is what was promised: every function, number, structure and field. Nothing in it may change. What is new is
//! added by `FLAGCORE_BLESS_ABI=1 cargo test -p flagcore-ffi --test header`, and `FLAGCORE_ABI_MINOR` grows with it.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;
use std::process::Command;

use common::{built, has, header, here, run};
use flagcore_ffi::error::CDiagnostic;
use flagcore_ffi::launch::CCounts;
use flagcore_ffi::listener::{CChange, CUpdate};
use flagcore_ffi::sources::CSource;
use flagcore_ffi::status::*;
use flagcore_ffi::text::Text;
use flagcore_ffi::value::{CDetail, CValue, Member};
use flagcore_ffi::version::{ABI_MAJOR, ABI_MINOR, STRUCTS};

/// Prototypes by name, in one line each.
fn prototypes() -> BTreeMap<String, String> {
    let code = header();
    let words: Vec<&str> = code.lines().filter(|line| !line.starts_with('#')).collect();
    let mut found = BTreeMap::new();
    for statement in words.join(" ").split([';', '{', '}']) {
        let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some((before, _)) = statement.split_once('(') else { continue };
        let name = before.rsplit([' ', '*']).next().unwrap();
        let is_made_here = statement.starts_with("static") || statement.starts_with("typedef");
        if name.starts_with("flagcore_") && !is_made_here && statement.ends_with(')') {
            found.insert(name.to_owned(), statement);
        }
    }
    found
}

/// Numbers of the header's enums.
fn numbers() -> BTreeMap<String, i32> {
    let code = header();
    let entries = code.split(['{', ',', '}', '\n']).filter_map(|entry| entry.split_once(" = "));
    let number = |(name, number): (&str, &str)| Some((name.trim().to_owned(), number.trim().parse().ok()?));
    entries.filter_map(number).filter(|(name, _)| name.starts_with("FLAGCORE_")).collect()
}

/// Numbers of the library.
fn own_numbers() -> BTreeMap<String, i32> {
    let all = [
        Status::ALL,
        Type::ALL,
        ReasonNumber::ALL,
        ErrorCodeNumber::ALL,
        FormatNumber::ALL,
        ModeNumber::ALL,
        BucketingNumber::ALL,
        LimitNumber::ALL,
        StateNumber::ALL,
        UpdateNumber::ALL,
        ChangeNumber::ALL,
        SeverityNumber::ALL,
        ExplainNumber::ALL,
        Mark::ALL,
        ShadowStateNumber::ALL,
        OutcomeNumber::ALL,
        DropNumber::ALL,
        ReportNumber::ALL,
    ];
    let all = all.into_iter().flatten();
    all.map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

/// Functions as the sources export them, with how many parameters they take.
fn exported() -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(here().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let is_door = path.ends_with("boundary.rs");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        assert_eq!(code.filter(|line| line.contains("no_mangle")).count() > 0, is_door, "{}", path.display());
        for (at, _) in text.match_indices("fn flagcore_") {
            let rest = &text[at + 3..];
            let (name, rest) = rest.split_once('(').unwrap();
            let parameters = rest.split_once(')').unwrap().0;
            let count = parameters.split(',').filter(|parameter| parameter.contains(':')).count();
            assert!(found.insert(name.to_owned(), count).is_none(), "{name} is there twice");
        }
    }
    found
}

/// A structure's fields with their places, as C calls them.
macro_rules! fields {
    ($name:literal, $type:ty: $($c:literal $rust:ident),* $(,)?) => {
        ($name, size_of::<$type>(), vec![$(($c, offset_of!($type, $rust))),*])
    };
}

/// A structure's name, its size, and its fields with their places.
type Structure = (&'static str, usize, Vec<(&'static str, usize)>);

fn structures() -> Vec<Structure> {
    vec![
        fields!("flagcore_text", Text: "data" data, "length" length),
        fields!("flagcore_value", CValue: "type" kind, "boolean" boolean, "integer" integer, "number" number, "text" text),
        fields!("flagcore_member", Member: "name" name, "value" value),
        fields!("flagcore_detail", CDetail: "struct_size" struct_size, "value" value, "variant" variant,
            "reason" reason, "error_code" error_code, "marks" marks, "reserved" reserved, "metadata" metadata,
            "metadata_count" metadata_count, "error_message" error_message, "revision" revision),
        fields!("flagcore_diagnostic", CDiagnostic: "struct_size" struct_size, "severity" severity, "line" line,
            "column" column, "start" start, "end" end, "reserved" reserved, "source" source, "code" code,
            "pointer" pointer, "cause" cause, "help" help, "text" text),
        fields!("flagcore_source", CSource: "struct_size" struct_size, "name" name, "is_served" is_served,
            "is_refused" is_refused, "revision" revision, "served_since" served_since,
            "refused_since" refused_since, "flags" flags, "largest_file_bytes" largest_file_bytes,
            "digest" digest, "waiting" waiting, "complaint" complaint, "diagnostic_count" diagnostic_count),
        fields!("flagcore_change", CChange: "key" key, "kind" kind, "reserved" reserved),
        fields!("flagcore_update", CUpdate: "struct_size" struct_size, "kind" kind, "reserved" reserved,
            "revision" revision, "source" source, "message" message, "changes" changes,
            "change_count" change_count),
        fields!("flagcore_counts", CCounts: "struct_size" struct_size, "matched" matched,
            "mismatched" mismatched, "ignored" ignored, "errors" errors, "timeouts" timeouts,
            "in_flight" in_flight, "dropped" dropped, "dropped_queue_full" dropped_queue_full,
            "dropped_rate" dropped_rate, "dropped_in_flight" dropped_in_flight,
            "dropped_breaker" dropped_breaker, "dropped_baseline" dropped_baseline,
            "dropped_late" dropped_late, "dropped_too_big" dropped_too_big, "dropped_stuck" dropped_stuck,
            "dropped_capture" dropped_capture, "dropped_nested" dropped_nested,
            "dropped_spawn" dropped_spawn, "dropped_switched_off" dropped_switched_off,
            "dropped_shutdown" dropped_shutdown),
    ]
}

#[test]
fn every_function_has_a_prototype_and_every_prototype_a_function() {
    let parameters = |prototype: &String| {
        let (_, list) = prototype.split_once('(').unwrap();
        list.split(',').filter(|parameter| parameter.trim_end_matches(')') != "void").count()
    };
    let promised: BTreeMap<String, usize> =
        prototypes().iter().map(|(name, prototype)| (name.clone(), parameters(prototype))).collect();
    assert_eq!(promised, exported());
    assert!(promised.len() > 60, "{}", promised.len());
}

#[test]
fn the_shared_library_shows_its_functions_and_nothing_else() {
    if !has("nm") {
        return;
    }
    let library = built().join("libflagcore_ffi.so");
    let listed = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let shown: BTreeSet<&str> = listed.lines().filter_map(|line| line.rsplit(' ').next()).collect();
    let promised = prototypes();
    assert_eq!(shown, promised.keys().map(String::as_str).collect());
}

#[test]
fn the_numbers_agree() {
    let mut promised = numbers();
    assert_eq!(promised.len(), own_numbers().len());
    promised.retain(|name, number| own_numbers().get(name) != Some(number));
    assert_eq!(promised, BTreeMap::new(), "these are not the library's");
    let defined = |name: &str| {
        let text = header();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("#define {name} ")));
        line.and_then(|number| number.trim().parse().ok())
    };
    assert_eq!(defined("FLAGCORE_ABI_MAJOR"), Some(ABI_MAJOR));
    assert_eq!(defined("FLAGCORE_ABI_MINOR"), Some(ABI_MINOR));
    let soname = std::fs::read_to_string(here().join("build.rs")).unwrap();
    assert!(soname.contains(&format!("libflagcore.so.{ABI_MAJOR}\"")));
}

#[test]
fn a_c_compiler_sees_the_structures_that_the_library_has() {
    if !has("cc") {
        return;
    }
    let mut program = "#include <flagcore.h>\n".to_owned();
    let mut assert = |condition: String| {
        program.push_str(&format!("typedef char line_{}[({condition}) ? 1 : -1];\n", program.len()));
    };
    for (name, size, fields) in structures() {
        assert(format!("sizeof({name}) == {size}"));
        for (field, offset) in fields {
            assert(format!("offsetof({name}, {field}) == {offset}"));
        }
    }
    program.push_str("int main(void) { return 0; }\n");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sizes.c");
    std::fs::write(&path, program).unwrap();
    run(Command::new("cc").args(["-std=c99", "-fsyntax-only", "-I"]).arg(here().join("include")).arg(&path));
    let named: Vec<(&str, usize)> = structures().into_iter().map(|(name, size, _)| (name, size)).collect();
    assert_eq!(named, STRUCTS, "flagcore_check gives them in this order");
}

/// The library's promise, a line for each part of it; structures as 64-bit machines have them.
fn promise() -> BTreeSet<String> {
    let mut lines: BTreeSet<String> =
        prototypes().values().map(|prototype| format!("function {prototype}")).collect();
    lines.extend(numbers().iter().map(|(name, number)| format!("number {name} = {number}")));
    for (name, size, fields) in structures() {
        lines.insert(format!("struct {name} {size} bytes"));
        lines.extend(fields.iter().map(|(field, offset)| format!("field {name}.{field} at {offset}")));
    }
    lines
}

#[test]
#[cfg(target_pointer_width = "64")]
fn what_was_promised_once_is_still_there() {
    let path = here().join("tests/abi.txt");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let known: BTreeSet<String> = known.lines().map(str::to_owned).collect();
    let current = promise();
    let gone: Vec<&String> = known.difference(&current).collect();
    assert!(gone.is_empty(), "changed or removed, which breaks programs that are built already: {gone:#?}");
    if std::env::var_os("FLAGCORE_BLESS_ABI").is_some() {
        let lines: Vec<String> = current.into_iter().collect();
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        return;
    }
    let new: Vec<&String> = current.difference(&known).collect();
    assert!(
        new.is_empty(),
        "new: {new:#?}\nif it is to stay for ever, run FLAGCORE_BLESS_ABI=1 cargo test -p flagcore-ffi --test header"
    );
}
