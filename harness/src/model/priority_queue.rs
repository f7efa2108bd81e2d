//! The priority queue: insert, poll the greatest, peek at the greatest; empty at first. Values are integers.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome};

/// A priority queue of integers, which may repeat; the greatest comes first.
#[derive(Debug, Clone, Copy, Default)]
pub struct PriorityQueue;

/// An operation on a priority queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Puts a value in.
    Insert(i64),
    /// Takes the greatest out; none when it was empty.
    Poll(Option<i64>),
    /// Takes out the greatest, whatever it is: nobody was told.
    PollUnknown,
    /// Sees the greatest; none when it was empty.
    Peek(Option<i64>),
}

impl Model for PriorityQueue {
    type Op = Op;
    /// Ascending.
    type State = Vec<i64>;

    fn initial(&self) -> Vec<i64> {
        Vec::new()
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Op>, String> {
        let op = history.get(operation);
        let number = |id| {
            let no_number = || format!("{}: a priority queue orders integers", history.show(operation));
            history.values.as_int(id).ok_or_else(no_number)
        };
        let told = op.outcome == Outcome::Ok && op.result.is_some();
        let result = || if op.result == Id::NIL { Ok(None) } else { number(op.result).map(Some) };
        Ok(match op.function {
            Function::Insert => Decoded::Effect(Op::Insert(number(op.argument)?)),
            Function::Poll if !told => Decoded::Effect(Op::PollUnknown),
            Function::Poll => match result()? {
                None => Decoded::Pure(Op::Poll(None)),
                some => Decoded::Effect(Op::Poll(some)),
            },
            Function::Peek if !told => Decoded::Nothing,
            Function::Peek => Decoded::Pure(Op::Peek(result()?)),
            _ => return Err(super::unknown("priority queue", history, operation)),
        })
    }

    fn step(&self, state: &Vec<i64>, op: Op) -> Option<Vec<i64>> {
        let shorter = || state[..state.len().saturating_sub(1)].to_vec();
        match op {
            Op::Insert(value) => {
                let mut next = state.clone();
                next.insert(state.partition_point(|there| *there <= value), value);
                Some(next)
            }
            Op::Poll(value) => (state.last().copied() == value).then(shorter),
            Op::PollUnknown => Some(shorter()),
            Op::Peek(value) => (state.last().copied() == value).then(|| state.clone()),
        }
    }
}

impl Refusal for PriorityQueue {
    fn refusal(&self, _: &History, state: &Vec<i64>, op: Op) -> String {
        let (Op::Poll(value) | Op::Peek(value)) = op else {
            return "the priority queue takes every value".into();
        };
        match (value, state.last()) {
            (Some(value), Some(greatest)) => format!("cannot get {value}, the greatest is {greatest}"),
            (Some(value), None) => format!("cannot get {value}, the priority queue is empty"),
            (None, greatest) => {
                let greatest = greatest.map(|value| format!(", it holds {value}")).unwrap_or_default();
                format!("the priority queue is not empty{greatest}")
            }
        }
    }
}
