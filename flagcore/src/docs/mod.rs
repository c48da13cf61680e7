//! Guides.
//!
//! 1. [`flag_files`]: what may stand in a flag file, and what happens when it is wrong.
//! 2. [`embedding`]: a client in a service: threads, handles, contexts, updates.
//! 3. [`performance`]: what an evaluation costs, and how to pay least.
//! 4. [`differences`]: where the answers differ from the reference's, and why.

pub mod differences;
pub mod embedding;
pub mod flag_files;
pub mod performance;
