//! Tables for the README.

use std::time::Duration;

/// A table that prints itself as it grows.
#[derive(Debug)]
pub struct Table;

impl Table {
    /// Begins one.
    pub fn begin(title: &str, head: &[&str]) -> Self {
        println!("\n**{title}**\n");
        println!("| {} |", head.join(" | "));
        println!("|{}", " --- |".repeat(head.len()));
        Self
    }

    /// Adds a row.
    pub fn row(&self, cells: &[String]) {
        println!("| {} |", cells.join(" | "));
    }
}

/// Microseconds, as exact as is useful.
pub fn microseconds(time: Duration) -> String {
    match time.as_secs_f64() * 1e6 {
        many if many >= 100.0 => grouped(many),
        few => format!("{few:.1}"),
    }
}

/// The one in the middle; zero of none.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// How many times as much.
pub fn ratio(of: Duration, to: Option<Duration>) -> String {
    match to {
        Some(to) if !to.is_zero() => format!("{:.2} ×", of.as_secs_f64() / to.as_secs_f64()),
        _ => "–".to_owned(),
    }
}

/// A whole number, its digits in groups of three.
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
