//! What is recorded of one case: the input of every check.

use crate::{calls::Calls, journal::Journal, performance::Performance, time::Offset, verdict::FaultWindow};
use serde::{Deserialize, Serialize};

/// Everything recorded of one case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaseRecord {
    /// The part that is kept as JSON.
    pub summary: CaseSummary,
    /// What clients asked and were told.
    pub history: Calls,
    /// What nodes sent to each other.
    pub journal: Journal,
}

/// The small part of a case's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseSummary {
    /// Stage id.
    pub stage: String,
    /// Seed.
    pub seed: u64,
    /// How it ended.
    pub ended: Ended,
    /// When the work began, after `init` and the opening requests.
    pub work_began: Offset,
    /// When the last request of the workload was due and every fault was healed.
    pub work_ended: Offset,
    /// When the case ended.
    pub ended_at: Offset,
    /// How late takehome was with a request at worst: a machine that is overloaded delays everything.
    #[serde(default)]
    pub lag: Offset,
    /// Faults as they were played.
    pub faults: Vec<FaultWindow>,
    /// When a node could not be expected to answer: killed, starting again, or paused.
    pub down: Vec<Down>,
    /// What the nodes did wrong, apart from the contents of replies.
    pub incidents: Vec<Incident>,
    /// What each node used.
    pub usage: Vec<NodeUsage>,
    /// The end of each node's stderr.
    pub log_tails: Vec<String>,
    /// What a server did while it let a client wait in vain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hang: Option<Hang>,
    /// What was measured beside the reference, where the stage does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance: Option<Performance>,
}

impl Default for CaseSummary {
    fn default() -> Self {
        Self {
            stage: String::new(),
            seed: 0,
            ended: Ended::Interrupted,
            work_began: Offset::ZERO,
            work_ended: Offset::ZERO,
            ended_at: Offset::ZERO,
            lag: Offset::ZERO,
            faults: Vec::new(),
            down: Vec::new(),
            incidents: Vec::new(),
            usage: Vec::new(),
            log_tails: Vec::new(),
            hang: None,
            performance: None,
        }
    }
}

/// What a program did while it did not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hang {
    /// Whether it waited or computed.
    pub sentence: String,
    /// Where its threads stood, those that are alike together; hostile.
    pub stacks: Vec<String>,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It ran to its end.
    Completed,
    /// A node did not answer `init` or the opening requests; the incidents say which.
    NeverReady,
    /// Nothing was left to observe: every node had crashed.
    AllCrashed,
    /// takehome was stopped.
    Interrupted,
    /// This machine or takehome failed.
    Broken(String),
}

/// A time in which a node could not be expected to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// Which node.
    pub node: u32,
    /// Begin.
    pub from: Offset,
    /// End.
    pub to: Offset,
}

/// Something a node did that the protocol does not allow, or that ended it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// When it was first seen.
    pub at: Offset,
    /// Which node.
    pub node: u32,
    /// What kind.
    pub kind: IncidentKind,
    /// In words: `exit status 101`, `no node is called "n9"`.
    pub detail: String,
    /// The line it is about, cut to a bounded length.
    pub line: String,
    /// How often it was seen on this node; only the first is shown.
    pub count: u64,
}

/// Kinds of incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentKind {
    /// A line of stdout that is no JSON object with `src`, `dest` and `body`.
    MalformedOutput,
    /// Output that went on without a line end, or faster than it could be taken.
    OutputFlood,
    /// A message to nobody.
    UnknownDestination,
    /// A message that claims to come from another node.
    ForgedSource,
    /// A reply to a request that no client has made.
    UnmatchedReply,
    /// A second reply to the same request.
    RepeatedReply,
    /// The process ended without being asked to.
    Crashed,
    /// It was ended by its memory limit.
    OutOfMemory,
    /// `init` was not answered in time.
    SlowStart,
    /// It did not read its stdin.
    Deaf,
    /// It did not end when it was asked to.
    Lingers,
    /// An answer to a request under load that is not the one right answer.
    WrongReply,
    /// Requests under load were not answered in time, or their connection ended.
    Silent,
    /// A build that watches itself has found two threads at the same memory.
    DataRace,
    /// A build that watches itself has found an error of memory, or a value that is not defined.
    MemoryError,
}

impl IncidentKind {
    /// The finding's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::MalformedOutput => "malformed-output",
            Self::OutputFlood => "output-flood",
            Self::UnknownDestination => "unknown-destination",
            Self::ForgedSource => "forged-source",
            Self::UnmatchedReply => "unmatched-reply",
            Self::RepeatedReply => "repeated-reply",
            Self::Crashed => "node-crashed",
            Self::OutOfMemory => "out-of-memory",
            Self::SlowStart => "slow-start",
            Self::Deaf => "deaf",
            Self::Lingers => "does-not-end",
            Self::WrongReply => "wrong-reply",
            Self::Silent => "no-reply",
            Self::DataRace => "data-race",
            Self::MemoryError => "memory-error",
        }
    }
}

/// What one node used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeUsage {
    /// CPU time in seconds, user and system, all its processes.
    pub cpu_seconds: f64,
    /// Most memory at one time, in bytes.
    pub peak_memory: u64,
}

impl CaseRecord {
    /// Whether the node could be expected to answer throughout a time.
    pub fn was_up(&self, node: u32, from: Offset, to: Offset) -> bool {
        !self.summary.down.iter().any(|down| down.node == node && down.from <= to && from <= down.to)
    }

    /// Faults that overlap a time.
    pub fn faults_between(&self, from: Offset, to: Offset) -> Vec<FaultWindow> {
        self.summary.faults.iter().filter(|fault| fault.from <= to && from <= fault.to).cloned().collect()
    }
}
