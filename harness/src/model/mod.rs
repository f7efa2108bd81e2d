//! Sequential models: what an object does when one operation follows another. One small file each.

pub mod counter;
pub mod deque;
mod id_generator;
pub mod job_queue;
mod kv;
#[cfg(test)]
mod kv_tests;
pub mod multiset;
pub mod mutex;
mod prefixes;
pub mod priority_queue;
pub mod queue;
mod register;
pub mod semaphore;
pub mod sequence;
pub mod set;
pub mod stack;

pub use counter::Counter;
pub use id_generator::IdGenerator;
pub use kv::{Content, Kv, KvOp};
pub use mutex::Mutex;
pub use register::{Register, RegisterOp};
pub use semaphore::Semaphore;

use crate::history::{History, Id};
use std::{fmt::Debug, hash::Hash};

/// What an object does, one operation after the other.
pub trait Model: Sync {
    /// An operation with its result, decoded once: small and quickly compared. Equal ones are interchangeable.
    type Op: Copy + Eq + Hash + Debug + Send + Sync;
    /// The object's state; interned by the search.
    type State: Clone + Eq + Hash + Debug + Send;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;
    /// What an operation of the history is to this object; an error names what it does not know.
    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Self::Op>, String>;
    /// The state behind an operation; none where the operation cannot have had this result in this state.
    fn step(&self, state: &Self::State, op: Self::Op) -> Option<Self::State>;

    /// Makes those of `ops` equal that differ in nothing that any of them can see, such as writes of values that nobody
    /// reads: of equal ones fewer orders have to be searched. With the operations made so, a history has to be legal exactly
    /// when it is legal as it was. The default does nothing, which is always right.
    fn simplify(&self, ops: &mut [Self::Op]) {
        let _ = ops;
    }

    /// Which operations can be left out together: for each of `ops` the number of its group, or none.
    ///
    /// A legal history without all operations of a group has to be legal too, and so without several groups: such as
    /// without all that was done with one value. What is of unknown outcome and in a group of such operations only is
    /// then not searched at all, and witnesses get smaller. The default finds none, which is always right.
    fn groups(&self, ops: &[Self::Op]) -> Vec<Option<u32>> {
        vec![None; ops.len()]
    }
}

/// An operation as its model sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<Op> {
    /// It says nothing, wherever it is put: a read of unknown result.
    Nothing,
    /// It never changes a state in which it is legal: a read, a compare-and-set that was refused.
    ///
    /// A write is never pure, not even one of the value that is there: which write a later read saw may depend on it.
    Pure(Op),
    /// It may change the state.
    Effect(Op),
}

/// A model's own words for why an operation is not legal in a state.
pub trait Refusal: Model {
    /// Such as `cannot read 3, the register holds 2`.
    fn refusal(&self, history: &History, state: &Self::State, op: Self::Op) -> String;

    /// Why no order explains one operation of a witness, in a sentence, where the model knows a better one than that
    /// each order is refused. The witness is all of `history`.
    fn sentence(&self, history: &History, unexplained: u32) -> Option<String> {
        let _ = (history, unexplained);
        None
    }
}

/// The error for an operation that an object does not know.
fn unknown(noun: &str, history: &History, operation: u32) -> String {
    format!("a {noun} knows no such operation: {}", history.show(operation))
}

/// A value in a refusal, bounded.
fn shown(history: &History, id: Id) -> String {
    crate::text::excerpt(&history.values.show(id).to_string(), 48)
}
