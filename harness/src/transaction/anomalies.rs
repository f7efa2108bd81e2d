//! Cycles by their names, and the levels that forbid them. Adya, Weak Consistency (MIT 1999); Cerone & Gotsman,
//! Analysing Snapshot Isolation (PODC 2016), for cycles without adjacent `rw` edges.
//!
//! Whether a level is violated is decided exactly and in linear time, by the components of the graph that holds its
//! edges only. Which cycle is shown is found by a search with a budget.

use super::{
    graph::{
        Components, Graph, Kind, Kinds, Scope, apart, components,
        cycle::{Link, Query, Shape, shortest},
    },
    level::Standing,
};
use crate::verify::Level;

/// The kinds of cycles, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// Writes only.
    G0,
    /// Writes and what is read of them.
    G1c,
    /// One read that missed a write.
    GSingle,
    /// Several, of which no two follow each other.
    GNonadjacent,
    /// Several, of which two follow each other.
    G2Item,
}

impl Base {
    /// How cycles of this class are looked for.
    pub fn query(self, scope: Scope) -> Query {
        let orders = scope.kinds();
        let (writes, forward) = (Kinds::WRITES.union(orders), Kinds::FORWARD.union(orders));
        let all = forward.with(Kind::Rw);
        let (first, others, shape) = match self {
            Self::G0 => (Kind::Ww, writes, Shape::Any),
            Self::G1c => (Kind::Wr, forward, Shape::Any),
            Self::GSingle => (Kind::Rw, forward, Shape::Any),
            Self::GNonadjacent => (Kind::Rw, all, Shape::Apart),
            Self::G2Item => (Kind::Rw, all, Shape::Adjacent),
        };
        Query { first, others, shape }
    }
}

/// A cycle's name with the orders that it needs.
pub fn rule(base: Base, scope: Scope) -> &'static str {
    match (base, scope) {
        (Base::G0, Scope::Plain) => "G0",
        (Base::G0, Scope::Session) => "G0-process",
        (Base::G0, Scope::Realtime) => "G0-realtime",
        (Base::G1c, Scope::Plain) => "G1c",
        (Base::G1c, Scope::Session) => "G1c-process",
        (Base::G1c, Scope::Realtime) => "G1c-realtime",
        (Base::GSingle, Scope::Plain) => "G-single",
        (Base::GSingle, Scope::Session) => "G-single-process",
        (Base::GSingle, Scope::Realtime) => "G-single-realtime",
        (Base::GNonadjacent, Scope::Plain) => "G-nonadjacent",
        (Base::GNonadjacent, Scope::Session) => "G-nonadjacent-process",
        (Base::GNonadjacent, Scope::Realtime) => "G-nonadjacent-realtime",
        (Base::G2Item, Scope::Plain) => "G2-item",
        (Base::G2Item, Scope::Session) => "G2-item-process",
        (Base::G2Item, Scope::Realtime) => "G2-item-realtime",
    }
}

/// The weakest levels that forbid such a cycle.
pub fn levels(base: Base, scope: Scope) -> &'static [Level] {
    match (base, scope) {
        (Base::G0, Scope::Plain) => &[Level::ReadUncommitted],
        (Base::G1c, Scope::Plain) => &[Level::ReadCommitted],
        (Base::G0 | Base::G1c, Scope::Session) => &[Level::Causal],
        (Base::GSingle | Base::GNonadjacent, Scope::Plain) => &[Level::RepeatableRead, Level::SnapshotIsolation],
        (Base::GSingle | Base::GNonadjacent, Scope::Session) => &[Level::StrongSessionSnapshotIsolation],
        (Base::G2Item, Scope::Plain) => &[Level::RepeatableRead],
        (Base::G2Item, Scope::Session) => &[Level::StrongSessionSerializable],
        (Base::G2Item, Scope::Realtime) => &[Level::StrictSerializable],
        (_, Scope::Realtime) => &[Level::StrongSnapshotIsolation],
    }
}

/// What a cycle is.
pub fn classify(links: &[Link]) -> (Base, Scope) {
    let has = |kind: Kind| links.iter().any(|link| link.kind == kind);
    let scope = match (has(Kind::Realtime), has(Kind::Process)) {
        (true, _) => Scope::Realtime,
        (false, true) => Scope::Session,
        (false, false) => Scope::Plain,
    };
    let rw = |index: usize| links[index % links.len()].kind == Kind::Rw;
    let base = match (0..links.len()).filter(|index| rw(*index)).count() {
        0 if has(Kind::Wr) => Base::G1c,
        0 => Base::G0,
        1 => Base::GSingle,
        _ if (0..links.len()).any(|index| rw(index) && rw(index + 1)) => Base::G2Item,
        _ => Base::GNonadjacent,
    };
    (base, scope)
}

/// A cycle that meets nobody twice, out of one that may: a way to where it was is a cycle of its own.
fn simple(links: Vec<Link>) -> Vec<Link> {
    let mut walk: Vec<Link> = Vec::new();
    for link in links {
        if let Some(before) = walk.iter().position(|other| other.from == link.to) {
            let mut inner = walk.split_off(before);
            inner.push(link);
            return inner;
        }
        walk.push(link);
    }
    walk
}

/// Whether an edge of this kind lies within a component.
fn within(graph: &Graph, parts: &Components, kind: Kind) -> bool {
    (0..graph.nodes() as u32).any(|node| {
        parts.is_cyclic(node)
            && graph.out(node).iter().any(|edge| edge.kind() == kind && parts.of(edge.to()) == parts.of(node))
    })
}

/// What one class of cycles is looked for in.
struct Class {
    base: Base,
    begins: Components,
    /// Nodes of `begins` are states of two a node.
    doubled: bool,
}

impl Class {
    /// Whether a cycle of the class begins here with an edge of this kind: the edge stays within its component. So the
    /// first search finds one, whatever the budget.
    fn begins(&self, graph: &Graph, node: u32, first: Kind) -> bool {
        let parts = &self.begins;
        let stays = |to: u32| match self.doubled {
            true => parts.of(2 * to + u32::from(first == Kind::Rw)) == parts.of(2 * node),
            false => parts.of(to) == parts.of(node) && parts.is_cyclic(node),
        };
        graph.out(node).iter().any(|edge| edge.kind() == first && stays(edge.to()))
    }
}

/// The classes of cycles that exist within a scope. `G-single` is not told from `G-nonadjacent` before one is found.
fn classes(graph: &Graph, scope: Scope) -> Vec<Class> {
    let orders = scope.kinds();
    let (writes, forward) = (Kinds::WRITES.union(orders), Kinds::FORWARD.union(orders));
    let all = forward.with(Kind::Rw);
    let mut found = Vec::new();
    let mut add = |base, begins, doubled| found.push(Class { base, begins, doubled });
    for (base, kinds, kind) in [(Base::G0, writes, Kind::Ww), (Base::G1c, forward, Kind::Wr)] {
        let parts = components(graph, kinds);
        if within(graph, &parts, kind) {
            add(base, parts, false);
        }
    }
    let parts = apart(graph, all);
    if (0..graph.nodes() as u32).any(|node| parts.is_cyclic(2 * node + 1)) {
        add(Base::GSingle, parts.clone(), true);
        add(Base::GNonadjacent, parts, true);
    }
    let parts = components(graph, all);
    if within(graph, &parts, Kind::Rw) {
        add(Base::G2Item, parts, false);
    }
    found
}

/// Finds one shortest cycle of each class, in the narrowest scope that has one, and tells which levels are violated.
///
/// `graph` holds what lies on cycles; `known` are classes of which a cycle was shown already. Cycles are told as edges
/// of this graph.
pub fn cycles(
    graph: &Graph,
    scopes: &[Scope],
    known: &[(Base, Scope)],
    standing: &mut Standing,
    budget: u64,
) -> Vec<Vec<Link>> {
    let mut shown: Vec<(Base, Scope)> = known.to_vec();
    let mut found = Vec::new();
    for scope in scopes {
        let classes = classes(graph, *scope);
        for class in &classes {
            let is_shown = |base: Base| shown.iter().any(|(other, within)| *other == base && within <= scope);
            let g2_is_more = class.base == Base::G2Item && classes.iter().any(|other| other.base == Base::GSingle);
            // `G-single` and `G-nonadjacent` are one class as far as it is known to exist, and forbidden alike.
            for level in levels(class.base, *scope) {
                standing.violate(*level);
            }
            if is_shown(class.base) || class.base == Base::GNonadjacent && is_shown(Base::GSingle) {
                continue;
            }
            let query = class.base.query(*scope);
            let begins = |node| class.begins(graph, node, query.first);
            let mut links = shortest(graph, query, begins, budget);
            if links.is_none() && class.base == Base::G2Item && !g2_is_more {
                // There is one, but the budget ended before its beginning was tried.
                let query = Query { shape: Shape::Any, ..query };
                links = shortest(graph, query, begins, budget);
            }
            let Some(links) = links.map(simple) else { continue };
            let what = classify(&links);
            if what.1 == *scope && !is_shown(what.0) {
                shown.push(what);
                found.push(links);
            }
        }
    }
    found
}
