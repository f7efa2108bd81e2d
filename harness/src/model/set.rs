//! The set: insert, remove, contains, each with or without being told what was there; empty at first.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome, Value};

/// A set of any values, or a multiset, which counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Whether a value can be in it more than once.
    pub counts: bool,
}

/// What an operation does to its element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Puts one in.
    Insert,
    /// Takes one out, if there is one.
    Remove,
    /// Nothing.
    Look,
}

/// An operation on a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Op {
    /// What it does.
    pub change: Change,
    /// To which element.
    pub element: Id,
    /// Whether the element was there before; none where nobody was told.
    pub there: Option<bool>,
}

impl Op {
    /// What an operation of a history is; an error names it if sets know no such operation.
    pub fn decode(history: &History, operation: u32) -> Result<Self, String> {
        let op = history.get(operation);
        let change = match op.function {
            Function::Insert => Change::Insert,
            Function::Remove => Change::Remove,
            Function::Contains => Change::Look,
            _ => return Err(super::unknown("set", history, operation)),
        };
        let told = match (op.outcome, history.values.get(op.result)) {
            (Outcome::Ok, Some(Value::Bool(told))) => Some(told),
            (Outcome::Ok, Some(_)) => return Err(format!("{}: sets tell true or false", history.show(operation))),
            _ => None,
        };
        let there = told.map(|told| told != (change == Change::Insert));
        Ok(Self { change, element: op.argument, there })
    }

    /// Whether it changes nothing wherever it is legal.
    pub fn is_pure(self, counts: bool) -> bool {
        match self.change {
            Change::Insert => self.there == Some(true) && !counts,
            Change::Remove => self.there == Some(false),
            Change::Look => true,
        }
    }
}

impl Model for Set {
    type Op = Op;
    /// Ascending by id; a multiset's state may repeat one.
    type State = Vec<Id>;

    fn initial(&self) -> Vec<Id> {
        Vec::new()
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Op>, String> {
        let op = Op::decode(history, operation)?;
        Ok(match op {
            Op { change: Change::Look, there: None, .. } => Decoded::Nothing,
            op if op.is_pure(self.counts) => Decoded::Pure(op),
            op => Decoded::Effect(op),
        })
    }

    fn step(&self, state: &Vec<Id>, op: Op) -> Option<Vec<Id>> {
        let place = state.binary_search(&op.element);
        if op.there.is_some_and(|there| there != place.is_ok()) {
            return None;
        }
        let mut next = state.clone();
        match (op.change, place) {
            (Change::Insert, Ok(index)) if self.counts => next.insert(index, op.element),
            (Change::Insert, Err(index)) => next.insert(index, op.element),
            (Change::Remove, Ok(index)) => _ = next.remove(index),
            _ => {}
        }
        Some(next)
    }
}

impl Refusal for Set {
    fn refusal(&self, history: &History, state: &Vec<Id>, op: Op) -> String {
        let element = super::shown(history, op.element);
        match (op.change, state.contains(&op.element)) {
            (Change::Insert, true) => format!("{element} cannot be new, it is in the set"),
            (Change::Insert, false) => format!("{element} cannot be there already, it is not in the set"),
            (_, true) => format!("{element} cannot be missing, it is in the set"),
            (_, false) => format!("{element} cannot be there, it is not in the set"),
        }
    }
}
