//! What is searched: the operations of one object, numbered, and their calls and returns in order.

use super::intern::Interner;
use crate::history::{History, Outcome, PENDING};
use crate::model::{Decoded, Model};
use std::hash::Hash;

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
        let operation = history.get(*index);
        if operation.outcome == Outcome::Failed {
            continue;
        }
        let (op, pure) = match model.decode(history, *index)? {
            Decoded::Nothing => continue,
            Decoded::Pure(op) => (op, true),
            Decoded::Effect(op) => (op, false),
        };
        let crashed = operation.outcome == Outcome::Unknown;
        if !(pure && crashed) {
            let ret = if crashed { PENDING } else { operation.ret };
            entries.push(Entry { index: *index, op, pure, call: operation.call, ret });
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
    /// Whether it never changes the state.
    pub pure: bool,
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
/// times are equal, calls come first.
pub struct Problem<Op> {
    pub items: Vec<Item>,
    pub events: Vec<Event>,
    pub classes: Interner<Op>,
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

impl<Op: Copy + Eq + Hash> Problem<Op> {
    /// Numbers what `entries` holds, which is in order of calls.
    pub fn new(entries: &[Entry<Op>]) -> Self {
        let mut classes = Interner::new();
        let mut items: Vec<Item> = entries
            .iter()
            .map(|entry| Item { class: classes.intern(entry.op).0, slot: 0, rank: u32::MAX, pure: entry.pure })
            .collect();
        let mut returns: Vec<(u64, u32)> = (0..)
            .zip(entries)
            .filter(|(_, entry)| entry.ret != PENDING)
            .map(|(number, entry)| (entry.ret, number))
            .collect();
        returns.sort_unstable();
        let events = merge(entries, &returns);
        for (rank, (_, item)) in (0..).zip(&returns) {
            items[*item as usize].rank = rank;
        }
        let pending = items.iter_mut().zip(entries).filter(|(_, entry)| entry.ret == PENDING);
        for (rank, (item, _)) in (returns.len() as u32..).zip(pending) {
            item.rank = rank;
        }
        let slots = assign(&mut items, &events, returns.len() as u32);
        Self { items, events, classes, slots }
    }

    /// The item that is called or returns at this place among the events.
    pub fn item_at(&self, position: u32) -> Option<u32> {
        self.events.get(position as usize).map(|event| match event {
            Event::Call(item) | Event::Return(item) => *item,
        })
    }
}

/// Calls and returns in one order, up to the last return.
fn merge<Op>(entries: &[Entry<Op>], returns: &[(u64, u32)]) -> Vec<Event> {
    let mut events = Vec::with_capacity(entries.len() + returns.len());
    let mut called = 0;
    for (ret, item) in returns {
        while called < entries.len() && entries[called].call <= *ret {
            events.push(Event::Call(called as u32));
            called += 1;
        }
        events.push(Event::Return(*item));
    }
    events
}

/// Gives each operation a slot that no other of its kind has while it is open.
fn assign(items: &mut [Item], events: &[Event], returns: u32) -> Slots {
    let mut free: [Vec<u32>; 3] = Default::default();
    let mut used = [0u32; 3];
    let kind = |item: &Item| if item.rank >= returns { 2 } else { usize::from(item.pure) };
    for event in events {
        match *event {
            Event::Call(number) => {
                let item = &mut items[number as usize];
                let kind = kind(item);
                item.slot = free[kind].pop().unwrap_or_else(|| {
                    used[kind] += 1;
                    used[kind] - 1
                });
            }
            Event::Return(number) => {
                let item = &items[number as usize];
                free[kind(item)].push(item.slot);
            }
        }
    }
    let base = [0, used[0], used[0] + used[1]];
    for item in items.iter_mut() {
        item.slot += base[kind(item)];
    }
    Slots { effects: used[0], pure: used[1], crashed: used[2] }
}
