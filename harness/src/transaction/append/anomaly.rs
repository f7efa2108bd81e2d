//! What is wrong with lists without looking at cycles, in sentences.

use super::index::{Fault, Flaw, Index, NOWHERE};
use crate::{
    history::{Id, Outcome},
    transaction::{Action, finding::Findings, order::NOBODY, witness, writes::Write},
    verify::{Level, Violation},
};
use std::collections::HashMap;

fn violation(sentence: String, of: &[u32]) -> Violation {
    Violation { sentence, witness: witness(of), ..Violation::default() }
}

/// A step of somebody, as in `T9 of client c3 (event 14 to event 20) read x → [1 2]`.
fn did(index: &Index<'_>, step: u32) -> String {
    let t = index.transactions;
    format!("{} {}", t.actor(index.transaction_of(step)), t.show_step(&t.steps[step as usize]))
}

fn key_of(index: &Index<'_>, step: u32) -> String {
    index.transactions.show_key(index.transactions.steps[step as usize].key)
}

/// A read that lacks what its own transaction read or appended before, or has more.
pub fn internal(index: &Index<'_>, findings: &mut Findings, transaction: u32, step: u32) {
    findings.add("internal", &[Level::ReadAtomic, Level::RepeatableRead], || {
        let sentence = format!(
            "{}, which does not agree with what the transaction itself had read and appended before; its steps were: {}",
            did(index, step),
            index.transactions.show(transaction)
        );
        violation(sentence, &[transaction])
    });
}

/// A read of what its own transaction appended only afterwards.
pub fn future_read(index: &Index<'_>, findings: &mut Findings, read: u32, append: u32) {
    findings.add("future-read", &[Level::ReadCommitted], || {
        let value = index.transactions.show_value(index.transactions.steps[append as usize].value);
        let sentence = format!(
            "{}, which has {value} already, though it appended {value} itself only afterwards",
            did(index, read)
        );
        violation(sentence, &[index.transaction_of(read)])
    });
}

/// Two appends of one transaction that stand the other way round in what was read, or of which only the second does.
pub fn reordered(index: &Index<'_>, findings: &mut Findings, first: u32, second: u32) {
    findings.add("incompatible-order", &[Level::ReadCommitted], || {
        let t = index.transactions;
        let longest = index.longest[index.key[second as usize] as usize];
        let value = |step: u32| t.show_value(t.steps[step as usize].value);
        let writer = index.transaction_of(second);
        let sentence = format!(
            "{}, where {} does not stand before {}, but {} appended {} before {}",
            did(index, longest),
            value(first),
            value(second),
            t.name(writer),
            value(first),
            value(second)
        );
        violation(sentence, &[writer, index.transaction_of(longest)])
    });
}

/// A read that ends in the middle of what another transaction appended.
pub fn intermediate_read(index: &Index<'_>, findings: &mut Findings, reader: u32, writer: u32, key: u32, length: u32) {
    findings.add("G1b", &[Level::ReadCommitted], || {
        let t = index.transactions;
        let last = index.order(key).get(length as usize - 1).copied().unwrap_or(Id::NONE);
        let sentence = format!(
            "{} read {} when its last element was {}, which is not all that {} appended to it: that transaction was seen \
             half done",
            t.actor(reader),
            t.show_key(index.keys.id(key)),
            t.show_value(last),
            t.name(writer)
        );
        violation(sentence, &[writer, reader])
    });
}

/// What is wrong with an element of the longest read of a key.
pub fn flaw(index: &Index<'_>, findings: &mut Findings, flaw: Flaw) {
    let step = index.longest[flaw.key as usize];
    let value = index.order(flaw.key)[flaw.position as usize];
    element(index, findings, step, value, flaw.fault);
    if flaw.fault == Fault::Aborted {
        dirty_update(index, findings, flaw);
    }
}

/// What is wrong with an element of a list that was read.
fn element(index: &Index<'_>, findings: &mut Findings, step: u32, value: Id, fault: Fault) {
    let t = index.transactions;
    let reader = index.transaction_of(step);
    let by = index.find(index.key[step as usize], value).first().map(|append| append.transaction);
    let (word, key) = (|| t.show_value(value), || key_of(index, step));
    let of: Vec<u32> = by.into_iter().chain([reader]).collect();
    match fault {
        Fault::Garbage => findings.add("garbage-read", &[Level::ReadCommitted], || {
            violation(format!("{}, but nobody ever appended {} to {}", did(index, step), word(), key()), &[reader])
        }),
        Fault::Aborted => findings.add("G1a", &[Level::ReadCommitted], || {
            let writer = by.map_or_else(String::new, |by| t.name(by));
            let sentence = format!(
                "{}, which has {}, but {writer}, which appended {}, was aborted",
                did(index, step),
                word(),
                word()
            );
            violation(sentence, &of)
        }),
        Fault::Duplicate => findings.add("duplicate-elements", &[Level::ReadUncommitted], || {
            let sentence =
                format!("{}, which has {} more than once, but it was appended once", did(index, step), word());
            violation(sentence, &of)
        }),
        Fault::Ambiguous => findings.gap(|| {
            let by: Vec<String> = index
                .find(index.key[step as usize], value)
                .iter()
                .take(3)
                .map(|append| format!("T{}", append.transaction))
                .collect();
            format!("{} was appended to {} by each of {}: whose was read is not known", word(), key(), by.join(", "))
        }),
    }
}

/// A committed append behind an aborted one.
fn dirty_update(index: &Index<'_>, findings: &mut Findings, flaw: Flaw) {
    let behind = &index.order(flaw.key)[flaw.position as usize + 1..];
    let aborted = index.order(flaw.key)[flaw.position as usize];
    let only = |value: Id| match index.find(flaw.key, value) {
        [append] => Some(*append),
        _ => None,
    };
    let live = |append: &Write| index.transactions.outcome[append.transaction as usize] != Outcome::Failed;
    let Some(next) = behind.iter().filter_map(|value| only(*value)).find(live) else { return };
    let Some(before) = only(aborted) else { return };
    findings.add("dirty-update", &[Level::ReadCommitted], || {
        let t = index.transactions;
        let step = index.longest[flaw.key as usize];
        let sentence = format!(
            "{} appended {} to {} behind {}, which {} had appended that was aborted: {}",
            t.actor(next.transaction),
            t.show_value(next.value),
            key_of(index, step),
            t.show_value(aborted),
            t.name(before.transaction),
            did(index, step)
        );
        violation(sentence, &[before.transaction, next.transaction, index.transaction_of(step)])
    });
}

/// Reads that fit no order of appends, one for each key, and what is wrong with their elements.
pub fn misfits(index: &Index<'_>, findings: &mut Findings) {
    let mut told = vec![false; index.keys.len()];
    for step in &index.misfits {
        let (key, list) = (index.key[*step as usize], index.list(*step).unwrap_or(&[]));
        if !std::mem::replace(&mut told[key as usize], true) {
            incompatible(index, findings, key, *step);
        }
        // Of such a read each element is looked at on its own.
        let mut seen: Vec<Id> = list.to_vec();
        seen.sort_unstable();
        for pair in seen.chunk_by(|left, right| left == right) {
            let fault = match index.find(key, pair[0]) {
                [] => Fault::Garbage,
                [append] if index.transactions.outcome[append.transaction as usize] == Outcome::Failed => {
                    Fault::Aborted
                }
                [_] if pair.len() > 1 => Fault::Duplicate,
                [_] => continue,
                _ => Fault::Ambiguous,
            };
            element(index, findings, *step, pair[0], fault);
        }
    }
}

fn incompatible(index: &Index<'_>, findings: &mut Findings, key: u32, step: u32) {
    findings.add("incompatible-order", &[Level::ReadCommitted], || {
        let t = index.transactions;
        let longest = index.longest[key as usize];
        let (one, other) = (index.list(step).unwrap_or(&[]), index.order(key));
        let at = one.iter().zip(other).take_while(|(left, right)| left == right).count();
        let element = |list: &[Id]| list.get(at).map_or_else(String::new, |id| t.show_value(*id));
        let sentence = format!(
            "{}, but {}: at place {} one has {} and the other {}, so no single order of appends explains both",
            did(index, step),
            did(index, longest),
            at + 1,
            element(one),
            element(other)
        );
        violation(sentence, &[index.transaction_of(step), index.transaction_of(longest)])
    });
}

/// Transactions that read the same version of a key and both appended to it. `missed` are those that did not append
/// directly behind what they read, with key and length: of two that lost an update to each other, one at least has.
pub fn lost_updates(index: &Index<'_>, findings: &mut Findings, mut missed: Vec<(u32, u32, u32)>) {
    missed.sort_unstable();
    missed.dedup();
    for group in missed.chunk_by(|one, two| (one.0, one.1) == (two.0, two.1)) {
        let (key, length, one) = group[0];
        let direct = index.after(key, length);
        let updates = |transaction: &u32| updated(index, *transaction).contains(&(key, length));
        let behind = Some(direct).filter(|direct| *direct != NOBODY && *direct != one && updates(direct));
        let Some(two) = behind.or_else(|| group.get(1).map(|other| other.2)) else { continue };
        findings.add("lost-update", &[Level::RepeatableRead, Level::SnapshotIsolation], || {
            let t = index.transactions;
            let read = t.show_list(&index.order(key)[..length as usize]);
            let sentence = format!(
                "{} and {} both read {key} → {read} and then appended to {key}; neither saw the other's append, as if the \
                 other had not been there",
                t.actor(one.min(two)),
                t.actor(one.max(two)),
                key = t.show_key(index.keys.id(key)),
            );
            violation(sentence, &[one, two])
        });
    }
}

/// Versions of keys that a transaction read before it appended to them.
fn updated(index: &Index<'_>, transaction: u32) -> Vec<(u32, u32)> {
    let t = index.transactions;
    if t.outcome[transaction as usize] != Outcome::Ok {
        return Vec::new();
    }
    let begin = t.first[transaction as usize];
    let mut state: HashMap<u32, Option<u32>> = HashMap::new();
    let mut updated = Vec::new();
    for (place, step) in t.steps(transaction).iter().enumerate() {
        let at = begin + place as u32;
        let key = index.key[at as usize];
        if step.action == Action::Append {
            if let Some(length) = state.insert(key, None).flatten() {
                updated.push((key, length));
            }
        } else if index.list(at).is_some() {
            let position = index.position[at as usize];
            state.entry(key).or_insert((position != NOWHERE).then_some(position));
        }
    }
    updated
}
