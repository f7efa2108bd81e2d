//! Fuzz target: what nodes write, line by line.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::fuzzing::node_lines(data));
