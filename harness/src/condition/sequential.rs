//! `sequential`: one order of all operations that each process would have seen, whatever the clock says.
//!
//! Sequential consistency of single objects: Lamport, How to Make a Multiprocessor Computer That Correctly Executes
//! Multiprocess Programs, IEEE ToC 1979. Each key is judged alone; of several objects together that is necessary and not
//! sufficient, because sequential consistency, unlike linearizability, is not local.
//!
//! In general NP-complete (Gibbons & Korach, SIAM J. Comput. 26, 1997). Registers whose values tell where they were
//! written are decided in O(n) (Cantin, Lipasti & Smith, The Complexity of Verifying Memory Coherence and Consistency,
//! TPDS 2005): the operations on one value stand together, so an order exists exactly when the order of the values, as
//! the processes met them, has no cycle. Repeated values, compare-and-set and read-modify-write go to a search.
//!
//! A write without an answer may take effect at any time after what its process did before it, or never.

mod search;

use super::{
    Condition, Found, Initial, Part, Scope,
    read_your_writes::from_nowhere,
    registers::{Access, Registers},
    versions::{Order, Step, Why, smallest},
    violation, words,
};
use crate::{
    history::Id,
    model::Register,
    verify::{Judged, Violation},
};

pub(super) const SEQUENTIAL: Condition = Condition {
    name: "sequential",
    about: "the operations on each register fit into one order that every process's own order agrees with",
    initial: Initial::Value,
    scope: Scope::Object,
    judge,
};

fn judge(part: Part<'_>) -> Result<Found, String> {
    let registers = Registers::of(&part)?;
    let mut found =
        Found { counts: vec![("operations", part.operations.len() as u64), ("searched", 0)], ..Found::default() };
    if let Some(read) = registers.phantom {
        found.violations.push(from_nowhere(&part, read));
        return Ok(found);
    }
    if registers.ambiguous.is_none() && !registers.compound {
        let again = |operations: &[u32]| {
            let part = Part { operations, ..part };
            contradiction(&part, &Registers::of(&part).ok()?)
        };
        found.violations.extend(contradiction(&part, &registers).map(|violation| smallest(violation, again)));
        return Ok(found);
    }
    found.counts[1].1 = 1;
    let model = Register { initial: registers.initial.unwrap_or(Id::NONE), nil_is_wildcard: false };
    match search::search(&model, part.history, part.operations, part.settings.budget)? {
        Judged::Legal => {}
        Judged::Illegal(violation) => found.violations.push(*violation),
        Judged::Undecided(why) => found.undecided.push(why),
        Judged::NotCovered(why) => found.undecided.push(why.to_owned()),
    }
    Ok(found)
}

/// A cycle in the order of the values as the processes met them.
fn contradiction(part: &Part<'_>, registers: &Registers) -> Option<Violation> {
    let mut order = Order::new(registers);
    for session in registers.sessions() {
        let mut last: Option<(u32, Access)> = None;
        for access in session {
            let Some(to) = access.reads.filter(|_| access.answered).or(access.writes) else { continue };
            if let Some((from, first)) = last {
                // A value that was read before the process wrote it comes before itself.
                if from != to || access.writes == Some(to) {
                    order.step(Step { from, to, first: first.op, second: access.op, why: Why::Session });
                }
            }
            if access.answered {
                last = Some((to, access));
            }
        }
    }
    let steps = order.contradiction()?;
    let begin = match steps.as_slice() {
        [one] => format!(
            "a process read {} before it wrote it itself",
            words::value(part.history, registers.versions[one.to as usize].value)
        ),
        _ => "no order of the writes agrees with what every process met one after the other".to_owned(),
    };
    Some(order.explain(part, "not-sequential", &begin, &steps))
}
