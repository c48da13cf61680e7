//! What is asked of a daemon, and what a right answer is.

use std::net::SocketAddr;

use flagd::proto::evaluation_v1::{ResolveAllRequest, ResolveAllResponse};
use flagd::proto::evaluation_v2::{ResolveBooleanRequest, ResolveBooleanResponse};
use prost::Message;
use prost::bytes::Bytes;
use prost_types::value::Kind;
use prost_types::{Struct, Value as ProtoValue};
use serde_json::{Map, Value, json};

use super::http::{Answer, Http};
use super::process::{Port, Process};
use super::{Grpc, Trouble};
use crate::{ROWS, Row, SPLIT, USER};

/// One question of the benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// What it is called.
    pub name: &'static str,
    /// How it is asked.
    pub protocol: Protocol,
    /// How many flags there are.
    pub flags: usize,
    /// The flag that is asked for; none for all of them.
    row: Option<Row>,
    /// How often it is asked in one round.
    pub requests: usize,
    /// How often in a second, at the fixed rate.
    pub rate: usize,
    /// The design's budget, in microseconds of CPU; not a number where it has none.
    pub budget: f64,
}

/// How a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One flag over OFREP.
    Single,
    /// All flags over OFREP.
    Bulk,
    /// All flags over OFREP, by one who has the answer already.
    Unchanged,
    /// `flagd.evaluation.v2`, for all flags `v1`, over HTTP/2 without TLS.
    Grpc,
    /// The same in JSON over HTTP/1.1.
    Connect,
}

/// A question as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path.
    pub path: String,
    /// All of it in HTTP/1.1; a message with its prefix in gRPC.
    pub bytes: Bytes,
}

/// All of them.
pub const QUESTIONS: [Question; 12] = [
    single("OFREP static", ROWS[0]),
    single("OFREP targeting", ROWS[2]),
    single("OFREP split", SPLIT),
    call("gRPC static", Protocol::Grpc, ROWS[0], 35.0),
    call("gRPC targeting", Protocol::Grpc, ROWS[2], 35.0),
    call("Connect static", Protocol::Connect, ROWS[0], 20.0),
    call("Connect targeting", Protocol::Connect, ROWS[2], 20.0),
    bulk("OFREP bulk 1,000", Protocol::Bulk, 1_000, 1_000, 400.0),
    bulk("OFREP bulk 10,000", Protocol::Bulk, 10_000, 100, 4_000.0),
    bulk("OFREP bulk 1,000, 304", Protocol::Unchanged, 1_000, 1_000, 30.0),
    bulk("gRPC bulk 1,000", Protocol::Grpc, 1_000, 1_000, f64::NAN),
    bulk("Connect bulk 1,000", Protocol::Connect, 1_000, 1_000, f64::NAN),
];

const fn single(name: &'static str, row: Row) -> Question {
    call(name, Protocol::Single, row, 14.0)
}

const fn call(name: &'static str, protocol: Protocol, row: Row, budget: f64) -> Question {
    Question { name, protocol, flags: 1_000, row: Some(row), requests: 16_000, rate: 4_000, budget }
}

const fn bulk(
    name: &'static str,
    protocol: Protocol,
    flags: usize,
    requests: usize,
    budget: f64,
) -> Question {
    Question { name, protocol, flags, row: None, requests, rate: requests / 20, budget }
}

impl Question {
    /// Asks once and checks the answer; nothing where the daemon cannot be asked that.
    ///
    /// # Errors
    ///
    /// Where the answer is wrong.
    pub fn check(&self, process: &Process, exact: bool) -> Result<Option<(Request, Vec<u8>)>, Trouble> {
        let address = self.address(process);
        let mut request = self.request(address, None)?;
        if self.protocol == Protocol::Grpc {
            let answer = Grpc::connect(address, &request.path)?.ask(&request.bytes)?;
            let message = answer.get(5..).unwrap_or_default();
            if self.row.is_some() {
                let message = ResolveBooleanResponse::decode(message)?;
                self.right(message.variant.as_deref(), message.value == Some(true), exact)?;
            } else {
                self.all(ResolveAllResponse::decode(message)?.flags.len())?;
            }
            return Ok(Some((request, answer)));
        }
        let mut http = Http::connect(address)?;
        let Answer { status, tag, body } = http.ask(&request.bytes)?;
        if status != 200 {
            return Err(self.wrong(&format!("status {status}")));
        }
        let (tag, body) = (tag.map(str::to_owned), body.to_vec());
        let answer: Value = serde_json::from_slice(&body)?;
        match self.row {
            Some(row) => {
                // A four-way split answers with a text, all else here with true.
                let value = answer["value"] == json!(true) || answer["value"] == json!(row.variant);
                self.right(answer["variant"].as_str(), value, exact)?;
            }
            None => {
                let listed = answer["flags"].as_array().map(Vec::len);
                let named = answer["flags"].as_object().map(Map::len);
                self.all(listed.or(named).unwrap_or(0))?;
            }
        }
        if self.protocol == Protocol::Unchanged {
            let Some(tag) = tag else { return Ok(None) };
            request = self.request(address, Some(&tag))?;
            let status = http.ask(&request.bytes)?.status;
            if status != 304 {
                return Err(self.wrong(&format!("status {status} to a known tag")));
            }
        }
        Ok(Some((request, body)))
    }

    /// Where it is asked.
    pub fn address(&self, process: &Process) -> SocketAddr {
        process.address(match self.protocol {
            Protocol::Single | Protocol::Bulk | Protocol::Unchanged => Port::Ofrep,
            Protocol::Grpc | Protocol::Connect => Port::Evaluation,
        })
    }

    fn request(&self, address: SocketAddr, tag: Option<&str>) -> Result<Request, Trouble> {
        let key = self.row.map_or("", |row| row.key);
        let path = match (self.protocol, self.row) {
            (Protocol::Grpc | Protocol::Connect, row) => {
                // The newest generation has no call for all flags.
                let call = if row.is_some() { "v2.Service/ResolveBoolean" } else { "v1.Service/ResolveAll" };
                format!("/flagd.evaluation.{call}")
            }
            (_, Some(row)) => format!("/ofrep/v1/evaluate/flags/{}", row.key),
            (_, None) => "/ofrep/v1/evaluate/flags".to_owned(),
        };
        let body = match self.protocol {
            Protocol::Grpc => return Ok(Request { path, bytes: message(self.row)? }),
            Protocol::Connect if self.row.is_some() => json!({ "flagKey": key, "context": context() }),
            _ => json!({ "context": context() }),
        };
        let body = body.to_string();
        let tag = tag.map(|tag| format!("if-none-match: {tag}\r\n")).unwrap_or_default();
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n{tag}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(Request { path, bytes: text.into() })
    }

    /// Whether the answer has every flag.
    fn all(&self, count: usize) -> Result<(), Trouble> {
        if count == self.flags { Ok(()) } else { Err(self.wrong(&format!("{count} flags"))) }
    }

    fn right(&self, variant: Option<&str>, value: bool, exact: bool) -> Result<(), Trouble> {
        let wanted = self.row.and_then(|row| row.variant);
        if !exact || (variant == wanted && value) {
            return Ok(());
        }
        Err(self.wrong(&format!("variant {variant:?}, wanted {wanted:?}")))
    }

    fn wrong(&self, found: &str) -> Trouble {
        format!("wrong answer to {}: {found}", self.name).into()
    }
}

/// The context of all questions, as JSON: [`crate::user`]'s.
pub fn context() -> Value {
    json!({
        "targetingKey": USER,
        "email": "jane.doe@example.com",
        "country": "DE",
        "plan": "pro",
        "appVersion": "2.3.1",
        "age": 42
    })
}

/// A call with its prefix.
fn message(row: Option<Row>) -> Result<Bytes, Trouble> {
    let context = context();
    let members = context.as_object().into_iter().flatten();
    let fields = members.map(|(name, value)| {
        let kind = match value {
            Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
            other => Kind::StringValue(other.as_str().unwrap_or_default().to_owned()),
        };
        (name.clone(), ProtoValue { kind: Some(kind) })
    });
    let context = Some(Struct { fields: fields.collect() });
    let message = match row {
        Some(row) => ResolveBooleanRequest { flag_key: row.key.to_owned(), context }.encode_to_vec(),
        None => ResolveAllRequest { context }.encode_to_vec(),
    };
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(message.len())?.to_be_bytes());
    bytes.extend(message);
    Ok(bytes.into())
}
