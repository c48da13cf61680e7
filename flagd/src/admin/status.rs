//! The JSON of `/status`.

use std::time::{SystemTime, UNIX_EPOCH};

use flagcore::diagnostic::{Diagnostic, Findings};
use flagcore::sync::{RefusedStatus, SourceStatus};
use serde_json::{Value, json};

use crate::state::State;
use crate::telemetry::{STOCK_MESSAGE, Service};

/// What is served, what is not, and who listens. Times are seconds of Unix time, ages seconds; how far a stream is
/// behind is a number of revisions.
pub(super) fn of(state: &State) -> Value {
    let snapshot = state.client.snapshot();
    let (streams, open) = state.metrics.streams(STREAMS);
    let counted = |service: Service| {
        let streams = streams.iter().filter(|stream| stream.service == service);
        let listed: Vec<Value> = streams
            .map(|stream| {
                let sent = stream.progress.sent();
                json!({
                    "route": stream.route,
                    "selector": stream.selector,
                    "provider": stream.provider,
                    "peer": &*stream.peer,
                    "since": unix(stream.since),
                    "sent": sent.map(|(revision, at)| json!({"revision": revision, "at": unix(at)})),
                    // It may have nothing to hear of them, which it finds out when it looks.
                    "behind": snapshot.revision().saturating_sub(stream.progress.seen()),
                })
            })
            .collect();
        listed
    };
    let certificates: Vec<Value> = state
        .metrics
        .certificates()
        .iter()
        .map(|certificate| {
            json!({
                "certificate": certificate.certificate.display().to_string(),
                "since": unix(certificate.since),
                "expires": certificate.expires.map(unix),
                "complaint": certificate.complaint,
            })
        })
        .collect();
    let limits: Vec<Value> = state
        .metrics
        .usage(&state.client)
        .iter()
        .map(|usage| {
            json!({
                "limit": usage.limit,
                "source": usage.source,
                "used": usage.used,
                "most": usage.most,
                "ratio": usage.ratio(),
            })
        })
        .collect();
    let mut payloads: Vec<(String, u64)> = state.metrics.payloads().into_iter().collect();
    payloads.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let payloads: Vec<Value> = payloads
        .into_iter()
        .take(PAYLOADS)
        .map(|(selector, bytes)| {
            let refused = bytes > STOCK_MESSAGE;
            json!({"selector": selector, "bytes": bytes, "refused_by_stock_clients": refused})
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime": state.metrics.uptime().as_secs_f64(),
        "ready": state.client.is_ready() && !*state.draining.borrow(),
        "draining": *state.draining.borrow(),
        "revision": snapshot.revision(),
        "flags": snapshot.len(),
        "sources": state.client.status().iter().map(source).collect::<Vec<_>>(),
        "certificates": certificates,
        "limits": limits,
        "sync_payloads": payloads,
        "streams": {
            "open": open,
            "evaluation": counted(Service::Evaluation),
            "ofrep": counted(Service::Ofrep),
            "sync": counted(Service::Sync),
        },
    })
}

/// How many streams are listed; all are counted.
const STREAMS: usize = 1_000;

/// How many messages of sync are listed, the largest first.
const PAYLOADS: usize = 100;

fn source(source: &SourceStatus) -> Value {
    let served = source.served.as_ref().map(|served| {
        json!({
            "revision": served.revision,
            "digest": served.digest,
            "since": unix(served.since),
            "age": age(served.since),
            "flags": served.flags,
            "findings": findings(&served.findings),
        })
    });
    let recovered = source.recovered.as_ref().map(|recovered| {
        json!({
            "at": unix(recovered.at),
            "age": age(recovered.at),
            "from": refused(&recovered.refused),
        })
    });
    json!({
        "name": source.name,
        "ready": source.served.is_some(),
        "served": served,
        "refused": source.refused.as_ref().map(refused),
        "recovered": recovered,
        "waiting": source.waiting,
        "complaint": source.complaint,
    })
}

fn refused(refused: &RefusedStatus) -> Value {
    json!({
        "at": unix(refused.at),
        "age": age(refused.at),
        "text": refused.findings.to_string(),
        "findings": findings(&refused.findings),
    })
}

fn findings(findings: &Findings) -> Value {
    json!({
        "errors": findings.errors,
        "dropped": findings.dropped,
        "diagnostics": findings.diagnostics.iter().map(diagnostic).collect::<Vec<_>>(),
    })
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    json!({
        "source": &*diagnostic.source,
        "line": diagnostic.position.map(|position| position.line),
        "column": diagnostic.position.map(|position| position.column),
        "pointer": diagnostic.pointer,
        "severity": diagnostic.severity.to_string(),
        "code": diagnostic.code(),
        "cause": diagnostic.cause(),
        "help": diagnostic.help(),
    })
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn age(time: SystemTime) -> f64 {
    SystemTime::now().duration_since(time).unwrap_or_default().as_secs_f64()
}
