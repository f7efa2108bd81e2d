//! Numbers for states and operations, so that the search compares four bytes.

use super::mask::mix;
use std::hash::{Hash, Hasher};

/// A fast hash. That keys can be made to collide is no matter: it costs time, and a search is bounded anyway.
#[derive(Default)]
struct Quick(u64);

impl Quick {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.chunks(8).fold(mix(self.0, bytes.len() as u64), |hash, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            mix(hash, u64::from_le_bytes(word))
        });
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }
}

/// Values in order of their first appearance, each once.
pub struct Interner<T> {
    values: Vec<T>,
    /// Open addressing: number of a value plus one, or zero.
    places: Vec<u32>,
}

impl<T: Eq + Hash> Interner<T> {
    pub fn new() -> Self {
        Self { values: Vec::with_capacity(64), places: vec![0; 128] }
    }

    /// The number of a value, and whether it is a new one.
    pub fn intern(&mut self, value: T) -> (u32, bool) {
        if (self.values.len() + 1) * 2 > self.places.len() {
            self.grow();
        }
        match self.find(&value) {
            Ok(number) => (number, false),
            Err(place) => {
                self.values.push(value);
                self.places[place] = self.values.len() as u32;
                (self.values.len() as u32 - 1, true)
            }
        }
    }

    /// Whether it has a value.
    pub fn contains(&self, value: &T) -> bool {
        self.find(value).is_ok()
    }

    /// The values, by number.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The number of a value, or else the place where it would go.
    fn find(&self, value: &T) -> Result<u32, usize> {
        let mut place = self.place(value);
        while let Some(number) = self.places[place].checked_sub(1) {
            if self.values[number as usize] == *value {
                return Ok(number);
            }
            place = (place + 1) & (self.places.len() - 1);
        }
        Err(place)
    }

    fn place(&self, value: &T) -> usize {
        let mut hasher = Quick::default();
        value.hash(&mut hasher);
        hasher.finish() as usize & (self.places.len() - 1)
    }

    fn grow(&mut self) {
        self.places = vec![0; self.places.len() * 2];
        for number in 0..self.values.len() {
            let mut place = self.place(&self.values[number]);
            while self.places[place] != 0 {
                place = (place + 1) & (self.places.len() - 1);
            }
            self.places[place] = number as u32 + 1;
        }
    }
}
