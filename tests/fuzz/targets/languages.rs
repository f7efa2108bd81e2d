//! Fuzz target: trees of build files and sources.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::fuzzing::languages(data));
