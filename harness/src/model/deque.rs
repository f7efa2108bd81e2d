//! The double-ended queue: push, pop and peek at both ends; empty at first.

use super::sequence::{End, Role, Row};
use crate::history::Function;

/// A double-ended queue of any values; a pop or peek of an empty one gives `nil`.
pub const DEQUE: Row = Row {
    noun: "deque",
    roles: &[
        (Function::PushFront, Role::Add(End::Front)),
        (Function::PushBack, Role::Add(End::Back)),
        (Function::PopFront, Role::Take(End::Front)),
        (Function::PopBack, Role::Take(End::Back)),
        (Function::PeekFront, Role::Look(End::Front)),
        (Function::PeekBack, Role::Look(End::Back)),
    ],
};
