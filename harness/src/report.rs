//! The report: everything a renderer needs, computed from the run record alone.
//!
//! Its JSON form is published with a schema; text that came from the candidate is kept as it was and is made inert by
//! each format.

use crate::{
    score::Scorecard,
    time::Offset,
    verdict::{FaultWindow, Finding, Verdict},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the JSON form; raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// One graded run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Which run.
    pub run: Run,
    /// What was graded.
    pub submission: Submission,
    /// Against what.
    pub challenge: Challenge,
    /// What it comes to.
    pub verdict: Verdict,
    /// Points.
    pub scorecard: Scorecard,
    /// What went wrong, most telling first.
    pub findings: Vec<Finding>,
    /// Everything measured, stage by stage.
    pub metrics: Vec<Metric>,
    /// The stages in detail.
    pub stages: Vec<Stage>,
    /// Where it ran and what was enforced.
    pub environment: Environment,
}

/// Identity of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Short id, unique on the machine.
    pub id: String,
    /// Where its record lies.
    pub directory: String,
    /// The seed that every case's seed comes from.
    pub seed: u64,
    /// When it began (RFC 3339).
    pub started: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Version of takehome.
    pub takehome: String,
    /// False when it was interrupted: some cases did not run.
    pub complete: bool,
    /// The command line that runs it again.
    pub command: String,
}

/// The graded submission.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Submission {
    /// URL or path, without credentials.
    pub source: String,
    /// Commit id, when it came from a repository.
    pub commit: Option<String>,
    /// Tree hash of that commit.
    pub tree: Option<String>,
    /// Author of the head commit.
    pub author: Option<String>,
    /// When the head commit was authored (RFC 3339).
    pub authored: Option<String>,
    /// When it was committed (RFC 3339).
    pub committed: Option<String>,
    /// First line of the head commit's message.
    pub summary: Option<String>,
    /// SHA-256 over names, modes and contents of the files that were built.
    pub content: String,
    /// Detected or declared language.
    pub language: String,
    /// Folder of the repository that was built.
    pub folder: Option<String>,
    /// Binary or script that was run.
    pub binary: Option<String>,
    /// Compiler or interpreter.
    pub toolchain: String,
    /// How long the build took, in seconds.
    pub build_seconds: f64,
    /// Whether the build came from the cache.
    pub build_cached: bool,
    /// What was noticed about the files, such as a symlink that leaves the tree.
    pub notices: Vec<String>,
}

/// The challenge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Challenge {
    /// Name of its folder.
    pub name: String,
    /// Title.
    pub title: String,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Conditions in words: nodes, topology, latency, rate, faults.
    pub conditions: String,
    /// What it concluded.
    pub verdict: Verdict,
    /// What is required, in words.
    pub requirements: Vec<String>,
    /// Its cases.
    pub cases: Vec<Case>,
    /// Curves to plot, this submission's and the reference's.
    pub plots: Vec<Plot>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// Seed.
    pub seed: u64,
    /// What it concluded.
    pub verdict: Verdict,
    /// How long it ran, in seconds.
    pub seconds: f64,
    /// Client operations that the checks looked at.
    pub operations: u64,
    /// Each requirement with its verdict.
    pub checks: Vec<Check>,
    /// Faults that were played.
    pub faults: Vec<FaultWindow>,
    /// Why it did not count, when it did not; otherwise what was found beside the reference, where that was measured.
    pub note: Option<String>,
}

/// One requirement in one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// As in the manifest: `nothing-lost`, `availability >= 0.99`.
    pub name: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// What was observed: `1984 of 1984 values in every final read`.
    pub detail: String,
}

/// One measured number of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metric {
    /// Stage id.
    pub stage: String,
    /// Such as `propagation-p99`.
    pub name: String,
    /// Median of the cases' values.
    pub value: f64,
    /// Smallest value of a case.
    pub min: f64,
    /// Largest value of a case.
    pub max: f64,
    /// `ms`, `s`, `bytes`, `1` …
    pub unit: String,
    /// What full points need, where it is graded.
    pub full: Option<f64>,
    /// What earns no points, where it is graded.
    pub zero: Option<f64>,
    /// Points earned by it and the most it could earn, where it is graded.
    pub points: Option<(f64, f64)>,
    /// The recorded value of the challenge's reference solution.
    pub reference: Option<f64>,
}

/// Curves over a common axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plot {
    /// Title: `Propagation to every node`.
    pub title: String,
    /// What the horizontal axis shows, with its unit: `time after acknowledgement (ms)`.
    pub axis: String,
    /// One curve each, as a cumulative distribution.
    pub series: Vec<Series>,
}

/// A cumulative distribution: for each quantile of [`QUANTILES`] the value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// `this submission` or `reference`.
    pub name: String,
    /// Values at [`QUANTILES`].
    pub values: Vec<f64>,
}

/// The quantiles at which a [`Series`] is kept.
pub const QUANTILES: [f64; 13] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0];

/// Where the run took place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// Operating system and kernel.
    pub system: String,
    /// Logical processors.
    pub processors: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Back end: `native`, `bubblewrap`, `podman`, `degraded`, or `none` when the sandbox was switched off.
    pub sandbox: String,
    /// Each layer of isolation.
    pub layers: Vec<Layer>,
    /// Limits on each node: name and value in words.
    pub limits: Vec<(String, String)>,
}

/// One layer of isolation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Layer {
    /// Such as `network namespace`.
    pub name: String,
    /// How far it was enforced.
    pub status: LayerStatus,
    /// By what, or why not.
    pub detail: String,
}

/// How far a layer of isolation was enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LayerStatus {
    /// By the kernel.
    Enforced,
    /// Roughly: by limits on single processes, or by watching.
    Approximate,
    /// Not at all.
    Missing,
}

/// Time spans as people read them, for text that several formats share.
pub fn span(from: Offset, to: Offset) -> String {
    format!("{:.1}–{:.1} s", from.seconds(), to.seconds())
}
