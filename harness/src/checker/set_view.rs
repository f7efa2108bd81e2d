//! A history as additions to a growing set and reads of it.

use crate::{
    case::CaseRecord,
    history::{Operation, Role},
    oracle::Vocabulary,
    time::Offset,
};
use serde_json::Value;
use std::collections::HashMap;

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

impl SetView {
    /// The additions and reads of a case; none where the protocol has no set.
    pub fn of(case: &CaseRecord, vocabulary: Vocabulary) -> Option<Self> {
        let Vocabulary::Set { add, value, read, values } = vocabulary else { return None };
        let mut view = Self::default();
        let mut known = HashMap::new();
        for (index, op) in case.history.operations.iter().enumerate() {
            let function = &*op.function;
            if function == add {
                view.add(index, op, value, &mut known);
            } else if function == read && op.is_ok() {
                view.read(index, op, values, &mut known);
            }
            if op.is_ok() && (function == add || function == read) && !has_type(op, &format!("{function}_ok")) {
                view.misshapen.push(index);
            }
        }
        view.misshapen.sort_unstable();
        view.misshapen.dedup();
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

    fn intern(&mut self, value: &Value, known: &mut HashMap<String, u32>) -> u32 {
        let text = value.to_string();
        *known.entry(text).or_insert_with_key(|text| {
            self.values.push(text.clone());
            (self.values.len() - 1) as u32
        })
    }

    fn add(&mut self, index: usize, op: &Operation, field: &str, known: &mut HashMap<String, u32>) {
        let Some(value) = field_of(&op.request, field) else { return };
        let value = self.intern(&value, known);
        let acknowledged = op.returned.filter(|_| op.is_ok() && has_type(op, &format!("{}_ok", op.function)));
        self.adds.push(Add { op: index, value, acknowledged });
    }

    fn read(&mut self, index: usize, op: &Operation, field: &str, known: &mut HashMap<String, u32>) {
        let list = op.reply.as_deref().and_then(|reply| field_of(reply, field));
        let (Some(Value::Array(list)), Some(returned)) = (list, op.returned) else {
            self.misshapen.push(index);
            return;
        };
        let values = list.iter().map(|value| self.intern(value, known)).collect();
        let closing = op.role == Role::Closing;
        self.reads.push(Read { op: index, node: op.node, invoked: op.invoked, returned, closing, values });
    }
}

/// A field of a JSON object.
pub fn field_of(json: &str, field: &str) -> Option<Value> {
    match serde_json::from_str(json).ok()? {
        Value::Object(mut object) => object.remove(field),
        _ => None,
    }
}

/// Whether an operation's reply has this type.
pub fn has_type(op: &Operation, expected: &str) -> bool {
    let kind = op.reply.as_deref().and_then(|reply| field_of(reply, "type"));
    kind.as_ref().and_then(Value::as_str) == Some(expected)
}
