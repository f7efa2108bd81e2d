//! What a transaction saw of each key: its first read there, where it makes sense.

use super::index::{Index, NOWHERE};
use crate::{
    history::{Id, Outcome},
    transaction::Action,
};
use std::collections::HashMap;

/// The version of a key that a transaction saw first.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The key's number.
    pub key: u32,
    /// How many elements of others it had.
    pub length: u32,
    /// Whether it read before it appended: then what is behind `length` is not seen.
    pub clean: bool,
    /// The step that read.
    pub step: u32,
}

/// The versions that a committed transaction saw, where they fit the order of their key and its own appends.
pub fn views(index: &Index<'_>, transaction: u32) -> Vec<View> {
    let t = index.transactions;
    // Own appends to a key, until it is read.
    let mut own: HashMap<u32, Option<Vec<Id>>> = HashMap::new();
    let mut views = Vec::new();
    if t.outcome[transaction as usize] != Outcome::Ok {
        return views;
    }
    let begin = t.first[transaction as usize];
    for (place, step) in t.steps(transaction).iter().enumerate() {
        let at = begin + place as u32;
        let key = index.key[at as usize];
        let entry = own.entry(key).or_insert_with(|| Some(Vec::new()));
        if step.action == Action::Append {
            if let Some(appended) = entry {
                appended.push(step.value);
            }
        } else if let Some(list) = index.list(at)
            && let Some(appended) = entry.take()
            && index.position[at as usize] != NOWHERE
            && list.ends_with(&appended)
        {
            let length = (list.len() - appended.len()) as u32;
            views.push(View { key, length, clean: appended.is_empty(), step: at });
        }
    }
    views
}
