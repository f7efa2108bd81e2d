//! What is wrong with registers without looking at cycles, in sentences.

use super::index::Index;
use crate::{
    history::Id,
    transaction::{Step, Transactions, finding::Findings, order::NOBODY, witness, writes::Write},
    verify::{Level, Violation},
};

fn violation(sentence: String, of: &[u32]) -> Violation {
    Violation { sentence, witness: witness(of), ..Violation::default() }
}

fn did(t: &Transactions, transaction: u32, step: &Step) -> String {
    format!("{} {}", t.actor(transaction), t.show_step(step))
}

/// A read of something else than its own transaction read or wrote last.
pub fn internal(t: &Transactions, findings: &mut Findings, transaction: u32, step: &Step, before: Id) {
    findings.add("internal", &[Level::ReadAtomic, Level::RepeatableRead], || {
        let sentence = format!(
            "{}, though the transaction itself had read or written {} there before; its steps were: {}",
            did(t, transaction, step),
            t.show_value(before),
            t.show(transaction)
        );
        violation(sentence, &[transaction])
    });
}

/// A read of what nobody wrote.
pub fn garbage_read(t: &Transactions, findings: &mut Findings, reader: u32, step: &Step) {
    findings.add("garbage-read", &[Level::ReadCommitted], || {
        let sentence = format!(
            "{}, but nobody ever wrote {} to {}",
            did(t, reader, step),
            t.show_value(step.value),
            t.show_key(step.key)
        );
        violation(sentence, &[reader])
    });
}

/// A read of what its own transaction wrote only afterwards.
pub fn future_read(t: &Transactions, findings: &mut Findings, reader: u32, step: &Step) {
    findings.add("future-read", &[Level::ReadCommitted], || {
        violation(format!("{}, which it wrote itself only afterwards", did(t, reader, step)), &[reader])
    });
}

/// A read of what an aborted transaction wrote, and a write on top of it.
pub fn aborted_read(t: &Transactions, findings: &mut Findings, reader: u32, step: &Step, writer: u32, updated: bool) {
    findings.add("G1a", &[Level::ReadCommitted], || {
        let sentence = format!("{}, but {}, which wrote that, was aborted", did(t, reader, step), t.name(writer));
        violation(sentence, &[writer, reader])
    });
    if updated {
        findings.add("dirty-update", &[Level::ReadCommitted], || {
            let sentence = format!(
                "{} and then wrote {}: an update of what {} had written, which was aborted",
                did(t, reader, step),
                t.show_key(step.key),
                t.name(writer)
            );
            violation(sentence, &[writer, reader])
        });
    }
}

/// A read of what its writer overwrote itself.
pub fn intermediate_read(t: &Transactions, findings: &mut Findings, reader: u32, step: &Step, writer: u32) {
    findings.add("G1b", &[Level::ReadCommitted], || {
        let sentence = format!(
            "{}, which is not what {} left there: that transaction was seen half done; its steps were: {}",
            did(t, reader, step),
            t.name(writer),
            t.show(writer)
        );
        violation(sentence, &[writer, reader])
    });
}

/// A read of what several wrote.
pub fn ambiguous(t: &Transactions, findings: &mut Findings, step: &Step, found: &[Write]) {
    findings.gap(|| {
        let mut by: Vec<String> = found.iter().map(|write| format!("T{}", write.transaction)).collect();
        by.dedup();
        by.truncate(3);
        if by.len() == 1 {
            by.insert(0, "the beginning".to_owned());
        }
        let (value, key) = (t.show_value(step.value), t.show_key(step.key));
        format!("{key} was {value} by each of {}: whose was read is not known", by.join(", "))
    });
}

/// Transactions that read the same version of a key and both wrote the key.
pub fn lost_updates(index: &Index<'_>, findings: &mut Findings) {
    let t = index.transactions;
    for version in 0..index.key_of.len() as u32 {
        let readers = index.readers.of(version);
        let key = index.key_of[version as usize];
        if readers.len() < 2 {
            continue;
        }
        let mut updates = readers.iter().copied().filter(|reader| index.written(*reader, key).is_some());
        let (Some(one), Some(two)) = (updates.next(), updates.next()) else { continue };
        findings.add("lost-update", &[Level::RepeatableRead, Level::SnapshotIsolation], || {
            let sentence = format!(
                "{} and {} both {} and then wrote {}; neither saw the other's write, so one of the two is lost",
                t.actor(index.member(one)),
                t.actor(index.member(two)),
                index.show_read(one, key),
                index.show_key(key)
            );
            let writer = index.writer_of[version as usize];
            let of = [index.member(one), index.member(two)];
            let writer = (writer != NOBODY).then(|| index.member(writer));
            violation(sentence, &of.into_iter().chain(writer).collect::<Vec<_>>())
        });
    }
}

/// Keys whose versions follow each other in a circle, because who wrote each had read the one before.
pub fn cyclic_versions(index: &Index<'_>, findings: &mut Findings) {
    let before = |version: u32| {
        let writer = index.writer_of[version as usize];
        if writer == NOBODY { None } else { index.read(writer, index.key_of[version as usize]) }
    };
    // In which walk a version was met first.
    let mut met = vec![NOBODY; index.key_of.len()];
    for begin in 0..index.key_of.len() as u32 {
        let mut at = begin;
        while met[at as usize] == NOBODY {
            met[at as usize] = begin;
            match before(at) {
                Some(version) => at = version,
                None => break,
            }
        }
        if met[at as usize] != begin || before(at).is_none() {
            continue;
        }
        let mut circle = vec![at];
        while let Some(version) = before(circle[circle.len() - 1]).filter(|version| *version != at) {
            circle.push(version);
        }
        findings.add("cyclic-versions", &[Level::ReadCommitted], || cyclic_violation(index, &circle));
    }
}

fn cyclic_violation(index: &Index<'_>, circle: &[u32]) -> Violation {
    let t = index.transactions;
    let key = index.key_of[circle[0] as usize];
    let who: Vec<u32> = circle.iter().map(|version| index.member(index.writer_of[*version as usize])).collect();
    let steps: Vec<String> = circle
        .iter()
        .take(4)
        .map(|version| {
            let writer = index.writer_of[*version as usize];
            let read = index.show_read(writer, key);
            format!("{} {read} and wrote {}", t.actor(index.member(writer)), index.show_written(*version))
        })
        .collect();
    let sentence = format!("the values of {} follow each other in a circle: {}", index.show_key(key), steps.join("; "));
    violation(sentence, &who)
}
