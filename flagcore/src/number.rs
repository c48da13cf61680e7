//! Numbers as the reference reads and writes them.
//!
//! All numbers are `f64`. The reference prints them in three ways and reads them out of texts in one;
//! each has its own corner cases, and a variant may be chosen by such a text, so they are kept exactly.
//!
//! Source: Go's `encoding/json`, `strconv.FormatFloat(x, 'f', -1, 64)`, `fmt`'s `%v` and `strconv.ParseFloat`.

use std::fmt::{self, Write};

/// Writes a number as JSON text: `1`, `1.5`, `-0`, `1e+21`, `1e-7`.
///
/// `x` is finite; JSON has no other numbers.
pub fn write_json(out: &mut impl Write, x: f64) -> fmt::Result {
    let magnitude = x.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let mut text = Short::default();
        write!(text, "{x:e}")?;
        let text = text.as_str();
        return match text.split_once('e') {
            Some((digits, power)) if !power.starts_with('-') => write!(out, "{digits}e+{power}"),
            _ => out.write_str(text),
        };
    }
    write!(out, "{x}")
}

/// Writes a number as plain decimals, never with an exponent: what `cat` and `substr` see.
///
/// Infinities are `+Inf` and `-Inf`, not-a-number is `NaN`. At most 330 bytes.
pub fn write_plain(out: &mut impl Write, x: f64) -> fmt::Result {
    if x.is_nan() {
        return out.write_str("NaN");
    }
    if x.is_infinite() {
        return out.write_str(if x > 0.0 { "+Inf" } else { "-Inf" });
    }
    write!(out, "{x}")
}

/// Writes a number as a version operand: decimals, but with an exponent below 1e-4 and from 1e6.
///
/// Source: Go's `%v`, which `sem_ver` applies to numbers.
pub fn write_version_operand(out: &mut impl Write, x: f64) -> fmt::Result {
    let magnitude = x.abs();
    if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) && x.is_finite() {
        // The exact spelling does not matter: no number with an exponent is a version.
        return write!(out, "{x:e}");
    }
    write_plain(out, x)
}

/// Why a text is not a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParseFault {
    /// Not of the form of a number.
    Syntax,
    /// A number beyond `f64`; holds the infinity of its sign.
    Range(f64),
}

/// Reads a text as a number the way Go's `strconv.ParseFloat` does.
///
/// Takes decimals, exponents, hexadecimal floats with a `p` exponent, underscores between digits, `inf`,
/// `infinity` and `nan` in any case; no surrounding space.
///
/// # Errors
///
/// [`ParseFault::Syntax`] for anything else, [`ParseFault::Range`] for a finite number too large for `f64`.
pub fn parse(text: &str) -> Result<f64, ParseFault> {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'i' | b'I' | b'n' | b'N') => {}
        _ => return Err(ParseFault::Syntax),
    }
    if let Some(special) = special(bytes) {
        return Ok(special);
    }
    let shape = Shape::of(bytes).ok_or(ParseFault::Syntax)?;
    if shape.hexadecimal {
        return hexadecimal(bytes);
    }
    let value: f64 = if shape.underscores {
        text.replace('_', "").parse().map_err(|_| ParseFault::Syntax)?
    } else {
        text.parse().map_err(|_| ParseFault::Syntax)?
    };
    if value.is_infinite() { Err(ParseFault::Range(value)) } else { Ok(value) }
}

/// A float as a 64-bit integer the way the reference's machine converts it: towards zero, and the
/// smallest integer for whatever does not fit, not-a-number included.
///
/// Used for positions in lists and texts; a flag's own integer value saturates instead.
pub fn to_index(x: f64) -> i64 {
    // 2^63 is the first float past i64; -2^63 itself fits.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) { x as i64 } else { i64::MIN }
}

fn special(bytes: &[u8]) -> Option<f64> {
    let (sign, rest) = match bytes {
        [b'+', rest @ ..] => (1.0, rest),
        [b'-', rest @ ..] => (-1.0, rest),
        rest if rest.eq_ignore_ascii_case(b"nan") => return Some(f64::NAN),
        rest => (1.0, rest),
    };
    (rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity"))
        .then_some(sign * f64::INFINITY)
}

/// What kind of number a text has the form of.
struct Shape {
    hexadecimal: bool,
    underscores: bool,
}

impl Shape {
    /// `None` where the whole text is not a number.
    fn of(bytes: &[u8]) -> Option<Self> {
        let unsigned = match bytes {
            [b'+' | b'-', rest @ ..] => rest,
            rest => rest,
        };
        let hexadecimal = matches!(unsigned, [b'0', b'x' | b'X', _, ..]);
        let body = if hexadecimal { unsigned.get(2..)? } else { unsigned };
        let is_digit = |byte: u8| if hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };

        let (mut digits, mut dot, mut underscores, mut at) = (false, false, false, 0);
        while let Some(byte) = body.get(at) {
            match byte {
                b'_' => underscores = true,
                b'.' if !dot => dot = true,
                b'.' => break,
                byte if is_digit(*byte) => digits = true,
                _ => break,
            }
            at += 1;
        }
        if !digits {
            return None;
        }
        let exponent = body.get(at..)?;
        match exponent {
            [] if hexadecimal => return None,
            [] => {}
            [mark, rest @ ..] => {
                if mark.to_ascii_lowercase() != if hexadecimal { b'p' } else { b'e' } {
                    return None;
                }
                let rest = match rest {
                    [b'+' | b'-', rest @ ..] => rest,
                    rest => rest,
                };
                if !rest.first()?.is_ascii_digit() || !rest.iter().all(|b| b.is_ascii_digit() || *b == b'_') {
                    return None;
                }
                underscores |= rest.contains(&b'_');
            }
        }
        if underscores && !underscores_separate_digits(unsigned, hexadecimal) {
            return None;
        }
        Some(Self { hexadecimal, underscores })
    }
}

/// Each underscore stands between two digits; a base prefix counts as a digit.
fn underscores_separate_digits(unsigned: &[u8], hexadecimal: bool) -> bool {
    let (mut after_digit, mut after_underscore) = (hexadecimal, false);
    for byte in unsigned.get(if hexadecimal { 2 } else { 0 }..).unwrap_or_default() {
        let digit = byte.is_ascii_digit() || hexadecimal && byte.is_ascii_hexdigit();
        match byte {
            b'_' if !after_digit => return false,
            b'_' => (after_digit, after_underscore) = (false, true),
            _ if !digit && after_underscore => return false,
            _ => (after_digit, after_underscore) = (digit, false),
        }
    }
    !after_underscore
}

/// `0x1.8p4` and its like, rounded to nearest, ties to even. The form is already checked.
fn hexadecimal(bytes: &[u8]) -> Result<f64, ParseFault> {
    let negative = bytes.first() == Some(&b'-');
    let start = usize::from(matches!(bytes.first(), Some(b'+' | b'-'))) + 2;
    let (mut mantissa, mut power, mut sticky, mut dot) = (0_u64, 0_i64, false, false);
    let mut rest = bytes.get(start..).unwrap_or_default().iter();
    for byte in rest.by_ref() {
        match byte {
            b'_' => {}
            b'.' => dot = true,
            b'p' | b'P' => break,
            _ => {
                let digit = (*byte as char).to_digit(16).unwrap_or(0);
                if mantissa >> 60 == 0 {
                    mantissa = mantissa << 4 | u64::from(digit);
                    power -= if dot { 4 } else { 0 };
                } else {
                    sticky |= digit != 0;
                    power = power.saturating_add(if dot { 0 } else { 4 });
                }
            }
        }
    }
    let mut exponent = 0_i64;
    let mut down = false;
    for byte in rest {
        match byte {
            b'-' => down = true,
            b'+' | b'_' => {}
            digit => exponent = (exponent * 10 + i64::from(digit - b'0')).min(1_000_000),
        }
    }
    let power = power.saturating_add(if down { -exponent } else { exponent });
    let magnitude = assemble(mantissa, power, sticky);
    let value = if negative { -magnitude } else { magnitude };
    if value.is_infinite() { Err(ParseFault::Range(value)) } else { Ok(value) }
}

/// `mantissa × 2^power`, with `sticky` for bits cut off below; infinite past the range.
fn assemble(mantissa: u64, power: i64, sticky: bool) -> f64 {
    const FRACTION_BITS: u32 = 52;
    if mantissa == 0 {
        return 0.0;
    }
    let shift = mantissa.leading_zeros();
    let mantissa = mantissa << shift;
    let exponent = power.saturating_sub(i64::from(shift)).saturating_add(63);
    if exponent > 1023 {
        return f64::INFINITY;
    }
    let normal = exponent >= -1022;
    let drop = if normal { 11 } else { 11 + (-1022 - exponent) };
    if drop > 64 {
        return 0.0;
    }
    let drop = drop as u32;
    let kept = if drop == 64 { 0 } else { mantissa >> drop };
    let half = 1_u64 << (drop - 1);
    let cut = if drop == 64 { mantissa } else { mantissa & (half | (half - 1)) };
    let up = cut > half || cut == half && (sticky || kept & 1 == 1);
    let rounded = kept + u64::from(up);
    if !normal {
        // A carry into the normal range is the right bit pattern by itself.
        return f64::from_bits(rounded);
    }
    let biased = (exponent + 1023) as u64;
    // The implicit bit of `rounded` adds one to the exponent field, hence the minus one; a carry adds another.
    let bits = ((biased - 1) << FRACTION_BITS) + rounded;
    f64::from_bits(bits)
}

/// A short text on the stack, for numbers on their way into another text.
#[derive(Debug)]
pub struct Short {
    bytes: [u8; 40],
    len: usize,
}

impl Default for Short {
    fn default() -> Self {
        Self { bytes: [0; 40], len: 0 }
    }
}

impl Short {
    /// What was written so far.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(x: f64) -> String {
        let mut out = String::new();
        write_json(&mut out, x).unwrap();
        out
    }

    fn plain(x: f64) -> String {
        let mut out = String::new();
        write_plain(&mut out, x).unwrap();
        out
    }

    #[test]
    fn json_text_is_the_references() {
        for (x, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-2.5e-10, "-2.5e-10"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(json(x), text);
        }
    }

    #[test]
    fn plain_text_never_has_an_exponent() {
        for (x, text) in [
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (-0.0, "-0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(plain(x), text);
        }
    }

    #[test]
    fn texts_read_as_the_reference_reads_them() {
        for (text, x) in [
            ("1", 1.0),
            ("+1", 1.0),
            ("-1.5e3", -1500.0),
            ("5.", 5.0),
            (".5", 0.5),
            ("1_000", 1000.0),
            ("1e1_0", 1e10),
            ("0x1p4", 16.0),
            ("0X1.8P1", 3.0),
            ("0x_1p-1", 0.5),
            ("0x1.fffffffffffff8p1023", f64::INFINITY),
            ("0x1p-1074", 5e-324),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", 5e-324),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080001p0", 1.000_000_000_000_000_2),
            ("1e-400", 0.0),
            ("Infinity", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
        ] {
            let read = parse(text).unwrap_or_else(|fault| match fault {
                ParseFault::Range(x) => x,
                ParseFault::Syntax => f64::NAN,
            });
            assert_eq!(read, x, "{text}");
        }
        assert!(parse("NaN").unwrap().is_nan());
        assert_eq!(parse("1e400"), Err(ParseFault::Range(f64::INFINITY)));
        let not_numbers = [
            "", " 1", "1 ", "abc", "0x10", "0x", "1__0", "_1", "1_", "1e", "1e+", "+nan", "infin", "1.2.3",
            ".", "e5", "0b1", "1e_1", "--1", "0x1p", "1_.5", "1._5",
        ];
        for text in not_numbers {
            assert_eq!(parse(text), Err(ParseFault::Syntax), "{text:?}");
        }
    }

    #[test]
    fn indices_convert_as_on_the_references_machine() {
        let index = [1.9, -1.9, f64::NAN, 1e300, -1e300].map(to_index);
        assert_eq!(index, [1, -1, i64::MIN, i64::MIN, i64::MIN]);
    }
}
