//! Histories for tests: written in short lines, run by simulated stores, judged by brute force.

pub mod oracle;
pub mod store;

use super::{Action, Step, Transactions};
use crate::{
    history::{Clock, Id, Outcome, PENDING},
    verify::{Answer, Judge, Level, Recorded, Settings},
};

/// A step of a transaction under test; keys and values are small numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Append(u32, u32),
    List(u32, Vec<u32>),
    Write(u32, u32),
    /// None for `nil`.
    Read(u32, Option<u32>),
    /// A read of a register whose result is not known.
    Unread(u32),
}

/// A transaction under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Txn {
    pub process: u32,
    pub call: u64,
    pub ret: u64,
    pub outcome: Outcome,
    pub ops: Vec<Op>,
}

/// The transactions as a history.
pub fn build(list: &[Txn], realtime: bool) -> Transactions {
    let id = |number: u32| Id::small(number).unwrap();
    let mut t = Transactions { realtime, clock: Clock::Order, ..Transactions::default() };
    for txn in list {
        let ret = if txn.outcome == Outcome::Unknown { PENDING } else { txn.ret };
        t.push(txn.process, txn.call, ret, txn.outcome);
        for op in &txn.ops {
            match op {
                Op::Append(key, value) => t.step(Step { action: Action::Append, key: id(*key), value: id(*value) }),
                Op::Write(key, value) => t.step(Step { action: Action::Write, key: id(*key), value: id(*value) }),
                Op::Read(key, value) => {
                    t.step(Step { action: Action::Read, key: id(*key), value: value.map_or(Id::NIL, id) });
                }
                Op::Unread(key) => t.step(Step { action: Action::Read, key: id(*key), value: Id::NONE }),
                Op::List(key, list) => {
                    let list: Vec<Id> = list.iter().map(|value| id(*value)).collect();
                    t.read_list(id(*key), Some(&list));
                }
            }
        }
    }
    t
}

/// A history from one line a transaction, all one after the other: `0 a1.5 l1.5.6 w1.7 r1.7 r1` are process 0, an
/// append of 5 to key 1, a read of the list [5 6], a write, a read and a read of `nil`. A line that begins with `!` is of
/// an aborted transaction, with `?` of one of unknown outcome.
pub fn history(lines: &[&str], realtime: bool) -> Transactions {
    let txns: Vec<Txn> = lines.iter().enumerate().map(|(index, line)| txn(index as u64, line)).collect();
    build(&txns, realtime)
}

fn txn(index: u64, line: &str) -> Txn {
    let outcome = match line.as_bytes()[0] {
        b'!' => Outcome::Failed,
        b'?' => Outcome::Unknown,
        _ => Outcome::Ok,
    };
    let mut words = line.trim_start_matches(['!', '?']).split_whitespace();
    let process = words.next().unwrap().parse().unwrap();
    let op = |word: &str| {
        let numbers: Vec<u32> = word[1..].split('.').map(|number| number.parse().unwrap()).collect();
        match (word.as_bytes()[0], &numbers[..]) {
            (b'a', [key, value]) => Op::Append(*key, *value),
            (b'w', [key, value]) => Op::Write(*key, *value),
            (b'l', [key, list @ ..]) => Op::List(*key, list.to_vec()),
            (b'r', [key, value @ ..]) => Op::Read(*key, value.first().copied()),
            _ => panic!("{word}"),
        }
    };
    Txn { process, call: 10 * index, ret: 10 * index + 5, outcome, ops: words.map(op).collect() }
}

/// What a judge answers at a level.
pub fn judge(judge: &dyn Judge, transactions: &Transactions, level: impl Into<Option<Level>>) -> Answer {
    let recorded = Recorded::Transactions(transactions.clone());
    judge.judge(&recorded, &Settings { level: level.into(), ..Settings::default() }).unwrap()
}

/// The rules of an answer's violations.
pub fn rules(answer: &Answer) -> Vec<&'static str> {
    answer.violations.iter().map(|violation| violation.rule).collect()
}

/// The weakest violated levels.
pub fn weakest(answer: &Answer) -> Vec<Level> {
    answer.levels.as_ref().map_or_else(Vec::new, |levels| levels.weakest.clone())
}
