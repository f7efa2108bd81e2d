//! The configurations that were visited, in one open table without an allocation for each.

use super::mask::{Mask, mix};

/// A configuration: how many events are behind it, the state, and which of the open operations are placed.
#[derive(Clone)]
struct Entry<M> {
    position: u32,
    state: u32,
    placed: M,
}

/// Entries that differ only in pure and crashed operations and are compared one by one; then an exact look-up takes over.
const COMPARED: u32 = 32;
const FREE: u32 = u32::MAX;

/// The table. A configuration counts as visited when one was from which at least as much can be reached.
pub struct Memo<M> {
    entries: Vec<Entry<M>>,
    len: usize,
    free: Entry<M>,
    pure: M,
    crashed: M,
}

impl<M: Mask> Memo<M> {
    /// An empty table; `pure` and `crashed` are the slots of such operations, among `slots`.
    pub fn new(slots: usize, pure: M, crashed: M) -> Self {
        let free = Entry { position: FREE, state: 0, placed: M::empty(slots) };
        Self { entries: vec![free.clone(); 128], len: 0, free, pure, crashed }
    }

    /// Takes a configuration in; false if one that covers it was visited before.
    pub fn insert(&mut self, position: u32, state: u32, placed: &M) -> bool {
        if (self.len + 1) * 8 > self.entries.len() * 5 {
            self.grow();
        }
        let place = match self.find(position, state, placed, self.core(position, state, placed), COMPARED) {
            Place::Visited => return false,
            Place::Free(place) => place,
            Place::Crowded => match self.find(position, state, placed, exact(position, state, placed), u32::MAX) {
                Place::Free(place) => place,
                _ => return false,
            },
        };
        self.entries[place] = Entry { position, state, placed: placed.clone() };
        self.len += 1;
        true
    }

    /// A hash of all but the pure and the crashed operations.
    fn core(&self, position: u32, state: u32, placed: &M) -> u64 {
        mix(u64::from(position) << 32 | u64::from(state), placed.hash_without(&self.pure, &self.crashed))
    }

    fn find(&self, position: u32, state: u32, placed: &M, hash: u64, most: u32) -> Place {
        let mask = self.entries.len() - 1;
        let mut place = hash as usize & mask;
        let mut compared = 0;
        loop {
            let entry = &self.entries[place];
            if entry.position == FREE {
                return Place::Free(place);
            }
            if entry.position == position && entry.state == state {
                if entry.placed.covers(placed, &self.pure, &self.crashed) {
                    return Place::Visited;
                }
                compared += 1;
                if compared >= most {
                    return Place::Crowded;
                }
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let larger = vec![self.free.clone(); self.entries.len() * 2];
        for entry in std::mem::replace(&mut self.entries, larger) {
            if entry.position == FREE {
                continue;
            }
            let Entry { position, state, placed } = &entry;
            let mut found = self.find(*position, *state, placed, self.core(*position, *state, placed), COMPARED);
            if !matches!(found, Place::Free(_)) {
                found = self.find(*position, *state, placed, exact(*position, *state, placed), u32::MAX);
            }
            // What is covered by now need not be kept.
            if let Place::Free(place) = found {
                self.entries[place] = entry;
            }
        }
    }
}

enum Place {
    Free(usize),
    Visited,
    Crowded,
}

fn exact<M: Mask>(position: u32, state: u32, placed: &M) -> u64 {
    mix(u64::from(position) << 32 | u64::from(state), placed.hash()) ^ 0x5555
}
