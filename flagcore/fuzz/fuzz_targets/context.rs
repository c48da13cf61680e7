//! See `context` in `tests/common/hostile.rs`; run by `cargo +nightly fuzz run context seeds/context`.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/common/hostile.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::context(bytes));
