//! See `load_json` in `tests/common/hostile.rs`; run by `cargo +nightly fuzz run load_json seeds/load_json`.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/common/hostile.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::load_json(bytes));
