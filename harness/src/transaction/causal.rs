//! What happened before a transaction, by vector clocks: for each session, how much of it.
//!
//! Bouajjani et al., POPL 2017; Møldrup & Pavlogiannis, AWDIT (PLDI 2025): with all that happened before known, causal
//! consistency is decided without search. O((n + e) · k) for k sessions; sessions are taken in blocks, so that the memory
//! is O(n).

use super::{
    Transactions,
    graph::{Graph, Kinds, components},
    keys::Table,
    order::NOBODY,
};
use crate::history::Outcome;
use std::ops::Range;

/// Sessions at a time.
const BLOCK: u32 = 32;

/// Sessions as chains: each transaction's chain and its place there. One of unknown outcome is a chain of its own,
/// because nothing of its session comes after it.
#[derive(Debug, Clone)]
pub struct Chains {
    /// Each transaction's chain and place.
    pub of: Vec<(u32, u32)>,
    /// How many chains there are.
    pub count: u32,
}

impl Chains {
    /// The chains of these transactions, which are numbered by their place among them.
    pub fn new(transactions: &Transactions, members: &[u32]) -> Self {
        let mut chain_of = Table::new(NOBODY);
        let mut lengths: Vec<u32> = Vec::new();
        let of = members
            .iter()
            .map(|transaction| {
                let index = *transaction as usize;
                let mut own = NOBODY;
                let known = transactions.outcome[index] == Outcome::Ok;
                let chain = if known { chain_of.entry(transactions.process[index]) } else { &mut own };
                if *chain == NOBODY {
                    *chain = lengths.len() as u32;
                    lengths.push(0);
                }
                lengths[*chain as usize] += 1;
                (*chain, lengths[*chain as usize] - 1)
            })
            .collect();
        Self { of, count: lengths.len() as u32 }
    }
}

/// The nodes in an order that all edges follow; none where there is a cycle.
pub fn topological(graph: &Graph) -> Option<Vec<u32>> {
    let parts = components(graph, Kinds::ALL);
    if parts.any() {
        return None;
    }
    // Components are numbered backwards.
    let mut order = vec![0; graph.nodes()];
    let last = graph.nodes() as u32;
    for node in 0..last {
        order[(last - 1 - parts.of(node)) as usize] = node;
    }
    Some(order)
}

/// How many steps [`pasts`] takes.
pub fn cost(graph: &Graph, chains: &Chains) -> u64 {
    (graph.nodes() as u64 + graph.len() as u64) * u64::from(chains.count)
}

/// For a range of chains, how many transactions of each come before a node.
#[derive(Debug)]
pub struct Clocks {
    /// The chains.
    pub range: Range<u32>,
    rows: Vec<u32>,
}

impl Clocks {
    /// The past of a node that was visited or is being visited.
    pub fn of(&self, node: u32) -> &[u32] {
        let width = self.range.len();
        &self.rows[node as usize * width..(node as usize + 1) * width]
    }

    /// Whether what stands there in a chain of the range comes before a node.
    pub fn has(&self, node: u32, (chain, place): (u32, u32)) -> bool {
        place < self.of(node)[(chain - self.range.start) as usize]
    }
}

/// Visits each transaction with its past, in the given order for one range of chains, then for the next.
pub fn pasts(graph: &Graph, order: &[u32], chains: &Chains, mut visit: impl FnMut(u32, &Clocks)) {
    let mut clocks = Clocks { range: 0..0, rows: Vec::new() };
    let mut own = Vec::new();
    for first in (0..chains.count).step_by(BLOCK as usize) {
        clocks.range = first..chains.count.min(first + BLOCK);
        let width = clocks.range.len();
        clocks.rows.clear();
        clocks.rows.resize(graph.nodes() * width, 0);
        for node in order {
            own.clear();
            own.extend_from_slice(clocks.of(*node));
            if graph.is_transaction(*node) {
                visit(*node, &clocks);
                let (chain, place) = chains.of[*node as usize];
                if clocks.range.contains(&chain) {
                    own[(chain - first) as usize] = place + 1;
                }
            }
            for edge in graph.out(*node) {
                let place = edge.to() as usize * width;
                for (clock, own) in clocks.rows[place..place + width].iter_mut().zip(&own) {
                    *clock = (*clock).max(*own);
                }
            }
        }
    }
}

/// Who wrote which key in which chain, to be asked for the last one in somebody's past.
#[derive(Debug, Default)]
pub struct Writers {
    /// Key, chain, place in the chain, transaction.
    sorted: Vec<(u32, u32, u32, u32)>,
}

impl Writers {
    /// From pairs of key and transaction.
    pub fn new(chains: &Chains, pairs: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut sorted: Vec<_> = pairs
            .map(|(key, transaction)| {
                let (chain, place) = chains.of[transaction as usize];
                (key, chain, place, transaction)
            })
            .collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self { sorted }
    }

    /// The last writer of a key in each of the chains that has one in this past.
    pub fn latest<'w>(&'w self, key: u32, clocks: &'w Clocks, node: u32) -> impl Iterator<Item = u32> + 'w {
        let (chains, past) = (clocks.range.clone(), clocks.of(node));
        let from = self.sorted.partition_point(|entry| (entry.0, entry.1) < (key, chains.start));
        let mut rest = &self.sorted[from..];
        std::iter::from_fn(move || {
            loop {
                let (other, chain, ..) = *rest.first()?;
                if other != key || chain >= chains.end {
                    return None;
                }
                let (group, behind) = rest.split_at(rest.partition_point(|entry| (entry.0, entry.1) <= (key, chain)));
                rest = behind;
                let seen = group.partition_point(|entry| entry.2 < past[(chain - chains.start) as usize]);
                if let Some(last) = seen.checked_sub(1) {
                    return Some(group[last].3);
                }
            }
        })
    }
}
