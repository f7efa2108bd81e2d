//! The orders that are known without looking at values: that of each process, and that of real time.
//!
//! Real time needs a linear number of edges only. Between invocations stand barriers: a transaction that ended leads to
//! the first barrier behind its end, barriers lead to each other in order, and each leads to the transactions that were
//! invoked behind it and before the next.

use super::{
    Transactions,
    graph::{Edges, Kind},
};
use crate::history::Outcome;

/// No transaction.
pub const NOBODY: u32 = u32::MAX;

/// When a transaction ended, for others to come after it; none where it is not known to have ended.
pub fn end(transactions: &Transactions, transaction: u32) -> Option<u64> {
    let index = transaction as usize;
    let ended = transactions.outcome[index] == Outcome::Ok && transactions.ret[index] != crate::history::PENDING;
    ended.then(|| transactions.ret[index].max(transactions.call[index]))
}

/// The transaction before each in its process: the last that was committed. One of unknown outcome has no successor,
/// because it may take effect after all that its process does later.
pub fn previous(transactions: &Transactions, counts: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut last = crate::transaction::keys::Table::new(NOBODY);
    let mut previous = vec![NOBODY; transactions.len()];
    for transaction in (0..transactions.len() as u32).filter(|transaction| counts(*transaction)) {
        let index = transaction as usize;
        let last = last.entry(transactions.process[index]);
        previous[index] = *last;
        if transactions.outcome[index] == Outcome::Ok {
            *last = transaction;
        }
    }
    previous
}

/// Adds the order of each process.
pub fn add_process(edges: &mut Edges, previous: &[u32]) {
    for (index, before) in previous.iter().enumerate() {
        if *before != NOBODY {
            edges.add(*before, index as u32, Kind::Process);
        }
    }
}

/// Adds the order of real time among the transactions that count.
pub fn add_realtime(edges: &mut Edges, transactions: &Transactions, counts: impl Fn(u32) -> bool) {
    let mut begins: Vec<u32> = (0..transactions.len() as u32).filter(|transaction| counts(*transaction)).collect();
    let call = |transaction: u32| transactions.call[transaction as usize];
    if !begins.is_sorted_by_key(|transaction| call(*transaction)) {
        begins.sort_by_key(|transaction| call(*transaction));
    }
    let mut ends: Vec<(u64, u32)> =
        begins.iter().filter_map(|transaction| Some((end(transactions, *transaction)?, *transaction))).collect();
    ends.sort_unstable();
    let (mut ended, mut barrier) = (0, NOBODY);
    for begin in begins {
        let before = ended;
        while ended < ends.len() && ends[ended].0 < call(begin) {
            ended += 1;
        }
        if ended > before {
            let next = edges.joints(1);
            if barrier != NOBODY {
                edges.add(barrier, next, Kind::Realtime);
            }
            barrier = next;
            for (_, transaction) in &ends[before..ended] {
                edges.add(*transaction, barrier, Kind::Realtime);
            }
        }
        if barrier != NOBODY {
            edges.add(barrier, begin, Kind::Realtime);
        }
    }
}
