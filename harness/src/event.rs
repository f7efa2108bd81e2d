//! The events of a run, in the order in which they happened: what live screens and the record are made of.

use crate::{case::Incident, plan::PlannedCase, report::Case, time::Offset};
use serde::{Deserialize, Serialize};

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 0 without gaps.
    pub seq: u64,
    /// Time since the run began.
    pub at: Offset,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The plan is made; the cases begin.
    RunStarted {
        /// How many cases there are.
        cases: usize,
    },
    /// A case begins.
    CaseStarted(PlannedCase),
    /// A fault was played.
    Fault {
        /// In which case.
        case: PlannedCase,
        /// When, in the case's time.
        at: Offset,
        /// In words.
        description: String,
    },
    /// A node did something that the protocol does not allow, or ended.
    Incident {
        /// In which case.
        case: PlannedCase,
        /// What.
        incident: Incident,
    },
    /// A case whose times are graded runs again, because the machine was too busy for them.
    CaseRepeated {
        /// Which.
        case: PlannedCase,
        /// What showed it.
        #[serde(default)]
        why: String,
    },
    /// A case has ended and was judged.
    CaseFinished {
        /// Which.
        case: PlannedCase,
        /// How it was judged.
        result: Case,
    },
    /// The user asked to stop.
    Interrupted,
    /// Nothing more will happen.
    RunFinished,
}
