//! Registers as sessions see them: which write each operation read from, and which it is.

use super::Part;
use crate::{
    history::{Function, Id, Outcome},
    linearizability::initial,
};
use std::collections::HashMap;

/// A version of a register: its initial value, or what one write put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The register.
    pub key: Id,
    /// The value.
    pub value: Id,
    /// The operation that wrote it; none for the initial value.
    pub write: Option<u32>,
}

/// One operation, by versions.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// Its index in the history.
    pub op: u32,
    /// Who called.
    pub process: u32,
    /// Whether it was answered.
    pub answered: bool,
    /// The version that it read, where it read one.
    pub reads: Option<u32>,
    /// The version that it wrote, where it wrote one.
    pub writes: Option<u32>,
}

/// All operations on registers whose values tell where they were written.
#[derive(Debug, Default)]
pub struct Registers {
    /// The versions; those of a register are not necessarily next to each other.
    pub versions: Vec<Version>,
    /// What every register holds at first; none where that value does not occur in the history.
    pub initial: Option<Id>,
    /// The operations in order of calls.
    pub accesses: Vec<Access>,
    /// The first read of a value that nobody wrote.
    pub phantom: Option<u32>,
    /// Why values do not tell where they were written, if so.
    pub ambiguous: Option<String>,
    /// Whether there are operations that read and write at once, or a refused compare-and-set.
    pub compound: bool,
}

/// What an operation reads and writes.
struct Effect {
    reads: Option<Id>,
    writes: Option<Id>,
}

impl Registers {
    /// The registers of a history; an error for operations of other objects.
    pub(super) fn of(part: &Part<'_>) -> Result<Self, String> {
        let initial = match part.settings.initial {
            None => Some(Id::NIL),
            Some(json) => Some(initial(&part.history.values, json)?).filter(|id| id.is_some()),
        };
        let mut registers = Self { initial, ..Self::default() };
        let mut known: HashMap<(Id, Id), u32> = HashMap::new();
        for (index, op) in part.iter() {
            let Some(value) = effect(part, index)?.writes else { continue };
            let version = registers.versions.len() as u32;
            registers.versions.push(Version { key: op.key, value, write: Some(index) });
            let other = known.insert((op.key, value), version);
            if (other.is_some() || Some(value) == initial) && registers.ambiguous.is_none() {
                let shown = part.history.values.show(value).to_string();
                let shown = crate::text::excerpt(&shown, 40);
                registers.ambiguous = Some(format!(
                    "{shown} is written more than once, so a read of it does not tell which write it saw"
                ));
            }
        }
        for (index, op) in part.iter() {
            let effect = effect(part, index)?;
            let writes = effect.writes.and_then(|value| known.get(&(op.key, value)).copied());
            let reads = match effect.reads {
                None => None,
                Some(value) => match known.get(&(op.key, value)) {
                    Some(version) => Some(*version),
                    None if Some(value) == initial => {
                        let version = registers.versions.len() as u32;
                        registers.versions.push(Version { key: op.key, value, write: None });
                        known.insert((op.key, value), version);
                        Some(version)
                    }
                    None => {
                        if op.outcome == Outcome::Ok {
                            registers.phantom.get_or_insert(index);
                        }
                        None
                    }
                },
            };
            registers.compound |= matches!(op.function, Function::Cas | Function::ReadModifyWrite);
            let answered = op.outcome == Outcome::Ok;
            registers.accesses.push(Access { op: index, process: op.process, answered, reads, writes });
        }
        Ok(registers)
    }

    /// The operations of each process in the order in which it made them, processes in ascending order.
    pub fn sessions(&self) -> Vec<Vec<Access>> {
        let mut sessions: std::collections::BTreeMap<u32, Vec<Access>> = std::collections::BTreeMap::new();
        for access in &self.accesses {
            sessions.entry(access.process).or_default().push(*access);
        }
        sessions.into_values().collect()
    }
}

fn effect(part: &Part<'_>, index: u32) -> Result<Effect, String> {
    let (op, values) = (part.history.get(index), &part.history.values);
    let some = |id: Id| id.is_some().then_some(id);
    Ok(match op.function {
        Function::Read => Effect { reads: some(op.result), writes: None },
        Function::Write => Effect { reads: None, writes: some(op.argument) },
        Function::ReadModifyWrite => Effect { reads: some(op.result), writes: some(op.argument) },
        Function::Cas => match values.as_list(op.argument) {
            // A refused one says only what the value was not.
            Some([_, _]) if values.is_false(op.result) => Effect { reads: None, writes: None },
            Some([old, new]) => Effect { reads: some(*old), writes: some(*new) },
            _ => return Err(part.unknown(index, "a register's: it compares with one value and sets another")),
        },
        _ => return Err(part.unknown(index, "a register's, which are `read`, `write`, `cas` and `rmw`")),
    })
}
