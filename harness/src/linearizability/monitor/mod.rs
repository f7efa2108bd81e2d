//! Monitors: polynomial decision procedures, one file for each kind of object, and what they share.

mod absorb;
mod container;
mod contents;
mod cover;
mod element;
mod empty;
mod job_queue;
mod lease;
mod minimal;
mod priority_queue;
mod queue;
mod set;
mod stack;
mod table;
#[cfg(test)]
mod testing;
mod tree;
mod words;

pub use priority_queue::PriorityQueue;
pub use queue::Queue;
pub use set::{Multiset, Set};
pub use stack::Stack;
