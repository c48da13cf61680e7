//! What the daemon costs, asked from outside: any daemon that a command starts, beside others in the same run.
//!
//! 1. `options` is the command line of the binaries.
//! 2. `process` starts a daemon from its command template, and reads what it uses.
//! 3. `http` and `grpc` are lean clients: bytes made once, answers read for their end.
//! 4. `questions` is what is asked, and what a right answer is.
//! 5. `load` asks many times: in a closed loop, and at a fixed rate.
//! 6. `probe` waits for an answer.
//! 7. `table` prints.

mod options;
mod process;
mod http;
mod grpc;
mod questions;
mod load;
mod probe;
mod table;

pub use grpc::Grpc;
pub use http::{Answer, Http};
pub use load::{Load, Outcome, Shape};
pub use options::Options;
pub use probe::Probe;
pub use process::{LOAD_CORE, Memory, Port, Process, SERVER_CORE, Template, pin};
pub use questions::{Protocol, QUESTIONS, Question, Request, context};
pub use table::{Table, grouped, median, microseconds, ratio};

/// Why a benchmark ends without figures.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;
