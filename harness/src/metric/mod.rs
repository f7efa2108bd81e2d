//! The registry of metrics: each is one number of one case, or none where the case says nothing about it.

mod observations;
mod shown;

pub use observations::Observations;

use crate::{checker::View, verdict::Evidence};
use shown::Shown;

/// A metric.
pub struct Metric {
    /// Its name in a manifest.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// Its unit: `ms`, `bytes`, `s`, `1` …
    pub unit: &'static str,
    /// Its value for a case.
    pub measure: fn(&Observations) -> Option<f64>,
    /// The part of the record that shows why it is what it is.
    shown: Shown,
}

impl Metric {
    /// The metric's value for a case.
    pub fn of(&self, view: &View<'_>) -> Option<f64> {
        (self.measure)(view.observations())
    }

    /// The part of a case's record that shows why the metric is what it is there.
    pub fn evidence(&self, view: &View<'_>) -> Evidence {
        self.shown.evidence(view)
    }

    /// Whether it is a length of time on the wall clock, which a busy machine makes longer.
    pub fn is_time(&self) -> bool {
        self.unit == TIME
    }
}

/// The unit of lengths of time on the wall clock.
pub const TIME: &str = "ms";

macro_rules! metrics {
    ($($name:literal, $unit:literal, $shown:ident, $about:literal, $measure:expr;)*) => {
        /// All metrics.
        pub const REGISTRY: &[Metric] =
            &[$(Metric { name: $name, unit: $unit, about: $about, measure: $measure, shown: Shown::$shown }),*];
    };
}

metrics! {
    "availability", "1", Unanswered, "share of client operations that were answered without an error, of those whose node was up", |o| o.availability();
    "operations-per-second", "1/s", Slowest, "answered client operations a second", |o| o.operations_per_second();
    "latency-p50", "ms", Slowest, "median time from request to reply", |o| o.latency.quantile(0.5);
    "latency-p99", "ms", Slowest, "time from request to reply that 99 % stay within", |o| o.latency.quantile(0.99);
    "latency-max", "ms", Slowest, "longest time from request to reply", |o| o.latency.quantile(1.0);
    "messages-per-operation", "1", Traffic, "messages between nodes for each client operation", |o| o.per_operation(o.messages);
    "bytes-per-operation", "bytes", Traffic, "bytes between nodes for each client operation", |o| o.per_operation(o.bytes);
    "propagation-p50", "ms", Propagation, "time from acknowledgement until no node's read misses the value, median", |o| o.propagation.quantile(0.5);
    "propagation-p99", "ms", Propagation, "time from acknowledgement until no node's read misses the value, 99 %", |o| o.propagation.quantile(0.99);
    "propagation-max", "ms", Propagation, "time from acknowledgement until no node's read misses the value, longest", |o| o.propagation.quantile(1.0);
    "cpu-seconds", "s", Usage, "CPU time of all nodes together", |o| o.cpu_seconds;
    "peak-memory", "bytes", Usage, "most memory of one node", |o| o.peak_memory;
    "throughput-ratio", "1", Slices, "requests answered a second, as a multiple of the reference's beside it", |o| o.throughput_ratio;
    "speedup", "1", Slices, "requests answered a second on all processors of the stage, as a multiple of those on one", |o| o.speedup;
    "latency-ratio", "1", Slices, "time within which 99 % of the requests at a fixed rate are answered, as a multiple of the reference's beside it", |o| o.latency_ratio;
    "cpu-ratio", "1", Slices, "CPU time for each request, as a multiple of the reference's beside it", |o| o.cpu_ratio;
    "memory-ratio", "1", Slices, "memory of the program itself under load, without its files, as a multiple of the reference's beside it", |o| o.memory_ratio;
}

/// The metric with this name.
pub fn find(name: &str) -> Option<&'static Metric> {
    REGISTRY.iter().find(|metric| metric.name == name)
}
