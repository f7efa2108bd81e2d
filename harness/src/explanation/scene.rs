//! What operations and transactions have in common for a diagram: who, when, how it ended.

use crate::{
    history::{Clock, Outcome, PENDING, Values},
    verify::{Recorded, Violation},
};

/// The part of a recording that a violation is about.
pub struct Scene<'r> {
    pub recorded: &'r Recorded,
    /// The witness, ascending, without what is not in the recording.
    pub witness: Vec<u32>,
    /// What returned later than this is taken as pending.
    end: u64,
}

/// One operation or transaction, as far as its place in time is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    pub process: u32,
    pub call: u64,
    pub ret: u64,
    pub outcome: Outcome,
    /// Whether it returned, but only after the end of the witness: what it came to does not matter.
    pub cut: bool,
    /// Whether something came back, in which a fault can show.
    pub answered: bool,
}

impl<'r> Scene<'r> {
    pub fn new(recorded: &'r Recorded, violation: &Violation) -> Self {
        let scene = Self { recorded, witness: Vec::new(), end: violation.end.unwrap_or(PENDING) };
        let mut witness = violation.witness.clone();
        witness.sort_unstable();
        witness.dedup();
        witness.retain(|index| scene.holds(*index));
        Self { witness, ..scene }
    }

    /// Operations or transactions in all.
    pub fn total(&self) -> usize {
        match self.recorded {
            Recorded::Operations(history) => history.len(),
            Recorded::Transactions(transactions) => transactions.len(),
        }
    }

    pub fn holds(&self, index: u32) -> bool {
        (index as usize) < self.total()
    }

    pub fn values(&self) -> &'r Values {
        match self.recorded {
            Recorded::Operations(history) => &history.values,
            Recorded::Transactions(transactions) => &transactions.values,
        }
    }

    pub fn nanoseconds(&self) -> bool {
        let clock = match self.recorded {
            Recorded::Operations(history) => history.clock,
            Recorded::Transactions(transactions) => transactions.clock,
        };
        clock == Clock::Nanoseconds
    }

    /// The name of a process in messages, as [`crate::history::History::process_name`] has it.
    pub fn process_name(&self, process: u32) -> String {
        let names = match self.recorded {
            Recorded::Operations(history) => &history.process_names,
            Recorded::Transactions(transactions) => &transactions.process_names,
        };
        names.get(process as usize).map_or_else(|| format!("c{process}"), |name| super::words::clip(name, 24))
    }

    /// An operation or transaction of the recording.
    pub fn item(&self, index: u32) -> Item {
        let mut item = match self.recorded {
            Recorded::Operations(history) => {
                let op = history.get(index);
                let answered = op.outcome == Outcome::Ok && op.result.is_some();
                Item { process: op.process, call: op.call, ret: op.ret, outcome: op.outcome, cut: false, answered }
            }
            Recorded::Transactions(transactions) => {
                let at = index as usize;
                let outcome = transactions.outcome[at];
                let (process, call, ret) = (transactions.process[at], transactions.call[at], transactions.ret[at]);
                Item { process, call, ret, outcome, cut: false, answered: outcome == Outcome::Ok }
            }
        };
        if item.outcome == Outcome::Ok && item.ret > self.end {
            item.cut = true;
            item.answered = false;
        }
        item
    }
}
