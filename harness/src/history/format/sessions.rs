//! Transactions of sessions that were recorded without times: only the order within each session is known.

use super::clients::Numbers;
use crate::{
    history::{Id, Outcome},
    transaction::{Action, Step, Transactions},
};
use std::collections::HashSet;

/// Transactions so far.
#[derive(Default)]
pub(super) struct Sessions {
    pub transactions: Transactions,
    numbers: Numbers,
}

impl Sessions {
    /// Begins the next transaction of a session; what is read and written next belongs to it.
    pub fn begin(&mut self, session: i64, outcome: Outcome) {
        let process = self.numbers.of(&format!("session {session}"));
        let time = self.transactions.len() as u64 * 2;
        self.transactions.push(process, time, time + 1, outcome);
    }

    /// Sets how the last transaction ended.
    pub fn end(&mut self, outcome: Outcome) {
        if let Some(last) = self.transactions.outcome.last_mut() {
            *last = outcome;
        }
    }

    /// Adds a step to the last transaction.
    pub fn step(&mut self, action: Action, key: Id, value: Id) {
        self.transactions.step(Step { action, key, value });
    }

    /// The transactions. A read of zero, where nobody writes a zero, is one of the initial value.
    pub fn finish(mut self) -> Transactions {
        let zero = Id::small(0);
        let is_zero = |step: &Step, action| step.action == action && Some(step.value) == zero;
        let steps = &mut self.transactions.steps;
        let written: HashSet<Id> =
            steps.iter().filter(|step| is_zero(step, Action::Write)).map(|step| step.key).collect();
        for step in steps.iter_mut().filter(|step| is_zero(step, Action::Read) && !written.contains(&step.key)) {
            step.value = Id::NIL;
        }
        self.transactions.process_names = self.numbers.names();
        self.transactions
    }
}
