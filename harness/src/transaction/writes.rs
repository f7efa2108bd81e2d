//! Who wrote which value to which key: all writes or appends of a history, key after key, by value.

use super::{Action, Transactions, order::NOBODY};
use crate::history::Id;

/// A write of a value, or an append of an element.
#[derive(Debug, Clone, Copy)]
pub struct Write {
    /// What was written.
    pub value: Id,
    /// By which transaction.
    pub transaction: u32,
    /// In which of all steps.
    pub step: u32,
}

/// All writes, grouped by key.
#[derive(Debug, Default)]
pub struct Writes {
    list: Vec<Write>,
    /// Where each key's writes begin, and the end of the last.
    first: Vec<u32>,
}

impl Writes {
    /// All steps with this action; `key` numbers the key of each step, and `counts` says how many there are for each.
    pub fn new(transactions: &Transactions, action: Action, key: &[u32], counts: &[u32]) -> Self {
        let mut first = Vec::with_capacity(counts.len() + 1);
        first.push(0);
        for count in counts {
            first.push(first[first.len() - 1] + count);
        }
        let nothing = Write { value: Id::NONE, transaction: NOBODY, step: 0 };
        let mut list = vec![nothing; first[counts.len()] as usize];
        let mut place = first.clone();
        for transaction in 0..transactions.len() as u32 {
            let begin = transactions.first[transaction as usize];
            for (at, step) in transactions.steps(transaction).iter().enumerate().filter(|(_, s)| s.action == action) {
                let at = begin + at as u32;
                let next = &mut place[key[at as usize] as usize];
                list[*next as usize] = Write { value: step.value, transaction, step: at };
                *next += 1;
            }
        }
        for bounds in first.windows(2) {
            let writes = &mut list[bounds[0] as usize..bounds[1] as usize];
            if !writes.is_sorted_by_key(|write| write.value) {
                writes.sort_by_key(|write| write.value);
            }
        }
        Self { list, first }
    }

    /// All writes to a key, by value; of one value in the order of the history.
    pub fn of(&self, key: u32) -> &[Write] {
        let key = key as usize;
        &self.list[self.first[key] as usize..self.first[key + 1] as usize]
    }

    /// The writes of a value to a key; usually one.
    pub fn find(&self, key: u32, value: Id) -> &[Write] {
        let writes = self.of(key);
        let from = writes.partition_point(|write| write.value < value);
        let count = writes[from..].partition_point(|write| write.value == value);
        &writes[from..from + count]
    }
}
