//! Fuzz target: what a cell says to the egress proxy.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runner::fuzzing::proxy_request(data));
