//! Registers in which each value is written at most once: the zones of Gibbons & Korach (see `zones`).
//!
//! O(n log n), and O(n) when the operations of each value come in order, as they nearly do. Writes of unknown outcome
//! are covered: one that was read has happened and never returned; one that was not read constrains nothing. Not
//! covered: a value that is written twice, a write of the initial value when that is read, and operations other than
//! reads and writes.

use super::{
    table::Table,
    witness::minimal,
    words,
    zones::{Conflict, Zone, conflict},
};
use crate::{
    history::{Function, History, Id, Outcome},
    linearizability::Monitor,
    verify::{Judged, Violation},
};

const NOBODY: u32 = u32::MAX;

/// A register with unique writes.
#[derive(Debug, Clone, Copy)]
pub struct Register {
    /// What it holds before the first write.
    pub initial: Id,
    /// Whether a read of `nil` says nothing, as in histories of Knossos.
    pub nil_is_wildcard: bool,
}

impl Default for Register {
    fn default() -> Self {
        Self { initial: Id::NIL, nil_is_wildcard: false }
    }
}

impl Monitor for Register {
    fn method(&self) -> &'static str {
        "zones"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        match self.decide(history, operations) {
            Ok(None) => Judged::Legal,
            Ok(Some(fault)) => Judged::illegal(self.explain(history, operations, fault)),
            Err(reason) => Judged::NotCovered(reason),
        }
    }
}

/// What is wrong with a register.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// A value was read that nobody wrote.
    NeverWritten(Id),
    /// A value was read by an operation that was over before its write began.
    ReadBeforeWrite(Id),
    /// The initial value was read after this value had been there.
    InitialAfter(Id),
    /// Each of two values must come before the other.
    BothBefore(Id, Id),
}

/// The writes and reads of all values, grouped.
struct Groups {
    values: Vec<Id>,
    zones: Vec<Zone>,
    writes: Vec<u32>,
    initial: Option<u64>,
    initial_written: bool,
    early: Option<Id>,
}

impl Register {
    fn decide(&self, history: &History, operations: &[u32]) -> Result<Option<Fault>, &'static str> {
        let groups = self.group(history, operations)?;
        if groups.initial_written && groups.initial.is_some() {
            return Err("the initial value is written, and read");
        }
        if let Some(group) = groups.writes.iter().position(|write| *write == NOBODY) {
            return Ok(Some(Fault::NeverWritten(groups.values[group])));
        }
        if let Some(value) = groups.early {
            return Ok(Some(Fault::ReadBeforeWrite(value)));
        }
        Ok(conflict(groups.initial, &groups.zones).map(|conflict| match conflict {
            Conflict::Initial(group) => Fault::InitialAfter(groups.values[group]),
            Conflict::Pair(a, b) => Fault::BothBefore(groups.values[a], groups.values[b]),
        }))
    }

    fn group(&self, history: &History, operations: &[u32]) -> Result<Groups, &'static str> {
        let (calls, returns, functions) = (history.calls(), history.returns(), history.functions());
        let (arguments, results, outcomes) = (history.arguments(), history.results(), history.outcomes());
        let value = |op: usize| if functions[op] == Function::Write { arguments[op] } else { results[op] };
        let mut table = Table::new(operations.iter().map(|op| value(*op as usize)).filter(|id| id.is_some()));
        let mut groups = Groups {
            values: Vec::new(),
            zones: Vec::new(),
            writes: Vec::new(),
            initial: None,
            initial_written: false,
            early: None,
        };
        for index in operations {
            let op = *index as usize;
            let (id, writes) = (value(op), functions[op] == Function::Write);
            match functions[op] {
                Function::Write => groups.initial_written |= id == self.initial,
                Function::Read if outcomes[op] != Outcome::Ok || (self.nil_is_wildcard && id == Id::NIL) => continue,
                Function::Read if id == self.initial => {
                    groups.initial = Some(calls[op]);
                    continue;
                }
                Function::Read => {}
                _ => return Err("there are operations other than reads and writes"),
            }
            if !id.is_some() {
                return Err("a value is not known");
            }
            let (group, new) = table.number(id);
            if new {
                groups.values.push(id);
                groups.zones.push(Zone::EMPTY);
                groups.writes.push(NOBODY);
            }
            if writes {
                if groups.writes[group] != NOBODY {
                    return Err("a value is written twice");
                }
                groups.writes[group] = *index;
                if groups.zones[group].first_return < calls[op] {
                    groups.early.get_or_insert(id);
                }
            }
            groups.zones[group].cover(calls[op], returns[op]);
        }
        Ok(groups)
    }
}

/// What a register's operation is about.
fn value(history: &History, op: u32) -> Id {
    let op = history.get(op);
    if op.function == Function::Write { op.argument } else { op.result }
}

fn is_read(history: &History, op: u32) -> bool {
    history.functions()[op as usize] == Function::Read
}

impl Register {
    fn explain(&self, history: &History, operations: &[u32], fault: Fault) -> Violation {
        let about = |id: Id| operations.iter().copied().filter(move |op| value(history, *op) == id);
        match fault {
            Fault::NeverWritten(id) => never_written(history, about(id).next().unwrap_or_default()),
            Fault::ReadBeforeWrite(id) => {
                let read = about(id).filter(|op| is_read(history, *op)).min_by_key(|op| history.get(*op).ret);
                let write = about(id).find(|op| !is_read(history, *op));
                before_write(history, read.unwrap_or_default(), write.unwrap_or_default())
            }
            Fault::InitialAfter(id) => self.order(history, operations, self.initial, id),
            Fault::BothBefore(a, b) => self.order(history, operations, a, b),
        }
    }

    /// The violation that two values are in no order.
    fn order(&self, history: &History, operations: &[u32], a: Id, b: Id) -> Violation {
        let mut witness = Vec::new();
        for id in [a, b] {
            let of: Vec<u32> = operations.iter().copied().filter(|op| self.concerns(history, *op, id)).collect();
            witness.extend(of.iter().filter(|op| !is_read(history, **op)));
            witness.extend(of.iter().min_by_key(|op| history.get(**op).ret));
            witness.extend(of.iter().max_by_key(|op| history.get(**op).call));
        }
        let illegal = |rest: &[u32]| matches!(self.decide(history, rest), Ok(Some(_)));
        let witness = minimal(witness, |left| droppable(history, left), illegal);
        let sentence = self.sentence(history, &witness, [a, b]);
        Violation { rule: "stale-read", sentence, witness, ..Violation::default() }
    }

    /// Whether an operation says something about a value.
    fn concerns(&self, history: &History, op: u32, id: Id) -> bool {
        value(history, op) == id && !(self.nil_is_wildcard && id == Id::NIL && is_read(history, op))
    }

    /// Why the latest read of the witness cannot be explained. Of two values each of which must come before the other,
    /// the operation that was called last is always a read: a write of a value comes before all that see it.
    fn sentence(&self, history: &History, witness: &[u32], values: [Id; 2]) -> String {
        let last = |id: Id| {
            witness.iter().copied().filter(|op| value(history, *op) == id).max_by_key(|op| history.get(*op).call)
        };
        let first = |id: Id| {
            witness.iter().copied().filter(|op| value(history, *op) == id).min_by_key(|op| history.get(*op).ret)
        };
        let call = |id: Id| last(id).map(|op| history.get(op).call);
        let [old, new] = if call(values[0]) >= call(values[1]) { values } else { [values[1], values[0]] };
        let (Some(read), Some(replaced)) = (last(old), first(new)) else { return String::new() };
        let mut sentence = format!(
            "{} read {} {}, but ",
            history.process_name(history.get(read).process),
            words::value(history, old),
            words::when(history, read),
        );
        let old_is_written = first(old).is_some_and(|op| !is_read(history, op));
        if old_is_written && !is_read(history, replaced) && last(new) == Some(replaced) {
            let returned = words::at(history, history.get(replaced).ret);
            let (write, old) = (words::op(history, replaced), words::value(history, old));
            return sentence + &format!("{write} had returned at {returned} and no write of {old} came after it");
        }
        sentence +=
            &format!("{} had taken its place before: {}", words::value(history, new), words::over(history, replaced));
        match (first(old).filter(|_| old != self.initial), last(new)) {
            (Some(before), Some(after)) => {
                sentence += &format!(
                    "; and {} is the later value, since {} before {}",
                    words::value(history, new),
                    words::over(history, before),
                    words::began(history, after)
                );
            }
            _ => sentence += &format!("; {} was there only in the beginning", words::value(history, old)),
        }
        sentence
    }
}

/// Reads, and writes that nobody reads: no legal history becomes illegal without one of them.
fn droppable(history: &History, left: &[u32]) -> Vec<Vec<u32>> {
    let unread = |write: u32| {
        let id = value(history, write);
        !left.iter().any(|op| is_read(history, *op) && value(history, *op) == id)
    };
    left.iter().filter(|op| is_read(history, **op) || unread(**op)).map(|op| vec![*op]).collect()
}

/// The violation that an operation found what nobody wrote.
pub(super) fn never_written(history: &History, index: u32) -> Violation {
    let op = history.get(index);
    let found = match history.values.as_list(op.argument) {
        Some([expected, _]) if op.function == Function::Cas => *expected,
        _ => op.result,
    };
    let failed = (0..history.len() as u32)
        .map(|index| history.get(index))
        .find(|other| other.outcome == Outcome::Failed && other.key == op.key && other.argument == found);
    let reason = match failed {
        Some(write) => {
            format!("the only {} of it, by {}, had failed", write.function, history.process_name(write.process))
        }
        None => "nobody ever wrote that".to_owned(),
    };
    let sentence = format!(
        "{} {} {} {}, but {reason}",
        history.process_name(op.process),
        if op.function == Function::Read { "read" } else { "found" },
        words::value(history, found),
        words::when(history, index),
    );
    Violation { rule: "garbage-read", sentence, witness: vec![index], ..Violation::default() }
}

/// The violation that a read was over before its write began.
pub(super) fn before_write(history: &History, read: u32, write: u32) -> Violation {
    let sentence = format!(
        "{} ran {}, but that value was written only afterwards: {}",
        words::op(history, read),
        words::when(history, read),
        words::began(history, write),
    );
    let mut witness = vec![read, write];
    witness.sort_unstable();
    Violation { rule: "future-read", sentence, witness, ..Violation::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizability::{
        monitor::testing::{agrees, assert_both_occur, calls, history, judge},
        testing::Word,
    };
    use crate::model;
    use proptest::prelude::*;

    const REGISTER: Register = Register { initial: Id::NIL, nil_is_wildcard: false };

    fn histories(most: usize) -> impl Strategy<Value = History> {
        calls(most).prop_map(|calls| {
            let mut held = Word::Nil;
            history(
                &calls,
                |index, call| match call.choice {
                    0..45 => (Function::Write, Word::Int(index as i64)),
                    _ => (Function::Read, Word::None),
                },
                |function, argument| {
                    if function == Function::Write {
                        held = argument.clone();
                        return Word::None;
                    }
                    held.clone()
                },
                |function, number| match (function, number) {
                    (Function::Read, 0) => Some(Word::Nil),
                    (Function::Read, number) => Some(Word::Int(number)),
                    _ => None,
                },
            )
        })
    }

    #[test]
    fn histories_of_both_kinds_are_tried() {
        assert_both_occur(&REGISTER, histories(12));
    }

    proptest! {
        #[test]
        fn agrees_with_the_search_and_its_witness_is_minimal(history in histories(12), wildcard in prop::bool::weighted(0.2)) {
            let monitor = Register { nil_is_wildcard: wildcard, ..REGISTER };
            let model = model::Register { initial: Id::NIL, nil_is_wildcard: wildcard };
            if let Some(violation) = agrees(&monitor, &model, &history)? {
                prop_assert!(violation.witness.len() <= 6);
                if violation.rule != "garbage-read" {
                    for unit in droppable(&history, &violation.witness) {
                        let rest: Vec<u32> = violation.witness.iter().copied().filter(|op| !unit.contains(op)).collect();
                        prop_assert!(judge(&model, &history, &rest), "{unit:?} can be dropped from {violation:?}");
                    }
                }
            }
        }
    }
}
