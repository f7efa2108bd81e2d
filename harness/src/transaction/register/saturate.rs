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
use std::collections::{BinaryHeap, HashMap};

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
}

impl Inferred {
    /// Why an edge was inferred; none where it was not.
    pub fn find(&self, from: u32, to: u32, kind: Kind) -> Option<&Inference> {
        self.places.get(&(from, to, kind)).map(|place| &self.list[*place as usize])
    }

    /// Forgets all but the first so many.
    fn truncate(&mut self, length: usize) {
        for inference in self.list.drain(length..) {
            self.places.remove(&(inference.from, inference.to, inference.kind));
        }
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

/// A square of bits.
#[derive(Debug, Clone)]
struct Bits {
    words: usize,
    rows: Vec<u64>,
}

impl Bits {
    fn new(size: usize) -> Self {
        let words = size.div_ceil(64);
        Self { words, rows: vec![0; size * words] }
    }

    fn row(&self, row: usize) -> &[u64] {
        &self.rows[row * self.words..(row + 1) * self.words]
    }

    fn has(&self, row: usize, bit: usize) -> bool {
        self.rows[row * self.words + bit / 64] >> (bit % 64) & 1 == 1
    }

    fn set(&mut self, row: usize, bit: usize) {
        self.rows[row * self.words + bit / 64] |= 1 << (bit % 64);
    }
}

/// Versions of one key: which is known to come before which, by places of their writers.
#[derive(Debug, Clone)]
struct Key {
    key: u32,
    /// Who wrote the versions, ascending; the initial one is not among them.
    writers: Vec<u32>,
    /// Who comes behind each, and who before.
    behind: Bits,
    before: Bits,
    /// Who begins when each has committed, by the edges of this round.
    ordered: Bits,
    /// Pairs whose edges were drawn.
    drawn: Bits,
    /// Pairs that are known only because somebody saw the first and read the second.
    overlooked: HashMap<(usize, usize), u32>,
}

impl Key {
    fn set(&mut self, from: usize, to: usize) {
        self.behind.set(from, to);
        self.before.set(to, from);
    }

    /// Versions of which it is not known whether they come before or behind this one.
    fn open(&self, version: usize) -> impl Iterator<Item = usize> + '_ {
        let known = self.behind.row(version).iter().zip(self.before.row(version));
        let count = self.writers.len();
        known
            .enumerate()
            .flat_map(move |(at, (behind, before))| {
                let rest = count - 64 * at;
                let all = if rest >= 64 { u64::MAX } else { (1 << rest) - 1 };
                bits_of(64 * at, all & !(behind | before))
            })
            .filter(move |other| *other != version)
    }

    /// Who comes right behind, with no third version between; and all who come before as well, for a contradiction has
    /// to be drawn as one.
    fn next(&self, from: usize) -> Vec<usize> {
        let all = self.behind.row(from);
        let mut left = all.to_vec();
        for third in bits(all) {
            // What was taken out takes nothing out that its own third version did not.
            if left[third / 64] >> (third % 64) & 1 == 1 {
                left.iter_mut().zip(self.behind.row(third)).for_each(|(word, behind)| *word &= !behind);
            }
        }
        bits(all).filter(|to| left[to / 64] >> (to % 64) & 1 == 1 || self.behind.has(*to, from)).collect()
    }
}

/// The places of set bits.
fn bits(row: &[u64]) -> impl Iterator<Item = usize> + '_ {
    row.iter().enumerate().flat_map(|(at, word)| bits_of(64 * at, *word))
}

fn bits_of(first: usize, mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(first + bit)
    })
}

/// How far inference came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Nothing more follows, and there is no cycle.
    End,
    /// There is a cycle.
    Cycle,
    /// The budget is spent.
    Spent,
}

/// What is known about the order of versions.
pub struct Saturation {
    /// What was inferred.
    pub inferred: Inferred,
    keys: Vec<Key>,
}

impl Saturation {
    /// Nothing inferred yet. Where there are too many pairs of versions, the budget is spent at once.
    pub fn new(index: &Index<'_>, budget: &mut u64) -> Self {
        let mut left = Some(MOST_PAIRS);
        let keys = (0..index.keys.len() as u32).filter_map(|key| contested(index, key, &mut left)).collect();
        if left.is_none() {
            *budget = 0;
        }
        Self { inferred: Inferred::default(), keys }
    }

    /// Infers until nothing more follows, a cycle shows, or the budget of words is spent.
    pub fn run(&mut self, index: &Index<'_>, known: &Edges, events: Events, budget: &mut u64) -> Reached {
        loop {
            let graph = with_inferred(known, events, &self.inferred.list);
            let parts = components(&graph, Kinds::ALL);
            if parts.any() {
                return Reached::Cycle;
            }
            let mut order: Vec<u32> = (0..graph.nodes() as u32).collect();
            order.sort_unstable_by_key(|node| std::cmp::Reverse(parts.of(*node)));
            if *budget == 0 || round(index, &graph, &order, events, &mut self.keys, budget).is_none() {
                *budget = 0;
                return Reached::Spent;
            }
            let before = self.inferred.list.len();
            for key in &mut self.keys {
                draw(index, key, events, &mut self.inferred);
            }
            if self.inferred.list.len() == before {
                return Reached::End;
            }
        }
    }

    /// Whether an order of all versions is found by supposing what does not follow. `Cycle` where what was supposed first
    /// leads nowhere: then there may be an order, or none.
    ///
    /// Supposed are pairs as they stand in an order of events that all edges allow, many at a time; where that leads to
    /// a cycle, half as many. Of a single pair that does, the other order follows.
    pub fn complete(
        &mut self,
        index: &Index<'_>,
        known: &Edges,
        events: Events,
        ranks: &[u32],
        budget: &mut u64,
    ) -> Reached {
        let mut many = usize::MAX;
        loop {
            let reached = self.run(index, known, events, budget);
            if reached != Reached::End {
                return reached;
            }
            let graph = with_inferred(known, events, &self.inferred.list);
            let open = self.open(&places(&graph, events, ranks), events);
            if open.is_empty() {
                return Reached::End;
            }
            many = many.clamp(1, open.len());
            while many > 0 {
                let (keys, length) = (self.keys.clone(), self.inferred.list.len());
                open[..many].iter().for_each(|(key, from, to)| self.keys[*key].set(*from, *to));
                match self.run(index, known, events, budget) {
                    Reached::End => break,
                    Reached::Spent => return Reached::Spent,
                    Reached::Cycle => {
                        self.keys = keys;
                        self.inferred.truncate(length);
                        many /= 2;
                    }
                }
            }
            if many == 0 {
                let (key, from, to) = open[0];
                self.keys[key].set(to, from);
            }
            many = many.saturating_mul(2);
        }
    }

    /// Pairs of versions whose order is not known, as they stand at these places; the earliest first.
    fn open(&self, places: &[u32], events: Events) -> Vec<(usize, usize, usize)> {
        let mut open = Vec::new();
        for (at, key) in self.keys.iter().enumerate() {
            let place = |version: usize| places[events.commit(key.writers[version]) as usize];
            for one in 0..key.writers.len() {
                for two in key.open(one).take_while(|two| *two < one) {
                    open.push(if place(one) < place(two) { (at, one, two) } else { (at, two, one) });
                }
            }
        }
        open.sort_unstable_by_key(|(at, from, to)| {
            let place = |version: usize| places[events.commit(self.keys[*at].writers[version]) as usize];
            (place(*from).max(place(*to)), place(*from), *at)
        });
        open
    }
}

/// Places of all events in an order that the edges allow: a commit as soon as it may be, else what ranks first.
fn places(graph: &Graph, events: Events, ranks: &[u32]) -> Vec<u32> {
    let mut missing = vec![0u32; graph.nodes()];
    for edge in (0..graph.nodes() as u32).flat_map(|node| graph.out(node)) {
        missing[edge.to() as usize] += 1;
    }
    let entry = |node: u32| {
        let is_event = graph.is_transaction(node);
        let waits = is_event && events.split && !events.is_commit(node);
        let rank = if is_event { ranks[events.transaction(node) as usize] } else { 0 };
        std::cmp::Reverse((waits, rank, node))
    };
    let mut ready: BinaryHeap<_> =
        (0..graph.nodes() as u32).filter(|node| missing[*node as usize] == 0).map(entry).collect();
    let mut places = vec![0; graph.nodes()];
    let mut place = 0;
    while let Some(std::cmp::Reverse((_, _, node))) = ready.pop() {
        places[node as usize] = place;
        place += 1;
        for edge in graph.out(node) {
            missing[edge.to() as usize] -= 1;
            if missing[edge.to() as usize] == 0 {
                ready.push(entry(edge.to()));
            }
        }
    }
    places
}

/// Most pairs of versions of one key, over all keys: a bit each in three tables.
const MOST_PAIRS: u64 = 1 << 29;

/// A key that several wrote; others are ordered from the beginning. None also where there would be too many pairs.
fn contested(index: &Index<'_>, key: u32, left: &mut Option<u64>) -> Option<Key> {
    let writers: Vec<u32> = index.versions(key).skip(1).map(|version| index.writer_of[version as usize]).collect();
    if writers.len() < 2 {
        return None;
    }
    *left = left.and_then(|left| left.checked_sub((writers.len() * writers.len()) as u64));
    (*left)?;
    let bits = Bits::new(writers.len());
    let (behind, before, ordered, drawn) = (bits.clone(), bits.clone(), bits.clone(), bits);
    Some(Key { key, behind, before, ordered, drawn, writers, overlooked: HashMap::new() })
}

/// One round: reaches from every writer, and finds which versions come before which. None where the budget ends.
fn round(
    index: &Index<'_>,
    graph: &Graph,
    order: &[u32],
    events: Events,
    keys: &mut [Key],
    budget: &mut u64,
) -> Option<()> {
    let is_open = |key: &Key, version: usize| key.open(version).next().is_some();
    let of = |key: &'_ Key| -> Vec<u32> {
        let open = (0..key.writers.len()).filter(|version| is_open(key, *version));
        open.map(|version| key.writers[version]).collect()
    };
    let mut sources: Vec<u32> = keys.iter().flat_map(of).collect();
    sources.sort_unstable();
    sources.dedup();
    let per_source = if events.split { 2 } else { 1 };
    // Rows of 8 MiB in all, which caches hold, unless that is less than a line each.
    let words = (1 << 20) / graph.nodes().max(1);
    let words = words.max(8).min((sources.len() * per_source).div_ceil(64).max(1));
    let mut reach = Reach { words, rows: Vec::new(), events };
    for key in keys.iter_mut() {
        key.ordered.rows.fill(0);
    }
    for block in sources.chunks(words * 64 / per_source) {
        *budget = budget.checked_sub((words * (graph.nodes() + graph.len())) as u64)?;
        reach.fill(graph, order, block);
        for key in keys.iter_mut() {
            *budget = budget.checked_sub(compare(index, key, block, &reach))?;
        }
    }
    Some(())
}

/// Which sources reach each event.
struct Reach {
    words: usize,
    rows: Vec<u64>,
    events: Events,
}

impl Reach {
    /// For the sources of a block, in an order of events that all edges follow.
    fn fill(&mut self, graph: &Graph, order: &[u32], block: &[u32]) {
        let Self { words, ref mut rows, events } = *self;
        rows.clear();
        rows.resize(graph.nodes() * words, 0);
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
    }

    fn has(&self, event: u32, bit: u32) -> bool {
        self.rows[event as usize * self.words + bit as usize / 64] >> (bit % 64) & 1 == 1
    }
}

/// Compares versions whose order is not known with those of the sources of one block; tells how many were looked at.
///
/// Row after row, so that what is looked at stands together.
fn compare(index: &Index<'_>, key: &mut Key, block: &[u32], reach: &Reach) -> u64 {
    let (events, commit) = (reach.events, u32::from(reach.events.split));
    // Columns of the beginnings of the writers that are sources of this block.
    let column = |writer: &u32| block.binary_search(writer).map_or(NOBODY, |place| place as u32 * (1 + commit));
    let columns: Vec<u32> = key.writers.iter().map(column).collect();
    if columns.iter().all(|column| *column == NOBODY) {
        return 0;
    }
    let mut cost = 0;
    let first = index.versions(key.key).start + 1;
    let mut open = Vec::new();
    for to in 0..key.writers.len() {
        open.clear();
        open.extend(key.open(to).map(|from| (from, columns[from])).filter(|(_, column)| *column != NOBODY));
        if open.is_empty() {
            continue;
        }
        let other = key.writers[to];
        cost += open.len();
        for (from, column) in &open {
            if reach.has(events.start(other), column + commit) {
                key.ordered.set(*from, to);
                key.set(*from, to);
            } else if reach.has(events.commit(other), *column) {
                key.set(*from, to);
            }
        }
        for reader in index.readers.of(first + to as u32) {
            cost += open.len();
            for (from, column) in &open {
                let seen = reach.has(events.start(*reader), column + commit) && key.writers[*from] != *reader;
                if seen && !key.behind.has(*from, to) {
                    key.set(*from, to);
                    key.overlooked.insert((*from, to), *reader);
                }
            }
        }
    }
    cost as u64
}

/// Edges between versions that follow each other: between the writers, and from the readers of the first to the second.
fn draw(index: &Index<'_>, key: &mut Key, events: Events, inferred: &mut Inferred) {
    let known = inferred.list.len() as u32;
    for from in 0..key.writers.len() {
        for to in key.next(from) {
            if key.drawn.has(from, to) {
                continue;
            }
            key.drawn.set(from, to);
            let (one, two) = (key.writers[from], key.writers[to]);
            let why = match key.overlooked.get(&(from, to)) {
                Some(reader) => Why::Overlooked { reader: *reader },
                None => Why::Overlap,
            };
            let ordered = key.ordered.has(from, to);
            let key = key.key;
            // Where both are one event, who begins before the other commits is before it already.
            if !ordered && (events.split || why != Why::Overlap) {
                inferred.add(Inference { from: one, to: two, kind: Kind::Ww, key, why, known });
            }
            let version = index.versions(key).start + 1 + from as u32;
            for reader in index.readers.of(version).iter().filter(|reader| **reader != two) {
                let why = Why::Missed { writer: one };
                inferred.add(Inference { from: *reader, to: two, kind: Kind::Rw, key, why, known });
            }
        }
    }
}
