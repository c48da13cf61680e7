//! Asks one question many times.
//!
//! In a closed loop everyone asks again as soon as it has its answer: that finds what a request costs and how many
//! there can be. At a fixed rate everyone asks when its time has come, whatever became of those before, and latency
//! counts from that time: somebody who had to wait for a slow answer counts as slow, too (no coordinated omission).

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use prost::bytes::Bytes;
use rustix::thread::set_current_timer_slack;
use tokio::task::JoinSet;

use super::grpc::Caller;
use super::process::{Process, pin};
use super::questions::{Protocol, Question, Request};
use super::{Grpc, Http, Trouble};

/// A question on its way to a daemon.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// Who is asked.
    pub process: &'a Process,
    /// What.
    pub question: &'a Question,
    /// As bytes.
    pub request: &'a Request,
    /// By how many.
    pub shape: Shape,
    /// Where all of them run; none for everywhere.
    pub core: Option<usize>,
}

/// How many ask at once.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Connections.
    pub connections: usize,
    /// Who shares each of them; one in HTTP/1.1.
    pub streams: usize,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the server's process spent on one request.
    pub cpu: Duration,
    /// From the first request to the last answer.
    pub took: Duration,
    /// Latencies in nanoseconds, sorted.
    latencies: Vec<u64>,
}

impl Outcome {
    /// Answers in a second.
    pub fn throughput(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// The latency that this part of all answers stayed below.
    pub fn quantile(&self, part: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * part).round() as usize;
        Duration::from_nanos(self.latencies.get(at).copied().unwrap_or_default())
    }
}

impl Load<'_> {
    /// Everyone asks again once it has its answer.
    ///
    /// # Errors
    ///
    /// Where a connection or a call fails.
    pub fn closed(&self, requests: usize) -> Result<Outcome, Trouble> {
        let each = requests.div_ceil(self.shape.connections * self.shape.streams).max(1);
        self.run(|asker, _, _| asker.closed(self.request, each, self.shape.streams))
    }

    /// Everyone asks when its time has come.
    ///
    /// # Errors
    ///
    /// Where a connection or a call fails.
    pub fn paced(&self, requests: usize, rate: usize) -> Result<Outcome, Trouble> {
        let each = requests.div_ceil(self.shape.connections).max(1);
        let gap = Duration::from_secs_f64(self.shape.connections as f64 / rate as f64);
        self.run(|asker, number, began| {
            let first = began + gap.mul_f64(number as f64 / self.shape.connections as f64);
            asker.paced(self.request, each, first, gap)
        })
    }

    /// Has each connection's thread do its part, all at once; the server's time counts from when all are connected.
    fn run(
        &self,
        part: impl Fn(&mut Asker, usize, Instant) -> Result<Vec<u64>, Trouble> + Sync,
    ) -> Result<Outcome, Trouble> {
        let address = self.question.address(self.process);
        let (ready, start) =
            (Barrier::new(self.shape.connections + 1), Barrier::new(self.shape.connections + 1));
        let mut latencies = Vec::new();
        let (mut cpu, mut took) = (Duration::ZERO, Duration::ZERO);
        thread::scope(|scope| {
            let connect = |number| {
                let (ready, start, part) = (&ready, &start, &part);
                move || {
                    let asker = self.core.map_or(Ok(()), pin).map_err(Trouble::from).and_then(|()| {
                        set_current_timer_slack(NonZeroU64::new(1))?;
                        let mut asker = Asker::connect(self.question, address, self.request)?;
                        asker.ask(self.request)?;
                        Ok(asker)
                    });
                    ready.wait();
                    start.wait();
                    part(&mut asker?, number, Instant::now())
                }
            };
            let threads: Vec<_> =
                (0..self.shape.connections).map(|number| scope.spawn(connect(number))).collect();
            ready.wait();
            let before = self.process.cpu()?;
            let began = Instant::now();
            start.wait();
            for thread in threads {
                latencies.extend(thread.join().map_err(|_| "a thread of the load failed")??);
            }
            took = began.elapsed();
            cpu = self.process.cpu()?.saturating_sub(before);
            Ok::<_, Trouble>(())
        })?;
        latencies.sort_unstable();
        let count = u32::try_from(latencies.len())?.max(1);
        Ok(Outcome { cpu: cpu / count, took, latencies })
    }
}

/// Who asks over one connection.
enum Asker {
    Http(Http, u16),
    Grpc(Grpc),
}

impl Asker {
    fn connect(question: &Question, address: SocketAddr, request: &Request) -> Result<Self, Trouble> {
        Ok(match question.protocol {
            Protocol::Grpc => Self::Grpc(Grpc::connect(address, &request.path)?),
            Protocol::Unchanged => Self::Http(Http::connect(address)?, 304),
            _ => Self::Http(Http::connect(address)?, 200),
        })
    }

    fn ask(&mut self, request: &Request) -> Result<(), Trouble> {
        match self {
            Self::Http(http, wanted) => match http.ask(&request.bytes)?.status {
                status if status == *wanted => Ok(()),
                status => Err(format!("status {status} under load").into()),
            },
            Self::Grpc(grpc) => grpc.ask(&request.bytes).map(drop),
        }
    }

    fn closed(&mut self, request: &Request, each: usize, streams: usize) -> Result<Vec<u64>, Trouble> {
        if let Self::Grpc(grpc) = self {
            let one = |caller: Caller, message: Bytes| async move {
                let mut latencies = Vec::with_capacity(each);
                for _ in 0..each {
                    let began = Instant::now();
                    caller.clone().ask(message.clone()).await?;
                    latencies.push(nanoseconds(began.elapsed()));
                }
                Ok::<_, Trouble>(latencies)
            };
            return grpc.run(async {
                let mut all = JoinSet::new();
                (0..streams).for_each(|_| drop(all.spawn(one(grpc.caller(), request.bytes.clone()))));
                let mut latencies = Vec::with_capacity(each * streams);
                while let Some(part) = all.join_next().await {
                    latencies.extend(part??);
                }
                Ok(latencies)
            });
        }
        let mut latencies = Vec::with_capacity(each);
        for _ in 0..each {
            let began = Instant::now();
            self.ask(request)?;
            latencies.push(nanoseconds(began.elapsed()));
        }
        Ok(latencies)
    }

    fn paced(
        &mut self,
        request: &Request,
        each: usize,
        mut intended: Instant,
        gap: Duration,
    ) -> Result<Vec<u64>, Trouble> {
        let mut latencies = Vec::with_capacity(each);
        for _ in 0..each {
            thread::sleep(intended.saturating_duration_since(Instant::now()));
            self.ask(request)?;
            latencies.push(nanoseconds(intended.elapsed()));
            intended += gap;
        }
        Ok(latencies)
    }
}

fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}
