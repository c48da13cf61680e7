//! See `evaluate` in `tests/common/hostile.rs`; run by `cargo +nightly fuzz run evaluate seeds/evaluate`.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/common/hostile.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::evaluate(bytes));
