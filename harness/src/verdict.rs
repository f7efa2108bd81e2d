//! Verdicts and findings: what a check concludes, and the evidence that lets an interviewer defend it.

use crate::time::Offset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a check, a case, a stage or a whole run concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything required was observed.
    Pass,
    /// Something required was seen to be violated; a finding carries the evidence.
    Fail,
    /// Not decided: the evidence does not suffice, through a fault of the machine or of takehome.
    Unknown,
    /// Not run at all.
    NotRun,
}

impl Verdict {
    /// The verdict of a whole from the verdicts of its parts: any fail fails, any gap leaves it open.
    ///
    /// Nothing at all is `NotRun`, never a pass.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = None;
        for part in parts {
            whole = Some(match (whole, part) {
                (Some(Self::Fail), _) | (_, Self::Fail) => Self::Fail,
                (Some(Self::Unknown), _) | (_, Self::Unknown) => Self::Unknown,
                (None, part) => part,
                (Some(Self::NotRun), Self::NotRun) => Self::NotRun,
                // Half-run is not a pass.
                (Some(Self::NotRun), _) | (_, Self::NotRun) => Self::Unknown,
                (Some(Self::Pass), Self::Pass) => Self::Pass,
            });
        }
        whole.unwrap_or(Self::NotRun)
    }

    /// The word shown to people: `PASS`, `FAIL`, `UNKNOWN` or `NOT RUN`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Unknown => "UNKNOWN",
            Self::NotRun => "NOT RUN",
        }
    }
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// The submission.
    Candidate,
    /// The challenge's author.
    Challenge,
    /// This machine, its network, or takehome.
    Environment,
}

/// A requirement that was violated, with its proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What kind of violation, such as `value-lost`; listed in the catalogue of codes.
    pub code: String,
    /// Stage of the case it was found in.
    pub stage: String,
    /// Seed of that case.
    pub seed: u64,
    /// The requirement in words.
    pub requirement: String,
    /// What should have been observed.
    pub expected: String,
    /// What was observed.
    pub actual: String,
    /// How many observations of this kind there were in the case; the evidence shows the first or smallest.
    pub count: u64,
    /// The smallest evidence.
    pub evidence: Evidence,
    /// Whose fault.
    pub blame: Blame,
    /// Whether it decides the verdict; other findings are shown as advice.
    pub decisive: bool,
    /// The command that runs the case again.
    pub replay: String,
}

/// The part of the record that shows a finding, small enough for a person to take in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// One line that says how much of the record this is: `6 of 1984 operations`.
    pub summary: String,
    /// Participants of the figure from left to right: `c1`, `n0`, `n1`, …
    pub lanes: Vec<String>,
    /// Messages among them in order of sending; requests of clients and their replies included.
    pub arrows: Vec<Arrow>,
    /// Faults of that time.
    pub faults: Vec<FaultWindow>,
    /// Lines as the program wrote them (a malformed line, the end of its log), cut to a bounded length.
    pub lines: Vec<LogLine>,
}

impl Evidence {
    /// Whether it shows anything of the record.
    pub fn is_empty(&self) -> bool {
        self.arrows.is_empty() && self.lines.is_empty()
    }
}

/// One message in a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Arrow {
    /// Sender.
    pub from: String,
    /// Receiver.
    pub to: String,
    /// When it was sent, in nanoseconds since the start of the case.
    pub sent: Offset,
    /// When it arrived; none when it never did.
    pub received: Option<Offset>,
    /// Why it never arrived, such as `partition`.
    pub dropped: Option<String>,
    /// A few words: `broadcast 417`, `read_ok (812 values, without 417)`.
    pub label: String,
    /// Whether this is the message that shows the violation.
    pub highlight: bool,
}

/// A line of output or log, with its origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// Such as `n3 stdout` or `n3 stderr`; `by hand` of a command that shows the same.
    pub source: String,
    /// The text, cut to a bounded length; hostile.
    pub text: String,
}

impl LogLine {
    /// The source of a command to be copied, which is shown in full.
    pub const BY_HAND: &str = "by hand";
}

/// A fault and how long it lasted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultWindow {
    /// `partition`, `kill`, `pause` …
    pub kind: String,
    /// In words: `n0 n3 | n1 n2 n4`.
    pub description: String,
    /// The nodes it concerns; empty for the whole network.
    pub nodes: Vec<String>,
    /// Begin.
    pub from: Offset,
    /// End.
    pub to: Offset,
}
