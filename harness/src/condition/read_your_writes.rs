//! `read-your-writes`: a process that has written reads its own write or a later one.
//!
//! Terry et al., Session Guarantees for Weakly Consistent Replicated Data, PDIS 1994. Of a growing set: every read holds
//! what its own process added and was acknowledged; O(n log n + length of all reads). Of registers with unique values:
//! there is an order of the writes in which every read is of the process's own
//! last acknowledged write or of a later one; O(n log n).
//!
//! A register keeps what was written last, so writes that do not overlap are taken to be ordered as they were made; without
//! that hardly any single value could be called old. Histories that write a value twice are not decided.

use super::{
    Condition, Found, Initial, Part, Scope,
    growing::Growing,
    registers::Registers,
    versions::{Order, Step, Why, smallest},
    violation, words,
};
use crate::{history::Function, verify::Violation};

pub(super) const READ_YOUR_WRITES: Condition = Condition {
    name: "read-your-writes",
    about: "every process sees what it has written itself before",
    initial: Initial::Value,
    scope: Scope::Object,
    judge,
};

fn judge(part: Part<'_>) -> Result<Found, String> {
    if is_set(&part) { of_set(&part) } else { of_registers(&part, "read-your-writes", order) }
}

/// Whether the operations are those of a growing set: something is inserted, or lists are read and nothing is written.
pub(super) fn is_set(part: &Part<'_>) -> bool {
    let has = |function: Function| part.iter().any(|(_, op)| op.function == function);
    let lists =
        || part.iter().any(|(_, op)| op.function == Function::Read && part.history.values.as_list(op.result).is_some());
    has(Function::Insert)
        || (!has(Function::Write) && !has(Function::Cas) && !has(Function::ReadModifyWrite) && lists())
}

/// What a session guarantee finds of registers, from the order of versions that it implies.
pub(super) fn of_registers(
    part: &Part<'_>,
    rule: &'static str,
    order: impl Fn(&Part<'_>, &Registers, &mut Order<'_>),
) -> Result<Found, String> {
    let registers = Registers::of(part)?;
    let reads = registers.accesses.iter().filter(|access| access.reads.is_some()).count();
    let writes = registers.accesses.iter().filter(|access| access.writes.is_some()).count();
    let mut found = Found {
        counts: vec![("reads", reads as u64), ("writes", writes as u64)],
        violations: registers.phantom.map(|read| from_nowhere(part, read)).into_iter().collect(),
        ..Found::default()
    };
    if let Some(ambiguous) = &registers.ambiguous {
        found.undecided.push(ambiguous.clone());
        return Ok(found);
    }
    found.violations.extend(
        contradiction(part, rule, &order).map(|violation| {
            smallest(violation, |operations| contradiction(&Part { operations, ..*part }, rule, &order))
        }),
    );
    Ok(found)
}

/// What contradicts the order of versions that a guarantee implies.
fn contradiction(
    part: &Part<'_>,
    rule: &'static str,
    order: &impl Fn(&Part<'_>, &Registers, &mut Order<'_>),
) -> Option<Violation> {
    let registers = Registers::of(part).ok()?;
    let mut implied = Order::new(&registers);
    implied.real_time(part);
    for access in &registers.accesses {
        if let (Some(from), Some(to)) = (access.reads, access.writes) {
            implied.step(Step { from, to, first: access.op, second: access.op, why: Why::ReadBefore });
        }
    }
    order(part, &registers, &mut implied);
    let steps = implied.contradiction()?;
    let begin = match rule {
        "read-your-writes" => "a process did not see its own write",
        "monotonic-reads" => "what a process read went back",
        _ => "a process saw a later write and then not the earlier one",
    };
    Some(implied.explain(part, rule, begin, &steps))
}

/// A read of what nobody wrote.
pub(super) fn from_nowhere(part: &Part<'_>, read: u32) -> Violation {
    let (history, op) = (part.history, part.history.get(read));
    let seen = match history.values.as_list(op.argument) {
        Some([old, _]) => *old,
        _ => op.result,
    };
    let why = match part.failed(op.key, seen) {
        Some(failed) => {
            format!("whose write by {} at {} had failed", words::who(history, failed), words::called(history, failed))
        }
        None => "which nobody ever wrote".to_owned(),
    };
    let sentence = format!(
        "{} read {} at {}, {why}",
        words::who(history, read),
        words::value(history, seen),
        words::called(history, read),
    );
    violation("phantom-value", sentence, [read])
}

/// The last acknowledged write of a process comes before what it reads next; the ones before it are older still.
fn order(_: &Part<'_>, registers: &Registers, order: &mut Order<'_>) {
    for session in registers.sessions() {
        let mut written: Option<(u32, u32)> = None;
        for access in session.iter().filter(|access| access.answered) {
            let met = access.reads.or(access.writes);
            if let (Some((from, first)), Some(to)) =
                (written, met.filter(|met| written.is_some_and(|(own, _)| own != *met)))
            {
                order.step(Step { from, to, first, second: access.op, why: Why::Session });
            }
            written = access.writes.map(|version| (version, access.op)).or(written);
        }
    }
}

fn of_set(part: &Part<'_>) -> Result<Found, String> {
    let (set, _) = Growing::of(part)?;
    let mut adds: Vec<usize> = (0..set.adds.len()).collect();
    adds.sort_by_key(|add| (set.adds[*add].process, set.adds[*add].ret));
    let mut held = vec![usize::MAX; set.values];
    let mut bad = Vec::new();
    for (index, read) in set.reads.iter().enumerate() {
        read.values.iter().for_each(|value| held[*value as usize] = index);
        let begin = adds.partition_point(|add| set.adds[*add].process < read.source);
        let own = adds[begin..].iter().map(|add| &set.adds[*add]);
        let mut own = own.take_while(|add| add.process == read.source && add.ret < read.call);
        bad.extend(own.find(|add| held[add.value as usize] != index).map(|add| (add.op as u32, read.op as u32)));
    }
    let history = part.history;
    let explain = |(add, read): (u32, u32)| {
        let sentence = format!(
            "{} added {}, acknowledged at {}, and did not find it in its own read at {}",
            words::who(history, add),
            words::value(history, history.get(add).argument),
            words::returned(history, add),
            words::called(history, read),
        );
        violation("read-your-writes", sentence, [add, read])
    };
    Ok(Found {
        counts: vec![("reads", set.reads.len() as u64), ("writes", set.adds.len() as u64)],
        violations: bad.first().copied().map(explain).into_iter().collect(),
        ..Found::default()
    })
}
