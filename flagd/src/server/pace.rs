//! Closes connections whose request header takes too long, and leaves idle ones alone.
//!
//! The clock starts with the first byte of a header, not with the connection: somebody who waits costs nothing but
//! a descriptor, and pooled clients want their connections to be there. It stops when the request is handed to its
//! handler; bodies have a clock of their own. After the preface of HTTP/2 there is none: its pings and settings come
//! at any time, and its own keep-alive finds those who are gone.
//!
//! Who never said anything gets ten times as long, and is closed after that where room for others is short.
//!
//! A second clock runs where an answer is large and waits to be taken, in either protocol.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::room::Room;
use super::untaken::Waits;

/// What a connection knows of its requests.
#[derive(Debug, Default)]
pub(super) struct Pace {
    begun: AtomicU64,
    under_way: AtomicUsize,
    /// Large answers that are not taken yet.
    pub(super) waits: Arc<Waits>,
}

/// A request that is under way until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Pace>);

impl Pace {
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        // ORDERING: read and written by the connection's own task in HTTP/1, which is the only one that has a clock.
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }
}

impl UnderWay {
    /// The large answers of its connection.
    pub(super) fn waits(&self) -> &Arc<Waits> {
        &self.0.waits
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection with a clock.
pub(super) struct Paced<I> {
    io: I,
    pace: Arc<Pace>,
    /// Zero is for ever.
    limit: Duration,
    room: Room,
    /// How much of HTTP/2's preface came, as long as nothing else did.
    preface: Option<usize>,
    http2: bool,
    /// How many requests had begun when the first byte of a header came.
    header: Option<u64>,
    clock: Option<Pin<Box<Sleep>>>,
    /// The clock of large answers.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<I> Paced<I> {
    pub(super) fn new(io: I, pace: Arc<Pace>, limit: Duration, room: Room) -> Self {
        Self {
            io,
            pace,
            limit,
            room,
            preface: Some(0),
            http2: false,
            header: None,
            clock: None,
            waiting: None,
        }
    }

    fn heard(&mut self, bytes: &[u8]) {
        if self.http2 || bytes.is_empty() {
            return;
        }
        if let Some(matched) = self.preface {
            let rest = PREFACE.get(matched..).unwrap_or_default();
            let compared = rest.len().min(bytes.len());
            self.preface = (rest.get(..compared) == bytes.get(..compared)).then_some(matched + compared);
            if self.preface == Some(PREFACE.len()) {
                self.http2 = true;
                self.header = None;
                self.clock = None;
                return;
            }
        }
        let begun = self.pace.begun.load(Ordering::Relaxed);
        if self.pace.under_way.load(Ordering::Relaxed) > 0 {
            self.header = None;
        } else if self.header.is_none_or(|at| at != begun) {
            self.header = Some(begun);
            self.clock = None;
        }
    }

    fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        if self.preface == Some(0) {
            return self.is_in_the_way(cx);
        }
        if self.header.is_none_or(|at| at != self.pace.begun.load(Ordering::Relaxed)) {
            self.header = None;
            self.clock = None;
            return false;
        }
        let limit = self.limit;
        if limit.is_zero() {
            return false;
        }
        let clock = self.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        clock.as_mut().poll(cx).is_ready()
    }

    /// Whether it said nothing for a while, and others want its place.
    fn is_in_the_way(&mut self, cx: &mut Context<'_>) -> bool {
        if self.limit.is_zero() {
            return false;
        }
        let patience = self.limit.saturating_mul(10);
        let clock = self.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        while clock.as_mut().poll(cx).is_ready() {
            if self.room.is_short() {
                return true;
            }
            // A limit of centuries is none, and has not passed either.
            let Some(next) = Instant::now().checked_add(patience) else { return false };
            clock.as_mut().reset(next);
        }
        false
    }

    /// Whether an answer that is large was not taken in its time.
    fn is_stuck(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(until) = self.pace.waits.first() else {
            self.waiting = None;
            return false;
        };
        let clock = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if clock.deadline() != until {
            clock.as_mut().reset(until);
        }
        clock.as_mut().poll(cx).is_ready()
    }

    /// An end to who reads nothing of what is written.
    fn unless_stuck<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Pending if self.is_stuck(cx) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "an answer was not taken in its time",
            ))),
            polled => polled,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                self.heard(buf.filled().get(before..).unwrap_or_default());
                Poll::Ready(Ok(()))
            }
            Poll::Pending if self.is_overdue(cx) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "a request took too long to come")))
            }
            other => self.unless_stuck(cx, other),
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Paced<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.unless_stuck(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.unless_stuck(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.unless_stuck(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// What a connection of HTTP/2 begins with.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
