//! Shares, factors, rates, durations, sizes and counts as people write them, each within its bounds.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A number or a text as written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Written<'d> {
    Number(f64),
    Text(&'d str),
}

/// A kind of value with its bounds, and how to say so.
pub(super) struct Form<T> {
    read: fn(Written<'_>) -> Option<T>,
    within: RangeInclusive<T>,
    what: &'static str,
    show: fn(&T) -> String,
    /// How a good one is written.
    pub(super) example: &'static str,
}

impl<T: PartialOrd> Form<T> {
    /// The value, where it is one of this kind and within its bounds.
    pub(super) fn read(&self, written: Written<'_>) -> Option<T> {
        (self.read)(written).filter(|value| self.within.contains(value))
    }

    /// What would be right.
    pub(super) fn wanted(&self) -> String {
        let (least, most) = ((self.show)(self.within.start()), (self.show)(self.within.end()));
        format!("{} from {least} to {most}", self.what)
    }
}

/// `5%`, or the number 0.05.
pub(super) const fn share(within: RangeInclusive<f64>, example: &'static str) -> Form<f64> {
    let show = |share: &f64| format!("{}%", share * 100.0);
    Form { read: read_share, within, what: "a share", show, example }
}

/// `x2`, or the number 2.5.
pub(super) const fn factor(within: RangeInclusive<f64>, example: &'static str) -> Form<f64> {
    Form { read: read_factor, within, what: "a factor", show: f64::to_string, example }
}

/// A number that has no unit.
pub(super) const fn number(within: RangeInclusive<f64>, example: &'static str) -> Form<f64> {
    Form { read: read_number, within, what: "a number", show: f64::to_string, example }
}

/// `500/s`.
pub(super) const fn rate(within: RangeInclusive<f64>, example: &'static str) -> Form<f64> {
    Form { read: read_rate, within, what: "a rate", show: |rate| format!("{rate}/s"), example }
}

/// `250ms`.
pub(super) const fn duration(within: RangeInclusive<Duration>, example: &'static str) -> Form<Duration> {
    Form { read: read_duration, within, what: "a duration", show: show_duration, example }
}

/// `64KiB`, or a whole number of bytes.
pub(super) const fn size(within: RangeInclusive<u64>, example: &'static str) -> Form<u64> {
    Form { read: read_size, within, what: "a size", show: show_size, example }
}

/// A whole number.
pub(super) const fn count(within: RangeInclusive<u32>, example: &'static str) -> Form<u32> {
    Form { read: read_count, within, what: "a whole number", show: u32::to_string, example }
}

fn read_share(written: Written<'_>) -> Option<f64> {
    match written {
        Written::Number(number) => Some(number),
        Written::Text(text) => Some(decimal(text.strip_suffix('%')?)? / 100.0),
    }
}

fn read_factor(written: Written<'_>) -> Option<f64> {
    match written {
        Written::Number(number) => Some(number),
        Written::Text(text) => decimal(text.strip_prefix('x')?),
    }
}

fn read_number(written: Written<'_>) -> Option<f64> {
    if let Written::Number(number) = written { Some(number) } else { None }
}

fn read_rate(written: Written<'_>) -> Option<f64> {
    if let Written::Text(text) = written { decimal(text.strip_suffix("/s")?) } else { None }
}

fn read_duration(written: Written<'_>) -> Option<Duration> {
    let Written::Text(text) = written else { return None };
    let (number, unit) = with_unit(text, DURATIONS)?;
    // What is longer than 584 years is no less out of bounds than they are.
    Some(Duration::from_nanos((number * unit as f64).round() as u64))
}

fn read_size(written: Written<'_>) -> Option<u64> {
    let bytes = match written {
        Written::Number(number) => number,
        Written::Text(text) => {
            let (number, unit) = with_unit(text, SIZES)?;
            number * unit as f64
        }
    };
    whole(bytes)
}

fn read_count(written: Written<'_>) -> Option<u32> {
    whole(read_number(written)?)?.try_into().ok()
}

/// A whole number that is not negative and that floating point holds exactly.
fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as u64)
}

fn with_unit(text: &str, units: &[(&'static str, u64)]) -> Option<(f64, u64)> {
    let (number, unit) = text.split_at(text.find(|c: char| c != '.' && !c.is_ascii_digit())?);
    let (_, unit) = units.iter().find(|(name, _)| *name == unit)?;
    Some((decimal(number)?, *unit))
}

/// Digits with at most one point between or before them.
fn decimal(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    if !is_plain || text.ends_with('.') { None } else { text.parse().ok() }
}

fn show_duration(duration: &Duration) -> String {
    show_with_unit(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), DURATIONS)
}

fn show_size(bytes: &u64) -> String {
    show_with_unit(*bytes, SIZES)
}

/// In the largest unit that it is whole in.
fn show_with_unit(number: u64, units: &[(&'static str, u64)]) -> String {
    let fitting = units.iter().rev().find(|(_, unit)| number >= *unit && number.is_multiple_of(*unit));
    fitting.map_or_else(|| number.to_string(), |(name, unit)| format!("{}{name}", number / unit))
}

/// Units of time by their nanoseconds.
const DURATIONS: &[(&str, u64)] =
    &[("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// Units of size by their bytes.
const SIZES: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Written::{Number, Text};
    use super::*;

    #[test]
    fn values_are_read_with_their_units() {
        let shares = [
            (Text("5%"), Some(0.05)),
            (Text("0.1%"), Some(0.001)),
            (Text(".5%"), Some(0.005)),
            (Text("100%"), Some(1.0)),
            (Number(0.5), Some(0.5)),
            (Number(1.0), Some(1.0)),
            (Number(5.0), None),
            (Number(-0.1), None),
            (Text("101%"), None),
            (Text("-5%"), None),
            (Text("0.5"), None),
            (Text("%"), None),
            (Text("5 %"), None),
            (Text("5.%"), None),
            (Text("1e1%"), None),
            (Text("inf%"), None),
            (Text("nan%"), None),
        ];
        for (written, expected) in shares {
            assert_eq!(share(0.0..=1.0, "").read(written), expected, "{written:?}");
        }
        let factors = [(Text("x2"), Some(2.0)), (Text("x2.5"), Some(2.5)), (Number(2.5), Some(2.5))];
        for (written, expected) in factors.into_iter().chain([(Text("2x"), None), (Text("x"), None)]) {
            assert_eq!(factor(0.0..=100.0, "").read(written), expected, "{written:?}");
        }
        let rates = [(Text("500/s"), Some(500.0)), (Text("0.5/s"), Some(0.5)), (Number(500.0), None)];
        for (written, expected) in rates.into_iter().chain([(Text("500/m"), None), (Text("/s"), None)]) {
            assert_eq!(rate(0.01..=1_000.0, "").read(written), expected, "{written:?}");
        }
        let durations = [
            (Text("250ms"), Some(250)),
            (Text("1.5s"), Some(1_500)),
            (Text("2m"), Some(120_000)),
            (Text("1h"), Some(3_600_000)),
            (Text("250"), None),
            (Text("1m30s"), None),
            (Text("ms"), None),
            (Text("-1s"), None),
            (Number(250.0), None),
        ];
        for (written, expected) in durations {
            let read = duration(Duration::ZERO..=Duration::MAX, "").read(written);
            assert_eq!(read, expected.map(Duration::from_millis), "{written:?}");
        }
        let sizes = [
            (Text("64KiB"), Some(65_536)),
            (Text("1.5MiB"), Some(1_572_864)),
            (Text("10B"), Some(10)),
            (Number(10.0), Some(10)),
            (Number(0.5), None),
            (Text("0.3KiB"), None),
            (Text("64KB"), None),
            (Text("64"), None),
        ];
        for (written, expected) in sizes {
            assert_eq!(size(0..=u64::MAX, "").read(written), expected, "{written:?}");
        }
        let counts = [(Number(7.0), Some(7)), (Number(7.5), None), (Number(-7.0), None), (Text("7"), None)];
        for (written, expected) in counts.into_iter().chain([(Number(4_294_967_296.0), None)]) {
            assert_eq!(count(0..=u32::MAX, "").read(written), expected, "{written:?}");
        }
    }

    #[test]
    fn bounds_are_said_as_they_are_written() {
        assert_eq!(share(0.01..=1.0, "").wanted(), "a share from 1% to 100%");
        assert_eq!(rate(0.01..=100_000.0, "").wanted(), "a rate from 0.01/s to 100000/s");
        let minutes = Duration::from_millis(100)..=Duration::from_secs(600);
        assert_eq!(duration(minutes, "").wanted(), "a duration from 100ms to 10m");
        assert_eq!(size(1..=16 << 20, "").wanted(), "a size from 1B to 16MiB");
        assert_eq!(count(0..=100, "").wanted(), "a whole number from 0 to 100");
    }

    proptest! {
        #[test]
        fn round_numbers_are_read_exactly(number in 0u32..=1_000_000) {
            let text = |unit: &str| format!("{number}{unit}");
            let wide = Duration::ZERO..=Duration::MAX;
            for (unit, one) in [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)] {
                let read = duration(wide.clone(), "").read(Text(&text(unit)));
                prop_assert_eq!(read, Some(Duration::from_millis(u64::from(number) * one)));
            }
            for (unit, one) in SIZES {
                prop_assert_eq!(size(0..=u64::MAX, "").read(Text(&text(unit))), Some(u64::from(number) * one));
            }
            prop_assert_eq!(rate(0.0..=1e9, "").read(Text(&text("/s"))), Some(f64::from(number)));
            prop_assert_eq!(count(0..=u32::MAX, "").read(Number(f64::from(number))), Some(number));
            // A percentage is the same share as the number that people write for it.
            let share = |written| share(0.0..=1e9, "").read(written);
            let decimal = format!("{}.{:02}", number / 100, number % 100).parse().unwrap();
            let percent = text("%");
            prop_assert_eq!(share(Text(&percent)), share(Number(decimal)));
        }

        #[test]
        fn what_is_beyond_a_bound_is_not_read(least in 1u32..1_000, room in 0u32..1_000) {
            let most = least + room;
            let count = count(least..=most, "");
            let size = size(u64::from(least)..=u64::from(most), "");
            let milliseconds = |number: u32| Duration::from_millis(u64::from(number));
            let duration = duration(milliseconds(least)..=milliseconds(most), "");
            for (number, is_within) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
                prop_assert_eq!(count.read(Number(f64::from(number))).is_some(), is_within);
                prop_assert_eq!(size.read(Text(&format!("{number}B"))).is_some(), is_within);
                prop_assert_eq!(duration.read(Text(&format!("{number}ms"))).is_some(), is_within);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,24}") {
            let written = Text(&text);
            for value in [share(0.0..=1.0, "").read(written), factor(0.0..=100.0, "").read(written)] {
                prop_assert!(value.is_none_or(f64::is_finite));
            }
            let _ = (duration(Duration::ZERO..=Duration::MAX, "").read(written), size(0..=9, "").read(written));
        }
    }
}
