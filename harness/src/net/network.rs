//! The network itself: takes messages and faults, and says what arrives when.

use super::{Fault, NodeId, Partition, Settings, queue::Queue, random::Purpose, random::Stream};
use crate::time::Offset;
use std::vec;

/// What a node sends to a node. The payload is whatever the caller likes to have carried; it is moved, and cloned only
/// when the network doubles the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<T> {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The content.
    pub payload: T,
}

/// Tells messages apart: 0 for the first one sent in a case, then 1, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub u64);

/// What became of a message when it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The message; every delivery of it carries the same id.
    pub id: MessageId,
    /// Its fate so far.
    pub fate: Fate,
}

/// Whether a message set out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is on its way, in so many copies, each of which will come out of [`Network::deliver`] once.
    Queued {
        /// One, or two when the network doubled it.
        copies: u32,
    },
    /// The link lost it. Nothing more will be heard of it.
    Lost,
    /// A partition stopped it. Nothing more will be heard of it.
    Blocked,
    /// The sender or the receiver does not exist. Nothing more will be heard of it.
    NoSuchNode,
}

/// One copy of a message at the end of its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<T> {
    /// The message.
    pub id: MessageId,
    /// 0, or 1 for the second copy of a doubled message.
    pub copy: u32,
    /// When it was sent.
    pub sent: Offset,
    /// When its way ended. A copy that a paused node kept waiting is due when the pause ends.
    pub due: Offset,
    /// Whether it arrived.
    pub outcome: Outcome,
    /// Sender, receiver and content.
    pub message: Message<T>,
}

/// How the way of a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The receiver gets it.
    Delivered,
    /// The receiver never gets it.
    Dropped(DropReason),
}

/// Why a copy that had set out did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// Its link was cut when it should have arrived.
    Partition,
    /// The receiver had no process when it should have arrived.
    NodeDown,
}

/// What has become of a node's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Up,
    Paused,
    Down,
}

/// A copy under way, and whether it has only been waiting for a paused node.
#[derive(Debug, Clone)]
struct Flight<T> {
    copy: Delivery<T>,
    arrived: bool,
}

/// A seeded network between nodes.
///
/// # What decides the fate of a message
///
/// - **The link's own dice.** Loss, duplication and delay come from a stream of random numbers that belongs to the
///   directed link and advances once for each message sent on it, delivered or not. Traffic on other links never
///   changes them.
/// - **Partitions, at both ends of the way.** A message is stopped if its link is cut when it is sent or when it should
///   arrive; one that was under way while a partition came and went arrives.
/// - **The receiver, at the end.** A message for a node that is down is dropped; for a paused one it waits, as it would
///   in the pipe of a stopped process. Whoever sent it may have died meanwhile.
///
/// # Time
///
/// Calls are made in the order of their times; a time before that of an earlier call counts as that one. A fault at
/// time `t` concerns what is due after `t`: whatever was due until then has arrived already, even if nobody asked for
/// it yet. So it makes no difference how late a busy caller calls [`Network::deliver`], nor whether it delivers or
/// applies a fault first.
///
/// # Order
///
/// Copies come out by due time, and those due together in the order they were sent. With constant latency and no
/// reordering a link is therefore first in, first out; with a random latency messages overtake one another.
#[derive(Debug, Clone)]
pub struct Network<T> {
    settings: Settings,
    seed: u64,
    /// The streams of the links of each sender, made when it first sends: most of thousands of nodes may be silent.
    streams: Vec<Box<[Stream]>>,
    nodes: Vec<Health>,
    partition: Option<Partition>,
    flying: Queue<Flight<T>>,
    /// What has come to each paused node.
    waiting: Vec<Vec<Flight<T>>>,
    /// Decided, but not yet fetched.
    ready: Vec<Delivery<T>>,
    clock: Offset,
    messages: u64,
}

impl<T> Network<T> {
    /// A network of `nodes` nodes (and services) with no message under way, no link cut and every node up.
    pub fn new(settings: &Settings, nodes: u32, seed: u64) -> Self {
        let count = nodes as usize;
        Self {
            settings: settings.clone(),
            seed,
            streams: vec![Box::default(); count],
            nodes: vec![Health::Up; count],
            partition: None,
            flying: Queue::new(),
            waiting: std::iter::repeat_with(Vec::new).take(count).collect(),
            ready: Vec::new(),
            clock: Offset::ZERO,
            messages: 0,
        }
    }

    /// Sends a message, and tells what became of it so far.
    pub fn send(&mut self, now: Offset, message: Message<T>) -> Sent
    where
        T: Clone,
    {
        self.clock = self.clock.max(now);
        let (id, from, to) = (MessageId(self.messages), message.from, message.to);
        self.messages += 1;
        if from.index() >= self.nodes.len() || to.index() >= self.nodes.len() {
            return Sent { id, fate: Fate::NoSuchNode };
        }
        // Drawn before the partition is looked at, so that a partition does not shift what the link draws afterwards.
        let times = self.settings.link(from, to).decide(stream(&mut self.streams, self.seed, from, to));
        if self.cut(from, to) {
            return Sent { id, fate: Fate::Blocked };
        }
        let copies = times.iter().flatten().count() as u32;
        let [first, second] = times;
        let double = second.map(|time| (time, message.clone()));
        for (copy, (time, message)) in first.map(|time| (time, message)).into_iter().chain(double).enumerate() {
            let (sent, due) = (self.clock, self.clock + time);
            let copy = Delivery { id, copy: copy as u32, sent, due, outcome: Outcome::Delivered, message };
            self.flying.push(due, Flight { copy, arrived: false });
        }
        Sent { id, fate: if copies == 0 { Fate::Lost } else { Fate::Queued { copies } } }
    }

    /// When there is something to deliver next, unless more is sent or a fault comes before; `None` when nothing is
    /// under way but what waits for paused nodes. It may be past: then it is due now.
    pub fn next_deadline(&self) -> Option<Offset> {
        self.ready.first().map(|copy| copy.due).or_else(|| self.flying.deadline())
    }

    /// Takes out everything due until `now`, delivered or dropped, by due time and then in the order sent.
    #[must_use = "what is not read is gone"]
    pub fn deliver(&mut self, now: Offset) -> vec::Drain<'_, Delivery<T>> {
        self.settle(now);
        self.ready.drain(..)
    }

    /// Lets a fault strike, or be put right, at `now`. A fault of a node that does not exist, or that it is already
    /// suffering, does nothing.
    pub fn apply(&mut self, now: Offset, fault: &Fault) {
        self.settle(now);
        match fault {
            Fault::Partition(partition) => self.partition = Some(partition.clone()),
            Fault::Heal => self.partition = None,
            Fault::Kill(node) | Fault::Terminate(node) => self.change(*node, |_| Health::Down),
            Fault::Restart(node) => self.change(*node, |_| Health::Up),
            Fault::Pause(node) => {
                self.change(*node, |health| if health == Health::Up { Health::Paused } else { health });
            }
            Fault::Resume(node) => {
                self.change(*node, |health| if health == Health::Paused { Health::Up } else { health });
            }
        }
    }

    /// Copies that have set out and have not come out of [`Network::deliver`] yet.
    pub fn in_flight(&self) -> usize {
        self.flying.len() + self.ready.len() + self.waiting.iter().map(Vec::len).sum::<usize>()
    }

    fn cut(&self, from: NodeId, to: NodeId) -> bool {
        self.partition.as_ref().is_some_and(|partition| partition.blocked(from, to))
    }

    /// Decides the fate of everything due until `now`, as things stand before anything else happens at `now`.
    fn settle(&mut self, now: Offset) {
        self.clock = self.clock.max(now);
        while let Some(flight) = self.flying.pop(self.clock) {
            self.land(flight);
        }
    }

    /// The end of the way of a copy.
    fn land(&mut self, mut flight: Flight<T>) {
        let Message { from, to, .. } = flight.copy.message;
        // What waits for a paused node has passed its link; a later partition cannot take it back.
        if !flight.arrived && self.cut(from, to) {
            flight.copy.outcome = Outcome::Dropped(DropReason::Partition);
        } else {
            match self.nodes[to.index()] {
                Health::Up => {}
                Health::Down => flight.copy.outcome = Outcome::Dropped(DropReason::NodeDown),
                Health::Paused => {
                    self.waiting[to.index()].push(Flight { arrived: true, ..flight });
                    return;
                }
            }
        }
        self.ready.push(flight.copy);
    }

    /// Changes the health of a node. What waited for it is due at once when it is no longer paused.
    fn change(&mut self, node: NodeId, change: impl FnOnce(Health) -> Health) {
        let Some(health) = self.nodes.get_mut(node.index()) else { return };
        *health = change(*health);
        if *health != Health::Paused {
            for mut flight in std::mem::take(&mut self.waiting[node.index()]) {
                flight.copy.due = self.clock;
                self.flying.push(self.clock, flight);
            }
        }
    }
}

/// The stream of a link. Apart from the network's other fields, so that they stay free to be used beside it.
fn stream(streams: &mut [Box<[Stream]>], seed: u64, from: NodeId, to: NodeId) -> &mut Stream {
    let nodes = streams.len() as u32;
    let row = &mut streams[from.index()];
    if row.is_empty() {
        *row = (0..nodes).map(|to| Stream::new(seed, Purpose::Link, [from.0, to])).collect();
    }
    &mut row[to.index()]
}

#[cfg(test)]
mod tests;
