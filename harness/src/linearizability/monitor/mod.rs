//! Polynomial monitors, one file each: the objects for which theory decides linearizability without a search.
//!
//! Each file names the paper that its method comes from, its complexity, and what it does not cover; for that it
//! answers [`Judged::NotCovered`](crate::verify::Judged::NotCovered), and the search decides.

mod absorb;
#[cfg(test)]
mod agreement;
mod chain;
mod container;
mod contents;
mod cover;
mod element;
mod empty;
#[cfg(test)]
mod examples;
mod holds;
mod lease;
mod minimal;
mod sentence;
mod slots;
mod table;
#[cfg(test)]
mod testing;
mod tree;
mod witness;
mod words;
mod zones;

mod counter;
mod fenced_mutex;
mod id_generator;
mod job_queue;
mod kv_append;
mod mutex;
mod priority_queue;
mod queue;
mod read_modify_write;
mod register;
mod semaphore;
mod set;
mod stack;

pub use counter::Counter;
pub use fenced_mutex::FencedMutex;
pub use id_generator::IdGenerator;
pub use kv_append::KvAppend;
pub use mutex::Mutex;
pub use priority_queue::PriorityQueue;
pub use queue::Queue;
pub use read_modify_write::ReadModifyWrite;
pub use register::Register;
pub use semaphore::Semaphore;
pub use set::{Multiset, Set};
pub use stack::Stack;
