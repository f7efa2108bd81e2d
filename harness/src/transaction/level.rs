//! The lattice of consistency levels: which follow from which, and what is known of each about a history.
//!
//! Levels are those of histories in which items only are read, no predicates. `Causal` and the strong-session levels
//! hold within sessions; the others do not know sessions, so plain snapshot isolation does not imply `Causal`.

use crate::verify::{Level, Levels};

/// All levels; a weaker one never stands behind a stronger one.
pub const ALL: [Level; 11] = [
    Level::ReadUncommitted,
    Level::ReadCommitted,
    Level::ReadAtomic,
    Level::Causal,
    Level::RepeatableRead,
    Level::SnapshotIsolation,
    Level::StrongSessionSnapshotIsolation,
    Level::StrongSnapshotIsolation,
    Level::Serializable,
    Level::StrongSessionSerializable,
    Level::StrictSerializable,
];

/// The levels that are next below a level: whatever holds at it holds at these.
pub fn below(level: Level) -> &'static [Level] {
    match level {
        Level::ReadUncommitted => &[],
        Level::ReadCommitted => &[Level::ReadUncommitted],
        Level::ReadAtomic | Level::RepeatableRead => &[Level::ReadCommitted],
        Level::Causal | Level::SnapshotIsolation => &[Level::ReadAtomic],
        Level::StrongSessionSnapshotIsolation => &[Level::SnapshotIsolation, Level::Causal],
        Level::StrongSnapshotIsolation => &[Level::StrongSessionSnapshotIsolation],
        Level::Serializable => &[Level::RepeatableRead, Level::SnapshotIsolation],
        Level::StrongSessionSerializable => &[Level::Serializable, Level::StrongSessionSnapshotIsolation],
        Level::StrictSerializable => &[Level::StrongSessionSerializable, Level::StrongSnapshotIsolation],
    }
}

/// Whether a history at level `strong` is at level `weak` too; every level is at least as strong as itself.
pub fn implies(strong: Level, weak: Level) -> bool {
    strong == weak || below(strong).iter().any(|next| implies(*next, weak))
}

/// A level's name as the command line knows it: `snapshot-isolation`.
pub fn name(level: Level) -> &'static str {
    match level {
        Level::ReadUncommitted => "read-uncommitted",
        Level::ReadCommitted => "read-committed",
        Level::ReadAtomic => "read-atomic",
        Level::Causal => "causal",
        Level::RepeatableRead => "repeatable-read",
        Level::SnapshotIsolation => "snapshot-isolation",
        Level::StrongSessionSnapshotIsolation => "strong-session-snapshot-isolation",
        Level::StrongSnapshotIsolation => "strong-snapshot-isolation",
        Level::Serializable => "serializable",
        Level::StrongSessionSerializable => "strong-session-serializable",
        Level::StrictSerializable => "strict-serializable",
    }
}

/// What is known about one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not decided.
    Open,
    /// The history is at this level.
    Holds,
    /// It is not.
    Violated,
}

/// What is known about every level of a history; what follows is drawn at once.
#[derive(Debug, Clone)]
pub struct Standing([Status; ALL.len()]);

impl Default for Standing {
    fn default() -> Self {
        Self([Status::Open; ALL.len()])
    }
}

impl Standing {
    /// What is known about a level.
    pub fn of(&self, level: Level) -> Status {
        self.0[level as usize]
    }

    /// Whether nothing is known about a level yet.
    pub fn is_open(&self, level: Level) -> bool {
        self.of(level) == Status::Open
    }

    /// The history is at this level and at all weaker ones. What is known to be violated stays so.
    pub fn hold(&mut self, level: Level) {
        self.set(Status::Holds, |other| implies(level, other));
    }

    /// The history is neither at this level nor at a stronger one. This wins over what was held.
    pub fn violate(&mut self, level: Level) {
        for other in ALL {
            if implies(other, level) {
                self.0[other as usize] = Status::Violated;
            }
        }
    }

    fn set(&mut self, status: Status, applies: impl Fn(Level) -> bool) {
        for level in ALL {
            if applies(level) && self.is_open(level) {
                self.0[level as usize] = status;
            }
        }
    }

    /// The weakest violated levels and the others above them; none where nothing is violated.
    pub fn report(&self) -> Option<Levels> {
        let violated = |level: Level| self.of(level) == Status::Violated;
        let (weakest, also): (Vec<Level>, Vec<Level>) =
            ALL.into_iter().filter(|level| violated(*level)).partition(|level| {
                !ALL.into_iter().any(|other| other != *level && violated(other) && implies(*level, other))
            });
        (!weakest.is_empty()).then_some(Levels { weakest, also })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weaker_levels_stand_before_stronger_ones() {
        for (index, level) in ALL.into_iter().enumerate() {
            assert_eq!(level as usize, index, "tables are indexed by it");
            assert!(implies(Level::StrictSerializable, level) && implies(level, Level::ReadUncommitted));
            assert!(below(level).iter().all(|next| (*next as usize) < index));
        }
        assert!(!implies(Level::SnapshotIsolation, Level::Causal), "sessions are nothing to it");
        assert!(!implies(Level::RepeatableRead, Level::ReadAtomic));
    }

    #[test]
    fn names_are_those_that_are_written() {
        for level in ALL {
            assert_eq!(serde_json::to_value(level).unwrap(), name(level));
        }
    }

    #[test]
    fn a_violation_reaches_up_and_a_proof_reaches_down() {
        let mut standing = Standing::default();
        assert_eq!(standing.report(), None);
        standing.hold(Level::SnapshotIsolation);
        standing.violate(Level::RepeatableRead);
        assert_eq!(standing.of(Level::ReadAtomic), Status::Holds);
        assert_eq!(standing.of(Level::Causal), Status::Open);
        let levels = standing.report().unwrap();
        assert_eq!(levels.weakest, [Level::RepeatableRead]);
        assert_eq!(levels.also, [Level::Serializable, Level::StrongSessionSerializable, Level::StrictSerializable]);
        standing.violate(Level::SnapshotIsolation);
        assert_eq!(standing.report().unwrap().weakest, [Level::RepeatableRead, Level::SnapshotIsolation]);
    }
}
