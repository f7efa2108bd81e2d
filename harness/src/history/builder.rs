//! Histories from invocations and completions as they were seen, in any order of times.

use super::{Clock, Function, History, Id, Operation, Outcome, PENDING, Values};

/// An operation when it is called.
#[derive(Debug, Clone, Copy)]
pub struct Invocation {
    /// Which process calls.
    pub process: u32,
    /// When.
    pub call: u64,
    /// What it does.
    pub function: Function,
    /// To which object; [`Id::NONE`] where there is only one.
    pub key: Id,
    /// With what; [`Id::NONE`] for nothing.
    pub argument: Id,
}

/// Collects operations; what is never completed stays unknown.
#[derive(Debug, Default)]
pub struct Builder {
    operations: Vec<Operation>,
    /// Gives ids to values.
    pub values: Values,
    /// What the times count.
    pub clock: Clock,
    /// Names of processes, by process; empty where they are numbers of our own.
    pub process_names: Vec<Box<str>>,
}

impl Builder {
    /// Adds an operation and gives its ticket for [`Self::complete`].
    pub fn invoke(&mut self, call: Invocation) -> usize {
        self.operations.push(Operation {
            process: call.process,
            call: call.call,
            ret: PENDING,
            outcome: Outcome::Unknown,
            function: call.function,
            key: call.key,
            argument: call.argument,
            result: Id::NONE,
        });
        self.operations.len() - 1
    }

    /// Tells how an operation ended. `ret` and `result` count only for [`Outcome::Ok`], `ret` also for `Failed`.
    pub fn complete(&mut self, ticket: usize, ret: u64, outcome: Outcome, result: Id) {
        let op = &mut self.operations[ticket];
        op.outcome = outcome;
        op.ret = if outcome == Outcome::Unknown { PENDING } else { ret.max(op.call) };
        op.result = if outcome == Outcome::Ok { result } else { Id::NONE };
    }

    /// Sets what an operation was given, where only its completion tells.
    pub fn set_argument(&mut self, ticket: usize, argument: Id) {
        self.operations[ticket].argument = argument;
    }

    /// Adds an operation that has ended.
    pub fn add(&mut self, call: Invocation, ret: u64, result: Id) {
        let ticket = self.invoke(call);
        self.complete(ticket, ret, Outcome::Ok, result);
    }

    /// The history, in order of calls; ties keep the order in which they were added.
    pub fn finish(mut self) -> History {
        if !self.operations.is_sorted_by_key(|op| op.call) {
            self.operations.sort_by_key(|op| op.call);
        }
        let mut history =
            History { values: self.values, clock: self.clock, process_names: self.process_names, ..History::default() };
        for op in self.operations {
            history.push(op);
        }
        history
    }
}
