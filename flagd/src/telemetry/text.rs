//! Samples in the text format of Prometheus.

use std::fmt::Write;

use super::cells::Histogram;
use super::samples::{Kind, Labels, Metric, Number, Samples};

/// Writes samples to a text. Names of labels have `_` for a dot.
pub(super) struct Text<'a> {
    out: &'a mut String,
    name: &'static str,
    scope: &'static str,
}

impl<'a> Text<'a> {
    pub(super) fn new(out: &'a mut String) -> Self {
        Self { out, name: "", scope: "" }
    }

    /// One line; `suffix` goes after the metric's name, `bound` is the last label.
    fn line(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: impl std::fmt::Display) {
        self.out.push_str(self.name);
        self.out.push_str(suffix);
        let mut before = '{';
        let mut scope = self.scope;
        for (name, value) in labels {
            // Labels are in order of their names, the scope's among them.
            if *name > "otel_scope" && !scope.is_empty() {
                self.out.push(before);
                before = ',';
                self.out.push_str(std::mem::take(&mut scope));
            }
            self.out.push(before);
            before = ',';
            self.out.extend(name.chars().map(|letter| if letter == '.' { '_' } else { letter }));
            self.out.push_str("=\"");
            write_label(self.out, value);
            self.out.push('"');
        }
        if !scope.is_empty() {
            self.out.push(before);
            before = ',';
            self.out.push_str(scope);
        }
        if let Some(bound) = bound {
            let _ = write!(self.out, "{before}le=\"{bound}\"");
            before = ',';
        }
        if before == ',' {
            self.out.push('}');
        }
        // Writing to a text cannot fail.
        let _ = writeln!(self.out, " {value}");
    }
}

impl Samples for Text<'_> {
    fn metric(&mut self, metric: &'static Metric) {
        self.name = metric.text_name;
        self.scope = if metric.shared { SCOPE } else { "" };
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::UpDown | Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.out, "# HELP {0} {1}\n# TYPE {0} {kind}", self.name, metric.help);
    }

    fn number(&mut self, labels: Labels<'_>, value: Number) {
        match value {
            Number::Whole(value) => self.line("", labels, None, value),
            Number::Fraction(value) => self.line("", labels, None, value),
        }
    }

    fn histogram(&mut self, labels: Labels<'_>, histogram: &Histogram) {
        let mut below = 0;
        for (count, bound) in histogram.counts() {
            below += count;
            self.line("_bucket", labels, Some(bound.unwrap_or("+Inf")), below);
        }
        self.line("_sum", labels, None, histogram.sum());
        self.line("_count", labels, None, below);
    }
}

/// Writes a label's value so that it can stand between quotes.
fn write_label(out: &mut String, value: &str) {
    for letter in value.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

/// Labels that every metric of the reference has.
const SCOPE: &str = concat!(
    "otel_scope_name=\"flagd\",otel_scope_schema_url=\"\",otel_scope_version=\"",
    env!("CARGO_PKG_VERSION"),
    "\""
);
