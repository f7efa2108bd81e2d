//! Drawing the faults of a case from its seed, so that they bite.
//!
//! A fault that strikes an idle system, cuts links nobody uses or lasts a moment tests nothing, and a faulty submission
//! passes by luck. So every schedule promises, for every seed:
//!
//! - the first tenth of the work is undisturbed, the last 15 % too: there is something to lose before the first fault
//!   and time to repair after the last;
//! - during at least 40 % of the work something is wrong, one fault at a time, with a pause after each to recover in;
//!   only quick restarts are over at once, because that is what they are about;
//! - every kind that was asked for comes in every case;
//! - the first partition of a case leaves no way around it, not even for who tells everybody at once;
//! - a partition cuts an edge of the topology and parts two nodes that both get work;
//! - successive partitions have different shapes, drawn from all that fit;
//! - nodes are killed and paused in turn, a minority at a time and never all that get work, if there are two;
//! - a node that is restarted quickly begins three lives within a second, and works in each;
//! - everything is put right in the end.

use super::{
    Fault, FaultAction, FaultSchedule, NodeId, Partition, Shape, Ways,
    random::{Purpose, Stream},
    topology::connected,
};
use crate::time::Offset;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A kind of fault, as a manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Links cut both ways, in one of [`Shape::PARTIAL`].
    Partition,
    /// The same shapes, with messages passing in one direction.
    OneWayPartition,
    /// Every node alone.
    TotalPartition,
    /// Some nodes killed and restarted. Of a single node, that one.
    Kill,
    /// Some nodes killed and started again a few milliseconds later, three times within a second: whoever tells their
    /// lives apart by a clock of seconds does not.
    QuickRestart,
    /// A server asked to end (SIGTERM), which it has to do, and started again.
    Terminate,
    /// Every node killed at the same moment, as if the power went.
    TotalKill,
    /// Some nodes stopped and let go on.
    Pause,
}

impl FaultKind {
    /// Whether it is about links and not about nodes.
    fn cuts_links(self) -> bool {
        matches!(self, Self::Partition | Self::OneWayPartition | Self::TotalPartition)
    }
}

/// How often faults come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// So many times.
    Times(u32),
    /// One after another, the beginnings so far apart on average.
    Every(Duration),
}

/// What a case asks for. Either rhythm is quickened, if need be, until every kind comes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultPlan {
    /// The kinds, taken in turn in a drawn order; one that stands here twice comes twice as often.
    pub kinds: Vec<FaultKind>,
    /// When clients begin to work.
    pub start: Offset,
    /// When clients stop working.
    pub end: Offset,
    /// How often.
    pub rhythm: Rhythm,
}

/// What there is to break.
#[derive(Debug, Clone, Copy)]
pub struct Terrain<'a> {
    /// The topology of the case, as [`super::Topology::neighbours`] gives it: connected.
    pub neighbours: &'a [Vec<u32>],
    /// The nodes that clients talk to.
    pub workers: &'a [NodeId],
}

/// Why there can be no schedule; all of these are mistakes in the challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// A partition of fewer than two nodes.
    #[error("one node cannot be partitioned")]
    OneNode,
    /// A worker that is not in the topology, or no worker.
    #[error("no node gets work, or one that does not exist")]
    NoWork,
    /// A topology in pieces: cutting it may cut nothing.
    #[error("the topology is not connected")]
    Disconnected,
    /// Faults of less than a millisecond.
    #[error("the work is too short for {0} faults: each would last less than a millisecond")]
    TooShort(u64),
}

impl FaultPlan {
    /// The faults of the case with this seed. No kinds, no faults.
    ///
    /// # Errors
    ///
    /// When the kinds do not fit the terrain, or the faults not into the time.
    pub fn schedule(&self, terrain: Terrain<'_>, seed: u64) -> Result<FaultSchedule, FaultError> {
        if self.kinds.is_empty() {
            return Ok(FaultSchedule::default());
        }
        if terrain.neighbours.len() < 2 && self.kinds.iter().any(|kind| kind.cuts_links()) {
            return Err(FaultError::OneNode);
        }
        if terrain.workers.is_empty() || terrain.workers.iter().any(|node| node.index() >= terrain.neighbours.len()) {
            return Err(FaultError::NoWork);
        }
        if !connected(terrain.neighbours) {
            return Err(FaultError::Disconnected);
        }
        Ok(Author::new(terrain, &self.kinds, seed).write(&self.slots()?))
    }

    /// Equal shares of the time for faults, one for each.
    fn slots(&self) -> Result<Vec<Slot>, FaultError> {
        let work = self.end.0.saturating_sub(self.start.0);
        let (lead, tail) = (work / 10, work / 20 * 3);
        let usable = work - lead - tail;
        let asked = match self.rhythm {
            Rhythm::Times(times) => u64::from(times),
            Rhythm::Every(period) => usable / Offset::from(period).0.max(1),
        };
        let times = asked.max(self.kinds.len() as u64);
        let length = usable / times;
        if length < 1_000_000 {
            return Err(FaultError::TooShort(times));
        }
        Ok((0..times).map(|slot| Slot { start: self.start.0 + lead + slot * length, length }).collect())
    }
}

/// How often a node is restarted quickly in a row.
const QUICK_RESTARTS: u64 = 3;
/// From one quick restart to the next, in nanoseconds: three fall into one second, and a life is long enough to work in.
const QUICK_RESTART_PERIOD: u64 = 350_000_000;

/// The share of one fault, in nanoseconds since the start of the case.
#[derive(Debug, Clone, Copy)]
struct Slot {
    start: u64,
    length: u64,
}

impl Slot {
    /// When the fault begins and ends: 60 to 80 % of the slot, and at least 5 % of it left afterwards.
    fn window(self, stream: &mut Stream) -> (Offset, Offset) {
        let length = self.length / 1_000 * (600 + stream.below(201));
        let start = self.start + stream.below(self.length / 20 * 19 - length);
        (Offset(start), Offset(start + length))
    }
}

/// Writes a schedule; holds what has been used up, so that nothing comes twice before everything came once.
struct Author<'a> {
    terrain: Terrain<'a>,
    stream: Stream,
    kinds: Deck<FaultKind>,
    two_way: Deck<Shape>,
    one_way: Deck<Shape>,
    /// The nodes that get work, and how often each was struck.
    victims: Vec<(u32, NodeId)>,
    /// Whether some partition has left no way around.
    separated: bool,
    actions: Vec<FaultAction>,
}

impl<'a> Author<'a> {
    fn new(terrain: Terrain<'a>, kinds: &[FaultKind], seed: u64) -> Self {
        let nodes = terrain.neighbours.len() as u32;
        let shapes: Vec<_> = Shape::PARTIAL.into_iter().filter(|shape| shape.fits(nodes)).collect();
        Self {
            terrain,
            stream: Stream::new(seed, Purpose::Faults, [nodes, kinds.len() as u32]),
            kinds: Deck::new(kinds),
            two_way: Deck::new(&shapes),
            one_way: Deck::new(&shapes),
            victims: terrain.workers.iter().map(|node| (0, *node)).collect(),
            separated: false,
            actions: Vec::new(),
        }
    }

    fn write(mut self, slots: &[Slot]) -> FaultSchedule {
        for slot in slots {
            let Some(kind) = self.kinds.draw(&mut self.stream) else { continue };
            let window = slot.window(&mut self.stream);
            match kind {
                FaultKind::Partition => self.partition(window, Ways::Both),
                FaultKind::OneWayPartition => {
                    let ways = if self.stream.below(2) == 0 { Ways::Outward } else { Ways::Inward };
                    self.partition(window, ways);
                }
                FaultKind::TotalPartition => {
                    let total = Partition::new(Shape::Total, Ways::Both, &self.nodes());
                    self.add(window, Fault::Partition(total), Fault::Heal);
                }
                FaultKind::Kill => self.strike(window, Fault::Kill, Fault::Restart),
                FaultKind::Terminate => self.strike(window, Fault::Terminate, Fault::Restart),
                FaultKind::Pause => self.strike(window, Fault::Pause, Fault::Resume),
                FaultKind::QuickRestart => self.restart_quickly(window),
                FaultKind::TotalKill => {
                    let nodes = self.nodes().into_iter().map(NodeId);
                    nodes.for_each(|node| self.add(window, Fault::Kill(node), Fault::Restart(node)));
                }
            }
        }
        self.actions.sort_by_key(|action| action.at);
        FaultSchedule { actions: self.actions }
    }

    /// Cuts links for a while.
    fn partition(&mut self, window: (Offset, Offset), ways: Ways) {
        let deck = if ways == Ways::Both { &mut self.two_way } else { &mut self.one_way };
        // Who tells everybody at once gets around a bridge: the first partition of a case leaves no way around.
        let any_will_do = self.separated;
        let shape = deck.draw_first(&mut self.stream, |shape| any_will_do || shape.separates());
        let Some(shape) = shape else { return };
        self.separated = true;
        let mut order = self.nodes();
        for _ in 0..100 {
            self.stream.shuffle(&mut order);
            let partition = Partition::new(shape, ways, &order);
            if self.bites(&partition) {
                return self.add(window, Fault::Partition(partition), Fault::Heal);
            }
        }
        // A shape that cuts few links may miss the few that matter. Isolating a node that gets work never does.
        let worker = self.terrain.workers[self.stream.index(self.terrain.workers.len())].0;
        let place = order.iter().position(|node| *node == worker).unwrap_or(0);
        order.swap(0, place);
        self.add(window, Fault::Partition(Partition::new(Shape::Isolate, ways, &order)), Fault::Heal);
    }

    /// Whether a partition cuts an edge of the topology, and parts two nodes that get work, if there are two.
    fn bites(&self, partition: &Partition) -> bool {
        let Terrain { neighbours, workers } = self.terrain;
        let edge = |(from, to): (NodeId, NodeId)| neighbours[from.index()].contains(&to.0);
        let apart = |(from, to)| workers.contains(&from) && workers.contains(&to);
        partition.links().any(edge) && (workers.len() < 2 || partition.links().any(apart))
    }

    /// Takes some nodes down for a while: the first for the whole window, the others within it.
    fn strike(&mut self, (start, end): (Offset, Offset), begin: fn(NodeId) -> Fault, finish: fn(NodeId) -> Fault) {
        for (place, node) in self.next_victims().into_iter().enumerate() {
            let slack = if place == 0 { 1 } else { (end.0 - start.0) / 10 };
            let window = (Offset(start.0 + self.stream.below(slack)), Offset(end.0 - self.stream.below(slack)));
            self.add(window, begin(node), finish(node));
        }
    }

    /// Kills some nodes three times each and starts them again at once.
    fn restart_quickly(&mut self, (start, end): (Offset, Offset)) {
        let share = (end.0 - start.0) / QUICK_RESTARTS;
        let period = share.min(QUICK_RESTART_PERIOD);
        for node in self.next_victims() {
            let first = start.0 + self.stream.below(period / 4);
            for time in 0..QUICK_RESTARTS {
                let at = first + time * period;
                let back = at + period / 100 + self.stream.below(period / 20);
                self.add((Offset(at), Offset(back)), Fault::Kill(node), Fault::Restart(node));
            }
        }
    }

    /// A minority of the nodes, and of those that get work not all; those struck least come first.
    fn next_victims(&mut self) -> Vec<NodeId> {
        let minority = self.terrain.neighbours.len().saturating_sub(1) / 2;
        let most = minority.min(self.terrain.workers.len() - 1).max(1);
        let count = 1 + self.stream.index(most);
        // Of equals, whoever the shuffle put first.
        self.stream.shuffle(&mut self.victims);
        self.victims.sort_by_key(|(times, _)| *times);
        let struck = &mut self.victims[..count];
        struck.iter_mut().for_each(|(times, _)| *times += 1);
        struck.iter().map(|(_, node)| *node).collect()
    }

    fn add(&mut self, (start, end): (Offset, Offset), begin: Fault, finish: Fault) {
        self.actions.push(FaultAction { at: start, fault: begin });
        self.actions.push(FaultAction { at: end, fault: finish });
    }

    fn nodes(&self) -> Vec<u32> {
        (0..self.terrain.neighbours.len() as u32).collect()
    }
}

/// Cards drawn one by one and shuffled again when none is left.
struct Deck<T> {
    cards: Vec<T>,
    left: usize,
}

impl<T: Copy + PartialEq> Deck<T> {
    fn new(cards: &[T]) -> Self {
        Self { cards: cards.to_vec(), left: 0 }
    }

    /// The next card; not the one before it again, if there are others. `None` of an empty deck.
    fn draw(&mut self, stream: &mut Stream) -> Option<T> {
        self.draw_first(stream, |_| true)
    }

    /// The next card that is wanted, if one is left; the others stay for later.
    fn draw_first(&mut self, stream: &mut Stream, wanted: impl Fn(T) -> bool) -> Option<T> {
        if self.left == 0 {
            // The cards are drawn from the back, so the last one drawn is in front.
            let before = self.cards.first().copied();
            stream.shuffle(&mut self.cards);
            self.left = self.cards.len();
            if before.is_some() && self.cards.last().copied() == before {
                self.cards.reverse();
            }
        }
        let last = self.left.checked_sub(1)?;
        let place = self.cards[..self.left].iter().rposition(|card| wanted(*card)).unwrap_or(last);
        self.cards.swap(place, last);
        self.left = last;
        self.cards.get(last).copied()
    }
}

#[cfg(test)]
mod tests;
