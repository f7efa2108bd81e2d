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

impl Problem {
    /// Numbers what `entries` holds, which is in order of calls; also gives the operation of each class.
    pub fn new<Op: Copy + Eq + Hash>(entries: &[Entry<Op>]) -> (Self, Interner<Op>) {
        let mut classes = Interner::new();
        let mut building = Building::new(entries.len());
        for entry in entries {
            let (class, _) = classes.intern(entry.op);
            building.call(class, entry.pure, entry.call, entry.ret);
        }
        (building.end(classes.values().len()), classes)
    }

    /// The item that is called or returns at this place among the events.
    pub fn item_at(&self, position: u32) -> Option<u32> {
        self.events.get(position as usize).map(|event| match event {
            Event::Call(item) | Event::Return(item) => *item,
        })
    }
}

/// A problem of which the operations so far are known.
struct Building {
    items: Vec<Item>,
    events: Vec<Event>,
    places: [Places; 3],
    open: Open,
    returned: u32,
}

impl Building {
    fn new(operations: usize) -> Self {
        Self {
            items: Vec::with_capacity(operations),
            events: Vec::with_capacity(operations * 2),
            places: Default::default(),
            open: Open(Vec::with_capacity(16)),
            returned: 0,
        }
    }

    /// An operation is called, behind all that returned before.
    fn call(&mut self, class: u32, pure: bool, call: u64, ret: u64) {
        self.close(call);
        let number = self.items.len() as u32;
        let kind = match (ret, pure) {
            (PENDING, _) => Kind::Crashed,
            (_, true) => Kind::Pure,
            (_, false) => Kind::Effect,
        };
        let slot = self.places[kind as usize].take();
        self.items.push(Item { class, slot, rank: CRASHED | number, kind });
        self.events.push(Event::Call(number));
        if kind != Kind::Crashed {
            self.open.push(ret, number);
        }
    }

    /// What returns before a time returns.
    fn close(&mut self, time: u64) {
        while let Some(number) = self.open.before(time) {
            let item = &mut self.items[number as usize];
            item.rank = self.returned;
            self.returned += 1;
            self.places[item.kind as usize].free.push(item.slot);
            self.events.push(Event::Return(number));
        }
    }

    fn end(mut self, classes: usize) -> Problem {
        self.close(PENDING);
        let [effects, pure, crashed] = self.places.map(|places| places.used);
        let base = [0, effects, effects + pure];
        for item in &mut self.items {
            item.slot += base[item.kind as usize];
        }
        Problem { items: self.items, events: self.events, classes, slots: Slots { effects, pure, crashed } }
    }
}

/// When the operations return that are open, and their numbers; the first comes last. They are few wherever a search is
/// thinkable, and then no heap is as fast.
struct Open(Vec<(u64, u32)>);

impl Open {
    fn push(&mut self, ret: u64, number: u32) {
        let later = self.0.iter().filter(|(other, _)| *other > ret).count();
        self.0.insert(later, (ret, number));
    }

    /// Takes out the one that returns first, if that is before a time.
    fn before(&mut self, time: u64) -> Option<u32> {
        self.0.pop_if(|(ret, _)| *ret < time).map(|(_, number)| number)
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
