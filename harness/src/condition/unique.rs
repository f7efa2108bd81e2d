//! What is handed out once: repeated ids, found in one pass. O(n).

use std::{collections::HashMap, hash::Hash};

/// Pairs of places where the same id was handed out: the first time and each time again, in order of the latter.
pub fn repeats<T: Copy, K: Hash + Eq>(handed_out: impl IntoIterator<Item = (T, K)>) -> Vec<(T, T)> {
    let mut first = HashMap::new();
    let mut again = Vec::new();
    for (place, id) in handed_out {
        match first.entry(id) {
            std::collections::hash_map::Entry::Occupied(earlier) => again.push((*earlier.get(), place)),
            std::collections::hash_map::Entry::Vacant(slot) => drop(slot.insert(place)),
        }
    }
    again
}
