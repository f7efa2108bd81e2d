//! Dense numbers for the values of a history.

use crate::history::Id;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// No number.
pub const NONE: u32 = u32::MAX;

/// Numbers of values: arrays indexed by the id where ids lie close together, a hash map elsewhere.
pub struct Table {
    small: Vec<u32>,
    interned: Vec<u32>,
    sparse: HashMap<u32, u32, BuildHasherDefault<Multiply>>,
}

/// Where ids of interned values begin.
const INTERNED: u32 = 1 << 31;

impl Table {
    /// An empty table that is fast for these ids.
    pub fn new(ids: impl Iterator<Item = Id>) -> Self {
        let (mut small, mut interned, mut count) = (0u32, 0u32, 0usize);
        for id in ids {
            let raw = id.raw();
            count += 1;
            if raw < INTERNED { small = small.max(raw) } else { interned = interned.max(raw - INTERNED) }
        }
        let dense = |largest: u32| if largest as usize <= 4 * count + 1024 { largest as usize + 1 } else { 0 };
        Self { small: vec![NONE; dense(small)], interned: vec![NONE; dense(interned)], sparse: HashMap::default() }
    }

    fn cell(&self, id: Id) -> Option<u32> {
        let raw = id.raw();
        let array =
            if raw < INTERNED { self.small.get(raw as usize) } else { self.interned.get((raw - INTERNED) as usize) };
        array.copied()
    }

    /// The number of a value; [`NONE`] without one.
    pub fn get(&self, id: Id) -> u32 {
        self.cell(id).unwrap_or_else(|| self.sparse.get(&id.raw()).copied().unwrap_or(NONE))
    }

    /// Gives a value a number, and tells the one it had, or [`NONE`].
    pub fn set(&mut self, id: Id, number: u32) -> u32 {
        let raw = id.raw();
        let (array, index) = if raw < INTERNED { (&mut self.small, raw) } else { (&mut self.interned, raw - INTERNED) };
        match array.get_mut(index as usize) {
            Some(cell) => std::mem::replace(cell, number),
            None => self.sparse.insert(raw, number).unwrap_or(NONE),
        }
    }
}

/// A hash of one number by multiplication (Fibonacci hashing); the values are not chosen against it: a history that is
/// slow to judge harms only who made it.
#[derive(Default)]
pub struct Multiply(u64);

impl Hasher for Multiply {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        let product = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Values;

    #[test]
    fn numbers_are_kept_for_values_of_every_kind() {
        let mut values = Values::default();
        let texts: Vec<Id> = (0..2000).map(|number| values.text(&format!("v{number}"))).collect();
        let ids = [texts[1999], values.int(3), values.int(-3), values.int(2_000_000_000), values.int(900_000)];
        let mut table = Table::new(ids.into_iter());
        for (number, id) in ids.iter().enumerate() {
            assert_eq!(table.get(*id), NONE);
            assert_eq!(table.set(*id, number as u32), NONE);
        }
        for (number, id) in ids.iter().enumerate() {
            assert_eq!(table.get(*id), number as u32);
            assert_eq!(table.set(*id, 9), number as u32);
        }
        assert_eq!(table.get(texts[5]), NONE);
    }
}
