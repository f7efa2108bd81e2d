//! Dense numbers for keys and processes, so that everything about them stands in arrays.

use crate::history::Id;
use std::collections::HashMap;

/// Numbers below this are their own place in a table, whatever they are: tables are at most this many entries too long.
const DIRECT: u32 = 1 << 22;

/// A table by sparse numbers, most of which are small.
#[derive(Debug, Clone)]
pub struct Table {
    direct: Vec<u32>,
    rest: HashMap<u32, u32>,
    initial: u32,
}

impl Table {
    /// A table that holds `initial` everywhere.
    pub fn new(initial: u32) -> Self {
        Self { direct: Vec::new(), rest: HashMap::new(), initial }
    }

    /// The place of a number.
    pub fn entry(&mut self, number: u32) -> &mut u32 {
        if number >= DIRECT {
            return self.rest.entry(number).or_insert(self.initial);
        }
        let index = number as usize;
        if index >= self.direct.len() {
            let length = (index + 1).next_power_of_two();
            self.direct.resize(length, self.initial);
        }
        &mut self.direct[index]
    }
}

/// Keys in order of their first use.
#[derive(Debug, Clone)]
pub struct Keys {
    numbers: Table,
    interned: Table,
    ids: Vec<Id>,
}

/// Where ids that are no small numbers begin.
const INTERNED: u32 = 1 << 31;

impl Default for Keys {
    fn default() -> Self {
        Self { numbers: Table::new(u32::MAX), interned: Table::new(u32::MAX), ids: Vec::new() }
    }
}

impl Keys {
    /// The number of a key, a new one where it is met for the first time.
    pub fn number(&mut self, key: Id) -> u32 {
        let raw = key.raw();
        let place = if raw >= INTERNED { self.interned.entry(raw - INTERNED) } else { self.numbers.entry(raw) };
        if *place == u32::MAX {
            *place = self.ids.len() as u32;
            self.ids.push(key);
        }
        *place
    }

    /// The key with a number.
    pub fn id(&self, number: u32) -> Id {
        self.ids[number as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_as_they_come() {
        let mut keys = Keys::default();
        let all = [Id::small(7), Id::small(0), Some(Id::NIL), Id::small(2_000_000), Some(Id::NONE)].map(Option::unwrap);
        for (index, key) in all.into_iter().enumerate() {
            assert_eq!(keys.number(key), index as u32);
        }
        for (index, key) in all.into_iter().enumerate() {
            assert_eq!((keys.number(key), keys.id(index as u32)), (index as u32, key));
        }
        assert_eq!(keys.len(), all.len());
    }
}
