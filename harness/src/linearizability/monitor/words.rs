//! Words for violations: operations and when they ran, as a person reads them.

use crate::history::{Function, History, Outcome};

pub(super) use crate::linearizability::words::{at, value};

/// An operation with its process: `c3's write of 5`, `c1's read of nil`, `c2's acquire`.
pub(super) fn op(history: &History, index: u32) -> String {
    let op = history.get(index);
    let subject = match op.function {
        Function::Read if op.outcome == Outcome::Ok => op.result,
        _ => op.argument,
    };
    let name = history.process_name(op.process);
    if subject.is_some() {
        format!("{name}'s {} of {}", op.function, value(history, subject))
    } else {
        format!("{name}'s {}", op.function)
    }
}

/// When an operation ran: `between 1.200 s and 1.310 s`, or `from 1.200 s on` when it never returned.
pub(super) fn when(history: &History, index: u32) -> String {
    let op = history.get(index);
    if op.outcome == Outcome::Unknown {
        return format!("from {} on", at(history, op.call));
    }
    format!("between {} and {}", at(history, op.call), at(history, op.ret))
}

/// That an operation was over: `c1's write of 7 was over at 1.100 s`.
pub(super) fn over(history: &History, index: u32) -> String {
    format!("{} was over at {}", op(history, index), at(history, history.get(index).ret))
}

/// That an operation began: `c3's read of 5 began at 1.200 s`.
pub(super) fn began(history: &History, index: u32) -> String {
    format!("{} began at {}", op(history, index), at(history, history.get(index).call))
}
