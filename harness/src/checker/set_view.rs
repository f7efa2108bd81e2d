//! A history as additions to a growing set and reads of it.

use super::field::{canonical, elements, has_type, is_text, raw_fields};
use crate::{
    calls::{Call, Role},
    case::CaseRecord,
    oracle::Vocabulary,
    time::Offset,
};
use std::{borrow::Cow, collections::HashMap};

/// Additions and reads, values interned.
#[derive(Debug, Default)]
pub struct SetView {
    /// Each value's JSON text; numbers keep all their digits.
    pub values: Vec<String>,
    /// Additions in order of invocation.
    pub adds: Vec<Add>,
    /// Reads that were answered with a list, in order of invocation.
    pub reads: Vec<Read>,
    /// Answered reads and additions whose reply was not of the right type or lacked its list: index of the operation.
    pub misshapen: Vec<usize>,
}

/// One addition.
#[derive(Debug, Clone, Copy)]
pub struct Add {
    /// Index of the operation.
    pub op: usize,
    /// The value.
    pub value: u32,
    /// When it was acknowledged.
    pub acknowledged: Option<Offset>,
}

/// One answered read.
#[derive(Debug, Clone)]
pub struct Read {
    /// Index of the operation.
    pub op: usize,
    /// Node that was read.
    pub node: u32,
    /// When it was asked.
    pub invoked: Offset,
    /// When it was answered.
    pub returned: Offset,
    /// Whether it is a final read.
    pub closing: bool,
    /// The values, as they were listed.
    pub values: Vec<u32>,
}

/// Values by their text, which most often stands in the history already.
type Known<'a> = HashMap<Cow<'a, str>, u32>;

impl SetView {
    /// The additions and reads of a case; none where the protocol has no set.
    pub fn of(case: &CaseRecord, vocabulary: Vocabulary) -> Option<Self> {
        let Vocabulary::Set { add, value, read, values } = vocabulary else { return None };
        let mut view = Self::default();
        let mut known = Known::new();
        for (index, op) in case.history.operations.iter().enumerate() {
            let function = &*op.function;
            if function == add {
                view.add(index, op, value, &mut known);
            } else if function == read && op.is_ok() {
                view.read(index, op, values, &mut known);
            }
        }
        Some(view)
    }

    /// For each node its last final read.
    pub fn final_reads(&self, nodes: u32) -> Vec<Option<&Read>> {
        let mut last = vec![None; nodes as usize];
        for read in self.reads.iter().filter(|read| read.closing) {
            if let Some(slot) = last.get_mut(read.node as usize) {
                *slot = Some(read);
            }
        }
        last
    }

    /// Acknowledged additions that a read does not hold.
    pub fn missing_from(&self, read: &Read) -> Vec<Add> {
        let mut held = vec![false; self.values.len()];
        for value in &read.values {
            held[*value as usize] = true;
        }
        let acknowledged = self.adds.iter().filter(|add| add.acknowledged.is_some_and(|at| at <= read.invoked));
        acknowledged.filter(|add| !held[add.value as usize]).copied().collect()
    }

    fn intern<'a>(&mut self, json: &'a str, known: &mut Known<'a>) -> u32 {
        let text = canonical(json);
        if let Some(index) = known.get(&*text) {
            return *index;
        }
        let index = self.values.len() as u32;
        self.values.push(text.clone().into_owned());
        known.insert(text, index);
        index
    }

    fn add<'a>(&mut self, index: usize, op: &'a Call, field: &str, known: &mut Known<'a>) {
        let well_typed = op.is_ok() && has_type(op, &format!("{}_ok", op.function));
        if op.is_ok() && !well_typed {
            self.misshapen.push(index);
        }
        let [Some(value)] = raw_fields(&op.request, [field]) else { return };
        let value = self.intern(value, known);
        self.adds.push(Add { op: index, value, acknowledged: op.returned.filter(|_| well_typed) });
    }

    fn read<'a>(&mut self, index: usize, op: &'a Call, field: &str, known: &mut Known<'a>) {
        let [kind, list] = raw_fields(op.reply.as_deref().unwrap_or(""), ["type", field]);
        let list = list.and_then(elements);
        if list.is_none() || op.returned.is_none() || !is_text(kind, &format!("{}_ok", op.function)) {
            self.misshapen.push(index);
        }
        let (Some(list), Some(returned)) = (list, op.returned) else { return };
        let values = list.into_iter().map(|value| self.intern(value, known)).collect();
        let closing = op.role == Role::Closing;
        self.reads.push(Read { op: index, node: op.node, invoked: op.invoked, returned, closing, values });
    }
}
