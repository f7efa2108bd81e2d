//! Who wrote what was read, and what is wrong with single reads.

use super::anomaly;
use crate::{
    history::{Id, Outcome},
    transaction::{Action, Transactions, finding::Findings, keys::Keys, order::NOBODY, rows::Rows, writes::Writes},
};
use std::collections::HashMap;

/// Transactions that count, numbered anew, with the versions that they read and wrote.
///
/// A version is a key's initial value, or what a transaction left there.
#[derive(Debug)]
pub struct Index<'t> {
    pub transactions: &'t Transactions,
    pub keys: Keys,
    /// Those that committed or were read from, ascending.
    pub members: Vec<u32>,
    /// The key of each version.
    pub key_of: Vec<u32>,
    /// Who wrote each version; `NOBODY` for the initial value.
    pub writer_of: Vec<u32>,
    /// Where each key's versions begin; the first is the initial value.
    first_version: Vec<u32>,
    /// Versions that each transaction read, of keys it had not written before; ascending.
    pub reads: Rows,
    /// Versions that each transaction wrote, ascending.
    pub writes: Rows,
    /// Who read each version, ascending.
    pub readers: Rows,
    /// Who read what others wrote first and then overwrote: writer and reader.
    pub intermediate: Vec<(u32, u32)>,
}

/// What a transaction has done to a key so far.
#[derive(Clone, Copy)]
struct Touched {
    transaction: u32,
    value: Id,
}

/// Reads whose writers are being found.
struct Reader<'a, 't> {
    t: &'t Transactions,
    keys: Keys,
    key: Vec<u32>,
    all: Writes,
    /// Writes that their own transaction overwrote.
    intermediate: Vec<bool>,
    initial: Id,
    live: Vec<bool>,
    /// Reader, key and writer; `NOBODY` for the initial value.
    reads: Vec<(u32, u32, u32)>,
    half: Vec<(u32, u32)>,
    findings: &'a mut Findings,
}

impl<'t> Index<'t> {
    /// Finds the writers of all reads; what is wrong with single reads goes to the findings.
    pub fn new(t: &'t Transactions, initial: Id, findings: &mut Findings) -> Self {
        let mut keys = Keys::default();
        let mut counts: Vec<u32> = Vec::new();
        let mut last: Vec<(u32, u32)> = Vec::new();
        let (mut key, mut intermediate) = (Vec::with_capacity(t.steps.len()), vec![false; t.steps.len()]);
        for transaction in 0..t.len() as u32 {
            for (place, step) in t.steps(transaction).iter().enumerate() {
                let number = keys.number(step.key);
                if number as usize == counts.len() {
                    counts.push(0);
                    last.push((NOBODY, 0));
                }
                key.push(number);
                if step.action == Action::Write {
                    counts[number as usize] += 1;
                    let at = t.first[transaction as usize] + place as u32;
                    let (by, before) = std::mem::replace(&mut last[number as usize], (transaction, at));
                    if by == transaction {
                        intermediate[before as usize] = true;
                    }
                }
            }
        }
        let all = Writes::new(t, Action::Write, &key, &counts);
        let live = t.outcome.iter().map(|outcome| *outcome == Outcome::Ok).collect();
        let (reads, half) = (Vec::new(), Vec::new());
        let mut reader = Reader { t, keys, key, all, intermediate, initial, live, reads, half, findings };
        reader.read_all();
        reader.number_versions()
    }

    /// A key's versions; the first is the initial value.
    pub fn versions(&self, key: u32) -> std::ops::Range<u32> {
        self.first_version[key as usize]..self.first_version[key as usize + 1]
    }

    /// The version of a key that a transaction wrote.
    pub fn written(&self, transaction: u32, key: u32) -> Option<u32> {
        self.of_key(self.writes.of(transaction), key)
    }

    /// The version of a key that a transaction read.
    pub fn read(&self, transaction: u32, key: u32) -> Option<u32> {
        self.of_key(self.reads.of(transaction), key)
    }

    /// Versions ascend, and with them their keys.
    fn of_key(&self, versions: &[u32], key: u32) -> Option<u32> {
        let at = versions.partition_point(|version| self.key_of[*version as usize] < key);
        versions.get(at).copied().filter(|version| self.key_of[*version as usize] == key)
    }

    /// How many transactions count.
    pub fn len(&self) -> u32 {
        self.members.len() as u32
    }

    /// A member's number in the history.
    pub fn member(&self, number: u32) -> u32 {
        self.members[number as usize]
    }

    /// A transaction's number among the members that it is one of.
    pub fn number(&self, transaction: u32) -> u32 {
        self.members.partition_point(|member| *member < transaction) as u32
    }

    /// A key as it is shown.
    pub fn show_key(&self, key: u32) -> String {
        self.transactions.show_key(self.keys.id(key))
    }

    /// What a transaction left in a key, as it is shown.
    pub fn show_written(&self, version: u32) -> String {
        let writer = self.member(self.writer_of[version as usize]);
        let key = self.keys.id(self.key_of[version as usize]);
        let steps = self.transactions.steps(writer).iter().rev();
        let last = steps.into_iter().find(|step| step.action == Action::Write && step.key == key);
        last.map_or_else(String::new, |step| self.transactions.show_value(step.value))
    }

    /// The read of a key by a member, as it is shown: `read x → 3`.
    pub fn show_read(&self, reader: u32, key: u32) -> String {
        let id = self.keys.id(key);
        let mut steps = self.transactions.steps(self.member(reader)).iter();
        let read = steps.find(|step| step.action == Action::Read && step.key == id && step.value.is_some());
        read.map_or_else(String::new, |step| self.transactions.show_step(step))
    }
}

impl<'t> Reader<'_, 't> {
    fn read_all(&mut self) {
        let t = self.t;
        let nothing = Touched { transaction: NOBODY, value: Id::NONE };
        let mut touched = vec![nothing; self.keys.len()];
        for transaction in (0..t.len() as u32).filter(|index| t.outcome[*index as usize] == Outcome::Ok) {
            for (place, step) in t.steps(transaction).iter().enumerate() {
                let at = t.first[transaction as usize] + place as u32;
                let entry = &mut touched[self.key[at as usize] as usize];
                let known = entry.transaction == transaction;
                if step.action == Action::Read && !step.value.is_some() {
                    continue;
                }
                let before = std::mem::replace(entry, Touched { transaction, value: step.value });
                if step.action == Action::Write {
                    continue;
                }
                if !known {
                    self.external(transaction, at, step.value);
                } else if before.value != step.value {
                    anomaly::internal(t, self.findings, transaction, step, before.value);
                }
            }
        }
    }

    /// A read of what others wrote.
    fn external(&mut self, reader: u32, at: u32, value: Id) {
        let (t, key) = (self.t, self.key[at as usize]);
        let step = &t.steps[at as usize];
        let initial = value == self.initial || value == Id::NIL;
        let found = self.all.find(key, value);
        let writer = found.first().map_or(NOBODY, |write| write.transaction);
        let several = found.iter().any(|write| write.transaction != writer);
        match found.last() {
            None if initial => self.reads.push((reader, key, NOBODY)),
            None => anomaly::garbage_read(t, self.findings, reader, step),
            Some(_) if initial || several => anomaly::ambiguous(t, self.findings, step, found),
            Some(_) if writer == reader => anomaly::future_read(t, self.findings, reader, step),
            Some(_) if t.outcome[writer as usize] == Outcome::Failed => {
                let updated =
                    t.steps(reader).iter().any(|other| other.action == Action::Write && other.key == step.key);
                anomaly::aborted_read(t, self.findings, reader, step, writer, updated);
            }
            Some(last) => {
                self.live[writer as usize] = true;
                if self.intermediate[last.step as usize] {
                    anomaly::intermediate_read(t, self.findings, reader, step, writer);
                    self.half.push((writer, reader));
                } else {
                    self.reads.push((reader, key, writer));
                }
            }
        }
    }

    fn number_versions(self) -> Index<'t> {
        let t = self.t;
        let members: Vec<u32> = (0..t.len() as u32).filter(|index| self.live[*index as usize]).collect();
        let mut number = vec![NOBODY; t.len()];
        for (index, transaction) in members.iter().enumerate() {
            number[*transaction as usize] = index as u32;
        }
        let (mut key_of, mut writer_of, mut first_version) = (Vec::new(), Vec::new(), vec![0]);
        let mut version: HashMap<(u32, u32), u32> = HashMap::new();
        let mut writes = Vec::new();
        for key in 0..self.keys.len() as u32 {
            let live = self.all.of(key).iter().map(|write| number[write.transaction as usize]);
            let mut writers: Vec<u32> = live.filter(|writer| *writer != NOBODY).collect();
            writers.sort_unstable();
            writers.dedup();
            for writer in std::iter::once(NOBODY).chain(writers) {
                version.insert((key, writer), key_of.len() as u32);
                if writer != NOBODY {
                    writes.push((writer, key_of.len() as u32));
                }
                key_of.push(key);
                writer_of.push(writer);
            }
            first_version.push(key_of.len() as u32);
        }
        let local = |transaction: u32| number.get(transaction as usize).copied().unwrap_or(NOBODY);
        let mut reads: Vec<(u32, u32)> =
            self.reads.iter().map(|(reader, key, writer)| (local(*reader), version[&(*key, local(*writer))])).collect();
        reads.sort_unstable();
        let readers: Vec<(u32, u32)> = reads.iter().map(|(reader, version)| (*version, *reader)).collect();
        Index {
            transactions: t,
            keys: self.keys,
            reads: Rows::new(members.len(), &reads),
            writes: Rows::new(members.len(), &writes),
            readers: Rows::new(key_of.len(), &readers),
            intermediate: self.half.iter().map(|(writer, reader)| (local(*writer), local(*reader))).collect(),
            members,
            key_of,
            writer_of,
            first_version,
        }
    }
}
