//! Asks one flag until its answer is the one that is awaited.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::Http;
use super::{Process, Trouble};

/// One who asks for a flag over OFREP.
#[derive(Debug)]
pub struct Probe {
    address: SocketAddr,
    request: Vec<u8>,
    connection: Option<Http>,
}

impl Probe {
    /// Asks for a flag in the context of all questions.
    pub fn new(address: SocketAddr, key: &str) -> Self {
        let body = serde_json::json!({ "context": super::context() }).to_string();
        let request = format!(
            "POST /ofrep/v1/evaluate/flags/{key} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { address, request: request.into_bytes(), connection: None }
    }

    /// The flag's variant; none where there is no answer, or no such flag.
    pub fn variant(&mut self) -> Option<String> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Http::connect(self.address).ok()?,
        };
        let answer = connection.ask(&self.request).ok()?;
        let answer: Value = serde_json::from_slice(answer.body).ok()?;
        self.connection = Some(connection);
        answer["variant"].as_str().map(str::to_owned)
    }

    /// Waits for a variant, asking five thousand times a second.
    ///
    /// # Errors
    ///
    /// Where it does not come within two minutes, or the daemon ends.
    pub fn await_variant(&mut self, process: &mut Process, wanted: &str) -> Result<Instant, Trouble> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            if self.variant().as_deref() == Some(wanted) {
                return Ok(Instant::now());
            }
            process.lives()?;
            if Instant::now() > deadline {
                return Err(format!("{} did not answer `{wanted}` in time", process.name).into());
            }
            thread::sleep(Duration::from_micros(200));
        }
    }
}
