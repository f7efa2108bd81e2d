//! `set-full`: what was known to be in the set stays there, seen through all reads.
//!
//! Jepsen's `set-full` checker. A value is *known* when its addition is acknowledged or a read returns it. It is *lost*
//! when a read called afterwards lacks it and no read that holds it returns later; *stale* when such a read lacks it and
//! a later one holds it; *never read* when no read was called after it was known. O(n + length of all reads).
//!
//! Lost values, values listed twice and values that nobody added are violations; stale ones only where reads have to be
//! up to date (`set-full-linearizable`, which is necessary for linearizability and not sufficient: it does not compare
//! the order in which two reads see two values). Two reads that overlap and differ do not make a value lost: Jepsen
//! decides that by the order in which they were called.

use super::{
    Condition, Found, Initial, Part, Scope,
    growing::{Growing, Timeline},
    set_final, violation, words,
};
use crate::verify::Violation;

pub(super) const SET_FULL: Condition = Condition {
    name: "set-full",
    about: "no value that was known to be in the set is missing for good, repeated or from nowhere",
    initial: Initial::Fixed,
    scope: Scope::Object,
    judge: |part| judge(part, false),
};

pub(super) const SET_FULL_LINEARIZABLE: Condition = Condition {
    name: "set-full-linearizable",
    about: "as set-full, and every read holds all that was known before it was called",
    initial: Initial::Fixed,
    scope: Scope::Object,
    judge: |part| judge(part, true),
};

fn judge(part: Part<'_>, fresh: bool) -> Result<Found, String> {
    let (set, ids) = Growing::of(&part)?;
    let lines = set.timelines();
    let added = || lines.iter().filter(|line| line.add.is_some());
    let lost: Vec<&Timeline> = added().filter(|line| line.is_lost(&set)).collect();
    let stale: Vec<&Timeline> = added().filter(|line| line.is_stale(&set)).collect();
    let stable = added().filter(|line| line.is_stable(&set)).count();
    let recovered =
        added().filter(|line| line.known_by.is_some() && line.add.is_some_and(|add| !set.adds[add].is_acknowledged()));
    let mut found = Found {
        counts: vec![
            ("additions", set.adds.len() as u64),
            ("reads", set.reads.len() as u64),
            ("stable", stable as u64),
            ("lost", lost.len() as u64),
            ("stale", stale.len() as u64),
            ("never read", added().filter(|line| line.present.is_none() && line.absent.is_none()).count() as u64),
            ("recovered", recovered.count() as u64),
        ],
        ..Found::default()
    };
    let first = lost.iter().min_by_key(|line| line.add);
    found.violations.extend(first.and_then(|line| missed(&part, &set, **line, lost.len(), "value-lost")));
    if let Some((read, value)) = set.duplicates().first() {
        found.violations.push(set_final::duplicate(&part, set.reads[*read].op as u32, ids[*value as usize]));
    }
    if let Some((read, value)) = set.phantoms().first() {
        found.violations.push(set_final::phantom(&part, set.reads[*read].op as u32, ids[*value as usize]));
    }
    if let Some(line) = stale.iter().min_by_key(|line| line.add).filter(|_| fresh) {
        found.violations.extend(missed(&part, &set, **line, stale.len(), "stale-read"));
    }
    if found.violations.is_empty() && stable == 0 {
        found.undecided.push("no value was seen to stay in the set: too little was added and read".to_owned());
    }
    Ok(found)
}

/// A known value that a later read lacks: lost, or stale where it came back.
fn missed(part: &Part<'_>, set: &Growing, line: Timeline, count: usize, rule: &'static str) -> Option<Violation> {
    let history = part.history;
    let (absent, first) = (&set.reads[line.absent?], &set.adds[line.add?]);
    let read = absent.op as u32;
    let mut adds = set.adds.iter().filter(|add| add.value == first.value);
    let (mut witness, add) = (vec![read], adds.find(|add| add.ret < absent.call));
    let known = match (add, line.known_by) {
        (Some(add), _) => {
            let add = add.op as u32;
            witness.push(add);
            format!(
                "{} added it, which was acknowledged at {}",
                words::who(history, add),
                words::returned(history, add)
            )
        }
        (None, by) => {
            let by = set.reads[by?].op as u32;
            witness.extend([first.op as u32, by]);
            format!("a read by {} that returned at {} holds it", words::who(history, by), words::returned(history, by))
        }
    };
    // Without the read that holds it again the rest would look like a loss.
    witness.extend(line.present.filter(|_| rule == "stale-read").map(|present| set.reads[present].op as u32));
    let after = match line.present.map(|present| words::returned(history, set.reads[present].op as u32)) {
        None => "; no read ever holds it".to_owned(),
        Some(at) if rule == "value-lost" => format!("; the last read that holds it returned at {at}"),
        Some(at) => format!("; a read that returned at {at} holds it again"),
    };
    let element = words::value(history, history.get(first.op as u32).argument);
    let others = match count {
        1 => String::new(),
        _ => format!("; so it is with {count} values"),
    };
    let sentence = format!(
        "{element} is missing from the set{}: {known}, but the read by {} at {} does not hold it{after}{others}",
        words::object(history, read),
        words::who(history, read),
        words::called(history, read),
    );
    Some(violation(rule, sentence, witness))
}
