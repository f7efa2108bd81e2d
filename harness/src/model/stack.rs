//! The last-in-first-out stack: push, pop, peek; empty at first.

use super::sequence::{End, Role, Row};
use crate::history::Function;

/// A stack of any values; a pop or peek of an empty one gives `nil`.
pub const STACK: Row = Row {
    noun: "stack",
    roles: &[
        (Function::Push, Role::Add(End::Back)),
        (Function::Pop, Role::Take(End::Back)),
        (Function::Peek, Role::Look(End::Back)),
    ],
};
