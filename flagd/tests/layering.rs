//! The order of modules that the crate's documentation shows is the order of its imports, in every folder.

use std::path::{Path, PathBuf};

#[test]
fn imports_point_up_the_list_only() {
    let root = source();
    let modules = declared(&root.join("lib.rs"));
    assert!(modules.len() > 10, "{modules:?}");
    let mut wrong = Vec::new();
    let mut seen = 0;
    look_at(&root, &modules, &mut |file, line, module| {
        seen += 1;
        let own = file.strip_prefix(&root).unwrap().iter().next().unwrap().to_str().unwrap();
        let level = |name: &str| modules.iter().position(|known| known == name);
        for name in names_after(line, "crate::") {
            if level(name).is_none_or(|used| level(own.trim_end_matches(".rs")).is_none_or(|own| used > own))
            {
                wrong.push(format!("{} uses crate::{name}", file.strip_prefix(&root).unwrap().display()));
            }
        }
        let Some((siblings, at)) = module else { return };
        for name in names_after(line, "super::") {
            if siblings.iter().position(|known| known == name).is_some_and(|used| used > at) {
                wrong.push(format!("{} uses super::{name}", file.strip_prefix(&root).unwrap().display()));
            }
        }
    });
    assert!(seen > 5_000, "{seen} lines of code");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_documented_list_is_the_declared_one() {
    let lib = std::fs::read_to_string(source().join("lib.rs")).unwrap();
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split_once("`]"));
    let documented: Vec<String> = rows.map(|(module, _)| module.to_owned()).collect();
    assert_eq!(documented, declared(&source().join("lib.rs")));
}

#[test]
fn every_folder_says_what_is_in_it_in_the_order_of_its_modules() {
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let contents = entry.join("mod.rs");
            if !contents.is_file() {
                continue;
            }
            let text = std::fs::read_to_string(&contents).unwrap();
            let listed: Vec<&str> =
                text.lines().filter(|line| line.starts_with("//! ")).filter(|line| is_item(line)).collect();
            let listed = listed.join(" ");
            let mut from = 0;
            for module in declared(&contents) {
                let found = listed.get(from..).and_then(|rest| rest.find(&format!("`{module}`")));
                let Some(found) = found else {
                    panic!("{} does not list `{module}` at its place", contents.display());
                };
                from += found;
            }
            folders.push(entry);
        }
    }
}

/// Whether a line of documentation is an item of a numbered list.
fn is_item(line: &str) -> bool {
    line.strip_prefix("//! ")
        .and_then(|line| line.split_once(". "))
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

type Look<'a> = &'a mut dyn FnMut(&Path, &str, Option<(&[String], usize)>);

/// Shows every line of code of these modules with its file, and the module's place among its siblings.
fn look_at(folder: &Path, siblings: &[String], look: Look<'_>) {
    for (at, module) in siblings.iter().enumerate() {
        let inside = folder.join(module);
        let (file, is_folder) = match inside.is_dir() {
            true => (inside.join("mod.rs"), true),
            false => (inside.with_extension("rs"), false),
        };
        let text = std::fs::read_to_string(&file).unwrap();
        // Tests may look at everything; they stand at the end.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            look(&file, line, Some((siblings, at)));
        }
        if is_folder {
            look_at(&inside, &declared(&file), look);
        }
    }
}

/// The modules that a file declares, in order, but for tests and what is generated.
fn declared(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = |line: &str| {
        let line = line.strip_prefix("pub mod ").or(line.strip_prefix("mod "))?.strip_suffix(';')?;
        (line != "tests").then(|| line.to_owned())
    };
    text.lines().filter_map(name).collect()
}

/// The names that follow a prefix in a line of code.
fn names_after<'l>(line: &'l str, prefix: &str) -> Vec<&'l str> {
    let ends = |c: char| !(c.is_alphanumeric() || c == '_');
    let mut names: Vec<&str> =
        line.split(prefix).skip(1).filter_map(|rest| rest.split(ends).next()).collect();
    if let Some((_, group)) = line.split_once(&format!("{prefix}{{")) {
        names.extend(group.split(',').filter_map(|name| name.trim().split(ends).next()));
    }
    names.retain(|name| !name.is_empty() && name.starts_with(|first: char| first.is_lowercase()));
    names
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}
