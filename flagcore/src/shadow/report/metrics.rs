//! Reports in the form that the daemon's `/metrics` uses: one table of names, told to whoever exports.
//!
//! | name | labels | what |
//! | --- | --- | --- |
//! | `flagd_shadow_samples_total` | `feature_flag_key`, `outcome`: `match`, `mismatch`, `ignored`, `error`, `timeout` | copies by how they ended |
//! | `flagd_shadow_dropped_total` | `feature_flag_key`, `reason` | copies that were dropped |
//! | `flagd_shadow_duration_seconds` | `feature_flag_key`, `side`: `control`, `candidate` | how long both sides took; a histogram |
//! | `flagd_shadow_state` | `feature_flag_key`, `state` | 1 for the state: `off`, `running`, `resting`, `probing`, `failing`, `slowing`, `ended` |
//! | `flagd_shadow_in_flight` | `feature_flag_key` | candidates that run now |
//! | `flagd_shadow_differing_fields` | `feature_flag_key` | ways in which fields differ |
//! | `flagd_shadow_stored_bytes` | `feature_flag_key` | bytes of fields and examples |
//!
//! No field is a label: answers, and so whoever calls, would decide how many series there are.

use std::fmt::{Display, Write};
use std::time::Duration;

use super::shadow_report::{Latency, ShadowReport};

/// A metric: its names, unit, kind and help.
#[derive(Debug)]
#[non_exhaustive]
pub struct Metric {
    /// In OpenTelemetry.
    pub name: &'static str,
    /// In Prometheus, with its unit.
    pub text_name: &'static str,
    /// In UCUM's words.
    pub unit: &'static str,
    /// What may become of its values.
    pub kind: Kind,
    /// One sentence.
    pub help: &'static str,
}

/// What may become of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// They only grow.
    Counter,
    /// They are what they are.
    Gauge,
    /// They are counted by size.
    Histogram,
}

/// All metrics, in the order in which they are told.
pub static METRICS: [Metric; 7] = [
    Metric {
        name: "flagd.shadow.samples",
        text_name: "flagd_shadow_samples_total",
        unit: "{copy}",
        kind: Kind::Counter,
        help: "Copies of shadow calls, by how they ended.",
    },
    Metric {
        name: "flagd.shadow.dropped",
        text_name: "flagd_shadow_dropped_total",
        unit: "{copy}",
        kind: Kind::Counter,
        help: "Copies of shadow calls that were dropped, by reason.",
    },
    Metric {
        name: "flagd.shadow.duration",
        text_name: "flagd_shadow_duration_seconds",
        unit: "s",
        kind: Kind::Histogram,
        help: "How long the control and the candidate took.",
    },
    Metric {
        name: "flagd.shadow.state",
        text_name: "flagd_shadow_state",
        unit: "1",
        kind: Kind::Gauge,
        help: "What a sample meets now: 1 for the state that holds.",
    },
    Metric {
        name: "flagd.shadow.in_flight",
        text_name: "flagd_shadow_in_flight",
        unit: "{copy}",
        kind: Kind::Gauge,
        help: "Candidates that run now, those that hang included.",
    },
    Metric {
        name: "flagd.shadow.differing_fields",
        text_name: "flagd_shadow_differing_fields",
        unit: "{field}",
        kind: Kind::Gauge,
        help: "Ways in which fields of the answers differ.",
    },
    Metric {
        name: "flagd.shadow.stored",
        text_name: "flagd_shadow_stored_bytes",
        unit: "By",
        kind: Kind::Gauge,
        help: "Bytes that differing fields and their examples take.",
    },
];

/// Names and values of labels, sorted by name; names as OpenTelemetry has them, with dots.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// Somebody who listens to metrics.
pub trait Samples {
    /// The samples of a metric begin.
    fn metric(&mut self, metric: &'static Metric);

    /// One number of the metric that began last.
    fn number(&mut self, labels: Labels<'_>, value: u64);

    /// One histogram of the metric that began last.
    fn histogram(&mut self, labels: Labels<'_>, latency: &Latency);
}

/// Tells the metrics of reports, each of a flag of its own.
pub fn tell(reports: &[ShadowReport], to: &mut impl Samples) {
    let [samples, dropped, duration, state, in_flight, fields, stored] = &METRICS;
    to.metric(samples);
    for report in reports {
        for (outcome, count) in [
            ("match", report.matched),
            ("mismatch", report.mismatched),
            ("ignored", report.ignored),
            ("error", report.errors),
            ("timeout", report.timeouts),
        ] {
            to.number(&[(FLAG, &report.flag), ("outcome", outcome)], count);
        }
    }
    to.metric(dropped);
    for report in reports {
        for dropped in &report.dropped {
            to.number(&[(FLAG, &report.flag), ("reason", dropped.reason)], dropped.count);
        }
    }
    to.metric(duration);
    for report in reports {
        to.histogram(&[(FLAG, &report.flag), ("side", "control")], &report.control);
        to.histogram(&[(FLAG, &report.flag), ("side", "candidate")], &report.candidate);
    }
    to.metric(state);
    for report in reports {
        to.number(&[(FLAG, &report.flag), ("state", report.state)], 1);
    }
    to.metric(in_flight);
    for report in reports {
        to.number(&[(FLAG, &report.flag)], report.in_flight);
    }
    to.metric(fields);
    for report in reports {
        to.number(&[(FLAG, &report.flag)], report.fields.len() as u64 + report.more_fields);
    }
    to.metric(stored);
    for report in reports {
        to.number(&[(FLAG, &report.flag)], report.stored_bytes);
    }
}

/// The metrics of reports in the text format of Prometheus, to be put into the answer to `/metrics`.
pub fn prometheus(reports: &[ShadowReport]) -> String {
    let mut text = Text { out: String::new(), name: "" };
    tell(reports, &mut text);
    text.out
}

impl Latency {
    /// How many durations do not exceed each of the bounds of the metric, in seconds as they are written. A bound is
    /// as exact as a quantile.
    pub fn up_to(&self) -> impl ExactSizeIterator<Item = (&'static str, u64)> {
        BOUNDS.iter().map(|(_, text)| *text).zip(self.up_to.iter().copied())
    }
}

struct Text {
    out: String,
    name: &'static str,
}

impl Text {
    fn line(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: impl Display) {
        self.out.push_str(self.name);
        self.out.push_str(suffix);
        let mut before = '{';
        for (name, value) in labels.iter().copied().chain(bound.map(|bound| ("le", bound))) {
            self.out.push(before);
            before = ',';
            self.out.extend(name.chars().map(|letter| if letter == '.' { '_' } else { letter }));
            self.out.push_str("=\"");
            for letter in value.chars() {
                match letter {
                    '\\' => self.out.push_str("\\\\"),
                    '"' => self.out.push_str("\\\""),
                    '\n' => self.out.push_str("\\n"),
                    other => self.out.push(other),
                }
            }
            self.out.push('"');
        }
        // Writing to a text cannot fail.
        let _ = writeln!(self.out, "}} {value}");
    }
}

impl Samples for Text {
    fn metric(&mut self, metric: &'static Metric) {
        self.name = metric.text_name;
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.out, "# HELP {0} {1}\n# TYPE {0} {kind}", metric.text_name, metric.help);
    }

    fn number(&mut self, labels: Labels<'_>, value: u64) {
        self.line("", labels, None, value);
    }

    fn histogram(&mut self, labels: Labels<'_>, latency: &Latency) {
        for (bound, count) in latency.up_to() {
            self.line("_bucket", labels, Some(bound), count);
        }
        self.line("_bucket", labels, Some("+Inf"), latency.count);
        self.line("_sum", labels, None, latency.sum.as_secs_f64());
        self.line("_count", labels, None, latency.count);
    }
}

const FLAG: &str = "feature_flag.key";

const fn us(microseconds: u64) -> Duration {
    Duration::from_micros(microseconds)
}

/// The bounds of the histogram: those of the daemon's requests, and finer ones for what is called in process.
pub(super) const BOUNDS: [(Duration, &str); 16] = [
    (us(100), "0.0001"),
    (us(250), "0.00025"),
    (us(500), "0.0005"),
    (us(1_000), "0.001"),
    (us(2_500), "0.0025"),
    (us(5_000), "0.005"),
    (us(10_000), "0.01"),
    (us(25_000), "0.025"),
    (us(50_000), "0.05"),
    (us(100_000), "0.1"),
    (us(250_000), "0.25"),
    (us(500_000), "0.5"),
    (us(1_000_000), "1"),
    (us(2_500_000), "2.5"),
    (us(5_000_000), "5"),
    (us(10_000_000), "10"),
];
