//! The samples and counts of one case that the metrics are computed from.

use crate::{
    calls::Call, checker::View, condition::growing::Growing, performance::Performance, statistics::Sorted, time::Offset,
};

/// Samples and counts of one case.
#[derive(Debug, Default)]
pub struct Observations {
    /// Milliseconds from request to reply of each answered client operation.
    pub latency: Sorted,
    /// Milliseconds from the acknowledgement of each value until no node's read misses it.
    pub propagation: Sorted,
    /// Messages that nodes sent to each other from the beginning of the work.
    pub messages: f64,
    /// Their bytes.
    pub bytes: f64,
    /// CPU time of all nodes, where it was measured.
    pub cpu_seconds: Option<f64>,
    /// Most memory of one node, where it was measured.
    pub peak_memory: Option<f64>,
    /// Throughput, as a multiple of the reference's in the same case.
    pub throughput_ratio: Option<f64>,
    /// Throughput on several processors, as a multiple of that on one.
    pub speedup: Option<f64>,
    /// Time within which 99 % are answered at a fixed rate, as a multiple of the reference's.
    pub latency_ratio: Option<f64>,
    /// CPU time for each operation, as a multiple of the reference's in the same case.
    pub cpu_ratio: Option<f64>,
    /// Memory of the program itself, as a multiple of the reference's in the same case.
    pub memory_ratio: Option<f64>,
    /// Client operations.
    operations: usize,
    /// Client operations whose node was up, and how many of them were answered.
    reachable: usize,
    answered_reachable: usize,
    seconds: f64,
}

impl Observations {
    /// Reads them off a case.
    pub fn of(view: &View<'_>) -> Self {
        let case = view.case;
        let work: Vec<&Call> = view.work().collect();
        let latency = work.iter().filter(|op| op.is_ok()).filter_map(|op| Some(millis(op.invoked, op.returned?)));
        let reachable: Vec<&Call> = view.reachable().collect();
        let began = case.summary.work_began;
        let sent = case.journal.entries.iter().filter(|entry| !entry.copy && entry.sent >= began);
        let (messages, bytes) =
            sent.fold((0.0, 0.0), |(count, bytes), entry| (count + 1.0, bytes + entry.bytes as f64));
        let usage = &case.summary.usage;
        // What was measured beside the reference, where something follows from it.
        let conclusive = case.summary.performance.as_ref().filter(|_| view.doubt().is_none());
        let peak = usage.iter().map(|node| node.peak_memory).max().filter(|bytes| *bytes > 0);
        Self {
            latency: Sorted::new(latency.collect()),
            propagation: view.set().map(|view| propagation(&view.set, case.summary.ended_at)).unwrap_or_default(),
            messages,
            bytes,
            cpu_seconds: (!usage.is_empty()).then(|| usage.iter().map(|node| node.cpu_seconds).sum()),
            peak_memory: peak.map(|bytes| bytes as f64),
            latency_ratio: conclusive.and_then(Performance::tail).map(|ratio| ratio.value),
            speedup: conclusive.and_then(Performance::speedup).map(|ratio| ratio.value),
            throughput_ratio: conclusive.and_then(Performance::throughput).map(|ratio| ratio.value),
            cpu_ratio: conclusive.and_then(Performance::cpu_per_operation),
            memory_ratio: case.summary.performance.as_ref().and_then(Performance::memory),
            operations: work.len(),
            reachable: reachable.len(),
            answered_reachable: reachable.iter().filter(|op| op.is_ok()).count(),
            seconds: case.summary.work_ended.since(began).as_secs_f64(),
        }
    }

    /// Share of the reachable operations that were answered; none without any.
    pub fn availability(&self) -> Option<f64> {
        (self.reachable > 0).then(|| self.answered_reachable as f64 / self.reachable as f64)
    }

    /// A count divided by the number of client operations.
    pub fn per_operation(&self, count: f64) -> Option<f64> {
        (self.operations > 0).then(|| count / self.operations as f64)
    }

    /// Answered operations a second; none without any operation.
    pub fn operations_per_second(&self) -> Option<f64> {
        (self.seconds > 0.0 && self.operations > 0).then(|| self.latency.len() as f64 / self.seconds)
    }
}

fn millis(from: Offset, to: Offset) -> f64 {
    to.since(from).as_secs_f64() * 1e3
}

/// For each acknowledged value the time until the last read of any node that missed it was asked.
///
/// That is a lower bound, so the period of the reads never costs a submission anything. A value that was still missing
/// in a node's last read counts until the end of the case.
fn propagation(set: &Growing, ended: Offset) -> Sorted {
    let until = missing_until(set, ended);
    let acknowledged = set.adds.iter().filter(|add| add.is_acknowledged());
    let times = acknowledged.map(|add| millis(Offset(add.ret), until[add.value as usize]));
    Sorted::new(times.collect())
}

/// For each value when the last read of any node that missed it was asked; the end of the case for one that is missing
/// in a node's last read, and the beginning for one that no read missed.
pub(super) fn missing_until(set: &Growing, ended: Offset) -> Vec<Offset> {
    let mut missing_until = vec![Offset::ZERO; set.values];
    let mut last_read = std::collections::HashMap::new();
    let mut held = vec![usize::MAX; set.values];
    for (index, read) in set.reads.iter().enumerate() {
        for value in &read.values {
            held[*value as usize] = index;
        }
        last_read.insert(read.source, index);
        for (value, until) in missing_until.iter_mut().enumerate() {
            if held[value] != index {
                *until = (*until).max(Offset(read.call));
            }
        }
    }
    for index in last_read.into_values() {
        let held: std::collections::HashSet<u32> = set.reads[index].values.iter().copied().collect();
        for add in set.adds.iter().filter(|add| !held.contains(&add.value)) {
            missing_until[add.value as usize] = ended;
        }
    }
    missing_until
}
