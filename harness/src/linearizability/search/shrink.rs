//! From an illegal history to a small part of it that is illegal by itself.
//!
//! Three steps never make an illegal history out of a legal one, so what is illegal behind them shows that the whole is:
//!
//! 1. cutting it at a time: what was called later is left out, and what returned later is pending, its result not known
//!    (a linearizable history's beginnings are linearizable);
//! 2. leaving out a pure operation;
//! 3. leaving out all operations of one of the model's groups, such as all that was done with one value.
//!
//! Leaving out a single write is not among them: a read of its value would then be unexplained by our own doing. Each
//! step is taken only if the search finds the remainder illegal.
//!
//! For these steps one round is enough: what was legal without an operation stays legal without it and others. Only groups
//! can become smaller when something is left out, so there are rounds until nothing changes.

use super::problem::{self, Entry};
use super::{Found, decide_entries};
use crate::history::{History, Outcome};
use crate::model::Model;

/// A part of a history that is illegal by itself.
pub struct Witness<Op> {
    /// The part as a history of its own, cut at its end.
    pub part: History,
    /// What the model makes of it; these are the operations that are left, by their index in `part`.
    pub entries: Vec<Entry<Op>>,
    /// For each operation of `part` its index in the whole history.
    pub origin: Vec<u32>,
    /// Where it is cut.
    pub end: u64,
}

/// The smallest witness that the three steps lead to.
pub fn shrink<M: Model>(
    model: &M,
    history: &History,
    operations: &[u32],
    stuck: u32,
    visited: u64,
) -> Result<Witness<M::Op>, String> {
    // Removing operations can also make a search longer; and all checks together must stay in proportion to the first.
    let mut judge = Recheck { model, each: visited * 2 + 1_000, left: visited * 4 + 1_000_000 };
    let mut witness = cut(&mut judge, history, operations, stuck)?;
    loop {
        let before = witness.entries.len();
        let groups = groups(model, &witness.entries);
        thin(&mut judge, &mut witness.entries, groups);
        let pure = |place: &usize| witness.entries[*place].pure;
        let pure = (0..witness.entries.len()).filter(pure).map(|place| vec![place]).collect();
        thin(&mut judge, &mut witness.entries, pure);
        if witness.entries.len() == before {
            return Ok(witness);
        }
    }
}

/// Judges remainders, within bounds.
struct Recheck<'m, M> {
    model: &'m M,
    each: u64,
    left: u64,
}

impl<M: Model> Recheck<'_, M> {
    /// Whether these operations are known to be illegal.
    fn is_illegal(&mut self, entries: &[Entry<M::Op>]) -> bool {
        let decided = decide_entries(self.model, entries, self.each.min(self.left), &|_| {});
        self.left -= decided.visited.min(self.left);
        matches!(decided.found, Found::Illegal { .. })
    }
}

/// The shortest illegal beginning. It ends nowhere before the return of the operation that cannot be placed; as results
/// of what is still open then are forgotten, it may have to end later.
fn cut<M: Model>(
    judge: &mut Recheck<'_, M>,
    history: &History,
    operations: &[u32],
    stuck: u32,
) -> Result<Witness<M::Op>, String> {
    let least = history.get(stuck).ret;
    let mut ends: Vec<u64> = operations
        .iter()
        .map(|index| history.get(*index))
        .filter(|op| op.outcome == Outcome::Ok && op.ret >= least)
        .map(|op| op.ret)
        .collect();
    ends.sort_unstable();
    ends.dedup();
    let mut shortest = None;
    let (mut low, mut high) = (0, ends.len());
    let mut middle = 0;
    while low < high {
        let beginning = beginning(judge.model, history, operations, ends[middle])?;
        if judge.is_illegal(&beginning.entries) {
            high = middle;
            shortest = Some(beginning);
        } else {
            low = middle + 1;
        }
        middle = low + (high - low) / 2;
    }
    match shortest {
        Some(witness) => Ok(witness),
        // Only if the checks ran out of their budget: the whole was found illegal before.
        None => beginning(judge.model, history, operations, ends.last().copied().unwrap_or(least)),
    }
}

fn beginning<M: Model>(model: &M, history: &History, operations: &[u32], end: u64) -> Result<Witness<M::Op>, String> {
    let called = operations.partition_point(|index| history.get(*index).call <= end);
    let origin: Vec<u32> = operations[..called].to_vec();
    let part = history.part(&origin, end);
    let all: Vec<u32> = (0..part.len() as u32).collect();
    let entries = problem::entries(model, &part, &all)?;
    Ok(Witness { part, entries, origin, end })
}

/// The model's groups, as places in `entries`.
fn groups<M: Model>(model: &M, entries: &[Entry<M::Op>]) -> Vec<Vec<usize>> {
    let ops: Vec<M::Op> = entries.iter().map(|entry| entry.op).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (place, group) in model.groups(&ops).into_iter().enumerate() {
        if let Some(group) = group {
            let group = group as usize;
            if groups.len() <= group {
                groups.resize(group + 1, Vec::new());
            }
            groups[group].push(place);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Leaves out as many units as stay illegal without: many at a time first, then fewer.
fn thin<M: Model>(judge: &mut Recheck<'_, M>, entries: &mut Vec<Entry<M::Op>>, mut units: Vec<Vec<usize>>) {
    let mut gone = vec![false; entries.len()];
    let mut size = units.len();
    while size > 0 {
        let mut kept = Vec::with_capacity(units.len());
        for chunk in units.chunks(size) {
            let places = || chunk.iter().flatten().copied();
            places().for_each(|place| gone[place] = true);
            let rest: Vec<_> = (0..entries.len()).filter(|place| !gone[*place]).map(|place| entries[place]).collect();
            if !judge.is_illegal(&rest) {
                places().for_each(|place| gone[place] = false);
                kept.extend_from_slice(chunk);
            }
        }
        units = kept;
        size /= 2;
    }
    let mut place = 0;
    entries.retain(|_| {
        place += 1;
        !gone[place - 1]
    });
}
