//! Sends metrics and traces to a collector, by OTLP over gRPC.
//!
//! It has tasks of its own: nobody waits for a collector. Metrics are read when they are sent, so that a collector that
//! was away misses nothing but moments. Spans wait in a queue that has a bound; a batch is tried again, less and less often,
//! while the collector is away, and what finds no room meanwhile is dropped and counted. The log hears of trouble
//! once a minute at most.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flagcore::Client;
use flagcore::text::Printable;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status};

use super::exports::Exports;
use super::metrics::Metrics;
use super::otlp::{Gathered, resource, traces};
use super::trace::{Finished, Tracer};
use crate::settings::Otlp;

/// What is to be sent, before it is.
#[derive(Debug)]
pub struct Exporter {
    settings: Otlp,
    channel: Channel,
    spans: Option<mpsc::Receiver<Finished>>,
}

/// Sending, until it is told to end.
#[derive(Debug)]
pub struct Exporting {
    end: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Exporter {
    /// An exporter, and the metrics that it will send.
    ///
    /// # Errors
    ///
    /// Where the files of its TLS cannot be read; the text says which.
    pub fn open(settings: &Otlp) -> Result<(Self, Metrics), String> {
        let channel = channel(settings)?;
        let exports = Arc::new(Exports::default());
        let traced = settings.traces.map(|traces| Tracer::new(traces.sampler, exports.dropped.clone()));
        let (tracer, spans) = traced.unzip();
        let metrics = Metrics::exported(exports, tracer.map(Arc::new));
        Ok((Self { settings: settings.clone(), channel, spans }, metrics))
    }

    /// Begins to send.
    pub fn start(self, metrics: &Arc<Metrics>, client: &Client) -> Exporting {
        let Some(exports) = metrics.exports() else { return Exporting::none() };
        let (end, ending) = watch::channel(false);
        let Self { settings, channel, spans } = self;
        let collector = Arc::new(Collector {
            resource: resource(&settings.resource),
            channel: Mutex::new((channel, Instant::now())),
            complaint: Mutex::default(),
            exports,
            settings,
        });
        let mut tasks = JoinSet::new();
        if let Some(interval) = collector.settings.metrics {
            let (metrics, client) = (metrics.clone(), client.clone());
            tasks.spawn(collector.clone().send_metrics(metrics, client, interval, ending.clone()));
        }
        if let (Some(spans), Some(traces)) = (spans, collector.settings.traces) {
            tasks.spawn(collector.send_traces(spans, traces.delay, ending));
        }
        Exporting { end, tasks }
    }
}

impl Exporting {
    fn none() -> Self {
        Self { end: watch::channel(true).0, tasks: JoinSet::new() }
    }

    /// Sends what is left, for as long as there is patience.
    pub async fn finish(mut self, patience: Duration) {
        let _ = self.end.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(patience, all).await;
    }
}

/// A collector, and how it does.
#[derive(Debug)]
struct Collector {
    settings: Otlp,
    resource: Resource,
    /// And since when, for files that are read again.
    channel: Mutex<(Channel, Instant)>,
    /// When trouble was told last, and whether it is over.
    complaint: Mutex<Option<Complaint>>,
    exports: Arc<Exports>,
}

#[derive(Debug)]
struct Complaint {
    at: Instant,
    is_over: bool,
}

impl Collector {
    async fn send_metrics(
        self: Arc<Self>,
        metrics: Arc<Metrics>,
        client: Client,
        interval: Duration,
        mut ending: watch::Receiver<bool>,
    ) {
        loop {
            let is_last = waits_for_end(&mut ending, interval).await;
            let mut gathered = Gathered::new(metrics.started_at());
            metrics.tell(&mut gathered);
            metrics.tell_flags(&mut gathered, &client);
            let request = gathered.request(&self.resource);
            let mut service = MetricsServiceClient::new(self.channel());
            let sent = async {
                let answer = self.attempt(service.export(self.request(request))).await;
                match answer.map(|answer| answer.into_inner().partial_success) {
                    Ok(partial) => {
                        self.exports.metrics.taken.add(1);
                        let refused = partial.filter(|partial| partial.rejected_data_points > 0);
                        self.well(refused.map(|partial| partial.error_message));
                    }
                    Err(status) => {
                        self.exports.metrics.failed.add(1);
                        self.complain("metrics", &status);
                    }
                }
            };
            if is_last {
                return sent.await;
            }
            // At the end a slow one is given up for the last one.
            tokio::select! {
                () = sent => {}
                () = ended(&mut ending) => {}
            }
        }
    }

    async fn send_traces(
        self: Arc<Self>,
        mut spans: mpsc::Receiver<Finished>,
        delay: Duration,
        mut ending: watch::Receiver<bool>,
    ) {
        let mut batch = Vec::new();
        loop {
            let mut is_last = gather(&mut spans, &mut batch, delay, &mut ending).await;
            let mut pause = FIRST_PAUSE;
            while !batch.is_empty() {
                match self.send_batch(&batch).await {
                    Ok(()) => batch.clear(),
                    Err(code) if is_worth_another(code) && !is_last => {
                        is_last = waits_for_end(&mut ending, pause).await;
                        pause = (pause * 2).min(LAST_PAUSE);
                    }
                    Err(_) => {
                        self.exports.dropped.add(batch.len() as u64);
                        batch.clear();
                    }
                }
            }
            if is_last {
                // What came meanwhile; whatever fails now is given up.
                while spans.try_recv().map(|span| batch.push(span)).is_ok() && batch.len() < WAITING_LAST {}
                for batch in batch.chunks(BATCH) {
                    if self.send_batch(batch).await.is_err() {
                        self.exports.dropped.add(batch.len() as u64);
                    }
                }
                return;
            }
        }
    }

    async fn send_batch(&self, batch: &[Finished]) -> Result<(), Code> {
        let request = traces(&self.resource, batch.iter().map(|it| (it.scope, &it.span)));
        let mut service = TraceServiceClient::new(self.channel());
        match self.attempt(service.export(self.request(request))).await {
            Ok(answer) => {
                self.exports.traces.taken.add(1);
                let partial =
                    answer.into_inner().partial_success.filter(|partial| partial.rejected_spans > 0);
                let refused = partial.as_ref().map_or(0, |partial| partial.rejected_spans);
                self.exports.dropped.add(u64::try_from(refused).unwrap_or_default());
                self.well(partial.map(|partial| partial.error_message));
                Ok(())
            }
            Err(status) => {
                self.exports.traces.failed.add(1);
                self.complain("traces", &status);
                Err(status.code())
            }
        }
    }

    /// A request, which may take its time and no longer.
    async fn attempt<T>(
        &self,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Response<T>, Status> {
        match tokio::time::timeout(self.settings.timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Status::deadline_exceeded("no answer in time")),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let headers = self.settings.headers.0.iter().cloned().collect();
        Request::from_parts(MetadataMap::from_headers(headers), tonic::Extensions::default(), message)
    }

    /// The connection. Where it has certificates it is a new one now and then, with what the files hold then.
    fn channel(&self) -> Channel {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        let has_files = self.settings.ca.is_some() || self.settings.certificate.is_some();
        if has_files && channel.1.elapsed() >= self.settings.reload {
            channel.1 = Instant::now();
            match self::channel(&self.settings) {
                Ok(fresh) => channel.0 = fresh,
                Err(reason) => tracing::warn!("{reason}; still using what was there before"),
            }
        }
        channel.0.clone()
    }

    /// The collector took something, perhaps not all of it.
    fn well(&self, refused: Option<String>) {
        if let Some(reason) = refused {
            return self.complain("some of it", &Status::new(Code::InvalidArgument, reason));
        }
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(complaint) = complaint.as_mut().filter(|complaint| !complaint.is_over) {
            complaint.is_over = true;
            tracing::info!(collector = %Printable(&self.settings.collector), "the collector takes what is sent");
        }
    }

    fn complain(&self, what: &str, status: &Status) {
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if complaint.as_ref().is_some_and(|complaint| complaint.at.elapsed() < QUIET) {
            return;
        }
        *complaint = Some(Complaint { at: Instant::now(), is_over: false });
        let reason = shortened(status.message());
        tracing::warn!(
            collector = %Printable(&self.settings.collector),
            code = ?status.code(),
            dropped_spans = self.exports.dropped.get(),
            "the collector does not take {what}: {}",
            Printable(reason)
        );
    }
}

fn channel(settings: &Otlp) -> Result<Channel, String> {
    let wrong = |error: tonic::transport::Error| format!("{}: {error}", settings.collector);
    let mut endpoint = Endpoint::from_shared(settings.collector.clone())
        .map_err(wrong)?
        .connect_timeout(settings.timeout.min(Duration::from_secs(5)));
    if settings.collector.starts_with("https:") {
        let read = |path: &std::path::Path| {
            std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
        };
        let mut tls = ClientTlsConfig::new();
        tls = match &settings.ca {
            Some(ca) => tls.ca_certificate(Certificate::from_pem(read(ca)?)),
            None => tls.with_native_roots(),
        };
        if let Some(own) = &settings.certificate {
            tls = tls.identity(Identity::from_pem(read(&own.certificate)?, read(&own.key)?));
        }
        endpoint = endpoint.tls_config(tls).map_err(wrong)?;
    }
    Ok(endpoint.connect_lazy())
}

/// Waits for the first span, then for others to go with it; tells whether that is the end.
async fn gather(
    spans: &mut mpsc::Receiver<Finished>,
    batch: &mut Vec<Finished>,
    delay: Duration,
    ending: &mut watch::Receiver<bool>,
) -> bool {
    tokio::select! {
        biased;
        () = ended(ending) => return true,
        first = spans.recv() => match first {
            Some(first) => batch.push(first),
            None => return true,
        },
    }
    let mut over = std::pin::pin!(tokio::time::sleep(delay));
    while batch.len() < BATCH {
        let room = BATCH - batch.len();
        tokio::select! {
            biased;
            () = ended(ending) => return true,
            () = &mut over => return false,
            more = spans.recv_many(batch, room) => if more == 0 { return true },
        }
    }
    false
}

/// Waits for so long, or for the end, and tells whether it is that.
async fn waits_for_end(ending: &mut watch::Receiver<bool>, time: Duration) -> bool {
    tokio::time::timeout(time, ended(ending)).await.is_ok()
}

async fn ended(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}

/// Whether the same request may be taken later, as OTLP has it.
fn is_worth_another(code: Code) -> bool {
    matches!(
        code,
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
    )
}

fn shortened(text: &str) -> &str {
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= 300);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// How many spans go together.
const BATCH: usize = 512;

/// How many are sent at the end, at most.
const WAITING_LAST: usize = 4_096;

/// How long the first and the longest pause are before a batch is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// How long nothing more is told of a collector's trouble.
const QUIET: Duration = Duration::from_secs(60);
