//! Transactions as events, so that snapshot isolation and serializability are one question.
//!
//! Under snapshot isolation a transaction begins and commits: it reads what was committed when it began, and of two that
//! write the same key one begins when the other has committed (Cerone & Gotsman, PODC 2016, told as a time line). Under
//! serializability beginning and commit are one event. Either way there is an order of events exactly if the history is
//! at the level; edges and inferences are the same.

use super::graph::{Edges, Graph, Kind, Kinds};

/// How transactions are events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// How many transactions there are.
    pub transactions: u32,
    /// Whether beginning and commit are two events.
    pub split: bool,
}

impl Events {
    /// How many events there are.
    pub fn count(self) -> u32 {
        if self.split { 2 * self.transactions } else { self.transactions }
    }

    /// When a transaction begins: it reads.
    pub fn start(self, transaction: u32) -> u32 {
        transaction
    }

    /// When it commits: it writes.
    pub fn commit(self, transaction: u32) -> u32 {
        if self.split { self.transactions + transaction } else { transaction }
    }

    /// Whose event it is.
    pub fn transaction(self, event: u32) -> u32 {
        if event >= self.transactions { event - self.transactions } else { event }
    }

    /// Whether it is a commit and no beginning, or both.
    pub fn is_commit(self, event: u32) -> bool {
        !self.split || event >= self.transactions
    }

    /// The edges of these kinds as edges of events. By `rw` the first begins before the second commits, by all others it
    /// commits before the second begins. Joints stay joints.
    pub fn edges_of(self, graph: &Graph, kinds: Kinds) -> Edges {
        let mut edges = Edges::new(self.count() as usize);
        let joints = edges.joints(graph.nodes() as u32 - self.transactions);
        let event = |node: u32, commits: bool| match node.checked_sub(self.transactions) {
            Some(joint) => joints + joint,
            None if commits => self.commit(node),
            None => self.start(node),
        };
        for node in 0..graph.nodes() as u32 {
            for edge in graph.out(node).iter().filter(|edge| kinds.has(edge.kind())) {
                let rw = edge.kind() == Kind::Rw;
                edges.add(event(node, !rw), event(edge.to(), rw), edge.kind());
            }
        }
        if self.split {
            for transaction in 0..self.transactions {
                // The same transaction: no reason of its own, and left out where cycles are shown.
                edges.add(self.start(transaction), self.commit(transaction), Kind::Process);
            }
        }
        edges
    }
}
