//! What an evaluation costs, and why.
//!
//! All figures are in `benches/README.md`, with the machine, the method and the bias; one command repeats them. This page says
//! where the time goes, in the order in which it is spent.
//!
//! 1. **The snapshot.** A [`Client`](crate::Client) loads it by `ArcSwap`: a few atomic operations on memory of the calling thread, no
//!    shared counter, no waiting. A [`Reader`](crate::Reader) compares one pointer. A [`Snapshot`](crate::Snapshot) in hand costs nothing.
//! 2. **The flag.** By key: one hash and one comparison. By [handle](crate::Client::flag): an index into an array, whose entry answers a static
//!    boolean by itself.
//! 3. **The rule.** Compiled when the file was read: attribute names are compared by their first eight bytes before anything else, constants are
//!    folded, `in` with a list of texts is a hashed set, the beginning of what is hashed for a share is hashed already, target versions are parsed.
//!    What people write every day (conditions of an attribute and a constant, joined; shares of the targeting key) runs without any
//!    scratch memory and cannot fail. The rest runs on a small machine with a budget.
//! 4. **The value.** Borrowed. Nothing is copied, nothing is allocated.
//!
//! # Allocation
//!
//! None, for everything that people write every day; `tests/allocations.rs` counts. What runs on the machine may need a scratch, for the operands of
//! `+` or `cat` and for the texts and lists that `map` and `merge` produce. Each thread keeps one (at most 256 KiB between evaluations): it allocates
//! the first time, and when a rule produces more than ever before. Six things still allocate at each evaluation: the whole context as a value
//! (`{"var": ""}`), `set`, weights of a `fractional` that are only known at the call, a structure as its key (v3), a text with underscores taken as a number,
//! and more than 32 levels of operations. The very first evaluation on a thread takes one block for `arc-swap`.
//!
//! # Bounds
//!
//! An evaluation ends after 100,000 steps or a mebibyte of produced text, with the error `GENERAL`. A rule with more than 32 levels of operations
//! inside of each other, which nobody writes by hand, is evaluated on a thread of its own, for want of a stack that is surely deep enough: that
//! costs tens of microseconds.
//!
//! # Threads
//!
//! Readers share nothing that is written while they read, so two threads do twice the work of one. The writer builds a new snapshot beside
//! the old one (flags that did not change are shared), swaps one pointer, and frees the old one itself once nobody holds it: no reader ever pays
//! for a reload. A [`Reader`](crate::Reader) or [`Snapshot`](crate::Snapshot) that rests keeps its old flags in memory.
//!
//! # Advice
//!
//! * One context per request; [`set`](crate::EvaluationContext::set) rather than chained [`with`](crate::EvaluationContext::with) in hot code.
//! * Handles and a reader per worker thread where a flag is asked in a loop.
//! * `&str` is a context too, where rules need only the targeting key.
//! * Lists of ten thousand users are fine: one look-up, whatever the length.
