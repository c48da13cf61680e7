//! What is wrong with a flag file: where, why, and how to mend it.
//!
//! Every stage reports into one [`Report`], with one rule for how bad a finding is: a finding is either fatal,
//! or tolerated because the reference tolerates it, or a remark. A tolerated finding is a warning to a daemon
//! ([`Mode::Lenient`]) and an error to a check ([`Mode::Strict`]); nothing else differs between the modes.
//!
//! 1. `problem` is what can be wrong, each with its facts as fields.
//! 2. `code` is the word that stands for each kind of problem.
//! 3. `message` is the text of each: what was found and why it is a problem.
//! 4. `help` is how to mend each.
//! 5. `place` is where in a document something stands.
//! 6. `findings` are problems with their places, as they are shown.
//! 7. `report` gathers them while a document is looked at.

mod problem;
mod code;
mod message;
mod help;
mod place;
mod findings;
mod report;

pub use findings::{Diagnostic, Findings, Severity};
pub use place::{Place, Pointer, write_member};
pub use problem::{Earlier, Problem};
pub use report::{Mode, Report};

pub(crate) use place::write_member_shown;
