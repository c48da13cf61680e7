//! Bodies that are limited in time and counted.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::record::Record;
use super::unfinished::Begun;
use super::untaken::Held;

/// The body of a request, which has to be there in time.
pub(super) struct TimedBody {
    body: Incoming,
    limit: Option<Duration>,
    /// Whether it was asked for once and was not there yet.
    is_late: bool,
    clock: Option<Pin<Box<Sleep>>>,
    /// Where its bytes are counted, unless its header tells.
    bytes: Option<Arc<AtomicU64>>,
    /// What it holds, unless it is small for certain.
    begun: Option<Begun>,
}

impl TimedBody {
    pub(super) fn new(
        body: Incoming,
        limit: Option<Duration>,
        bytes: Option<Arc<AtomicU64>>,
        begun: Option<Begun>,
    ) -> Self {
        Self { body, limit, is_late: false, clock: None, bytes, begun }
    }
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                if let (Some(bytes), Some(Ok(frame))) = (&self.bytes, &frame)
                    && let Some(data) = frame.data_ref()
                {
                    bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
                }
                if let (Some(begun), Some(Ok(frame))) = (&mut self.begun, &frame)
                    && !begun.came(frame.data_ref().map_or(0, Bytes::len))
                {
                    return Poll::Ready(Some(Err("too much is held by bodies of requests".into())));
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let Some(limit) = self.limit else { return Poll::Pending };
                // PERF: HTTP/1 hands over a body that is there already once it was asked for. A clock for each of them
                // costs a thousand instructions; asking a second time before it is wound up costs nothing.
                if !self.is_late {
                    self.is_late = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let clock = self.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                match clock.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err("the body of the request took too long".into()))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, with the record of its request, which is closed when this is dropped.
pub(super) struct CountedBody {
    body: Body,
    record: Record,
    /// What it holds where it is large.
    held: Option<Arc<Held>>,
}

impl CountedBody {
    pub(super) fn new(body: Body, record: Record, held: Option<Arc<Held>>) -> Self {
        Self { body, record, held }
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        // A stream does its work here. What panics must not take the connection and all its other requests with it.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.body).poll_frame(cx)));
        let polled = polled.unwrap_or_else(|_| {
            self.body = Body::empty();
            let end = self.record.broke().map(Frame::trailers);
            Poll::Ready(Some(end.ok_or_else(|| axum::Error::new("internal error"))))
        });
        match &polled {
            Poll::Ready(Some(Ok(frame))) => self.record.sent(frame),
            Poll::Ready(Some(Err(_))) => self.record.failed(),
            Poll::Ready(None) => self.record.finished(),
            Poll::Pending => {}
        }
        match &self.held {
            None => polled,
            Some(held) => polled
                .map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(|data| held.keep(data))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
