//! Polynomial monitors, one file each: the objects for which theory decides linearizability without a search.
//!
//! Each file names the paper that its method comes from, its complexity, and what it does not cover; for that it
//! answers [`Judged::NotCovered`](crate::verify::Judged::NotCovered), and the search decides.

mod chain;
mod holds;
mod slots;
mod table;
#[cfg(test)]
mod testing;
mod witness;
mod words;
mod zones;

mod counter;
mod fenced_mutex;
mod id_generator;
mod kv_append;
mod mutex;
mod read_modify_write;
mod register;
mod semaphore;

pub use counter::Counter;
pub use fenced_mutex::FencedMutex;
pub use id_generator::IdGenerator;
pub use kv_append::KvAppend;
pub use mutex::Mutex;
pub use read_modify_write::ReadModifyWrite;
pub use register::Register;
pub use semaphore::Semaphore;

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
