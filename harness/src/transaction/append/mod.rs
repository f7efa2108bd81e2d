//! The judge of transactions over lists: `list-append`. Kingsbury & Alvaro, Elle (VLDB 2020).
//!
//! Reads of a list show the order of all appends to it. With the orders of versions known, every level is decided by
//! cycles, in linear time. What nobody read comes behind all that was read; two such appends to one key have no known
//! order, which matters to snapshot isolation only, and there to transactions on a cycle only: that is searched for with
//! a budget, and undecided where it ends.
//!
//! Reads of transactions that did not commit say nothing. A transaction of unknown outcome counts as committed when a
//! committed one read from it. Elements have to be appended once: one that is read and that several transactions
//! appended leaves the history undecided.

mod anomaly;
mod explain;
mod index;
mod scan;
#[cfg(test)]
mod tests;
mod unseen;
mod views;
mod weak;

use super::{
    Action, Scope, Transactions,
    anomalies::{Base, classify, cycles, levels, rule},
    finding::Findings,
    graph::{Graph, Kinds, components, cycle::Link},
    level::ALL,
    order,
    serial::Found,
    witness,
};
use crate::verify::{Answer, Dependency, Level, Settings, Violation};
use index::Index;
use scan::Unseen;

/// Judges transactions of appends and reads of lists; an error names a step that is neither.
pub fn judge(transactions: &Transactions, settings: &Settings<'_>) -> Result<Answer, String> {
    super::check_size(transactions)?;
    let wrong = |step: &super::Step| !matches!(step.action, Action::Append | Action::ReadList);
    if let Some(place) = transactions.steps.iter().position(wrong) {
        let transaction = transactions.first.partition_point(|first| *first as usize <= place) - 1;
        return Err(format!(
            "T{transaction} does `{}`; list-append knows appends to lists and reads of lists",
            transactions.show_step(&transactions.steps[place])
        ));
    }
    let total = transactions.len() as u64;
    (settings.progress)(0, total);
    let index = Index::new(transactions);
    (settings.progress)(total / 3, total);
    let mut findings = Findings::default();
    for flaw in &index.flaws {
        anomaly::flaw(&index, &mut findings, *flaw);
    }
    anomaly::misfits(&index, &mut findings);
    let mut scanned = scan::scan(&index, &mut findings);
    anomaly::lost_updates(&index, &mut findings, std::mem::take(&mut scanned.missed));
    (settings.progress)(total * 2 / 3, total);
    let counts = || (0..transactions.len() as u32).filter(|transaction| index.live[*transaction as usize]);
    order::add_process(&mut scanned.edges, transactions, counts(), |transaction| transaction);
    if transactions.realtime {
        order::add_realtime(&mut scanned.edges, transactions, counts(), |transaction| transaction);
    }
    let graph = scanned.edges.finish();
    judge_cycles(&index, &graph, &scanned.unseen, settings, &mut findings);
    (settings.progress)(total, total);
    let detail = format!("{} transactions on {} lists; cycles", transactions.len(), index.keys.len());
    Ok(super::answer(findings, transactions, settings, detail))
}

fn judge_cycles(index: &Index<'_>, graph: &Graph, unseen: &[Unseen], settings: &Settings<'_>, findings: &mut Findings) {
    let parts = components(graph, Kinds::ALL);
    if parts.any() {
        let (part, members) = graph.cyclic_part(&parts);
        let members = &members[..part.transactions() as usize];
        let mut shown = weak(index, members, settings, findings);
        for links in cycles(&part, index.transactions.scopes(), &shown, &mut findings.standing, settings.budget) {
            shown.push(classify(&links));
            let member = |node: u32| members[node as usize];
            let links: Vec<Link> =
                links.iter().map(|link| Link { from: member(link.from), to: member(link.to), ..*link }).collect();
            let links = explain::shorten(index, links);
            let (base, scope) = classify(&links);
            add_cycle(index, findings, &links, levels(base, scope));
        }
        let number = |transaction: u32| members.binary_search(&transaction).ok();
        let together = |writers: &[u32]| {
            let mut parts: Vec<u32> = writers.iter().filter(|t| number(**t).is_some()).map(|t| parts.of(*t)).collect();
            parts.sort_unstable();
            parts.windows(2).any(|pair| pair[0] == pair[1])
        };
        if let Some(entry) = unseen.iter().find(|entry| together(&entry.writers)) {
            search_snapshots(index, graph, entry, settings.budget, findings);
        }
    }
    for level in ALL {
        if findings.standing.is_open(level) && !findings.open.iter().any(|(open, _)| *open == level) {
            findings.standing.hold(level);
        }
    }
}

/// Snapshot isolation may depend on the order of appends that nobody read: the strongest form first, since what holds
/// there holds at all.
fn search_snapshots(index: &Index<'_>, graph: &Graph, entry: &Unseen, budget: u64, findings: &mut Findings) {
    for scope in index.transactions.scopes().iter().rev() {
        let level = levels(Base::GNonadjacent, *scope)[levels(Base::GNonadjacent, *scope).len() - 1];
        if !findings.standing.is_open(level) {
            continue;
        }
        let key = index.transactions.show_key(index.keys.id(entry.key));
        match unseen::snapshots(index, graph, *scope, budget) {
            Found::Order => findings.standing.hold(level),
            Found::Exhausted => {
                let many = entry.writers.len();
                let why = format!(
                    "{many} transactions on cycles appended to {key} what nobody read; the search for their \
                                   order has spent its budget of {budget}"
                );
                findings.open.push((level, why));
            }
            Found::None => findings.add("no-order", &[level], || Violation {
                sentence: format!(
                    "{} transactions appended to {key} what nobody read; whatever order those appends are put in, some \
                     transaction read no snapshot: all orders were tried",
                    entry.writers.len()
                ),
                witness: (0..index.transactions.len() as u32).filter(|t| index.live[*t as usize]).collect(),
                ..Violation::default()
            }),
        }
    }
}

/// Read atomicity and causal consistency; tells the classes of the cycles that were shown.
fn weak(index: &Index<'_>, list: &[u32], settings: &Settings<'_>, findings: &mut Findings) -> Vec<(Base, Scope)> {
    let members = weak::Members::new(index, list);
    if let Some(links) = members.fractured() {
        add_cycle(index, findings, &links, &[Level::ReadAtomic, Level::RepeatableRead]);
        return vec![(Base::GSingle, Scope::Plain)];
    }
    match members.acausal(settings.budget) {
        Err(why) => findings.open.push((Level::Causal, why)),
        Ok(None) => {}
        Ok(Some(links)) => {
            let (base, scope) = classify(&links);
            let plain = [Level::Causal, Level::RepeatableRead, Level::SnapshotIsolation];
            add_cycle(index, findings, &links, if scope == Scope::Plain { &plain } else { &plain[..1] });
            return vec![(base, scope)];
        }
    }
    Vec::new()
}

fn add_cycle(index: &Index<'_>, findings: &mut Findings, links: &[Link], levels: &[Level]) {
    let (base, scope) = classify(links);
    let t = index.transactions;
    findings.add(rule(base, scope), levels, || {
        let mut of: Vec<u32> = Vec::new();
        let cycle: Vec<Dependency> = links
            .iter()
            .map(|link| {
                let reason = explain::reason(index, link.kind, link.from, link.to);
                of.push(link.from);
                of.extend(reason.as_ref().and_then(|reason| reason.witness));
                Dependency {
                    from: link.from,
                    to: link.to,
                    kind: link.kind.name().to_owned(),
                    reason: reason.map_or_else(String::new, |reason| reason.text),
                    premises: Vec::new(),
                }
            })
            .collect();
        let unsure = |transaction: &u32| t.outcome[*transaction as usize] == crate::history::Outcome::Unknown;
        let shown: Vec<u32> = of.iter().filter(|t| unsure(t)).filter_map(|t| explain::observer(index, *t)).collect();
        of.extend(shown);
        Violation { sentence: super::cycle_sentence(t, &cycle), witness: witness(&of), cycle, ..Violation::default() }
    });
}
