//! Until when a client waits, as its request tells.

use std::future::Future;
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::time::{Instant, timeout_at};
use tonic::Code;

use super::Failure;

/// Until when the client of a call waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Of gRPC and gRPC-Web: `grpc-timeout`, at most eight digits and a unit.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn of_grpc(headers: &HeaderMap) -> Result<Self, String> {
        Self::told(headers, "grpc-timeout", grpc_timeout)
    }

    /// Of Connect: `connect-timeout-ms`, at most ten digits.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn of_connect(headers: &HeaderMap) -> Result<Self, String> {
        Self::told(headers, "connect-timeout-ms", connect_timeout)
    }

    fn told(
        headers: &HeaderMap,
        name: &str,
        read: fn(&str) -> Result<Duration, String>,
    ) -> Result<Self, String> {
        match headers.get(name).filter(|told| !told.is_empty()) {
            None => Ok(Self::default()),
            Some(told) => read(&String::from_utf8_lossy(told.as_bytes())).map(Self::after),
        }
    }

    fn after(time: Duration) -> Self {
        // What is too far away to have an instant is as good as never.
        Self(Instant::now().checked_add(time))
    }

    /// The instant, if there is one.
    pub fn instant(self) -> Option<Instant> {
        self.0
    }

    /// Does some work, but not for longer than the client waits; with nothing left to wait, none is done.
    ///
    /// # Errors
    ///
    /// The work's own, or that its time is over.
    pub async fn limit<T>(self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let Some(at) = self.0 else { return work.await };
        match timeout_at(at, work).await {
            // What was there at once was not timed.
            Ok(done) if Instant::now() < at => done,
            _ => Err(Failure::new(Code::DeadlineExceeded, "context deadline exceeded")),
        }
    }
}

fn grpc_timeout(text: &str) -> Result<Duration, String> {
    let invalid = || format!("protocol error: invalid timeout {text:?}");
    let unit = text.chars().next_back().unwrap_or_default();
    let number = text.strip_suffix(unit).and_then(number).ok_or_else(invalid)?;
    if number > 99_999_999 {
        return Err(format!("protocol error: timeout {text:?} is too long"));
    }
    Ok(match unit {
        'H' => Duration::from_secs(number * 3_600),
        'M' => Duration::from_secs(number * 60),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        unit => return Err(format!("protocol error: timeout has invalid unit {unit:?}")),
    })
}

fn connect_timeout(text: &str) -> Result<Duration, String> {
    if text.len() > 10 {
        return Err(format!("parse timeout: {text:?} has >10 digits"));
    }
    let number = number(text).ok_or_else(|| format!("parse timeout: {text:?} is not a number"))?;
    Ok(Duration::from_millis(number))
}

/// A number of digits and nothing else.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_and_a_unit() {
        let second = Duration::from_secs(1);
        for (told, time) in [
            ("0n", Ok(Duration::ZERO)),
            ("1H", Ok(3_600 * second)),
            ("2M", Ok(120 * second)),
            ("99999999S", Ok(99_999_999 * second)),
            ("500m", Ok(second / 2)),
            ("1000000u", Ok(second)),
            ("7000000n", Ok(second * 7 / 1_000)),
            ("S", Err("protocol error: invalid timeout \"S\"")),
            ("-1S", Err("protocol error: invalid timeout \"-1S\"")),
            ("+1S", Err("protocol error: invalid timeout \"+1S\"")),
            ("1.5S", Err("protocol error: invalid timeout \"1.5S\"")),
            ("55", Err("protocol error: timeout has invalid unit '5'")),
            ("10x", Err("protocol error: timeout has invalid unit 'x'")),
            ("10é", Err("protocol error: timeout has invalid unit 'é'")),
            ("100000000n", Err("protocol error: timeout \"100000000n\" is too long")),
            ("99999999999999999999n", Err("protocol error: invalid timeout \"99999999999999999999n\"")),
        ] {
            assert_eq!(grpc_timeout(told), time.map_err(str::to_owned), "{told}");
        }
        for (told, time) in [
            ("0", Ok(Duration::ZERO)),
            ("1500", Ok(second * 3 / 2)),
            ("9999999999", Ok(Duration::from_millis(9_999_999_999))),
            ("10000000000", Err("parse timeout: \"10000000000\" has >10 digits")),
            ("1s", Err("parse timeout: \"1s\" is not a number")),
            ("-1", Err("parse timeout: \"-1\" is not a number")),
        ] {
            assert_eq!(connect_timeout(told), time.map_err(str::to_owned), "{told}");
        }
    }

    #[tokio::test]
    async fn work_ends_with_the_patience_of_its_client() {
        let over = Err(Failure::new(Code::DeadlineExceeded, "context deadline exceeded"));
        let (never, soon) = (Deadline::default(), Deadline::after(Duration::from_millis(1)));
        assert_eq!(never.limit(async { Ok(1) }).await, Ok(1));
        assert_eq!(Deadline::after(Duration::MAX).limit(async { Ok(2) }).await, Ok(2));
        assert_eq!(soon.limit(std::future::pending::<Result<u8, _>>()).await, over);
        assert_eq!(soon.limit(async { Ok(3) }).await, over);
    }
}
