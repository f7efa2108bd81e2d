//! Monitors: polynomial decision procedures, one file for each kind of object, and what they share.

mod absorb;
mod container;
mod contents;
mod cover;
mod minimal;
mod queue;
mod table;
#[cfg(test)]
mod testing;
mod tree;
mod words;

pub use queue::Queue;
