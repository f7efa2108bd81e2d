//! Fuzz target: what a server says, in each protocol, and what the sanitizers in it write.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::fuzzing::server_answers(data));
