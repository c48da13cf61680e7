//! Flag files in, answers in nanoseconds: the embeddable core of a feature-flag and release-control system.
//!
//! ```
//! use flagcore::{Client, EvaluationContext};
//!
//! # let folder = tempfile::tempdir()?;
//! # let flags = folder.path().join("flags.yaml");
//! # std::fs::write(&flags, "flags: {checkout: {state: ENABLED, variants: {'on': true, 'off': false}, defaultVariant: 'on'}}")?;
//! let client = Client::open(flags)?; // a file or a folder, JSON or YAML; watched from now on
//! let user = EvaluationContext::new("user-1").with("plan", "pro");
//!
//! if client.is_enabled("checkout", &user) {
//!     // the new checkout
//! }
//! # assert!(client.is_enabled("checkout", &user));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Flag files are flagd's, and evaluate as flagd evaluates them: every recorded evaluation of the reference
//! agrees, odd corners included, but for [what differs on purpose](docs::differences). A file that is edited while the program runs takes effect in
//! milliseconds; one that is broken is refused with its place, its cause and its mending, and changes nothing.
//!
//! # What to use for what
//!
//! | | |
//! | --- | --- |
//! | [`Client`] | flags, kept up to their files; `is_enabled`, typed getters, details |
//! | [`Flag`] | a handle in place of a key: no look-up |
//! | [`Reader`] | a thread's own view: no shared memory is touched but one pointer |
//! | [`Snapshot`] | one state for many evaluations; [`evaluate_all`](Snapshot::evaluate_all), views of a flag set or a source |
//! | [`EvaluationContext`] | targeting key and attributes; a `&str` alone is one with just a targeting key |
//! | [`explain`](Snapshot::explain) | why a flag gives what it gives |
//! | [`shadow`](Client::shadow) | today's code answers, and the new code gets the same input, unseen |
//! | [`Source`](source::Source) | flags from anywhere else |
//!
//! Evaluating never waits for a writer and never fails loudly: a wrong flag, type or context gives the caller's
//! default, the reason `ERROR` and an error code. Rules that people write every day allocate nothing; the few that
//! do are [listed](docs::performance).
//!
//! # The modules, from the ground up
//!
//! A module uses those before it in this list, never those after it; `tests/layering.rs` keeps it so.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`span`] | where in a flag file something stands |
//! | [`number`] | numbers as the reference reads and writes them |
//! | [`text`] | JSON text as the reference writes it; texts that are safe to print |
//! | [`limits`] | bounds on what is read, kept and computed |
//! | [`diagnostic`] | what is wrong with a flag file: where, why, and how to mend it |
//! | [`value`] | what a variant holds and an attribute carries |
//! | [`path`] | where in a context a rule looks |
//! | [`context`] | targeting key and attributes |
//! | [`version`] | semantic versions as `sem_ver` compares them |
//! | [`bucketing`] | targeting key and salt to a number, and a number to a share |
//! | [`model`] | flag files as written: a tree with places, and the flags in it |
//! | [`parse`] | bytes to a flag set, with all that is wrong reported at once |
//! | [`eval`] | a program and a context to an answer |
//! | [`compile`] | a flag set to programs: everything decided early |
//! | [`selector`] | which flags a view shows |
//! | [`detail`] | value, variant, reason, error code, metadata of one answer |
//! | `resolution` | a compiled flag and a context to a resolution, with everything contained that could go wrong |
//! | [`snapshot`] | one immutable set of compiled flags |
//! | `store` | the current snapshot, and the slots that handles stand for |
//! | [`source`] | where flag files come from |
//! | [`change`] | which flags changed, or why nothing did |
//! | [`sync`] | keeps a store up to its sources |
//! | [`mod@explain`] | the trace of one evaluation |
//! | [`shadow`] | dark launches: the candidate beside the control |
//! | [`client`] | the face of the crate |
//! | [`docs`] | guides |
//!
//! Between [`parse`] and [`compile`] is room for what lowers other forms of flags to plain targeting.
//!
//! # Features
//!
//! `watch` (default): keeps a client up to its files, by one thread. `yaml` (default): reads YAML. `shadow` (default):
//! runs dark launches, by threads that the first of them starts. Without any the crate evaluates JSON, has no thread, and
//! [`Client::refresh`] reads again. `tokio`: runs asynchronous candidates of dark launches on a runtime of tokio's.

#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod span;
pub mod number;
pub mod text;
pub mod limits;
pub mod diagnostic;
pub mod value;
pub mod path;
pub mod context;
pub mod version;
pub mod bucketing;
pub mod model;
pub mod parse;
pub mod eval;
pub mod compile;
pub mod selector;
pub mod detail;
mod resolution;
pub mod snapshot;
mod store;
pub mod source;
pub mod change;
pub mod sync;
pub mod explain;
pub mod shadow;
pub mod client;
pub mod docs;

pub use client::{Client, Error, Reader};
pub use context::EvaluationContext;
pub use detail::{Detail, ErrorCode, Reason};
pub use explain::Explanation;
pub use selector::Selector;
pub use snapshot::{Flag, FlagKey, Snapshot};
pub use value::Value;

/// The examples of the project's front page, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
