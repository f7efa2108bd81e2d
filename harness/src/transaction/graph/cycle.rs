//! Shortest cycles of a given shape, by breadth-first search from each transaction that can begin one.
//!
//! Linear for each beginning, so quadratic in the worst case; bounded by a budget of edges that are looked at, the same
//! on every machine. The first search is always carried through. Where the budget ends early, the cycle is a cycle of
//! that shape still, but a shorter one may exist.

use super::{Graph, Kind, Kinds};
use std::collections::VecDeque;

/// What a cycle has to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any kind may follow any other.
    Any,
    /// No two `rw` edges follow each other, the last and the first included.
    Apart,
    /// The second edge is `rw` as the first is.
    Adjacent,
}

/// Which cycles are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// The kind of the first edge.
    pub first: Kind,
    /// The kinds of the others.
    pub others: Kinds,
    /// How they may follow each other.
    pub shape: Shape,
}

/// An edge between transactions, joints left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The transaction that comes first.
    pub from: u32,
    /// Why it does.
    pub kind: Kind,
    /// The transaction that comes later.
    pub to: u32,
}

const NOBODY: u32 = u32::MAX;

/// A search's tables, kept from one beginning to the next; a node has two states, as the shape says.
struct Search<'g> {
    graph: &'g Graph,
    query: Query,
    /// The run in which a state was last reached.
    run: Vec<u32>,
    /// How many edges lead to it, and from which state the last one.
    distance: Vec<u32>,
    parent: Vec<u32>,
    /// The kind of that last edge.
    via: Vec<Kind>,
    runs: u32,
}

/// The shortest cycle of that shape whose first edge leaves a transaction for which `begins` holds.
pub fn shortest(graph: &Graph, query: Query, begins: impl Fn(u32) -> bool, budget: u64) -> Option<Vec<Link>> {
    let states = 2 * graph.nodes();
    let mut search = Search {
        graph,
        query,
        run: vec![0; states],
        distance: vec![0; states],
        parent: vec![NOBODY; states],
        via: vec![Kind::Ww; states],
        runs: 0,
    };
    let (mut left, mut best) = (budget, None::<Vec<Link>>);
    for begin in 0..graph.transactions() {
        let may = begins(begin) && graph.out(begin).iter().any(|edge| edge.kind() == query.first);
        if !may {
            continue;
        }
        let limit = best.as_ref().map_or(u32::MAX, |links| links.len() as u32);
        if let Some(links) = search.from(begin, limit, &mut left) {
            best = Some(links);
        }
        // Nothing is shorter than two edges.
        if left == 0 || best.as_ref().is_some_and(|links| links.len() == 2) {
            break;
        }
    }
    best
}

impl Search<'_> {
    /// The shortest cycle through `begin` with fewer than `limit` edges.
    fn from(&mut self, begin: u32, limit: u32, left: &mut u64) -> Option<Vec<Link>> {
        self.runs += 1;
        let mut queue = VecDeque::new();
        self.follow(begin, 2 * begin, true, 0, &mut queue, left);
        while let Some(state) = queue.pop_front() {
            let (node, distance) = (state / 2, self.distance[state as usize]);
            if node == begin {
                return (distance < limit).then(|| self.links(state));
            }
            if distance + 1 < limit {
                self.follow(begin, state, false, distance, &mut queue, left);
            }
        }
        None
    }

    fn follow(&mut self, begin: u32, from: u32, first: bool, far: u32, queue: &mut VecDeque<u32>, left: &mut u64) {
        let graph = self.graph;
        for edge in graph.out(from / 2) {
            *left = left.saturating_sub(1);
            let Some(bit) = self.next(from, first, edge.kind()) else { continue };
            if edge.to() == begin && !self.closes(bit, edge.kind()) {
                continue;
            }
            let state = 2 * edge.to() + bit;
            let transaction = graph.is_transaction(edge.to());
            let distance = far + u32::from(transaction);
            let seen = self.run[state as usize] == self.runs;
            if seen && self.distance[state as usize] <= distance {
                continue;
            }
            self.run[state as usize] = self.runs;
            self.distance[state as usize] = distance;
            self.parent[state as usize] = if first { NOBODY } else { from };
            self.via[state as usize] = edge.kind();
            if transaction { queue.push_back(state) } else { queue.push_front(state) }
        }
    }

    /// The state bit behind an edge of this kind; none where the shape does not allow it there.
    fn next(&self, from: u32, first: bool, kind: Kind) -> Option<u32> {
        let joint = !self.graph.is_transaction(from / 2);
        let (rw, bit) = (kind == Kind::Rw, from % 2);
        if first {
            return (kind == self.query.first).then_some(u32::from(rw && self.query.shape == Shape::Apart));
        }
        match self.query.shape {
            Shape::Any => self.query.others.has(kind).then_some(0),
            Shape::Apart if rw && bit == 1 && !joint => None,
            Shape::Apart => self.query.others.has(kind).then_some(u32::from(rw)),
            Shape::Adjacent if bit == 0 && joint => Some(0),
            Shape::Adjacent if bit == 0 => rw.then_some(1),
            Shape::Adjacent => self.query.others.has(kind).then_some(1),
        }
    }

    /// Whether a cycle may end with this edge.
    fn closes(&self, bit: u32, kind: Kind) -> bool {
        match self.query.shape {
            Shape::Any => true,
            Shape::Apart => kind != Kind::Rw,
            Shape::Adjacent => bit == 1,
        }
    }

    /// The way back from a state, as edges between transactions in order.
    fn links(&self, end: u32) -> Vec<Link> {
        let begin = end / 2;
        let mut states = vec![end];
        while let Some(parent) = states.last().map(|state| self.parent[*state as usize]).filter(|p| *p != NOBODY) {
            states.push(parent);
        }
        states.reverse();
        let mut links = Vec::new();
        let mut from = begin;
        for state in states.into_iter().filter(|state| self.graph.is_transaction(state / 2)) {
            links.push(Link { from, kind: self.via[state as usize], to: state / 2 });
            from = state / 2;
        }
        links
    }
}
