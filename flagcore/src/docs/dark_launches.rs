//! Dark launches: from "we have a rewrite" to "we switched".
//!
//! The new code is deployed, and gets real traffic, and nobody sees what it answers. Today's code, the *control*, goes on
//! answering; the new code, the *candidate*, gets a copy of the same input a moment later, on threads of its own. What it
//! answers is compared and thrown away. A flag file says how much traffic it gets and who is sampled, while the program runs.
//!
//! # 1. Put both beside each other
//!
//! ```
//! use flagcore::{Client, EvaluationContext};
//! # use std::time::Duration;
//!
//! # #[derive(Clone)] struct Cart(Vec<u64>);
//! # fn old_total(cart: &Cart) -> u64 { cart.0.iter().sum() }
//! # fn new_total(cart: &Cart) -> u64 { cart.0.iter().fold(0, |sum, price| sum + price) }
//! # let file = r#"{"flags": {"pricing": {"variants": {"on": true}, "shadow": {"sample": "100%"}}}}"#;
//! # let client = Client::from_json(file)?;
//! # let cart = Cart(vec![3, 4]);
//! # let user = EvaluationContext::new("user-1");
//! let total = client
//!     .shadow("pricing", &user)
//!     .capture(|| cart.clone())                           // the candidate's input; made only when the call is sampled
//!     .run(|| old_total(&cart), |cart| new_total(&cart)); // old_total's answer, always
//! # assert_eq!(total, 7);
//! # assert!(client.launch("pricing").settle(Duration::from_secs(10)));
//! # assert_eq!(client.shadow_report("pricing").matched, 1);
//! # Ok::<(), flagcore::Error>(())
//! ```
//!
//! This may be deployed at once: without a `shadow` block in the flag file nothing but `old_total` runs. Where the call is
//! made often, keep [`client.launch("pricing")`](crate::Client::launch) and begin calls with its
//! [`shadow`](crate::shadow::Launch::shadow): then a call that is no sample costs a load and a comparison.
//!
//! Asynchronous code says [`run_async`](crate::shadow::Captured::run_async) and gives a future and a function that makes one. Its
//! candidates run on a runtime of the engine's own with the crate's feature `tokio`, or wherever a
//! [`Spawn`](crate::shadow::Spawn) puts them; a `tokio::runtime::Handle` is one. The own runtime has one thread for all launches:
//! a candidate that blocks it, against the rules of asynchronous code, holds up all of them, so give one that might a
//! [runtime](crate::shadow::ShadowEngineBuilder::spawner) of its own.
//!
//! # 2. Write a test
//!
//! With an [engine for tests](crate::shadow::ShadowEngine::testing) every call runs both sides at once, and panics where they
//! differ. The code under test stays as it is:
//!
//! ```
//! use flagcore::Client;
//! use flagcore::shadow::ShadowEngine;
//!
//! # use flagcore::model::Format;
//! # let flags = r#"{"flags": {}}"#;
//! let client = Client::builder()
//!     .bytes("flags.json", flags, Format::Json)
//!     .shadow_engine(ShadowEngine::testing())
//!     .build()?;
//! assert_eq!(client.shadow("pricing", "user-1").capture(|| [3, 4]).run(|| 7, |prices| prices.iter().sum()), 7);
//! # Ok::<(), flagcore::Error>(())
//! ```
//!
//! # 3. Say what a difference is
//!
//! Without a word, answers match when they are equal. Real answers hold times, ids and scores, so there is more:
//!
//! How to compare is said first, then what is made of it.
//!
//! | | |
//! | --- | --- |
//! | [`compare(closure)`](crate::shadow::Captured::compare) | `\|old: &Quote, new: &Quote\| old.total == new.total` says whether they agree, or gives a [`Verdict`](crate::shadow::compare::Verdict); its types have to be written |
//! | [`compare_fields()`](crate::shadow::Captured::compare_fields) | member by member, as serde writes them, by the rules of the flag's `compare` block; the report then ranks the fields that differ |
//! | [`results()`](crate::shadow::Captured::results) | answers are `Result`s: errors are compared by class, and a candidate that fails where the control did not counts as failed |
//! | [`ignore(closure)`](crate::shadow::Captured::ignore) | mismatches that are known and do not matter |
//! | [`compare(rules)`](crate::shadow::compare::Rules) | the same by rules in code; the flag's `compare` and `redact` do not count then |
//! | [`keep(closure)`](crate::shadow::Captured::keep) | compare a part of the answer, or one that is no `Clone`; the candidate gives the same part |
//! | [`size(closure)`](crate::shadow::Captured::size) | how big an answer is, held against the limit `body` before it is cloned |
//!
//! Where the rewrite gives another type, or errors are no `Clone`, both sides give what they have in common:
//!
//! ```
//! use flagcore::shadow::compare::Failure;
//!
//! # use flagcore::Client;
//! # use std::time::Duration;
//! # let file = r#"{"flags": {"load": {"variants": {"on": true}, "shadow": {"sample": "100%"}}}}"#;
//! # let client = Client::from_json(file)?;
//! # fn old_load(path: &str) -> std::io::Result<Vec<u8>> { std::fs::read(path) }
//! # fn new_load(path: &str) -> std::io::Result<String> { std::fs::read_to_string(path) }
//! let path = "no/such/file".to_owned();
//! let loaded = client
//!     .shadow("load", "user-1")
//!     .capture(|| path.clone())
//!     .results()
//!     .keep(|old: &std::io::Result<Vec<u8>>| old.as_ref().map(Vec::len).map_err(Failure::of))
//!     .run(|| old_load(&path), |path| new_load(&path).map(|text| text.len()).map_err(|error| Failure::of(&error)));
//! # assert!(loaded.is_err() && client.launch("load").settle(Duration::from_secs(10)));
//! # assert_eq!(client.shadow_report("load").matched, 1);
//! # Ok::<(), flagcore::Error>(())
//! ```
//!
//! ```yaml
//!     shadow:
//!       sample: 1%
//!       compare:
//!         ignore: [/took_ms, /hits/*/score]   # may differ
//!         unordered: [/facets]                # compared as a multiset
//!         float: 0.000001                     # close enough
//!       store: { redact: [/user/email] }      # compared, but never shown; nor are texts of errors, which have no places
//! ```
//!
//! # 4. Turn it on, a little
//!
//! Add the block to the flag that will later switch the code over, and save: `sample: 1%` of calls, or `by: user` and it is 1 %
//! of users with all of their calls. `when` is a rule as in targeting; put into the context what it asks for, such as the
//! request's method: a candidate that writes must not run on real data, and only the code that calls it knows. All words,
//! bounds and defaults are in [flag files](super::flag_files).
//!
//! `sample: 0%` turns it off at the next call, and leaves the flag alone; so does no block. What waited is dropped.
//! `state: DISABLED` turns the whole flag off, and a state that is no state at least the dark launch. So does anything in the
//! block that is wrong: nothing is launched on a guess. But a file that is refused as a whole (one that is no YAML, or any
//! mistake under [`Mode::Strict`](crate::diagnostic::Mode::Strict)) changes nothing: what ran before goes on.
//! [`on_update`](crate::Client::on_update) tells of every mistake with its place, and
//! [`LaunchState`](crate::shadow::LaunchState) what holds.
//!
//! # 5. Read the report
//!
//! [`client.shadow_report("search")`](crate::Client::shadow_report) is data (it serializes), and prints as a screen:
//!
//! ```text
//! search, running: 697 of 1,303 answers differ (53.5 %)
//!   105 failed
//!   606 of the answers differ only in what is ignored
//!   dropped 1,156: 684 rate, 472 baseline
//!                    p50       p90       p99     p99.9       max
//!   control      5.05 ms   5.18 ms   5.18 ms   17.6 ms   17.6 ms
//!   candidate    26.0 ms   38.3 ms   45.6 ms   57.1 ms   61.1 ms
//!    differ    share  kind     field                      control → candidate
//!       697   53.5 %  value    /hits/*/cents              3250 → 690
//!    failed  error
//!       105  Busy
//! ```
//!
//! Each copy is counted once: it matched, differed, differed only in what is ignored, failed, timed out, or was dropped for a
//! [reason](crate::shadow::Reason). Of each field that differs up to 20 examples are kept, drawn uniformly from all of its
//! differences, in bounded memory. Three lines expose all launches to Prometheus:
//!
//! ```
//! # let client = flagcore::Client::from_json(r#"{"flags": {}}"#)?;
//! # let mut body = String::new();
//! use flagcore::shadow::report::prometheus;
//!
//! body.push_str(&prometheus(&client.shadow_reports()));
//! # Ok::<(), flagcore::Error>(())
//! ```
//!
//! Another `id` in the block begins a report anew, breakers too, and draws other users: after a bug is mended, say. So does another
//! `redact`, so that nothing is shown that was kept before.
//!
//! # 6. More traffic than there is
//!
//! `sample: 100%` and then `amplify: 2`: every call runs the candidate twice, and the report shows what twice today's load
//! does to it. Copies are numbered; a candidate can ask for [its number](crate::shadow::copy_number), to leave a cache alone
//! or to mark what it sends on.
//!
//! # What holds meanwhile
//!
//! The caller's thread draws, captures, runs the control, keeps a copy of the answer and pushes both into a bounded queue. It
//! takes no lock, waits for nothing and wakes nobody. Everything that could go wrong is dropped and counted instead:
//!
//! | reason | what happened |
//! | --- | --- |
//! | `queue_full` | more samples wait than `queue` |
//! | `rate` | more copies would start in a second than `rate`; a burst is evened out as far as half of `timeout` allows |
//! | `in_flight` | as many run as `in_flight` allows (or all 8 [threads](crate::shadow::ShadowEngineBuilder::workers) of blocking candidates work), and it waited for `timeout` |
//! | `late` | it waited longer than `timeout` for another cause |
//! | `too_big` | an answer is bigger than `body`, or has more than 128 levels |
//! | `breaker` | a breaker is open, see below |
//! | `baseline` | the control ran alone for a moment, to tell what it takes without the candidate beside it |
//! | `stuck` | too many threads hang in the candidate; counts as a failure for the breaker |
//! | `capture` | `capture`, `keep`, `clone` or `size` panicked on the caller's thread |
//! | `nested` | a candidate began a shadow call: copies breed no copies |
//! | `spawn` | there was no thread or runtime for it |
//! | `switched_off` | the flag was switched off while it waited |
//! | `shutdown` | the client or its engine is gone |
//!
//! A candidate that takes longer than `timeout` is counted as such. An asynchronous one is dropped; a blocking one cannot be
//! ended: it goes on, keeps its place in flight, and its thread is replaced, up to 16 times.
//!
//! What waits takes memory: up to `queue` times an input and an answer. Say how big answers are by `size`, and capture what is
//! cheap to keep, such as an `Arc`.
//!
//! Two breakers stop the candidate for `half_open` at a time, the second for twice as long each time in a row, up to 64 times
//! that. One opens when the share `failures` of at least `min` copies
//! within `over` fails, panics or times out: the report's state is `failing`. The other opens when the control's 99th
//! percentile beside the candidate is more than `primary_p99` times what it is alone: the state is `slowing`. To know that,
//! samples rest for up to a tenth of the time; those are counted as `baseline`. Then five probes decide whether to go on.
//!
//! # What a process cannot contain
//!
//! A candidate runs in your process. It can `abort` or overflow its stack, and then the process ends. It can leak memory, or
//! take it all. It can change what the control reads: globals, caches, files, databases. It competes with the control for
//! cores and connections; the second breaker sees that, and only after it happened. Its values are dropped on the engine's
//! thread where it never ran: a drop that blocks holds up all launches, though no caller. With `panic = "abort"` a panic ends the
//! process too, and under `panic = "unwind"` each one still runs the panic hook, which prints: set a quieter one if need be,
//! the threads are called `flag-shadow`. Where any of this is likely, the candidate belongs in a process of its own: a
//! [`Ticket`](crate::shadow::Ticket) decides, limits and counts for those who run candidates by themselves. The C library has
//! the same, for every language that can call C.
//!
//! # 7. Switch
//!
//! When the report stays quiet under more load than there is, nothing is unknown any more but people. The same flag turns the
//! new code on for a growing share of them:
//!
//! ```
//! # let file = r#"{"flags": {"search": {"variants": {"old": "old", "new": "new"}, "defaultVariant": "old",
//! #     "targeting": {"fractional": [["new", 100], ["old", 0]]}}}}"#;
//! # let client = flagcore::Client::from_json(file)?;
//! # fn new_search() -> u32 { 2 }
//! # fn old_search() -> u32 { 1 }
//! let found = match &*client.string("search", "user-1", "old") {
//!     "new" => new_search(),
//!     _ => client.shadow("search", "user-1").capture(|| ()).run(old_search, |()| new_search()),
//! };
//! # assert_eq!(found, 2);
//! # Ok::<(), flagcore::Error>(())
//! ```
//!
//! At 100 % the old code, the block and the flag can go. `examples/dark_launch.rs` is all of this on a page.
