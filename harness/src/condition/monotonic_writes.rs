//! `monotonic-writes`: who sees a write of a process has all earlier writes of that process behind it.
//!
//! Terry et al., Session Guarantees for Weakly Consistent Replicated Data, PDIS 1994: a replica that has a write has the
//! earlier ones of its session. Of a growing set one read shows that: if it holds a value it holds all that the same
//! process had added and had acknowledged before; O(length of all reads · log n). Of registers, one read shows one
//! value, so reads of a process are taken together (with what it has seen once, as in `monotonic-reads`): after it saw a
//! write of a process it reads no register older than that process had made it by then; O(n·p·log n) for p processes.
//!
//! The keys of a key-value store are judged together. As for `read-your-writes`, writes of one register that do not
//! overlap are taken to be ordered as they were made, and histories that write a value twice are not decided.

use super::{
    Condition, Found, Initial, Part, Scope,
    growing::{Growing, Read},
    read_your_writes::{is_set, of_registers},
    registers::Registers,
    versions::{Order, Step, Why},
    violation, words,
};
use crate::history::Id;
use std::collections::{BTreeMap, HashMap};

pub(super) const MONOTONIC_WRITES: Condition = Condition {
    name: "monotonic-writes",
    about: "who sees a write of a process sees that process's earlier writes too",
    initial: Initial::Value,
    scope: Scope::History,
    judge,
};

fn judge(part: Part<'_>) -> Result<Found, String> {
    if !is_set(&part) {
        return of_registers(&part, "monotonic-writes", order);
    }
    let mut all = Found { counts: vec![("reads", 0), ("writes", 0)], ..Found::default() };
    let mut objects: BTreeMap<Id, Vec<u32>> = BTreeMap::new();
    for (index, op) in part.iter() {
        objects.entry(op.key).or_default().push(index);
    }
    for operations in objects.values() {
        let found = of_set(&Part { operations, ..part })?;
        all.violations.extend(found.violations);
        all.counts.iter_mut().zip(found.counts).for_each(|(sum, more)| sum.1 += more.1);
    }
    Ok(all)
}

/// The acknowledged writes of each process to each register: when in its session, which version, which operation.
type Writes = HashMap<Id, BTreeMap<u32, Vec<(usize, u32, u32)>>>;

fn order(part: &Part<'_>, registers: &Registers, order: &mut Order<'_>) {
    let (mut writes, mut place) = (Writes::new(), HashMap::new());
    let sessions = registers.sessions();
    for session in &sessions {
        for (at, access) in session.iter().enumerate() {
            let Some(version) = access.writes else { continue };
            place.insert(version, (access.process, at));
            if access.answered {
                let key = part.history.get(access.op).key;
                writes.entry(key).or_default().entry(access.process).or_default().push((at, version, access.op));
            }
        }
    }
    for session in &sessions {
        // How far this process has seen each other one get, and by which read.
        let mut seen: HashMap<u32, (usize, u32)> = HashMap::new();
        for access in session.iter().filter(|access| access.answered) {
            let Some(to) = access.reads else { continue };
            let key = part.history.get(access.op).key;
            for (writer, writes) in writes.get(&key).into_iter().flatten() {
                let Some((far, by)) = seen.get(writer) else { continue };
                let behind = writes.partition_point(|(at, ..)| at <= far);
                let Some((at, from, write)) = writes[..behind].last().filter(|(_, from, _)| *from != to) else {
                    continue;
                };
                // What it read itself shows more than that it saw something later.
                let (first, why) = if at == far { (*by, Why::Session) } else { (*write, Why::Seen(*by)) };
                order.step(Step { from: *from, to, first, second: access.op, why });
            }
            if let Some((writer, at)) = place.get(&to) {
                let far = seen.entry(*writer).or_insert((*at, access.op));
                *far = if *at > far.0 { (*at, access.op) } else { *far };
            }
        }
    }
}

fn of_set(part: &Part<'_>) -> Result<Found, String> {
    let (set, _) = Growing::of(part)?;
    let mut first: Vec<Option<usize>> = vec![None; set.values];
    let mut of_process: HashMap<u32, Vec<usize>> = HashMap::new();
    for (index, add) in set.adds.iter().enumerate() {
        first[add.value as usize].get_or_insert(index);
        if add.is_acknowledged() {
            of_process.entry(add.process).or_default().push(index);
        }
    }
    let mut held = vec![usize::MAX; set.values];
    let mut bad = Vec::new();
    for (index, read) in set.reads.iter().enumerate() {
        read.values.iter().for_each(|value| held[*value as usize] = index);
        for latest in latest_of_each(&set, &first, read) {
            let add = &set.adds[latest];
            let own = of_process.get(&add.process).map_or(&[][..], Vec::as_slice);
            let before = &own[..own.partition_point(|other| *other < latest)];
            let missing = before.iter().find(|other| held[set.adds[**other].value as usize] != index);
            bad.extend(missing.map(|missing| (read.op as u32, set.adds[*missing].op as u32, add.op as u32)));
        }
    }
    Ok(Found {
        counts: vec![("reads", set.reads.len() as u64), ("writes", set.adds.len() as u64)],
        violations: bad
            .first()
            .map(|(read, missing, latest)| explain(part, *read, *missing, *latest))
            .into_iter()
            .collect(),
        ..Found::default()
    })
}

/// Of the additions that a read holds, the last called one of each process.
fn latest_of_each(set: &Growing, first: &[Option<usize>], read: &Read) -> Vec<usize> {
    let mut latest: BTreeMap<u32, usize> = BTreeMap::new();
    for add in read.values.iter().filter_map(|value| first[*value as usize]) {
        let known = latest.entry(set.adds[add].process).or_insert(add);
        *known = (*known).max(add);
    }
    latest.into_values().collect()
}

fn explain(part: &Part<'_>, read: u32, missing: u32, latest: u32) -> crate::verify::Violation {
    let history = part.history;
    let value = |add: u32| words::value(history, history.get(add).argument);
    let sentence = format!(
        "{} added {} and, after that was acknowledged at {}, {}; the read by {} that returned at {} holds {} and lacks {}",
        words::who(history, missing),
        value(missing),
        words::returned(history, missing),
        value(latest),
        words::who(history, read),
        words::returned(history, read),
        value(latest),
        value(missing),
    );
    violation("monotonic-writes", sentence, [read, missing, latest])
}
