//! Fuzz target: what a repository and its server say; the first byte chooses what.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::fuzzing::source(data));
