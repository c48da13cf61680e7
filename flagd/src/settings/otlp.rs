//! Where metrics and traces are sent, out of the options and the variables that all of OpenTelemetry knows.
//!
//! The variables are the ones of OpenTelemetry's specification. As in the reference, the collector that they name wins
//! over the option. A wrong value among them is no mistake but a warning, as the specification wants it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::Uri;
use axum::http::header::{HeaderName, HeaderValue};
use flagcore::text::Printable;

use super::mistake::{Fault, Mistake};
use super::tls::{Tls, pair};

/// Where metrics and traces are sent, and what of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Otlp {
    /// The collector's address, with its scheme: `http` is plain, `https` is TLS.
    pub collector: String,
    /// The authority of its certificate; the system's without.
    pub ca: Option<PathBuf>,
    /// What the daemon shows to it.
    pub certificate: Option<Tls>,
    /// How often these files are read again.
    pub reload: Duration,
    /// What is sent with each request.
    pub headers: Headers,
    /// How long a request may take.
    pub timeout: Duration,
    /// How often metrics are sent; they are not without.
    pub metrics: Option<Duration>,
    /// How traces are sent; they are not without.
    pub traces: Option<Traces>,
    /// What is said of the process, in order.
    pub resource: Vec<(String, String)>,
}

/// How traces are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traces {
    /// Which requests are traced.
    pub sampler: Sampler,
    /// How long a span waits for others to go with.
    pub delay: Duration,
}

/// Which requests are traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Whether a caller that traces or does not decides for its request.
    pub follows_caller: bool,
    /// The share of the others: 0 to 1.
    pub share: f64,
}

/// Names and values that go with each request. The values are secrets: they are shown nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(HeaderName, HeaderValue)>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What the options say.
#[derive(Debug)]
pub(super) struct OtlpDraft {
    pub(super) exports_metrics: bool,
    pub(super) collector: Option<String>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) ca: Option<PathBuf>,
    pub(super) reload: Duration,
}

impl Default for OtlpDraft {
    fn default() -> Self {
        Self {
            exports_metrics: false,
            collector: None,
            certificate: None,
            key: None,
            ca: None,
            reload: Duration::from_secs(3_600),
        }
    }
}

/// The options and the variables put together; none where nothing is sent.
pub(super) fn choose<'e>(
    draft: OtlpDraft,
    variable: &dyn Fn(&str) -> Option<&'e str>,
    warnings: &mut Vec<String>,
) -> Result<Option<Otlp>, Mistake> {
    let mut variables = Variables { variable, warnings };
    let named = variables.text("OTEL_EXPORTER_OTLP_ENDPOINT");
    if let (Some(named), Some(collector)) = (named, &draft.collector)
        && named != collector
    {
        variables.warn("OTEL_EXPORTER_OTLP_ENDPOINT", "wins over --otel-collector-uri");
    }
    let at = if named.is_some() { "OTEL_EXPORTER_OTLP_ENDPOINT" } else { "--otel-collector-uri" };
    let collector = named.map(str::to_owned).or(draft.collector);
    let exporter = variables.word("OTEL_METRICS_EXPORTER", &["otlp", "none", "prometheus"]);
    let exports_metrics = exporter.map_or(draft.exports_metrics, |exporter| exporter == "otlp");
    let exports_traces = variables.word("OTEL_TRACES_EXPORTER", &["otlp", "none"]) != Some("none");
    let Some(collector) = collector else {
        return match exports_metrics {
            true => Err(Mistake::new("--metrics-exporter", Fault::NoCollector)),
            false => Ok(None),
        };
    };
    if variables.text("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        variables.warn("OTEL_SDK_DISABLED", "is set, so that nothing is sent to a collector");
        return Ok(None);
    }
    if !exports_metrics && !exports_traces {
        return Ok(None);
    }
    if let Some(protocol) = variables.text("OTEL_EXPORTER_OTLP_PROTOCOL").filter(|it| *it != "grpc") {
        let what = format!("protocol `{}`", Printable(protocol));
        let fault = Fault::Later { what, instead: "use `grpc`, which collectors speak on port 4317" };
        return Err(Mistake::new("OTEL_EXPORTER_OTLP_PROTOCOL", fault));
    }
    let path = |name, option: Option<PathBuf>, variables: &Variables<'_, 'e>| {
        option.or_else(|| variables.text(name).map(PathBuf::from))
    };
    let ca = path("OTEL_EXPORTER_OTLP_CERTIFICATE", draft.ca, &variables);
    let certificate = path("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", draft.certificate, &variables);
    let key = path("OTEL_EXPORTER_OTLP_CLIENT_KEY", draft.key, &variables);
    let certificate = pair(certificate, key, ["otel-cert-path", "otel-key-path"])?;
    let is_secure = ca.is_some() || certificate.is_some();
    let not_an_address = || {
        let kind = "a collector's address";
        Mistake::new(at, Fault::NotA { found: collector.clone(), kind, example: "`localhost:4317`" })
    };
    let address = address(&collector, is_secure).ok_or_else(not_an_address)?;
    if is_secure && address.starts_with("http:") {
        variables.warn("--otel-ca-path", "and its like have no effect: the collector's address is plain");
    }
    Ok(Some(Otlp {
        collector: address,
        ca,
        certificate,
        reload: draft.reload,
        headers: variables.headers("OTEL_EXPORTER_OTLP_HEADERS"),
        timeout: variables.milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000),
        metrics: exports_metrics
            .then(|| variables.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000))
            .map(|interval| interval.max(SHORTEST)),
        traces: exports_traces.then(|| Traces {
            sampler: variables.sampler(),
            delay: variables.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5_000).max(SHORTEST),
        }),
        resource: variables.resource(),
    }))
}

/// Says of every variable of OpenTelemetry that it has no effect, unless it is one that is read here.
pub(super) fn without_effect<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let others = names.filter(|name| name.starts_with("OTEL_") && !VARIABLES.contains(name));
    let warn = |name: &str| {
        let of_both = ["_TRACES_", "_METRICS_"].map(|signal| name.replacen(signal, "_", 1));
        let known = of_both.iter().find(|of_both| VARIABLES.contains(&of_both.as_str()));
        let help = known.map_or(String::new(), |known| format!("; {known} is for traces and metrics"));
        format!("{} has no effect here{help}", Printable(name))
    };
    others.map(warn).collect()
}

/// The variables that are read here.
const VARIABLES: [&str; 16] = [
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_METRICS_EXPORTER",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_EXPORTER",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
];

/// How far apart two exports are at least.
const SHORTEST: Duration = Duration::from_millis(10);

/// The address with a scheme, if it is one: `localhost:4317` is plain, unless something of TLS is given.
fn address(text: &str, is_secure: bool) -> Option<String> {
    let text = text.trim().trim_end_matches('/');
    let whole = match text.split_once("://") {
        Some(("http" | "https", _)) => text.to_owned(),
        Some(_) => return None,
        None if is_secure => format!("https://{text}"),
        None => format!("http://{text}"),
    };
    let uri: Uri = whole.parse().ok()?;
    let authority = uri.authority()?;
    let port = authority.as_str().strip_prefix(authority.host()).filter(|_| !authority.host().is_empty())?;
    let is_good = port.strip_prefix(':').map_or(port.is_empty(), |port| port.parse::<u16>().is_ok());
    is_good.then_some(whole)
}

/// The variables of OpenTelemetry.
struct Variables<'a, 'e> {
    variable: &'a dyn Fn(&str) -> Option<&'e str>,
    warnings: &'a mut Vec<String>,
}

impl<'e> Variables<'_, 'e> {
    fn text(&self, name: &str) -> Option<&'e str> {
        debug_assert!(VARIABLES.contains(&name), "{name} would be told to have no effect");
        (self.variable)(name).map(str::trim).filter(|text| !text.is_empty())
    }

    fn warn(&mut self, name: &str, what: &str) {
        self.warnings.push(format!("{name} {what}"));
    }

    /// One of these words; anything else is as if it were not there.
    fn word(&mut self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(name)?;
        let word = words.iter().find(|word| **word == text).copied();
        if word.is_none() {
            let known = words.join("`, `");
            self.warn(name, &format!("has no effect: `{}` is none of `{known}`", Printable(text)));
        }
        word
    }

    fn milliseconds(&mut self, name: &str, default: u64) -> Duration {
        let Some(text) = self.text(name) else { return Duration::from_millis(default) };
        let number = text.parse::<u64>().ok().filter(|number| (1..=LONGEST).contains(number));
        if number.is_none() {
            self.warn(name, &format!("has no effect: `{}` is not a number of milliseconds", Printable(text)));
        }
        Duration::from_millis(number.unwrap_or(default))
    }

    fn sampler(&mut self) -> Sampler {
        let words = [
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ];
        let word = self.word("OTEL_TRACES_SAMPLER", &words).unwrap_or("parentbased_always_on");
        let follows_caller = word.starts_with("parentbased_");
        let share = match word.strip_prefix("parentbased_").unwrap_or(word) {
            "always_off" => 0.0,
            "traceidratio" => self.share("OTEL_TRACES_SAMPLER_ARG"),
            _ => 1.0,
        };
        Sampler { follows_caller, share }
    }

    fn share(&mut self, name: &str) -> f64 {
        let Some(text) = self.text(name) else { return 1.0 };
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            self.warn(name, &format!("has no effect: `{}` is not a share from 0 to 1", Printable(text)));
        }
        share.unwrap_or(1.0)
    }

    /// Names with values; one that is none spoils all, as the specification wants it. Its text may be a secret.
    fn pairs(&mut self, name: &str) -> Vec<(String, String)> {
        let Some(text) = self.text(name) else { return Vec::new() };
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        let pairs: Option<Vec<_>> = parts
            .map(|part| {
                let (name, value) = part.split_once('=')?;
                let name = name.trim();
                (!name.is_empty()).then_some(())?;
                Some((name.to_owned(), decoded(value.trim())?))
            })
            .collect();
        if pairs.is_none() {
            self.warn(name, "has no effect: it is not a list as `name=value,name=value`");
        }
        pairs.unwrap_or_default()
    }

    fn headers(&mut self, name: &str) -> Headers {
        let pairs = self.pairs(name);
        let header = |(name, value): &(String, String)| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some((name.to_ascii_lowercase().parse().ok()?, value))
        };
        let headers: Option<Vec<_>> = pairs.iter().map(header).collect();
        if headers.is_none() {
            self.warn(name, "has no effect: something in it cannot be a header");
        }
        Headers(headers.unwrap_or_default())
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let mut resource = self.pairs("OTEL_RESOURCE_ATTRIBUTES");
        if let Some(name) = self.text("OTEL_SERVICE_NAME") {
            resource.push(("service.name".to_owned(), name.to_owned()));
        }
        resource
    }
}

/// A day; more is a mistake.
const LONGEST: u64 = 86_400_000;

/// A text whose percent signs each begin a byte in hexadecimal.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        rest = after;
        let digits =
            std::str::from_utf8(digits).ok().filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}
