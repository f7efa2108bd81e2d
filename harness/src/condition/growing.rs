//! Growing sets as they were observed: additions and reads, and what is decided of them for every condition and check.
//!
//! A read is compared with the additions through tables that are indexed by value, because histories hold millions of
//! values: each question below costs as much as the reads are long and the additions many.

use super::Part;
use crate::history::{Function, Id, Outcome, PENDING};
use std::collections::HashMap;

/// Additions to one set and reads of it. Values are numbers below [`Self::values`].
#[derive(Debug, Clone, Default)]
pub struct Growing {
    /// How many different values there are.
    pub values: usize,
    /// Additions in order of their calls.
    pub adds: Vec<Add>,
    /// Answered reads in order of their calls.
    pub reads: Vec<Read>,
}

/// One addition that took effect or may have.
#[derive(Debug, Clone, Copy)]
pub struct Add {
    /// Index of the operation.
    pub op: usize,
    /// The value.
    pub value: u32,
    /// Who added it.
    pub process: u32,
    /// When it was sent.
    pub call: u64,
    /// When it was acknowledged; [`PENDING`] where it never was.
    pub ret: u64,
}

impl Add {
    /// Whether it was acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        self.ret != PENDING
    }
}

/// One answered read.
#[derive(Debug, Clone)]
pub struct Read {
    /// Index of the operation.
    pub op: usize,
    /// Whose view it is: the process that read, or the node that was read where that is known.
    pub source: u32,
    /// When it was asked.
    pub call: u64,
    /// When it was answered.
    pub ret: u64,
    /// The values, as they were listed.
    pub values: Vec<u32>,
}

/// When a value was seen and when it was missed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeline {
    /// Index in [`Growing::adds`] of its first addition.
    pub add: Option<usize>,
    /// When it was first known to be in the set: acknowledged, or returned by a read.
    pub known: Option<u64>,
    /// The read that made it known, where no acknowledgement did.
    pub known_by: Option<usize>,
    /// Of the reads that hold it the one that returned last.
    pub present: Option<usize>,
    /// The last called read without it, of those called after it was known.
    pub absent: Option<usize>,
}

impl Timeline {
    /// Whether it was known, and from some read on no read holds it.
    pub fn is_lost(&self, set: &Growing) -> bool {
        let Some(absent) = self.absent else { return false };
        self.present.is_none_or(|present| set.reads[present].ret < set.reads[absent].call)
    }

    /// Whether it is held by the last reads, but one called after it was known missed it before.
    pub fn is_stale(&self, set: &Growing) -> bool {
        self.absent.is_some() && !self.is_lost(set)
    }

    /// Whether from some read on every read holds it.
    pub fn is_stable(&self, set: &Growing) -> bool {
        self.present.is_some() && !self.is_lost(set)
    }
}

impl Growing {
    /// The reads that list a value twice: index of the read, and the first value that is repeated.
    pub fn duplicates(&self) -> Vec<(usize, u32)> {
        let mut seen = vec![usize::MAX; self.values];
        let mut repeated = |(index, read): (usize, &Read)| {
            let twice = |value: &&u32| std::mem::replace(&mut seen[**value as usize], index) == index;
            read.values.iter().find(twice).map(|value| (index, *value))
        };
        self.reads.iter().enumerate().filter_map(&mut repeated).collect()
    }

    /// The reads that hold a value nobody had added when they returned: index of the read, and the first such value.
    pub fn phantoms(&self) -> Vec<(usize, u32)> {
        let mut first = vec![PENDING; self.values];
        for add in self.adds.iter().rev() {
            first[add.value as usize] = add.call;
        }
        let phantom = |read: &Read| read.values.iter().copied().find(|value| first[*value as usize] > read.ret);
        self.reads.iter().enumerate().filter_map(|(index, read)| Some((index, phantom(read)?))).collect()
    }

    /// The additions that were acknowledged before a read was called and are not in it.
    pub fn missing_from(&self, read: &Read) -> Vec<Add> {
        let held = self.held_by(read);
        self.adds.iter().filter(|add| add.ret < read.call && !held[add.value as usize]).copied().collect()
    }

    /// For each value whether a read holds it.
    pub fn held_by(&self, read: &Read) -> Vec<bool> {
        let mut held = vec![false; self.values];
        for value in &read.values {
            held[*value as usize] = true;
        }
        held
    }

    /// What became of each value.
    pub fn timelines(&self) -> Vec<Timeline> {
        let mut lines = vec![Timeline::default(); self.values];
        for (index, add) in self.adds.iter().enumerate() {
            let line = &mut lines[add.value as usize];
            line.add.get_or_insert(index);
            if add.is_acknowledged() {
                line.known = Some(line.known.map_or(add.ret, |known| known.min(add.ret)));
            }
        }
        for (index, read) in self.reads.iter().enumerate() {
            for value in &read.values {
                let line = &mut lines[*value as usize];
                if line.known.is_none_or(|known| read.ret < known) {
                    (line.known, line.known_by) = (Some(read.ret), Some(index));
                }
                if line.present.is_none_or(|present| self.reads[present].ret <= read.ret) {
                    line.present = Some(index);
                }
            }
        }
        self.find_absences(&mut lines);
        lines
    }

    /// Goes through the reads backwards with the values that no read has missed yet. A value leaves at the first read
    /// without it, so that all steps together are as many as the reads are long.
    fn find_absences(&self, lines: &mut [Timeline]) {
        let mut open: Vec<u32> =
            (0..self.values as u32).filter(|value| lines[*value as usize].known.is_some()).collect();
        let mut held = vec![usize::MAX; self.values];
        for (index, read) in self.reads.iter().enumerate().rev() {
            for value in &read.values {
                held[*value as usize] = index;
            }
            open.retain(|value| {
                let line = &mut lines[*value as usize];
                // Reads called before this one were called before the value was known, too.
                let relevant = line.known < Some(read.call);
                let absent = relevant && held[*value as usize] != index;
                if absent {
                    line.absent = Some(index);
                }
                relevant && !absent
            });
        }
    }

    /// The set that the operations of one object observed, and what its values are.
    pub(super) fn of(part: &Part<'_>) -> Result<(Self, Vec<Id>), String> {
        let mut set = Self::default();
        let mut dense = Dense::default();
        for (index, op) in part.iter() {
            match op.function {
                Function::Insert | Function::Write => {
                    let value = dense.index(op.argument);
                    let (op, process, call, ret) = (index as usize, op.process, op.call, op.ret);
                    set.adds.push(Add { op, value, process, call, ret });
                }
                Function::Read if op.outcome == Outcome::Ok && op.result.is_some() => {
                    let list = match part.history.values.as_list(op.result) {
                        Some(list) => list,
                        None if op.result == Id::NIL => &[],
                        None => return Err(part.unknown(index, "a set's: it is read as a list")),
                    };
                    let values = list.iter().map(|value| dense.index(*value)).collect();
                    let (op, source, call, ret) = (index as usize, op.process, op.call, op.ret);
                    set.reads.push(Read { op, source, call, ret, values });
                }
                Function::Read => {}
                _ => return Err(part.unknown(index, "a growing set's, which are `insert` and `read`")),
            }
        }
        set.values = dense.values.len();
        Ok((set, dense.values))
    }
}

/// Numbers for ids in order of appearance; small ids through a table.
#[derive(Default)]
struct Dense {
    values: Vec<Id>,
    small: Vec<u32>,
    others: HashMap<Id, u32>,
}

const TABLE: u32 = 1 << 22;

impl Dense {
    fn index(&mut self, id: Id) -> u32 {
        let next = self.values.len() as u32;
        let slot = if id.raw() < TABLE {
            let raw = id.raw() as usize;
            if raw >= self.small.len() {
                self.small.resize((raw + 1).next_power_of_two(), u32::MAX);
            }
            &mut self.small[raw]
        } else {
            self.others.entry(id).or_insert(u32::MAX)
        };
        if *slot == u32::MAX {
            *slot = next;
            self.values.push(id);
        }
        *slot
    }
}
