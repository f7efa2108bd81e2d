//! The plan of a run: everything that is decided before anything happens.

use crate::{
    manifest::{Manifest, Stage},
    report::{Environment, Submission},
    text::excerpt,
};
use serde::{Deserialize, Serialize};

/// Version of the run record; raised when a reader of the old form could not read the new one.
pub const RECORD_VERSION: u32 = 1;

/// What will be run, against what, where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`RECORD_VERSION`] of the writer.
    pub version: u32,
    /// Short id of the run.
    pub run: String,
    /// Version of takehome.
    pub takehome: String,
    /// When it began (RFC 3339).
    pub started: String,
    /// The command line that runs it again.
    pub command: String,
    /// The seed that every case's seed comes from.
    pub seed: u64,
    /// Name of the challenge.
    pub challenge: String,
    /// The challenge's manifest as it was.
    pub manifest: Manifest,
    /// What is graded.
    pub submission: Submission,
    /// Where it runs and what is enforced.
    pub environment: Environment,
    /// The cases in the order in which they are reported.
    pub cases: Vec<PlannedCase>,
    /// The reference solution's recorded figures.
    pub reference: Figures,
}

/// One case to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCase {
    /// Stage id.
    pub stage: String,
    /// Seed.
    pub seed: u64,
}

impl Plan {
    /// The command that runs one case again, in a sandbox that is as strong or as weak.
    pub fn replay(&self, stage: &str, seed: u64) -> String {
        let sandbox = match self.environment.sandbox.as_str() {
            weak @ ("podman" | "degraded") => format!(" --sandbox {weak}"),
            "none" => " --unsafe-no-sandbox".to_owned(),
            _ => String::new(),
        };
        format!("takehome replay {} {}/{stage} --seed {seed}{sandbox}", self.run, self.challenge)
    }

    /// Whether a plan that was read back can be worked with: its names name no other place, and its numbers are within
    /// their bounds. What it asks for may be unknown to this takehome; that is said in the report.
    pub fn check(&self) -> Result<(), String> {
        let stages = self.manifest.stages.iter().map(|stage| &stage.id);
        let names =
            [&self.run, &self.challenge].into_iter().chain(stages).chain(self.cases.iter().map(|case| &case.stage));
        for name in names {
            if !is_name(name) {
                return Err(format!("`{}` is no name: lower case letters, digits and dashes", excerpt(name, 60)));
            }
        }
        self.manifest.check_numbers()
    }
}

/// Names of runs, challenges and stages: they become folders of a record and words of a command.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

impl PlannedCase {
    /// The case's folder in the record, and its name in messages.
    pub fn name(&self) -> String {
        format!("{}-{}", self.stage, self.seed)
    }
}

/// Recorded figures of a challenge's reference solution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// One entry a stage and metric.
    #[serde(default)]
    pub metrics: Vec<Figure>,
    /// One entry a stage and plot.
    #[serde(default)]
    pub curves: Vec<Curve>,
}

/// One recorded number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Stage id.
    pub stage: String,
    /// Metric.
    pub metric: String,
    /// Median over the cases.
    pub value: f64,
}

/// One recorded distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Stage id.
    pub stage: String,
    /// Title of the plot.
    pub plot: String,
    /// Values at [`crate::report::QUANTILES`].
    pub values: Vec<f64>,
}

/// The cases of a challenge under a run's seed: stage by stage, `seeds` cases each.
///
/// The seeds count up from the run's, so that a person can type them.
pub fn cases(manifest: &Manifest, seed: u64, selected: impl Fn(&Stage) -> bool) -> Vec<PlannedCase> {
    let stages = manifest.stages.iter().filter(|stage| selected(stage));
    let case =
        |stage: &Stage, offset: u32| PlannedCase { stage: stage.id.clone(), seed: seed.wrapping_add(offset.into()) };
    stages.flat_map(|stage| (0..stage.seeds).map(move |offset| case(stage, offset))).collect()
}

impl Figures {
    /// The recorded value of a stage's metric.
    pub fn metric(&self, stage: &str, metric: &str) -> Option<f64> {
        self.metrics.iter().find(|figure| figure.stage == stage && figure.metric == metric).map(|figure| figure.value)
    }

    /// The recorded curve of a stage's plot.
    pub fn curve(&self, stage: &str, plot: &str) -> Option<&[f64]> {
        self.curves.iter().find(|curve| curve.stage == stage && curve.plot == plot).map(|curve| &*curve.values)
    }
}
