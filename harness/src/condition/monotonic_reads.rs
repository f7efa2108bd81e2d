//! `monotonic-reads`: what a process reads never goes back.
//!
//! Terry et al., Session Guarantees for Weakly Consistent Replicated Data, PDIS 1994. Of a growing set: every read holds
//! all that its process has read before; O(length of all reads). Of registers with unique values: there is an order of
//! the writes that the reads of every process follow; O(n log n).
//!
//! As for `read-your-writes`, writes of a register that do not overlap are taken to be ordered as they were made, and
//! histories that write a value twice are not decided.

use super::{
    Condition, Found, Initial, Part, Scope,
    growing::Growing,
    read_your_writes::{is_set, of_registers},
    registers::Registers,
    versions::{Order, Step, Why},
    violation, words,
};
use std::collections::HashMap;

pub(super) const MONOTONIC_READS: Condition = Condition {
    name: "monotonic-reads",
    about: "no process reads an older value after a newer one",
    initial: Initial::Value,
    scope: Scope::Object,
    judge,
};

fn judge(part: Part<'_>) -> Result<Found, String> {
    if is_set(&part) { of_set(&part) } else { of_registers(&part, "monotonic-reads", order) }
}

fn order(_: &Part<'_>, registers: &Registers, order: &mut Order<'_>) {
    for session in registers.sessions() {
        let mut last: Option<(u32, u32)> = None;
        for access in session.iter().filter(|access| access.answered) {
            let Some(to) = access.reads else { continue };
            if let Some((from, first)) = last.filter(|(from, _)| *from != to) {
                order.step(Step { from, to, first, second: access.op, why: Why::Session });
            }
            last = Some((to, access.op));
        }
    }
}

fn of_set(part: &Part<'_>) -> Result<Found, String> {
    let (set, ids) = Growing::of(part)?;
    let mut held = vec![usize::MAX; set.values];
    let mut last: HashMap<u32, usize> = HashMap::new();
    let mut bad = Vec::new();
    for (index, read) in set.reads.iter().enumerate() {
        read.values.iter().for_each(|value| held[*value as usize] = index);
        if let Some(earlier) = last.insert(read.source, index) {
            let gone = set.reads[earlier].values.iter().find(|value| held[**value as usize] != index);
            bad.extend(gone.map(|value| (set.reads[earlier].op as u32, read.op as u32, *value)));
        }
    }
    let history = part.history;
    let explain = |(earlier, later, value): (u32, u32, u32)| {
        let sentence = format!(
            "{} read a set that holds {} at {}, and at {} one that does not",
            words::who(history, earlier),
            words::value(history, ids[value as usize]),
            words::returned(history, earlier),
            words::returned(history, later),
        );
        violation("monotonic-reads", sentence, [earlier, later])
    };
    Ok(Found {
        counts: vec![("reads", set.reads.len() as u64), ("writes", set.adds.len() as u64)],
        violations: bad.first().copied().map(explain).into_iter().collect(),
        ..Found::default()
    })
}
