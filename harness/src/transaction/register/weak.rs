//! Read atomicity and causal consistency of registers with unique writes, decided completely.
//!
//! Who saw a transaction (at read atomic), or what happened before (causally), and read another's value of a key that it
//! wrote, shows that the other's write came later. There is an order of all writes exactly if these and what was read
//! make no cycle: nothing else constrains it (Biswas & Enea, OOPSLA 2019; Cerone et al., CONCUR 2015). Read atomic takes
//! O(n^1.5) for n reads and writes, causal O(n · k) for k sessions (AWDIT, PLDI 2025), times a logarithm here.

use super::{explain, index::Index};
use crate::{
    transaction::{
        anomalies::{Base, rule},
        causal::{Chains, Writers, cost, pasts, topological},
        graph::{
            Edges, Graph, Kind, Kinds, Scope, components,
            cycle::{Link, Query, Shape, shortest},
        },
        order::NOBODY,
        witness,
    },
    verify::{Dependency, Violation},
};
use std::collections::HashMap;

/// Who saw somebody and still read what another wrote to the same key, or its initial value.
#[derive(Debug, Clone, Copy)]
struct Overlooked {
    /// Who was overlooked.
    writer: u32,
    reader: u32,
    /// What was read instead.
    version: u32,
}

/// Reads, and sessions if they count, of the members.
pub fn happened_before(index: &Index<'_>, sessions: bool) -> Edges {
    let mut edges = Edges::new(index.len() as usize);
    for reader in 0..index.len() {
        for version in index.reads.of(reader) {
            let writer = index.writer_of[*version as usize];
            if writer != NOBODY {
                edges.add(writer, reader, Kind::Wr);
            }
        }
    }
    for (writer, reader) in &index.intermediate {
        edges.add(*writer, *reader, Kind::Wr);
    }
    if sessions {
        let node = |transaction: u32| index.number(transaction);
        crate::transaction::order::add_process(&mut edges, index.transactions, index.members.iter().copied(), node);
    }
    edges
}

/// A violation of read atomicity, if there is one.
pub fn read_atomic(index: &Index<'_>) -> Option<(Violation, Scope)> {
    let mut found = Vec::new();
    for reader in 0..index.len() {
        let reads = index.reads.of(reader);
        let mut writers: Vec<u32> = reads.iter().map(|version| index.writer_of[*version as usize]).collect();
        writers.sort_unstable();
        writers.dedup();
        for writer in writers.into_iter().filter(|writer| *writer != NOBODY) {
            let add = |version: u32, found: &mut Vec<Overlooked>| {
                if index.writer_of[version as usize] != writer {
                    found.push(Overlooked { writer, reader, version });
                }
            };
            let writes = index.writes.of(writer);
            // The shorter of the two is gone through, the longer one looked up.
            if writes.len() <= reads.len() {
                let keys = writes.iter().map(|version| index.key_of[*version as usize]);
                keys.filter_map(|key| index.read(reader, key)).for_each(|version| add(version, &mut found));
            } else {
                let both = reads.iter().filter(|read| index.written(writer, index.key_of[**read as usize]).is_some());
                both.for_each(|version| add(*version, &mut found));
            }
        }
    }
    decide(index, &happened_before(index, false), &found)
}

/// A violation of causal consistency, if there is one; an error says why that is not decided.
pub fn causal(index: &Index<'_>, budget: u64) -> Result<Option<(Violation, Scope)>, String> {
    let edges = happened_before(index, true);
    let graph = edges.clone().finish();
    let chains = Chains::new(index.transactions, &index.members);
    let Some(order) = topological(&graph) else { return Err("reads follow each other in a circle".to_owned()) };
    if cost(&graph, &chains) > budget.saturating_mul(64) {
        return Err(format!("{} transactions of {} sessions exhaust the budget", index.len(), chains.count));
    }
    let versions = 0..index.key_of.len() as u32;
    let written = versions.filter(|version| index.writer_of[*version as usize] != NOBODY);
    let pairs = written.map(|version| (index.key_of[version as usize], index.writer_of[version as usize]));
    let writers = Writers::new(&chains, pairs);
    let mut found = Vec::new();
    pasts(&graph, &order, &chains, |reader, clocks| {
        for version in index.reads.of(reader) {
            let instead = index.writer_of[*version as usize];
            for writer in writers.latest(index.key_of[*version as usize], clocks, reader) {
                // What happened before what was read says nothing new.
                let known = instead != NOBODY && clocks.has(instead, chains.of[writer as usize]);
                if writer != instead && !known {
                    found.push(Overlooked { writer, reader, version: *version });
                }
            }
        }
    });
    Ok(decide(index, &edges, &found))
}

/// Whether what was overlooked makes a cycle with what happened before.
fn decide(index: &Index<'_>, known: &Edges, found: &[Overlooked]) -> Option<(Violation, Scope)> {
    // An initial value was read in spite of a write that was seen: nothing can come before it.
    if let Some(overlooked) = found.iter().find(|entry| index.writer_of[entry.version as usize] == NOBODY) {
        return Some(violation(index, known, &HashMap::new(), *overlooked, &[]));
    }
    let mut edges = known.clone();
    let mut why: HashMap<(u32, u32), Vec<Overlooked>> = HashMap::new();
    for overlooked in found {
        let later = index.writer_of[overlooked.version as usize];
        why.entry((overlooked.writer, later)).or_default().push(*overlooked);
        edges.add(overlooked.writer, later, Kind::Ww);
    }
    let graph = edges.finish();
    let parts = components(&graph, Kinds::ALL);
    if !parts.any() {
        return None;
    }
    let query = Query { first: Kind::Ww, others: Kinds::ALL, shape: Shape::Any };
    // From where such an edge stays in its component the first search finds a cycle, whatever the budget.
    let stays =
        |node: u32| graph.out(node).iter().any(|edge| edge.kind() == Kind::Ww && parts.of(edge.to()) == parts.of(node));
    let cycle = shortest(&graph, query, stays, 1 << 24)?;
    let (first, rest) = cycle.split_first()?;
    let circle = one_key(index, &cycle, &why);
    let told = |link: &Link| {
        let all = why.get(&(link.from, link.to))?;
        let of_circle = |entry: &&Overlooked| circle == Some(index.key_of[entry.version as usize]);
        Some(((link.from, link.to), *all.iter().find(of_circle).or(all.first())?))
    };
    let why: HashMap<(u32, u32), Overlooked> = cycle.iter().filter_map(told).collect();
    let (mut violation, scope) = violation(index, known, &why, *why.get(&(first.from, first.to))?, rest);
    if circle.is_some() {
        violation.rule = "cyclic-versions";
    }
    Some((violation, scope))
}

/// The key whose versions alone are a circle, where there is one: that tells more than several keys together.
fn one_key(index: &Index<'_>, cycle: &[Link], why: &HashMap<(u32, u32), Vec<Overlooked>>) -> Option<u32> {
    let keys = |link: &Link| {
        let all = why.get(&(link.from, link.to)).filter(|_| link.kind == Kind::Ww).into_iter().flatten();
        all.map(|entry| index.key_of[entry.version as usize])
    };
    keys(cycle.first()?).find(|key| cycle.iter().all(|link| keys(link).any(|other| other == *key)))
}

/// The cycle of what was overlooked, who saw it, and that this one read what came before it: `later` leads from what was
/// read to what was overlooked.
fn violation(
    index: &Index<'_>,
    known: &Edges,
    why: &HashMap<(u32, u32), Overlooked>,
    overlooked: Overlooked,
    later: &[Link],
) -> (Violation, Scope) {
    let t = index.transactions;
    let way = |overlooked: Overlooked| way(known, overlooked);
    let mut links = way(overlooked);
    links.push(Link { from: overlooked.reader, kind: Kind::Rw, to: overlooked.writer });
    let mut of: Vec<u32> = links.iter().chain(later).flat_map(|link| [link.from, link.to]).collect();
    let mut sessions = links.iter().chain(later).any(|link| link.kind == Kind::Process);
    let mut premises = Vec::new();
    for link in later {
        let reason = match why.get(&(link.from, link.to)).filter(|_| link.kind == Kind::Ww) {
            None => explain::observed(index, *link),
            Some(other) => {
                let seen = way(*other);
                sessions |= seen.iter().any(|link| link.kind == Kind::Process);
                of.extend(seen.iter().flat_map(|link| [link.from, link.to]));
                let key = index.key_of[other.version as usize];
                format!(
                    "T{} had T{} before it and {}",
                    index.member(other.reader),
                    index.member(other.writer),
                    index.show_read(other.reader, key)
                )
            }
        };
        premises.push(format!(
            "T{} comes before T{}, because {reason}",
            index.member(link.from),
            index.member(link.to)
        ));
    }
    let cycle: Vec<Dependency> = links
        .iter()
        .map(|link| {
            let missed = link.kind == Kind::Rw;
            Dependency {
                from: index.member(link.from),
                to: index.member(link.to),
                kind: link.kind.name().to_owned(),
                reason: if missed { missed_reason(index, overlooked) } else { explain::observed(index, *link) },
                premises: if missed { std::mem::take(&mut premises) } else { Vec::new() },
            }
        })
        .collect();
    let scope = if sessions { Scope::Session } else { Scope::Plain };
    let witness = witness(&of.iter().map(|number| index.member(*number)).collect::<Vec<_>>());
    let sentence = crate::transaction::cycle_sentence(t, &cycle);
    (Violation { rule: rule(Base::GSingle, scope), sentence, witness, cycle, ..Violation::default() }, scope)
}

/// The shortest way from what was overlooked to who saw it.
fn way(known: &Edges, overlooked: Overlooked) -> Vec<Link> {
    let graph: Graph = known.clone().finish();
    let walk = explain::walk(&graph, overlooked.writer, overlooked.reader);
    walk.windows(2).map(|pair| Link { from: pair[0].1, kind: pair[1].0, to: pair[1].1 }).collect()
}

fn missed_reason(index: &Index<'_>, overlooked: Overlooked) -> String {
    let Overlooked { writer, reader, version } = overlooked;
    let key = index.key_of[version as usize];
    let written = index.written(writer, key).map_or_else(String::new, |version| index.show_written(version));
    let instead = match index.writer_of[version as usize] {
        NOBODY => "the initial value".to_owned(),
        other => format!("which T{} wrote before that", index.member(other)),
    };
    format!(
        "T{} {}, {instead}, and not T{}'s {written}",
        index.member(reader),
        index.show_read(reader, key),
        index.member(writer)
    )
}
