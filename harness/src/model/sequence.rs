//! What queue, stack and deque have in common: values in a row that are put in and taken out at two ends.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome};

/// One end of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Where a queue gives.
    Front,
    /// Where a queue takes, and a stack does both.
    Back,
}

/// An operation on a row of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Puts a value in.
    Add(End, Id),
    /// Takes this value out; [`Id::NIL`] when there was none.
    Take(End, Id),
    /// Takes out whatever there is: nobody was told.
    TakeUnknown(End),
    /// Sees this value; [`Id::NIL`] when there was none.
    Look(End, Id),
}

/// What a function of the history is to a row of values.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// Puts in.
    Add(End),
    /// Takes out.
    Take(End),
    /// Sees.
    Look(End),
}

/// A row of values, its operations named by a table. The state is the row from front to back.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What it is called in messages: `queue`.
    pub noun: &'static str,
    /// Which functions it knows.
    pub roles: &'static [(Function, Role)],
}

impl Model for Row {
    type Op = Op;
    type State = Vec<Id>;

    fn initial(&self) -> Vec<Id> {
        Vec::new()
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Op>, String> {
        let op = history.get(operation);
        let known = self.roles.iter().find(|(function, _)| *function == op.function);
        let Some((_, role)) = known else {
            return Err(super::unknown(self.noun, history, operation));
        };
        let answered = op.outcome == Outcome::Ok;
        Ok(match *role {
            Role::Add(end) => Decoded::Effect(Op::Add(end, op.argument)),
            Role::Take(end) if !answered || !op.result.is_some() => Decoded::Effect(Op::TakeUnknown(end)),
            Role::Take(end) if op.result == Id::NIL => Decoded::Pure(Op::Take(end, Id::NIL)),
            Role::Take(end) => Decoded::Effect(Op::Take(end, op.result)),
            Role::Look(_) if !answered || !op.result.is_some() => Decoded::Nothing,
            Role::Look(end) => Decoded::Pure(Op::Look(end, op.result)),
        })
    }

    fn step(&self, state: &Vec<Id>, op: Op) -> Option<Vec<Id>> {
        let at = |end| if end == End::Front { state.first() } else { state.last() };
        let without = |end| match (end, state.len()) {
            (_, 0) => Vec::new(),
            (End::Front, _) => state[1..].to_vec(),
            (End::Back, length) => state[..length - 1].to_vec(),
        };
        match op {
            Op::Add(End::Front, value) => Some(std::iter::once(value).chain(state.iter().copied()).collect()),
            Op::Add(End::Back, value) => Some(state.iter().copied().chain([value]).collect()),
            Op::Take(end, value) if value == at(end).copied().unwrap_or(Id::NIL) => Some(without(end)),
            Op::Look(end, value) if value == at(end).copied().unwrap_or(Id::NIL) => Some(state.clone()),
            Op::TakeUnknown(end) => Some(without(end)),
            Op::Take(..) | Op::Look(..) => None,
        }
    }
}

impl Refusal for Row {
    fn refusal(&self, history: &History, state: &Vec<Id>, op: Op) -> String {
        let (Op::Take(end, value) | Op::Look(end, value)) = op else {
            return format!("the {} takes every value", self.noun);
        };
        let there = if end == End::Front { state.first() } else { state.last() };
        let show = |id| super::shown(history, id);
        let place = match (self.noun, end) {
            ("stack", _) => "on top",
            (_, End::Front) => "at the front",
            (_, End::Back) => "at the back",
        };
        match there {
            None => format!("cannot get {}, the {} is empty", show(value), self.noun),
            Some(there) if value == Id::NIL => format!("the {} is not empty, it holds {}", self.noun, show(*there)),
            Some(there) => format!("cannot get {}, {} is {place}", show(value), show(*there)),
        }
    }
}
