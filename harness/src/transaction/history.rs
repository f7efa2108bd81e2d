//! Histories of transactions, in columns.

use crate::history::{Clock, Id, Outcome, Values};

/// What one step of a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    /// Reads a register: `value` is what was read, `nil` for the initial one, `NONE` where the result is unknown.
    Read,
    /// Writes `value` to a register.
    Write,
    /// Appends `value` to a list.
    Append,
    /// Reads a list: [`Transactions::list`] is what was read.
    ReadList,
}

/// One step of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// To which key.
    pub key: Id,
    /// With what value; for [`Action::ReadList`] the place of the list, or `NONE` where the result is unknown.
    pub value: Id,
}

/// Transactions in order of their invocation, or of their appearance where nothing tells times.
#[derive(Debug, Clone, Default)]
pub struct Transactions {
    /// Each transaction's process or session.
    pub process: Vec<u32>,
    /// When each was invoked.
    pub call: Vec<u64>,
    /// When each completed; `PENDING` where the outcome is unknown.
    pub ret: Vec<u64>,
    /// Committed (`Ok`), aborted (`Failed`) or unknown.
    pub outcome: Vec<Outcome>,
    /// Where each transaction's steps begin in `steps`, and the end of the last.
    pub first: Vec<u32>,
    /// All steps, transaction after transaction.
    pub steps: Vec<Step>,
    /// Where each list that was read begins in `elements`, and the end of the last.
    pub lists: Vec<u32>,
    /// The elements of all lists that were read.
    pub elements: Vec<Id>,
    /// What the ids mean.
    pub values: Values,
    /// What the times count.
    pub clock: Clock,
    /// Whether times compare across processes; without, there are no realtime edges.
    pub realtime: bool,
    /// Names of processes, where they are no numbers of our own.
    pub process_names: Vec<Box<str>>,
}

impl Transactions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.process.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.process.is_empty()
    }

    /// The steps of a transaction.
    pub fn steps(&self, transaction: u32) -> &[Step] {
        let index = transaction as usize;
        &self.steps[self.first[index] as usize..self.first[index + 1] as usize]
    }

    /// The list that a step read, if it read one and the result is known.
    pub fn list(&self, step: &Step) -> Option<&[Id]> {
        if step.action != Action::ReadList || !step.value.is_some() {
            return None;
        }
        let index = step.value.raw() as usize;
        Some(&self.elements[self.lists[index] as usize..self.lists[index + 1] as usize])
    }

    /// Adds a transaction without steps; those that are pushed next are its own.
    pub fn push(&mut self, process: u32, call: u64, ret: u64, outcome: Outcome) {
        if self.first.is_empty() {
            self.first.push(0);
        }
        self.process.push(process);
        self.call.push(call);
        self.ret.push(ret);
        self.outcome.push(outcome);
        self.first.push(self.steps.len() as u32);
    }

    /// Adds a step to the last transaction.
    ///
    /// # Panics
    /// Where there is no transaction yet.
    pub fn step(&mut self, step: Step) {
        self.steps.push(step);
        *self.first.last_mut().expect("a transaction") = self.steps.len() as u32;
    }

    /// Adds a read of a list to the last transaction; none where its result is unknown.
    pub fn read_list(&mut self, key: Id, list: Option<&[Id]>) {
        let value = match list {
            None => Id::NONE,
            Some(list) => {
                if self.lists.is_empty() {
                    self.lists.push(0);
                }
                let place = Id::small(self.lists.len() as u32 - 1).expect("fewer lists than small numbers");
                self.elements.extend_from_slice(list);
                self.lists.push(self.elements.len() as u32);
                place
            }
        };
        self.step(Step { action: Action::ReadList, key, value });
    }
}
