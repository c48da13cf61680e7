//! Comparing the control's answer with the candidate's: by equality, by a closure, or member by member.
//!
//! ```
//! use flagcore::shadow::compare::{DifferenceKind, Rules};
//! use serde_json::json;
//!
//! let rules = Rules::default().with_ignored("/took_ms")?.with_unordered("/facets")?.with_tolerance(1e-6);
//! let control = json!({ "took_ms": 12, "facets": ["a", "b"], "hits": [{ "price": 10.0 }, { "price": 12.5 }] });
//! let candidate = json!({ "took_ms": 9, "facets": ["b", "a"], "hits": [{ "price": 10.0 }, { "price": 13.5 }] });
//!
//! let differences = rules.compare_values(&control, &candidate)?;
//! let [difference] = differences.list() else { panic!("{differences:?}") };
//! assert_eq!((&*difference.pointer, difference.kind), ("/hits/*/price", DifferenceKind::Value));
//! assert_eq!((&*difference.control, &*difference.candidate), ("12.5", "13.5"));
//! assert_eq!(differences.ignored(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! 1. `pattern` knows which places are ignored, unordered or redacted.
//! 2. `tree` is an answer as it is compared; `serialize` and `json` make one.
//! 3. `excerpt` shows a part of a tree without what is redacted.
//! 4. `difference` is what is found; `members` writes such structures.
//! 5. `failure` is an error as it is compared, `verdict` what comes out.
//! 6. `rules` say what counts as a difference.
//! 7. `walk` finds differences, `lists` those of lists; `hash` recognises items again.
//! 8. `comparator` is what a dark launch is given: equality, a closure, fields, results.

mod pattern;
mod tree;
mod serialize;
mod json;
mod excerpt;
mod members;
mod difference;
mod failure;
mod verdict;
mod rules;
mod walk;
mod lists;
mod hash;
mod comparator;
#[cfg(test)]
mod edits;

pub use comparator::{Compare, Equality, Fields, Ignoring, Results};
pub use difference::{Difference, DifferenceKind, Differences};
pub use failure::Failure;
pub use pattern::PointerError;
pub use rules::Rules;
pub use tree::{DEEPEST, Tree, TreeError, TreeLimits};
pub use verdict::Verdict;

pub(super) use members::serialize_members;
