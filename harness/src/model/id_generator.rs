//! A generator of ids: no id is given twice.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome};

/// A generator of unique ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct IdGenerator;

impl Model for IdGenerator {
    /// The id that was given.
    type Op = Id;
    /// The ids that were given, ascending.
    type State = Box<[Id]>;

    fn initial(&self) -> Self::State {
        Box::default()
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Id>, String> {
        let op = history.get(operation);
        match (op.function, op.outcome) {
            (Function::Generate, Outcome::Ok) if op.result.is_some() => Ok(Decoded::Effect(op.result)),
            (Function::Generate, Outcome::Unknown | Outcome::Failed) => Ok(Decoded::Nothing),
            _ => Err(format!(
                "operation {operation} ({}): an id generator knows `generate` with the id that it gave",
                history.show(operation)
            )),
        }
    }

    fn step(&self, state: &Self::State, op: Id) -> Option<Self::State> {
        let place = state.binary_search(&op).err()?;
        let mut given = state.to_vec();
        given.insert(place, op);
        Some(given.into())
    }
}

impl Refusal for IdGenerator {
    fn refusal(&self, history: &History, _: &Self::State, op: Id) -> String {
        format!("cannot give {} a second time", history.values.show(op))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_given_once() {
        let (one, two) = (Id::small(1).unwrap(), Id::small(2).unwrap());
        let state = IdGenerator.step(&IdGenerator.initial(), two).unwrap();
        let state = IdGenerator.step(&state, one).unwrap();
        assert_eq!(*state, [one, two]);
        assert_eq!(IdGenerator.step(&state, two), None);
    }
}
