//! A counting semaphore: permits are acquired and released, and an acquire may be refused where there are too few.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id};

/// A semaphore.
#[derive(Debug, Clone, Copy, Default)]
pub struct Semaphore {
    /// The permits that there are in the beginning.
    pub permits: u32,
}

/// What is done to a semaphore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// So many permits are taken.
    Acquire(u32),
    /// There were fewer permits than these.
    Refused(u32),
    /// So many permits are given back.
    Release(u32),
}

impl Model for Semaphore {
    type Op = Op;
    /// The permits that are there.
    type State = u64;

    fn initial(&self) -> u64 {
        u64::from(self.permits)
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Op>, String> {
        let op = history.get(operation);
        let permits = permits(history, op.argument);
        match (op.function, permits) {
            (Function::Acquire, Some(permits)) if history.values.is_false(op.result) => {
                Ok(Decoded::Pure(Op::Refused(permits)))
            }
            (Function::Acquire, Some(permits)) => Ok(Decoded::Effect(Op::Acquire(permits))),
            (Function::Release, Some(permits)) if !history.values.is_false(op.result) => {
                Ok(Decoded::Effect(Op::Release(permits)))
            }
            _ => Err(format!(
                "operation {operation} ({}): a semaphore knows `acquire` and `release` of a number of permits",
                history.show(operation)
            )),
        }
    }

    fn step(&self, state: &u64, op: Op) -> Option<u64> {
        match op {
            Op::Acquire(permits) => state.checked_sub(u64::from(permits)),
            Op::Refused(permits) => (*state < u64::from(permits)).then_some(*state),
            Op::Release(permits) => Some(state + u64::from(permits)),
        }
    }
}

impl Refusal for Semaphore {
    fn refusal(&self, _: &History, state: &u64, op: Op) -> String {
        match op {
            Op::Acquire(permits) => format!("cannot acquire {permits}, {state} are there"),
            Op::Refused(permits) => format!("cannot refuse {permits}, {state} are there"),
            Op::Release(permits) => format!("cannot release {permits}"),
        }
    }
}

/// How many permits an argument means: one when there is none.
pub(crate) fn permits(history: &History, argument: Id) -> Option<u32> {
    if !argument.is_some() || argument == Id::NIL {
        return Some(1);
    }
    history.values.as_int(argument).and_then(|permits| u32::try_from(permits).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_never_below_none() {
        let semaphore = Semaphore { permits: 2 };
        assert_eq!(semaphore.step(&2, Op::Acquire(2)), Some(0));
        assert_eq!(semaphore.step(&0, Op::Acquire(1)), None);
        assert_eq!(semaphore.step(&0, Op::Refused(1)), Some(0));
        assert_eq!(semaphore.step(&1, Op::Refused(1)), None);
        assert_eq!(semaphore.step(&0, Op::Release(1)), Some(1));
    }
}
