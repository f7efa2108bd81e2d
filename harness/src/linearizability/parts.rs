//! The operations of a history by their object, and work on many objects at once.

use crate::history::{History, Id, Outcome};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The effective operations of each key in order of calls, the smallest keys first. Linear but for that order.
pub fn by_key(history: &History) -> Vec<Vec<u32>> {
    let keys = history.keys();
    let mut parts: Vec<Vec<u32>> = Vec::new();
    let mut numbers = Numbers::default();
    for index in (0..history.len()).filter(|index| history.outcomes()[*index] != Outcome::Failed) {
        let part = numbers.number(keys[index], parts.len() as u32) as usize;
        if part == parts.len() {
            parts.push(Vec::new());
        }
        parts[part].push(index as u32);
    }
    parts.sort_by_key(|part| (part.len(), part[0]));
    parts
}

/// Numbers of keys, with the last one at hand.
#[derive(Default)]
struct Numbers {
    last: Option<(Id, u32)>,
    numbers: HashMap<Id, u32>,
}

impl Numbers {
    fn number(&mut self, key: Id, next: u32) -> u32 {
        match self.last {
            Some((last, number)) if last == key => number,
            _ => {
                let number = *self.numbers.entry(key).or_insert(next);
                self.last = Some((key, number));
                number
            }
        }
    }
}

/// Does something for each of `items` on at most `threads` threads; results come in the order of the items.
pub fn each<T: Copy + Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = threads.clamp(1, items.len().max(1));
    if threads == 1 {
        return items.iter().map(|item| work(*item)).collect();
    }
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Vec::new();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { break };
                    own.push((place, work(*item)));
                }
                results.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(own);
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    results.sort_unstable_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}
