//! Copies of a sample: as many as the file says, numbered, and never more at a time than may.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use flagcore::shadow::copy_number;
use serde_json::json;

use crate::lab::{block, call, client, dropped, settled, told, twice, update, wait_until, with};

#[test]
fn a_file_that_asks_for_two_and_a_half_copies_gets_them_numbered() {
    const SAMPLES: u64 = 10_000;
    let client = client(&with(&block(json!({ "amplify": "x2.5", "limits": { "in_flight": 4 } }))));
    let launch = client.launch("search");
    let numbers = Arc::<Mutex<BTreeMap<u64, Vec<u32>>>>::default();
    let (running, most) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    for input in 0..SAMPLES {
        let (numbers, running, most) = (Arc::clone(&numbers), Arc::clone(&running), Arc::clone(&most));
        call(&launch, input, move |input| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            numbers.lock().unwrap().entry(input).or_default().push(copy_number().unwrap());
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            input * 2
        });
        if input % 200 == 199 {
            // No faster than the rate allows, nor than they are run.
            wait_until("room", || launch.counts().waiting == 0);
        }
    }
    let report = settled(&client);
    assert_eq!(told(&report), report.matched + dropped(&report, "rate"), "{report:?}");
    assert!((24_500..=25_500).contains(&told(&report)), "{report:?}");
    assert!((2..=4).contains(&most.load(Ordering::SeqCst)), "{most:?} at a time");
    let mut numbers = std::mem::take(&mut *numbers.lock().unwrap());
    numbers.values_mut().for_each(|numbers| numbers.sort_unstable());
    let wrong = numbers.iter().find(|(_, numbers)| !numbers.iter().copied().eq(1..=numbers.len() as u32));
    assert_eq!(wrong, None);
    assert_eq!(copy_number(), None);
}

#[test]
fn amplification_is_switched_like_anything_else() {
    let amplified = |amplify: f64| with(&block(json!({ "amplify": amplify })));
    let client = client(&amplified(1.0));
    let launch = client.launch("search");
    let mut copies = 0;
    for amplify in [1.0, 3.0, 0.0, 100.0, 2.0] {
        update(&client, &amplified(amplify));
        assert_eq!(call(&launch, 1, twice), amplify > 0.0, "{amplify}");
        copies += amplify as u64;
        let report = settled(&client);
        assert_eq!((report.matched, told(&report)), (copies, copies), "{amplify}: {report:?}");
    }
}
