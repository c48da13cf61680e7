//! What a shadow report keeps is bounded in bytes of the allocator, whatever answers come.

mod common;

use common::counting::{Counting, counted, counts};
use flagcore::shadow::compare::{Compare, Failure, Rules, Tree, TreeLimits};
use flagcore::shadow::report::{Recorder, StoreLimits, Times};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What counts and latencies take beside, as the limit's documentation has it.
const BESIDE: i64 = 200 << 10;

const SAMPLES: u64 = 12_000;

#[test]
fn a_report_keeps_no_more_bytes_than_it_may() {
    for bytes in [64 << 10, 1 << 20, 4 << 20] {
        let limits = StoreLimits { bytes, ..StoreLimits::default() };
        let recorder = Recorder::new("search", "search-rs", limits, 1);
        let (before, rules) = (counts().live_bytes, Rules::default());
        let mut most = 0;
        for sample in 0..SAMPLES {
            let long = "x".repeat((sample % 400) as usize);
            // Names that never come again, long values, many at once, and one that always differs.
            let control = json!({ format!("{sample}{long}"): long, "same": sample, "list": [sample, "a"] });
            let candidate = json!({ format!("{sample}-{long}"): long, "same": long, "list": [long] });
            recorder.compared(rules.compare(&control, &candidate), Times::default(), 1);
            if sample % 16 == 0 {
                let failure = Failure::with_class(&format!("class {sample}"), &long);
                recorder.failed(failure, Times::default(), 1);
            }
            drop((control, candidate, long));
            most = most.max(counts().live_bytes - before);
        }
        assert!(most <= bytes as i64 + BESIDE, "{most} of {bytes}");
        // The bound is used, too.
        assert!(most >= bytes as i64 / 4, "{most} of {bytes}");
        let report = recorder.report([]);
        assert_eq!((&*report.fields[0].pointer, report.fields[0].samples), ("/list", SAMPLES));
        assert!(report.stored_bytes <= bytes && report.fields_let_go > SAMPLES / 20);
    }
}

#[test]
fn an_answer_past_its_limits_takes_no_more_than_them() {
    let limits = TreeLimits { nodes: 10_000, bytes: 100_000, ..TreeLimits::default() };
    for giant in [json!("x".repeat(50_000_000)), json!(vec![1; 2_000_000]), json!(vec!["text"; 500_000])] {
        let (tree, counts) = counted(|| Tree::of(&giant, limits));
        assert!(tree.is_err() && counts.live_bytes == 0);
        // Growing by halves, a tree asks for a block some forty times.
        assert!(counts.taken < 60, "{counts:?}");
    }
}
