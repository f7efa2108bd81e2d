//! A case's calls as additions to a growing set and reads of it: what `condition::growing` decides about.

use super::field::{canonical, elements, has_type, is_text, raw_fields};
use crate::{
    calls::{Call, Role},
    case::CaseRecord,
    condition::growing::{Add, Growing, Read},
    history::PENDING,
    oracle::Vocabulary,
};
use std::{borrow::Cow, collections::HashMap};

/// Additions and reads, values interned. A read's source is the node that was read.
#[derive(Debug, Default)]
pub struct SetView {
    /// The set as it was observed; operations by their index in the case.
    pub set: Growing,
    /// Each value's JSON text; numbers keep all their digits.
    pub values: Vec<String>,
    /// For each read whether it is a final one.
    closing: Vec<bool>,
    /// Answered reads and additions whose reply was not of the right type or lacked its list: index of the operation.
    pub misshapen: Vec<usize>,
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
        view.set.values = view.values.len();
        Some(view)
    }

    /// For each node its last final read.
    pub fn final_reads(&self, nodes: u32) -> Vec<Option<&Read>> {
        let mut last = vec![None; nodes as usize];
        for (read, _) in self.set.reads.iter().zip(&self.closing).filter(|(_, closing)| **closing) {
            if let Some(slot) = last.get_mut(read.source as usize) {
                *slot = Some(read);
            }
        }
        last
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
        let ret = op.returned.filter(|_| well_typed).map_or(PENDING, |at| at.0);
        self.set.adds.push(Add { op: index, value, process: op.client, call: op.invoked.0, ret });
    }

    fn read<'a>(&mut self, index: usize, op: &'a Call, field: &str, known: &mut Known<'a>) {
        let [kind, list] = raw_fields(op.reply.as_deref().unwrap_or(""), ["type", field]);
        let list = list.and_then(elements);
        if list.is_none() || op.returned.is_none() || !is_text(kind, &format!("{}_ok", op.function)) {
            self.misshapen.push(index);
        }
        let (Some(list), Some(returned)) = (list, op.returned) else { return };
        let values = list.into_iter().map(|value| self.intern(value, known)).collect();
        self.closing.push(op.role == Role::Closing);
        self.set.reads.push(Read { op: index, source: op.node, call: op.invoked.0, ret: returned.0, values });
    }
}
