//! Strongly connected components. Tarjan, SIAM J. Comput. 1(2), 1972, with a stack of its own: linear, no recursion.

use super::{Graph, Kind, Kinds};

/// Which component each node is in. Components are numbered so that edges between them lead to lower numbers.
#[derive(Debug, Clone, Default)]
pub struct Components {
    component: Vec<u32>,
    /// Whether more than one node is in it, by component.
    cyclic: Vec<bool>,
}

impl Components {
    /// A node's component.
    pub fn of(&self, node: u32) -> u32 {
        self.component[node as usize]
    }

    /// Whether the node lies on a cycle.
    pub fn is_cyclic(&self, node: u32) -> bool {
        self.cyclic[self.of(node) as usize]
    }

    /// Whether anything lies on a cycle.
    pub fn any(&self) -> bool {
        self.cyclic.contains(&true)
    }
}

/// The components of the graph with only these kinds of edges.
pub fn components(graph: &Graph, kinds: Kinds) -> Components {
    tarjan(graph.nodes(), |node, place| {
        let edges = graph.out(node);
        while let Some(edge) = edges.get(*place as usize) {
            *place += 1;
            if kinds.has(edge.kind()) {
                return Some(edge.to());
            }
        }
        None
    })
}

/// The components of walks on which no two `rw` edges follow each other: node `2v` is `v` reached by another edge, node
/// `2v + 1` is `v` reached by `rw`. A component with an `rw` edge in it is a cycle that snapshot isolation forbids.
pub fn apart(graph: &Graph, kinds: Kinds) -> Components {
    tarjan(2 * graph.nodes(), |state, place| {
        let (node, behind_rw) = (state / 2, state % 2 == 1);
        let edges = graph.out(node);
        while let Some(edge) = edges.get(*place as usize) {
            *place += 1;
            let rw = edge.kind() == Kind::Rw;
            let follows = rw && behind_rw && graph.is_transaction(node);
            if kinds.has(edge.kind()) && !follows {
                return Some(2 * edge.to() + u32::from(rw));
            }
        }
        None
    })
}

const UNSEEN: u32 = u32::MAX;

/// `next` gives the successors of a node one by one, and moves the place it is given.
fn tarjan(nodes: usize, next: impl Fn(u32, &mut u32) -> Option<u32>) -> Components {
    // While a node is open, `low` is the lowest number it reaches; when its component is known, `DONE` above it.
    let mut low = vec![UNSEEN; nodes];
    let mut found = Components { component: vec![UNSEEN; nodes], cyclic: Vec::new() };
    let mut open: Vec<u32> = Vec::new();
    let mut path: Vec<(u32, u32, u32)> = Vec::new();
    let mut count = 0;
    for root in 0..nodes as u32 {
        if low[root as usize] != UNSEEN {
            continue;
        }
        low[root as usize] = count;
        path.push((root, 0, count));
        open.push(root);
        count += 1;
        while let Some((node, place, number)) = path.last_mut() {
            let (node, number) = (*node, *number);
            if let Some(to) = next(node, place) {
                if low[to as usize] == UNSEEN {
                    low[to as usize] = count;
                    path.push((to, 0, count));
                    open.push(to);
                    count += 1;
                } else if found.component[to as usize] == UNSEEN {
                    low[node as usize] = low[node as usize].min(low[to as usize]);
                }
                continue;
            }
            path.pop();
            let lowest = low[node as usize];
            if let Some((parent, ..)) = path.last() {
                let parent = *parent as usize;
                low[parent] = low[parent].min(lowest);
            }
            if lowest == number {
                close(&mut found, &mut open, node);
            }
        }
    }
    found
}

/// Takes a component off the stack.
fn close(found: &mut Components, open: &mut Vec<u32>, root: u32) {
    let number = found.cyclic.len() as u32;
    let mut size = 0;
    while let Some(member) = open.pop() {
        found.component[member as usize] = number;
        size += 1;
        if member == root {
            break;
        }
    }
    found.cyclic.push(size > 1);
}
