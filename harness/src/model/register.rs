//! A register: one value, read, written, compared and set.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome, Value, Values};

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
pub enum RegisterOp {
    /// Sees this value.
    Read(Id),
    /// Leaves this value.
    Write(Id),
    /// Sees the first value and leaves the second.
    Replace(Id, Id),
    /// Sees some other value than this.
    Differs(Id),
}

impl Model for Register {
    type Op = RegisterOp;
    type State = Id;

    fn initial(&self) -> Id {
        self.initial
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<RegisterOp>, String> {
        let op = history.get(operation);
        Ok(match (op.function, op.outcome) {
            (Function::Read, Outcome::Ok) if !(self.nil_is_wildcard && op.result == Id::NIL) => {
                Decoded::Pure(RegisterOp::Read(op.result))
            }
            (Function::Read, _) => Decoded::Nothing,
            (Function::Write, _) => Decoded::Effect(RegisterOp::Write(op.argument)),
            (Function::ReadModifyWrite, Outcome::Ok) => replace(op.result, op.argument),
            (Function::ReadModifyWrite, _) => Decoded::Effect(RegisterOp::Write(op.argument)),
            (Function::Cas, _) => {
                let (expected, new) = cas(&history.values, op.argument)
                    .ok_or_else(|| format!("cas needs the expected and the new value: {}", history.show(operation)))?;
                match history.values.get(op.result) {
                    Some(Value::Bool(false)) => Decoded::Pure(RegisterOp::Differs(expected)),
                    _ => replace(expected, new),
                }
            }
            _ => return Err(format!("a register has no such operation: {}", history.show(operation))),
        })
    }

    fn step(&self, state: &Id, op: RegisterOp) -> Option<Id> {
        match op {
            RegisterOp::Read(value) => (*state == value).then_some(value),
            RegisterOp::Write(value) => Some(value),
            RegisterOp::Replace(seen, new) => (*state == seen).then_some(new),
            RegisterOp::Differs(value) => (*state != value).then_some(*state),
        }
    }
}

impl Refusal for Register {
    fn refusal(&self, history: &History, state: &Id, op: RegisterOp) -> String {
        let show = |id: Id| crate::text::excerpt(&history.values.show(id).to_string(), 48);
        let holds = show(*state);
        match op {
            RegisterOp::Read(value) => format!("cannot read {}, the register holds {holds}", show(value)),
            RegisterOp::Write(value) => format!("cannot write {}", show(value)),
            RegisterOp::Replace(seen, new) => {
                format!("cannot replace {} by {}, the register holds {holds}", show(seen), show(new))
            }
            RegisterOp::Differs(value) => format!("cannot be refused, the register holds {}", show(value)),
        }
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
