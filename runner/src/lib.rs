//! Everything of takehome that touches the world: git, sandbox, processes, clock, disk and terminal.

mod apart;
pub mod backend;
pub mod build;
pub mod catalogue;
pub mod cli;
pub mod commands;
pub mod error;
pub mod execute;
pub mod fuzzing;
pub mod grading;
pub mod language;
pub mod leftovers;
pub mod load;
pub mod node;
pub mod protocol;
pub mod record;
pub mod server;
pub mod source;
pub mod stacks;
pub mod submission;
pub mod ui;

#[cfg(test)]
#[path = "../tests/support/skip.rs"]
mod skip;
