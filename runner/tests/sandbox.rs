//! Attacks on the native back end: real cells, real programs, each test red when the protection it is about is off.
//!
//! As root, one test runs all others once more as an ordinary user.

#[path = "sandbox/calls.rs"]
mod calls;
#[path = "sandbox/cell.rs"]
mod cell;
#[path = "sandbox/ends.rs"]
mod ends;
#[path = "sandbox/leftovers.rs"]
mod leftovers;
#[path = "sandbox/limits.rs"]
mod limits;
#[path = "sandbox/machine.rs"]
mod machine;
#[path = "../../tests/src/processes.rs"]
mod processes;
#[path = "support/skip.rs"]
mod skip;
#[path = "sandbox/toolchains.rs"]
mod toolchains;
#[path = "sandbox/walls.rs"]
mod walls;
