//! What is handed from a caller to the engine: the input, the control's answer, the candidate and the comparison.
//!
//! The caller packs it, in place where it is small: no allocation for it on the caller's thread. The engine unpacks it, so
//! that several copies can run on it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use smallbox::SmallBox;
use smallbox::space::S8;

use super::active::Active;
use super::counts::Reason;
use super::flight::{BoxFuture, Outcome};
use super::measure::Size;
use crate::shadow::compare::{Compare, TreeError, Verdict};

/// A sample in the queue.
pub(super) struct Queued {
    pub(super) packed: Packed,
    pub(super) copies: u32,
    /// What the control took.
    pub(super) control: Duration,
    /// When the control had answered.
    pub(super) at: Instant,
}

/// A sample's parts, their types forgotten; in place up to 64 bytes.
pub(super) type Packed = SmallBox<dyn Unpack + Send, S8>;

/// What can be unpacked, once.
pub(super) trait Unpack {
    fn unpack(&mut self) -> Option<Work>;
}

/// A sample's parts.
pub(super) struct Parts<I, T, N, C, S> {
    pub(super) input: I,
    /// The control's.
    pub(super) answer: T,
    pub(super) candidate: N,
    pub(super) compare: C,
    pub(super) size: S,
}

/// Parts of a candidate that holds its thread while it runs.
pub(super) struct BlockingParts<P>(pub(super) Option<P>);

/// Parts of a candidate that is polled.
pub(super) struct AsyncParts<P>(pub(super) Option<P>);

/// A sample's candidate, its types forgotten.
#[derive(Clone)]
pub(super) enum Work {
    Blocking(Arc<dyn Blocking>),
    Async(Arc<dyn Asynchronous>),
}

/// A candidate that holds its thread while it runs.
pub(super) trait Blocking: Send + Sync {
    fn run(&self, by: &Active, is_only: bool) -> Outcome;
}

/// A candidate that is polled.
pub(super) trait Asynchronous: Send + Sync {
    fn start(self: Arc<Self>, by: Arc<Active>, is_only: bool) -> BoxFuture<Outcome>;
}

impl<I, T, N, C, S> Unpack for BlockingParts<Parts<I, T, N, C, S>>
where
    I: Clone + Send + 'static,
    T: Send + 'static,
    N: Fn(I) -> T + Send + Sync + 'static,
    C: Compare<T> + 'static,
    S: Size<T> + 'static,
{
    fn unpack(&mut self) -> Option<Work> {
        Some(Work::Blocking(Arc::new(Sample::of(self.0.take()?))))
    }
}

impl<I, T, N, F, C, S> Unpack for AsyncParts<Parts<I, T, N, C, S>>
where
    I: Clone + Send + 'static,
    T: Send + 'static,
    N: Fn(I) -> F + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
    C: Compare<T> + 'static,
    S: Size<T> + 'static,
{
    fn unpack(&mut self) -> Option<Work> {
        Some(Work::Async(Arc::new(Sample::of(self.0.take()?))))
    }
}

/// A sample that several copies run on. What need not be `Sync` is behind a lock, held for a clone or a comparison.
struct Sample<I, T, N, C, S> {
    input: Mutex<Option<I>>,
    answer: Mutex<T>,
    candidate: N,
    compare: C,
    size: S,
}

impl<I: Clone, T, N, C: Compare<T>, S: Size<T>> Sample<I, T, N, C, S> {
    fn of(parts: Parts<I, T, N, C, S>) -> Self {
        let Parts { input, answer, candidate, compare, size } = parts;
        Self { input: Mutex::new(Some(input)), answer: Mutex::new(answer), candidate, compare, size }
    }

    /// The input; of an only copy it is moved out.
    fn input(&self, is_only: bool) -> Option<I> {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        if is_only { input.take() } else { input.clone() }
    }

    fn outcome(&self, by: &Active, answer: &T, took: Duration) -> Outcome {
        if self.size.bytes(answer) > by.policy.limits.body {
            return Outcome::Dropped(Reason::TooBig);
        }
        let control = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        match self.compare.compare_by(&by.rules, &control, answer) {
            Verdict::Unfit(TreeError::TooBig | TreeError::TooDeep) => Outcome::Dropped(Reason::TooBig),
            verdict => Outcome::Judged { verdict, took },
        }
    }
}

impl<I, T, N, C, S> Blocking for Sample<I, T, N, C, S>
where
    I: Clone + Send,
    T: Send,
    N: Fn(I) -> T + Send + Sync,
    C: Compare<T>,
    S: Size<T>,
{
    fn run(&self, by: &Active, is_only: bool) -> Outcome {
        let Some(input) = self.input(is_only) else { return Outcome::Dropped(Reason::Spawn) };
        let begun = Instant::now();
        let answer = (self.candidate)(input);
        self.outcome(by, &answer, begun.elapsed())
    }
}

impl<I, T, N, F, C, S> Asynchronous for Sample<I, T, N, C, S>
where
    I: Clone + Send + 'static,
    T: Send + 'static,
    N: Fn(I) -> F + Send + Sync + 'static,
    F: Future<Output = T> + Send,
    C: Compare<T> + 'static,
    S: Size<T> + 'static,
{
    fn start(self: Arc<Self>, by: Arc<Active>, is_only: bool) -> BoxFuture<Outcome> {
        // The candidate's own code begins with the first poll: on its runtime, not on the thread that hands it over.
        Box::pin(async move {
            let Some(input) = self.input(is_only) else { return Outcome::Dropped(Reason::Spawn) };
            let begun = Instant::now();
            let answer = (self.candidate)(input).await;
            self.outcome(&by, &answer, begun.elapsed())
        })
    }
}
