//! `exactly-once`: every acknowledged element is delivered once: not lost, not repeated, not out of nothing.
//!
//! `total-queue` with duplicates and deliveries before the sending forbidden too. Where a history has completions
//! (`complete`), a job counts as delivered when it is completed, and handing it out again after a lease is an attempt.
//! An element whose sending was not answered is delivered at most once. O(n). Like `total-queue` it says nothing about
//! order, and holds of histories that take everything out at the end.

use super::{Condition, Initial, Scope, total_queue::Account};

pub(super) const EXACTLY_ONCE: Condition = Condition {
    name: "exactly-once",
    about: "every acknowledged element is delivered exactly once by the end, and nothing that was not sent",
    initial: Initial::Fixed,
    scope: Scope::Object,
    judge: |part| Ok(Account::of(&part)?.judge(&part, true)),
};
