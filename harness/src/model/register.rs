//! A register: one value, read, written, compared and set.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome, Values};
use crate::linearizability::{search::Interner, words};
use std::hash::Hash;

/// A register.
#[derive(Debug, Clone, Copy)]
pub struct Register {
    /// What it holds at first.
    pub initial: Id,
    /// Whether a read of `nil` says nothing, as in histories whose recorder wrote `nil` for a result it did not know.
    pub nil_is_wildcard: bool,
}

/// An operation on a register with what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegisterOp<V = Id> {
    /// Sees this value.
    Read(V),
    /// Leaves this value.
    Write(V),
    /// Sees the first value and leaves the second.
    Replace(V, V),
    /// Sees some other value than this.
    Differs(V),
}

impl<V: Copy + Eq> RegisterOp<V> {
    /// The value behind it.
    pub(super) fn step(self, holds: V) -> Option<V> {
        match self {
            Self::Read(value) => (holds == value).then_some(value),
            Self::Write(value) => Some(value),
            Self::Replace(seen, new) => (holds == seen).then_some(new),
            Self::Differs(value) => (holds != value).then_some(holds),
        }
    }

    /// Why it is not legal on an object that holds a value.
    pub(super) fn refusal(self, holds: V, object: &str, show: &dyn Fn(V) -> String) -> String {
        let holds = format!("the {object} holds {}", show(holds));
        match self {
            Self::Read(value) => format!("cannot read {}, {holds}", show(value)),
            Self::Write(value) => format!("cannot write {}, {holds}", show(value)),
            Self::Replace(seen, new) => format!("cannot replace {} by {}, {holds}", show(seen), show(new)),
            Self::Differs(_) => format!("cannot be refused, {holds}"),
        }
    }
}

impl Model for Register {
    type Op = RegisterOp;
    type State = Id;

    fn initial(&self) -> Id {
        self.initial
    }

    // It is most of what reading a small history costs.
    #[inline]
    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<RegisterOp>, String> {
        let place = operation as usize;
        let (argument, result) = (history.arguments()[place], history.results()[place]);
        Ok(match (history.functions()[place], history.outcomes()[place]) {
            (Function::Read, Outcome::Ok) if result.is_some() && !(self.nil_is_wildcard && result == Id::NIL) => {
                Decoded::Pure(RegisterOp::Read(result))
            }
            (Function::Read, _) => Decoded::Nothing,
            (Function::Write, _) => Decoded::Effect(RegisterOp::Write(argument)),
            (Function::ReadModifyWrite, Outcome::Ok) if result.is_some() => replace(result, argument),
            (Function::ReadModifyWrite, _) => Decoded::Effect(RegisterOp::Write(argument)),
            (Function::Cas, _) => {
                let (expected, new) = cas(&history.values, argument)
                    .ok_or_else(|| format!("cas needs the expected and the new value: {}", history.show(operation)))?;
                match history.values.is_false(result) {
                    true => Decoded::Pure(RegisterOp::Differs(expected)),
                    false => replace(expected, new),
                }
            }
            _ => return Err(format!("a register has no such operation: {}", history.show(operation))),
        })
    }

    fn step(&self, state: &Id, op: RegisterOp) -> Option<Id> {
        op.step(*state)
    }

    fn simplify(&self, ops: &mut [RegisterOp]) {
        simplify(ops, Id::NONE);
    }

    fn groups(&self, ops: &[RegisterOp]) -> Vec<Option<u32>> {
        groups(ops)
    }
}

impl Refusal for Register {
    fn refusal(&self, history: &History, state: &Id, op: RegisterOp) -> String {
        op.refusal(*state, "register", &|value| words::value(history, value))
    }

    fn sentence(&self, history: &History, unexplained: u32) -> Option<String> {
        let op = history.get(unexplained);
        let Ok(Decoded::Pure(RegisterOp::Read(value)) | Decoded::Effect(RegisterOp::Replace(value, _))) =
            self.decode(history, unexplained)
        else {
            return None;
        };
        let effect = |index| match self.decode(history, index) {
            Ok(Decoded::Effect(RegisterOp::Write(new) | RegisterOp::Replace(_, new))) => Some(new),
            _ => None,
        };
        let saw = words::value(history, value);
        let between = words::between(history, unexplained);
        let subject = match op.function {
            Function::Read => format!("{} read {saw} {between}", history.process_name(op.process)),
            _ => format!("{} {between} found {saw}", words::named(history, unexplained)),
        };
        let others = || (0..history.len() as u32).filter(|index| *index != unexplained);
        let sources: Vec<u32> = others().filter(|index| effect(*index) == Some(value)).collect();
        if sources.is_empty() && value != self.initial {
            return Some(format!("{subject}, but nobody had written that by then"));
        }
        let overwrites = |index: u32| {
            let write = history.get(index);
            effect(index).is_some_and(|new| new != value)
                && write.precedes(&op)
                && sources.iter().all(|source| history.get(*source).precedes(&write))
        };
        let last = others().filter(|index| overwrites(*index)).max_by_key(|index| history.get(*index).ret)?;
        let since = match sources.is_empty() {
            true => format!("and {saw} was there only before the first write"),
            false => format!("and no write of {saw} came after it"),
        };
        Some(format!(
            "{subject}, but {} had returned at {} {since}",
            words::named(history, last),
            words::at(history, history.get(last).ret),
        ))
    }
}

/// Puts `unseen`, which is no value of the history, for each value that is left but never seen.
pub(super) fn simplify<V: Copy + Eq + Hash>(ops: &mut [RegisterOp<V>], unseen: V) {
    let mut seen = Interner::new();
    for op in ops.iter() {
        if let RegisterOp::Read(value) | RegisterOp::Replace(value, _) | RegisterOp::Differs(value) = op {
            seen.intern(*value);
        }
    }
    for op in ops {
        if let RegisterOp::Write(value) | RegisterOp::Replace(_, value) = op
            && !seen.contains(value)
        {
            *value = unseen;
        }
    }
}

/// Groups of operations, as [`Model::groups`] wants them: all that was done with one value.
///
/// Between a write of it and the next write nothing else happened, and what came next did not depend on it. Values of which
/// one replaced the other go together. That a compare-and-set was refused can depend on any value but its own: then only
/// the group with that one can be left out.
pub(super) fn groups<V: Copy + Eq + Hash>(ops: &[RegisterOp<V>]) -> Vec<Option<u32>> {
    let mut linked = Linked { values: Interner::new(), parents: Vec::new() };
    for op in ops {
        if let RegisterOp::Replace(seen, new) = op {
            linked.link(*seen, *new);
        }
    }
    let mut refused: Option<u32> = None;
    for op in ops {
        if let RegisterOp::Differs(value) = op {
            let root = linked.root(*value);
            if *refused.get_or_insert(root) != root {
                return vec![None; ops.len()];
            }
        }
    }
    let group = |op: &RegisterOp<V>| {
        let (RegisterOp::Read(value)
        | RegisterOp::Write(value)
        | RegisterOp::Replace(value, _)
        | RegisterOp::Differs(value)) = op;
        let root = linked.root(*value);
        refused.is_none_or(|refused| refused == root).then_some(root)
    };
    ops.iter().map(group).collect()
}

/// Values that are seen or left by the same operation belong together.
struct Linked<V> {
    values: Interner<V>,
    parents: Vec<u32>,
}

impl<V: Copy + Eq + Hash> Linked<V> {
    fn root(&mut self, value: V) -> u32 {
        let (mut number, new) = self.values.intern(value);
        if new {
            self.parents.push(number);
        }
        while self.parents[number as usize] != number {
            let parent = self.parents[number as usize];
            self.parents[number as usize] = self.parents[parent as usize];
            number = parent;
        }
        number
    }

    fn link(&mut self, a: V, b: V) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}

/// The expected and the new value of a compare-and-set.
pub(super) fn cas(values: &Values, argument: Id) -> Option<(Id, Id)> {
    match values.as_list(argument)? {
        [expected, new] => Some((*expected, *new)),
        _ => None,
    }
}

/// A replacement; one by the same value changes nothing where it is legal, and is a read.
fn replace(seen: Id, new: Id) -> Decoded<RegisterOp> {
    if seen == new { Decoded::Pure(RegisterOp::Read(seen)) } else { Decoded::Effect(RegisterOp::Replace(seen, new)) }
}
