//! What each fault does to the messages, and what it leaves alone.

use super::*;

proptest! {
    #[test]
    fn a_partition_blocks_exactly_what_it_says(partition in any_partition(), from in 0..NODES, to in 0..NODES) {
        let latency = Latency { mean: Duration::from_millis(1), ..Latency::default() };
        let mut network = network(Link { latency, ..Link::default() }, 1);
        let blocked = partition.blocked(NodeId(from), NodeId(to));
        network.send(Offset::ZERO, Message { from: NodeId(from), to: NodeId(to), payload: 0 });
        network.apply(Offset(1), &Fault::Partition(partition));
        let flying = network.deliver(Offset::from_millis(2)).next().map(|copy| copy.outcome);
        let end = if blocked { Outcome::Dropped(DropReason::Partition) } else { Outcome::Delivered };
        prop_assert_eq!(flying, Some(end));
        prop_assert_eq!(fate(&mut network, 3_000, from, to), if blocked { (Fate::Blocked, None) } else { ARRIVES });
        network.apply(micros(9_000), &Fault::Heal);
        prop_assert_eq!(fate(&mut network, 9_000, from, to), ARRIVES);
    }

    #[test]
    fn a_partition_during_the_flight_is_not_noticed(partition in any_partition(), from in 0..NODES, to in 0..NODES) {
        let latency = Latency { mean: Duration::from_millis(1), ..Latency::default() };
        let mut network = network(Link { latency, ..Link::default() }, 1);
        network.send(Offset::ZERO, Message { from: NodeId(from), to: NodeId(to), payload: 0 });
        network.apply(micros(100), &Fault::Partition(partition));
        network.apply(micros(900), &Fault::Heal);
        let outcomes: Vec<_> = network.deliver(micros(1_000)).map(|copy| copy.outcome).collect();
        prop_assert_eq!(outcomes, [Outcome::Delivered]);
    }

    #[test]
    fn a_partition_does_not_shift_the_dice(link in any_link(), seed: u64, partition in any_partition()) {
        let sends = 20;
        let (mut cut, mut whole) = (network(link, seed), network(link, seed));
        cut.apply(Offset::ZERO, &Fault::Partition(partition));
        let message = Message { from: NodeId(0), to: NodeId(1), payload: 0 };
        for at in 0..sends {
            cut.send(micros(at), message.clone());
            whole.send(micros(at), message.clone());
        }
        cut.apply(micros(sends), &Fault::Heal);
        cut.send(micros(sends), message.clone());
        whole.send(micros(sends), message);
        let last = |mut network: Network<usize>| -> Vec<_> {
            network.deliver(Offset(u64::MAX)).filter(|copy| copy.id.0 == sends).collect()
        };
        prop_assert_eq!(last(cut), last(whole));
    }
}

#[test]
fn a_node_that_is_down_gets_nothing_until_it_is_restarted() {
    let mut network = network(Link::default(), 1);
    network.apply(micros(1), &Fault::Kill(NodeId(2)));
    network.apply(micros(1), &Fault::Resume(NodeId(2)));
    network.apply(micros(1), &Fault::Pause(NodeId(2)));
    let dropped = Some(Outcome::Dropped(DropReason::NodeDown));
    assert_eq!(fate(&mut network, 2, 0, 2), (Fate::Queued { copies: 1 }, dropped));
    assert_eq!(fate(&mut network, 3_000, 2, 0), ARRIVES, "it wrote that before it died");
    network.apply(micros(6_000), &Fault::Restart(NodeId(2)));
    assert_eq!(fate(&mut network, 6_000, 0, 2), ARRIVES);
}

#[test]
fn what_comes_to_a_paused_node_waits_for_it() {
    let mut network = network(Link::default(), 1);
    let message = |payload| Message { from: NodeId(0), to: NodeId(1), payload };
    network.apply(micros(1), &Fault::Pause(NodeId(1)));
    (0..3).for_each(|payload| assert_eq!(network.send(micros(2), message(payload)).id.0, payload as u64));
    assert_eq!((network.deliver(micros(5)).count(), network.next_deadline(), network.in_flight()), (0, None, 3));
    // The messages are at its door: cutting the link now cannot take them back.
    network.apply(micros(6), &Fault::Partition(Partition::new(Shape::Total, Ways::Both, &[0, 1])));
    network.apply(micros(7), &Fault::Resume(NodeId(1)));
    assert_eq!(network.next_deadline(), Some(micros(7)));
    let came: Vec<_> = network.deliver(micros(7)).map(|copy| (copy.message.payload, copy.due, copy.outcome)).collect();
    assert_eq!(came, [0, 1, 2].map(|payload| (payload, micros(7), Outcome::Delivered)));
}

#[test]
fn what_waits_for_a_paused_node_dies_with_it() {
    let mut network = network(Link::default(), 1);
    network.apply(micros(1), &Fault::Pause(NodeId(1)));
    network.send(micros(2), Message { from: NodeId(0), to: NodeId(1), payload: 7 });
    network.apply(micros(3), &Fault::Kill(NodeId(1)));
    network.apply(micros(3), &Fault::Restart(NodeId(1)));
    let outcomes: Vec<_> = network.deliver(micros(9)).map(|copy| copy.outcome).collect();
    assert_eq!(outcomes, [Outcome::Dropped(DropReason::NodeDown)]);
}
