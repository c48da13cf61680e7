//! Figures that are no times of Criterion's: bytes, percentiles. Each benchmark leaves its own in a file, the report reads all.

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

/// Where figures are kept: beside Criterion's own.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/figures")
}

/// Keeps the figures of one benchmark, and prints them.
pub fn keep(benchmark: &str, figures: &[(&str, f64)]) {
    let members: Map<String, Value> =
        figures.iter().map(|(name, figure)| ((*name).to_owned(), Value::from(*figure))).collect();
    for (name, figure) in figures {
        println!("{benchmark}/{name}: {figure:.1}");
    }
    let kept = fs::create_dir_all(folder()).and_then(|()| {
        fs::write(folder().join(format!("{benchmark}.json")), Value::Object(members).to_string())
    });
    if let Err(error) = kept {
        eprintln!("the figures of {benchmark} could not be kept: {error}");
    }
}

/// The figures of one benchmark; empty if it did not run.
pub fn of(benchmark: &str) -> Map<String, Value> {
    let text = fs::read_to_string(folder().join(format!("{benchmark}.json"))).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
