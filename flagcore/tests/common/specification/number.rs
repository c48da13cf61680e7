//! Numbers to text and back, as the reference does both.

/// Number text of JSON: decimals, with an exponent below 1e-6 and from 1e21 on (§2.2).
pub(crate) fn json_text(x: f64) -> Option<String> {
    if !x.is_finite() {
        return None;
    }
    let size = x.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return Some(plain_text(x));
    }
    let text = format!("{x:e}");
    Some(if size < 1.0 { text } else { text.replace('e', "e+") })
}

/// Number text of `cat` and `substr`: decimals, however many (§2.5).
pub(crate) fn plain_text(x: f64) -> String {
    match x {
        x if x.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        x => x.to_string(),
    }
}

/// Number text of `sem_ver`; `None` from 1e6 on and below 1e-4, where an exponent makes it no version (§2.7).
pub(crate) fn version_text(x: f64) -> Option<String> {
    (x == 0.0 || (1e-4..1e6).contains(&x.abs())).then(|| plain_text(x))
}

/// What a text reads as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading {
    Number(f64),
    /// A number too large, as the infinity of its sign.
    TooLarge(f64),
    NotANumber,
}

/// Reads a text as a number: decimals, hexadecimals with a `p`, `inf` and `nan`, `_` between digits (§2.5).
pub(crate) fn read(text: &str) -> Reading {
    let (sign, size) = match text.as_bytes() {
        [b'-', ..] => (-1.0, &text[1..]),
        [b'+', ..] => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let lower = size.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Reading::Number(sign * f64::INFINITY),
        // A sign before it makes it no number at all.
        "nan" if size == text => return Reading::Number(f64::NAN),
        _ => {}
    }
    let read = match lower.strip_prefix("0x") {
        Some(digits) => hexadecimal(digits),
        None => decimal(&lower),
    };
    match read {
        None => Reading::NotANumber,
        Some(x) if x.is_infinite() => Reading::TooLarge(sign * x),
        Some(x) => Reading::Number(sign * x),
    }
}

fn decimal(text: &str) -> Option<f64> {
    let (digits, power) = text.split_once('e').map_or((text, None), |(digits, power)| (digits, Some(power)));
    let fits = is_number(digits, |c| c.is_ascii_digit(), false) && power.is_none_or(is_power);
    fits.then(|| text.replace('_', "").parse().ok()).flatten()
}

fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, power) = text.split_once('p')?;
    if !is_number(digits, |c| c.is_ascii_hexdigit(), true) || !is_power(power) {
        return None;
    }
    let digits = digits.replace('_', "");
    let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
    let mantissa = u128::from_str_radix(&format!("{whole}{part}"), 16).ok()? as f64;
    let power: i32 = power.replace('_', "").parse().ok()?;
    // Two steps, so that the smallest numbers are reached.
    let power = power - 4 * part.len() as i32;
    Some(mantissa * 2_f64.powi(power / 2) * 2_f64.powi(power - power / 2))
}

/// Digits with at most one dot; each `_` stands between two digits, or behind the `0x`.
fn is_number(text: &str, is_digit: impl Fn(char) -> bool, prefixed: bool) -> bool {
    let digits = text.replace(['.', '_'], "");
    !digits.is_empty()
        && digits.chars().all(&is_digit)
        && text.matches('.').count() <= 1
        && text.match_indices('_').all(|(at, _)| {
            let before = text[..at].chars().next_back().map_or(prefixed, &is_digit);
            let behind = text[at + 1..].chars().next().is_some_and(&is_digit);
            before && behind
        })
}

fn is_power(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.contains('.') && is_number(digits, |c| c.is_ascii_digit(), false)
}
