//! The order of modules that the crate's documentation shows is the order of its imports.

use std::path::{Path, PathBuf};

/// Modules in the order of `lib.rs`; each may use those before it.
fn modules(lib: &str) -> Vec<&str> {
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod ").or(line.strip_prefix("mod ")));
    declared.filter_map(|line| line.strip_suffix(';')).collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn imports_point_down_to_the_ground_only() {
    let lib = std::fs::read_to_string(source().join("lib.rs")).unwrap();
    let modules = modules(&lib);
    assert!(modules.len() > 20, "{modules:?}");
    let mut upward = Vec::new();
    for (level, module) in modules.iter().enumerate() {
        for file in files_of(module) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for name in code.flat_map(crate_names) {
                let used = modules.iter().position(|known| *known == name);
                if used.is_none_or(|used| used > level) {
                    upward.push(format!(
                        "{} uses crate::{name}",
                        file.strip_prefix(source()).unwrap().display()
                    ));
                }
            }
        }
    }
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn the_documented_list_is_the_declared_one() {
    let lib = std::fs::read_to_string(source().join("lib.rs")).unwrap();
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | "));
    let documented: Vec<String> = rows
        .skip_while(|(module, _)| *module != "module")
        .skip(2)
        .map(|(module, _)| module.replace("mod@", "").replace(['[', ']', '`'], ""))
        .collect();
    assert_eq!(documented, modules(&lib));
}

#[test]
fn a_modules_file_is_a_page_of_contents_where_it_has_a_folder() {
    let lib = std::fs::read_to_string(source().join("lib.rs")).unwrap();
    for module in modules(&lib).iter().filter(|module| !["parse", "source"].contains(module)) {
        let contents = source().join(module).join("mod.rs");
        let Ok(text) = std::fs::read_to_string(contents) else { continue };
        for line in text.lines().filter(|line| !line.is_empty()) {
            let listed =
                ["//", "mod ", "pub mod ", "pub(crate) mod ", "pub use ", "pub(crate) use ", "#[cfg"]
                    .iter()
                    .any(|start| line.starts_with(start));
            assert!(listed, "{module}/mod.rs holds more than its contents: {line}");
        }
    }
}

/// The files of a module: one, or all of its folder and of those in it.
fn files_of(module: &str) -> Vec<PathBuf> {
    let folder = source().join(module);
    if !folder.is_dir() {
        return vec![source().join(module).with_extension("rs")];
    }
    let (mut files, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { &mut folders } else { &mut files }.push(path);
        }
    }
    files
}

/// The modules that a line of code names as `crate::module`.
fn crate_names(line: &str) -> Vec<&str> {
    let ends = |c: char| !(c.is_alphanumeric() || c == '_');
    line.split("crate::")
        .skip(1)
        .map(|rest| rest.split(ends).next().unwrap())
        .filter(|name| !name.is_empty())
        .collect()
}
