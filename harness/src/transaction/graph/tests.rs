//! Components, shortest cycles and real time against what is plainly so on small graphs.

use super::{
    Edges, Graph, Kind, Kinds, apart, components,
    cycle::{Link, Query, Shape, shortest},
};
use crate::transaction::{order, testing::history};
use proptest::{collection::vec, prelude::*};

const KINDS: [Kind; 5] = Kind::ALL;

fn graph(nodes: usize, edges: &[(u32, u32, usize)]) -> Graph {
    let mut all = Edges::new(nodes);
    for (from, to, kind) in edges {
        all.add(from % nodes as u32, to % nodes as u32, KINDS[*kind]);
    }
    all.finish()
}

/// Whether a walk of at least one edge leads from one node to the other.
fn reaches(graph: &Graph, kinds: Kinds, from: u32, to: u32) -> bool {
    let mut seen = vec![false; graph.nodes()];
    let mut todo = vec![from];
    while let Some(node) = todo.pop() {
        for edge in graph.out(node).iter().filter(|edge| kinds.has(edge.kind())) {
            if edge.to() == to {
                return true;
            }
            if !std::mem::replace(&mut seen[edge.to() as usize], true) {
                todo.push(edge.to());
            }
        }
    }
    false
}

/// The transactions that one edge, or one path through joints, leads to; they ascend.
fn over_joints(graph: &Graph, from: u32) -> Vec<u32> {
    let (mut seen, mut todo) = (vec![false; graph.nodes()], vec![from]);
    while let Some(node) = todo.pop() {
        for edge in graph.out(node) {
            let first = !std::mem::replace(&mut seen[edge.to() as usize], true);
            if first && !graph.is_transaction(edge.to()) {
                todo.push(edge.to());
            }
        }
    }
    (0..graph.transactions()).filter(|node| seen[*node as usize]).collect()
}

/// The length of the shortest cycle without adjacent `rw` edges that begins with one, by trying all walks.
fn shortest_apart(graph: &Graph, most: usize) -> Option<usize> {
    fn go(graph: &Graph, begin: u32, at: u32, rw: bool, left: usize) -> bool {
        graph.out(at).iter().any(|edge| {
            let this = edge.kind() == Kind::Rw;
            if rw && this {
                return false;
            }
            if left == 0 { edge.to() == begin && !this } else { go(graph, begin, edge.to(), this, left - 1) }
        })
    }
    (2..=most).find(|length| {
        (0..graph.nodes() as u32).any(|begin| {
            let rw = graph.out(begin).iter().filter(|edge| edge.kind() == Kind::Rw);
            rw.into_iter().any(|edge| edge.to() != begin && go(graph, begin, edge.to(), true, length - 2))
        })
    })
}

proptest! {
    #[test]
    fn components_are_what_reaches_each_other(edges in vec((0u32..7, 0u32..7, 0usize..5), 0..16)) {
        let graph = graph(7, &edges);
        let kinds = Kinds::FORWARD.with(Kind::Rw);
        let parts = components(&graph, kinds);
        for one in 0..7 {
            for two in 0..7 {
                let both = reaches(&graph, kinds, one, two) && reaches(&graph, kinds, two, one);
                prop_assert_eq!(one != two && parts.of(one) == parts.of(two), one != two && both);
                if reaches(&graph, kinds, one, two) {
                    prop_assert!(parts.of(one) >= parts.of(two), "numbers follow edges down");
                }
            }
            prop_assert_eq!(parts.is_cyclic(one), reaches(&graph, kinds, one, one));
        }
    }

    #[test]
    fn cycles_without_adjacent_misses_are_found_where_there_are_any(edges in vec((0u32..5, 0u32..5, 0usize..3), 0..12)) {
        let graph = graph(5, &edges);
        let parts = apart(&graph, Kinds::ALL);
        let exists = (0..5).any(|node| parts.is_cyclic(2 * node + 1));
        let query = Query { first: Kind::Rw, others: Kinds::ALL, shape: Shape::Apart };
        let found = shortest(&graph, query, |_| true, u64::MAX);
        let expected = shortest_apart(&graph, 5);
        prop_assert_eq!(found.as_ref().map(Vec::len).filter(|length| *length <= 5), expected);
        prop_assert!(expected.is_none() || exists);
        if let Some(links) = found {
            let next = links.iter().cycle().skip(1);
            prop_assert!(links.iter().zip(next).all(|(one, two)| one.to == two.from));
            let next = links.iter().cycle().skip(1);
            prop_assert!(!links.iter().zip(next).any(|(one, two)| one.kind == Kind::Rw && two.kind == Kind::Rw));
        }
    }

    #[test]
    fn barriers_say_who_had_ended_before_whom(times in vec((0u64..12, 0u64..4), 1..9)) {
        let mut t = history(&vec!["0 a1.1"; times.len()], true);
        for (index, (call, length)) in times.iter().enumerate() {
            (t.call[index], t.ret[index]) = (*call, call + length);
        }
        let mut edges = Edges::new(t.len());
        order::add_realtime(&mut edges, &t, 0..t.len() as u32, |transaction| transaction);
        let graph = edges.finish();
        prop_assert!(graph.len() <= 3 * t.len(), "a linear number of edges");
        for one in 0..t.len() as u32 {
            for two in 0..t.len() as u32 {
                let before = t.ret[one as usize] < t.call[two as usize];
                prop_assert_eq!(reaches(&graph, Kinds::ALL, one, two), before);
            }
        }
    }

    #[test]
    fn joints_stand_for_exactly_all_pairs(readers in 0u32..64, writers in 0u32..64) {
        let of = |bits: u32| (0..6).filter(|bit| bits >> bit & 1 == 1).collect::<Vec<u32>>();
        let mut edges = Edges::new(6);
        edges.add_all(&of(readers), &of(writers), Kind::Rw, |node| node, |node| node);
        let graph = edges.finish();
        for one in 0..6 {
            let reads = readers >> one & 1 == 1;
            let others: Vec<u32> = of(writers).into_iter().filter(|writer| reads && *writer != one).collect();
            prop_assert_eq!(over_joints(&graph, one), others, "from {}", one);
        }
        let both = (readers & writers).count_ones();
        prop_assert_eq!((0..6).any(|node| reaches(&graph, Kinds::ALL, node, node)), both > 1);
    }
}

#[test]
fn joints_do_not_count_and_are_left_out() {
    let mut edges = Edges::new(3);
    let joint = edges.joints(2);
    edges.add(0, 1, Kind::Rw);
    edges.add(1, joint, Kind::Realtime);
    edges.add(joint, joint + 1, Kind::Realtime);
    edges.add(joint + 1, 0, Kind::Realtime);
    edges.add(1, 2, Kind::Wr);
    edges.add(2, 0, Kind::Wr);
    let graph = edges.finish();
    let query = Query { first: Kind::Rw, others: Kinds::ALL, shape: Shape::Any };
    let links = shortest(&graph, query, |_| true, u64::MAX);
    let link = |from, kind, to| Link { from, kind, to };
    assert_eq!(links, Some(vec![link(0, Kind::Rw, 1), link(1, Kind::Realtime, 0)]));
    let wr = Query { others: Kinds::FORWARD, ..query };
    assert_eq!(shortest(&graph, wr, |_| true, u64::MAX).map(|links| links.len()), Some(3));
    assert_eq!(shortest(&graph, Query { first: Kind::Ww, ..query }, |_| true, u64::MAX), None);
}

#[test]
fn deep_graphs_need_no_stack() {
    let count = 300_000;
    let mut edges = Edges::new(count as usize);
    for node in 0..count {
        edges.add(node, (node + 1) % count, Kind::Ww);
    }
    assert!(components(&edges.finish(), Kinds::ALL).is_cyclic(0));
}

#[test]
fn the_part_on_cycles_keeps_its_edges_and_its_numbers() {
    let mut edges = Edges::new(5);
    for (from, to) in [(0, 1), (1, 3), (3, 4), (4, 1), (3, 2)] {
        edges.add(from, to, Kind::Ww);
    }
    let graph = edges.finish();
    let (part, members) = graph.cyclic_part(&components(&graph, Kinds::ALL));
    assert_eq!((members, part.len(), part.transactions()), (vec![1, 3, 4], 3, 3));
}
