//! `set-final`: what was acknowledged is in the last read, and nothing that nobody added.
//!
//! Jepsen's `set` checker. O(n). It looks at the last read alone, so it does not see what was missing for a while or
//! seen twice: `set-full` does. What was added after it began and is not in it is left open. Elements whose addition was
//! never answered may be there (recovered) or not.

use super::{
    Condition, Found, Initial, Part, Scope,
    growing::{Add, Growing},
    violation, words,
};
use crate::{history::Id, verify::Violation};

pub(super) const SET_FINAL: Condition = Condition {
    name: "set-final",
    about: "every acknowledged addition is in the last read of the set, and nothing else than what was added",
    initial: Initial::Fixed,
    scope: Scope::Object,
    judge,
};

fn judge(part: Part<'_>) -> Result<Found, String> {
    let (mut set, ids) = Growing::of(&part)?;
    let mut found = Found::default();
    let acknowledged: Vec<bool> = acknowledged(&set);
    let Some(last) = set.reads.iter().enumerate().max_by_key(|(_, read)| (read.ret, read.call)).map(|(index, _)| index)
    else {
        found.undecided.push("the set was never read".to_owned());
        found.counts = counts(&set, 0, 0, 0);
        return Ok(found);
    };
    set.reads = vec![set.reads.swap_remove(last)];
    let (lost, phantoms) = (set.missing_from(&set.reads[0]), set.phantoms());
    let held = set.held_by(&set.reads[0]);
    let recovered = set.adds.iter().filter(|add| held[add.value as usize] && !acknowledged[add.value as usize]).count();
    if let Some(add) = lost.first() {
        found.violations.push(lost_from(&part, add.op as u32, set.reads[0].op as u32, lost.len()));
    }
    if let Some((_, value)) = phantoms.first() {
        found.violations.push(phantom(&part, set.reads[0].op as u32, ids[*value as usize]));
    }
    let unseen = |add: &&Add| add.is_acknowledged() && add.ret >= set.reads[0].call && !held[add.value as usize];
    let unseen = set.adds.iter().filter(unseen).count();
    if unseen > 0 && found.violations.is_empty() {
        let additions = words::count(unseen, "addition");
        found.undecided.push(format!("the last read was called too early to have to hold {additions}"));
    }
    found.counts = counts(&set, lost.len(), recovered, phantoms.len());
    Ok(found)
}

fn acknowledged(set: &Growing) -> Vec<bool> {
    let mut known = vec![false; set.values];
    for add in set.adds.iter().filter(|add| add.is_acknowledged()) {
        known[add.value as usize] = true;
    }
    known
}

fn counts(set: &Growing, lost: usize, recovered: usize, unexpected: usize) -> Vec<(&'static str, u64)> {
    let acknowledged = set.adds.iter().filter(|add| add.is_acknowledged()).count();
    vec![
        ("additions", set.adds.len() as u64),
        ("acknowledged", acknowledged as u64),
        ("lost", lost as u64),
        ("recovered", recovered as u64),
        ("reads with unexpected values", unexpected as u64),
    ]
}

/// An acknowledged addition that a read lacks.
fn lost_from(part: &Part<'_>, add: u32, read: u32, count: usize) -> Violation {
    let history = part.history;
    let element = words::value(history, history.get(add).argument);
    let others = match count {
        0 | 1 => String::new(),
        _ => format!("; {} other acknowledged values are lost too", count - 1),
    };
    let sentence = format!(
        "{} added {element} to the set{}, which was acknowledged at {}; the last read, by {} at {}, does not hold it{others}",
        words::who(history, add),
        words::object(history, add),
        words::returned(history, add),
        words::who(history, read),
        words::called(history, read),
    );
    violation("value-lost", sentence, [add, read])
}

/// A value in a read that nobody had added when it returned.
pub(super) fn phantom(part: &Part<'_>, read: u32, element: Id) -> Violation {
    let history = part.history;
    let text = words::value(history, element);
    let op = history.get(read);
    let later = part.iter().find(|(_, add)| add.argument == element && add.call > op.ret);
    let why = match (part.failed(op.key, element), later) {
        (Some(failed), _) => format!(
            "whose addition by {} at {} had failed",
            words::who(history, failed),
            words::called(history, failed)
        ),
        (None, Some((add, _))) => {
            format!("which {} added only later, at {}", words::who(history, add), words::called(history, add))
        }
        (None, None) => "which nobody ever added".to_owned(),
    };
    let sentence = format!(
        "{} read the set{} and was told at {} that it holds {text}, {why}",
        words::who(history, read),
        words::object(history, read),
        words::returned(history, read),
    );
    violation("phantom-value", sentence, [read])
}

/// A value that a read lists twice.
pub(super) fn duplicate(part: &Part<'_>, read: u32, element: Id) -> Violation {
    let history = part.history;
    let text = words::value(history, element);
    let list = history.values.as_list(history.get(read).result).unwrap_or_default();
    let sentence = format!(
        "the read by {} that returned at {} lists {text} {} times; a set holds a value once",
        words::who(history, read),
        words::returned(history, read),
        list.iter().filter(|other| **other == element).count(),
    );
    violation("duplicate-value", sentence, [read])
}
