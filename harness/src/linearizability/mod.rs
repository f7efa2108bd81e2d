//! Linearizability: whether the operations of each object can be put in one order that its model allows and real time
//! permits. Herlihy & Wing, TOPLAS 12(3), 1990.
//!
//! Objects are independent of each other, so each key is judged alone. A monitor decides in polynomial time where theory
//! has one for the object and the history is within its terms; the search decides the rest.

mod judge;
#[cfg(test)]
mod judge_tests;
pub mod monitor;
pub mod object;
mod orders;
pub(crate) mod parts;
pub mod search;
#[cfg(test)]
pub mod testing;
pub mod words;

pub(crate) use judge::initial;
pub use judge::judge;

use crate::{history::History, verify::Judged};

/// A polynomial decision procedure for one kind of object.
pub trait Monitor: Sync {
    /// The name of its method, as answers show it: `zones`.
    fn method(&self) -> &'static str;
    /// Judges the operations of one object: indices of its effective operations in order of calls.
    fn check(&self, history: &History, operations: &[u32]) -> Judged;
}
