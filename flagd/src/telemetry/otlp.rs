//! Samples, spans and the process in the messages of OTLP.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{self as message, metric, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use super::cells::Histogram;
use super::samples::{Kind, Labels, Metric, Number, Samples};

/// What is said of the process; what is given wins.
pub(super) fn resource(given: &[(String, String)]) -> Resource {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = [
        ("service.name", "flagd"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("os.type", std::env::consts::OS),
        ("host.name", host.trim()),
    ];
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut attributes: Vec<(String, String)> = Vec::new();
    for (name, value) in own.chain(given.iter().cloned()) {
        attributes.retain(|(known, _)| *known != name);
        attributes.push((name, value));
    }
    let attributes = attributes.iter().map(|(name, value)| attribute(name, value.as_str())).collect();
    Resource { attributes, ..Resource::default() }
}

/// Spans, each under its scope.
pub(super) fn traces<'s>(
    resource: &Resource,
    spans: impl Iterator<Item = (&'static str, &'s Span)>,
) -> ExportTraceServiceRequest {
    let mut scopes: Vec<ScopeSpans> = Vec::new();
    for (scope, span) in spans {
        let known = scopes.iter_mut().find(|it| it.scope.as_ref().is_some_and(|known| known.name == scope));
        match known {
            Some(known) => known.spans.push(span.clone()),
            None => scopes.push(ScopeSpans {
                scope: Some(self::scope(scope)),
                spans: vec![span.clone()],
                ..ScopeSpans::default()
            }),
        }
    }
    let resource = Some(resource.clone());
    let of_all = ResourceSpans { resource, scope_spans: scopes, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![of_all] }
}

/// Listens to samples and makes a request of them.
#[derive(Debug)]
pub(super) struct Gathered {
    metrics: Vec<message::Metric>,
    start: u64,
    now: u64,
}

impl Gathered {
    /// Counters began to count at the start.
    pub(super) fn new(start: SystemTime) -> Self {
        Self { metrics: Vec::new(), start: nanoseconds(start), now: nanoseconds(SystemTime::now()) }
    }

    /// All that was told; metrics without a sample are left out.
    pub(super) fn request(self, resource: &Resource) -> ExportMetricsServiceRequest {
        let has_samples = |metric: &message::Metric| match &metric.data {
            Some(metric::Data::Gauge(gauge)) => !gauge.data_points.is_empty(),
            Some(metric::Data::Sum(sum)) => !sum.data_points.is_empty(),
            Some(metric::Data::Histogram(histogram)) => !histogram.data_points.is_empty(),
            _ => false,
        };
        let metrics = message::ScopeMetrics {
            scope: Some(scope("flagd")),
            metrics: self.metrics.into_iter().filter(has_samples).collect(),
            ..message::ScopeMetrics::default()
        };
        let resource = Some(resource.clone());
        let of_all = message::ResourceMetrics {
            resource,
            scope_metrics: vec![metrics],
            ..message::ResourceMetrics::default()
        };
        ExportMetricsServiceRequest { resource_metrics: vec![of_all] }
    }
}

impl Samples for Gathered {
    fn metric(&mut self, metric: &'static Metric) {
        let sum = |is_monotonic| {
            let aggregation_temporality = message::AggregationTemporality::Cumulative.into();
            metric::Data::Sum(message::Sum { data_points: Vec::new(), aggregation_temporality, is_monotonic })
        };
        let data = match metric.kind {
            Kind::Counter => sum(true),
            Kind::UpDown => sum(false),
            Kind::Gauge => metric::Data::Gauge(message::Gauge::default()),
            Kind::Histogram => metric::Data::Histogram(message::Histogram {
                data_points: Vec::new(),
                aggregation_temporality: message::AggregationTemporality::Cumulative.into(),
            }),
        };
        self.metrics.push(message::Metric {
            name: metric.name.to_owned(),
            description: metric.help.to_owned(),
            unit: metric.unit.to_owned(),
            data: Some(data),
            ..message::Metric::default()
        });
    }

    fn number(&mut self, labels: Labels<'_>, value: Number) {
        let value = match value {
            Number::Whole(value) => number_data_point::Value::AsInt(i64::try_from(value).unwrap_or(i64::MAX)),
            Number::Fraction(value) => number_data_point::Value::AsDouble(value),
        };
        let point = message::NumberDataPoint {
            attributes: attributes(labels),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            value: Some(value),
            ..message::NumberDataPoint::default()
        };
        match self.metrics.last_mut().and_then(|metric| metric.data.as_mut()) {
            Some(metric::Data::Gauge(gauge)) => gauge.data_points.push(point),
            Some(metric::Data::Sum(sum)) => sum.data_points.push(point),
            _ => {}
        }
    }

    fn histogram(&mut self, labels: Labels<'_>, histogram: &Histogram) {
        let counts: Vec<u64> = histogram.counts().map(|(count, _)| count).collect();
        let point = message::HistogramDataPoint {
            attributes: attributes(labels),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count: counts.iter().sum(),
            sum: Some(histogram.sum()),
            bucket_counts: counts,
            explicit_bounds: histogram.bounds().collect(),
            ..message::HistogramDataPoint::default()
        };
        if let Some(metric::Data::Histogram(all)) =
            self.metrics.last_mut().and_then(|metric| metric.data.as_mut())
        {
            all.data_points.push(point);
        }
    }
}

fn attributes(labels: Labels<'_>) -> Vec<KeyValue> {
    labels.iter().map(|(name, value)| attribute(name, *value)).collect()
}

/// An attribute whose value is a text.
pub(super) fn attribute(name: &str, value: impl Into<String>) -> KeyValue {
    of(name, any_value::Value::StringValue(value.into()))
}

/// An attribute whose value is a whole number.
pub(super) fn whole(name: &str, value: u64) -> KeyValue {
    of(name, any_value::Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn of(name: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn scope(name: &str) -> InstrumentationScope {
    InstrumentationScope {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

/// A moment in nanoseconds of Unix time.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
