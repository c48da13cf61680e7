//! The guides name tests; they are there.

use std::path::Path;

#[test]
fn every_row_of_coming_from_flagd_names_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("flagd/src/docs/coming_from_flagd.rs")).unwrap();
    let named: Vec<(&str, &str)> = page.split('`').filter_map(|code| code.split_once(".rs: ")).collect();
    let rows = page.lines().filter(|line| line.starts_with("//! | ") && !line.contains("---"));
    for row in rows.filter(|row| !row.contains("| flagd | here |")) {
        assert!(row.contains(".rs: "), "no test in {row}");
    }
    assert!(named.len() > 20, "{named:?}");
    for (file, name) in named {
        let text = std::fs::read_to_string(root.join(format!("{file}.rs"))).unwrap_or_default();
        assert!(text.contains(&format!("fn {name}(")), "{file}.rs has no test {name}");
    }
    for number in 1..=21 {
        let told = [")", ","].iter().any(|end| page.contains(&format!("O{number}{end}")));
        assert!(told, "O{number} is not told");
    }
}
