//! `convergence`: once nothing changes any more, everybody reads the same.
//!
//! Strong eventual convergence at the end of a history (Shapiro et al., Conflict-Free Replicated Data Types, SSS 2011):
//! of the reads called after the last update returned, each process's last one counts, and they have to agree. Works
//! for values of any kind; the order of a list's elements counts only where there are appends. O(n + length of those reads).
//!
//! An update that was never answered may take effect between two final reads: what only it can have caused is not held
//! against anyone, and where that cannot be told (a sum, say) the answer is left open. It does not say that the common
//! value is right, nor that anybody converged before the end.

use super::{Condition, Found, Initial, Part, Scope, violation, words};
use crate::{
    history::{Function, History, Id, Operation, Outcome},
    verify::Violation,
};
use std::collections::{BTreeMap, HashSet};

pub(super) const CONVERGENCE: Condition = Condition {
    name: "convergence",
    about: "after the last update, the last reads of all processes agree",
    initial: Initial::Fixed,
    scope: Scope::Object,
    judge,
};

fn judge(part: Part<'_>) -> Result<Found, String> {
    let settled = part.iter().filter(|(_, op)| is_update(op) && op.outcome == Outcome::Ok).map(|(_, op)| op.ret).max();
    let open: HashSet<Id> = open_values(&part);
    let mut last: BTreeMap<u32, u32> = BTreeMap::new();
    let final_read = |(_, op): &(u32, Operation)| {
        op.function == Function::Read && op.outcome == Outcome::Ok && op.result.is_some() && settled < Some(op.call)
    };
    for (index, op) in part.iter().filter(final_read) {
        last.insert(op.process, index);
    }
    let mut finals: Vec<u32> = last.into_values().collect();
    finals.sort_unstable();
    let ordered = part.iter().any(|(_, op)| op.function == Function::Append);
    let seen = |index: u32| observed(part.history, part.history.get(index).result, &open, ordered);
    let views: Vec<(u32, Vec<Id>)> = finals.iter().filter_map(|index| Some((*index, seen(*index)?))).collect();
    let differs = views.iter().find(|(_, view)| *view != views[0].1);
    let mut found = Found { counts: vec![("final reads", finals.len() as u64)], ..Found::default() };
    if let Some((index, _)) = differs {
        let lists =
            [views[0].0, *index].map(|read| part.history.values.as_list(part.history.get(read).result).is_some());
        if part.iter().any(|(_, op)| is_open(&op) && lists.iter().any(|list| !names_its_effect(&part, &op, *list))) {
            let why = "last reads differ, and an update without an answer may have come between them";
            found.undecided.push(why.to_owned());
            return Ok(found);
        }
        found.violations.push(explain(&part, views[0].0, *index, settled));
    } else if views.len() < 2 {
        found.undecided.push("fewer than two processes read after the last update returned".to_owned());
    }
    Ok(found)
}

fn is_update(op: &Operation) -> bool {
    !matches!(op.function, Function::Read | Function::Contains | Function::Peek)
}

/// Whether it may still change something.
fn is_open(op: &Operation) -> bool {
    op.outcome == Outcome::Unknown && is_update(op)
}

/// Whether all that an update can do to what is read is in its argument: to a list, or to a single value.
fn names_its_effect(part: &Part<'_>, op: &Operation, list: bool) -> bool {
    use Function::{Append, Cas, Delete, Insert, ReadModifyWrite, Remove, Write};
    match op.function {
        Insert | Remove | Append => list,
        Write => !list || part.history.values.as_list(op.argument).is_none(),
        Cas | ReadModifyWrite | Delete => !list,
        _ => false,
    }
}

/// What updates without an answer may still put there.
fn open_values(part: &Part<'_>) -> HashSet<Id> {
    let mut open = HashSet::new();
    for (_, op) in part.iter().filter(|(_, op)| is_open(op)) {
        open.insert(if op.function == Function::Delete { Id::NIL } else { op.argument });
        open.extend(part.history.values.as_list(op.argument).into_iter().flatten());
    }
    open
}

/// What a read says of what is settled: of a list its elements without those that are open, in one order where theirs
/// means nothing; none for a single value that is open.
fn observed(history: &History, result: Id, open: &HashSet<Id>, ordered: bool) -> Option<Vec<Id>> {
    let Some(list) = history.values.as_list(result) else {
        return (!open.contains(&result)).then(|| vec![result]);
    };
    let mut settled: Vec<Id> = list.iter().copied().filter(|id| !open.contains(id)).collect();
    if !ordered {
        settled.sort_unstable();
    }
    Some(settled)
}

fn explain(part: &Part<'_>, one: u32, other: u32, settled: Option<u64>) -> Violation {
    let history = part.history;
    let quiet = match settled {
        Some(time) => {
            format!("the last update{} returned at {}", words::object(history, one), words::at(history, time))
        }
        None => "nothing was updated".to_owned(),
    };
    let told = |read: u32| {
        let result = words::value(history, history.get(read).result);
        format!("{} read {result} at {}", words::who(history, read), words::returned(history, read))
    };
    let difference = match difference(history, one, other) {
        Some(element) => format!("; {} is in only one of them", words::value(history, element)),
        None => String::new(),
    };
    let sentence = format!("{quiet}, and yet {} and {}{difference}", told(one), told(other));
    violation("diverged", sentence, [one, other])
}

/// An element that only one of two lists holds.
fn difference(history: &History, one: u32, other: u32) -> Option<Id> {
    let list = |index: u32| history.values.as_list(history.get(index).result);
    let (one, other) = (list(one)?, list(other)?);
    let sets: (HashSet<Id>, HashSet<Id>) = (one.iter().copied().collect(), other.iter().copied().collect());
    one.iter().chain(other).copied().find(|id| sets.0.contains(id) != sets.1.contains(id))
}
