//! Which links are cut: every shape of partition, one way or both.

use super::NodeId;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The shape of a partition, over the nodes in some order that the caller draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The first node alone, the rest together.
    Isolate,
    /// The first third against the rest.
    Minority,
    /// The first half against the second; of an odd number the second half is the majority.
    Halves,
    /// The nodes in a circle, each cut from those far away: everybody sees a majority, and no two see the same one.
    MajoritiesRing,
    /// Two halves that only the first node can reach, and it reaches both.
    Bridge,
    /// Every node alone.
    Total,
    /// Links named one by one.
    Custom,
}

impl Shape {
    /// The shapes that leave some nodes together, the simplest first.
    pub const PARTIAL: [Self; 5] = [Self::Isolate, Self::Minority, Self::Halves, Self::MajoritiesRing, Self::Bridge];

    /// Whether this shape cuts something in a case of `nodes` nodes, and is not the same as a simpler one.
    pub fn fits(self, nodes: u32) -> bool {
        match self {
            Self::Isolate | Self::Total => nodes >= 2,
            Self::Bridge => nodes >= 3,
            Self::Halves | Self::MajoritiesRing => nodes >= 4,
            Self::Minority => nodes >= 6,
            Self::Custom => false,
        }
    }

    /// Whether no message gets from one side to the other by any way, at least in one direction.
    pub fn separates(self) -> bool {
        matches!(self, Self::Isolate | Self::Minority | Self::Halves | Self::Total)
    }

    /// Whether the nodes at two places of the order, `i < j` of `n`, are cut from one another.
    fn cuts(self, i: usize, j: usize, n: usize) -> bool {
        let splits = |first: usize| i < first && first <= j;
        match self {
            Self::Isolate => splits(1),
            Self::Minority => splits(n / 3),
            Self::Halves => splits(n / 2),
            // With itself, a node needs n / 2 others for a majority: half of them on either side.
            Self::MajoritiesRing => (j - i).min(n - (j - i)) > (n / 2).div_ceil(2),
            Self::Bridge => i >= 1 && splits(1 + (n - 1) / 2),
            Self::Total => true,
            Self::Custom => false,
        }
    }
}

/// In which direction a partition blocks messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ways {
    /// Nothing passes.
    Both,
    /// Of two nodes that are cut, the earlier in the order is heard no more, but still hears.
    Outward,
    /// Of two nodes that are cut, the earlier in the order hears no more, but is still heard.
    Inward,
}

/// A set of blocked links, each with its direction. A node can always reach itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Links", into = "Links")]
pub struct Partition {
    shape: Shape,
    ways: Ways,
    nodes: u32,
    /// One bit a link, a whole number of words for each sender: asked once or twice for every message.
    bits: Vec<u64>,
}

impl Partition {
    /// The partition of this shape over the nodes in `order`, which holds every node of the case once.
    pub fn new(shape: Shape, ways: Ways, order: &[u32]) -> Self {
        let mut partition = Self::empty(shape, ways, order.len() as u32);
        for (j, second) in order.iter().enumerate() {
            for first in order.iter().enumerate().filter(|(i, _)| *i < j && shape.cuts(*i, j, order.len())) {
                let (first, second) = (NodeId(*first.1), NodeId(*second));
                partition.set(first, second, ways != Ways::Inward);
                partition.set(second, first, ways != Ways::Outward);
            }
        }
        partition
    }

    /// Blocks the given links, from the first node to the second. Links to oneself and of nodes that do not exist are
    /// left out.
    pub fn custom(nodes: u32, links: impl IntoIterator<Item = (NodeId, NodeId)>) -> Self {
        let mut partition = Self::empty(Shape::Custom, Ways::Both, nodes);
        links.into_iter().for_each(|(from, to)| partition.set(from, to, true));
        if partition.links().any(|(from, to)| !partition.blocked(to, from)) {
            partition.ways = Ways::Outward;
        }
        partition
    }

    fn empty(shape: Shape, ways: Ways, nodes: u32) -> Self {
        Self { shape, ways, nodes, bits: vec![0; nodes as usize * words(nodes)] }
    }

    /// Whether a message from `from` to `to` is stopped. An index beyond the nodes is a service: only a total partition
    /// cuts it off.
    #[inline]
    pub fn blocked(&self, from: NodeId, to: NodeId) -> bool {
        match self.place(from, to) {
            Some((word, bit)) => self.bits[word] & bit != 0,
            None => self.shape == Shape::Total,
        }
    }

    /// The blocked links, ordered by sender and receiver.
    pub fn links(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        let pairs = (0..self.nodes).flat_map(|from| (0..self.nodes).map(move |to| (NodeId(from), NodeId(to))));
        pairs.filter(|(from, to)| self.blocked(*from, *to))
    }

    /// The shape it was made with.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The direction it blocks in; a custom one that lets an answer through counts as [`Ways::Outward`].
    pub fn ways(&self) -> Ways {
        self.ways
    }

    /// The word and the bit of a link.
    #[inline]
    fn place(&self, from: NodeId, to: NodeId) -> Option<(usize, u64)> {
        let exists = from.0 < self.nodes && to.0 < self.nodes;
        exists.then(|| (from.index() * words(self.nodes) + to.index() / 64, 1 << (to.0 % 64)))
    }

    fn set(&mut self, from: NodeId, to: NodeId, blocked: bool) {
        if let Some((word, bit)) = self.place(from, to).filter(|_| blocked && from != to) {
            self.bits[word] |= bit;
        }
    }

    /// The nodes that each node cannot reach, or must reach first: `keep` picks the links.
    fn targets(&self, keep: impl Fn(NodeId, NodeId) -> bool) -> BTreeMap<NodeId, Vec<NodeId>> {
        let mut targets = BTreeMap::<_, Vec<_>>::new();
        for (from, to) in self.links().filter(|(from, to)| keep(*from, *to)) {
            targets.entry(from).or_default().push(to);
        }
        targets
    }

    /// The groups the cut nodes fall into, when they fall into groups: nodes that are cut from the same others, and
    /// from nobody in their own group.
    fn groups(&self) -> Option<Vec<Vec<NodeId>>> {
        let groups = gather(self.targets(|_, _| true));
        let cut: usize = groups.iter().map(|(group, _)| group.len()).sum();
        let apart = groups.iter().all(|(group, others)| group.len() + others.len() == cut);
        apart.then(|| groups.into_iter().map(|(group, _)| group).collect())
    }
}

/// Words of bits for one sender.
#[inline]
fn words(nodes: u32) -> usize {
    nodes.div_ceil(64) as usize
}

/// Puts senders with the same receivers together, in the order of their first sender.
fn gather(targets: BTreeMap<NodeId, Vec<NodeId>>) -> Vec<(Vec<NodeId>, Vec<NodeId>)> {
    let mut gathered: Vec<(Vec<NodeId>, Vec<NodeId>)> = Vec::new();
    for (from, to) in targets {
        match gathered.iter_mut().find(|(_, others)| *others == to) {
            Some((group, _)) => group.push(from),
            None => gathered.push((vec![from], to)),
        }
    }
    gathered
}

fn names(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(" ")
}

/// For a person: `n0 n3 | n1 n2 n4`, `n0 n1 | n3 n4, joined by n2`, `n0 -> n1 n2 blocked`, `n0 <-> n2 blocked; …`.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let both = self.links().all(|(from, to)| self.blocked(to, from));
        if self.links().next().is_none() {
            return f.write_str("nothing blocked");
        }
        if let Some(groups) = self.groups().filter(|_| both) {
            f.write_str(&groups.iter().map(|group| names(group)).collect::<Vec<_>>().join(" | "))?;
            let bridges: Vec<_> =
                (0..self.nodes).map(NodeId).filter(|node| !groups.iter().any(|group| group.contains(node))).collect();
            return if bridges.is_empty() { Ok(()) } else { write!(f, ", joined by {}", names(&bridges)) };
        }
        // When nothing passes either way, it is enough to name each pair once.
        let (arrow, targets) =
            if both { ("<->", self.targets(|from, to| from < to)) } else { ("->", self.targets(|_, _| true)) };
        let line =
            |(group, to): (Vec<NodeId>, Vec<NodeId>)| format!("{} {arrow} {} blocked", names(&group), names(&to));
        f.write_str(&gather(targets).into_iter().map(line).collect::<Vec<_>>().join("; "))
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({:?}, {:?}: {self})", self.shape, self.ways)
    }
}

/// A partition as it is written into a plan: a list of receivers for each sender.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
struct Links {
    shape: Shape,
    ways: Ways,
    /// The receivers that each node cannot reach.
    blocked: Vec<Vec<NodeId>>,
}

impl From<Partition> for Links {
    fn from(partition: Partition) -> Self {
        let mut blocked = vec![Vec::new(); partition.nodes as usize];
        partition.links().for_each(|(from, to)| blocked[from.index()].push(to));
        Self { shape: partition.shape, ways: partition.ways, blocked }
    }
}

impl TryFrom<Links> for Partition {
    type Error = String;

    fn try_from(links: Links) -> Result<Self, String> {
        let nodes = links.blocked.len() as u32;
        let mut partition = Self::empty(links.shape, links.ways, nodes);
        for (from, receivers) in links.blocked.into_iter().enumerate() {
            for to in receivers {
                if to.0 >= nodes || to.index() == from {
                    return Err(format!("a partition of {nodes} nodes cannot block the link from n{from} to {to}"));
                }
                partition.set(NodeId(from as u32), to, true);
            }
        }
        Ok(partition)
    }
}

#[cfg(test)]
mod tests;
