//! The threads that run blocking candidates.
//!
//! A thread that hangs in a candidate cannot be ended. It is written off when the candidate is overdue, and another takes
//! its place; so many may be written off at a time, then no more candidates are started. One that does come back is taken
//! in again, or leaves when its place is taken. Threads are started when they are needed and leave after a while without
//! work.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::contain::{contained, told};
use super::copy::as_copy;
use super::flight::{Flight, Outcome, Runner};
use super::sample::Blocking;
use super::thread;

/// One candidate to run.
pub(super) struct Task {
    pub(super) sample: Arc<dyn Blocking>,
    pub(super) is_only: bool,
    pub(super) runner: Runner,
}

impl Task {
    /// Runs it; what is left is to say that it is over.
    fn run(self) -> Runner {
        let Self { sample, is_only, runner } = self;
        let (by, copy) = (&runner.flight().by, runner.flight().copy);
        let outcome = runner.begin().then(|| told(|| as_copy(copy, || sample.run(by, is_only))));
        contained(|| as_copy(copy, || drop(sample)));
        if let Some(outcome) = outcome {
            runner.end(outcome.unwrap_or_else(Outcome::Panicked));
        }
        runner
    }
}

/// Whether a candidate can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// All threads are at work.
    Busy,
    /// All threads hang.
    Stuck,
}

/// The threads of one launch.
#[derive(Debug)]
pub(super) struct Crew {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    roll: Mutex<Roll>,
    work: Condvar,
    /// Threads that work at a time, and how many more may hang.
    workers: usize,
    written_off: usize,
    nice: u8,
}

#[derive(Default)]
struct Roll {
    tasks: VecDeque<Task>,
    /// Tasks that were given and have neither ended nor been written off.
    busy: usize,
    threads: usize,
    idle: usize,
    /// Threads that were written off and have not come back.
    stuck: usize,
    is_closed: bool,
}

impl std::fmt::Debug for Roll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tasks, busy, threads, idle, stuck, is_closed } = self;
        write!(
            f,
            "{} tasks, {busy} busy, {threads} threads, {idle} idle, {stuck} stuck, closed: {is_closed}",
            tasks.len()
        )
    }
}

impl Roll {
    /// Threads that are at work or wait for some.
    fn working(&self) -> usize {
        self.threads.saturating_sub(self.stuck)
    }
}

impl Crew {
    pub(super) fn new(workers: usize, written_off: usize, nice: u8) -> Self {
        let (roll, work) = (Mutex::default(), Condvar::new());
        let shared = Shared { roll, work, workers: workers.max(1), written_off, nice };
        Self { shared: Arc::new(shared) }
    }

    pub(super) fn room(&self) -> Room {
        let roll = self.shared.roll();
        if roll.stuck > self.shared.written_off {
            Room::Stuck
        } else if roll.busy < self.shared.workers {
            Room::Free
        } else {
            Room::Busy
        }
    }

    /// Sees to it that there is a thread for one more task; `false` when none can be started.
    pub(super) fn has_thread(&self) -> bool {
        let mut roll = self.shared.roll();
        if roll.idle > roll.tasks.len() || roll.working() >= self.shared.workers {
            return true;
        }
        let shared = Arc::clone(&self.shared);
        let started = thread::start("flag-shadow", self.shared.nice, move || shared.work());
        roll.threads += usize::from(started.is_ok());
        // Those that are there may do it later.
        roll.working() > 0
    }

    /// Gives it a task, for which there was room and a thread.
    pub(super) fn give(&self, task: Task) {
        let mut roll = self.shared.roll();
        roll.busy += 1;
        roll.tasks.push_back(task);
        drop(roll);
        self.shared.work.notify_one();
    }

    /// Writes off the thread of a flight that is overdue; `false` when it just ended.
    pub(super) fn give_up(&self, flight: &Flight) -> bool {
        // Under the lock, so that the thread finds itself written off whenever it finds its flight given up.
        let mut roll = self.shared.roll();
        let is_given_up = flight.give_up();
        if is_given_up {
            roll.busy = roll.busy.saturating_sub(1);
            roll.stuck += 1;
        }
        is_given_up
    }
}

impl Drop for Crew {
    /// Tells all threads to leave; waits for none.
    fn drop(&mut self) {
        let mut roll = self.shared.roll();
        roll.is_closed = true;
        let tasks = std::mem::take(&mut roll.tasks);
        drop(roll);
        self.shared.work.notify_all();
        contained(|| drop(tasks));
    }
}

impl Shared {
    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does.
    fn work(&self) {
        while let Some(task) = self.next() {
            let runner = task.run();
            let mut roll = self.roll();
            let ended = if runner.is_overdue() { &mut roll.stuck } else { &mut roll.busy };
            *ended = ended.saturating_sub(1);
            let is_surplus = roll.working() > self.workers;
            if is_surplus {
                roll.threads = roll.threads.saturating_sub(1);
            }
            drop(roll);
            // Only now, when it is off the roll: this wakes who waits for room.
            drop(runner);
            if is_surplus {
                return;
            }
        }
    }

    /// The next task; `None` when the thread shall leave, and then it is off the roll.
    fn next(&self) -> Option<Task> {
        let mut roll = self.roll();
        loop {
            if let Some(task) = roll.tasks.pop_front() {
                return Some(task);
            }
            if roll.is_closed {
                break;
            }
            roll.idle += 1;
            let (woken, waited) =
                self.work.wait_timeout(roll, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            roll = woken;
            roll.idle = roll.idle.saturating_sub(1);
            if waited.timed_out() && roll.tasks.is_empty() {
                break;
            }
        }
        roll.threads = roll.threads.saturating_sub(1);
        None
    }
}

/// How long a thread waits for work before it leaves.
const PATIENCE: Duration = Duration::from_secs(10);
