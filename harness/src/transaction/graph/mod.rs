//! Graphs of transactions with labelled edges, in compressed rows: who has to come before whom, and why.
//!
//! The first nodes are transactions. Behind them stand joints: nodes that carry an order between many transactions with
//! few edges (real time, reads of the last version). A path through joints counts as one edge between transactions.

pub mod cycle;
mod scc;
#[cfg(test)]
mod tests;

pub use scc::{Components, apart, components};

/// Why one transaction comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// It wrote what the other overwrote.
    Ww,
    /// It wrote what the other read.
    Wr,
    /// It read what the other overwrote.
    Rw,
    /// The same process ran it before.
    Process,
    /// It had ended before the other began.
    Realtime,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Ww, Self::Wr, Self::Rw, Self::Process, Self::Realtime];

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ww => "ww",
            Self::Wr => "wr",
            Self::Rw => "rw",
            Self::Process => "process",
            Self::Realtime => "realtime",
        }
    }

    /// The set with nothing else in it.
    pub const fn only(self) -> Kinds {
        Kinds(1 << self as u8)
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Every kind.
    pub const ALL: Self = Self(0b1_1111);
    /// Only writes.
    pub const WRITES: Self = Kind::Ww.only();
    /// What is written and what is read of it.
    pub const FORWARD: Self = Self::WRITES.with(Kind::Wr);

    /// The set with one more kind.
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | kind.only().0)
    }

    /// What is in either.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the kind is in it.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & kind.only().0 != 0
    }
}

/// Which orders count besides what was read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// None.
    Plain,
    /// That of each process.
    Session,
    /// That of each process and of real time.
    Realtime,
}

impl Scope {
    /// All, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Session, Self::Realtime];

    /// The kinds of edges it adds.
    pub const fn kinds(self) -> Kinds {
        match self {
            Self::Plain => Kinds(0),
            Self::Session => Kind::Process.only(),
            Self::Realtime => Kind::Process.only().with(Kind::Realtime),
        }
    }
}

const SHIFT: u32 = 29;

/// Most nodes that a graph can have: the kind of an edge shares its word with the node it leads to.
pub const MOST_NODES: usize = 1 << SHIFT;

/// An edge as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge(u32);

impl Edge {
    fn new(to: u32, kind: Kind) -> Self {
        Self((kind as u32) << SHIFT | to)
    }

    /// Where it leads.
    pub fn to(self) -> u32 {
        self.0 & ((1 << SHIFT) - 1)
    }

    /// Why.
    pub fn kind(self) -> Kind {
        Kind::ALL[(self.0 >> SHIFT) as usize]
    }
}

/// Edges in any order, before they are sorted into a [`Graph`].
#[derive(Debug, Clone, Default)]
pub struct Edges {
    list: Vec<(u32, Edge)>,
    nodes: u32,
    transactions: u32,
}

impl Edges {
    /// No edges among so many transactions.
    pub fn new(transactions: usize) -> Self {
        Self { list: Vec::new(), nodes: transactions as u32, transactions: transactions as u32 }
    }

    /// Adds an edge; none leads from a node to itself.
    pub fn add(&mut self, from: u32, to: u32, kind: Kind) {
        if from != to {
            self.list.push((from, Edge::new(to, kind)));
        }
    }

    /// Each reader comes before each writer that is not itself, over joints: as many edges as there are readers and
    /// writers. Both ascend; `from` and `to` tell the nodes of readers and writers.
    pub fn add_all(
        &mut self,
        readers: &[u32],
        writers: &[u32],
        kind: Kind,
        from: impl Fn(u32) -> u32,
        to: impl Fn(u32) -> u32,
    ) {
        // Readers that write too must not come before themselves. One or two, as is usual, get edges of their own; for more
        // that would be an edge for each pair.
        let place = |reader: u32| writers.binary_search(&reader).ok();
        let (both, plain): (Vec<u32>, Vec<u32>) = readers.iter().partition(|reader| place(**reader).is_some());
        if both.len() > 2 {
            let places = both.iter().filter_map(|reader| Some((from(*reader), place(*reader)?)));
            self.add_to_others(&places.collect::<Vec<_>>(), writers, kind, &to);
        } else {
            for reader in both {
                for writer in writers.iter().filter(|writer| **writer != reader) {
                    self.add(from(reader), to(*writer), kind);
                }
            }
        }
        if plain.is_empty() || writers.is_empty() {
            return;
        }
        let joint = self.joints(1);
        for reader in plain {
            self.add(from(reader), joint, kind);
        }
        for writer in writers {
            self.add(joint, to(*writer), kind);
        }
    }

    /// From each node to all writers but the one at its place: over a chain of joints to those before it, and over one to
    /// those behind it.
    fn add_to_others(&mut self, places: &[(u32, usize)], writers: &[u32], kind: Kind, to: impl Fn(u32) -> u32) {
        let count = writers.len() as u32;
        let (before, behind) = (self.joints(count), self.joints(count));
        for (index, writer) in (0..count).zip(writers) {
            self.add(before + index, to(*writer), kind);
            self.add(behind + index, to(*writer), kind);
            if index > 0 {
                self.add(before + index, before + index - 1, kind);
                self.add(behind + index - 1, behind + index, kind);
            }
        }
        for (from, place) in places.iter().map(|(from, place)| (*from, *place as u32)) {
            if place > 0 {
                self.add(from, before + place - 1, kind);
            }
            if place + 1 < count {
                self.add(from, behind + place + 1, kind);
            }
        }
    }

    /// Adds so many joints and tells the first.
    pub fn joints(&mut self, count: u32) -> u32 {
        self.nodes += count;
        self.nodes - count
    }

    /// How many nodes there are, joints included.
    pub fn nodes(&self) -> usize {
        self.nodes as usize
    }

    /// The edges by the nodes they lead from. A counting sort: linear.
    pub fn finish(self) -> Graph {
        let mut first = vec![0u32; self.nodes as usize + 2];
        for (from, _) in &self.list {
            first[*from as usize + 2] += 1;
        }
        for index in 2..first.len() {
            first[index] += first[index - 1];
        }
        let mut edges = vec![Edge(0); self.list.len()];
        for (from, edge) in self.list {
            let place = &mut first[from as usize + 1];
            edges[*place as usize] = edge;
            *place += 1;
        }
        first.pop();
        Graph { first, edges, transactions: self.transactions }
    }
}

/// Transactions and what has to come before what.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    first: Vec<u32>,
    edges: Vec<Edge>,
    transactions: u32,
}

impl Graph {
    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.first.len().saturating_sub(1)
    }

    /// How many of the nodes are transactions; they are the first.
    pub fn transactions(&self) -> u32 {
        self.transactions
    }

    /// How many edges there are.
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether a node is a transaction and no joint.
    pub fn is_transaction(&self, node: u32) -> bool {
        node < self.transactions
    }

    /// The edges that lead from a node.
    pub fn out(&self, node: u32) -> &[Edge] {
        &self.edges[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }

    /// The part of the graph that lies on cycles, and which node each of its nodes was. Only edges within one component
    /// are kept: every cycle of the whole is in the part.
    pub fn cyclic_part(&self, parts: &Components) -> (Self, Vec<u32>) {
        let kept: Vec<u32> = (0..self.nodes() as u32).filter(|node| parts.is_cyclic(*node)).collect();
        let mut number = vec![u32::MAX; self.nodes()];
        for (index, node) in kept.iter().enumerate() {
            number[*node as usize] = index as u32;
        }
        let transactions = kept.partition_point(|node| self.is_transaction(*node));
        let mut part = Self { first: vec![0], edges: Vec::new(), transactions: transactions as u32 };
        for node in &kept {
            for edge in self.out(*node).iter().filter(|edge| parts.of(edge.to()) == parts.of(*node)) {
                part.edges.push(Edge::new(number[edge.to() as usize], edge.kind()));
            }
            part.first.push(part.edges.len() as u32);
        }
        (part, kept)
    }
}
