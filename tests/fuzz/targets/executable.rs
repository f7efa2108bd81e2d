//! Fuzz target: an executable, of which the stacks of a program that hangs are read.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::fuzzing::executable(data));
