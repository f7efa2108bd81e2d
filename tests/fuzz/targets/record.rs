//! Fuzz target: run records, judged and rendered in every format.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::fuzzing::record(data));
