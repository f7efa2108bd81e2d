//! Snapshot isolation where several transactions on cycles appended to one key what nobody read.
//!
//! Of such appends it is known only that they come behind all that was read. An order of them is searched for.

use super::{index::Index, views::views};
use crate::transaction::{
    events::Events,
    graph::{Graph, Kind, Kinds, Scope},
    order::NOBODY,
    rows::Rows,
    serial::{Found, Versions, search},
};
use std::collections::HashMap;

/// Versions by who wrote last; the first of a key is the empty list.
struct Written {
    key_of: Vec<u32>,
    first: Vec<u32>,
    reads: Rows,
    writes: Rows,
    readers: Vec<u32>,
}

impl Written {
    fn new(index: &Index<'_>) -> Self {
        let (mut key_of, mut first) = (Vec::new(), Vec::new());
        let mut version: HashMap<(u32, u32), u32> = HashMap::new();
        let mut writes = Vec::new();
        for key in 0..index.keys.len() as u32 {
            first.push(key_of.len() as u32);
            let live = index.appends(key).iter().filter(|append| index.live[append.transaction as usize]);
            let mut writers: Vec<u32> = live.map(|append| append.transaction).collect();
            writers.sort_unstable();
            writers.dedup();
            for writer in std::iter::once(NOBODY).chain(writers) {
                version.insert((key, writer), key_of.len() as u32);
                if writer != NOBODY {
                    writes.push((writer, key_of.len() as u32));
                }
                key_of.push(key);
            }
        }
        let mut reads = Vec::new();
        for reader in 0..index.transactions.len() as u32 {
            let seen = views(index, reader).into_iter().map(|view| (view.key, index.before(view.key, view.length)));
            reads.extend(seen.filter_map(|version_of| Some((reader, *version.get(&version_of)?))));
        }
        reads.sort_unstable();
        let mut readers = vec![0; key_of.len()];
        for (_, version) in &reads {
            readers[*version as usize] += 1;
        }
        let transactions = index.transactions.len();
        let (reads, writes) = (Rows::new(transactions, &reads), Rows::new(transactions, &writes));
        Self { key_of, first, reads, writes, readers }
    }
}

impl Versions for Written {
    fn reads(&self, transaction: u32) -> &[u32] {
        self.reads.of(transaction)
    }

    fn writes(&self, transaction: u32) -> &[u32] {
        self.writes.of(transaction)
    }

    fn key(&self, version: u32) -> u32 {
        self.key_of[version as usize]
    }

    fn readers(&self) -> Vec<u32> {
        self.readers.clone()
    }

    fn initial(&self) -> Vec<u32> {
        self.first.clone()
    }
}

/// Whether there is an order of beginnings and commits; only where everything that was read is in order.
pub fn snapshots(index: &Index<'_>, graph: &Graph, scope: Scope, budget: u64) -> Found {
    let events = Events { transactions: index.transactions.len() as u32, split: true };
    let kinds = Kinds::FORWARD.with(Kind::Rw).union(scope.kinds());
    let known = events.edges_of(graph, kinds).finish();
    let ranks: Vec<u32> = (0..events.transactions).collect();
    search(&Written::new(index), &known, events, &ranks, budget)
}
