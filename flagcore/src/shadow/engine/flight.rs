//! A candidate that runs, seen from both sides: who runs it and who holds it to its time.
//!
//! A flight ends once. Whoever moves its state away from `RUNNING` tells the story: the runner that it ended, or the
//! watch that it took too long. A blocking candidate that is overdue cannot be stopped and goes on; it counts as in flight
//! until it returns. An asynchronous one is dropped at its next poll, for which the watch wakes it.
//!
//! A flight begins when a thread or a runtime is asked for, and its candidate a while later. What comes in between, the end
//! of its time or the switch, is looked at once more right before the candidate's own code.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering, fence};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::active::Active;
use super::contain::{contained, told};
use super::copy::as_copy;
use super::counts::Reason;
use crate::shadow::compare::{Failure, Verdict};
use crate::shadow::report::Times;

/// How a candidate ended.
#[derive(Debug)]
pub(super) enum Outcome {
    Judged {
        verdict: Verdict,
        took: Duration,
    },
    /// What the panic says.
    Panicked(Box<str>),
    /// It was never compared.
    Dropped(Reason),
}

/// How a candidate ended, as far as it matters to whether another one may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It answered, of the breaker's round in which it was started.
    Answered {
        is_failure: bool,
        round: u32,
    },
    Dropped(Reason),
}

/// What both sides share.
#[derive(Debug)]
pub(super) struct Flight {
    state: AtomicU8,
    begun: Instant,
    deadline: Instant,
    /// What it runs by.
    pub(super) by: Arc<Active>,
    pub(super) copy: u32,
    /// What the control took.
    control: Duration,
    /// The breaker's round in which it was started.
    pub(super) round: u32,
    /// Who wants to hear when it is overdue.
    waker: Mutex<Option<Waker>>,
}

impl Flight {
    pub(super) fn new(by: Arc<Active>, copy: u32, control: Duration, round: u32, now: Instant) -> Arc<Self> {
        let (state, waker) = (AtomicU8::new(RUNNING), Mutex::new(None));
        let deadline = now + by.policy.limits.timeout;
        Arc::new(Self { state, begun: now, deadline, by, copy, control, round, waker })
    }

    pub(super) fn is_late(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.load(Ordering::Acquire) != RUNNING
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.state.load(Ordering::Acquire) == OVERDUE
    }

    /// Declares it overdue, unless it ended.
    pub(super) fn give_up(&self) -> bool {
        let is_given_up = self.end(OVERDUE);
        if is_given_up && let Some(waker) = self.waker().take() {
            contained(|| waker.wake());
        }
        is_given_up
    }

    /// Records that it took too long.
    pub(super) fn record_timeout(&self, now: Instant) {
        self.by.recorder.timed_out(self.times(now.saturating_duration_since(self.begun)));
    }

    /// Records how it ended.
    fn record(&self, outcome: Outcome) -> Ending {
        let recorder = &self.by.recorder;
        match outcome {
            Outcome::Judged { verdict, took } => {
                let is_failure = matches!(verdict, Verdict::Failed(_) | Verdict::Unfit(_));
                recorder.compared(verdict, self.times(took), self.copy);
                Ending::Answered { is_failure, round: self.round }
            }
            Outcome::Panicked(text) => {
                let panic = Failure::with_class("panic", &text);
                recorder.failed(panic, self.times(self.begun.elapsed()), self.copy);
                Ending::Answered { is_failure: true, round: self.round }
            }
            Outcome::Dropped(reason) => Ending::Dropped(reason),
        }
    }

    fn times(&self, candidate: Duration) -> Times {
        Times { control: self.control, candidate }
    }

    fn listen(&self, waker: &Waker) {
        let mut listening = self.waker();
        if !listening.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *listening = Some(waker.clone());
        }
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, state: u8) -> bool {
        // ORDERING: what one side did before it ended the flight is seen by the side that finds it ended.
        self.state.compare_exchange(RUNNING, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What runners tell the one that starts them.
#[derive(Debug, Default)]
pub(super) struct Tower {
    in_flight: AtomicU32,
    /// Whether the launch is switched off.
    is_off: AtomicBool,
    /// Whether something waits for a runner to end.
    is_waiting: AtomicBool,
    starter: OnceLock<Thread>,
}

impl Tower {
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Turns the switch: once it is off, no candidate begins but one that is about to, and counts as in flight.
    pub(super) fn switch(&self, is_on: bool) {
        self.is_off.store(!is_on, Ordering::Relaxed);
        // ORDERING: pairs with the fence in `is_off`: a candidate that misses the switch is in flight for whoever turned it.
        fence(Ordering::SeqCst);
    }

    fn is_off(&self) -> bool {
        fence(Ordering::SeqCst);
        self.is_off.load(Ordering::Relaxed)
    }

    /// From now on this thread starts the runners.
    pub(super) fn start_here(&self) {
        let _ = self.starter.set(std::thread::current());
    }

    /// Says whether this thread wants to be woken when a runner ends. If one just ended, nobody wakes it: it looks
    /// again by itself within a millisecond.
    pub(super) fn wait(&self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Ordering::Release);
    }

    /// Ends the sleep of the thread that starts the runners.
    pub(super) fn wake(&self) {
        if let Some(starter) = self.starter.get() {
            starter.unpark();
        }
    }

    /// Counts candidates that are about to run; no more than there is room for.
    pub(super) fn take_off(&self, wanted: u32, most: u32) -> u32 {
        let mut granted = 0;
        let taken = self.in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, |flying| {
            granted = wanted.min(most.saturating_sub(flying));
            Some(flying + granted)
        });
        taken.map_or(0, |_| granted)
    }

    /// A candidate runs no more.
    pub(super) fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        if self.is_waiting.load(Ordering::Acquire) {
            self.wake();
        }
    }
}

/// The runner's side of a flight; dropping it says that the candidate runs no more.
#[derive(Debug)]
pub(super) struct Runner {
    flight: Arc<Flight>,
    tower: Arc<Tower>,
    endings: Sender<Ending>,
}

impl Runner {
    /// A flight that begins, which [took off](Tower::take_off); the tower counts it until the runner is dropped.
    pub(super) fn new(flight: Arc<Flight>, tower: Arc<Tower>, endings: Sender<Ending>) -> Self {
        Self { flight, tower, endings }
    }

    pub(super) fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    /// Records and tells how the candidate ended; nobody listens where it was overdue.
    pub(super) fn end(&self, outcome: Outcome) {
        if self.flight.end(ENDED) {
            // Nobody listens either once the launch is gone.
            let _ = self.endings.send(self.flight.record(outcome));
        }
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.flight.is_overdue()
    }

    /// Whether the candidate may begin; if not, that is how it ended.
    pub(super) fn begin(&self) -> bool {
        if self.tower.is_off() {
            self.end(Outcome::Dropped(Reason::SwitchedOff));
        }
        !self.flight.is_over()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.end(Outcome::Dropped(Reason::Spawn));
        self.tower.ended();
    }
}

/// A boxed future that may move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An asynchronous candidate within its time, its panics contained.
pub(super) struct Watched {
    candidate: Option<BoxFuture<Outcome>>,
    has_begun: bool,
    runner: Runner,
}

impl Watched {
    pub(super) fn new(candidate: BoxFuture<Outcome>, runner: Runner) -> Self {
        Self { candidate: Some(candidate), has_begun: false, runner }
    }

    fn drop_candidate(&mut self) {
        let (candidate, copy) = (self.candidate.take(), self.runner.flight.copy);
        contained(|| as_copy(copy, || drop(candidate)));
    }
}

impl Future for Watched {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Before the look at the state: whoever gives it up afterwards finds the waker.
        this.runner.flight.listen(cx.waker());
        let may_run = if this.has_begun { !this.runner.is_overdue() } else { this.runner.begin() };
        this.has_begun = true;
        let Some(candidate) = this.candidate.as_mut().filter(|_| may_run) else {
            this.drop_candidate();
            return Poll::Ready(());
        };
        let copy = this.runner.flight.copy;
        let outcome = match told(|| as_copy(copy, || candidate.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(text) => Outcome::Panicked(text),
        };
        this.drop_candidate();
        this.runner.end(outcome);
        Poll::Ready(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.drop_candidate();
    }
}

const RUNNING: u8 = 0;
const ENDED: u8 = 1;
const OVERDUE: u8 = 2;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::super::counts::Dropped;
    use super::*;

    fn trial() -> (Arc<Flight>, Runner, Arc<Tower>, Receiver<Ending>) {
        let active = Active::new("search", Arc::default(), Dropped::default());
        let flight = Flight::new(Arc::new(active), 1, Duration::ZERO, 0, Instant::now());
        let tower = Arc::<Tower>::default();
        assert_eq!(tower.take_off(2, 1), 1);
        let (sender, endings) = channel();
        let runner = Runner::new(Arc::clone(&flight), Arc::clone(&tower), sender);
        (flight, runner, tower, endings)
    }

    fn poll(watched: &mut Watched) -> Poll<()> {
        Pin::new(watched).poll(&mut Context::from_waker(Waker::noop()))
    }

    const FAILED: Ending = Ending::Answered { is_failure: true, round: 0 };

    fn panicked() -> Outcome {
        Outcome::Panicked("as it should".into())
    }

    #[test]
    fn a_flight_ends_once() {
        let (flight, runner, tower, endings) = trial();
        runner.end(panicked());
        assert!(!flight.give_up(), "it ended");
        assert_eq!(tower.in_flight(), 1);
        drop(runner);
        assert_eq!(tower.in_flight(), 0);
        assert_eq!(endings.try_iter().collect::<Vec<_>>(), [FAILED]);
        assert_eq!(flight.by.recorder.ends(), [0, 0, 0, 1, 0]);

        let (flight, runner, tower, endings) = trial();
        assert!(flight.give_up() && runner.is_overdue());
        flight.record_timeout(Instant::now());
        assert_eq!(tower.in_flight(), 1, "it still runs");
        runner.end(panicked());
        drop(runner);
        assert_eq!(tower.in_flight(), 0);
        assert_eq!(endings.try_iter().count(), 0, "its end is not told twice");
        assert_eq!(flight.by.recorder.ends(), [0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_future_that_is_overdue_is_dropped_at_its_next_poll() {
        let (flight, runner, tower, endings) = trial();
        let mut watched = Watched::new(Box::pin(std::future::pending()), runner);
        assert_eq!(poll(&mut watched), Poll::Pending);
        flight.give_up();
        assert_eq!(poll(&mut watched), Poll::Ready(()));
        assert!(watched.candidate.is_none());
        drop(watched);
        assert_eq!((tower.in_flight(), endings.try_iter().count()), (0, 0));
    }

    #[test]
    fn a_candidate_that_has_not_begun_when_the_switch_is_turned_does_not() {
        let (flight, runner, tower, endings) = trial();
        let begins = async { std::panic::resume_unwind(Box::new("it began")) };
        let mut watched = Watched::new(Box::pin(begins), runner);
        tower.switch(false);
        assert_eq!(poll(&mut watched), Poll::Ready(()));
        assert!(flight.is_over());
        drop(watched);
        assert_eq!(endings.try_iter().collect::<Vec<_>>(), [Ending::Dropped(Reason::SwitchedOff)]);

        let (_, runner, tower, _) = trial();
        let mut watched = Watched::new(Box::pin(std::future::pending()), runner);
        assert_eq!(poll(&mut watched), Poll::Pending);
        tower.switch(false);
        assert_eq!(poll(&mut watched), Poll::Pending, "it has begun");
        tower.switch(true);
        assert!(!tower.is_off());
    }

    #[test]
    fn a_future_that_panics_or_is_dropped_says_so() {
        let (_, runner, _, endings) = trial();
        let panics = async { std::panic::resume_unwind(Box::new(())) };
        let mut watched = Watched::new(Box::pin(panics), runner);
        assert_eq!(poll(&mut watched), Poll::Ready(()));
        drop(watched);
        assert_eq!(endings.try_iter().collect::<Vec<_>>(), [FAILED]);

        let (_, runner, _, endings) = trial();
        drop(Watched::new(Box::pin(std::future::pending()), runner));
        assert_eq!(endings.try_iter().collect::<Vec<_>>(), [Ending::Dropped(Reason::Spawn)]);
    }
}
