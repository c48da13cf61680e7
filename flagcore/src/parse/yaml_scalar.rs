//! What a YAML scalar is: the reference's reading, which is no YAML version's alone.
//!
//! `on`, `yes` and `NO` are texts, `0644` is 420, `1_000` is 1000, an unquoted date is a timestamp in text.
//! Source: the resolver of Go's `gopkg.in/yaml.v3`, and `encoding/json` for what it makes of times.

use crate::number;

/// A resolved scalar.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number; may be infinite or not a number.
    Float(f64),
    /// A time, as the text that the reference makes of it.
    Time(String),
    /// A text, as it is written.
    Text,
    /// A text that was written in base64.
    Binary(String),
}

/// A scalar that is not of the type its tag asks for.
#[derive(Debug, PartialEq)]
pub(super) struct WrongTag;

/// Resolves a scalar. `tag` is the short form of an explicit tag, such as `!!str`; `plain` tells unquoted ones.
pub(super) fn resolve(tag: Option<&str>, plain: bool, text: &str) -> Result<Scalar, WrongTag> {
    match tag {
        None if !plain => Ok(Scalar::Text),
        None => Ok(untagged(text, true)),
        Some("!!str") => Ok(Scalar::Text),
        Some("!!binary") => base64(text).map(Scalar::Binary).ok_or(WrongTag),
        Some("!!null") => wanted(untagged(text, false), |found| matches!(found, Scalar::Null)),
        Some("!!bool") => wanted(untagged(text, false), |found| matches!(found, Scalar::Bool(_))),
        Some("!!int") => wanted(untagged(text, false), |found| matches!(found, Scalar::Integer(_))),
        Some("!!timestamp") => wanted(untagged(text, true), |found| matches!(found, Scalar::Time(_))),
        Some("!!float") => match untagged(text, false) {
            Scalar::Integer(whole) => Ok(Scalar::Float(whole as f64)),
            found => wanted(found, |found| matches!(found, Scalar::Float(_))),
        },
        // Any other tag leaves the text alone.
        Some(_) => Ok(Scalar::Text),
    }
}

/// How the key of a mapping with keys that are not all texts is spelled; `None` for a text.
pub(super) fn key_text(scalar: &Scalar) -> Option<String> {
    Some(match scalar {
        Scalar::Null => "<nil>".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::Float(value) => float_key(*value),
        Scalar::Time(text) => {
            // `2024-01-01T00:00:00Z` as a key is `2024-01-01 00:00:00 +0000 UTC`, and a zone is told twice.
            let text = text.replace('T', " ");
            match (text.strip_suffix('Z'), text.rfind(['+', '-'])) {
                (Some(utc), _) => format!("{utc} +0000 UTC"),
                (None, Some(zone)) => {
                    let (clock, zone) = text.split_at(zone);
                    let zone = zone.replace(':', "");
                    format!("{clock} {zone} {zone}")
                }
                (None, None) => text,
            }
        }
        Scalar::Text | Scalar::Binary(_) => return None,
    })
}

/// Why other YAML readers may read an unquoted scalar differently; what it is read as here.
pub(super) fn ambiguity(text: &str, scalar: &Scalar) -> Option<&'static str> {
    match scalar {
        // `on` and `off` are left out: they are what variants are called, and always a text here.
        Scalar::Text if is_any(text, &["y", "n", "yes", "no"]) => Some("a text"),
        Scalar::Text if is_sexagesimal(text) => Some("a text"),
        Scalar::Integer(_) => {
            let digits = text.trim_start_matches(['+', '-']);
            let octal =
                digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
            let prefixed = digits.starts_with("0o") || digits.starts_with("0b");
            (octal || prefixed || digits.contains('_')).then_some("a number")
        }
        Scalar::Float(_) if text.contains('_') => Some("a number"),
        Scalar::Time(_) => Some("a time"),
        _ => None,
    }
}

fn is_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `12:30`, which YAML 1.1 reads as 750.
fn is_sexagesimal(text: &str) -> bool {
    text.contains(':')
        && text.split(':').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn wanted(found: Scalar, fits: impl Fn(&Scalar) -> bool) -> Result<Scalar, WrongTag> {
    if fits(&found) { Ok(found) } else { Err(WrongTag) }
}

fn untagged(text: &str, times: bool) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') => number::parse(text).map_or(Scalar::Text, Scalar::Float),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            if times && let Some(time) = time(text) {
                return Scalar::Time(time);
            }
            let plain: String = text.chars().filter(|c| *c != '_').collect();
            if let Some(whole) = integer(&plain) {
                return Scalar::Integer(whole);
            }
            if is_float(&plain)
                && let Ok(float) = number::parse(&plain)
            {
                return Scalar::Float(float);
            }
            Scalar::Text
        }
        _ => Scalar::Text,
    }
}

/// An integer of 64 bits, signed or not, in any of Go's bases: `10`, `0x10`, `0o10`, `010`, `0b10`.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, text.get(1..)?),
        [b'+', ..] => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || digits.len() > 64 || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
    // An unsigned number has no sign, so `+2^63` is none.
    let signed = i64::try_from(value).is_ok();
    (signed || text.as_bytes().first().is_some_and(u8::is_ascii_digit)).then_some(value)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    mantissa_fits && exponent_fits
}

/// A float as Go's `%v` prints it.
fn float_key(x: f64) -> String {
    let magnitude = x.abs();
    let mut out = String::new();
    if x.is_finite() && magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        let text = format!("{x:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    // Writing to a string cannot fail.
    let _ = number::write_plain(&mut out, x);
    out
}

/// A date, or a date and time, as RFC 3339 text.
fn time(text: &str) -> Option<String> {
    let (year, rest) = text.split_once('-')?;
    if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (month, rest) = rest.split_once('-')?;
    let day_end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (day, rest) = rest.split_at(day_end);
    let (year, month, day) = (year.parse::<u32>().ok()?, two_digits(month)?, two_digits(day)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let (clock, zone) = match rest.as_bytes().first() {
        None => ("0:0:0", "Z"),
        Some(b'T' | b't') => {
            let rest = rest.get(1..)?;
            let at = rest.bytes().position(|byte| matches!(byte, b'Z' | b'+' | b'-'))?;
            rest.split_at(at)
        }
        Some(b' ') => (rest.get(1..)?, "Z"),
        Some(_) => return None,
    };
    let mut parts = clock.splitn(3, ':');
    let (hour, minute, second) = (two_digits(parts.next()?)?, two_digits(parts.next()?)?, parts.next()?);
    let (second, fraction) = match second.find(['.', ',']) {
        Some(at) => (second.get(..at)?, second.get(at + 1..)?),
        None => (second, "0"),
    };
    let second = two_digits(second)?;
    if hour > 23
        || minute > 59
        || second > 59
        || fraction.is_empty()
        || !fraction.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let zone = zone_text(zone)?;
    let nanos = fraction.get(..fraction.len().min(9))?.trim_end_matches('0');
    let point = if nanos.is_empty() { "" } else { "." };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{nanos}{zone}"))
}

fn two_digits(text: &str) -> Option<u32> {
    let fits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `Z` or `±hh:mm`; an offset of nothing is `Z`.
fn zone_text(zone: &str) -> Option<String> {
    if zone == "Z" {
        return Some(zone.to_owned());
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    if hours == 0 && minutes == 0 { Some("Z".to_owned()) } else { Some(zone.to_owned()) }
}

fn base64(text: &str) -> Option<String> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let padding = digits.iter().rev().take_while(|byte| **byte == b'=').count();
    if !digits.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut width) = (Vec::new(), 0_u32, 0);
    for digit in digits.iter().take(digits.len() - padding) {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        width += 6;
        if width >= 8 {
            width -= 8;
            bytes.push((bits >> width) as u8);
        }
    }
    Some(super::utf8::lossy(&bytes).0.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_read_as_the_reference_reads_them() {
        let text = |text: &str| resolve(None, true, text).unwrap();
        for word in [
            "yes",
            "no",
            "on",
            "off",
            "NO",
            "y",
            "12:30",
            "1.2.3",
            "abc",
            "0x",
            "08x",
            "Infinity",
            "-",
            "+",
            "1e400",
            "<<",
            "0b12",
            "_1",
            "2024-13-01",
            "2024-02-30",
            "99999999999999999999x",
            ".",
            "..",
            "e5",
        ] {
            assert_eq!(text(word), Scalar::Text, "{word}");
        }
        for (word, value) in [
            ("0644", 420),
            ("0o644", 420),
            ("0O17", 15),
            ("-0o17", -15),
            ("0x10", 16),
            ("-0x10", -16),
            ("0b101", 5),
            ("1_000", 1000),
            ("+12", 12),
            ("-0", 0),
            ("9007199254740993", 9_007_199_254_740_993),
            ("18446744073709551615", 18_446_744_073_709_551_615),
            ("1_", 1),
        ] {
            assert_eq!(text(word), Scalar::Integer(value), "{word}");
        }
        for (word, value) in [
            ("1e3", 1000.0),
            ("08", 8.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("+.5", 0.5),
            ("-0.0", 0.0),
            ("18446744073709551616", 18_446_744_073_709_551_616.0),
            ("1_0.5", 10.5),
        ] {
            assert_eq!(text(word), Scalar::Float(value), "{word}");
        }
        for (word, time) in [
            ("2024-01-01", "2024-01-01T00:00:00Z"),
            ("2024-1-2", "2024-01-02T00:00:00Z"),
            ("2024-01-01 10:20:30.500", "2024-01-01T10:20:30.5Z"),
            ("2024-01-01T1:2:3Z", "2024-01-01T01:02:03Z"),
            ("2024-01-01t10:20:30+02:00", "2024-01-01T10:20:30+02:00"),
            ("2024-01-01T10:20:30.123456789123-00:00", "2024-01-01T10:20:30.123456789Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(text(word), Scalar::Time(time.to_owned()), "{word}");
        }
        assert_eq!(text("~"), Scalar::Null);
        assert_eq!(text("TRUE"), Scalar::Bool(true));
        assert_eq!(resolve(None, false, "1"), Ok(Scalar::Text));
    }

    #[test]
    fn tags_ask_for_types() {
        for (tag, text, found) in [
            ("!!str", "5", Ok(Scalar::Text)),
            ("!!int", "5", Ok(Scalar::Integer(5))),
            ("!!int", "x", Err(WrongTag)),
            ("!!float", "5", Ok(Scalar::Float(5.0))),
            ("!!bool", "yes", Err(WrongTag)),
            ("!!null", "", Ok(Scalar::Null)),
            ("!!binary", "aGk=", Ok(Scalar::Binary("hi".to_owned()))),
            ("!!binary", "a", Err(WrongTag)),
            ("!own", "5", Ok(Scalar::Text)),
        ] {
            assert_eq!(resolve(Some(tag), true, text), found, "{tag} {text}");
        }
    }

    #[test]
    fn keys_are_spelled_as_the_reference_prints_them() {
        for (scalar, key) in [
            (Scalar::Null, "<nil>"),
            (Scalar::Bool(true), "true"),
            (Scalar::Integer(420), "420"),
            (Scalar::Float(1.5), "1.5"),
            (Scalar::Float(1e21), "1e+21"),
            (Scalar::Float(1e-5), "1e-05"),
            (Scalar::Float(1_234_567.5), "1.2345675e+06"),
            (Scalar::Time("2024-01-01T00:00:00Z".to_owned()), "2024-01-01 00:00:00 +0000 UTC"),
        ] {
            assert_eq!(key_text(&scalar).as_deref(), Some(key));
        }
    }
}
