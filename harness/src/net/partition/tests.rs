//! Every shape does what it says, and says what it does.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn in_order(nodes: u32) -> Vec<u32> {
    (0..nodes).collect()
}

fn shown(shape: Shape, ways: Ways, order: &[u32]) -> String {
    Partition::new(shape, ways, order).to_string()
}

fn any_order(nodes: std::ops::Range<u32>) -> impl Strategy<Value = Vec<u32>> {
    nodes.prop_flat_map(|nodes| Just(in_order(nodes)).prop_shuffle())
}

/// A shape over up to 80 nodes in any order: more than a word of bits.
fn any_partition() -> impl Strategy<Value = (Shape, Vec<u32>)> {
    let shapes: Vec<_> = Shape::PARTIAL.into_iter().chain([Shape::Total]).collect();
    (proptest::sample::select(shapes), any_order(1..80))
}

#[test]
fn a_person_can_read_them() {
    let order = [3, 0, 2, 4, 1];
    assert_eq!(shown(Shape::Isolate, Ways::Both, &order), "n0 n1 n2 n4 | n3");
    assert_eq!(shown(Shape::Halves, Ways::Both, &order), "n0 n3 | n1 n2 n4");
    assert_eq!(shown(Shape::Minority, Ways::Both, &in_order(7)), "n0 n1 | n2 n3 n4 n5 n6");
    assert_eq!(shown(Shape::Bridge, Ways::Both, &order), "n0 n2 | n1 n4, joined by n3");
    assert_eq!(shown(Shape::Total, Ways::Both, &order[1..2]), "nothing blocked");
    assert_eq!(shown(Shape::Total, Ways::Both, &in_order(3)), "n0 | n1 | n2");
    let ring = "n0 <-> n2 n3 blocked; n1 <-> n3 n4 blocked; n2 <-> n4 blocked";
    assert_eq!(shown(Shape::MajoritiesRing, Ways::Both, &in_order(5)), ring);
    assert_eq!(shown(Shape::Isolate, Ways::Outward, &in_order(3)), "n0 -> n1 n2 blocked");
    assert_eq!(shown(Shape::Isolate, Ways::Inward, &in_order(3)), "n1 n2 -> n0 blocked");
    assert_eq!(shown(Shape::Total, Ways::Outward, &in_order(3)), "n0 -> n1 n2 blocked; n1 -> n2 blocked");
}

#[test]
fn custom_links_are_blocked_and_no_others() {
    let link = |from, to| (NodeId(from), NodeId(to));
    let partition = Partition::custom(3, [link(0, 1), link(2, 2), link(0, 9)]);
    assert_eq!(partition.links().collect::<Vec<_>>(), [link(0, 1)]);
    assert_eq!(partition.ways(), Ways::Outward);
    assert_eq!(Partition::custom(3, [link(0, 1), link(1, 0)]).ways(), Ways::Both);
}

#[test]
fn a_record_that_blocks_what_is_not_there_is_refused() {
    let read = |blocked: &str| {
        serde_json::from_str::<Partition>(&format!(r#"{{"shape":"custom","ways":"both","blocked":{blocked}}}"#))
    };
    assert_eq!(
        read("[[1],[0],[]]").map(|partition| partition.to_string()).ok().as_deref(),
        Some("n0 | n1, joined by n2")
    );
    assert!(read("[[2],[]]").is_err() && read("[[0],[]]").is_err());
}

#[test]
fn a_plan_stays_short() {
    let json = serde_json::to_string(&Partition::new(Shape::Isolate, Ways::Both, &in_order(3))).unwrap_or_default();
    assert_eq!(json, r#"{"shape":"isolate","ways":"both","blocked":[[1,2],[0],[0]]}"#);
}

/// The sizes of the two sides of a split.
#[test]
fn sides_have_their_sizes() {
    for nodes in 6..40 {
        for (shape, first) in [(Shape::Isolate, 1), (Shape::Minority, nodes / 3), (Shape::Halves, nodes / 2)] {
            let partition = Partition::new(shape, Ways::Both, &in_order(nodes));
            assert_eq!(partition.links().count() as u32, 2 * first * (nodes - first), "{shape:?} of {nodes}");
            assert!(first * 2 <= nodes);
        }
    }
}

#[test]
fn shapes_that_fit_cut_something_of_their_own() {
    for nodes in 2..40 {
        let fitting = Shape::PARTIAL.into_iter().filter(|shape| shape.fits(nodes));
        let shown: Vec<_> = fitting.map(|shape| shown(shape, Ways::Both, &in_order(nodes))).collect();
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len(), "{shown:?}");
        assert!(!shown.is_empty() && !shown.contains(&"nothing blocked".to_owned()));
    }
}

proptest! {
    #[test]
    fn one_way_is_one_way_of_the_same_cut((shape, order) in any_partition()) {
        let made = |ways| Partition::new(shape, ways, &order);
        let (both, out, inward) = (made(Ways::Both), made(Ways::Outward), made(Ways::Inward));
        for (from, to) in order.iter().flat_map(|from| order.iter().map(|to| (NodeId(*from), NodeId(*to)))) {
            prop_assert_eq!(both.blocked(from, to), both.blocked(to, from));
            prop_assert!(!(out.blocked(from, to) && out.blocked(to, from)), "{} both ways", out);
            prop_assert_eq!(out.blocked(from, to) || out.blocked(to, from), both.blocked(from, to));
            prop_assert_eq!(out.blocked(from, to), inward.blocked(to, from));
        }
    }

    #[test]
    fn in_a_ring_everybody_sees_another_majority(order in any_order(4..60)) {
        let partition = Partition::new(Shape::MajoritiesRing, Ways::Both, &order);
        let sees = |node: u32| -> Vec<_> {
            order.iter().filter(|to| !partition.blocked(NodeId(node), NodeId(**to))).collect()
        };
        let seen: BTreeSet<_> = order.iter().map(|node| sees(*node)).collect();
        prop_assert!(seen.iter().all(|seen| seen.len() > order.len() / 2 && seen.len() < order.len()));
        prop_assert_eq!(seen.len(), order.len());
    }

    #[test]
    fn a_bridge_reaches_both_halves_and_nobody_else_does(order in any_order(3..60)) {
        let partition = Partition::new(Shape::Bridge, Ways::Both, &order);
        let cut = |node: u32| partition.links().filter(|(from, _)| from.0 == node).count();
        prop_assert_eq!(cut(order[0]), 0);
        let half = (order.len() - 1) / 2;
        for (place, node) in order.iter().enumerate().skip(1) {
            prop_assert_eq!(cut(*node), if place <= half { order.len() - 1 - half } else { half });
        }
    }

    #[test]
    fn total_blocks_everything_but_oneself(nodes in 1_u32..80) {
        let partition = Partition::new(Shape::Total, Ways::Both, &in_order(nodes));
        prop_assert_eq!(partition.links().count() as u32, nodes * (nodes - 1));
        prop_assert!((0..nodes).all(|node| !partition.blocked(NodeId(node), NodeId(node))));
        prop_assert!(partition.blocked(NodeId(0), NodeId(nodes)), "nobody reaches a service either");
        prop_assert!(partition.blocked(NodeId(nodes), NodeId(0)));
    }

    #[test]
    fn only_a_total_partition_cuts_services_off(order in any_order(4..60)) {
        let service = NodeId(order.len() as u32);
        for shape in Shape::PARTIAL {
            let partition = Partition::new(shape, Ways::Both, &order);
            let cut = |node: &u32| partition.blocked(NodeId(*node), service) || partition.blocked(service, NodeId(*node));
            prop_assert!(!order.iter().any(cut), "{:?}", shape);
        }
    }

    #[test]
    fn they_survive_the_plan((shape, order) in any_partition()) {
        for ways in [Ways::Both, Ways::Outward, Ways::Inward] {
            let partition = Partition::new(shape, ways, &order);
            let json = serde_json::to_string(&partition)?;
            prop_assert_eq!(serde_json::from_str::<Partition>(&json)?, partition);
        }
    }
}
