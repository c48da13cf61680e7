//! The wire that Go's provider uses, by hand: its module cannot be had everywhere.
//!
//! It speaks Connect over HTTP/1.1 with messages in protobuf, on connections that it keeps, and over a unix socket; the
//! stream of events is in frames of five bytes and a message, of which the last has flag 2 and says how it ended.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use flagd::proto::{evaluation_v1 as v1, evaluation_v2 as v2};
use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Value, json};

use crate::common::rpc::json_of;
use crate::common::suite;
use crate::launcher::Launcher;

/// What the client sends with each message of a call.
const UNARY: [(&str, &str); 5] = [
    ("User-Agent", "connect-go/1.19.1 (go1.25.3)"),
    ("Connect-Protocol-Version", "1"),
    ("Connect-Timeout-Ms", "5000"),
    ("Content-Type", "application/proto"),
    ("Accept-Encoding", "gzip"),
];

/// What the client sends with a stream.
const STREAM: [(&str, &str); 5] = [
    ("User-Agent", "connect-go/1.19.1 (go1.25.3)"),
    ("Connect-Protocol-Version", "1"),
    ("Content-Type", "application/connect+proto"),
    ("Accept-Encoding", "identity"),
    ("Connect-Accept-Encoding", "gzip"),
];

/// The flags that the clients in JavaScript ask for.
const FLAGS: &str = include_str!("javascript/flags.json");

/// Longer than a daemon is silent.
const PATIENCE: Duration = Duration::from_secs(60);

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection that is kept.
struct Connection(BufReader<Box<dyn Stream>>);

#[derive(Debug)]
struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    body: Vec<u8>,
}

impl Connection {
    fn tcp(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(Box::new(stream)))
    }

    fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(Box::new(stream)))
    }

    fn send(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !headers.iter().any(|(name, _)| *name == "Transfer-Encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let whole = [head.as_bytes(), body].concat();
        self.0.get_mut().write_all(&whole).unwrap();
    }

    /// Status, and head in lower case.
    fn head(&mut self) -> (u16, String) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "closed after {head:?}");
        }
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase())
    }

    fn ask(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(path, headers, body);
        let (status, head) = self.head();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        Answer { status, head, body }
    }

    /// The next chunk of a body; empty at its end.
    fn chunk(&mut self) -> Vec<u8> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let mut chunk = vec![0; usize::from_str_radix(line.trim_end(), 16).unwrap()];
        self.0.read_exact(&mut chunk).unwrap();
        self.0.read_line(&mut line).unwrap();
        chunk
    }
}

/// A launcher whose daemon serves [`FLAGS`], over TCP or over a unix socket.
fn launched(config: &str) -> Option<Launcher> {
    let launcher = Launcher::with(&suite("FLAGD_TESTBED")?);
    order(&launcher, "write?file=own.json", FLAGS);
    order(&launcher, &format!("start?config={config}"), "");
    Some(launcher)
}

fn order(launcher: &Launcher, text: &str, body: &str) {
    let port = launcher.places.launcher.rsplit(':').next().unwrap().parse().unwrap();
    let answer = Connection::tcp(port).ask(&format!("/{text}"), &[], body.as_bytes());
    assert_eq!(answer.status, 200, "{text}: {}", String::from_utf8_lossy(&answer.body));
}

fn path(generation: &str, method: &str) -> String {
    format!("/flagd.evaluation.{generation}.Service/{method}")
}

/// The request of all methods, in both generations.
fn request(key: &str, context: &Value) -> Vec<u8> {
    let context = context.as_object().map(structure);
    v2::ResolveStringRequest { flag_key: key.to_owned(), context }.encode_to_vec()
}

fn structure(members: &serde_json::Map<String, Value>) -> Struct {
    Struct { fields: members.iter().map(|(name, value)| (name.clone(), value_of(value))).collect() }
}

fn value_of(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap()),
        Value::String(value) => Kind::StringValue(value.clone()),
        Value::Array(values) => Kind::ListValue(ListValue { values: values.iter().map(value_of).collect() }),
        Value::Object(members) => Kind::StructValue(structure(members)),
    };
    prost_types::Value { kind: Some(kind) }
}

/// An answer in one line: value, reason, variant, metadata; a value and a variant that are not there are `-`.
fn shown(generation: &str, method: &str, answer: &Answer) -> String {
    if answer.status != 200 {
        assert!(answer.head.contains("content-type: application/json\r\n"), "{}", answer.head);
        return format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    assert!(answer.head.contains("content-type: application/proto\r\n"), "{}", answer.head);
    macro_rules! line {
        ($message:ident, $show:expr) => {
            if generation == "v1" {
                let answer = v1::$message::decode(&*answer.body).unwrap();
                let variant = format!("{:?}", answer.variant);
                let show: fn(_) -> String = $show;
                (show(answer.value.into()), answer.reason, variant, answer.metadata)
            } else {
                let answer = v2::$message::decode(&*answer.body).unwrap();
                let variant = answer.variant.map_or("-".to_owned(), |variant| format!("{variant:?}"));
                let show: fn(_) -> String = $show;
                (show(answer.value), answer.reason, variant, answer.metadata)
            }
        };
    }
    fn plain<T: std::fmt::Debug>(value: Option<T>) -> String {
        value.map_or("-".to_owned(), |value| format!("{value:?}"))
    }
    fn object(value: Option<Struct>) -> String {
        value.map_or("-".to_owned(), |value| json_of(&value).to_string())
    }
    let (value, reason, variant, metadata) = match method {
        "ResolveBoolean" => line!(ResolveBooleanResponse, plain),
        "ResolveString" => line!(ResolveStringResponse, plain),
        "ResolveInt" => line!(ResolveIntResponse, plain),
        "ResolveFloat" => line!(ResolveFloatResponse, plain),
        _ => line!(ResolveObjectResponse, object),
    };
    format!("{value} {reason} {variant} {}", object(metadata))
}

const OF_SET: &str = r#"{"priority":2.0,"team":"checkout"}"#;

#[test]
fn evaluations_over_connect() {
    let Some(launcher) = launched("own") else { return };
    let home = json!({"email": "jo@example.com"});
    let nested = json!({"user": {"plan": {"name": "pro"}, "paid": true}});
    let none = json!({});
    let not_found = r#"404 {"code":"not_found","message":"Flag not found"}"#;
    let mismatch = r#"400 {"code":"invalid_argument","message":"Type mismatch error"}"#;
    // Method, flag, context; the answer of v2 but for the metadata of the flag set, and that of v1 where it differs.
    let cases = [
        ("Boolean", "false", &none, r#"false STATIC "zero""#, None),
        ("String", "text", &none, r#""日本 <&> \"ü\"" STATIC "a""#, None),
        ("String", "no-text", &none, r#""" STATIC "zero""#, None),
        ("Int", "whole", &none, r#"10 STATIC "ten""#, None),
        ("Int", "zero", &none, r#"0 STATIC "zero""#, None),
        ("Int", "large", &none, r#"9007199254740991 STATIC "max""#, None),
        ("Int", "half", &none, r#"0 STATIC "half""#, None),
        ("Float", "half", &none, r#"0.5 STATIC "half""#, None),
        ("Float", "zero", &none, r#"0.0 STATIC "zero""#, None),
        ("Float", "whole", &none, r#"10.0 STATIC "ten""#, None),
        (
            "Object",
            "object",
            &none,
            r#"{"deep":{"list":[1.0,"x",null,{"y":true}]},"empty":{}} STATIC "full""#,
            None,
        ),
        ("Object", "no-members", &none, r#"{} STATIC "zero""#, None),
        ("String", "at-home", &home, r#""yes" TARGETING_MATCH "yes""#, None),
        ("String", "at-home", &none, r#""no" DEFAULT "no""#, None),
        ("String", "nested", &nested, r#""yes" TARGETING_MATCH "yes""#, None),
        ("String", "injected", &none, r#""yes" TARGETING_MATCH "yes""#, None),
        ("Boolean", "off", &none, "- DISABLED -", Some(r#"false DISABLED """#)),
        ("String", "off-text", &none, "- DISABLED -", Some(r#""" DISABLED """#)),
        ("Int", "off-whole", &none, "- DISABLED -", Some(r#"0 DISABLED """#)),
        ("Float", "off-whole", &none, "- DISABLED -", Some(r#"0.0 DISABLED """#)),
        ("Object", "off-object", &none, "- DISABLED -", Some(r#"{} DISABLED """#)),
        ("Boolean", "null-default", &none, "- DEFAULT -", Some(not_found)),
        ("Int", "no-default", &none, "- DEFAULT -", Some(not_found)),
        ("String", "no-default-at-home", &none, "- DEFAULT -", Some(not_found)),
        ("String", "no-default-at-home", &home, r#""yes" TARGETING_MATCH "yes""#, None),
        ("Boolean", "missing", &none, not_found, None),
        ("Boolean", "text", &none, mismatch, None),
        ("String", "whole", &none, mismatch, None),
        ("Int", "text", &none, mismatch, None),
        ("Float", "text", &none, mismatch, None),
        ("Object", "text", &none, mismatch, None),
        (
            "String",
            "unknown-operator",
            &none,
            r#"500 {"code":"data_loss","message":"Error parsing input or configuration"}"#,
            None,
        ),
        ("String", "unknown-variant", &none, r#"500 {"code":"unknown","message":"General error"}"#, None),
    ];
    // One connection for all.
    let mut connection = Connection::tcp(launcher.places.evaluation);
    for (kind, key, context, of_v2, of_v1) in cases {
        for generation in ["v1", "v2"] {
            let method = format!("Resolve{kind}");
            let answer = connection.ask(&path(generation, &method), &UNARY, &request(key, context));
            let mut wanted = of_v2;
            if let (Some(of_v1), "v1") = (of_v1, generation) {
                wanted = of_v1;
            }
            let metadata = if answer.status == 200 { format!(" {OF_SET}") } else { String::new() };
            let found = shown(generation, &method, &answer);
            assert_eq!(found, format!("{wanted}{metadata}"), "{generation} {kind} {key} {context}");
        }
    }
}

#[test]
fn metadata_over_connect() {
    let Some(launcher) = launched("own") else { return };
    let mut connection = Connection::tcp(launcher.places.evaluation);
    for generation in ["v1", "v2"] {
        let answer =
            connection.ask(&path(generation, "ResolveBoolean"), &UNARY, &request("true", &Value::Null));
        let metadata = r#"{"beta":true,"level":1.5,"owner":"jo","priority":2.0,"team":"checkout"}"#;
        let wanted = format!(r#"true STATIC "on" {metadata}"#);
        assert_eq!(shown(generation, "ResolveBoolean", &answer), wanted);
    }
}

#[test]
fn compressed_messages_over_connect() {
    let Some(launcher) = launched("own") else { return };
    let mut connection = Connection::tcp(launcher.places.evaluation);
    let message = packed(&request("at-home", &json!({"email": "jo@example.com"})));
    let headers = [&UNARY[..], &[("Content-Encoding", "gzip")]].concat();
    let answer = connection.ask(&path("v2", "ResolveString"), &headers, &message);
    assert_eq!(shown("v2", "ResolveString", &answer), format!(r#""yes" TARGETING_MATCH "yes" {OF_SET}"#));
    let headers = [&UNARY[..], &[("Content-Encoding", "zstd")]].concat();
    let answer = connection.ask(&path("v2", "ResolveString"), &headers, &message);
    assert!(shown("v2", "ResolveString", &answer).contains(r#"{"code":"unimplemented","#), "{answer:?}");
}

#[test]
fn selectors_and_sockets_over_connect() {
    let Some(launcher) = launched("sockets") else { return };
    let mut connection = Connection::unix(&launcher.places.socket);
    let cases = [
        ("", r#"true STATIC "on" {}"#),
        ("flagSetId=selector-set", r#"404 {"code":"not_found","message":"Flag not found"}"#),
        ("source=flags/allFlags.json", r#"true STATIC "on" {"source":"flags/allFlags.json"}"#),
        (
            "key=1",
            r#"400 {"code":"invalid_argument","message":"invalid selector: invalid selector key \"key\", valid keys: \"flagSetId\", \"source\""}"#,
        ),
    ];
    for (selector, wanted) in cases {
        let headers = [&UNARY[..], &[("Flagd-Selector", selector)]].concat();
        let answer =
            connection.ask(&path("v2", "ResolveBoolean"), &headers, &request("boolean-flag", &Value::Null));
        assert_eq!(shown("v2", "ResolveBoolean", &answer), wanted, "{selector}");
    }
}

fn packed(message: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(message).unwrap();
    packed.finish().unwrap()
}

/// The stream of events.
struct Events {
    connection: Connection,
    /// What came of the next frame.
    begun: Vec<u8>,
}

impl Events {
    /// Begins as the client does: the length of the request is not told before.
    fn of(generation: &str, mut connection: Connection, headers: &[(&str, &str)]) -> Self {
        let headers = [&STREAM[..], &[("Transfer-Encoding", "chunked")], headers].concat();
        connection.send(&path(generation, "EventStream"), &headers, b"5\r\n\0\0\0\0\0\r\n0\r\n\r\n");
        let (status, head) = connection.head();
        assert_eq!(status, 200, "{head}");
        assert!(head.contains("content-type: application/connect+proto\r\n"), "{head}");
        Self { connection, begun: Vec::new() }
    }

    /// The next frame: an event, or how the stream ended.
    fn next(&mut self) -> Value {
        loop {
            if let Some((&[flags, a, b, c, d], rest)) = self.begun.split_first_chunk() {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if let Some((message, rest)) = rest.split_at_checked(length) {
                    let frame = shown_frame(flags, message);
                    self.begun = rest.to_vec();
                    return frame;
                }
            }
            let chunk = self.connection.chunk();
            assert!(!chunk.is_empty(), "ended within a frame");
            self.begun.extend(chunk);
        }
    }

    /// Nothing comes any more, and the connection is closed.
    fn ended(mut self) {
        assert!(self.begun.is_empty() && self.connection.chunk().is_empty());
        assert_eq!(self.connection.0.read(&mut [0]).unwrap(), 0);
    }
}

fn shown_frame(flags: u8, message: &[u8]) -> Value {
    if flags == 2 {
        return json!({"end": serde_json::from_slice::<Value>(message).unwrap()});
    }
    assert_eq!(flags, 0);
    let event = v2::EventStreamResponse::decode(message).unwrap();
    json!([event.r#type, event.data.as_ref().map(json_of)])
}

const GENERATIONS: [&str; 2] = ["v1", "v2"];

#[test]
fn events_over_connect() {
    let Some(launcher) = launched("own") else { return };
    let mut streams = GENERATIONS
        .map(|generation| Events::of(generation, Connection::tcp(launcher.places.evaluation), &[]));
    for events in &mut streams {
        assert_eq!(events.next(), json!(["provider_ready", {}]));
    }
    let mut flags: Value = serde_json::from_str(FLAGS).unwrap();
    flags["flags"]["true"]["defaultVariant"] = "off".into();
    flags["flags"]["new"] = flags["flags"]["zero"].clone();
    flags["flags"].as_object_mut().unwrap().remove("half");
    order(&launcher, "write?file=own.json", "{ broken");
    order(&launcher, "write?file=own.json", &flags.to_string());
    for events in &mut streams {
        let flags = json!({"true": {"type": "update"}, "new": {"type": "write"}, "half": {"type": "delete"}});
        assert_eq!(events.next(), json!(["configuration_change", {"flags": flags}]));
    }
    let end = json!({"end": {"error": {"code": "unavailable", "message": "the server is shutting down"}}});
    let stopping = std::thread::spawn(move || order(&launcher, "stop", ""));
    for mut events in streams {
        assert_eq!(events.next(), json!(["provider_shutdown", {}]));
        assert_eq!(events.next(), end);
        events.ended();
    }
    stopping.join().unwrap();
}

#[test]
fn events_of_a_selector_over_connect() {
    let Some(launcher) = launched("sockets") else { return };
    let listen = |selector| {
        let headers = [("Flagd-Selector", selector)];
        let mut events = Events::of("v2", Connection::unix(&launcher.places.socket), &headers);
        (events.next(), events)
    };
    let ready = json!(["provider_ready", {}]);
    let ((first, mut all), (second, mut set)) = (listen(""), listen("flagSetId=selector-set"));
    assert_eq!((&first, &second), (&ready, &ready));
    order(&launcher, "change", "");
    let changed = json!(["configuration_change", {"flags": {"changing-flag": {"type": "update"}}}]);
    assert_eq!(all.next(), changed);
    // What else it hears is its end.
    let stopping = std::thread::spawn(move || order(&launcher, "stop", ""));
    assert_eq!(set.next(), json!(["provider_shutdown", {}]));
    drop((all, set));
    stopping.join().unwrap();
}

#[test]
fn a_refused_stream_over_connect() {
    let Some(launcher) = launched("own") else { return };
    let connection = Connection::tcp(launcher.places.evaluation);
    let mut events = Events::of("v2", connection, &[("Flagd-Selector", "key=1")]);
    let message = r#"invalid selector: invalid selector key "key", valid keys: "flagSetId", "source""#;
    assert_eq!(events.next(), json!({"end": {"error": {"code": "invalid_argument", "message": message}}}));
}

#[test]
fn a_stream_without_events_is_kept_alive() {
    let Some(launcher) = launched("own") else { return };
    let mut events = Events::of("v2", Connection::tcp(launcher.places.evaluation), &[]);
    assert_eq!(events.next(), json!(["provider_ready", {}]));
    assert_eq!(events.next(), json!(["keep_alive", null]));
}
