//! Why a call has no answer, as gRPC and as Connect say it.

use std::borrow::Cow;
use std::fmt::Write;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use flagcore::ErrorCode;
use flagcore::text::write_json_string;
use tonic::Code;

use crate::telemetry::CODES;

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub code: Code,
    /// The same in words.
    pub message: Cow<'static, str>,
}

/// What is said of a flag that is not known where it may be one of a source that was not read yet.
pub const EARLY: &str = "not every source of flags holds something valid yet, see /status";

impl Failure {
    /// A failure of a kind, in words.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    /// An evaluation without an answer; `told` is the reason in words, where the protocol has no fixed ones.
    pub fn of(code: ErrorCode, told: impl FnOnce() -> Option<String>) -> Self {
        match code {
            ErrorCode::FlagNotFound => Self::new(Code::NotFound, "Flag not found"),
            ErrorCode::TypeMismatch => Self::new(Code::InvalidArgument, "Type mismatch error"),
            ErrorCode::ParseError => Self::new(Code::DataLoss, "Error parsing input or configuration"),
            ErrorCode::InvalidContext => Self::new(Code::Unknown, told().unwrap_or_default()),
            _ => Self::new(Code::Unknown, "General error"),
        }
    }

    /// A flag that is not known before every source was read.
    pub fn early() -> Self {
        Self::new(Code::NotFound, format!("Flag not found: {EARLY}"))
    }

    /// The kind as Connect spells it.
    pub fn word(&self) -> &'static str {
        self.row().0
    }

    /// The HTTP status that Connect gives it.
    pub fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.row().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// `{"code":…,"message":…}`.
    pub fn write_json(&self, out: &mut String) {
        // Writing to a text cannot fail.
        let _ = write!(out, "{{\"code\":\"{}\"", self.word());
        if !self.message.is_empty() {
            out.push_str(",\"message\":");
            let _ = write_json_string(out, &self.message);
        }
        out.push('}');
    }

    /// `grpc-status` and `grpc-message`.
    pub fn grpc_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert("grpc-status", HeaderValue::from(self.code as i32));
        if let Ok(message) = HeaderValue::from_str(&self.escaped_message()) {
            headers.insert("grpc-message", message);
        }
        headers
    }

    /// The same as lines of text, for gRPC-Web.
    pub fn grpc_lines(&self) -> String {
        format!("grpc-status:{}\r\ngrpc-message:{}\r\n", self.code as i32, self.escaped_message())
    }

    fn escaped_message(&self) -> String {
        let mut text = String::with_capacity(self.message.len());
        for byte in self.message.bytes() {
            if (b' '..=b'~').contains(&byte) && byte != b'%' {
                text.push(byte.into());
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    }

    fn row(&self) -> (&'static str, u16) {
        CODES.get(self.code as usize).copied().unwrap_or(("unknown", 500))
    }
}
