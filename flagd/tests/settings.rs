//! Every option of the table: what it sets, from each of the three places, and which place wins.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flagd::settings::{
    self, Chosen, Headers, LogFormat, OPTIONS, Otlp, Request, Sampler, Settings, SourceSettings, Tls, Traces,
};

/// What an option does when it is given.
type Expected = fn(&mut Settings);

/// One option: how it is given at each place, and what the settings are then.
struct Row {
    name: &'static str,
    short: Option<char>,
    line: (&'static [&'static str], Expected),
    environment: (&'static str, Expected),
    /// The value in YAML.
    file: (&'static str, Expected),
    /// What has to be given with it.
    beside: &'static [&'static str],
}

fn row(
    name: &'static str,
    short: impl Into<Option<char>>,
    line: (&'static [&'static str], Expected),
    environment: (&'static str, Expected),
    file: (&'static str, Expected),
) -> Row {
    Row { name, short: short.into(), line, environment, file, beside: &[] }
}

fn rows() -> Vec<Row> {
    let beside: [&'static [&'static str]; 8] = [
        &["--server-key-path=k"],
        &["--server-cert-path=c"],
        &["--ofrep-key-path=k"],
        &["--ofrep-cert-path=c"],
        &["--otel-collector-uri=c:1"],
        &["--otel-collector-uri=https://c:1"],
        &["--otel-collector-uri=c:1", "--otel-key-path=k"],
        &["--otel-collector-uri=c:1", "--otel-cert-path=c"],
    ];
    vec![
        row(
            "uri",
            'f',
            (&["file:a.json,file:b", "file:c"], |it| it.sources = sources(&["a.json", "b", "c"])),
            ("file:d.json  file:e", |it| it.sources = sources(&["d.json", "e"])),
            ("[file:g.yaml, 'file:h i']", |it| it.sources = sources(&["g.yaml", "h i"])),
        ),
        row(
            "sources",
            's',
            (&[r#"[{"URI":"a","Provider":"file"},{"uri":"b","provider":"fsnotify","interval":5}]"#], |it| {
                it.sources = sources(&["base.json", "a", "b"]);
            }),
            (r#"[{"uri":"c","provider":"fileinfo"}]"#, |it| it.sources = sources(&["base.json", "c"])),
            (
                "\n  - uri: d\n    Provider: file\n    selector: x\n  - {uri: 'file:e', provider: file}",
                |it| {
                    it.sources = sources(&["base.json", "d", "e"]);
                },
            ),
        ),
        row(
            "on-missing",
            None,
            (&["fail"], |it| it.fail_on_missing = true),
            ("wait", |it| it.fail_on_missing = false),
            ("fail", |it| it.fail_on_missing = true),
        ),
        row("port", 'p', (&["1"], |it| it.port = 1), ("2", |it| it.port = 2), ("3", |it| it.port = 3)),
        row(
            "management-port",
            'm',
            (&["1"], |it| it.management_port = 1),
            ("2", |it| it.management_port = 2),
            ("'3'", |it| it.management_port = 3),
        ),
        row(
            "sync-port",
            'g',
            (&["1"], |it| it.sync_port = 1),
            ("0", |it| it.sync_port = 0),
            ("65535", |it| it.sync_port = 65535),
        ),
        row(
            "ofrep-port",
            'r',
            (&["9", "1"], |it| it.ofrep_port = 1),
            ("2", |it| it.ofrep_port = 2),
            ("3", |it| it.ofrep_port = 3),
        ),
        row(
            "socket-path",
            'd',
            (&["/a"], |it| it.socket_path = path("/a")),
            ("/b", |it| it.socket_path = path("/b")),
            ("/c", |it| it.socket_path = path("/c")),
        ),
        row(
            "sync-socket-path",
            'e',
            (&["/a"], |it| it.sync_socket_path = path("/a")),
            ("/b", |it| it.sync_socket_path = path("/b")),
            ("/c", |it| it.sync_socket_path = path("/c")),
        ),
        Row {
            beside: beside[0],
            ..row(
                "server-cert-path",
                'c',
                (&["1"], |it| it.tls = tls("1", "k")),
                ("2", |it| it.tls = tls("2", "k")),
                ("three", |it| it.tls = tls("three", "k")),
            )
        },
        Row {
            beside: beside[1],
            ..row(
                "server-key-path",
                'k',
                (&["1"], |it| it.tls = tls("c", "1")),
                ("2", |it| it.tls = tls("c", "2")),
                ("three", |it| it.tls = tls("c", "three")),
            )
        },
        Row {
            beside: beside[2],
            ..row(
                "ofrep-cert-path",
                None,
                (&["1"], |it| it.ofrep_tls = tls("1", "k")),
                ("2", |it| it.ofrep_tls = tls("2", "k")),
                ("three", |it| it.ofrep_tls = tls("three", "k")),
            )
        },
        Row {
            beside: beside[3],
            ..row(
                "ofrep-key-path",
                None,
                (&["1"], |it| it.ofrep_tls = tls("c", "1")),
                ("2", |it| it.ofrep_tls = tls("c", "2")),
                ("three", |it| it.ofrep_tls = tls("c", "three")),
            )
        },
        row(
            "context-value",
            'X',
            (&["Plan=pro", "a=1,b=2", "Plan=x,y"], |it| {
                it.context_values = pairs(&[("a", "1"), ("b", "2"), ("Plan", "x,y")]);
            }),
            (r#"{"Plan":"pro","n":5,"b":true}"#, |it| {
                it.context_values = pairs(&[("Plan", "pro"), ("n", "5"), ("b", "true")]);
            }),
            ("{UserTier: Gold, seats: 1.5}", |it| {
                it.context_values = pairs(&[("usertier", "Gold"), ("seats", "1.5")]);
            }),
        ),
        row(
            "context-from-header",
            'H',
            (&["X-User=userId"], |it| it.context_from_header = pairs(&[("x-user", "userId")])),
            (r#"{"X-Tier":"tierName"}"#, |it| it.context_from_header = pairs(&[("x-tier", "tierName")])),
            ("{X-Plan: planName}", |it| it.context_from_header = pairs(&[("x-plan", "planName")])),
        ),
        row(
            "stream-deadline",
            None,
            (&["250ms"], |it| it.stream_deadline = Duration::from_millis(250)),
            ("1h30m", |it| it.stream_deadline = Duration::from_secs(5_400)),
            ("2s", |it| it.stream_deadline = Duration::from_secs(2)),
        ),
        row(
            "disable-sync-metadata",
            None,
            (&["true"], |it| it.disable_sync_metadata = true),
            ("F", |it| it.disable_sync_metadata = false),
            ("true", |it| it.disable_sync_metadata = true),
        ),
        row(
            "ofrep-sse-enabled",
            None,
            (&["false"], |it| it.ofrep_sse_enabled = false),
            ("1", |it| it.ofrep_sse_enabled = true),
            ("False", |it| it.ofrep_sse_enabled = false),
        ),
        row(
            "ofrep-sse-inactivity-delay",
            None,
            (&["1"], |it| it.ofrep_sse_inactivity_delay = 1),
            ("2", |it| it.ofrep_sse_inactivity_delay = 2),
            ("3", |it| it.ofrep_sse_inactivity_delay = 3),
        ),
        row(
            "ofrep-sse-public-url",
            None,
            (&["https://a"], |it| it.ofrep_sse_public_url = Some("https://a".into())),
            ("https://b", |it| it.ofrep_sse_public_url = Some("https://b".into())),
            ("https://c", |it| it.ofrep_sse_public_url = Some("https://c".into())),
        ),
        row(
            "drain",
            None,
            (&["1s"], |it| it.drain = Duration::from_secs(1)),
            ("0", |it| it.drain = Duration::ZERO),
            ("1.5s", |it| it.drain = Duration::from_millis(1_500)),
        ),
        row(
            "cors-origin",
            'C',
            (&["https://a,https://b", "https://c"], |it| {
                it.cors_origins = texts(&["https://a", "https://b", "https://c"]);
            }),
            ("https://d https://e", |it| it.cors_origins = texts(&["https://d", "https://e"])),
            ("https://f https://g", |it| it.cors_origins = texts(&["https://f", "https://g"])),
        ),
        row(
            "max-request-body",
            'B',
            (&["1"], |it| it.max_request_body = 1),
            ("0", |it| it.max_request_body = 0),
            ("3000000", |it| it.max_request_body = 3_000_000),
        ),
        row(
            "max-request-header",
            'R',
            (&["1"], |it| it.max_request_header = 1),
            ("0", |it| it.max_request_header = 0),
            ("3000000", |it| it.max_request_header = 3_000_000),
        ),
        row(
            "header-deadline",
            None,
            (&["250ms"], |it| it.header_deadline = Duration::from_millis(250)),
            ("2s", |it| it.header_deadline = Duration::from_secs(2)),
            ("1m", |it| it.header_deadline = Duration::from_secs(60)),
        ),
        row(
            "body-deadline",
            None,
            (&["250ms"], |it| it.body_deadline = Duration::from_millis(250)),
            ("2s", |it| it.body_deadline = Duration::from_secs(2)),
            ("1m", |it| it.body_deadline = Duration::from_secs(60)),
        ),
        row(
            "log-format",
            'z',
            (&["json"], |it| it.log_format = LogFormat::Json),
            ("console", |it| it.log_format = LogFormat::Console),
            ("json", |it| it.log_format = LogFormat::Json),
        ),
        Row {
            beside: beside[4],
            ..row(
                "metrics-exporter",
                't',
                (&["otel"], |it| it.otlp = otlp(|it| it.metrics = Some(Duration::from_secs(60)))),
                ("prometheus", |it| it.otlp = otlp(|_| {})),
                ("otel", |it| it.otlp = otlp(|it| it.metrics = Some(Duration::from_secs(60)))),
            )
        },
        row(
            "otel-collector-uri",
            'o',
            (&["c:1"], |it| it.otlp = otlp(|_| {})),
            ("https://c:2/", |it| it.otlp = otlp(|it| it.collector = "https://c:2".into())),
            ("http://c", |it| it.otlp = otlp(|it| it.collector = "http://c".into())),
        ),
        Row {
            beside: beside[5],
            ..row(
                "otel-ca-path",
                'A',
                (&["1"], |it| it.otlp = secure(|it| it.ca = path("1"))),
                ("2", |it| it.otlp = secure(|it| it.ca = path("2"))),
                ("three", |it| it.otlp = secure(|it| it.ca = path("three"))),
            )
        },
        Row {
            beside: beside[6],
            ..row(
                "otel-cert-path",
                'D',
                (&["1"], |it| it.otlp = secure(|it| it.certificate = tls("1", "k"))),
                ("2", |it| it.otlp = secure(|it| it.certificate = tls("2", "k"))),
                ("three", |it| it.otlp = secure(|it| it.certificate = tls("three", "k"))),
            )
        },
        Row {
            beside: beside[7],
            ..row(
                "otel-key-path",
                'K',
                (&["1"], |it| it.otlp = secure(|it| it.certificate = tls("c", "1"))),
                ("2", |it| it.otlp = secure(|it| it.certificate = tls("c", "2"))),
                ("three", |it| it.otlp = secure(|it| it.certificate = tls("c", "three"))),
            )
        },
        Row {
            beside: beside[4],
            ..row(
                "otel-reload-interval",
                'I',
                (&["1s"], |it| it.otlp = otlp(|it| it.reload = Duration::from_secs(1))),
                ("2m", |it| it.otlp = otlp(|it| it.reload = Duration::from_secs(120))),
                ("3h", |it| it.otlp = otlp(|it| it.reload = Duration::from_secs(10_800))),
            )
        },
        row(
            "debug",
            'x',
            (&["true"], |it| it.debug = true),
            ("false", |it| it.debug = false),
            ("true", |it| it.debug = true),
        ),
    ]
}

/// What the reference takes and has no use here: accepted where it makes sense, with a word about it.
const IDLE: [(&str, Option<char>, &str, &str); 2] =
    [("keep-alive-min-time", None, "10s", "10"), ("keep-alive-permit-without-stream", None, "false", "no")];

/// What a later version brings.
const LATER: [(&str, Option<char>, &str, &str); 1] =
    [("sync-http-port", None, "8017", "this option is for a later version")];

fn sources(paths: &[&str]) -> Vec<SourceSettings> {
    paths.iter().map(|path| SourceSettings { path: path.into() }).collect()
}

fn path(path: &str) -> Option<PathBuf> {
    Some(path.into())
}

fn tls(certificate: &str, key: &str) -> Option<Tls> {
    Some(Tls { certificate: certificate.into(), key: key.into() })
}

/// Traces to a collector `c:1`, with a change.
fn otlp(change: fn(&mut Otlp)) -> Option<Otlp> {
    let mut otlp = Otlp {
        collector: "http://c:1".to_owned(),
        ca: None,
        certificate: None,
        reload: Duration::from_secs(3_600),
        headers: Headers::default(),
        timeout: Duration::from_secs(10),
        metrics: None,
        traces: Some(Traces {
            sampler: Sampler { follows_caller: true, share: 1.0 },
            delay: Duration::from_secs(5),
        }),
        resource: Vec::new(),
    };
    change(&mut otlp);
    Some(otlp)
}

/// The same over TLS.
fn secure(change: fn(&mut Otlp)) -> Option<Otlp> {
    let mut otlp = otlp(|it| it.collector = "https://c:1".to_owned());
    otlp.iter_mut().for_each(change);
    otlp
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// A command line and an environment.
#[derive(Clone, Default)]
struct Given {
    line: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Given {
    fn line(line: &[&str]) -> Self {
        Self { line: texts(line), environment: Vec::new() }
    }

    fn with(mut self, line: &[&str]) -> Self {
        self.line.extend(texts(line));
        self
    }

    fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    fn read(self) -> Result<Chosen, String> {
        let line = ["flagd", "start"].map(OsString::from).into_iter();
        let line = line.chain(self.line.into_iter().map(OsString::from));
        let environment = self.environment.into_iter().map(|(name, value)| (name.into(), value.into()));
        match settings::read(line, environment) {
            Ok(Request::Start(chosen)) => Ok(*chosen),
            Ok(Request::Say(text)) => Err(text),
            Err(error) => Err(error.to_string()),
        }
    }

    fn refused(self) -> String {
        self.read().map(|chosen| panic!("{chosen:?}")).unwrap_err()
    }
}

fn variable(name: &str) -> String {
    format!("FLAGD_{}", name.to_uppercase().replace('-', "_"))
}

/// A settings file, and the option that names it.
fn file(folder: &Path, text: &str) -> Given {
    let path = folder.join("settings.yaml");
    fs::write(&path, text).unwrap();
    Given::line(&["--config", path.to_str().unwrap()])
}

#[test]
fn every_option_sets_what_it_says_from_each_place_and_the_line_wins() {
    let folder = tempfile::tempdir().unwrap();
    for Row { name, short, line, environment, file: in_file, beside } in rows() {
        let with_source = |given: Given| match name {
            "uri" => given,
            _ => given.with(&["--uri", "file:base.json"]),
        };
        let check = |given: Given, place: &str, expected: Expected| {
            let mut settings = Settings { sources: sources(&["base.json"]), ..Settings::default() };
            expected(&mut settings);
            let chosen =
                with_source(given.with(beside)).read().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(chosen.settings, settings, "{name} {place}");
            assert_eq!(chosen.warnings, Vec::<String>::new(), "{name} {place}");
        };
        let long: Vec<String> = line.0.iter().map(|value| format!("--{name}={value}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let text = format!("{}: {}\n", name.to_uppercase(), in_file.0);
        let in_environment = |given: Given| given.set(&variable(name), environment.0);

        check(Given::line(&long), "on the line", line.1);
        check(in_environment(Given::default()), "in the environment", environment.1);
        check(file(folder.path(), &text), "in the file", in_file.1);
        check(in_environment(file(folder.path(), &text)), "in file and environment", environment.1);
        check(in_environment(file(folder.path(), &text)).with(&long), "everywhere", line.1);
        check(
            file(folder.path(), &text).set(&variable(name), ""),
            "in the file, empty in the environment",
            in_file.1,
        );
        if name != "uri" && beside.is_empty() {
            check(file(folder.path(), &format!("{name}:\n")), "without a value in the file", |_| {});
        }
        if let Some(short) = short {
            let short: Vec<String> = line.0.iter().map(|value| format!("-{short}={value}")).collect();
            let short: Vec<&str> = short.iter().map(String::as_str).collect();
            check(Given::line(&short), "by its short name", line.1);
        }
    }
}

#[test]
fn the_tests_know_every_option_and_its_short_name() {
    let known = rows().into_iter().map(|row| (row.name, row.short));
    let idle = IDLE.map(|(name, short, ..)| (name, short));
    let later = LATER.map(|(name, short, ..)| (name, short));
    let known: BTreeSet<_> = known.chain(idle).chain(later).collect();
    let options: BTreeSet<_> = OPTIONS.iter().map(|option| (option.name, option.short)).collect();
    assert_eq!(known, options);
    for option in OPTIONS {
        assert_eq!(option.environment(), variable(option.name));
    }
}

#[test]
fn what_has_no_use_here_is_accepted_with_a_word_about_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, short, good, bad) in IDLE {
        let base = || Given::line(&["-f", "file:base.json"]);
        let mut ways = vec![
            base().with(&[&format!("--{name}={good}")]),
            base().set(&variable(name), good),
            file(folder.path(), &format!("{name}: {good}")).with(&["-f", "file:base.json"]),
        ];
        ways.extend(short.map(|short| base().with(&[&format!("-{short}"), good])));
        for given in ways {
            let chosen = given.read().unwrap();
            let expected = Settings { sources: sources(&["base.json"]), ..Settings::default() };
            assert_eq!(chosen.settings, expected, "{name}");
            assert!(chosen.warnings[0].contains(" has no effect: "), "{name}: {:?}", chosen.warnings);
        }
        if !bad.is_empty() {
            let error = base().with(&[&format!("--{name}={bad}")]).refused();
            assert!(error.starts_with(&format!("--{name}: `{bad}` is not ")), "{error}");
        }
    }
}

#[test]
fn what_a_later_version_brings_is_refused_by_name_with_what_to_use_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    for (name, short, value, says) in LATER {
        let base = || Given::line(&["-f", "file:base.json"]);
        let mut ways = vec![
            (base().with(&[&format!("--{name}"), value]), format!("--{name}")),
            (base().set(&variable(name), value), variable(name)),
            (
                file(folder.path(), &format!("{name}: {value}")).with(&["-f", "file:base.json"]),
                format!("{}:1:{}: {name}", folder.path().join("settings.yaml").display(), name.len() + 3),
            ),
        ];
        ways.extend(short.map(|short| (base().with(&[&format!("-{short}{value}")]), format!("--{name}"))));
        for (given, place) in ways {
            let error = given.refused();
            assert!(error.starts_with(&format!("{place}: {says}\n  help: meanwhile ")), "{error}");
        }
    }
}

#[test]
fn variables_of_opentelemetry_say_where_and_what_is_sent() {
    type Changed = fn(&mut Otlp);
    type Variables = &'static [(&'static str, &'static str)];
    let traces = |change: fn(&mut Traces)| {
        let mut otlp = otlp(|_| {}).unwrap();
        otlp.traces.iter_mut().for_each(change);
        Some(otlp)
    };
    let changed = |change: Changed| otlp(change);
    let share = |follows_caller, share| {
        let mut otlp = otlp(|_| {}).unwrap();
        otlp.traces.as_mut().unwrap().sampler = Sampler { follows_caller, share };
        Some(otlp)
    };
    // All with the collector `c:1`.
    let cases: &[(Variables, Option<Otlp>)] = &[
        (&[("OTEL_SDK_DISABLED", "false"), ("OTEL_TRACES_EXPORTER", "otlp")], changed(|_| {})),
        (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], changed(|_| {})),
        (&[("OTEL_TRACES_EXPORTER", "none")], None),
        (&[("OTEL_METRICS_EXPORTER", "otlp")], changed(|it| it.metrics = Some(Duration::from_secs(60)))),
        (
            &[("OTEL_METRICS_EXPORTER", "otlp"), ("OTEL_METRIC_EXPORT_INTERVAL", "5000")],
            changed(|it| it.metrics = Some(Duration::from_secs(5))),
        ),
        (
            &[("OTEL_METRICS_EXPORTER", "otlp"), ("OTEL_TRACES_EXPORTER", "none")],
            changed(|it| (it.metrics, it.traces) = (Some(Duration::from_secs(60)), None)),
        ),
        (
            &[("OTEL_SERVICE_NAME", "s"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=x, a = b%20c ,")],
            changed(|it| it.resource = pairs(&[("service.name", "x"), ("a", "b c"), ("service.name", "s")])),
        ),
        (
            &[("OTEL_EXPORTER_OTLP_HEADERS", "X-Key=a%3Db,y=")],
            changed(|it| {
                it.headers = Headers(vec![
                    ("x-key".parse().unwrap(), "a=b".parse().unwrap()),
                    ("y".parse().unwrap(), "".parse().unwrap()),
                ]);
            }),
        ),
        (&[("OTEL_EXPORTER_OTLP_TIMEOUT", "250")], changed(|it| it.timeout = Duration::from_millis(250))),
        (&[("OTEL_BSP_SCHEDULE_DELAY", "100")], traces(|it| it.delay = Duration::from_millis(100))),
        (
            &[("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem")],
            changed(|it| (it.collector, it.ca) = ("https://c:1".into(), path("ca.pem"))),
        ),
        (&[("OTEL_TRACES_SAMPLER", "always_on")], share(false, 1.0)),
        (&[("OTEL_TRACES_SAMPLER", "always_off")], share(false, 0.0)),
        (&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")], share(false, 0.25)),
        (&[("OTEL_TRACES_SAMPLER", "parentbased_always_on")], share(true, 1.0)),
        (&[("OTEL_TRACES_SAMPLER", "parentbased_always_off")], share(true, 0.0)),
        (
            &[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.5")],
            share(true, 0.5),
        ),
    ];
    for (variables, expected) in cases {
        let given =
            variables.iter().fold(Given::line(&["-f", "file:a", "-o", "c:1"]), |given, (name, value)| {
                given.set(name, *value)
            });
        let chosen = given.read().unwrap();
        assert_eq!(chosen.settings.otlp, *expected, "{variables:?}");
        assert_eq!(chosen.warnings, Vec::<String>::new(), "{variables:?}");
    }
    let by_variable = Given::line(&["-f", "file:a"]).set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1");
    assert_eq!(by_variable.read().unwrap().settings.otlp, otlp(|_| {}));
}

#[test]
fn variables_of_opentelemetry_that_say_nothing_are_told() {
    let cases: &[(&str, &str, &str)] = &[
        ("OTEL_SDK_DISABLED", "TRUE", "OTEL_SDK_DISABLED is set, so that nothing is sent to a collector"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "other:1",
            "OTEL_EXPORTER_OTLP_ENDPOINT wins over --otel-collector-uri",
        ),
        (
            "OTEL_TRACES_EXPORTER",
            "zipkin",
            "OTEL_TRACES_EXPORTER has no effect: `zipkin` is none of `otlp`, `none`",
        ),
        (
            "OTEL_BSP_SCHEDULE_DELAY",
            "5s",
            "OTEL_BSP_SCHEDULE_DELAY has no effect: `5s` is not a number of milliseconds",
        ),
        (
            "OTEL_TRACES_SAMPLER",
            "sometimes",
            "OTEL_TRACES_SAMPLER has no effect: `sometimes` is none of `always_on`, `always_off`, `traceidratio`, \
             `parentbased_always_on`, `parentbased_always_off`, `parentbased_traceidratio`",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "secret",
            "OTEL_EXPORTER_OTLP_HEADERS has no effect: it is not a list as `name=value,name=value`",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "na me=secret",
            "OTEL_EXPORTER_OTLP_HEADERS has no effect: something in it cannot be a header",
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "a=%zz",
            "OTEL_RESOURCE_ATTRIBUTES has no effect: it is not a list as `name=value,name=value`",
        ),
    ];
    for (name, value, warning) in cases {
        let given = Given::line(&["-f", "file:a", "-o", "c:1"]).set(name, *value);
        assert_eq!(given.read().unwrap().warnings, [*warning], "{name}={value}");
    }
    for name in [
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "OTEL_EXPORTER_OTLP_INSECURE",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        "OTEL_PROPAGATORS",
        "OTEL_LOGS_EXPORTER",
        "OTEL_TRACES_SAMPLER_ARGS",
    ] {
        // Also where nothing is sent: somebody may wonder why.
        for line in [&["-f", "file:a", "-o", "c:1"][..], &["-f", "file:a"]] {
            let warnings = Given::line(line).set(name, "secret").read().unwrap().warnings;
            assert_eq!(warnings, [format!("{name} has no effect here")]);
        }
    }
    for (signal, both) in [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
    ] {
        let warnings = Given::line(&["-f", "file:a"]).set(signal, "c:1").read().unwrap().warnings;
        assert_eq!(warnings, [format!("{signal} has no effect here; {both} is for traces and metrics")]);
    }
    let given = Given::line(&["-f", "file:a", "-o", "http://c:1", "-A", "ca.pem"]);
    assert_eq!(
        given.read().unwrap().warnings,
        ["--otel-ca-path and its like have no effect: the collector's address is plain"]
    );
}

#[test]
fn secrets_for_the_collector_are_not_shown() {
    let given = Given::line(&["-f", "file:a", "-o", "c:1"]).set("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret");
    let shown = format!("{:?}", given.read().unwrap().settings);
    assert!(shown.contains("x-key") && !shown.contains("secret"), "{shown}");
}

#[test]
fn an_exporter_needs_a_collector_that_it_can_speak_to() {
    let line = |line: &[&str]| Given::line(&["-f", "file:a"]).with(line);
    let example = "is not a collector's address; write for example `localhost:4317`";
    for (given, expected) in [
        (
            line(&["-t", "otel"]),
            "--metrics-exporter: `otel` needs a collector; write for example `--otel-collector-uri localhost:4317`"
                .to_owned(),
        ),
        (
            line(&["-t", "otlp", "-o", "c:1"]),
            "--metrics-exporter: `otlp` is none of `prometheus`, `otel`".to_owned(),
        ),
        (line(&["-o", "ftp://c:1"]), format!("--otel-collector-uri: `ftp://c:1` {example}")),
        (line(&["-o", "c:x"]), format!("--otel-collector-uri: `c:x` {example}")),
        (
            line(&[]).set("OTEL_EXPORTER_OTLP_ENDPOINT", ":4317"),
            format!("OTEL_EXPORTER_OTLP_ENDPOINT: `:4317` {example}"),
        ),
        (
            line(&["-o", "c:1"]).set("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            "OTEL_EXPORTER_OTLP_PROTOCOL: protocol `http/protobuf` is for a later version\n  help: meanwhile use \
             `grpc`, which collectors speak on port 4317"
                .to_owned(),
        ),
        (
            line(&["-o", "c:1", "-D", "x"]),
            "--otel-cert-path: a certificate and its key go together; `--otel-key-path` is missing".to_owned(),
        ),
    ] {
        assert_eq!(given.refused(), expected);
    }
}

#[test]
fn nothing_given_but_a_source_is_the_defaults() {
    let chosen = Given::line(&["--uri", "file:base.json"]).read().unwrap();
    let settings = &chosen.settings;
    assert_eq!(*settings, Settings { sources: sources(&["base.json"]), ..Settings::default() });
    assert_eq!([settings.port, settings.management_port], [8013, 8014]);
    assert_eq!([settings.sync_port, settings.ofrep_port], [8015, 8016]);
    assert_eq!([settings.max_request_body, settings.max_request_header], [1_000_000; 2]);
    assert_eq!(settings.stream_deadline, Duration::ZERO);
    assert!(settings.ofrep_sse_enabled && settings.ofrep_sse_inactivity_delay == 120);
    assert!(!settings.disable_sync_metadata && !settings.fail_on_missing && !settings.debug);
    assert_eq!((chosen.file, chosen.warnings), (None, vec![]));
}

#[test]
fn uris_come_before_sources_wherever_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let given = file(folder.path(), "sources: [{uri: c, provider: file}]\nuri: [file:a, file:b]");
    assert_eq!(given.read().unwrap().settings.sources, sources(&["a", "b", "c"]));
    let given = Given::line(&["--sources", r#"[{"uri":"b","provider":"file"}]"#, "-f", "file:a"]);
    assert_eq!(given.read().unwrap().settings.sources, sources(&["a", "b"]));
}

#[test]
fn a_source_that_is_given_twice_is_told() {
    let chosen = Given::line(&["-f", "file:a", "-f", "file:b", "-f", "file:a"]).read().unwrap();
    assert_eq!(chosen.settings.sources, sources(&["a", "b", "a"]));
    assert_eq!(chosen.warnings, ["source a is given twice"]);
}

#[test]
fn the_home_folder_may_hold_the_settings_file() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let given = || Given::line(&["-f", "file:a"]).set("HOME", home);
    assert_eq!(given().read().unwrap().settings.port, 8013);
    fs::write(folder.path().join(".agent.yaml"), "port: 1\n").unwrap();
    let chosen = given().read().unwrap();
    assert_eq!((chosen.settings.port, chosen.file), (1, Some(folder.path().join(".agent.yaml"))));
    let other = folder.path().join("other.json");
    fs::write(&other, r#"{"port": 2}"#).unwrap();
    let chosen = given().with(&["--config", other.to_str().unwrap()]).read().unwrap();
    assert_eq!((chosen.settings.port, chosen.file), (2, Some(other)));
}

#[test]
fn a_settings_file_of_nothing_sets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "\n \n", "# later\n", "---\n", "null\n"] {
        let chosen = file(folder.path(), text).with(&["-f", "file:a"]).read().unwrap();
        assert_eq!(chosen.settings, Settings { sources: sources(&["a"]), ..Settings::default() }, "{text:?}");
    }
}

#[test]
fn switches_need_no_value_on_the_line_and_short_ones_combine() {
    let chosen = Given::line(&["-xf", "file:a", "--disable-sync-metadata"]).read().unwrap();
    assert!(chosen.settings.debug && chosen.settings.disable_sync_metadata);
    let line = ["flagd", "-x", "start", "-f", "file:a"].map(OsString::from);
    let Ok(Request::Start(chosen)) = settings::read(line, []) else { panic!() };
    assert!(chosen.settings.debug);
}

#[test]
fn an_unknown_variable_is_told_with_the_nearest_name() {
    let given = Given::line(&["-f", "file:a"])
        .set("FLAGD_PROT", "1")
        .set("FLAGD_TESTBED", "x")
        .set("FLAGD_HOST", "x")
        .set("PORT", "2");
    let warnings = given.read().unwrap().warnings;
    let none = "no option has this name in the environment, so it has no effect";
    assert_eq!(
        warnings,
        [
            format!("FLAGD_HOST: {none}"),
            format!("FLAGD_PROT: {none}; did you mean FLAGD_PORT?"),
            format!("FLAGD_TESTBED: {none}")
        ]
    );
}

#[test]
fn an_option_before_the_command_is_told_where_it_belongs() {
    let line = ["flagd", "--uri", "file:a"].map(OsString::from);
    let Err(error) = settings::read(line, []) else { panic!("taken") };
    assert_eq!(error.to_string(), "there is no option `--uri`\n  help: did you mean `flagd start --uri`?");
}

#[test]
fn every_mistake_is_told_with_its_place_and_its_mending() {
    let cases: &[(&[&str], &str)] = &[
        (
            &[],
            "no source of flags is given\n  help: write for example `flagd start --uri file:flags.json`; a folder \
             will do, and several sources too",
        ),
        (&["--prot", "1"], "there is no option `--prot`\n  help: did you mean `--port`?"),
        (
            &["--stream-deadlin=5s"],
            "there is no option `--stream-deadlin`\n  help: did you mean `--stream-deadline`?",
        ),
        (&["-Q"], "there is no option `-Q`\n  help: `flagd start --help` lists all there are"),
        (
            &["-f", "file:a", "-p", "65536", "--stream-deadline", "5x"],
            "--port: `65536` is not a port; write for example `8013`; 0 takes a free one\n\
             --stream-deadline: `5x` is not a duration; write for example `250ms`, `2s` or `1h30m`",
        ),
        (
            &["-f", "file:a", "-p", "-1"],
            "--port: `-1` is not a port; write for example `8013`; 0 takes a free one",
        ),
        (
            &["-f", "file:a", "-B", "1MB"],
            "--max-request-body: `1MB` is not a number of bytes; write for example `1000000`",
        ),
        (
            &["-f", "file:a", "--debug=yes"],
            "--debug: `yes` is not a yes or no; write for example `true` or `false`",
        ),
        (
            &["-f", "file:a", "-z", "jsn"],
            "--log-format: `jsn` is none of `console`, `json`\n  help: did you mean `json`?",
        ),
        (
            &["-f", "file:a", "-H", "X User=user"],
            "--context-from-header: `X User` is not a header's name; write for example `X-User=userId`",
        ),
        (
            &["-f", "file:a", "-X", "plan"],
            "--context-value: `plan` is not a name with a value; write for example `name=value`",
        ),
        (
            &["-f", "file:a", "-c", "x"],
            "--server-cert-path: a certificate and its key go together; `--server-key-path` is missing",
        ),
        (
            &["-f", "file:a", "--ofrep-key-path", "x"],
            "--ofrep-key-path: a certificate and its key go together; `--ofrep-cert-path` is missing",
        ),
        (&["-f", "file:"], "--uri: `file:` is followed by nothing; write for example `file:flags.json`"),
        (
            &["-f", "\"file:a"],
            "--uri: the quotes in `\"file:a` do not pair; a text in quotes ends at a comma",
        ),
        (
            &["-f", "flags.json"],
            "--uri: `flags.json` is not a source; a source is `file:` and a file or a folder\n  \
             help: did you mean `file:flags.json`?",
        ),
        (
            &["-f", "ftp://x"],
            "--uri: `ftp://x` is not a source; a source is `file:` and a file or a folder\n  help: later versions \
             also know `http://`, `https://`, `grpc://`, `grpcs://`, `core.openfeature.dev/`, `gs://`, `azblob://`, \
             `s3://`, `envoy://`, `dns:`, `uds:`, `unix:`, `unix-abstract:`, `xds:`, `passthrough:`",
        ),
        (
            &["-s", r#"[{"uri":"a","provder":"file"}]"#],
            "--sources: there is no field of a source `provder`\n  help: did you mean `provider`?",
        ),
        (
            &["-s", r#"[{"uri":"a"}]"#],
            "--sources: source 1 has no `provider`; write for example `[{\"uri\": \"flags.json\", \"provider\": \"file\"}]`",
        ),
        (
            &["-s", r#"[{"uri":"a","provider":"files"}]"#],
            "--sources: `files` is none of `file`, `fsnotify`, `fileinfo`\n  help: did you mean `file`?",
        ),
        (
            &["-s", r#"{"uri":"a"}"#],
            "--sources: an object stands here; a list of sources, as `[{\"uri\": \"flags.json\", \"provider\": \"file\"}]`, is right",
        ),
        (
            &["-f", "file:a", "--config", "no-such.yaml"],
            "no-such.yaml: the settings file cannot be read: No such file or directory (os error 2)",
        ),
        (
            &["-f", "file:a", "--config", "settings.toml"],
            "settings.toml: the settings file cannot be read: its name has to end in `.yaml`, `.yml` or `.json`",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(Given::line(line).refused(), *expected, "{line:?}");
    }
}

#[test]
fn sources_of_later_versions_are_refused_by_name_with_what_to_use_meanwhile() {
    let schemes = [
        ("http://host/flags.json", "http://…", "curl"),
        ("https://host/flags.json", "https://…", "curl"),
        ("grpc://host:8015", "grpc://…", "file:"),
        ("grpcs://host:8015", "grpcs://…", "file:"),
        ("core.openfeature.dev/ns/name", "core.openfeature.dev/…", "ConfigMap"),
        ("gs://bucket/flags.json", "gs://…", "gcloud storage cp"),
        ("azblob://container/flags.json", "azblob://…", "az storage blob download"),
        ("s3://bucket/flags.json", "s3://…", "aws s3 cp"),
        ("envoy://host:9211/service", "envoy://…", "file:"),
        ("dns:host:8015", "dns:…", "file:"),
        ("uds:///socket", "uds:…", "file:"),
        ("unix:///socket", "unix:…", "file:"),
        ("xds:///service", "xds:…", "file:"),
    ];
    for (uri, scheme, meanwhile) in schemes {
        let error = Given::line(&["-f", uri]).refused();
        let expected = format!("--uri: a source `{scheme}` is for a later version\n  help: meanwhile ");
        assert!(error.starts_with(&expected) && error.contains(meanwhile), "{error}");
    }
    for provider in ["http", "grpc", "kubernetes", "gcs", "azblob", "s3"] {
        let sources = format!(r#"[{{"uri":"a","provider":"{provider}"}}]"#);
        let error = Given::line(&["-s", &sources]).refused();
        let expected = format!("--sources: provider `{provider}` is for a later version\n  help: meanwhile ");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn mistakes_in_the_file_are_told_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("settings.yaml").display().to_string();
    let cases = [
        ("port: 1\nprot: 2\n", ":2:1: there is no setting `prot`\n  help: did you mean `port`?"),
        (
            "stream-deadline: 5\n",
            ":1:18: stream-deadline: `5` is not a duration; write for example `250ms`, `2s` or `1h30m`",
        ),
        ("port: [1]\n", ":1:7: port: a list stands here; a text or a number is right"),
        (
            "context-value: 5\n",
            ":1:16: context-value: a number stands here; an object of names and values is right",
        ),
        ("context-value: {a: [1]}\n", ":1:20: context-value: a list stands here; a text is right"),
        ("uri: {a: b}\n", ":1:6: uri: an object stands here; a list of texts is right"),
        (
            "sources:\n  - uri: a\n    provider: htp\n",
            ":3:15: `htp` is none of `file`, `fsnotify`, `fileinfo`",
        ),
        ("- port: 1\n", ":1:1: a list stands here; an object with a key for each option is right"),
    ];
    for (text, expected) in cases {
        let source: &[&str] = if text.starts_with("uri") { &[] } else { &["-f", "file:a"] };
        let error = file(folder.path(), text).with(source).refused();
        assert_eq!(error, format!("{name}{expected}"), "{text:?}");
    }
    let error = file(folder.path(), "port: [1\n").with(&["-f", "file:a"]).refused();
    assert!(error.starts_with(&format!("{name}:")) && error.contains("error[syntax]"), "{error}");
}

#[test]
fn help_and_version_are_said() {
    for (line, says) in [
        (&["flagd"][..], "Usage: flagd"),
        (&["flagd", "--help"], "Usage: flagd"),
        (&["flagd", "help", "start"], "Exit codes"),
        (&["flagd", "start", "--help"], "FLAGD_CONTEXT_FROM_HEADER"),
        (&["flagd", "version"], concat!("flagd: ", env!("CARGO_PKG_VERSION"), " (")),
        (&["flagd", "-V"], concat!("flagd ", env!("CARGO_PKG_VERSION"), "\n")),
    ] {
        let Ok(Request::Say(text)) = settings::read(line.iter().map(OsString::from), []) else {
            panic!("{line:?}")
        };
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn what_is_odd_in_the_file_but_no_mistake_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    fs::write(&path, r#"{"port": 1, "uri": ["file:a"], "port": 2}"#).unwrap();
    let chosen = Given::line(&["--config", path.to_str().unwrap()]).read().unwrap();
    assert_eq!(chosen.settings.port, 2);
    assert_eq!(chosen.warnings.len(), 1);
    assert!(
        chosen.warnings[0].starts_with(&format!("{}:1:32: warning[", path.display())),
        "{:?}",
        chosen.warnings
    );
}

#[test]
fn no_text_at_any_place_panics() {
    let folder = tempfile::tempdir().unwrap();
    let long = "9".repeat(2_000);
    let deep = "[".repeat(2_000);
    let texts = [
        "",
        " ",
        "\"",
        "\"\"",
        "\"a\"b",
        "\",\"",
        ",",
        ",,",
        "=",
        "==",
        "a=b=c,\"",
        "[",
        "{",
        "}",
        "\u{0}",
        "é",
        "µ",
        "1µ",
        "µs",
        "-",
        "--",
        "-1",
        "+",
        "+1",
        ".",
        "1.",
        ".s",
        "1e400",
        "nan",
        "inf",
        "0x10",
        "{\"a\":{}}",
        "{\"a\":null}",
        "[[]]",
        "[null]",
        "[{}]",
        "[{\"uri\":5}]",
        "[{\"uri\":\"\",\"provider\":\"file\"}]",
        "file:",
        "file:\u{0}",
        "&a [*a]",
        "*a",
        "!!x",
        "\u{feff}",
        "\u{202e}",
        "a\nb",
        &long,
        &deep,
    ];
    // One of each kind.
    let names = [
        "uri",
        "sources",
        "port",
        "max-request-body",
        "stream-deadline",
        "debug",
        "context-value",
        "log-format",
    ];
    for option in OPTIONS.iter().filter(|option| names.contains(&option.name)) {
        for text in texts {
            let _ = Given::line(&[&format!("--{}={text}", option.name)]).read();
            let _ = Given::default().set(&option.environment(), text).read();
            let _ = file(folder.path(), &format!("{}: {text}", option.name)).read();
            let _ = file(folder.path(), &format!("{text}: {}", option.name)).read();
        }
    }
}
