//! The judge of transactions over registers: `rw-register`, with unique writes.
//!
//! A read tells whose write it saw, but not the order of writes. Up to causal consistency that decides completely
//! (`weak`). For snapshot isolation and serializability, what follows from reads is inferred until nothing more does
//! (`saturate`); a cycle is a violation, and without one an order is searched for with a budget (`serial`). An order is
//! a proof; a spent budget leaves the level undecided. Adya's levels ask for some order of versions, so no history
//! violates read uncommitted here.
//!
//! Reads of transactions that did not commit say nothing. A transaction of unknown outcome counts as committed when a
//! committed one read from it, and is as if it had never been otherwise. A value that several transactions wrote to one
//! key leaves the history undecided once it is read.

mod anomaly;
mod explain;
mod index;
mod saturate;
mod shrink;
#[cfg(test)]
mod tests;
mod weak;

use super::{
    Action, Scope, Transactions,
    anomalies::{Base, classify, cycles, levels, rule},
    causal::Chains,
    events::Events,
    finding::Findings,
    graph::{
        Edges, Kind, Kinds, components,
        cycle::{Link, Query, Shape, shortest},
    },
    order,
    serial::{Found, Versions, search},
    witness,
};
use crate::{
    history::{Id, Value},
    verify::{Answer, Dependency, Level, Settings, Violation},
};
use explain::Explainer;
use index::Index;
use saturate::{Reached, Saturation, with_inferred};

/// Judges transactions of reads and writes of registers; an error names a step that is neither, or an initial value that
/// is no JSON scalar.
pub fn judge(t: &Transactions, settings: &Settings<'_>) -> Result<Answer, String> {
    judge_once(t, settings, true)
}

/// `whole` says whether a witness that no cycle gives is to be made small, which judges parts again.
fn judge_once(t: &Transactions, settings: &Settings<'_>, whole: bool) -> Result<Answer, String> {
    super::check_size(t)?;
    let wrong = |step: &super::Step| !matches!(step.action, Action::Read | Action::Write);
    if let Some(place) = t.steps.iter().position(wrong) {
        let transaction = t.first.partition_point(|first| *first as usize <= place) - 1;
        let step = t.show_step(&t.steps[place]);
        return Err(format!("T{transaction} does `{step}`; rw-register knows reads and writes of registers"));
    }
    let initial = initial(t, settings)?;
    let total = t.len() as u64;
    (settings.progress)(0, total);
    let mut findings = Findings::default();
    let index = Index::new(t, initial, &mut findings);
    anomaly::lost_updates(&index, &mut findings);
    anomaly::cyclic_versions(&index, &mut findings);
    (settings.progress)(total / 4, total);
    let mut judge = Judging { index: &index, settings, findings: &mut findings, whole };
    judge.observed_cycles();
    judge.at_once();
    (settings.progress)(total / 2, total);
    judge.weak();
    let mut words = settings.budget.saturating_mul(256);
    let snapshots = judge.infer(true, &mut words);
    (settings.progress)(total * 3 / 4, total);
    let serial = judge.infer(false, &mut words);
    let refuted = judge.search_open(serial, false, &mut words);
    judge.search_open(snapshots, refuted, &mut words);
    (settings.progress)(total, total);
    let detail = format!("{} transactions on {} registers; inference and search", t.len(), index.keys.len());
    Ok(super::answer(findings, t, settings, detail))
}

/// The initial value of every key besides `nil`; none where no step can have read it.
fn initial(t: &Transactions, settings: &Settings<'_>) -> Result<Id, String> {
    let Some(text) = settings.initial else { return Ok(Id::NIL) };
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("the initial value: {error}"))?;
    let value = match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::String(text) => Value::Text(text.into()),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => Value::Int(integer),
            None => Value::Number(number.to_string().into()),
        },
        _ => return Err("the initial value of a register is no list and no map".to_owned()),
    };
    Ok(t.values.find(&value).unwrap_or(Id::NIL))
}

/// A history that is being judged.
struct Judging<'j, 't> {
    index: &'j Index<'t>,
    settings: &'j Settings<'j>,
    findings: &'j mut Findings,
    whole: bool,
}

/// A level's known order, and what was inferred from it.
struct Prepared {
    /// What holds if there is an order.
    level: Level,
    /// The weakest levels that are violated if there is none.
    violated: &'static [Level],
    events: Events,
    known: Edges,
    saturation: Saturation,
}

impl Judging<'_, '_> {
    fn is_wanted(&self, level: Level) -> bool {
        let concerns = |required: Level| super::level::implies(required, level);
        self.findings.standing.is_open(level) && self.settings.level.is_none_or(concerns)
    }

    /// Reads, and the orders of a scope.
    fn base(&self, scope: Scope) -> Edges {
        let t = self.index.transactions;
        let mut edges = weak::happened_before(self.index, scope >= Scope::Session);
        if scope == Scope::Realtime {
            order::add_realtime(&mut edges, t, self.index.members.iter().copied(), |t| self.index.number(t));
        }
        edges
    }

    /// Cycles without any inference: reads that follow each other in a circle.
    fn observed_cycles(&mut self) {
        let scopes = self.index.transactions.scopes();
        let graph = self.base(scopes[scopes.len() - 1]).finish();
        let parts = components(&graph, Kinds::ALL);
        if parts.any() {
            let (part, members) = graph.cyclic_part(&parts);
            for links in cycles(&part, scopes, &[], &mut self.findings.standing, self.settings.budget) {
                let (base, scope) = classify(&links);
                let member = |node: u32| members[node as usize];
                let links = links.iter().map(|link| Link { from: member(link.from), to: member(link.to), ..*link });
                self.add_observed(rule(base, scope), levels(base, scope), &links.collect::<Vec<_>>());
            }
        }
        for level in [Level::ReadUncommitted, Level::ReadCommitted] {
            self.findings.standing.hold(level);
        }
    }

    fn add_observed(&mut self, rule: &'static str, levels: &[Level], links: &[Link]) {
        let index = self.index;
        self.findings.add(rule, levels, || {
            let dependency = |link: &Link| Dependency {
                from: index.member(link.from),
                to: index.member(link.to),
                kind: link.kind.name().to_owned(),
                reason: explain::observed(index, *link),
                premises: Vec::new(),
            };
            let cycle: Vec<Dependency> = links.iter().map(dependency).collect();
            let of: Vec<u32> = cycle.iter().map(|edge| edge.from).collect();
            let sentence = super::cycle_sentence(index.transactions, &cycle);
            Violation { sentence, witness: witness(&of), cycle, ..Violation::default() }
        });
    }

    /// Most good histories have an order that is found at once.
    fn at_once(&mut self) {
        let scopes = self.index.transactions.scopes();
        let scope = scopes[scopes.len() - 1];
        let level = levels(Base::G2Item, scope)[0];
        if self.findings.standing.is_open(level) {
            let events = Events { transactions: self.index.len(), split: false };
            let known = self.known(events, scope);
            let budget = self.settings.budget.min(self.at_most(known.nodes()));
            if search(self.index, &known.finish(), events, &self.ranks(), budget) == Found::Order {
                self.findings.standing.hold(level);
            }
        }
    }

    /// How many events a search looks at that hardly ever goes back, among so many.
    fn at_most(&self, nodes: usize) -> u64 {
        let sessions = Chains::new(self.index.transactions, &self.index.members).count;
        (nodes as u64 + 1_000) * u64::from(sessions.clamp(16, 256)) * 4
    }

    /// The known order of events: of reads and of a scope, and reads of initial values before all writes.
    fn known(&self, events: Events, scope: Scope) -> Edges {
        let index = self.index;
        let mut edges = events.edges_of(&self.base(scope).finish(), Kinds::ALL);
        for key in 0..index.keys.len() as u32 {
            let versions = index.versions(key);
            let readers = index.readers.of(versions.start);
            let writers: Vec<u32> = versions.skip(1).map(|version| index.writer_of[version as usize]).collect();
            edges.add_all(readers, &writers, Kind::Rw, |t| events.start(t), |t| events.commit(t));
        }
        edges
    }

    /// What to try first: what was invoked first; without times, what is first in its session.
    fn ranks(&self) -> Vec<u32> {
        let t = self.index.transactions;
        if t.realtime {
            return (0..self.index.len()).collect();
        }
        let chains = Chains::new(t, &self.index.members).of;
        let mut order: Vec<u32> = (0..self.index.len()).collect();
        order.sort_by_key(|number| chains[*number as usize].1);
        let mut ranks = vec![0; order.len()];
        for (rank, number) in order.into_iter().enumerate() {
            ranks[number as usize] = rank as u32;
        }
        ranks
    }

    fn weak(&mut self) {
        if self.is_wanted(Level::ReadAtomic) {
            match weak::read_atomic(self.index) {
                None => self.findings.standing.hold(Level::ReadAtomic),
                Some((violation, _)) => {
                    self.findings.add(violation.rule, &[Level::ReadAtomic, Level::RepeatableRead], || violation)
                }
            }
        }
        if self.is_wanted(Level::Causal) {
            match weak::causal(self.index, self.settings.budget) {
                Err(why) => self.findings.open.push((Level::Causal, why)),
                Ok(None) => self.findings.standing.hold(Level::Causal),
                Ok(Some((violation, scope))) => {
                    let all = [Level::Causal, Level::RepeatableRead, Level::SnapshotIsolation];
                    let levels = if scope == Scope::Plain { &all[..] } else { &all[..1] };
                    self.findings.add(violation.rule, levels, || violation);
                }
            }
        }
    }

    /// What follows for snapshot isolation, where transactions are split into beginning and commit, else for
    /// serializability. Cycles are told; gives the levels that are left open, the strongest last.
    fn infer(&mut self, split: bool, words: &mut u64) -> Vec<Prepared> {
        let base = if split { Base::GNonadjacent } else { Base::G2Item };
        let events = Events { transactions: self.index.len(), split };
        let mut prepared = Vec::new();
        for scope in self.index.transactions.scopes() {
            let violated = levels(base, *scope);
            // Where items only are read, repeatable reads are serializability.
            let level = match (split, scope) {
                (false, Scope::Plain) => Level::Serializable,
                _ => violated[violated.len() - 1],
            };
            if !self.is_wanted(level) && !violated.iter().any(|level| self.is_wanted(*level)) {
                continue;
            }
            let known = self.known(events, *scope);
            let mut saturation = Saturation::new(self.index, words);
            let reached = saturation.run(self.index, &known, events, words);
            let entry = Prepared { level, violated, events, known, saturation };
            if reached == Reached::Cycle {
                self.add_inferred_cycle(&entry, base, *scope);
            } else {
                prepared.push(entry);
            }
        }
        prepared
    }

    /// Looks for orders, as long as the required level is open, or was refuted here: then a weaker one may be as well.
    /// What holds at the strongest holds at all; the weakest that is refuted is told. Tells whether any was.
    fn search_open(&mut self, mut open: Vec<Prepared>, mut refuted: bool, words: &mut u64) -> bool {
        let required = self.settings.level.unwrap_or_else(|| self.index.transactions.strongest());
        let mut weakest = None;
        while let Some(mut entry) = open.pop() {
            let matters = refuted || self.findings.standing.is_open(required);
            let is_open =
                entry.violated.iter().chain([&entry.level]).any(|level| self.findings.standing.is_open(*level));
            if matters && is_open && self.search(&mut entry, words) {
                refuted = true;
                entry.violated.iter().for_each(|level| self.findings.standing.violate(*level));
                weakest = Some(entry);
            }
        }
        if let Some(entry) = weakest {
            self.add_no_order(entry.level, entry.violated);
        }
        refuted
    }

    /// Shows a cycle of what was inferred.
    fn add_inferred_cycle(&mut self, entry: &Prepared, base: Base, scope: Scope) {
        let Prepared { events, known, saturation, .. } = entry;
        let inferred = &saturation.inferred;
        let graph = with_inferred(known, *events, &inferred.list);
        let parts = components(&graph, Kinds::ALL);
        let find = |first: Kind| {
            let query = Query { first, others: Kinds::ALL, shape: Shape::Any };
            shortest(&graph, query, |node| parts.is_cyclic(node), self.settings.budget)
        };
        let Some(links) = find(Kind::Rw).or_else(|| find(Kind::Ww)).or_else(|| find(Kind::Wr)) else { return };
        let links: Vec<Link> = links
            .into_iter()
            .map(|link| Link { from: events.transaction(link.from), to: events.transaction(link.to), ..link })
            .filter(|link| link.from != link.to)
            .collect();
        let base = match classify(&links).0 {
            Base::GNonadjacent if base == Base::GNonadjacent => base,
            _ if base == Base::GNonadjacent => Base::GSingle,
            _ => base,
        };
        let index = self.index;
        self.findings.add(rule(base, scope), levels(base, scope), || {
            let mut explainer = Explainer::new(index, *events, known, inferred);
            let cycle: Vec<Dependency> = links.iter().map(|link| explainer.dependency(*link)).collect();
            explainer.follow();
            let of: Vec<u32> = explainer.mentioned.iter().map(|number| index.member(*number)).collect();
            let sentence = super::cycle_sentence(index.transactions, &cycle);
            Violation { sentence, witness: witness(&of), cycle, ..Violation::default() }
        });
    }

    /// Often an order of events is found at once. Else one of all versions that leads to no cycle is a proof as well.
    /// Where suppositions do not find one, orders of events are tried one after the other. Tells whether all were, in vain.
    fn search(&mut self, entry: &mut Prepared, words: &mut u64) -> bool {
        let graph = with_inferred(&entry.known, entry.events, &entry.saturation.inferred.list);
        let (budget, index, ranks) = (self.settings.budget, self.index, self.ranks());
        let first = budget.min(self.at_most(graph.nodes()));
        if search(index, &graph, entry.events, &ranks, first) == Found::Order
            || entry.saturation.complete(index, &entry.known, entry.events, &ranks, words) == Reached::End
        {
            self.findings.standing.hold(entry.level);
            return false;
        }
        let found = search(index, &graph, entry.events, &ranks, budget);
        match found {
            Found::Order => self.findings.standing.hold(entry.level),
            Found::Exhausted => {
                let why = format!("no order of {} transactions was found within a budget of {budget}", index.len());
                let open = entry.violated.iter().chain([&entry.level]);
                self.findings.open.extend(open.map(|level| (*level, why.clone())));
            }
            Found::None => {}
        }
        found == Found::None
    }

    /// All orders were tried.
    fn add_no_order(&mut self, level: Level, violated: &[Level]) {
        let (index, whole, initial) = (self.index, self.whole, self.settings.initial);
        self.findings.add("no-order", violated, || {
            let t = index.transactions;
            let of = if whole { shrink::shrink(t, &index.members, level, initial) } else { Vec::new() };
            let who: Vec<String> = of.iter().take(4).map(|transaction| t.actor(*transaction)).collect();
            let more = if of.len() > 4 { format!(" and {} more", of.len() - 4) } else { String::new() };
            let sentence = format!(
                "whatever order {}{more} are put in, one of them reads a value that is not there then: all orders were tried",
                super::join(&who)
            );
            Violation { sentence, witness: of, ..Violation::default() }
        });
    }
}

impl Versions for Index<'_> {
    fn reads(&self, transaction: u32) -> &[u32] {
        self.reads.of(transaction)
    }

    fn writes(&self, transaction: u32) -> &[u32] {
        self.writes.of(transaction)
    }

    fn key(&self, version: u32) -> u32 {
        self.key_of[version as usize]
    }

    fn readers(&self) -> Vec<u32> {
        (0..self.key_of.len() as u32).map(|version| self.readers.of(version).len() as u32).collect()
    }

    fn initial(&self) -> Vec<u32> {
        (0..self.keys.len() as u32).map(|key| self.versions(key).start).collect()
    }
}
