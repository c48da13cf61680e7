//! Guides.
//!
//! 1. [`flag_files`]: what may stand in a flag file, and what happens when it is wrong.
//! 2. [`embedding`]: a client in a service: threads, handles, contexts, updates.
//! 3. [`dark_launches`]: new code on real traffic, unseen: from a rewrite to the switch.
//! 4. [`performance`]: what an evaluation costs, and how to pay least.
//! 5. [`differences`]: where the answers differ from the reference's, and why.

#[cfg(feature = "shadow")]
pub mod dark_launches;
pub mod differences;
pub mod embedding;
pub mod flag_files;
pub mod performance;
