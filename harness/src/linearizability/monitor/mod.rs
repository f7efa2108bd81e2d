//! Polynomial monitors, one file each: the objects for which theory decides linearizability without a search.
//!
//! Each file names the paper that its method comes from, its complexity, and what it does not cover; for that it
//! answers [`Judged::NotCovered`](crate::verify::Judged::NotCovered), and the search decides.

mod chain;
mod table;
#[cfg(test)]
mod testing;
mod witness;
mod words;
mod zones;

pub mod read_modify_write;
pub mod register;

pub use read_modify_write::ReadModifyWrite;
pub use register::Register;
