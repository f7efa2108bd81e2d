//! The way in for the fuzz target.

use super::{
    calls,
    image::{Files, Image},
    threads::Thread,
};
use framehop::UnwindRegsNative;

/// Where the executable lies in memory.
const BASE: u64 = 0x1000_0000;

/// An executable, and a stack that is all of addresses in it, walked from its beginning on.
pub fn executable(bytes: &[u8]) {
    let files = Files::only(bytes.to_vec(), BASE);
    let image = Image::new(&files);
    let length = bytes.len().max(1) as u64;
    for start in (0..length).step_by(64).take(32) {
        let registers = UnwindRegsNative::new(BASE + start, 0x7000, 0x7010);
        let thread = Thread { waits_in: None, program_counter: BASE + start, registers };
        let calls = image.calls(&thread, |address| Some(BASE + address.wrapping_mul(31) % length));
        if let Some(line) = calls::told(thread.waits_in, &calls) {
            assert!(line.len() < 1 << 20, "{} bytes", line.len());
        }
    }
}
