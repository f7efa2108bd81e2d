//! The challenge manifest, `challenge.toml`: what is asked, how it is driven, what it is worth.

mod error;
mod requirement;

pub use error::{ManifestError, nearest};
pub use requirement::{Comparison, Requirement};

use crate::{
    net::{
        Distribution, FaultError, FaultKind, FaultPlan, FaultSchedule, Link, NodeId, Rhythm, Settings, Terrain,
        Topology,
    },
    plan::is_name,
    time::Offset,
    units::{Bytes, Span},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A challenge as its author wrote it. Unknown fields are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Title for people.
    pub title: String,
    /// How a submission is driven.
    pub kind: ProgramKind,
    /// What a server and its clients speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// How long a candidate is expected to need.
    pub minutes: u32,
    /// What it measures, in a few words each.
    #[serde(default)]
    pub skills: Vec<String>,
    /// Languages with a starter.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Limits on each process of a submission.
    #[serde(default)]
    pub limits: Limits,
    /// The scored parts, in the order in which they are run.
    #[serde(rename = "stage")]
    pub stages: Vec<Stage>,
}

/// How a submission is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramKind {
    /// N processes that speak newline-delimited JSON on stdin and stdout; the harness is the network.
    Node,
    /// One process that listens on TCP; the harness is its clients.
    Server,
}

/// What a server and its clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Redis's, version 2: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.
    Resp,
    /// beanstalkd's: <https://github.com/beanstalkd/beanstalkd/blob/master/doc/protocol.txt>.
    Beanstalk,
    /// Lines of a chat room: <https://protohackers.com/problem/3>.
    Chat,
}

impl Protocol {
    /// Its name in manifests, and of its folder of libraries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resp => "resp",
            Self::Beanstalk => "beanstalk",
            Self::Chat => "chat",
        }
    }
}

/// Limits on each process of a submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// Memory of one node, its children and temporary files included.
    pub memory: Bytes,
    /// Processes and threads of one node.
    pub processes: u64,
    /// Size of one node's data directory.
    pub disk: Bytes,
    /// Open files of one process.
    pub open_files: u64,
    /// CPU time of one node in a case, its children included; a program that spins is ended by it.
    pub cpu: Span,
    /// Output of all nodes of a case together; whoever goes on writing then is stopped.
    pub output: Bytes,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Bytes(512 << 20),
            processes: 256,
            disk: Bytes(64 << 20),
            open_files: 1024,
            cpu: Span(Duration::from_secs(600)),
            output: Bytes(512 << 20),
        }
    }
}

/// One scored part of a challenge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stage {
    /// Name on the command line: lower case, digits and dashes.
    pub id: String,
    /// What is proven when it passes.
    pub title: String,
    /// Points that it is worth.
    pub points: f64,
    /// Number of nodes.
    pub nodes: u32,
    /// Variant of the oracle's workload.
    #[serde(default = "standard")]
    pub workload: String,
    /// Shape that the `topology` message suggests.
    #[serde(default = "grid")]
    pub topology: Topology,
    /// How many clients a server has, each on a connection of its own. A client waits for an answer before it asks again.
    #[serde(default = "one")]
    pub clients: u32,
    /// Client operations per second, all clients together. None where there is `load`, and none in `conversations`.
    #[serde(default)]
    pub rate: f64,
    /// Whether one client speaks to a server byte by byte (see [`crate::conversation`]), each time when it was answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conversations: bool,
    /// Whether it is run with a build of the submission that watches itself: with a race detector, or with sanitizers of
    /// memory, one after the other. Where its language has none, the stage is left out, with its points.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sanitized: bool,
    /// As much as the server can take, in turns with the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// How long the clients work.
    pub duration: Span,
    /// How long the nodes may take afterwards until their final reads are right; the case ends as soon as they are.
    #[serde(default = "ten_seconds")]
    pub settle: Span,
    /// How long a client waits for a reply before its operation counts as unanswered.
    #[serde(default = "five_seconds")]
    pub timeout: Span,
    /// Period at which every node is read to see what it knows; such reads are no client operations.
    #[serde(default)]
    pub probe: Option<Span>,
    /// Delay of each message between nodes.
    #[serde(default)]
    pub latency: Latency,
    /// Share of messages between nodes that vanish.
    #[serde(default)]
    pub loss: f64,
    /// Share of messages between nodes that arrive twice.
    #[serde(default)]
    pub duplicate: f64,
    /// Share of messages between nodes that later ones overtake.
    #[serde(default)]
    pub reorder: f64,
    /// How many of this machine's processors each node may use; all of them when not given. On a single one, nothing
    /// that a program hands to another thread runs before its main thread waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    /// Kinds of faults that are played.
    #[serde(default)]
    pub faults: Vec<FaultKind>,
    /// How many cases are run, each with a seed of its own; every one must pass.
    #[serde(default = "one")]
    pub seeds: u32,
    /// What every case must satisfy.
    pub require: Vec<Requirement>,
    /// What is graded continuously once the requirements hold; without it the stage is worth all or nothing.
    #[serde(default)]
    pub grade: Vec<Grade>,
}

/// Load that is measured beside the reference (see [`crate::performance`]): a closed loop where there is a `depth`, an open
/// one where there is a `rate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Load {
    /// Requests in flight on each client's connection; how many are answered a second is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Requests a second, all clients together; how long they take is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The submission is measured beside itself and not beside the reference: on all `cores` of the stage, and on one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scaling: bool,
    /// Edges of the bands that are shown beside the ratio, ascending and each at least half as much again as the one
    /// before. They belong into the gaps between known solutions.
    #[serde(default)]
    pub bands: Vec<f64>,
}

impl Load {
    fn check(&self) -> Result<(), String> {
        let wide = |pair: &[f64]| pair[1] >= pair[0] * 1.5;
        match self {
            _ if self.depth.is_some() == self.rate.is_some() => Err("`load` has either a `depth` or a `rate`".into()),
            _ if self.scaling && self.depth.is_none() => Err("`scaling` is that of a `depth`".into()),
            _ if self.depth.is_some_and(|depth| depth == 0 || depth > 1_024) => {
                Err("`depth` must be between 1 and 1024".into())
            }
            _ if self.rate.is_some_and(|rate| !(100.0..=1e6).contains(&rate)) => {
                Err("the `rate` of `load` must be between 100 and 1000000".into())
            }
            _ if self.bands.iter().any(|edge| !(*edge > 0.0 && edge.is_finite())) => {
                Err("the edges of `bands` must be above 0".into())
            }
            _ if !self.bands.windows(2).all(wide) => {
                Err("each edge of `bands` must be at least 1.5 times the one before: no measurement tells less apart"
                    .into())
            }
            _ => Ok(()),
        }
    }
}

/// Delay of a link.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Latency {
    /// Mean delay of one hop.
    #[serde(default)]
    pub mean: Span,
    /// How single delays scatter around it.
    #[serde(default)]
    pub distribution: Distribution,
}

/// A metric that earns points continuously.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grade {
    /// Name of the metric.
    pub metric: String,
    /// Value that earns all of its points.
    pub full: Quantity,
    /// Value that earns none.
    pub zero: Quantity,
    /// Its share of the stage's points, relative to the others'.
    #[serde(default = "one_weight")]
    pub weight: f64,
}

/// A number, or a time that is compared in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity(pub f64);

impl Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuantityVisitor)
    }
}

struct QuantityVisitor;

impl<'de> serde::de::Visitor<'de> for QuantityVisitor {
    type Value = Quantity;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number, or a time such as \"600ms\"")
    }
    fn visit_i64<E>(self, value: i64) -> Result<Quantity, E> {
        Ok(Quantity(value as f64))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Quantity, E> {
        Ok(Quantity(value as f64))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Quantity, E> {
        Ok(Quantity(value))
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
        requirement::quantity(text).map(Quantity).map_err(E::custom)
    }
    // Numbers of a JSON document arrive as a map when they keep their digits.
    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Quantity, A::Error> {
        let number = serde_json::Number::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(Quantity(number.as_f64().unwrap_or(f64::NAN)))
    }
}

impl Manifest {
    /// Reads a manifest and checks it against the registries of checks and metrics.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|error| ManifestError::from_toml(&error, text))?;
        manifest.validate(text)?;
        Ok(manifest)
    }

    /// The stage with this id.
    pub fn stage(&self, id: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id)
    }

    /// Whether every stage's numbers are within their bounds.
    pub(crate) fn check_numbers(&self) -> Result<(), String> {
        let wrong = |stage: &Stage| stage.check_numbers().map_err(|why| format!("stage `{}`: {why}", stage.id));
        self.stages.iter().try_for_each(wrong)
    }

    fn validate(&self, text: &str) -> Result<(), ManifestError> {
        if self.stages.is_empty() {
            return Err(ManifestError::new("a challenge needs at least one [[stage]]"));
        }
        match (self.kind, self.protocol) {
            (ProgramKind::Server, None) => {
                return Err(ManifestError::near("a server needs a `protocol`", text, "kind"));
            }
            (ProgramKind::Node, Some(_)) => {
                return Err(ManifestError::near("only a server has a `protocol`", text, "protocol"));
            }
            _ => {}
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let at = |message: String, near: &str| Err(ManifestError::near(message, text, near));
            if self.stages[..index].iter().any(|earlier| earlier.id == stage.id) {
                return at(format!("two stages are called `{}`", stage.id), &format!("id = \"{}\"", stage.id));
            }
            if !is_name(&stage.id) {
                return at(format!("`{}` is no stage id: lower case letters, digits and dashes", stage.id), &stage.id);
            }
            if let Err(message) = stage.check_numbers() {
                return at(format!("stage `{}`: {message}", stage.id), &format!("id = \"{}\"", stage.id));
            }
            if let Err(error) = stage.fault_schedule(0) {
                return at(format!("stage `{}`: {error}", stage.id), "faults");
            }
            if let Some(message) = self.misdriven(stage) {
                return at(format!("stage `{}`: {message}", stage.id), &format!("id = \"{}\"", stage.id));
            }
            for requirement in &stage.require {
                requirement.validate(&stage.id, text)?;
            }
            for grade in &stage.grade {
                requirement::known_metric(&grade.metric, &stage.id, text)?;
            }
        }
        Ok(())
    }
}

impl Manifest {
    /// What a stage asks for that programs of this kind do not have.
    fn misdriven(&self, stage: &Stage) -> Option<&'static str> {
        match self.kind {
            ProgramKind::Server if stage.nodes != 1 => Some("a server is one node"),
            ProgramKind::Server if stage.probe.is_some() => Some("a server is not probed"),
            ProgramKind::Server if stage.load.is_some() && !stage.faults.is_empty() => {
                Some("a stage with `load` has no faults")
            }
            ProgramKind::Server if stage.conversations && !stage.faults.is_empty() => {
                Some("a stage of `conversations` has no faults")
            }
            ProgramKind::Node if stage.clients != 1 => Some("only a server has `clients`"),
            ProgramKind::Node if stage.load.is_some() => Some("only a server has `load`"),
            ProgramKind::Node if stage.conversations => Some("only a server has `conversations`"),
            ProgramKind::Node if stage.faults.contains(&FaultKind::Terminate) => Some("only a server is asked to end"),
            _ => None,
        }
    }
}

impl Stage {
    /// How long the clients work.
    pub fn duration(&self) -> Duration {
        self.duration.0
    }

    /// What its network does to messages.
    pub fn network(&self) -> Settings {
        let latency = crate::net::Latency { mean: self.latency.mean.0, distribution: self.latency.distribution };
        let link = Link { latency, loss: self.loss, duplicate: self.duplicate, reorder: self.reorder };
        Settings { link, ..Settings::default() }
    }

    /// The faults of the case with this seed, timed from the beginning of the work.
    pub fn fault_schedule(&self, seed: u64) -> Result<FaultSchedule, FaultError> {
        let neighbours = self.topology.neighbours(self.nodes, seed);
        let workers: Vec<NodeId> = (0..self.nodes).map(NodeId).collect();
        let plan = FaultPlan {
            kinds: self.faults.clone(),
            start: Offset::ZERO,
            end: Offset::from(self.duration()),
            rhythm: Rhythm::Every(FAULT_PERIOD),
        };
        plan.schedule(Terrain { neighbours: &neighbours, workers: &workers }, seed)
    }

    /// The values of a metric that its points or its requirements depend on.
    pub fn marks(&self, metric: &str) -> Vec<f64> {
        let grades = self.grade.iter().filter(|grade| grade.metric == metric);
        let bounds = self.require.iter().filter_map(|requirement| match requirement {
            Requirement::Bound { metric: bounded, value, .. } if bounded == metric => Some(*value),
            _ => None,
        });
        grades.flat_map(|grade| [grade.full.0, grade.zero.0]).chain(bounds).collect()
    }

    /// Whether it grades performance and so must have the machine to itself.
    pub fn is_timed(&self) -> bool {
        !self.grade.is_empty() || self.load.is_some()
    }

    fn check_numbers(&self) -> Result<(), String> {
        let shares = [("loss", self.loss), ("duplicate", self.duplicate), ("reorder", self.reorder)];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("`{name}` is a share between 0 and 1, not {share}"));
            }
        }
        match self {
            _ if self.nodes == 0 || self.nodes > 10_000 => Err("`nodes` must be between 1 and 10000".into()),
            _ if self.load.is_some() && self.rate != 0.0 => Err("a stage with `load` has no `rate`".into()),
            _ if self.conversations && (self.load.is_some() || self.rate != 0.0) => {
                Err("a stage of `conversations` has no `rate` and no `load`".into())
            }
            _ if !self.conversations && self.load.is_none() && !(self.rate > 0.0 && self.rate <= 1e6) => {
                Err("`rate` must be above 0 and at most 1000000".into())
            }
            _ if !(self.points >= 0.0 && self.points.is_finite()) => Err("`points` must not be negative".into()),
            _ if self.clients == 0 || self.clients > 10_000 => Err("`clients` must be between 1 and 10000".into()),
            _ if self.cores == Some(0) => Err("`cores` must be at least 1".into()),
            _ if self.load.as_ref().is_some_and(|load| load.scaling) && self.cores.unwrap_or(1) < 2 => {
                Err("`scaling` needs `cores` of at least 2".into())
            }
            _ if self.seeds == 0 => Err("`seeds` must be at least 1".into()),
            _ if self.require.is_empty() => Err("`require` must name at least one check".into()),
            _ => self.load.as_ref().map_or(Ok(()), Load::check),
        }
    }
}

/// Time from the beginning of one fault to that of the next, on average.
const FAULT_PERIOD: Duration = Duration::from_secs(3);

fn standard() -> String {
    "standard".into()
}
fn grid() -> Topology {
    Topology::Grid
}
fn ten_seconds() -> Span {
    Span(Duration::from_secs(10))
}
fn five_seconds() -> Span {
    Span(Duration::from_secs(5))
}
fn one() -> u32 {
    1
}
fn one_weight() -> f64 {
    1.0
}

#[cfg(test)]
mod tests;
