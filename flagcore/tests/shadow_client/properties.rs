//! Any policy, any calls, any edits in between: the control's answer is returned, limits hold, and counts add up.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flagcore::EvaluationContext;
use flagcore::shadow::ShadowEngine;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::lab::{client_of, file, settled, told, update, wait_until, with};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// So many calls in a row.
    Calls {
        count: u8,
        user: u8,
        does: Does,
    },
    Edit(Policy),
    Off,
    Pause(Duration),
    Settle,
}

/// What a candidate does.
#[derive(Clone, Copy, Debug)]
enum Does {
    Same,
    Other,
    Panics,
    Takes(Duration),
    /// Its answer has so many bytes.
    Grows(u64),
}

/// A block, and what it bounds.
#[derive(Clone, Debug)]
struct Policy {
    block: Value,
    amplify: f64,
    in_flight: u64,
    rate: u32,
}

fn policy() -> impl Strategy<Value = Policy> {
    let who = (select(vec![0.0, 0.3, 1.0]), select(vec!["request", "user"]), prop::option::of(when()));
    let copies = select(vec![0.0, 1.0, 2.0, 2.5, 4.0]);
    let limits = (1u64..6, select(vec![50u32, 1_000, 100_000]), 1u32..64, 1u64..40, 1u64..200);
    let over = select(vec!["1s", "10s"]);
    let p99 = select(vec![json!("off"), json!(1.1)]);
    let breaker = (1u32..=100, over, 1u32..60, select(vec!["100ms", "10s"]), p99);
    let compare = (0.0..1.0, select(vec!["class", "text", "ignore"]), any::<bool>());
    let store = (0u32..5, select(vec!["1KiB", "1MiB"]), any::<bool>());
    (who, copies, limits, breaker, compare, store).prop_map(
        |(who, amplify, limits, breaker, compare, store)| {
            let (in_flight, rate, queue, timeout, body) = limits;
            let listed = |is_there: bool| if is_there { vec![""] } else { vec![] };
            let mut block = json!({
                "sample": who.0, "by": who.1, "amplify": amplify,
                "limits": {
                    "in_flight": in_flight, "rate": format!("{rate}/s"), "queue": queue,
                    "timeout": format!("{timeout}ms"), "body": body,
                },
                "breaker": {
                    "failures": format!("{}%", breaker.0), "over": breaker.1, "min": breaker.2,
                    "half_open": breaker.3, "primary_p99": breaker.4,
                },
                "compare": { "float": compare.0, "errors": compare.1, "unordered": listed(compare.2) },
                "store": { "per_field": store.0, "max": store.1, "redact": listed(store.2) },
            });
            if let Some(when) = who.2 {
                block["when"] = when;
            }
            Policy { block, amplify, in_flight, rate }
        },
    )
}

fn when() -> impl Strategy<Value = Value> {
    let plan = json!({ "var": "plan" });
    select(vec![json!(true), json!(false), json!({ "==": [plan, "pro"] }), json!({ "!": [plan] })])
}

fn step() -> impl Strategy<Value = Step> {
    let does = prop_oneof![
        4 => Just(Does::Same),
        2 => Just(Does::Other),
        2 => Just(Does::Panics),
        1 => (0u64..4).prop_map(|ms| Does::Takes(Duration::from_millis(ms))),
        1 => (0u64..400).prop_map(Does::Grows),
    ];
    let calls = (1u8..40, 0u8..10, does).prop_map(|(count, user, does)| Step::Calls { count, user, does });
    prop_oneof![
        8 => calls,
        2 => policy().prop_map(Step::Edit),
        1 => Just(Step::Off),
        2 => (0u64..4).prop_map(|ms| Step::Pause(Duration::from_millis(ms))),
        1 => Just(Step::Settle),
    ]
}

/// What candidates leave behind.
#[derive(Debug, Default)]
struct Seen {
    started: AtomicU64,
    running: AtomicU64,
    most: AtomicU64,
}

impl Seen {
    fn run(&self, does: Does, input: u64) -> (u64, u64) {
        self.started.fetch_add(1, Ordering::SeqCst);
        self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        if let Does::Takes(time) = does {
            thread::sleep(time);
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        match does {
            Does::Panics => resume_unwind(Box::new("as it should")),
            Does::Other => (input + 1, 1),
            Does::Grows(bytes) => (input, bytes),
            Does::Same | Does::Takes(_) => (input, 1),
        }
    }
}

fn check(first: Policy, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let begun = Instant::now();
    let client = client_of(&with(&first.block), ShadowEngine::builder().workers(8).build());
    let (flag, launch, seen) = (client.flag("search"), client.launch("search"), Arc::<Seen>::default());
    let (mut is_on, mut policy, mut fewest, mut most) = (true, first.clone(), 0, 0);
    let (mut in_flight, mut rate, mut copies) = (first.in_flight, first.rate, first.amplify);
    for step in steps {
        match step {
            Step::Calls { count, user, does } => {
                for input in 0..u64::from(count) {
                    let context = EvaluationContext::new(format!("user-{user}"));
                    let context = if user % 2 == 0 { context.with("plan", "pro") } else { context };
                    let shadow = match input % 3 {
                        0 => client.shadow("search", &context),
                        1 => client.shadow(flag, &context),
                        _ => launch.shadow(&context),
                    };
                    if shadow.is_sampled() {
                        prop_assert!(is_on, "a sample while it is off");
                        fewest += policy.amplify.floor().max(1.0) as u64;
                        most += policy.amplify.ceil() as u64;
                    }
                    let seen = Arc::clone(&seen);
                    let size = |answer: &(u64, u64)| answer.1;
                    let call = shadow.capture(|| input).compare_fields().size(size);
                    let answer = call.run(|| (input, 1), move |input| seen.run(does, input));
                    prop_assert_eq!(answer, (input, 1));
                }
            }
            Step::Edit(mut edited) => {
                // Another one would begin the counts anew.
                edited.block["store"]["redact"] = first.block["store"]["redact"].clone();
                update(&client, &with(&edited.block));
                in_flight = in_flight.max(edited.in_flight);
                rate = rate.max(edited.rate);
                copies = copies.max(edited.amplify);
                (is_on, policy) = (true, edited);
            }
            Step::Off => {
                update(&client, &file(json!({})));
                is_on = false;
            }
            Step::Pause(time) => thread::sleep(time),
            Step::Settle => {
                let report = settled(&client);
                prop_assert_eq!(report.waiting, 0);
            }
        }
        let counts = launch.counts();
        prop_assert!(counts.in_flight <= in_flight, "{:?} of {}", counts, in_flight);
    }
    let report = settled(&client);
    prop_assert!((fewest..=most).contains(&told(&report)), "{fewest} to {most}: {report:?}");
    prop_assert_eq!((report.waiting, report.control.count), (0, report.samples));
    wait_until("none in flight", || launch.counts().in_flight == 0);
    prop_assert_eq!(told(&launch.report()), told(&report), "what comes late is not counted twice");
    let (started, running) = (seen.started.load(Ordering::SeqCst), seen.most.load(Ordering::SeqCst));
    prop_assert!(running <= in_flight, "{running} at a time, of {in_flight}");
    // What a rate lets start at once comes on top.
    let burst = (f64::from(rate) / 100.0).ceil().max(copies.ceil());
    let allowed = f64::from(rate) * begun.elapsed().as_secs_f64() + burst + 1.0;
    prop_assert!(started as f64 <= allowed, "{started} started, of {allowed}");
    prop_assert!(started >= report.matched + report.mismatched + report.errors, "{report:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counts_add_up_and_limits_hold(first in policy(), steps in prop::collection::vec(step(), 1..40)) {
        check(first, steps)?;
    }
}
