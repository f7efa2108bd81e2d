//! Everything of takehome that touches the world: git, sandbox, processes, clock, disk and terminal.

pub mod backend;
pub mod build;
pub mod execute;
pub mod language;
pub mod node;
pub mod record;
