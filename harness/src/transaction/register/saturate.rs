//! What follows about the order of writes from what was read, until nothing more does.
//!
//! Of two transactions that wrote a key one comes first. If A's write comes before B's, all that read A's value read it
//! before B's write. If B was seen by somebody who read A's value all the same, B's write comes before A's. Under
//! snapshot isolation, of two that wrote the same key one begins when the other has committed. Each round reaches as far
//! as the edges of the last one: reachability as rows of bits, a block of sources at a time; O(e · n / 64) words a
//! round. Sound, and in practice nearly complete: what is left is searched for (Tan et al., Cobra, OSDI 2020; Huang et
//! al., PolySI, VLDB 2023, prune so before they ask a solver).

use super::index::Index;
use crate::transaction::{
    events::Events,
    graph::{Edges, Graph, Kind, Kinds, components},
    order::NOBODY,
};
use std::collections::HashMap;

/// Why an edge was inferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Both wrote the key, and the first began before the second committed.
    Overlap,
    /// `reader` saw the first and read what the second wrote.
    Overlooked {
        /// Who read.
        reader: u32,
    },
    /// The first read what `writer` wrote, or the initial value (`NOBODY`), and the second wrote behind it.
    Missed {
        /// Who wrote what was read.
        writer: u32,
    },
}

/// An inferred edge between transactions.
#[derive(Debug, Clone, Copy)]
pub struct Inference {
    /// Which comes first.
    pub from: u32,
    /// Which comes later.
    pub to: u32,
    /// `ww` or `rw`.
    pub kind: Kind,
    /// On which key.
    pub key: u32,
    /// Why.
    pub why: Why,
    /// How many inferences were known then.
    pub known: u32,
}

/// What was inferred.
#[derive(Debug, Default)]
pub struct Inferred {
    /// In the order in which they were found.
    pub list: Vec<Inference>,
    places: HashMap<(u32, u32, Kind), u32>,
    /// Whether nothing more follows; otherwise the budget was spent.
    pub complete: bool,
}

impl Inferred {
    /// Why an edge was inferred; none where it was not.
    pub fn find(&self, from: u32, to: u32, kind: Kind) -> Option<&Inference> {
        self.places.get(&(from, to, kind)).map(|place| &self.list[*place as usize])
    }

    fn add(&mut self, inference: Inference) {
        let Inference { from, to, kind, .. } = inference;
        if from != to && !self.places.contains_key(&(from, to, kind)) {
            self.places.insert((from, to, kind), self.list.len() as u32);
            self.list.push(inference);
        }
    }
}

/// The known order of events with the first so many inferences.
pub fn with_inferred(known: &Edges, events: Events, inferred: &[Inference]) -> Graph {
    let mut edges = known.clone();
    for inference in inferred {
        let (from, to) = match inference.kind {
            Kind::Rw => (events.start(inference.from), events.commit(inference.to)),
            _ => (events.commit(inference.from), events.start(inference.to)),
        };
        edges.add(from, to, inference.kind);
    }
    edges.finish()
}

/// Versions of one key: which is known to come before which.
struct Key {
    key: u32,
    /// Versions by their writers, which are ascending; the initial one is not among them.
    writers: Vec<u32>,
    words: usize,
    /// Rows of bits: who comes behind each.
    behind: Vec<u64>,
    /// The same, turned: who comes before each.
    before: Vec<u64>,
}

impl Key {
    fn has(&self, rows: &[u64], row: usize, bit: usize) -> bool {
        rows[row * self.words + bit / 64] >> (bit % 64) & 1 == 1
    }

    fn set(&mut self, from: usize, to: usize) {
        self.behind[from * self.words + to / 64] |= 1 << (to % 64);
        self.before[to * self.words + from / 64] |= 1 << (from % 64);
    }

    /// Whether no third version is known to come between; what contradicts itself is always next to each other.
    fn adjacent(&self, from: usize, to: usize) -> bool {
        let behind = &self.behind[from * self.words..(from + 1) * self.words];
        let before = &self.before[to * self.words..(to + 1) * self.words];
        let between = behind.iter().zip(before).any(|(left, right)| left & right != 0);
        !between || self.has(&self.behind, to, from)
    }
}

/// A pair of versions of a key whose order was found: places of their writers.
struct Pair {
    key: usize,
    from: usize,
    to: usize,
    why: Why,
    /// Whether edges say already that the first commits before the second begins.
    ordered: bool,
}

/// Infers until nothing more follows, a cycle shows, or the budget of words is spent.
pub fn saturate(index: &Index<'_>, known: &Edges, events: Events, budget: &mut u64) -> Inferred {
    let mut inferred = Inferred::default();
    let mut keys: Vec<Key> = (0..index.keys.len() as u32).filter_map(|key| contested(index, key)).collect();
    let size: u64 = keys.iter().map(|key| key.behind.len() as u64).sum();
    if size > *budget {
        return inferred;
    }
    loop {
        let graph = with_inferred(known, events, &inferred.list);
        let parts = components(&graph, Kinds::ALL);
        if parts.any() {
            return inferred;
        }
        let mut order: Vec<u32> = (0..graph.nodes() as u32).collect();
        order.sort_unstable_by_key(|node| std::cmp::Reverse(parts.of(*node)));
        let Some(pairs) = round(index, &graph, &order, events, &mut keys, budget) else { return inferred };
        let before = inferred.list.len();
        draw(index, &keys, events, pairs, &mut inferred);
        if inferred.list.len() == before {
            inferred.complete = true;
            return inferred;
        }
    }
}

/// A key that several wrote; others are ordered from the beginning.
fn contested(index: &Index<'_>, key: u32) -> Option<Key> {
    let writers: Vec<u32> = index.versions(key).skip(1).map(|version| index.writer_of[version as usize]).collect();
    let words = writers.len().div_ceil(64);
    let rows = vec![0; writers.len() * words];
    (writers.len() > 1).then(|| Key { key, words, behind: rows.clone(), before: rows, writers })
}

/// One round: reaches from every writer, and finds pairs of versions whose order is new. None where the budget ends.
fn round(
    index: &Index<'_>,
    graph: &Graph,
    order: &[u32],
    events: Events,
    keys: &mut [Key],
    budget: &mut u64,
) -> Option<Vec<Pair>> {
    let mut sources: Vec<u32> = keys.iter().flat_map(|key| key.writers.iter().copied()).collect();
    sources.sort_unstable();
    sources.dedup();
    let per_source = if events.split { 2 } else { 1 };
    // Rows of at most 64 MiB in all.
    let words = (8 << 20) / graph.nodes().max(1);
    let words = words.clamp(1, (sources.len() * per_source).div_ceil(64).max(1));
    let mut column = vec![NOBODY; index.len() as usize];
    let mut found = Vec::new();
    for block in sources.chunks(words * 64 / per_source) {
        let cost = (words * (graph.nodes() + graph.len())) as u64;
        *budget = budget.checked_sub(cost)?;
        for (place, source) in block.iter().enumerate() {
            column[*source as usize] = (place * per_source) as u32;
        }
        let reach = Reach::new(graph, order, events, block, words);
        for (at, key) in keys.iter_mut().enumerate() {
            *budget = budget.checked_sub(pairs_of(index, at, key, &column, &reach, &mut found))?;
        }
        for source in block {
            column[*source as usize] = NOBODY;
        }
    }
    Some(found)
}

/// Which sources reach each event.
struct Reach {
    words: usize,
    rows: Vec<u64>,
    events: Events,
}

impl Reach {
    fn new(graph: &Graph, order: &[u32], events: Events, block: &[u32], words: usize) -> Self {
        let mut rows = vec![0u64; graph.nodes() * words];
        let mut set = |event: u32, bit: usize| rows[event as usize * words + bit / 64] |= 1 << (bit % 64);
        for (place, source) in block.iter().enumerate() {
            if events.split {
                set(events.start(*source), 2 * place);
                set(events.commit(*source), 2 * place + 1);
            } else {
                set(*source, place);
            }
        }
        let mut row = vec![0; words];
        for node in order {
            let place = *node as usize * words;
            row.copy_from_slice(&rows[place..place + words]);
            if row.iter().all(|word| *word == 0) {
                continue;
            }
            for edge in graph.out(*node) {
                let place = edge.to() as usize * words;
                for (word, more) in rows[place..place + words].iter_mut().zip(&row) {
                    *word |= more;
                }
            }
        }
        Self { words, rows, events }
    }

    fn has(&self, event: u32, bit: u32) -> bool {
        self.rows[event as usize * self.words + bit as usize / 64] >> (bit % 64) & 1 == 1
    }

    /// Whether the source of this column begins before the event.
    fn begins_before(&self, column: u32, event: u32) -> bool {
        self.has(event, column)
    }

    /// Whether the source of this column commits before the event.
    fn commits_before(&self, column: u32, event: u32) -> bool {
        self.has(event, column + u32::from(self.events.split))
    }
}

/// Pairs of a key's versions whose order is new, from the sources of one block; tells how many were looked at.
fn pairs_of(index: &Index<'_>, at: usize, key: &mut Key, column: &[u32], reach: &Reach, found: &mut Vec<Pair>) -> u64 {
    let (mut cost, events) = (0, reach.events);
    let first = index.versions(key.key).start + 1;
    for from in 0..key.writers.len() {
        let writer = key.writers[from];
        let column = column[writer as usize];
        if column == NOBODY {
            continue;
        }
        for to in (0..key.writers.len()).filter(|to| *to != from) {
            let other = key.writers[to];
            cost += 1;
            if !key.has(&key.behind, from, to) && reach.begins_before(column, events.commit(other)) {
                let ordered = reach.commits_before(column, events.start(other));
                key.set(from, to);
                found.push(Pair { key: at, from, to, why: Why::Overlap, ordered });
            }
            for reader in index.readers.of(first + to as u32).iter().filter(|reader| **reader != writer) {
                cost += 1;
                if !key.has(&key.behind, from, to) && reach.commits_before(column, events.start(*reader)) {
                    let ordered = reach.commits_before(column, events.start(other));
                    key.set(from, to);
                    found.push(Pair { key: at, from, to, why: Why::Overlooked { reader: *reader }, ordered });
                }
            }
        }
    }
    cost
}

/// Edges from pairs whose order is new: between the writers, and from the readers of the first to the second.
fn draw(index: &Index<'_>, keys: &[Key], events: Events, pairs: Vec<Pair>, inferred: &mut Inferred) {
    let known = inferred.list.len() as u32;
    for Pair { key, from, to, why, ordered } in pairs {
        let entry = &keys[key];
        if !entry.adjacent(from, to) {
            continue;
        }
        let (key, one, two) = (entry.key, entry.writers[from], entry.writers[to]);
        // Where both are one event, who begins before the other commits is before it already.
        if !ordered && (events.split || why != Why::Overlap) {
            inferred.add(Inference { from: one, to: two, kind: Kind::Ww, key, why, known });
        }
        let version = index.versions(key).start + 1 + from as u32;
        for reader in index.readers.of(version).iter().filter(|reader| **reader != two) {
            inferred.add(Inference {
                from: *reader,
                to: two,
                kind: Kind::Rw,
                key,
                why: Why::Missed { writer: one },
                known,
            });
        }
    }
}
