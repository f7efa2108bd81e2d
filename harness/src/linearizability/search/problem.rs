//! What is searched: the operations of one object, numbered, and their calls and returns in order.

use super::intern::Interner;
use crate::history::{History, Outcome, PENDING};
use crate::model::{Decoded, Model};
use std::{cmp::Reverse, collections::BinaryHeap, hash::Hash};

/// An operation that says something about the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<Op> {
    /// Its index in the history.
    pub index: u32,
    /// What its model makes of it.
    pub op: Op,
    /// Whether it never changes the state.
    pub pure: bool,
    /// When it was called.
    pub call: u64,
    /// When it returned; [`PENDING`] if it may be left out.
    pub ret: u64,
}

/// The operations of a history that say something, in order of calls.
///
/// # Errors
/// Names the first operation that the model does not know.
pub fn entries<M: Model>(model: &M, history: &History, operations: &[u32]) -> Result<Vec<Entry<M::Op>>, String> {
    let mut entries = Vec::with_capacity(operations.len());
    for index in operations {
        let place = *index as usize;
        let outcome = history.outcomes()[place];
        if outcome == Outcome::Failed {
            continue;
        }
        let (op, pure) = match model.decode(history, *index)? {
            Decoded::Nothing => continue,
            Decoded::Pure(op) => (op, true),
            Decoded::Effect(op) => (op, false),
        };
        let crashed = outcome == Outcome::Unknown;
        if !(pure && crashed) {
            let ret = if crashed { PENDING } else { history.returns()[place] };
            entries.push(Entry { index: *index, op, pure, call: history.calls()[place], ret });
        }
    }
    Ok(entries)
}

/// An operation as the search sees it.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// Number of its model operation; equal ones are interchangeable.
    pub class: u32,
    /// Its place in the masks, its own while it is open.
    pub slot: u32,
    /// Place of its return among the returns; crashed ones come last, in order of calls.
    pub rank: u32,
    /// What is known of it.
    pub kind: Kind,
}

/// What the search knows of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It returned, and may change the state.
    Effect,
    /// It returned, and never changes the state.
    Pure,
    /// It may be left out.
    Crashed,
}

/// A call or a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Of the item with this number.
    Call(u32),
    /// Of the item with this number.
    Return(u32),
}

/// Numbered operations, in the order of the entries that they were made of, and their calls and returns in order; where
/// times are equal, calls come first. What the operations are is known by whoever made it.
pub struct Problem {
    pub items: Vec<Item>,
    pub events: Vec<Event>,
    /// How many different operations there are.
    pub classes: usize,
    pub slots: Slots,
}

/// How many slots there are: first those of returning operations with effects, then of pure ones, then of crashed ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slots {
    pub effects: u32,
    pub pure: u32,
    pub crashed: u32,
}

impl Slots {
    /// All of them.
    pub fn len(self) -> usize {
        (self.effects + self.pure + self.crashed) as usize
    }
}

/// The first rank of a crashed operation: behind all that return.
const CRASHED: u32 = 1 << 31;

/// When an operation of a class ran.
struct Timed {
    class: u32,
    pure: bool,
    call: u64,
    ret: u64,
}

impl Problem {
    /// Numbers what `entries` holds, which is in order of calls; also gives the operation of each class.
    pub fn new<Op: Copy + Eq + Hash>(entries: &[Entry<Op>]) -> (Self, Interner<Op>) {
        let mut classes = Interner::new();
        let mut timed = |entry: &Entry<Op>| {
            let class = classes.intern(entry.op).0;
            Timed { class, pure: entry.pure, call: entry.call, ret: entry.ret }
        };
        let entries: Vec<Timed> = entries.iter().map(&mut timed).collect();
        (Self::numbered(&entries, classes.values().len()), classes)
    }

    fn numbered(entries: &[Timed], classes: usize) -> Self {
        let mut problem = Self {
            items: Vec::with_capacity(entries.len()),
            events: Vec::with_capacity(entries.len() * 2),
            classes,
            slots: Slots::default(),
        };
        let mut places: [Places; 3] = Default::default();
        // What is open and will return, the next first.
        let mut open: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::with_capacity(32);
        let mut returned = 0;
        for (number, entry) in (0..).zip(entries) {
            while let Some(Reverse((ret, _))) = open.peek()
                && *ret < entry.call
            {
                problem.close(&mut open, &mut places, &mut returned);
            }
            let class = entry.class;
            let crashed = entry.ret == PENDING;
            let kind = if crashed {
                Kind::Crashed
            } else if entry.pure {
                Kind::Pure
            } else {
                Kind::Effect
            };
            let slot = places[kind as usize].take();
            problem.items.push(Item { class, slot, rank: CRASHED | number, kind });
            problem.events.push(Event::Call(number));
            if !crashed {
                open.push(Reverse((entry.ret, number)));
            }
        }
        while !open.is_empty() {
            problem.close(&mut open, &mut places, &mut returned);
        }
        let [effects, pure, crashed] = places.map(|places| places.used);
        problem.slots = Slots { effects, pure, crashed };
        let base = [0, effects, effects + pure];
        for item in &mut problem.items {
            item.slot += base[item.kind as usize];
        }
        problem
    }

    /// Lets the operation return that is the next to.
    fn close(&mut self, open: &mut BinaryHeap<Reverse<(u64, u32)>>, places: &mut [Places; 3], returned: &mut u32) {
        let Some(Reverse((_, number))) = open.pop() else { return };
        let item = &mut self.items[number as usize];
        item.rank = *returned;
        *returned += 1;
        places[item.kind as usize].free.push(item.slot);
        self.events.push(Event::Return(number));
    }

    /// The item that is called or returns at this place among the events.
    pub fn item_at(&self, position: u32) -> Option<u32> {
        self.events.get(position as usize).map(|event| match event {
            Event::Call(item) | Event::Return(item) => *item,
        })
    }
}

/// Slots of one kind: each operation gets one that no other has while it is open.
#[derive(Default)]
struct Places {
    used: u32,
    free: Vec<u32>,
}

impl Places {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }
}
