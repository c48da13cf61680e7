//! Every reason for which a copy can be dropped comes about, and is counted to the last copy.

use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use flagcore::Client;
use flagcore::shadow::{BoxFuture, Launch, LaunchState, Reason, ShadowEngine, Spawn};
use serde_json::{Value, json};

use crate::lab::{
    Barrier, LONG, Shelf, block, call, call_async, client_of, dropped, file, told, twice, update, wait_until,
    with,
};

/// A launch that was made to drop copies, and how many were asked for.
struct Trial {
    launch: Launch,
    asked: u64,
    /// Ends with the trial.
    _client: Option<Client>,
    barrier: Barrier,
}

impl Trial {
    fn new(changes: Value) -> Self {
        Self::of(changes, ShadowEngine::builder().workers(1).written_off(0).build())
    }

    fn of(changes: Value, engine: ShadowEngine) -> Self {
        let client = client_of(&with(&block(changes)), engine);
        let launch = client.launch("search");
        Self { launch, asked: 0, _client: Some(client), barrier: Barrier::default() }
    }

    /// Calls with candidates that wait until the end of the trial.
    fn calls(mut self, count: u64) -> Self {
        (0..count).for_each(|_| self.blocked());
        self
    }

    fn blocked(&mut self) {
        let barrier = self.barrier.clone();
        self.asked += 1;
        call(&self.launch, 1, move |input| {
            barrier.wait();
            input * 2
        });
    }

    fn until_dropped(mut self, reason: Reason) -> Self {
        wait_until(reason.as_str(), || {
            self.blocked();
            self.launch.counts().dropped(reason) > 0
        });
        self
    }
}

/// Makes a launch drop copies for a reason.
fn provoke(reason: Reason) -> Trial {
    match reason {
        Reason::QueueFull => Trial::new(json!({ "limits": { "queue": 1 } })).until_dropped(reason),
        Reason::Rate => Trial::new(json!({ "limits": { "rate": "0.01/s" } })).calls(10),
        Reason::InFlight => {
            let limits = json!({ "in_flight": 1, "timeout": "50ms" });
            Trial::of(json!({ "limits": limits }), ShadowEngine::new()).until_dropped(reason)
        }
        Reason::Breaker => {
            let mut trial = Trial::new(json!({ "breaker": { "min": 1, "half_open": "10m" } }));
            trial.asked = 5;
            call(&trial.launch, 1, |_| resume_unwind(Box::new("as it should")));
            wait_until("the breaker", || trial.launch.state() == LaunchState::Failing);
            for _ in 0..4 {
                call(&trial.launch, 1, |_| panic!("a candidate ran"));
            }
            trial
        }
        Reason::Baseline => {
            let breaker = json!({ "min": 1, "over": "1s", "primary_p99": 1.1 });
            let mut trial = Trial::new(json!({ "breaker": breaker }));
            wait_until("a rest", || {
                trial.asked += 1;
                call(&trial.launch, 1, twice);
                trial.launch.counts().dropped(reason) > 0
            });
            trial
        }
        Reason::Late => late(),
        Reason::TooBig => {
            let mut trial = Trial::new(json!({ "limits": { "body": 10 } }));
            trial.asked = 1;
            let call =
                trial.launch.shadow("user-1").capture(|| ()).size(|answer: &String| answer.len() as u64);
            assert_eq!(call.run(|| "x".repeat(11), |()| String::new()).len(), 11);
            trial
        }
        Reason::Stuck => Trial::new(json!({ "limits": { "timeout": "20ms" } })).until_dropped(reason),
        Reason::Capture => {
            let mut trial = Trial::new(json!({}));
            trial.asked = 1;
            let capture = || -> u64 { resume_unwind(Box::new("as it should")) };
            assert_eq!(trial.launch.shadow("user-1").capture(capture).run(|| 2, |input| input), 2);
            trial
        }
        Reason::Nested => {
            let mut trial = Trial::new(json!({}));
            trial.asked = 2;
            let inner = trial.launch.clone();
            call(&trial.launch, 1, move |input| {
                call(&inner, input, |_| panic!("a copy of a copy"));
                input * 2
            });
            trial
        }
        Reason::Spawn => {
            struct Nowhere;
            impl Spawn for Nowhere {
                fn spawn(&self, candidate: BoxFuture<()>) {
                    drop(candidate);
                }
            }
            let mut trial = Trial::of(json!({}), ShadowEngine::builder().spawner(Nowhere).build());
            trial.asked = 1;
            call_async(&trial.launch, |_| async { panic!("a candidate ran") });
            trial
        }
        Reason::SwitchedOff => {
            let trial = Trial::new(json!({})).calls(3);
            wait_until("the first one", || trial.launch.counts().in_flight == 1);
            update(trial._client.as_ref().unwrap(), &file(json!({})));
            trial
        }
        Reason::Shutdown => {
            let mut trial = Trial::new(json!({})).calls(3);
            wait_until("the first one", || trial.launch.counts().in_flight == 1);
            trial._client = None;
            wait_until("the end", || trial.launch.state() == LaunchState::Ended);
            trial
        }
        other => panic!("nothing here makes a launch drop a copy because of `{other}`"),
    }
}

/// The runtime holds up the thread that starts candidates, and what waits meanwhile grows too old.
fn late() -> Trial {
    #[derive(Clone, Default)]
    struct Slow {
        shelf: Shelf,
        is_there: Barrier,
        may_go: Barrier,
    }
    impl Spawn for Slow {
        fn spawn(&self, candidate: BoxFuture<()>) {
            self.is_there.open();
            self.may_go.wait();
            self.shelf.spawn(candidate);
        }
    }
    let slow = Slow::default();
    let engine = ShadowEngine::builder().spawner(slow.clone()).build();
    let mut trial = Trial::of(json!({ "limits": { "timeout": "20ms" } }), engine);
    wait_until("the runtime", || {
        // On busy cores this one may be too late itself.
        trial.asked += 1;
        call_async(&trial.launch, |_| async { 8 });
        slow.is_there.is_open()
    });
    trial.asked += 1;
    call_async(&trial.launch, |_| async { panic!("a candidate ran") });
    let asked = Instant::now();
    wait_until("too late", || asked.elapsed() > Duration::from_millis(25));
    slow.may_go.open();
    trial
}

#[test]
fn every_reason_comes_about_and_every_copy_is_counted_once() {
    for reason in Reason::ALL {
        let trial = provoke(reason);
        if matches!(reason, Reason::Stuck | Reason::InFlight) {
            // What is in flight has to grow too old first.
            wait_until("giving up", || trial.launch.counts().timeouts > 0);
        } else {
            trial.barrier.open();
        }
        assert!(trial.launch.settle(LONG), "{reason}");
        let (counts, report) = (trial.launch.counts(), trial.launch.report());
        assert!(counts.dropped(reason) > 0, "{reason}: {counts:?}");
        assert_eq!(dropped(&report, reason.as_str()), counts.dropped(reason), "{reason}");
        assert_eq!((told(&report), report.waiting), (trial.asked, 0), "{reason}: {report:?}");
        trial.barrier.open();
    }
}
