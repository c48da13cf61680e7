//! Uses the published crates for Rust against a daemon: `clients PROVIDER TOPIC`.
//!
//! Providers are `rpc`, `in-process` and `rest`, topics the functions of this file. `LAUNCHER` is the URL of the launcher.

mod cases;
mod daemon;

use std::convert::Infallible;

use cases::{CONTEXT_RULES, CONTEXTS, Case, DANGLING, SUITE};
use daemon::{Daemon, eventually, flags, live};
use open_feature::{
    Client, EvaluationContext, EvaluationContextFieldValue, EvaluationDetails, EvaluationError,
    EvaluationResult, FlagMetadataValue, OpenFeature, StructValue, Value,
};
use open_feature_flagd::{CacheSettings, FlagdOptions, FlagdProvider, ResolverType};
use open_feature_ofrep::{OfrepOptions, OfrepProvider};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [provider, topic] = arguments.as_slice() else { panic!("clients PROVIDER TOPIC") };
    let daemon = Daemon::of_launcher().await;
    if provider == "in-process" {
        // One reference that leads nowhere, and this client takes none of the flags.
        daemon.remove(DANGLING).await;
    }
    match topic.as_str() {
        "evaluations" => evaluations(&daemon, provider).await,
        "contexts" => contexts(&daemon, provider).await,
        "metadata" => metadata(&daemon, provider).await,
        "tls" => tls(&daemon, provider).await,
        "sockets" => sockets(&daemon, provider).await,
        "selectors" => selectors(&daemon, provider).await,
        "live" => live_updates(&daemon, provider).await,
        "restart" => restart(&daemon, provider).await,
        other => panic!("no such topic: {other}"),
    }
}

async fn evaluations(daemon: &Daemon, provider: &str) {
    daemon.order("start?config=default").await;
    let client = connect(options(daemon, provider)).await;
    all(&client, provider, SUITE).await;
}

async fn contexts(daemon: &Daemon, provider: &str) {
    daemon.write(flags(CONTEXT_RULES)).await;
    daemon.order("start?config=own").await;
    let client = connect(options(daemon, provider)).await;
    all(&client, provider, CONTEXTS).await;
}

/// Over HTTP the client drops it.
async fn metadata(daemon: &Daemon, provider: &str) {
    daemon.order("start?config=metadata").await;
    let client = connect(options(daemon, provider)).await;
    for (flag, right) in [
        ("boolean-flag", ""),
        ("selector-flag", "flagSetId=selector-set"),
        (
            "combined-metadata-flag",
            "boolean=true flag-set-boolean=false flag-set-float=3.2 flag-set-integer=3 flag-set-string=c float=1.2 integer=1 string=a",
        ),
    ] {
        let told = if flag == "selector-flag" {
            client.get_string_details(flag, None, None).await.map(|details| details.flag_metadata)
        } else {
            client.get_bool_details(flag, None, None).await.map(|details| details.flag_metadata)
        };
        let mut told: Vec<String> =
            told.unwrap().values.iter().map(|(key, value)| format!("{key}={}", scalar(value))).collect();
        told.sort();
        check(&format!("metadata of {flag}"), &told.join(" "), right);
    }
}

async fn tls(daemon: &Daemon, provider: &str) {
    daemon.order("start?config=ssl-everywhere").await;
    let trusting =
        FlagdOptions { tls: true, cert_path: Some(daemon.path("authority")), ..options(daemon, provider) };
    let client = connect(trusting.clone()).await;
    check("evaluation over TLS", &ask(&client, "bool", "boolean-flag", "{}").await, "true on STATIC");

    let wary = FlagdOptions { cert_path: None, retry_grace_period: 1, retry_backoff_ms: 10, ..trusting };
    let refused = match FlagdProvider::new(wary).await {
        Err(_) => "refused".to_owned(),
        // Over HTTP nothing is connected before the first question.
        Ok(provider) => ask(&client_of(provider).await, "bool", "boolean-flag", "{}").await,
    };
    let right = if provider == "rest" { "! Failed to resolve bool value " } else { "refused" };
    check("an authority that the client does not know", &refused, right);
}

async fn sockets(daemon: &Daemon, provider: &str) {
    daemon.order("start?config=sockets").await;
    let socket = daemon.path(if provider == "rpc" { "socket" } else { "sync_socket" });
    let client = connect(FlagdOptions { socket_path: Some(socket), ..options(daemon, provider) }).await;
    for case in &SUITE[..5] {
        one(&client, provider, case).await;
    }
}

/// The client for gRPC has none.
async fn selectors(daemon: &Daemon, provider: &str) {
    daemon.order("start?config=default").await;
    for (selector, selected, other) in [
        ("flagSetId=selector-set", r#""foo" foo STATIC"#, "! FLAG_NOT_FOUND"),
        ("source=rawflags/selector-flags.json", r#""foo" foo STATIC"#, "! FLAG_NOT_FOUND"),
        ("rawflags/selector-flags.json", r#""foo" foo STATIC"#, "! FLAG_NOT_FOUND"),
        ("flagSetId=no-such-set", "! FLAG_NOT_FOUND", "! FLAG_NOT_FOUND"),
    ] {
        let client = if provider == "rest" {
            let mut ofrep = OfrepOptions {
                base_url: format!("http://localhost:{}", daemon.port("ofrep")),
                ..OfrepOptions::default()
            };
            ofrep.headers.insert("Flagd-Selector", selector.parse().unwrap());
            let mut api = OpenFeature::default();
            api.set_provider(OfrepProvider::new(ofrep).await.unwrap()).await;
            api.create_client()
        } else {
            connect(FlagdOptions { selector: Some(selector.to_owned()), ..options(daemon, provider) }).await
        };
        check(&format!("{selector} selects"), &ask(&client, "string", "selector-flag", "{}").await, selected);
        check(&format!("{selector} hides"), &ask(&client, "bool", "boolean-flag", "{}").await, other);
    }
}

/// The client has no events: its answers tell.
async fn live_updates(daemon: &Daemon, provider: &str) {
    daemon.write(live("one")).await;
    daemon.order("start?config=own").await;
    let client = connect(options(daemon, provider)).await;
    check("the first value", &ask_live(&client).await, r#""one" one STATIC"#);

    daemon.write(live("two")).await;
    becomes(&client, r#""two" two STATIC"#).await;
    println!("ok an edit arrives");

    daemon.write_broken().await;
    check("a broken edit reaches nobody", &ask_live(&client).await, r#""two" two STATIC"#);

    daemon.write(live("three")).await;
    becomes(&client, r#""three" three STATIC"#).await;
    println!("ok the edit that mends it arrives");

    // The client's cache keeps a static answer for a minute: nothing tells it of changes.
    let caching =
        connect(FlagdOptions { cache_settings: Some(CacheSettings::default()), ..options(daemon, provider) })
            .await;
    ask_live(&caching).await;
    if provider == "rpc" {
        check("a static answer is cached", &ask_live(&caching).await, r#""three" three CACHED"#);
    }
}

async fn restart(daemon: &Daemon, provider: &str) {
    daemon.write(live("one")).await;
    daemon.order("stop").await;
    // A client that starts first waits for the daemon.
    let early = tokio::spawn(connect(options(daemon, provider)));
    daemon.order("start?config=own").await;
    let client = early.await.unwrap();
    becomes(&client, r#""one" one STATIC"#).await;
    println!("ok a client that starts first");

    daemon.order("stop").await;
    let away = ask_live(&client).await;
    match provider {
        "in-process" => check("the values go on while the daemon is away", &away, r#""one" one STATIC"#),
        _ => check("an error while the daemon is away", &away[..1], "!"),
    }
    daemon.write(live("two")).await;
    daemon.order("start?config=own").await;
    becomes(&client, r#""two" two STATIC"#).await;
    println!("ok new values after the restart");
    daemon.write(live("three")).await;
    becomes(&client, r#""three" three STATIC"#).await;
    println!("ok an edit after the restart");
}

fn options(daemon: &Daemon, provider: &str) -> FlagdOptions {
    let (resolver_type, service) = match provider {
        "rpc" => (ResolverType::Rpc, "evaluation"),
        "in-process" => (ResolverType::InProcess, "sync"),
        "rest" => (ResolverType::Rest, "ofrep"),
        other => panic!("no such provider: {other}"),
    };
    FlagdOptions {
        port: daemon.port(service),
        resolver_type,
        cache_settings: None,
        deadline_ms: 10_000,
        retry_backoff_ms: 50,
        retry_backoff_max_ms: 100,
        retry_grace_period: 200,
        ..FlagdOptions::default()
    }
}

async fn connect(options: FlagdOptions) -> Client {
    client_of(FlagdProvider::new(options).await.unwrap()).await
}

async fn client_of(provider: FlagdProvider) -> Client {
    let mut api = OpenFeature::default();
    api.set_provider(provider).await;
    api.create_client()
}

async fn all(client: &Client, provider: &str, cases: &[Case]) {
    for case in cases.iter().filter(|case| provider != "in-process" || case.1 != DANGLING) {
        one(client, provider, case).await;
    }
}

async fn one(client: &Client, provider: &str, (kind, flag, context, right, others): &Case) {
    let other = others.iter().find(|(name, _)| *name == provider).map(|(_, right)| *right);
    let right =
        other.unwrap_or(right).replace("NO_VARIANT", &format!("Variant  for flag {flag} was not found"));
    let told = ask(client, kind, flag, context).await;
    // The client says STATIC of whatever it hears over HTTP.
    let without_reason =
        |text: &str| text.rsplit_once(' ').map_or(String::new(), |(answer, _)| answer.to_owned());
    let name = format!("{flag} as {kind} with {context}");
    if provider == "rest" && !right.starts_with('!') {
        check(&name, &without_reason(&told), &without_reason(&right));
    } else {
        check(&name, &told, &right);
    }
}

fn check(name: &str, told: &str, right: &str) {
    if told == right {
        println!("ok {name}");
    } else {
        println!("not ok {name}: {told}, not {right}");
    }
}

async fn ask_live(client: &Client) -> String {
    ask(client, "string", "live", "{}").await
}

async fn becomes(client: &Client, right: &str) {
    eventually(right, async || ask_live(client).await == right).await;
}

/// The answer as [`Case`] writes it.
async fn ask(client: &Client, kind: &str, flag: &str, context: &str) -> String {
    let context = &context_of(context);
    match kind {
        "bool" => text(client.get_bool_details(flag, Some(context), None).await, bool::to_string),
        "string" => {
            text(client.get_string_details(flag, Some(context), None).await, |value| format!("{value:?}"))
        }
        "int" => text(client.get_int_details(flag, Some(context), None).await, i64::to_string),
        "float" => text(client.get_float_details(flag, Some(context), None).await, f64::to_string),
        "object" => text(client.get_struct_details::<Structure>(flag, Some(context), None).await, |value| {
            structure(&value.0)
        }),
        other => panic!("no such type: {other}"),
    }
}

fn text<T>(result: EvaluationResult<EvaluationDetails<T>>, value: impl Fn(&T) -> String) -> String {
    match result {
        Ok(details) => {
            let reason = details.reason.map(|reason| reason.to_string()).unwrap_or_default();
            let variant = details.variant.filter(|variant| !variant.is_empty()).unwrap_or("-".to_owned());
            format!("{} {variant} {reason}", value(&details.value))
        }
        Err(EvaluationError { code, .. }) => format!("! {code}"),
    }
}

fn context_of(text: &str) -> EvaluationContext {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap();
    let mut context = EvaluationContext::default();
    for (name, value) in fields {
        let value: EvaluationContextFieldValue = match value {
            serde_json::Value::Bool(value) => value.into(),
            serde_json::Value::Number(value) => match value.as_i64() {
                Some(whole) => whole.into(),
                None => value.as_f64().unwrap().into(),
            },
            serde_json::Value::String(value) if name == "targetingKey" => {
                context.targeting_key = Some(value);
                continue;
            }
            serde_json::Value::String(value) => value.into(),
            other => {
                time::OffsetDateTime::from_unix_timestamp(other["date"].as_i64().unwrap()).unwrap().into()
            }
        };
        context.add_custom_field(name, value);
    }
    context
}

struct Structure(StructValue);

impl TryFrom<StructValue> for Structure {
    type Error = Infallible;

    fn try_from(value: StructValue) -> Result<Self, Infallible> {
        Ok(Self(value))
    }
}

fn structure(value: &StructValue) -> String {
    let mut fields: Vec<String> =
        value.fields.iter().map(|(key, value)| format!("{key:?}:{}", any(value))).collect();
    fields.sort();
    format!("{{{}}}", fields.join(","))
}

fn any(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::String(value) => format!("{value:?}"),
        Value::Array(values) => format!("[{}]", values.iter().map(any).collect::<Vec<_>>().join(",")),
        Value::Struct(value) => structure(value),
    }
}

fn scalar(value: &FlagMetadataValue) -> String {
    match value {
        FlagMetadataValue::Bool(value) => value.to_string(),
        FlagMetadataValue::Int(value) => value.to_string(),
        FlagMetadataValue::Float(value) => value.to_string(),
        FlagMetadataValue::String(value) => value.clone(),
    }
}
