//! Embedding: from opening flags to asking them in a request.
//!
//! # Open once, share
//!
//! A [`Client`](crate::Client) is opened once and cloned wherever it is needed. Opening reads every source; if one holds nothing valid, it
//! fails and says why. From then on a thread keeps it up to date, and ends with the last clone.
//!
//! ```
//! use flagcore::{Client, EvaluationContext, client::OnMissing, model::Format};
//!
//! # let flags = r#"{"flags": {"checkout": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}}}"#;
//! let client = Client::builder()
//!     .bytes("defaults", flags, Format::Json)                       // compiled into the program,
//!     .path("/etc/my-service/flags")                                // and what operators say; later ones win
//!     .on_missing(OnMissing::Wait)                                  // start even if there is no such folder yet
//!     .global(EvaluationContext::empty().with("region", "eu-1"))    // under every request's own attributes
//!     .build()?;
//! assert!(client.is_enabled("checkout", "user-1"));
//! assert!(!client.is_ready());
//! # Ok::<(), flagcore::Error>(())
//! ```
//!
//! # A context per request
//!
//! Build one [`EvaluationContext`](crate::EvaluationContext) when the request arrives and ask every flag with it. It borrows its texts,
//! and up to eight attributes need no allocation.
//!
//! ```
//! # use flagcore::{Client, EvaluationContext};
//! # let client = Client::from_json(r#"{"flags": {}}"#)?;
//! # let (user_id, plan) = ("user-1", "pro");
//! let mut user = EvaluationContext::new(user_id);
//! user.set("plan", plan).set("staff", false);
//!
//! let wide = client.is_enabled("wide-layout", &user);
//! let limit = client.integer("export-limit", &user, 100);
//! # assert_eq!((wide, limit), (false, 100));
//! # Ok::<(), flagcore::Error>(())
//! ```
//!
//! # Four ways in
//!
//! | | costs beside the rule itself | for |
//! | --- | --- | --- |
//! | [`Client`](crate::Client) by key | one atomic load, one look-up | almost everything |
//! | [`Client`](crate::Client) by [handle](crate::Client::flag) | one atomic load | keys known in advance |
//! | [`Reader`](crate::Reader) | one comparison (by handle), one look-up (by key) | hot loops; one per thread |
//! | [`Snapshot`](crate::Snapshot) | nothing (by handle), one look-up (by key) | many answers of one state; keeps memory alive |
//!
//! A handle outlives reloads, and may be made before its flag exists. The typed getters give the value or the caller's default; the
//! `_detail` twins also give variant, reason, error code and metadata.
//!
//! # Hearing of changes
//!
//! ```
//! # use flagcore::{Client, model::Format};
//! # use std::time::Duration;
//! use flagcore::change::{FlagChange, Update};
//!
//! # let flags = |on: &str| format!(r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"on": {on}}}, "defaultVariant": "on"}}}}}}"#);
//! # let client = Client::builder().bytes("flags", flags("true"), Format::Json).build()?;
//! let updates = client.updates();
//! # client.update("flags", flags("false"), Format::Json)?;
//! match updates.next_within(Duration::from_secs(1)) {
//!     Some(Update::Changed(change)) => assert_eq!(change.flags(), [("a", FlagChange::Updated)]),
//!     Some(Update::Refused { findings, serving, .. }) => eprintln!("{findings}\nstill serving revision {serving}"),
//!     _ => {}
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`on_update`](crate::Client::on_update) calls back on the thread that publishes; [`updates`](crate::Client::updates) is a queue that
//! never makes anybody wait. Evaluations notice neither.
//!
//! # When things go wrong
//!
//! | what | what happens |
//! | --- | --- |
//! | the flag is missing, of another type, disabled | the caller's default; the detail says why |
//! | a file is broken, deleted, half written | the last good flags keep serving; [`Update::Refused`](crate::change::Update::Refused) says what is wrong |
//! | the file is put back as it was | nothing changes; [`Update::Recovered`](crate::change::Update::Recovered) says that all is well again |
//! | a file suddenly has no flags | it is taken only when it is still so two seconds later |
//! | file events cannot be had (network file systems, exhausted watches) | polling notices changes within a second or so, and tries for events again; [`status`](crate::Client::status) tells |
//! | a rule that would run for ever | ends after a bounded number of steps: the caller's default, `GENERAL` |
//! | `fork` | a child evaluates what it inherited, but its watching thread is gone: open clients after forking |
//!
//! # Flags from elsewhere
//!
//! [`Source`](crate::source::Source) is three short functions: a name, what is there now, and whom to tell of news. The example
//! `custom_source` is one page.
