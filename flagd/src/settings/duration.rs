//! Durations as Go writes them: `250ms`, `1h30m`, `1.5s`.

use std::time::Duration;

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
];

/// Reads a duration; none where the text is not one, has no unit, is negative, or is longer than 292 years.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| c != '.' && !c.is_ascii_digit())?);
        let (name, after) =
            after.split_at(after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len()));
        let unit = UNITS.iter().find(|(unit, _)| *unit == name)?.1;
        total = total.checked_add(nanoseconds(number, unit)?)?;
        rest = after;
    }
    // The reference counts in 63 bits.
    (!text.is_empty() && total <= i64::MAX as u64).then(|| Duration::from_nanos(total))
}

fn nanoseconds(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits beyond a nanosecond of an hour tell nothing.
    let fraction = fraction.get(..fraction.len().min(15))?;
    let parts: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let parts = parts * u128::from(unit) / 10u128.pow(fraction.len() as u32);
    whole.checked_mul(unit)?.checked_add(u64::try_from(parts).ok()?)
}

/// Writes a duration with the largest units that it is whole in.
pub(super) fn show(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit) in UNITS.iter().rev().filter(|(name, _)| name.is_ascii()) {
        if rest >= *unit {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        let cases = [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("250ms", Some(250_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("+2s", Some(2_000_000_000)),
            ("3us", Some(3_000)),
            ("3µs", Some(3_000)),
            ("0.3333333333333333333h", Some(1_199_999_999_999)),
            ("1h1h", Some(7_200_000_000_000)),
            ("", None),
            ("+", None),
            ("5", None),
            ("5x", None),
            (".s", None),
            ("1.2.3s", None),
            ("-1s", None),
            ("s", None),
            ("1 s", None),
            ("9223372036854775807ns", Some(9_223_372_036_854_775_807)),
            ("9223372036854775808ns", None),
            ("99999999999999h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected.map(Duration::from_nanos), "{text:?}");
        }
    }

    #[test]
    fn a_duration_is_written_with_its_largest_units() {
        let texts = ["0s", "30s", "1h", "1h30m", "250ms", "1m500us"];
        for text in texts {
            assert_eq!(parse(text).map(show).as_deref(), Some(text));
        }
    }
}
