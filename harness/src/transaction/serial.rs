//! Search for an order of events that explains all reads.
//!
//! Events are put one behind the other. A transaction may read only what is there, and may overwrite a version only when
//! all that read it have. So of two ways to one set of events both go on alike, and each set is tried once: Biswas &
//! Enea, OOPSLA 2019, where sets are told by how far each session is. An event that can only help is taken at once: it
//! is possible now, and nobody else has to write what it writes.
//!
//! Exponential in the number of sessions at worst, and bounded by a budget of events that are looked at; linear where the
//! first choice is always right. An order that is found is a proof.

use super::{
    events::Events,
    graph::{Graph, Kinds, components},
    order::NOBODY,
};
use std::collections::{BTreeSet, HashSet};

/// Versions of keys, and who reads and writes them.
pub trait Versions {
    /// Versions that a transaction reads, ascending.
    fn reads(&self, transaction: u32) -> &[u32];
    /// Versions that it writes, of different keys.
    fn writes(&self, transaction: u32) -> &[u32];
    /// A version's key.
    fn key(&self, version: u32) -> u32;
    /// How many transactions read each version.
    fn readers(&self) -> Vec<u32>;
    /// The version of each key that is there from the beginning.
    fn initial(&self) -> Vec<u32>;
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is an order.
    Order,
    /// There is none.
    None,
    /// The budget is spent.
    Exhausted,
}

/// An event in the order, and how it came there.
struct Placed {
    event: u32,
    /// Whether there was no choice.
    forced: bool,
}

struct Search<'a, V> {
    versions: &'a V,
    graph: &'a Graph,
    events: Events,
    /// By rank: what to try first.
    rank: &'a [u32],
    /// Events whose predecessors are placed.
    ready: BTreeSet<(u32, u32)>,
    missing: Vec<u32>,
    /// The version that each key holds.
    current: Vec<u32>,
    /// Who of its readers has not begun, by version.
    unread: Vec<u32>,
    /// Who writes a key between beginning and commit.
    locked: Vec<u32>,
    /// How many have still to write a key.
    writers: Vec<u32>,
    order: Vec<Placed>,
    /// What was overwritten, to be put back.
    overwritten: Vec<u32>,
    /// The set of placed events, hashed.
    set: u128,
    dead: HashSet<u128>,
}

/// Looks for an order of all events that follows the edges of the graph. `rank` tells for each transaction when to try
/// it; the lowest first.
pub fn search<V: Versions>(versions: &V, graph: &Graph, events: Events, rank: &[u32], budget: u64) -> Found {
    if components(graph, Kinds::ALL).any() {
        return Found::None;
    }
    let mut search = Search::new(versions, graph, events, rank);
    search.run(budget)
}

impl<'a, V: Versions> Search<'a, V> {
    fn new(versions: &'a V, graph: &'a Graph, events: Events, rank: &'a [u32]) -> Self {
        let (current, unread) = (versions.initial(), versions.readers());
        let mut writers = vec![0; current.len()];
        for version in (0..events.transactions).flat_map(|transaction| versions.writes(transaction)) {
            writers[versions.key(*version) as usize] += 1;
        }
        let mut missing = vec![0; graph.nodes()];
        for edge in (0..graph.nodes() as u32).flat_map(|node| graph.out(node)) {
            missing[edge.to() as usize] += 1;
        }
        let locked = vec![NOBODY; current.len()];
        let mut search = Self {
            versions,
            graph,
            events,
            rank,
            ready: BTreeSet::new(),
            missing,
            current,
            unread,
            locked,
            writers,
            order: Vec::new(),
            overwritten: Vec::new(),
            set: 0,
            dead: HashSet::new(),
        };
        for node in 0..graph.nodes() as u32 {
            if search.missing[node as usize] == 0 {
                let entry = search.entry(node);
                search.ready.insert(entry);
            }
        }
        search
    }

    /// Joints first: they ask for nothing.
    fn entry(&self, node: u32) -> (u32, u32) {
        if self.graph.is_transaction(node) {
            (self.rank[self.events.transaction(node) as usize] + 1, node)
        } else {
            (0, node)
        }
    }

    fn run(&mut self, budget: u64) -> Found {
        let mut left = budget;
        // Where to go on among the ready events, when a choice was wrong.
        let mut behind: Option<(u32, u32)> = None;
        while self.order.len() < self.graph.nodes() {
            let Some((event, forced)) = self.choose(behind, &mut left) else {
                if left == 0 {
                    return Found::Exhausted;
                }
                match self.backtrack() {
                    Some(event) => behind = Some(self.entry(event)),
                    None => return Found::None,
                }
                continue;
            };
            behind = None;
            self.place(event, forced);
            if !forced && self.dead.contains(&self.set) {
                self.take_back();
                behind = Some(self.entry(event));
            }
        }
        Found::Order
    }

    /// The next event to place, and whether nothing else need be tried in its stead.
    fn choose(&self, behind: Option<(u32, u32)>, left: &mut u64) -> Option<(u32, bool)> {
        let mut first = None;
        for entry in &self.ready {
            if *left == 0 {
                return None;
            }
            *left -= 1;
            let tried = behind.is_some_and(|behind| *entry <= behind);
            if !tried && self.is_possible(entry.1) {
                // What can only help was taken before anything else was tried.
                if behind.is_none() && self.only_helps(entry.1) {
                    return Some((entry.1, true));
                }
                first = first.or(Some((entry.1, false)));
                if behind.is_some() {
                    break;
                }
            }
        }
        first
    }

    fn is_possible(&self, event: u32) -> bool {
        if !self.graph.is_transaction(event) {
            return true;
        }
        let versions = self.versions;
        let transaction = self.events.transaction(event);
        let starts = self.starts(event);
        let reads = versions.reads(transaction);
        let key = |version: &u32| versions.key(*version) as usize;
        if starts && !reads.iter().all(|version| self.current[key(version)] == *version) {
            return false;
        }
        let mut writes = versions.writes(transaction).iter();
        if !self.events.is_commit(event) {
            return writes.all(|version| self.locked[key(version)] == NOBODY);
        }
        writes.all(|version| {
            let overwritten = self.current[key(version)];
            let own = starts && reads.binary_search(&overwritten).is_ok();
            self.unread[overwritten as usize] == u32::from(own)
        })
    }

    fn only_helps(&self, event: u32) -> bool {
        if !self.graph.is_transaction(event) {
            return true;
        }
        let mut writes = self.versions.writes(self.events.transaction(event)).iter();
        writes.all(|version| self.writers[self.versions.key(*version) as usize] == 1)
    }

    fn place(&mut self, event: u32, forced: bool) {
        let entry = self.entry(event);
        self.ready.remove(&entry);
        for edge in self.graph.out(event) {
            let missing = &mut self.missing[edge.to() as usize];
            *missing -= 1;
            if *missing == 0 {
                let entry = self.entry(edge.to());
                self.ready.insert(entry);
            }
        }
        self.set ^= mark(event);
        self.order.push(Placed { event, forced });
        if self.graph.is_transaction(event) {
            self.effect(event);
        }
    }

    /// Reads at the beginning, locks until the commit, writes at the commit.
    fn effect(&mut self, event: u32) {
        let (versions, transaction) = (self.versions, self.events.transaction(event));
        if self.starts(event) {
            for version in versions.reads(transaction) {
                self.unread[*version as usize] -= 1;
            }
        }
        for version in versions.writes(transaction) {
            let key = versions.key(*version) as usize;
            if self.events.is_commit(event) {
                self.overwritten.push(std::mem::replace(&mut self.current[key], *version));
                self.locked[key] = NOBODY;
                self.writers[key] -= 1;
            } else {
                self.locked[key] = transaction;
            }
        }
    }

    fn starts(&self, event: u32) -> bool {
        !self.events.split || !self.events.is_commit(event)
    }

    /// As before [`Self::effect`].
    fn undo(&mut self, event: u32) {
        let (versions, transaction) = (self.versions, self.events.transaction(event));
        for version in versions.writes(transaction).iter().rev() {
            let key = versions.key(*version) as usize;
            self.locked[key] = NOBODY;
            if self.events.is_commit(event)
                && let Some(before) = self.overwritten.pop()
            {
                self.current[key] = before;
                self.writers[key] += 1;
                self.locked[key] = if self.events.split { transaction } else { NOBODY };
            }
        }
        if self.starts(event) {
            for version in versions.reads(transaction) {
                self.unread[*version as usize] += 1;
            }
        }
    }

    fn take_back(&mut self) -> Option<Placed> {
        let placed = self.order.pop()?;
        let event = placed.event;
        if self.graph.is_transaction(event) {
            self.undo(event);
        }
        self.set ^= mark(event);
        for edge in self.graph.out(event) {
            let missing = self.missing[edge.to() as usize];
            if missing == 0 {
                let entry = self.entry(edge.to());
                self.ready.remove(&entry);
            }
            self.missing[edge.to() as usize] = missing + 1;
        }
        let entry = self.entry(event);
        self.ready.insert(entry);
        Some(placed)
    }

    /// Takes events back to the last choice; this and all behind it lead nowhere.
    fn backtrack(&mut self) -> Option<u32> {
        loop {
            self.dead.insert(self.set);
            let placed = self.take_back()?;
            if !placed.forced {
                return Some(placed.event);
            }
        }
    }
}

/// An event's share of the hash of a set: two rounds of SplitMix64.
fn mark(event: u32) -> u128 {
    let half = |seed: u64| {
        let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let event = u64::from(event);
    u128::from(half(2 * event + 1)) << 64 | u128::from(half(2 * event + 2))
}
