//! What is measured, told one sample after another: whoever exports listens, whatever the format.

use super::cells::Histogram;

/// A metric: its names, unit, kind and help.
#[derive(Debug)]
pub(super) struct Metric {
    /// In OpenTelemetry.
    pub(super) name: &'static str,
    /// In Prometheus, with its unit.
    pub(super) text_name: &'static str,
    /// In UCUM's words; empty where it counts nothing in particular.
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    /// Whether the reference has it too, so that it is told under the reference's scope.
    pub(super) shared: bool,
    pub(super) help: &'static str,
}

/// What may become of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// They only grow.
    Counter,
    /// They are sums of what comes and goes.
    UpDown,
    /// They are what they are.
    Gauge,
    /// They are counted by size.
    Histogram,
}

/// A value of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(u64),
    Fraction(f64),
}

/// Names and values of labels, names as OpenTelemetry has them.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

/// Somebody who listens to samples.
pub(super) trait Samples {
    /// The samples of a metric begin.
    fn metric(&mut self, metric: &'static Metric);

    /// One number of the metric that began last.
    fn number(&mut self, labels: Labels<'_>, value: Number);

    /// One histogram of the metric that began last.
    fn histogram(&mut self, labels: Labels<'_>, histogram: &Histogram);

    /// A whole number of the metric that began last.
    fn whole(&mut self, labels: Labels<'_>, value: u64) {
        self.number(labels, Number::Whole(value));
    }

    /// A metric of one number without labels.
    fn single(&mut self, metric: &'static Metric, value: Number) {
        self.metric(metric);
        self.number(&[], value);
    }
}
