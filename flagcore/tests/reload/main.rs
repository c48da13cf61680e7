//! Keeping up with flag files, on the real file system: what happens to a file, and what is served.

#![cfg(all(unix, feature = "watch", feature = "yaml"))]

#[path = "../common/mod.rs"]
mod common;

mod absence;
mod edits;
mod folders;
mod lifetime;
mod links;
mod listeners;
mod noticing;
mod reuse;
mod sources;
mod torn;
