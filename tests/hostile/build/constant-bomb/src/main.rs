//! Counts while it is compiled.
#![allow(long_running_const_eval)]
const fn count() -> u64 {
    let mut n = 0u64;
    while n < u64::MAX {
        n += 1;
    }
    n
}
const N: u64 = count();
fn main() {
    println!("{}", N);
}
