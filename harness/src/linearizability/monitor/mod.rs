//! Polynomial monitors, one file each: the objects for which theory decides linearizability without a search.
//!
//! Each file names the paper that its method comes from, its complexity, and what it does not cover; for that it
//! answers [`Judged::NotCovered`](crate::verify::Judged::NotCovered), and the search decides.

mod absorb;
#[cfg(test)]
mod agreement;
mod container;
mod contents;
mod cover;
mod element;
mod empty;
#[cfg(test)]
mod examples;
mod lease;
mod minimal;
mod sentence;
mod table;
mod tree;

pub mod job_queue;
pub mod priority_queue;
pub mod queue;
pub mod set;
pub mod stack;

pub use priority_queue::PriorityQueue;
pub use queue::Queue;
pub use set::{Multiset, Set};
pub use stack::Stack;
