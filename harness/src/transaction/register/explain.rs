//! Why one transaction comes before another, with what an inference rests on.

use super::{
    index::Index,
    saturate::{Inference, Inferred, Why, with_inferred},
};
use crate::{
    transaction::{
        events::Events,
        graph::{Edges, Graph, Kind, cycle::Link},
        order::NOBODY,
    },
    verify::Dependency,
};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Why, for what was observed. Numbers are those of members.
pub fn observed(index: &Index<'_>, link: Link) -> String {
    let t = index.transactions;
    let (from, to) = (index.member(link.from), index.member(link.to));
    match link.kind {
        Kind::Process => t.process_reason(from, to),
        Kind::Realtime => t.realtime_reason(from, to),
        Kind::Wr => {
            let mut reads = index.reads.of(link.to).iter();
            match reads.find(|version| index.writer_of[**version as usize] == link.from) {
                Some(version) => {
                    format!("T{to} {}, which T{from} wrote", index.show_read(link.to, index.key_of[*version as usize]))
                }
                None => format!("T{to} read what T{from} wrote and then overwrote"),
            }
        }
        // Only reads of initial values are observed to come before writes.
        Kind::Rw | Kind::Ww => {
            let initial = |version: &&u32| {
                let key = index.key_of[**version as usize];
                index.writer_of[**version as usize] == NOBODY && index.written(link.to, key).is_some()
            };
            index.reads.of(link.from).iter().find(initial).map_or_else(String::new, |version| {
                let key = index.key_of[*version as usize];
                let written = index.written(link.to, key).map_or_else(String::new, |v| index.show_written(v));
                let read = index.show_read(link.from, key);
                format!("T{from} {read}, the initial value, which T{to} replaced by {written}")
            })
        }
    }
}

/// What a transaction wrote to a key, as in `T3's write of 7 to x`.
fn write_of(index: &Index<'_>, writer: u32, key: u32) -> String {
    let value = index.written(writer, key).map_or_else(String::new, |version| index.show_written(version));
    format!("T{}'s write of {value} to {}", index.member(writer), index.show_key(key))
}

/// Explains inferred edges; graphs of earlier rounds are kept.
pub struct Explainer<'e, 't> {
    pub index: &'e Index<'t>,
    pub events: Events,
    pub known: &'e Edges,
    pub inferred: &'e Inferred,
    graphs: HashMap<u32, Graph>,
    /// Everybody who was mentioned.
    pub mentioned: BTreeSet<u32>,
    /// Inferences whose premises have still to be followed.
    todo: Vec<Inference>,
    done: BTreeSet<(u32, u32, Kind)>,
}

/// Most inferences whose premises are followed for a witness.
const MOST_FOLLOWED: usize = 256;
/// Most links of a way that premises tell.
const MOST_LINKS: usize = 6;

impl<'e, 't> Explainer<'e, 't> {
    /// For what was inferred from these known edges.
    pub fn new(index: &'e Index<'t>, events: Events, known: &'e Edges, inferred: &'e Inferred) -> Self {
        let (graphs, mentioned) = (HashMap::new(), BTreeSet::new());
        Self { index, events, known, inferred, graphs, mentioned, todo: Vec::new(), done: BTreeSet::new() }
    }

    /// An edge of a cycle with its reason and premises.
    pub fn dependency(&mut self, link: Link) -> Dependency {
        let (from, to) = (self.index.member(link.from), self.index.member(link.to));
        self.mentioned.extend([link.from, link.to]);
        let (reason, premises) = match self.inference(link) {
            None => (observed(self.index, link), Vec::new()),
            Some(inference) => (self.reason(&inference), self.premises(&inference)),
        };
        Dependency { from, to, kind: link.kind.name().to_owned(), reason, premises }
    }

    /// Follows premises of premises, so that all who matter are mentioned.
    pub fn follow(&mut self) {
        for _ in 0..MOST_FOLLOWED {
            let Some(inference) = self.todo.pop() else { return };
            self.premises(&inference);
        }
    }

    /// An inference is shown only where nothing was observed.
    fn inference(&self, link: Link) -> Option<Inference> {
        let inferred = matches!(link.kind, Kind::Ww | Kind::Rw);
        if inferred { self.inferred.find(link.from, link.to, link.kind).copied() } else { None }
    }

    fn reason(&self, inference: &Inference) -> String {
        let Inference { from, to, key, kind, .. } = *inference;
        let written = write_of(self.index, to, key);
        match kind {
            Kind::Rw => format!("T{} {} before {written}", self.index.member(from), self.index.show_read(from, key)),
            _ => format!("{} comes before {written}", write_of(self.index, from, key)),
        }
    }

    fn premises(&mut self, inference: &Inference) -> Vec<String> {
        let Inference { from, to, key, why, known, kind } = *inference;
        self.done.insert((from, to, kind));
        let events = self.events;
        let mut premises = Vec::new();
        match why {
            Why::Overlap => {
                let way = self.way(known, events.start(from), events.commit(to));
                premises.push(format!(
                    "T{} and T{} both wrote {}: under snapshot isolation one begins only when the other has committed",
                    self.index.member(from),
                    self.index.member(to),
                    self.index.show_key(key)
                ));
                premises.extend(self.tell(&way));
            }
            Why::Overlooked { reader } => {
                self.mentioned.insert(reader);
                let way = self.way(known, events.commit(from), events.start(reader));
                premises.extend(self.tell(&way));
                premises.push(format!(
                    "but T{} {}, which T{} wrote",
                    self.index.member(reader),
                    self.index.show_read(reader, key),
                    self.index.member(to)
                ));
            }
            Why::Missed { writer } => {
                self.mentioned.insert(writer);
                premises.push(format!(
                    "what T{} read there, T{} wrote",
                    self.index.member(from),
                    self.index.member(writer)
                ));
                let way = self.way(known, events.start(writer), events.commit(to));
                if !way.is_empty() {
                    premises.extend(self.tell(&way));
                } else if let Some(order) = self.inferred.find(writer, to, Kind::Ww).copied() {
                    premises.push(self.reason(&order));
                    premises.extend(self.premises_once(&order));
                }
            }
        }
        premises
    }

    fn premises_once(&mut self, inference: &Inference) -> Vec<String> {
        if self.done.contains(&(inference.from, inference.to, inference.kind)) {
            return Vec::new();
        }
        self.premises(inference)
    }

    /// The links of a way in sentences; what they rest on is followed later.
    fn tell(&mut self, way: &[Link]) -> Vec<String> {
        let mut told = Vec::new();
        for link in way {
            self.mentioned.extend([link.from, link.to]);
            let reason = match self.inference(*link) {
                None => observed(self.index, *link),
                Some(inference) => {
                    if !self.done.contains(&(inference.from, inference.to, inference.kind)) {
                        self.todo.push(inference);
                    }
                    self.reason(&inference)
                }
            };
            if told.len() < MOST_LINKS {
                let (from, to) = (self.index.member(link.from), self.index.member(link.to));
                told.push(format!("T{from} comes before T{to}, because {reason}"));
            }
        }
        if way.len() > MOST_LINKS {
            told.push(format!("and {} more such steps", way.len() - MOST_LINKS));
        }
        told
    }

    /// The shortest way between two events by what was known then, as links between transactions.
    fn way(&mut self, known: u32, from: u32, to: u32) -> Vec<Link> {
        let (inferred, base, events) = (self.inferred, self.known, self.events);
        let graph =
            self.graphs.entry(known).or_insert_with(|| with_inferred(base, events, &inferred.list[..known as usize]));
        as_transactions(graph, events, &walk(graph, from, to))
    }
}

/// The shortest walk between two nodes: the kinds and ends of its edges. Empty where there is none.
pub fn walk(graph: &Graph, from: u32, to: u32) -> Vec<(Kind, u32)> {
    let mut parent: Vec<(u32, Kind)> = vec![(NOBODY, Kind::Ww); graph.nodes()];
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if node == to {
            break;
        }
        for edge in graph.out(node) {
            if parent[edge.to() as usize].0 == NOBODY && edge.to() != from {
                parent[edge.to() as usize] = (node, edge.kind());
                queue.push_back(edge.to());
            }
        }
    }
    let mut walk = Vec::new();
    let mut at = to;
    while at != from {
        let (before, kind) = parent[at as usize];
        if before == NOBODY {
            return Vec::new();
        }
        walk.push((kind, at));
        at = before;
    }
    walk.push((Kind::Process, from));
    walk.reverse();
    walk
}

/// A walk over events as links between transactions; joints and steps within a transaction are left out.
fn as_transactions(graph: &Graph, events: Events, walk: &[(Kind, u32)]) -> Vec<Link> {
    let mut links = Vec::new();
    let mut from = None;
    for (kind, node) in walk.iter().filter(|(_, node)| graph.is_transaction(*node)) {
        let to = events.transaction(*node);
        if let Some(from) = from.filter(|from| *from != to) {
            links.push(Link { from, kind: *kind, to });
        }
        from = Some(to);
    }
    links
}
