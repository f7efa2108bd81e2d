//! The order of appends to each key, as reads show it, and who appended what.
//!
//! A list that is read shows the order of all appends to it, so the longest read of a key orders all versions that
//! anybody saw, and every other read is a prefix of it: one comparison of bytes each, linear in all. Kingsbury &
//! Alvaro, Elle (VLDB 2020).

use crate::{
    history::{Id, Outcome},
    transaction::{
        Action, Transactions,
        keys::Keys,
        order::NOBODY,
        writes::{Write, Writes},
    },
};

/// Why nobody is known to have written an element that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody appended it.
    Garbage,
    /// A transaction appended it that aborted.
    Aborted,
    /// It occurred before in the same list.
    Duplicate,
    /// Several transactions appended it.
    Ambiguous,
}

/// An element at fault in the longest read of a key.
#[derive(Debug, Clone, Copy)]
pub struct Flaw {
    /// The key's number.
    pub key: u32,
    /// Where in the list.
    pub position: u32,
    /// What is wrong with it.
    pub fault: Fault,
}

/// No place in the order of a key: an append that nobody read, or a read that does not fit.
pub const NOWHERE: u32 = u32::MAX;

/// Who appended what, and in which order.
#[derive(Debug)]
pub struct Index<'t> {
    pub transactions: &'t Transactions,
    pub keys: Keys,
    /// The number of each step's key.
    pub key: Vec<u32>,
    /// Who appended what.
    appends: Writes,
    /// The step that read the longest list of each key; `NOWHERE` where none was read.
    pub longest: Vec<u32>,
    /// Where each key's versions begin in `before` and `after`; a list of n elements has n + 1.
    version_first: Vec<u32>,
    /// Who wrote the last element of known writer of each version.
    before: Vec<u32>,
    /// The next writer behind each version who is another.
    after: Vec<u32>,
    /// Versions behind which their writer put more of its own.
    unfinished: Vec<bool>,
    /// Where an append stands in its key's order; how long a read is that fits it; `NOWHERE` for neither.
    pub position: Vec<u32>,
    /// Appends that their own transaction put another behind.
    pub intermediate: Vec<bool>,
    /// Whether a transaction committed, or is known to have because it was read from.
    pub live: Vec<bool>,
    /// What is wrong with the longest reads.
    pub flaws: Vec<Flaw>,
    /// Reads of committed transactions that do not fit the longest of their key.
    pub misfits: Vec<u32>,
    /// Keys with such reads: what nobody read of them has no known place in their order.
    pub contradicted: Vec<bool>,
}

impl<'t> Index<'t> {
    /// Reads the history once for keys and lengths, once for appends and once for reads.
    pub fn new(transactions: &'t Transactions) -> Self {
        let mut index = Self {
            transactions,
            keys: Keys::default(),
            key: Vec::with_capacity(transactions.steps.len()),
            appends: Writes::default(),
            longest: Vec::new(),
            version_first: vec![0],
            before: Vec::new(),
            after: Vec::new(),
            unfinished: Vec::new(),
            position: vec![NOWHERE; transactions.steps.len()],
            intermediate: vec![false; transactions.steps.len()],
            live: transactions.outcome.iter().map(|outcome| *outcome == Outcome::Ok).collect(),
            flaws: Vec::new(),
            misfits: Vec::new(),
            contradicted: Vec::new(),
        };
        let counts = index.number_keys();
        index.contradicted.resize(index.keys.len(), false);
        index.appends = Writes::new(transactions, Action::Append, &index.key, &counts);
        for key in 0..index.keys.len() as u32 {
            index.order_versions(key);
        }
        index.place_reads();
        index
    }

    /// Numbers keys, finds their longest reads and tells how often each was appended to.
    fn number_keys(&mut self) -> Vec<u32> {
        let t = self.transactions;
        let mut counts = Vec::new();
        // The last append to each key, and by which transaction.
        let mut last: Vec<(u32, u32)> = Vec::new();
        for transaction in 0..t.len() as u32 {
            let committed = t.outcome[transaction as usize] == Outcome::Ok;
            let begin = t.first[transaction as usize];
            for (place, step) in t.steps(transaction).iter().enumerate() {
                let (place, key) = (begin + place as u32, self.keys.number(step.key));
                if key as usize == self.longest.len() {
                    self.longest.push(NOWHERE);
                    counts.push(0);
                    last.push((NOBODY, 0));
                }
                self.key.push(key);
                let key = key as usize;
                if step.action == Action::Append {
                    counts[key] += 1;
                    let (by, at) = std::mem::replace(&mut last[key], (transaction, place));
                    if by == transaction {
                        self.intermediate[at as usize] = true;
                    }
                } else if committed
                    && let Some(list) = t.list(step)
                    && (self.longest[key] == NOWHERE || list.len() > self.read_len(self.longest[key]))
                {
                    self.longest[key] = place;
                }
            }
        }
        counts
    }

    fn read_len(&self, step: u32) -> usize {
        self.list(step).map_or(0, <[Id]>::len)
    }

    /// The list that a step read; none where it read none.
    pub fn list(&self, step: u32) -> Option<&'t [Id]> {
        let t = self.transactions;
        t.steps.get(step as usize).and_then(|step| t.list(step))
    }

    /// The longest list that was read of a key.
    pub fn order(&self, key: u32) -> &'t [Id] {
        self.list(self.longest[key as usize]).unwrap_or(&[])
    }

    /// All appends to a key, by value.
    pub fn appends(&self, key: u32) -> &[Write] {
        self.appends.of(key)
    }

    /// The appends of a value to a key; usually one.
    pub fn find(&self, key: u32, value: Id) -> &[Write] {
        self.appends.find(key, value)
    }

    /// Finds the writers of a key's versions.
    fn order_versions(&mut self, key: u32) {
        let order = self.order(key);
        let base = self.before.len();
        self.before.push(NOBODY);
        self.unfinished.push(false);
        // Values mostly ascend in the order of their appends: then the next one is the one that is looked for.
        let mut hint = 0;
        for (position, value) in order.iter().enumerate() {
            let appends = self.appends(key);
            let exact = |at: usize| appends.get(at).is_some_and(|append| append.value == *value);
            let range = if exact(hint) && !exact(hint + 1) && (hint == 0 || !exact(hint - 1)) {
                hint..hint + 1
            } else {
                let from = appends.partition_point(|append| append.value < *value);
                from..from + self.find(key, *value).len()
            };
            hint = range.end;
            let writer = self.writer(key, position as u32, range);
            let last = self.before[base + position];
            self.before.push(if writer == NOBODY { last } else { writer });
        }
        let mut next = NOBODY;
        self.after.resize(base + order.len() + 1, NOBODY);
        for version in (0..=order.len()).rev() {
            let here = self.before[base + version];
            if version < order.len() && self.before[base + version + 1] != here {
                next = self.before[base + version + 1];
            }
            self.after[base + version] = next;
        }
        self.version_first.push(self.before.len() as u32);
    }

    /// The writer of an element of the longest read, from the key's appends that it may be.
    fn writer(&mut self, key: u32, position: u32, range: std::ops::Range<usize>) -> u32 {
        let fault = match &self.appends(key)[range] {
            [] => Fault::Garbage,
            [append] => {
                let Write { transaction, step, .. } = *append;
                if self.position[step as usize] != NOWHERE {
                    Fault::Duplicate
                } else {
                    self.position[step as usize] = position;
                    if self.transactions.outcome[transaction as usize] != Outcome::Failed {
                        self.live[transaction as usize] = true;
                        self.unfinished.push(self.intermediate[step as usize]);
                        return transaction;
                    }
                    Fault::Aborted
                }
            }
            several => {
                // None of them counts as one that nobody read.
                if self.position[several[0].step as usize] == NOWHERE {
                    for step in several.iter().map(|append| append.step).collect::<Vec<_>>() {
                        self.position[step as usize] = position;
                    }
                }
                Fault::Ambiguous
            }
        };
        self.flaws.push(Flaw { key, position, fault });
        self.unfinished.push(false);
        NOBODY
    }

    /// Compares all reads with the longest of their key.
    fn place_reads(&mut self) {
        let t = self.transactions;
        for transaction in (0..t.len()).filter(|index| t.outcome[*index] == Outcome::Ok) {
            for place in t.first[transaction]..t.first[transaction + 1] {
                let Some(list) = self.list(place) else { continue };
                let key = self.key[place as usize];
                if same(list, &self.order(key)[..list.len()]) {
                    self.position[place as usize] = list.len() as u32;
                } else {
                    self.misfits.push(place);
                    self.contradicted[key as usize] = true;
                    self.observe(key, list);
                }
            }
        }
    }

    /// What a read shows that does not fit: who appended its elements has committed.
    fn observe(&mut self, key: u32, list: &[Id]) {
        for value in list {
            if let [append] = *self.find(key, *value)
                && self.transactions.outcome[append.transaction as usize] == Outcome::Unknown
            {
                self.live[append.transaction as usize] = true;
            }
        }
    }

    /// Who wrote the last element of a version whose writer is known: a key's first `length` elements.
    pub fn before(&self, key: u32, length: u32) -> u32 {
        self.before[(self.version_first[key as usize] + length) as usize]
    }

    /// The next writer behind a version who is not the one before it.
    pub fn after(&self, key: u32, length: u32) -> u32 {
        self.after[(self.version_first[key as usize] + length) as usize]
    }

    /// Whether the writer of a version's last element put more of its own behind it.
    pub fn is_unfinished(&self, key: u32, length: u32) -> bool {
        self.unfinished[(self.version_first[key as usize] + length) as usize]
    }

    /// The transaction of a step.
    pub fn transaction_of(&self, step: u32) -> u32 {
        (self.transactions.first.partition_point(|first| *first <= step) - 1) as u32
    }
}

/// Whether two lists of one length are equal; in blocks, which the compiler turns into wide comparisons.
pub fn same(left: &[Id], right: &[Id]) -> bool {
    let (mut left, mut right) = (left.chunks_exact(16), right.chunks_exact(16));
    let blocks = left.by_ref().zip(right.by_ref()).all(|(left, right)| {
        left.iter().zip(right).fold(0, |all, (left, right)| all | (left.raw() ^ right.raw())) == 0
    });
    blocks && left.remainder() == right.remainder()
}
