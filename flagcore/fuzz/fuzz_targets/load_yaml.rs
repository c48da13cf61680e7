//! See `load_yaml` in `tests/common/hostile.rs`; run by `cargo +nightly fuzz run load_yaml seeds/load_yaml`.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/common/hostile.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::load_yaml(bytes));
