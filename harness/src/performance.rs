//! How fast a server is beside the reference, from short slices of load that alternate between them on the same machine.
//!
//! A machine's own speed changes from minute to minute, and with it every absolute figure; what two servers do within the
//! same tenth of a second hardly does. So there are blocks: in each, the submission, the reference and the reference once
//! more (the control) are given load for a few milliseconds, in a random order, and then again in the opposite order
//! ("duet" measurement, Bulej et al., ICPE 2020; randomised interleaved trials, Abedi & Brecht, ICPE 2017). A block gives
//! one ratio. The figure is the median of them; its interval is a percentile bootstrap, stratified by round, since all of
//! a round's blocks share its processes. How far the control is from the reference says what this machine can tell apart.
//!
//! Of a closed loop the throughput is compared; of an open loop, whose throughput is given, the time within which 99 % of
//! what was due in a slice was answered. CPU time for each request and the memory of the
//! processes are compared as well; both hardly depend on what else the machine does.
//!
//! How a server scales is measured in the same way, beside itself: what is said of the submission is it on several
//! processors, and what is said of the reference and the control is it on one of them and on another.

use crate::{
    net::random::{Purpose, Stream},
    statistics::Sorted,
    units::Bytes,
};
use serde::{Deserialize, Serialize};

/// Whose slice it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The submission.
    Submission,
    /// The reference.
    Reference,
    /// The reference once more, in a process of its own.
    Control,
}

impl Side {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Submission, Self::Reference, Self::Control];
}

/// A few milliseconds of load on one server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// In each round all servers are started anew.
    pub round: u32,
    /// Its block within the run.
    pub block: u32,
    /// Whose it is.
    pub side: Side,
    /// Requests that were answered in it, rightly.
    pub operations: u64,
    /// How long it was.
    pub nanoseconds: u64,
    /// How long of that the load waited for its processor, which something else was using.
    #[serde(default)]
    pub delayed: u64,
    /// CPU time that all threads of the load took of it, in a closed loop.
    #[serde(default)]
    pub busy: u64,
    /// Of an open loop: within how many nanoseconds from when they were due 99 % of the requests were answered; otherwise 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tail: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How long one side's requests took in all slices together, in nanoseconds from when they were due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of them took no longer.
    pub p50: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// The slowest.
    pub max: u64,
    /// How late 99 % of them were sent at most, which is the load's own fault.
    pub late: u64,
}

/// What one side used over all its rounds: warm-up included, but neither its start nor what it was given to keep before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// Requests that were answered.
    pub operations: u64,
    /// CPU time in seconds.
    pub cpu_seconds: f64,
    /// Most memory, in bytes; what a data folder in memory holds is among it.
    pub peak_memory: u64,
    /// Memory of its own processes at the end of a round, in bytes: the least of all rounds. Without files, and without
    /// the program's own text. 0 where that cannot be told.
    #[serde(default)]
    pub memory: u64,
}

/// What other programs used of the processors that are measured on, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// Time that they used.
    pub used: u64,
    /// Of so much, on all of the processors together; 0 where it was not looked at.
    pub of: u64,
}

impl Others {
    fn is_unknown(&self) -> bool {
        self.of == 0
    }

    /// The share that they used, 0 to 1.
    pub fn share(&self) -> f64 {
        if self.is_unknown() { 0.0 } else { (self.used as f64 / self.of as f64).min(1.0) }
    }
}

/// What was measured in one case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// The slices, in the order in which they were taken.
    pub slices: Vec<Slice>,
    /// What each side used, in the order of [`Side::ALL`].
    pub used: [Used; 3],
    /// Which of the machine's processors the servers were kept to, and which the load came from.
    pub processors: [Vec<u32>; 2],
    /// How many threads the load came from, for each side as many; 0 stands for one.
    #[serde(default)]
    pub threads: u32,
    /// Whether all sides are the submission: on all of those processors, on the first of them, and on the last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scaling: bool,
    /// Where all sides are the submission: what other programs used of those processors while no server ran.
    #[serde(default, skip_serializing_if = "Others::is_unknown")]
    pub others: Others,
    /// Of an open loop: how long each side's requests took, in the order of [`Side::ALL`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<Latency>,
}

/// A ratio with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Median over the blocks.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How many blocks there were.
    pub blocks: usize,
}

/// Rounds that there are at least: what one start of a process happens to be like is no property of a program.
pub const LEAST_ROUNDS: u32 = 3;
/// Blocks below which no interval is believed.
const LEAST_BLOCKS: usize = 12;
/// Half width of an interval, relative to the ratio, that is narrow enough to stop at.
const NARROW: f64 = 0.03;
/// Half width above which nothing is concluded.
const WIDE: f64 = 0.10;
/// How far from 1 the whole interval of the control may be before the machine counts as too noisy.
const NOISY: f64 = 0.10;
/// By how much all three are wider where times are compared: the slowest of few requests scatter more than their number.
const TIMES: f64 = 5.0;
/// Share of a slice that the load may have waited for its processor. Beyond that it, and not the server, may have been what
/// was slow, and faster and slower servers look the same.
const DELAYED: f64 = 0.05;
/// The same where a server is compared with itself: the marks are near to each other, and all of them to 1.
const SCALED: f64 = 0.8;
/// Share of its processors that others may use where a server is compared with itself. On one processor it has to share that;
/// of several, each thread has the one that is free, so that even one thread seems to be faster on two.
const SHARED: f64 = 0.05;
/// How far above a mark that has to be which a server could reach at most: none reaches all of it.
const REACHED: f64 = 1.1;
/// What is said where nothing can be concluded for this reason.
const NOISE: &str = "this machine is too noisy to tell";
/// Resamplings of the bootstrap.
const RESAMPLED: usize = 400;

impl Estimate {
    /// Half the width of the interval, relative to the value.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0 / self.value.max(f64::MIN_POSITIVE)
    }
}

impl Performance {
    /// Throughput of the submission, as a multiple of the reference's; none of an open loop.
    pub fn throughput(&self) -> Option<Estimate> {
        self.found().filter(|_| !self.is_open() && !self.scaling)
    }

    /// Throughput of the submission on several processors, as a multiple of that on one.
    pub fn speedup(&self) -> Option<Estimate> {
        self.found().filter(|_| self.scaling)
    }

    /// Time within which 99 % are answered, as a multiple of the reference's; none of a closed loop.
    pub fn tail(&self) -> Option<Estimate> {
        self.found().filter(|_| self.is_open())
    }

    /// Whether the load was an open loop.
    pub fn is_open(&self) -> bool {
        self.slices.iter().any(|slice| slice.tail > 0)
    }

    /// What is compared, of the submission, as a multiple of the reference's.
    fn found(&self) -> Option<Estimate> {
        let beside = self.ratios(Side::Submission, Side::Reference);
        if !self.scaling {
            return estimate(&beside);
        }
        // As a multiple of the mean of both processors: one of them may have less time than the other.
        let another = self.ratios(Side::Submission, Side::Control);
        let both = beside.iter().zip(&another);
        estimate(&both.map(|((round, one), (_, other))| (*round, 2.0 / (1.0 / one + 1.0 / other))).collect::<Vec<_>>())
    }

    /// The same of the reference, as a multiple of its own.
    pub fn control(&self) -> Option<Estimate> {
        estimate(&self.ratios(Side::Control, Side::Reference))
    }

    /// Whether the load has processors of its own; no processor of the servers named stands for all.
    pub fn is_apart(&self) -> bool {
        let [servers, load] = &self.processors;
        !servers.is_empty() && servers.iter().all(|processor| !load.contains(processor))
    }

    /// How much wider intervals may be.
    fn leeway(&self) -> f64 {
        match self.is_open() {
            true => TIMES,
            false if self.scaling => SCALED,
            false => 1.0,
        }
    }

    /// The ratios of one side's throughput, or time, to the other's, one a block and in order, each with its round; without
    /// the blocks in which the load was delayed.
    pub fn ratios(&self, side: Side, other: Side) -> Vec<(u32, f64)> {
        // Where they share processors the load always waits for the servers.
        let apart = self.is_apart();
        let delayed = |slice: &Slice| apart && slice.delayed as f64 > DELAYED * slice.nanoseconds as f64;
        let blocks = self.slices.chunk_by(|one, next| one.block == next.block);
        let blocks = blocks.filter(|block| !block.iter().any(delayed));
        let measure = if self.is_open() { tail } else { rate };
        let ratio = |block: &[Slice]| Some((block.first()?.round, measure(block, side)? / measure(block, other)?));
        blocks.filter_map(ratio).filter(|(_, ratio)| ratio.is_finite() && *ratio > 0.0).collect()
    }

    /// How many times as fast as on one processor the submission could be at most, by what its requests cost itself and the
    /// load. Whoever asks takes processors too, and where there are no others, from the server.
    pub fn most_speedup(&self) -> Option<f64> {
        let one = self.slices.iter().filter(|slice| self.scaling && slice.side == Side::Reference);
        let [operations, time, busy] = one.fold([0.0; 3], |[operations, time, busy], slice| {
            [operations + slice.operations as f64, time + slice.nanoseconds as f64, busy + slice.busy as f64]
        });
        let used = self.used[Side::Reference as usize];
        let (server, load) = (used.cpu_seconds * 1e9 / used.operations as f64, busy / operations);
        let processors = self.processors[0].len() as f64;
        let together = if self.is_apart() { server } else { server + load };
        let most = (processors / together).min(f64::from(self.threads.max(1)) / load) / (operations / time);
        most.is_finite().then_some(most)
    }

    /// CPU time for each request, as a multiple of the reference's.
    pub fn cpu_per_operation(&self) -> Option<f64> {
        let [submission, reference, control] = self.used;
        let cost = |cpu: f64, operations: u64| (cpu > 0.0 && operations > 0).then(|| cpu / operations as f64);
        let both = cost(reference.cpu_seconds + control.cpu_seconds, reference.operations + control.operations)?;
        cost(submission.cpu_seconds, submission.operations).filter(|_| !self.scaling).map(|own| own / both)
    }

    /// Memory of its own processes, as a multiple of the reference's.
    pub fn memory(&self) -> Option<f64> {
        let [submission, reference, control] = self.used.map(|used| used.memory as f64);
        (!self.scaling && submission > 0.0 && reference > 0.0 && control > 0.0)
            .then(|| submission / ((reference + control) / 2.0))
    }

    /// Requests that the submission has answered.
    pub fn operations(&self) -> u64 {
        self.used[Side::Submission as usize].operations
    }

    /// Whether nothing more has to be measured: there are rounds enough and both intervals are narrow.
    pub fn is_enough(&self) -> bool {
        let rounds = self.slices.last().map_or(0, |slice| slice.round + 1);
        let narrow = |estimate: Option<Estimate>| {
            estimate.is_some_and(|found| found.blocks >= LEAST_BLOCKS && found.half_width() < NARROW * self.leeway())
        };
        rounds >= LEAST_ROUNDS && narrow(self.found()) && narrow(self.control())
    }

    /// The metric of the case's stage that is found from it.
    pub fn metric(&self) -> &'static str {
        match self.is_open() {
            true => "latency-ratio",
            false if self.scaling => "speedup",
            false => "throughput-ratio",
        }
    }

    /// What a side is called.
    pub fn name(&self, side: Side) -> &'static str {
        match side {
            Side::Submission if self.scaling => "on several",
            Side::Reference if self.scaling => "on one",
            Side::Control if self.scaling => "on another",
            Side::Submission => "submission",
            Side::Reference => "reference",
            Side::Control => "control",
        }
    }

    /// Why nothing may be concluded, where that is so. `marks` are the values of the ratio that something depends on: one
    /// that is beyond all of them, even if it is as wrong as the reference beside itself, is concluded from all the same.
    pub fn doubt(&self, marks: &[f64]) -> Option<String> {
        let (Some(found), Some(control)) = (self.found(), self.control()) else {
            return Some("nothing could be measured undisturbed".into());
        };
        if found.blocks < LEAST_BLOCKS {
            let all = self.slices.chunk_by(|one, next| one.block == next.block).count();
            return Some(format!(
                "this machine is too busy to tell: of {all} blocks {} were measured undisturbed, and {LEAST_BLOCKS} are needed",
                found.blocks
            ));
        }
        if let Some(most) = self.most_speedup().filter(|most| marks.iter().any(|mark| *most < mark * REACHED)) {
            return Some(format!(
                "this machine has too little for a server as fast as this and for its clients: on {} processors it could \
                 be {} times as fast as on one at most",
                self.processors[0].len(),
                number(most)
            ));
        }
        if self.scaling && self.others.is_unknown() {
            return Some("this machine does not tell what others use of its processors".into());
        }
        if let Some(share) = self.crowded(&found, marks) {
            return Some(format!(
                "this machine is too busy to tell: others use {:.0} % of its processors",
                share * 100.0
            ));
        }
        if is_beyond(&found, &control, marks) {
            return None;
        }
        let noise = (1.0 - control.low).abs().max((control.high - 1.0).abs());
        if noise > NOISY * self.leeway() {
            let [low, high] = [control.low, control.high].map(number);
            return Some(match self.is_open() {
                true => format!("{NOISE}: the reference is {low} to {high} times as slow as itself"),
                false if self.scaling => {
                    format!("{NOISE}: on one processor it is {low} to {high} times as fast as on another")
                }
                false => format!("{NOISE}: the reference is {low} to {high} times as fast as itself"),
            });
        }
        if found.half_width() > WIDE * self.leeway() {
            let [low, high] = [found.low, found.high].map(number);
            let other = if self.scaling { "as fast as on one processor" } else { "the reference" };
            return Some(format!("{NOISE}: between {low} and {high} times {other}"));
        }
        None
    }

    /// The share that others used, where that could be what a server seems to gain by more processors.
    fn crowded(&self, found: &Estimate, marks: &[f64]) -> Option<f64> {
        let share = self.others.share();
        let gains = found.low * (1.0 - share);
        let below = marks.iter().all(|mark| found.high < *mark);
        let above = marks.iter().all(|mark| gains > *mark);
        (share > SHARED && (marks.is_empty() || !(below || above))).then_some(share)
    }

    /// What was found, in one line; `edges` are those of the bands, ascending.
    pub fn sentence(&self, edges: &[f64]) -> Option<String> {
        let (found, control) = (self.found()?, self.control()?);
        let rounds = self.slices.last().map_or(0, |slice| slice.round + 1);
        let what = match self.is_open() {
            true => "the reference's time for 99 % of the requests".to_owned(),
            false if self.scaling => format!("as fast on {} processors as on one", self.processors[0].len()),
            false => "the reference's throughput".to_owned(),
        };
        let mut sentence = format!(
            "{} times {what} (95 % interval {} to {}, {} blocks in {rounds} rounds; {}: {} to {})",
            number(found.value),
            number(found.low),
            number(found.high),
            found.blocks,
            if self.scaling { "on another one" } else { "the reference beside itself" },
            number(control.low),
            number(control.high),
        );
        if let Some(most) = self.most_speedup() {
            sentence += &format!("; at most {} beside its clients on this machine", number(most));
        }
        if !edges.is_empty() {
            let Band { place, borderline } = band(&found, edges, self.is_open());
            let from = place.checked_sub(1).map_or(0.0, |below| edges[below]);
            let to = edges.get(place).map_or("above".to_owned(), |edge| number(*edge));
            sentence += &format!("; band {} of {}, {} to {to}", place + 1, edges.len() + 1, number(from));
            sentence += if borderline { ", borderline" } else { "" };
        }
        if let [own, reference, ..] = self.latency[..] {
            let ms = |time: u64| format!("{:.3}", time as f64 / 1e6);
            let all = |side: Latency| [side.p50, side.p99, side.p999, side.max].map(ms).join(" / ");
            sentence += &format!(
                "; p50 / p99 / p99.9 / max {} ms, the reference {} ms; 99 % sent at most {} ms late",
                all(own),
                all(reference),
                ms(own.late),
            );
        }
        let [own, reference, _] = self.used.map(|used| used.memory);
        if own > 0 && reference > 0 && !self.scaling {
            sentence += &format!("; {} of memory, the reference {}", Bytes(own), Bytes(reference));
        }
        Some(sentence)
    }
}

/// Whether a ratio is below all marks, or above all of them, also when both of its ends are as wrong as the reference's are
/// beside itself.
fn is_beyond(found: &Estimate, control: &Estimate, marks: &[f64]) -> bool {
    let wrong = control.high.max(1.0 / control.low).max(1.0);
    let below = marks.iter().all(|mark| found.high * wrong < *mark);
    let above = marks.iter().all(|mark| found.low / wrong > *mark);
    !marks.is_empty() && (below || above)
}

/// Where a ratio stands among bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// How many edges are below it.
    pub place: usize,
    /// Whether its interval holds an edge; then it is the better of the two.
    pub borderline: bool,
}

/// The band of a ratio. One whose interval straddles an edge is given the better side: of throughputs the higher one, of
/// times the lower.
pub fn band(ratio: &Estimate, edges: &[f64], of_times: bool) -> Band {
    let below = |value: f64| edges.iter().filter(|edge| **edge <= value).count();
    let better = if of_times { ratio.low } else { ratio.high };
    Band { place: below(better), borderline: below(ratio.low) != below(ratio.high) }
}

/// Requests a second of one side in a block.
fn rate(block: &[Slice], side: Side) -> Option<f64> {
    let mine = block.iter().filter(|slice| slice.side == side);
    let (operations, nanoseconds) =
        mine.fold((0, 0), |(ops, time), slice| (ops + slice.operations, time + slice.nanoseconds));
    (nanoseconds > 0).then(|| operations as f64 / nanoseconds as f64 * 1e9)
}

/// The time within which 99 % of one side's requests were answered: the geometric mean over its slices of a block, in which
/// one that something else has disturbed counts least.
fn tail(block: &[Slice], side: Side) -> Option<f64> {
    let mine = block.iter().filter(|slice| slice.side == side && slice.tail > 0);
    let (sum, count) = mine.fold((0.0, 0.0), |(sum, count), slice| (sum + (slice.tail as f64).ln(), count + 1.0));
    (count > 0.0).then(|| (sum / count).exp())
}

/// The median of ratios, and its bootstrap interval: each round's are drawn again from that round's.
fn estimate(ratios: &[(u32, f64)]) -> Option<Estimate> {
    let value = Sorted::new(ratios.iter().map(|(_, ratio)| *ratio).collect()).quantile(0.5)?;
    // The same record gives the same interval.
    let mut random = Stream::new(0, Purpose::Bootstrap, [0, 0]);
    let mut draw = || {
        let drawn = ratios.chunk_by(|one, next| one.0 == next.0).flat_map(|round| {
            let picked: Vec<f64> = round.iter().map(|_| round[random.index(round.len())].1).collect();
            picked
        });
        Sorted::new(drawn.collect()).quantile(0.5).unwrap_or(value)
    };
    let medians = Sorted::new((0..RESAMPLED).map(|_| draw()).collect());
    let [low, high] = [0.025, 0.975].map(|q| medians.quantile(q).unwrap_or(value));
    Some(Estimate { value, low: low.min(value), high: high.max(value), blocks: ratios.len() })
}

fn number(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

#[cfg(test)]
mod tests;
