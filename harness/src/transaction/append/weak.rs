//! Read atomicity and causal consistency of lists.
//!
//! A list shows all appends to it: who reads one sees the transactions that made them. Cerone et al., CONCUR 2015: at
//! read atomic, who sees a transaction sees all that it wrote; causally, all that happened before is seen. Both are
//! violated only by cycles with exactly one `rw` edge, so only what lies on cycles is looked at. Read atomic is linear
//! in what was read; causal takes O((n + e) · k) for k sessions.

use super::{
    index::{Index, NOWHERE},
    views::{View, views},
};
use crate::{
    history::Outcome,
    transaction::{
        Action,
        causal::{Chains, Writers, cost, pasts, topological},
        graph::{
            Edges, Graph, Kind,
            cycle::{Link, Query, Shape, shortest},
        },
        order::NOBODY,
    },
};

/// Transactions on cycles, and where they are among them.
pub struct Members<'i, 't> {
    index: &'i Index<'t>,
    /// The transactions, ascending.
    list: &'i [u32],
    number: Vec<u32>,
}

impl<'i, 't> Members<'i, 't> {
    /// These transactions.
    pub fn new(index: &'i Index<'t>, list: &'i [u32]) -> Self {
        let mut number = vec![NOBODY; index.transactions.len()];
        for (place, transaction) in list.iter().enumerate() {
            number[*transaction as usize] = place as u32;
        }
        Self { index, list, number }
    }

    /// The appends of a transaction.
    fn appends(&self, transaction: u32) -> impl Iterator<Item = u32> + '_ {
        let t = self.index.transactions;
        let begin = t.first[transaction as usize];
        let steps = t.steps(transaction).iter().enumerate();
        steps.filter(|(_, step)| step.action == Action::Append).map(move |(place, _)| begin + place as u32)
    }

    /// Whether an append is behind the first `length` elements of its key.
    fn is_missed(&self, append: u32, length: u32) -> bool {
        match self.index.position[append as usize] {
            NOWHERE => !self.index.contradicted[self.index.key[append as usize] as usize],
            position => position >= length,
        }
    }

    /// Who saw a part of a transaction and missed another: writer and reader.
    pub fn fractured(&self) -> Option<Vec<Link>> {
        let mut looked_at = vec![NOBODY; self.list.len()];
        let mut length_of = vec![(NOBODY, 0); self.index.keys.len()];
        for reader in self.list.iter().copied() {
            let views = views(self.index, reader);
            for view in views.iter().filter(|view| view.clean) {
                length_of[view.key as usize] = (reader, view.length);
            }
            for view in &views {
                for length in 1..=view.length {
                    let writer = self.index.before(view.key, length);
                    let Some(number) = self.number.get(writer as usize).copied().filter(|n| *n != NOBODY) else {
                        continue;
                    };
                    if writer == reader || std::mem::replace(&mut looked_at[number as usize], reader) == reader {
                        continue;
                    }
                    let missed = |append: &u32| {
                        let (by, length) = length_of[self.index.key[*append as usize] as usize];
                        by == reader && self.is_missed(*append, length)
                    };
                    if self.appends(writer).any(|append| missed(&append)) {
                        let link = |from, kind, to| Link { from, kind, to };
                        return Some(vec![link(writer, Kind::Wr, reader), link(reader, Kind::Rw, writer)]);
                    }
                }
            }
        }
        None
    }

    /// Who missed an append that happened before: a cycle with one `rw` edge, else reads and sessions only. An error says
    /// why it was not decided.
    pub fn acausal(&self, budget: u64) -> Result<Option<Vec<Link>>, String> {
        let chains = Chains::new(self.index.transactions, self.list);
        let views: Vec<Vec<View>> = self.list.iter().map(|transaction| views(self.index, *transaction)).collect();
        let graph = self.happened_before(&chains, &views, None).finish();
        let Some(order) = topological(&graph) else {
            return Err("what happened before is not told from what was read".to_owned());
        };
        if cost(&graph, &chains) > budget.saturating_mul(64) {
            return Err(format!("{} transactions of {} sessions exhaust the budget", self.list.len(), chains.count));
        }
        let appends = self.list.iter().enumerate().flat_map(|(place, transaction)| {
            self.appends(*transaction).map(move |append| (self.index.key[append as usize], place as u32))
        });
        let writers = Writers::new(&chains, appends);
        let mut found = None;
        pasts(&graph, &order, &chains, |node, clocks| {
            for view in views[node as usize].iter().filter(|view| view.clean) {
                let mut latest = writers.latest(view.key, clocks, node);
                if found.is_none() {
                    found = latest.find(|writer| self.misses(*writer, *view)).map(|writer| (node, writer));
                }
            }
        });
        Ok(found.and_then(|missed| self.acausal_cycle(&chains, &views, missed)))
    }

    fn misses(&self, writer: u32, view: View) -> bool {
        let mut appends = self.appends(self.list[writer as usize]);
        appends.any(|append| self.index.key[append as usize] == view.key && self.is_missed(append, view.length))
    }

    /// Reads of lists, over one joint a version, and sessions.
    fn happened_before(&self, chains: &Chains, views: &[Vec<View>], more: Option<(u32, u32)>) -> Edges {
        let mut edges = Edges::new(self.list.len());
        if let Some((reader, writer)) = more {
            edges.add(reader, writer, Kind::Rw);
        }
        let mut last = vec![NOBODY; chains.count as usize];
        for (place, (chain, _)) in chains.of.iter().enumerate() {
            let before = std::mem::replace(&mut last[*chain as usize], place as u32);
            if before != NOBODY {
                edges.add(before, place as u32, Kind::Process);
            }
        }
        self.add_unknown(&mut edges);
        let mut joint_of = vec![NOBODY; self.index.keys.len()];
        for (place, view) in views.iter().enumerate().flat_map(|(place, views)| views.iter().map(move |v| (place, v))) {
            if joint_of[view.key as usize] == NOBODY {
                joint_of[view.key as usize] = self.add_versions(&mut edges, view.key);
            }
            if view.length > 0 {
                edges.add(joint_of[view.key as usize] + view.length - 1, place as u32, Kind::Wr);
            }
        }
        edges
    }

    /// What a session did before its transactions of unknown outcome, which are chains of their own.
    fn add_unknown(&self, edges: &mut Edges) {
        let t = self.index.transactions;
        let mut last = crate::transaction::keys::Table::new(NOBODY);
        for (place, transaction) in self.list.iter().enumerate() {
            let entry = last.entry(t.process[*transaction as usize]);
            if t.outcome[*transaction as usize] == Outcome::Ok {
                *entry = place as u32;
            } else if *entry != NOBODY {
                edges.add(*entry, place as u32, Kind::Process);
            }
        }
    }

    /// One joint for each version of a key, from its first element on.
    fn add_versions(&self, edges: &mut Edges, key: u32) -> u32 {
        let count = self.index.order(key).len() as u32;
        let first = edges.joints(count);
        for length in 1..=count {
            let joint = first + length - 1;
            if length > 1 {
                edges.add(joint - 1, joint, Kind::Wr);
            }
            let writer = self.index.before(key, length);
            let number = self.number.get(writer as usize).copied().unwrap_or(NOBODY);
            let own = writer != self.index.before(key, length - 1);
            if own && number != NOBODY {
                edges.add(number, joint, Kind::Wr);
            }
        }
        first
    }

    /// The shortest way from what was missed to who missed it.
    fn acausal_cycle(&self, chains: &Chains, views: &[Vec<View>], missed: (u32, u32)) -> Option<Vec<Link>> {
        let graph: Graph = self.happened_before(chains, views, Some(missed)).finish();
        let query = Query { first: Kind::Rw, others: Kind::Wr.only().with(Kind::Process), shape: Shape::Any };
        let links = shortest(&graph, query, |node| node == missed.0, u64::MAX)?;
        let member = |node: u32| self.list[node as usize];
        Some(links.into_iter().map(|link| Link { from: member(link.from), to: member(link.to), ..link }).collect())
    }
}
