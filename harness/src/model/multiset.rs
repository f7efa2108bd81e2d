//! The multiset, or bag: a set that counts how often a value is in it.

use super::set::Set;

/// Insert always puts one more in; remove takes one out. What is told is whether there was any before.
pub const MULTISET: Set = Set { counts: true };
