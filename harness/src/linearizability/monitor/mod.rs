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
