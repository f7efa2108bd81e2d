//! A counter: increments by an amount, which may tell the value before, and reads.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome};

/// A counter that begins at a number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counter {
    /// Its value before the first increment.
    pub initial: i64,
}

/// What is done to a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// The value is this.
    Read(i64),
    /// An amount is added, and the value before is told, or not.
    Increment(i64, Option<i64>),
}

impl Model for Counter {
    type Op = Op;
    /// Sums of a history's amounts fit, however large each is.
    type State = i128;

    fn initial(&self) -> i128 {
        i128::from(self.initial)
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Op>, String> {
        let op = history.get(operation);
        match op.function {
            Function::Read if op.outcome != Outcome::Ok => Ok(Decoded::Nothing),
            Function::Read => Ok(Decoded::Pure(Op::Read(integer(history, operation, op.result)?))),
            Function::Increment => {
                let amount = if op.argument.is_some() { integer(history, operation, op.argument)? } else { 1 };
                let told = op.result.is_some() && op.result != Id::NIL;
                let before = if told { Some(integer(history, operation, op.result)?) } else { None };
                Ok(Decoded::Effect(Op::Increment(amount, before)))
            }
            _ => Err(unknown(history, operation)),
        }
    }

    fn step(&self, state: &i128, op: Op) -> Option<i128> {
        match op {
            Op::Read(value) => (*state == i128::from(value)).then_some(*state),
            Op::Increment(_, Some(before)) if *state != i128::from(before) => None,
            Op::Increment(amount, _) => Some(*state + i128::from(amount)),
        }
    }
}

impl Refusal for Counter {
    fn refusal(&self, _: &History, state: &i128, op: Op) -> String {
        match op {
            Op::Read(value) => format!("cannot read {value}, the counter is at {state}"),
            Op::Increment(_, before) => {
                let before = before.map(|value| value.to_string()).unwrap_or_default();
                format!("cannot have found {before}, the counter is at {state}")
            }
        }
    }
}

fn integer(history: &History, operation: u32, id: Id) -> Result<i64, String> {
    history.values.as_int(id).ok_or_else(|| {
        format!("operation {operation} ({}): a counter counts in integers of 64 bits", history.show(operation))
    })
}

fn unknown(history: &History, operation: u32) -> String {
    format!("operation {operation} ({}): a counter knows `read` and `increment`", history.show(operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_the_sum() {
        let counter = Counter { initial: 2 };
        let state = counter.step(&counter.initial(), Op::Increment(3, Some(2))).unwrap();
        assert_eq!(state, 5);
        assert_eq!(counter.step(&state, Op::Read(5)), Some(5));
        assert_eq!(counter.step(&state, Op::Read(4)), None);
        assert_eq!(counter.step(&state, Op::Increment(1, Some(4))), None);
        assert_eq!(counter.step(&i128::from(i64::MAX), Op::Increment(i64::MAX, None)), Some(2 * i128::from(i64::MAX)));
    }
}
