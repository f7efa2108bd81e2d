//! Fuzz target: a submission's `takehome.toml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::fuzzing::takehome_toml(data));
