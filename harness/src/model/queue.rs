//! The first-in-first-out queue: enqueue, dequeue, peek; empty at first.

use super::sequence::{End, Role, Row};
use crate::history::Function;

/// A queue of any values; a dequeue or peek of an empty one gives `nil`.
pub const QUEUE: Row = Row {
    noun: "queue",
    roles: &[
        (Function::Enqueue, Role::Add(End::Back)),
        (Function::Dequeue, Role::Take(End::Front)),
        (Function::Peek, Role::Look(End::Front)),
    ],
};
