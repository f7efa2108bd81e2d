//! The orders that are known without looking at values: that of each process, and that of real time.
//!
//! Real time needs a linear number of edges only. Between invocations stand barriers: a transaction that ended leads to
//! the first barrier behind its end, barriers lead to each other in order, and each leads to the transactions that were
//! invoked behind it and before the next.

use super::{
    Transactions,
    graph::{Edges, Kind},
    keys::Table,
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

/// Adds the order of each process among the transactions that count, which ascend; `node` tells where they are in the
/// graph. One of unknown outcome has no successor, because it may take effect after all that its process does later.
pub fn add_process(edges: &mut Edges, t: &Transactions, counts: impl Iterator<Item = u32>, node: impl Fn(u32) -> u32) {
    let mut last = Table::new(NOBODY);
    for transaction in counts {
        let index = transaction as usize;
        let last = last.entry(t.process[index]);
        if *last != NOBODY {
            edges.add(node(*last), node(transaction), Kind::Process);
        }
        if t.outcome[index] == Outcome::Ok {
            *last = transaction;
        }
    }
}

/// Adds the order of real time among the transactions that count.
pub fn add_realtime(edges: &mut Edges, t: &Transactions, counts: impl Iterator<Item = u32>, node: impl Fn(u32) -> u32) {
    let mut begins: Vec<u32> = counts.collect();
    let call = |transaction: u32| t.call[transaction as usize];
    if !begins.is_sorted_by_key(|transaction| call(*transaction)) {
        begins.sort_by_key(|transaction| call(*transaction));
    }
    let mut ends: Vec<(u64, u32)> =
        begins.iter().filter_map(|transaction| Some((end(t, *transaction)?, *transaction))).collect();
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
                edges.add(node(*transaction), barrier, Kind::Realtime);
            }
        }
        if barrier != NOBODY {
            edges.add(barrier, node(begin), Kind::Realtime);
        }
    }
}
