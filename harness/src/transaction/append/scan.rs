//! One pass over committed transactions: what is wrong within one, and which transactions come before which.

use super::{
    anomaly,
    index::{Index, NOWHERE},
};
use crate::history::Outcome;
use crate::transaction::{
    Action,
    finding::Findings,
    graph::{Edges, Kind},
    order::NOBODY,
    writes::Write,
};

/// What a transaction has done to a key so far.
#[derive(Debug, Clone, Copy)]
struct Touched {
    transaction: u32,
    /// The step that last read it; `NOWHERE` where none did.
    read: u32,
    /// Own appends behind that read.
    added: u32,
    /// The step of the last of them.
    last: u32,
}

/// A pass over the history.
pub struct Scan<'i, 't> {
    index: &'i Index<'t>,
    touched: Vec<Touched>,
    /// The own append to the same key before each of the current transaction's appends.
    chain: Vec<u32>,
    /// Keys to which some committed append is in no read.
    open: Vec<bool>,
    /// Who read the last known version of such a key, without appending behind it in plain sight.
    last_readers: Vec<(u32, u32)>,
    /// Key, length and transaction of versions that it read and did not append to directly.
    missed: Vec<(u32, u32, u32)>,
    edges: Edges,
}

/// What the pass found besides anomalies.
pub struct Scanned {
    /// Who comes before whom by what was read and appended.
    pub edges: Edges,
    /// Versions of keys that were read by a transaction whose own append is not directly behind: key, length, transaction.
    pub missed: Vec<(u32, u32, u32)>,
    /// Who read the last known version of a key and who appended to it unseen, by key.
    pub unseen: Vec<Unseen>,
}

/// A key to which there are committed appends that nobody read: they come behind all that was read.
pub struct Unseen {
    /// The key's number.
    pub key: u32,
    /// Who made them, ascending.
    pub writers: Vec<u32>,
    /// Who read the last version, ascending.
    pub readers: Vec<u32>,
}

/// Scans all transactions.
pub fn scan(index: &Index<'_>, findings: &mut Findings) -> Scanned {
    let unseen = unseen(index);
    let mut open = vec![false; index.keys.len()];
    for entry in &unseen {
        open[entry.key as usize] = true;
    }
    let nothing = Touched { transaction: NOBODY, read: NOWHERE, added: 0, last: NOWHERE };
    let mut scan = Scan {
        index,
        touched: vec![nothing; index.keys.len()],
        chain: Vec::new(),
        open,
        last_readers: Vec::new(),
        missed: Vec::new(),
        edges: Edges::new(index.transactions.len()),
    };
    scan.versions();
    for transaction in 0..index.transactions.len() as u32 {
        if index.live[transaction as usize] {
            scan.transaction(transaction, findings);
        }
    }
    scan.finish(unseen)
}

/// Keys with committed appends that nobody read. A key whose reads contradict each other has no last version.
fn unseen(index: &Index<'_>) -> Vec<Unseen> {
    let mut found: Vec<Unseen> = Vec::new();
    for key in (0..index.keys.len() as u32).filter(|key| !index.contradicted[*key as usize]) {
        let unread = |append: &&Write| {
            index.position[append.step as usize] == NOWHERE && index.live[append.transaction as usize]
        };
        let mut writers: Vec<u32> = index.appends(key).iter().filter(unread).map(|append| append.transaction).collect();
        if !writers.is_empty() {
            writers.sort_unstable();
            writers.dedup();
            found.push(Unseen { key, writers, readers: Vec::new() });
        }
    }
    found
}

impl Scan<'_, '_> {
    /// Successive versions of a key.
    fn versions(&mut self) {
        for key in 0..self.index.keys.len() as u32 {
            for length in 1..=self.index.order(key).len() as u32 {
                let (writer, next) = (self.index.before(key, length), self.index.after(key, length));
                let last_of_writer = writer != NOBODY && next != NOBODY && self.index.before(key, length + 1) == next;
                if last_of_writer {
                    self.edges.add(writer, next, Kind::Ww);
                }
            }
        }
    }

    fn transaction(&mut self, transaction: u32, findings: &mut Findings) {
        // What was read without an answer is not known.
        let committed = self.index.transactions.outcome[transaction as usize] == Outcome::Ok;
        let begin = self.index.transactions.first[transaction as usize];
        let steps = self.index.transactions.steps(transaction);
        self.chain.clear();
        self.chain.resize(steps.len(), NOWHERE);
        for (place, step) in steps.iter().enumerate() {
            let at = begin + place as u32;
            let key = self.index.key[at as usize];
            let touched = &mut self.touched[key as usize];
            if touched.transaction != transaction {
                *touched = Touched { transaction, read: NOWHERE, added: 0, last: NOWHERE };
            }
            let touched = *touched;
            if step.action == Action::Append {
                self.append(at, begin, touched, findings);
            } else if committed && self.index.list(at).is_some() {
                self.read(at, begin, touched, findings);
            }
        }
    }

    fn append(&mut self, at: u32, begin: u32, touched: Touched, findings: &mut Findings) {
        let index = self.index;
        let key = index.key[at as usize];
        let position = index.position[at as usize];
        self.chain[(at - begin) as usize] = if touched.added > 0 { touched.last } else { NOWHERE };
        if touched.read != NOWHERE {
            let read = index.position[touched.read as usize];
            // A read that fits no order of the key may hold it as well.
            let has_it = || {
                let value = index.transactions.steps[at as usize].value;
                index.list(touched.read).is_some_and(|list| list.contains(&value))
            };
            if read != NOWHERE && position < read || read == NOWHERE && has_it() {
                anomaly::future_read(index, findings, touched.read, at);
            } else if read != NOWHERE && touched.added == 0 && position != read {
                self.missed.push((key, read, touched.transaction));
            }
        }
        let before = index.position.get(touched.last as usize).copied().unwrap_or(0);
        if position != NOWHERE && position < before && !index.contradicted[key as usize] {
            anomaly::reordered(index, findings, touched.last, at);
        }
        let entry = &mut self.touched[key as usize];
        entry.added += 1;
        entry.last = at;
    }

    fn read(&mut self, at: u32, begin: u32, touched: Touched, findings: &mut Findings) {
        let index = self.index;
        let key = index.key[at as usize];
        let entry = &mut self.touched[key as usize];
        (entry.read, entry.added) = (at, 0);
        if !self.fits(at, begin, touched) {
            anomaly::internal(index, findings, touched.transaction, at);
        } else if touched.read == NOWHERE && index.position[at as usize] != NOWHERE {
            self.external(touched.transaction, key, index.position[at as usize] - touched.added, findings);
        }
    }

    /// Whether a read has what its own transaction read and appended before.
    fn fits(&self, at: u32, begin: u32, touched: Touched) -> bool {
        let list = self.index.list(at).unwrap_or(&[]);
        let Some(known) = list.len().checked_sub(touched.added as usize) else { return false };
        if let Some(before) = self.index.list(touched.read)
            && (before.len() != known || !super::index::same(before, &list[..known]))
        {
            return false;
        }
        let mut own = touched.last;
        list[known..].iter().rev().all(|value| {
            let step = own;
            own = self.chain.get(own.wrapping_sub(begin) as usize).copied().unwrap_or(NOWHERE);
            self.index.transactions.steps[step as usize].value == *value
        })
    }

    /// A read of a version that others wrote: the first `length` elements of the key's order.
    fn external(&mut self, reader: u32, key: u32, length: u32, findings: &mut Findings) {
        let (writer, next) = (self.index.before(key, length), self.index.after(key, length));
        if writer != NOBODY {
            // Who read what it appended itself only afterwards saw what stands before that.
            let own = (0..length).rev().take_while(|shorter| self.index.before(key, *shorter + 1) == reader).last();
            let seen = own.map_or(writer, |shorter| self.index.before(key, shorter));
            if seen != NOBODY {
                self.edges.add(seen, reader, Kind::Wr);
            }
            if writer != reader && self.index.is_unfinished(key, length) {
                self.edges.add(reader, writer, Kind::Rw);
                anomaly::intermediate_read(self.index, findings, reader, writer, key, length);
            }
        }
        if next != NOBODY {
            self.edges.add(reader, next, Kind::Rw);
        } else if self.open[key as usize] {
            self.last_readers.push((key, reader));
        }
    }

    fn finish(mut self, mut unseen: Vec<Unseen>) -> Scanned {
        self.last_readers.sort_unstable();
        for entry in &mut unseen {
            let from = self.last_readers.partition_point(|(key, _)| *key < entry.key);
            let readers = self.last_readers[from..].iter().take_while(|(key, _)| *key == entry.key);
            entry.readers.extend(readers.map(|(_, reader)| *reader));
            entry.readers.dedup();
            let last = self.index.before(entry.key, self.index.order(entry.key).len() as u32);
            for writer in &entry.writers {
                if last != NOBODY {
                    self.edges.add(last, *writer, Kind::Ww);
                }
            }
            self.edges.add_all(&entry.readers, &entry.writers, Kind::Rw, |node| node, |node| node);
        }
        Scanned { edges: self.edges, missed: self.missed, unseen }
    }
}
