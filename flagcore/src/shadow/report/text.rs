//! A report as text, for people: one screen, worst first.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::text::Printable;

use super::shadow_report::{ErrorReport, FieldReport, Latency, ShadowReport};

/// For people: at most 26 lines of 100 columns.
impl fmt::Display for ShadowReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cut(&self.flag, NAME))?;
        if self.id != self.flag {
            write!(f, " ({})", cut(&self.id, NAME))?;
        }
        write!(f, ", {}: ", self.state)?;
        self.write_verdict(f)?;
        self.write_dropped(f)?;
        if self.samples == 0 {
            return Ok(());
        }
        let heads = ["p50", "p90", "p99", "p99.9", "max"];
        write!(f, "  {:<10}", "")?;
        heads.iter().try_for_each(|head| write!(f, "{head:>10}"))?;
        f.write_char('\n')?;
        write_latency(f, "control", &self.control)?;
        write_latency(f, "candidate", &self.candidate)?;
        self.write_fields(f)?;
        self.write_errors(f)
    }
}

impl ShadowReport {
    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compared = Grouped(self.compared());
        match (self.samples, self.errors + self.timeouts, self.mismatched) {
            (0, ..) => f.write_str("no sample yet")?,
            (1, 0, 0) => f.write_str("no difference in 1 answer")?,
            (_, 0, 0) => write!(f, "no difference in {compared} answers")?,
            // Good news of some is none where others failed.
            (copies, _, 0) => write!(f, "{compared} of {} copies answer alike", Grouped(copies))?,
            (.., mismatched) => {
                let share = Share(mismatched, self.compared());
                write!(f, "{} of {compared} answers differ ({share})", Grouped(mismatched))?;
            }
        }
        f.write_char('\n')?;
        write_list(f, "", &[(self.errors, "failed"), (self.timeouts, "timed out")])?;
        write_list(f, "", &[(self.ignored, "of the answers differ only in what is ignored")])?;
        write_list(f, "now ", &[(self.in_flight, "run"), (self.waiting, "wait")])
    }

    fn write_dropped(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped.is_empty() {
            return Ok(());
        }
        write!(f, "  dropped {}:", Grouped(self.all_dropped()))?;
        for (at, dropped) in self.dropped.iter().take(REASONS).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma} {} {}", Grouped(dropped.count), dropped.reason)?;
        }
        if self.dropped.len() > REASONS {
            f.write_str(", …")?;
        }
        f.write_char('\n')
    }

    fn write_fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fields.is_empty() {
            return Ok(());
        }
        writeln!(f, "  {:>7}  {:>7}  {:<8} {:<26} control → candidate", "differ", "share", "kind", "field")?;
        self.fields.iter().take(FIELDS).try_for_each(|field| field.write(f, self.compared()))?;
        let more = (self.fields.len().saturating_sub(FIELDS) as u64).saturating_add(self.more_fields);
        if more > 0 {
            writeln!(f, "  and {} fields more", Grouped(more))?;
        }
        if self.fields_let_go > 0 {
            writeln!(f, "  fields were let go for want of memory, so counts are lower bounds")?;
        }
        Ok(())
    }

    fn write_errors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.errors_by_class.is_empty() {
            return Ok(());
        }
        writeln!(f, "  {:>7}  error", "failed")?;
        self.errors_by_class.iter().take(CLASSES).try_for_each(|error| error.write(f))?;
        match self.errors_by_class.len().saturating_sub(CLASSES) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} classes more"),
        }
    }
}

impl FieldReport {
    fn write(&self, f: &mut fmt::Formatter<'_>, compared: u64) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "(the answer)" } else { &self.pointer };
        let example = self.examples.first();
        let example = example.filter(|example| !example.control.is_empty() || !example.candidate.is_empty());
        let example = example.map_or(String::new(), |example| {
            format!("{} → {}", cut(&example.control, EXAMPLE), cut(&example.candidate, EXAMPLE))
        });
        let line = format!(
            "  {:>7}  {:>7}  {:<8} {:<26} {example}",
            Grouped(self.samples).to_string(),
            Share(self.samples, compared).to_string(),
            self.kind,
            cut_in_front(pointer, POINTER),
        );
        writeln!(f, "{}", line.trim_end())
    }
}

impl ErrorReport {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.examples.first().filter(|text| !text.is_empty());
        let text = text.map_or(String::new(), |text| format!(": {}", cut(text, ERROR_TEXT)));
        writeln!(f, "  {:>7}  {}{text}", Grouped(self.samples).to_string(), cut(&self.class, CLASS))
    }
}

/// A line of counts, where there is any.
fn write_list(f: &mut fmt::Formatter<'_>, head: &str, counts: &[(u64, &str)]) -> fmt::Result {
    let mut is_first = true;
    for (count, what) in counts.iter().filter(|(count, _)| *count > 0) {
        let before = if std::mem::take(&mut is_first) { "  " } else { ", " };
        write!(f, "{before}{}{} {what}", if before == "  " { head } else { "" }, Grouped(*count))?;
    }
    if is_first { Ok(()) } else { f.write_char('\n') }
}

fn write_latency(f: &mut fmt::Formatter<'_>, side: &str, latency: &Latency) -> fmt::Result {
    write!(f, "  {side:<10}")?;
    for quantile in [latency.p50, latency.p90, latency.p99, latency.p999, latency.max] {
        write!(f, "{:>10}", shown(quantile))?;
    }
    f.write_char('\n')
}

/// A duration in three digits.
fn shown(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos() as f64;
    let (value, unit) = match nanoseconds {
        _ if nanoseconds < 999.5 => return format!("{nanoseconds} ns"),
        _ if nanoseconds < 999.5e3 => (nanoseconds / 1e3, "µs"),
        _ if nanoseconds < 999.5e6 => (nanoseconds / 1e6, "ms"),
        _ => (nanoseconds / 1e9, "s"),
    };
    match value {
        _ if value < 9.995 => format!("{value:.2} {unit}"),
        _ if value < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A number with its thousands set apart.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// A share in percent.
struct Share(u64, u64);

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 as f64 * 100.0 / self.1.max(1) as f64;
        match percent {
            // Little is not nothing.
            _ if self.0 > 0 && percent < 0.01 => f.write_str("<0.01 %"),
            _ if percent < 9.995 => write!(f, "{percent:.2} %"),
            _ => write!(f, "{percent:.1} %"),
        }
    }
}

/// The beginning of a text, safe to print.
fn cut(text: &str, most: usize) -> String {
    let text = Printable(text).to_string();
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// The end of a text, safe to print: of a pointer it says the most.
fn cut_in_front(text: &str, most: usize) -> String {
    let over = text.chars().count().saturating_sub(most);
    if over == 0 {
        return cut(text, most);
    }
    let end: String = text.chars().skip(over + 1).collect();
    format!("…{}", cut(&end, most - 1))
}

const FIELDS: usize = 8;
const CLASSES: usize = 4;
const REASONS: usize = 4;

const NAME: usize = 24;
const POINTER: usize = 26;
const EXAMPLE: usize = 20;
const CLASS: usize = 30;
const ERROR_TEXT: usize = 56;
