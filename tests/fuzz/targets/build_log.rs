//! Fuzz target: what a build prints.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::fuzzing::build_log(data));
