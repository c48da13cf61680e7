//! Dark launches from the client's side: flag files switch them, limit them and say how answers are compared, and every
//! copy is accounted for.
//!
//! Deadlines are generous: nothing here tells how fast anything is, but for what never happens at all.

#![cfg(all(unix, feature = "shadow", feature = "watch"))]

#[path = "../common/mod.rs"]
mod common;

mod comparing;
mod copies;
mod harm;
mod lab;
mod load;
mod properties;
mod reasons;
mod reports;
mod switch;
mod testing;
mod who;
