//! Who is told to talk to whom: the graph a case hands its nodes.
//!
//! A topology is advice to the nodes, as in Maelstrom: the network carries a message between any two. It matters to the
//! faults, which must cut edges that are used.

use super::random::{Purpose, Stream};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// A connected, undirected graph over the nodes. Written `grid`, or `random4` for a random one of degree 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Topology {
    /// A chain: the longest diameter there is.
    Line,
    /// A chain whose ends meet.
    Ring,
    /// A square, row by row; the last row may be short.
    Grid,
    /// A tree in which every node has up to this many children; `tree2`, `tree3`, `tree4`.
    Tree(u32),
    /// Everybody knows everybody.
    #[default]
    Total,
    /// Drawn from the seed: every node has this many neighbours. See [`Topology::neighbours`] for the exceptions.
    Random(u32),
}

/// A name that is no topology.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no topology: expected one of {names}", names = Topology::NAMES.join(", "))]
pub struct TopologyError(String);

impl Topology {
    /// The names a manifest may use; the digit of `random4` is the degree and may be any number from 2.
    pub const NAMES: [&'static str; 8] = ["line", "ring", "grid", "tree2", "tree3", "tree4", "total", "random4"];

    /// The neighbours of each of `nodes` nodes, in ascending order; symmetric, connected and without loops.
    ///
    /// Only a random topology looks at the seed. Its degree is raised to 2 and lowered to `nodes - 1` where it must be,
    /// and when the degree and the number of nodes are both odd, one node has one neighbour more.
    pub fn neighbours(self, nodes: u32, seed: u64) -> Vec<Vec<u32>> {
        let edges: BTreeSet<(u32, u32)> = match self {
            Self::Line => (1..nodes).map(|node| (node - 1, node)).collect(),
            Self::Ring => circulant(nodes, 2),
            Self::Grid => grid(nodes),
            Self::Tree(arity) => (1..nodes).map(|node| ((node - 1) / arity.max(1), node)).collect(),
            Self::Total => (0..nodes).flat_map(|one| (one + 1..nodes).map(move |other| (one, other))).collect(),
            Self::Random(degree) => {
                return random(nodes, degree, &mut Stream::new(seed, Purpose::Topology, [nodes, degree]));
            }
        };
        adjacency(nodes, &edges)
    }
}

/// Whether every node can be reached from every other. True of no nodes at all.
pub fn connected(neighbours: &[Vec<u32>]) -> bool {
    let mut seen = vec![false; neighbours.len()];
    let mut open: Vec<usize> = (0..neighbours.len().min(1)).collect();
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut seen[node], true) {
            open.extend(neighbours[node].iter().map(|neighbour| *neighbour as usize));
        }
    }
    seen.into_iter().all(|seen| seen)
}

/// The lists of neighbours of a set of edges.
fn adjacency(nodes: u32, edges: &BTreeSet<(u32, u32)>) -> Vec<Vec<u32>> {
    let mut lists = vec![Vec::new(); nodes as usize];
    for &(one, other) in edges {
        lists[one as usize].push(other);
        lists[other as usize].push(one);
    }
    lists.iter_mut().for_each(|list| list.sort_unstable());
    lists
}

/// An edge in the one order in which the sets here keep it.
fn edge(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}

fn grid(nodes: u32) -> BTreeSet<(u32, u32)> {
    let side = (1..=nodes).find(|side| u64::from(*side).pow(2) >= u64::from(nodes)).unwrap_or(1);
    let right = (1..nodes).filter(|node| node % side != 0).map(|node| (node - 1, node));
    let down = (side..nodes).map(|node| (node - side, node));
    right.chain(down).collect()
}

/// A ring in which everyone also knows the nodes up to `degree / 2` places away, and for an odd degree the one opposite
/// (Harary 1962): connected, with every degree as asked where the numbers allow it.
fn circulant(nodes: u32, degree: u32) -> BTreeSet<(u32, u32)> {
    let near = (0..nodes).flat_map(|node| (1..=degree / 2).map(move |step| edge(node, (node + step) % nodes)));
    let opposite = (0..nodes.div_ceil(2)).map(|node| edge(node, (node + nodes / 2) % nodes));
    near.chain(opposite.filter(|_| degree % 2 == 1)).filter(|(one, other)| one != other).collect()
}

/// A random connected graph of this degree: the circulant one, shaken.
///
/// Shaking swaps the ends of two edges, which keeps every degree, and takes back a swap that would tear the graph
/// apart. So it always succeeds, where drawing pairs until they fit may not.
fn random(nodes: u32, degree: u32, stream: &mut Stream) -> Vec<Vec<u32>> {
    let edges = circulant(nodes, degree.max(2).min(nodes.saturating_sub(1)));
    let mut neighbours = adjacency(nodes, &edges);
    let mut edges: Vec<_> = edges.into_iter().collect();
    for _ in 0..10 * edges.len() {
        let (first, second) = (stream.index(edges.len()), stream.index(edges.len()));
        let ((a, b), (mut c, mut d)) = (edges[first], edges[second]);
        if stream.below(2) == 1 {
            (c, d) = (d, c);
        }
        let known = |one: u32, other| one == other || neighbours[one as usize].contains(&other);
        if a == c || b == d || known(a, d) || known(c, b) {
            continue;
        }
        swap(&mut neighbours, (a, b), (c, d));
        if connected(&neighbours) {
            (edges[first], edges[second]) = ((a, d), (c, b));
        } else {
            swap(&mut neighbours, (a, d), (c, b));
        }
    }
    neighbours.iter_mut().for_each(|list| list.sort_unstable());
    neighbours
}

/// Joins `a` with `d` and `c` with `b` instead of `a` with `b` and `c` with `d`.
fn swap(neighbours: &mut [Vec<u32>], (a, b): (u32, u32), (c, d): (u32, u32)) {
    for (node, old, new) in [(a, b, d), (b, a, c), (c, d, b), (d, c, a)] {
        neighbours[node as usize].iter_mut().filter(|neighbour| **neighbour == old).for_each(|place| *place = new);
    }
}

impl FromStr for Topology {
    type Err = TopologyError;

    fn from_str(name: &str) -> Result<Self, TopologyError> {
        let unknown = || TopologyError(name.to_owned());
        Ok(match name {
            "line" => Self::Line,
            "ring" => Self::Ring,
            "grid" => Self::Grid,
            "total" => Self::Total,
            "tree2" => Self::Tree(2),
            "tree3" => Self::Tree(3),
            "tree4" => Self::Tree(4),
            _ => {
                let degree = name.strip_prefix("random").and_then(|degree| degree.parse().ok());
                Self::Random(degree.filter(|degree| *degree >= 2).ok_or_else(unknown)?)
            }
        })
    }
}

impl TryFrom<String> for Topology {
    type Error = TopologyError;

    fn try_from(name: String) -> Result<Self, TopologyError> {
        name.parse()
    }
}

impl From<Topology> for String {
    fn from(topology: Topology) -> Self {
        topology.to_string()
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line => f.write_str("line"),
            Self::Ring => f.write_str("ring"),
            Self::Grid => f.write_str("grid"),
            Self::Tree(arity) => write!(f, "tree{arity}"),
            Self::Total => f.write_str("total"),
            Self::Random(degree) => write!(f, "random{degree}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_topology() -> impl Strategy<Value = Topology> {
        prop_oneof![
            Just(Topology::Line),
            Just(Topology::Ring),
            Just(Topology::Grid),
            (2_u32..5).prop_map(Topology::Tree),
            Just(Topology::Total),
            (2_u32..9).prop_map(Topology::Random),
        ]
    }

    fn degrees(topology: Topology, nodes: u32) -> Vec<usize> {
        topology.neighbours(nodes, 5).iter().map(Vec::len).collect()
    }

    #[test]
    fn small_graphs_are_the_ones_on_paper() {
        assert_eq!(Topology::Line.neighbours(3, 0), [vec![1], vec![0, 2], vec![1]]);
        assert_eq!(Topology::Ring.neighbours(4, 0), [[1, 3], [0, 2], [1, 3], [0, 2]]);
        assert_eq!(Topology::Grid.neighbours(5, 0), [vec![1, 3], vec![0, 2, 4], vec![1], vec![0, 4], vec![1, 3]]);
        assert_eq!(Topology::Tree(2).neighbours(4, 0), [vec![1, 2], vec![0, 3], vec![0], vec![1]]);
        assert_eq!(degrees(Topology::Total, 4), [3; 4]);
        assert_eq!(degrees(Topology::Tree(4), 25)[0], 4);
        for topology in [Topology::Line, Topology::Ring, Topology::Grid, Topology::Total, Topology::Random(3)] {
            assert_eq!(topology.neighbours(0, 0).len(), 0);
            assert_eq!(topology.neighbours(1, 0), [Vec::<u32>::new()]);
            assert_eq!(topology.neighbours(2, 0), [[1], [0]]);
        }
    }

    #[test]
    fn two_islands_are_not_connected() {
        assert!(!connected(&[vec![1], vec![0], vec![3], vec![2]]));
        assert!(connected(&[vec![1], vec![0]]) && connected(&[]));
    }

    #[test]
    fn random_graphs_differ_by_seed_and_have_no_pattern() {
        let graphs: BTreeSet<_> = (0..50).map(|seed| Topology::Random(4).neighbours(25, seed)).collect();
        assert_eq!(graphs.len(), 50);
        // Of the 300 pairs 50 are edges; over 600 graphs each pair is one about 100 times.
        let mut times = vec![0_u32; 25];
        for seed in 0..600 {
            Topology::Random(4).neighbours(25, seed)[0].iter().for_each(|node| times[*node as usize] += 1);
        }
        assert!(times[1..].iter().all(|times| (60..140).contains(times)), "{times:?}");
    }

    /// If this fails, every seed that was ever published means another case: put the old draws back.
    #[test]
    fn a_seed_means_the_same_graph_for_ever() {
        assert_eq!(
            Topology::Random(3).neighbours(6, 42),
            [[3, 4, 5], [2, 3, 5], [1, 3, 4], [0, 1, 2], [0, 2, 5], [0, 1, 4]]
        );
    }

    #[test]
    fn names_come_back_and_nonsense_is_refused() {
        for name in Topology::NAMES {
            assert_eq!(name.parse::<Topology>().map(|topology| topology.to_string()).as_deref(), Ok(name));
        }
        for name in ["", "mesh", "tree", "tree5", "random", "random1", "random-4", "Grid"] {
            assert!(name.parse::<Topology>().is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_topology_is_symmetric_connected_and_simple(topology in any_topology(), nodes in 1_u32..60, seed: u64) {
            let neighbours = topology.neighbours(nodes, seed);
            prop_assert_eq!(neighbours.len(), nodes as usize);
            prop_assert!(connected(&neighbours));
            for (node, list) in neighbours.iter().enumerate() {
                prop_assert!(list.is_sorted_by(|one, other| one < other), "{:?}", list);
                prop_assert!(!list.contains(&(node as u32)));
                for other in list {
                    prop_assert!(neighbours[*other as usize].contains(&(node as u32)));
                }
            }
        }

        #[test]
        fn random_graphs_have_their_degree(nodes in 3_u32..60, degree in 2_u32..9, seed: u64) {
            let asked = degree.min(nodes - 1) as usize;
            let neighbours = Topology::Random(degree).neighbours(nodes, seed);
            let extra = neighbours.iter().filter(|list| list.len() != asked).count();
            prop_assert_eq!(extra, (nodes as usize * asked) % 2);
            prop_assert!(neighbours.iter().all(|list| list.len() == asked || list.len() == asked + 1));
        }
    }
}
