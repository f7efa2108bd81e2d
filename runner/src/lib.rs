//! Everything of takehome that touches the world: git, sandbox, processes, clock, disk and terminal.

pub mod backend;
pub mod source;
