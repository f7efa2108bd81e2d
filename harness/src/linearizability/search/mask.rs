//! Sets of slots, as wide as the history needs: one slot for each operation that is open at the same time.

/// A set of slots.
///
/// A configuration of the search knows, of the operations that are open, which ones are placed. Three kinds are told
/// apart by two further sets: pure ones, crashed ones (which may be left out) and the rest.
pub trait Mask: Clone + Eq {
    /// The empty set of this many slots.
    fn empty(slots: usize) -> Self;
    /// Whether a slot is in it.
    fn has(&self, slot: u32) -> bool;
    /// Puts a slot in.
    fn add(&mut self, slot: u32);
    /// Takes a slot out.
    fn remove(&mut self, slot: u32);
    /// What is in both.
    fn common(&self, other: &Self) -> Self;
    /// What is in it and not in the other.
    fn without(&self, other: &Self) -> Self;
    /// Its lowest slot.
    fn lowest(&self) -> Option<u32>;
    /// A hash of what is in it and in neither of the others.
    fn hash_without(&self, pure: &Self, crashed: &Self) -> u64;
    /// A hash of all of it.
    fn hash(&self) -> u64;
    /// Whether these placed operations leave at least what those of `other` leave: the same without pure and crashed
    /// ones, at least the same pure ones, at most the same crashed ones.
    fn covers(&self, other: &Self, pure: &Self, crashed: &Self) -> bool;
}

/// Mixes a word into a hash.
pub fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    (product as u64) ^ (product >> 64) as u64
}

macro_rules! word {
    ($word:ty) => {
        impl Mask for $word {
            fn empty(_slots: usize) -> Self {
                0
            }

            fn has(&self, slot: u32) -> bool {
                self >> slot & 1 == 1
            }

            fn add(&mut self, slot: u32) {
                *self |= 1 << slot;
            }

            fn remove(&mut self, slot: u32) {
                *self &= !(1 << slot);
            }

            fn common(&self, other: &Self) -> Self {
                self & other
            }

            fn without(&self, other: &Self) -> Self {
                self & !other
            }

            fn lowest(&self) -> Option<u32> {
                (*self != 0).then(|| self.trailing_zeros())
            }

            fn hash_without(&self, pure: &Self, crashed: &Self) -> u64 {
                Mask::hash(&(self & !(pure | crashed)))
            }

            fn hash(&self) -> u64 {
                let wide = u128::from(*self);
                mix(wide as u64, (wide >> 64) as u64)
            }

            fn covers(&self, other: &Self, pure: &Self, crashed: &Self) -> bool {
                let differs = self ^ other;
                differs & !(pure | crashed) | differs & pure & other | differs & crashed & self == 0
            }
        }
    };
}

word!(u64);
word!(u128);

/// A set of any number of slots, for histories in which more than 128 operations are open at once.
#[derive(Clone, PartialEq, Eq)]
pub struct Wide(Box<[u64]>);

impl Mask for Wide {
    fn empty(slots: usize) -> Self {
        Self(vec![0; slots.div_ceil(64)].into())
    }

    fn has(&self, slot: u32) -> bool {
        self.0[slot as usize / 64].has(slot % 64)
    }

    fn add(&mut self, slot: u32) {
        self.0[slot as usize / 64].add(slot % 64);
    }

    fn remove(&mut self, slot: u32) {
        self.0[slot as usize / 64].remove(slot % 64);
    }

    fn common(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    fn lowest(&self) -> Option<u32> {
        let word = self.0.iter().position(|word| *word != 0)?;
        Some(word as u32 * 64 + self.0[word].trailing_zeros())
    }

    fn hash_without(&self, pure: &Self, crashed: &Self) -> u64 {
        let others = pure.0.iter().zip(&crashed.0);
        self.0.iter().zip(others).fold(0, |hash, (word, (pure, crashed))| mix(hash, word & !(pure | crashed)))
    }

    fn hash(&self) -> u64 {
        self.0.iter().fold(0, |hash, word| mix(hash, *word))
    }

    fn covers(&self, other: &Self, pure: &Self, crashed: &Self) -> bool {
        let words = self.0.iter().zip(&other.0);
        words.zip(pure.0.iter().zip(&crashed.0)).all(|((a, b), (pure, crashed))| a.covers(b, pure, crashed))
    }
}
