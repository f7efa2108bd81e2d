//! The order in which the versions of registers must have been written: what a condition implies, and the shortest
//! contradiction in it.
//!
//! A condition adds steps "this version before that one", each with the two operations that show it. The condition holds
//! exactly when the steps have no cycle. Chains of helping nodes keep the number of steps linear where every one of many
//! versions comes before every one of many others.

use super::{
    Part,
    registers::{Registers, Version},
    violation, words,
};
use crate::verify::Violation;
use std::collections::VecDeque;

/// Why one version comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is the initial value.
    Initial,
    /// Its write had returned before the other's was called.
    RealTime,
    /// One process met them in this order.
    Session,
    /// The second was written by an operation that read the first.
    ReadBefore,
    /// A process had seen, by this read, a later write of the process that wrote the first when it read the second.
    Seen(u32),
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    to: u32,
    /// Operation that shows the beginning of the step, where the edge begins one.
    tail: u32,
    /// Operation that shows its end, where the edge ends one.
    head: u32,
    why: Why,
}

/// One step of a contradiction: `first` met version `from`, `second` met version `to`.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub from: u32,
    pub to: u32,
    pub first: u32,
    pub second: u32,
    pub why: Why,
}

const NONE: u32 = u32::MAX;

/// Steps between versions, and chains of helping nodes behind them.
pub struct Order<'r> {
    registers: &'r Registers,
    edges: Vec<Vec<Edge>>,
}

impl<'r> Order<'r> {
    /// No order but that initial values come first.
    pub fn new(registers: &'r Registers) -> Self {
        let mut order = Self { registers, edges: vec![Vec::new(); registers.versions.len()] };
        let initial = |(_, version): &(usize, &Version)| version.write.is_none();
        let firsts: std::collections::HashMap<_, u32> = registers
            .versions
            .iter()
            .enumerate()
            .filter(initial)
            .map(|(index, version)| (version.key, index as u32))
            .collect();
        for (index, version) in registers.versions.iter().enumerate() {
            if let (Some(write), Some(first)) = (version.write, firsts.get(&version.key)) {
                order.edge(*first, index as u32, write, write, Why::Initial);
            }
        }
        order
    }

    fn edge(&mut self, from: u32, to: u32, tail: u32, head: u32, why: Why) {
        self.edges[from as usize].push(Edge { to, tail, head, why });
    }

    /// A version comes before another, as two operations show. A version before itself is a contradiction.
    pub fn step(&mut self, step: Step) {
        self.edge(step.from, step.to, step.first, step.second, step.why);
    }

    /// A new helping node.
    pub fn helper(&mut self) -> u32 {
        self.edges.push(Vec::new());
        self.edges.len() as u32 - 1
    }

    /// All that comes before one helping node comes before another.
    pub fn along(&mut self, from: u32, to: u32) {
        self.edge(from, to, NONE, NONE, Why::Session);
    }

    /// A version, as an operation shows, comes before all that is behind a helping node.
    pub fn enter(&mut self, version: u32, helper: u32, shown_by: u32) {
        self.edge(version, helper, shown_by, NONE, Why::Session);
    }

    /// All that comes before a helping node comes before this version, as an operation shows.
    pub fn leave(&mut self, helper: u32, version: u32, shown_by: u32, why: Why) {
        self.edge(helper, version, NONE, shown_by, why);
    }

    /// Writes of a register that do not overlap follow each other. O(w log w).
    pub fn real_time(&mut self, part: &Part<'_>) {
        let mut writes: Vec<(crate::history::Id, u32, u32)> = Vec::new();
        for (index, version) in self.registers.versions.iter().enumerate() {
            writes.extend(version.write.map(|write| (version.key, write, index as u32)));
        }
        writes.sort_unstable();
        for writes in writes.chunk_by(|one, other| one.0 == other.0) {
            self.real_time_of(part, writes);
        }
    }

    fn real_time_of(&mut self, part: &Part<'_>, writes: &[(crate::history::Id, u32, u32)]) {
        let (calls, returns) = (part.history.calls(), part.history.returns());
        let mut ended: Vec<(u64, u32, u32)> =
            writes.iter().map(|(_, write, version)| (returns[*write as usize], *write, *version)).collect();
        ended.sort_unstable();
        let (mut next, mut last) = (0, None);
        for (_, write, version) in writes {
            while ended[next].0 < calls[*write as usize] {
                let helper = self.helper();
                if let Some(last) = last {
                    self.along(last, helper);
                }
                self.enter(ended[next].2, helper, ended[next].1);
                (last, next) = (Some(helper), next + 1);
            }
            if let Some(last) = last {
                self.leave(last, *version, *write, Why::RealTime);
            }
        }
    }

    /// A short cycle, if there is one: a shortest one, unless the search for it would take very long.
    pub fn contradiction(&self) -> Option<Vec<Step>> {
        let some = self.some_cycle()?;
        let mut best = some.clone();
        let mut effort = 10_000_000;
        let real = self.registers.versions.len() as u32;
        for (start, _) in some.iter().filter(|(node, _)| *node < real) {
            let found = self.shortest_through(*start, &mut effort);
            if let Some(found) = found.filter(|found| steps_of(found) < steps_of(&best)) {
                best = found;
            }
        }
        Some(self.steps(&best))
    }

    /// Any cycle: nodes that nothing comes before are taken away until none is left or each has one before it.
    fn some_cycle(&self) -> Option<Vec<(u32, Edge)>> {
        let mut before = vec![0_u32; self.edges.len()];
        self.edges.iter().flatten().for_each(|edge| before[edge.to as usize] += 1);
        let mut free: Vec<u32> = (0..self.edges.len() as u32).filter(|node| before[*node as usize] == 0).collect();
        while let Some(node) = free.pop() {
            for edge in &self.edges[node as usize] {
                before[edge.to as usize] -= 1;
                if before[edge.to as usize] == 0 {
                    free.push(edge.to);
                }
            }
        }
        let mut predecessor: Vec<Option<(u32, Edge)>> = vec![None; self.edges.len()];
        for node in (0..self.edges.len() as u32).filter(|node| before[*node as usize] > 0) {
            for edge in &self.edges[node as usize] {
                predecessor[edge.to as usize].get_or_insert((node, *edge));
            }
        }
        let mut node = before.iter().position(|count| *count > 0)? as u32;
        let mut seen = vec![false; self.edges.len()];
        while !std::mem::replace(&mut seen[node as usize], true) {
            node = predecessor[node as usize]?.0;
        }
        self.walk_back(node, node, &predecessor)
    }

    /// The edges from `start` to `end` by their predecessors.
    fn walk_back(&self, start: u32, end: u32, predecessor: &[Option<(u32, Edge)>]) -> Option<Vec<(u32, Edge)>> {
        let (mut node, mut cycle) = (end, Vec::new());
        loop {
            let (from, edge) = predecessor[node as usize]?;
            cycle.push((from, edge));
            node = from;
            if node == start {
                cycle.reverse();
                return Some(cycle);
            }
        }
    }

    /// The cycle through a version with the fewest steps; helping nodes count nothing.
    fn shortest_through(&self, start: u32, effort: &mut u64) -> Option<Vec<(u32, Edge)>> {
        *effort = effort.checked_sub(self.edges.len() as u64)?;
        let mut predecessor: Vec<Option<(u32, Edge)>> = vec![None; self.edges.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for edge in &self.edges[node as usize] {
                *effort = effort.checked_sub(1)?;
                if edge.to == start {
                    predecessor[start as usize] = Some((node, *edge));
                    return self.walk_back(start, start, &predecessor);
                }
                if predecessor[edge.to as usize].is_some() {
                    continue;
                }
                predecessor[edge.to as usize] = Some((node, *edge));
                if edge.head == NONE { queue.push_front(edge.to) } else { queue.push_back(edge.to) }
            }
        }
        None
    }

    /// The steps of a cycle, without its helping nodes.
    fn steps(&self, cycle: &[(u32, Edge)]) -> Vec<Step> {
        let real = self.registers.versions.len() as u32;
        let turn = cycle.iter().position(|(node, _)| *node < real).unwrap_or(0);
        let (mut steps, mut begin) = (Vec::new(), (0, NONE));
        for (node, edge) in cycle[turn..].iter().chain(&cycle[..turn]) {
            if edge.tail != NONE {
                begin = (*node, edge.tail);
            }
            if edge.head != NONE {
                steps.push(Step { from: begin.0, to: edge.to, first: begin.1, second: edge.head, why: edge.why });
            }
        }
        steps
    }

    /// The contradiction as a violation: each step in words, and in between what it implies.
    pub fn explain(&self, part: &Part<'_>, rule: &'static str, begin: &str, steps: &[Step]) -> Violation {
        let writes = steps
            .iter()
            .flat_map(|step| [step.from, step.to])
            .filter_map(|version| self.registers.versions[version as usize].write);
        let seen = steps.iter().filter_map(|step| if let Why::Seen(by) = step.why { Some(by) } else { None });
        let seen = seen.flat_map(|by| [Some(by), self.written_for(by)]).flatten();
        let witness = writes.chain(steps.iter().flat_map(|step| [step.first, step.second])).chain(seen);
        let clauses: Vec<String> = steps.iter().map(|step| self.clause(part, step)).collect();
        violation(rule, format!("{begin}: {}", clauses.join("; ")), witness)
    }

    /// The write of what an operation read.
    fn written_for(&self, read: u32) -> Option<u32> {
        let accesses = &self.registers.accesses;
        let access = accesses[accesses.binary_search_by_key(&read, |access| access.op).ok()?];
        self.registers.versions[access.reads? as usize].write
    }

    fn clause(&self, part: &Part<'_>, step: &Step) -> String {
        let history = part.history;
        let shown = |version: u32| words::value(history, self.registers.versions[version as usize].value);
        let (from, to) = (shown(step.from), shown(step.to));
        let did = |op: u32, version: u32| {
            let wrote = self.registers.versions[version as usize].write == Some(op);
            format!("{} {} at {}", if wrote { "wrote" } else { "read" }, shown(version), words::called(history, op))
        };
        let (first, second) = (words::who(history, step.first), words::who(history, step.second));
        match step.why {
            Why::Initial => format!("{from} was there before {first} wrote {to}"),
            Why::RealTime => format!(
                "{first}'s write of {from} had returned at {} before {second} called its write of {to} at {}",
                words::returned(history, step.first),
                words::called(history, step.second),
            ),
            Why::Session => format!("{first} {} and then {}", did(step.first, step.from), did(step.second, step.to)),
            Why::ReadBefore => {
                format!("{first} read {from} and wrote {to} in one step at {}", words::called(history, step.first))
            }
            Why::Seen(by) => format!(
                "{second} read {to} at {}, though at {} it had seen what {first} wrote after {from}",
                words::called(history, step.second),
                words::called(history, by),
            ),
        }
    }
}

/// A violation whose witness loses no operation without holding: `again` judges fewer operations. Every step that fewer
/// operations show they also show among all, so that what is left is as true.
pub fn smallest(mut violation: Violation, again: impl Fn(&[u32]) -> Option<Violation>) -> Violation {
    'smaller: while violation.witness.len() <= MOST_SHRUNK {
        for dropped in 0..violation.witness.len() {
            let mut rest = violation.witness.clone();
            rest.remove(dropped);
            if let Some(smaller) = again(&rest) {
                violation = smaller;
                continue 'smaller;
            }
        }
        break;
    }
    violation
}

/// Longer contradictions stay as they are.
const MOST_SHRUNK: usize = 64;

fn steps_of(cycle: &[(u32, Edge)]) -> usize {
    cycle.iter().filter(|(_, edge)| edge.head != NONE).count()
}
