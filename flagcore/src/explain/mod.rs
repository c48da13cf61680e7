//! The trace of one evaluation: each condition, the value it saw, pass or fail, and how the subject was bucketed.
//!
//! The trace is written by the machine that answers rules, while it runs one, so it cannot tell another story; what is
//! answered without the machine agrees with it by test. It holds enough to be checked: [`Explanation::replay`] finds the answer again from the trace alone.
//!
//! 1. `explanation` is the trace as data.
//! 2. `replay` finds the answer again.
//! 3. `notes` tells what is easily overlooked about a step.
//! 4. `trace` writes a trace down while an evaluation runs.
//! 5. `ask` are the questions that a snapshot and a view take.
//! 6. `text` and `json` show a trace to people and to programs.

mod explanation;
mod replay;
mod notes;
mod trace;
mod ask;
mod text;
mod json;

pub use explanation::{Answer, Explanation, Operation, Rule, SplitKey, SplitStep, Step};
